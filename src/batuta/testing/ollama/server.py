"""A fake Ollama: its own API and the OpenAI one beside it, as of version 0.33, or as older as it is told.

Models take memory, load slowly, leave by keep_alive and stand in one queue, as in Ollama (see ollama_scheduler). What a
model says is computed from what it is asked (see answers). Run it by hand: `python -m batuta.testing.ollama --port N`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self

import orjson
from aiohttp import web

from batuta.engines.ollama.wire import canonical
from batuta.testing import answers
from batuta.testing.local_server import GIB, FakeModel, Handler, LocalServer, MemoryPool
from batuta.testing.ollama import facts as ollama_facts
from batuta.testing.ollama import openai as ollama_openai
from batuta.testing.ollama.facts import capabilities
from batuta.testing.ollama.scheduler import OllamaError, Runner, Scheduler, key_of, seconds_of, wish_of

Line = dict[str, Any]
VERSION = "0.33.0"
DEFAULT_CONTEXT = 4096  # Ollama's on a card below 24 GiB
MODELS = (
    FakeModel("llama3.2:3b", size=2 * GIB, load_s=2.0, details={"kv_per_token": 512}),
    FakeModel("qwen3:8b", size=5 * GIB, load_s=4.0, details={"capabilities": ("completion", "tools", "thinking")}),
    FakeModel("nomic-embed-text:latest", size=GIB // 4, load_s=0.5, is_embedding=True, context=2048),
)


@dataclass(slots=True)
class Play:
    """What goes wrong in every answer of generate and chat until it is taken back.

    Attributes:
        error_after: pieces after which a line with an error ends the answer.
        error: its text.
        cut_after: pieces after which the connection is gone, as when the server dies.
        token_s: seconds between pieces.
        answer_as: name that answers claim to come from; empty: the one that was asked.
    """

    error_after: int | None = None
    error: str = "llama-server process has terminated: signal: killed"
    cut_after: int | None = None
    token_s: float = 0.0
    answer_as: str = ""


class FakeOllama(LocalServer):
    """An Ollama.

    Args:
        models: what is installed.
        port: 0 picks a free one.
        memory: the GPU.
        version: whose habits to show.
        registry: what can be pulled.
        default_context: num_ctx where nobody names one (OLLAMA_CONTEXT_LENGTH).
        scheduling: settings of the Scheduler (parallel, max_queue, max_loaded, keep_s, host_memory).
    """

    name = "fake Ollama"
    default_port = 11434

    def __init__(
        self,
        models: Sequence[FakeModel] = MODELS,
        *,
        port: int = 0,
        memory: MemoryPool | None = None,
        version: str = VERSION,
        registry: Sequence[FakeModel] = (),
        default_context: int = DEFAULT_CONTEXT,
        scheduling: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(port=port, memory=memory)
        self.models = {canonical(model.name): model for model in models}
        self.registry = {canonical(model.name): model for model in registry}
        self.version = version
        self.default_context = default_context
        self.scheduler = Scheduler(self.memory, **(scheduling or {}))
        self.play = Play()
        self._openai = ollama_openai.routes(self)
        self.bodies: list[tuple[str, Any]] = []  # (path, JSON) of each POST, in order

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        return (
            *((method, path, self._root) for method, path in (("GET", "/"), ("HEAD", "/"))),
            ("GET", "/api/version", self._version),
            ("GET", "/api/tags", self._tags),
            ("GET", "/api/ps", self._ps),
            *((method, f"/api/{name}", guarded(handler, refusal)) for method, name, handler in self._actions()),
            *((method, path, guarded(handler, ollama_openai.refusal)) for method, path, handler in self._openai),
        )

    def _actions(self) -> Sequence[tuple[str, str, Handler]]:
        return (
            ("POST", "show", self._show),
            ("POST", "generate", self._generate),
            ("POST", "chat", self._chat),
            ("POST", "embed", self._embed),
            ("POST", "pull", self._pull),
            ("DELETE", "delete", self._delete),
        )

    async def unknown(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="404 page not found")

    async def start(self) -> Self:
        self.scheduler.start()
        return await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.scheduler.aclose()

    # --- lists ---------------------------------------------------------------------------------------------------

    async def _root(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _tags(self, _request: web.Request) -> web.Response:
        return web.json_response({"models": [ollama_facts.row(model, self.version) for model in self.models.values()]})

    async def _ps(self, _request: web.Request) -> web.Response:
        now = asyncio.get_running_loop().time()
        rows = [
            (left, ollama_facts.held_row(runner, self.version, left_s=left))
            for runner in self.scheduler.loaded.values()
            for left in [_left(runner, now)]
        ]
        rows.sort(key=lambda pair: -pair[0])
        return web.json_response({"models": [row for _, row in rows]})

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(ollama_facts.show(self.model(await self.body(request)), self.version))

    # --- answers -------------------------------------------------------------------------------------------------

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, is_chat=False)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, is_chat=True)

    async def _answer(self, request: web.Request, *, is_chat: bool) -> web.StreamResponse:
        body = await self.body(request)
        async with aclosing(self.lines(body, is_chat=is_chat)) as lines:
            if body.get("stream") is False:
                return web.json_response(await whole(lines))
            return await self._stream(request, lines)

    async def _stream(self, request: web.Request, lines: AsyncGenerator[Line, None]) -> web.StreamResponse:
        """Send lines as they come. An error before the first has its status, a later one is a line."""
        first = await anext(lines)
        if first.get("done_reason") in {"load", "unload"}:
            return web.json_response(first)
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write(orjson.dumps(first) + b"\n")
        try:
            async for line in lines:
                await response.write(orjson.dumps(line) + b"\n")
        except OllamaError as error:
            await response.write(orjson.dumps({"error": error.text}) + b"\n")
        except ConnectionAbortedError:
            cut(request)
        await response.write_eof()
        return response

    async def lines(self, body: Mapping[str, Any], *, is_chat: bool) -> AsyncGenerator[Line, None]:
        """Yield the lines of an answer, the last one with its counts; loads and unloads have a single line.

        Raises:
            OllamaError: refused, or failed in the middle.
            ConnectionAbortedError: the play wants the connection gone.
        """
        started = time.monotonic_ns()
        model, asked = self.model(body), ollama_openai.question(body, is_chat=is_chat)
        keep_s = seconds_of(body.get("keep_alive"))
        if asked is None and keep_s == 0:
            self.scheduler.expire(key_of(model))
            yield self._line(body, "", is_chat=is_chat) | {"done": True, "done_reason": "unload"}
            return
        self._check(model, body, is_chat=is_chat)
        runner = await self._acquire(model, body, keep_s)
        loaded = time.monotonic_ns()
        try:
            if asked is None:
                yield self._line(body, "", is_chat=is_chat) | {"done": True, "done_reason": "load"}
                return
            async with runner.slots:
                count = 0
                for piece, reason in ollama_openai.pieces(model, body, asked):
                    await self._misbehave(count)
                    if reason is None:
                        count += 1
                        yield self._line(body, piece, is_chat=is_chat)
                spent = time.monotonic_ns() - loaded
                yield {
                    **self._line(body, "", is_chat=is_chat),
                    "done": True,
                    "done_reason": reason,
                    "total_duration": time.monotonic_ns() - started,
                    "load_duration": loaded - started,
                    "prompt_eval_count": max(1, len(asked.text.split())),
                    "prompt_eval_duration": spent // 2,
                    "eval_count": count,
                    "eval_duration": spent // 2,
                }
        finally:
            self.scheduler.release(runner)

    async def _misbehave(self, count: int) -> None:
        if count and self.play.token_s:
            await asyncio.sleep(self.play.token_s)
        if count == self.play.error_after:
            raise OllamaError(500, self.play.error)
        if count == self.play.cut_after:
            raise ConnectionAbortedError

    def _line(self, body: Mapping[str, Any], piece: str | Line, *, is_chat: bool) -> Line:
        head = {"model": self.play.answer_as or body["model"], "created_at": ollama_facts.now()}
        fields = piece if isinstance(piece, dict) else {"content": piece}
        if is_chat:
            return {**head, "message": {"role": "assistant", "content": "", **fields}, "done": False}
        said = {"response" if name == "content" else name: value for name, value in fields.items()}
        return {**head, "response": "", **said, "done": False}

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        if not ollama_facts.has(self.version, "embed"):
            return await self.unknown(request)
        return web.json_response(await self.embed(await self.body(request)))

    async def embed(self, body: Mapping[str, Any]) -> Line:
        """Return vectors for texts. Raises OllamaError."""
        started = time.monotonic_ns()
        given = body.get("input")
        texts = [given] if isinstance(given, str) and given else given or []
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise OllamaError(400, "invalid input type")
        model = self.model(body)
        runner = await self._acquire(model, body, seconds_of(body.get("keep_alive")))
        loaded = time.monotonic_ns()
        try:
            vectors = [answers.vector_for(text)[: body.get("dimensions") or None] for text in texts]
        finally:
            self.scheduler.release(runner)
        answer: Line = {"model": body["model"], "embeddings": vectors}
        if not texts:
            return answer
        durations = {"total_duration": time.monotonic_ns() - started, "load_duration": loaded - started}
        return answer | durations | {"prompt_eval_count": sum(len(text.split()) for text in texts)}

    async def _acquire(self, model: FakeModel, body: Mapping[str, Any], keep_s: float | None) -> Runner:
        chosen = int(model.details.get("parameters", {}).get("num_ctx", 0))
        options = body.get("options") or {}
        wish = wish_of(options, chosen=chosen, default=self.default_context, keep_s=keep_s)
        return await self.scheduler.acquire(key_of(model), model, wish)

    def _check(self, model: FakeModel, body: Mapping[str, Any], *, is_chat: bool) -> None:
        can, name = capabilities(model), body["model"]
        if "completion" not in can:
            raise OllamaError(400, f'"{name}" does not support {"chat" if is_chat else "generate"}')
        if body.get("tools") and "tools" not in can:
            raise OllamaError(400, f"registry.ollama.ai/library/{name} does not support tools")
        if body.get("think") and "thinking" not in can:
            raise OllamaError(400, f'"{name}" does not support thinking')

    # --- the shelf -----------------------------------------------------------------------------------------------

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        body = await self.body(request)
        name = str(body.get("model") or body.get("name") or "")
        model = self.registry.get(canonical(name))
        if body.get("stream") is False:
            if model is None:
                raise OllamaError(500, "pull model manifest: file does not exist")
            self.models[canonical(name)] = model
            return web.json_response({"status": "success"})
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)
        for line in _pull_lines(model):
            await response.write(orjson.dumps(line) + b"\n")
        if model is not None:
            self.models[canonical(name)] = model
        await response.write_eof()
        return response

    async def _delete(self, request: web.Request) -> web.Response:
        model = self.model(await self.body(request))
        del self.models[canonical(model.name)]
        self.scheduler.expire(key_of(model))
        return web.Response()

    # --- requests ------------------------------------------------------------------------------------------------

    async def body(self, request: web.Request) -> dict[str, Any]:
        """Return a request's JSON. Raises OllamaError."""
        data = await request.read()
        if not data:
            raise OllamaError(400, "missing request body")
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise OllamaError(400, str(error)) from None
        if not isinstance(body, dict):
            raise OllamaError(400, "json: cannot unmarshal array into Go value")
        self.bodies.append((request.path, body))
        return body

    def model(self, body: Mapping[str, Any]) -> FakeModel:
        """Return the model that a request names. Raises OllamaError."""
        name = body.get("model") or body.get("name") or ""
        model = self.models.get(canonical(str(name)))
        if not name:
            raise OllamaError(400, "model is required")
        if model is None:
            raise OllamaError(404, f"model '{name}' not found")
        return model


# --- small parts ---------------------------------------------------------------------------------------------------


async def whole(lines: AsyncGenerator[Line, None]) -> Line:
    """Return the lines of an answer as one."""
    texts: dict[str, str] = {}
    calls: list[Any] = []
    last: Line = {}
    field = "content"
    async for line in lines:
        last = line
        said = line.get("message", line)
        field = "content" if "message" in line else "response"
        for name in (field, "thinking"):
            texts[name] = texts.get(name, "") + said.get(name, "")
        calls += said.get("tool_calls", [])
    fields: Line = {name: text for name, text in texts.items() if text or name == field}
    fields |= {"tool_calls": calls} if calls else {}
    return {**last, "message": {**last["message"], **fields}} if "message" in last else {**last, **fields}


def guarded(handler: Handler, refuse: Callable[[OllamaError], web.Response]) -> Handler:
    """Return a handler whose refusals are answered in the form of its dialect."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except OllamaError as error:
            return refuse(error)

    return handle


def refusal(error: OllamaError) -> web.Response:
    """Return an error as Ollama's own routes do."""
    return web.json_response({"error": error.text}, status=error.status)


def cut(request: web.Request) -> None:
    """Close the connection without a word."""
    if request.transport is not None:
        request.transport.abort()


def _left(runner: Runner, now: float) -> float:
    """Return how long a runner is going to stay, in seconds: infinite for ever."""
    if math.isinf(runner.keep_s):
        return math.inf
    return runner.keep_s if math.isinf(runner.expires_at) else max(0.0, runner.expires_at - now)


def _pull_lines(model: FakeModel | None) -> Sequence[Line]:
    start: Line = {"status": "pulling manifest"}
    if model is None:
        return (start, {"error": "pull model manifest: file does not exist"})
    digest = f"sha256:{ollama_facts.digest_of(model)}"
    layer = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": model.size}
    steps = [{**layer, "completed": model.size * tenth // 10} for tenth in range(1, 11)]
    ends = ({"status": text} for text in ("verifying sha256 digest", "writing manifest", "success"))
    return (start, layer, *steps, *ends)
