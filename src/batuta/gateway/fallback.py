"""What to do when an attempt fails: error class x committed -> step. Pure; one table."""

from __future__ import annotations

from enum import StrEnum

from batuta.errors import (
    BatutaError,
    CallerError,
    Cause,
    HostError,
    KeyInvalid,
    LoaderDown,
    ModelError,
    ProviderError,
    QueueFull,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)


class Step(StrEnum):
    """How a request goes on after an error."""

    AGAIN = "the same candidate once more"
    NEXT = "the next candidate"
    SURFACE = "the caller is told"


TABLE: tuple[tuple[type[BatutaError], Step], ...] = (
    (CallerError, Step.SURFACE),  # another model would refuse the same request
    (QueueFull, Step.NEXT),  # who has to wait is refused again at once; who need not wait can answer
    (UpstreamUnreachable, Step.AGAIN),  # a local model that has just crashed is loaded again by the next lease
    (StreamBroken, Step.AGAIN),
    (UpstreamFailed, Step.NEXT),
    (ProviderError, Step.NEXT),
    (LoaderDown, Step.NEXT),
    (ModelError, Step.NEXT),
    (HostError, Step.SURFACE),
)
"""First matching row wins. A bug of ours is in no row: it is surfaced."""

CAUSES: dict[type[BatutaError], Cause | None] = {
    KeyInvalid: Cause.AUTH,
    UpstreamUnreachable: Cause.ENGINE_OFFLINE,
    UpstreamTimeout: Cause.TIMEOUT,
    UpstreamRateLimited: None,  # a limit is no fault of the model
    UpstreamOverloaded: None,
    StreamBroken: Cause.UNKNOWN,
    UpstreamFailed: Cause.UNKNOWN,
}
"""What a failed answer says about the model's health; None, or no row: nothing."""


def next_step(error: BatutaError, *, committed: bool, is_loadable: bool, tries: int) -> Step:
    """Say how to go on.

    Args:
        error: what the attempt ended with.
        committed: the caller has had the first delta.
        is_loadable: the candidate is loaded by us, so that another lease means another load.
        tries: attempts this candidate has had, this one included.
    """
    if committed:
        return Step.SURFACE
    step = next((step for kind, step in TABLE if isinstance(error, kind)), Step.SURFACE)
    if step is Step.NEXT and isinstance(error, ProviderError) and error.cause is Cause.CRASH:
        step = Step.AGAIN  # it hung up: how a local model's death looks to whoever was waiting for its first word
    if step is Step.AGAIN and (not is_loadable or tries > 1):
        return Step.NEXT
    return step


def cause_of(error: BatutaError) -> Cause | None:
    """Return what the error says about the health of the model that answered, None if nothing."""
    return CAUSES.get(type(error))
