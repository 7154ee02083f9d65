"""When something becomes due by time alone. Pure; knows no clock."""

from __future__ import annotations

from collections.abc import Iterable

from batuta.lifecycle.queueing import WaitingRoom
from batuta.lifecycle.residency import Leaving, Residency
from batuta.lifecycle.states import ModelState

S = ModelState


def ttl_ends(residency: Residency) -> float | None:
    """Return when an idle model's keep-alive time ends, in monotonic seconds; None if it does not."""
    spec = residency.spec
    if residency.state is not S.READY or not spec.is_loadable or spec.ttl_s is None:
        return None
    if residency.pinned or residency.is_fixed:
        return None
    return None if residency.in_flight else max(residency.last_used + spec.ttl_s, residency.unload_again_at)


def is_past_ttl(residency: Residency, now: float) -> bool:
    """Say whether an idle model has not been used for its keep-alive time."""
    ends = ttl_ends(residency)
    return ends is not None and ends <= now


def is_overstaying(residency: Residency, now: float) -> bool:
    """Say whether a model that nobody may use any more is still in memory because its engine would not unload it."""
    is_out_of_use = residency.leaving is Leaving.FORGOTTEN or not residency.enabled
    if residency.is_fixed:
        return False
    is_there = residency.state is S.READY or (residency.state is S.ASLEEP and not residency.is_settling)
    return is_there and is_out_of_use and residency.unload_again_at <= now


def load_ends(residency: Residency, load_timeout_s: float) -> float:
    """Return when a load under way has taken too long, in monotonic seconds."""
    own = residency.spec.load_timeout_s
    return residency.since + (load_timeout_s if own is None else own)


def next_alarm(
    residencies: Iterable[Residency],
    waiting: WaitingRoom,
    now: float,
    *,
    load_timeout_s: float,
    others: Iterable[float] = (),
) -> float | None:
    """Return the next moment (monotonic seconds) at which a Tick would change something, None if there is none.

    others: moments that somebody else has set.
    """
    times = [waiting.next_deadline(), *others]
    for residency in residencies:
        if residency.state is S.FAILED:
            times.append(residency.retry_at)
        elif residency.state is S.LOADING and not residency.is_aborting:
            times.append(load_ends(residency, load_timeout_s))
        elif residency.state is S.READY:
            times.append(ttl_ends(residency))
            if residency.unload_again_at > now:
                times.append(residency.unload_again_at)
    return min((t for t in times if t is not None), default=None)
