"""What LM Studio writes, read: lists of each generation, names, answers."""

from __future__ import annotations

import string

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import Capability, ModelSpec
from batuta.engines.lmstudio import wire
from batuta.engines.lmstudio.wire import Api, Look, Row
from batuta.errors import BadRequest

V1 = {
    "models": [
        {
            "type": "llm",
            "key": "qwen/qwen3-4b",
            "display_name": "Qwen3 4B",
            "size_bytes": 1000,
            "loaded_instances": [
                {"id": "qwen/qwen3-4b", "config": {"context_length": 4096}},
                {"id": "mine", "config": {}},
            ],
            "max_context_length": 32768,
            "capabilities": {"vision": True, "trained_for_tool_use": True, "reasoning": {"default": "on"}},
            "variants": ["qwen/qwen3-4b@q4_k_m"],
        },
        {"type": "embedding", "key": "nomic", "loaded_instances": [], "size_bytes": 10, "max_context_length": 2048},
        {"key": 7},
        "nonsense",
    ]
}
V0 = {
    "data": [
        {"id": "a", "type": "llm", "state": "loaded", "max_context_length": 8, "capabilities": ["tool_use"]},
        {"id": "b", "type": "vlm", "state": "loading"},
        {"id": "c", "type": "embeddings", "state": "not-loaded"},
    ]
}


def test_v1_tells_sizes_copies_and_abilities() -> None:
    """A row of v1 has all that a catalog wants; rows that are none are passed over."""
    rows = wire.read_v1(V1)
    assert rows is not None
    chat, vectors = rows
    assert chat.instances == ("qwen/qwen3-4b", "mine")
    assert (chat.size, chat.max_context, chat.context) == (1000, 32768, 4096)
    assert {Capability.VISION, Capability.TOOLS, Capability.REASONING} < chat.capabilities
    assert vectors.capabilities == {Capability.EMBEDDING}
    assert chat.memory_bytes == 2200  # two copies, each with a tenth for cache and buffers
    told = wire.reported(chat)
    assert (told.address, told.name, told.is_resident, told.context_length) == (
        "qwen/qwen3-4b",
        "Qwen3 4B",
        True,
        32768,
    )
    assert told.memory.total(told.context_length) == 1100


def test_v0_tells_states() -> None:
    """A row of v0 is loaded, loading or neither; a list without states is somebody else's."""
    rows = wire.read_v0(V0)
    assert rows is not None
    assert [(row.instances, row.is_loading) for row in rows] == [(("a",), False), ((), True), ((), False)]
    assert Capability.TOOLS in rows[0].capabilities
    assert Capability.VISION in rows[1].capabilities
    assert rows[2].is_embedding
    assert [row.key for row in wire.with_loading([Row("b"), Row("c")], rows) if row.is_loading] == ["b"]
    assert wire.read_v0({"data": [{"id": "gpt", "object": "model"}]}) is None


@pytest.mark.parametrize("body", [None, [], "x", 3, {}, {"models": 1}, {"data": {}}, {"error": "Unexpected endpoint"}])
def test_what_is_no_list_is_none(body: object) -> None:
    """Anything else than a list of the right form is not taken for one."""
    assert wire.read_v1(body) is None
    assert wire.read_v0(body) is None
    assert wire.read_openai(body) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_strange_fields_do_no_harm(value: object) -> None:
    """Whatever stands in a field, a row is read as far as it makes sense."""
    fields = ("type", "loaded_instances", "size_bytes", "capabilities", "variants", "display_name")
    rows = wire.read_v1({"models": [{"key": "k", **dict.fromkeys(fields, value)}]})
    assert rows is not None
    assert (rows[0].key, rows[0].size >= 0) == ("k", True)


@pytest.mark.parametrize(
    ("address", "found"),
    [("a/b", "a/b"), ("A/B", "a/b"), ("a/b@q4", "a/b"), ("mine", "a/b"), ("a", None), ("", None)],
)
def test_models_are_found_by_any_of_their_names(address: str, found: str | None) -> None:
    """The name, a variant, a copy's own name, other letters' case; never a part of a name."""
    row = Look(Api.V1, {"a/b": Row("a/b", instances=("mine",), variants=("a/b@q4",))}).find(address)
    assert (row.key if row else None) == found


def test_the_nearest_name_is_suggested() -> None:
    """A typo finds its model; what is nothing like it finds none."""
    rows = [Row("qwen/qwen3-4b"), Row("gemma-3-12b-it")]
    assert wire.nearest("qwen3-4b", rows) == "qwen/qwen3-4b"
    assert wire.nearest("zzz", rows) is None


def test_a_load_asks_for_what_the_spec_says() -> None:
    """The context is bounded by what the model can; options of the load go along, others do not."""
    row = Row("k", max_context=4096)
    spec = ModelSpec("p/k", "p", "k", context_length=8192, options={"flash_attention": True, "gpu_layers": 3})
    assert wire.load_body(row, spec) == {"model": "k", "context_length": 4096, "flash_attention": True}
    embedding = Row("e", capabilities=frozenset({Capability.EMBEDDING}))
    assert wire.load_body(embedding, spec) == {"model": "e", "flash_attention": True}
    assert wire.touch_call(embedding, 60) == ("/api/v0/embeddings", {"model": "e", "input": ".", "ttl": 60})
    path, body = wire.touch_call(row, 60)
    assert (path, body["max_tokens"], body["ttl"]) == ("/api/v0/chat/completions", 1, 60)


@pytest.mark.parametrize(
    ("said", "is_other"),
    [("a/b", False), ("a/b:2", False), ("A/B", False), (None, False), ("", False), ("c", True), ("a/b:x", True)],
)
def test_who_answered(said: str | None, is_other: bool) -> None:
    """Copies count as the model; who names nobody is believed."""
    assert wire.is_other(said, {"a/b"}) is is_other


@given(name=st.text(min_size=1), words=st.text(alphabet=string.printable))
def test_the_answers_name_is_found_whatever_it_says(name: str, words: str) -> None:
    """The name of the model is read in any answer, and never taken from the text of one."""
    text = f'{words}"model":"other"{words}'
    whole = {"id": "x", "choices": [{"message": {"content": text}}], "model": name}
    assert wire.answered_by(orjson.dumps(whole)) == name
    assert wire.answered_by(orjson.dumps({"choices": [{"delta": {"content": text}}]})) is None
    assert wire.answered_by(rb'{"model":"\q"}') is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_request_gets_the_name_of_the_copy(before: str, after: str) -> None:
    """A body keeps its bytes where the name is right, and everything else where it is not."""
    body = orjson.dumps({"model": before, "messages": [{"content": '"model":"x"'}]})
    assert wire.renamed(body, before) is body
    assert orjson.loads(wire.renamed(body, after)) == {**orjson.loads(body), "model": after}


@pytest.mark.parametrize("body", [b"{", b'{"model":"a","tools":' + b"[" * 400 + b"]" * 400 + b"}"], ids=["cut", "deep"])
def test_a_request_that_cannot_be_written_again_is_the_callers_to_mend(body: bytes) -> None:
    """It is refused with the reason, rather than failing as a fault of ours."""
    with pytest.raises(BadRequest, match="cannot be passed on"):
        wire.renamed(body, "b")


def test_a_missing_route_is_recognised() -> None:
    """The words are the same whether the error is a text or an object."""
    text = "Unexpected endpoint or method. (GET /x)"
    assert wire.is_unexpected({"error": text})
    assert wire.is_unexpected({"error": {"message": text}})
    assert not wire.is_unexpected({"error": "No models loaded."})
    assert not wire.is_unexpected([])
