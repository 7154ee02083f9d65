"""One model's place in memory: the mutable record, and the frozen views others get of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING

from batuta.catalog.entities import ModelSpec, Tier
from batuta.errors import Cause
from batuta.lifecycle.events import Limited
from batuta.lifecycle.health import GIVE_UP_AFTER, RESTS, cooldown
from batuta.lifecycle.load_times import LoadTimes
from batuta.lifecycle.reuse import Reuse
from batuta.lifecycle.states import ModelState

if TYPE_CHECKING:
    from batuta.lifecycle.forecast import Forecast

CACHED_SHARE = 0.9  # of a file: the rest is read while the first is copied
ANSWER_WEIGHT = 0.2  # of the newest answer: their lengths differ much
RESIDENT = frozenset({ModelState.READY, ModelState.LOADING, ModelState.DRAINING})
OUT_OF_MEMORY = frozenset({ModelState.ABSENT, ModelState.FAILED, ModelState.DISABLED})
STORY_LINES = 200  # some hours of a busy model; 200 lines of 200 bytes are 40 kB


class Leaving(StrEnum):
    """Why a model is on its way out."""

    ROOM = "room is needed"
    BUDGET = "the memory budget was lowered"
    HOST_ROOM = "the host memory it is parked in is needed"
    TTL = "not used for its keep-alive time"
    ASKED = "a person asked"
    DISABLE = "a person switched it off"
    SICK = "too many bad answers"
    FORGOTTEN = "not in the catalog any more"


PARKS = frozenset({Leaving.ROOM, Leaving.TTL, Leaving.BUDGET})
"""Where it is enough that a model leaves its device: it is parked if it can be."""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line of a model's causal log. `at`: monotonic seconds."""

    at: float
    text: str
    old: ModelState | None = None
    new: ModelState | None = None


@dataclass(slots=True)
class SwapTimes:
    """When the steps of making room for a model were over, in monotonic seconds; None: not yet, or not needed."""

    chosen: float | None = None
    drained: float | None = None
    freed: float | None = None

    def parts(self, load_began: float) -> tuple[float | None, float | None]:
        """Return the seconds that victims took to finish their answers, and to give their memory back."""
        if self.chosen is None:
            return None, None
        drained = self.chosen if self.drained is None else self.drained
        return drained - self.chosen, (load_began if self.freed is None else self.freed) - drained


@dataclass(slots=True)
class Residency:
    """A model's residency. Only `Lifecycle` changes it."""

    spec: ModelSpec
    can_sleep: bool = False
    state: ModelState = ModelState.ABSENT
    since: float = 0.0
    pinned: bool = False
    enabled: bool = True
    epoch: int = 0  # names one stay in memory: a lease of an earlier one is not in flight any more
    in_flight: int = 0
    last_used: float = 0.0
    was_used: bool = False
    failures: int = 0
    bad_answers: int = 0
    cause: Cause | None = None
    message: str = ""
    retry_at: float | None = None
    on_probation: bool = False
    cools_until: float = 0.0  # a pause: it may be asked, but who can had better ask another
    cools_for: str = ""
    is_limited: bool = False  # the pause is for a limit, not because it is busy
    was_asked_to_cool: bool = False  # its backend asked for the pause
    limits: int = 0  # pauses in a row
    leaving: Leaving | None = None
    stage: str | None = None
    fraction: float | None = None
    evicted: tuple[str, ...] = ()
    bytes_evicted: int = 0
    room_wanted_at: float | None = None
    wanted_for: str = ""  # why it is loaded, in words
    swap: SwapTimes = field(default_factory=SwapTimes)  # of the room that is made for it
    leaves_for: str = ""  # the model whose room it makes
    was_displaced: bool = False  # it left to make room, and nobody has had it back or sent it away since
    is_expected: bool = False  # its load is for a hint or a return: nobody waits for it yet
    is_stray: bool = False  # it was found in memory without room, and is in no book
    is_warmed: bool = False  # its file is being read ahead
    wants_empty_device: bool = False  # out of memory once: everything unpinned leaves, then one retry
    was_retried: bool = False
    is_settling: bool = False  # a Sleep is under way
    is_aborting: bool = False  # an AbortLoad is under way
    unload_again_at: float = 0.0
    fixed: str = ""  # why its engine cannot unload it, as the engine says; empty: it can
    refused: str = ""  # why its engine would not unload it, for good, when it was told to
    learned_bytes: int = 0
    home: str = ""  # the device that the catalog says; it stays where it is booked until it has left
    host_bytes: int = 0  # what it holds of the host's memory beside its device while it is awake
    resident_at: float = 0.0  # since when it is in memory
    granted_at: dict[str, float] = field(default_factory=dict)  # answers under way -> when they began
    answer_s: float | None = None  # smoothed seconds of an answer
    unload_s: float | None = None  # of the last time it left
    cached_share: float | None = None  # of its files in the machine's file cache, when last told
    load_from: Tier = Tier.DISK  # where its bytes were when the load under way began
    times: LoadTimes = field(default_factory=LoadTimes)
    reuse: Reuse = field(default_factory=Reuse)
    load_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    loads: int = 0
    story: deque[StoryLine] = field(default_factory=lambda: deque(maxlen=STORY_LINES))

    @property
    def need(self) -> int:
        """Bytes to book: the estimate, or what was seen if that was more."""
        return max(self.spec.need_bytes, self.learned_bytes) if self.spec.is_loadable else 0

    @property
    def tier(self) -> Tier:
        """Where its bytes are now, as far as is known: a file that was read once is taken to be in the file cache."""
        if not self.spec.is_loadable:
            return Tier.REMOTE
        if self.state in RESIDENT:
            return Tier.RESIDENT
        if self.state is ModelState.ASLEEP:
            return Tier.PARKED
        is_cached = bool(self.loads) if self.cached_share is None else self.cached_share >= CACHED_SHARE
        return Tier.CACHED if is_cached else Tier.DISK

    @property
    def tier_after(self) -> Tier:
        """Where its bytes will be once it has left memory."""
        return Tier.PARKED if self.can_sleep else Tier.CACHED

    def load_s_from(self, tier: Tier) -> float:
        """Return the seconds that a load from there is expected to take."""
        return self.times.expected(tier, self.need)

    @property
    def load_s(self) -> float:
        """Expected seconds until it could answer, from where its bytes are now; 0 when it can."""
        return self.load_s_from(self.tier)

    def reuse_at(self, now: float) -> float:
        """Return its uses, each worth half as much after half an hour."""
        return self.reuse.at(now)

    def note_grant(self, request: str, now: float) -> None:
        """Count an answer that begins."""
        self.in_flight += 1
        self.granted_at[request] = self.last_used = now
        self.was_used, self.was_displaced = True, False
        self.reuse.note(now)

    def note_release(self, request: str, now: float, *, ok: bool | None) -> None:
        """Count an answer that has ended; one that did not go well says nothing of how long answers take."""
        self.in_flight -= 1
        self.last_used = now
        began = self.granted_at.pop(request, None)
        if began is not None and ok:
            before = now - began if self.answer_s is None else self.answer_s
            self.answer_s = before + ANSWER_WEIGHT * (now - began - before)

    @property
    def is_fixed(self) -> bool:
        """It is in memory for as long as its server runs: nothing that Batuta could do frees its bytes."""
        return bool(self.fixed or self.refused)

    @property
    def typical_load_s(self) -> float | None:
        """Median of the last loads in seconds; None before the first."""
        return median(self.load_seconds) if self.load_seconds else None

    @property
    def has_free_slot(self) -> bool:
        """Say whether one more request may be answered; on probation one at a time."""
        if self.on_probation:
            return self.in_flight == 0
        return self.spec.slots == 0 or self.in_flight < self.spec.slots

    def tell(self, now: float, text: str) -> None:
        """Write a line of its story."""
        self.story.append(StoryLine(now, text))

    def note_fixed(self, why: str, now: float) -> bool:
        """Take in what its engine says of unloading it; return whether that is news."""
        if why == self.fixed:
            return False
        self.fixed = why
        self.tell(now, f"it cannot be unloaded: {why}" if why else "it can be unloaded")
        return True

    def enter(self, state: ModelState, reason: str, now: float) -> None:
        """Be in another state. Only `Lifecycle` knows which may follow."""
        self.story.append(StoryLine(now, reason, self.state, state))
        if state is ModelState.READY and self.state is not ModelState.DRAINING:
            self.resident_at = now
        self.state, self.since = state, now
        if state in OUT_OF_MEMORY:
            self.is_expected = False
        if state in {ModelState.READY, ModelState.FAILED}:  # it is back, or it could not come back
            self.was_displaced = False
        if state is not ModelState.LOADING:
            self.stage = self.fraction = None
            self.is_aborting = False

    def end_stay(self, epoch: int) -> None:
        """Be out of memory: no lease of this stay counts any more, and the next one may be at another server."""
        self.epoch, self.in_flight, self.is_settling = epoch, 0, False
        self.granted_at.clear()
        self.host_bytes = 0
        self.fixed = self.refused = self.leaves_for = ""
        self.stay()

    def stay(self) -> None:
        """Forget why it was to leave; that it left the catalog stays true."""
        if self.leaving is not Leaving.FORGOTTEN:
            self.leaving = None

    def forgive(self) -> None:
        """Forget its failures."""
        self.failures = self.bad_answers = 0
        self.cause, self.message, self.retry_at = None, "", None
        self.on_probation = False
        self.limits, self.cools_until = 0, 0.0

    def note_failure(self, cause: Cause, message: str, now: float, *, is_first: bool) -> None:
        """Count a failure and set its rest; `is_first` forgives what was before."""
        self.failures = 1 if is_first else self.failures + 1
        self.cause, self.message = cause, message
        self.retry_at = now + RESTS[cause].after(self.failures)
        self.was_retried = self.wants_empty_device = False

    @property
    def has_given_up(self) -> bool:
        """Too many failures in a row of a kind that a person has to look at."""
        gives_up = self.cause is not None and RESTS[self.cause].gives_up
        return gives_up and self.spec.is_loadable and self.failures >= GIVE_UP_AFTER

    def note_answer(self) -> None:
        """Take note that it answered as it should."""
        self.bad_answers = self.failures = self.limits = 0
        self.on_probation = False

    def note_limit(self, limit: Limited, now: float) -> None:
        """Begin a pause, or draw one out that is under way; a shorter one changes nothing."""
        is_new = self.cools_until <= now
        self.limits += is_new  # who was on the way when it began says the same again
        until = now + cooldown(is_limit=limit.is_limit, asked_s=limit.asked_s, times=self.limits, jitter=limit.jitter)
        if until > self.cools_until:
            self.cools_until, self.cools_for = until, limit.message
            self.is_limited, self.was_asked_to_cool = limit.is_limit, limit.asked_s is not None
        if is_new:
            self.tell(now, f"left alone for {until - now:.1f} s: {limit.message}")

    def note_load(self, memory_bytes: int, seconds: float | None, now: float) -> None:
        """Learn from a load; `seconds` is None for a model that was in memory already."""
        self.learned_bytes = max(self.learned_bytes, memory_bytes)
        self.last_used = now
        self.bad_answers = 0
        self.was_retried = self.wants_empty_device = False
        self.cached_share, self.is_warmed = None, False
        if seconds is not None:
            self.loads += 1
            self.load_seconds.append(seconds)
            self.times.note(self.load_from, seconds)

    def begin_wanting(self, now: float, why: str) -> None:
        """Note that the first of a new queue has come: what an earlier queue waited for is not its story."""
        if self.state in {ModelState.ABSENT, ModelState.ASLEEP, ModelState.FAILED}:
            self.evicted, self.bytes_evicted, self.swap = (), 0, SwapTimes()
        self.room_wanted_at, self.wanted_for = now, why
        self.was_retried = self.wants_empty_device = self.is_expected = False

    def end_wanting(self) -> None:
        """Note that what was wanted is there."""
        self.evicted, self.bytes_evicted, self.room_wanted_at, self.swap = (), 0, None, SwapTimes()
        self.is_expected = False

    def take_spec(self, spec: ModelSpec, *, is_booked: bool) -> None:
        """Take over what the catalog says now.

        1. What was learned of another file, context or number of slots is forgotten; loads of the same file with more
           context take as long.
        2. A booking stays on the device where it was made until the model has left memory.
        """
        old = self.spec
        if (old.address, old.context_length, old.slots, old.memory) != (
            spec.address,
            spec.context_length,
            spec.slots,
            spec.memory,
        ):
            self.learned_bytes, self.cached_share = 0, None  # 1
        if old.address != spec.address:  # 1
            self.times.forget()
            self.cached_share = 0.0
        self.home = spec.device
        self.spec = replace(spec, device=old.device) if is_booked else spec  # 2

    def go_home(self) -> None:
        """Be booked, from the next load on, where the catalog says; nothing of it is booked now."""
        if self.home and self.home != self.spec.device:
            self.spec = replace(self.spec, device=self.home)

    @property
    def progress_text(self) -> str:
        """Return `LOADING 41 %`-like words for a status line."""
        if self.state is ModelState.LOADING and self.fraction is not None:
            return f"{self.state.name} {self.fraction:.0%}"
        if self.in_flight:
            return f"{self.state.name} {self.in_flight} in flight"
        return self.state.name


@dataclass(frozen=True, slots=True)
class ResidencyView:
    """What others may know of a residency. `since`, `last_used` and `retry_at` are wall seconds.

    `waits_for`: the models that a waiting one waits for; itself while it has to leave before it can come back.
    `fixed`: why it cannot be unloaded; empty: it can. `tier`: where its bytes are.
    `forecast`: what its first waiter waits for; None where nobody waits for it, and it is not being loaded.
    """

    model_id: str
    state: ModelState
    since: float
    stage: str | None
    progress: float | None
    elapsed_s: float
    remaining_s: float | None
    reserved: int
    in_flight: int
    waiting: int
    last_used: float | None
    failures: int
    cause: Cause | None
    message: str
    retry_at: float | None
    load_seconds: float | None
    loads: int
    pinned: bool
    queue_position: int | None
    waits_for: tuple[str, ...] = ()
    fixed: str = ""
    tier: Tier | None = None
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A ledger's books in bytes."""

    id: str
    budget: int
    reserved: int
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole lifecycle at one moment (`now`: monotonic seconds)."""

    now: float
    models: Mapping[str, ResidencyView]
    devices: Mapping[str, DeviceView]


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Whether a model would fit, and what it would cost. Bytes, seconds.

    `fits`: now | after_evicting | after_unpinning (`pinned_by` has the models) | after_stopping (`held_by` has the
    models whose servers a person has to stop) | never, not even on an empty device. `seconds`: of the load alone, from
    `tier`, where its bytes are.
    """

    model: str
    fits: str
    evict: tuple[str, ...]
    need: int
    free: int
    budget: int
    seconds: float | None
    reason: str
    pinned_by: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()
    tier: Tier | None = None


def remaining(residency: Residency, now: float) -> float | None:
    """Guess how long a load still takes, in seconds, from its progress or from earlier loads; None if unknown."""
    if residency.state is not ModelState.LOADING:
        return None
    elapsed = now - residency.since
    if residency.fraction and residency.fraction > 0.05:
        return max(0.0, elapsed / residency.fraction - elapsed)
    typical = residency.typical_load_s
    return None if typical is None else max(0.0, typical - elapsed)
