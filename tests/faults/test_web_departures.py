"""W7, W11, W16: a client that leaves, a key that is taken away, and an error nobody expected; on real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

import pytest

from batuta.settings import AuthSettings
from batuta.web.auth import Identity
from batuta.web.disconnect import Receive, cancel_on_disconnect, read_body
from batuta.web.session import Send
from tests.faults.web_app import Running, dispatcher_of, hang_up, run_in_production_loop, serving, settings_of

HOST = b"Host: localhost\r\n"
POST = (
    b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
NOTICED_S = 1.0
LAST_CHUNK = b"0\r\n\r\n"


class Engine:
    """Stands for what a request holds: a lease that must be released, whatever happens."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.has_begun = asyncio.Event()
        self.is_released = asyncio.Event()
        self.was_noticed = False

    async def serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        """Hold the lease in one of four phases for longer than any test lasts."""
        await read_body(receive, 1024)
        async with cancel_on_disconnect(scope, receive) as client:
            try:
                await self._work(send)
            finally:
                self.is_released.set()
        self.was_noticed = client.is_gone

    async def _work(self, send: Send) -> None:
        if self.phase in {"before the first delta", "mid-stream"}:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.phase == "mid-stream":
            await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
        self.has_begun.set()
        await asyncio.sleep(60)


PHASES = ("before the load ends", "before the first delta", "mid-stream", "no stream at all")


async def leave_by_closing(writer: asyncio.StreamWriter) -> None:
    """Close in good order."""
    await hang_up(writer)


async def leave_by_reset(writer: asyncio.StreamWriter) -> None:
    """Vanish, as a killed process does."""
    writer.transport.abort()
    await hang_up(writer)


async def leave_by_half_closing(writer: asyncio.StreamWriter) -> None:
    """Say that nothing more will be sent."""
    writer.write_eof()


@pytest.mark.parametrize("leave", [leave_by_closing, leave_by_reset, leave_by_half_closing])
@pytest.mark.parametrize("phase", PHASES)
async def test_what_a_request_holds_is_released_when_its_client_leaves(
    phase: str,
    leave: Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In every phase, within a second, without a line in the log."""
    engine = Engine(phase)
    dispatcher = dispatcher_of(raw={("POST", "/v1/chat/completions"): engine.serve})
    async with serving(dispatcher) as server:
        _, writer = await server.connect()
        writer.write(POST)
        await engine.has_begun.wait()
        await leave(writer)
        async with asyncio.timeout(NOTICED_S):
            await engine.is_released.wait()
        await asyncio.sleep(0.01)
        assert engine.was_noticed
        await hang_up(writer)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_departure_is_noticed_behind_a_pipelined_request() -> None:
    """A second request sent ahead does not hide that the client has gone."""
    engine = Engine("before the load ends")
    dispatcher = dispatcher_of(raw={("POST", "/v1/chat/completions"): engine.serve})
    async with serving(dispatcher) as server:
        _, writer = await server.connect()
        writer.write(POST + POST)
        await engine.has_begun.wait()
        await hang_up(writer)
        async with asyncio.timeout(NOTICED_S):
            await engine.is_released.wait()


async def first_chunk(server: Running, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request and return once its answer has begun."""
    reader, writer = await server.connect()
    writer.write(request)
    async with asyncio.timeout(2):
        await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@pytest.mark.parametrize("path", [b"GET /ui/events", b"POST /v1/chat/completions"])
async def test_a_stream_ends_when_its_session_is_taken_away(path: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Open streams of a key, or of a session opened with it, are cut within a second of the revocation."""
    settings = settings_of(auth=AuthSettings(required=True, api_key="sk-test-not-a-key"))
    engine = Engine("mid-stream")
    dispatcher = dispatcher_of(settings, raw={("POST", "/v1/chat/completions"): engine.serve})
    auth = dispatcher.edge.auth
    cookie = auth.sign_in("sk-test-not-a-key", address="test")
    assert isinstance(cookie, bytes)
    carriers = (b"Authorization: Bearer sk-test-not-a-key\r\n", b"Cookie: " + cookie.partition(b";")[0] + b"\r\n")
    head = path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 2\r\n"
    async with serving(dispatcher) as server:
        streams = [await first_chunk(server, head + carrier + b"\r\n{}") for carrier in carriers]
        auth.revoke(auth._keys[0].identity.who)
        for reader, writer in streams:
            async with asyncio.timeout(NOTICED_S):
                assert not (await reader.read()).endswith(LAST_CHUNK)
            await hang_up(writer)
        await asyncio.sleep(0.02)
        assert "0 revocable running" in repr(dispatcher)
        refused = await server.exchange(
            head.replace(b"localhost\r\n", b"localhost\r\nConnection: close\r\n") + carriers[0] + b"\r\n{}"
        )
        assert refused.startswith(b"HTTP/1.1 401")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_unexpected_error_shows_its_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The answer holds an id and a general sentence; what happened is in the log under that id."""

    async def broken(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        raise RuntimeError("the secret detail")

    async with serving(dispatcher_of(raw={("POST", "/v1/chat/completions"): broken})) as server:
        for request in (POST, POST.replace(b"/v1/chat/completions", b"/manage/plan?model=x")):
            caplog.clear()
            asked = request.replace(b"localhost\r\n", b"localhost\r\nConnection: close\r\nX-Request-Id: mine-7\r\n")
            answer = await server.exchange(asked)
            assert answer.startswith(b"HTTP/1.1 500")
            assert b"x-request-id: mine-7" in answer
            assert b"request id mine-7" in answer
            assert b"secret" not in answer
            assert b"sk-test" not in answer
            assert [record.getMessage() for record in caplog.records] == [
                "request mine-7 ended with an unexpected error"
            ]


async def test_an_error_in_mid_stream_cuts_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """After the head is out there is no honest end but a cut: the client sees that the answer is not whole."""

    async def breaks(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
        await asyncio.sleep(0.02)
        raise RuntimeError("the secret detail")

    async with serving(dispatcher_of(raw={("POST", "/v1/chat/completions"): breaks})) as server:
        reader, writer = await first_chunk(server, POST)
        assert not (await reader.read()).endswith(LAST_CHUNK)
        await hang_up(writer)
    (record,) = caplog.records
    assert "ended with an unexpected error" in record.getMessage()


@pytest.mark.parametrize("request_line", [b"GET /ui/events", b"POST /v1/chat/completions"])
async def test_a_stopping_server_leaves_no_traceback(request_line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Endless streams are ended at once, answers when their time is over; neither is an error."""
    engine = Engine("mid-stream")
    async with serving(dispatcher_of(raw={("POST", "/v1/chat/completions"): engine.serve})) as server:
        _, writer = await first_chunk(server, POST.replace(b"POST /v1/chat/completions", request_line))
        (link,) = server.guard._connections
        link.shutdown()
        await asyncio.sleep(0.02)
        assert len(server.guard) == (1 if request_line.startswith(b"POST") else 0)
        await hang_up(writer)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("leave", [leave_by_closing, leave_by_reset, leave_by_half_closing])
@pytest.mark.parametrize("phase", PHASES)
def test_the_loop_of_production_notices_too(
    phase: str, leave: Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Uvloop tells of a lost connection in its own order."""
    run_in_production_loop(
        test_what_a_request_holds_is_released_when_its_client_leaves(phase=phase, leave=leave, caplog=caplog)
    )
