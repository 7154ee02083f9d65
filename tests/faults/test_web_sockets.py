"""W9, W10, W12, W14 on real sockets: oversized, slow, unread and ambiguous input against the real protocol.

The limits are the settings' own, made small: what is 10 s for people is 0.3 s here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from batuta.settings import EdgeSettings
from batuta.web.auth import Identity
from batuta.web.disconnect import Receive
from batuta.web.session import Send
from tests.faults.web_app import Running, dispatcher_of, hang_up, reply, run_in_production_loop, serving, settings_of

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + JSON
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def status_of(answer: bytes) -> int:
    """Return the status of the first response in the bytes; 0 when there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


# --- W14: framing that two readers could read differently ----------------------------------------------------------

SMUGGLING = {
    "length and chunked": POST + b"Content-Length: 3\r\n" + CHUNKED + b"0\r\n\r\n",
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "an endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\n\t.evil.example\r\n\r\n",
    "a header folded into the request line": b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    "a bare line feed at the end": b"GET / HTTP/1.1\r\nHost: localhost\r\n\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
    "a coding nobody knows": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "gzip before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + b"0\r\n\r\n",
    "a chunk size in the wrong base": POST + CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than its size": POST + CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a bare line feed in a chunk head": POST + CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    "NUL in the path": b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n\r\n",
    "a version to come": b"GET / HTTP/2.7\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a WebSocket": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "two hosts": GET + b"Host: evil.example\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_ambiguous_framing_is_refused_and_the_connection_closed(name: str) -> None:
    """What two readers could split differently gets 400, and nothing after it is read as a request."""
    async with serving(dispatcher_of(), keep_alive_s=0.2) as server:
        answer = await server.exchange(SMUGGLING[name] + GET + b"X-Smuggled: 1\r\n\r\n" * ("host" not in name))
    assert status_of(answer) == 400
    assert answer.count(b"HTTP/1.1 200") == 0


async def test_an_absolute_target_must_name_the_host() -> None:
    """`GET http://evil/` with a good Host is misdirected; with the same host it is served."""
    async with serving(dispatcher_of(), keep_alive_s=0.2) as server:
        evil = await server.exchange(b"GET http://evil.example/v1/models HTTP/1.1\r\n" + HOST + b"\r\n")
        good = await server.exchange(b"GET http://localhost/v1/models HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (status_of(evil), status_of(good)) == (421, 200)


async def test_trailers_do_not_become_headers() -> None:
    """A header sent after the body cannot change what was judged by the headers before it."""
    seen: list[bytes] = []

    async def names(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        await receive()
        seen.extend(name for name, _ in scope["headers"])
        await reply(send, b"{}")

    dispatcher = dispatcher_of(raw={("POST", "/v1/chat/completions"): names})
    async with serving(dispatcher, keep_alive_s=0.2) as server:
        await server.exchange(POST + CHUNKED + b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert b"host" in seen
    assert b"authorization" not in seen


async def test_a_body_after_an_unwanted_upgrade_arrives() -> None:
    """A client that offers HTTP/2 with its POST (Java's does) is served in HTTP/1.1, body and all."""
    async with serving(dispatcher_of(), keep_alive_s=0.2) as server:
        offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
        answer = await server.exchange(POST + offer + b"Content-Length: 11\r\n\r\n" + b'{"a": "bc"}')
    assert status_of(answer) == 200
    assert answer.endswith(b"\r\n\r\n11")


# --- W9: too much --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [1, 100])
async def test_a_header_block_over_the_cap_is_refused(pieces: int) -> None:
    """64 KiB of headers, at once or in pieces, in one header or many: 431."""
    for head in (b"X: " + b"a" * 65536, b"".join(b"X%d: abcdefgh\r\n" % number for number in range(5000))):
        async with serving(dispatcher_of(), keep_alive_s=0.2) as server:
            reader, writer = await server.connect()
            raw = GET + head
            step = len(raw) // pieces
            for start in range(0, len(raw), step):
                writer.write(raw[start : start + step])
                await asyncio.sleep(0)
            async with asyncio.timeout(3):
                answer = await reader.read()
            await hang_up(writer)
        assert status_of(answer) == 431


async def test_a_declared_body_over_the_cap_is_refused_unread() -> None:
    """300 MB announced: 413 at once, readable even by a client that goes on sending, and that wants to close."""
    for extra in (b"", b"Connection: close\r\n"):
        async with serving(dispatcher_of()) as server:
            reader, writer = await server.connect()
            writer.write(POST + extra + b"Content-Length: 300000000\r\n\r\n")
            for _ in range(40):
                writer.write(b"x" * 65536)
                await asyncio.sleep(0)
            async with asyncio.timeout(3):
                answer = await reader.read()
            await hang_up(writer)
        assert status_of(answer) == 413


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large() -> None:
    """Where no length is declared the bytes are counted as they come."""
    settings = settings_of(edge=EdgeSettings(max_body=100_000))
    async with serving(dispatcher_of(settings), max_body=100_000) as server:
        answer = await server.exchange(POST + CHUNKED + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 10)
    assert status_of(answer) == 413


async def test_a_refused_body_takes_no_memory() -> None:
    """What a client goes on sending after the refusal is thrown away as it comes."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    async with serving(dispatcher_of(), max_body=1_000_000) as server:
        before = resident()
        reader, writer = await server.connect()
        writer.write(POST + CHUNKED)
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(800):
            writer.write(piece)
            await writer.drain()
        assert resident() - before < 16_000_000
        assert status_of(await reader.read()) == 413
        await hang_up(writer)


async def test_chunk_framing_cannot_fill_memory() -> None:
    """Endless trailers after a tiny body are cut off at the header cap."""
    async with serving(dispatcher_of(), max_header=4096) as server:
        reader, writer = await server.connect()
        writer.write(POST + CHUNKED + b"2\r\n{}\r\n0\r\n")
        for number in range(40):
            await asyncio.sleep(0.005)
            writer.write(b"X-%d: " % number + b"t" * 500 + b"\r\n")
        async with asyncio.timeout(3):
            answer = await reader.read()
        await hang_up(writer)
    assert status_of(answer) == 431


async def test_a_compressed_body_is_not_unpacked() -> None:
    """A gzip bomb has nothing to explode in: 415."""
    async with serving(dispatcher_of(), keep_alive_s=0.2) as server:
        answer = await server.exchange(POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
    assert status_of(answer) == 415


# --- W10: too slow -------------------------------------------------------------------------------------------------


async def seconds_until_closed(server: Running, *pieces: bytes, pause_s: float = 0.05) -> tuple[float, bytes]:
    """Send pieces slowly, the last one for ever; return how long the server bore it, and its last words."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    reader, writer = await server.connect()
    answer = b""

    async def drip() -> None:
        for piece in pieces[:-1]:
            writer.write(piece)
        while True:
            await asyncio.sleep(pause_s)
            writer.write(pieces[-1])

    async with asyncio.timeout(3):
        dripping = asyncio.gather(drip())
        try:
            with suppress(ConnectionResetError):
                answer = await reader.read()
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
    await hang_up(writer)
    return loop.time() - start, answer


async def test_a_connection_that_says_nothing_is_closed() -> None:
    """Silence is borne for the idle time, then ended without a word."""
    async with serving(dispatcher_of(), idle_timeout_s=0.2) as server:
        seconds, answer = await seconds_until_closed(server, b"")
    assert 0.15 < seconds < 0.6
    assert answer == b""


async def test_a_head_that_drips_is_refused() -> None:
    """One header line now and then does not keep a request alive: 408."""
    async with serving(dispatcher_of(), head_timeout_s=0.2) as server:
        seconds, answer = await seconds_until_closed(server, GET, b"X: y\r\n")
    assert 0.15 < seconds < 0.6
    assert status_of(answer) == 408


async def test_a_body_that_drips_is_refused() -> None:
    """Fewer bytes a second than the rate, over the grace time: 408, and the handler is not left waiting."""
    async with serving(dispatcher_of(), body_grace_s=0.2, body_min_rate=1024) as server:
        seconds, answer = await seconds_until_closed(server, POST + b"Content-Length: 5000\r\n\r\n", b"x")
    assert 0.15 < seconds < 0.8
    assert status_of(answer) == 408


async def test_a_body_at_a_decent_pace_arrives() -> None:
    """Slow is fine, as long as it is not slower than the rate."""
    async with serving(dispatcher_of(), body_grace_s=0.1, body_min_rate=1024, keep_alive_s=0.2) as server:
        reader, writer = await server.connect()
        writer.write(POST + b"Content-Length: 5000\r\n\r\n")
        for _ in range(10):
            writer.write(b"x" * 500)
            await asyncio.sleep(0.03)
        answer = await reader.read()
        await hang_up(writer)
    assert answer.endswith(b"5000")


async def test_an_idle_connection_is_kept_and_then_closed() -> None:
    """Between requests a connection lives for the keep-alive time, and answers again within it."""
    async with serving(dispatcher_of(), keep_alive_s=0.3) as server:
        reader, writer = await server.connect()
        for _ in range(2):
            writer.write(GET + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(8) == b"loopback"
            assert status_of(head) == 200
            await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            assert await reader.read() == b""
        await hang_up(writer)


async def test_silent_connections_do_not_shut_out_a_client_with_a_request() -> None:
    """At the cap the one that has been silent longest goes, and a healthy client is served at once."""
    async with serving(dispatcher_of(), max_connections=50, keep_alive_s=0.2) as server:
        silent = [await server.connect() for _ in range(60)]
        assert len(server.guard) == 50
        answer = await server.exchange(GET + b"\r\n")
        for _, writer in silent:
            await hang_up(writer)
    assert status_of(answer) == 200


@pytest.mark.parametrize("cap", ["max_connections", "max_connections_per_host"])
async def test_more_connections_at_work_than_the_cap_are_refused(cap: str) -> None:
    """When every connection is being served, one more gets 503 and the advice to wait."""
    is_over = asyncio.Event()

    async def wait(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        await is_over.wait()
        await reply(send, b"{}")

    async with serving(dispatcher_of(raw={("GET", "/v1/models"): wait}), keep_alive_s=0.2, **{cap: 2}) as server:
        async with asyncio.TaskGroup() as group:
            busy = [group.create_task(server.exchange(GET + b"\r\n")) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await server.exchange(b"")
            is_over.set()
        assert status_of(refused) == 503
        assert b"retry-after: 1" in refused
        assert [status_of(task.result()) for task in busy] == [200, 200]
        assert len(server.guard) == 0


# --- W12: a reader that does not read ------------------------------------------------------------------------------


async def test_a_reader_that_takes_nothing_pauses_the_sender_and_is_cut() -> None:
    """At most the buffer's size waits in the process; `send` really waits; after the write time it is over."""
    sent = 0
    most_buffered = 0
    ended = asyncio.Event()

    async def pour(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        nonlocal sent, most_buffered
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(4000):
                await send({"type": "http.response.body", "body": b"x" * 16384, "more_body": True})
                sent += 16384
                (link,) = server.guard._connections
                most_buffered = max(most_buffered, link.transport.get_write_buffer_size())
        finally:
            ended.set()

    async with serving(
        dispatcher_of(raw={("GET", "/v1/models"): pour}), max_buffered=65536, write_timeout_s=0.3
    ) as server:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", server.port))
        await loop.sock_sendall(sock, GET + b"\r\n")
        await asyncio.sleep(0.15)
        poured_early = sent
        await asyncio.sleep(0.1)
        assert sent == poured_early, "the sender was not paused"
        assert len(server.guard) == 1
        async with asyncio.timeout(1.5):
            await ended.wait()
            await asyncio.sleep(0)
        assert len(server.guard) == 0
        sock.close()
    assert most_buffered <= 65536


@pytest.mark.parametrize(
    "play",
    [
        test_a_body_after_an_unwanted_upgrade_arrives,
        test_a_declared_body_over_the_cap_is_refused_unread,
        test_a_connection_that_says_nothing_is_closed,
        test_a_head_that_drips_is_refused,
        test_a_body_that_drips_is_refused,
        test_silent_connections_do_not_shut_out_a_client_with_a_request,
        test_a_reader_that_takes_nothing_pauses_the_sender_and_is_cut,
    ],
)
def test_the_loop_of_production_does_the_same(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Uvloop's transports buffer, close and abort in their own way; the promises hold there too."""
    run_in_production_loop(play())
