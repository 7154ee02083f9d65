"""Which model comes back is told to the lifecycle at the start, and whenever it is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.catalog.entities import Role
from batuta.lifecycle import events as ev
from tests.unit.app.stage import GB, Stage, staged

MACHINE = {"host": 24 * GB}
PAIR = {"brain": 13 * GB, "coder": 9 * GB}


def heard(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[ev.ReturnSet]:
    """Return a list that what is told of returns is added to."""
    told: list[ev.ReturnSet] = []
    post = stage.app.runner.post

    def note(event: ev.Event) -> None:
        if isinstance(event, ev.ReturnSet):
            told.append(event)
        post(event)

    monkeypatch.setattr(stage.app.runner, "post", note)
    return told


async def test_the_brain_comes_back_and_follows_a_person(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who makes another model the brain has that one come back; what changes nothing is not told again."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, brain="ollama/brain") as stage:
        told = heard(stage, monkeypatch)
        await stage.app.catalog.patch("ollama/coder", pinned=True)
        assert told == []  # nothing before the start has come so far
        stage.app._set_return()
        await stage.app.catalog.patch("ollama/coder", pinned=False)
        assert told == [ev.ReturnSet("ollama/brain", 2.0)]
        await stage.app.catalog.patch("ollama/brain", enabled=False)
        assert told[-1] == ev.ReturnSet(None, 2.0)


async def test_a_person_gives_the_role_to_another(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role is what counts."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, swap={"return_after_s": 5}) as stage:
        await stage.app.catalog.patch("ollama/brain", roles=frozenset({Role.BRAIN}))
        told = heard(stage, monkeypatch)
        stage.app._set_return()
        await stage.app.catalog.patch("ollama/brain", roles=frozenset())
        await stage.app.catalog.patch("ollama/coder", roles=frozenset({Role.BRAIN}))
        assert (told[0], told[-1]) == (ev.ReturnSet("ollama/brain", 5.0), ev.ReturnSet("ollama/coder", 5.0))


@pytest.mark.parametrize(("wanted", "model"), [("off", None), ("ollama/coder", "ollama/coder"), ("nobody", None)])
async def test_the_setting_goes_first(
    wanted: str, model: str | None, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is the brain."""
    async with staged(data_dir, monkeypatch, MACHINE, PAIR, swap={"return_to": wanted}) as stage:
        told = heard(stage, monkeypatch)
        stage.app._set_return()
        assert told == [ev.ReturnSet(model, 2.0)]
