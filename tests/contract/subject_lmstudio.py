"""LM Studio, held to the contract against its fake, which demands a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.engines.lmstudio.engine import LMStudioEngine
from batuta.engines.transport import Transport
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel
from batuta.vault.secret import Secret
from tests.contract.subjects import Backend, Make, Subject

OLD = "0.3.16"  # loads by a request for one token, and cannot unload
TOKEN = "sk-test-not-a-key-lmstudio"
MODELS = (
    FakeModel("qwen/qwen3-4b", size=3 * GIB, load_s=0.004),
    FakeModel("text-embedding-nomic", size=GIB // 8, load_s=0.004, is_embedding=True),
)


def _spec(model: FakeModel) -> ModelSpec:
    capability = Capability.EMBEDDING if model.is_embedding else Capability.CHAT
    return ModelSpec(
        id=f"subject/{model.name}",
        provider_id="subject",
        address=model.name,
        capabilities=frozenset({capability}),
        memory=MemoryNeed(weights=model.size),
        is_local=True,
        is_loadable=True,
    )


def _of(version: str) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        # Two just-in-time models at once, which is what every load of 0.3 is, need the eviction switched off.
        async with FakeLMStudio(MODELS, version=version, key=TOKEN, is_evicting=False) as server:
            transport = Transport()
            provider = Provider("subject", "lmstudio", base_url=f"{server.url}/v1", is_local=True)
            engine = LMStudioEngine(provider, transport, key=Secret(TOKEN), poll_s=0.002)
            backend = Backend(
                slow_down=lambda: setattr(server.speaker, "token_s", 0.005),
                running=lambda: sum(instance.running for instance in server.shelf.instances.values()),
                loads=lambda: server.seen.count(("POST", "/api/v1/models/load")),
            )
            can_unload = version != OLD
            yield Subject(engine, _spec(MODELS[0]), _spec(MODELS[1]), backend, can_unload=can_unload)
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS: dict[str, Make] = {f"lmstudio {version}": _of(version) for version in (OLD, "0.4.2", "1.1.7")}
