"""The Gemini engine against a server: addresses, the key's way, streams however they are cut, bad ends."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import ModelSpec
from batuta.chat.types import ChatRequest, Delta, FinishReason, Usage
from batuta.engines.base import Engine
from batuta.engines.gemini.api import root_of
from batuta.engines.keys import KeyCheckingEngine
from batuta.errors import (
    BadRequest,
    BadSettings,
    BatutaError,
    ContentRefused,
    ModelFailed,
    StreamBroken,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import Script, Wire
from tests.unit.engines.gemini_play import (
    KEY,
    SPEC,
    WELL,
    answer,
    engine_for,
    framed,
    piece,
    refusal,
    request,
    streamed,
    whole,
)
from tools.check_tree import ROOT

CALLS = orjson.loads((ROOT / "tests/golden/gemini/answers/parallel_calls.json").read_bytes())["pieces"]


# --- where and who ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com/v1beta"),
        ("https://generativelanguage.googleapis.com/v1beta/", "https://generativelanguage.googleapis.com/v1beta"),
        ("https://h/v1beta/openai/", "https://h/v1beta"),
        ("https://h/v1beta/models?key=1", "https://h/v1beta"),
        ("http://127.0.0.1:1/google/v1beta", "http://127.0.0.1:1/google/v1beta"),
    ],
)
def test_a_base_url_may_be_written_in_many_ways(given: str, root: str) -> None:
    """Without a path, with slashes, or the address of the endpoint in OpenAI's dialect: the root is the same."""
    assert root_of(given) == root
    assert root_of(root) == root


@pytest.mark.parametrize("given", ["", "h", "ftp://h", "file:///etc/passwd", "https://key@h/v1beta"])
def test_what_is_no_address_of_an_api_is_refused(given: str) -> None:
    """Other schemes, no host, or a key inside the address are settings to be corrected."""
    with pytest.raises(BadSettings):
        root_of(given)


async def test_it_is_an_engine_and_shows_no_key() -> None:
    """The protocol is satisfied; the name and address are all that it shows."""
    async with engine_for(WELL) as (engine, upstream):
        assert isinstance(engine, Engine)
        assert isinstance(engine, KeyCheckingEngine)
        assert repr(engine) == f"<GeminiEngine google at http://127.0.0.1:{upstream.port}/v1beta>"


@pytest.mark.parametrize(
    ("address", "stream", "path"),
    [
        ("gemini-x", True, "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"),
        ("gemini-x", False, "/v1beta/models/gemini-x:generateContent"),
        ("tunedModels/mine-1", False, "/v1beta/tunedModels/mine-1:generateContent"),
    ],
)
async def test_the_key_goes_into_its_header_and_nowhere_else(address: str, stream: bool, path: str) -> None:
    """Each model has its path; the key is in `x-goog-api-key`, bare, and not in the address."""
    spec = ModelSpec("google/x", "google", address)
    async with engine_for(WELL if stream else whole(piece("Hello", "STOP"))) as (engine, upstream):
        deltas = await answer(engine, spec, stream=stream)
    assert "".join(delta.text for delta in deltas) == "Hello"
    [asked] = upstream.requests
    assert (asked.method, asked.path) == ("POST", path)
    assert asked.headers["x-goog-api-key"] == KEY.reveal()
    assert "authorization" not in asked.headers
    assert KEY.reveal().encode() not in asked.body


@pytest.mark.parametrize("address", ["../../evil", "a/../b", "a?b=c", "a b", "", "/x", "a#b", "a%2e"])
async def test_a_name_that_leads_elsewhere_is_never_asked(address: str) -> None:
    """A model's name is a name: nothing in it may change the address."""
    async with engine_for(WELL) as (engine, upstream):
        with pytest.raises(ModelFailed, match="no name of a model"):
            await answer(engine, ModelSpec("google/x", "google", address))
    assert not upstream.requests


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
async def test_a_stream_is_the_same_however_it_is_cut(size: int) -> None:
    """CRLF and characters may be cut anywhere."""
    async with engine_for(streamed(piece("Olá, "), piece("mundo ✓", "STOP"), size=size)) as (engine, _):
        deltas = await answer(engine)
    assert [delta.text for delta in deltas] == ["Olá, ", "mundo ✓"]
    assert deltas[-1].finish is FinishReason.STOP


async def test_parallel_calls_come_whole_with_ids_and_signature() -> None:
    """Two calls in one piece have an id each and end with tool_calls; the first keeps its signature."""
    async with engine_for(streamed(*CALLS)) as (engine, _):
        first, end = await answer(engine)
    assert [(call.name, call.arguments) for call in first.tool_calls] == [("f", '{"a":1}'), ("g", "{}")]
    ids = [str(call.id) for call in first.tool_calls]
    assert len(set(ids)) == 2
    assert all(each.startswith("call_") for each in ids)
    assert first.tool_calls[0].extra == {"extra_content": {"google": {"thought_signature": "U0lH"}}}
    assert end == Delta(finish=FinishReason.TOOL_CALLS, usage=Usage(14, 9, 0, 3), model="gemini-3-flash")


async def test_the_pieces_of_a_stream_may_come_in_a_list() -> None:
    """A proxy that ignores `alt=sse` gives a JSON list: it is read all the same."""
    async with engine_for(whole(piece("Hel"), piece("lo", "STOP"))) as (engine, _):
        assert "".join(delta.text for delta in await answer(engine)) == "Hello"


@pytest.mark.parametrize("end", [faulty.silent, faulty.reset])
async def test_what_breaks_after_the_end_costs_nothing(end: Any) -> None:
    """An answer that has said how it ended is whole, whatever the connection does then."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        await wire.piece(framed([piece("all", "STOP")]))
        await end(wire)

    async with engine_for(script) as (engine, _):
        [delta] = await answer(engine)
    assert (delta.text, delta.finish) == ("all", FinishReason.STOP)


async def test_a_connection_is_used_again() -> None:
    """Streams are read to their end, so that the next call needs no new connection."""
    async with engine_for(WELL) as (engine, upstream):
        for _ in range(3):
            await answer(engine)
    assert upstream.connections == 1


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (streamed(piece("Hel")), StreamBroken, "without saying that it was done"),
        (streamed(piece("Hel"), piece("", "MALFORMED_FUNCTION_CALL")), StreamBroken, "MALFORMED_FUNCTION_CALL"),
        (streamed(piece("Hel"), {"error": {"code": 503, "message": "m"}}), StreamBroken, "too busy"),
        (faulty.stream(orjson.dumps(piece("Hel")), end=faulty.hang_up), StreamBroken, "broke its answer off"),
        (streamed(), UpstreamFailed, "nothing"),
        (faulty.pieces(b"data: {garbage\r\n\r\n", 99), UpstreamFailed, "nothing"),
        (streamed({"error": {"code": 429, "message": "slow"}}), UpstreamRateLimited, "slow"),
        (streamed([{"error": {"code": 400, "message": "no"}}]), UpstreamRejected, "no"),
        (streamed({"promptFeedback": {"blockReason": "SAFETY"}}), ContentRefused, "SAFETY"),
        (streamed(piece("", "SAFETY")), ContentRefused, "SAFETY"),
        (streamed(piece("", "MALFORMED_FUNCTION_CALL")), UpstreamFailed, "MALFORMED_FUNCTION_CALL"),
        (faulty.html, UpstreamFailed, "web page"),
        (faulty.hang_up, UpstreamFailed, "hung up"),
        (faulty.status(302, b"", location="http://elsewhere/"), UpstreamFailed, "no key elsewhere"),
        (faulty.status(502, b"<html>bad gateway</html>"), UpstreamFailed, "a web page"),
    ],
)
async def test_every_bad_end_has_its_error(script: Script, error: type[BatutaError], words: str) -> None:
    """Before the first word it is the error itself, after it a broken stream with the reason; never silence."""
    async with engine_for(script) as (engine, _):
        with pytest.raises(error, match=words) as caught:
            await answer(engine)
    assert caught.value.model == SPEC.id


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (faulty.status(200, b""), UpstreamFailed),
        (faulty.status(200, b"{}"), UpstreamFailed),
        (faulty.status(200, b"{"), UpstreamFailed),
        (whole({"error": {"code": 500, "message": "m"}}), UpstreamFailed),
        (whole({"candidates": [{"content": {"parts": [{"text": "half"}]}}]}), StreamBroken),
    ],
)
async def test_a_whole_answer_that_is_none_is_an_error(script: Script, error: type[BatutaError]) -> None:
    """Nothing, other JSON, half of it, or an error in a 200."""
    async with engine_for(script) as (engine, _):
        with pytest.raises(error):
            await answer(engine, stream=False)


async def test_silence_is_waited_out_no_longer_than_allowed() -> None:
    """Before the first word the deadline counts, in the middle the idle limit."""
    async with engine_for(faulty.silent) as (engine, _):
        soon = ChatRequest("x", request().messages, stream=True, deadline=asyncio.get_running_loop().time() + 0.03)
        with pytest.raises(UpstreamTimeout):
            await anext(engine.chat(SPEC, soon))
    hangs = faulty.stream(orjson.dumps(piece("Hel")), end=faulty.silent)
    async with engine_for(hangs, idle_s=0.03) as (engine, _):
        with pytest.raises(StreamBroken, match="stopped in the middle"):
            await answer(engine)


async def test_who_stops_listening_hangs_up() -> None:
    """A caller that leaves after the first word closes the stream, and Gemini stops."""
    is_cut = asyncio.Event()

    async def endless(wire: Wire) -> None:
        await wire.begin_stream()
        try:
            while True:
                await wire.piece(framed([piece("x")]))
        except ConnectionError:
            is_cut.set()
            raise

    async with engine_for(endless) as (engine, _):
        deltas = engine.chat(SPEC, request())
        assert (await anext(deltas)).text == "x"
        await deltas.aclose()
        async with asyncio.timeout(2):
            await is_cut.wait()


async def test_what_cannot_be_asked_is_not_sent() -> None:
    """A request that Gemini has no words for is refused here, with the model's name."""
    async with engine_for(WELL) as (engine, upstream):
        with pytest.raises(BadRequest) as caught:
            await answer(engine, n=2)
    assert caught.value.model == SPEC.id
    assert not upstream.requests


async def test_the_key_is_masked_where_a_backend_repeats_it() -> None:
    """An error that quotes the key is told without it."""
    for script in (refusal(f"bad key {KEY.reveal()}"), streamed({"error": {"code": 500, "message": KEY.reveal()}})):
        async with engine_for(script) as (engine, _):
            with pytest.raises(BatutaError) as caught:
                await answer(engine)
        assert KEY.reveal() not in caught.value.message
        assert "****" in caught.value.message
