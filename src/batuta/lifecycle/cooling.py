"""Whether a model that nobody loads had better be left alone just now, and why. Pure.

Three things say so: it was ejected after bad answers, it asked for a pause, or it is being tried again and one probe
at a time is enough. None of them binds who has nobody else to ask, except a pause that the backend itself asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from batuta.errors import Cause
from batuta.lifecycle.residency import Residency
from batuta.lifecycle.states import ModelState

COOLING = "cooling_down"


@dataclass(frozen=True, slots=True)
class Resting:
    """Why a model rests.

    Attributes:
        words: a sentence without its subject.
        cause: in the failed cache's words; None for a pause, which is no fault.
        retry_after_s: seconds until it may be asked again; None: when its probe has ended.
        binds_all: its backend asked for it: who has nobody else to ask is refused as well.
        is_limit: it was asked too often; otherwise it is too busy, or failed.
    """

    words: str
    cause: Cause | None = None
    retry_after_s: float | None = None
    binds_all: bool = False
    is_limit: bool = False

    @property
    def word(self) -> str:
        """Why, in a word."""
        return self.cause.value if self.cause is not None else COOLING


def may_insist(residency: Residency) -> bool:
    """Say whether a model that had better be left alone may be asked when there is nobody else."""
    spec = residency.spec
    if spec.is_loadable or not residency.enabled or 0 < spec.slots <= residency.in_flight:
        return False
    return residency.state is ModelState.FAILED or (residency.state is ModelState.READY and residency.on_probation)


def resting(residency: Residency, now: float) -> Resting | None:
    """Return why the model rests; None if it does not, or is one that Batuta loads, whose rests its waiters sit out."""
    if residency.spec.is_loadable:
        return None
    if residency.cools_until > now:
        return Resting(
            residency.cools_for,
            retry_after_s=residency.cools_until - now,
            binds_all=residency.was_asked_to_cool,
            is_limit=residency.is_limited,
        )
    if residency.state is ModelState.FAILED:
        left = None if residency.retry_at is None else max(residency.retry_at - now, 0.0)
        return Resting(f"rests after it failed: {residency.message}", residency.cause, left)
    if residency.on_probation and residency.in_flight:
        return Resting("is being tried again, by one request at a time", residency.cause)
    return None
