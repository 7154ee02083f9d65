"""A stage for gateway plays: a real Runner and Gateway over fake engines, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from batuta.catalog.entities import Capability, ModelSpec, Role
from batuta.engines.base import Engine
from batuta.gateway.admission import Admission
from batuta.gateway.call import ENDPOINTS, Call, Head, read_call
from batuta.gateway.serve import Gateway
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.observe.bus import Bus
from batuta.observe.events import Fact
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine, FakePassThroughEngine, FakeRemoteEngine
from batuta.testing.playbook import GB, remote, spec

ALL = frozenset({Capability.CHAT, Capability.COMPLETION, Capability.EMBEDDING})


@dataclass
class Answer:
    """What a caller saw."""

    head: Head | None = None
    pieces: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def text(self) -> str:
        """The words of a whole or streamed chat answer."""
        if self.head is not None and self.head.content_type == "application/json":
            return str(orjson.loads(self.body)["choices"][0]["message"]["content"])
        events = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: {")]
        choices = [choice for event in events for choice in orjson.loads(event)["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


class Stage:
    """Local models `brain` (13 GB) and `coder` (9 GB) on 16 GB, and `api/far` behind an API."""

    def __init__(self, *, passes_through: bool = True, limit: int = 100) -> None:
        self.clock = ManualClock()
        self.bus = Bus()
        self.facts: list[Fact] = []
        self.bus.listen(self.facts.append)
        engine = FakePassThroughEngine if passes_through else FakeEngine
        self.engine = engine(self.clock, load_s=4.0, unload_s=0.5)
        self.api = FakeRemoteEngine(self.clock)
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", 16 * GB)})
        self.errors: list[tuple[str, BaseException]] = []
        self.runner = Runner(self.lifecycle, clock=self.clock, bus=self.bus, on_error=lambda *e: self.errors.append(e))
        self.specs: dict[str, ModelSpec] = {}
        self.gateway = Gateway(
            specs=lambda: self.specs,
            runner=self.runner,
            admission=Admission(limit, lambda: len(self.lifecycle.waiting)),
            clock=self.clock,
            bus=self.bus,
            idle_s=60.0,
        )

    def add(self, model: ModelSpec, engine: Engine) -> None:
        model = replace(model, capabilities=ALL)
        self.specs[model.id] = model
        self.runner.register(model, engine)

    def add_pair(self) -> None:
        self.add(spec("brain", 13 * GB, roles=frozenset({Role.BRAIN})), self.engine)
        self.add(spec("coder", 9 * GB, roles=frozenset({Role.EXECUTOR})), self.engine)

    def settle(self) -> None:
        """Leave it empty."""

    def add_api(self) -> None:
        self.add(remote("api/far"), self.api)

    def call(self, model: str, words: str = "one two three", *, stream: bool = False, **rest: Any) -> Call:
        body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": words}], "stream": stream})
        rest.setdefault("deadline", self.clock.monotonic() + 180.0)
        return read_call(body, ENDPOINTS["/v1/chat/completions"], request_id="r1", **rest)

    async def ask(self, call: Call, answer: Answer | None = None) -> Answer:
        """Serve a call to its end; the pieces are seen in `answer` as they come."""
        answer = answer or Answer()
        async for piece in self.gateway.serve(call):
            if isinstance(piece, Head):
                answer.head = piece
            elif isinstance(piece, bytes):
                answer.pieces.append(piece)
        return answer

    async def play(self, call: Call, *, seconds: float = 60.0) -> Answer:
        """Serve a call while time passes."""
        task = asyncio.get_running_loop().create_task(self.ask(call))
        await self.clock.advance(seconds)
        return await task

    def told(self, kind: type[Fact]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@asynccontextmanager
async def stage(*adds: str, **rest: Any) -> AsyncIterator[Stage]:
    """Open a stage with models (`pair`, `api`); afterwards no lease, waiter or task may be left."""
    it = Stage(**rest)
    await it.runner.start()
    for what in adds or ("pair",):
        {"pair": it.add_pair, "api": it.add_api, "none": it.settle}[what]()
    try:
        yield it
        await it.clock.settle()
        it.lifecycle.check()
        assert not it.lifecycle.leases, "a lease was left over"
        assert not len(it.lifecycle.waiting), "a waiter was left over"
        assert it.errors == []
    finally:
        await it.runner.aclose()
        await it.engine.aclose()


def texts(answers: Iterable[Answer]) -> list[str]:
    return [answer.text for answer in answers]


class Chunks:
    """An answer in these chunks; an error among them is raised in its turn."""

    status = 200
    content_type = "text/event-stream"

    def __init__(self, *chunks: bytes | BaseException) -> None:
        self._chunks = chunks
        self.is_closed = False

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        self.is_closed = True
