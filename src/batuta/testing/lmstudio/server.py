"""A fake LM Studio: its three REST APIs and its SDK's sockets, with the habits of several versions.

`python -m batuta.testing.lmstudio --port 1234 --version 0.4.2` runs it by hand. What it imitates, and what of that is
known only by hearsay, is in docs/reference/engines/lmstudio.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiohttp import web

from batuta.testing.lmstudio.answers import CRASHED, Body, Interrupted, Refusal, Speaker, extras, send_events
from batuta.testing.lmstudio.native import Downloads, NativeChat, refusal
from batuta.testing.lmstudio.rows import habits_of, instance_config, openai_list, v0_row, v1_row
from batuta.testing.lmstudio.sdk import NAMESPACES, sdk_socket
from batuta.testing.lmstudio.shelf import Instance, LoadError, Shelf
from batuta.testing.local_server import GIB, FakeModel, Handler, LocalServer, MemoryPool

NOTHING_LOADED = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
UNADMITTED = (
    "An LM Studio API token is required to make requests to this server, but none was provided using the "
    "Authorization header using the 'Bearer' scheme (i.e., 'Authorization: Bearer $LM_API_TOKEN'). Learn more at: "
    "https://lmstudio.ai/docs/developer/core/authentication."
)
LOAD_FIELDS = ("eval_batch_size", "flash_attention", "num_experts", "offload_kv_cache_to_gpu")

Whole = Callable[[Instance, Body], Awaitable[Body]]


def usual_models() -> list[FakeModel]:
    """Return what a fake has installed when nobody says otherwise."""
    return [
        FakeModel("qwen/qwen3-4b", size=3 * GIB, context=32768, details={"tools": True, "arch": "qwen3"}),
        FakeModel("gemma-3-12b-it", size=8 * GIB, context=131072, details={"vision": True, "arch": "gemma3"}),
        FakeModel("text-embedding-nomic-embed-text-v1.5", size=GIB // 8, context=2048, is_embedding=True),
    ]


class FakeLMStudio(LocalServer):
    """The server.

    Args:
        models: what is installed; `usual_models()` when None.
        version: whose habits it has; from 0.4 there is `/api/v1`, from 0.3.6 `/api/v0`.
        port: 0 picks a free one.
        memory: the device; 16 GiB when None.
        key: an API token that every route but the greeting demands; for the SDK in the form `sk-lm-ID:PASS`.
        is_jit_on: a request for a model that is installed loads it.
        is_evicting: a JIT load takes the previous JIT model out.
        answers_any_name: with one model loaded, a name that nobody has is answered by it.
        token_s: seconds before each word.
        unknown_status: what a route that nobody has is answered with.
        offered: what can be downloaded.
    """

    name = "LM Studio"
    default_port = 1234

    def __init__(
        self,
        models: Sequence[FakeModel] | None = None,
        *,
        version: str = "0.4.2",
        port: int = 0,
        memory: MemoryPool | None = None,
        key: str | None = None,
        is_jit_on: bool = True,
        is_evicting: bool = True,
        answers_any_name: bool = True,
        token_s: float = 0.0,
        unknown_status: int = 200,
        offered: Sequence[FakeModel] = (),
    ) -> None:
        super().__init__(port=port, memory=memory, key=key)
        self.version = version
        self.habits = habits_of(version)
        self.is_jit_on = is_jit_on
        self.answers_any_name = answers_any_name
        self.unknown_status = unknown_status
        self.bodies: list[tuple[str, Body]] = []
        self.shelf = Shelf(usual_models() if models is None else models, self.memory, is_evicting=is_evicting)
        self.speaker = Speaker(self.shelf, token_s=token_s)
        self._native = NativeChat(self.shelf, self.speaker)
        self._downloads = Downloads(self.shelf, {model.name: model for model in offered})

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        """Return the routes that the version has."""
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/v1/models", self._openai_models),
            ("POST", "/v1/chat/completions", self._chat),
            ("POST", "/v1/completions", self._complete),
            ("POST", "/v1/embeddings", self._embed),
        ]
        if self.habits.has_v0:
            routes += [
                ("GET", "/api/v0/models", self._v0_models),
                ("GET", "/api/v0/models/{name:.+}", self._v0_model),
                ("POST", "/api/v0/chat/completions", self._chat),
                ("POST", "/api/v0/completions", self._complete),
                ("POST", "/api/v0/embeddings", self._embed),
            ]
        if self.habits.has_v1:
            routes += [
                ("GET", "/api/v1/models", self._v1_models),
                ("POST", "/api/v1/models/load", self._v1_load),
                ("POST", "/api/v1/models/unload", self._v1_unload),
                ("POST", "/api/v1/models/download", self._v1_download),
                ("GET", "/api/v1/models/download/status/{job}", self._v1_download_status),
                ("POST", "/api/v1/chat", self._v1_chat),
            ]
        sockets: list[tuple[str, str, Handler]] = [("GET", f"/{name}", self._socket) for name in NAMESPACES]
        guarded = [(method, path, self._guarded(handler)) for method, path, handler in routes]
        return [*guarded, *sockets, ("GET", "/lmstudio-greeting", self._greet)]

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Answer as LM Studio does: 200, and an error that is a text."""
        text = f"Unexpected endpoint or method. ({request.method} {request.path})"
        return web.json_response({"error": text}, status=self.unknown_status)

    async def stop(self) -> None:
        """Close the port; everything leaves memory."""
        await super().stop()
        await self.shelf.aclose()

    def crash(self, name: str) -> None:
        """End the processes of a model, as a fault in its runtime does."""
        for instance in self.shelf.of(name):
            self.shelf.drop(instance, CRASHED)

    # The door -----------------------------------------------------------------------------------------------------

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                return await handler(request)
            except Refusal as error:
                return web.json_response(error.body, status=error.status)
            except LoadError as error:
                return web.json_response(self._error(f"Failed to load model. Error: {error}"), status=400)
            except Interrupted as error:
                return web.json_response(self._error(str(error)), status=400)

        return guarded

    def _admit(self, request: web.Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key is not None and not hmac.compare_digest(self.key.encode(), given.encode()):
            raise refusal(401, "invalid_request", UNADMITTED, code="invalid_api_key")

    def _error(self, message: str, *, code: str | None = None) -> Body:
        if self.habits.error_is_text:
            return {"error": message}
        return {"error": {"message": message, "type": "invalid_request_error", "param": "model", "code": code}}

    async def _body(self, request: web.Request) -> Body:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise refusal(400, "invalid_request", f"Invalid JSON: {error}") from None
        if not isinstance(body, dict):
            raise refusal(400, "invalid_request", "The body must be an object")
        self.bodies.append((request.path, body))
        return body

    async def _greet(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"lmstudio": True})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        return await sdk_socket(request, self.shelf, self.speaker, version=self.version, key=self.key)

    # OpenAI's routes, and v0's of the same form --------------------------------------------------------------------

    async def _openai_models(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(openai_list(self.shelf, is_jit_on=self.is_jit_on))

    async def _instance(self, body: Body, *, is_embedding: bool) -> Instance:
        """Find who answers.

        1. A loaded model of that name. 2. An installed one, by JIT. 3. The only one loaded, whatever its name.
        """
        name = body.get("model")
        name = name if isinstance(name, str) else ""
        if (instance := self.shelf.find(name)) is not None:  # 1
            return instance
        model = self.shelf.models.get(name)
        if model is not None and self.is_jit_on:  # 2
            ttl = body.get("ttl")
            return await self.shelf.jit(model, ttl_s=float(ttl) if isinstance(ttl, int | float) else None)
        ready = [one for one in self.shelf.ready() if one.model.is_embedding is is_embedding]
        if len(ready) == 1 and self.answers_any_name:  # 3
            return ready[0]
        raise self._nobody(name, has_ready=bool(ready))

    def _nobody(self, name: str, *, has_ready: bool) -> Refusal:
        status = self.habits.missing_status
        if not has_ready:
            return Refusal(status, self._error(NOTHING_LOADED))
        names = list(self.shelf.models)
        if status == 404:
            text = f'Model "{name}" not found. Please specify a valid model.\n\nYour models:\n\n' + "\n".join(names)
        else:
            text = f'Invalid model identifier "{name}". Please specify a valid downloaded model (e.g., {names[0]}).'
        return Refusal(status, self._error(text, code="model_not_found"))

    async def _answer(
        self, request: web.Request, whole: Whole, events: Any = None, *, is_embedding: bool = False
    ) -> web.StreamResponse:
        body, started = await self._body(request), time.monotonic()
        instance = await self._instance(body, is_embedding=is_embedding)
        with self.speaker.using(instance):
            if events is not None and body.get("stream"):
                return await send_events(request, events(instance, body))
            answer = await whole(instance, body)
        if request.path.startswith("/api/v0/") and not is_embedding:
            answer |= extras(instance, started, answer["usage"]["completion_tokens"])
        return web.json_response(answer)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.speaker.chat, self.speaker.chat_events)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.speaker.complete, self.speaker.completion_events)

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.speaker.embed, is_embedding=True)

    # v0 -----------------------------------------------------------------------------------------------------------

    async def _v0_models(self, _request: web.Request) -> web.StreamResponse:
        rows = [v0_row(self.shelf, model, self.habits) for model in self.shelf.models.values()]
        return web.json_response({"object": "list", "data": rows})

    async def _v0_model(self, request: web.Request) -> web.StreamResponse:
        model = self.shelf.models.get(request.match_info["name"])
        if model is None:
            raise Refusal(404, {"error": f"Model {request.match_info['name']} not found"})
        return web.json_response(v0_row(self.shelf, model, self.habits))

    # v1 -----------------------------------------------------------------------------------------------------------

    async def _v1_models(self, _request: web.Request) -> web.StreamResponse:
        rows = [v1_row(self.shelf, model, self.habits) for model in self.shelf.models.values()]
        return web.json_response({"models": rows})

    def _installed(self, body: Body) -> FakeModel:
        name = body.get("model")
        model = self.shelf.models.get(name) if isinstance(name, str) else None
        if model is None:
            raise refusal(404, "model_not_found", f"Model {name} not found", param="model")
        return model

    async def _v1_load(self, request: web.Request) -> web.StreamResponse:
        body, started = await self._body(request), time.monotonic()
        model = self._installed(body)
        config = {name: body[name] for name in LOAD_FIELDS if name in body}
        try:
            instance = await self.shelf.load(model, context=body.get("context_length"), config=config)
        except LoadError as error:
            raise refusal(500, "model_load_failed", f"Failed to load model: {error}") from None
        answer: Body = {
            "type": "embedding" if model.is_embedding else "llm",
            "instance_id": instance.id,
            "load_time_seconds": round(time.monotonic() - started, 3),
            "status": "loaded",
        }
        if body.get("echo_load_config"):
            answer["load_config"] = instance_config(instance)
        return web.json_response(answer)

    async def _v1_unload(self, request: web.Request) -> web.StreamResponse:
        name = (await self._body(request)).get("instance_id")
        instance = self.shelf.instances.get(name) if isinstance(name, str) else None
        if instance is None:
            raise refusal(404, "model_not_found", f"No loaded instance {name}", param="instance_id")
        self.shelf.drop(instance)
        return web.json_response({"instance_id": instance.id})

    async def _v1_download(self, request: web.Request) -> web.StreamResponse:
        name = (await self._body(request)).get("model")
        return web.json_response(self._downloads.start(name if isinstance(name, str) else ""))

    async def _v1_download_status(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._downloads.status(request.match_info["job"]))

    async def _v1_chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        model = self._installed(body)
        if body.get("stream"):
            return await send_events(request, self._native.events(model, body))
        return web.json_response(await self._native.whole(model, body))

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> None:
        """Run by hand until interrupted."""
        parser = argparse.ArgumentParser(prog="python -m batuta.testing.lmstudio", description="a fake LM Studio")
        parser.add_argument("--port", type=int, default=cls.default_port, help="0 picks a free one")
        parser.add_argument("--version", default="0.4.2", help="whose habits it has: 0.3.5, 0.3.16, 0.4.2, 1.1.7")
        parser.add_argument("--load-s", type=float, default=3.0, help="seconds a load takes")
        parser.add_argument("--token-ms", type=float, default=40.0, help="wait before each word")
        parser.add_argument("--no-jit", action="store_true", help="requests load nothing")
        given = parser.parse_args(arguments)
        models = usual_models()
        for model in models:
            model.load_s = given.load_s

        async def serve() -> None:
            how = {"token_s": given.token_ms / 1000, "is_jit_on": not given.no_jit}
            async with cls(models, port=given.port, version=given.version, **how) as server:
                print(f"{cls.name} {server.version} listens on {server.url}", flush=True)  # noqa: T201  # its output
                await asyncio.Event().wait()

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())
