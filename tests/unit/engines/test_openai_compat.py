"""The OpenAI-compatible engine: addresses, headers, lists, probes and embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.chat import sse
from batuta.chat.types import ChatRequest, Delta, Message
from batuta.engines.base import EngineHealth, RawCall, ReportedModel
from batuta.engines.openai_compat import OpenAICompatEngine, OpenAIWire, normal_url, own_models, reported
from batuta.engines.transport import Transport
from batuta.errors import BadSettings, StreamBroken, UpstreamFailed, UpstreamUnreachable
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire, delta_event
from batuta.vault.secret import Secret

KEY = Secret("sk-test-not-a-key-compat")
CUT = faulty.stream("one")
SPEC = ModelSpec("acme/small", "acme", "small")


@asynccontextmanager
async def engine_for(*scripts: Script) -> AsyncIterator[tuple[OpenAICompatEngine, FaultyUpstream]]:
    async with FaultyUpstream(*scripts) as upstream:
        transport = Transport()
        yield OpenAICompatEngine(Provider("acme", "openai_compat", base_url=upstream.url), transport, key=KEY), upstream
        await transport.aclose()


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("http://h:1", "http://h:1/v1"),
        ("http://h:1/", "http://h:1/v1"),
        ("http://h:1/v1", "http://h:1/v1"),
        ("http://h:1/v1//", "http://h:1/v1"),
        (" https://h/api/v1 ", "https://h/api/v1"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/v1/models?x=1#y", "https://h/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
    ],
)
def test_a_base_url_may_be_written_in_many_ways(given: str, root: str) -> None:
    """With or without /v1, slashes, or a path that was copied from an example, the root is the same."""
    assert normal_url(given) == root
    assert normal_url(root) == root


@pytest.mark.parametrize("given", ["", "h:1", "ftp://h", "file:///etc/passwd", "http://", "https://key@h/v1"])
def test_what_is_no_address_of_an_api_is_refused(given: str) -> None:
    """Other schemes, no host, or a key inside the address are settings to be corrected."""
    with pytest.raises(BadSettings):
        normal_url(given)


async def test_a_callers_headers_do_not_override_ours() -> None:
    """Harmless headers pass; the caller's key, host and framing do not."""
    theirs = {"x-title": "app", "Authorization": "Bearer theirs", "Host": "evil", "Content-Length": "1", "Cookie": "c"}
    async with engine_for(faulty.whole()) as (engine, upstream):
        deadline = asyncio.get_running_loop().time() + 2
        call = RawCall("chat/completions", b"{}", stream=False, deadline=deadline, headers=theirs)
        await (await engine.forward(SPEC, call)).aclose()
    (seen,) = upstream.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["x-title"] == "app"
    assert seen.headers["authorization"] == f"Bearer {KEY.reveal()}"
    assert seen.headers["host"] != "evil"
    assert seen.headers["content-length"] == "2"
    assert seen.headers["content-type"] == "application/json"
    assert "cookie" not in seen.headers


@pytest.mark.parametrize(("stream", "wants"), [(True, True), (False, False)], ids=["stream", "whole"])
async def test_usage_is_asked_for_where_it_must_be(stream: bool, wants: bool) -> None:
    """Streams report usage only when asked; the model goes by its name at the provider."""
    async with engine_for(faulty.whole()) as (engine, upstream):
        request = ChatRequest("any", (Message("user", "hi"),), stream=stream)
        assert [delta async for delta in engine.chat(SPEC, request)]
    body = upstream.requests[0].json()
    assert body["model"] == "small"
    assert ("stream_options" in body) is wants


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "a"}, ReportedModel("a")),
        ({"id": "a", "name": "A", "max_model_len": 4096}, ReportedModel("a", "A", context_length=4096)),
        (
            {"id": "a", "meta": {"n_ctx_train": 2048, "size": 77}},
            ReportedModel("a", context_length=2048, memory=MemoryNeed(weights=77), is_resident=True),
        ),
        ({"id": "a", "meta": None, "status": {"value": "unloaded"}}, ReportedModel("a")),
        ({"id": "a", "status": {"value": "loaded"}}, ReportedModel("a", is_resident=True)),
        (
            {"id": "a", "type": "embeddings", "state": "not-loaded"},
            ReportedModel("a", capabilities=frozenset({Capability.EMBEDDING})),
        ),
        ({"id": "a", "context_length": "long", "name": None}, ReportedModel("a")),
    ],
    ids=["bare", "vLLM", "llama-server", "router unloaded", "router loaded", "LM Studio", "odd"],
)
def test_lists_are_read_as_far_as_they_say_anything(row: dict[str, Any], expected: ReportedModel) -> None:
    """Each backend tells something else beside the id."""
    assert reported(row) == expected


def test_names_for_a_choice_of_another_batuta_are_no_models() -> None:
    """Its `auto` is no model, and what it has from too far away is left out: two that list each other must not grow."""
    rows = [
        {"id": "tiny", "owned_by": "local"},
        {"id": "a/b/c/d", "owned_by": "a"},
        {"id": "a/b/c/d/e", "owned_by": "a"},
        {"id": "auto", "owned_by": "batuta"},
    ]
    assert [row["id"] for row in own_models(rows)] == ["tiny", "a/b/c/d"]
    assert [row["id"] for row in own_models([{"id": "auto"}, {"id": "a/b/c/d/e"}])] == ["auto", "a/b/c/d/e"]


async def test_a_process_of_ours_goes_by_its_models_name() -> None:
    """Nobody has heard of the port that a local model listens on: refused, failed and broken off name the model."""
    async with FaultyUpstream(CUT) as upstream:
        transport = Transport()
        wire = OpenAIWire(transport, is_ours=True)
        url = upstream.url
        messages = []
        with pytest.raises(StreamBroken) as broken:
            async for _ in wire.chat(
                url, None, SPEC, ChatRequest("small", (Message("user", "hi"),), stream=True), model="small"
            ):
                pass
        messages.append(broken.value.message)
        with pytest.raises(UpstreamUnreachable) as refused:
            await wire.embed("http://127.0.0.1:1/v1", None, SPEC, ["x"], model="small")
        messages.append(refused.value.message)
        await transport.aclose()
    assert all(message.startswith("acme/small ") and "127.0.0.1" not in message for message in messages)


async def test_what_came_before_an_error_is_delivered() -> None:
    """Words and an error in one piece of the stream: the words first, then the end that the error is."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        words = delta_event(Delta(text="one")) + delta_event(Delta(text=" two"))
        await wire.piece(words + sse.encode(b'{"error": {"message": "the backend gave up"}}'))
        await wire.end_stream()

    async with engine_for(script) as (engine, _):
        deltas = engine.chat(SPEC, ChatRequest("acme/small", (Message("user", "x"),), stream=True))
        assert [(await anext(deltas)).text for _ in range(2)] == ["one", " two"]
        with pytest.raises(StreamBroken, match="gave up"):
            await anext(deltas)


async def test_a_list_is_read_and_junk_in_it_passed_over() -> None:
    """Rows without an id are nobody."""
    async with engine_for(faulty.status(200, {"data": [{"id": "a"}, {"no": 1}, "x", {"id": 3}]})) as (engine, _):
        assert [model.address for model in await engine.list_models()] == ["a"]


@pytest.mark.parametrize("body", [{"error": "Unexpected endpoint or method. (GET /x)"}, {"models": []}, [1]])
async def test_a_list_that_is_none_is_an_error(body: Any) -> None:
    """A 200 without a list is UpstreamFailed."""
    async with engine_for(faulty.status(200, body)) as (engine, _):
        with pytest.raises(UpstreamFailed):
            await engine.list_models()


@pytest.mark.parametrize(
    ("script", "health"),
    [
        (faulty.status(200, {"data": [{"id": "small"}]}), EngineHealth.READY),
        (faulty.status(200, {"data": []}), EngineHealth.READY),
        (faulty.status(200, {"data": [{"id": "other"}]}), EngineHealth.ABSENT),
        (faulty.status(404), EngineHealth.READY),
        (faulty.status(503, {"error": {"message": "Loading model"}}), EngineHealth.LOADING),
        (faulty.status(503), EngineHealth.OFFLINE),
        (faulty.status(401), EngineHealth.OFFLINE),
        (faulty.reset, EngineHealth.OFFLINE),
    ],
    ids=["listed", "lists nothing", "not listed", "no list", "loading", "busy", "key", "gone"],
)
async def test_a_probe_never_raises(script: Script, health: EngineHealth) -> None:
    """What is found is a state with a reason."""
    async with engine_for(script) as (engine, _):
        status = await engine.probe(SPEC)
    assert status.health is health
    assert KEY.reveal() not in status.message


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": [{"embedding": [1]}, {"embedding": [2]}]}, {"error": "no"}, [], b"nonsense"]
)
async def test_vectors_that_do_not_match_are_an_error(body: Any) -> None:
    """One vector a text, or UpstreamFailed."""
    async with engine_for(faulty.status(200, body)) as (engine, _):
        with pytest.raises(UpstreamFailed):
            await engine.embed(SPEC, ["one"])


def test_an_engine_does_not_show_its_key() -> None:
    """The repr is a status line without secrets."""
    engine = OpenAICompatEngine(Provider("acme", "openai_compat", base_url="http://h"), Transport(), key=KEY)
    assert repr(engine) == "<OpenAICompatEngine acme at http://h/v1>"
