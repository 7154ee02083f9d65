"""Time for one lifecycle decision while requests are queued. Plays engine and callers at no cost, times `handle` only.

Six models share memory that holds two or three of them; every event is followed by what a real engine would answer,
at once. Nothing is started, loaded or slept for.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Self

from batuta.lifecycle.commands import Command, Grant, Refuse, StartLoad, StartUnload
from batuta.lifecycle.events import Event, Loaded, Priority, Registered, Released, Tick, Unloaded, Wanted
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.testing.playbook import GB, spec
from bench.common import Goal, foreign_now, goals_table, number, percentile, print_head, table, write_record

BUDGET = 16 * GB
NEEDS = {"brain": 9 * GB, "coder": 7 * GB, "small": 2 * GB, "vision": 6 * GB, "writer": 5 * GB, "embedder": GB}
STEP_S = 0.005  # time that goes by between two events
SPARE = 16  # one event can grant as many requests as models have slots; the queue must not fall below its size


@dataclass(frozen=True, slots=True)
class Decision:
    """One call of `handle`.

    Attributes:
        waited: requests in the queue before it.
        seconds: by the clock.
        own_s: of this thread, without the time in which others had its core or the garbage collector ran.
        collector_s: what the garbage collector took of it.
    """

    event: str
    waited: int
    seconds: float
    own_s: float
    collector_s: float


class Collector:
    """Counts the seconds that Python's garbage collector takes, in `seconds`, while the block runs."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._on_phase)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._on_phase)

    def _on_phase(self, phase: str, _: object) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self.seconds += time.thread_time() - self._began


class Theatre:
    """A Lifecycle, callers that keep the queue full, and an engine that does what it is told at once.

    Args:
        queued: requests that wait at each timed decision.
        seed: of models, priorities and of who leaves when.
    """

    def __init__(self, *, queued: int, seed: int) -> None:
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", BUDGET)})
        self.now = 1000.0
        self.refused = 0
        self._queued = queued
        self._random = random.Random(seed)
        self._ids = count()
        self.collector = Collector()
        self._replies: deque[Event] = deque()
        self._leases: deque[str] = deque()
        for model, need in NEEDS.items():
            self._take(self.lifecycle.handle(Registered(spec(model, need)), self.now))

    @property
    def queued(self) -> int:
        """Requests that wait now."""
        return len(self.lifecycle.waiting)

    def next_event(self) -> Event:
        """Return what happens next.

        1. The queue is short: another request.
        2. The engine has something to answer, and one time in two it does.
        3. Somebody holds a lease: mostly the oldest is given back.
        4. Otherwise time goes by.
        """
        if self.queued < self._queued + SPARE:  # 1
            model = self._random.choice(list(NEEDS))
            priority = self._random.choice(list(Priority))
            return Wanted(f"r{next(self._ids)}", model, priority, self.now + 600.0)
        if self._replies and (not self._leases or self._random.random() < 0.5):  # 2
            return self._replies.popleft()
        if self._leases and self._random.random() < 0.9:  # 3
            return Released(self._leases.popleft(), ok=True)
        self.now += 1.0  # 4: patience runs out sooner
        return Tick()

    def step(self) -> Decision:
        """Let the next event happen; return what it cost."""
        event, waited = self.next_event(), self.queued
        self.now += STEP_S
        collected, cpu, started = self.collector.seconds, time.thread_time(), time.perf_counter()
        commands = self.lifecycle.handle(event, self.now)
        seconds, cpu = time.perf_counter() - started, time.thread_time() - cpu
        collected = self.collector.seconds - collected
        self._take(commands)
        return Decision(type(event).__name__, waited, seconds, cpu - collected, collected)

    def _take(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case StartLoad(model=model):
                    self._replies.append(Loaded(model, 0, 1.0))
                case StartUnload(model=model):
                    self._replies.append(Unloaded(model))
                case Grant(request=request):
                    self._leases.append(request)
                case Refuse():
                    self.refused += 1
                case _:
                    pass  # announcements, and the ways of engines with a warm tier


def decide(*, decisions: int, queued: int, seed: int) -> list[Decision]:
    """Fill the queue, then take that many decisions."""
    theatre = Theatre(queued=queued, seed=seed)
    for _ in range(20 * queued + 1000):  # bounded; some of the first are granted at once
        if theatre.queued >= queued + SPARE:
            break
        theatre.step()
    with theatre.collector:
        taken = [theatre.step() for _ in range(decisions)]
    theatre.lifecycle.check()
    return taken


def report(taken: Sequence[Decision]) -> str:
    """Return the table by kind of event."""
    rows = []
    for name in [*sorted({each.event for each in taken}), "all"]:
        own = [each for each in taken if name in {each.event, "all"}]
        wall = [number(percentile([each.seconds for each in own], share) * 1000, 3) for share in (0.5, 0.99, 1.0)]
        cpu = number(max(each.own_s for each in own) * 1000, 3)
        rows.append([name, str(len(own)), *wall, cpu])
    return table("## Decisions", ["event", "decisions", "p50 ms", "p99 ms", "max ms", "max own ms"], rows)


def goals(taken: Sequence[Decision]) -> list[Goal]:
    """Return the promise of a millisecond, by the clock and by the decision's own time."""
    wall, own = [each.seconds for each in taken], [each.own_s for each in taken]
    figures = {
        "p99 decision ms": percentile(wall, 0.99),
        "slowest decision ms": max(wall),
        "slowest decision, its own ms": max(own),
    }
    return [Goal(name, seconds * 1000, {"now": 1.0}, digits=3) for name, seconds in figures.items()]


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when a decision's own time is too long."""
    parser = argparse.ArgumentParser(prog="python -m bench lifecycle", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--queued", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head(f"{options.decisions} lifecycle decisions with {options.queued} queued requests")
    taken: list[Decision] = []
    for run in range(options.runs):
        taken += decide(decisions=options.decisions, queued=options.queued, seed=options.seed + run)
    shortest = min(each.waited for each in taken)
    print(f"- {options.runs} runs, never fewer than {shortest} in the queue at a decision")
    paused = [each.collector_s for each in taken if each.collector_s]
    print(f"- garbage collector: in {len(paused)} decisions, at most {max(paused, default=0.0) * 1000:.2f} ms")
    print(f"- foreign CPU after the run: {foreign_now():.0%}")
    print(report(taken))
    found = goals(taken)
    print(goals_table(found))
    write_record(options.out, {"facts": facts, "decisions": [asdict(each) for each in taken]})
    return 1 if found[-1].falls_short("now") else 0
