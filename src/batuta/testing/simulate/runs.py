"""One workload under one policy, by name: what the command, the bench and the tests call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batuta.lifecycle.eviction import LeastRecentlyUsed
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.queueing import BoundedWait
from batuta.testing.simulate import standins, traces
from batuta.testing.simulate.demand import Arrival, Job, People, Source, Stream
from batuta.testing.simulate.device import LOADS, Device, LoadCost, in_bytes
from batuta.testing.simulate.outcome import Fact, Outcome
from batuta.testing.simulate.peers import FullMatrix, OneLoop, OneLoopLeastRecentlyUsed, OneModel
from batuta.testing.simulate.world import Decider, World

PATIENCE_S = 15.0  # of a program; a person's is a third of it, a batch job's four times
OURS = "batuta"


def lifecycle_of(budget: int, eviction: LeastRecentlyUsed | None = None) -> Lifecycle:
    """Return the Lifecycle as it serves, on one device of that many bytes; the other eviction is a peer's."""
    queue = BoundedWait(normal_s=PATIENCE_S)
    return Lifecycle({"host": MemoryLedger("host", budget)}, eviction=eviction, queue=queue)


POLICIES: Mapping[str, Callable[[int], Decider]] = {
    "ollama": OneLoop,
    "fifo_lru": OneLoopLeastRecentlyUsed,
    "llama_swap": OneModel,
    "llama_swap_matrix": FullMatrix,
    "batching_lru": lambda budget: lifecycle_of(budget, LeastRecentlyUsed()),
    OURS: lifecycle_of,
}
"""Name -> who decides, given the budget in bytes. The last two are the Lifecycle itself."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked for, and the models' sizes in GB.

    `is_recorded`: from a file; otherwise a stand-in. `open`: makes its source anew, for each run.
    """

    name: str
    sizes: Mapping[str, float]
    open: Callable[[], Source]
    is_recorded: bool = False


def simulate(
    policy: str, workload: Workload, *, loads: LoadCost = LOADS["restart"], is_recorded: bool = False
) -> Outcome:
    """Run a workload under the policy of that name (one of POLICIES)."""
    device = Device(workload.sizes, loads)
    decider = POLICIES[policy](in_bytes(device.budget))
    return World(decider, device, is_recorded=is_recorded).run(workload.open())


def replay(
    requests: Sequence[tuple[float, str, int, int]],
    sizes: Mapping[str, float],
    *,
    device: Device | None = None,
    policy: str = OURS,
) -> dict[str, list[Fact]]:
    """Return what happens to each model, in order, when these requests come to an empty device.

    Args:
        requests: seconds from the beginning, model, tokens in, tokens out.
        sizes: model -> GB.
        device: what things cost; the usual one with these sizes if left out.
        policy: one of POLICIES.
    """
    machine = device or Device(sizes)
    arrivals = [Arrival(at, Job(f"r{i}", model, n_in, n_out)) for i, (at, model, n_in, n_out) in enumerate(requests)]
    outcome = World(POLICIES[policy](in_bytes(machine.budget)), machine, is_recorded=True).run(Stream(arrivals))
    return {model: outcome.story(model) for model in sizes}


# Workloads by name ----------------------------------------------------------------------------------------------------


def azure(folder: Path | None = None, *, seed: int = 1) -> Workload:
    """Return two services on a brain and an executor that do not fit together."""
    arrivals = traces.azure(folder, seed=seed) if folder else standins.azure(seed=seed)
    return Workload("azure", traces.PAIR, lambda: Stream(arrivals), folder is not None)


def arena(folder: Path | None = None, *, seed: int = 34) -> Workload:
    """Return a chat arena on eight models of mixed sizes; the seed gives them out.

    Of the first forty, 34 comes closest to the figures of the published prototype.
    """
    arrivals = traces.arena(folder) if folder else standins.arena()
    sizes = traces.shuffled_sizes(traces.models_of(arrivals), seed=seed)
    return Workload("arena", sizes, lambda: Stream(arrivals), folder is not None)


def hybrid(folder: Path | None = None, *, users: int = 3, hints: bool = False) -> Workload:
    """Return people who work with a brain, a coder and two small models; `folder` may also be the file itself."""
    path = folder / "hybrid_sessions_synthetic.csv" if folder and folder.is_dir() else folder
    steps = traces.hybrid(path, users=users) if path else standins.hybrid(users=users)
    return Workload("hybrid", traces.ROLES, lambda: People(steps, hints=hints), path is not None)


def servegen(folder: Path | None = None, *, seed: int = 1) -> Workload:
    """Return clients who send bursts of hundreds of requests: more than one card can answer."""
    arrivals = traces.servegen(folder) if folder else standins.servegen(seed=seed)
    return Workload("servegen", traces.SERVEGEN, lambda: Stream(arrivals), folder is not None)


def mooncake(folder: Path) -> Workload:
    """Return one chat model's long prompts."""
    arrivals = traces.mooncake(folder)
    return Workload("mooncake", {"brain": 13.0}, lambda: Stream(arrivals), is_recorded=True)


def many(*, seed: int = 1, requests: int = 3000, sizes: Sequence[float] = standins.MANY_SIZES) -> Workload:
    """Return a stream for as many models as there are sizes (GB, at most eleven); always generated."""
    arrivals = standins.many(requests=requests, seed=seed, models=len(sizes))
    names = [f"m{rank:02}" for rank in range(1, len(sizes) + 1)]
    return Workload("many", traces.shuffled_sizes(names, sizes, seed=seed), lambda: Stream(arrivals))
