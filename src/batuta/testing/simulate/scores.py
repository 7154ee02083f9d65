"""The scenarios that a scheduler is judged by, each with the figures that the goals speak of. Knows no goal.

Everything is seeded: a score changes only when the code that decides does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batuta.lifecycle.events import Priority
from batuta.testing.simulate import runs, standins, traces
from batuta.testing.simulate.demand import Arrival, InOrder, Job, Stream, Together, Workers
from batuta.testing.simulate.device import LOADS, Device, LoadCost, in_bytes
from batuta.testing.simulate.optimum import least_load_s
from batuta.testing.simulate.outcome import Outcome, quantile
from batuta.testing.simulate.runs import OURS, POLICIES, Workload, simulate
from batuta.testing.simulate.world import World

ZOOS: Mapping[str, tuple[float, ...]] = {
    "8 big": (13.0, 12.0, 10.0, 9.0, 8.0, 8.0, 7.0, 6.0),
    "10 mixed": (13.0, 9.0, 9.0, 7.0, 5.0, 5.0, 3.0, 2.0, 2.0, 1.0),
    "10 small": (5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0, 1.0, 1.0),
}
"""Sizes in GB of the models among which eviction alone is judged; a seed gives them out."""

G3_UNTIL_S = 7200.0
G3_EVERY_S = 120.0


def over_optimum(
    zoo: str, *, policy: str = OURS, seeds: Sequence[int] = (1, 2, 3, 4, 5), requests: int = 2000
) -> float:
    """Return load seconds over the least that were possible; the order of requests is kept, answers take no time."""
    paid = least = 0.0
    for seed in seeds:
        arrivals, sizes = _no_service(zoo, seed=seed, requests=requests)
        device = Device(sizes)
        outcome = World(POLICIES[policy](in_bytes(device.budget)), device).run(InOrder(arrivals))
        paid += outcome.load_s
        costs = {model: device.load_s(model) for model in sizes}
        least += least_load_s([each.job.model for each in arrivals], sizes, costs, budget=device.budget)
    return paid / least


def _no_service(zoo: str, *, seed: int, requests: int) -> tuple[list[Arrival], dict[str, float]]:
    """Return a stream whose answers have no length, and who has which size."""
    sizes = ZOOS[zoo]
    stream = standins.many(requests=requests, seed=seed, models=len(sizes))
    arrivals = [Arrival(each.at, Job(each.job.id, each.job.model, 0, 0)) for each in stream]
    names = sorted({each.job.model for each in arrivals})
    return arrivals, traces.shuffled_sizes(names, sizes, seed=seed)


@dataclass(frozen=True, slots=True)
class Sum:
    """Some runs of one policy taken together: load seconds, loads, and the waits of all their requests (s)."""

    load_s: float
    loads: int
    waits: tuple[float, ...]

    def wait_s(self, share: float) -> float:
        """Return the wait (s) below which that share of the requests lie."""
        return quantile(self.waits, share)


def summed(policy: str, workloads: Sequence[Workload], *, loads: LoadCost = LOADS["restart"]) -> Sum:
    """Run each workload under the policy; return the figures together."""
    outcomes = [simulate(policy, workload, loads=loads) for workload in workloads]
    waits = tuple(wait.seconds for outcome in outcomes for wait in outcome.waits)
    return Sum(sum(o.load_s for o in outcomes), sum(o.loads for o in outcomes), waits)


def arenas(folder: Path | None = None, *, seeds: Sequence[int] = (34, 1, 2, 3)) -> list[Workload]:
    """Return the arena several times, its sizes given out anew each time."""
    return [runs.arena(folder, seed=seed) for seed in seeds]


def many_of(zoo: str, *, seeds: Sequence[int] = (1, 2, 3), requests: int = 2000) -> list[Workload]:
    """Return generated streams for many models of those sizes, whose answers take their time."""
    return [runs.many(seed=seed, requests=requests, sizes=ZOOS[zoo]) for seed in seeds]


def starvation(policy: str = OURS, *, seed: int = 1) -> Outcome:
    """Run three batch workers that loop on a 9 GB model for two hours, and a person who wants a 13 GB one now and then.

    The person's request comes every two minutes, whatever became of the last one.
    """
    device = Device({"brain": 13.0, "executor": 9.0})
    asked = [i * G3_EVERY_S for i in range(1, int(G3_UNTIL_S / G3_EVERY_S))]
    person = Stream([Arrival(at, Job(f"p{at:.0f}", "brain", 1000, 150, Priority.INTERACTIVE)) for at in asked])
    workers = Workers("executor", count=3, n_in=3000, n_out=250, until=G3_UNTIL_S, seed=seed)
    decider = POLICIES[policy](in_bytes(device.budget))
    return World(decider, device).run(Together(person, workers))


@dataclass(frozen=True, slots=True)
class Hinted:
    """What hints changed: mean waits (s) and loads, without and with them."""

    wait_without_s: float
    wait_with_s: float
    loads_without: int
    loads_with: int

    @property
    def wait_share(self) -> float:
        """The mean wait with hints as a share of the one without; 1 where nobody waited."""
        return self.wait_with_s / self.wait_without_s if self.wait_without_s else 1.0

    @property
    def loads_share(self) -> float:
        """Loads with hints over loads without."""
        return self.loads_with / self.loads_without if self.loads_without else 1.0


def hinted(folder: Path | None = None, *, loads: LoadCost = LOADS["restart"], users: int = 1) -> Hinted:
    """Run people who work step by step, first without hints, then with the next step known when an answer ends."""
    plain, told = (simulate(OURS, runs.hybrid(folder, users=users, hints=each), loads=loads) for each in (False, True))
    return Hinted(plain.mean_wait_s(), told.mean_wait_s(), plain.loads, told.loads)


REFERENCE: Mapping[str, Callable[[Path | None], Workload]] = {
    "hybrid, 3 users": runs.hybrid,
    "arena, 8 models": runs.arena,
    "azure, brain and executor": runs.azure,
}
"""The workloads of the published prototype's table."""
