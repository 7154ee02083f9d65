"""The command: one workload under one policy or under all of them, or worlds in which everything goes wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from batuta.testing.simulate import runs, traces
from batuta.testing.simulate.device import LOADS
from batuta.testing.simulate.faults import Broken, FaultyWorld
from batuta.testing.simulate.outcome import Outcome
from batuta.testing.simulate.runs import OURS, POLICIES, Workload, simulate

TRACES = ("azure", "arena", "hybrid", "servegen", "mooncake", "many")


def workload_of(options: argparse.Namespace) -> Workload:
    """Return the workload that was asked for: recorded where a folder is known, else its stand-in."""
    folder: Path | None = traces.folder_of(options.traces)
    if options.trace == "mooncake":
        if folder is None:
            raise FileNotFoundError(
                f"mooncake has no stand-in: name the folder of its file (--traces, {traces.FOLDER})"
            )
        return runs.mooncake(folder)
    if options.trace == "hybrid":
        return runs.hybrid(folder, users=options.users, hints=options.hints)
    if options.trace == "many":
        return runs.many(seed=options.seed)
    by_name: dict[str, Callable[[Path | None], Workload]] = {
        "azure": runs.azure,
        "arena": runs.arena,
        "servegen": runs.servegen,
    }
    return by_name[options.trace](folder)


def line(name: str, outcome: Outcome) -> str:
    """Return the figures of one run as a line of text."""
    waits = " ".join(f"{outcome.wait_s(share):8.1f}" for share in (0.5, 0.95, 0.99, 1.0))
    return f"{name:<18} {outcome.load_s:9.0f} {outcome.loads:7} {waits} {len(outcome.left) + len(outcome.refused):8}"


HEAD = f"{'':<18} {'load s':>9} {'loads':>7} {'p50 s':>8} {'p95 s':>8} {'p99 s':>8} {'max s':>8} {'unserved':>8}"


def run(options: argparse.Namespace) -> int:
    """Run one workload; print its figures, or the story of one model."""
    workload = workload_of(options)
    policies = list(POLICIES) if options.policy == "all" else [options.policy]
    told = [f"{workload.name}, {'recorded' if workload.is_recorded else 'generated'}, loads: {options.loads}", HEAD]
    for policy in policies:
        outcome = simulate(policy, workload, loads=LOADS[options.loads], is_recorded=options.story is not None)
        if options.story is not None:
            told = [str(fact) for fact in outcome.story(options.story)]
        else:
            told.append(line(policy, outcome))
    sys.stdout.write("\n".join(told) + "\n")
    return 0


def faults(options: argparse.Namespace) -> int:
    """Live through worlds of faults; print what each was, or how one broke. Status 1 if one did."""
    first = options.seed
    for seed in range(first, first + options.seeds):
        try:
            tally = FaultyWorld(seed, requests=options.requests).run()
        except Broken as broken:
            sys.stdout.write(f"{broken}\n")
            return 1
        refused = sum(tally.refused.values())
        if options.seeds == 1 or options.verbose:
            sys.stdout.write(
                f"seed {seed}: {tally.steps} steps, {tally.requests} requests, {tally.granted} granted, "
                f"{refused} refused, {tally.left} left, {tally.loads} loads; {'; '.join(sorted(tally.families))}\n"
            )
    sys.stdout.write(f"{options.seeds} worlds of {options.requests} requests: nothing broke\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and do it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m batuta.testing.simulate", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("run", help="one workload under one policy, or under all of them")
    one.add_argument("--trace", choices=TRACES, default="hybrid")
    one.add_argument("--policy", choices=[*POLICIES, "all"], default=OURS)
    one.add_argument("--loads", choices=list(LOADS), default="restart", help="what a load costs")
    one.add_argument("--users", type=int, default=3, help="people at once (hybrid)")
    one.add_argument("--hints", action="store_true", help="each next step is known when an answer ends (hybrid)")
    one.add_argument("--seed", type=int, default=1, help="of a generated stream (many)")
    one.add_argument("--story", metavar="MODEL", help="what happened to one model, in order, instead of figures")
    one.add_argument("--traces", type=Path, metavar="FOLDER", help=f"recorded traces (or {traces.FOLDER})")
    one.set_defaults(command=run)
    wrong = commands.add_parser("faults", help="worlds in which everything goes wrong")
    wrong.add_argument("--seed", type=int, default=0, help="the first one")
    wrong.add_argument("--seeds", type=int, default=1, help="how many")
    wrong.add_argument("--requests", type=int, default=1000, help="in each")
    wrong.add_argument("--verbose", action="store_true", help="a line for each")
    wrong.set_defaults(command=faults)
    options = parser.parse_args(argv)
    try:
        return int(options.command(options))
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
