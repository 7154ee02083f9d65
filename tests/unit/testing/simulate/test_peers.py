"""The rules of others: each does what its source does, with its weakness."""

from __future__ import annotations

from batuta.testing.simulate.demand import Arrival, Job, Stream
from batuta.testing.simulate.device import Device, in_bytes
from batuta.testing.simulate.outcome import Kind, Outcome
from batuta.testing.simulate.peers import feasible_sets
from batuta.testing.simulate.runs import POLICIES
from batuta.testing.simulate.world import World

THREE = {"a": 9.0, "b": 5.0, "c": 5.0}


def live(policy: str, sizes: dict[str, float], *wanted: tuple[float, str]) -> Outcome:
    device = Device(sizes)
    stream = Stream([Arrival(at, Job(f"r{i}", model, 1000, 100)) for i, (at, model) in enumerate(wanted)])
    return World(POLICIES[policy](in_bytes(device.budget)), device, is_recorded=True).run(stream)


def thrown_out(outcome: Outcome) -> list[str]:
    return [fact.model for fact in outcome.facts if fact.kind is Kind.UNLOAD]


def test_one_loop_holds_up_whoever_comes_behind_a_load() -> None:
    """A request for a resident model waits behind one that needs a load."""
    outcome = live("ollama", {"a": 13.0, "b": 9.0}, (0.0, "a"), (5.0, "b"), (5.1, "a"))
    by_name = {wait.job.id: wait.seconds for wait in outcome.waits}
    assert by_name["r2"] > by_name["r1"] > 2.0


def test_one_loop_throws_out_by_name_the_other_one_by_use() -> None:
    """Ollama's order is the path's; LRU's is the last use."""
    wanted = ((0.0, "b"), (20.0, "c"), (40.0, "b"), (60.0, "a"))
    assert thrown_out(live("ollama", THREE, *wanted)) == ["b"]
    assert thrown_out(live("fifo_lru", THREE, *wanted)) == ["c"]


def test_one_model_at_a_time() -> None:
    """llama-swap as it comes throws out whatever is there, needed or not."""
    assert thrown_out(live("llama_swap", THREE, (0.0, "b"), (20.0, "c"))) == ["b"]
    assert thrown_out(live("llama_swap_matrix", THREE, (0.0, "b"), (20.0, "c"))) == []


def test_batches_go_before_their_turn() -> None:
    """Who wants the running model is served at once, although another waits already."""
    outcome = live("llama_swap", {"a": 13.0, "b": 9.0}, (0.0, "a"), (5.0, "b"), (5.1, "a"))
    order = [fact.job for fact in outcome.facts if fact.kind is Kind.GRANTED]
    assert order == ["r0", "r2", "r1"]


def test_the_full_matrix_has_every_set_that_fits() -> None:
    """Sets to which nothing could be added, in the order of the models."""
    sizes = {model: in_bytes(size) for model, size in THREE.items()}
    found = feasible_sets(sizes, in_bytes(16.0))
    assert [sorted(each) for each in found] == [["a", "b"], ["a", "c"], ["b", "c"]]
