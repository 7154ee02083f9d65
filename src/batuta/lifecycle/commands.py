"""What the lifecycle wants done. The runner does it and reports back with events."""

from __future__ import annotations

from dataclasses import dataclass

from batuta.errors import BatutaError
from batuta.observe.events import Fact


@dataclass(frozen=True, slots=True)
class StartLoad:
    """Bring the model into memory; answer with Loaded or LoadFailed."""

    model: str
    evicted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AbortLoad:
    """The load has taken too long: stop it, see its memory come back, answer with LoadFailed(TIMEOUT)."""

    model: str


@dataclass(frozen=True, slots=True)
class StartUnload:
    """Take the model out of memory; answer with Unloaded or UnloadFailed."""

    model: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Park the model in its engine's warm tier; answer with Slept, Unloaded or UnloadFailed."""

    model: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Bring the model back from the warm tier; answer with Loaded or LoadFailed."""

    model: str


@dataclass(frozen=True, slots=True)
class Warm:
    """Have the model's files read into the file cache: it is loaded next, and has to wait for room. No answer."""

    model: str


@dataclass(frozen=True, slots=True)
class Grant:
    """The request has its lease."""

    request: str
    model: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request gets no lease; `error` says why."""

    request: str
    error: BatutaError


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the bus."""

    fact: Fact


Command = StartLoad | AbortLoad | StartUnload | Sleep | Wake | Warm | Grant | Refuse | Announce
