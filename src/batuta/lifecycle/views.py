"""What others may see of the lifecycle: frozen pictures of one moment. Pure; changes nothing."""

from __future__ import annotations

from dataclasses import replace

from batuta.lifecycle.forecast import Forecast, forecast, position
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
    is_off = r.is_fixed and r.state is S.READY and not r.enabled  # in memory, and nobody may use it
    is_troubled = r.state in TROUBLED
    is_queued = r.state is S.ABSENT and r.room_wanted_at is not None and lifecycle.waiting.count(model)
    asked_for = r.room_wanted_at if is_queued and r.room_wanted_at is not None else r.since
    return ResidencyView(
        model_id=model,
        state=S.DISABLED if is_off else r.state,
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
        queue_position=position(lifecycle, model),
        waits_for=_waits_for(lifecycle, r),
        fixed=r.fixed or r.refused,
        tier=r.tier,
        forecast=_forecast(lifecycle, r, now),
    )


def snapshot(lifecycle: Lifecycle, now: float, *, wall: float = 0.0) -> Snapshot:
    """Return everything, as it is at `now` (monotonic seconds)."""
    devices = {d: DeviceView(d, book.budget, book.reserved, book.held) for d, book in lifecycle.ledgers.items()}
    return Snapshot(now, {model: view(lifecycle, model, now, wall=wall) for model in lifecycle.residencies}, devices)


def plan(lifecycle: Lifecycle, model: str, now: float) -> LoadPlan:
    """Say whether the model would fit and what would go. Raises KeyError for an unknown model."""
    r = lifecycle.residencies[model]
    ledger = lifecycle.ledgers[r.spec.device]
    return replace(lifecycle.room.plan(r, ledger, lifecycle.waiting, lifecycle.residencies, now), tier=r.tier)


def could_fit(lifecycle: Lifecycle) -> dict[str, bool]:
    """Say of each model whether it is there, or could be without unpinning another, or stopping a server.

    One pass, for hundreds of them.
    """
    kept = [r.spec.id for r in lifecycle.residencies.values() if r.pinned or r.is_fixed]
    held = {device: {model: book.holds(model) for model in kept} for device, book in lifecycle.ledgers.items()}
    stays = {device: sum(holds.values()) for device, holds in held.items()}

    def fits(r: Residency) -> bool:
        if not r.spec.is_loadable or r.state in {S.READY, S.LOADING}:
            return True
        device = r.spec.device
        return r.need <= lifecycle.ledgers[device].budget - stays[device] + held[device].get(r.spec.id, 0)

    return {model: fits(r) for model, r in lifecycle.residencies.items()}


LEAVING = (S.DRAINING, S.UNLOADING)


def _waits_for(lifecycle: Lifecycle, residency: Residency) -> tuple[str, ...]:
    """Return the ids of the models that a waited-for model waits for.

    1. Nobody waits for it, or it is there, coming, or resting: nothing.
    2. It has to leave itself before it can come back.
    3. What is loading on its device, since one is loaded at a time; where room is missing also what is leaving, and
       what is in use and can leave.
    """
    model, device = residency.spec.id, residency.spec.device
    if not lifecycle.waiting.count(model):  # 1
        return ()
    if residency.state in LEAVING or residency.is_settling:  # 2
        return (model,)
    if residency.state not in {S.ABSENT, S.ASLEEP}:  # 1
        return ()
    ledger = lifecycle.ledgers[device]
    lacks_room = residency.need > ledger.free

    def is_in_the_way(other: Residency) -> bool:
        if other is residency or other.spec.device != device or not other.spec.is_loadable:
            return False
        if other.state is S.LOADING:
            return True
        is_busy = other.state is S.READY and not (other.pinned or other.is_fixed) and other.in_flight > 0
        return lacks_room and (other.state in LEAVING or other.is_settling or is_busy)

    return tuple(sorted(r.spec.id for r in lifecycle.residencies.values() if is_in_the_way(r)))  # 3


def _stage(lifecycle: Lifecycle, residency: Residency) -> str | None:
    if residency.state is S.LOADING:
        return residency.stage
    if residency.state in {S.ABSENT, S.ASLEEP} and lifecycle.waiting.count(residency.spec.id):
        return "evicting" if residency.evicted else "queued"
    return None


def _forecast(lifecycle: Lifecycle, residency: Residency, now: float) -> Forecast | None:
    model = residency.spec.id
    is_awaited = residency.state is S.LOADING or lifecycle.waiting.count(model) > 0
    return forecast(lifecycle, model, now) if is_awaited else None
