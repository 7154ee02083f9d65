"""The generated models keep their promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf as reference
import numpy as np
import pytest

from batuta.testing.gguf import BYTES, MUTE, main, random_gguf, tiny_gguf


def _output(path: Path) -> np.ndarray[Any, Any]:
    tensors = {tensor.name: tensor for tensor in reference.GGUFReader(path).tensors}
    return np.asarray(tensors["output.weight"].data)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """A model is decided by its seed alone."""
    first, second, third = (tmp_path / name for name in ("a", "b", "c"))
    tiny_gguf(first, seed=1, name="x")
    tiny_gguf(second, seed=1, name="x")
    tiny_gguf(third, seed=2, name="x")
    assert first.read_bytes() == second.read_bytes() != third.read_bytes()


def test_it_only_says_printable_ascii(tmp_path: Path) -> None:
    """Every token but those of printable bytes is mute: text is readable and max_tokens decides its length."""
    bias = _output(tiny_gguf(tmp_path / "m.gguf"))[:, 0]
    speaking = {token - BYTES for token in range(len(bias)) if bias[token] != MUTE}
    assert speaking == set(range(0x20, 0x7F))


def test_the_large_one_is_clearly_larger(tmp_path: Path) -> None:
    """Two sizes, so that two models can be made not to fit together."""
    small, large = tiny_gguf(tmp_path / "s.gguf"), tiny_gguf(tmp_path / "l.gguf", "large")
    assert small.stat().st_size < 1_000_000
    assert 10_000_000 < large.stat().st_size < 15_000_000


def test_a_bench_model_has_the_size_asked_for(tmp_path: Path) -> None:
    """The size is met to within one layer, and every number is finite."""
    path = random_gguf(tmp_path / "b.gguf", 70_000_000)
    assert path.stat().st_size == pytest.approx(70_000_000, rel=0.25)
    tensors = {tensor.name: tensor for tensor in reference.GGUFReader(path).tensors}
    assert np.isfinite(tensors["blk.0.ffn_up.weight"].data).all()


def test_the_command_writes_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints where and how large."""
    main([str(tmp_path / "m.gguf"), "--tools"])
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'm.gguf'} 7")
