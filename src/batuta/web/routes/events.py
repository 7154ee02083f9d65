"""`GET /manage/events`: a picture of now, then every fact as it happens. Knows nothing of pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from batuta.chat import sse
from batuta.errors import QueueFull
from batuta.lifecycle.words import sentence
from batuta.observe.bus import Subscription
from batuta.observe.events import Fact, QueueChanged
from batuta.web.services import Services
from batuta.web.views import memory_view, model_views

HEARTBEAT_S = 10.0  # proxies and clients give a silent connection up after 15 s and more
MOST_STREAMS = 64  # each holds a mailbox; a person has a handful of pages and scripts
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def router(services: Services, *, heartbeat_s: float = HEARTBEAT_S) -> APIRouter:
    """Build the route."""
    streams = EventStreams(services, heartbeat_s=heartbeat_s)
    routes = APIRouter(prefix="/manage", tags=["live"])

    @routes.get("/events", summary="Follow what happens", response_class=StreamingResponse)
    async def events() -> StreamingResponse:
        """Server-sent events: `snapshot` first, then `model_state`, `load_progress`, `queue`, `swap`, `memory`, ..."""
        return StreamingResponse(streams.open(), media_type="text/event-stream", headers=_HEADERS)

    return routes


class EventStreams:
    """All listeners of the events, bounded in number; each is bounded in what it may fall behind."""

    def __init__(self, services: Services, *, heartbeat_s: float) -> None:
        self._services = services
        self._heartbeat_s = heartbeat_s
        self._open = 0

    def open(self) -> AsyncIterator[bytes]:
        """Return a stream of encoded events. Raises QueueFull when too many listen already."""
        if self._open >= MOST_STREAMS:
            raise QueueFull(f"{MOST_STREAMS} listeners follow the events already; close one of them", retry_after_s=10)
        return self._events()

    async def _events(self) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            with self._services.bus.subscribe() as box:
                yield self.snapshot()
                lost = box.lost
                while True:
                    facts = await self._next(box)
                    if box.lost != lost:  # this reader was too slow: what it knows is not to be trusted any more
                        lost = box.lost
                        yield self.snapshot()
                    yield b"".join(map(self._encode, facts)) if facts else sse.comment("still here")
        finally:
            self._open -= 1

    def _encode(self, fact: Fact) -> bytes:
        """Encode a fact; one about a queue with what its first request waits for now, in words."""
        if not isinstance(fact, QueueChanged):
            return encode(fact)
        return encode(fact, sentence=self._sentence(fact))

    def _sentence(self, fact: QueueChanged) -> str:
        runner = self._services.runner
        if not fact.waiting or fact.model not in runner.lifecycle.residencies:
            return ""
        found = runner.view(fact.model).forecast
        return sentence(found, fact.model) if found else ""

    async def _next(self, box: Subscription) -> list[Any]:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return [await box.get(), *box.drain()]
        except TimeoutError:
            return []

    def snapshot(self) -> bytes:
        """Return everything, as it is now, as one event."""
        services = self._services
        body = {
            "event": "snapshot",
            "models": model_views(services),
            "devices": memory_view(services),
            "loader": {"state": services.supervisor.state, "message": services.supervisor.message},
        }
        return sse.encode(orjson.dumps(body), event="snapshot")


def encode(fact: Fact, **more: Any) -> bytes:
    """Return a fact as one event, named by its kind. `more`: what is said beside it."""
    return sse.encode(orjson.dumps(fact.to_json() | more), event=fact.kind)
