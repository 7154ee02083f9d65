"""The engines that are held to the contract: how each is made, and a model that it has.

A new engine is one more module here, `subject_NAME.py`, with a function `make` as below, or with several in a mapping
`SUBJECTS`. `IS_PROCESS = True` in it says that it starts processes: those run with the acceptance tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.clock import SystemClock
from batuta.engines.base import Engine, ReportedModel
from batuta.engines.openai_compat import OpenAICompatEngine
from batuta.engines.transport import Transport
from batuta.testing.fake_engine import FakeEngine, FakePassThroughEngine, FakeRemoteEngine
from batuta.testing.fake_openai import EMBEDDING_MODEL, FakeOpenAI
from batuta.vault.secret import Secret


@dataclass(frozen=True, slots=True)
class Backend:
    """What the backend behind an engine lets a test do and see.

    Attributes:
        slow_down: from now on it waits some ms before each word.
        running: how many answers it is computing now.
        loads: how many loads it has begun so far; None where it begins none that could be counted.
    """

    slow_down: Callable[[], None]
    running: Callable[[], int]
    loads: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """An engine and a model of each sort that it has.

    Attributes:
        engine: who is held to the contract.
        chat: a model that chats.
        embedding: a model that embeds.
        backend: what is behind the engine, where a test can reach it.
        is_scripted: its answers end by themselves and are the same each time; a real model's may not.
        can_unload: its backend does not hold one model for as long as it runs.
    """

    engine: Engine
    chat: ModelSpec
    embedding: ModelSpec
    backend: Backend | None = None
    is_scripted: bool = True
    can_unload: bool = True


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
            yield Subject(
                engine,
                _spec("fake-small"),
                _spec(EMBEDDING_MODEL, capability=Capability.EMBEDDING),
            )
            await engine.aclose()
            await transport.aclose()

    return make


HERE: dict[str, Make] = {
    "FakeRemoteEngine": _fake(FakeRemoteEngine),
    "FakeEngine": _fake(FakeEngine),
    "FakePassThroughEngine": _fake(FakePassThroughEngine),
    "OpenAICompatEngine": _compat(is_direct=True),
    "OpenAICompatEngine by aiohttp": _compat(is_direct=False),
}
"""The engines that need no module of their own."""


def subjects() -> list[Any]:
    """Return every subject as a parameter of a fixture: those above, and those of the modules `subject_*`."""
    found = [pytest.param(make, id=name) for name, make in HERE.items()]
    for path in sorted(Path(__file__).parent.glob("subject_*.py")):
        module = import_module(f"tests.contract.{path.stem}")
        name = path.stem.removeprefix("subject_")
        makes: dict[str, Make] = getattr(module, "SUBJECTS", None) or {name: module.make}
        marks = [pytest.mark.acceptance] if getattr(module, "IS_PROCESS", False) else []
        found += [pytest.param(make, id=each, marks=marks) for each, make in makes.items()]
    return found
