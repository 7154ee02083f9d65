"""What engines report of loads, unloads and answers, and what follows from it for a model.

One function an event, each given the Lifecycle; HANDLERS says which is whose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.health import AT_ONCE, EJECT_AFTER, STEADY_S
from batuta.lifecycle.ledger import size_text
from batuta.lifecycle.refusals import failure
from batuta.lifecycle.residency import PARKS, Leaving, Residency, remaining
from batuta.lifecycle.states import TRANSITIONS, ModelState, Trigger
from batuta.lifecycle.words import swap_sentence
from batuta.observe.events import LoadProgressed, Swapped

if TYPE_CHECKING:
    from batuta.lifecycle.machine import Lifecycle

S, T = ModelState, Trigger
UNLOAD_RETRY_S = 5.0  # an engine that would not unload is asked again after this


def on_answer_failed(lifecycle: Lifecycle, event: ev.AnswerFailed, now: float) -> None:
    """Count a bad answer.

    1. A model that is not loaded by us is ejected at once for some causes, else after some in a row.
    2. A model of ours is reloaded after some in a row, if it can be; that its process died, its engine tells us.
    """
    residency = lifecycle.residencies.get(event.model)
    if residency is None or residency.state is not S.READY:
        return
    if lifecycle.leases.get(event.request, (event.model, residency.epoch)) != (event.model, residency.epoch):
        return  # an answer of an earlier residency says nothing about this one
    residency.bad_answers += 1
    residency.tell(now, f"bad answer {residency.bad_answers} ({event.cause.value}): {event.message}")
    is_enough = residency.bad_answers >= EJECT_AFTER
    if not residency.spec.is_loadable:
        if is_enough or event.cause in AT_ONCE or residency.on_probation:  # 1
            _fail(lifecycle, residency, T.EJECTED, event.cause, event.message, now)
    elif is_enough and not residency.is_fixed:  # 2
        residency.bad_answers = 0
        lifecycle.dismiss(residency, Leaving.SICK, now)


def on_limited(lifecycle: Lifecycle, event: ev.Limited, now: float) -> None:
    """Have a model behind an API left alone for a while."""
    if (residency := lifecycle.residencies.get(event.model)) is not None and not residency.spec.is_loadable:
        residency.note_limit(event, now)


def on_progressed(lifecycle: Lifecycle, event: ev.Progressed, now: float) -> None:
    """Tell how far a load is."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None or residency.state is not S.LOADING:
        return
    residency.stage, residency.fraction = event.stage, event.fraction
    elapsed, left = now - residency.since, remaining(residency, now)
    lifecycle.announce(LoadProgressed(event.model, event.stage, event.fraction, elapsed, left))


def on_loaded(lifecycle: Lifecycle, event: ev.Loaded, now: float) -> None:
    """Take in a model that can answer now, and what its load has shown."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None or residency.state is not S.LOADING:
        return
    ledger = lifecycle.ledger_of(residency)
    book = ledger.grow if residency.spec.has_known_size else ledger.settle
    booked = book(event.model, event.memory_bytes)
    residency.fixed = event.fixed
    if event.tier is not None:
        residency.load_from = event.tier
    residency.note_load(event.memory_bytes, None if event.was_resident else event.seconds, now)
    residency.host_bytes = event.host_bytes
    lifecycle.book_copy(residency, event.host_bytes)
    load_began, wanted_at = residency.since, residency.room_wanted_at
    lifecycle.move(residency, T.LOADED, now, f"in {event.seconds:.1f} s, {size_text(booked)} booked")
    if residency.evicted:
        _announce_swap(lifecycle, residency, load_began, now - (load_began if wanted_at is None else wanted_at), now)
    residency.end_wanting()
    if residency.is_fixed:
        residency.stay()
    if residency.leaving is not None:  # somebody asked for it to go while it was loading
        lifecycle.dismiss(residency, residency.leaving, now)


def on_load_failed(lifecycle: Lifecycle, event: ev.LoadFailed, now: float) -> None:
    """Take in a failed load.

    1. It was cancelled: absent, nobody is to blame.
    2. Out of memory for the first time, and others could leave: they leave, and it is tried once more.
    3. Failed: every waiter is told the same cause.
    """
    residency = lifecycle.residencies.get(event.model)
    if residency is None or residency.state is not S.LOADING:
        return
    if residency.leaving is not None:  # 1
        lifecycle.move(residency, T.CANCELLED, now, residency.leaving.value)
        return
    can_retry = event.cause is Cause.OUT_OF_MEMORY and not residency.was_retried
    can_retry = can_retry and lifecycle.waiting.count(event.model) > 0  # nobody is driven out for nobody
    if can_retry and lifecycle.room.could_empty(residency, lifecycle.residencies.values()):  # 2
        residency.was_retried = residency.wants_empty_device = True
        lifecycle.move(residency, T.LOAD_RETRY, now, event.message)
        return
    _fail(lifecycle, residency, T.LOAD_FAILED, event.cause, event.message, now)  # 3


def _fail(lifecycle: Lifecycle, residency: Residency, trigger: Trigger, cause: Cause, message: str, now: float) -> None:
    is_steady = residency.state is S.READY and now - residency.since >= STEADY_S and trigger is T.CRASHED
    residency.note_failure(cause, message, now, is_first=is_steady)
    lifecycle.move(residency, trigger, now, message)
    if residency.has_given_up:
        residency.enabled = False
        residency.retry_at = None
        lifecycle.move(residency, T.GAVE_UP, now, f"{residency.failures} failures in a row, the last: {message}")
    if residency.state is S.DISABLED or trigger is not T.CRASHED:
        # After a crash the waiters stay: the rest is short and the next load may well succeed.
        lifecycle.refuse_all(residency, failure(residency, now), now)


def on_crashed(lifecycle: Lifecycle, event: ev.Crashed, now: float) -> None:
    """Take in that the process that held a model died."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None:
        return
    if residency.state is S.UNLOADING:
        lifecycle.move(residency, T.CRASHED, now, event.message)
    elif residency.state is S.LOADING and residency.leaving is not None:  # it was stopped, and that is how it ended
        lifecycle.move(residency, T.CANCELLED, now, residency.leaving.value)
    elif residency.state in {S.LOADING, S.READY, S.DRAINING, S.ASLEEP}:
        _fail(lifecycle, residency, T.CRASHED, Cause.CRASH, event.message, now)


def on_lost(lifecycle: Lifecycle, event: ev.Lost, now: float) -> None:
    """Take in that the loader which held a model is gone."""
    residency = lifecycle.residencies.get(event.model)
    if residency is not None and (residency.state, T.LOST) in TRANSITIONS:
        lifecycle.move(residency, T.LOST, now, event.message)


def on_unloaded(lifecycle: Lifecycle, event: ev.Unloaded, now: float) -> None:
    """Take in that a model has left memory."""
    residency = lifecycle.residencies.get(event.model)
    if residency is not None and (residency.state is S.UNLOADING or residency.is_settling):
        residency.is_settling = False
        residency.unload_s = event.seconds
        lifecycle.note_freed(residency, now)
        lifecycle.move(residency, T.UNLOADED, now, f"in {event.seconds:.1f} s")


def on_unload_failed(lifecycle: Lifecycle, event: ev.UnloadFailed, now: float) -> None:
    """Take in that an engine would not unload a model, which is still there."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None or not (residency.state is S.UNLOADING or residency.is_settling):
        return
    residency.is_settling = False
    residency.unload_again_at = now + UNLOAD_RETRY_S
    ledger = lifecycle.ledger_of(residency)
    if event.is_final:
        residency.refused = event.message
    if event.model not in ledger:  # a stray: it holds memory that nobody could book
        if not event.is_final:
            lifecycle.move(residency, T.UNLOADED, now, event.message)
            return
        ledger.reserve(event.model, min(residency.need, ledger.free))
    residency.stay()
    lifecycle.move(residency, T.UNLOAD_FAILED, now, event.message)


def on_slept(lifecycle: Lifecycle, event: ev.Slept, now: float) -> None:
    """Take in that a model is parked and its device memory back."""
    residency = lifecycle.residencies.get(event.model)
    if residency is not None and residency.state is S.ASLEEP and residency.is_settling:
        residency.is_settling = False
        residency.unload_s = now - residency.since
        lifecycle.note_freed(residency, now)
        lifecycle.release_memory(residency, now)
        residency.tell(now, "asleep, device memory is back")
        why, residency.leaving = residency.leaving, None
        if why is not None and why not in PARKS:  # somebody wants it out altogether, meanwhile
            lifecycle.dismiss(residency, why, now)
        lifecycle.is_unsettled = True


def _announce_swap(lifecycle: Lifecycle, winner: Residency, load_began: float, seconds: float, now: float) -> None:
    drain_s, unload_s = winner.swap.parts(load_began)
    swapped = Swapped(
        winner.spec.id,
        winner.evicted,
        winner.bytes_evicted,
        seconds,
        reason=winner.wanted_for,
        tier=winner.load_from.value,
        drain_s=drain_s,
        unload_s=unload_s,
        load_s=now - load_began,
    )
    lifecycle.announce(swapped)
    for model in (winner.spec.id, *winner.evicted):
        if (residency := lifecycle.residencies.get(model)) is not None:
            residency.tell(now, swap_sentence(swapped))


HANDLERS: Final[dict[type, Callable[[Lifecycle, Any, float], None]]] = {
    ev.AnswerFailed: on_answer_failed,
    ev.Limited: on_limited,
    ev.Progressed: on_progressed,
    ev.Loaded: on_loaded,
    ev.LoadFailed: on_load_failed,
    ev.Crashed: on_crashed,
    ev.Lost: on_lost,
    ev.Unloaded: on_unloaded,
    ev.UnloadFailed: on_unload_failed,
    ev.Slept: on_slept,
}
