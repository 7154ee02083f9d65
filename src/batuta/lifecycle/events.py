"""What the lifecycle is told. Frozen facts; the time they happened is given beside them to `Lifecycle.handle`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from batuta.catalog.entities import ModelSpec, Tier
from batuta.errors import Cause


class Priority(IntEnum):
    """Who waits: a person, a program, or a job that has all night."""

    INTERACTIVE = 0
    NORMAL = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier runs have shown of a model. What they showed of its memory is in its spec already.

    load_s: smoothed seconds of a load, by where the model's bytes were when it began.
    """

    load_s: Mapping[Tier, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registered:
    """The catalog knows a model, or knows something new about it.

    Attributes:
        spec: the model.
        can_sleep: its engine has a warm tier.
        known: what earlier runs have shown; None: nothing.
    """

    spec: ModelSpec
    can_sleep: bool = False
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The catalog does not offer the model any more."""

    model: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request asks for a lease.

    Attributes:
        request: its name here.
        model: which one it wants.
        priority: who waits.
        deadline: monotonic seconds after which it must be refused.
        insists: nobody else could answer it: a model behind an API is asked although it was ejected.
    """

    request: str
    model: str
    priority: Priority
    deadline: float
    insists: bool = False


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A waiting request's caller has left."""

    request: str


@dataclass(frozen=True, slots=True)
class Released:
    """A lease was given back. `ok`: the model answered; None: nothing is known about that."""

    request: str
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """A leased model did not answer as it should have (the lease itself is released separately)."""

    model: str
    cause: Cause
    message: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class Limited:
    """A model's backend wants to be left alone for a while: nothing is wrong with the model.

    Attributes:
        model: which.
        message: in whose words, and why.
        is_limit: it was asked too often; otherwise it is too busy.
        asked_s: seconds it asked for; None: it did not say.
        jitter: a random number from 0 to 1.
    """

    model: str
    message: str
    is_limit: bool
    asked_s: float | None = None
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Progressed:
    """A load went on. fraction 0..1, None where the engine does not tell."""

    model: str
    stage: str
    fraction: float | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A load or a waking is done.

    Attributes:
        model: which.
        memory_bytes: what it took, 0 if unknown.
        seconds: how long it took.
        was_resident: it was there already.
        fixed: why its engine cannot unload it; empty: it can.
        tier: where its bytes were when it began; None: nobody knows.
        host_bytes: what it holds of the host's memory beside its device, as a copy to be parked with.
    """

    model: str
    memory_bytes: int
    seconds: float
    was_resident: bool = False
    fixed: str = ""
    tier: Tier | None = None
    host_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """A load failed, and whatever memory it had taken is back."""

    model: str
    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process that held the model died by itself."""

    model: str
    message: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The loader that held the model is gone; the model is not to blame."""

    model: str
    message: str


@dataclass(frozen=True, slots=True)
class Unloaded:
    """The model left memory, and the memory is back."""

    model: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class UnloadFailed:
    """The engine would not unload the model; it is still resident. `is_final`: nor will it if it is asked again."""

    model: str
    message: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Slept:
    """The model is parked in its engine's warm tier, and the device memory is back."""

    model: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What an engine holds.

    Attributes:
        residents: model id -> bytes of what is in memory; 0 where the engine does not say.
        covers: the models this engine answers for.
        asleep: models that are parked in its warm tier.
        fixed: model id -> why the engine cannot unload it, for those that it cannot.
    """

    residents: Mapping[str, int]
    covers: frozenset[str]
    asleep: frozenset[str] = frozenset()
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnloadAsked:
    """A person wants the model out of memory."""

    model: str


@dataclass(frozen=True, slots=True)
class PinChanged:
    """A person pinned the model, or let it go."""

    model: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A person disabled the model."""

    model: str


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """A person enabled the model."""

    model: str


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """A person wants the failed cache cleared for one model."""

    model: str


@dataclass(frozen=True, slots=True)
class BudgetSet:
    """A device's models may take this many bytes from now on. What is booked beyond that has to leave.

    Attributes:
        device: which ledger.
        budget: bytes.
        reason: why it changed, for people; empty: a person's setting.
    """

    device: str
    budget: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CacheSeen:
    """How much of a model's files lies in the machine's file cache. share: 0..1."""

    model: str
    share: float


@dataclass(frozen=True, slots=True)
class Hinted:
    """Somebody expects to want the model soon: it may be loaded where nobody waits and nobody busy has to leave.

    Attributes:
        model: which.
        why: in words, for its story.
        until: monotonic seconds after which the hint is void.
    """

    model: str
    why: str
    until: float


@dataclass(frozen=True, slots=True)
class ReturnSet:
    """Which model comes back to a device where nobody wants anything. model None: whoever was there last stays.

    after_s: seconds for which everything on its device has been idle.
    """

    model: str | None
    after_s: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; deadlines, cooldowns and TTLs may be due."""


Event = (
    Registered
    | Forgotten
    | Wanted
    | Abandoned
    | Released
    | AnswerFailed
    | Limited
    | Progressed
    | Loaded
    | LoadFailed
    | Crashed
    | Lost
    | Unloaded
    | UnloadFailed
    | Slept
    | Observed
    | UnloadAsked
    | PinChanged
    | SwitchedOff
    | SwitchedOn
    | ResetAsked
    | BudgetSet
    | CacheSeen
    | Hinted
    | ReturnSet
    | Tick
)
