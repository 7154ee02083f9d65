"""What a look at an engine means for our books."""

from __future__ import annotations

import pytest

from batuta.lifecycle import events as ev
from batuta.lifecycle.cadence import CALM_LOOKS, interval
from batuta.lifecycle.commands import Grant, Sleep, StartUnload, Wake
from batuta.lifecycle.states import ModelState
from batuta.testing.playbook import GB, Play, spec

S = ModelState
PAIR = {"brain": 13 * GB, "coder": 9 * GB}
ALL = frozenset(PAIR)


def seen(*asleep: str, **awake: int) -> ev.Observed:
    return ev.Observed(awake, ALL, frozenset(asleep))


def held(play: Play, model: str) -> int:
    return play.lifecycle.ledgers["host"].holds(model)


def test_what_somebody_else_loaded_is_ours_with_the_bytes_it_really_takes() -> None:
    """Adopted without a reload; more than the estimate is booked, and less where the estimate has no room."""
    play = Play(16 * GB, PAIR)
    assert play.when(seen(brain=14 * GB)) == []
    assert (play.state("brain"), held(play, "brain")) == (S.READY, 14 * GB)
    small = Play(10 * GB, PAIR)
    small.when(seen(brain=8 * GB))
    assert (small.state("brain"), held(small, "brain")) == (S.READY, 8 * GB)


def test_a_size_that_nobody_knows_is_the_estimate() -> None:
    """An engine that tells no bytes is believed in everything else."""
    play = Play(16 * GB, PAIR)
    play.when(seen(brain=0))
    assert held(play, "brain") == 13 * GB
    unknown = Play(16 * GB, {"brain": 0, "coder": 0})
    unknown.when(seen(brain=0))
    assert (unknown.state("brain"), held(unknown, "brain")) == (S.READY, 0)


def test_what_cannot_be_booked_has_to_leave() -> None:
    """The budget is kept whoever loads."""
    play = Play(16 * GB, PAIR)
    play.when(seen(brain=13 * GB))
    assert play.when(seen(brain=13 * GB, coder=9 * GB)) == [StartUnload("coder")]


def test_a_model_put_to_sleep_by_somebody_holds_no_device_memory() -> None:
    """From any place at rest or in use; whoever was being answered has lost the answer, and its slot is free."""
    play = Play(16 * GB, PAIR)
    play.when(seen("brain"))
    assert (play.state("brain"), held(play, "brain")) == (S.ASLEEP, 0)
    play.when(seen(brain=13 * GB))
    assert (play.state("brain"), held(play, "brain")) == (S.READY, 13 * GB)
    assert play.when(play.wanted("r", "brain")) == [Grant("r", "brain")]
    play.when(seen("brain"))
    assert (play.state("brain"), play.lifecycle.residencies["brain"].in_flight) == (S.ASLEEP, 0)
    play.when(ev.Released("r"))
    assert play.when(seen("brain")) == []
    play.when(seen())
    assert play.state("brain") is S.ABSENT


def test_a_sleeper_is_woken_when_it_is_wanted() -> None:
    """By its engine, and with its memory booked first."""
    play = Play(16 * GB, PAIR)
    play.when(seen("brain"))
    assert play.when(play.wanted("r", "brain")) == [Wake("brain")]
    assert play.when(ev.Loaded("brain", 0, 1.0)) == [Grant("r", "brain")]


def test_a_sleeper_that_wakes_where_there_is_no_room_has_to_leave() -> None:
    """Whoever woke it."""
    play = Play(16 * GB, PAIR)
    play.when(seen("coder", brain=13 * GB))
    assert play.when(seen(brain=13 * GB, coder=9 * GB)) == [StartUnload("coder")]
    play.when(ev.Unloaded("coder"))
    assert play.state("coder") is S.ABSENT


def test_a_model_on_its_way_to_sleep_is_not_judged_by_a_look() -> None:
    """Whoever parks it reports the end."""
    play = Play(16 * GB)
    for model, need in PAIR.items():
        play.when(ev.Registered(spec(model, need), can_sleep=True))
    play.when(seen(brain=13 * GB))
    assert play.when(play.wanted("r", "coder")) == [Sleep("brain")]
    for look in (seen(), seen("brain"), seen(brain=13 * GB)):
        assert play.when(look) == []
    assert (play.state("brain"), held(play, "brain")) == (S.ASLEEP, 13 * GB)
    play.when(ev.Slept("brain"))
    assert held(play, "brain") == 0


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({"is_watched": True}, 0.8),
        ({"is_busy": True}, 0.8),
        ({"is_watched": True, "hears": True}, 5.0),
        ({"is_watched": True, "is_away": True}, 2.0),
        ({"is_watched": True, "is_away": True, "hears": True}, 2.0),
        ({}, 5.0),
        ({"quiet_looks": CALM_LOOKS}, 15.0),
        ({"quiet_looks": CALM_LOOKS, "is_watched": True}, 0.8),
    ],
)
def test_who_looks_is_shown_the_truth_within_a_second_and_who_does_not_costs_nothing(
    facts: dict[str, bool], seconds: float
) -> None:
    """Often while somebody looks or something runs; then more and more seldom."""
    plain = {"is_watched": False, "is_busy": False, "hears": False, "is_away": False, "quiet_looks": 0}
    assert interval(**(plain | facts)) == seconds  # type: ignore[arg-type]  # the table mixes its columns
