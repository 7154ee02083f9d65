"""What a fake llama-server's models say: computed from the question, given word by word, in llama.cpp's own form."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from batuta.chat.dialects import openai
from batuta.chat.types import Delta
from batuta.errors import BatutaError
from batuta.testing.answers import deltas_for, embeddings_usage, vector_for, words_for
from batuta.testing.llama_server.children import Child, Ended
from batuta.testing.llama_server.rows import Body, Refusal

EVENT_STREAM = {"content-type": "text/event-stream", "cache-control": "no-cache"}
TIMINGS = {"cache_n": 0, "prompt_n": 3, "prompt_ms": 1.0, "predicted_n": 3, "predicted_ms": 1.0}


class Speaker:
    """Lets models answer.

    Args:
        build_info: what answers are marked with.
        token_s: seconds before each word.
        echoes_name: an answer calls itself what it was asked by, not what it is called.
    """

    def __init__(self, *, build_info: str, token_s: float = 0.0, echoes_name: bool = False) -> None:
        self.token_s = token_s
        self._build_info = build_info
        self._echoes_name = echoes_name
        self._numbers = itertools.count(1)

    async def pause(self, gone: asyncio.Event) -> None:
        """Wait for the next word. Raises Ended when the process ends meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.token_s):
                await gone.wait()
        if gone.is_set():
            raise Ended

    def _head(self, child: Child, body: Body) -> Body:
        asked = body.get("model")
        return {
            "created": int(time.time()),
            "id": f"chatcmpl-{next(self._numbers)}",
            "model": asked if self._echoes_name and isinstance(asked, str) else child.name,
            "system_fingerprint": self._build_info,
        }

    # Whole answers ------------------------------------------------------------------------------------------------

    async def chat(self, child: Child, body: Body) -> Body:
        """Return a whole chat completion. llama.cpp has neither `refusal` nor `logprobs` in it."""
        head, gone, deltas = self._head(child, body), child.gone, _deltas(child, body)
        for _ in deltas:
            await self.pause(gone)
        whole = openai.encode_completion(deltas, answer_id=head["id"], model=head["model"], created=head["created"])
        del whole["choices"][0]["logprobs"]
        return {**whole, **head, "timings": TIMINGS}

    async def complete(self, child: Child, body: Body) -> Body:
        """Return a whole text completion."""
        head, gone = self._head(child, body), child.gone
        said, finish, usage = _completed(child, body)
        for _ in said:
            await self.pause(gone)
        choice = {"text": "".join(said), "index": 0, "logprobs": None, "finish_reason": finish}
        return {**head, "object": "text_completion", "choices": [choice], "usage": usage, "timings": TIMINGS}

    async def embed(self, child: Child, body: Body) -> Body:
        """Return vectors."""
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts:
            raise Refusal(400, '"input" must not be empty')
        if not child.model.is_embedding and not child.model.details.get("embeds"):
            raise Refusal(501, "This server does not support embeddings. Start it with `--embeddings`")
        await self.pause(child.gone)
        vectors = [vector_for(str(text)) for text in texts]
        return openai.encode_embeddings(vectors, embeddings_usage(texts), model=self._head(child, body)["model"])

    # Streams ------------------------------------------------------------------------------------------------------

    async def chat_events(self, child: Child, body: Body) -> AsyncIterator[bytes]:
        """Yield the events of a streamed chat completion: the role, the words, the finish, the usage if wanted."""
        head = {**self._head(child, body), "object": "chat.completion.chunk"}
        gone, wants_usage, deltas = child.gone, _wants_usage(body), _deltas(child, body)
        yield event({**head, "choices": [_choice({"role": "assistant", "content": None})]})
        for delta in deltas:
            await self.pause(gone)
            if delta.usage is None or wants_usage:
                yield _as_llama(delta, head)
        yield openai.DONE_EVENT

    async def completion_events(self, child: Child, body: Body) -> AsyncIterator[bytes]:
        """Yield the events of a streamed text completion; the last one has the usage whether wanted or not."""
        head = {**self._head(child, body), "object": "text_completion"}
        gone = child.gone
        said, finish, usage = _completed(child, body)
        for word in said:
            await self.pause(gone)
            yield event({**head, "choices": [{"text": word, "index": 0, "logprobs": None, "finish_reason": None}]})
        last = {"text": "", "index": 0, "logprobs": None, "finish_reason": finish}
        yield event({**head, "choices": [last], "usage": usage, "timings": TIMINGS})
        yield openai.DONE_EVENT


async def send_events(request: web.Request, events: AsyncIterator[bytes], *, is_router: bool) -> web.StreamResponse:
    """Send events as they come. A process that ends in the middle cuts its connection.

    A router has seen worse: it writes what its own connection met into the stream, as text, and ends it well.
    """
    response = web.StreamResponse(headers=EVENT_STREAM)
    await response.prepare(request)
    try:
        async for data in events:
            await response.write(data)
    except Ended:
        if not is_router:
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write(b"proxy error: Failed to read connection")
    await response.write_eof()
    return response


def event(data: Any) -> bytes:
    """Return a server-sent event."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def _choice(delta: Body, finish: str | None = None) -> Body:
    return {"finish_reason": finish, "index": 0, "delta": delta}


def _as_llama(delta: Delta, head: Body) -> bytes:
    """Return one event of a chat's stream."""
    raw = openai.encode_delta(delta, answer_id=head["id"], model=head["model"], created=head["created"])
    body = {**orjson.loads(raw.removeprefix(b"data: ")), **head}
    for choice in body["choices"]:
        del choice["logprobs"]
    return event(body | ({"timings": TIMINGS} if delta.usage else {}))


def _deltas(child: Child, body: Body) -> list[Delta]:
    if child.model.is_embedding:
        raise Refusal(501, "This server does not support completions. Start it without `--embeddings`")
    if "messages" not in body:
        raise Refusal(400, "'messages' is required")
    try:
        return deltas_for(openai.parse_chat({"model": child.name, **body}), model=child.name)
    except BatutaError as error:
        raise Refusal(400, error.message) from None


def _completed(child: Child, body: Body) -> tuple[list[str], str, Body]:
    if child.model.is_embedding:
        raise Refusal(501, "This server does not support completions. Start it without `--embeddings`")
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise Refusal(400, '"prompt" must be a string')
    words = words_for(prompt)
    limit = body.get("max_tokens", body.get("n_predict"))
    said = words if limit is None or limit < 0 else words[:limit]
    counts = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said)}
    return said, "stop" if len(said) == len(words) else "length", {**counts, "total_tokens": sum(counts.values())}


def _wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))
