"""One attempt: a leased model is asked, and its answer's bytes come back. The first piece is the commit point."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

import orjson

from batuta.chat.dialects import openai
from batuta.chat.types import Delta, Usage
from batuta.clock import Clock
from batuta.engines.base import NO_HEADERS, PassThroughEngine, RawCall, RawReply
from batuta.engines.openai_compat import HOP
from batuta.errors import BadRequest, BatutaError, ProviderError
from batuta.gateway.call import Call, body_for, fields_of
from batuta.gateway.stream import StreamWatch, read_reply
from batuta.lifecycle.runner import Lease

EVENT_STREAM = "text/event-stream"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a ready model is waited for, in seconds; see the settings of the same names."""

    first_word_s: float = 180.0
    whole_answer_s: float = 600.0
    idle_s: float = 60.0


@dataclass(slots=True)
class Attempt:
    """What became of asking one candidate; metrics, pages and logs all read this. Times: monotonic seconds."""

    model: str
    started: float
    first_delta_at: float | None = None
    ended: float | None = None
    error: BatutaError | None = None
    usage: Usage | None = None
    content_type: str = JSON
    tried_before: list[str] = field(default_factory=list)

    @property
    def is_committed(self) -> bool:
        """Whether the caller has had the first piece."""
        return self.first_delta_at is not None


async def ask(
    lease: Lease, call: Call, attempt: Attempt, clock: Clock, patience: Patience
) -> AsyncGenerator[bytes, None]:
    """Ask the leased model and yield the answer's bytes in the caller's dialect.

    1. The engine speaks the caller's dialect: bytes pass through.
    2. It does not: its deltas are encoded.

    Raises:
        BatutaError: before the first piece (another candidate may be tried), or after it, when
            `attempt.is_committed` says so (the caller has to be told in-band).
    """
    engine = lease.engine
    # Asked by name: an isinstance() with a protocol costs as much as all routing.
    if getattr(engine, "dialect", None) == "openai":  # 1
        pieces = _pass_through(cast("PassThroughEngine", engine), lease, call, attempt, patience)
    else:  # 2
        pieces = _encode(lease, call, attempt)
    async with aclosing(pieces):
        async for piece in pieces:
            if attempt.first_delta_at is None:
                attempt.first_delta_at = clock.monotonic()
            yield piece


async def _pass_through(
    engine: PassThroughEngine, lease: Lease, call: Call, attempt: Attempt, patience: Patience
) -> AsyncGenerator[bytes, None]:
    spec = lease.spec
    body = body_for(call, engine.wire_name(spec))
    # The call's deadline is for a ready model. What it took to load must not be missing for the answer.
    deadline = attempt.started + (patience.first_word_s if call.stream else patience.whole_answer_s)
    headers = NO_HEADERS if spec.is_loadable else {HOP: str(call.hops + 1)}
    raw = RawCall(call.endpoint.path, body, call.stream, deadline, patience.idle_s, headers)
    reply = await engine.forward(spec, raw)
    try:
        if call.stream:
            attempt.content_type = EVENT_STREAM
            async with aclosing(_watched(reply, attempt, spec.id)) as chunks:
                async for chunk in chunks:
                    yield chunk
        else:
            whole = await reply.read()
            attempt.usage = read_reply(whole, model=spec.id)
            yield whole
    finally:
        await reply.aclose()


async def _watched(reply: RawReply, attempt: Attempt, model: str) -> AsyncGenerator[bytes, None]:
    watch = StreamWatch(model)
    try:
        async for chunk in reply.chunks():
            if ready := watch.feed(chunk):
                yield ready
    except ProviderError:
        if not watch.is_done:  # what breaks after the end marker has cost nobody a word
            raise
    finally:
        attempt.usage, attempt.error = watch.usage, watch.error
    watch.end()


async def _encode(lease: Lease, call: Call, attempt: Attempt) -> AsyncGenerator[bytes, None]:
    engine, spec = lease.engine, lease.spec
    if call.endpoint.path == "embeddings":
        fields = fields_of(call)
        inputs = fields["input"] if isinstance(fields["input"], list) else [fields["input"]]
        result = await engine.embed(spec, inputs)
        attempt.usage = result.usage
        yield orjson.dumps(openai.encode_embeddings(result.vectors, result.usage, model=spec.id))
        return
    if call.endpoint.path != "chat/completions":
        raise BadRequest(f"{spec.id} answers chat only; use POST /v1/chat/completions", model=spec.id)
    request = openai.parse_chat(fields_of(call))
    answer_id, created = f"chatcmpl-{call.request_id}", int(time.time())
    async with aclosing(_deltas(engine.chat(spec, request), attempt)) as deltas:
        if call.stream:
            attempt.content_type = EVENT_STREAM
            is_first = True
            async for delta in deltas:
                yield openai.encode_delta(delta, answer_id=answer_id, model=spec.id, created=created, is_first=is_first)
                is_first = False
            yield openai.DONE_EVENT
        else:
            said = [delta async for delta in deltas]
            yield orjson.dumps(openai.encode_completion(said, answer_id=answer_id, model=spec.id, created=created))


async def _deltas(source: AsyncGenerator[Delta, None], attempt: Attempt) -> AsyncGenerator[Delta, None]:
    async with aclosing(source):
        async for delta in source:
            attempt.usage = delta.usage or attempt.usage
            yield delta
