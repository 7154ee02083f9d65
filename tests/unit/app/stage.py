"""An app on a made-up machine, with an engine that loads in no time: what the plays of this folder are played on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from batuta.app import App
from batuta.app import composition as root
from batuta.app.memory_watch import LOOK_EVERY_S
from batuta.catalog.entities import MemoryNeed, Provider
from batuta.catalog.records import ProviderState
from batuta.engines.base import ReportedModel
from batuta.loader.memory import Device
from batuta.loader.usage import DeviceUse
from batuta.settings import Settings
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine

GB = 10**9
OLLAMA = Provider("ollama", "ollama", base_url="http://127.0.0.1:1", is_local=True)


class Stage:
    """An app with a made-up machine: a host, some cards, and one engine on the first of them.

    Attributes:
        taken: device -> bytes that are taken of it, whoever has them.
        models: device -> model -> bytes that the loader's processes take, as a look finds them.
        looks: what was asked at each look.
    """

    def __init__(self, app: App, total: Mapping[str, int], listed: Sequence[ReportedModel]) -> None:
        self.app = app
        self.total = total
        self.taken = dict.fromkeys(total, 0)
        self.models: dict[str, dict[str, int]] = {device: {} for device in total}
        self.looks: list[tuple[dict[str, int], tuple[str, ...]]] = []
        self.engine = FakeEngine(app.clock, load_s=0.0, unload_s=0.0, models=listed)

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.app.clock, ManualClock)
        return self.app.clock

    def look(self, models: Mapping[str, int], engines: Collection[str]) -> tuple[DeviceUse, ...]:
        self.looks.append((dict(models), tuple(engines)))
        return tuple(DeviceUse(d, self.total[d], self.taken[d], dict(self.models[d])) for d in self.total)

    def budget(self, device: str = "cuda:0") -> int:
        return self.app.runner.lifecycle.ledgers[device].budget

    def booked(self, device: str = "cuda:0") -> dict[str, int]:
        return self.app.runner.lifecycle.ledgers[device].held

    async def watched(self, times: int = 1) -> None:
        """Look, some times, five seconds apart."""
        for _ in range(times):
            await self.app.memory.look()
            await self.clock.advance(LOOK_EVERY_S)

    async def load(self, model: str) -> None:
        await self.app.runner.wait_ready(model, deadline=self.clock.monotonic() + 60)


@asynccontextmanager
async def staged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, total: Mapping[str, int], sizes: Mapping[str, int], **more: Any
) -> AsyncIterator[Stage]:
    """Raise the curtain.

    Args:
        folder: the data folder.
        monkeypatch: takes the place of what asks the machine.
        total: device -> bytes, the host first.
        sizes: model of the engine -> bytes of its weights.
        more: settings.
    """
    found = tuple(Device(d, d, "host" if d == "host" else "cuda", size, size) for d, size in total.items())
    monkeypatch.setattr(root, "devices", lambda: found)
    settings = Settings.model_validate(
        {"data_dir": folder, "models_dirs": (folder,), "discover": False, "starter": False, **more}
    )
    app = await asyncio.to_thread(lambda: App(settings, clock=ManualClock()))
    listed = [ReportedModel(model, memory=MemoryNeed(weights=size)) for model, size in sizes.items()]
    it = Stage(app, total, listed)
    monkeypatch.setattr(app.memory, "_look", it.look)
    await app.catalog.start()
    await app.runner.start()
    app.catalog._providers["ollama"] = ProviderState(OLLAMA, "person", is_online=True)
    app.engines.made["ollama"] = (OLLAMA, it.engine)
    await app.catalog.merge("ollama", listed)
    app.bus.listen(app.memory.heard)
    try:
        yield it
    finally:
        for part in (app.tasks, app.runner, app.catalog, app.engines):
            await part.aclose()
