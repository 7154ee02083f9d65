"""Worlds of faults: some of them, quickly; and that a broken promise is noticed, and can be seen again."""

from __future__ import annotations

import pytest

from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import Command, Grant, StartLoad
from batuta.lifecycle.machine import Lifecycle
from batuta.testing.simulate.faults import Broken, FaultyWorld
from batuta.testing.simulate.misbehaviour import Family


@pytest.mark.parametrize("seed", range(8))
def test_a_faulty_world_breaks_nothing(seed: int) -> None:
    """Whatever goes wrong, every request is answered, every lease given back, and the calm world serves again."""
    tally = FaultyWorld(seed, requests=150).run()
    assert tally.granted + tally.left + sum(tally.refused.values()) >= tally.requests > 150


def test_everything_at_once() -> None:
    """A world with every kind of misbehaviour keeps its promises too."""
    tally = FaultyWorld(99, requests=200, families=frozenset(Family)).run()
    assert tally.loads > 20


def test_a_world_without_faults_refuses_nobody_who_can_wait() -> None:
    """Where nothing goes wrong, only callers whose time is short are refused."""
    tally = FaultyWorld(5, requests=200, families=frozenset()).run()
    assert tally.left == 0
    assert set(tally.refused) <= {"model_loading", "no_fit"}


def test_the_same_seed_is_the_same_world() -> None:
    """A failing seed can be looked at again."""
    assert FaultyWorld(3, requests=80).run() == FaultyWorld(3, requests=80).run()


class Corrupt(Lifecycle):
    """A lifecycle with a defect."""

    def __init__(self, defect: type[ev.Event], world: Lifecycle) -> None:
        super().__init__(world.ledgers, load_timeout_s=60.0)
        self.defect = defect

    def handle(self, event: ev.Event, now: float) -> list[Command]:
        commands = super().handle(event, now)
        if isinstance(event, self.defect):
            return [command for command in commands if not isinstance(command, Grant | StartLoad)]
        return commands


@pytest.mark.parametrize("defect", [ev.Loaded, ev.Released, ev.Unloaded], ids=lambda kind: kind.__name__)
def test_a_defect_is_found(defect: type[ev.Event]) -> None:
    """Orders that get lost are noticed, with the events before it and the command to see it again."""
    world = FaultyWorld(1, requests=100, families=frozenset())
    world.lifecycle = Corrupt(defect, world.lifecycle)
    with pytest.raises(Broken, match=r"again: python -m batuta\.testing\.simulate faults --seed 1 --requests 100"):
        world.run()


class Overbooking(Lifecycle):
    """A lifecycle that loads as if it had twice the memory."""

    def check(self) -> None:
        """Believe everything."""


def test_memory_that_is_taken_twice_is_found() -> None:
    """The world counts the bytes itself: it does not trust the books."""
    world = FaultyWorld(1, requests=300, families=frozenset())
    world.lifecycle = Overbooking(world.lifecycle.ledgers, load_timeout_s=60.0)
    for ledger in world.lifecycle.ledgers.values():
        ledger.budget *= 2
    with pytest.raises(Broken, match="more than the budget"):
        world.run()
