"""Runs the lifecycle's commands on engines and posts back what happened.

It decides nothing: it owns futures, tasks and the alarm clock, and everything else is the Lifecycle's. Looking at
engines is the Observer's.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from batuta.catalog.entities import ModelSpec
from batuta.clock import Clock
from batuta.engines.base import LOST, Engine, LoadableEngine, LoadProgress, SleepingEngine, WarmingEngine
from batuta.errors import BatutaError, CannotUnload, Cause, HostError, UpstreamUnreachable
from batuta.lifecycle import events as ev
from batuta.lifecycle import views
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
from batuta.lifecycle.cooling import Resting, resting
from batuta.lifecycle.events import Priority
from batuta.lifecycle.forecast import Forecast, forecast
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.observer import Observer, Reached, first_of
from batuta.lifecycle.refusals import cannot_unload, unknown
from batuta.lifecycle.residency import LoadPlan, ResidencyView, Snapshot, StoryLine
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.tasks import Tasks

CLOSING = "Batuta is shutting down; send the request again in a moment"
STOPPED = "the load took too long and was stopped"
UNEXPECTED = "it ended with an error that nobody expected; the log has it"
NOTICE_S = 1.0  # a death is noticed within half a second


def _untold(provider_id: str, message: str = "") -> None:
    """Tell nobody."""


class Lease:
    """The right to use a ready model. READY is guaranteed while it is held; leaving it gives the slot back.

    One that was insisted on may be that of a model behind an API which was ejected.
    """

    __slots__ = ("_runner", "engine", "is_ok", "request", "spec")

    def __init__(self, runner: Runner, request: str, spec: ModelSpec, engine: Engine) -> None:
        self._runner = runner
        self.request = request
        self.spec = spec
        self.engine = engine
        self.is_ok: bool | None = None

    def succeeded(self) -> None:
        """Say that the model answered; clears its record of failures when the lease ends."""
        self.is_ok = True

    def failed(self, cause: Cause, message: str) -> None:
        """Say that the model did not answer as it should have."""
        self.is_ok = False
        self._runner.post(ev.AnswerFailed(self.spec.id, cause, message, self.request))

    def limited(self, message: str, *, is_limit: bool, asked_s: float | None, jitter: float) -> None:
        """Say that the backend wants to be left alone for a while; see `events.Limited`."""
        limit = ev.Limited(self.spec.id, message, is_limit=is_limit, asked_s=asked_s, jitter=jitter)
        self._runner.post(limit)

    def release(self) -> None:
        """Give the slot back."""
        self._runner.post(ev.Released(self.request, self.is_ok))


class _LeaseContext:
    """What `Runner.lease` returns: waits on entry, releases on exit."""

    __slots__ = ("_deadline", "_insists", "_lease", "_model", "_priority", "_runner")

    def __init__(  # the lease's own arguments, kept for entry
        self, runner: Runner, model: str, deadline: float, priority: Priority, *, insists: bool
    ) -> None:
        self._runner = runner
        self._model = model
        self._deadline = deadline
        self._priority = priority
        self._insists = insists
        self._lease: Lease | None = None

    async def __aenter__(self) -> Lease:
        self._lease = await self._runner.acquire(
            self._model, deadline=self._deadline, priority=self._priority, insists=self._insists
        )
        return self._lease

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lease is not None:
            self._lease.release()


@dataclass(slots=True)
class _Load:
    """One load under way. A model may be told to load again while its last load has not ended in here yet."""

    spec: ModelSpec
    engine: LoadableEngine
    task: asyncio.Task[None] | None = None
    has_begun: bool = False
    is_aborted: bool = False


class Runner:
    """Keeps models where the lifecycle wants them.

    Args:
        lifecycle: who decides.
        clock: monotonic time for events and alarms, wall time for what people read.
        bus: where facts go.
        on_error: called with (task name, error) if a background task dies, which is a bug.
        reached: told (provider id, "") when an engine says what it holds, and (provider id, why) when it cannot be
            asked, or a load finds nobody there.
        on_stranger: told the provider id when an engine holds a model that was never registered.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        *,
        clock: Clock,
        bus: Bus,
        on_error: Callable[[str, BaseException], None],
        reached: Reached = _untold,
        on_stranger: Callable[[str], None] = _untold,
    ) -> None:
        self.lifecycle = lifecycle
        self._clock = clock
        self._bus = bus
        self._reached = reached
        self._engines: dict[str, Engine] = {}
        self._futures: dict[str, asyncio.Future[None]] = {}
        self._loads: dict[str, _Load] = {}
        self._tasks = Tasks(on_error)
        self._alarm_changed = asyncio.Event()
        self._alarm_set: float | None = None
        self._ids = itertools.count(1)
        self._is_closed = False
        self.observer = Observer(
            lifecycle,
            self.post,
            clock=clock,
            bus=bus,
            tasks=self._tasks,
            on_gone=self._gone,
            reached=reached,
            on_stranger=on_stranger,
        )

    # Life ---------------------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Start the alarm clock and the looks at engines."""
        self._tasks.start(self._ring(), name="lifecycle alarm")
        self.observer.start()
        return self

    async def aclose(self) -> None:
        """Stop. Models stay where they are: the loader keeps them for the next gateway."""
        self._is_closed = True
        self.observer.stop()
        for future in self._futures.values():
            if not future.done():
                future.set_exception(HostError(CLOSING))
        await self._tasks.aclose()

    # The catalog --------------------------------------------------------------------------------------------

    def register(self, spec: ModelSpec, engine: Engine, *, known: ev.Known | None = None) -> None:
        """Make a model known, or tell what changed about it. known: what earlier runs have shown of it."""
        self._engines[spec.id] = engine
        can_sleep = self.observer.add(spec, engine)
        self.post(ev.Registered(spec, can_sleep=can_sleep, known=known))

    def forget(self, model: str) -> None:
        """Offer the model no more."""
        self.post(ev.Forgotten(model))
        for known in self._engines.keys() - self.lifecycle.residencies.keys():  # what was forgotten earlier has left
            del self._engines[known]

    # Leases -------------------------------------------------------------------------------------------------

    def lease(
        self, model: str, *, deadline: float, priority: Priority = Priority.INTERACTIVE, insists: bool = False
    ) -> _LeaseContext:
        """Return an async context manager that waits until the model is ready and holds it so.

        Args:
            model: catalog id.
            deadline: monotonic seconds after which the wait ends in ModelLoading.
            priority: who waits.
            insists: nobody else could answer; a model behind an API is asked although it was ejected.
        """
        return _LeaseContext(self, model, deadline, priority, insists=insists)

    async def acquire(self, model: str, *, deadline: float, priority: Priority, insists: bool = False) -> Lease:
        """Wait for a lease. Raises typed errors; a cancelled wait leaves the queue."""
        if self._is_closed:
            raise HostError(CLOSING)
        request = f"req-{next(self._ids)}"
        commands = self.lifecycle.handle(
            ev.Wanted(request, model, priority, deadline, insists), self._clock.monotonic()
        )
        if len(commands) == 1 and type(commands[0]) is Grant:
            return self._granted(request, model)
        future = self._futures[request] = asyncio.get_running_loop().create_future()
        self._perform(commands)
        try:
            await future
        except asyncio.CancelledError:
            was_granted = future.done() and not future.cancelled() and future.exception() is None
            self.post(ev.Released(request) if was_granted else ev.Abandoned(request))
            raise
        finally:
            del self._futures[request]
        return self._granted(request, model)

    def _granted(self, request: str, model: str) -> Lease:
        residency = self.lifecycle.residencies.get(model)
        if residency is None:  # it crashed and left the catalog since the grant
            self.post(ev.Released(request))
            raise unknown(model, has_left=True)
        self.observer.used(model)
        return Lease(self, request, residency.spec, self._engines[model])

    def would_wait(self, model: str) -> bool:
        """Say whether a lease of the model would not be granted at once."""
        residency = self.lifecycle.residencies.get(model)
        if residency is None or residency.state is not ModelState.READY:
            return True
        return not residency.has_free_slot or self.lifecycle.waiting.count(model) > 0

    def resting(self, model: str) -> Resting | None:
        """Return why a model behind an API had better be left alone now, None if it may be asked."""
        residency = self.lifecycle.residencies.get(model)
        return None if residency is None else resting(residency, self._clock.monotonic())

    # A person's wishes --------------------------------------------------------------------------------------

    def request_load(self, model: str, *, deadline: float) -> None:
        """Have the model loaded, without waiting for it. Raises ModelNotFound."""
        self._known(model)
        self._tasks.start(self._load_quietly(model, deadline), name=f"load {model}")

    async def _load_quietly(self, model: str, deadline: float) -> None:
        try:
            await self.wait_ready(model, deadline=deadline)
        except BatutaError:
            return  # the state, the story and the events tell; nobody waits for this answer

    async def wait_ready(self, model: str, *, deadline: float, priority: Priority = Priority.INTERACTIVE) -> None:
        """Load the model if need be and return when it is ready. Raises typed errors.

        A ready model whose slots are all in use is ready.
        """
        residency = self.lifecycle.residencies.get(model)
        if residency is not None and residency.enabled and residency.state is ModelState.READY:
            return
        async with self.lease(model, deadline=deadline, priority=priority):
            return

    def expect(self, model: str, why: str, *, within_s: float) -> None:
        """Say that the model will be asked soon; it is loaded meanwhile where that is in nobody's way.

        Args:
            model: catalog id; one that is not loaded here needs nothing.
            why: in words, for its story.
            within_s: seconds for which that holds.
        """
        self.post(ev.Hinted(model, why, self._clock.monotonic() + within_s))

    def unload(self, model: str) -> None:
        """Start the model on its way out of memory; a load under way is cancelled.

        Raises:
            ModelNotFound: no such id.
            CannotUnload: its engine is known to be unable to; the message says what a person can do.
        """
        self._known(model)
        self.post(ev.UnloadAsked(model))
        if (residency := self.lifecycle.residencies[model]).is_fixed:
            raise cannot_unload(residency)

    def set_pinned(self, model: str, pinned: bool) -> None:  # noqa: FBT001  # the value is the point
        """Pin the model, or let it go."""
        self.post(ev.PinChanged(model, pinned))

    def set_enabled(self, model: str, enabled: bool) -> None:  # noqa: FBT001  # the value is the point
        """Switch the model on or off."""
        self.post(ev.SwitchedOn(model) if enabled else ev.SwitchedOff(model))

    def reset_failed(self, model: str | None = None) -> list[str]:
        """Clear the failed cache, of one model or of all; return the ids that were in it."""
        residencies = self.lifecycle.residencies.values()
        failed = [r.spec.id for r in residencies if r.failures and r.cause and model in {None, r.spec.id}]
        for name in failed:
            self.post(ev.ResetAsked(name))
        return failed

    # Views --------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return everything, as it is now."""
        now = self._clock.monotonic()
        return views.snapshot(self.lifecycle, now, wall=self._clock.wall() - now)

    def view(self, model: str) -> ResidencyView:
        """Return one model's view. Raises ModelNotFound."""
        self._known(model)
        now = self._clock.monotonic()
        return views.view(self.lifecycle, model, now, wall=self._clock.wall() - now)

    def story(self, model: str) -> list[StoryLine]:
        """Return the model's causal log. Raises ModelNotFound."""
        self._known(model)
        return list(self.lifecycle.residencies[model].story)

    def plan_load(self, model: str) -> LoadPlan:
        """Say whether the model would fit, and what would go. Raises ModelNotFound."""
        self._known(model)
        return views.plan(self.lifecycle, model, self._clock.monotonic())

    def forecast(self, model: str) -> Forecast:
        """Say what a request for the model that came now would wait for. Raises ModelNotFound."""
        self._known(model)
        return forecast(self.lifecycle, model, self._clock.monotonic(), joins=True)

    def could_fit(self) -> dict[str, bool]:
        """Say of each model whether its memory could be had, now or by evicting."""
        return views.could_fit(self.lifecycle)

    def _known(self, model: str) -> None:
        if model not in self.lifecycle.residencies:
            raise unknown(model)

    # Events in, commands out --------------------------------------------------------------------------------

    def post(self, event: ev.Event) -> None:
        """Tell the lifecycle, and do what it says. After the end nothing is done any more."""
        if self._is_closed:
            return
        self._perform(self.lifecycle.handle(event, self._clock.monotonic()))

    def _perform(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Grant(request=request):
                    self._settle_future(request, None)
                case Refuse(request=request, error=error):
                    self._settle_future(request, error)
                case Announce(fact=fact):
                    self._bus.publish(fact)
                case StartLoad(model=model) | Wake(model=model):
                    load = self._loads[model] = _Load(*self._subject(model))
                    load.task = self._tasks.start(self._load(load), name=f"loading {model}")
                    self.observer.used(model)
                case AbortLoad(model=model):
                    self._abort(self._loads[model])
                case StartUnload(model=model):
                    self._tasks.start(self._unload(*self._subject(model)), name=f"unloading {model}")
                case Warm(model=model):
                    self._tasks.start(self._warm(*self._subject(model)), name=f"warming {model}")
                case Sleep(model=model):
                    self._tasks.start(self._send_to_sleep(*self._subject(model)), name=f"parking {model}")
        if self.lifecycle.alarm != self._alarm_set:
            self._alarm_changed.set()

    def _settle_future(self, request: str, error: BatutaError | None) -> None:
        future = self._futures.get(request)
        if future is None or future.done():
            if error is None:  # whoever asked has left in this very moment
                self.post(ev.Released(request))
        elif error is None:
            future.set_result(None)
        else:
            future.set_exception(error.again())  # waiters share a cause, not a traceback

    def _abort(self, load: _Load) -> None:
        load.is_aborted = True
        if load.has_begun and load.task is not None:  # a task cancelled before its first step would end in silence
            load.task.cancel()

    async def _load(self, load: _Load) -> None:
        """Do a load and report its end exactly once.

        1. It was aborted before it began.
        2. The engine says how it went.
        3. It was aborted: see to it that the memory is back, then report.
        """
        load.has_begun = True
        model = load.spec.id

        def on_progress(progress: LoadProgress) -> None:
            if self._loads.get(model) is load:
                self.post(ev.Progressed(model, progress.stage, progress.fraction))

        end: ev.Loaded | ev.LoadFailed = ev.LoadFailed(model, Cause.UNKNOWN, UNEXPECTED)
        try:
            if load.is_aborted:  # 1
                end = ev.LoadFailed(model, Cause.TIMEOUT, STOPPED)
            else:
                report = await load.engine.load(load.spec, on_progress)  # 2
                end = ev.Loaded(
                    model,
                    report.memory_bytes,
                    report.seconds,
                    report.was_resident,
                    report.fixed,
                    report.tier,
                    report.host_bytes,
                )
        except BatutaError as error:
            end = ev.LoadFailed(model, error.cause or Cause.UNKNOWN, error.message)
            if isinstance(error, UpstreamUnreachable) and error.cause is Cause.ENGINE_OFFLINE:
                self._reached(load.spec.provider_id, error.message)  # known to be away, it can be known to be back
        except asyncio.CancelledError:
            if self._is_closed:
                raise
            end = ev.LoadFailed(model, Cause.TIMEOUT, STOPPED)
            await self._clean_up(load.engine, load.spec)  # 3
        finally:  # a bug of an engine, too, must not leave a model LOADING for ever
            self._end_load(load, end)

    def _end_load(self, load: _Load, event: ev.Loaded | ev.LoadFailed) -> None:
        """Report, unless the model died or was lost meanwhile and another load has been started for it."""
        if self._loads.get(event.model) is load:
            del self._loads[event.model]
            self.post(event)

    async def _clean_up(self, engine: LoadableEngine, spec: ModelSpec) -> None:
        try:
            await engine.unload(spec)
        except BatutaError:
            return  # the next look at the engine finds what is left

    async def _unload(self, spec: ModelSpec, engine: LoadableEngine) -> None:
        model, started = spec.id, self._clock.monotonic()
        end: ev.Unloaded | ev.UnloadFailed = ev.UnloadFailed(model, UNEXPECTED)
        try:
            await engine.unload(spec)
            end = ev.Unloaded(model, self._clock.monotonic() - started)
        except BatutaError as error:
            end = ev.UnloadFailed(model, error.message, is_final=isinstance(error, CannotUnload))
        finally:
            self.post(end)

    async def _warm(self, spec: ModelSpec, engine: LoadableEngine) -> None:
        """Have the model's files read ahead, where its engine can; nothing depends on it."""
        if isinstance(engine, WarmingEngine):
            await engine.warm(spec)

    async def _send_to_sleep(self, spec: ModelSpec, engine: LoadableEngine) -> None:
        assert isinstance(engine, SleepingEngine), f"the engine of {spec.id} has no warm tier"
        end: ev.Slept | ev.UnloadFailed = ev.UnloadFailed(spec.id, UNEXPECTED)
        try:
            await engine.sleep(spec)
            end = ev.Slept(spec.id)
        except BatutaError as error:
            end = ev.UnloadFailed(spec.id, error.message, is_final=isinstance(error, CannotUnload))
        finally:
            self.post(end)

    def _subject(self, model: str) -> tuple[ModelSpec, LoadableEngine]:
        engine = self._engines[model]
        assert isinstance(engine, LoadableEngine), f"{model} is not loaded by us"
        return self.lifecycle.residencies[model].spec, engine

    # Looking and ringing ------------------------------------------------------------------------------------

    def _gone(self, model: str, reason: str) -> None:
        if reason.startswith(LOST):
            self.post(ev.Lost(model, reason.removeprefix(LOST)))
        else:
            self.post(ev.Crashed(model, reason))

    async def observe(self, *, provider_id: str | None = None) -> None:
        """Ask every engine that loads models, or those of one provider, what they hold, and take in the answers."""
        await self.observer.look_at(provider_id=provider_id)

    async def await_notice(self, model: str) -> None:
        """Wait, briefly, for word of what became of a model that has just refused a connection.

        Its process has most likely died; the notice of that comes by another way and may come a moment later. A
        lease taken before it would meet the same dead process.
        """
        residency, before = self.lifecycle.residencies.get(model), self.observer.standing(model)
        if residency is None or residency.state not in {ModelState.READY, ModelState.DRAINING}:
            return  # the notice was quicker than the error
        until = self._clock.monotonic() + NOTICE_S
        while self.observer.standing(model) == before and self._clock.monotonic() < until:
            await self.observer.look_at(model=model)
            await self._clock.sleep(NOTICE_S / 20)

    async def _ring(self) -> None:
        """Post a Tick whenever the lifecycle's alarm is due."""
        while True:
            self._alarm_changed.clear()
            alarm = self._alarm_set = self.lifecycle.alarm
            if alarm is None:
                await self._alarm_changed.wait()
            elif (wait := alarm - self._clock.monotonic()) <= 0:
                self.post(ev.Tick())
                await asyncio.sleep(0)
            else:
                await first_of(self._alarm_changed, self._clock, wait)

    def __repr__(self) -> str:
        return f"<Runner {self.lifecycle!r}>"
