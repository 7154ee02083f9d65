"""The small models in Hugging Face form are what they claim, and the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batuta.loader.safetensors import inspect
from batuta.testing.safetensors import CHAT, EOS, main, tiny_safetensors


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Tests that compare answers stand on it."""
    first, second, other = (
        tiny_safetensors(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    weights = [(folder / "model.safetensors").read_bytes() for folder in (first, second, other)]
    assert weights[0] == weights[1] != weights[2]


def test_each_token_of_a_script_occurs_once(tmp_path: Path) -> None:
    """Words may repeat; the pieces they are cut into do not, and together they are the text."""
    text = "go on, go on, go on; ok: {}{}{} \u00e9\u00e9\u00e9\u00e9"
    folder = tiny_safetensors(tmp_path / "m", says={CHAT: text})
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert list(vocabulary.values()) == list(range(len(vocabulary)))
    assert vocabulary[EOS] == 1
    assert inspect(folder, (tmp_path,)).vocabulary == len(vocabulary) > 261


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    """A text of one letter has no cut into different pieces."""
    with pytest.raises(ValueError, match="say it in other words"):
        tiny_safetensors(tmp_path / "m", says={CHAT: "a"})


def test_as_a_command_it_prints_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For trying the product by hand."""
    main([str(tmp_path / "m"), "--says", "Good morning", "--family", "qwen2"])
    assert capsys.readouterr().out.strip() == str(tmp_path / "m")
    assert inspect(tmp_path / "m", (tmp_path,)).arch == "Qwen2ForCausalLM"
