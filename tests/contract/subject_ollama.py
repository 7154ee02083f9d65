"""Ollama for the contract: the adapter in front of the fake, through both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.engines.ollama.engine import OllamaEngine
from batuta.engines.transport import Transport
from batuta.testing.local_server import FakeModel, MemoryPool
from batuta.testing.ollama.server import FakeOllama
from tests.contract.subjects import Backend, Make, Subject

MODELS = (
    FakeModel("small:latest", size=1000, load_s=0.004),
    FakeModel("vectors:latest", size=1000, load_s=0.004, is_embedding=True),
)


def _spec(name: str, capability: Capability) -> ModelSpec:
    return ModelSpec(
        id=f"subject/{name}",
        provider_id="subject",
        address=f"{name}:latest",
        capabilities=frozenset({capability}),
        context_length=2048,
        memory=MemoryNeed(weights=1000),
        is_local=True,
        is_loadable=True,
    )


def _ollama(*, is_direct: bool) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        async with FakeOllama(MODELS, memory=MemoryPool(10_000, late_s=0.01)) as server:
            transport = Transport(is_direct=is_direct)
            provider = Provider("subject", "ollama", base_url=f"{server.url}/v1", is_local=True)
            engine = OllamaEngine(provider, transport, poll_s=0.002)
            backend = Backend(
                slow_down=lambda: setattr(server.play, "token_s", 0.01),
                running=lambda: sum(runner.busy for runner in server.scheduler.loaded.values()),
                loads=lambda: len(server.scheduler.loads),
            )
            yield Subject(engine, _spec("small", Capability.CHAT), _spec("vectors", Capability.EMBEDDING), backend)
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS: dict[str, Make] = {
    "ollama": _ollama(is_direct=True),
    "ollama by aiohttp": _ollama(is_direct=False),
}
"""Both in front of a fake whose memory comes back late."""
