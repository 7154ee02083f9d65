"""A stage for plays about llama-server: the fake, the engine in front of it, and what the engine told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.engines.base import LoadProgress, LoadReport, RawCall, RawReply, Resident
from batuta.engines.llama_server.engine import LlamaServerEngine
from batuta.engines.transport import Transport
from batuta.testing.llama_server.server import FakeLlamaServer
from batuta.testing.local_server import GIB, FakeModel
from batuta.vault.secret import Secret

SMALL = FakeModel("org/small:Q4", size=2 * GIB, load_s=0.004, details={"aliases": ("small",), "embeds": True})
LARGE = FakeModel(
    "large", size=12 * GIB, load_s=0.004, details={"vision": True, "stages": ("text_model", "mmproj_model")}
)
ODD = FakeModel("мodel/with space:ü", size=GIB, load_s=0.004)
MODELS = [SMALL, LARGE, ODD]
SOON_S = 2.0


def spec(name: str = SMALL.name, **changes: Any) -> ModelSpec:
    how: dict[str, Any] = {"memory": MemoryNeed(weights=1000), "is_local": True, "is_loadable": True, **changes}
    return ModelSpec(f"llama/{name}", "llama", name, capabilities=frozenset({Capability.CHAT}), **how)


def ask(text: str = "one two three", *, stream: bool = True) -> ChatRequest:
    return ChatRequest("m", (Message("user", text),), stream=stream)


def provider(url: str) -> Provider:
    return Provider("llama", "llama_server", base_url=url, is_local=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.001)


@dataclass
class Play:
    server: FakeLlamaServer
    engine: LlamaServerEngine
    gone: list[tuple[str, str]] = field(default_factory=list)
    changes: list[None] = field(default_factory=list)
    told: list[LoadProgress] = field(default_factory=list)

    async def load(self, name: str = SMALL.name, **changes: Any) -> LoadReport:
        return await self.engine.load(spec(name, **changes), self.told.append)

    async def held(self) -> dict[str, Resident]:
        return {resident.address: resident for resident in await self.engine.resident()}

    async def said(self, name: str = SMALL.name, text: str = "one two three", *, stream: bool = True) -> str:
        return "".join([delta.text async for delta in self.engine.chat(spec(name), ask(text, stream=stream))])

    async def stream(self, name: str = SMALL.name, words: int = 50) -> RawReply:
        """Begin a long answer."""
        messages = [{"role": "user", "content": "word " * words}]
        body = orjson.dumps({"model": name, "messages": messages, "stream": True})
        call = RawCall("chat/completions", body, True, asyncio.get_running_loop().time() + 2)
        return await self.engine.forward(spec(name), call)

    def posts(self, path: str) -> int:
        return self.server.seen.count(("POST", path))


@asynccontextmanager
async def playing(*models: FakeModel, key: str | None = None, **how: Any) -> AsyncIterator[Play]:
    """Start a router with the usual models, unless told otherwise."""
    settings = {
        name: how.pop(name)
        for name in ("load_timeout_s", "ask_timeout_s", "poll_s", "fresh_s", "retry_s")
        if name in how
    }
    how.setdefault("is_router", True)
    transport = Transport()
    async with FakeLlamaServer(models or MODELS, key=key, **how) as server:
        secret = Secret(key) if key else None
        engine = LlamaServerEngine(
            provider(server.url), transport, key=secret, **{"poll_s": 0.002, "retry_s": 0.002, **settings}
        )
        play = Play(server, engine)
        engine.watch(lambda model, reason: play.gone.append((model, reason)))
        yield play
        await engine.aclose()
        await transport.aclose()
