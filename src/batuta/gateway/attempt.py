"""One attempt: a leased model is asked, and its answer's bytes come back. The first piece is the commit point."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import cast

import orjson

from batuta.chat.dialects import openai
from batuta.chat.types import CallNote, Delta, Usage
from batuta.clock import Clock
from batuta.engines.base import NO_HEADERS, PassThroughEngine, RawCall, RawReply
from batuta.engines.faults import Seen, broken, fault
from batuta.engines.openai_compat import HOP, named
from batuta.engines.reach import confined_pieces
from batuta.errors import BadRequest, BatutaError, ProviderError
from batuta.gateway.call import Call, body_for, fields_of
from batuta.gateway.stream import StreamWatch, read_reply
from batuta.lifecycle.runner import Lease
from batuta.usage.meter import UNMETERED, Meter

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
LOCAL_ONLY = "x-batuta-local-only"  # nothing of this request may leave the machine, here or behind the next gateway


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a ready model is waited for, in seconds; see the settings of the same names."""

    first_word_s: float = 180.0
    whole_answer_s: float = 600.0
    idle_s: float = 60.0


@dataclass(slots=True)
class Attempt:
    """What became of asking one candidate; metrics, pages and logs all read this.

    Times: monotonic seconds. `cost`: US dollars; None where it is not known.
    """

    model: str
    started: float
    first_delta_at: float | None = None
    ended: float | None = None
    error: BatutaError | None = None
    usage: Usage | None = None
    content_type: str = JSON
    tried_before: list[str] = field(default_factory=list)
    note: CallNote = field(default_factory=CallNote)
    cost: float | None = None

    @property
    def is_committed(self) -> bool:
        """Whether the caller has had the first piece."""
        return self.first_delta_at is not None


async def ask(
    lease: Lease, call: Call, attempt: Attempt, clock: Clock, patience: Patience, meter: Meter = UNMETERED
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
        pieces = _encode(lease, call, attempt, patience)
    if call.wishes.local_only:
        pieces = confined_pieces(pieces)
    with meter.watch(lease.spec, call.body, attempt):
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
    headers = NO_HEADERS if spec.is_loadable else {HOP: str(call.hops + 1)}
    if call.wishes.local_only:
        headers = {**headers, LOCAL_ONLY: "true"}  # what stands there may be a gateway, with providers of its own
    deadline = _until(call, attempt, patience)
    raw = RawCall(call.endpoint.path, body, call.stream, deadline, patience.idle_s, headers, attempt.note)
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
    except ProviderError as error:
        if not watch.is_done:  # what breaks after the end marker has cost nobody a word
            raise (broken(error, model=model) if watch.is_committed else named(error, model)) from None
    finally:
        attempt.usage, attempt.error = watch.usage, watch.error
    watch.end()


def _until(call: Call, attempt: Attempt, patience: Patience) -> float:
    """Return when the wait ends. It is for a ready model: what it took to load must not be missing for the answer."""
    return attempt.started + (patience.first_word_s if call.stream else patience.whole_answer_s)


async def _encode(lease: Lease, call: Call, attempt: Attempt, patience: Patience) -> AsyncGenerator[bytes, None]:
    engine, spec = lease.engine, lease.spec
    if call.endpoint.path == "embeddings":
        fields = fields_of(call)
        inputs = fields["input"] if isinstance(fields["input"], list) else [fields["input"]]
        result = await engine.embed(spec, inputs)
        attempt.usage, attempt.note.key_id = result.usage, result.key_id
        yield orjson.dumps(openai.encode_embeddings(result.vectors, result.usage, model=spec.id))
        return
    if call.endpoint.path != "chat/completions":
        raise BadRequest(f"{spec.id} answers chat only; use POST /v1/chat/completions", model=spec.id)
    deadline = _until(call, attempt, patience)
    request = replace(openai.parse_chat(fields_of(call)), note=attempt.note, deadline=deadline)
    answer_id, created = f"chatcmpl-{call.request_id}", int(time.time())
    async with aclosing(_deltas(engine.chat(spec, request), call, attempt, patience)) as deltas:
        if call.stream:
            attempt.content_type = EVENT_STREAM
            options = request.extra.get("stream_options")
            is_quiet = not (isinstance(options, dict) and options.get("include_usage"))
            is_first = True
            async for delta in deltas:
                yield openai.encode_delta(
                    delta, answer_id=answer_id, model=spec.id, created=created, is_first=is_first, is_quiet=is_quiet
                )
                is_first = False
            yield openai.DONE_EVENT
        else:
            said = [delta async for delta in deltas]
            yield orjson.dumps(openai.encode_completion(said, answer_id=answer_id, model=spec.id, created=created))


async def _deltas(
    source: AsyncGenerator[Delta, None], call: Call, attempt: Attempt, patience: Patience
) -> AsyncGenerator[Delta, None]:
    """Pass on what an engine says, and wait no longer for it than for one whose bytes pass through."""
    wait, silence = _until(call, attempt, patience) - attempt.started, Seen.SILENT
    async with aclosing(source):
        while True:
            try:
                async with asyncio.timeout(wait):
                    delta = await anext(source)
            except StopAsyncIteration:
                return
            except TimeoutError:
                error = fault(silence, where=attempt.model, model=attempt.model)
                raise (broken(error) if attempt.is_committed else error) from None
            attempt.usage = delta.usage or attempt.usage
            yield delta
            wait, silence = patience.idle_s, Seen.STALLED
