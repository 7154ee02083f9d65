"""The fake Ollama's answers: what its models say, and its routes under /v1 in OpenAI's dialect.

Those routes have Ollama's own habits: they carry no num_ctx, so a model that was loaded with one is loaded anew; an
error in the middle of a stream is lost, and the stream just ends.
"""

from __future__ import annotations

import base64
import itertools
import struct
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from batuta.chat.types import ChatRequest, Message, Sampling
from batuta.testing import answers
from batuta.testing.local_server import FakeModel, Handler
from batuta.testing.ollama import facts as ollama_facts
from batuta.testing.ollama.scheduler import OllamaError

if TYPE_CHECKING:
    from batuta.testing.ollama.server import FakeOllama

KINDS = {400: "invalid_request_error", 404: "not_found_error"}
SYSTEM = "fp_ollama"
_ids = itertools.count(1)


# --- what models say -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of a request: its text, and everything the model reads."""

    text: str
    messages: tuple[Message, ...]


def question(body: Mapping[str, Any], *, is_chat: bool) -> Asked | None:
    """Return what a request asks; None when it asks nothing: it is to load or unload. Raises OllamaError."""
    if not is_chat:
        prompt = body.get("prompt") or ""
        return Asked(prompt, (Message("user", prompt),)) if prompt else None
    messages = body.get("messages") or []
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise OllamaError(400, "json: cannot unmarshal messages")
    if not messages:
        return None
    asked = tuple(Message(str(each.get("role")), str(each.get("content") or "")) for each in messages)
    return Asked(" ".join(str(each.content) for each in asked), asked)


def pieces(
    model: FakeModel, body: Mapping[str, Any], asked: Asked
) -> Iterator[tuple[str | dict[str, Any], str | None]]:
    """Yield (piece, None) for each part of an answer, then ("", why it ended)."""
    if "thinking" in ollama_facts.capabilities(model) and body.get("think") is not False:
        yield {"thinking": f"{len(asked.text.split())} words to turn."}, None
    limit = (body.get("options") or {}).get("num_predict")
    tools = tuple(body.get("tools") or ())
    request = ChatRequest(model.name, asked.messages, tools, Sampling(max_tokens=limit))
    calls: dict[str, Any] = {}
    reason = "stop"
    for delta in answers.deltas_for(request):
        for call in delta.tool_calls:
            calls.setdefault("name", call.name)
            calls["arguments"] = calls.get("arguments", "") + call.arguments
        if delta.text:
            yield delta.text, None
        if delta.finish == "length":
            reason = "length"
    if calls:
        function = {"name": calls["name"], "arguments": orjson.loads(calls["arguments"])}
        yield {"tool_calls": [{"id": f"call_{next(_ids):08x}", "function": {"index": 0, **function}}]}, None
    yield "", reason


# --- /v1 -----------------------------------------------------------------------------------------------------------


def routes(server: FakeOllama) -> Sequence[tuple[str, str, Handler]]:
    """Return the routes of OpenAI's dialect."""
    dialect = OpenAIRoutes(server)
    return (
        ("GET", "/v1/models", dialect.models),
        ("GET", "/v1/models/{model:.+}", dialect.one),
        ("POST", "/v1/chat/completions", dialect.chat),
        ("POST", "/v1/completions", dialect.complete),
        ("POST", "/v1/embeddings", dialect.embed),
    )


class OpenAIRoutes:
    """The other dialect of a fake Ollama."""

    def __init__(self, server: FakeOllama) -> None:
        self._server = server

    async def models(self, _request: web.Request) -> web.Response:
        """List what is installed."""
        return web.json_response({"object": "list", "data": [_item(each) for each in self._server.models.values()]})

    async def one(self, request: web.Request) -> web.Response:
        """Return one model."""
        return web.json_response(_item(self._server.model({"model": request.match_info["model"]})))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat."""
        return await self._answer(request, is_chat=True)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Continue a text."""
        return await self._answer(request, is_chat=False)

    async def embed(self, request: web.Request) -> web.Response:
        """Return vectors."""
        body = await self._server.body(request)
        if not body.get("input"):
            raise OllamaError(400, "invalid input")
        answer = await self._server.embed({name: body[name] for name in ("model", "input") if name in body})
        is_packed = str(body.get("encoding_format")).lower() == "base64"
        rows = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if is_packed else vector}
            for index, vector in enumerate(answer["embeddings"])
        ]
        tokens = answer["prompt_eval_count"]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "data": rows, "model": body["model"], "usage": usage})

    async def _answer(self, request: web.Request, *, is_chat: bool) -> web.StreamResponse:
        body = await self._server.body(request)
        if is_chat and not body.get("messages"):
            raise OllamaError(400, "[] is too short - 'messages'")
        async with aclosing(self._server.lines(_native(body), is_chat=is_chat)) as lines:
            if body.get("stream"):
                return await self._stream(request, body, lines, is_chat=is_chat)
            return web.json_response(await _whole(lines, body, is_chat=is_chat))

    async def _stream(
        self, request: web.Request, body: dict[str, Any], lines: AsyncGenerator[dict[str, Any], None], *, is_chat: bool
    ) -> web.StreamResponse:
        head = _head(body, is_chat=is_chat, is_stream=True)
        first = await anext(lines)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await _event(response, head, _choice(first, is_chat=is_chat, is_first=True))
        is_call = bool(first.get("message", {}).get("tool_calls"))
        try:
            async for line in lines:
                if line["done"]:
                    await self._end(response, head, line, body, is_chat=is_chat, is_call=is_call)
                else:
                    is_call |= bool(line.get("message", {}).get("tool_calls"))
                    await _event(response, head, _choice(line, is_chat=is_chat, is_first=False))
        except OllamaError:  # what Ollama makes of the line with the error: an empty event, and no end
            await _event(response, head | {"model": ""}, _choice({}, is_chat=is_chat, is_first=False))
        except ConnectionAbortedError:
            if request.transport is not None:
                request.transport.abort()
        await response.write_eof()
        return response

    async def _end(
        self,
        response: web.StreamResponse,
        head: dict[str, Any],
        line: dict[str, Any],
        body: dict[str, Any],
        *,
        is_chat: bool,
        is_call: bool,
    ) -> None:
        finish = "tool_calls" if is_call else line["done_reason"]
        choice: dict[str, Any] = {"delta": {}} if is_chat else {"text": ""}
        await _event(response, head, {"index": 0, **choice, "logprobs": None, "finish_reason": finish})
        if (body.get("stream_options") or {}).get("include_usage"):
            await response.write(b"data: %b\n\n" % orjson.dumps({**head, "choices": [], "usage": _usage(line)}))
        await response.write(b"data: [DONE]\n\n")


def refusal(error: OllamaError) -> web.Response:
    """Return an error in OpenAI's form."""
    kind = KINDS.get(error.status, "api_error")
    body = {"error": {"message": error.text, "type": kind, "param": None, "code": None}}
    return web.json_response(body, status=error.status)


def _native(body: Mapping[str, Any]) -> dict[str, Any]:
    limit = body.get("max_tokens")
    native = {name: body[name] for name in ("model", "messages", "prompt", "tools") if name in body}
    return native | {"options": {"num_predict": limit} if limit is not None else {}}


def _item(model: FakeModel) -> dict[str, Any]:
    return {"id": ollama_facts.full_name(model.name), "object": "model", "created": 1777647600, "owned_by": "library"}


def _head(body: Mapping[str, Any], *, is_chat: bool, is_stream: bool) -> dict[str, Any]:
    kind = ("chat.completion.chunk" if is_stream else "chat.completion") if is_chat else "text_completion"
    answer_id = f"{'chatcmpl' if is_chat else 'cmpl'}-{next(_ids)}"
    head = {"id": answer_id, "object": kind, "created": int(time.time()), "model": body["model"]}
    return head | {"system_fingerprint": SYSTEM}


async def _event(response: web.StreamResponse, head: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
    await response.write(b"data: %b\n\n" % orjson.dumps({**head, "choices": [choice]}))


def _choice(line: Mapping[str, Any], *, is_chat: bool, is_first: bool) -> dict[str, Any]:
    if not is_chat:
        return {"index": 0, "text": line.get("response", ""), "logprobs": None, "finish_reason": None}
    message = line.get("message", {})
    delta: dict[str, Any] = {"role": "assistant"} if is_first else {}
    delta["content"] = message.get("content", "")
    if thinking := message.get("thinking"):
        delta["reasoning"] = thinking
    if calls := message.get("tool_calls"):
        delta["tool_calls"] = [{"index": call["function"]["index"], **_call(call)} for call in calls]
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}


async def _whole(
    lines: AsyncGenerator[dict[str, Any], None], body: Mapping[str, Any], *, is_chat: bool
) -> dict[str, Any]:
    said = [line async for line in lines]
    head, last = _head(body, is_chat=is_chat, is_stream=False), said[-1]
    if not is_chat:
        text = "".join(line["response"] for line in said)
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": last["done_reason"]}
        return {**head, "choices": [choice], "usage": _usage(last)}
    messages = [line["message"] for line in said]
    calls = [_call(call) for each in messages for call in each.get("tool_calls", ())]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(each["content"] for each in messages),
        "refusal": None,
    }
    if thinking := "".join(each.get("thinking", "") for each in messages):
        message["reasoning"] = thinking
    if calls:
        message["tool_calls"] = calls
    finish = "tool_calls" if calls else last["done_reason"]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {**head, "choices": [choice], "usage": _usage(last)}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = orjson.dumps(function["arguments"]).decode()
    return {"id": call["id"], "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _usage(line: Mapping[str, Any]) -> dict[str, int]:
    prompt, answer = line["prompt_eval_count"], line["eval_count"]
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
