"""Turns the rows of an overhead run into tables and goals. Pure: rows in, text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.common import NOISY, Goal, goals_table, median, number, table

Row = Mapping[str, Any]
GATEWAY = "batuta"
MIB = 2**20
GENERATOR_BOUND = 0.8  # of the direct rate


@dataclass(frozen=True, slots=True)
class Figure:
    """One number read from a row; nan-free: None when the row does not have it."""

    title: str
    read: Callable[[Row], float | None]
    digits: int = 2
    is_tail: bool = False


def _at(group: str, share: str) -> Callable[[Row], float | None]:
    return lambda row: row.get(group, {}).get(share)


def _rate(row: Row) -> float | None:
    return row["requests"] / row["seconds"] if row.get("seconds") else None


def _cpu_per(what: str) -> Callable[[Row], float | None]:
    def read(row: Row) -> float | None:
        used = row.get("cpu_us", {}).get("target")
        return used / row[what] if used is not None and row.get(what) else None

    return read


RATE = Figure("per second", _rate, 0)
TOTAL = Figure("p50 ms", _at("total_ms", "p50"), 3)
TOTAL_TAIL = Figure("p99 ms", _at("total_ms", "p99"), 3, is_tail=True)
TTFT = Figure("TTFT p50 ms", _at("ttft_ms", "p50"), 3)
TTFT_TAIL = Figure("TTFT p99 ms", _at("ttft_ms", "p99"), 3, is_tail=True)
GAP = Figure("gap p50 ms", _at("gap_ms", "p50"), 2)
GAP_TAIL = Figure("gap p99 ms", _at("gap_ms", "p99"), 2, is_tail=True)
CPU_REQUEST = Figure("CPU us/request", _cpu_per("requests"), 0)
CPU_CHUNK = Figure("CPU us/chunk", _cpu_per("frames"), 1)

COLUMNS = {
    "answer": (RATE, TOTAL, TOTAL_TAIL, CPU_REQUEST),
    "stream": (RATE, TTFT, TTFT_TAIL, TOTAL, CPU_CHUNK),
    "paced": (RATE, TTFT, TTFT_TAIL, GAP, GAP_TAIL, CPU_CHUNK),
}
ADDED = {"answer": TOTAL, "stream": TTFT, "paced": TTFT}


def kind_of(case: str) -> str:
    """Return which columns a case is shown with."""
    if "tok/s" in case:
        return "paced"
    return "stream" if case.startswith("stream") else "answer"


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run.

    Attributes:
        rows: one a measurement: round, case, target and the load generator's outcome.
        rss_idle, rss_after: target -> bytes of its root process, before and after all rounds.
        rss_tree: target -> bytes of its whole process tree, after all rounds.
    """

    rows: Sequence[Row]
    cases: Sequence[str]
    targets: Sequence[str]
    rss_idle: Mapping[str, int]
    rss_after: Mapping[str, int]
    rss_tree: Mapping[str, int]

    def of(self, case: str, target: str) -> dict[int, Row]:
        """Return round -> row."""
        return {row["round"]: row for row in self.rows if row["case"] == case and row["target"] == target}

    def value(self, case: str, target: str, figure: Figure) -> float | None:
        """Return the median over rounds, None when nothing was measured."""
        found = [value for row in self.of(case, target).values() if (value := figure.read(row)) is not None]
        return median(found) if found else None

    def paired(
        self, case: str, target: str, base: str, figure: Figure, combine: Callable[[float, float], float]
    ) -> float | None:
        """Return the median over rounds of `combine(target's figure, base's figure of the same round)`."""
        bases = self.of(case, base)
        found: list[float] = []
        for number_, row in self.of(case, target).items():
            own, other = figure.read(row), figure.read(bases[number_]) if number_ in bases else None
            if own is not None and other:
                found.append(combine(own, other))
        return median(found) if found else None

    def added(self, case: str, target: str, figure: Figure, base: str = "direct") -> float | None:
        """Return what the target adds to the base, in the figure's unit."""
        return self.paired(case, target, base, figure, lambda own, other: own - other)

    def ratio(self, case: str, target: str, figure: Figure, base: str) -> float | None:
        """Return how many times the base's figure the target's is."""
        return self.paired(case, target, base, figure, lambda own, other: own / other)

    def errors(self, case: str, target: str) -> int:
        """Return how many answers were wrong, cut or missing in all rounds."""
        return sum(sum(row["errors"].values()) for row in self.of(case, target).values())

    def foreign(self, case: str, target: str) -> float:
        """Return the median share (0..1) of the machine that others used meanwhile."""
        shares = [
            row["foreign_share"] for row in self.of(case, target).values() if row.get("foreign_share") is not None
        ]
        return median(shares) if shares else 0.0

    def case_table(self, case: str) -> str:
        """Return the table of one case.

        A tail measured beside busy neighbours is marked `~`. A rate near the direct one is marked `>`: there the
        load generator is the limit, not the target.
        """
        kind = kind_of(case)
        figures, shared = COLUMNS[kind], ADDED[kind]
        columns = ["target", *(figure.title for figure in figures), f"added {shared.title}", "over relay"]
        columns += ["x relay", "x nginx", "errors", "foreign CPU"]
        return table(f"## {case}", columns, [self._line(case, target, figures, shared) for target in self.targets])

    def _line(self, case: str, target: str, figures: Sequence[Figure], shared: Figure) -> list[str]:
        foreign = self.foreign(case, target)
        cells = [target]
        for figure in figures:
            mark = "~" if figure.is_tail and foreign > NOISY else ""
            if figure is RATE and kind_of(case) != "paced" and self._is_generator_bound(case, target):
                mark = ">"
            cells.append(mark + number(self.value(case, target, figure), figure.digits))
        cells.append(number(self.added(case, target, shared), 3) if target != "direct" else "-")
        cells.append(number(self.added(case, target, shared, "relay"), 3) if target not in {"direct", "relay"} else "-")
        cells += [number(self.ratio(case, target, RATE, base)) for base in ("relay", "nginx")]
        return [*cells, str(self.errors(case, target)), f"{foreign:.0%}"]

    def _is_generator_bound(self, case: str, target: str) -> bool:
        of_direct = self.ratio(case, target, RATE, "direct")
        return target != "direct" and of_direct is not None and of_direct > GENERATOR_BOUND

    def memory_table(self) -> str:
        """Return resident memory before and after the run, of each target's root process."""
        rows = [
            [name, *(number(sizes[name] / MIB, 0) for sizes in (self.rss_idle, self.rss_after, self.rss_tree))]
            for name in self.targets
            if name in self.rss_after
        ]
        return table("## Memory", ["process", "RSS idle MiB", "RSS after MiB", "with children MiB"], rows)

    def goals(self) -> list[Goal]:
        """Return what was promised beside what was found."""
        g = GATEWAY

        def in_mib(sizes: Mapping[str, int]) -> float | None:
            return sizes[g] / MIB if g in sizes else None

        def tail(name: str, case: str) -> str:
            return f"{name} ~" if self.foreign(case, g) > NOISY else name

        answer, busy, paced = "answer c=1", "answer c=32", "32 x 100 tok/s"
        lost = self.errors(paced, g) if self.of(paced, g) else None
        return [
            Goal(
                "answers a second at 32",
                self.value(busy, g, RATE),
                {"now": 4000, "release": 5000, "stretch": 10000},
                is_floor=True,
                digits=0,
            ),
            Goal("of nginx's at 32", self.ratio(busy, g, RATE, "nginx"), {"release": 0.15}, is_floor=True),
            Goal("CPU us/request at 32", self.value(busy, g, CPU_REQUEST), {"release": 200, "stretch": 93}, digits=0),
            Goal("added p50 ms at 1", self.added(answer, g, TOTAL), {"now": 0.6, "release": 0.5, "stretch": 0.32}),
            Goal(
                tail("added p99 ms at 1", answer), self.added(answer, g, TOTAL_TAIL), {"release": 1.5, "stretch": 0.48}
            ),
            Goal(
                "added TTFT p50 ms at 1",
                self.added("stream c=1", g, TTFT),
                {"now": 1.0, "release": 1.0, "stretch": 0.47},
            ),
            Goal(
                tail("added TTFT p99 ms at 1", "stream c=1"),
                self.added("stream c=1", g, TTFT_TAIL),
                {"release": 3.0, "stretch": 0.65},
            ),
            Goal("broken streams of 32 x 100 tok/s", lost, {"now": 0, "release": 0}, digits=0),
            Goal(tail("gap p99 ms, 32 x 100 tok/s", paced), self.value(paced, g, GAP_TAIL), {"release": 12}),
            Goal(
                "CPU us/chunk, 32 x 100 tok/s",
                self.value(paced, g, CPU_CHUNK),
                {"release": 100, "stretch": 66},
                digits=0,
            ),
            Goal(
                "added p50 ms, 107 kB prompt",
                self.added("107 kB prompt c=1", g, TOTAL),
                {"release": 1.0, "stretch": 0.43},
            ),
            Goal("RSS idle MiB", in_mib(self.rss_idle), {"now": 100, "release": 80, "stretch": 32}, digits=0),
            Goal("RSS after MiB", in_mib(self.rss_after), {"now": 100, "release": 120, "stretch": 39}, digits=0),
        ]

    def text(self) -> str:
        """Return all tables."""
        parts = [self.case_table(case) for case in self.cases]
        if self.rss_idle:
            parts.append(self.memory_table())
        if GATEWAY in self.targets:
            parts.append(goals_table(self.goals()))
        return "\n".join(parts)
