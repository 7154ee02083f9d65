"""What external providers cost: translation a chunk, CPU a request, failing over, and everything failing at once.

1. Translation: the bytes of a recorded stream become OpenAI's events, chunk by chunk, in this process alone.
2. Pass-through: requests of eight callers through gateway, keyed engine and the client that is used for the Internet,
   to a server in a process of its own; the CPU of this process over the requests. No TLS.
3. Failover: the same with a first candidate that refuses the connection or answers 500, against none; every first
   candidate is a new one, because one that has failed often enough is not asked any more.
4. Storm: a thousand callers at once, each with three candidates that all answer 503.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.chat.dialects import openai
from batuta.chat.dialects.gemini import Reader
from batuta.chat.types import Delta
from batuta.clock import SystemClock
from batuta.engines.anthropic.stream import AnswerStream
from batuta.engines.gemini.stream import Answer
from batuta.engines.keyed import KeyedEngine
from batuta.engines.keys import LentKey
from batuta.engines.openai_family.engine import OpenAIFamilyEngine
from batuta.engines.openai_family.mending import Mender
from batuta.engines.openai_family.readers import Bridged, Mended
from batuta.engines.openai_family.replies import Teller
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.gateway.admission import Admission
from batuta.gateway.call import ENDPOINTS, Call, read_call
from batuta.gateway.serve import Gateway
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.observe.bus import Bus
from batuta.routing.wishes import Wishes
from batuta.usage.limits import NO_LIMITS, Budgets
from batuta.usage.meter import Meter
from batuta.usage.prices import known_prices
from batuta.vault.secret import Secret
from bench.common import Goal, foreign_now, goals_table, median, number, percentile, print_head, table, write_record
from bench.processes import Process, free_port, python

CHUNKS = 1000
AT_ONCE = 8
REQUESTS = 50  # of each of these
FAILOVERS = 150
CALLERS = 1000
CANDIDATES = 3
ROUNDS = 7
DEADLINE_S = 20.0
START_S = 15.0
CHAT = ENDPOINTS["/v1/chat/completions"]
BODY = {"messages": [{"role": "user", "content": "one two three four five six seven eight"}], "max_tokens": 64}


@dataclass(slots=True)
class Figures:
    """What was measured. Seconds, but for calls."""

    chunk_s: dict[str, list[float]] = field(default_factory=dict)
    request_cpu_s: list[float] = field(default_factory=list)
    plain_s: list[float] = field(default_factory=list)
    failover_s: dict[str, list[float]] = field(default_factory=dict)
    storm_calls: int = 0
    storm_s: float = 0.0
    storm_late: int = 0
    storm_answers: dict[str, int] = field(default_factory=dict)

    def added_s(self, case: str) -> list[float]:
        """Return what failing over added to each request, beside the median without it."""
        plain = median(self.plain_s)
        return [seconds - plain for seconds in self.failover_s.get(case, [])]


# 1. Translation -----------------------------------------------------------------------------------------------


def anthropic_chunks(count: int) -> list[bytes]:
    """Return a stream as Anthropic sends it: text in small deltas, each an event with its name."""

    def event(kind: str, **body: Any) -> bytes:
        return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **body}) + b"\n\n"

    usage = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    words = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": f" word{number:04}"})
        for number in range(count)
    ]
    return [
        event("message_start", message=head),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *words,
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9}),
        event("message_stop"),
    ]


def gemini_chunks(count: int) -> list[bytes]:
    """Return a stream as Gemini sends it: whole answers with the next piece of text, and usage in each."""
    usage = {"promptTokenCount": 14, "candidatesTokenCount": 6, "thoughtsTokenCount": 3, "totalTokenCount": 23}

    def piece(text: str, finish: str | None = None) -> bytes:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        said = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}
        return b"data: " + orjson.dumps(said) + b"\r\n\r\n"

    return [*(piece(f" word{number:04}") for number in range(count)), piece("", "STOP")]


def responses_chunks(count: int) -> list[bytes]:
    """Return a stream of OpenAI's Responses API: one message, text in small deltas."""
    numbers = iter(range(10**6))

    def event(kind: str, **body: Any) -> bytes:
        said = {"type": kind, "sequence_number": next(numbers), **body}
        return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(said) + b"\n\n"

    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": []}
    usage = {"input_tokens": 14, "output_tokens": 9, "total_tokens": 23}
    done = {"id": "resp_1", "object": "response", "status": "completed", "output": [message], "usage": usage}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return [
        event("response.created", response={"id": "resp_1", "status": "in_progress", "output": []}),
        event("response.output_item.added", output_index=0, item=message),
        *(event("response.output_text.delta", delta=f" word{number:04}", **at) for number in range(count)),
        event("response.completed", response=done),
    ]


def openai_chunks(count: int) -> list[bytes]:
    """Return a stream in OpenAI's own dialect, for the APIs whose answers are mended."""
    head = {"answer_id": "chatcmpl-1", "model": "m", "created": 1}
    return [openai.encode_delta(Delta(text=f" word{number:04}"), **head) for number in range(count)]  # type: ignore[arg-type]  # of one dict


def encoder() -> Callable[[Delta], bytes]:
    """Return what writes a delta as the gateway does."""
    return lambda delta: openai.encode_delta(delta, answer_id="chatcmpl-1", model="m", created=1)


def through_deltas(feed: Callable[[bytes], Iterator[Delta]]) -> Callable[[bytes], bytes]:
    """Return a chunk's way through an adapter that gives deltas, and out again as events."""
    encode = encoder()
    return lambda chunk: b"".join(map(encode, feed(chunk)))


def translations() -> dict[str, tuple[Callable[[], Callable[[bytes], bytes]], list[bytes]]]:
    """Return name -> (what makes a new translation, the chunks of a stream)."""
    teller = Teller("bench", "m", "", ())
    return {
        "Anthropic": (
            lambda: through_deltas(AnswerStream(model="m", where="bench", hide="").feed),
            anthropic_chunks(CHUNKS),
        ),
        "Gemini": (
            lambda: through_deltas(Answer(Reader(lambda: "call_1"), where="bench", model="m", hide="").feed),
            gemini_chunks(CHUNKS),
        ),
        "Responses bridge": (
            lambda: Bridged(model="m", created=1, teller=teller, is_quiet=False).feed,
            responses_chunks(CHUNKS),
        ),
        "mended": (
            lambda: Mended(Mender("m"), teller, is_quiet=False, is_noticing=False).feed,
            openai_chunks(CHUNKS),
        ),
    }


def translate(found: Figures, rounds: int) -> None:
    """Time each translation, in turns."""
    cases = translations()
    for turn in range(rounds + 1):
        for name, (make, chunks) in cases.items():
            feed, size = make(), 0
            started = time.process_time()
            for chunk in chunks:
                size += len(feed(chunk))
            seconds = (time.process_time() - started) / len(chunks)
            assert size > len(chunks) * 50, f"{name}: chunks became nothing"
            if turn:  # the first round fills caches
                found.chunk_s.setdefault(name, []).append(seconds)


# 2, 3, 4. Requests ----------------------------------------------------------------------------------------------


class Shelf:
    """One key for everybody, opened once, as a key ring keeps it."""

    def __init__(self) -> None:
        self._keys = (LentKey("bench", Secret("sk-test-not-a-key-bench")),)

    def usable(self, provider: Provider, *, is_free: bool = False) -> Sequence[LentKey]:
        """Return it."""
        del provider, is_free
        return self._keys

    def went(self, key: LentKey, error: BatutaError | None, *, model: str) -> None:
        """Nobody keeps count."""


class Stage:
    """A gateway over external providers, with meter and budgets, as the composition root makes it."""

    def __init__(self, *, is_direct: bool) -> None:
        self.clock, self.bus = SystemClock(), Bus()
        self.transport = Transport(is_direct=is_direct)
        self.specs: dict[str, ModelSpec] = {}
        self.providers: dict[str, Provider] = {}
        self.runner = Runner(
            Lifecycle({"host": MemoryLedger("host", 10**9)}), clock=self.clock, bus=self.bus, on_error=_raise
        )
        budgets = Budgets(lambda _: NO_LIMITS, lambda: "2026-11-21")
        budgets.recall({})
        self.gateway = Gateway(
            specs=lambda: self.specs,
            runner=self.runner,
            admission=Admission(10 * CALLERS, lambda: len(self.runner.lifecycle.waiting)),
            clock=self.clock,
            bus=self.bus,
            meter=Meter(known_prices(), self.providers.get, budgets=budgets),
        )

    def add(self, provider_id: str, base_url: str, address: str = "gpt-4o") -> str:
        """Add a provider with one model; return the model's id."""
        provider = Provider(provider_id, "openai_family", base_url=base_url, preset="openai")
        self.providers[provider_id] = provider
        spec = ModelSpec(f"{provider_id}/{address}", provider_id, address, capabilities=frozenset({Capability.CHAT}))
        self.specs[spec.id] = spec
        made = KeyedEngine(provider, lambda key: OpenAIFamilyEngine(provider, self.transport, key=key), Shelf())
        self.runner.register(spec, made)
        return spec.id

    def call(self, *models: str) -> Call:
        """Return a request for the first of these, or else the others."""
        body = orjson.dumps(BODY | {"model": models[0]})
        deadline = self.clock.monotonic() + DEADLINE_S
        wishes = Wishes(models=models) if len(models) > 1 else Wishes(allow_fallback=False)
        return read_call(body, CHAT, request_id="bench", deadline=deadline, wishes=wishes)

    async def ask(self, call: Call) -> str:
        """Serve a request to its end; return `answered`, or the error's code."""
        try:
            async for _ in self.gateway.serve(call):
                pass
        except BatutaError as error:
            return error.code
        return "answered"

    async def aclose(self) -> None:
        """End everything."""
        await self.runner.aclose()
        await self.transport.aclose()


async def pass_through(url: str, rounds: int, found: Figures) -> None:
    """Measure the CPU of a request, with the client that serves the Internet."""
    stage = Stage(is_direct=False)
    await stage.runner.start()
    try:
        model = stage.add("good", f"{url}/ok/v1")
        for turn in range(rounds + 1):
            started = time.process_time()
            outcomes = await asyncio.gather(*(one_after_the_other(stage, model) for _ in range(AT_ONCE)))
            assert set(outcomes) == {"answered"}, outcomes
            if turn:
                found.request_cpu_s.append((time.process_time() - started) / (REQUESTS * AT_ONCE))
    finally:
        await stage.aclose()


async def one_after_the_other(stage: Stage, model: str) -> str:
    """Ask often; return how the last request ended, or the first that went wrong."""
    outcome = "answered"
    for _ in range(REQUESTS):
        if (outcome := await stage.ask(stage.call(model))) != "answered":
            break
    return outcome


async def failover(url: str, found: Figures) -> None:
    """Time requests whose first candidate is in trouble, and as many whose first candidate answers."""
    cases = {"refused": f"http://127.0.0.1:{free_port()}/v1", "500": f"{url}/500/v1"}
    stage = Stage(is_direct=False)
    await stage.runner.start()
    try:
        good = stage.add("good", f"{url}/ok/v1")
        bad = {name: [stage.add(f"bad-{name}-{n}", at) for n in range(FAILOVERS)] for name, at in cases.items()}
        await stage.ask(stage.call(good))
        for turn in range(FAILOVERS):
            found.plain_s.append(await timed(stage, good))
            for name, models in bad.items():
                found.failover_s.setdefault(name, []).append(await timed(stage, models[turn], good))
    finally:
        await stage.aclose()


async def timed(stage: Stage, *models: str) -> float:
    """Return the seconds of one request, which has to be answered."""
    call = stage.call(*models)
    started = time.perf_counter()
    outcome = await stage.ask(call)
    assert outcome == "answered", outcome
    return time.perf_counter() - started


async def storm(url: str, found: Figures) -> None:
    """Let everybody ask at once while everything fails."""
    stage = Stage(is_direct=True)
    await stage.runner.start()
    try:
        models = [stage.add(f"bad-{number}", f"{url}/503/v1") for number in range(CANDIDATES)]
        before = await counted(stage, url)
        started = time.perf_counter()
        calls = [stage.call(*models) for _ in range(CALLERS)]
        outcomes = await asyncio.gather(*(served(stage, call) for call in calls))
        found.storm_s = time.perf_counter() - started
        found.storm_calls = await counted(stage, url) - before
        found.storm_late = sum(seconds > DEADLINE_S for _, seconds in outcomes)
        for code, _ in outcomes:
            found.storm_answers[code] = found.storm_answers.get(code, 0) + 1
    finally:
        await stage.aclose()


async def served(stage: Stage, call: Call) -> tuple[str, float]:
    """Return how a request ended, and after how many seconds."""
    started = time.perf_counter()
    return await stage.ask(call), time.perf_counter() - started


async def counted(stage: Stage, url: str) -> int:
    """Return how often the upstream was asked."""
    return int((await stage.transport.get_json(f"{url}/count", timeout_s=5.0))["count"])


def _raise(_name: str, error: BaseException) -> None:
    raise error


@contextmanager
def upstream(folder: Path) -> Iterator[str]:
    """Start the upstream; give its address. Raises NotStarted."""
    with Process("upstream", python("bench.upstream"), folder=folder) as process:
        yield f"http://127.0.0.1:{process.read_json(timeout_s=START_S)['port']}"


async def measure(url: str, rounds: int) -> Figures:
    """Measure everything."""
    found = Figures()
    translate(found, rounds)
    await pass_through(url, rounds, found)
    await failover(url, found)
    await storm(url, found)
    return found


def goals(found: Figures) -> list[Goal]:
    """Return the promises; of several, the dearest holds."""
    nothing = float("nan")
    chunk = max((median(each) for each in found.chunk_s.values()), default=nothing)
    added = max((percentile(found.added_s(case), 0.99) for case in found.failover_s), default=nothing)
    asked = sum(found.storm_answers.values())
    calls = float(found.storm_calls) if asked else nothing
    late = float(found.storm_late) if asked else nothing
    return [
        Goal("CPU of the dearest translation, us a chunk", chunk * 1e6, {"now": 40.0}, digits=1),
        Goal("CPU of a passed-through request, ms", median(found.request_cpu_s) * 1e3, {"now": 0.4}, digits=3),
        Goal("added by the slowest failover, p99, ms", added * 1e3, {"now": 250.0}, digits=1),
        Goal("upstream calls when everything fails", calls, {"now": 1.2 * max(asked, 1) + 3}, digits=0),
        Goal("callers without an answer by their deadline", late, {"now": 0.0}, digits=0),
    ]


def _row(name: str, values: Sequence[float], factor: float, digits: int) -> list[str]:
    figures = (median(values), percentile(values, 0.99), min(values, default=float("nan")))
    return [name, *(number(value * factor, digits) for value in figures)]


def main(argv: Sequence[str]) -> int:
    """Measure and report; status 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench external", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    facts = print_head("External providers")
    print(f"- foreign CPU before the run: {foreign_now():.0%}")
    with (
        tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder,
        upstream(Path(folder)) as url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        found = loop.run(measure(url, options.rounds))
    columns = ["median", "p99", "min"]
    print(
        table("## Translation, us CPU a chunk", ["", *columns], [_row(n, v, 1e6, 1) for n, v in found.chunk_s.items()])
    )
    print(table("## Pass-through, ms CPU", ["", *columns], [_row("a request", found.request_cpu_s, 1e3, 3)]))
    rows = [_row("no failover: whole time", found.plain_s, 1e3, 2)]
    rows += [_row(f"added after {case}", found.added_s(case), 1e3, 2) for case in found.failover_s]
    print(table("## Failover, ms", ["", *columns], rows))
    ends = json.dumps(found.storm_answers)
    print(
        f"\n{CALLERS} callers, {CANDIDATES} candidates each, all failing: {found.storm_calls} upstream calls, ", end=""
    )
    print(f"{found.storm_s:.1f} s for all; {ends}")
    verdicts = goals(found)
    print(goals_table(verdicts))
    write_record(
        options.out,
        {
            "facts": facts,
            "chunk_s": found.chunk_s,
            "request_cpu_s": found.request_cpu_s,
            "plain_s": found.plain_s,
            "failover_s": found.failover_s,
            "storm": {"calls": found.storm_calls, "seconds": found.storm_s, "answers": found.storm_answers},
        },
    )
    return 1 if any(goal.falls_short("now") for goal in verdicts) else 0
