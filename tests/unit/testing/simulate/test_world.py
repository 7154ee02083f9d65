"""The simulated world: what is ordered happens at its time, and is told; what people do follows from their answers."""

from __future__ import annotations

import pytest

from batuta.lifecycle.events import Priority
from batuta.testing.simulate import Kind, replay
from batuta.testing.simulate.demand import Arrival, InOrder, Job, People, Step, Stream, Together, Workers
from batuta.testing.simulate.device import LOADS, Device, in_bytes
from batuta.testing.simulate.outcome import Outcome
from batuta.testing.simulate.overflow import overflowing
from batuta.testing.simulate.runs import POLICIES, Workload
from batuta.testing.simulate.world import World

PAIR = {"brain": 13.0, "coder": 9.0}
ALL = sorted(POLICIES)


def live(policy: str, source: Stream | People | InOrder | Together, sizes: dict[str, float] | None = None) -> Outcome:
    device = Device(sizes or PAIR)
    return World(POLICIES[policy](in_bytes(device.budget)), device, is_recorded=True).run(source)


def jobs(*wanted: tuple[float, str]) -> Stream:
    return Stream([Arrival(at, Job(f"r{i}", model, 1000, 100)) for i, (at, model) in enumerate(wanted)])


@pytest.mark.parametrize("policy", ALL)
def test_a_wait_is_from_the_arrival_to_the_start_of_the_answer(policy: str) -> None:
    """The first request waits for its load; the second finds the model there."""
    outcome = live(policy, jobs((0.0, "brain"), (20.0, "brain")))
    assert [wait.seconds for wait in outcome.waits] == [pytest.approx(4.6), 0.0]
    assert outcome.loads == 1
    assert outcome.load_s == pytest.approx(4.6)


@pytest.mark.parametrize("policy", ALL)
def test_everybody_is_answered_and_nothing_is_thrown_out_while_it_answers(policy: str) -> None:
    """Two models that do not fit together take turns."""
    outcome = live(policy, jobs(*((i * 1.5, "brain" if i % 3 else "coder") for i in range(40))))
    assert len(outcome.waits) == 40
    assert not outcome.left
    answering: dict[str, int] = {"brain": 0, "coder": 0}
    for fact in outcome.facts:
        answering[fact.model] += {Kind.GRANTED: 1, Kind.FINISHED: -1}.get(fact.kind, 0)
        assert answering[fact.model] <= 4
        assert fact.kind is not Kind.UNLOAD or not answering[fact.model]


def test_a_person_asks_again_after_the_answer() -> None:
    """A step's pause counts from the end of the step before it."""
    steps = [Step(10.0, "coder", 0, 49), Step(5.0, "coder", 0, 49)]
    outcome = live("batuta", People([steps]))
    assert [wait.arrived for wait in outcome.waits] == pytest.approx([10.0, 10.0 + 3.8 + 0.9 + 5.0])


def test_workers_never_stop_before_their_time() -> None:
    """A batch worker asks again as soon as it has its answer."""
    outcome = live("batuta", Together(Workers("coder", count=2, n_in=0, n_out=490, until=100.0), jobs((50.0, "coder"))))
    assert {wait.job.priority for wait in outcome.waits} == {Priority.BATCH, Priority.NORMAL}
    assert sum(wait.job.priority is Priority.BATCH for wait in outcome.waits) > 15


def test_one_after_the_other_keeps_the_order() -> None:
    """Requests in order never overlap, however close they come."""
    outcome = live("batuta", InOrder(list(jobs((0.0, "brain"), (0.1, "coder"), (0.2, "brain")).arrivals)))
    assert [wait.job.id for wait in outcome.waits] == ["r0", "r1", "r2"]
    assert outcome.loads == 3


def test_a_hint_brings_the_next_model_before_it_is_wanted() -> None:
    """With the next step known as an answer ends, the load goes on while the person thinks."""
    steps = [[Step(0.0, "brain", 100, 10), Step(30.0, "coder", 100, 10), Step(30.0, "brain", 100, 10)]]
    without, told = live("batuta", People(steps)), live("batuta", People(steps, hints=True))
    assert [wait.seconds > 0 for wait in without.waits] == [True, True, True]
    assert [wait.seconds for wait in told.waits[1:]] == [0.0, 0.0]
    assert told.loads == without.loads


def test_a_replay_tells_each_model_its_story() -> None:
    """What happens to a given sequence, model by model, in order."""
    facts = replay([(0.0, "brain", 100, 10), (30.0, "coder", 100, 10)], PAIR)
    whole = [Kind.WANTED, Kind.LOAD, Kind.LOADED, Kind.GRANTED, Kind.FINISHED]
    assert [fact.kind for fact in facts["brain"]] == [*whole, Kind.UNLOAD, Kind.UNLOADED]
    assert [fact.kind for fact in facts["coder"]] == whole
    assert str(facts["coder"][0]) == "     30.00 wanted   coder r1"


def test_who_would_wait_too_long_goes_to_the_api() -> None:
    """Once it is known what answers take, part of a burst goes elsewhere, and nobody waits much over the limit."""
    times = [0.0, *(60.0 + i * 0.1 for i in range(100))]
    burst = [Arrival(at, Job(f"r{i}", "brain", 2000, 400)) for i, at in enumerate(times)]
    workload = Workload("burst", PAIR, lambda: Stream(burst))
    outcome = overflowing(workload, limit_s=30.0)
    assert 50 < outcome.sent_away < 100
    assert len(outcome.waits) == 101
    assert outcome.longest_wait_s() <= 30.0 + LOADS["restart"].seconds(13.0) + 15.0


def test_no_work_is_no_outcome() -> None:
    """An empty stream ends at once; its figures are nought."""
    outcome = live("batuta", jobs())
    assert (outcome.loads, outcome.mean_wait_s(), outcome.longest_wait_s(), outcome.wait_s(0.99)) == (0, 0.0, 0.0, 0.0)
