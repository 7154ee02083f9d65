"""Who makes room: the subset that costs least to bring back, found exactly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.lifecycle.eviction import EXACT_UP_TO, Candidate, CheapestSubset, EvictionPolicy, LeastRecentlyUsed


def candidate(model: str, held: int, cost: float = 1.0, *, used: float = 0.0, is_busy: bool = False) -> Candidate:
    return Candidate(model, held, used, cost, is_busy)


def many(most: int) -> st.SearchStrategy[list[Candidate]]:
    one = st.tuples(st.integers(1, 13), st.integers(0, 20), st.integers(0, 50), st.booleans())
    return st.lists(one, max_size=most).map(
        lambda rows: [Candidate(f"m{i}", held, used, cost / 4, busy) for i, (held, cost, used, busy) in enumerate(rows)]
    )


def weight(chosen: Sequence[Candidate]) -> tuple[int, float]:
    return sum(c.is_busy for c in chosen), sum(c.cost for c in chosen)


@given(many(9), st.integers(1, 60))
def test_no_other_subset_is_cheaper(candidates: list[Candidate], need: int) -> None:
    """Against all subsets: enough is freed, by the fewest busy models, at the least cost; None if none is enough."""
    enough = [
        subset
        for size in range(1, len(candidates) + 1)
        for subset in itertools.combinations(candidates, size)
        if sum(c.held for c in subset) >= need
    ]
    victims = CheapestSubset().victims(need, candidates, 0.0)
    if not enough:
        assert victims is None
        return
    assert victims is not None
    chosen = [c for c in candidates if c.model in victims]
    assert sum(c.held for c in chosen) >= need
    assert weight(chosen) == min(weight(subset) for subset in enough)


@given(many(30), st.integers(1, 90), st.sampled_from([CheapestSubset(), LeastRecentlyUsed()]))
def test_nobody_leaves_who_need_not(candidates: list[Candidate], need: int, policy: EvictionPolicy) -> None:
    """Whatever their number: what is freed is enough, and without any one of the victims it would not be."""
    victims = policy.victims(need, candidates, 0.0)
    if victims is None:
        assert sum(c.held for c in candidates) < need
        return
    held = {c.model: c.held for c in candidates}
    freed = sum(held[v] for v in victims)
    assert freed >= need
    assert all(freed - held[v] < need for v in victims if any(c.model == v and c.cost > 0 for c in candidates))


def test_one_large_model_goes_rather_than_three_small_ones() -> None:
    """Where it costs no more: a rule that takes the least worth first would send all three."""
    small = [candidate(f"small{i}", 3, 1.0, used=i) for i in range(3)]
    assert CheapestSubset().victims(9, [*small, candidate("large", 9, 2.5, used=9.0)], 10.0) == ("large",)


def test_of_equals_the_least_recently_used_goes() -> None:
    """Same size, same cost: the one that was used longest ago, and models that were never used cost nothing."""
    both = [candidate("late", 5, 0.0, used=9.0), candidate("early", 5, 0.0, used=1.0)]
    assert CheapestSubset().victims(5, both, 10.0) == ("early",)


def test_idle_before_busy() -> None:
    """A model that answers goes only where the idle ones are not enough, however cheap it is."""
    mixed = [candidate("busy", 8, 0.0, is_busy=True), candidate("a", 4, 50.0), candidate("b", 4, 50.0)]
    assert CheapestSubset().victims(8, mixed, 0.0) == ("a", "b")
    assert CheapestSubset().victims(9, mixed, 0.0) == ("a", "busy")


@pytest.mark.parametrize("count", [EXACT_UP_TO, EXACT_UP_TO + 1, 40])
def test_many_models_are_weighed_by_cost_for_each_byte(count: int) -> None:
    """Beyond a dozen not every subset is looked at; the cheap large one still goes first."""
    crowd = [candidate(f"m{i:02}", 2, 5.0 + i, used=i) for i in range(count - 1)]
    assert CheapestSubset().victims(8, [*crowd, candidate("cheap", 8, 1.0, used=99.0)], 100.0) == ("cheap",)
