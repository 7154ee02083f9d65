"""What the engine over the loader makes of the loader's words about the page cache. No loader runs."""

from __future__ import annotations

from typing import Any, cast

import pytest

from batuta.catalog.entities import ModelSpec, Tier
from batuta.engines.base import WarmingEngine
from batuta.engines.command import CommandEngine
from batuta.engines.local_worker import LocalWorker, tier_of
from batuta.engines.transport import Transport
from batuta.errors import BadModelFile, BatutaError, LoaderDown
from batuta.loader.client import LoaderClient
from batuta.settings import EngineSettings, Settings

SPEC = ModelSpec("brain", "local", "/models/brain.gguf")
NO_TRANSPORT = cast("Transport", None)  # nobody is talked to


class FakeClient:
    """A loader's client that is asked two things, and says so."""

    is_connected = False

    def __init__(self, answer: float | BatutaError | None = 0.5) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []
        self.state: dict[str, Any] = {}

    def listen(self, _listener: object) -> None: ...

    async def cached(self, path: str) -> float | None:
        return self._say("cached", path)

    async def warm(self, path: str) -> None:
        self._say("warm", path)

    def _say(self, what: str, path: str) -> float | None:
        self.asked.append((what, path))
        if isinstance(self.answer, BatutaError):
            raise self.answer
        return self.answer


def worker(client: FakeClient) -> LocalWorker:
    return LocalWorker(cast("LoaderClient", client), NO_TRANSPORT, settings=EngineSettings())


@pytest.mark.parametrize(
    ("share", "tier"), [(None, None), (0.0, Tier.DISK), (0.89, Tier.DISK), (0.9, Tier.CACHED), (1.0, Tier.CACHED)]
)
def test_a_load_is_from_the_cache_from_nine_tenths_on(share: float | None, tier: Tier | None) -> None:
    """The seconds of a load are learned for each tier: what nobody can tell is not learned from."""
    assert tier_of(share) is tier


async def test_the_loader_is_asked_for_the_models_own_file() -> None:
    """By its address, as for a load."""
    client = FakeClient()
    engine = worker(client)
    assert isinstance(engine, WarmingEngine)
    assert await engine.cached_share(SPEC) == 0.5
    await engine.warm(SPEC)
    assert client.asked == [("cached", SPEC.address), ("warm", SPEC.address)]


@pytest.mark.parametrize("error", [LoaderDown("no loader"), BadModelFile("no file")])
async def test_what_goes_wrong_is_nobodys_error(error: BatutaError) -> None:
    """Nothing depends on a warming: a loader that is away, or a file that is gone, is silence."""
    engine = worker(FakeClient(error))
    assert await engine.cached_share(SPEC) is None
    await engine.warm(SPEC)


async def test_what_a_command_reads_is_not_guessed() -> None:
    """Its path is a program; what that reads, only its server knows."""
    client = FakeClient()
    engine = CommandEngine(cast("LoaderClient", client), NO_TRANSPORT, settings=Settings(), environ={})
    assert await engine.cached_share(SPEC) is None
    await engine.warm(SPEC)
    assert client.asked == []
