"""A small app behind the real edge, and a real server for it, for the tests of the edge alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.staticfiles import StaticFiles

from batuta.clock import SystemClock
from batuta.settings import EdgeSettings, Settings
from batuta.web.auth import Auth, Identity
from batuta.web.disconnect import Receive, read_body
from batuta.web.dispatch import Dispatcher, RawRoute
from batuta.web.edge import Edge
from batuta.web.errors import install_error_handlers
from batuta.web.protocol import Guard, server_config
from batuta.web.session import Send

STATIC = Path(__file__).parent


def settings_of(**changes: Any) -> Settings:
    """Return settings for 127.0.0.1:22888 with some changed."""
    return Settings(**changes)


async def reply(send: Send, body: bytes, status: int = 200) -> None:
    """Send a whole answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo_size(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
    """Answer with the number of bytes received."""
    body = await read_body(receive, 1 << 30)
    await reply(send, b"%d" % len(body))


async def list_models(scope: MutableMapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
    """Answer with who is asking."""
    await reply(send, identity.who.encode())


RAW: Mapping[tuple[str, str], RawRoute] = {
    ("POST", "/v1/chat/completions"): echo_size,
    ("POST", "/v1/embeddings"): echo_size,
    ("GET", "/v1/models"): list_models,
}


def small_app() -> FastAPI:
    """Return an app with a route of each kind: page, fragment stream, management with an id, metrics, health, files."""
    app = FastAPI(docs_url=None, redoc_url=None)
    install_error_handlers(app)

    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b": tick\n\n"
            await asyncio.sleep(0.02)

    @app.get("/")
    async def page() -> str:
        return "page"

    @app.get("/ui/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/metrics")
    async def metrics() -> str:
        return ""

    @app.get("/manage/models/{model_id:path}/status")
    async def status(model_id: str) -> dict[str, str]:
        return {"id": model_id}

    @app.delete("/manage/keys/{key_id}")
    async def delete_key(key_id: str) -> None:
        return None

    @app.post("/manage/plan")
    async def plan(model: str) -> dict[str, str]:
        raise RuntimeError("sk-test-not-a-key is in here")

    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def dispatcher_of(
    settings: Settings | None = None, raw: Mapping[tuple[str, str], RawRoute] | None = None, **rest: Any
) -> Dispatcher:
    """Return the small app behind an edge with these settings."""
    settings = settings or settings_of()
    auth = Auth(settings, clock=rest.pop("clock", None) or SystemClock())
    return Dispatcher(Edge(settings, auth), RAW if raw is None else raw, small_app(), **rest)


def run_in_production_loop(play: Coroutine[Any, Any, None]) -> None:
    """Run a test on the event loop that serves in production: uvloop where it is installed."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        from uvloop import new_event_loop as factory
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(play)


class Running:
    """A server on a port of its own in this loop, and the two ends of raw connections to it."""

    def __init__(self, port: int, guard: Guard) -> None:
        self.port = port
        self.guard = guard

    async def connect(self, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, **options)

    async def exchange(self, raw: bytes, *, within_s: float = 3.0) -> bytes:
        """Send bytes, return everything that comes back until the server closes."""
        reader, writer = await self.connect()
        try:
            writer.write(raw)
            async with asyncio.timeout(within_s):
                return await reader.read()
        finally:
            await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection without minding how the other side took it."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def serving(app: Any, **edge: Any) -> AsyncIterator[Running]:
    """Serve `app` with these edge limits on a free port of 127.0.0.1."""
    limits = EdgeSettings(**edge)
    guard = Guard(limits)
    config = server_config(app, Settings(port=0, edge=limits), guard=guard)
    config.lifespan = "off"
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    server.server_state.default_headers = [(b"date", b"Sat, 21 Nov 2026 10:00:00 GMT")]
    try:
        yield Running(server.servers[0].sockets[0].getsockname()[1], guard)
    finally:
        server.force_exit = True
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        server.servers[0].close()
        tasks = list(server.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(3):  # transports tell their protocols of the end at the loop's next turns
            await asyncio.sleep(0)
