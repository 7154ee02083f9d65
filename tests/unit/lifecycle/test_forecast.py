"""How long a model will be waited for, and what for: residencies as they stand, and the steps that follow."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import Tier
from batuta.lifecycle.events import Priority
from batuta.lifecycle.eviction import LeastRecentlyUsed
from batuta.lifecycle.forecast import Forecast, Step, StepKind, brief, forecast
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.queueing import BoundedWait, Waiter, WaitingRoom
from batuta.lifecycle.residency import Residency
from batuta.lifecycle.room import RoomMaker, Wait, WaitReason
from batuta.lifecycle.states import ModelState
from batuta.testing.playbook import GB, remote, spec

K, S = StepKind, ModelState
NOW = 1000.0


class House:
    """Residencies, books and a queue, put where a test wants them: as much of a lifecycle as a forecast reads."""

    def __init__(self, budget: int = 16 * GB) -> None:
        self.residencies: dict[str, Residency] = {}
        self.ledgers = {"host": MemoryLedger("host", budget)}
        self.waiting = WaitingRoom()
        self.room = RoomMaker(LeastRecentlyUsed(), BoundedWait())
        self.outlook: dict[str, Wait] = {}

    def add(self, model: str, state: ModelState = S.ABSENT, *, size: int = 9 * GB, **rest: Any) -> Residency:
        """Put a model into a state; what it holds then is booked. `load_s`: what loads of it took, from everywhere."""
        load_s = rest.pop("load_s", 4.6)
        residency = self.residencies[model] = Residency(spec(model, size, slots=rest.pop("slots", 4)), state=state)
        for tier in (Tier.PARKED, Tier.CACHED, Tier.DISK):
            residency.times.note(tier, load_s)
        residency.since = rest.pop("since", NOW)
        for name, value in rest.items():
            setattr(residency, name, value)
        if state in {S.READY, S.LOADING, S.DRAINING, S.UNLOADING}:
            self.ledgers["host"].reserve(model, size)
        return residency

    def answering(self, model: str, *began: float, answer_s: float | None = 8.0) -> None:
        """Let a model answer, each since so many seconds."""
        residency = self.residencies[model]
        residency.granted_at = {f"{model}-{n}": NOW - ago for n, ago in enumerate(began)}
        residency.in_flight, residency.answer_s = len(began), answer_s

    def wait(self, model: str, count: int = 1, *, due: float = NOW + 15) -> None:
        """Let requests wait for a model."""
        for _ in range(count):
            name = f"w{len(self.waiting)}"
            self.waiting.add(Waiter(name, model, Priority.NORMAL, NOW, NOW + 180, due))

    def forecast(self, model: str, **rest: Any) -> Forecast:
        """Return the forecast for a model now."""
        stand_in: Any = self
        return forecast(stand_in, model, NOW, **rest)


def kinds(found: Forecast) -> list[tuple[str, str]]:
    return [(step.kind.value, step.model) for step in found.steps]


# --- it is there -------------------------------------------------------------------------------------------------


def test_a_model_with_a_free_slot_answers_at_once() -> None:
    """No step, no seconds; the same for one behind an API."""
    house = House()
    house.add("brain", S.READY)
    house.residencies["far"] = Residency(remote("far"), state=S.READY)
    assert house.forecast("brain") == house.forecast("far") == Forecast()


def test_a_full_model_answers_when_the_first_of_its_answers_ends() -> None:
    """The first waiter gets the slot of the answer that has run longest."""
    house = House()
    house.add("brain", S.READY, slots=2)
    house.answering("brain", 5.0, 1.0)
    house.wait("brain")
    assert house.forecast("brain") == Forecast((Step(K.SLOT, "brain", 3.0, 1),), 3.0, 1, 3.0)


def test_who_comes_later_waits_behind_the_queue() -> None:
    """Each slot takes the next waiter: the third of three goes after one more answer."""
    house = House()
    house.add("brain", S.READY, slots=2)
    house.answering("brain", 5.0, 1.0)
    house.wait("brain", 3)
    found = house.forecast("brain", joins=True)
    assert found.steps == (Step(K.SLOT, "brain", 7.0 + 8.0, 4),)


def test_an_answer_that_is_late_is_given_a_tenth_more() -> None:
    """One that has run for longer than usual does not end at a negative time."""
    house = House()
    house.add("brain", S.READY, slots=1)
    house.answering("brain", 100.0)
    house.wait("brain")
    assert house.forecast("brain").seconds == pytest.approx(0.8)


def test_what_was_never_measured_is_not_guessed() -> None:
    """No answer has ended yet: nobody knows how long they take, and the forecast says so."""
    house = House()
    house.add("brain", S.READY, slots=1)
    house.answering("brain", 1.0, answer_s=None)
    house.wait("brain")
    found = house.forecast("brain")
    assert (found.seconds, found.steps[0].seconds, found.least) == (None, None, 0.0)
    assert not found.is_hopeless


# --- it is on its way --------------------------------------------------------------------------------------------


def test_a_load_under_way_takes_what_its_progress_says() -> None:
    """Half of it in 3 s: 3 s more; before it tells its progress, what such a load usually takes."""
    house = House()
    brain = house.add("brain", S.LOADING, since=NOW - 3.0, load_from=Tier.DISK, fraction=0.5)
    assert house.forecast("brain").steps == (Step(K.LOAD, "brain", 3.0, tier=Tier.DISK),)
    brain.fraction = None
    assert house.forecast("brain").seconds == pytest.approx(1.6)
    brain.since = NOW - 60.0
    assert house.forecast("brain").seconds == pytest.approx(0.46)


def test_a_queue_longer_than_its_slots_adds_answers_to_a_load() -> None:
    """Eight wait for four slots: the ninth is answered after two rounds."""
    house = House()
    house.add("brain", S.LOADING, answer_s=2.0)
    house.wait("brain", 8)
    found = house.forecast("brain", joins=True)
    assert kinds(found) == [("load", "brain"), ("slot", "brain")]
    assert found.seconds == pytest.approx(4.6 + 4.0)
    assert house.forecast("brain").seconds == pytest.approx(4.6)


# --- it is away --------------------------------------------------------------------------------------------------


def test_a_model_that_fits_is_loaded_from_where_its_bytes_are() -> None:
    """One step, with its tier."""
    house = House()
    house.add("brain", loads=1)
    assert house.forecast("brain").steps == (Step(K.LOAD, "brain", 4.6, tier=Tier.CACHED),)


def test_a_busy_model_finishes_its_answers_first() -> None:
    """Two answers, the longer of which takes 6 s more, then it leaves, then the load."""
    house = House()
    house.add("brain", size=13 * GB)
    house.add("coder", S.READY, unload_s=0.5)
    house.answering("coder", 2.0, 7.0)
    house.wait("brain")
    house.outlook["brain"] = Wait("brain", WaitReason.BUSY, ("coder",), NOW + 10)
    found = house.forecast("brain")
    assert [(s.kind, s.model, s.seconds, s.answers) for s in found.steps] == [
        (K.FINISH, "coder", 6.0, 2),
        (K.UNLOAD, "coder", 0.5, 0),
        (K.LOAD, "brain", 4.6, 0),
    ]
    assert found.seconds == pytest.approx(11.1)
    assert found.position == 1


def test_who_would_wait_is_told_who_would_leave() -> None:
    """Nobody waits yet: the plan says who would go, and its answers count."""
    house = House()
    house.add("brain", size=13 * GB)
    house.add("coder", S.READY)
    house.answering("coder", 2.0)
    found = house.forecast("brain", joins=True)
    assert kinds(found) == [("finish", "coder"), ("unload", "coder"), ("load", "brain")]
    assert found.seconds == pytest.approx(10.6)
    assert found.position is None


def test_a_busy_model_with_a_queue_of_its_own_has_its_time() -> None:
    """It is left alone until its patience ends, unless it is through with its queue before."""
    house = House()
    house.add("brain", size=13 * GB)
    house.add("coder", S.READY, slots=1)
    house.answering("coder", 2.0)
    house.wait("coder", 5)
    house.wait("brain", due=NOW + 20)
    house.outlook["brain"] = Wait("brain", WaitReason.BUSY, ("coder",), NOW + 12)
    found = house.forecast("brain")
    assert kinds(found) == [("patience", "coder"), ("finish", "coder"), ("unload", "coder"), ("load", "brain")]
    assert found.seconds == pytest.approx(12.0 + 8.0 + 4.6)
    house.outlook["brain"] = Wait("brain", WaitReason.BUSY, ("coder",), NOW + 60)
    assert kinds(house.forecast("brain"))[0] == ("finish", "coder")
    assert house.forecast("brain").seconds == pytest.approx(6.0 + 40.0 + 4.6)


def test_models_that_make_room_do_so_side_by_side() -> None:
    """The slower one counts, not the sum."""
    house = House(budget=20 * GB)
    house.add("big", size=18 * GB)
    house.add("a", S.READY)
    house.add("b", S.READY)
    house.answering("a", 2.0)
    house.answering("b", 6.0)
    house.wait("big")
    house.outlook["big"] = Wait("big", WaitReason.BUSY, ("a", "b"), NOW + 5)
    assert house.forecast("big").seconds == pytest.approx(6.0 + 4.6)


def test_one_that_is_leaving_is_waited_for() -> None:
    """Draining, then unloading: what is left of both."""
    house = House()
    house.add("brain", size=13 * GB)
    coder = house.add("coder", S.DRAINING, unload_s=2.0)
    house.answering("coder", 7.0)
    house.wait("brain")
    house.outlook["brain"] = Wait("brain", WaitReason.LEAVING)
    assert kinds(house.forecast("brain")) == [("finish", "coder"), ("unload", "coder"), ("load", "brain")]
    coder.state, coder.in_flight, coder.granted_at, coder.since = S.UNLOADING, 0, {}, NOW - 1.5
    assert house.forecast("brain").seconds == pytest.approx(0.5 + 4.6)


def test_another_load_on_the_device_goes_first() -> None:
    """One at a time, also where both fit; then whose turn is earlier."""
    house = House(budget=40 * GB)
    house.add("brain")
    house.add("third")
    house.add("coder", S.LOADING, since=NOW - 1.6)
    house.wait("third", due=NOW + 1)
    house.wait("brain", due=NOW + 5)
    house.outlook["brain"] = Wait("brain", WaitReason.LOADING)
    found = house.forecast("brain")
    assert kinds(found) == [("load", "coder"), ("turn", "third"), ("load", "brain")]
    assert found.seconds == pytest.approx(3.0 + 4.6 + 4.6)
    assert found.position == 2


def test_an_earlier_turn_is_loaded_and_answers_before() -> None:
    """Where its room is wanted, its waiters are answered as well."""
    house = House()
    house.add("brain", size=13 * GB)
    house.add("coder", answer_s=3.0)
    house.add("old", S.READY)
    house.wait("coder", due=NOW + 1)
    house.wait("brain", due=NOW + 5)
    house.outlook["brain"] = Wait("brain", WaitReason.TURN)
    found = house.forecast("brain")
    assert kinds(found) == [("turn", "coder"), ("load", "brain")]
    assert found.seconds == pytest.approx(4.6 + 3.0 + 4.6)


def test_one_that_has_to_leave_before_it_can_come_back() -> None:
    """It makes room for another, is wanted again meanwhile, and comes after it."""
    house = House()
    house.add("brain", S.DRAINING, size=13 * GB, leaves_for="coder", unload_s=0.5)
    house.add("coder", answer_s=2.0)
    house.answering("brain", 4.0)
    house.wait("coder", due=NOW + 1)
    house.wait("brain")
    found = house.forecast("brain")
    assert kinds(found) == [("finish", "brain"), ("unload", "brain"), ("turn", "coder"), ("load", "brain")]
    assert found.seconds == pytest.approx(4.0 + 0.5 + 4.6 + 2.0 + 4.6)


def test_a_failed_model_rests_first() -> None:
    """The rest, then the load; one that has given up is waited for by nobody."""
    house = House()
    brain = house.add("brain", S.FAILED, retry_at=NOW + 2.5)
    assert kinds(house.forecast("brain")) == [("rest", "brain"), ("load", "brain")]
    assert house.forecast("brain").seconds == pytest.approx(7.1)
    brain.state = S.DISABLED
    assert house.forecast("brain").is_hopeless


def test_waiting_does_not_help_where_a_person_has_to_act() -> None:
    """Too large for the device, kept out by a pin, or switched off."""
    house = House()
    house.add("huge", size=17 * GB)
    house.add("brain", size=13 * GB)
    house.add("coder", S.READY, pinned=True)
    house.add("off", enabled=False)
    assert all(house.forecast(model).is_hopeless for model in ("huge", "brain", "off"))
    with pytest.raises(KeyError):
        house.forecast("nobody")


def test_the_short_form_is_for_those_who_wait() -> None:
    """Place and seconds; neither where nobody waits."""
    house = House()
    house.add("brain")
    stand_in: Any = house
    assert brief(stand_in, "brain", NOW) == (None, None)
    house.wait("brain")
    place, seconds = brief(stand_in, "brain", NOW)
    assert place == 1
    assert seconds == pytest.approx(4.6)


# --- always ------------------------------------------------------------------------------------------------------


@given(
    states=st.lists(st.sampled_from([S.ABSENT, S.READY, S.LOADING, S.DRAINING, S.UNLOADING, S.FAILED]), max_size=4),
    answers=st.lists(st.floats(0, 100), max_size=5),
    waiting=st.integers(0, 9),
    answer_s=st.none() | st.floats(0.01, 60),
    until=st.none() | st.floats(NOW - 10, NOW + 100),
    reason=st.none() | st.sampled_from(WaitReason),
)
def test_a_forecast_is_never_negative_and_never_less_than_what_is_known(
    states: list[ModelState],
    answers: list[float],
    waiting: int,
    answer_s: float | None,
    until: float | None,
    reason: WaitReason | None,
) -> None:
    """However things stand: seconds are at least those of the load, a queue only adds, and what is unknown stays so."""
    house = House(budget=26 * GB)
    house.add("brain", size=10 * GB)
    for number, state in enumerate(states):
        retry_at = NOW + 3 if state is S.FAILED else None
        house.add(f"m{number}", state, size=5 * GB, retry_at=retry_at)
        if state in {S.READY, S.DRAINING}:
            house.answering(f"m{number}", *answers, answer_s=answer_s)
        if state in {S.ABSENT, S.READY}:
            house.wait(f"m{number}", waiting)
    house.wait("brain", waiting)
    ready = tuple(f"m{number}" for number, state in enumerate(states) if state is S.READY)
    if reason is not None and waiting:
        house.outlook["brain"] = Wait("brain", reason, ready if reason is WaitReason.BUSY else (), until)
    first, last = house.forecast("brain"), house.forecast("brain", joins=True)
    assert first.least <= last.least
    for found in (first, last):
        assert found.least >= 4.6
        assert found.seconds in (None, found.least)
        assert all(step.seconds is None or step.seconds >= 0 for step in found.steps)
        assert found.steps[-1].kind in {K.LOAD, K.SLOT}
        assert (found.position is None) == (waiting == 0)


def test_a_forecast_is_cheap() -> None:
    """It is made for each change of a queue and each heartbeat: 20 models, and well under a tenth of a millisecond."""
    house = House(budget=200 * GB)
    for number in range(20):
        house.add(f"m{number:02}", S.READY if number < 12 else S.ABSENT, size=16 * GB)
        if number < 12:
            house.answering(f"m{number:02}", 1.0, 2.0, 3.0, 4.0)
        else:
            house.wait(f"m{number:02}", 3, due=NOW + number)
    house.outlook["m19"] = Wait("m19", WaitReason.BUSY, ("m00", "m01"), NOW + 5)
    best = 1.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(100):
            house.forecast("m19")
        best = min(best, (time.perf_counter() - began) / 100)
    assert best < 300e-6, f"{best * 1e6:.0f} us"  # a tenth of a millisecond on an idle machine
