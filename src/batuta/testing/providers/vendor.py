"""What each fake provider has: a place, models, keys, errors and routes. Sends nothing; the server does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from batuta.testing.providers.plays import Play, in_model
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.talk import Answer, Asked, answer_to
from batuta.testing.providers.wire import Event, Form, Reply, Stream

CREATED = 1_795_000_000  # when everything here was made: answers are the same on every day


@dataclass(frozen=True, slots=True)
class ApiModel:
    """A model that a fake provider has.

    Attributes:
        id: its name there.
        thinks: `no`, `asked` (when told to) or `always`; Anthropic's: the ways it may be told to.
        effort: what it uses when nobody names one.
        efforts: what `reasoning_effort` may be; none: it takes no such parameter.
        can_sample: takes temperature, top_p and the like.
        can_call: takes tools.
        can_call_thinking: takes tools while it reasons on /chat/completions.
        needs_signature: refuses function calls that come back without their signature.
        is_embedding: makes vectors and nothing else.
        context: tokens that fit.
        most: tokens that an answer may have.
        row: what else its line in the list of models tells.
    """

    id: str
    thinks: str = "no"
    effort: str = "none"
    efforts: tuple[str, ...] = ()
    can_sample: bool = True
    can_call: bool = True
    can_call_thinking: bool = True
    needs_signature: bool = False
    is_embedding: bool = False
    context: int = 128_000
    most: int = 8192
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as a provider sees it.

    Attributes:
        number: counts all requests of the server; ids of answers are made of it.
        path: of its URL.
        body: its JSON; empty where there is none.
        headers: names in lower case.
        query: of the URL.
        names: parts of the path that the route names.
        key: the key that came; None: none did.
        play: what shall go wrong.
        is_broke: the key has no credit, and this path costs nothing: it answers all the same.
    """

    number: int
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    names: Mapping[str, str]
    key: str | None
    play: Play
    is_broke: bool = False

    @property
    def created(self) -> int:
        """When the answer was made, in seconds since 1970."""
        return CREATED + self.number

    @property
    def is_stream(self) -> bool:
        """Whether the body asks for a stream."""
        return self.body.get("stream") is True


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal with everything that a provider's form of it may show.

    Attributes:
        status, message, type, code: as of Sign, filled in.
        why: the reason.
        param: the parameter it is about.
        details: what else Gemini puts in.
        exchange: the request.
    """

    status: int
    message: str
    type: str
    code: str | int | None
    why: Why
    param: str | None
    details: tuple[Mapping[str, object], ...]
    exchange: Exchange


Action = Callable[[Exchange], Reply | Stream]


@dataclass(frozen=True, slots=True)
class Route:
    """A path of a provider.

    Attributes:
        method: of HTTP.
        path: from the server's root.
        action: what answers it.
        is_open: answered without a key.
        is_free: costs nothing: lists of models, words on a key. Any GET is.
    """

    method: str
    path: str
    action: Action
    is_open: bool = False
    is_free: bool = False


class Vendor:
    """A fake provider. Subclasses say what is theirs.

    Args:
        models: that it has, instead of its usual ones.

    Attributes:
        id: its name here.
        shelf: its models, to be changed at will.
        signs: how it says what it refuses.
        of_status: what a bare status means here and nowhere else.
        form: how it writes streams.
    """

    id: ClassVar[str] = ""
    models: Sequence[ApiModel] = ()
    signs: ClassVar[Mapping[Why, Sign]] = {}
    of_status: ClassVar[Mapping[int, Why]] = {}
    form: ClassVar[Form] = Form()

    def __init__(self, models: Sequence[ApiModel] | None = None) -> None:
        self.shelf = list(self.models if models is None else models)

    def routes(self) -> Sequence[Route]:
        """Return what it answers."""
        raise KeyError(f"{self.id} answers nothing")

    def key_in(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """Return the key that came with a request."""
        del query
        return bearer(headers)

    def model(self, name: Any) -> ApiModel:
        """Return a model by its name; a mishap behind the name counts not.

        Raises:
            Refused: there is none.
        """
        if not isinstance(name, str) or not name:
            raise Refused(Why.BAD, "you must provide a model parameter", param="model")
        plain, mishap = in_model(name)
        for model in self.shelf:
            if model.id == plain or (mishap and not plain):
                return model
        raise Refused(Why.NO_MODEL, self._sign(Why.NO_MODEL).message.format(model=name, key="", param=""))

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        """Return headers of every answer."""
        return {"x-request-id": f"req_{exchange.number:08x}"}

    def refusal(self, refused: Refused, exchange: Exchange) -> Reply:
        """Return a refusal in this provider's form."""
        sign = self._sign(refused.why)
        text = refused.message or sign.message.format(
            model=exchange.body.get("model", ""), key=masked(exchange.key or ""), param=refused.param or ""
        )
        told = Told(
            status=refused.status if refused.status != 200 and refused.status else sign.status,
            message=text,
            type=sign.type,
            code=sign.code if refused.code is None else refused.code,
            why=refused.why,
            param=refused.param,
            details=refused.details,
            exchange=exchange,
        )
        return Reply(self.error(told), refused.status or sign.status)

    def error(self, told: Told) -> Any:
        """Return the body of a refusal."""
        error = {"message": told.message, "type": told.type or None, "param": told.param, "code": told.code}
        return {"error": error}

    def broken(self, exchange: Exchange) -> tuple[Event, ...]:
        """Return the events of an error in the middle of a stream."""
        body = self.refusal(Refused(Why.BROKEN), exchange).body
        return (Event(body, "error" if exchange.play.is_named else ""),)

    def stream(self, exchange: Exchange, events: Any) -> Stream:
        """Return a stream in this provider's form."""
        return Stream(events, self.broken(exchange), self.form)

    def check(self, exchange: Exchange) -> None:
        """Refuse what the play wants refused.

        Raises:
            Refused: it does.
        """
        play = exchange.play
        if play.refuse is not None:
            why = self.of_status.get(play.status, play.refuse)
            raise Refused(why, status=200 if play.in_200 else play.status, details=play.details)
        if play.param and _has(exchange.body, play.param):
            raise Refused(Why.PARAM, param=play.param)

    def answer(self, asked: Asked, exchange: Exchange) -> Answer:
        """Return what the model says. A conversation that does not fit is refused.

        Raises:
            Refused: more words than the context has.
        """
        model = self.model(exchange.body.get("model"))
        if asked.words > model.context:
            raise Refused(Why.CONTEXT)
        return answer_to(asked)

    def _sign(self, why: Why) -> Sign:
        return self.signs.get(why) or COMMON[why]


COMMON: Mapping[Why, Sign] = {
    Why.NO_KEY: Sign(401, "No API key was provided.", "invalid_request_error"),
    Why.BAD_KEY: Sign(401, "Invalid API key.", "invalid_request_error", "invalid_api_key"),
    Why.FORBIDDEN: Sign(403, "You are not allowed to use this.", "permission_error", "forbidden"),
    Why.NO_CREDIT: Sign(402, "Insufficient credit.", "billing_error", "insufficient_credit"),
    Why.SPENT: Sign(402, "Your spending limit is reached.", "billing_error", "spending_limit"),
    Why.RATE: Sign(429, "Rate limit reached for {model}.", "rate_limit_error", "rate_limit_exceeded"),
    Why.DAILY: Sign(429, "Daily limit reached for {model}.", "rate_limit_error", "rate_limit_exceeded"),
    Why.OVERLOADED: Sign(503, "The service is overloaded.", "service_unavailable", "overloaded"),
    Why.NO_MODEL: Sign(404, "The model `{model}` does not exist.", "invalid_request_error", "model_not_found"),
    Why.NO_PATH: Sign(404, "Not Found", "invalid_request_error"),
    Why.BAD: Sign(400, "The request is not valid.", "invalid_request_error"),
    Why.PARAM: Sign(
        400,
        "Unsupported parameter: '{param}' is not supported with this model.",
        "invalid_request_error",
        "unsupported_parameter",
    ),
    Why.UNKNOWN: Sign(422, "Unknown parameter: '{param}'.", "invalid_request_error", "unknown_parameter"),
    Why.TOO_LARGE: Sign(413, "The request is too large.", "invalid_request_error"),
    Why.CONTEXT: Sign(
        400,
        "This model's maximum context length is exceeded. Please reduce the length of the messages.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
    Why.CONTENT: Sign(400, "The request was refused by the content filter.", "invalid_request_error", "content_filter"),
    Why.BROKEN: Sign(500, "The server had an error while processing your request.", "server_error"),
    Why.GATEWAY: Sign(502, "Bad gateway.", "server_error"),
    Why.TIMEOUT: Sign(504, "The request took too long.", "timeout"),
}
"""What most of the OpenAI family say; a provider's own table comes first."""


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the key of an `Authorization: Bearer` header."""
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if kind.lower() == "bearer" else None


def any_key(headers: Mapping[str, str]) -> str | None:
    """Return the key of a request wherever it stands."""
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer(headers)


def masked(key: str) -> str:
    """Return a key as providers show it back: its first and last characters."""
    return f"{key[:3]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)


def parsed(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body; an empty one where there is no body.

    Raises:
        Refused: it is no JSON object.
    """
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused(Why.BAD, f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(body, dict):
        raise Refused(Why.BAD, "The body of a request must be a JSON object.")
    return body


def _has(body: Mapping[str, Any], name: str) -> bool:
    """Say whether a field of that name is in a body, or in an object directly in it."""
    return name in body or any(isinstance(part, Mapping) and name in part for part in body.values())


def vector_size(wanted: Any) -> int | None:
    """Return the length of vectors that was asked for; None: any."""
    return wanted if isinstance(wanted, int) and wanted > 0 else None


def names(text: str) -> frozenset[str]:
    """Return the names that stand in a text."""
    return frozenset(text.split())


SNAKE = re.compile(r"_([a-z])")


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    return SNAKE.sub(lambda match: match[1].upper(), name)
