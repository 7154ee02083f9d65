"""U18-U20, U23, U24: refusals, streams that do not behave, and answers of odd shapes."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from batuta.chat.types import Delta, FinishReason
from batuta.errors import (
    BatutaError,
    KeyInvalid,
    ModelLoading,
    OutOfCredit,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import Wire, delta_event
from tests.faults.upstream import KEY, SHORT_S, both_clients, both_ways, facing

LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}


@both_ways
@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (429, None, UpstreamRateLimited),
        (402, None, OutOfCredit),
        (401, None, KeyInvalid),
        (403, {"error": "Unauthorized"}, KeyInvalid),
        (500, b"Internal Server Error", UpstreamFailed),
        (502, b"<html>bad gateway</html>", UpstreamFailed),
        (503, None, UpstreamOverloaded),
        (503, LOADING, ModelLoading),
        (504, None, UpstreamTimeout),
        (529, None, UpstreamOverloaded),
        (302, b"", UpstreamFailed),
        (204, b"", UpstreamFailed),
        (400, None, UpstreamRejected),
        (404, {"detail": "Not Found"}, UpstreamRejected),
        (413, None, UpstreamRejected),
        (422, {"detail": [{"msg": "bad"}]}, UpstreamRejected),
    ],
)
async def test_u18_u20_statuses(code: int, body: Any, expected: type[BatutaError], stream: bool) -> None:
    """Every status has one error, before any delta, streamed or not."""
    async with facing(faulty.status(code, body)) as (asker, _):
        outcome = await asker.chat(stream=stream)
    assert not outcome.deltas
    assert type(outcome.failure) is expected


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("-3", 0, 0),
        ("1000000000", 60, 60),
        (formatdate(0, usegmt=True), 0, 0),
        (formatdate(4e9, usegmt=True), 60, 60),
    ],
    ids=["number", "fraction", "negative", "absurd", "past date", "far date"],
)
async def test_u18_how_long_to_wait(value: str, least: float, most: float) -> None:
    """Retry-After is read in each of its forms and never asks for more than 60 s."""
    async with facing(faulty.status(429, retry_after=value)) as (asker, _):
        error = (await asker.chat(stream=False)).failure
    assert error.retry_after_s is not None
    assert least <= error.retry_after_s <= most


@both_clients
@pytest.mark.parametrize("code", [401, 403, 400, 500])
async def test_u19_a_key_that_the_backend_repeats_is_masked(code: int, is_direct: bool) -> None:
    """A backend that quotes our key in its error does not get it into our message."""
    body = {"error": {"message": f"Incorrect API key provided: {KEY}; Bearer {KEY}"}}
    async with facing(faulty.status(code, body), is_direct=is_direct) as (asker, _):
        error = (await asker.chat(stream=False)).failure
    assert "Incorrect API key" in error.message
    assert KEY not in error.message


@pytest.mark.parametrize("code", [400, 404, 413, 422])
async def test_u20_the_callers_error_keeps_its_status_and_words(code: int) -> None:
    """What the backend says about the request is passed on, and is nobody's fault but the caller's."""
    async with facing(faulty.status(code, {"error": {"message": "temperature is too hot"}})) as (asker, _):
        error = (await asker.chat(stream=False)).failure
    assert error.status == code
    assert "temperature is too hot" in error.message
    assert not error.retryable


# --- U23 -------------------------------------------------------------------------------------------------------------


@both_clients
async def test_u23_a_slow_drip_is_alive_until_it_stops(is_direct: bool) -> None:
    """Deltas that come within the idle limit go on, however long the whole takes."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        for _ in range(12):
            await wire.say("drop")
            await asyncio.sleep(0.05)
        await wire.end_stream()

    async with facing(script, is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=True, idle_s=0.5)
    assert outcome.error is None
    assert outcome.text == "drop" * 12


@both_clients
async def test_u23_a_drip_below_the_idle_limit_is_dead(is_direct: bool) -> None:
    """Deltas further apart than the idle limit break the stream."""
    async with facing(faulty.drip(5.0), is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=True, idle_s=SHORT_S)
    assert outcome.text == "drop"
    assert type(outcome.failure) is StreamBroken


@both_clients
async def test_u23_a_flood_is_cut(is_direct: bool) -> None:
    """A stream without end is cut at the cap on its bytes."""
    async with facing(faulty.flood, is_direct=is_direct) as (asker, upstream):
        outcome = await asker.chat(stream=True)
        assert type(outcome.failure) is StreamBroken
        for _ in range(100):
            if upstream.cut:
                break
            await asyncio.sleep(0.01)
        assert upstream.cut == 1


async def test_u23_words_after_the_end_do_not_count() -> None:
    """Deltas after the finish, a second `[DONE]` and anything behind it are ignored; usage after the finish counts."""

    async def end(wire: Wire) -> None:
        await wire.event(Delta(finish=FinishReason.STOP))
        await wire.say("late")
        await wire.event(b'{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}')
        await wire.piece(b"data: [DONE]\n\ndata: [DONE]\n\n")
        await wire.say("later")
        await wire.raw(b"0\r\n\r\n")

    async with facing(faulty.stream("fine", end=end)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.error is None
    assert outcome.text == "fine"
    assert [delta.usage.prompt_tokens for delta in outcome.deltas if delta.usage] == [5]


@both_clients
async def test_u23_more_bytes_than_promised(is_direct: bool) -> None:
    """What follows the promised length is not part of the answer, and not of the next one either."""
    async with facing(faulty.long_body, faulty.whole("next"), is_direct=is_direct) as (asker, upstream):
        first = await asker.chat(stream=False)
        second = await asker.chat(stream=False)
        assert upstream.connections == 2
    # aiohttp may find the excess before it hands the answer out; then the answer is refused as a whole.
    assert first.text == "enough" or (not is_direct and type(first.failure) is UpstreamFailed)
    assert second.text == "next"


@both_clients
async def test_u23_gzip_nobody_asked_for(is_direct: bool) -> None:
    """A packed answer is unpacked."""
    async with facing(faulty.packed(), is_direct=is_direct) as (asker, upstream):
        outcome = await asker.chat(stream=False)
        assert upstream.requests[0].headers["accept-encoding"] == "identity"
    assert outcome.text == "packed"


@both_clients
async def test_u23_a_gzip_bomb(is_direct: bool) -> None:
    """A packed answer is never unpacked above the cap."""
    async with facing(faulty.packed(factor=50_000_000 // 10), is_direct=is_direct) as (asker, _):
        error = (await asker.chat(stream=False)).failure
    assert type(error) is UpstreamFailed
    assert "more than Batuta takes" in error.message


async def test_u23_an_unknown_encoding() -> None:
    """An encoding that nobody asked for and we cannot undo is UpstreamFailed."""
    async with facing(faulty.whole(headers={"content-encoding": "br"})) as (asker, _):
        assert type((await asker.chat(stream=False)).failure) is UpstreamFailed


# --- U24 -------------------------------------------------------------------------------------------------------------


async def test_u24_a_tool_call_in_pieces() -> None:
    """A call that comes in pieces keeps its index; null content beside it says nothing."""
    events = [
        {"role": "assistant", "content": None, "tool_calls": [_call("call_1", "weather", "")]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": '"Recife"}'}}]},
    ]
    data = [orjson.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in events]
    data.append(b'{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}')
    async with facing(faulty.stream(*data, end=faulty.well)) as (asker, _):
        outcome = await asker.chat(stream=True)
    pieces = [call for delta in outcome.deltas for call in delta.tool_calls]
    assert outcome.text == ""
    assert (pieces[0].id, pieces[0].name) == ("call_1", "weather")
    assert "".join(piece.arguments for piece in pieces) == '{"city":"Recife"}'
    assert outcome.deltas[-1].finish is FinishReason.TOOL_CALLS


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"index": 0, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


async def test_u24_fields_nobody_has_heard_of() -> None:
    """Unknown fields of a message are kept, unknown fields around it do no harm."""
    event = {"choices": [{"index": 0, "delta": {"content": "hi", "mood": "merry"}, "odd": 1}], "timings": {"x": 1}}
    async with facing(faulty.stream(orjson.dumps(event), end=faulty.well)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.text == "hi"
    assert outcome.deltas[0].extra == {"mood": "merry"}


async def test_bytes_pass_through_untouched() -> None:
    """A passed-through stream gives the backend's very bytes."""
    data = b": hello\n\n" + delta_event(Delta(text="a")) + b'data: {"odd":  1}\r\n\r\n' + b"data: [DONE]\n\n"
    async with facing(faulty.pieces(data, 3)) as (asker, _):
        assert await asker.bytes_of(stream=True) == data
