"""Budgets that do not suit the models: too small, lowered, pinned full, two devices. Nobody waits for what cannot come.

The made-up machine's card holds the models of one engine; every refusal has the figures.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from batuta.errors import BadSettings, NoFit
from batuta.lifecycle.states import ModelState
from tests.unit.app.stage import GB, Stage, staged

MACHINE = {"host": 24 * GB, "cuda:0": 16 * GB, "cuda:1": 24 * GB}
PAIR = {"brain": 13 * GB, "coder": 9 * GB}
SERVER = "/bin/server --port ${PORT}"


def limits(**budget: str) -> dict[str, object]:
    return {"margin": 0, "budget": {device.replace("_", ":"): size for device, size in budget.items()}}


async def refusal(stage: Stage, model: str) -> NoFit:
    with pytest.raises(NoFit) as caught:
        await stage.load(model)
    return caught.value


async def test_a_budget_smaller_than_every_model(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is refused at once, with what it needs and what there is; nothing is loaded and nobody waits."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory=limits(cuda_0="5GB")) as stage:
        for model, size in PAIR.items():
            error = await refusal(stage, f"ollama/{model}")
            assert f"needs {size // GB}.0 GB, the budget of cuda:0 is 5.0 GB" in error.message
            assert stage.app.runner.plan_load(f"ollama/{model}").fits == "never"
        assert stage.booked() == {}
        assert len(stage.app.runner.lifecycle.waiting) == 0


async def test_a_budget_of_nothing(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a way to keep models off a card."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory=limits(cuda_0="0")) as stage:
        assert "the budget of cuda:0 is 0 B" in (await refusal(stage, "ollama/coder")).message


async def test_a_model_larger_than_its_device(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fit the second card, and is booked on the first: the refusal names the one that it was for."""
    async with staged(data_dir, monkeypatch, MACHINE, {"huge": 20 * GB}, memory={"margin": GB}) as stage:
        error = await refusal(stage, "ollama/huge")
        assert "needs 20.0 GB, the budget of cuda:0 is 15.0 GB" in error.message


async def test_everything_is_pinned(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot fit beside it is refused by name, and fits as soon as it is let go."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory={"margin": 0}) as stage:
        await stage.load("ollama/brain")
        stage.app.runner.set_pinned("ollama/brain", pinned=True)
        error = await refusal(stage, "ollama/coder")
        assert "13.0 GB are pinned by ollama/brain; unpin it" in error.message
        assert error.details == {"pinned_by": ["ollama/brain"]}
        stage.app.runner.set_pinned("ollama/brain", pinned=False)
        await stage.load("ollama/coder")
        assert stage.booked() == {"ollama/coder": 9 * GB}


async def test_a_budget_that_is_lowered_under_an_answer(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is given to its end; then the model leaves, and who wants it is told that it does not fit any more."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory={"margin": 0}) as stage:
        await stage.watched()
        residency = stage.app.runner.lifecycle.residencies["ollama/brain"]
        deadline = stage.clock.monotonic() + 600
        async with stage.app.runner.lease("ollama/brain", deadline=deadline):
            stage.taken["cuda:0"] = 13 * GB + 6 * GB  # the model, and 6 GB that a game took
            await stage.watched(2)
            assert stage.budget() == 10 * GB
            assert (residency.state, residency.in_flight) == (ModelState.DRAINING, 1)
            assert stage.booked() == {"ollama/brain": 13 * GB}
        await stage.clock.settle()
        assert residency.state is ModelState.ABSENT
        assert any("other programs hold 6.0 GB" in line.text for line in residency.story)
        stage.taken["cuda:0"] = 6 * GB
        assert "needs 13.0 GB, the budget of cuda:0 is 10.0 GB" in (await refusal(stage, "ollama/brain")).message
        await stage.load("ollama/coder")


async def test_a_pinned_model_stays_when_the_budget_is_lowered(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's word stands; nothing else is loaded beside it until there is room again."""
    async with staged(data_dir, monkeypatch, MACHINE, {**PAIR, "tiny": GB}, memory={"margin": 0}) as stage:
        await stage.watched()
        await stage.load("ollama/brain")
        stage.app.runner.set_pinned("ollama/brain", pinned=True)
        stage.taken["cuda:0"] = 13 * GB + 6 * GB
        await stage.watched(2)
        assert stage.app.runner.lifecycle.residencies["ollama/brain"].state is ModelState.READY
        assert "pinned by ollama/brain" in (await refusal(stage, "ollama/tiny")).message
        stage.taken["cuda:0"] = 13 * GB
        await stage.watched(8)
        await stage.load("ollama/tiny")
        assert stage.booked() == {"ollama/brain": 13 * GB, "ollama/tiny": GB}


async def test_who_waits_for_room_that_others_have_taken_is_told(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could have come a moment ago; now it could not, and its request ends with the figures."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory={"margin": 0}) as stage:
        await stage.watched()
        lease = stage.app.runner.lease("ollama/coder", deadline=stage.clock.monotonic() + 600)
        async with lease:
            waiting = asyncio.get_running_loop().create_task(stage.load("ollama/brain"))
            await stage.clock.settle()
            stage.taken["cuda:0"] = 9 * GB + 5 * GB
            await stage.watched(2)
            with pytest.raises(NoFit, match=r"needs 13\.0 GB, the budget of cuda:0 is 11\.0 GB"):
                await waiting
        assert stage.app.runner.lifecycle.residencies["ollama/coder"].state is ModelState.READY


async def test_two_devices_of_different_size_have_books_of_their_own(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fits the larger one does not fit the smaller; what is full is full for its own models alone."""
    commands = [
        {"id": device, "cmd": SERVER, "memory": "20GB", "device": device} for device in ("cuda:0", "cuda:1", "host")
    ]
    memory = {"margin": 0, "budget": {"host": "19GB", "cuda:1": "22GB"}}
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory=memory, commands=commands) as stage:
        plans = {device: stage.app.runner.plan_load(device) for device in MACHINE}
        assert {device: plan.fits for device, plan in plans.items()} == {
            "host": "never",
            "cuda:0": "never",
            "cuda:1": "now",
        }
        assert {device: plan.budget for device, plan in plans.items()} == {
            "host": 19 * GB,
            "cuda:0": 16 * GB,
            "cuda:1": 22 * GB,
        }
        await stage.load("ollama/brain")
        assert stage.app.runner.plan_load("cuda:1").fits == "now"
        stage.taken["cuda:1"] = 3 * GB
        await stage.watched(2)
        assert (stage.budget("cuda:1"), stage.budget("cuda:0")) == (21 * GB, 16 * GB)
        assert stage.booked() == {"ollama/brain": 13 * GB}


async def test_a_command_of_unknown_size_has_what_there_is(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is booked with all of its device; when that shrinks, it is not larger than its device all of a sudden."""
    commands = [{"id": "own", "cmd": SERVER}]
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory={"margin": 0}, commands=commands) as stage:
        await stage.watched()
        assert stage.app.runner.plan_load("own").need == 16 * GB
        stage.taken["cuda:0"] = 6 * GB
        await stage.watched(2)
        plan = stage.app.runner.plan_load("own")
        assert (plan.need, plan.fits) == (10 * GB, "now")


async def test_a_budget_for_a_device_that_is_not_there(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batuta does not start with it: the device it was meant for would have no limit."""
    with pytest.raises(BadSettings, match=r"names cuda:7, and the devices of this machine are host, cuda:0, cuda:1"):
        async with staged(data_dir, monkeypatch, MACHINE, PAIR, memory=limits(cuda_7="5GB")):
            pass
