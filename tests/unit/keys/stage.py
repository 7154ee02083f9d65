"""A vault without ciphers, engines that answer by the key they were made with, and the ring over both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta, FinishReason, Message, Usage
from batuta.engines.base import (
    EmbeddingResult,
    EngineHealth,
    EngineInfo,
    EngineStatus,
    RawCall,
    RawReply,
    ReportedModel,
)
from batuta.engines.fault_table import Seen
from batuta.engines.faults import fault
from batuta.engines.keys import LentKey
from batuta.errors import BatutaError, KeyMissing, VaultSealed
from batuta.keys.budget import Spent
from batuta.keys.health import KeyState
from batuta.keys.ring import KeyRing
from batuta.testing.clock import ManualClock
from batuta.vault.records import KeyNotFound, KeyRecord
from batuta.vault.secret import Secret

ACME = Provider("acme", "openai_compat", "Acme", "https://api.acme.example/v1")
SPEC = ModelSpec("acme/small", "acme", "small")
HELLO = ChatRequest("acme/small", (Message("user", "hi"),), stream=True)
ORIGIN = "https://api.acme.example:443"
FIRST, SECOND, THIRD = (f"sk-test-not-a-key-{name}" for name in ("first", "second", "third"))


def error(seen: Seen, *, wait: float | None = None) -> BatutaError:
    """Return the error for what a provider did."""
    return fault(seen, where="Acme", said="no", model=SPEC.id, retry_after_s=wait)


class FakeVault:
    """Keeps keys in the open."""

    def __init__(self) -> None:
        self.records: dict[str, KeyRecord] = {}
        self.secrets: dict[str, Secret] = {}
        self.reveals: list[str] = []
        self.noted: list[tuple[str, str, str]] = []
        self.used: dict[str, float] = {}
        self.sealed: str | None = None
        self._listeners: list[Callable[[frozenset[str]], None]] = []

    def put(self, key_id: str, secret: str, *, provider: str = "acme", origin: str = ORIGIN) -> KeyRecord:
        """Store a key under an id of the test's own."""
        made = Secret(secret)
        record = KeyRecord(
            key_id, provider, "", made.last4, made.fingerprint, "person", True, len(self.records), 0.0, origin=origin
        )
        self.records[key_id], self.secrets[key_id] = record, made
        self.tell(provider)
        return record

    def change(
        self,
        key_id: str,
        *,
        secret: str | None = None,
        enabled: bool = True,
        day: Decimal | None = None,
        month: Decimal | None = None,
    ) -> None:
        """Change a key as a person would."""
        self.records[key_id] = replace(self.records[key_id], enabled=enabled, daily_limit=day, monthly_limit=month)
        if secret is not None:
            self.secrets[key_id] = Secret(secret)
        self.tell(self.records[key_id].provider_id)

    def drop(self, key_id: str) -> None:
        """Delete a key."""
        self.tell(self.records.pop(key_id).provider_id)

    def tell(self, *providers: str) -> None:
        """Tell who listens that keys of these providers changed."""
        for listener in self._listeners:
            listener(frozenset(providers))

    def keys(self, provider_id: str | None = None) -> Sequence[KeyRecord]:
        found = sorted(self.records.values(), key=lambda record: record.position)
        return [record for record in found if provider_id in {None, record.provider_id}]

    def reveal(self, key_id: str, *, origin: str | None = None) -> Secret:
        if self.sealed:
            raise VaultSealed(self.sealed)
        if key_id not in self.records:
            raise KeyNotFound(f"there is no key {key_id}")
        if origin not in {None, self.records[key_id].origin}:
            raise KeyMissing(f"{key_id} was given for another place")
        self.reveals.append(key_id)
        return self.secrets[key_id]

    def note_used(self, key_id: str, when: float) -> None:
        self.used[key_id] = when

    def note_outcome(self, key_id: str, outcome: str, message: str = "") -> None:
        self.noted.append((key_id, str(outcome), message))
        if key_id in self.records:
            self.records[key_id] = replace(self.records[key_id], last_outcome=str(outcome), last_error=message)

    def listen(self, listener: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)


@dataclass
class Upstream:
    """A provider: what it answers to each key, and which keys it has seen."""

    refuses: dict[str, BatutaError] = field(default_factory=dict)
    breaks: dict[str, BatutaError] = field(default_factory=dict)
    in_band: dict[str, bytes] = field(default_factory=dict)
    lists: dict[str, BatutaError] = field(default_factory=dict)
    checks: dict[str, BatutaError] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def make(self, secret: Secret | None) -> FakeKeyEngine:
        """Return the engine of one key."""
        return FakeKeyEngine(self, secret)

    def make_speaking(self, secret: Secret | None) -> FakeSpeakingEngine:
        """Return an engine whose bytes can be passed through, and that says who answers."""
        return FakeSpeakingEngine(self, secret)

    def make_checking(self, secret: Secret | None) -> FakeCheckingEngine:
        """Return an engine that can check its key."""
        return FakeCheckingEngine(self, secret)

    def ask(self, key: str) -> None:
        """Answer, or refuse."""
        self.seen.append(key)
        if (found := self.refuses.get(key)) is not None:
            raise found


class FakeKeyEngine:
    """An API with a key. Answers `hello there` in two deltas."""

    kind = "fake"

    def __init__(self, upstream: Upstream, secret: Secret | None) -> None:
        self.upstream = upstream
        self.key = secret.reveal() if secret else ""

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        self.upstream.ask(self.key)
        yield Delta("hello")
        if (found := self.upstream.breaks.get(self.key)) is not None:
            raise found
        yield Delta(" there", finish=FinishReason.STOP)

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        self.upstream.ask(self.key)
        return EmbeddingResult(tuple((1.0,) for _ in inputs), Usage(1, 0))

    async def list_models(self) -> Sequence[ReportedModel]:
        self.upstream.seen.append(self.key)
        if (found := self.upstream.lists.get(self.key)) is not None:
            raise found
        return [ReportedModel("small"), ReportedModel("large")]

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        self.upstream.seen.append(self.key)
        return EngineStatus(EngineHealth.READY)

    async def aclose(self) -> None:
        self.upstream.closed.append(self.key)


class FakeCheckingEngine(FakeKeyEngine):
    """One that knows how its provider proves a key."""

    async def check_key(self) -> None:
        self.upstream.seen.append(f"check {self.key}")
        if (found := self.upstream.checks.get(self.key)) is not None:
            raise found


class FakeSpeakingEngine(FakeKeyEngine):
    """One with a dialect and a description."""

    dialect = "openai"

    def wire_name(self, spec: ModelSpec) -> str:
        return spec.address

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        self.upstream.ask(self.key)
        first = self.upstream.in_band.get(self.key, b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n')
        return FakeReply([first, b"data: [DONE]\n\n"])

    async def describe(self) -> EngineInfo:
        self.upstream.ask(self.key)
        return EngineInfo("1.0")


class FakeReply:
    """A stream of these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.status = 200
        self.content_type = "text/event-stream"
        self.pieces = pieces
        self.is_closed = False

    async def read(self) -> bytes:
        return b"".join(self.pieces)

    async def _each(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    def chunks(self) -> AsyncIterator[bytes]:
        return self._each()

    async def aclose(self) -> None:
        self.is_closed = True


@dataclass
class FakeAccounts:
    """Accounts that say what a test tells them."""

    why: dict[str, str] = field(default_factory=dict)
    sums: dict[str, Spent] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def blocked(self, key_id: str, provider_id: str) -> str | None:
        """Return why a key may not be used."""
        self.asked.append(key_id)
        return self.why.get(key_id)

    def spent(self, key_id: str) -> Spent:
        """Return what was spent."""
        return self.sums.get(key_id, Spent())


class Place:
    """A ring over a vault, on a clock of the test's own."""

    def __init__(self, *secrets: str, environ: dict[str, str] | None = None) -> None:
        self.clock = ManualClock()
        self.vault = FakeVault()
        self.accounts = FakeAccounts()
        self.told: list[tuple[str, str]] = []
        for number, secret in enumerate(secrets, start=1):
            self.vault.put(f"k{number}", secret)
        self.remembered: list[Secret] = []
        self.ring = KeyRing(
            self.vault,
            clock=self.clock,
            environ=environ or {},
            accounts=self.accounts,
            remember=self.remembered.append,
            told=self._hear,
        )

    def _hear(self, provider_id: str, name: str, state: KeyState, message: str) -> None:
        self.told.append((name, state.value))

    def names(self, provider: Provider = ACME, *, is_free: bool = False) -> list[str]:
        """Return the ids of the keys that may be tried, in order."""
        return [key.id for key in self.ring.usable(provider, is_free=is_free)]

    def key(self, key_id: str, provider: Provider = ACME) -> LentKey:
        """Return a key as it is lent."""
        return self.ring.lend(provider, key_id)

    def fails(self, key_id: str, seen: Seen, *, wait: float | None = None) -> None:
        """Report that a call with a key failed."""
        self.ring.went(self.key(key_id), error(seen, wait=wait), model=SPEC.id)

    def answers(self, key_id: str) -> None:
        """Report that a call with a key was answered."""
        self.ring.went(self.key(key_id), None, model=SPEC.id)
