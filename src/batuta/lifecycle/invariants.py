"""What must be true of a Lifecycle between any two events. Tests run it after every step."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from batuta.lifecycle.residency import Leaving
from batuta.lifecycle.states import ModelState

if TYPE_CHECKING:
    from batuta.lifecycle.machine import Lifecycle

S = ModelState
HOLDING = frozenset({S.LOADING, S.READY, S.DRAINING, S.UNLOADING})
OUT = frozenset({S.ABSENT, S.FAILED, S.DISABLED})


def check(lifecycle: Lifecycle) -> None:
    """Raise AssertionError, naming the model or device, if an invariant is broken."""
    _check_books(lifecycle)
    _check_leases(lifecycle)
    _check_waiters(lifecycle)
    _check_progress(lifecycle)


def _check_books(lifecycle: Lifecycle) -> None:
    for ledger in lifecycle.ledgers.values():
        ledger.check()
        here = [(m, r) for m, r in lifecycle.residencies.items() if r.spec.device == ledger.device and m in ledger]
        loading = [m for m, r in here if r.state is S.LOADING]
        assert len(loading) <= 1, f"two loads at once on {ledger.device}: {loading}"
    for model, residency in lifecycle.residencies.items():
        ledger = lifecycle.ledgers[residency.spec.device]
        if not residency.spec.is_loadable:
            assert model not in ledger, f"{model} is remote and holds memory"
        elif residency.state in OUT:
            holds = [device for device, book in lifecycle.ledgers.items() if model in book]
            assert not holds, f"{model} is {residency.state} and holds memory of {holds}"
            assert not residency.is_expected or residency.enabled, f"{model} is {residency.state} and expected"
        elif residency.state in HOLDING - {S.UNLOADING} or residency.is_settling:
            assert model in ledger, f"{model} is {residency.state} and holds no memory"
        is_let_go = residency.state is S.DRAINING and residency.leaving is Leaving.FORGOTTEN
        if residency.is_fixed:
            assert residency.state is S.READY or is_let_go, f"{model} cannot be unloaded and is {residency.state}"
    for ledger in lifecycle.ledgers.values():
        assert set(ledger.held) <= set(lifecycle.residencies), f"{ledger.device} is held by an unknown model"


def _check_leases(lifecycle: Lifecycle) -> None:
    current = Counter(
        model
        for model, epoch in lifecycle.leases.values()
        if model in lifecycle.residencies and lifecycle.residencies[model].epoch == epoch
    )
    for model, residency in lifecycle.residencies.items():
        assert residency.in_flight == current[model], (
            f"{model}: {residency.in_flight} in flight, {current[model]} leases"
        )
        if residency.in_flight:
            may_insist = (
                residency.state is S.FAILED and not residency.spec.is_loadable
            )  # ejected, and there is no other
            assert may_insist or residency.state in {S.READY, S.DRAINING}, f"{model} is {residency.state} and leased"
        if residency.spec.slots:
            assert residency.in_flight <= residency.spec.slots, f"{model}: more in flight than slots"


def _check_waiters(lifecycle: Lifecycle) -> None:
    for model in lifecycle.waiting.models():
        residency = lifecycle.residencies[model]
        assert residency.state is not S.DISABLED, f"{model} is disabled and waited for"
        assert residency.enabled, f"{model} is switched off and waited for"
        if residency.state is S.READY:
            assert not residency.has_free_slot, f"{model} has a free slot and a waiter"
        for waiter in lifecycle.waiting.of(model):
            assert waiter.request not in lifecycle.leases, f"{waiter.request} waits and has a lease"


def _check_progress(lifecycle: Lifecycle) -> None:
    """Whoever waits, waits for something that will happen."""
    if not len(lifecycle.waiting):
        return
    assert lifecycle.alarm is not None, "somebody waits and no alarm is set"
    for model in lifecycle.waiting.models():
        residency = lifecycle.residencies[model]
        device = residency.spec.device
        if residency.state not in {S.ABSENT, S.ASLEEP} or residency.is_settling:
            continue
        held = lifecycle.ledgers[device].held  # by models that are parked there, too
        others = [r for r in lifecycle.residencies.values() if r.spec.device == device or r.spec.id in held]
        moves = any(r.state in {S.LOADING, S.DRAINING, S.UNLOADING} or r.is_settling or r.in_flight for r in others)
        retries = any(r.unload_again_at > 0 for r in others)
        wait = lifecycle.outlook.get(model)
        rings = wait is not None and wait.until is not None  # then a parked model leaves that is waited for itself
        wakes = any(r.spec.device != device and lifecycle.waiting.count(r.spec.id) for r in others)
        assert moves or retries or rings or wakes, f"{model} is waited for and nothing is under way on {device}"
        ledger = lifecycle.ledgers[device]
        fixed = sum(held[r.spec.id] for r in others if r.is_fixed and r is not residency and r.spec.id in held)
        assert residency.need <= ledger.budget - fixed, f"{model} waits for room that nothing could give"
