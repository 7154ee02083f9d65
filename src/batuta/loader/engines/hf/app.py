"""The HTTP surface of one model in its own process: OpenAI's routes, one key, errors as llama-server says them.

Knows nothing of torch: what computes is given to it.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from batuta.loader.engines.hf import answers
from batuta.loader.engines.hf.answering import GONE, Begun, Inbox, Reading, Speaker, chat_prompt, plain_prompt
from batuta.loader.engines.hf.errors import ApiError, Failed, Invalid, NoMemory, WrongKey, is_out_of_memory
from batuta.loader.engines.hf.parking import Gate, Parked
from batuta.loader.engines.hf.request import Answering, Sampling, parse_chat, parse_completion, parse_embedding
from batuta.loader.engines.hf.toolcalls import Piece
from batuta.loader.engines.hf.turns import End, Job

T = TypeVar("T")
JSON = "application/json"
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
MOST_BODY = 64 << 20  # bytes; the gateway in front admits half of that


class Computer(Protocol):
    """What computes: `turns.TurnTaker` or `batch.Batcher`."""

    def submit(self, job: Job) -> Callable[[], None]:
        """Begin a job; return what ends it before its next step."""
        ...

    def do(self, errand: Callable[[], T]) -> Future[T]:
        """Run a function when it disturbs nobody."""
        ...


class Model(Speaker, Protocol):
    """What is served; `load.Loaded` has this form."""

    @property
    def ends(self) -> frozenset[int]: ...
    @property
    def defaults(self) -> Sampling: ...
    @property
    def device(self) -> str: ...
    @property
    def dtype(self) -> str: ...


class Service:
    """The routes of one model.

    Args:
        alias: the name it answers under.
        model: what is known of it.
        computer: what computes; None for a model that only embeds.
        embed: returns the vector of a text in tokens; None when embeddings are off.
        can_answer: it writes text.
        gate: what every answer goes through; closed while the model is parked.
    """

    def __init__(
        self,
        alias: str,
        model: Model,
        computer: Computer,
        *,
        embed: Callable[[list[int]], Sequence[float]] | None,
        can_answer: bool = True,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate or Gate()
        self._alias = alias
        self._model = model
        self._computer = computer
        self._embed = embed
        self._can_answer = can_answer
        self._started = int(time.time())

    async def health(self, _request: Request) -> Response:
        """Say whether the model can answer."""
        if not self._gate.is_open:
            raise Parked
        return Response(b'{"status":"ok"}', media_type=JSON)

    async def models(self, _request: Request) -> Response:
        """Name the model."""
        model = self._model
        body = answers.models(
            self._alias, created=self._started, context=model.context, device=model.device, dtype=model.dtype
        )
        return Response(body, media_type=JSON)

    async def chat(self, request: Request) -> ASGIApp:
        """Answer a chat."""
        self._refuse_unless(self._can_answer, "this model only embeds: it cannot chat")
        wanted = parse_chat(await _body(request), self._model.defaults)
        begun = await asyncio.to_thread(chat_prompt, self._model, wanted)  # templates are programs of strangers
        reading = Reading(
            self._model,
            wanted.answering.stops,
            functions=tuple(each["function"]["name"] for each in wanted.tools),
            choice=wanted.choice,
            one_call=wanted.one_call,
            begun=begun.text,
        )
        return self._begin(begun, wanted.answering, reading, is_chat=True)

    async def complete(self, request: Request) -> ASGIApp:
        """Continue a text."""
        self._refuse_unless(self._can_answer, "this model only embeds: it cannot complete")
        wanted = parse_completion(await _body(request), self._model.defaults)
        begun = await asyncio.to_thread(plain_prompt, self._model, wanted.prompt)
        reading = Reading(self._model, wanted.answering.stops, after=begun.tokens)
        return self._begin(begun, wanted.answering, reading, is_chat=False)

    async def embeddings(self, request: Request) -> Response:
        """Return vectors; each text is a step of its own, so that conversations go on between them."""
        embed = self._embed
        if embed is None:
            raise Invalid("embeddings are switched off for this model")
        wanted = parse_embedding(await _body(request))
        texts = [(await asyncio.to_thread(plain_prompt, self._model, each)).tokens for each in wanted.inputs]
        vectors = []
        with self._gate.passed():
            for tokens in texts:
                vectors.append(await asyncio.wrap_future(self._computer.do(partial(embed, tokens))))
                if await request.is_disconnected():
                    raise ClientDisconnect
        count = sum(len(tokens) for tokens in texts)
        body = answers.embeddings(vectors, model=self._alias, tokens=count, is_base64=wanted.is_base64)
        return Response(body, media_type=JSON)

    def _begin(self, begun: Begun, wanted: Answering, reading: Reading, *, is_chat: bool) -> ASGIApp:
        room = self._model.context - len(begun.tokens)
        most = room if wanted.most is None else min(wanted.most, room)
        inbox = Inbox()
        job = Job([*begun.tokens], most, wanted.sampling, self._model.ends, inbox.tell)
        self._gate.enter()
        try:
            cancel = self._computer.submit(job)
        except BaseException:
            self._gate.leave()
            raise

        def leave() -> None:
            cancel()
            self._gate.leave()

        writer = answers.Writer(self._alias, is_chat)
        return Reply(inbox, leave, reading, writer, prompt=len(begun.tokens), wanted=wanted)

    @staticmethod
    def _refuse_unless(condition: bool, message: str) -> None:  # noqa: FBT001  # reads as a sentence
        if not condition:
            raise Invalid(message)


class Reply:
    """Sends one answer as it comes; a caller who leaves ends the job. `leave` is called once, at the end of either."""

    def __init__(
        self,
        inbox: Inbox,
        leave: Callable[[], None],
        reading: Reading,
        writer: answers.Writer,
        *,
        prompt: int,
        wanted: Answering,
    ) -> None:
        self._inbox = inbox
        self._leave = leave
        self._reading = reading
        self._writer = writer
        self._prompt = prompt
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI application."""
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(receive))
            try:
                await (self._stream if self._wanted.stream else self._whole)(scope, receive, send)
            finally:
                self._leave()
                watch.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._inbox.hang_up()

    async def _next(self) -> tuple[list[Piece], str | None] | None:
        """Return what was said since and, at the end, why it ends; None when the caller has left. Raises ApiError."""
        heard = await self._inbox.read()
        if heard == GONE:
            return None
        if isinstance(heard, ApiError):
            raise heard
        if isinstance(heard, int):
            pieces = self._reading.token(heard)
            if not self._reading.is_over:
                return pieces, None
            return [*pieces, *self._reading.finish()], self._reading.reason(None)
        end = heard if isinstance(heard, End) else None
        return self._reading.finish(end), self._reading.reason(end)

    @property
    def _usage(self) -> answers.Usage:
        return answers.Usage(self._prompt, self._reading.tokens)

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        said: list[Piece] = []
        try:
            while (news := await self._next()) is not None:
                pieces, finish = news
                said += pieces
                if finish is not None:
                    body = self._writer.whole(said, finish, self._usage)
                    await Response(body, media_type=JSON)(scope, receive, send)
                    return
        except ApiError as error:
            await refusal(error)(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events; what goes wrong before the first is an answer with a status, later an event."""
        has_begun = False

        async def put(data: bytes, *, more: bool = True) -> None:
            nonlocal has_begun
            if not has_begun:
                await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
                data, has_begun = self._writer.begin() + data, True
            await send({"type": "http.response.body", "body": data, "more_body": more})

        try:
            while (news := await self._next()) is not None:
                pieces, finish = news
                data = b"".join(self._writer.piece(piece) for piece in pieces)
                if finish is None:
                    if data:
                        await put(data)
                    continue
                data += self._writer.end(finish)
                data += self._writer.usage(self._usage) if self._wanted.include_usage else b""
                await put(data + answers.DONE, more=False)
                return
        except ApiError as error:
            if has_begun:
                await put(answers.broken(error), more=False)
            else:
                await refusal(error)(scope, receive, send)


def make_app(service: Service, key: str) -> ASGIApp:
    """Return the application: every route but `/health` wants the key."""
    app = Starlette(
        routes=[
            Route("/health", service.health),
            Route("/v1/health", service.health),
            Route("/v1/models", service.models),
            Route("/v1/chat/completions", service.chat, methods=["POST"]),
            Route("/v1/completions", service.complete, methods=["POST"]),
            Route("/v1/embeddings", service.embeddings, methods=["POST"]),
        ],
        exception_handlers={
            ApiError: _refused,
            ClientDisconnect: _left,
            404: _unknown,
            405: _unknown,
            Exception: _failed,  # the request door; what it was goes to the log
        },
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        is_open = scope["path"] in {"/health", "/v1/health"}
        await (app if is_open or _has_key(scope, key) else refusal(WrongKey()))(scope, receive, send)

    return guarded


def _has_key(scope: Scope, key: str) -> bool:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    given = headers.get(b"authorization", b"").removeprefix(b"Bearer ") or headers.get(b"x-api-key", b"")
    return hmac.compare_digest(given.strip(), key.encode())


async def _body(request: Request) -> dict[str, Any]:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BODY:
            raise Invalid(f"the body is larger than {MOST_BODY >> 20} MiB")
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise Invalid("the body is no JSON object")
    return body


def refusal(error: ApiError) -> Response:
    """Return the answer for an error."""
    return Response(orjson.dumps(error.to_json()), status_code=error.status, media_type=JSON)


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise TypeError from error
    return refusal(error)


async def _failed(_request: Request, error: Exception) -> Response:
    return refusal(NoMemory() if is_out_of_memory(error) else Failed(f"the answer failed ({type(error).__name__})"))


async def _left(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it


async def _unknown(_request: Request, _error: Exception) -> Response:
    body = {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}
    return Response(orjson.dumps(body), status_code=404, media_type=JSON)
