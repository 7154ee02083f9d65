"""What a model's absence costs: how likely it is wanted again, and what bringing it back takes from where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import Tier
from batuta.lifecycle import events as ev
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.load_times import LoadTimes, usual
from batuta.lifecycle.reuse import HALF_LIFE_S, Reuse
from batuta.testing.playbook import GB, Play, spec


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20), st.floats(0, 1e5))
def test_a_use_is_worth_half_after_half_an_hour(gaps: list[float], later: float) -> None:
    """The running count is the sum of all uses, each by its own age."""
    reuse, now, uses = Reuse(), 0.0, []
    for gap in gaps:
        now += gap
        reuse.note(now)
        uses.append(now)
    moment = now + later
    assert reuse.at(moment) == pytest.approx(sum(2 ** (-(moment - use) / HALF_LIFE_S) for use in uses))


def test_before_the_first_load_its_bytes_say_what_it_takes() -> None:
    """The nearer the bytes, the less; resident and remote ones cost nothing."""
    times = LoadTimes()
    near, file, disk = (times.expected(tier, 13 * GB) for tier in (Tier.PARKED, Tier.CACHED, Tier.DISK))
    assert 0 < near < file < disk
    assert times.expected(Tier.RESIDENT, 13 * GB) == times.expected(Tier.REMOTE, 13 * GB) == 0.0


def test_a_load_from_one_place_tells_of_the_others() -> None:
    """Twice as slow from the file cache as is usual: from the disk most likely too, until that was seen."""
    times = LoadTimes()
    times.note(Tier.CACHED, 2 * usual(Tier.CACHED, 9 * GB))
    assert times.expected(Tier.DISK, 9 * GB) == pytest.approx(2 * usual(Tier.DISK, 9 * GB))
    times.note(Tier.DISK, 30.0)
    assert times.expected(Tier.DISK, 9 * GB) == 30.0
    times.note(Tier.DISK, 20.0)
    assert times.expected(Tier.DISK, 9 * GB) == pytest.approx(27.0)


def test_what_earlier_runs_have_shown_counts_from_the_start() -> None:
    """The catalog hands it over with the model; another file under the same id has shown nothing."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("brain", 13 * GB), known=ev.Known({Tier.DISK: 42.0})))
    brain = play.lifecycle.residencies["brain"]
    assert (brain.tier, brain.load_s) == (Tier.DISK, 42.0)
    play.when(ev.Registered(spec("brain", 12 * GB)))
    assert brain.load_s == 42.0, "the same file; only its need is known better"
    play.when(ev.Registered(replace(spec("brain", 12 * GB), address="/models/another.gguf")))
    assert brain.load_s != 42.0


def test_where_the_bytes_are_is_followed() -> None:
    """On disk, resident, in the file cache after it left; the file cache itself may say otherwise."""
    play = Play(16 * GB, {"brain": 13 * GB})
    brain = play.lifecycle.residencies["brain"]
    play.when(play.wanted("a", "brain"))
    assert brain.load_from is Tier.DISK
    play.when(ev.Loaded("brain", 0, 10.0))
    assert (brain.tier, brain.load_s) == (Tier.RESIDENT, 0.0)
    play.when(ev.Released("a", ok=True))
    play.when(ev.UnloadAsked("brain"))
    play.when(ev.Unloaded("brain", 0.4))
    assert (brain.tier, brain.unload_s) == (Tier.CACHED, 0.4)
    play.when(ev.CacheSeen("brain", 0.3))
    assert brain.tier is Tier.DISK


def test_an_answers_length_is_learned_from_those_that_went_well() -> None:
    """Smoothed; what was cut off or failed says nothing."""
    play = Play(16 * GB, {"brain": 13 * GB})
    play.when(play.wanted("a", "brain"))
    play.when(ev.Loaded("brain", 0, 1.0))
    play.now += 10.0
    play.when(ev.Released("a", ok=True))
    brain = play.lifecycle.residencies["brain"]
    assert brain.answer_s == 10.0
    play.when(play.wanted("b", "brain"))
    assert brain.granted_at == {"b": play.now}
    play.now += 100.0
    play.when(ev.Released("b", ok=False))
    assert brain.answer_s == 10.0
    assert brain.granted_at == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=30), st.integers(0, 40))
def test_a_lowered_budget_is_met_as_bookings_end(steps: list[tuple[str, int]], budget: int) -> None:
    """Nothing new is booked above it, and what is over only ever shrinks."""
    ledger = MemoryLedger("host", 40)
    for model, need in steps:
        if model in ledger:
            ledger.release(model)
        elif ledger.fits(need):
            ledger.reserve(model, need)
    ledger.set_budget(budget)
    ledger.check()
    over = ledger.excess
    for model, need in steps:
        if model in ledger:
            ledger.release(model)
        elif ledger.fits(need):
            ledger.reserve(model, need)
        ledger.check()
        assert ledger.excess <= over
        over = ledger.excess


def test_a_budget_is_never_negative() -> None:
    """A wrong figure is refused where it comes in."""
    with pytest.raises(ValueError, match="must not be negative"):
        MemoryLedger("host", 5).set_budget(-1)
