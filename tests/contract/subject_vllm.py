"""vLLM for the contract: the adapter in front of the fake, with a key and with sleep mode.

A real vLLM serves a model that chats or one that embeds; the fake's does both, so that one server passes all of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.engines.transport import Transport
from batuta.engines.vllm.engine import VLLMEngine
from batuta.testing.local_server import GIB, FakeModel, MemoryPool
from batuta.testing.vllm.server import FakeVLLM
from batuta.vault.secret import Secret
from tests.contract.subjects import Backend, Subject

KEY = "sk-test-not-a-key-vllm"
MODEL = FakeModel("Qwen/Qwen3-4B", size=8 * GIB, details={"tasks": ("chat", "embed")})


def _spec(capability: Capability) -> ModelSpec:
    return ModelSpec(
        id=f"subject/{capability}",
        provider_id="subject",
        address=MODEL.name,
        capabilities=frozenset({capability}),
        memory=MemoryNeed(weights=MODEL.size),
        is_local=True,
        is_loadable=True,
    )


def _made(*, sleep_level: int = 1, can_sleep: bool = True) -> Callable[[], AbstractAsyncContextManager[Subject]]:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        memory = MemoryPool(9 * GIB, late_s=0.01)
        async with FakeVLLM([MODEL], key=KEY, memory=memory, wake_s=0.004, has_sleep_routes=can_sleep) as server:
            transport = Transport()
            provider = Provider("subject", "vllm", base_url=f"{server.url}/v1", is_local=True)
            engine = VLLMEngine(provider, transport, key=Secret(KEY), poll_s=0.002, sleep_level=sleep_level)
            backend = Backend(
                slow_down=lambda: setattr(server.play, "token_s", 0.01),
                running=lambda: len(server.core.running),
                loads=lambda: server.core.awakenings,
            )
            chat, vectors = _spec(Capability.CHAT), _spec(Capability.EMBEDDING)
            yield Subject(engine, chat, vectors, backend, can_unload=can_sleep)
            assert not server.core.crashes, "nothing was asked of it while it was asleep"
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS = {
    "vllm": _made(),
    "vllm that sleeps deep": _made(sleep_level=2),
    "vllm without sleep": _made(can_sleep=False),
}
