"""What others may see of the lifecycle: frozen pictures of one moment. Pure; changes nothing."""

from __future__ import annotations

from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.residency import DeviceView, LoadPlan, Residency, ResidencyView, Snapshot, remaining
from batuta.lifecycle.states import ModelState

S = ModelState
TROUBLED = frozenset({S.FAILED, S.DISABLED})


def view(lifecycle: Lifecycle, model: str, now: float, *, wall: float = 0.0) -> ResidencyView:
    """Return one model's view.

    Args:
        lifecycle: whose model it is.
        model: its id; KeyError for an unknown one.
        now: monotonic seconds.
        wall: what to add to monotonic seconds to get wall seconds, for the times people read.
    """
    r = lifecycle.residencies[model]
    is_troubled = r.state in TROUBLED
    is_queued = r.state is S.ABSENT and r.room_wanted_at is not None and lifecycle.waiting.count(model)
    asked_for = r.room_wanted_at if is_queued and r.room_wanted_at is not None else r.since
    return ResidencyView(
        model_id=model,
        state=r.state,
        since=r.since + wall,
        stage=_stage(lifecycle, r),
        progress=r.fraction,
        elapsed_s=now - asked_for,
        remaining_s=remaining(r, now),
        reserved=lifecycle.ledgers[r.spec.device].holds(model),
        in_flight=r.in_flight,
        waiting=lifecycle.waiting.count(model),
        last_used=r.last_used + wall if r.was_used else None,
        failures=r.failures,
        cause=r.cause if is_troubled else None,
        message=r.message if is_troubled else "",
        retry_at=r.retry_at + wall if r.state is S.FAILED and r.retry_at is not None else None,
        load_seconds=r.typical_load_s,
        loads=r.loads,
        pinned=r.pinned,
        queue_position=_position(lifecycle, model),
    )


def snapshot(lifecycle: Lifecycle, now: float, *, wall: float = 0.0) -> Snapshot:
    """Return everything, as it is at `now` (monotonic seconds)."""
    devices = {d: DeviceView(d, book.budget, book.reserved, book.held) for d, book in lifecycle.ledgers.items()}
    return Snapshot(now, {model: view(lifecycle, model, now, wall=wall) for model in lifecycle.residencies}, devices)


def plan(lifecycle: Lifecycle, model: str, now: float) -> LoadPlan:
    """Say whether the model would fit and what would go. Raises KeyError for an unknown model."""
    r = lifecycle.residencies[model]
    ledger = lifecycle.ledgers[r.spec.device]
    return lifecycle.room.plan(r, ledger, lifecycle.waiting, lifecycle.residencies, now)


def _stage(lifecycle: Lifecycle, residency: Residency) -> str | None:
    if residency.state is S.LOADING:
        return residency.stage
    if residency.state in {S.ABSENT, S.ASLEEP} and lifecycle.waiting.count(residency.spec.id):
        return "evicting" if residency.evicted else "queued"
    return None


def _position(lifecycle: Lifecycle, model: str) -> int | None:
    """Return the model's place among those that are waited for, 1 being the next."""
    if not lifecycle.waiting.count(model):
        return None
    return lifecycle.waiting.models().index(model) + 1
