"""The fake vLLM's answers in OpenAI's dialect: chats, completions and vectors, whole and streamed, and its errors."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from batuta.chat.dialects import openai
from batuta.chat.types import ChatRequest, Delta, Message, Sampling
from batuta.errors import BadRequest
from batuta.testing.answers import deltas_for, embeddings_usage, vector_for
from batuta.testing.local_server import FakeModel
from batuta.testing.vllm.core import DEAD, EngineCore, EngineDead, Run

CHAT, EMBED = "chat", "embed"
TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    500: "InternalServerError",
}
GARBAGE = "!!!!"  # token 0 of many vocabularies, which is what weights of zeros like best
_ids = itertools.count(1)

Body = dict[str, Any]


class VLLMRefusal(Exception):
    """An answer that is an error: status and words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(slots=True)
class Play:
    """What goes wrong in every chat and completion until it is taken back.

    Attributes:
        token_s: seconds before each word.
        die_after: words after which the engine dies: an error event in the stream, or a 500.
        cut_after: words after which the connection is gone.
    """

    token_s: float = 0.0
    die_after: int | None = None
    cut_after: int | None = None


def error_body(status: int, text: str, kind: str = "") -> Body:
    """Return an error in vLLM's envelope."""
    return {
        "error": {"message": text, "type": kind or TYPES.get(status, "BadRequestError"), "param": None, "code": status}
    }


def tasks_of(model: FakeModel) -> frozenset[str]:
    """Return what a model does: one of chatting and embedding, or `details["tasks"]`."""
    return frozenset(model.details.get("tasks", (EMBED if model.is_embedding else CHAT,)))


class Answers:
    """The routes that need the model.

    Args:
        core: who computes.
        models: by the name they are served under.
        context: tokens of context.
    """

    def __init__(self, core: EngineCore, models: dict[str, FakeModel], *, context: int) -> None:
        self.play = Play()
        self.bodies: list[tuple[str, Body]] = []
        self._core = core
        self._models = models
        self._context = context

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat."""
        body = await self._body(request)
        model = self._model(body, CHAT, "Chat Completions")
        asked = _chat(body)
        self._measure(sum(len(str(message.content).split()) for message in asked.messages), asked)
        return await self._answer(request, body, deltas_for(asked), model, is_chat=True)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Continue a text."""
        body = await self._body(request)
        model = self._model(body, CHAT, "Completions")
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            raise VLLMRefusal(400, "Either prompt or prompt_embeds must be provided and non-empty.")
        asked = ChatRequest(model, (Message("user", prompt),), sampling=Sampling(max_tokens=body.get("max_tokens", 16)))
        self._measure(len(prompt.split()), asked)
        return await self._answer(request, body, deltas_for(asked), model, is_chat=False)

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """Return vectors."""
        body = await self._body(request)
        model = self._model(body, EMBED, "Embeddings")
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise VLLMRefusal(400, "input: Input should be a valid string or a list of them")
        with self._core.run() as run:
            async for _ in self._core.steps(run, 1, self.play.token_s):
                pass
        vectors = [vector_for(text) for text in texts]
        whole = openai.encode_embeddings(vectors, embeddings_usage(texts), model=model)
        return web.json_response({"id": f"embd-{next(_ids)}", "created": int(time.time()), **whole})

    # --- parts of an answer --------------------------------------------------------------------------------------

    async def _answer(
        self, request: web.Request, body: Body, deltas: Sequence[Delta], model: str, *, is_chat: bool
    ) -> web.StreamResponse:
        answer_id = f"{'chatcmpl' if is_chat else 'cmpl'}-{next(_ids):032x}"
        with self._core.run() as run:
            said = self._said(run, deltas)
            if body.get("stream"):
                return await self._stream(request, said, _Form(answer_id, model, is_chat, body))
            whole = [delta async for delta in said]
        return web.json_response(_Form(answer_id, model, is_chat, body).whole(whole))

    async def _said(self, run: Run, deltas: Sequence[Delta]) -> AsyncGenerator[Delta, None]:
        """Yield an answer as it is computed.

        1. Aborted: it ends with a finish of that name. 2. Weights that were not read again: garbage for words.
        """
        words = [delta for delta in deltas if not (delta.finish or delta.usage)]
        count = 0
        async with aclosing(self._core.steps(run, len(words), self.play.token_s)) as steps:
            async for number in steps:
                self._misbehave(number)
                yield words[number] if self._core.has_weights else Delta(text=GARBAGE)  # 2
                count += 1
        finish, usage = deltas[-2], deltas[-1]
        if count < len(words):  # 1
            yield Delta(extra={"finish_reason": "abort"})
        else:
            yield finish
        yield usage

    def _misbehave(self, number: int) -> None:
        if number == self.play.die_after:
            self._core.die("scripted")
            raise EngineDead
        if number == self.play.cut_after:
            raise ConnectionAbortedError

    async def _stream(self, request: web.Request, said: AsyncGenerator[Delta, None], form: _Form) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        try:
            async with aclosing(said):
                async for delta in said:
                    await response.write(form.event(delta))
        except EngineDead:
            await response.write(b"data: %b\n\n" % orjson.dumps(error_body(500, DEAD)))
        except ConnectionAbortedError:
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    # --- requests ------------------------------------------------------------------------------------------------

    async def _body(self, request: web.Request) -> Body:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise VLLMRefusal(400, f"JSON decode error: {error}") from None
        if not isinstance(body, dict):
            raise VLLMRefusal(400, "Input should be a valid dictionary")
        self.bodies.append((request.path, body))
        return body

    def _model(self, body: Body, task: str, api: str) -> str:
        name = str(body.get("model") or next(iter(self._models)))
        model = self._models.get(name)
        if model is None:
            raise VLLMRefusal(404, f"The model `{name}` does not exist.")
        if task not in tasks_of(model):
            raise VLLMRefusal(400, f"The model does not support {api} API")
        return name

    def _measure(self, prompt: int, asked: ChatRequest) -> None:
        if prompt + (asked.sampling.max_tokens or 0) > self._context:
            raise VLLMRefusal(
                400,
                f"This model's maximum context length is {self._context} tokens. However, you requested "
                f"{asked.sampling.max_tokens or 0} output tokens and your prompt contains {prompt} input tokens.",
            )


@dataclass
class _Form:
    """How one answer is written."""

    answer_id: str
    model: str
    is_chat: bool
    body: Body
    is_first: bool = True

    def whole(self, deltas: Sequence[Delta]) -> Body:
        """Return the answer in one piece."""
        aborted = next((delta.extra["finish_reason"] for delta in deltas if delta.extra), None)
        plain = [delta for delta in deltas if not delta.extra]
        whole = openai.encode_completion(plain, answer_id=self.answer_id, model=self.model, created=int(time.time()))
        choice = whole["choices"][0]
        if self.is_chat:
            choice["message"] = {"refusal": None, **choice["message"]}
        else:
            choice["text"] = choice.pop("message")["content"]
            whole["object"] = "text_completion"
        if aborted:
            choice["finish_reason"] = aborted
        return whole

    def event(self, delta: Delta) -> bytes:
        """Return the event of a delta; empty for a usage that nobody asked for."""
        options = self.body.get("stream_options")
        if delta.usage and not (isinstance(options, dict) and options.get("include_usage")):
            return b""
        aborted, is_first = delta.extra.get("finish_reason"), self.is_first
        self.is_first = False
        if aborted:
            delta = Delta()
        if self.is_chat and not aborted:
            return openai.encode_delta(
                delta, answer_id=self.answer_id, model=self.model, created=int(time.time()), is_first=is_first
            )
        head: Body = {
            "id": self.answer_id,
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.model,
        }
        choice: Body = {"index": 0, "text": delta.text, "logprobs": None, "finish_reason": aborted or delta.finish}
        if self.is_chat:
            head["object"] = "chat.completion.chunk"
            choice["delta"] = {"content": choice.pop("text")}
        if delta.usage:
            counts = delta.usage
            total = counts.prompt_tokens + counts.completion_tokens
            usage = {
                "prompt_tokens": counts.prompt_tokens,
                "completion_tokens": counts.completion_tokens,
                "total_tokens": total,
            }
            return b"data: %b\n\n" % orjson.dumps({**head, "choices": [], "usage": usage})
        return b"data: %b\n\n" % orjson.dumps({**head, "choices": [choice]})


def _chat(body: Body) -> ChatRequest:
    try:
        return openai.parse_chat(body)
    except BadRequest as error:
        raise VLLMRefusal(400, error.message) from None
