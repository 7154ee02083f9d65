"""The watch over the devices: what others take becomes the models' budget. The looks are made up; the rest is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from batuta.app.memory_watch import LOOK_EVERY_S, LOOK_IDLE_S
from batuta.lifecycle.states import ModelState
from batuta.loader.usage import DeviceUse
from tests.unit.app.stage import GB, Stage, staged


@pytest.fixture
async def stage(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A host of 24 GB and a card of 16 GB, of which 14 may be used; models of 6 and 5 GB."""
    memory = {"margin": GB, "budget": {"cuda:0": "14GB"}}
    machine = {"host": 24 * GB, "cuda:0": 16 * GB}
    sizes = {"a": 6 * GB, "b": 5 * GB}
    async with staged(data_dir, monkeypatch, machine, sizes, memory=memory) as it:
        it.taken["host"] = 4 * GB
        yield it


async def test_the_first_look_sets_the_budgets(stage: Stage) -> None:
    """The setting bounds the card; the host gives what others and the margin leave."""
    stage.taken = {"host": 9 * GB, "cuda:0": GB}
    await stage.watched()
    assert (stage.budget("host"), stage.budget("cuda:0")) == (14 * GB, 14 * GB)


async def test_a_game_takes_the_card_and_gives_it_back(stage: Stage) -> None:
    """Two looks lower the budget, half a minute of calm raises it; the setting was never a promise."""
    await stage.watched()
    stage.taken["cuda:0"] = 5 * GB
    await stage.watched()
    assert stage.budget() == 14 * GB
    await stage.watched()
    assert stage.budget() == 10 * GB
    stage.taken["cuda:0"] = 0
    await stage.watched(6)
    assert stage.budget() == 10 * GB
    await stage.watched()
    assert stage.budget() == 14 * GB


async def test_models_leave_for_what_others_take(stage: Stage) -> None:
    """Two models fit until a game wants 6 GB: the one that was not used for longest goes. Nothing is promised twice."""
    await stage.watched()
    await stage.load("ollama/a")
    await stage.clock.advance(1.0)
    await stage.load("ollama/b")
    stage.taken["cuda:0"] = 11 * GB  # both of them, whose processes are not ours to know
    await stage.watched(3)
    ledger = stage.app.runner.lifecycle.ledgers["cuda:0"]
    assert (ledger.budget, ledger.reserved) == (14 * GB, 11 * GB)
    stage.taken["cuda:0"] = 17 * GB - GB // 2
    await stage.watched(2)
    await stage.clock.settle()
    assert ledger.budget == 9 * GB + GB // 2
    states = {model: r.state for model, r in stage.app.runner.lifecycle.residencies.items()}
    assert states == {"ollama/a": ModelState.ABSENT, "ollama/b": ModelState.READY}
    assert ledger.reserved <= ledger.budget


async def test_the_names_of_other_engines_are_looked_for_while_they_hold_models(stage: Stage) -> None:
    """Reading all names of all processes is done for nothing else."""
    await stage.watched()
    await stage.load("ollama/a")
    await stage.watched()
    assert [engines for _, engines in stage.looks] == [(), ("ollama",)]


async def test_the_loader_says_which_process_holds_which_model(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that failed has none."""

    async def status() -> dict[str, Any]:
        return {"models": [{"id": "m", "pid": 4711}, {"id": "broken", "pid": 0}]}

    monkeypatch.setattr(stage.app.supervisor.client, "status", status)
    await stage.watched()
    assert stage.looks == [({"m": 4711}, ())]


async def test_a_device_that_cannot_be_looked_at_keeps_its_budget(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No file descriptor is left, for example: the next look may find one."""
    await stage.watched()

    def broken(_models: Mapping[str, int], _engines: Collection[str]) -> tuple[DeviceUse, ...]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(stage.app.memory, "_look", broken)
    await stage.watched(2)
    assert stage.budget() == 14 * GB
    assert "Too many open files" in caplog.text


async def test_what_a_stay_on_the_card_came_to_is_learned_when_it_ends(stage: Stage) -> None:
    """The most of it, once it has answered: what a load alone shows is not all that a prompt takes."""
    await stage.watched()
    await stage.load("ollama/a")
    await stage.clock.advance(1.0)
    for taken in (4 * GB, 5 * GB, 4 * GB + 1):
        async with stage.app.runner.lease("ollama/a", deadline=stage.clock.monotonic() + 60):
            stage.models["cuda:0"] = {"ollama/a": taken}
            await stage.watched()
    assert stage.app.catalog.learned("ollama/a").peaks == ()
    stage.app.runner.unload("ollama/a")
    await stage.clock.settle()
    assert stage.app.catalog.learned("ollama/a").peaks == (5 * GB,)


async def test_looks_come_more_often_while_a_model_is_in_memory(stage: Stage) -> None:
    """Each five seconds then, each thirty otherwise; a load ends the longer wait."""
    watch = stage.app.tasks.start(stage.app.memory.run(), name="memory watch")

    async def looks_at(seconds: float) -> int:
        """Return the looks there have been by then."""
        await stage.clock.advance(seconds)
        await asyncio.sleep(0.05)  # the look itself is in a thread
        await stage.clock.settle()
        return len(stage.looks)

    assert await looks_at(LOOK_IDLE_S - 1) == 0
    assert await looks_at(1) == 1
    await stage.load("ollama/a")
    assert await looks_at(0.1) == 2
    assert await looks_at(LOOK_EVERY_S) == 3
    assert not watch.done()
