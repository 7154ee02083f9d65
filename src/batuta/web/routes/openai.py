"""The OpenAI dialect's inference routes, as plain ASGI: this is the hot path.

A body becomes a Call, the gateway's pieces become a response. A stream that has to wait for a model opens at the
first heartbeat, with progress in comments; from then on an error can only be told in-band.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import orjson
from fastapi import APIRouter

from batuta.chat import sse
from batuta.chat.dialects.openai import encode_error
from batuta.engines.openai_compat import HOP, MOST_HOPS
from batuta.errors import BadRequest, BatutaError, HostError, LoopFound, ModelNotFound
from batuta.gateway.attempt import EVENT_STREAM, LOCAL_ONLY
from batuta.gateway.call import ENDPOINTS, Call, Endpoint, Head, Trying, read_call
from batuta.lifecycle.events import Priority
from batuta.lifecycle.runner import CLOSING
from batuta.lifecycle.states import ModelState
from batuta.lifecycle.words import sentence
from batuta.routing.roles import Virtual
from batuta.routing.wishes import MOST_NAMES, Policy, Wishes
from batuta.web.auth import Identity
from batuta.web.disconnect import Receive, cancel_on_disconnect, read_body
from batuta.web.dispatch import RawRoute, Scope
from batuta.web.errors import error_response
from batuta.web.first_look import first_look
from batuta.web.services import Services
from batuta.web.session import Send
from batuta.web.shape import refuse_crowded
from batuta.web.waits import rounded

STATUS_VALUES = {
    ModelState.ABSENT: "unloaded",
    ModelState.LOADING: "loading",
    ModelState.READY: "loaded",
    ModelState.ASLEEP: "sleeping",
    ModelState.DRAINING: "loaded",
    ModelState.UNLOADING: "unloaded",
    ModelState.FAILED: "unloaded",
    ModelState.DISABLED: "unloaded",
}
"""Our states in the words of llama.cpp's router, which clients know."""

T = TypeVar("T")
LAST_WORDS_S = 0.5  # for a reader who does not read
LONGEST_NAME = 512  # characters of a model's name; a file's name has at most 255
_HOP = HOP.encode()
_PREFIX = b"x-batuta-"
_MAX_WAIT = b"x-batuta-max-wait"
LONGEST_WAIT_S = 3600
_NUMBER = re.compile(rb"\d{1,4}(?:\.\d{1,3})?", re.ASCII)
_WISHES: dict[bytes, tuple[str, dict[bytes, Any]]] = {
    b"x-batuta-fallback": ("allow_fallback", {b"allow": True, b"deny": False}),
    b"x-batuta-policy": ("policy", {policy.value.encode(): policy for policy in Policy}),
    LOCAL_ONLY.encode(): ("local_only", {b"true": True, b"false": False}),
}
"""Header -> the wish that it is, and what it may say."""
_PRIORITY = {b"interactive": Priority.INTERACTIVE, b"normal": Priority.NORMAL, b"batch": Priority.BATCH}
_STREAM_HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


def raw_routes(services: Services) -> dict[tuple[str, str], RawRoute]:
    """Return the routes by (method, path)."""
    routes: dict[tuple[str, str], RawRoute] = {
        ("POST", path): _inference(services, endpoint) for path, endpoint in ENDPOINTS.items()
    }

    async def models(scope: Scope, receive: Receive, send: Send, identity: Identity) -> None:  # noqa: ARG001  # the shape of a raw route
        await _respond(send, 200, orjson.dumps(models_body(services)))

    routes["GET", "/v1/models"] = models
    return routes


def router(services: Services) -> APIRouter:
    """Return what of the dialect is not on the hot path."""
    routes = APIRouter(tags=["inference"])

    @routes.get("/v1/models/{model_id:path}", summary="One model")
    def model(model_id: str) -> dict[str, Any]:
        for item in models_body(services)["data"]:
            if item["id"] == model_id:
                return dict(item)
        raise ModelNotFound(f"there is no model {model_id!r}; GET /v1/models lists what there is", model=model_id)

    return routes


def models_body(services: Services) -> dict[str, Any]:
    """Return the list of models in OpenAI's form; each item also carries llama.cpp's `status.value`."""
    residencies = services.runner.lifecycle.residencies
    items = []
    for spec in services.catalog.specs().values():
        residency = residencies.get(spec.id)
        if residency is None or not spec.enabled or not spec.is_present:
            continue
        status: dict[str, Any] = {"value": STATUS_VALUES[residency.state]}
        if residency.state is ModelState.FAILED:
            status["failed"] = True
        if residency.state is ModelState.LOADING and residency.fraction is not None:
            status["progress"] = residency.fraction
        items.append(_item(spec.id, spec.provider_id, status, spec.context_length))
    if items:
        ours = [name.value for name in Virtual if name.value not in residencies]  # a model's own name goes first
        items += [_item(name, "batuta", {"value": "loaded"}, 0) for name in ours]
    return {"object": "list", "data": items}


def _item(ident: str, owner: str, status: dict[str, Any], context: int) -> dict[str, Any]:
    item = {"id": ident, "object": "model", "created": 0, "owned_by": owner, "status": status}
    return item | {"context_length": context} if context else item


def _inference(services: Services, endpoint: Endpoint) -> RawRoute:
    limit, wait = services.settings.edge.max_body, services.settings.queue.deadline_s

    async def route(scope: Scope, receive: Receive, send: Send, identity: Identity) -> None:  # noqa: ARG001  # the edge has judged it
        body = await read_body(receive, limit)
        await first_look(services)
        said = _said(scope["headers"])
        refuse_crowded(body)
        try:
            call = read_call(
                body,
                endpoint,
                request_id=scope["state"]["request_id"],
                deadline=services.clock.monotonic() + wait,
                **said,
            )
        except RecursionError:
            raise BadRequest("the request body is nested too deeply") from None
        for name in (call.model, call.following, *call.wishes.models):
            if len(name) > LONGEST_NAME:
                raise BadRequest(f"`model` has {len(name)} characters; at most {LONGEST_NAME} are accepted")
        reply = _Reply(services, send, call)
        async with cancel_on_disconnect(scope, receive) as client:
            try:
                async with aclosing(services.gateway.serve(call)) as pieces:
                    async for piece in pieces:
                        await reply.take(piece)
                await reply.end()
            except BatutaError as error:
                await reply.fail(error)
            except asyncio.CancelledError:
                if client.is_gone or (task := asyncio.current_task()) is None:
                    raise
                task.uncancel()  # the server's time is up: the last words are an error, and then the task ends
                with suppress(TimeoutError):
                    async with asyncio.timeout(LAST_WORDS_S):
                        await reply.fail(HostError(CLOSING))
            finally:
                reply.close()

    return route


def _said(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Read what the headers say of a call, as `read_call` takes it.

    Who may answer (`wishes`): `x-batuta-fallback: allow|deny`, `x-batuta-models: NAME, NAME`,
    `x-batuta-policy: same-or-smaller-cost|local-only`, `x-batuta-local-only: true|false`. Who waits (`priority`):
    `x-batuta-priority: interactive|normal|batch`, and how long (`max_wait_s`): `x-batuta-max-wait: SECONDS`. Who is
    asked next (`following`): `x-batuta-next: NAME`. Through how many gateways it has come (`hops`): `x-batuta-hop: N`.
    """
    wishes: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for name, value in headers:
        if not name.startswith(_PREFIX):
            continue
        if name == b"x-batuta-priority":
            said["priority"] = _one_of(name, value, _PRIORITY)
        elif name == _HOP:
            said["hops"] = _hops(value)
        elif name == _MAX_WAIT:
            said["max_wait_s"] = _seconds(value)
        elif name == b"x-batuta-next":
            said["following"] = _name(value)
        elif name in _WISHES:
            field, choices = _WISHES[name]
            wishes[field] = _one_of(name, value, choices)
        elif name == b"x-batuta-models":
            wishes["models"] = _names(value)
    if wishes:
        said["wishes"] = Wishes(**wishes)
    return said


def _one_of(name: bytes, value: bytes, choices: Mapping[bytes, T]) -> T:
    if value not in choices:
        *most, last = (f"`{choice.decode()}`" for choice in choices)
        raise BadRequest(f"`{name.decode()}` must be {', '.join(most)} or {last}")
    return choices[value]


def _names(value: bytes) -> tuple[str, ...]:
    """Read a list of names; what is not ASCII in them is percent-encoded."""
    names = tuple(name for each in value.decode("latin-1").split(",") if (name := unquote(each.strip())))
    if not names or len(names) > MOST_NAMES or not all(name.isprintable() for name in names):
        raise BadRequest(f"`x-batuta-models` must be 1 to {MOST_NAMES} names of models, separated by commas")
    return names


def _name(value: bytes) -> str:
    if not (name := unquote(value.decode("latin-1").strip())) or not name.isprintable():
        raise BadRequest("`x-batuta-next` must be the name of the model that will be asked next")
    return name


def _hops(value: bytes) -> int:
    if not value.isdigit() or len(value) > 3:
        raise BadRequest("`x-batuta-hop` is the number of gateways that a request has come through")
    if (hops := int(value)) > MOST_HOPS:
        raise LoopFound(
            f"the request has come through {hops} gateways and goes in a circle: one of them has another, or itself, "
            "as its provider"
        )
    return hops


def _seconds(value: bytes) -> float:
    if _NUMBER.fullmatch(value) is None or (seconds := float(value)) > LONGEST_WAIT_S:
        raise BadRequest(f"`{_MAX_WAIT.decode()}` is a number of seconds from 0 to {LONGEST_WAIT_S}, like 5 or 2.5")
    return seconds


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    if headers is None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Reply:
    """The response to one call: starts it at the right moment and in the right form."""

    __slots__ = ("_beats", "_call", "_head", "_is_started", "_send", "_services", "_timer", "_waiting_for")

    def __init__(self, services: Services, send: Send, call: Call) -> None:
        self._services = services
        self._send = send
        self._call = call
        self._head: Head | None = None
        self._is_started = False
        self._waiting_for: str | None = None
        self._timer: Any = None
        self._beats: Any = None

    async def take(self, piece: Trying | Head | bytes) -> None:
        """Take the next piece from the gateway."""
        if type(piece) is bytes:
            if self._call.stream:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            else:
                await self._whole(piece)
        elif type(piece) is Head:
            await self._hush()
            self._head = piece
            if self._call.stream:
                await self._open(piece)
        elif type(piece) is Trying:
            self._waiting_for = piece.model
            if self._call.stream and self._timer is None:
                wait = self._services.settings.edge.heartbeat_s
                self._timer = asyncio.get_running_loop().call_later(wait, self._beat)

    async def _open(self, head: Head) -> None:
        """Start the stream; one that heartbeats have opened already learns in a comment who answers."""
        if not self._is_started:
            await self._start(_who(head))
        else:
            facts = {"model": head.model, "route": head.route, "fallback": list(head.fallback)}
            await self._comment(facts)

    async def _start(self, extra: list[tuple[bytes, bytes]]) -> None:
        headers = [(b"content-type", EVENT_STREAM.encode()), *_STREAM_HEADERS, *extra]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self._is_started = True

    async def _whole(self, body: bytes) -> None:
        assert self._head is not None, "bytes before the head"
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *_who(self._head)]
        self._is_started = True
        await _respond(self._send, 200, body, headers)

    async def end(self) -> None:
        """The answer is whole."""
        if self._call.stream:
            await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: BatutaError) -> None:
        """Tell the caller: as a response while nothing has been sent, in-band after that."""
        await self._hush()
        if not self._is_started:
            status, headers, body = error_response(error)
            await _respond(self._send, status, body, headers)
        elif self._call.stream:
            event = encode_error(error)
            await self._send({"type": "http.response.body", "body": b"\n\n" + event})

    # Heartbeats ---------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        self._beats = self._services.tasks.start(self._beat_on(), name=f"heartbeat {self._call.request_id}")

    async def _beat_on(self) -> None:
        if not self._is_started:
            await self._start([])
        while True:
            await self._comment(self._progress())
            await self._services.clock.sleep(self._services.settings.edge.heartbeat_s)

    def _progress(self) -> dict[str, Any]:
        model = self._waiting_for or self._call.model
        try:
            view = self._services.runner.view(model)
        except ModelNotFound:  # it has just left the catalog; its refusal is on its way
            return {"model": model, "state": None}
        found = view.forecast
        return {
            "model": model,
            "state": view.state.value,
            "stage": view.stage,
            "fraction": view.progress,
            "elapsed_s": round(view.elapsed_s, 1),
            "remaining_s": rounded(view.remaining_s),
            "position": view.queue_position,
            "waits_for": view.waits_for,
            "expected_s": rounded(found.seconds) if found else None,
            "sentence": sentence(found, model) if found else "",
        }

    async def _comment(self, facts: dict[str, Any]) -> None:
        line = sse.comment(f"batuta {orjson.dumps(facts).decode()}")
        await self._send({"type": "http.response.body", "body": line, "more_body": True})

    async def _hush(self) -> None:
        """End the heartbeats and wait for it: one that is being sent must not meet what comes next."""
        beats = self._beats
        self.close()
        if beats is not None:
            await asyncio.wait({beats})

    def close(self) -> None:
        """End the heartbeats."""
        if self._timer is not None:
            self._timer.cancel()
        if self._beats is not None:
            self._beats.cancel()
            self._beats = None


def _who(head: Head) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-batuta-model", _plain(head.model)), (b"x-batuta-route", _plain(head.route))]
    if head.fallback:
        headers.append((b"x-batuta-fallback", _plain("; ".join(head.fallback))))
    return headers


def _plain(text: str) -> bytes:
    """Return text that may stand in a header: ASCII as it is, the rest percent-encoded."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return quote(text, safe=" !#$&'()*+,/:;=?@[]-._~").encode()
