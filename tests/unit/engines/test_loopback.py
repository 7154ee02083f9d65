"""The client for this machine: connections go round, dead ones are noticed, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.engines.loopback import LoopbackClient, Origin
from batuta.engines.loopback_wire import LIMITS, Limits, LoopbackReply
from batuta.errors import StreamBroken, UpstreamFailed, UpstreamOverloaded, UpstreamTimeout
from batuta.testing import faulty_upstream as faulty
from batuta.testing import http
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


class Caller:
    """A client and the server it calls."""

    def __init__(self, client: LoopbackClient, upstream: FaultyUpstream) -> None:
        self.client = client
        self.upstream = upstream

    @property
    def origin(self) -> Origin:
        return self.client.origin(("127.0.0.1", self.upstream.port))

    async def send(self, *, wait_s: float = 2.0, idle_s: float = 2.0, head: bytes = GET) -> LoopbackReply:
        deadline = asyncio.get_running_loop().time() + wait_s
        place = ("127.0.0.1", self.upstream.port)
        return await self.client.send(place, head, b"", deadline=deadline, idle_s=idle_s)


@asynccontextmanager
async def calling(*scripts: Script, limits: Limits = LIMITS) -> AsyncIterator[Caller]:
    async with FaultyUpstream(*scripts) as upstream:
        client = LoopbackClient(limits)
        yield Caller(client, upstream)
        client.close()


def sends(data: bytes, then: Callable[[Wire], Awaitable[None]] | None = None) -> Script:
    """Return a script that sends raw bytes."""

    async def script(wire: Wire) -> None:
        await wire.raw(data)
        if then is not None:
            await then(wire)

    return script


async def close(wire: Wire) -> None:
    wire.hang_up()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110  # what is waited for is the kernel's doing
            await asyncio.sleep(0.001)


ok = sends(http.answer(200, b"fine"))


async def test_one_connection_serves_call_after_call() -> None:
    """A connection is used again as soon as an answer is at its end, read or not."""
    async with calling(ok) as caller:
        for _ in range(5):
            reply = await caller.send()
            assert await reply.read() == b"fine"
        await caller.send()
        await caller.send()
        assert caller.upstream.connections == 1
        assert caller.origin.size == (1, 1)


async def test_calls_at_once_have_connections_of_their_own() -> None:
    """Answers do not mix, and the connections are kept for the next calls."""

    async def script(wire: Wire) -> None:
        await asyncio.sleep(0.005)
        await wire.answer(200, b"fine")

    async with calling(script) as caller:
        replies = await asyncio.gather(*(caller.send() for _ in range(8)))
        assert {await reply.read() for reply in replies} == {b"fine"}
        assert caller.upstream.connections == 8
        assert caller.origin.size == (8, 8)


async def test_a_connection_closed_while_idle_is_replaced() -> None:
    """A backend that closes idle connections costs a new connection, never an error."""
    async with calling(sends(http.answer(200, b"one"), close), ok) as caller:
        assert await (await caller.send()).read() == b"one"
        assert await (await caller.send()).read() == b"fine"
        assert caller.upstream.connections == 2


async def test_a_connection_that_dies_under_a_get_is_replaced_once() -> None:
    """A kept-alive connection lost before the first byte is a stale one: a GET is sent again on a new one."""
    async with calling(ok, faulty.reset, ok) as caller:
        await (await caller.send()).read()
        assert await (await caller.send()).read() == b"fine"
        assert caller.upstream.connections == 2
        assert len(caller.upstream.requests) == 3


async def test_a_post_is_never_sent_twice() -> None:
    """A server that takes a POST and hangs up may have acted on it: the caller hears that it hung up."""
    async with calling(ok, faulty.reset, ok) as caller:
        await (await caller.send()).read()
        with pytest.raises(UpstreamFailed, match="hung up"):
            await caller.send(head=POST)
        assert len(caller.upstream.requests) == 2


async def test_a_post_avoids_a_connection_that_was_closed_before() -> None:
    """A goodbye that is here, but that the loop has not read yet, is seen before anything is written."""
    may_close, has_closed = threading.Event(), threading.Event()

    def serve() -> None:  # in a thread: it says goodbye while the loop stands still
        for is_first in (True, False):
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(http.answer(200, b"first" if is_first else b"second"))
                may_close.wait(2)
            has_closed.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        client, place = LoopbackClient(), ("127.0.0.1", int(server.getsockname()[1]))
        deadline = asyncio.get_running_loop().time() + 2
        reply = await client.send(place, GET, b"", deadline=deadline, idle_s=2)
        assert await reply.read() == b"first"
        may_close.set()
        has_closed.wait(2)
        reply = await client.send(place, POST, b"", deadline=deadline, idle_s=2)
        assert await reply.read() == b"second"
        client.close()
        thread.join()


async def test_a_used_connection_that_is_silent_is_a_timeout() -> None:
    """A deadline that passes within a second on a kept connection is told as such, and nothing is sent again."""
    async with calling(ok, faulty.silent, ok) as caller:
        await (await caller.send()).read()
        with pytest.raises(UpstreamTimeout, match="did not begin to answer"):
            await caller.send(wait_s=0.03)
        assert len(caller.upstream.requests) == 2


async def test_a_new_connection_that_dies_is_not_replaced() -> None:
    """A call that a fresh connection loses may have been worked on: it is not sent again."""
    async with calling(faulty.reset, ok) as caller:
        with pytest.raises(UpstreamFailed):
            await caller.send()
        assert len(caller.upstream.requests) == 1


async def test_a_connection_that_dies_after_a_byte_is_not_replaced() -> None:
    """Once the answer has begun there is no second try."""
    async with calling(ok, sends(b"HTTP/1.1 2", close), ok) as caller:
        await (await caller.send()).read()
        with pytest.raises(UpstreamFailed):
            await caller.send()
        assert len(caller.upstream.requests) == 2


@pytest.mark.parametrize(
    ("answer", "body", "is_kept"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine", b"fine", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine", b"fine", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nfi\r\n2;x=y\r\nne\r\n0\r\n\r\n", b"fine", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nx-sum: 1\r\n\r\n", b"fine", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine", b"fine", True),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine", b"fine", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nfine", b"fine", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine and more", b"fine", False),
    ],
    ids=["length", "close", "chunked", "trailers", "100", "103", "204", "HTTP/1.0", "too much"],
)
@pytest.mark.parametrize("size", [1, 1000], ids=["drip", "at once"])
async def test_bodies_end_where_http_says(answer: bytes, body: bytes, is_kept: bool, size: int) -> None:
    """Each way of marking the end is understood, and only a sound connection is kept."""

    async def script(wire: Wire) -> None:
        for start in range(0, len(answer), size):
            await wire.raw(answer[start : start + size])
        await wire.silence()

    async with calling(script) as caller:
        reply = await caller.send()
        assert await reply.read() == body
        await until(lambda: caller.origin.size == ((1, 1) if is_kept else (0, 0)))


async def test_a_body_may_end_with_its_connection() -> None:
    """Without length or chunks the body ends where the connection does."""
    async with calling(sends(b"HTTP/1.1 200 OK\r\n\r\nto the end", close)) as caller:
        assert await (await caller.send()).read() == b"to the end"
        assert caller.origin.size == (0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
    ],
    ids=["length", "no last chunk", "bad chunk"],
)
async def test_a_cut_body_is_never_taken_for_a_whole_one(answer: bytes) -> None:
    """Read whole it is UpstreamFailed; in pieces it is StreamBroken after the good ones."""
    async with calling(sends(answer, close)) as caller:
        with pytest.raises(UpstreamFailed):
            await (await caller.send()).read()
        reply = await caller.send()
        chunks = reply.chunks()
        assert await anext(chunks) == b"short"
        with pytest.raises(StreamBroken):
            await anext(chunks)


@pytest.mark.parametrize(
    "script",
    [
        sends(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n"),
        faulty.not_http,
        faulty.endless_head,
    ],
    ids=["101", "two lengths", "long header", "not HTTP", "endless head"],
)
async def test_an_answer_that_is_not_http_is_refused(script: Script) -> None:
    """Another protocol, contradictions and heads above 64 KiB end the call and the connection."""
    async with calling(script) as caller:
        with pytest.raises(UpstreamFailed):
            await caller.send()
        await until(lambda: caller.origin.size == (0, 0))


async def test_a_reader_that_stops_pauses_the_backend() -> None:
    """No more than the cap and one read are held for a slow reader; then the rest comes through whole."""
    total, sent = 8 * 1024 * 1024, 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            await wire.raw(b"x" * 65536)
            sent += 65536

    async with calling(script) as caller:
        reply = await caller.send(idle_s=0.1)
        await asyncio.sleep(0.15)  # longer than the idle limit: a pause of our own is not the backend's silence
        assert sent < total
        assert sum([len(chunk) async for chunk in reply.chunks()]) == total
        assert caller.origin.size == (1, 1)


async def test_an_answer_let_go_is_cut() -> None:
    """Closing a reply before its end closes the connection, so that the backend stops."""
    async with calling(faulty.flood) as caller:
        reply = await caller.send()
        await reply.aclose()
        await until(lambda: caller.upstream.cut == 1)
        assert caller.origin.size == (0, 0)
        with pytest.raises(StreamBroken):
            [chunk async for chunk in reply.chunks()]


@pytest.mark.parametrize("script", [faulty.silent, faulty.drip(5.0)], ids=["before the head", "in the body"])
async def test_a_cancelled_caller_cuts_the_connection(script: Script) -> None:
    """Who is cancelled while waiting leaves no connection behind."""

    async def call() -> None:
        reply = await caller.send(wait_s=30)
        await reply.read()

    async with calling(script) as caller:
        task = asyncio.get_running_loop().create_task(call())
        await until(lambda: bool(caller.upstream.requests))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: caller.origin.size == (0, 0))


async def test_connections_are_bounded_and_handed_on() -> None:
    """Above the limit callers wait for a connection, in order, at most until their deadline."""
    gate = asyncio.Event()

    async def script(wire: Wire) -> None:
        await gate.wait()
        await wire.answer(200, b"fine")

    async with calling(script, limits=replace(LIMITS, connections=2)) as caller, asyncio.TaskGroup() as group:
        calls = [group.create_task(caller.send()) for _ in range(6)]
        await until(lambda: len(caller.upstream.requests) == 2)
        with pytest.raises(UpstreamOverloaded):
            await caller.send(wait_s=0.01)
        calls[-1].cancel()  # one that waits and leaves is no burden to the others
        gate.set()
        replies = await asyncio.gather(*calls[:-1])
        assert [await reply.read() for reply in replies] == [b"fine"] * 5
        assert caller.upstream.connections == 2


async def test_idle_connections_are_dropped() -> None:
    """Connections nobody uses are closed after a few seconds, before the backend does it."""
    async with calling(ok, limits=replace(LIMITS, idle_s=0.02)) as caller:
        await (await caller.send()).read()
        assert caller.origin.size == (1, 1)
        await until(lambda: caller.origin.size == (0, 0))


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    """An idle connection that starts to talk is not used again."""

    async def script(wire: Wire) -> None:
        await wire.answer(200, b"fine")
        await asyncio.sleep(0.01)
        await wire.raw(http.answer(200, b"nobody asked"))

    async with calling(script) as caller:
        await (await caller.send()).read()
        await until(lambda: caller.origin.size == (0, 0))


async def test_waits_are_limited() -> None:
    """A head that does not come, and a body that stops, end in UpstreamTimeout."""
    async with calling(faulty.silent, sends(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", Wire.silence)) as caller:
        with pytest.raises(UpstreamTimeout):
            await caller.send(wait_s=0.02)
        reply = await caller.send(idle_s=0.02)
        with pytest.raises(UpstreamTimeout):
            await reply.read()


async def test_a_stream_has_a_longest_life() -> None:
    """A stream that always says something still ends at the limit on its time."""
    limits = replace(LIMITS, stream_s=0.05)
    async with calling(faulty.drip(0.005), limits=limits) as caller:
        reply = await caller.send(idle_s=0.02)
        with pytest.raises(UpstreamFailed):
            [chunk async for chunk in reply.chunks()]


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_any_split_gives_the_same_answer(sizes: list[int]) -> None:
    """However the answer's bytes arrive, status, headers and body are the same."""
    body = b"".join(http.chunk(b"word%d " % number) for number in range(6)) + http.chunk(b"")
    data = http.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}) + body

    async def script(wire: Wire) -> None:
        start, turn = 0, 0
        while start < len(data):
            size = sizes[turn % len(sizes)]
            await wire.raw(data[start : start + size])
            start, turn = start + size, turn + 1

    async def play() -> None:
        async with calling(script) as caller:
            reply = await caller.send()
            assert (reply.status, reply.content_type) == (200, "text/event-stream")
            said = b"".join([chunk async for chunk in reply.chunks()])
            assert said == b"word0 word1 word2 word3 word4 word5 "

    asyncio.run(play())
