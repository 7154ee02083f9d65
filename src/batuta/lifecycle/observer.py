"""Looks at every engine that holds models, each in its own time, and tells what it saw. Decides nothing about models.

One loop an engine: a slow or hanging one delays nobody. How often is in `cadence`; what a look means is in `observed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from weakref import WeakValueDictionary

from batuta.catalog.entities import ModelSpec
from batuta.clock import Clock
from batuta.engines.base import Engine, GoneListener, LoadableEngine, NoticingEngine, Resident, can_sleep
from batuta.errors import BatutaError, Cause, UpstreamUnreachable
from batuta.lifecycle import events as ev
from batuta.lifecycle.cadence import COALESCE_S, interval
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.tasks import Tasks

LOOK_WITHIN_S: Final = 6.0  # an adapter gives up after 5 s; one that does not is cut
DOUBTS: Final = 2  # unanswered looks in a row after which an engine counts as away; a refused connection is enough
UNDER_WAY: Final = frozenset({ModelState.LOADING, ModelState.DRAINING, ModelState.UNLOADING})
HELD: Final = frozenset({ModelState.READY, ModelState.DRAINING, ModelState.ASLEEP})


class Reached(Protocol):
    """Told what a look found out about a provider."""

    def __call__(self, provider_id: str, message: str = "") -> None:
        """Take in that the provider answers, or why it cannot be asked."""
        ...


@dataclass(slots=True, weakref_slot=True, eq=False)
class Place:
    """One engine and the models it answers for.

    Attributes:
        addresses: model id -> its name at the engine; `ids` is the other way round.
        looked_at: when the last look ended, in monotonic seconds; None before the first.
        quiet_looks: looks since it held something else than before.
        failed_looks: looks in a row that were not answered.
        is_noticed: it has said that something changed since the last look began.
        teller: the engine, if it tells of changes by itself; it does while it says that it hears of them.
        is_resting: it is waited with because nobody looks and nothing is under way.
        seen: what it held at the last look.
        strangers: addresses it holds that no model of ours has.
    """

    engine: LoadableEngine
    provider_id: str
    addresses: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    looked_at: float | None = None
    quiet_looks: int = 0
    failed_looks: int = 0
    is_noticed: bool = False
    teller: NoticingEngine | None = None
    is_resting: bool = False
    seen: frozenset[Resident] = frozenset()
    strangers: frozenset[str] = frozenset()
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def add(self, spec: ModelSpec) -> None:
        """Answer for a model, or learn its new address."""
        self.drop(spec.id)
        self.addresses[spec.id] = spec.address
        self.ids[spec.address] = spec.id

    def drop(self, model: str) -> None:
        """Answer for a model no more."""
        address = self.addresses.pop(model, None)
        if address is not None and self.ids.get(address) == model:
            del self.ids[address]

    def id_of(self, resident: Resident) -> str:
        """Return the catalog id of what the engine holds; empty for a model nobody has heard of."""
        return resident.model_id or self.ids.get(resident.address, "")


class Observer:
    """Keeps looking at the engines of the models it was given.

    Args:
        lifecycle: read for how models stand; changed only by what is posted.
        post: takes the events.
        clock: when to look again.
        bus: whether anybody follows what happens.
        tasks: where the loops run.
        on_gone: told by engines of models that are gone.
        reached: told whether a provider answers.
        on_stranger: told the provider whose engine holds a model that is not in the catalog.
        look_within_s: real seconds after which a look is given up.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        post: Callable[[ev.Event], None],
        *,
        clock: Clock,
        bus: Bus,
        tasks: Tasks,
        on_gone: GoneListener,
        reached: Reached,
        on_stranger: Callable[[str], None],
        look_within_s: float = LOOK_WITHIN_S,
    ) -> None:
        self._lifecycle = lifecycle
        self._post = post
        self._clock = clock
        self._bus = bus
        self._tasks = tasks
        self._on_gone = on_gone
        self._reached = reached
        self._on_stranger = on_stranger
        self._look_within_s = look_within_s
        self._places: dict[int, Place] = {}  # with models
        self._heard: WeakValueDictionary[int, Place] = WeakValueDictionary()  # each as long as its engine tells it
        self._place_of: dict[str, Place] = {}
        self._held_back: set[str] = set()
        self._is_running = False
        bus.when_read(self._somebody_looks)

    # Who is looked at ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look, at once and then in turn."""
        self._is_running = True
        for place in self._places.values():
            self._follow_from_now(place)

    def hold_back(self, provider_id: str) -> None:
        """Do not look at a provider's engine by itself yet: nobody knows where its models are booked."""
        self._held_back.add(provider_id)

    def release(self, provider_id: str) -> None:
        """Look at it from now on."""
        self._held_back.discard(provider_id)
        if self._is_running:
            self.start()

    def stop(self) -> None:
        """Begin nothing any more; the loops end with the tasks."""
        self._is_running = False

    def add(self, spec: ModelSpec, engine: Engine) -> bool:
        """Look at this engine for this model, at once if the engine is new; return whether the model can sleep.

        One that is not loadable is not looked at, nor is the engine that it had before, unless others need it.
        """
        old = self._place_of.get(spec.id)
        place: Place | None = None
        if spec.is_loadable and isinstance(engine, LoadableEngine):
            place = self._welcome(engine, spec.provider_id)
        if old is not None and old is not place:
            self._drop(old, spec.id)
        if place is None:
            return False
        self._place_of[spec.id] = place
        place.add(spec)
        self._follow_from_now(place)
        return can_sleep(place.engine, spec)

    def _welcome(self, engine: LoadableEngine, provider_id: str) -> Place:
        """Return the place of an engine, new or known.

        One whose models have left is kept by its engine alone, which goes on to tell it: it is not listened to twice,
        and leaves memory together with the engine.
        """
        place = self._places.get(id(engine)) or self._heard.get(id(engine))
        if place is not None:
            self._places[id(engine)] = place
            return place
        place = Place(engine, provider_id)
        self._places[id(engine)] = self._heard[id(engine)] = place
        engine.watch(lambda model, reason: self._went(place, model, reason))
        if isinstance(engine, NoticingEngine):
            place.teller = engine
            engine.notice(lambda: self._noticed(place))
        return place

    def _went(self, place: Place, model: str, reason: str) -> None:
        """Pass on that a model is gone, unless another engine answers for it by now."""
        if self._place_of.get(model) in {place, None}:
            self._on_gone(model, reason)

    def _drop(self, place: Place, model: str) -> None:
        place.drop(model)
        if self._place_of.get(model) is place:
            del self._place_of[model]
        if place.addresses:
            return
        self._places.pop(id(place.engine), None)
        if place.task is not None:
            task, place.task, place.looked_at = place.task, None, None
            task.cancel()

    def _clear_out(self, place: Place) -> None:
        """Answer no more for models that were forgotten and have left memory."""
        for model in place.addresses.keys() - self._lifecycle.residencies.keys():
            self._drop(place, model)

    # When ---------------------------------------------------------------------------------------------------

    def used(self, model: str) -> None:
        """Take note that a model is leased or loaded now: its engine may have been resting. Costs next to nothing."""
        place = self._place_of.get(model)
        if place is not None and place.is_resting:
            place.woken.set()

    def soon(self, provider_id: str) -> None:
        """Look at a provider's engine as soon as the last look is a moment ago."""
        for place in self._places.values():
            if place.provider_id == provider_id:
                self._noticed(place)

    def _somebody_looks(self) -> None:
        for place in self._places.values():
            place.woken.set()

    def _noticed(self, place: Place) -> None:
        place.is_noticed = True
        place.woken.set()

    def _follow_from_now(self, place: Place) -> None:
        is_wanted = self._is_running and place.addresses and place.provider_id not in self._held_back
        if is_wanted and place.task is None:
            place.task = self._tasks.start(self._follow(place), name=f"observation of {place.provider_id}")

    async def _follow(self, place: Place) -> None:
        while True:
            await self._wait(place)
            place.is_noticed = False
            await self.look(place)

    async def _wait(self, place: Place) -> None:
        while (due := self._due(place)) > (now := self._clock.monotonic()):
            place.woken.clear()
            await first_of(place.woken, self._clock, due - now)
        place.is_resting = False

    def _due(self, place: Place) -> float:
        if place.looked_at is None:
            return self._clock.monotonic()
        if place.is_noticed:
            return place.looked_at + COALESCE_S
        is_watched, is_busy = self._bus.readers > 0, self._is_busy(place)
        place.is_resting = not (is_watched or is_busy)
        return place.looked_at + interval(
            is_watched=is_watched,
            is_busy=is_busy,
            hears=place.teller is not None and place.teller.is_hearing,
            is_away=place.failed_looks > 0,
            quiet_looks=place.quiet_looks,
        )

    def _is_busy(self, place: Place) -> bool:
        known = self._lifecycle.residencies
        return any(
            (r := known.get(model)) is not None and (r.in_flight > 0 or r.state in UNDER_WAY)
            for model in place.addresses
        )

    # Looking ------------------------------------------------------------------------------------------------

    async def look_at(self, *, model: str | None = None, provider_id: str | None = None) -> None:
        """Look now, at the engine of a model, at those of a provider, or at all, side by side."""
        if model is not None:
            places = [place] if (place := self._place_of.get(model)) else []
        else:
            places = [p for p in self._places.values() if provider_id in {None, p.provider_id}]
        if len(places) == 1:
            await self.look(places[0])
        elif places:
            async with asyncio.TaskGroup() as group:
                for each in places:
                    group.create_task(self.look(each))

    async def look(self, place: Place) -> None:
        """Ask one engine what it holds, and tell.

        What changed while it was answering is not judged: the picture is older than the change.
        """
        self._clear_out(place)
        before = {model: self.standing(model) for model in place.addresses}
        residents: Sequence[Resident] = ()
        failure: BatutaError | None = None
        try:
            async with asyncio.timeout(self._look_within_s):
                residents = await place.engine.resident()
        except TimeoutError:
            failure = BatutaError(f"it did not say what it holds within {self._look_within_s:g} s")
        except BatutaError as error:
            failure = error
        place.looked_at = self._clock.monotonic()
        steady = {model for model, standing in before.items() if self.standing(model) == standing}
        if failure is not None:
            self._unanswered(place, failure, steady)
        else:
            self._answered(place, residents, steady)

    def _answered(self, place: Place, residents: Sequence[Resident], steady: set[str]) -> None:
        place.failed_looks = 0
        seen = frozenset(residents)
        place.quiet_looks = place.quiet_looks + 1 if seen == place.seen else 0
        place.seen = seen
        self._reached(place.provider_id)
        held = {place.id_of(r): r.memory_bytes for r in residents if not r.is_loading and not r.is_asleep}
        asleep = frozenset(place.id_of(r) for r in residents if r.is_asleep and not r.is_loading)
        loading = {place.id_of(r) for r in residents if r.is_loading}
        fixed = {model: r.fixed for r in residents if r.fixed and (model := place.id_of(r)) in held}
        self._post(ev.Observed(held, frozenset(steady - loading), asleep - held.keys(), fixed))
        strangers = frozenset(r.address for r in residents if not place.id_of(r))
        if strangers - place.strangers:
            self._on_stranger(place.provider_id)
        place.strangers = strangers

    def _unanswered(self, place: Place, error: BatutaError, steady: set[str]) -> None:
        """Take in that an engine cannot be asked.

        1. Nobody listens there: what it held is gone. A load or an unload under way finds that out by itself.
        2. It answers something else, or nothing: its word would be needed to say that anything has changed.
        """
        place.failed_looks += 1
        place.quiet_looks += 1
        is_gone = isinstance(error, UpstreamUnreachable) and error.cause is Cause.ENGINE_OFFLINE
        if is_gone or place.failed_looks >= DOUBTS:
            self._reached(place.provider_id, error.message)
        if is_gone:  # 1
            for model in steady:
                if self._lifecycle.residencies[model].state in HELD:
                    self._post(ev.Lost(model, error.message))

    def standing(self, model: str) -> tuple[object, ...]:
        """Return what changes whenever a model's stay in memory does; empty for an unknown one."""
        residency = self._lifecycle.residencies.get(model)
        return (residency.state, residency.since, residency.epoch) if residency else ()


async def first_of(event: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Return when the event is set, or after that many seconds of the clock."""
    loop = asyncio.get_running_loop()
    was_set, has_slept = loop.create_task(event.wait()), loop.create_task(clock.sleep(seconds))
    try:
        await asyncio.wait({was_set, has_slept}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        was_set.cancel()
        has_slept.cancel()
