"""A closed-loop load generator: N keep-alive connections, each asking again as soon as it is answered.

Times the first body byte, the end and, in streams, each gap between reads; checks status, frames and end marker of
every answer, and the whole text of each connection's first. Knows nothing of what it loads.

`python -m bench.loadgen` reads one job as JSON from its input and prints the outcome as one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import httptools

from bench.common import Meter, percentile
from bench.mock import new_loop

DRAIN_S = 3.0  # what is in flight at the end of the window may end; a paced stream takes half a second


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement.

    Attributes:
        body: the JSON body, sent as it is.
        frames: SSE events a whole answer has, the end marker included; 0: the answer is plain JSON.
        text: what a whole answer says; empty: not checked.
        stagger_s: seconds over which the connections begin, so that paced streams are not all in step.
        watch: name -> process id; the CPU of these trees is measured over the window.
    """

    port: int
    path: str
    body: str
    connections: int
    warmup_s: float
    duration_s: float
    frames: int = 0
    text: str = ""
    stagger_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    watch: Mapping[str, int] = field(default_factory=dict)

    def request(self) -> bytes:
        """Return the request as it goes over the wire."""
        body = self.body.encode()
        head = [
            f"POST {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job found, over its window only, but for `errors` and `reconnects`, which count from the first byte.

    Times are milliseconds as {p50, p99, max}; CPU is microseconds.
    """

    requests: int
    seconds: float
    frames: int
    errors: dict[str, int]
    reconnects: int
    total_ms: dict[str, float]
    ttft_ms: dict[str, float]
    gap_ms: dict[str, float]
    cpu_us: dict[str, float] = field(default_factory=dict)
    own_cpu_us: float = 0.0
    foreign_share: float | None = None


class _Run:
    """What the connections of one job share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.request = job.request()
        self.is_open = True
        self.is_counting = False
        self.in_flight = 0
        self.idle = asyncio.Event()
        self.errors: Counter[str] = Counter()
        self.reconnects = 0
        self.requests = 0
        self.frames = 0
        self.totals: list[float] = []
        self.firsts: list[float] = []
        self.gaps: list[float] = []

    def sent(self) -> None:
        self.in_flight += 1
        self.idle.clear()

    def ended(self) -> None:
        self.in_flight -= 1
        if not self.in_flight:
            self.idle.set()


class _Connection(asyncio.Protocol):
    """One connection of the closed loop."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._is_busy = False
        self._has_read_whole = False
        self._sent = self._first = self._last = self._now = 0.0
        self._body: list[bytes] = []
        self._size = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's classes
        self._parser = httptools.HttpResponseParser(self)
        self._ask()

    def close(self) -> None:
        self._is_busy = False
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._is_busy:
            self._fail(f"connection lost ({type(exc).__name__})" if exc else "connection closed inside an answer")
        if not self.lost.done():
            self.lost.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        self._body.clear()
        self._first = 0.0
        self._size = 0
        self._is_busy = True
        self._run.sent()
        self._sent = time.perf_counter()
        self._transport.write(self._run.request)

    def _fail(self, what: str) -> None:
        self._run.errors[what] += 1
        self._is_busy = False
        self._run.ended()

    def data_received(self, data: bytes) -> None:
        self._now = time.perf_counter()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._is_busy:
                self._fail(f"not HTTP ({type(error).__name__})")
            self.close()

    def on_body(self, data: bytes) -> None:
        run, now = self._run, self._now
        if not self._first:
            self._first = self._last = now
        elif now != self._last:  # one read can hold several chunks
            if run.is_counting and run.job.frames:
                run.gaps.append(now - self._last)
            self._last = now
        self._size += len(data)
        if run.job.frames or not self._has_read_whole:
            self._body.append(data)
            if run.is_counting:
                run.frames += data.count(b"data:")

    def on_message_complete(self) -> None:
        run = self._run
        self._is_busy = False
        if problem := self._problem(self._parser.get_status_code()):
            run.errors[problem] += 1
        elif run.is_counting:
            run.requests += 1
            run.totals.append(self._now - self._sent)
            run.firsts.append(self._first - self._sent)
        run.ended()
        keeps_alive = self._parser.should_keep_alive()
        if not run.is_open or not keeps_alive:
            self.close()
        else:
            self._ask()

    def _problem(self, status: int) -> str | None:
        """Say what is wrong with the answer, None when nothing is."""
        job = self._run.job
        if status != 200:
            return f"status {status}: {b''.join(self._body)[:200]!r}" if self._body else f"status {status}"
        if not self._size:
            return "empty body"
        if job.frames or not self._has_read_whole:
            body = b"".join(self._body)
            if job.frames and (found := body.count(b"data:")) != job.frames:
                return f"{found} frames of {job.frames}"
            if job.frames and not body.rstrip().endswith(b"data: [DONE]"):
                return "no end marker"
            if not self._has_read_whole and job.text and read_text(body, is_stream=bool(job.frames)) != job.text:
                return "wrong text"
            self._has_read_whole = True
        return None


def read_text(body: bytes, *, is_stream: bool) -> str:
    """Return the text an answer says: of a completion, or of all its events."""
    if not is_stream:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ") and line != b"data: [DONE]"]
    return "".join(
        choice["delta"].get("content") or "" for event in events for choice in json.loads(event).get("choices", [])
    )


async def _keep_connected(run: _Run, connections: set[_Connection], delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay_s)
    while run.is_open:
        try:
            _, connection = await loop.create_connection(lambda: _Connection(run), "127.0.0.1", run.job.port)
        except OSError as error:
            run.errors[f"no connection ({error.strerror or error})"] += 1
            await asyncio.sleep(0.05)  # a dead port must not be hammered
            continue
        connections.add(connection)
        await connection.lost
        connections.discard(connection)
        if run.is_open:
            run.reconnects += 1


async def measure(job: Job, meter: Meter | None = None) -> Outcome:
    """Run the job: connect, warm up, count for `duration_s`, let the last answers end."""
    run = _Run(job)
    connections: set[_Connection] = set()
    async with asyncio.TaskGroup() as group:
        for index in range(job.connections):
            group.create_task(_keep_connected(run, connections, job.stagger_s * index / job.connections))
        await asyncio.sleep(job.warmup_s)
        if meter:
            meter.start()
        started = time.perf_counter()
        run.is_counting = True
        await asyncio.sleep(job.duration_s)
        run.is_counting = False
        seconds = time.perf_counter() - started
        if meter:
            meter.stop()
        run.is_open = False
        with suppress(TimeoutError):
            await asyncio.wait_for(run.idle.wait() if run.in_flight else asyncio.sleep(0), DRAIN_S)
        if run.in_flight:
            run.errors[f"no end of the answer within {DRAIN_S:g} s"] += run.in_flight
        for connection in list(connections):
            connection.close()
    return _outcome(run, seconds, meter)


def _outcome(run: _Run, seconds: float, meter: Meter | None) -> Outcome:
    return Outcome(
        requests=run.requests,
        seconds=seconds,
        frames=run.frames,
        errors=dict(run.errors),
        reconnects=run.reconnects,
        total_ms=_spread(run.totals),
        ttft_ms=_spread(run.firsts),
        gap_ms=_spread(run.gaps),
        cpu_us={name: used * 1e6 for name, used in meter.used_s.items()} if meter else {},
        own_cpu_us=meter.own_s * 1e6 if meter else 0.0,
        foreign_share=meter.foreign_share if meter else None,
    )


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {
        "p50": percentile(seconds, 0.50) * 1000,
        "p99": percentile(seconds, 0.99) * 1000,
        "max": max(seconds) * 1000,
    }


def main() -> None:
    """Run the job on the input, print its outcome."""
    given: dict[str, Any] = json.loads(sys.stdin.read())
    job = Job(**given)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        outcome = runner.run(measure(job, Meter(job.watch)))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
