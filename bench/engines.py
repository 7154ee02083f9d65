"""What local engines cost: a refresh of 200 models over 5 engines, the CPU of a look, the CPU an adapter adds.

The engines are the fakes of `batuta.testing`, each in a process of its own, so that CPU counted here is Batuta's alone.
Every adapter that can be imported takes part. What an adapter adds to a request is measured against openai_compat on
the very same server, in turns; figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from batuta.catalog.entities import MemoryNeed, ModelSpec, Provider
from batuta.clock import SystemClock
from batuta.engines.base import LoadableEngine, PassThroughEngine, RawCall
from batuta.engines.openai_compat import OpenAICompatEngine
from batuta.engines.registry import engine_of
from batuta.engines.transport import Transport
from batuta.kinds import KINDS
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.observe.bus import Bus
from batuta.testing.local_server import GIB
from bench.common import (
    Goal,
    foreign_now,
    goals_table,
    median,
    number,
    print_head,
    table,
    write_record,
)
from bench.engine_fakes import PROGRAMS, Backend, missing, model_names, running
from bench.processes import NotStarted

ENGINES = 5
MODELS = 200
LOADED = 2  # on each engine, so that there is something to tell
LOOKS = 200
REQUESTS = 200
ROUNDS = 7
BODY = {"messages": [{"role": "user", "content": "one two three four five six seven eight"}], "max_tokens": 64}


@dataclass(slots=True)
class Figures:
    """What was measured. Seconds; by engine where it differs."""

    refresh_s: list[float] = field(default_factory=list)
    look_cpu_s: dict[str, list[float]] = field(default_factory=dict)
    added_cpu_s: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def spec_of(provider: str, name: str) -> ModelSpec:
    """Return a model of a fake."""
    return ModelSpec(
        f"{provider}/{name}",
        provider,
        name,
        context_length=2048,
        slots=4,
        memory=MemoryNeed(GIB // 2),
        is_local=True,
        is_loadable=True,
    )


def engine_for(backend: Backend, provider_id: str, transport: Transport) -> Any:
    """Return the adapter in front of a fake."""
    provider = Provider(provider_id, backend.kind, base_url=backend.url, is_local=True)
    return engine_of(KINDS[backend.kind].module, backend.kind)(provider, transport)


async def refresh(backends: Sequence[Backend], models: int, rounds: int, found: Figures) -> None:
    """Time a look at every engine with all its models listed, taken into the books; and the CPU of a look at one."""
    transport, bus = Transport(), Bus()
    lifecycle = Lifecycle({"host": MemoryLedger("host", 10**15)})
    runner = Runner(lifecycle, clock=SystemClock(), bus=bus, on_error=_raise)
    engines: dict[str, LoadableEngine] = {}
    for place, backend in enumerate(backends):
        provider = f"{backend.kind}-{place}"
        engine = engines[provider] = engine_for(backend, provider, transport)
        for name in model_names(models):
            runner.register(spec_of(provider, name), engine)
        for name in model_names(LOADED):
            await engine.load(spec_of(provider, name), _unheard)
    try:
        for _ in range(rounds):
            started = time.perf_counter()
            await asyncio.gather(runner.observe(), *(engine.list_models() for engine in engines.values()))
            found.refresh_s.append(time.perf_counter() - started)
        for (provider, engine), _ in itertools.product(engines.items(), range(rounds)):
            seconds = await cpu_of(lambda p=provider: runner.observe(provider_id=p), LOOKS)  # type: ignore[misc]
            found.look_cpu_s.setdefault(KINDS[engine.kind].name, []).append(seconds)
    finally:
        await runner.aclose()
        for engine in engines.values():
            await engine.aclose()
        await transport.aclose()


async def added(backend: Backend, rounds: int, found: Figures) -> None:
    """Compare the CPU of a request through the adapter with that through openai_compat, at the same server."""
    transport = Transport()
    engine = engine_for(backend, "bench", transport)
    plain = OpenAICompatEngine(Provider("plain", "openai_compat", base_url=f"{backend.url}/v1"), transport)
    spec = spec_of("bench", model_names(1)[0])
    try:
        await engine.load(spec, _unheard)
        for stream in (False, True):
            name = f"{KINDS[backend.kind].name}, {'stream' if stream else 'whole'}"
            await cpu_of(lambda s=stream: ask(engine, spec, stream=s), 20)  # type: ignore[misc]
            for _ in range(rounds):
                ours = await cpu_of(lambda s=stream: ask(engine, spec, stream=s), REQUESTS)  # type: ignore[misc]
                bare = await cpu_of(lambda s=stream: ask(plain, spec, stream=s), REQUESTS)  # type: ignore[misc]
                found.added_cpu_s.setdefault(name, []).append(ours - bare)
    finally:
        await engine.aclose()
        await transport.aclose()


async def ask(engine: PassThroughEngine, spec: ModelSpec, *, stream: bool) -> None:
    """Send one request and read its answer to the end."""
    body = orjson.dumps(BODY | {"model": engine.wire_name(spec), "stream": stream})
    deadline = asyncio.get_running_loop().time() + 10
    reply = await engine.forward(spec, RawCall("chat/completions", body, stream, deadline))
    if stream:
        async for _ in reply.chunks():
            pass
    else:
        await reply.read()
    await reply.aclose()


async def cpu_of(work: Callable[[], Awaitable[None]], times: int) -> float:
    """Return the CPU seconds of this process for one run, over that many."""
    started = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - started) / times


def _unheard(_progress: Any) -> None:
    return


def _raise(_name: str, error: BaseException) -> None:
    raise error


async def measure(folder: Path, *, rounds: int) -> Figures:
    """Measure with the adapters there are."""
    found = Figures()
    found.absent = {kind: why for kind in PROGRAMS if (why := missing(kind)) is not None}
    kinds = []
    for kind in PROGRAMS:
        if kind in found.absent:
            continue
        try:
            with running([kind], models=2, folder=folder) as (backend,):
                await added(backend, rounds, found)
            kinds.append(kind)
        except NotStarted as error:
            found.absent[kind] = str(error)
    if kinds:
        chosen = list(itertools.islice(itertools.cycle(kinds), ENGINES))
        with running(chosen, models=MODELS // ENGINES, folder=folder) as backends:
            await refresh(backends, MODELS // ENGINES, rounds, found)
    return found


def goals(found: Figures) -> list[Goal]:
    """Return the promises, each by its dearest engine."""
    looks = [median(each) for each in found.look_cpu_s.values()]
    extra = [median(each) for each in found.added_cpu_s.values()]
    return [
        Goal(
            f"{MODELS} models over {ENGINES} engines refreshed, ms",
            median(found.refresh_s) * 1000,
            {"now": 200.0},
            digits=1,
        ),
        Goal(
            "CPU of a look at the dearest engine, ms", max(looks, default=float("nan")) * 1000, {"now": 1.0}, digits=3
        ),
        Goal(
            "CPU that the dearest adapter adds to a request, ms",
            max(extra, default=float("nan")) * 1000,
            {"now": 0.2},
            digits=3,
        ),
    ]


def _rows(figures: dict[str, list[float]]) -> list[list[str]]:
    return [
        [name, *(number(value * 1000, 3) for value in (median(each), min(each), max(each)))]
        for name, each in figures.items()
    ]


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench engines", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head(f"Local engines: {MODELS} models over {ENGINES} engines")
    print(f"- foreign CPU before the run: {foreign_now():.0%}")
    with (
        tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        found = loop.run(measure(Path(folder), rounds=options.rounds))
    columns = ["median ms", "min ms", "max ms"]
    print(
        table("## Refresh", ["", *columns], _rows({f"{ENGINES} engines": found.refresh_s} if found.refresh_s else {}))
    )
    print(table("## CPU of a look", ["engine", *columns], _rows(found.look_cpu_s)))
    print(table("## CPU added to a request, beside openai_compat", ["engine", *columns], _rows(found.added_cpu_s)))
    for kind, why in found.absent.items():
        print(f"\n{KINDS[kind].name}: NOT MEASURED: {why}")
    verdicts = goals(found)
    print(goals_table(verdicts))
    write_record(
        options.out,
        {
            "facts": facts,
            "refresh_s": found.refresh_s,
            "look_cpu_s": found.look_cpu_s,
            "added_cpu_s": found.added_cpu_s,
            "absent": found.absent,
        },
    )
    return 1 if any(goal.falls_short("now") for goal in verdicts) else 0
