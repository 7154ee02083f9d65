"""A fake vLLM: one model and its LoRA adapters, OpenAI's dialect, and the unprotected routes of sleep mode.

`python -m batuta.testing.vllm --port 8000` runs it by hand, with `--no-sleep` as it is started without development
mode. It is not there until its model is loaded, and says that it is healthy while it is asleep. What a model says is
computed from what it is asked (see answers).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import orjson
from aiohttp import web

from batuta.tasks import Tasks
from batuta.testing.local_server import GIB, FakeModel, Handler, LocalServer, MemoryPool
from batuta.testing.vllm.answers import Answers, VLLMRefusal, error_body
from batuta.testing.vllm.core import DEAD, EngineCore, EngineDead, WakeFailed

VERSION = "0.27.0"
BLOCK = 16  # tokens of a block of the cache
GUARDED = ("/v1", "/v2", "/inference", "/cohere")
MODELS = (
    FakeModel("Qwen/Qwen3-4B", size=8 * GIB, load_s=2.0, context=32768),
    FakeModel("sql-lora", size=0),
)
_created = itertools.count(1_760_000_000)


class FakeVLLM(LocalServer):
    """The server.

    Args:
        models: the first is the one it serves, the others are LoRA adapters of it. `details["root"]`: where its files
            are; `details["kv"]`: bytes of the cache.
        port: 0 picks a free one.
        memory: the device; 16 GiB when None.
        key: demanded below /v1 and nowhere else.
        version: what it says it is.
        has_sleep_routes: started in development mode (`VLLM_SERVER_DEV_MODE=1`).
        enables_sleep: started with `--enable-sleep-mode`.
        wake_s: seconds that a part (weights, cache) takes to wake.

    Attributes:
        core: the engine; its `running`, `sleeps`, `wakes` and `crashes` tell what it has been through.
        play: what goes wrong in answers.
    """

    name = "fake vLLM"
    default_port = 8000

    def __init__(
        self,
        models: Sequence[FakeModel] = MODELS,
        *,
        port: int = 0,
        memory: MemoryPool | None = None,
        key: str | None = None,
        version: str = VERSION,
        has_sleep_routes: bool = True,
        enables_sleep: bool = True,
        wake_s: float = 0.0,
    ) -> None:
        super().__init__(port=port, memory=memory, key=key)
        self.models = {model.name: model for model in models}
        self.base = models[0]
        self.version = version
        self.has_sleep_routes = has_sleep_routes
        self.enables_sleep = enables_sleep
        self.core = EngineCore(self.memory, self.base, wake_s=wake_s, frees_memory=enables_sleep)
        self._wakings = Tasks(lambda *_: None)  # what goes wrong is in the answer
        self._answers = Answers(self.core, self.models, context=self.base.context)
        self.play = self._answers.play
        self.bodies = self._answers.bodies  # (path, JSON) of each request to the model, in order

    async def start(self) -> Self:
        """Load, then listen: until then a connection is refused. Raises MemoryError when there is no room."""
        await asyncio.sleep(self.base.load_s)
        self.core.start()
        return await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self._wakings.aclose()
        self.core.stop()

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        plain: Sequence[tuple[str, str, Handler]] = (
            ("GET", "/health", self._health),
            ("GET", "/version", self._version),
            ("GET", "/metrics", self._metrics),
            ("GET", "/v1/models", self._models),
            ("POST", "/v1/chat/completions", self._answers.chat),
            ("POST", "/v1/completions", self._answers.complete),
            ("POST", "/v1/embeddings", self._answers.embed),
        )
        development: Sequence[tuple[str, str, Handler]] = (
            ("POST", "/sleep", self._sleep),
            ("POST", "/wake_up", self._wake_up),
            ("GET", "/is_sleeping", self._is_sleeping),
            ("POST", "/collective_rpc", self._collective_rpc),
            ("GET", "/server_info", self._server_info),
        )
        every = (*plain, *development) if self.has_sleep_routes else plain
        return [(method, path, self._guarded(path, handler)) for method, path, handler in every]

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        if not self._admits(request):
            return web.json_response({"error": "Unauthorized"}, status=401)
        return web.json_response(error_body(404, "Not Found", "Not Found"), status=404)

    def _guarded(self, path: str, handler: Handler) -> Handler:
        """Return a handler that asks for the key where vLLM does, and answers failures in vLLM's words."""
        is_guarded = path.startswith(GUARDED)

        async def handle(request: web.Request) -> web.StreamResponse:
            if is_guarded and not self._admits(request):
                return web.json_response({"error": "Unauthorized"}, status=401)
            try:
                return await handler(request)
            except VLLMRefusal as refusal:
                return web.json_response(error_body(refusal.status, refusal.text), status=refusal.status)
            except EngineDead:
                return web.json_response(error_body(500, DEAD), status=500)
            except WakeFailed as failure:
                return web.json_response(error_body(500, str(failure)), status=500)
            except ConnectionAbortedError:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()

        return handle

    def _admits(self, request: web.Request) -> bool:
        if self.key is None or not request.path.startswith(GUARDED):
            return True
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {self.key}".encode())

    # --- what it tells -------------------------------------------------------------------------------------------

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(status=503 if self.core.is_dead else 200)

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [self._row(model) for model in self.models.values()]})

    def _row(self, model: FakeModel) -> dict[str, Any]:
        is_base = model is self.base
        row: dict[str, Any] = {
            "id": model.name,
            "object": "model",
            "created": int(time.time()),
            "owned_by": "vllm",
            "root": model.details.get("root", model.name if is_base else f"/adapters/{model.name}"),
            "parent": None if is_base else self.base.name,
            "max_model_len": self.base.context if is_base else None,
        }
        permission = {
            "id": f"modelperm-{next(_created):x}",
            "object": "model_permission",
            "created": int(time.time()),
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }
        return row | {"permission": [permission]}

    async def _metrics(self, _request: web.Request) -> web.Response:
        labels = f'engine="0",model_name="{self.base.name}"'
        tokens = int(self.base.details.get("kv_tokens", 0))
        cache = f'block_size="{BLOCK}",cache_dtype="auto",engine="0",gpu_memory_utilization="0.9"'
        lines = (
            "# HELP vllm:num_requests_running Number of requests in model execution batches.",
            "# TYPE vllm:num_requests_running gauge",
            f"vllm:num_requests_running{{{labels}}} {float(len(self.core.running))}",
            "# TYPE vllm:num_requests_waiting gauge",
            f"vllm:num_requests_waiting{{{labels}}} 0.0",
            "# TYPE vllm:cache_config_info gauge",
            f'vllm:cache_config_info{{{cache},num_gpu_blocks="{tokens // BLOCK}"}} 1.0',
        )
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    # --- development mode ----------------------------------------------------------------------------------------

    async def _sleep(self, request: web.Request) -> web.Response:
        """Sleep as the query says; a body, whatever is in it, is not read."""
        level, mode = request.query.get("level", "1"), request.query.get("mode", "abort")
        await self.core.sleep(int(level), mode)
        return web.Response()

    async def _wake_up(self, request: web.Request) -> web.Response:
        # A client that leaves does not stop a wake-up.
        work = self.core.wake(request.query.getall("tags", []))
        await asyncio.shield(self._wakings.start(work, name="wake up"))
        return web.Response()

    async def _is_sleeping(self, _request: web.Request) -> web.Response:
        if self.core.is_dead:
            raise EngineDead
        return web.json_response({"is_sleeping": self.core.is_sleeping})

    async def _collective_rpc(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise VLLMRefusal(400, f"JSON decode error: {error}") from None
        method = body.get("method") if isinstance(body, dict) else None
        if method is None:
            raise VLLMRefusal(400, "Missing 'method' in request body")
        if method != "reload_weights":
            raise VLLMRefusal(500, f"Call to collective_rpc method failed: {method!r} is not implemented")
        self.core.reload_weights()
        return web.json_response({"results": [None]})

    async def _server_info(self, request: web.Request) -> web.Response:
        config: Any = {"model_config": {"model": self.base.name, "enable_sleep_mode": self.enables_sleep}}
        if request.query.get("config_format", "text") == "text":
            config = f"model='{self.base.name}'"
        return web.json_response({"vllm_config": config, "vllm_env": {}, "system_env": {}})

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> None:
        """Run by hand until interrupted."""
        parser = argparse.ArgumentParser(prog="python -m batuta.testing.vllm", description="a fake vLLM")
        parser.add_argument("--port", type=int, default=cls.default_port, help="0 picks a free one")
        parser.add_argument("--no-sleep", action="store_true", help="started without VLLM_SERVER_DEV_MODE=1")
        parser.add_argument("--load-s", type=float, default=3.0, help="seconds before it listens")
        parser.add_argument("--wake-s", type=float, default=0.3, help="seconds that each part takes to wake")
        parser.add_argument("--token-ms", type=float, default=40.0, help="wait before each word")
        given = parser.parse_args(arguments)

        async def serve() -> None:
            models = [replace(MODELS[0], load_s=given.load_s), *MODELS[1:]]
            server = cls(models, port=given.port, has_sleep_routes=not given.no_sleep, wake_s=given.wake_s)
            server.play.token_s = given.token_ms / 1000
            async with server:
                print(f"{cls.name} {server.version} listens on {server.url}", flush=True)  # noqa: T201  # its output
                await asyncio.Event().wait()

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())
