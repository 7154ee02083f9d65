"""A whole gateway on real sockets: providers that misbehave on purpose, and what a caller sees of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import aiohttp  # noqa: F401  # imported here: the first import is longer than the deadlines of these plays
import orjson

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta
from batuta.clock import SystemClock
from batuta.engines import registry
from batuta.engines.base import Engine
from batuta.engines.loopback_wire import LIMITS
from batuta.engines.reach import Reach
from batuta.engines.transport import Lookup, Transport
from batuta.errors import BatutaError
from batuta.gateway.admission import Admission
from batuta.gateway.attempt import Patience
from batuta.gateway.call import ENDPOINTS, Call, Head, read_call
from batuta.gateway.serve import Gateway
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.observe.bus import Bus
from batuta.routing.wishes import PLAIN_HOUSE, House, Wishes
from batuta.testing.faulty_upstream import FaultyUpstream, Script, whole
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key-town"
SHORT_S = 0.25  # for plays about time: long enough for a busy machine, short enough for the run
LONG_S = 10.0
QUICK = replace(LIMITS, connect_s=0.25, body=1024 * 1024, stream=4 * 1024 * 1024)
FINE = "fine"


class Decoding:
    """An engine that is asked for deltas, as those of other dialects are; the gateway encodes them."""

    kind = "decoding"

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        chunks: AsyncGenerator[Delta, None] = self._inner.chat(spec, request)
        return chunks

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class Outcome:
    """What a caller saw."""

    head: Head | None = None
    body: bytes = b""
    error: BatutaError | None = None

    @property
    def model(self) -> str:
        assert self.head is not None, f"nobody answered: {self.error!r}"
        return self.head.model

    @property
    def text(self) -> str:
        if self.head is not None and self.head.content_type == "application/json":
            return str(orjson.loads(self.body)["choices"][0]["message"]["content"])
        lines = [line[5:].strip() for line in self.body.replace(b"\r", b"\n").split(b"\n") if line.startswith(b"data:")]
        found = ""
        for line in lines:
            try:
                event = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            for choice in event.get("choices") or [] if isinstance(event, dict) else []:
                if isinstance(choice, dict):
                    found += (choice.get("delta") or {}).get("content") or ""
        return found


@dataclass(slots=True)
class Town:
    """Providers `bad` and `good`, and a gateway in front of them."""

    gateway: Gateway
    runner: Runner
    transport: Transport
    specs: dict[str, ModelSpec]
    upstreams: dict[str, FaultyUpstream] = field(default_factory=dict)
    is_decoding: bool = False

    def add(self, name: str, url: str, *, is_local: bool = False) -> None:
        provider = Provider(name, "openai_compat", base_url=url, is_local=is_local)
        engine = registry.create(provider, self.transport, key=Secret(KEY))
        spec = ModelSpec(f"{name}/m", name, "m", is_local=is_local)
        self.specs[spec.id] = spec
        used: Any = Decoding(engine) if self.is_decoding else engine
        assert isinstance(engine, Engine)
        self.runner.register(spec, used)

    def call(self, model: str = "bad/m", *, stream: bool = False, wishes: Wishes | None = None, **body: Any) -> Call:
        fields = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": stream, **body}
        return read_call(
            orjson.dumps(fields),
            ENDPOINTS["/v1/chat/completions"],
            request_id="r1",
            deadline=SystemClock().monotonic() + LONG_S,
            wishes=wishes if wishes is not None else Wishes(allow_fallback=True),
        )

    async def ask(self, call: Call) -> Outcome:
        """Serve a call to its end. No error may show the key."""
        outcome = Outcome()
        try:
            async for piece in self.gateway.serve(call):
                if isinstance(piece, Head):
                    outcome.head = piece
                elif isinstance(piece, bytes):
                    outcome.body += piece
        except BatutaError as error:
            outcome.error = error
        assert KEY not in f"{outcome.error} {outcome.error and outcome.error.details}"
        return outcome

    def requests(self, name: str) -> int:
        return len(self.upstreams[name].requests)


@asynccontextmanager
async def town(
    *bad: Script,
    url: str = "",
    good: Sequence[Script] = (),
    first_word_s: float = LONG_S,
    idle_s: float = LONG_S,
    is_decoding: bool = False,
    reach: Reach | None = None,
    lookup: Lookup | None = None,
    local_only: bool = False,
    house: House = PLAIN_HOUSE,
) -> AsyncIterator[Town]:
    """Open a gateway before a provider that plays `bad` (or is at `url`) and one that is well."""
    clock, bus, specs = SystemClock(), Bus(), dict[str, ModelSpec]()
    died: list[tuple[str, BaseException]] = []
    runner = Runner(
        Lifecycle({"host": MemoryLedger("host", 0)}), clock=clock, bus=bus, on_error=lambda *what: died.append(what)
    )
    transport = Transport(QUICK, reach=reach, lookup=lookup)
    gateway = Gateway(
        specs=lambda: specs,
        runner=runner,
        admission=Admission(10_000, lambda: len(runner.lifecycle.waiting)),
        clock=clock,
        bus=bus,
        patience=Patience(first_word_s, first_word_s, idle_s),
        local_only=local_only,
        random=Random(7),
        house=house,
    )
    async with AsyncExitStack() as stack:
        here = Town(gateway, runner, transport, specs, is_decoding=is_decoding)
        await runner.start()
        stack.push_async_callback(transport.aclose)
        stack.push_async_callback(runner.aclose)
        for name, scripts in (("bad", bad), ("good", good or (whole(FINE),))):
            if scripts:
                here.upstreams[name] = await stack.enter_async_context(FaultyUpstream(*scripts))
            here.add(name, here.upstreams[name].url if name in here.upstreams else url)
        yield here
        runner.lifecycle.check()
        assert not runner.lifecycle.leases, "a lease was left over"
        assert gateway.budget.active == 0, "a request was left over"
        assert died == []
