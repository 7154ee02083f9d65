"""How good the scheduling is, guarded: each score has a bound that today's code reaches with a little to spare.

A change that makes a score worse fails here. `python -m bench scheduling` has the whole picture, beside other ways of
scheduling; `python -m batuta.testing.simulate run --trace many --story m01` shows what happened, step by step.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from batuta.lifecycle.events import Priority
from batuta.testing.simulate import runs, scores
from batuta.testing.simulate.device import LOADS
from batuta.testing.simulate.overflow import overflowing
from batuta.testing.simulate.runs import OURS, simulate
from tests.sim.conftest import HYBRID

LRU, OLLAMA, MATRIX = "batching_lru", "ollama", "llama_swap_matrix"


def over_optimum(zoo: str) -> float:
    return scores.over_optimum(zoo, seeds=(1, 2), requests=800)


def over_peer(zoo: str, peer: str) -> float:
    group = scores.many_of(zoo, seeds=(1, 2), requests=600)
    return scores.summed(OURS, group).load_s / scores.summed(peer, group).load_s


def p95_over_matrix(zoo: str) -> float:
    group = scores.many_of(zoo, seeds=(1, 2), requests=600)
    return scores.summed(OURS, group).wait_s(0.95) / scores.summed(MATRIX, group).wait_s(0.95)


def hybrid_over(peer: str) -> float:
    workload = runs.hybrid(HYBRID)
    return simulate(OURS, workload).load_s / simulate(peer, workload).load_s


def arena_over(peer: str) -> float:
    return simulate(OURS, runs.arena()).load_s / simulate(peer, runs.arena()).load_s


def starved_s() -> float:
    outcome = scores.starvation()
    assert not outcome.left
    return outcome.longest_wait_s(Priority.INTERACTIVE)


# What is scored, how, and the most it may be. Where a goal is set, the bound is never above it.
SCORES: dict[str, tuple[Callable[[], float], float]] = {
    "eviction over the optimum, 8 big models": (lambda: over_optimum("8 big"), 1.02),
    "eviction over the optimum, 10 mixed models": (lambda: over_optimum("10 mixed"), 1.09),
    "eviction over the optimum, 10 small models": (lambda: over_optimum("10 small"), 1.40),
    "load seconds over LRU's, 10 small models": (lambda: over_peer("10 small", LRU), 0.86),
    "load seconds over LRU's, 10 mixed models": (lambda: over_peer("10 mixed", LRU), 1.01),
    "load seconds over Ollama's, 10 small models": (lambda: over_peer("10 small", OLLAMA), 0.63),
    "load seconds over Ollama's, arena": (lambda: arena_over(OLLAMA), 0.80),
    "load seconds over Ollama's, three people": (lambda: hybrid_over(OLLAMA), 0.86),
    "load seconds over the full matrix's, three people": (lambda: hybrid_over(MATRIX), 1.05),
    "p95 wait over the full matrix's, 10 mixed models": (lambda: p95_over_matrix("10 mixed"), 0.85),
    "longest wait of a person beside batch loops, s": (starved_s, 20.0),
    "mean wait with hints over without": (lambda: scores.hinted(HYBRID).wait_share, 0.43),
    "mean wait with hints and fast loads, s": (lambda: scores.hinted(HYBRID, loads=LOADS["fast"]).wait_with_s, 0.03),
    "loads with hints over without": (lambda: scores.hinted(HYBRID).loads_share, 1.02),
    "longest wait beside an API that takes over at 30 s, s": (
        lambda: overflowing(runs.servegen(), limit_s=30.0).longest_wait_s(),
        90.0,
    ),
}


@pytest.mark.parametrize("name", SCORES)
def test_scheduling_is_as_good_as_it_was(name: str) -> None:
    """No score is worse than its bound."""
    measure, bound = SCORES[name]
    score = measure()
    assert score <= bound, (
        f"{name}: {score:.3f}, more than {bound}: scheduling has become worse there. `python -m bench scheduling` has "
        "all figures, `python -m batuta.testing.simulate run --help` says how to see what happens in one run."
    )
