"""What a fake LM Studio answers on its OpenAI routes and on v0: computed from the question, given word by word."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import orjson
from aiohttp import web

from batuta.chat.dialects import openai
from batuta.chat.types import Delta
from batuta.errors import BatutaError
from batuta.testing.answers import deltas_for, embeddings_usage, vector_for, words_for
from batuta.testing.lmstudio.shelf import Instance, Shelf

CRASHED = "The model has crashed without additional information. (Exit code: 6). Error Data: n/a, Additional Data: n/a"
EVENT_STREAM = {"content-type": "text/event-stream", "cache-control": "no-cache"}
Body = dict[str, Any]


class Interrupted(Exception):
    """The instance went while it was answering; the text says why."""


class Refusal(Exception):
    """An answer that is an error: a status and a JSON body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class Speaker:
    """Lets instances answer.

    Args:
        shelf: where they are.
        token_s: seconds before each word.
    """

    def __init__(self, shelf: Shelf, *, token_s: float = 0.0) -> None:
        self.shelf = shelf
        self.token_s = token_s
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def using(self, instance: Instance) -> Iterator[None]:
        """Keep the instance from idling out while it answers."""
        instance.running += 1
        try:
            yield
        finally:
            instance.running -= 1
            self.shelf.touch(instance)

    async def pause(self, instance: Instance) -> None:
        """Wait for the next word. Raises Interrupted when the instance goes meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.token_s):
                await instance.gone.wait()
        if instance.gone.is_set():
            raise Interrupted(instance.why or "Model unloaded.")

    # Whole answers ------------------------------------------------------------------------------------------------

    async def chat(self, instance: Instance, body: Body) -> Body:
        """Return a whole chat completion."""
        deltas = _deltas(body, instance)
        for _ in deltas:
            await self.pause(instance)
        answer_id = f"chatcmpl-{next(self._numbers)}"
        whole = openai.encode_completion(deltas, answer_id=answer_id, model=instance.id, created=int(time.time()))
        # OpenAI's description wants the field; it is null where a model refuses nothing.
        whole["choices"][0]["message"].setdefault("refusal", None)
        return {**whole, "system_fingerprint": instance.id, "stats": {}}

    async def complete(self, instance: Instance, body: Body) -> Body:
        """Return a whole text completion."""
        said, finish, usage = _completed(body)
        for _ in said:
            await self.pause(instance)
        choice = {"index": 0, "text": "".join(said), "logprobs": None, "finish_reason": finish}
        return {**self._completion_head(instance), "choices": [choice], "usage": usage}

    async def embed(self, instance: Instance, body: Body) -> Body:
        """Return vectors."""
        inputs = body.get("input")
        texts = [inputs] if isinstance(inputs, str) else inputs
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise Refusal(400, {"error": "'input' field must be a string or an array of strings"})
        await self.pause(instance)
        vectors = [vector_for(text) for text in texts]
        return openai.encode_embeddings(vectors, embeddings_usage(texts), model=instance.id)

    def _completion_head(self, instance: Instance) -> Body:
        number = next(self._numbers)
        return {"id": f"cmpl-{number}", "object": "text_completion", "created": int(time.time()), "model": instance.id}

    # Streams ------------------------------------------------------------------------------------------------------

    async def chat_events(self, instance: Instance, body: Body) -> AsyncIterator[bytes]:
        """Yield the events of a streamed chat completion."""
        answer_id, created = f"chatcmpl-{next(self._numbers)}", int(time.time())
        wants_usage = _wants_usage(body)
        is_first = True
        for delta in _deltas(body, instance):
            await self.pause(instance)
            if delta.usage is None or wants_usage:
                yield openai.encode_delta(
                    delta, answer_id=answer_id, model=instance.id, created=created, is_first=is_first
                )
            is_first = False
        yield openai.DONE_EVENT

    async def completion_events(self, instance: Instance, body: Body) -> AsyncIterator[bytes]:
        """Yield the events of a streamed text completion."""
        head = self._completion_head(instance)
        said, finish, usage = _completed(body)
        for text, end in [*((word, None) for word in said), ("", finish)]:
            await self.pause(instance)
            choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": end}
            yield event({**head, "choices": [choice]})
        if _wants_usage(body):
            yield event({**head, "choices": [], "usage": usage})
        yield openai.DONE_EVENT


Events = Callable[[Instance, Body], AsyncIterator[bytes]]


async def send_events(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send events as they come.

    1. An instance that was taken out cuts the connection: nobody is told anything.
    2. One that crashed leaves an error event.
    """
    response = web.StreamResponse(headers=EVENT_STREAM)
    await response.prepare(request)
    try:
        async for data in events:
            await response.write(data)
    except Interrupted as cut:
        if str(cut) != CRASHED:  # 1
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write(event({"error": {"message": str(cut)}}, name="error"))  # 2
    await response.write_eof()
    return response


def event(data: Any, *, name: str = "") -> bytes:
    """Return a server-sent event."""
    line = f"event: {name}\n".encode() if name else b""
    return line + b"data: " + orjson.dumps(data) + b"\n\n"


def extras(instance: Instance, started: float, count: int) -> Body:
    """Return what v0 adds to an answer."""
    seconds = max(time.monotonic() - started, 1e-6)
    return {
        "stats": {
            "tokens_per_second": count / seconds,
            "time_to_first_token": seconds / max(count, 1),
            "generation_time": seconds,
            "stop_reason": "eosFound",
        },
        "model_info": {
            "arch": instance.model.details.get("arch", "llama"),
            "quant": instance.model.details.get("quantization", "Q4_K_M"),
            "format": "gguf",
            "context_length": instance.context,
        },
        "runtime": {"name": "fake-llama.cpp", "version": "1.0.0", "supported_formats": ["gguf"]},
    }


def _deltas(body: Body, instance: Instance) -> list[Delta]:
    try:
        return deltas_for(openai.parse_chat(body), model=instance.id)
    except BatutaError as error:
        raise Refusal(400, {"error": error.message}) from None


def _completed(body: Body) -> tuple[list[str], str, Body]:
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise Refusal(400, {"error": "'prompt' field is required"})
    words = words_for(prompt)
    limit = body.get("max_tokens")
    said = words if limit is None or limit < 0 else words[:limit]
    counts = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said)}
    return said, "stop" if len(said) == len(words) else "length", {**counts, "total_tokens": sum(counts.values())}


def _wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))
