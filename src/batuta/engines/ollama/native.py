"""OpenAI's dialect for a caller, Ollama's own on the wire. Knows no model's state and loads nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from batuta.catalog.entities import ModelSpec
from batuta.chat.dialects.openai import InBandError, find_error
from batuta.engines import faults
from batuta.engines.base import RawCall, RawReply
from batuta.engines.decoding import Pieces, Reply
from batuta.engines.faults import Seen, fault
from batuta.engines.ollama import dialect as ollama_dialect
from batuta.engines.ollama.dialect import Answer
from batuta.engines.openai_compat import JSON_HEADERS, OpenAIWire, WholeReply, named, place_of
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BadRequest, BatutaError
from batuta.vault.secret import Secret

Frame = Callable[[ModelSpec], dict[str, Any]]


class NativeWire(OpenAIWire):
    """OpenAIWire whose calls go to /api/chat, /api/generate and /api/embed.

    Args:
        transport: how to get there.
        frame: what goes along with each call to a model: the `options` it is loaded with, so that it is not loaded
            anew, and how long it is to stay.
    """

    def __init__(self, transport: Transport, frame: Frame) -> None:
        super().__init__(transport)
        self._frame = frame

    async def forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        """Translate a call, send it, return the answer's head; its bytes are OpenAI's. Raises typed errors."""
        try:
            return await self._native(base_url, key, spec, call)
        except BatutaError as error:
            raise named(error, spec.id) from None

    async def _native(self, origin: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        body, answer = self._translated(origin, spec, call)
        path = ollama_dialect.PATHS[call.path]
        reply = await self._send(origin, path, body, deadline=call.deadline, key=key, model=spec.id, idle_s=call.idle_s)
        if call.stream:
            return TranslatedReply(reply, answer)
        said = await self._whole(origin, reply, key=key, model=spec.id)
        if call.path == "embeddings":
            encoding = _object(call.body).get("encoding_format") or "float"
            whole = ollama_dialect.embeddings(said, model=body["model"], encoding=encoding)
        else:
            whole = answer.whole(said) if said.get("done") else None
        if whole is None:
            raise fault(Seen.NO_ANSWER, where=place_of(origin), model=spec.id)
        return WholeReply(200, "application/json", orjson.dumps(whole))

    def _translated(self, origin: str, spec: ModelSpec, call: RawCall) -> tuple[dict[str, Any], Answer]:
        if call.path not in ollama_dialect.PATHS:
            raise BadRequest(f"Ollama has nothing for /v1/{call.path}", model=spec.id)
        given = _object(call.body)
        if not isinstance(given.get("model"), str):
            raise BadRequest("the request body is not a JSON object with `model`", model=spec.id)
        body = ollama_dialect.native_body(call.path, given, stream=call.stream, frame=self._frame(spec))
        wants = given.get("stream_options")
        answer = Answer(
            call.path,
            model=body["model"],
            answer_id=f"chatcmpl-{uuid.uuid4().hex[:24]}"
            if call.path.startswith("chat")
            else f"cmpl-{uuid.uuid4().hex}",
            created=int(time.time()),
            where=place_of(origin),
            with_usage=isinstance(wants, dict) and bool(wants.get("include_usage")),
        )
        return body, answer

    async def ask(
        self, origin: str, path: str, body: dict[str, Any], *, deadline: float, key: Secret | None, model: str | None
    ) -> dict[str, Any]:
        """Return the whole answer of a POST below /api.

        Args:
            origin: where Ollama is.
            path: below /api.
            body: in Ollama's dialect.
            deadline: the loop's seconds at which the wait for the answer's head ends.
            key: sent along if there is one.
            model: id of the model, for messages.

        Raises:
            BatutaError: for everything that is not a 200 with an answer in it.
        """
        reply = await self._send(origin, path, body, deadline=deadline, key=key, model=model)
        return await self._whole(origin, reply, key=key, model=model)

    async def _send(
        self,
        origin: str,
        path: str,
        body: dict[str, Any],
        *,
        deadline: float,
        key: Secret | None,
        model: str | None,
        idle_s: float | None = None,
    ) -> Reply:
        try:
            data = orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise BadRequest(f"the request cannot be written as JSON: {error}", model=model) from None
        url = f"{origin}/api/{path}"
        request = UpstreamRequest("POST", url, JSON_HEADERS, data, deadline, idle_s or self._idle_s, key)
        reply = await self._transport.send(request)
        if reply.status != 200:
            said, hide = await error_text(reply), key.reveal() if key else ""
            where = place_of(origin)
            raise faults.classify(reply.status, said, headers=reply.headers, where=where, model=model, hide=hide)
        if reply.content_type.startswith("text/html"):
            await reply.aclose()
            raise fault(Seen.HTML, where=place_of(origin), model=model)
        return reply

    async def _whole(self, origin: str, reply: Reply, *, key: Secret | None, model: str | None) -> dict[str, Any]:
        where, body = place_of(origin), await reply.read()
        if (error := faults.in_answer(body, where=where, model=model, hide=key.reveal() if key else "")) is not None:
            raise error
        said = _object(body)
        if not said:
            raise fault(Seen.NO_ANSWER, where=where, model=model)
        return said


class TranslatedReply:
    """Ollama's lines, read as OpenAI's events. Satisfies RawReply."""

    def __init__(self, reply: Reply, answer: Answer) -> None:
        self.status = 200
        self.content_type = "text/event-stream"
        self._reply = reply
        self._answer = answer
        self._lines = reply.chunks()
        self._is_at_end = False

    async def read(self) -> bytes:
        """Return all events."""
        return b"".join([piece async for piece in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield events as the lines come in."""
        return Pieces(self._next)

    async def _next(self) -> bytes:
        while not self._is_at_end:
            data = await anext(self._lines, b"")
            self._is_at_end = not data
            if events := self._answer.feed(data) if data else self._answer.close():
                return events
        return b""

    async def aclose(self) -> None:
        """Let go. A stream that is not at its end is cut, and Ollama stops."""
        await self._reply.aclose()


def error_in(body: Any) -> InBandError | None:
    """Return the error that a body is, if it is one."""
    return find_error(body) if isinstance(body, dict) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
