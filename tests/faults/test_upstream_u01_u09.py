"""U1-U9: backends that are not there, say nothing, or stop in the middle."""

from __future__ import annotations

import asyncio
import time

import pytest

from batuta.errors import (
    BatutaError,
    Cause,
    StreamBroken,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import Wire
from tests.faults.upstream import SHORT_S, asking, both_clients, both_ways, facing


@both_clients
@both_ways
async def test_u1_refused(stream: bool, is_direct: bool) -> None:
    """A refused connection is UpstreamUnreachable at once, with the cause for the failed cache."""
    async with faulty.refusing() as url, asking(url, is_direct=is_direct) as asker:
        started = time.monotonic()
        error = (await asker.chat(stream=stream)).failure
    assert type(error) is UpstreamUnreachable
    assert error.cause is Cause.ENGINE_OFFLINE
    assert time.monotonic() - started < 5.0


async def test_u2_a_name_that_does_not_resolve() -> None:
    """A name nobody knows is UpstreamUnreachable, or a timeout where the resolver itself is silent."""
    async with asking("http://nowhere.invalid/v1") as asker:
        error = (await asker.chat(stream=True)).failure
    assert type(error) in {UpstreamUnreachable, UpstreamTimeout}


async def test_u3_wrong_tls() -> None:
    """A server that speaks no TLS where TLS is due is UpstreamUnreachable."""
    async with faulty.speaking_plainly() as url, asking(url.replace("http:", "https:")) as asker:
        error = (await asker.chat(stream=True)).failure
    assert type(error) is UpstreamUnreachable


@both_clients
async def test_u4_connecting_hangs(is_direct: bool) -> None:
    """A connection that is never taken ends in UpstreamTimeout by the connect limit."""
    async with faulty.never_accepting() as url, asking(url, is_direct=is_direct) as asker:
        error = (await asker.chat(stream=True)).failure
    assert type(error) is UpstreamTimeout


@both_clients
@both_ways
async def test_u5_silence_after_the_request(stream: bool, is_direct: bool) -> None:
    """A backend that never begins to answer ends in UpstreamTimeout at the deadline, and is told to stop."""
    async with facing(faulty.silent, is_direct=is_direct) as (asker, upstream):
        error = (await asker.chat(stream=stream, wait_s=SHORT_S)).failure
        assert type(error) is UpstreamTimeout
        assert error.cause is Cause.TIMEOUT
        assert len(upstream.requests) == 1


@both_clients
@both_ways
async def test_u6_headers_then_silence(stream: bool, is_direct: bool) -> None:
    """A head with nothing behind it ends in UpstreamTimeout by the idle limit, before any delta."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        await wire.silence()

    async with facing(script, is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=stream, idle_s=SHORT_S)
    assert not outcome.deltas
    assert type(outcome.failure) is UpstreamTimeout


@both_clients
async def test_u6_silence_in_the_middle(is_direct: bool) -> None:
    """A stream that stops talking keeps what it said and ends in StreamBroken, naming the silence."""

    async def end(wire: Wire) -> None:
        await wire.silence()

    async with facing(faulty.stream("partial", end=end), is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=True, idle_s=SHORT_S)
    assert outcome.text == "partial"
    assert type(outcome.failure) is StreamBroken
    assert outcome.failure.details["reason"] == "upstream_timeout"


@both_clients
@both_ways
@pytest.mark.parametrize("script", [faulty.reset, faulty.hang_up], ids=["reset", "closed"])
async def test_u7_gone_before_the_head(script: faulty.Script, stream: bool, is_direct: bool) -> None:
    """A backend that goes away instead of answering is UpstreamFailed, and is asked once only."""
    async with facing(script, is_direct=is_direct) as (asker, upstream):
        error = (await asker.chat(stream=stream)).failure
        assert len(upstream.requests) == 1
    assert type(error) is UpstreamFailed
    assert error.cause is Cause.CRASH


@both_clients
@pytest.mark.parametrize("how", [Wire.reset, Wire.hang_up], ids=["U7 reset", "U8 half-close"])
async def test_u7_u8_gone_in_the_middle(how: object, is_direct: bool) -> None:
    """A stream that is torn off after a delta keeps it and ends in StreamBroken."""

    async def end(wire: Wire) -> None:
        await asyncio.sleep(0.01)  # the delta must be read before the reset overtakes it
        Wire.reset(wire) if how is Wire.reset else Wire.hang_up(wire)

    async with facing(faulty.stream("partial", end=end), is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.text == "partial"
    assert type(outcome.failure) is StreamBroken


@both_clients
async def test_u8_a_whole_answer_that_is_cut(is_direct: bool) -> None:
    """A body shorter than promised is UpstreamFailed, never half an answer."""
    async with facing(faulty.short_body(100_000), is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=False)
    assert not outcome.deltas
    assert type(outcome.failure) is UpstreamFailed


@both_clients
async def test_u9_a_stream_without_any_end(is_direct: bool) -> None:
    """A body that ends well, without `[DONE]` or a finish reason, is a broken answer, not a short one."""
    async with facing(faulty.stream("half", "an"), is_direct=is_direct) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert len(outcome.deltas) == 2
    assert type(outcome.failure) is StreamBroken


@pytest.mark.parametrize(("finish", "done"), [(True, False), (False, True)], ids=["finish only", "[DONE] only"])
async def test_u9_either_end_is_an_end(finish: bool, done: bool) -> None:
    """A finish reason or `[DONE]` alone is enough: backends differ."""

    async def end(wire: Wire) -> None:
        await wire.end_stream(finish=finish, done=done)

    async with facing(faulty.stream("fine", end=end)) as (asker, _):
        outcome = await asker.chat(stream=True)
    assert outcome.error is None
    assert outcome.text == "fine"


@both_clients
async def test_passed_through_bytes_break_too(is_direct: bool) -> None:
    """Bytes that are passed through raise where the stream is torn, so that it is never a silent end."""

    async def end(wire: Wire) -> None:
        await asyncio.sleep(0.01)
        wire.hang_up()

    async with facing(faulty.stream("partial", end=end), is_direct=is_direct) as (asker, _):
        with pytest.raises(BatutaError) as caught:
            await asker.bytes_of(stream=True)
    assert type(caught.value) is StreamBroken
