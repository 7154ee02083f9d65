"""What the lifecycle is told from outside its loads and answers: the catalog, a person's switches, looks at engines.

One function an event, each given the Lifecycle; HANDLERS says which is whose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import StartUnload
from batuta.lifecycle.ledger import size_text
from batuta.lifecycle.observed import judge
from batuta.lifecycle.refusals import unknown, why_not
from batuta.lifecycle.residency import Leaving, Residency
from batuta.lifecycle.states import ModelState, Trigger

if TYPE_CHECKING:
    from batuta.lifecycle.machine import Lifecycle

S, T = ModelState, Trigger


def on_registered(lifecycle: Lifecycle, event: ev.Registered, now: float) -> None:
    """Take in what the catalog says of a model, which may be new."""
    spec = event.spec
    residency = lifecycle.residencies.get(spec.id)
    is_new = residency is None
    if residency is None:
        residency = Residency(spec, since=now, epoch=lifecycle.next_epoch())
        lifecycle.residencies[spec.id] = residency
        if not spec.is_loadable:
            lifecycle.move(residency, T.APPEARED, now, "not loaded here, always there")
    was_enabled = residency.spec.enabled
    residency.can_sleep, residency.pinned = event.can_sleep, spec.pinned
    residency.take_spec(spec, is_booked=any(spec.id in book for book in lifecycle.ledgers.values()))
    if event.known is not None:
        residency.times.take(event.known.load_s)
    if residency.leaving is Leaving.FORGOTTEN:
        residency.leaving = Leaving.ASKED
    if spec.enabled and not residency.enabled and not was_enabled:
        on_switched_on(lifecycle, ev.SwitchedOn(spec.id), now)
    elif not spec.enabled and residency.enabled:
        on_switched_off(lifecycle, ev.SwitchedOff(spec.id), now)
    # Nobody can wait for a model that has just come; settling for each of thousands would hold everything up.
    lifecycle.is_unsettled = not (is_new and spec.enabled)


def on_forgotten(lifecycle: Lifecycle, event: ev.Forgotten, now: float) -> None:
    """Have a model leave that the catalog does not offer any more."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None:
        return
    lifecycle.expected.drop(event.model)
    lifecycle.refuse_all(residency, unknown(event.model, has_left=True), now)
    lifecycle.leave(residency, Leaving.FORGOTTEN, now)
    residency.leaving = Leaving.FORGOTTEN


def on_unload_asked(lifecycle: Lifecycle, event: ev.UnloadAsked, now: float) -> None:
    """Have a model leave because a person says so; nor does it come back by itself then."""
    if (residency := lifecycle.residencies.get(event.model)) is not None:
        lifecycle.expected.drop(event.model)
        residency.was_displaced = False
        lifecycle.leave(residency, Leaving.ASKED, now)


def on_pin_changed(lifecycle: Lifecycle, event: ev.PinChanged, now: float) -> None:
    """Keep a model, or keep it no more."""
    if (residency := lifecycle.residencies.get(event.model)) is not None:
        residency.pinned = event.pinned
        residency.tell(now, "pinned" if event.pinned else "unpinned")
        lifecycle.is_unsettled = True


def on_switched_off(lifecycle: Lifecycle, event: ev.SwitchedOff, now: float) -> None:
    """Let nobody use a model."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None:
        return
    residency.enabled = residency.was_displaced = False
    lifecycle.expected.drop(event.model)
    if residency.state is S.READY and not residency.spec.is_loadable:
        lifecycle.move(residency, T.VANISHED, now, "a person switched it off")
    if residency.state in {S.ABSENT, S.FAILED}:
        lifecycle.move(residency, T.DISABLE, now, "a person switched it off")
    else:
        lifecycle.leave(residency, Leaving.DISABLE, now)
    if (refusal := why_not(residency, now, now)) is not None:
        lifecycle.refuse_all(residency, refusal, now)


def on_switched_on(lifecycle: Lifecycle, event: ev.SwitchedOn, now: float) -> None:
    """Let everybody use a model, and forget its failures."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None:
        return
    residency.enabled = True
    residency.forgive()
    if residency.leaving is Leaving.DISABLE:
        residency.leaving = Leaving.ASKED
    if residency.state is S.DISABLED:
        lifecycle.move(residency, T.ENABLE, now, "a person switched it on")
    lifecycle.is_unsettled = True


def on_reset_asked(lifecycle: Lifecycle, event: ev.ResetAsked, now: float) -> None:
    """Clear the failed cache for a model."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None:
        return
    if residency.state is S.DISABLED:
        if residency.failures and residency.spec.enabled:
            on_switched_on(lifecycle, ev.SwitchedOn(event.model), now)
        return
    residency.forgive()
    if residency.state is S.FAILED:
        lifecycle.move(residency, T.RESET, now, "a person reset it")
    lifecycle.is_unsettled = True


def on_observed(lifecycle: Lifecycle, event: ev.Observed, now: float) -> None:
    """Have our books follow what an engine really holds; see `observed.judge`."""
    for model in sorted(event.covers):
        residency = lifecycle.residencies.get(model)
        if residency is None or not residency.spec.is_loadable:
            continue
        ledger = lifecycle.ledger_of(residency)
        if (verdict := judge(residency, ledger, event)) is not None:
            if verdict.booked is not None:
                ledger.reserve(model, verdict.booked)
                residency.last_used = now
            lifecycle.move(residency, verdict.trigger, now, verdict.detail)
            residency.is_stray = verdict.trigger is T.STRAY
            if verdict.trigger is T.STRAY:
                lifecycle.order(StartUnload(model))
            if verdict.trigger is T.SEEN_ASLEEP:
                lifecycle.book_copy(residency, residency.spec.memory.weights or residency.need)
        if residency.state in {S.READY, S.DRAINING}:
            lifecycle.is_unsettled |= residency.note_fixed(event.fixed.get(model, ""), now)
            if residency.is_fixed:  # what it holds and could not be booked is booked as room comes
                before = ledger.holds(model)
                lifecycle.is_unsettled |= ledger.grow(model, event.residents[model]) != before


def on_budget_set(lifecycle: Lifecycle, event: ev.BudgetSet, now: float) -> None:
    """Change what models may take of a device; see `Lifecycle` for who leaves where it is less than they hold."""
    ledger = lifecycle.ledgers[event.device]
    before = ledger.budget
    ledger.set_budget(event.budget)
    if ledger.excess and event.budget < before:
        why = f" ({event.reason})" if event.reason else ""
        words = f"the budget of {event.device} is {size_text(event.budget)} now, {size_text(ledger.reserved)} are held"
        for model in ledger.held:
            lifecycle.residencies[model].tell(now, words + why)
    lifecycle.announce_memory(ledger)
    lifecycle.is_unsettled = True


def on_cache_seen(lifecycle: Lifecycle, event: ev.CacheSeen, now: float) -> None:  # noqa: ARG001  # handlers share one shape
    """Take note of how much of a model's files the file cache has."""
    if (residency := lifecycle.residencies.get(event.model)) is not None:
        residency.cached_share = event.share


def on_hinted(lifecycle: Lifecycle, event: ev.Hinted, now: float) -> None:
    """Expect a model. A hint for one that nobody knows, or that is not loaded here, changes nothing."""
    residency = lifecycle.residencies.get(event.model)
    if residency is None or not residency.spec.is_loadable or not residency.enabled or event.until <= now:
        return
    if residency.need > lifecycle.ledger_of(residency).budget:
        return
    lifecycle.expected.hint(event)
    residency.tell(now, f"expected: {event.why}")
    lifecycle.warm(residency)
    lifecycle.is_unsettled = True


def on_return_set(lifecycle: Lifecycle, event: ev.ReturnSet, now: float) -> None:  # noqa: ARG001  # handlers share one shape
    """Change which model returns."""
    lifecycle.expected.set_return(event)
    lifecycle.is_unsettled = True


HANDLERS: Final[dict[type, Callable[[Lifecycle, Any, float], None]]] = {
    ev.Registered: on_registered,
    ev.Forgotten: on_forgotten,
    ev.UnloadAsked: on_unload_asked,
    ev.PinChanged: on_pin_changed,
    ev.SwitchedOff: on_switched_off,
    ev.SwitchedOn: on_switched_on,
    ev.ResetAsked: on_reset_asked,
    ev.Observed: on_observed,
    ev.BudgetSet: on_budget_set,
    ev.CacheSeen: on_cache_seen,
    ev.Hinted: on_hinted,
    ev.ReturnSet: on_return_set,
}
