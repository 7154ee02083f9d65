"""What the catalog keeps of a model: what was seen, what a person chose, what was learned. Frozen facts, no I/O.

A ModelSpec, which everybody else works with, is made from a record and the settings; it is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypedDict

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider, Role, Tier
from batuta.kinds import COMMAND, has_own_context, is_loaded, is_preset

LOCAL = Provider("local", "local_worker", name="This machine", is_local=True)
COMMANDS = Provider("commands", COMMAND, name="Your commands", is_local=True)
OURS = frozenset({LOCAL.kind, COMMANDS.kind})
"""Kinds of providers that nobody has to ask what they have."""
LARGEST_CONTEXT = 2**31 - 1
KEPT_LOADS = 5  # as many as the lifecycle takes its median over
ENOUGH_PEAKS = 3  # stays on a GPU that each took less than was estimated, before it is believed
PEAK_FACTOR = 1.05  # above them: the pools of CUDA kernels grow with the longest prompt so far
DEFAULT_CAPABILITIES = frozenset({Capability.CHAT, Capability.COMPLETION})


class Reported(Protocol):
    """A model as its engine lists it (`engines.base.ReportedModel` has this form)."""

    @property
    def address(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> frozenset[Capability]: ...
    @property
    def context_length(self) -> int: ...
    @property
    def memory(self) -> MemoryNeed: ...


class Described(Protocol):
    """Who answers at a provider's address (`engines.base.EngineInfo` has this form)."""

    @property
    def version(self) -> str: ...
    @property
    def note(self) -> str: ...


class Problem(NamedTuple):
    """A file, provider or database that is not what it should be, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A model as discovery saw it.

    Attributes:
        address: its name at its engine; for a file, its path.
        name: what its maker calls it.
        capabilities: what it can do.
        context_length: tokens it could be run with; 0 when unknown.
        memory: what it will take when resident.
        size: bytes of the file; 0 for a remote model.
        mtime_ns: when the file was changed; 0 for a remote model.
        stem: what its id is made of where the address says nothing to a person; not kept.
    """

    address: str
    name: str = ""
    capabilities: frozenset[Capability] = DEFAULT_CAPABILITIES
    context_length: int = 0
    memory: MemoryNeed = MemoryNeed()
    size: int = 0
    mtime_ns: int = 0
    stem: str = field(default="", compare=False)

    @classmethod
    def of(cls, reported: Reported) -> Found:
        """Take over what an engine reported; a context no database could hold is cut to what one can."""
        context = min(max(reported.context_length, 0), LARGEST_CONTEXT)
        return cls(reported.address, reported.name, reported.capabilities, context, reported.memory)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decided about a model. Discovery never touches it. `name` None: as its maker calls it."""

    pinned: bool = False
    ttl_s: float | None = None
    roles: frozenset[Role] = frozenset()
    enabled: bool = True
    name: str | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Lesson(TypedDict, total=False):
    """What else a model showed.

    Attributes:
        load_s: smoothed seconds of a load, by where its bytes were when it began.
        peak: bytes that a stay on a GPU came to at its most, with answers given.
    """

    load_s: Mapping[Tier, float]
    peak: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What real loads showed.

    Attributes:
        memory_bytes: the most that one took; 0: unknown.
        context_length: the context at which that was seen.
        load_seconds: of the last loads, newest last.
        slots: conversations at once, with which that was seen.
        load_s: smoothed seconds of a load, by where the model's bytes were when it began.
        peaks: what the last stays on a GPU came to, with answers given, newest last.
    """

    memory_bytes: int = 0
    context_length: int = 0
    load_seconds: tuple[float, ...] = ()
    slots: int = 0
    load_s: Mapping[Tier, float] = field(default_factory=lambda: MappingProxyType({}))
    peaks: tuple[int, ...] = ()

    @property
    def typical_load_s(self) -> float | None:
        """Median of the last loads in seconds; None before the first."""
        return median(self.load_seconds) if self.load_seconds else None

    def after(self, *, seconds: float | None = None, load_s: Mapping[Tier, float] | None = None) -> Learned:
        """Return what is known after one more load; None says nothing."""
        kept = self.load_seconds if seconds is None else (*self.load_seconds, seconds)[-KEPT_LOADS:]
        return replace(self, load_seconds=kept, load_s=self.load_s if load_s is None else dict(load_s))

    def having(self, context_length: int, slots: int, *, most: int = 0, peak: int = 0) -> Learned:
        """Return what is known after a look at what a model took; 0 says nothing.

        What was seen at another context, or with other slots, says nothing of this one.

        Args:
            context_length: tokens it runs with.
            slots: conversations at once it runs with.
            most: bytes that a load took.
            peak: bytes that a stay on a GPU came to.
        """
        is_same = (self.context_length, self.slots) == (context_length, slots)
        before, peaks = (self.memory_bytes, self.peaks) if is_same else (0, ())
        if not (most or peak):
            return self
        return replace(
            self,
            memory_bytes=max(before, most, peak),
            context_length=context_length,
            slots=slots,
            peaks=(*peaks, peak)[-ENOUGH_PEAKS:] if peak else peaks,
        )

    def corrected(self, memory: MemoryNeed, *, context: int, slots: int) -> MemoryNeed:
        """Return the estimate, corrected by what was seen at this context and with these slots.

        1. More was seen: that much is needed.
        2. Less was seen, on a GPU, in each of the last stays: the most of those and a little, but never less than the
           weights. Nothing less counts: a load in the host's memory shows little of what the cache will take once it
           has filled, while on a GPU all of it is taken at once. And one stay may have seen no long prompt.
        """
        if (self.context_length, self.slots) != (context, slots):
            return memory
        total = memory.total(context)
        if self.memory_bytes > total:  # 1
            return replace(memory, overhead=memory.overhead + self.memory_bytes - total)
        if len(self.peaks) < ENOUGH_PEAKS:
            return memory
        lower = max(memory.weights, self.memory_bytes, int(max(self.peaks) * PEAK_FACTOR))  # 2
        return MemoryNeed(weights=memory.weights, overhead=lower - memory.weights) if lower < total else memory


@dataclass(frozen=True, slots=True)
class Preset:
    """What the settings say of one model. A person's own keep-alive time goes before this one; a pin is either's."""

    aliases: tuple[str, ...] = ()
    slots: int = 0
    pinned: bool = False
    ttl_s: float | None = None
    load_timeout_s: float | None = None


NO_PRESET = Preset()


@dataclass(frozen=True, slots=True)
class Defaults:
    """The settings a spec is made with: context and slots of models we load, and the ledger they are booked in."""

    context_length: int = 8192
    slots: int = 4
    device: str = "host"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model of the catalog, as it is stored."""

    id: str
    provider_id: str
    found: Found
    choices: Choices = Choices()
    learned: Learned = Learned()
    is_present: bool = True

    def spec(
        self, provider: Provider, defaults: Defaults, roles: frozenset[Role], preset: Preset = NO_PRESET
    ) -> ModelSpec:
        """Make the spec others see.

        The context of a model that Batuta loads is what it can have, up to the setting; where a load sets none, it is
        what the program says.

        Batuta loads the models of providers whose kind says so and that run here: another machine's memory is not
        in our books.
        """
        is_loadable = is_loaded(provider.kind) and provider.is_local
        is_sized = is_loadable and not is_preset(provider.kind)
        slots = defaults.slots if is_sized else preset.slots
        context = self.found.context_length
        if is_loadable and not has_own_context(provider.kind):
            context = min(context or defaults.context_length, defaults.context_length)
        return ModelSpec(
            id=self.id,
            provider_id=self.provider_id,
            address=self.found.address,
            name=self.choices.name or self.found.name or self.id,
            capabilities=self.found.capabilities,
            context_length=context,
            slots=slots,
            memory=self.learned.corrected(self.found.memory, context=context, slots=slots)
            if is_loadable
            else self.found.memory,
            device=defaults.device,
            is_local=provider.is_local,
            is_loadable=is_loadable,
            is_present=self.is_present,
            roles=roles,
            pinned=self.choices.pinned or preset.pinned,
            ttl_s=preset.ttl_s if self.choices.ttl_s is None else self.choices.ttl_s,
            enabled=self.choices.enabled and provider.enabled,
            options=self.choices.options,
            aliases=preset.aliases,
            load_timeout_s=preset.load_timeout_s,
        )


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A provider and how it stands.

    Attributes:
        provider: who it is.
        source: where it comes from: builtin | settings | person.
        is_online: it answered the last time it was asked; None before the first time.
        message: why it is not online.
        checked_at: wall seconds of the last answer or failure.
        version: of the program that answers, as it says it; empty where it does not.
        note: what a person should know or do about that program; empty: nothing.
    """

    provider: Provider
    source: str
    is_online: bool | None = None
    message: str = ""
    checked_at: float | None = None
    version: str = ""
    note: str = ""
