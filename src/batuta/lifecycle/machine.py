"""Decides when each model is in memory and which request may use it. Pure: events in, commands out.

Knows nothing of engines, processes, networks or clocks. `handle(event, now)` returns what is to be done; the
runner does it and reports back with further events. Every change of state goes through `_move`, which looks it
up in TRANSITIONS: what is not in the table cannot happen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

from batuta.catalog.entities import Tier
from batuta.errors import BatutaError, ModelFailed
from batuta.lifecycle import events as ev
from batuta.lifecycle import reports, switches
from batuta.lifecycle.alarms import is_overstaying, is_past_ttl, load_ends, next_alarm
from batuta.lifecycle.commands import (
    AbortLoad,
    Announce,
    Command,
    Grant,
    Refuse,
    Sleep,
    StartLoad,
    StartUnload,
    Wake,
    Warm,
)
from batuta.lifecycle.cooling import may_insist
from batuta.lifecycle.eviction import CheapestSubset, EvictionPolicy
from batuta.lifecycle.expected import Expected
from batuta.lifecycle.forecast import brief
from batuta.lifecycle.invariants import check
from batuta.lifecycle.ledger import MemoryLedger, gib, size_text
from batuta.lifecycle.queueing import BoundedWait, QueuePolicy, Waiter, WaitingRoom
from batuta.lifecycle.refusals import no_fit, too_late, unknown, why_not
from batuta.lifecycle.residency import PARKS, Leaving, Residency
from batuta.lifecycle.room import CallOff, Decision, Evict, Load, NeverFits, RoomMaker, Wait
from batuta.lifecycle.states import TRANSITIONS, ModelState, Trigger
from batuta.lifecycle.waits import WaitStories
from batuta.observe.events import Fact, MemoryChanged, ModelStateChanged, QueueChanged

S, T = ModelState, Trigger
VOID = frozenset({T.LOAD_FAILED, T.CRASHED, T.VANISHED, T.LOST})  # what ends a hint: it would only come again
HOST = "host"  # the device whose memory is also where models are parked


class Lifecycle:
    """The residencies of all models, the books of all devices, and who waits.

    Args:
        ledgers: device id -> its ledger; a model is booked on `spec.device`.
        eviction: who makes room; None: the cheapest subset.
        queue: when a waiter may push a busy model out; None: `BoundedWait`.
        load_timeout_s: a load that takes longer is aborted, unless its model has a word of its own on that.
    """

    def __init__(
        self,
        ledgers: Mapping[str, MemoryLedger],
        *,
        eviction: EvictionPolicy | None = None,
        queue: QueuePolicy | None = None,
        load_timeout_s: float = 180.0,
    ) -> None:
        self.ledgers = dict(ledgers)
        self.residencies: dict[str, Residency] = {}
        self.waiting = WaitingRoom()
        self.leases: dict[str, tuple[str, int]] = {}  # request -> model, epoch
        self.alarm: float | None = None
        self._queue = queue or BoundedWait()
        self.room = RoomMaker(eviction or CheapestSubset(), self._queue)
        self._load_timeout_s = load_timeout_s
        self._out: list[Command] = []
        self.is_unsettled = False
        self._epochs = itertools.count(1)  # never the same twice: a model may be forgotten and come back
        self.expected = Expected()
        self.outlook: dict[str, Wait] = {}  # models that are waited for and not on their way -> why not
        self._stories = WaitStories()
        self._coming: set[str] = set()  # models that are brought in although nobody waits for them
        self._queues: dict[str, None] = {}  # models whose queues have changed and are not told of yet
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            ev.Wanted: self._on_wanted,
            ev.Abandoned: self._on_abandoned,
            ev.Released: self._on_released,
            ev.Tick: self._on_tick,
        }
        for kind, handler in (*reports.HANDLERS.items(), *switches.HANDLERS.items()):
            self._handlers[kind] = partial(handler, self)

    # The door -----------------------------------------------------------------------------------------------

    def handle(self, event: ev.Event, now: float) -> list[Command]:
        """Take in one event at `now` (monotonic seconds); return what is to be done, in order."""
        self._handlers[type(event)](event, now)
        if self.is_unsettled:
            self._settle(now)
            self._stories.tell(self, now)
        if self._queues:
            self._tell_queues(now)
        commands, self._out = self._out, []
        return commands

    def check(self) -> None:
        """Raise AssertionError if an invariant is broken. Tests call it after every event."""
        check(self)

    # Requests -----------------------------------------------------------------------------------------------

    def _on_wanted(self, event: ev.Wanted, now: float) -> None:
        """Serve, queue or refuse a request.

        1. Unknown: refuse.
        2. Ready, nobody before it, a slot free (the hot path); or ejected, and nobody else could answer: grant at once.
        3. Switched off, failed with a rest longer than it pays to wait, or no time left: refuse.
        4. Otherwise wait.
        """
        residency = self.residencies.get(event.model)
        if residency is None:  # 1
            self.order(Refuse(event.request, unknown(event.model)))
            return
        is_open = residency.state is S.READY and residency.enabled and residency.has_free_slot
        if (is_open and not self.waiting.count(event.model)) or (event.insists and may_insist(residency)):  # 2
            self._grant(event.request, residency, now)
            return
        if (refusal := why_not(residency, now, event.deadline)) is not None:  # 3
            self.order(Refuse(event.request, refusal))
            return
        due = self._queue.due(event.priority, now)  # 4
        if not self.waiting.count(event.model):
            residency.begin_wanting(now, f"{event.request} ({event.priority.name.lower()}) asked for it")
        self.waiting.add(Waiter(event.request, event.model, event.priority, now, event.deadline, due))
        residency.tell(now, f"wanted by {event.request} ({event.priority.name.lower()})")
        self._announce_queue(residency)
        self.is_unsettled = True

    def _grant(self, request: str, residency: Residency, now: float) -> None:
        residency.note_grant(request, now)
        self.expected.drop(residency.spec.id)
        self.leases[request] = (residency.spec.id, residency.epoch)
        self.order(Grant(request, residency.spec.id))

    def _on_abandoned(self, event: ev.Abandoned, now: float) -> None:
        if (waiter := self.waiting.pop(event.request)) is not None:
            residency = self.residencies[waiter.model]
            residency.tell(now, f"{event.request} left the queue")
            self._announce_queue(residency)
            self.is_unsettled = True

    def _on_released(self, event: ev.Released, now: float) -> None:
        lease = self.leases.pop(event.request, None)
        if lease is None:
            return
        model, epoch = lease
        residency = self.residencies.get(model)
        if residency is None or residency.epoch != epoch:
            return
        residency.note_release(event.request, now, ok=event.ok)
        if event.ok:
            residency.note_answer()
            if residency.state is S.FAILED:  # it was ejected, and asked all the same
                residency.forgive()
                self.move(residency, T.RESET, now, "it answered")
        is_idle = residency.in_flight == 0 and residency.spec.is_loadable  # a TTL, a return, lowered books may follow
        if residency.state is not S.READY or is_idle or self.waiting:
            self.is_unsettled = True

    # Leaving ------------------------------------------------------------------------------------------------

    def dismiss(self, residency: Residency, why: Leaving, now: float) -> None:
        """Start a model on its way out of memory."""
        residency.leaving = why
        self.move(residency, T.CHOSEN, now, why.value)

    def leave(self, residency: Residency, why: Leaving, now: float) -> None:
        """Have a model leave as soon as it can: at once, after its answers, or in the middle of its load."""
        if residency.leaving is Leaving.FORGOTTEN:
            return  # nothing outranks that
        if residency.state in {S.READY, S.ASLEEP} and not residency.is_settling:
            if residency.is_fixed and why is not Leaving.FORGOTTEN:
                residency.tell(now, f"it stays, although {why.value}")
            elif residency.spec.is_loadable or why is Leaving.FORGOTTEN:
                self.dismiss(residency, why, now)
        elif residency.state is S.LOADING:
            residency.leaving = why
            error = ModelFailed(f"the load of {residency.spec.id} was cancelled: {why.value}", model=residency.spec.id)
            self.refuse_all(residency, error, now)
            self._abort(residency, now, why.value)
        elif residency.state is S.DRAINING or residency.is_settling:
            residency.leaving = why
        self.is_unsettled = True

    def _abort(self, residency: Residency, now: float, why: str) -> None:
        if not residency.is_aborting:
            residency.is_aborting = True
            residency.tell(now, f"load aborted: {why}")
            self.order(AbortLoad(residency.spec.id))

    # Time -----------------------------------------------------------------------------------------------------

    def _on_tick(self, event: ev.Tick, now: float) -> None:  # noqa: ARG002  # handlers share one shape
        for waiter in self.waiting.expired(now):
            self.waiting.pop(waiter.request)
            residency = self.residencies[waiter.model]
            self.order(Refuse(waiter.request, too_late(waiter, residency, now)))
            residency.tell(now, f"{waiter.request} passed its deadline")
            self._announce_queue(residency)
        for residency in self.residencies.values():
            if residency.state is S.FAILED and residency.retry_at is not None and residency.retry_at <= now:
                residency.on_probation = True
                self.move(residency, T.COOLED, now, "one probe is let through")
            elif residency.state is S.LOADING and now >= (ends := load_ends(residency, self._load_timeout_s)):
                self._abort(residency, now, f"it took longer than {ends - residency.since:.0f} s")
        self.is_unsettled = True

    # Settling: after every event that may let something else happen -----------------------------------------

    def _settle(self, now: float) -> None:
        """Bring everything to rest.

        1. Models that left the catalog, or that were switched off, and are out of memory: gone, or DISABLED. One that
           left the catalog and that its engine cannot unload is its engine's alone from now on.
        2. Remote models whose rest is over: ready again.
        3. Models nobody's room depends on any more, or that cannot leave, are not driven out; models unused for their
           TTL leave, and so do those that nobody may use any more and that would not leave before.
        4. Whoever can be served is served: a model that has just been loaded is used before it is driven out.
        5. Room is made for what is waited for; what has room is loaded.
        6. Drained models leave.
        """
        while self.is_unsettled:
            self.is_unsettled = False
            for residency in list(self.residencies.values()):
                self._settle_one(residency, now)
            for model in self.waiting.models():  # 4
                self._serve(self.residencies[model], now)
            self._make_room(now)  # 5
            for residency in self.residencies.values():
                if residency.state is S.DRAINING and residency.in_flight == 0:  # 6
                    self._depart(residency, now)
        coming = [e.at for e in self.expected.all(self.residencies, now) if e.at > now]
        moments = [wait.until for wait in self.outlook.values() if wait.until is not None and wait.until > now]
        self.alarm = next_alarm(
            self.residencies.values(),
            self.waiting,
            now,
            load_timeout_s=self._load_timeout_s,
            others=(*coming, *moments, *self.expected.ends(now)),
        )

    def _settle_one(self, residency: Residency, now: float) -> None:
        state, spec = residency.state, residency.spec
        if state in {S.ABSENT, S.FAILED, S.DISABLED} and residency.leaving is Leaving.FORGOTTEN:  # 1
            del self.residencies[spec.id]
        elif state is S.ABSENT and not residency.enabled:
            residency.leaving = None
            self.move(residency, T.DISABLE, now, "switched off")
        elif state is S.ABSENT and not spec.is_loadable:  # 2
            self.move(residency, T.APPEARED, now, "its rest is over")
        elif residency.is_fixed and residency.leaving is Leaving.FORGOTTEN:  # 1
            if residency.in_flight == 0:
                self.move(residency, T.VANISHED, now, "its engine cannot unload it, and the catalog has it no more")
        elif state is S.DRAINING and (
            why := self.room.may_stay(residency, self.ledger_of(residency), self.waiting, self.residencies)
        ):  # 3
            residency.leaving = None
            self.move(residency, T.REVIVED, now, why)
        elif is_past_ttl(residency, now) and not self.waiting.count(spec.id):
            self.expected.drop(spec.id)
            self.dismiss(residency, Leaving.TTL, now)
        elif is_overstaying(residency, now):
            self.dismiss(residency, residency.leaving or Leaving.DISABLE, now)

    def _make_room(self, now: float) -> None:
        """Carry out what is decided: 1. a budget was lowered; 2. for those who wait; 3. for those who are expected."""
        for ledger in self.ledgers.values():
            if ledger.excess:  # 1
                self._call_off_for(ledger, now)
                for victim in self.room.too_much(ledger, self.waiting, self.residencies, now):
                    leaver = self.residencies[victim]
                    is_here = leaver.spec.device == ledger.device
                    self.dismiss(leaver, Leaving.BUDGET if is_here else Leaving.HOST_ROOM, now)
        self.outlook.clear()
        for decision in self.room.decide(self.waiting, self.residencies, self.ledgers, now):  # 2
            self._carry_out(decision, now)
        comers = {e.residency.spec.id: e for e in self.expected.all(self.residencies, now) if e.at <= now}
        self._drop_outdated(comers)
        if not comers:
            return
        ready = [e.residency for e in comers.values()]
        kept = self.expected.hinted
        wish = self.room.decide_expected(ready, self.waiting, self.residencies, self.ledgers, now, kept=kept)
        if wish is not None:  # 3
            comer = self.residencies[wish.model]
            if not comer.is_expected:
                comer.begin_wanting(now, comers[wish.model].why)
                comer.is_expected = True
                self._coming.add(wish.model)
            self._carry_out(wish, now)

    def _call_off_for(self, ledger: MemoryLedger, now: float) -> None:
        """Call a load for nobody off, because its device's budget was lowered."""
        for model in ledger.held:
            residency = self.residencies[model]
            is_for_nobody = residency.state is S.LOADING and residency.is_expected and not self.waiting.count(model)
            if is_for_nobody and residency.spec.device == ledger.device:
                residency.leaving = Leaving.BUDGET
                self._abort(residency, now, Leaving.BUDGET.value)

    def _drop_outdated(self, comers: Container[str]) -> None:
        """Stop making room for models that are not expected any more, or on whose device somebody waits by now."""
        waited = {self.residencies[model].spec.device for model in self.waiting.models()}
        for model in list(self._coming):
            residency = self.residencies.get(model)
            if residency is None or residency.state is not S.LOADING:
                if residency is not None and model in comers and residency.spec.device not in waited:
                    continue
                self._coming.discard(model)
                if residency is not None:
                    residency.is_expected = False

    def _carry_out(self, decision: Decision, now: float) -> None:
        residency = self.residencies[decision.model]
        match decision:
            case Load():
                self._begin_load(residency, now)
            case Evict(victims=victims):
                residency.evicted = (*residency.evicted, *(v for v in victims if v not in residency.evicted))
                residency.tell(now, f"makes room by evicting {', '.join(victims)}")
                for victim in victims:
                    self._evict(self.residencies[victim], residency, now)
                here = {m for m in self.waiting.models() if self.residencies[m].spec.device == residency.spec.device}
                self.waiting.count_swap(here - {*victims, decision.model})
            case Wait():
                self.outlook[decision.model] = decision
                self.warm(residency)
            case CallOff():
                residency.leaving = Leaving.ROOM
                self._abort(residency, now, "somebody waits for its room, and nobody for it")
            case NeverFits():
                self.refuse_all(residency, no_fit(decision), now)

    def warm(self, residency: Residency) -> None:
        """Have a model's file read ahead, once, if it is not in the file cache."""
        if residency.tier is Tier.DISK and not residency.is_warmed:
            residency.is_warmed = True
            self.order(Warm(residency.spec.id))

    def _evict(self, victim: Residency, winner: Residency, now: float) -> None:
        winner.bytes_evicted += self.ledger_of(winner).holds(victim.spec.id)
        winner.swap.chosen = now if winner.swap.chosen is None else winner.swap.chosen
        is_beside = victim.spec.device != winner.spec.device  # what is wanted is the copy it holds in host memory
        victim.leaving = Leaving.HOST_ROOM if is_beside else Leaving.ROOM
        victim.leaves_for, victim.was_displaced = winner.spec.id, True
        self.move(victim, T.CHOSEN, now, f"{winner.spec.id} needs its room")

    def _begin_load(self, residency: Residency, now: float) -> None:
        ledger, model = self.ledger_of(residency), residency.spec.id
        was_asleep = residency.state is S.ASLEEP
        ledger.reserve(model, residency.need)
        residency.wants_empty_device, residency.leaving = False, None
        residency.stage, residency.fraction, residency.load_from = "starting", None, residency.tier
        books = f"{size_text(residency.need)} booked, {size_text(ledger.free)} left of {size_text(ledger.budget)}"
        self.move(residency, T.ROOM_MADE, now, books)
        self.order(Wake(model) if was_asleep else StartLoad(model, residency.evicted))

    def _depart(self, residency: Residency, now: float) -> None:
        model = residency.spec.id
        if not residency.spec.is_loadable:
            self.move(residency, T.VANISHED, now, "not loaded here")
        elif residency.can_sleep and residency.leaving in PARKS and self._book_parking(residency, now):
            self._note_drained(residency, now)
            residency.is_settling = True
            self.move(residency, T.DRAINED_TO_SLEEP, now)
            self.order(Sleep(model))
        else:
            self._note_drained(residency, now)
            self.move(residency, T.DRAINED, now)
            self.order(StartUnload(model))

    def _book_parking(self, residency: Residency, now: float) -> bool:
        """Book the host memory that a parked model takes; others that are parked there leave for it by the same rule.

        A device that is the host's memory itself has nothing beside it.
        """
        host = self.ledgers.get(HOST)
        if host is None or residency.spec.device == HOST:
            return True
        need = residency.spec.memory.weights or residency.need
        has_copy = residency.spec.id in host
        victims = self.room.for_parking(host, 0 if has_copy else need, residency, self.waiting, self.residencies, now)
        if victims is None:
            residency.tell(now, f"not parked: {size_text(need)} of host memory are not to be had")
            return False
        if victims:  # their memory is not back in this moment; the next model that is parked finds it
            for victim in victims:
                self.dismiss(self.residencies[victim], Leaving.HOST_ROOM, now)
            residency.tell(now, f"not parked: {', '.join(victims)} had to leave host memory first")
            return False
        if not has_copy:
            host.reserve(residency.spec.id, need)
            self.announce_memory(host)
        return True

    def _note_drained(self, victim: Residency, now: float) -> None:
        if (winner := self.residencies.get(victim.leaves_for)) is not None:
            winner.swap.drained = now

    def note_freed(self, victim: Residency, now: float) -> None:
        """Note for whom it made room that its memory is back."""
        if (winner := self.residencies.get(victim.leaves_for)) is not None:
            winner.swap.freed = now

    def _serve(self, residency: Residency, now: float) -> None:
        if residency.state is not S.READY:
            return
        served = False
        while residency.has_free_slot and (waiter := self.waiting.head(residency.spec.id)) is not None:
            self.waiting.pop(waiter.request)
            self._grant(waiter.request, residency, now)
            served = True
        if served:
            self._announce_queue(residency)

    def refuse_all(self, residency: Residency, error: BatutaError, now: float) -> None:
        """Refuse everybody who waits for a model."""
        waiters = self.waiting.of(residency.spec.id)
        for waiter in waiters:
            self.waiting.pop(waiter.request)
            self.order(Refuse(waiter.request, error))
        if waiters:
            residency.tell(now, f"{len(waiters)} refused: {error.message}")
            self._announce_queue(residency)
            self.is_unsettled = True

    # The one way to change a state --------------------------------------------------------------------------

    def move(self, residency: Residency, trigger: Trigger, now: float, detail: str = "") -> None:
        """Change a model's state, in the one way there is, and tell why."""
        old = residency.state
        new = TRANSITIONS[old, trigger]
        reason = f"{trigger.value}: {detail}" if detail else trigger.value
        residency.enter(new, reason, now)
        if new in {S.ABSENT, S.FAILED, S.DISABLED} or trigger is T.SEEN_ASLEEP:
            self.release_memory(residency, now)
            residency.end_stay(self.next_epoch())
        if (old, new) == (S.ASLEEP, S.READY):
            self.book_copy(residency, residency.host_bytes)
        elif new in {S.ABSENT, S.FAILED, S.DISABLED}:
            self.book_copy(residency, 0)
            residency.go_home()
        if trigger in VOID:
            self.expected.drop(residency.spec.id)
        cause = residency.cause.value if residency.cause and new in {S.FAILED, S.DISABLED} else None
        message = residency.message if cause else None
        self.announce(ModelStateChanged(residency.spec.id, old.value, new.value, reason, cause, message))
        if S.LOADING in {old, new}:
            self.announce_memory(self.ledger_of(residency))
        self.is_unsettled = True

    def release_memory(self, residency: Residency, now: float) -> None:
        """End a model's booking."""
        freed = self.ledger_of(residency).release(residency.spec.id)
        if freed:
            residency.tell(now, f"{size_text(freed)} given back")
            self.announce_memory(self.ledger_of(residency))

    def book_copy(self, residency: Residency, size: int) -> None:
        """Book what a model of another device holds of the host's memory, as far as there is room; 0 ends it."""
        host = self.ledgers.get(HOST)
        if host is None or residency.spec.device == HOST or host.holds(residency.spec.id) == size:
            return
        host.release(residency.spec.id)
        if size and (size := min(size, host.free)):
            host.reserve(residency.spec.id, size)
        self.announce_memory(host)

    def next_epoch(self) -> int:
        """Return a number that no stay in memory has had."""
        return next(self._epochs)

    def order(self, command: Command) -> None:
        """Have something done, after what was ordered before."""
        self._out.append(command)

    def ledger_of(self, residency: Residency) -> MemoryLedger:
        """Return the ledger that a model is booked in."""
        return self.ledgers[residency.spec.device]

    def announce(self, fact: Fact) -> None:
        """Tell the bus."""
        self.order(Announce(fact))

    def _announce_queue(self, residency: Residency) -> None:
        self._queues[residency.spec.id] = None

    def _tell_queues(self, now: float) -> None:
        """Tell of the queues that have changed, once everything has come to rest: then it is known what follows."""
        for model in self._queues:
            residency = self.residencies.get(model)
            if residency is None:  # it has left the catalog, and nobody waits for it any more
                self.announce(QueueChanged(model, 0, 0))
                continue
            place, expected_s = brief(self, model, now)
            waiting = self.waiting.count(model)
            self.announce(QueueChanged(model, waiting, residency.in_flight, place, expected_s))
        self._queues.clear()

    def announce_memory(self, ledger: MemoryLedger) -> None:
        """Tell what a device holds now."""
        self.announce(MemoryChanged(ledger.device, ledger.budget, ledger.reserved, ledger.held))

    def __repr__(self) -> str:
        books = ", ".join(f"{gib(b.reserved)}/{gib(b.budget)} GiB" for b in self.ledgers.values())
        models = ", ".join(f"{m} {r.progress_text}" for m, r in self.residencies.items())
        return f"<Lifecycle {books}, {models}>"
