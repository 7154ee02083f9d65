"""Who is behind a port: the adapters' own recognition, and what is not mistaken for an engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from batuta.catalog.finding import Door, Knocked
from batuta.engines import registry
from batuta.engines.knock import RECOGNISED, Doorman
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.kinds import KINDS
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import Handler, LocalServer
from batuta.testing.ollama.server import FakeOllama
from batuta.testing.vllm.server import FakeVLLM


def _importable(kind: str) -> bool:
    try:
        registry.engine_of(KINDS[kind].module, kind)
    except BatutaError:
        return False
    return True


KINDS_HERE = tuple(kind for kind in RECOGNISED if _importable(kind))  # imported now: a test's loop must not read files
registry.kinds()


@dataclass
class Seen:
    """A doorman, and what it opened."""

    doorman: Doorman

    async def at(self, port: int, usual: str = "ollama") -> Knocked:
        return await self.doorman.knock(Door(usual, port))


@asynccontextmanager
async def doorman(*, describe_s: float = 2.0) -> AsyncIterator[Seen]:
    transport = Transport()
    try:
        yield Seen(Doorman(transport, describe_s=describe_s))
    finally:
        await transport.aclose()


FAKES: dict[str, type[FakeOllama | FakeLMStudio | FakeLlamaServer | FakeVLLM]] = {
    "ollama": FakeOllama,
    "lmstudio": FakeLMStudio,
    "llama_server": FakeLlamaServer,
    "vllm": FakeVLLM,
}


@pytest.mark.parametrize("usual", KINDS_HERE)
@pytest.mark.parametrize("kind", FAKES)
async def test_each_engine_is_recognised_behind_any_port(kind: str, usual: str) -> None:
    """LM Studio behind llama-server's port is LM Studio: a port is a guess, the answer counts."""
    async with FAKES[kind]() as server, doorman() as seen:
        assert await seen.at(server.port, usual) == Knocked(is_open=True, kind=kind)


async def test_nobody_is_there(unused_tcp_port: int) -> None:
    """A closed port is told within a moment."""
    async with doorman() as seen:
        started = time.perf_counter()
        assert await seen.at(unused_tcp_port) == Knocked(is_open=False)
        assert time.perf_counter() - started < 0.3


@pytest.fixture
async def unused_tcp_port() -> int:
    """A port that was free a moment ago."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


@asynccontextmanager
async def raw(answer: bytes | None, *, cut: bool = False) -> AsyncIterator[int]:
    """Listen, and answer every connection with these bytes; None: never answer."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not cut:
            await reader.read(1)
        if answer is None:
            await done.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        done.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)


async def test_somebody_who_never_answers_is_asked_once() -> None:
    """A half-open program costs one wait, not one for each kind."""
    async with raw(None) as port, doorman(describe_s=0.05) as seen:
        started = time.perf_counter()
        assert await seen.at(port) == Knocked(is_open=True)
        assert time.perf_counter() - started < 0.15


PAGE = b"<!doctype html><title>My shop</title>"
HTML = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(PAGE) + PAGE
)


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\ncontent-length: 19\r\nconnection: close\r\n\r\n{"version": "1.2.3"}'[:-1],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
    ids=["page", "404", "redirect", "json", "version", "ssh", "silence"],
)
async def test_other_programs_are_strangers(answer: bytes) -> None:
    """A web server, a redirect, another protocol, one that hangs up: somebody is there, and nobody we know."""
    async with raw(answer) as port, doorman() as seen:
        assert await seen.at(port, "llama_server") == Knocked(is_open=True)


class AnotherBatuta(FakeOllama):
    """A Batuta that offers its models in Ollama's dialect."""

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        return (*super().routes(), ("GET", "/health", self.health))

    async def health(self, _request: web.Request) -> web.Response:
        body = {"status": "healthy", "gpu_available": False, "model_loaded": True, "models": {}, "loader": {}}
        return web.json_response(body)


async def test_another_batuta_is_no_engine() -> None:
    """Whatever dialect it offers: its models are those of others, and asking it could go in a circle."""
    async with AnotherBatuta() as server, doorman() as seen:
        assert await seen.at(server.port) == Knocked(is_open=True)


async def test_an_engine_that_changes_is_somebody_else() -> None:
    """What answered before says nothing of who answers now."""
    async with doorman() as seen:
        async with FakeOllama() as first:
            port = first.port
            assert (await seen.at(port)).kind == "ollama"
        server: LocalServer
        async with FakeLMStudio(port=port) as server:
            assert server.port == port
            assert (await seen.at(port)).kind == "lmstudio"
        assert await seen.at(port) == Knocked(is_open=False)
