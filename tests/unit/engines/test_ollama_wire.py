"""What Ollama says of itself is read as far as it goes, in every version."""

from __future__ import annotations

from typing import Any

import pytest

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec
from batuta.engines.ollama import wire
from batuta.engines.ollama.shelf import Shelf
from batuta.engines.ollama.wire import Details, Held, Row
from batuta.engines.openai_compat import CHAT

BLOB = "sha256-" + "ab" * 32
LLAMA = {
    "general.architecture": "llama",
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.block_count": 32,
    "llama.context_length": 131072,
    "llama.embedding_length": 4096,
}
GIB = 1 << 30


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 32 * 8 * 128 * 2 * 2),
        ({"llama.attention.key_length": 64, "llama.attention.value_length": 32}, 32 * 8 * (64 + 32) * 2),
        ({"llama.attention.head_count_kv": [8, 0, 4]}, 12 * 128 * 2 * 2),
        ({"llama.attention.head_count_kv": []}, 0),
        ({"llama.attention.head_count_kv": None}, 0),
        ({"llama.block_count": "many"}, 0),
        ({"general.architecture": "other"}, 0),
        ({"vision.attention.head_count_kv": 9}, 32 * 8 * 128 * 2 * 2),
    ],
    ids=["grouped", "lengths", "a layer", "hidden", "null", "no number", "another", "vision tower"],
)
def test_the_cache_of_a_token_is_computed(changes: dict[str, Any], expected: int) -> None:
    """Layers, heads and their length give the bytes; what is hidden gives zero, for unknown."""
    assert wire.kv_per_token(LLAMA | changes) == expected


def test_every_head_has_a_cache_where_none_are_shared() -> None:
    """A file without a word of shared heads has as many caches as heads."""
    info = {key: value for key, value in LLAMA.items() if not key.endswith("_kv")}
    assert wire.kv_per_token(info) == 32 * 32 * 128 * 2 * 2
    assert wire.kv_per_token({}) == 0


def test_details_are_read() -> None:
    """Capabilities, context, weights and the author's own context come from `show`."""
    body = {
        "modelfile": f"# FROM x:latest\n\nFROM /usr/share/ollama/blobs/{BLOB}\nTEMPLATE x\n",
        "parameters": 'stop                           "<|im_end|>"\nnum_ctx                        16384',
        "details": {"family": "llama"},
        "model_info": LLAMA,
        "capabilities": ["completion", "thinking", "audio"],
    }
    expected = Details(("completion", "thinking", "audio"), 16384, 32 * 8 * 128 * 4, BLOB)
    assert wire.read_details(body) == expected
    assert wire.read_details({**body, "parameters": None}) == Details(
        expected.capabilities, 131072, expected.kv_per_token, BLOB
    )
    assert wire.read_details({}) == Details()
    assert wire.read_details([]) is None


def test_lists_are_read_and_clouds_left_out() -> None:
    """A model that runs elsewhere takes no memory here, and is none of ours."""
    rows = [
        {"name": "a:latest", "model": "a:latest", "size": 7, "digest": "d", "details": {"family": "llama"}},
        {"name": "big:cloud", "remote_host": "https://ollama.com", "size": 1},
        {"name": "old"},
        "garbage",
        {},
    ]
    assert wire.read_rows({"models": rows}) == [Row("a:latest", "d", 7, "llama"), Row("old")]
    others: list[Any] = [{"models": None}, {"data": []}, [], None, "x"]
    for other in others:
        assert wire.read_rows(other) is None
        assert wire.read_held(other) is None


def test_what_is_held_is_read() -> None:
    """Sizes, the part on the GPU, and the context where it is told."""
    row = {"name": "a", "model": "a", "size": 10, "size_vram": 4, "context_length": 512, "digest": "d"}
    assert wire.read_held({"models": [row]}) == [Held("a", "d", 10, 4, 512)]
    assert Held("a", size=10, size_vram=4).is_split
    assert not Held("a", size=10, size_vram=10).is_split
    assert not Held("a", size=10, size_vram=0).is_split, "a machine without a GPU splits nothing"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("llama3", "llama3:latest", True),
        ("Llama3:8B", "llama3:8b", True),
        ("hf.co/Org/Model-GGUF:Q4_K_M", "hf.co/org/model-gguf:q4_k_m", True),
        ("localhost:5000/me/m", "localhost:5000/me/m:latest", True),
        ("registry.ollama.ai/library/m:1", "m:1", True),
        ("m:1", "m:2", False),
    ],
)
def test_names_are_compared_as_ollama_does(one: str, other: str, same: bool) -> None:
    """Case and a missing `latest` make no difference; a port is no tag."""
    assert wire.same_name(one, other) is same


@pytest.mark.parametrize(
    ("row", "details", "expected"),
    [
        (Row("m"), Details(("completion", "tools", "vision")), CHAT | {Capability.TOOLS, Capability.VISION}),
        (Row("m"), Details(("embedding",)), {Capability.EMBEDDING}),
        (Row("m"), Details(("image",)), set()),
        (Row("m", capabilities=("completion", "thinking")), Details(), CHAT | {Capability.REASONING}),
        (Row("m", family="nomic-bert"), Details(), {Capability.EMBEDDING}),
        (Row("m"), Details(is_encoder=True), {Capability.EMBEDDING}),
        (Row("m", family="llama"), Details(), CHAT),
    ],
)
def test_capabilities_are_told_or_guessed(row: Row, details: Details, expected: set[Capability]) -> None:
    """An old version says nothing; then the family does."""
    assert wire.capabilities_of(row, details) == expected


def test_notes_say_what_a_person_should_know() -> None:
    """An old version, and a model that is not wholly on the GPU; a good one has no note."""
    assert wire.info_of("0.33.0", [Held("a", size=1, size_vram=1)]).note == ""
    assert wire.info_of("0.0.0", []).note == "", "a development build has no version to complain about"
    old = wire.info_of("0.4.7-rc1", []).note
    assert "0.4.7" in old
    assert "JSON schema" in old
    assert "embeddings" not in old
    split = wire.info_of("0.33.0", [Held("a:7b", size=5 * GIB, size_vram=3 * GIB)]).note
    assert split.startswith("a:7b is only partly on the GPU (3.0 GiB of 5.0 GiB)")


def test_options_of_a_load_are_those_of_the_spec() -> None:
    """The context and a person's options go out under Ollama's names; nothing else does."""
    spec = ModelSpec("o/m", "o", "m", options={"gpu_layers": 7, "threads": "x", "projector": "p"})
    assert wire.runner_options(spec, 512) == {"num_ctx": 512, "num_gpu": 7}
    assert wire.runner_options(spec, 0) == {"num_gpu": 7}


def test_a_model_made_from_another_is_found_under_its_name() -> None:
    """Ollama lists only the one that came first; the shelf knows that both have the same weights."""
    shelf, rows = Shelf(), [Row("base:1", "d1", 10), Row("mine:1", "d2", 10), Row("other:1", "d3", 10)]
    for row, weights in zip(rows, ("w", "w", ""), strict=True):
        shelf.learn(row, Details(weights=weights, context_length=9))
    shelf.put(rows)
    held = [Held("base:1", "d1", 10, context=512)]
    assert shelf.find(held, "mine:1") is held[0]
    assert shelf.find(held, "other:1") is None
    assert shelf.find([Held("copy:1", "d2")], "mine:1") == Held("copy:1", "d2")
    assert shelf.contexts(held, ["mine:1", "other:1"]) == {"base:1": 512, "mine:1": 512}
    told = {model.address: model for model in shelf.reported(held)}
    assert told["mine:1"].is_resident
    assert told["other:1"].memory == MemoryNeed(weights=10)
    shelf.put(rows[:1])
    assert [model.address for model in shelf.reported([])] == ["base:1"]
