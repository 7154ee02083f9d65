"""llama-server for the contract: in front of the fake, alone and as a router, of builds with and without events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.engines.llama_server.engine import LlamaServerEngine
from batuta.engines.transport import Transport
from batuta.testing.llama_server.server import NEWEST, FakeLlamaServer
from batuta.testing.local_server import GIB, FakeModel, MemoryPool
from batuta.vault.secret import Secret
from tests.contract.subjects import Backend, Make, Subject

KEY = "sk-test-not-a-key-llama-server"
CHAT = FakeModel("ggml-org/Small-GGUF:Q4_K_M", size=3 * GIB, load_s=0.004, details={"embeds": True})
VECTORS = FakeModel("vectors", size=GIB // 8, load_s=0.004, is_embedding=True)


def spec_of(name: str, *, size: int = 1000, capability: Capability = Capability.CHAT) -> ModelSpec:
    """Return a model of the subject's."""
    return ModelSpec(
        id=f"subject/{name}",
        provider_id="subject",
        address=name,
        capabilities=frozenset({capability}),
        memory=MemoryNeed(weights=size),
        is_local=True,
        is_loadable=True,
    )


def _behind(server: FakeLlamaServer) -> Backend:
    return Backend(
        slow_down=lambda: setattr(server.speaker, "token_s", 0.01),
        running=lambda: sum(child.running for child in server.children.all.values()),
        loads=lambda: server.children.loads,
    )


def _fake(*, is_router: bool, build: int = NEWEST) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        memory = MemoryPool(16 * GIB, late_s=0.01)
        async with FakeLlamaServer([CHAT, VECTORS], is_router=is_router, build=build, memory=memory, key=KEY) as server:
            transport = Transport()
            provider = Provider("subject", "llama_server", base_url=f"{server.url}/v1", is_local=True)
            engine = LlamaServerEngine(provider, transport, key=Secret(KEY), poll_s=0.002)
            chat = spec_of(CHAT.name)
            vectors = spec_of(VECTORS.name, capability=Capability.EMBEDDING) if is_router else chat
            yield Subject(engine, chat, vectors, _behind(server), can_unload=is_router)
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS: dict[str, Make] = {
    "llama_server router": _fake(is_router=True),
    "llama_server router without events": _fake(is_router=True, build=7400),
    "llama_server single": _fake(is_router=False),
}
