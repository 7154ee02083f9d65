"""The offline optimum: as good as trying everything, and never beaten."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.testing.simulate.optimum import least_load_s

SIZES = {"a": 13.0, "b": 9.0, "c": 5.0, "d": 2.0, "e": 2.0}
COSTS = {model: 2.0 + size / 5 for model, size in SIZES.items()}


def tried(requests: Sequence[str], held: frozenset[str] = frozenset()) -> float:
    """Try every set of models that could stay at each load."""
    if not requests:
        return 0.0
    wanted, rest = requests[0], requests[1:]
    if wanted in held:
        return tried(rest, held)
    ways = [frozenset({wanted})]
    for model in sorted(held):
        ways += [way | {model} for way in ways]
    fitting = [way for way in ways if sum(SIZES[model] for model in way) <= 16.0]
    return COSTS[wanted] + min(tried(rest, way) for way in fitting)


@given(st.lists(st.sampled_from(sorted(SIZES)), max_size=7))
def test_nothing_is_better_and_it_can_be_reached(requests: list[str]) -> None:
    """The same as trying every way."""
    assert least_load_s(requests, SIZES, COSTS, budget=16.0) == pytest.approx(tried(requests))


def test_what_cannot_be_worked_out_is_refused() -> None:
    """Too many models, or one that no device holds, is an error that says so."""
    with pytest.raises(ValueError, match="at most 10"):
        least_load_s([str(i) for i in range(11)], {}, {}, budget=16.0)
    with pytest.raises(ValueError, match=r"larger than the budget of 16\.0 GB: huge"):
        least_load_s(["huge"], {"huge": 17.0}, {"huge": 5.4}, budget=16.0)


def test_nothing_wanted_costs_nothing() -> None:
    """No request, no load."""
    assert least_load_s([], SIZES, COSTS, budget=16.0) == 0.0
