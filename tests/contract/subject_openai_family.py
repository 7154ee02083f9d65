"""The OpenAI family, held to the contract against fakes of providers: one whose bytes pass, and two that are mended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.engines.openai_family.engine import OpenAIFamilyEngine
from batuta.engines.transport import Transport
from batuta.testing.providers.server import FakeProviders, key_of
from batuta.vault.secret import Secret
from tests.contract.subjects import Backend, Make, Subject


def _spec(name: str, capability: Capability) -> ModelSpec:
    return ModelSpec(f"subject/{name}", "subject", name, capabilities=frozenset({capability}))


def _of(preset: str, path: str, chat: str, embedding: str) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        async with FakeProviders() as fakes:
            transport = Transport()
            provider = Provider("subject", "openai_family", base_url=fakes.url + path, preset=preset)
            engine = OpenAIFamilyEngine(provider, transport, key=Secret(key_of(preset)))
            backend = Backend(
                slow_down=partial(fakes.plan, preset, "slow-40+drip-5", times=20), running=lambda: fakes.in_flight
            )
            yield Subject(engine, _spec(chat, Capability.CHAT), _spec(embedding, Capability.EMBEDDING), backend)
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS: dict[str, Make] = {
    "openai family: openai": _of("openai", "/openai/v1", "gpt-4.1-mini", "text-embedding-3-small"),
    "openai family: mistral": _of("mistral", "/mistral/v1", "mistral-small-latest", "mistral-embed"),
    "openai family: together": _of(
        "together",
        "/together/v1",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "intfloat/multilingual-e5-large-instruct",
    ),
}
