"""What the gateway adds to a request, by interleaved rounds over no gateway, a null relay, nginx and Batuta.

Gateways run on one core, the mock model server and the load generator on the other. Each round visits every case and,
within it, every target in a random (seeded) order; differences and ratios are taken within a round, figures are
medians over rounds. Method and how to read it: docs/reference/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench import mock, overhead_report
from bench.common import NOISY, ROOT, foreign_now, print_head, rss_bytes, tree_rss_bytes, write_record
from bench.loadgen import Job
from bench.processes import NotStarted, pinned, python
from bench.targets import (
    Target,
    installed_peers,
    parse_peer,
    start_batuta,
    start_mock,
    start_nginx,
    start_relay,
)

_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the weather at a place, now or at a given time.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "town and country"},
                "when": {"type": "string", "description": "ISO 8601 time; now if absent"},
            },
            "required": ["place"],
        },
    },
}
_SYSTEM = (
    "You are a careful assistant. Answer in plain words and keep it short. Say so when you do not know something, "
    "never invent a source, and use a tool when it helps. Temperatures are in degrees Celsius, times are local times. "
    "When a place is not clear, ask which one is meant."
)
SETTLE_S = 1.0  # idle memory is read after the work of starting
FIRST_ANSWER_TRIES = 12
_LONG = 107_000  # bytes of the long prompt, about 25,000 tokens


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of load."""

    name: str
    connections: int
    is_stream: bool = False
    is_paced: bool = False
    is_long: bool = False

    def body(self, prefix: str) -> str:
        """Return the JSON body for a target whose model ids begin with `prefix`."""
        said = "What should I wear in Porto Alegre tomorrow morning, and do I need an umbrella?"
        if self.is_long:
            said = (said + " ") * (_LONG // (len(said) + 1))
        value: dict[str, Any] = {
            "model": prefix + (mock.PACED_MODEL if self.is_paced else mock.MODEL),
            "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": said}],
            "tools": [_TOOL],
            "temperature": 0.7,
            "max_tokens": 256,
        }
        if self.is_stream:
            value["stream"] = True
        return json.dumps(value, separators=(",", ":"))


CASES = (
    Case("answer c=1", 1),
    Case("answer c=32", 32),
    Case("stream c=1", 1, is_stream=True),
    Case("stream c=32", 32, is_stream=True),
    Case("32 x 100 tok/s", 32, is_stream=True, is_paced=True),
    Case("107 kB prompt c=1", 1, is_long=True),
)


def job_for(case: Case, target: Target, *, warmup_s: float, duration_s: float, watch: Mapping[str, int]) -> Job:
    """Return what the load generator has to do for one case on one target."""
    length_s = len(mock.WORDS) * mock.GAP_S
    return Job(
        port=target.port,
        path=f"{target.base}/chat/completions",
        body=case.body(target.prefix),
        connections=case.connections,
        warmup_s=max(warmup_s, 2 * length_s) if case.is_paced else warmup_s,
        duration_s=duration_s,
        frames=mock.EVENTS if case.is_stream else 0,
        text=mock.TEXT,
        stagger_s=length_s if case.is_paced else 0.0,
        headers=target.headers,
        watch=watch,
    )


def run_job(job: Job, *, core: int | None) -> dict[str, Any]:
    """Run the load generator in a fresh process on its core; return its outcome as plain values."""
    limit_s = job.warmup_s + job.duration_s + 30.0
    with pinned(core):
        load = subprocess.Popen(
            python("bench.loadgen"),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        out, err = load.communicate(json.dumps(asdict(job)), timeout=limit_s)
    except subprocess.TimeoutExpired:
        load.kill()
        load.communicate()
        return {"errors": {f"load generator still ran after {limit_s:g} s": 1}}
    if load.returncode:
        return {"errors": {f"load generator failed: {err[-300:].strip()}": 1}}
    outcome: dict[str, Any] = json.loads(out)
    return outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured, and where."""

    rounds: int
    warmup_s: float
    duration_s: float
    seed: int
    gateway_core: int | None
    load_core: int | None
    cases: tuple[Case, ...]


def run_rounds(plan: Plan, targets: Sequence[Target], *, mock_pid: int) -> list[dict[str, Any]]:
    """Measure every case on every target, `plan.rounds` times; return one row a measurement."""
    order = random.Random(plan.seed)
    rows: list[dict[str, Any]] = []
    for round_number in range(1, plan.rounds + 1):
        for case in order.sample(plan.cases, len(plan.cases)):
            for target in order.sample(list(targets), len(targets)):
                watch = {"mock": mock_pid} | ({"target": target.pid} if target.pid else {})
                job = job_for(case, target, warmup_s=plan.warmup_s, duration_s=plan.duration_s, watch=watch)
                outcome = run_job(job, core=plan.load_core)
                rss = rss_bytes(target.pid) if target.pid else 0
                rows.append({"round": round_number, "case": case.name, "target": target.name, "rss": rss, **outcome})
                _progress(rows, total=plan.rounds * len(plan.cases) * len(targets))
    return rows


def _progress(rows: Sequence[Mapping[str, Any]], *, total: int) -> None:
    last = rows[-1]
    note = f": {last['errors']}" if last["errors"] else ""
    if note or sys.stderr.isatty():
        print(f"[{len(rows)}/{total}] {last['case']}, {last['target']}{note}", file=sys.stderr)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench overhead", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=2.0, metavar="S", help="window of one measurement")
    parser.add_argument("--warmup", type=float, default=0.7, metavar="S")
    parser.add_argument("--seed", type=int, default=1, help="of the random order")
    parser.add_argument("--gateway-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1, help="of mock and load generator")
    parser.add_argument("--mock-port", type=int, default=0, help="a fixed one, for peers that are already running")
    parser.add_argument("--case", action="append", default=[], help="only cases whose name contains this")
    parser.add_argument("--no-gateway", action="store_true", help="baselines and peers only")
    parser.add_argument("--gateway-url", metavar="URL", help="measure this server as the gateway; with --mock-port")
    parser.add_argument("--gateway-pid", type=int, default=0, help="its process, for CPU and memory")
    parser.add_argument("--gateway-prefix", default="bench/", help="what its model ids put before the mock's names")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL[,pid=N][,prefix=P][,key_env=V]")
    parser.add_argument("--strict", action="store_true", help="refuse a busy machine; status 1 when a goal is missed")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    return parser.parse_args(argv)


def _plan(options: argparse.Namespace) -> Plan:
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    can_pin = {options.gateway_core, options.load_core} <= cores
    chosen = tuple(case for case in CASES if not options.case or any(part in case.name for part in options.case))
    return Plan(
        rounds=max(1, options.rounds),
        warmup_s=options.warmup,
        duration_s=options.duration,
        seed=options.seed,
        gateway_core=options.gateway_core if can_pin else None,
        load_core=options.load_core if can_pin else None,
        cases=chosen,
    )


def _start_targets(options: argparse.Namespace, plan: Plan, folder: Path, stack: ExitStack) -> tuple[list[Target], int]:
    """Start all targets; return them and the mock's process id."""
    upstream, direct = start_mock(folder, core=plan.load_core, port=options.mock_port)
    stack.callback(upstream.stop)
    targets = [direct]
    for started in (
        start_relay(folder, mock_port=direct.port, core=plan.gateway_core),
        start_nginx(folder, mock_port=direct.port, core=plan.gateway_core),
    ):
        if started is not None:
            stack.callback(started[0].stop)
            targets.append(started[1])
    if options.gateway_url:
        peer = parse_peer(f"batuta={options.gateway_url}")
        targets.append(replace(peer, pid=options.gateway_pid, prefix=options.gateway_prefix))
    elif not options.no_gateway:
        process, target = start_batuta(folder, mock_port=direct.port, core=plan.gateway_core)
        stack.callback(process.stop)
        targets.append(target)
    targets += [parse_peer(text) for text in options.peer]
    return targets, upstream.pid


def _drop_dead(targets: Sequence[Target], plan: Plan) -> tuple[list[Target], dict[str, str]]:
    """Ask each target once; return those that answer, and why the others do not."""
    alive: list[Target] = []
    dead: dict[str, str] = {}
    for target in targets:
        job = job_for(CASES[0], target, warmup_s=0.0, duration_s=0.3, watch={})
        outcome = run_job(job, core=plan.load_core)
        for _ in range(FIRST_ANSWER_TRIES):  # a gateway may still be asking the mock what models it has
            if not outcome["errors"]:
                break
            time.sleep(1.0)
            outcome = run_job(job, core=plan.load_core)
        if outcome["errors"] or not outcome["requests"]:
            dead[target.name] = ", ".join(outcome["errors"]) or "no answer"
        else:
            alive.append(target)
    return alive, dead


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when the gateway cannot be measured (or, with --strict, misses a goal)."""
    options = _options(argv)
    plan = _plan(options)
    facts = print_head("Gateway overhead")
    foreign = foreign_now()
    print(f"- foreign CPU before the run: {foreign:.0%}; peers on the PATH: {', '.join(installed_peers()) or 'none'}")
    if plan.gateway_core is None:
        print("- NOT pinned: the two cores asked for are not both ours; figures of such a run are not comparable")
    if options.gateway_url:
        print(f"- `batuta` is the server at {options.gateway_url}, which this run did not start")
    if options.strict and foreign > NOISY:
        print(f"refused: others use {foreign:.0%} of the machine, above {NOISY:.0%}; wait or leave --strict out")
        return 1
    with tempfile.TemporaryDirectory(prefix="batuta-bench-") as name, ExitStack() as stack:
        try:
            targets, mock_pid = _start_targets(options, plan, Path(name), stack)
        except (NotStarted, ValueError) as error:
            print(f"cannot measure: {error}", file=sys.stderr)
            return 1
        time.sleep(SETTLE_S)
        idle = {target.name: rss_bytes(target.pid) for target in targets if target.pid}
        targets, dead = _drop_dead(targets, plan)
        rows = run_rounds(plan, targets, mock_pid=mock_pid)
        after = {target.name: rss_bytes(target.pid) for target in targets if target.pid}
        trees = {target.name: tree_rss_bytes(target.pid) for target in targets if target.pid}
    for target_name, why in dead.items():
        print(f"- {target_name} not measured: {why}")
    names = [case.name for case in plan.cases], [target.name for target in targets]
    report = overhead_report.Report(rows, *names, rss_idle=idle, rss_after=after, rss_tree=trees)
    print(report.text())
    goals = report.goals()
    memory = {"rss_idle": idle, "rss_after": after, "rss_tree": trees}
    record = {"facts": facts, "foreign_before": foreign, "plan": asdict(plan), "rows": rows, "dead": dead, **memory}
    write_record(options.out, record)
    is_missed = "batuta" in dead or (options.strict and any(goal.falls_short("now") for goal in goals))
    return 1 if is_missed else 0
