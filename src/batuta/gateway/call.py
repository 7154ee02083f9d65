"""A request as the gateway sees it, and the pieces of its answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import orjson

from batuta.catalog.entities import Capability
from batuta.errors import BadRequest
from batuta.lifecycle.events import Priority
from batuta.routing.wishes import MOST_NAMES, NO_WISHES, Wishes

SHORT = 64  # bytes; an empty list is shorter, and a long one is not looked through
OURS: Final = ("models", "local_only")  # fields of a body that are for Batuta and nobody behind it
_ABSENT = msgspec.Raw(b"")


class _Fields(msgspec.Struct):
    """The fields of an OpenAI-dialect body that the gateway reads; all others pass through."""

    model: str = ""
    models: list[str] | None = None
    local_only: bool | None = None
    stream: bool | None = None
    messages: msgspec.Raw = _ABSENT
    prompt: msgspec.Raw = _ABSENT
    input: msgspec.Raw = _ABSENT
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    n_discard: int | None = None


_decode = msgspec.json.Decoder(_Fields).decode


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One inference path of the OpenAI dialect: what it needs of the body, and of a model."""

    path: str
    subject: str
    needs: frozenset[Capability]
    can_stream: bool = True


ENDPOINTS = {
    "/v1/chat/completions": Endpoint("chat/completions", "messages", frozenset({Capability.CHAT})),
    "/v1/completions": Endpoint("completions", "prompt", frozenset({Capability.COMPLETION})),
    "/v1/embeddings": Endpoint("embeddings", "input", frozenset({Capability.EMBEDDING}), can_stream=False),
}

# name -> (lowest, highest): beyond these no engine means anything, and some native code has crashed.
LIMITS: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "max_tokens": (-1, 10_000_000),
    "max_completion_tokens": (-1, 10_000_000),
    "n": (1, 16),
    "n_discard": (0, 10_000_000),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One inference request.

    Attributes:
        request_id: for logs and the x-request-id header.
        endpoint: which path it came in by.
        model: the name the caller used; the first of its list where it gave a list alone.
        body: the JSON as it came.
        stream: whether the caller reads an event stream.
        deadline: monotonic seconds until which it may wait for a ready model.
        priority: who waits.
        wishes: the caller's word on who may answer.
        hops: gateways it has come through before this one.
        has_ours: the body has fields that are for Batuta alone.
        max_wait_s: seconds that it is worth waiting for a model while another could answer; None: as the settings say.
        following: the name of the model that the caller will ask next; empty: it does not say.
    """

    request_id: str
    endpoint: Endpoint
    model: str
    body: bytes
    stream: bool
    deadline: float
    priority: Priority = Priority.INTERACTIVE
    wishes: Wishes = NO_WISHES
    hops: int = 0
    has_ours: bool = False
    max_wait_s: float | None = None
    following: str = ""


def read_call(  # what the headers say, each by its name
    body: bytes,
    endpoint: Endpoint,
    *,
    request_id: str,
    deadline: float,
    priority: Priority = Priority.INTERACTIVE,
    allow_fallback: bool | None = None,
    wishes: Wishes = NO_WISHES,
    hops: int = 0,
    max_wait_s: float | None = None,
    following: str = "",
) -> Call:
    """Check a body and make a Call of it. Raises BadRequest saying which field is wrong and how.

    `wishes` are those of the headers, and go before those of the body; `allow_fallback` is one of them.
    """
    try:
        fields = _decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"the request body is wrong: {error}") from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"the request body is not valid JSON: {error}") from None
    if (has_ours := fields.models is not None or fields.local_only is not None) or wishes.models:
        wishes = _with_body(wishes, fields)
    if allow_fallback is not None:
        wishes = replace(wishes, allow_fallback=allow_fallback)
    if not fields.model and wishes.models:
        fields.model = wishes.models[0]
    if not fields.model or not fields.model.isprintable():
        raise BadRequest("`model` must be a non-empty name without control characters")
    subject = bytes(getattr(fields, endpoint.subject))
    if len(subject) < SHORT and subject.translate(None, b" \t\r\n") == b"[]":
        raise BadRequest(f"`{endpoint.subject}` is empty; there is nothing to answer", model=fields.model)
    if subject in {b"", b"null"}:
        raise BadRequest(f"`{endpoint.subject}` is missing; POST /v1/{endpoint.path} needs it", model=fields.model)
    for name, (low, high) in LIMITS.items():
        value = getattr(fields, name)
        if value is not None and not low <= value <= high:
            raise BadRequest(f"`{name}` is {value}; it must be between {low:g} and {high:g}", model=fields.model)
    stream = bool(fields.stream)
    if stream and not endpoint.can_stream:
        raise BadRequest(f"POST /v1/{endpoint.path} cannot stream", model=fields.model)
    call = Call(request_id, endpoint, fields.model, body, stream, deadline, priority, wishes, hops, has_ours)
    return replace(call, max_wait_s=max_wait_s, following=following) if max_wait_s is not None or following else call


def _with_body(wishes: Wishes, fields: _Fields) -> Wishes:
    """Return the wishes with what the body adds to them. Raises BadRequest for a list that is none."""
    models = wishes.models or tuple(fields.models or ())
    if len(models) > MOST_NAMES:
        raise BadRequest(f"`models` has {len(models)} names; at most {MOST_NAMES} are tried")
    if not all(name and name.isprintable() for name in models):
        raise BadRequest("`models` must be non-empty names without control characters")
    return replace(wishes, models=models, local_only=wishes.local_only or bool(fields.local_only))


def fields_of(call: Call) -> dict[str, Any]:
    """Return the body without what is for Batuta alone. Raises BadRequest for a number that no engine could read."""
    try:
        fields: dict[str, Any] = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the request body cannot be read: {error}", model=call.model) from None
    if call.has_ours:
        for name in OURS:
            fields.pop(name, None)
    return fields


def body_for(call: Call, wire_name: str) -> bytes:
    """Return the body with the model's name at its engine; the very bytes that came if the name is the same.

    Raises BadRequest for a body that cannot be written again.
    """
    if wire_name == call.model and not call.has_ours:
        return call.body
    fields = fields_of(call)
    fields["model"] = wire_name
    try:
        return orjson.dumps(fields)
    except orjson.JSONEncodeError as error:  # nested too deep
        raise BadRequest(f"the request body cannot be passed on: {error}", model=call.model) from None


@dataclass(frozen=True, slots=True)
class Trying:
    """A candidate is about to be leased; it may have to be loaded first."""

    model: str


@dataclass(frozen=True, slots=True)
class Head:
    """The commit point: who answers, and why. Everything after it is the answer's bytes.

    Attributes:
        model: id of the model that answers.
        route: why it was chosen.
        fallback: `from, cause` for each model that was tried before; empty if the first one answers.
        content_type: of the bytes that follow.
    """

    model: str
    route: str
    content_type: str
    fallback: tuple[str, ...] = field(default=())
