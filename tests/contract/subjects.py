"""The engines that are held to the contract: how each is made, and a model that it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.clock import SystemClock
from batuta.engines.base import Engine, ReportedModel
from batuta.engines.openai_compat import OpenAICompatEngine
from batuta.engines.transport import Transport
from batuta.testing.fake_engine import FakeEngine, FakePassThroughEngine, FakeRemoteEngine
from batuta.testing.fake_openai import EMBEDDING_MODEL, FakeOpenAI
from batuta.vault.secret import Secret


@dataclass(frozen=True, slots=True)
class Subject:
    """An engine and a model of each sort that it has."""

    engine: Engine
    chat: ModelSpec
    embedding: ModelSpec


Make = Callable[[], AbstractAsyncContextManager[Subject]]


def _spec(name: str, *, is_loadable: bool = False, capability: Capability = Capability.CHAT) -> ModelSpec:
    return ModelSpec(
        id=f"subject/{name}",
        provider_id="subject",
        address=name,
        capabilities=frozenset({capability}),
        memory=MemoryNeed(weights=1000),
        is_loadable=is_loadable,
    )


def _fake(kind: type[FakeRemoteEngine]) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        is_loadable = issubclass(kind, FakeEngine)
        models = [ReportedModel("small"), ReportedModel("vectors")]
        if issubclass(kind, FakeEngine):
            engine: FakeRemoteEngine = kind(SystemClock(), load_s=0.004, models=models)
        else:
            engine = kind(SystemClock(), models=models)
        yield Subject(
            engine,
            _spec("small", is_loadable=is_loadable),
            _spec("vectors", is_loadable=is_loadable, capability=Capability.EMBEDDING),
        )
        await engine.aclose()

    return make


def _compat(*, is_direct: bool) -> Make:
    @asynccontextmanager
    async def make() -> AsyncIterator[Subject]:
        key = Secret("sk-test-not-a-key-contract")
        async with FakeOpenAI(key=key) as server:
            transport = Transport(is_direct=is_direct)
            engine = OpenAICompatEngine(Provider("fake", "openai_compat", base_url=server.url), transport, key=key)
            yield Subject(engine, _spec("fake-small"), _spec(EMBEDDING_MODEL, capability=Capability.EMBEDDING))
            await engine.aclose()
            await transport.aclose()

    return make


SUBJECTS: dict[str, Make] = {
    "FakeRemoteEngine": _fake(FakeRemoteEngine),
    "FakeEngine": _fake(FakeEngine),
    "FakePassThroughEngine": _fake(FakePassThroughEngine),
    "OpenAICompatEngine": _compat(is_direct=True),
    "OpenAICompatEngine by aiohttp": _compat(is_direct=False),
}
"""Add an engine here and the whole suite holds it to its promises."""
