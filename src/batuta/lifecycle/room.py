"""Decides which waiting model is loaded next and who has to leave for it. Pure: it reads, it changes nothing.

For each model that somebody waits for, the one due first first:

1. It is larger than the device's whole budget, or models that are pinned, or whose servers Batuta cannot stop, leave
   too little: it never fits, refuse.
2. After an out-of-memory it wants the device empty: everything unpinned leaves, then it is tried once more.
3. Nothing is loading on the device and it fits into what is free: load it.
4. It fits once the models that are already leaving have left, or another load is under way: wait. A load for which
   nobody waits, only a hint or a return, is called off.
5. It fits if idle models leave: the cheapest of them leave.
6. It fits if busy models leave too, and its waiter is overdue: they are closed to new requests and drained. A model
   whose own waiter is due earlier is left alone: it would be the first to be loaded again. So is one that has not been
   there for some times what its swap costs.
7. It would fit so, but it is not time yet: wait until then.

What an earlier model in the queue waits for is set aside, so that a later, smaller one cannot take it away.

Where nobody waits for anything, models that are expected (a hint, a return) are loaded by rules 3 and 5 alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from batuta.catalog.entities import Tier
from batuta.lifecycle.eviction import Candidate, EvictionPolicy
from batuta.lifecycle.ledger import MemoryLedger, size_text
from batuta.lifecycle.queueing import QueuePolicy, Waiter, WaitingRoom
from batuta.lifecycle.residency import PARKS, Leaving, LoadPlan, Residency
from batuta.lifecycle.states import ModelState

S = ModelState
LEAVING = frozenset({S.DRAINING, S.UNLOADING})


@dataclass(frozen=True, slots=True)
class Load:
    """Load this model now: its room is free."""

    model: str


@dataclass(frozen=True, slots=True)
class Evict:
    """These models have to leave so that `model` can come."""

    model: str
    victims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeverFits:
    """The model cannot be held.

    Attributes:
        model: which.
        reason: the figures.
        pinned_by: it could if these were not pinned.
        held_by: it could if a person stopped the servers that hold these.
    """

    model: str
    reason: str
    pinned_by: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()

    @property
    def details(self) -> dict[str, list[str]]:
        """Who is in the way, for an error's body."""
        ways = {"pinned_by": self.pinned_by, "held_by": self.held_by}
        return {way: list(models) for way, models in ways.items() if models}

    @property
    def verdict(self) -> str:
        """When it fits, as `LoadPlan.fits` says it."""
        if self.held_by:
            return "after_stopping"
        return "after_unpinning" if self.pinned_by else "never"


class WaitReason(StrEnum):
    """Why a waited-for model is not loaded yet."""

    ROOM = "what would make room is kept for others"
    BUSY = "models that would make room are answering"
    LOADING = "another model is being loaded"
    LEAVING = "models that make room are leaving"
    TURN = "another model's turn is earlier"


@dataclass(frozen=True, slots=True)
class Wait:
    """The model is waited for and has to wait itself.

    Attributes:
        model: which.
        reason: for what.
        victims: who will make room for it, where that is known.
        until: monotonic seconds from which busy victims are drained; None: something else has to happen first.
    """

    model: str
    reason: WaitReason
    victims: tuple[str, ...] = ()
    until: float | None = None


@dataclass(frozen=True, slots=True)
class CallOff:
    """The load of this model is for nobody who waits, and somebody waits for its room."""

    model: str


Decision = Load | Evict | NeverFits | Wait | CallOff


@dataclass(slots=True)
class _Books:
    """One device during one round of decisions, in bytes."""

    free: int
    coming: int
    is_loading: bool
    for_nobody: str = ""
    spoken_for: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    def take(self, victims: Iterable[str]) -> None:
        """Note who leaves for a model of this device."""
        self.spoken_for.update(victims)
        self.taken.update(victims)

    def set_aside(self, need: int) -> None:
        """Keep `need` for an earlier model: first of what is coming, then of what is free."""
        from_coming = min(self.coming, need)
        self.coming -= from_coming
        self.free = max(0, self.free - (need - from_coming))


class RoomMaker:
    """Applies the rules above to the residencies."""

    def __init__(self, eviction: EvictionPolicy, queue: QueuePolicy) -> None:
        self._eviction = eviction
        self._queue = queue

    def decide(
        self,
        waiting: WaitingRoom,
        residencies: Mapping[str, Residency],
        ledgers: Mapping[str, MemoryLedger],
        now: float,
    ) -> list[Decision]:
        """Return what to do now for those that are waited for, in order. At most one decision a model."""
        decisions: list[Decision] = []
        books: dict[str, _Books] = {}
        taken: set[str] = set()  # one that holds memory of two devices leaves for one of those who wait, not for both
        for model in waiting.models():
            residency = residencies[model]
            if residency.state not in {S.ABSENT, S.ASLEEP} or residency.is_settling:
                continue
            ledger = ledgers[residency.spec.device]
            page = books.get(ledger.device)
            if page is None:
                page = books[ledger.device] = self._open(ledger, residencies.values(), waiting)
                page.taken = taken
            decision = self._one(residency, ledger, page, waiting, residencies, now)
            decisions.append(decision)
            if page.for_nobody and residency.need > ledger.free and isinstance(decision, Wait):
                decisions.append(CallOff(page.for_nobody))
                page.for_nobody = ""
        return decisions

    def decide_expected(
        self,
        expected: Iterable[Residency],
        waiting: WaitingRoom,
        residencies: Mapping[str, Residency],
        ledgers: Mapping[str, MemoryLedger],
        now: float,
        *,
        kept: frozenset[str] = frozenset(),
    ) -> Decision | None:
        """Return what to do for the first of the models that are expected, where nobody waits on its device.

        Only idle models leave for it, and none of `kept`.
        """
        for residency in expected:
            device = residency.spec.device
            if residency.state not in {S.ABSENT, S.ASLEEP} or residency.is_settling:
                continue
            if _is_waited_for(device, waiting, residencies):
                continue
            ledger = ledgers[device]
            page = self._open(ledger, residencies.values(), waiting)
            if page.is_loading or page.coming or residency.need > ledger.budget:
                continue
            if residency.need <= page.free:
                return Load(residency.spec.id)
            candidates = self._candidates(ledger, residencies.values(), waiting, now, spare=kept)
            idle = [c for c in candidates if not c.is_busy]
            victims = self._eviction.victims(residency.need - page.free, idle, now)
            if victims:
                return Evict(residency.spec.id, victims)
        return None

    def too_much(
        self,
        ledger: MemoryLedger,
        waiting: WaitingRoom,
        residencies: Mapping[str, Residency],
        now: float,
    ) -> tuple[str, ...]:
        """Return who has to leave because a device's budget was lowered below what is booked; busy ones are drained.

        Where those who may leave are not enough, all of them leave.
        """
        coming = self._open(ledger, residencies.values(), waiting).coming
        missing = ledger.excess - coming
        if missing <= 0:
            return ()
        candidates = self._candidates(ledger, residencies.values(), waiting, now)
        victims = self._eviction.victims(missing, candidates, now)
        return tuple(c.model for c in candidates) if victims is None else victims

    def for_parking(
        self,
        ledger: MemoryLedger,
        need: int,
        comer: Residency,
        waiting: WaitingRoom,
        residencies: Mapping[str, Residency],
        now: float,
    ) -> tuple[str, ...] | None:
        """Return which parked models leave host memory so that another can be parked there; None: it cannot be.

        Nobody is parked where somebody waits for room, and nobody leaves for one whose parking is worth less.

        need: bytes that are still to be booked for it.
        """
        if _is_waited_for(ledger.device, waiting, residencies):
            return None
        if need <= ledger.free:
            return ()
        candidates = self._candidates(ledger, residencies.values(), waiting, now)
        parked = [c for c in candidates if residencies[c.model].state is S.ASLEEP and not waiting.count(c.model)]
        victims = self._eviction.victims(need - ledger.free, parked, now)
        if victims is None:
            return None
        gain = comer.reuse_at(now) * (comer.load_s_from(Tier.CACHED) - comer.load_s_from(Tier.PARKED))
        return victims if sum(c.cost for c in parked if c.model in victims) < gain else None

    def _open(self, ledger: MemoryLedger, residencies: Iterable[Residency], waiting: WaitingRoom) -> _Books:
        here = [r for r in residencies if r.spec.device == ledger.device or r.spec.id in ledger]
        coming = sum(ledger.holds(r.spec.id) for r in here if _gives_back(r, ledger))
        # A stray on its way out is in no book, and its memory is taken all the same: it is waited for like a load.
        loading = [
            r
            for r in here
            if (r.state is S.LOADING and r.spec.device == ledger.device) or (r.is_stray and r.state is S.UNLOADING)
        ]
        for_nobody = [
            r.spec.id
            for r in loading
            if r.state is S.LOADING and r.is_expected and not r.is_aborting and not waiting.count(r.spec.id)
        ]
        return _Books(ledger.free, coming, bool(loading), for_nobody="".join(for_nobody))

    def _one(
        self,
        residency: Residency,
        ledger: MemoryLedger,
        page: _Books,
        waiting: WaitingRoom,
        residencies: Mapping[str, Residency],
        now: float,
    ) -> Decision:
        model, need = residency.spec.id, residency.need
        candidates = self._candidates(ledger, residencies.values(), waiting, now, spare=page.taken)
        if (never := self._never(residency, ledger, residencies.values())) is not None:  # 1
            return never
        if residency.wants_empty_device and (others := tuple(c.model for c in candidates)):  # 2
            page.set_aside(need)
            page.take(others)
            return Evict(model, others)
        if residency.wants_empty_device and page.coming:
            page.set_aside(need)
            return Wait(model, WaitReason.LEAVING)
        if need <= page.free and not page.is_loading:  # 3
            page.free -= need
            page.is_loading = True
            return Load(model)
        if need <= page.free + page.coming or page.is_loading:  # 4
            is_first = not page.spoken_for
            why = WaitReason.LOADING if page.is_loading else WaitReason.LEAVING if is_first else WaitReason.TURN
            page.set_aside(need)
            return Wait(model, why)
        missing = need - page.free - page.coming
        idle = [c for c in candidates if not c.is_busy]
        head = waiting.head(model)
        victims, until = self._eviction.victims(missing, idle, now), now  # 5
        if victims is None:
            later = [c for c in candidates if not self._is_before(waiting.head(c.model), head)]
            victims, until = self._drained(residency, head, missing, later, residencies, now)  # 6, 7
        if victims is None:  # what it needs is loading, or held by models others already wait to replace
            page.set_aside(need)
            return Wait(model, WaitReason.TURN if page.spoken_for else WaitReason.ROOM)
        page.coming += sum(ledger.holds(v) for v in victims)
        page.take(victims)
        page.set_aside(need)
        return Evict(model, victims) if until <= now else Wait(model, WaitReason.BUSY, victims, until)

    def _drained(
        self,
        residency: Residency,
        head: Waiter | None,
        missing: int,
        candidates: list[Candidate],
        residencies: Mapping[str, Residency],
        now: float,
    ) -> tuple[tuple[str, ...] | None, float]:
        """Return whom to drain for a model, and from when on; models that have had their time go first."""
        ready_at = {c.model: self._ripe_at(residencies[c.model], residency) if c.is_busy else now for c in candidates}
        for moment in sorted({now, *(at for at in ready_at.values() if at > now)}):
            ripe = [c for c in candidates if ready_at[c.model] <= moment]
            victims = self._eviction.victims(missing, ripe, now)
            if victims is not None and head is not None:
                due = now if self._queue.is_overdue(head, now) else head.due
                return victims, max(due, moment)
        return None, now

    def _ripe_at(self, victim: Residency, comer: Residency) -> float:
        swap_s = comer.load_s + victim.load_s_from(victim.tier_after)
        return victim.resident_at + self._queue.leave_alone_s(swap_s)

    @staticmethod
    def _is_before(other: Waiter | None, head: Waiter | None) -> bool:
        return other is not None and head is not None and other.due < head.due

    @staticmethod
    def could_empty(residency: Residency, residencies: Iterable[Residency]) -> bool:
        """Say whether others on the model's device could leave, for one more try after an out-of-memory."""
        others = (r for r in residencies if r is not residency and r.spec.device == residency.spec.device)
        return any(r.state is S.READY and r.spec.is_loadable and not (r.pinned or r.is_fixed) for r in others)

    def _candidates(
        self,
        ledger: MemoryLedger,
        residencies: Iterable[Residency],
        waiting: WaitingRoom,
        now: float,
        *,
        spare: Collection[str] = (),
    ) -> list[Candidate]:
        return [
            Candidate(
                model=r.spec.id,
                held=ledger.holds(r.spec.id),
                last_used=r.last_used,
                cost=r.reuse_at(now) * _price(r, ledger),
                is_busy=r.in_flight > 0 or waiting.count(r.spec.id) > 0,
            )
            for r in residencies
            if _may_leave(r, ledger) and r.spec.id in ledger and r.unload_again_at <= now and r.spec.id not in spare
        ]

    @staticmethod
    def _never(residency: Residency, ledger: MemoryLedger, residencies: Iterable[Residency]) -> NeverFits | None:
        need, model = residency.need, residency.spec.id
        if need > ledger.budget:
            words = f"{model} needs {size_text(need)}, the budget of {ledger.device} is {size_text(ledger.budget)}"
            return NeverFits(model, words)
        others = sorted((r for r in residencies if r.spec.id in ledger and r is not residency), key=lambda r: r.spec.id)
        fixed = tuple(r.spec.id for r in others if r.is_fixed)
        pinned = tuple(r.spec.id for r in others if r.pinned and not r.is_fixed)
        stays, kept = (sum(ledger.holds(each) for each in each_way) for each_way in (fixed, pinned))
        if need <= ledger.budget - stays - kept:
            return None
        words = f"{model} needs {size_text(need)}, and of the {size_text(ledger.budget)} of {ledger.device} "
        if stays:
            words += f"{size_text(stays)} ({', '.join(fixed)}) are held by a server that Batuta cannot stop"
        if need > ledger.budget - stays:  # unpinning would not help
            return NeverFits(model, f"{words}: stop it yourself", held_by=fixed)
        words += f"{', and ' if stays else ''}{size_text(kept)} are pinned by {', '.join(pinned)}"
        return NeverFits(model, f"{words}; unpin {'it' if len(pinned) == 1 else 'one'}", pinned)

    def may_stay(
        self, leaver: Residency, ledger: MemoryLedger, waiting: WaitingRoom, residencies: Mapping[str, Residency]
    ) -> str:
        """Say why a model that is draining need not leave after all; empty if it has to."""
        if leaver.is_fixed:
            return "its engine cannot unload it"
        if leaver.leaving is Leaving.BUDGET and not ledger.excess:
            return "the budget allows it again"
        if leaver.leaving is Leaving.ROOM and not self._is_needed(leaver, ledger, waiting, residencies):
            return "nobody needs its room any more"
        return ""

    @staticmethod
    def _is_needed(
        leaver: Residency, ledger: MemoryLedger, waiting: WaitingRoom, residencies: Mapping[str, Residency]
    ) -> bool:
        """Say whether a model that is draining for room still has to leave for those who wait, or are expected."""
        if leaver.pinned:
            return False
        comer = residencies.get(leaver.leaves_for)
        if comer is not None and comer.is_expected and not waiting.count(leaver.spec.id):
            return True
        here = [r for r in residencies.values() if r.spec.device == ledger.device]
        coming = sum(ledger.holds(r.spec.id) for r in here if r.state is S.UNLOADING or r.is_settling)
        wanted = [r for r in here if r.state in {S.ABSENT, S.ASLEEP} and waiting.count(r.spec.id)]
        if any(r.wants_empty_device for r in wanted):
            return True
        return sum(r.need for r in wanted) > ledger.free + coming

    def plan(
        self,
        residency: Residency,
        ledger: MemoryLedger,
        waiting: WaitingRoom,
        residencies: Mapping[str, Residency],
        now: float,
    ) -> LoadPlan:
        """Answer `would it fit, what would go` without doing anything."""
        model, need, seconds = residency.spec.id, residency.need, residency.load_s

        def answer(fits: str, reason: str, evict: tuple[str, ...] = ()) -> LoadPlan:
            return LoadPlan(model, fits, evict, need, ledger.free, ledger.budget, seconds, reason)

        if not residency.spec.is_loadable:
            return answer("now", "it is not loaded here")
        if residency.state in {S.READY, S.LOADING}:
            return answer("now", f"it is {residency.state.value}")
        if (never := self._never(residency, ledger, residencies.values())) is not None:
            told = answer(never.verdict, never.reason)
            return replace(told, pinned_by=never.pinned_by, held_by=never.held_by)
        if need <= ledger.free:
            return answer("now", f"{size_text(ledger.free)} are free")
        candidates = self._candidates(ledger, residencies.values(), waiting, now)
        victims = self._eviction.victims(need - ledger.free, candidates, now)
        if victims is None:
            return answer("after_evicting", "models that are loading or leaving have to finish first")
        return answer("after_evicting", f"{', '.join(victims)} would be evicted", victims)


def _is_waited_for(device: str, waiting: WaitingRoom, residencies: Mapping[str, Residency]) -> bool:
    """Say whether somebody waits for a model that would take memory of the device; a queue at an API does not."""
    waited = (residencies[model].spec for model in waiting.models())
    return any(spec.device == device and spec.is_loadable for spec in waited)


def _may_leave(residency: Residency, ledger: MemoryLedger) -> bool:
    """Say whether a model could give back what it holds of a device: it is there, or parked there, and not kept."""
    if residency.pinned or residency.is_fixed:
        return False
    if residency.spec.device == ledger.device:
        return residency.state is S.READY
    return residency.state in {S.ASLEEP, S.READY} and not residency.is_settling


def _gives_back(residency: Residency, ledger: MemoryLedger) -> bool:
    """Say whether a model is on its way out of a device's memory.

    What falls asleep leaves its device; in the memory that it is parked in it stays, or to that it comes.
    """
    if residency.spec.device == ledger.device:
        is_stopped = residency.state is S.LOADING and residency.is_aborting
        return residency.state in LEAVING or residency.is_settling or is_stopped
    is_parked_next = residency.can_sleep and residency.leaving in PARKS
    return residency.state is S.UNLOADING or (residency.state is S.DRAINING and not is_parked_next)


def _price(residency: Residency, ledger: MemoryLedger) -> float:
    """Return the seconds that bringing a model back will take more than it takes now."""
    if residency.spec.device == ledger.device:
        return residency.load_s_from(residency.tier_after)
    now = residency.load_s_from(Tier.PARKED) if residency.state is S.ASLEEP else 0.0
    return residency.load_s_from(Tier.CACHED) - now
