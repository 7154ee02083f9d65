"""Discrete events in virtual time: what a decider orders happens, and it is told. Knows nothing of how it decides.

The decider is anything with the Lifecycle's own door, `handle(event, now) -> commands`, and its `alarm`: the real
Lifecycle, or one of the peers it is compared with. Time jumps from event to event; nothing is slept for.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import Protocol

from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Command, Grant, Refuse, Sleep, StartLoad, StartUnload, Wake
from batuta.testing.simulate.demand import Arrival, Happening, Hint, Job, Source
from batuta.testing.simulate.device import Device, in_bytes
from batuta.testing.simulate.outcome import Fact, Kind, Outcome, Wait

START = 1000.0  # a monotonic clock begins anywhere but at 0
FOREVER = 1e12  # a deadline that nobody reaches
GIVE_UP_S = 86_400.0  # virtual seconds without any event but alarms, after which nobody will be answered any more


class Decider(Protocol):
    """Who decides: told of events, it answers with commands; `alarm` is when it wants a Tick."""

    alarm: float | None

    def handle(self, event: ev.Event, now: float) -> Sequence[Command]:
        """Take in one event; return what is to be done, in order."""
        ...


class _Due(IntEnum):
    """What is on the agenda."""

    ARRIVAL = 0
    HINT = 1
    FINISHED = 2
    LOADED = 3
    UNLOADED = 4
    ABORTED = 5
    ALARM = 6


class World:
    """One device, one decider, one source of requests.

    Args:
        decider: who decides.
        device: what things cost.
        divert: given a request and the time, the model that shall answer it (another one: it was sent away).
        is_recorded: keep every fact.
    """

    def __init__(
        self,
        decider: Decider,
        device: Device,
        *,
        divert: Callable[[Job, float], str] | None = None,
        is_recorded: bool = False,
    ) -> None:
        self.decider = decider
        self.device = device
        self.outcome = Outcome()
        self.now = START
        self._divert = divert
        self._is_recorded = is_recorded
        self._agenda: list[tuple[float, int, _Due, Happening | str]] = []
        self._order = itertools.count()
        self._armed: float | None = None
        self._waiting: dict[str, tuple[Job, float]] = {}
        self._running: dict[str, Job] = {}
        self._loading: tuple[str, float] | None = None  # model, and when its load ends
        self._moving = 0  # loads, unloads and answers under way, and what is still to come
        for each in device.specs():
            self._tell(ev.Registered(each))

    def run(self, source: Source) -> Outcome:
        """Live through all that the source brings; return what came of it."""
        self._source = source
        self._plan(source.begin())
        last = self.now
        while self._agenda and (self._moving or self._waiting):
            at, _, due, what = heapq.heappop(self._agenda)
            self.now = max(self.now, at)
            if due is not _Due.ALARM:
                last = self.now
                self._moving -= 1
            elif self._moving == 0 and self.now - last > GIVE_UP_S:
                break
            self._happen(due, what)
        self.outcome.left = tuple(self._waiting)
        self.outcome.ended = last - START
        return self.outcome

    # What happens -------------------------------------------------------------------------------------------

    def _happen(self, due: _Due, what: Happening | str) -> None:
        match due, what:
            case _Due.ARRIVAL, Arrival(job=job):
                self._arrive(job)
            case _Due.HINT, Hint(model=model, until=until):
                self._note(Kind.HINTED, model)
                self._tell(ev.Hinted(model, "the next step", until + START))
            case _Due.FINISHED, str(request):
                job = self._running.pop(request)
                self._note(Kind.FINISHED, job.model, request)
                self._tell(ev.Released(request, ok=True))
                self._plan(self._source.after(job, self.now - START))
            case _Due.LOADED, str(model):
                if self._loading is not None and self._loading[0] == model and self._loading[1] <= self.now:
                    self._loading = None
                    self._note(Kind.LOADED, model)
                    size = in_bytes(self.device.sizes[model])
                    self._tell(ev.Loaded(model, size, self.device.load_s(model)))
            case _Due.ABORTED, str(model):
                if self._loading is not None and self._loading[0] == model:
                    self.outcome.load_s -= self._loading[1] - self.now  # what was not loaded took no time
                    self._loading = None
                    self._note(Kind.ABORTED, model)
                    self._tell(ev.LoadFailed(model, Cause.TIMEOUT, "the load was stopped"))
            case _Due.UNLOADED, str(model):
                self._note(Kind.UNLOADED, model)
                self._tell(ev.Unloaded(model))
            case _:
                if self.decider.alarm is not None and self.decider.alarm <= self.now:
                    self._tell(ev.Tick())

    def _arrive(self, job: Job) -> None:
        model = job.model if self._divert is None else self._divert(job, self.now)
        self.outcome.sent_away += model != job.model
        self._waiting[job.id] = (job, self.now)
        self._note(Kind.WANTED, model, job.id)
        self._tell(ev.Wanted(job.id, model, job.priority, self.now + FOREVER))

    def _tell(self, event: ev.Event) -> None:
        for command in self.decider.handle(event, self.now):
            self._obey(command)
        alarm = self.decider.alarm
        if alarm is not None and alarm != self._armed and alarm < FOREVER:
            self._put(max(alarm, self.now), _Due.ALARM, "")
        self._armed = alarm

    # What is ordered ----------------------------------------------------------------------------------------

    def _obey(self, command: Command) -> None:
        match command:
            case Grant(request=request, model=model):
                self._grant(request, model)
            case Refuse(request=request, error=error):
                job, _ = self._waiting.pop(request)
                self._note(Kind.REFUSED, job.model, request)
                self.outcome.refused[request] = error.message
                self._plan(self._source.after(job, self.now - START))
            case StartLoad(model=model) | Wake(model=model):
                self._note(Kind.LOAD, model)
                seconds = self.device.load_s(model)
                self.outcome.loads += 1
                self.outcome.load_s += seconds
                self._loading = (model, self.now + seconds)
                self._under_way(self.now + seconds, _Due.LOADED, model)
            case AbortLoad(model=model):
                self._under_way(self.now, _Due.ABORTED, model)
            case StartUnload(model=model):
                self._note(Kind.UNLOAD, model)
                self._under_way(self.now, _Due.UNLOADED, model)
            case Sleep():
                raise ValueError(f"no engine in here parks models: {command}")
            case _:
                pass  # announcements, and the warming of files: loads cost the same wherever they begin

    def _grant(self, request: str, model: str) -> None:
        job, arrived = self._waiting.pop(request)
        self._running[request] = job
        self._note(Kind.GRANTED, model, request)
        self.outcome.waits.append(Wait(job, arrived - START, self.now - arrived))
        self._under_way(self.now + self.device.service_s(model, job.n_in, job.n_out), _Due.FINISHED, request)

    # The agenda ---------------------------------------------------------------------------------------------

    def _plan(self, happenings: Iterable[Happening]) -> None:
        for happening in happenings:
            due = _Due.ARRIVAL if isinstance(happening, Arrival) else _Due.HINT
            self._under_way(happening.at + START, due, happening)

    def _under_way(self, at: float, due: _Due, what: Happening | str) -> None:
        self._moving += 1
        self._put(at, due, what)

    def _put(self, at: float, due: _Due, what: Happening | str) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), due, what))

    def _note(self, kind: Kind, model: str, job: str = "") -> None:
        if self._is_recorded:
            self.outcome.facts.append(Fact(self.now - START, kind, model, job))
