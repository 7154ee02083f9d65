"""The header check that stands between a file and a native parser."""

from __future__ import annotations

import io
import os
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.errors import BadModelFile, Cause
from batuta.loader import gguf
from batuta.loader.gguf import inspect, kv_per_token, read_header
from batuta.testing.gguf import SHAPES, tiny_gguf


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model file."""
    return tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="module")
def content(model: Path) -> bytes:
    """Its bytes."""
    return model.read_bytes()


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


ARCH = pair("general.architecture", 8, text("llama"))


def header(*pairs: bytes, tensors: bytes = b"", count: int = 0, version: int = 3, keys: int | None = None) -> bytes:
    """Write a header by hand, so that it can lie."""
    number = len(pairs) if keys is None else keys
    return b"GGUF" + struct.pack("<IQQ", version, count, number) + b"".join(pairs) + tensors


def tensor(name: str, dims: tuple[int, ...], *, kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def check(data: bytes, size: int | None = None) -> gguf.Header:
    return read_header(io.BytesIO(data), len(data) if size is None else size)


def test_a_real_model_is_described(model: Path) -> None:
    """The header of a real file gives what the catalog and the ledger need."""
    info = inspect(model, (model.parent,))
    shape = SHAPES["small"]
    assert (info.arch, info.name, info.context_length) == ("llama", "tiny", 32_768)
    assert info.kv_per_token == 2 * 2 * shape.layers * shape.kv_width
    assert 0 < info.tensor_bytes < info.size == model.stat().st_size
    assert info.vocabulary == 259
    assert info.chat_template is not None
    assert not info.is_embedding
    assert not info.is_part
    assert not info.has_tools


def test_template_and_pooling_tell_what_a_model_can(tmp_path: Path) -> None:
    """A template with a tools section means tools; declared pooling means an embedding model."""
    info = inspect(tiny_gguf(tmp_path / "t.gguf", tools=True, pooling=1), (tmp_path,))
    assert info.has_tools
    assert info.is_embedding


LIES = {
    "empty": (b"", "empty"),
    "short": (b"GGUF\x03\0\0\0", "less than the smallest header"),
    "not GGUF": (b"PK\x03\x04" + bytes(60), "no GGUF file"),
    "big-endian": (b"GGUF" + struct.pack(">I", 3) + bytes(60), "version"),
    "version 1": (header(ARCH, version=1), "version 1"),
    "too many keys": (header(ARCH, keys=2**63), "too many"),
    "too many tensors": (header(ARCH, count=2**63), "too many"),
    "a key longer than the file": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62), "allowed"),
    "a string past the end": (header(pair("a", 8, struct.pack("<Q", 500)), keys=1), "ends at byte"),
    "an unknown value type": (header(pair("a", 77, b"")), "unknown type 77"),
    "an array past the end": (header(pair("a", 9, struct.pack("<IQ", 4, 2**40))), "ends at byte"),
    "an array of arrays": (header(pair("a", 9, struct.pack("<IQ", 9, 1))), "unknown type 9"),
    "2^61 strings": (header(pair("a", 9, struct.pack("<IQ", 8, 2**61))), "strings"),
    "a string in an array past the end": (
        header(pair("a", 9, struct.pack("<IQ", 8, 3) + text("x") + struct.pack("<Q", 2**63) + bytes(64))),
        "ends at byte",
    ),
    "alignment 3": (header(ARCH, pair("general.alignment", 4, struct.pack("<I", 3))), "alignment"),
    "alignment 0": (header(ARCH, pair("general.alignment", 4, struct.pack("<I", 0))), "alignment"),
    "no dimension": (header(ARCH, tensors=tensor("t", ()), count=1), "0 dimensions"),
    "9 dimensions": (header(ARCH, tensors=tensor("t", (1,) * 9), count=1), "9 dimensions"),
    "a dimension of 0": (header(ARCH, tensors=tensor("t", (4, 0)), count=1), "0 values"),
    "dimensions that overflow": (header(ARCH, tensors=tensor("t", (2**32, 2**32)), count=1), "values"),
    "overflow that wraps to a small size": (header(ARCH, tensors=tensor("t", (2**63, 2**63, 4)), count=1), "values"),
    "rows that are no blocks": (header(ARCH, tensors=tensor("t", (33,), kind=8), count=1), "multiple of 32"),
    "an unknown tensor type": (header(ARCH, tensors=tensor("t", (32,), kind=4), count=1), "unknown type 4"),
    "an offset off the grid": (header(ARCH, tensors=tensor("t", (4,), offset=7), count=1), "multiple of 32"),
    "a tensor past the end": (header(ARCH, tensors=tensor("t", (4096,)), count=1), "truncated"),
    "an offset past the end": (header(ARCH, tensors=tensor("t", (4,), offset=2**63), count=1), "truncated"),
    "overlapping tensors": (
        header(ARCH, tensors=tensor("a", (32,)) + tensor("b", (32,), offset=32), count=2) + bytes(4096),
        "overlaps",
    ),
}


@pytest.mark.parametrize(("data", "words"), LIES.values(), ids=LIES.keys())
def test_a_lie_is_found_and_named(data: bytes, words: str) -> None:
    """Each way a header can contradict itself or its file is refused with words that say what is wrong."""
    with pytest.raises(ValueError, match=words):
        check(data)


def test_a_header_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that never ends is not read for ever."""
    monkeypatch.setattr(gguf, "CHUNKS", (64, 256))
    with pytest.raises(ValueError, match="larger than"):
        check(header(ARCH, pair("pad", 8, text("x" * 5000))) + bytes(5000))


def test_a_header_longer_than_the_first_read_is_read_on(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """The size of the first read is a guess: a longer header gives the same result."""
    whole = check(content)
    monkeypatch.setattr(gguf, "CHUNKS", (64, 2000, 100_000_000))
    assert check(content) == whole


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_header_never_escapes(content: bytes, data: st.DataObject) -> None:
    """Any bytes overwritten anywhere in the header give a sound header or a ValueError, never another error."""
    damaged = bytearray(content[:20_000])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 9000))
        damaged[at : at + 8] = data.draw(st.binary(min_size=1, max_size=8))
    try:
        sound = check(bytes(damaged), size=len(content))
        gguf.describe(sound, Path("x.gguf"), len(content))
    except ValueError:
        pass


def test_every_truncation_is_refused(content: bytes) -> None:
    """A file cut anywhere, in the header or in the tensors, is refused."""
    for size in [*range(0, 9000, 97), len(content) // 2, len(content) - 1]:
        with pytest.raises(ValueError, match=r"truncated|ends|empty"):
            check(content[:size])


def test_a_vocabulary_of_a_quarter_million_is_quick() -> None:
    """The largest vocabularies are checked in a fraction of a second."""
    tokens = b"".join(text(f"token{number}") for number in range(250_000))
    data = header(ARCH, pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 250_000) + tokens)) + bytes(64)
    began = time.perf_counter()
    assert check(data).values["tokenizer.ggml.tokens"] == gguf.ArrayLength(250_000)
    assert time.perf_counter() - began < 0.5


def _kv(**values: object) -> int:
    return kv_per_token({f"a.{key.replace('__', '.')}": value for key, value in values.items()}, "a")


def test_cache_per_token_by_the_book() -> None:
    """Keys and values, 16 bits each, over all layers; each way of writing heads is understood."""
    base = {"block_count": 32, "embedding_length": 4096, "attention__head_count": 32}
    assert _kv(**base) == 2 * 32 * 32 * 128 * 2
    assert _kv(**base, attention__head_count_kv=8) == 2 * 32 * 8 * 128 * 2
    assert _kv(**base, attention__head_count_kv=8, attention__key_length=64, attention__value_length=32) == (
        32 * 8 * (64 + 32) * 2
    )
    assert _kv(**base, attention__head_count_kv=(8, 0, 8, 0)) == 2 * 16 * 128 * 2
    assert _kv(**base, attention__head_count_kv=8, full_attention_interval=4) == 2 * 8 * 8 * 128 * 2
    assert _kv(block_count=24) == 0


CASES: dict[str, tuple[Cause, str]] = {
    "missing.gguf": (Cause.NOT_INSTALLED, "no such file"),
    "zero.gguf": (Cause.CORRUPT_FILE, "empty"),
    "text.gguf": (Cause.CORRUPT_FILE, "no GGUF"),
    "folder.gguf": (Cause.UNREADABLE_FILE, "folder or a device"),
    "pipe.gguf": (Cause.UNREADABLE_FILE, "folder or a device"),
    "loop.gguf": (Cause.FORBIDDEN_PATH, "circle"),
    "../outside.gguf": (Cause.FORBIDDEN_PATH, "outside the model folders"),
    "link.gguf": (Cause.FORBIDDEN_PATH, "outside the model folders"),
    "x" * 300: (Cause.NOT_INSTALLED, "too long"),
    "nul\0.gguf": (Cause.FORBIDDEN_PATH, "not a usable path"),
}


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    """A models folder with every sort of bad file in it."""
    base = tmp_path_factory.mktemp("corner")
    folder = base / "models"
    folder.mkdir()
    (base / "outside.gguf").write_bytes(content)
    (folder / "zero.gguf").touch()
    (folder / "text.gguf").write_text("this is a text and long enough to be one of those\n" * 3)
    (folder / "folder.gguf").mkdir()
    os.mkfifo(folder / "pipe.gguf")
    (folder / "loop.gguf").symlink_to(folder / "loop.gguf")
    (folder / "link.gguf").symlink_to(base / "outside.gguf")
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_bad_file_gives_path_and_cause(corner: Path, name: str) -> None:
    """Each bad file is a typed error that names the file, the cause and what is wrong."""
    cause, words = CASES[name]
    with pytest.raises(BadModelFile, match=words) as caught:
        inspect(corner / name, (corner,))
    assert caught.value.cause is cause
    assert caught.value.details["path"] == str(corner / name)
    assert str(corner / name) in caught.value.message


@pytest.mark.parametrize(
    ("number", "cause"), [(13, Cause.UNREADABLE_FILE), (1, Cause.UNREADABLE_FILE), (5, Cause.UNREADABLE_FILE)]
)
def test_a_refusal_of_the_system_is_told(
    corner: Path, monkeypatch: pytest.MonkeyPatch, number: int, cause: Cause
) -> None:
    """No permission and a broken disk, which root cannot provoke, are told as what they are."""

    def refuse(*_args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BadModelFile) as caught:
        inspect(corner / "zero.gguf", (corner,))
    assert caught.value.cause is cause


def test_an_unchanged_file_is_read_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Discovery asks every ten seconds; the header of a file that did not change is not parsed again."""
    first = inspect(model, (model.parent,))

    def fail(*_args: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(gguf, "read_header", fail)
    assert inspect(model, (model.parent,)) is first


def test_a_split_model_counts_all_its_parts(tmp_path: Path, content: bytes) -> None:
    """The parts of a split model are added up; a missing one is named."""
    split = [pair("split.count", 2, struct.pack("<H", 2)), pair("split.no", 2, struct.pack("<H", 0))]
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(header(ARCH, *split) + bytes(64))
    with pytest.raises(BadModelFile, match=r"part m-00002-of-00002\.gguf is missing"):
        inspect(first, (tmp_path,))
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(content)
    info = inspect(first, (tmp_path,))
    assert info.tensor_bytes > 600_000
    assert info.size == first.stat().st_size + len(content)
