"""What an engine promises. The gateway and the lifecycle know engines only through these protocols."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Tier
from batuta.chat.types import CallNote, ChatRequest, Delta, Usage

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class EngineHealth(StrEnum):
    """What a probe found."""

    READY = "ready"
    LOADING = "loading"
    ABSENT = "absent"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The answer to `probe`: how the model stands at its engine, and why."""

    health: EngineHealth
    message: str = ""


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """What a provider's own list says a model costs, in US dollars per million tokens. cached: None where not told."""

    input: float
    output: float
    cached: float | None = None


@dataclass(frozen=True, slots=True)
class ReportedModel:
    """A model as its engine lists it. Zeros and empties where the engine does not say."""

    address: str
    name: str = ""
    capabilities: frozenset[Capability] = frozenset({Capability.CHAT, Capability.COMPLETION})
    context_length: int = 0
    memory: MemoryNeed = MemoryNeed()
    is_resident: bool = False
    price: ListedPrice | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who answers at an engine's address.

    Attributes:
        version: as it says it; empty when it does not.
        note: what a person should know or do about it (too old, started without a needed option); empty: nothing.
    """

    version: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load is. stage: starting | reading | warming; fraction 0..1, None where nobody knows."""

    stage: str
    fraction: float | None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A finished load.

    Attributes:
        memory_bytes: what it really took; 0: unknown.
        seconds: how long it took.
        was_resident: it was there already.
        fixed: as of a `Resident`.
        tier: where its bytes were when it began; None where the engine cannot tell.
        host_bytes: as of a `Resident`.
    """

    memory_bytes: int
    seconds: float
    was_resident: bool = False
    fixed: str = ""
    tier: Tier | None = None
    host_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Resident:
    """A model its engine holds in memory right now.

    Attributes:
        model_id: catalog id, where the engine knows it; else empty.
        memory_bytes: what it holds on its device, or in RAM while it is asleep; 0 when the engine does not say.
        is_loading: it is on its way in.
        address: its name at the engine, where the engine knows no ids.
        is_asleep: its weights are parked outside the device (a warm tier).
        fixed: why it can neither be unloaded nor put to sleep, and what a person can do about it; empty: it can.
        host_bytes: what it holds in RAM besides while it is awake: the copy that it is woken from.
    """

    model_id: str
    memory_bytes: int
    is_loading: bool = False
    address: str = ""
    is_asleep: bool = False
    fixed: str = ""
    host_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RawCall:
    """An inference call in the engine's own dialect, to be passed through as bytes.

    Attributes:
        path: the dialect's path below the API root: `chat/completions`, `completions`, `embeddings`.
        body: the JSON body with `model` already set to the engine's address for it.
        stream: the body asks for an event stream.
        deadline: monotonic seconds (the running loop's clock) at which the wait for the first byte ends.
        idle_s: seconds of silence after which a running stream counts as dead.
        note: filled in on the way; None where nobody reads it.
    """

    path: str
    body: bytes
    stream: bool
    deadline: float
    idle_s: float = 60.0
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    note: CallNote | None = field(default=None, compare=False)


class RawReply(Protocol):
    """A backend's answer, head first. Only answers with status 200 get this far; the rest are errors."""

    status: int
    content_type: str

    async def read(self) -> bytes:
        """Return the whole body (non-stream). Raises ProviderError when it does not come whole."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield body bytes as they arrive, any split. Raises ProviderError when they stop coming."""
        ...

    async def aclose(self) -> None:
        """Release the connection; one that is not at its end is cut, which tells the backend to stop."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """Embeddings in the order of the inputs, one row of floats each. `key_id`: as of a `CallNote`."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage
    key_id: str = ""


@runtime_checkable
class Engine(Protocol):
    """An adapter to one backend."""

    kind: str

    async def list_models(self) -> Sequence[ReportedModel]:
        """Return what the backend says it has. Raises ProviderError when it cannot be asked."""
        ...

    def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer. Raises before the first delta, or StreamBroken after it."""
        ...

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return one vector an input."""
        ...

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        """Ask, cheaply, whether the model could answer now. Never raises for an unreachable backend."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class PassThroughEngine(Engine, Protocol):
    """An engine whose wire dialect can be passed through without decoding each delta."""

    dialect: str

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name in a request body to this engine."""
        ...

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        """Send the call; return once the head of a 200 answer is there. Raises typed errors for the rest."""
        ...


ProgressListener = Callable[[LoadProgress], None]
GoneListener = Callable[[str, str], None]
"""Called with (model id, reason) when a resident model is gone without having been unloaded by us."""


LOST = "lost: "
"""How a gone-notice begins when the model's loader, not the model, is to blame."""


@runtime_checkable
class LoadableEngine(Engine, Protocol):
    """An engine whose models Batuta loads and unloads. Remote APIs do not fake these."""

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        """Bring the model into memory; return when it can answer. Joins a load already under way.

        Raises ModelError (with `cause`) or HostError. Cancelling the call does not abort the load.
        """
        ...

    async def unload(self, spec: ModelSpec) -> None:
        """Take the model out of memory; return when the memory is back. Fine if it was not there.

        Raises CannotUnload where that will not change while it is in memory; it is not asked again then. An engine
        that knows so before says it in `Resident.fixed`.
        """
        ...

    async def resident(self) -> Sequence[Resident]:
        """Return what is in memory now."""
        ...

    def watch(self, on_gone: GoneListener) -> None:
        """Call `on_gone(model_id, reason)` whenever a resident model vanishes by itself."""
        ...


@runtime_checkable
class SleepingEngine(LoadableEngine, Protocol):
    """An engine with a warm tier: a model that sleeps holds no device memory, and `load` wakes it in a moment."""

    async def sleep(self, spec: ModelSpec) -> None:
        """Park the model's weights outside the device; return when its device memory is back.

        `resident` then reports it as asleep, or not at all when it could only be unloaded. Raises ModelError or
        ProviderError when it stays where it is; CannotUnload as `unload` does.
        """
        ...


@runtime_checkable
class PartlySleepingEngine(SleepingEngine, Protocol):
    """A sleeping engine whose warm tier is for some of its models."""

    def can_sleep(self, spec: ModelSpec) -> bool:
        """Whether this model has the warm tier, as far as is known before it is loaded."""
        ...


def can_sleep(engine: Engine, spec: ModelSpec) -> bool:
    """Whether a model has a warm tier at its engine."""
    if isinstance(engine, PartlySleepingEngine):
        return engine.can_sleep(spec)
    return isinstance(engine, SleepingEngine)


@runtime_checkable
class WarmingEngine(LoadableEngine, Protocol):
    """An engine whose models are files of this machine, which can be read into its file cache ahead of a load."""

    async def cached_share(self, spec: ModelSpec) -> float | None:
        """Return how much of the model's files is in the file cache, 0..1; None where the system does not tell."""
        ...

    async def warm(self, spec: ModelSpec) -> None:
        """Have the model's files read into the file cache, gently: no request may notice. Never raises BatutaError."""
        ...


ChangeListener = Callable[[], None]


@runtime_checkable
class DescribedEngine(Engine, Protocol):
    """An engine that can say who answers at its address."""

    async def describe(self) -> EngineInfo:
        """Ask who is there. Raises ProviderError when nobody is, or somebody else: the message says who."""
        ...


@runtime_checkable
class NoticingEngine(Engine, Protocol):
    """An engine that hears by itself when something changes, so that nobody has to ask it often.

    Attributes:
        is_hearing: it would hear of a change now; while it would not, it is asked like any other.
    """

    @property
    def is_hearing(self) -> bool: ...

    def notice(self, on_change: ChangeListener) -> None:
        """Call `on_change()` when models came, went, were loaded or unloaded by anybody."""
        ...


EngineFactory = Callable[..., Awaitable[Engine] | Engine]
