"""How long a model will be waited for, and what for, step by step. Pure; reads the lifecycle, changes nothing.

A forecast says how things stand: it knows of no request that has not come yet. What was never measured is not guessed:
its step has no seconds, and then neither has the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, Final

from batuta.catalog.entities import Tier
from batuta.lifecycle.residency import Leaving, Residency, remaining
from batuta.lifecycle.states import ModelState

if TYPE_CHECKING:
    from batuta.lifecycle.machine import Lifecycle

S = ModelState
LEAST_SHARE: Final = 0.1  # of what a thing usually takes: what is late is taken to need this much more
AWAY: Final = frozenset({S.ABSENT, S.ASLEEP, S.FAILED})
LEAVING: Final = frozenset({S.DRAINING, S.UNLOADING})


class StepKind(StrEnum):
    """What has to happen before a waited-for model answers."""

    TURN = "turn"  # `model` is waited for by somebody whose turn is earlier
    FINISH = "finish"  # `model` finishes `answers` answers
    PATIENCE = "patience"  # `model`, busy, is left alone until it has had its time
    UNLOAD = "unload"  # `model` leaves memory
    LOAD = "load"  # `model` is loaded, from `tier`
    REST = "rest"  # `model` failed and rests before its next try
    SLOT = "slot"  # one of the model's own slots becomes free; `answers` go before


@dataclass(frozen=True, slots=True)
class Step:
    """One of the things that are waited for.

    Attributes:
        kind: what it is.
        model: whose step it is.
        seconds: how long it will take from its beginning; None: nobody knows.
        answers: how many answers are finished in it (FINISH, SLOT).
        tier: from where it is loaded (LOAD).
    """

    kind: StepKind
    model: str
    seconds: float | None = None
    answers: int = 0
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a request for a model would begin to be answered.

    Attributes:
        steps: in their order; empty: at once, or never. Models that make room do so side by side, so the whole may
            take less than its steps one after the other.
        seconds: for all of them; None where one is not known, or where waiting does not help. An unload that was
            never measured counts as nothing.
        position: the place among the models that are waited for, 1 being the next; None: nobody waits for it.
        least: seconds that it takes at least, as far as is known.
    """

    steps: tuple[Step, ...] = ()
    seconds: float | None = 0.0
    position: int | None = None
    least: float = 0.0

    @property
    def is_hopeless(self) -> bool:
        """Waiting does not help: a person has to do something first."""
        return not self.steps and self.seconds is None


NEVER: Final = Forecast(seconds=None)
Chain = list[Step]
"""Steps one after the other."""


def forecast(lifecycle: Lifecycle, model: str, now: float, *, joins: bool = False) -> Forecast:
    """Return what the model's first waiter waits for, or what one would wait for if there is none.

    1. Switched off, gone, or never to fit as things are: waiting does not help.
    2. It is there: a slot has to become free.
    3. It is on its way: it has to be loaded.
    4. It is away, or leaving: others load, leave or have their turn first, side by side; then it is loaded.

    Args:
        lifecycle: read only.
        model: its id; KeyError for an unknown one.
        now: monotonic seconds.
        joins: for a further request, behind those that wait already.
    """
    residency = lifecycle.residencies[model]
    waiting = lifecycle.waiting.count(model)
    order = lifecycle.waiting.models()
    place = order.index(model) + 1 if waiting else None
    if not residency.enabled or residency.state is S.DISABLED or residency.leaving is Leaving.FORGOTTEN:  # 1
        return Forecast(seconds=None, position=place)
    behind = waiting if joins else 0
    if residency.state is S.READY:  # 2
        is_free = residency.has_free_slot and not waiting
        return _sum((), [] if is_free else [_slot(residency, behind, now)], place)
    chains: list[Chain] = []
    if residency.state is not S.LOADING:  # 4
        found = _chains(lifecycle, residency, order, now)
        if found is None:  # 1
            return Forecast(seconds=None, position=place)
        chains = found
    own = _own(residency, now)  # 3, 4
    if (slots := _slots(residency)) and behind >= slots:
        own.append(Step(StepKind.SLOT, model, _times(residency.answer_s, behind // slots), behind))
    return _sum(chains, own, place)


def brief(lifecycle: Lifecycle, model: str, now: float) -> tuple[int | None, float | None]:
    """Return the model's place among those that are waited for, and the seconds until its first waiter is answered.

    (None, None) where nobody waits for it.
    """
    if not lifecycle.waiting.count(model):
        return None, None
    found = forecast(lifecycle, model, now)
    return found.position, found.seconds


def position(lifecycle: Lifecycle, model: str) -> int | None:
    """Return the model's place among those that are waited for, 1 being the next; None: nobody waits for it."""
    if not lifecycle.waiting.count(model):
        return None
    return lifecycle.waiting.models().index(model) + 1


# The model itself --------------------------------------------------------------------------------------------


def _slots(residency: Residency) -> int:
    return 1 if residency.on_probation else residency.spec.slots


def _slot(residency: Residency, behind: int, now: float) -> Step:
    """Return the step until a slot is free for a request with `behind` others before it.

    The answers under way end one after the other; each slot then takes the next in the queue.
    """
    slots, usual = max(1, _slots(residency)), residency.answer_s
    ends = sorted(_left(usual, now - began) for began in residency.granted_at.values()) if usual is not None else []
    ends = [0.0] * (slots - len(residency.granted_at)) + ends
    first = ends[min(behind % slots, len(ends) - 1)] if usual is not None else None
    more = _times(usual, behind // slots)
    seconds = None if first is None or more is None else first + more
    return Step(StepKind.SLOT, residency.spec.id, seconds, behind + 1)


def _own(residency: Residency, now: float) -> Chain:
    """Return what the model itself has to do at the end: be loaded, after its rest if it has failed."""
    model, steps = residency.spec.id, []
    if residency.state is S.FAILED and residency.retry_at is not None:
        steps.append(Step(StepKind.REST, model, max(0.0, residency.retry_at - now)))
    if not residency.spec.is_loadable:
        return steps
    if residency.state is S.LOADING:
        return [Step(StepKind.LOAD, model, _load_left(residency, now), tier=residency.load_from)]
    is_leaving = residency.state in LEAVING or residency.is_settling
    tier = residency.tier_after if is_leaving else residency.tier
    return [*steps, Step(StepKind.LOAD, model, residency.load_s_from(tier), tier=tier)]


def _load_left(residency: Residency, now: float) -> float:
    """Return the seconds that a load under way still takes: by its progress, else by what it usually takes."""
    left = remaining(residency, now) if residency.fraction else None
    usual = residency.load_s_from(residency.load_from)
    return _left(usual, now - residency.since) if left is None else left


# What goes before --------------------------------------------------------------------------------------------


def _chains(lifecycle: Lifecycle, residency: Residency, order: Sequence[str], now: float) -> list[Chain] | None:
    """Return what goes on side by side before a model that is away can be loaded; None: it does not help to wait.

    1. It leaves itself, and whoever it leaves for has its turn.
    2. Another load on its device, then the models whose turn is earlier, one after the other.
    3. Where room is missing: those that are leaving, and those that will have to leave for it.
    """
    if not residency.spec.is_loadable:
        return None if residency.state is S.FAILED and residency.retry_at is None else []
    known = lifecycle.residencies
    if residency.state in LEAVING or residency.is_settling:  # 1
        chain = _leaving(residency, now)
        if (comer := known.get(residency.leaves_for)) is not None:
            chain.append(_turn(lifecycle, comer, now))
        return [chain]
    ledger = lifecycle.ledgers[residency.spec.device]
    wait = lifecycle.outlook.get(residency.spec.id)
    victims: Sequence[str] = wait.victims if wait is not None else ()
    until = wait.until if wait is not None else None
    if wait is None:
        plan = lifecycle.room.plan(residency, ledger, lifecycle.waiting, known, now)
        if plan.fits not in {"now", "after_evicting"}:
            return None
        victims = plan.evict
    lacks_room = residency.need > ledger.free
    here = [known[each] for each in ledger.held if each in known and each != residency.spec.id]
    loads = [r for r in here if r.state is S.LOADING and r.spec.device == ledger.device]
    queue: Chain = [Step(StepKind.LOAD, r.spec.id, _load_left(r, now), tier=r.load_from) for r in loads]
    if (loads or lacks_room) and not victims:
        ahead = _ahead(lifecycle, residency, order)
        queue += [_turn(lifecycle, known[each], now, answers=lacks_room) for each in ahead]  # 2
    chains = [queue] if queue else []
    if lacks_room:  # 3
        chains += [_leaving(r, now) for r in here if r.state in LEAVING or r.is_settling]
        chains += [_driven_out(lifecycle, known[each], until, now) for each in victims if each in known]
    return chains


def _ahead(lifecycle: Lifecycle, residency: Residency, order: Sequence[str]) -> Iterable[str]:
    """Yield the models of the same device that are away and whose waiters' turn is earlier."""
    for model in order:
        if model == residency.spec.id:
            return
        other = lifecycle.residencies[model]
        if other.spec.is_loadable and other.state in AWAY and other.spec.device == residency.spec.device:
            yield model


def _turn(lifecycle: Lifecycle, other: Residency, now: float, *, answers: bool = True) -> Step:
    """Return the step in which another model is loaded and, where its room is wanted, answers those who wait for it."""
    load = _load_left(other, now) if other.state is S.LOADING else other.load_s
    waiting = lifecycle.waiting.count(other.spec.id) if answers else 0
    served = _times(other.answer_s, _rounds(other, waiting))
    return Step(StepKind.TURN, other.spec.id, None if served is None else load + served, waiting)


def _leaving(residency: Residency, now: float) -> Chain:
    """Return what a model still has to do that is on its way out of memory."""
    model = residency.spec.id
    if residency.state is S.DRAINING:
        finish = Step(StepKind.FINISH, model, _drain(residency, now), residency.in_flight)
        return [*([finish] if residency.in_flight else []), Step(StepKind.UNLOAD, model, residency.unload_s)]
    usual = residency.unload_s
    return [Step(StepKind.UNLOAD, model, None if usual is None else _left(usual, now - residency.since))]


def _driven_out(lifecycle: Lifecycle, victim: Residency, until: float | None, now: float) -> Chain:
    """Return what a model has to do that will leave for another.

    1. Idle: it leaves.
    2. It answers what it is asked already, and leaves when it is through.
    3. It would still not be through when its patience ends, at `until`: then it is closed, and finishes what it has.
    """
    model, waiting = victim.spec.id, lifecycle.waiting.count(victim.spec.id)
    out = Step(StepKind.UNLOAD, model, victim.unload_s)
    if not victim.in_flight and not waiting:  # 1
        return [out]
    drain, more = _drain(victim, now), _times(victim.answer_s, _rounds(victim, waiting))
    whole = None if drain is None or more is None else drain + more
    patience = None if until is None else max(0.0, until - now)
    if waiting and patience is not None and (whole is None or whole > patience):  # 3
        finish = Step(StepKind.FINISH, model, victim.answer_s, victim.in_flight or 1)
        return [Step(StepKind.PATIENCE, model, patience), finish, out]
    return [Step(StepKind.FINISH, model, whole, victim.in_flight + waiting), out]  # 2


# Seconds -----------------------------------------------------------------------------------------------------


def _left(usual: float, elapsed: float) -> float:
    return max(usual - elapsed, LEAST_SHARE * usual)


def _drain(residency: Residency, now: float) -> float | None:
    """Return the seconds until the last of the answers under way ends."""
    usual = residency.answer_s
    if not residency.in_flight:
        return 0.0
    if usual is None:
        return None
    return max((_left(usual, now - began) for began in residency.granted_at.values()), default=usual)


def _rounds(residency: Residency, waiting: int) -> int:
    slots = _slots(residency)
    return ceil(waiting / slots) if slots else min(waiting, 1)


def _times(seconds: float | None, times: int) -> float | None:
    if not times:
        return 0.0
    return None if seconds is None else seconds * times


def _sum(chains: Sequence[Chain], own: Chain, place: int | None) -> Forecast:
    """Put the steps together: the chains go on side by side, the longest counts; the model's own steps follow."""
    steps = (*(step for chain in chains for step in chain), *own)
    is_known = all(step.seconds is not None or step.kind is StepKind.UNLOAD for step in steps)
    least = max(map(_known, chains), default=0.0) + _known(own)
    return Forecast(steps, least if is_known else None, place, least)


def _known(chain: Chain) -> float:
    return sum(step.seconds for step in chain if step.seconds is not None)
