"""Models behind an API that had better be left alone: ejected, probed, or asked for a pause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import Grant
from batuta.lifecycle.cooling import Resting, resting
from batuta.lifecycle.events import Priority
from batuta.lifecycle.health import LONGEST_COOLDOWN_S, cooldown
from batuta.lifecycle.states import ModelState
from batuta.testing.playbook import GB, Play, remote

X = "api/x"


def play(**rest: int) -> Play:
    made = Play(GB)
    made.when(ev.Registered(remote(X, **rest)))
    return made


def fail(on: Play, name: str, cause: Cause = Cause.UNKNOWN) -> None:
    on.when(on.wanted(name, X))
    on.when(ev.AnswerFailed(X, cause, "500", name))
    on.when(ev.Released(name, ok=False))


def insist(on: Play, name: str) -> list[object]:
    return list(on.when(ev.Wanted(name, X, Priority.INTERACTIVE, on.now + 100, insists=True)))


def rest_of(on: Play) -> Resting | None:
    return resting(on.lifecycle.residencies[X], on.now)


def eject(on: Play) -> None:
    for number in range(5):
        fail(on, f"f{number}")


def test_five_bad_answers_in_a_row_eject_it_for_longer_each_time_and_never_for_good() -> None:
    """30 s x n, five minutes at most; four and a good one do not."""
    on = play()
    for number in range(4):
        fail(on, f"a{number}")
    on.when(on.wanted("good", X))
    on.when(ev.Released("good", ok=True))
    eject(on)
    assert on.state(X) is ModelState.FAILED
    for n in range(2, 14):
        left = on.lifecycle.residencies[X].retry_at
        assert left is not None
        assert left - on.now == pytest.approx(min(30.0 * (n - 1), 300.0))
        on.after(left - on.now + 0.1)
        assert on.state(X) is ModelState.READY
        fail(on, f"probe{n}")  # one bad probe is enough
        assert on.state(X) is ModelState.FAILED


def test_one_probe_at_a_time_and_who_has_others_is_told_so() -> None:
    """While it is being tried, it rests for those who can ask somebody else."""
    on = play()
    eject(on)
    assert rest_of(on) == Resting("rests after it failed: 500", Cause.UNKNOWN, 30.0)
    on.after(31)
    assert rest_of(on) is None
    assert on.when(on.wanted("probe", X)) == [Grant("probe", X)]
    rest = rest_of(on)
    assert rest is not None
    assert not rest.binds_all
    on.when(ev.Released("probe", ok=True))
    assert rest_of(on) is None


def test_who_has_nobody_else_is_served_by_an_ejected_model() -> None:
    """The last candidate is never ejected; a good answer ends its rest, a bad one draws nothing out."""
    on = play()
    eject(on)
    until = on.lifecycle.residencies[X].retry_at
    assert insist(on, "a") == [Grant("a", X)]
    assert insist(on, "b") == [Grant("b", X)]
    on.when(ev.AnswerFailed(X, Cause.UNKNOWN, "500", "a"))
    on.when(ev.Released("a", ok=False))
    residency = on.lifecycle.residencies[X]
    assert (on.state(X), residency.retry_at, residency.failures) == (ModelState.FAILED, until, 1)
    on.when(ev.Released("b", ok=True))
    assert on.state(X) is ModelState.READY
    assert rest_of(on) is None


def test_insisting_goes_past_a_probe_but_not_past_a_switch_or_a_limit_on_requests() -> None:
    """What a person has set holds for everybody."""
    on = play(slots=2)
    eject(on)
    on.after(31)
    assert on.when(on.wanted("probe", X)) == [Grant("probe", X)]
    assert insist(on, "a") == [Grant("a", X)]
    assert insist(on, "b") == []  # two at once is what its provider takes
    on.when(ev.SwitchedOff(X))
    assert insist(on, "c") != [Grant("c", X)]


def test_an_answer_to_who_insisted_that_comes_after_the_rest_is_no_longer_its_own() -> None:
    """The books stay right when the rest ends while it is being asked."""
    on = play()
    eject(on)
    insist(on, "a")
    on.after(31)
    assert on.lifecycle.residencies[X].in_flight == 0
    on.when(ev.Released("a", ok=True))
    assert on.lifecycle.residencies[X].in_flight == 0


def test_a_pause_is_no_failure() -> None:
    """It stays ready, its record stays clean, and whoever has nobody else may ask unless the backend said when."""
    on = play()
    on.when(ev.Limited(X, "429", is_limit=True))
    rest = rest_of(on)
    assert rest == Resting("429", None, 2.0, binds_all=False, is_limit=True)
    assert (on.state(X), on.lifecycle.residencies[X].failures) == (ModelState.READY, 0)
    on.when(ev.Limited(X, "429, try in 30 s", is_limit=True, asked_s=30.0))
    rest = rest_of(on)
    assert rest is not None
    assert (rest.binds_all, rest.retry_after_s) == (True, 30.0)
    on.after(30)
    assert rest_of(on) is None


def test_pauses_in_a_row_grow_and_those_of_one_moment_are_one() -> None:
    """2, 4, 8 s; ten callers who hear it at once have heard it once. A good answer begins anew."""
    on = play()
    lengths = []
    for _ in range(3):
        for _ in range(10):
            on.when(ev.Limited(X, "429", is_limit=True))
        rest = rest_of(on)
        assert rest is not None
        assert rest.retry_after_s is not None
        lengths.append(rest.retry_after_s)
        on.after(rest.retry_after_s)
    assert lengths == [2.0, 4.0, 8.0]
    on.when(on.wanted("good", X))
    on.when(ev.Released("good", ok=True))
    on.when(ev.Limited(X, "429", is_limit=True))
    rest = rest_of(on)
    assert rest is not None
    assert rest.retry_after_s == 2.0


@given(asked=st.none() | st.floats(0, 1e9), times=st.integers(1, 1000), jitter=st.floats(0, 1), is_limit=st.booleans())
def test_no_pause_is_shorter_than_was_asked_nor_longer_than_two_minutes(
    asked: float | None, times: int, jitter: float, is_limit: bool
) -> None:
    """However often, however absurd."""
    length = cooldown(is_limit=is_limit, asked_s=asked, times=times, jitter=jitter)
    assert 0.0 <= length <= LONGEST_COOLDOWN_S
    if asked is not None:
        assert length >= min(asked, LONGEST_COOLDOWN_S)
