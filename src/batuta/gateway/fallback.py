"""What to do when an attempt fails: class of the error x committed -> step. Pure; one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batuta.engines.faults import FaultClass, Seen, class_of, is_repeatable
from batuta.errors import (
    BatutaError,
    BudgetReached,
    Cause,
    KeyInvalid,
    KeyMissing,
    LocalOnly,
    OutOfCredit,
    PermissionDenied,
    StreamBroken,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUnreachable,
    VaultSealed,
    VaultTampered,
)


class Step(StrEnum):
    """How a request goes on after an error."""

    AGAIN = "the same candidate once more"
    NEXT = "the next candidate"
    LARGER = "the next candidate with a larger context"
    SURFACE = "the caller is told"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table: the step while others could be asked, and when there is nobody else.

    AGAIN holds once, for a request that may be repeated (`is_repeatable`); it is NEXT otherwise.
    """

    step: Step
    alone: Step


_AGAIN, _NEXT, _LARGER, _SURFACE = Step.AGAIN, Step.NEXT, Step.LARGER, Step.SURFACE
_K = FaultClass

TABLE: dict[FaultClass, Rule] = {
    _K.AUTH: Rule(_NEXT, _NEXT),
    _K.PERMISSION: Rule(_NEXT, _NEXT),
    _K.QUOTA: Rule(_NEXT, _NEXT),
    _K.RATE: Rule(_NEXT, _NEXT),  # at once: the pause is the model's, not the caller's
    _K.OVERLOADED: Rule(_NEXT, _AGAIN),
    _K.TIMEOUT: Rule(_NEXT, _AGAIN),  # it has cost enough already
    _K.NETWORK: Rule(_AGAIN, _AGAIN),
    _K.GONE: Rule(_NEXT, _NEXT),
    _K.FAILED: Rule(_NEXT, _NEXT),
    _K.MODEL: Rule(_NEXT, _NEXT),
    _K.HOST: Rule(_NEXT, _NEXT),  # who need not wait in a full queue, and who needs no vault, can answer
    _K.LOCAL_ONLY: Rule(_NEXT, _NEXT),
    _K.CONTEXT: Rule(_LARGER, _SURFACE),
    _K.BAD_REQUEST: Rule(_SURFACE, _SURFACE),  # another model would refuse the same request
    _K.CONTENT: Rule(_SURFACE, _SURFACE),
    _K.OURS: Rule(_SURFACE, _SURFACE),
}
"""Before the first delta. After it, everything is surfaced."""

RELOADED = frozenset({_K.NETWORK, _K.GONE})
"""How the death of a process of ours looks to who asked it: the next lease loads the model again."""

NOT_SENT = (KeyMissing, BudgetReached, VaultSealed, VaultTampered, LocalOnly)
"""Errors of an attempt that never left this process: going on after them is no further try at a provider."""

FAR_AWAY = frozenset({_K.AUTH, _K.QUOTA, _K.NETWORK})
"""What is true of all models of a provider: they are asked after those of others."""

PAUSED = frozenset({_K.RATE, _K.OVERLOADED})
"""What a pause mends. It is no failure: it counts for nothing in the health of the model."""

CAUSES: dict[type[BatutaError], Cause] = {
    KeyInvalid: Cause.AUTH,
    PermissionDenied: Cause.AUTH,
    OutOfCredit: Cause.QUOTA,
    UpstreamUnreachable: Cause.ENGINE_OFFLINE,
    UpstreamTimeout: Cause.TIMEOUT,
    StreamBroken: Cause.UNKNOWN,
    UpstreamFailed: Cause.UNKNOWN,
}
"""What a failed answer says about the model's health; no row: nothing."""

HEALTHY = frozenset({_K.BAD_REQUEST, _K.CONTENT, _K.CONTEXT, _K.LOCAL_ONLY}) | PAUSED
"""Classes that say nothing about the model's health, even where they broke a stream."""


def next_step(error: BatutaError, *, committed: bool, is_loadable: bool, tries: int, has_other: bool = True) -> Step:
    """Say how to go on.

    1. After the first delta: nothing restarts.
    2. A process of ours died before it: its model is loaded again, once.
    3. The table. A request is repeated once, and only where nobody can have begun to work on it.

    Args:
        error: what the attempt ended with.
        committed: the caller has had the first delta.
        is_loadable: the candidate is loaded by us, so that another lease means another load.
        tries: attempts this candidate has had, this one included.
        has_other: there are candidates left beside this one.
    """
    if committed:  # 1
        return Step.SURFACE
    kind = class_of(error)
    if is_loadable and kind in RELOADED:  # 2
        return Step.AGAIN if tries == 1 else Step.NEXT
    rule = TABLE[kind]  # 3
    step = rule.step if has_other else rule.alone
    if step is Step.AGAIN and (is_loadable or tries > 1 or not is_repeatable(error)):
        return Step.NEXT
    return step


def cause_of(error: BatutaError) -> Cause | None:
    """Return what the error says about the health of the model that answered, None if nothing."""
    return None if class_of(error) in HEALTHY else CAUSES.get(type(error))


def is_limit(error: BatutaError) -> bool:
    """Say whether a backend asked for a pause with it, be it in so many words or not."""
    return class_of(error) in PAUSED and error.seen != Seen.NO_FREE_CONNECTION  # that one is a limit of ours
