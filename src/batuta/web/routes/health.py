"""`/health`, `/ready` and `/metrics` as plain ASGI: they are asked every few seconds and must cost next to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from batuta.catalog.entities import ModelSpec
from batuta.catalog.role_keeper import first_model
from batuta.lifecycle.residency import ResidencyView, Snapshot
from batuta.lifecycle.states import ModelState
from batuta.observe.events import ModelStateChanged
from batuta.web.auth import Identity
from batuta.web.disconnect import Receive
from batuta.web.dispatch import RawRoute, Scope
from batuta.web.services import Services
from batuta.web.session import Send

Answer = tuple[int, bytes, bytes]  # status, content type, body
_DOWN = {"down", "fatal"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How Batuta is. `status`: healthy | starting | degraded; `is_ready`: nothing has to be waited for any more."""

    status: str
    is_ready: bool
    reason: str


def judge(
    *, loader: str, is_looked: bool, default: ModelSpec | None, view: ResidencyView | None, was_ready: bool = False
) -> Verdict:
    """Decide how Batuta is.

    1. The catalog has not looked at the disks yet: starting.
    2. There is a default model, and it has to be loaded here. Failed or switched off: degraded. Ready now, or ready
       once (it may have made room for another and comes back when it is asked for): healthy. Else: starting.
    3. Nothing to wait for: healthy.
    4. In each case a loader that is gone makes it degraded.

    Args:
        loader: starting | up | down | fatal.
        is_looked: the catalog knows what there is.
        default: the model that is loaded first, if any.
        view: where it stands.
        was_ready: it has been ready since the start.
    """
    if not is_looked:  # 1
        return Verdict("starting", is_ready=False, reason="looking for models")
    is_down = loader in _DOWN
    if default is not None and view is not None and default.is_loadable:  # 2
        if view.state in {ModelState.FAILED, ModelState.DISABLED}:
            return Verdict("degraded", is_ready=False, reason=f"{default.id} is {view.state.value}: {view.message}")
        if is_down:  # 4
            return Verdict("degraded", is_ready=False, reason=f"the loader is {loader}")
        if view.state is ModelState.READY or was_ready:
            return Verdict("healthy", is_ready=True, reason=f"{default.id} is {view.state.value}")
        percent = "" if view.progress is None else f" ({view.progress:.0%})"
        waits = "loading" if view.state is ModelState.LOADING else "waiting to be loaded"
        return Verdict("starting", is_ready=False, reason=f"{default.id} is {waits}{percent}")
    if is_down:  # 4
        return Verdict("degraded", is_ready=True, reason=f"the loader is {loader}; models elsewhere still answer")
    return Verdict("healthy", is_ready=True, reason="there is nothing to wait for")  # 3


def raw_routes(services: Services) -> dict[tuple[str, str], RawRoute]:
    """Return (method, path) -> handler, for the dispatcher's raw table."""
    probes = _Probes(services)
    table: dict[str, Callable[[], Awaitable[Answer]]] = {
        "/health": probes.health,
        "/ready": probes.ready,
        "/metrics": probes.metrics,
    }
    return {(method, path): _handler(answer) for path, answer in table.items() for method in ("GET", "HEAD")}


def _handler(answer: Callable[[], Awaitable[Answer]]) -> RawRoute:
    async def handle(scope: Scope, _receive: Receive, send: Send, _identity: Identity) -> None:
        status, content_type, body = await answer()
        await _respond(send, status, content_type, body, is_head=scope["method"] == "HEAD")

    return handle


async def _respond(
    send: Callable[[dict[str, Any]], Awaitable[None]], status: int, content_type: bytes, body: bytes, *, is_head: bool
) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


class _Probes:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._ready: set[str] = set()  # ids of models that have been ready
        services.bus.listen(self._hear)

    def _hear(self, fact: Any) -> None:
        if isinstance(fact, ModelStateChanged) and fact.new == ModelState.READY:
            self._ready.add(fact.model)

    def _verdict(self, snapshot: Snapshot) -> Verdict:
        services = self._services
        default = first_model(services.catalog.specs(), services.catalog.default_roles)
        return judge(
            loader=services.supervisor.state,
            is_looked=services.catalog.is_started,
            default=default,
            view=snapshot.models.get(default.id) if default else None,
            was_ready=default is not None and default.id in self._ready,
        )

    async def health(self) -> Answer:
        """`GET /health`: 200 whatever the status says; who asks reads the body."""
        services = self._services
        snapshot = services.runner.snapshot()
        verdict = self._verdict(snapshot)
        local = {i: view for i, view in snapshot.models.items() if _is_loadable(services, i)}
        body = {
            "status": verdict.status,
            "reason": verdict.reason,
            "gpu_available": any(device != "host" for device in snapshot.devices),
            "model_loaded": any(view.state is ModelState.READY for view in local.values()),
            "models": {
                i: {"state": view.state.value, "progress": view.progress, "error": view.message or None}
                for i, view in local.items()
            },
            "loader": {"state": services.supervisor.state, "message": services.supervisor.message},
        }
        return 200, b"application/json", orjson.dumps(body)

    async def ready(self) -> Answer:
        """`GET /ready`: 503 until the default model answers, or there is nothing to wait for."""
        verdict = self._verdict(self._services.runner.snapshot())
        body = {"ready": verdict.is_ready, "status": verdict.status, "reason": verdict.reason}
        return 200 if verdict.is_ready else 503, b"application/json", orjson.dumps(body)

    async def metrics(self) -> Answer:
        """`GET /metrics`: Prometheus' text."""
        await asyncio.to_thread(self._services.metrics.prepare)
        body, content_type = self._services.metrics.render()
        return 200, content_type.encode(), body


def _is_loadable(services: Services, model_id: str) -> bool:
    spec = services.catalog.get(model_id)
    return spec is not None and spec.is_loadable
