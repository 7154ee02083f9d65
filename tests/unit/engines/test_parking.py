"""Which local models can be parked, what the loader is asked for, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from batuta.catalog.entities import ModelSpec, Tier
from batuta.engines.base import PartlySleepingEngine, can_sleep
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.loader.client import LoaderClient
from batuta.settings import EngineSettings

RECORD: dict[str, Any] = {
    "id": "m", "kind": "file", "state": "ready", "port": 1, "key": "sk-test-not-a-key", "need_bytes": 5,
    "memory_bytes": 13, "host_bytes": 14, "seconds": 0.5, "was_resident": False, "cached": 1.0,
}  # fmt: skip


class PlayedLoader:
    """A loader with one model; it is asked, and remembers for what."""

    is_connected = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.wanted: dict[str, Any] = {}
        self.record = dict(RECORD)
        self.parks = True

    @property
    def state(self) -> dict[str, Any]:
        return {"models": [self.record]}

    def listen(self, _listener: Callable[..., None]) -> None:
        """Nothing happens by itself here."""

    async def load(self, **wanted: Any) -> dict[str, Any]:
        self.wanted = wanted
        return self.record

    async def park(self, model: str) -> dict[str, Any]:
        self.asked.append(f"park {model}")
        return {"is_parked": self.parks}

    async def unload(self, model: str) -> dict[str, Any]:
        self.asked.append(f"unload {model}")
        return {}

    async def status(self) -> dict[str, Any]:
        return self.state


def worker(loader: PlayedLoader, parking: str = "auto") -> LocalWorker:
    return LocalWorker(cast("LoaderClient", loader), Transport(), settings=EngineSettings(parking=parking))


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return ModelSpec("m", "local", str(tmp_path), device="cuda:0")


def test_which_models_can_sleep(spec: ModelSpec) -> None:
    """Those in safetensors form on a GPU, unless the settings or the model's options say otherwise; no GGUF."""
    engine = worker(PlayedLoader())
    assert isinstance(engine, PartlySleepingEngine)
    assert can_sleep(engine, spec)
    assert not can_sleep(engine, replace(spec, device="host"))
    assert can_sleep(engine, replace(spec, device="host", options={"parking": "on"}))
    assert not can_sleep(engine, replace(spec, options={"parking": "off"}))
    assert not can_sleep(engine, replace(spec, address="/models/m.gguf", options={"parking": "on"}))
    assert not can_sleep(worker(PlayedLoader(), "off"), spec)


@pytest.mark.parametrize(("device", "wanted"), [("cuda:0", "auto"), ("host", "off")])
async def test_no_copy_is_kept_that_nobody_would_use(spec: ModelSpec, device: str, wanted: str) -> None:
    """A model that will never be asked to sleep is loaded without a copy in RAM."""
    loader = PlayedLoader()
    await worker(loader).load(replace(spec, device=device), lambda _progress: None)
    assert loader.wanted["parking"] == wanted


async def test_what_cannot_be_parked_is_unloaded(spec: ModelSpec) -> None:
    """A process that turns out to be unable to park its model ends: its device is free all the same."""
    loader = PlayedLoader()
    await worker(loader).sleep(spec)
    assert loader.asked == ["park m"]
    loader.parks = False
    await worker(loader).sleep(spec)
    assert loader.asked[1:] == ["park m", "unload m"]


async def test_a_wake_is_told_apart_from_a_load(spec: ModelSpec) -> None:
    """The report names the tier the bytes came from, and what stays in RAM beside the device."""
    loader = PlayedLoader()
    for facts, tier in (
        ({"was_parked": True}, Tier.PARKED),
        ({}, Tier.CACHED),
        ({"was_resident": True}, Tier.RESIDENT),
    ):
        loader.record = {**RECORD, **facts}
        report = await worker(loader).load(spec, lambda _progress: None)
        assert (report.tier, report.memory_bytes, report.host_bytes) == (tier, 13, 14)


@pytest.mark.parametrize("state", ["ready", "parking", "parked"])
async def test_a_parked_model_is_told_of_with_what_it_holds_in_ram(spec: ModelSpec, state: str) -> None:
    """It is asleep once its device is free, and awake until then."""
    loader = PlayedLoader()
    loader.record = {**RECORD, "state": state}
    [resident] = await worker(loader).resident()
    assert (resident.is_asleep, resident.memory_bytes) == (state == "parked", 13)
