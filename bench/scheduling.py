"""The scheduler beside others, on recorded and generated workloads, and its goals G1 to G5. All but G5 in virtual time.

Knows nothing of how anybody decides: `batuta.testing.simulate` runs the very code that serves, and its peers.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batuta.lifecycle.events import Priority
from batuta.testing.simulate import runs, scores, traces
from batuta.testing.simulate.device import LOADS
from batuta.testing.simulate.outcome import Outcome
from batuta.testing.simulate.overflow import overflowing
from batuta.testing.simulate.runs import OURS, POLICIES, simulate
from bench import lifecycle
from bench.common import ROOT, Goal, goals_table, number, percentile, print_head, table, write_record

SHARES = (0.5, 0.95, 0.99)
LRU = "batching_lru"

# Figures of the prototype that the policy comes from ("restart" loads): load seconds, loads, waits at SHARES in s. Its
# sizes of the two small models, and how it gave the arena's sizes out, are not known: ours are the closest we found.
PUBLISHED: Mapping[str, Mapping[str, tuple[float, int, float, float, float]]] = {
    "hybrid, 3 users": {
        "ollama": (4525, 1212, 2.2, 17.7, 28),
        "llama_swap": (5308, 1422, 3.8, 16.8, 26),
        "llama_swap_matrix": (3594, 856, 0, 15.8, 25),
        OURS: (3560, 848, 0, 15.8, 25),
    },
    "arena, 8 models": {
        "ollama": (2214, 616, 10.9, 85, 132),
        "llama_swap": (2091, 607, 6.3, 34, 51),
        "llama_swap_matrix": (1758, 484, 2.6, 21, 33),
        OURS: (1722, 471, 2.5, 21, 33),
    },
    "azure, brain and executor": {
        "ollama": (1492, 355, 0, 21.4, 40),
        "llama_swap": (1257, 299, 0, 12.5, 23),
        "llama_swap_matrix": (1257, 299, 0, 12.5, 23),
        OURS: (1260, 300, 0, 12.5, 23),
    },
}

G1 = {"8 big": 1.05, "10 mixed": 1.20, "10 small": 1.40}
G2_OLLAMA, G2_LRU, G2_P95 = 0.80, 0.90, 1.05
G3_LONGEST_S = 35.0
G4_SHARE, G4_FAST_S, G4_LOADS = 0.50, 0.05, 1.05
G5_MS = {100: 1.0, 10_000: 10.0}
OVERFLOW_S = (10.0, 30.0, 60.0)


@dataclass(slots=True)
class Report:
    """What was printed so far is shown at once; the goals and the record are kept for the end."""

    goals: list[Goal]
    record: dict[str, Any]

    def show(self, name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table and keep it."""
        print(table(f"## {title}", columns, rows), flush=True)
        self.record[name] = [dict(zip(columns, row, strict=True)) for row in rows]

    def goal(self, figure: str, measured: float, bound: float, digits: int = 3) -> None:
        """Keep a goal: the figure is to be at most the bound."""
        self.goals.append(Goal(figure, measured, {"now": bound}, digits=digits))


def default_folder() -> Path | None:
    """Return where recorded traces are: BATUTA_TRACES, or beside the checkout; None where there are none."""
    shared = Path(os.environ.get("BATUTA_SHARED", ROOT.parent / "shared"))
    beside = shared / "traces"
    return traces.folder_of() or (beside if beside.is_dir() else None)


def _figures(outcome: Outcome) -> list[str]:
    waits = [number(outcome.wait_s(share), 1) for share in SHARES]
    return [number(outcome.load_s, 0), str(outcome.loads), *waits]


def workloads(report: Report, folder: Path | None) -> None:
    """Run the published workloads under every policy, for both kinds of loads, beside the published figures."""
    columns = ["workload, policy", "load s", "loads", "p50 s", "p95 s", "p99 s", "published", "load s off"]
    for kind, loads in LOADS.items():
        rows = []
        for name, make in scores.REFERENCE.items():
            workload = make(folder)
            for policy in POLICIES:
                outcome = simulate(policy, workload, loads=loads)
                known = PUBLISHED[name].get(policy) if kind == "restart" and workload.is_recorded else None
                told = " / ".join(f"{each:g}" for each in known) if known else "-"
                off = f"{outcome.load_s / known[0] - 1:+.1%}" if known else "-"
                rows.append([f"{name}, {policy}", *_figures(outcome), told, off])
        report.show(f"workloads {kind}", f'Workloads, "{kind}" loads', columns, rows)


def optimum(report: Report) -> dict[str, float]:
    """G1: eviction alone over the offline optimum. Return what LRU pays over it, for each set of models."""
    rows, lru = [], {}
    for zoo, bound in G1.items():
        paid = {policy: scores.over_optimum(zoo, policy=policy) for policy in ("fifo_lru", LRU, OURS)}
        lru[zoo] = paid[LRU]
        rows.append([zoo, *(number(each, 3) for each in paid.values())])
        report.goal(f"G1 load seconds over the optimum, {zoo}", paid[OURS], bound)
    report.show("optimum", "Eviction alone, load seconds over the offline optimum", ["models", "LRU", LRU, OURS], rows)
    return lru


def end_to_end(report: Report, folder: Path | None, lru: Mapping[str, float]) -> None:
    """G2: many models, waits and batches included."""
    rows = []
    groups = {"arena": scores.arenas(folder)} | {f"many, {zoo}": scores.many_of(zoo) for zoo in reversed(G1)}
    for name, group in groups.items():
        found = {policy: scores.summed(policy, group) for policy in POLICIES}
        ours = found[OURS]
        for policy, each in found.items():
            waits = [number(each.wait_s(share), 1) for share in SHARES]
            rows.append(
                [
                    f"{name}, {policy}",
                    number(each.load_s, 0),
                    str(each.loads),
                    *waits,
                    number(ours.load_s / each.load_s),
                ]
            )
        report.goal(f"G2 load seconds over Ollama's, {name}", ours.load_s / found["ollama"].load_s, G2_OLLAMA)
        report.goal(f"G2 load seconds over LRU's in the same queue, {name}", ours.load_s / found[LRU].load_s, G2_LRU)
        matrix = found["llama_swap_matrix"].wait_s(0.95)
        report.goal(f"G2 p95 wait over the full matrix's, {name}", ours.wait_s(0.95) / matrix, G2_P95)
    columns = ["workload, policy", "load s", "loads", "p50 s", "p95 s", "p99 s", "ours / it"]
    report.show("many models", "Many models", columns, rows)
    for zoo, over in lru.items():
        best = 1 / over
        print(f"- {zoo}: eviction that knew the future would pay {best:.2f} of what LRU pays, in a queue that is kept")


def starvation(report: Report) -> None:
    """G3: batch workers that never stop, and a person."""
    rows = []
    for policy in POLICIES:
        outcome = scores.starvation(policy)
        person, batch = Priority.INTERACTIVE, Priority.BATCH
        longest = outcome.longest_wait_s(person)
        half, most = outcome.wait_s(0.5, person), outcome.longest_wait_s(batch)
        unserved = len(outcome.left) + len(outcome.refused)
        figures = [number(each, 1) for each in (half, longest, most)]
        rows.append([policy, *figures, str(unserved), str(outcome.loads)])
        if policy == OURS:
            report.goal("G3 longest wait of a person beside batch loops, s", longest, G3_LONGEST_S, 1)
            report.goal("G3 unserved", unserved, 0, 0)
    columns = ["policy", "person p50 s", "person max s", "batch max s", "unserved", "loads"]
    report.show(
        "starvation", "Three batch loops on 9 GB, a person every two minutes on 13 GB, two hours", columns, rows
    )


def hints(report: Report, folder: Path | None) -> None:
    """G4: the next step is known when an answer ends."""
    rows = []
    for users in (1, 3):
        for kind, loads in LOADS.items():
            found = scores.hinted(folder, loads=loads, users=users)
            waits = [number(each, 3) for each in (found.wait_without_s, found.wait_with_s)]
            rows.append([f"{users}, {kind}", *waits, str(found.loads_without), str(found.loads_with)])
            if users == 1:
                report.goal(f"G4 loads with hints over without, {kind}", found.loads_share, G4_LOADS)
                if kind == "restart":
                    report.goal("G4 mean wait with hints over without, restart", found.wait_share, G4_SHARE)
                else:
                    report.goal("G4 mean wait with hints, fast, s", found.wait_with_s, G4_FAST_S)
    columns = ["people, loads", "mean wait s", "with hints s", "loads", "with hints"]
    report.show("hints", "Hints of next steps", columns, rows)


def decisions(report: Report, queues: Iterable[int], *, decisions: int = 500) -> None:
    """G5: time of a decision while requests wait; the decision's own time, without what others took of its core."""
    rows = []
    for queued in queues:
        taken = lifecycle.decide(decisions=decisions, queued=queued, seed=1)
        own = [each.own_s * 1000 for each in taken]
        p99 = percentile(own, 0.99)
        rows.append(
            [f"{queued:,}", str(len(own)), *(number(each, 3) for each in (percentile(own, 0.5), p99, max(own)))]
        )
        # The slowest of all is the machine's word as much as ours: it stands in the table, `bench lifecycle` judges it.
        report.goal(f"G5 p99 of decisions with {queued:,} queued, its own ms", p99, G5_MS[queued])
    columns = ["queued", "decisions", "p50 own ms", "p99 own ms", "max own ms"]
    report.show("decisions", "Decisions", columns, rows)


def overflow(report: Report, folder: Path | None) -> None:
    """Bursts of hundreds of requests beside an API that takes whoever would wait too long."""
    workload = runs.servegen(folder)
    alone = simulate(OURS, workload)
    rows = [["none", "0", *_figures(alone), number(alone.longest_wait_s(), 1)]]
    for limit_s in OVERFLOW_S:
        outcome = overflowing(workload, limit_s=limit_s)
        longest = number(outcome.longest_wait_s(), 1)
        rows.append([f"{limit_s:g} s", str(outcome.sent_away), *_figures(outcome), longest])
    columns = ["limit", "to the API", "load s", "loads", "p50 s", "p95 s", "p99 s", "max s"]
    report.show("overflow", f"Overflow, {len(alone.waits):,} requests in bursts", columns, rows)


def main(argv: Sequence[str]) -> int:
    """Simulate and report; status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench scheduling", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--traces", type=Path, metavar="FOLDER", help="recorded traces")
    parser.add_argument("--generated", action="store_true", help="stand-ins, even where recorded traces are there")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    folder = None if options.generated else traces.folder_of(options.traces) or default_folder()
    report = Report([], {"facts": print_head("scheduling: swaps, waits and their goals")})
    print(
        f"- traces: {f'recorded, {folder.name}/' if folder else 'generated stand-ins: there are no recorded ones here'}"
    )
    workloads(report, folder)
    lru = optimum(report)
    end_to_end(report, folder, lru)
    starvation(report)
    hints(report, folder)
    overflow(report, folder)
    decisions(report, G5_MS)
    print(goals_table(report.goals))
    write_record(options.out, report.record | {"goals": [asdict(goal) for goal in report.goals]})
    return 1 if any(goal.falls_short("now") for goal in report.goals) else 0
