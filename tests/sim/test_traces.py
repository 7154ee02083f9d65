"""Recorded workloads are read as their description says, and the figures of others come out as published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from batuta.testing.simulate import runs, standins, traces
from batuta.testing.simulate.demand import Arrival
from batuta.testing.simulate.runs import Workload, simulate


def shares(arrivals: list[Arrival]) -> dict[str, float]:
    counts = Counter(each.job.model for each in arrivals)
    return {model: count / len(arrivals) for model, count in counts.items()}


def test_the_hour_of_two_services_is_thinned_and_stretched(traces_folder: Path) -> None:
    """A twentieth of the rows over five hours."""
    arrivals = traces.azure(traces_folder)
    assert len(arrivals) == pytest.approx(28_185 / 20, rel=0.1)
    assert 16_000 < arrivals[-1].at <= 18_000
    assert shares(arrivals)["brain"] == pytest.approx(0.69, abs=0.05)


def test_the_arena_is_its_eight_most_asked_models(traces_folder: Path) -> None:
    """1,112 rows over two hours."""
    arrivals = traces.arena(traces_folder)
    assert len(arrivals) == 1112
    assert len(traces.models_of(arrivals)) == 8
    assert arrivals[-1].at == pytest.approx(7200, rel=0.01)


def test_bursts_and_long_prompts_are_read_whole(traces_folder: Path) -> None:
    """Every row is a request."""
    assert len(traces.servegen(traces_folder)) == 3313
    assert len(traces.mooncake(traces_folder)) == 12_031


def test_sessions_are_steps_with_pauses(hybrid_file: Path) -> None:
    """A person's first step comes after the first session's gap; each later one after the think gap before it."""
    people = traces.hybrid(hybrid_file, users=6)
    assert sum(map(len, people)) == 5297
    first = people[0]
    assert [step.pause_s for step in first[:3]] == [613.0, 4.26, 7.54]
    assert [step.model for step in first[:4]] == ["brain", "coder", "coder", "small"]


# Load seconds of the prototype that the policy comes from; its thinning and its sizes by chance are not known.
PUBLISHED = [
    ("hybrid", "llama_swap", 5308),
    ("hybrid", "llama_swap_matrix", 3594),
    ("hybrid", "ollama", 4525),
    ("arena", "llama_swap", 2091),
    ("arena", "llama_swap_matrix", 1758),
    ("arena", "ollama", 2214),
    ("azure", "llama_swap", 1257),
    ("azure", "llama_swap_matrix", 1257),
    ("azure", "ollama", 1492),
]


@pytest.mark.parametrize(("name", "policy", "load_s"), PUBLISHED)
def test_the_peers_figures_are_those_published(traces_folder: Path, name: str, policy: str, load_s: float) -> None:
    """Within five percent: the peers are who they are said to be."""
    makers: dict[str, Callable[[Path], Workload]] = {"hybrid": runs.hybrid, "arena": runs.arena, "azure": runs.azure}
    workload = makers[name](traces_folder)
    assert simulate(policy, workload).load_s == pytest.approx(load_s, rel=0.05)


def test_the_generated_stream_is_as_described() -> None:
    """Popularity, mean gap and how often the model changes; gaps that are much more uneven than chance."""
    arrivals = [each for seed in range(12) for each in standins.many(seed=seed)]
    popular = shares(arrivals)
    whole = sum(standins.POPULARITY)
    for rank, weight in enumerate(standins.POPULARITY, 1):
        assert popular[f"m{rank:02}"] == pytest.approx(weight / whole, rel=0.1)
    one = standins.many(requests=30_000)
    models = [each.job.model for each in one]
    changes = sum(a != b for a, b in pairwise(models)) / len(models)
    assert changes == pytest.approx(standins.MANY_OTHER, abs=0.02)
    gaps = [b.at - a.at for a, b in pairwise(one)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean
    assert mean == pytest.approx(standins.MANY_GAP_S, rel=0.25)
    assert spread > 4.0  # 12 in the limit; a sample of such a tail has less


def test_each_recorded_workload_has_a_stand_in() -> None:
    """Without the files everything runs all the same."""
    for make in (runs.azure, runs.arena, runs.hybrid, runs.servegen):
        outcome = simulate(runs.OURS, make())
        assert outcome.waits
        assert not outcome.left
