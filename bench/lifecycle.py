"""Time for one lifecycle decision while requests are queued. Plays engine and callers at no cost, times `handle` only.

Six models share memory that holds two or three of them; every event is followed by what a real engine would answer,
at once. Nothing is started, loaded or slept for.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import deque
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from batuta.lifecycle.commands import Command, Grant, Refuse, StartLoad, StartUnload
from batuta.lifecycle.events import Event, Loaded, Priority, Registered, Released, Tick, Unloaded, Wanted
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.testing.playbook import GB, spec
from bench.common import Goal, goals_table, number, percentile, print_head, table, write_record

BUDGET = 16 * GB
NEEDS = {"brain": 9 * GB, "coder": 7 * GB, "small": 2 * GB, "vision": 6 * GB, "writer": 5 * GB, "embedder": GB}
STEP_S = 0.005  # time that goes by between two events


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
        if self.queued < self._queued:  # 1
            model = self._random.choice(list(NEEDS))
            priority = self._random.choice(list(Priority))
            return Wanted(f"r{next(self._ids)}", model, priority, self.now + 600.0)
        if self._replies and (not self._leases or self._random.random() < 0.5):  # 2
            return self._replies.popleft()
        if self._leases and self._random.random() < 0.9:  # 3
            return Released(self._leases.popleft(), ok=True)
        self.now += 1.0  # 4: patience runs out sooner
        return Tick()

    def step(self) -> tuple[str, int, float]:
        """Let the next event happen; return its name, how many waited before it, and the seconds it took."""
        event, waited = self.next_event(), self.queued
        self.now += STEP_S
        started = time.perf_counter()
        commands = self.lifecycle.handle(event, self.now)
        seconds = time.perf_counter() - started
        self._take(commands)
        return type(event).__name__, waited, seconds

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


def decide(*, decisions: int, queued: int, seed: int) -> tuple[dict[str, list[float]], int]:
    """Fill the queue, then time that many decisions; return event name -> seconds, and the shortest queue seen."""
    theatre = Theatre(queued=queued, seed=seed)
    for _ in range(20 * queued + 1000):  # bounded; some of the first are granted at once
        if theatre.queued >= queued:
            break
        theatre.step()
    times: dict[str, list[float]] = {}
    shortest = queued
    for _ in range(decisions):
        name, waited, seconds = theatre.step()
        times.setdefault(name, []).append(seconds)
        shortest = min(shortest, waited)
    theatre.lifecycle.check()
    return times, shortest


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when a decision takes too long."""
    parser = argparse.ArgumentParser(prog="python -m bench lifecycle", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--queued", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head(f"{options.decisions} lifecycle decisions with {options.queued} queued requests")
    times: dict[str, list[float]] = {}
    shortest = options.queued
    for run in range(options.runs):
        found, least = decide(decisions=options.decisions, queued=options.queued, seed=options.seed + run)
        shortest = min(shortest, least)
        for name, seconds in found.items():
            times.setdefault(name, []).extend(seconds)
    everything = [seconds for each in times.values() for seconds in each]
    print(f"- {options.runs} runs, never fewer than {shortest} in the queue at a decision")
    rows = [
        [name, str(len(each)), *(number(percentile(each, share) * 1000, 3) for share in (0.5, 0.99, 1.0))]
        for name, each in [*sorted(times.items()), ("all", everything)]
    ]
    print(table("## Decisions", ["event", "decisions", "p50 ms", "p99 ms", "max ms"], rows))
    slowest = Goal("slowest decision ms", max(everything) * 1000, {"now": 1.0}, digits=3)
    goals = [
        Goal("p50 decision ms", percentile(everything, 0.5) * 1000, {"now": 1.0}, digits=3),
        Goal("p99 decision ms", percentile(everything, 0.99) * 1000, {"now": 1.0}, digits=3),
        slowest,
    ]
    print(goals_table(goals))
    write_record(options.out, {"facts": facts, "seconds": times})
    return 1 if slowest.falls_short("now") else 0
