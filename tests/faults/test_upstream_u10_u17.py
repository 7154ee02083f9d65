"""U10-U17: answers that are none, errors inside answers, and bytes cut in every way."""

from __future__ import annotations

import pytest

from batuta.chat.types import Delta, FinishReason
from batuta.errors import (
    ContextFull,
    KeyInvalid,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import delta_event
from tests.faults.upstream import both_clients, both_ways, facing


@both_clients
@both_ways
async def test_u10_a_web_page(stream: bool, is_direct: bool) -> None:
    """200 with HTML is UpstreamFailed and asks about the base URL."""
    async with facing(faulty.html, is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=stream)
    assert not outcome.deltas
    assert type(outcome.failure) is UpstreamFailed
    assert "base URL" in outcome.failure.message


@both_ways
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, UpstreamFailed),
        ({"code": 429}, UpstreamRateLimited),
        ({"code": 503}, UpstreamOverloaded),
        ({"type": "authentication_error"}, KeyInvalid),
        ({"type": "exceed_context_size_error", "code": 400}, ContextFull),
    ],
    ids=["nameless", "429", "503", "key", "too long"],
)
async def test_u11_an_error_in_place_of_an_answer(
    fields: dict[str, object], expected: type[Exception], stream: bool
) -> None:
    """200 with an error first is that error, before any delta, so that another candidate can be tried."""
    async with facing(faulty.error_in_200("out of cheese", **fields)) as (asker, _):
        outcome = await asker.chat(stream=stream)
    assert not outcome.deltas
    assert type(outcome.failure) is expected
    assert "out of cheese" in outcome.failure.message


async def test_u12_an_error_in_the_middle() -> None:
    """An error event after a delta keeps the text and surfaces as StreamBroken with the true reason."""
    bad = b'{"error":{"message":"cuda went away","code":503}}'
    async with facing(faulty.stream("partial", bad)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.text == "partial"
    assert type(outcome.failure) is StreamBroken
    assert "cuda went away" in outcome.failure.message
    assert outcome.failure.details["reason"] == "upstream_overloaded"


@both_clients
@both_ways
async def test_u13_nothing_at_all(stream: bool, is_direct: bool) -> None:
    """An empty 200 is UpstreamFailed, streamed or not."""
    async with facing(faulty.empty, is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=stream)
    assert not outcome.deltas
    assert type(outcome.failure) is UpstreamFailed


async def test_u13_only_the_end_marker() -> None:
    """A stream of nothing but `[DONE]` is an answer without words, as the backend says itself."""
    async with facing(faulty.stream(b"[DONE]")) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.error is None
    assert not outcome.deltas


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_u14_characters_cut_by_the_network(size: int) -> None:
    """Text in any script arrives whole, however its bytes are cut."""
    text = "Olá, 世界 🎼"
    data = delta_event(Delta(text=text)) + delta_event(Delta(finish=FinishReason.STOP)) + b"data: [DONE]\n\n"
    async with facing(faulty.pieces(data, size)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.text == text


async def test_u15_line_endings_and_comments() -> None:
    """CRLF, CR, comments, named events and data over several lines are all read as the text on SSE says."""
    data = (
        b"\xef\xbb\xbf: keep-alive\r\n\r\n"
        b'event: message\r\ndata: {"choices":[{"index":0,\r\ndata: "delta":{"content":"one"}}]}\r\n\r\n'
        b'data:{"choices":[{"index":0,"delta":{"content":" two"}}]}\r\r'
        b'id: 7\nretry: 10\ndata: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    )
    async with facing(faulty.pieces(data, 5)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.error is None
    assert outcome.text == "one two"


@both_clients
async def test_u16_a_line_without_end(is_direct: bool) -> None:
    """A line above 1 MiB ends in StreamBroken, and the backend is cut off long before its 10 MB are in."""
    async with facing(faulty.long_line(10 * 1024 * 1024), is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.text == "begun"
    assert type(outcome.failure) is StreamBroken
    assert "1,048,576" in outcome.failure.message


@pytest.mark.parametrize(
    "junk", [b"{not json", b"null", b"[]", b'"text"', b'{"choices":[null]}', b'{"choices":{}}', b"{}"]
)
async def test_u17_garbage_between_good_events(junk: bytes) -> None:
    """What is no delta is passed over; the good ones around it count."""
    async with facing(faulty.stream("one", junk, " two", end=faulty.well)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.error is None
    assert outcome.text == "one two"


async def test_u17_nothing_but_garbage() -> None:
    """A stream in which nothing can be read is no answer: the error is typed, and nothing was said."""
    async with facing(faulty.stream(b"{not json", b"still not")) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert not outcome.deltas
    assert type(outcome.failure) is UpstreamFailed


async def test_u17_a_whole_answer_that_is_garbage() -> None:
    """A 200 with something that is no JSON is UpstreamFailed."""
    async with facing(faulty.status(200, b"once upon a time")) as (asker, _):
        outcome = await asker.chat(stream=False)
    assert type(outcome.failure) is UpstreamFailed
