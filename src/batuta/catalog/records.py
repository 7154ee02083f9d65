"""What the catalog keeps of a model: what was seen, what a person chose, what was learned. Frozen facts, no I/O.

A ModelSpec, which everybody else works with, is made from a record and the settings; it is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider, Role
from batuta.kinds import COMMAND, has_own_context, is_loaded, is_preset

LOCAL = Provider("local", "local_worker", name="This machine", is_local=True)
COMMANDS = Provider("commands", COMMAND, name="Your commands", is_local=True)
OURS = frozenset({LOCAL.kind, COMMANDS.kind})
"""Kinds of providers that nobody has to ask what they have."""
LARGEST_CONTEXT = 2**31 - 1
KEPT_LOADS = 5  # as many as the lifecycle takes its median over
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


@dataclass(frozen=True, slots=True)
class Learned:
    """What real loads showed: bytes taken at that context, and the seconds of the last loads."""

    memory_bytes: int = 0
    context_length: int = 0
    load_seconds: tuple[float, ...] = ()

    @property
    def typical_load_s(self) -> float | None:
        """Median of the last loads in seconds; None before the first."""
        return median(self.load_seconds) if self.load_seconds else None

    def after(self, *, memory_bytes: int, load_seconds: float | None, context_length: int) -> Learned:
        """Return what is known after one more load; 0 bytes or None seconds say nothing."""
        seconds = (*self.load_seconds, load_seconds)[-KEPT_LOADS:] if load_seconds is not None else self.load_seconds
        if memory_bytes <= 0:
            return replace(self, load_seconds=seconds)
        return Learned(memory_bytes, context_length, seconds)


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
            slots=defaults.slots if is_sized else preset.slots,
            memory=self._memory(context) if is_loadable else self.found.memory,
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

    def _memory(self, context: int) -> MemoryNeed:
        """Return the estimate, raised to what a load at this context really took if that was more."""
        memory = self.found.memory
        missing = self.learned.memory_bytes - memory.total(context)
        if missing <= 0 or self.learned.context_length != context:
            return memory
        return replace(memory, overhead=memory.overhead + missing)


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
