"""What the fake local engines share: a real HTTP server on loopback, memory that comes back late, faults on demand.

Each fake (LM Studio, Ollama, llama-server, vLLM) is a subclass that adds routes. It can be entered as an async context
manager in a test, or run by hand: `python -m batuta.testing.ollama --port 11434`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

GIB = 1 << 30
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class FakeModel:
    """A model that a fake engine has installed.

    Attributes:
        name: its name at the engine.
        size: bytes it takes when loaded.
        load_s: seconds a load takes.
        words: what it answers, in pieces.
        is_embedding: it embeds and does not chat.
        context: tokens it was trained for.
        details: whatever else the engine tells of it.
    """

    name: str
    size: int = 1 * GIB
    load_s: float = 0.0
    words: Sequence[str] = ("Hello", " from", " a", " fake", ".")
    is_embedding: bool = False
    context: int = 8192
    details: dict[str, Any] = field(default_factory=dict)


class MemoryPool:
    """A device's memory. What is given back comes back `late_s` seconds later, as on real GPUs.

    With an infinite `late_s` it comes back when `bring_back` is called, whatever the machine is busy with.
    """

    def __init__(self, total: int, *, late_s: float = 0.0) -> None:
        self.total = total
        self.late_s = late_s
        self._held: dict[str, int] = {}
        self._returning = 0

    @property
    def free(self) -> int:
        """Bytes free now."""
        return self.total - sum(self._held.values()) - self._returning

    def take(self, owner: str, size: int) -> bool:
        """Hold bytes for the owner; False when they are not there."""
        if size > self.free + self._held.get(owner, 0):
            return False
        self._held[owner] = size
        return True

    def give_back(self, owner: str) -> None:
        """Let the owner's bytes go; they are free after `late_s`."""
        size = self._held.pop(owner, 0)
        if not self.late_s:
            return
        self._returning += size
        if self.late_s == math.inf:
            return
        asyncio.get_running_loop().call_later(self.late_s, self._returned, size)

    def bring_back(self) -> None:
        """Have everything free that was given back."""
        self._returning = 0

    def _returned(self, size: int) -> None:
        self._returning -= size


@dataclass(slots=True)
class Fault:
    """Something that goes wrong `times` times on a path (-1: always).

    Attributes:
        path: the route it happens on.
        status: answer with this status and `body`; 0: none of these.
        body: the answer's text.
        content_type: of the answer.
        cut: close the connection without an answer.
        delay_s: wait this long first, then go on as usual (or with the fault's own answer).
        times: how often; it is gone afterwards.
    """

    path: str
    status: int = 0
    body: str = ""
    content_type: str = "application/json"
    cut: bool = False
    delay_s: float = 0.0
    times: int = 1


class LocalServer:
    """A fake engine's server. Subclasses add their routes in `routes()`.

    Args:
        port: 0 picks a free one.
        memory: the device; 16 GiB when None.
        key: demand it as a bearer token where the engine would; None: no key.
    """

    name = "fake engine"
    default_port = 0

    def __init__(self, *, port: int = 0, memory: MemoryPool | None = None, key: str | None = None) -> None:
        self.port = port
        self.memory = memory or MemoryPool(16 * GIB)
        self.key = key
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []  # (method, path) of each request, in order
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        """Return (method, path, handler) of every route."""
        raise KeyError(f"{self.name} has no routes")

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Answer a route nobody has; engines differ in how."""
        return web.json_response({"error": f"not found: {request.path}"}, status=404)

    async def start(self) -> Self:
        """Listen."""
        app = web.Application(middlewares=[self._through_faults], client_max_size=64 << 20)
        for method, path, handler in self.routes():
            app.router.add_route(method, path, handler)
        app.router.add_route("*", "/{rest:.*}", self.unknown)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def stop(self) -> None:
        """Close the port and every connection: as if the engine had been ended."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @web.middleware
    async def _through_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.seen.append((request.method, request.path))
        fault = next((f for f in self.faults if f.path == request.path and f.times), None)
        if fault is None:
            return await handler(request)
        fault.times -= fault.times > 0
        await asyncio.sleep(fault.delay_s)
        if fault.cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if fault.status:
            return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)
        return await handler(request)

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> None:
        """Run by hand until interrupted."""
        parser = argparse.ArgumentParser(
            prog=cls.__module__.removesuffix(".server"), description=f"{cls.name}, for trying Batuta against"
        )
        parser.add_argument("--port", type=int, default=cls.default_port)
        parsed = parser.parse_args(arguments)

        async def serve() -> None:
            async with cls(port=parsed.port) as server:
                print(f"{cls.name} listens on {server.url}", flush=True)  # noqa: T201  # the command's own output
                await asyncio.Event().wait()

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())
