"""Asks a provider from this process, with the engines and keys a gateway would use. No queue and no fallback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import orjson

from batuta.catalog.entities import ModelSpec
from batuta.chat.types import CallNote, FinishReason, Usage
from batuta.completion.here import Here, opened
from batuta.completion.question import Completion, Question
from batuta.engines import registry
from batuta.engines.base import Engine
from batuta.engines.keyed import KeyedEngine
from batuta.errors import BatutaError, UpstreamFailed, UpstreamTimeout
from batuta.observe.events import RequestEnded
from batuta.settings import Settings

ROUTE = "python"


@dataclass(slots=True)
class Asked:
    """One call: what the meter reads of it, and what has come so far."""

    note: CallNote = field(default_factory=CallNote)
    usage: Usage | None = None
    error: BatutaError | None = None
    cost: float | None = None
    first_at: float | None = None
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    finish: FinishReason | None = None
    model: str | None = None

    @property
    def is_committed(self) -> bool:
        """Whether the answer has begun."""
        return self.first_at is not None


async def answer(question: Question, settings: Settings, environ: Mapping[str, str]) -> Completion:
    """Ask the provider. Raises BatutaError."""
    async with opened(settings, environ) as here:
        provider = here.provider(question.provider)
        spec = ModelSpec(f"{provider.id}/{question.model}", provider.id, question.model, is_local=provider.is_local)
        engine = KeyedEngine(provider, lambda key: registry.create(provider, here.transport, key=key), here.ring)
        try:
            return await _ask(here, engine, spec, question)
        finally:
            await engine.aclose()


async def _ask(here: Here, engine: Engine, spec: ModelSpec, question: Question) -> Completion:
    asked, started = Asked(), here.clock.monotonic()
    try:
        await _read(here, engine, spec, question, asked)
        if not asked.is_committed:
            raise UpstreamFailed(f"{spec.id} answered with an empty stream", model=spec.id)
    except TimeoutError:
        words = f"{spec.id} did not give its whole answer within {question.timeout_s:g} s"
        asked.error = UpstreamTimeout(words, model=spec.id)
        raise asked.error from None
    except BatutaError as error:
        asked.error = error
        raise
    finally:
        here.bus.publish(_ended(here, spec, asked, started))
    return Completion(
        "".join(asked.text), asked.model or spec.id, asked.usage, asked.finish, "".join(asked.reasoning), asked.cost
    )


async def _read(here: Here, engine: Engine, spec: ModelSpec, question: Question, asked: Asked) -> None:
    deadline = asyncio.get_running_loop().time() + question.timeout_s
    request = replace(question.request(), deadline=deadline, note=asked.note)
    body = orjson.dumps(question.body(question.model))
    with here.meter.watch(spec, body, asked):
        async with asyncio.timeout_at(deadline), aclosing(engine.chat(spec, request)) as deltas:
            async for delta in deltas:
                if asked.first_at is None:
                    asked.first_at = here.clock.monotonic()
                asked.text.append(delta.text)
                asked.reasoning.append(delta.reasoning)
                asked.usage = delta.usage or asked.usage
                asked.finish = delta.finish or asked.finish
                asked.model = delta.model or asked.model


def _ended(here: Here, spec: ModelSpec, asked: Asked, started: float) -> RequestEnded:
    """Return what the sums are told: the same as of a call through the gateway."""
    now, usage, error = here.clock.monotonic(), asked.usage, asked.error
    return RequestEnded(
        request_id=ROUTE,
        model=spec.id,
        route=ROUTE,
        status=error.status if error else 200,
        error=error.code if error else None,
        wait_s=0.0,
        ttft_s=None if asked.first_at is None else asked.first_at - started,
        total_s=now - started,
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        provider=spec.provider_id,
        key_id=asked.note.key_id,
        cost=asked.cost,
        is_paid=not spec.is_local,
    )
