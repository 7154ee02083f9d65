"""Gemini for the contract: the adapter in front of the fake, through both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.engines.gemini.engine import GeminiEngine
from batuta.engines.transport import Transport
from batuta.testing.providers import FakeProviders, key_of
from batuta.vault.secret import Secret
from tests.contract.subjects import Backend, Make, Subject


def _spec(name: str, capability: Capability) -> ModelSpec:
    return ModelSpec(f"subject/{name}", "subject", name, capabilities=frozenset({capability}))


def _gemini(*, is_direct: bool) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        async with FakeProviders() as fakes:
            transport = Transport(is_direct=is_direct)
            provider = Provider("subject", "gemini", base_url=f"{fakes.url}/google/v1beta")
            engine = GeminiEngine(provider, transport, key=Secret(key_of("google")))
            yield Subject(
                engine,
                _spec("gemini-3-flash-preview", Capability.CHAT),
                _spec("gemini-embedding-001", Capability.EMBEDDING),
                Backend(
                    slow_down=lambda: fakes.plan("google", "drip-10", times=100),
                    running=lambda: fakes.in_flight,
                ),
            )
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS: dict[str, Make] = {
    "gemini": _gemini(is_direct=True),
    "gemini by aiohttp": _gemini(is_direct=False),
}
"""Both in front of a fake that refuses what Google refuses."""
