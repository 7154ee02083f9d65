"""A llama-server's models, brought in and taken out: one decision after each look. Knows no requests and no budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Final

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LoadProgress, LoadReport, ProgressListener
from batuta.engines.faults import Seen, fault
from batuta.engines.llama_server.api import LlamaServerApi
from batuta.engines.llama_server.sight import Sight
from batuta.engines.llama_server.wire import EXITS, RUNNING, STOP_IT, Event, Look, Row, State
from batuta.engines.local_loads import poll_until
from batuta.engines.openai_compat import named
from batuta.errors import BatutaError, Cause, UpstreamOverloaded, UpstreamRejected, UpstreamUnreachable

LATE_S: Final = 5.0  # so long after an unload the device may still be giving its memory back


class Step(Enum):
    """What a load has to do next."""

    DONE = auto()
    WAIT = auto()
    WAKE = auto()
    START = auto()
    FAILED = auto()
    MISSING = auto()
    DOWNLOADING = auto()


STEPS: Final[Mapping[State, Step]] = {
    State.LOADED: Step.DONE,
    State.LOADING: Step.WAIT,
    State.SLEEPING: Step.WAKE,
    State.UNLOADED: Step.START,
    State.DOWNLOADED: Step.START,
    State.DOWNLOADING: Step.DOWNLOADING,
}


ENDS: Final = frozenset({Step.FAILED, Step.MISSING, Step.DOWNLOADING})


def next_step(look: Look, row: Row | None, *, was_started: bool) -> Step:
    """Decide how a load goes on. Pure.

    1. A server that does not list its model yet is waited for; one that lists others lacks it.
    2. What was started and has no process any more has failed.
    3. Otherwise its state says.
    """
    if row is None:  # 1
        return Step.MISSING if look.is_router or look.rows else Step.WAIT
    step = STEPS[row.state]
    return Step.FAILED if step is Step.START and was_started else step  # 2, 3


class Memory:
    """What loads and unloads.

    Args:
        api: who does it.
        sight: what is there.
        running: answers under way, by the model's address.
        follow: told each look of a load, so that a router's events are listened to.
        where: how messages call the server.
        load_timeout_s: seconds after which a load is given up.
        unload_timeout_s: seconds after which an unload is.
        poll_s: seconds between two looks, where no event comes before.
    """

    def __init__(
        self,
        api: LlamaServerApi,
        sight: Sight,
        *,
        running: Mapping[str, int],
        follow: Callable[[Look], None],
        where: str,
        load_timeout_s: float,
        unload_timeout_s: float,
        poll_s: float,
    ) -> None:
        self._api = api
        self._sight = sight
        self._running = running
        self._follow = follow
        self._where = where
        self._load_timeout_s = load_timeout_s
        self._unload_timeout_s = unload_timeout_s
        self._poll_s = poll_s
        self._tellers: dict[str, ProgressListener] = {}  # by address
        self._begun: dict[str, str] = {}  # address -> its name there, of loads that were sent off
        self._leaving: set[str] = set()  # what was told to go and make place
        self._unloaded_at = float("-inf")
        self._stirred = asyncio.Event()

    def heard(self, event: Event) -> None:
        """Take in what a router tells by itself: how far a load is, or that it is worth a look."""
        if event.progress is None:
            self._stirred.set()
        elif event.state is State.LOADING:
            for address, tell in tuple(self._tellers.items()):
                if self._sight.means(address, event.model):
                    tell(event.progress)

    # --- in ------------------------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, tell: ProgressListener) -> LoadReport:
        """Bring a model in, or wait until somebody else has.

        Raises:
            ModelError: not there, or a load that failed or took too long.
            ProviderError: the server is offline, or somebody else.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        tell(LoadProgress("starting", None))
        self._tellers[spec.address] = _forward_only(tell)
        try:
            async with asyncio.timeout(self._load_timeout_s):
                row, was_resident = await self._bring_in(spec)
        except UpstreamRejected as error:  # a setting of the load, not the caller's request, is wrong
            raise self._fault(Seen.LOAD_FAILED, error.message, spec) from None
        except TimeoutError:
            await self._give_up(spec)
            raise self._fault(Seen.LOAD_TIMEOUT, f"it had {self._load_timeout_s:g} s", spec) from None
        except BatutaError as error:
            raise named(error, spec.id) from None
        finally:
            del self._tellers[spec.address]
            self._begun.pop(spec.address, None)
        self._sight.keep(spec)
        held = self._sight.held(row)
        return LoadReport(held.memory_bytes, loop.time() - started, was_resident, held.fixed)

    async def _bring_in(self, spec: ModelSpec) -> tuple[Row, bool]:
        """Go on until the model is there; return it, and whether it was there from the start.

        A load that fails just after an unload is begun again: the memory may come back late.
        """
        was_resident, was_started = True, False
        deadline = asyncio.get_running_loop().time() + self._load_timeout_s + 1  # the load's own limit ends it
        while True:
            self._stirred.clear()
            look = await self._sight.look()
            self._follow(look)
            row = look.find(spec.address)
            step = next_step(look, row, was_started=was_started)
            if step is Step.FAILED and self._is_early():
                step, was_started = Step.START, False
            if step in ENDS:
                raise self._failure(step, row, spec)
            if row is not None:
                if step is Step.DONE:
                    return row, was_resident
                was_started = await self._do(step, look, row, spec, deadline=deadline) or was_started
            was_resident = False
            await self._pause()

    def _is_early(self) -> bool:
        """Say whether a load may have failed for memory that is only just coming back: its exit code does not tell."""
        return asyncio.get_running_loop().time() - self._unloaded_at < LATE_S

    async def _do(self, step: Step, look: Look, row: Row, spec: ModelSpec, *, deadline: float) -> bool:
        """Do a step; return whether the model's process has been started."""
        if step is Step.WAKE:
            await self._api.wake(row.id, deadline=deadline, model=spec.id)
        if step is Step.START and await self._has_place(look, row):
            # It is too full all the same while a process that was told to end has not ended: it is asked again.
            self._begun[spec.address] = row.id  # it may be taken although the answer never comes
            with suppress(UpstreamOverloaded):
                await self._api.load(row.id, deadline=deadline, model=spec.id)
                return True
        return False

    async def _has_place(self, look: Look, row: Row) -> bool:
        """Say whether the router may hold one more model. Where not, one that is not in use is sent away first.

        Left to itself it would send away the one used longest ago, even in the middle of an answer.
        """
        held = {one.id for one in look.rows.values() if one.state in RUNNING}
        if self._leaving - held:
            self._unloaded_at = asyncio.get_running_loop().time()
        self._leaving &= held
        if not look.props.most or len(held) < look.props.most:
            return True
        if not self._leaving and (victim := self._sight.spare(self._running)) is not None:
            self._leaving.add(victim.id)
            self._sight.make_place(victim, row.id)
            await self._api.unload(victim.id, model=victim.id)
        return False

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):
                await self._stirred.wait()

    async def _give_up(self, spec: ModelSpec) -> None:
        """Have a load that takes too long ended, lest it ends well and holds memory that nobody has booked."""
        row = self._sight.find(spec.address)
        name = row.id if row is not None and row.state is State.LOADING else self._begun.get(spec.address)
        if name is not None and self._sight.last.is_router:
            with suppress(BatutaError):
                await self._api.unload(name, model=spec.id)

    def _failure(self, step: Step, row: Row | None, spec: ModelSpec) -> BatutaError:
        if row is None:
            return self._sight.not_installed(spec)
        if step is Step.DOWNLOADING:
            return self._fault(Seen.LOAD_FAILED, "it is still fetching the file", spec)
        if not row.exit_code:
            return self._fault(Seen.LOAD_FAILED, "somebody unloaded it while it was loading", spec)
        said = f"the model's process ended with exit code {row.exit_code}; the server's log says why"
        return self._fault(EXITS.get(row.exit_code, Seen.LOAD_FAILED), said, spec)

    # --- out -----------------------------------------------------------------------------------------------------

    async def unload(self, spec: ModelSpec) -> None:
        """Have a router end the model's process; return when it has. Fine if there was none.

        Raises:
            CannotUnload: the server holds this one model, and is not ours to stop.
            ProviderError: it did not do it in time, or cannot be asked.
        """
        if self._sight.last.is_router:
            self._sight.let_go(spec)
        try:
            is_out = await poll_until(
                lambda: self._take_out(spec), poll_s=self._poll_s, within_s=self._unload_timeout_s
            )
        except UpstreamUnreachable as error:
            if error.cause is Cause.ENGINE_OFFLINE:  # no model outlives its server
                return
            raise
        self._unloaded_at = asyncio.get_running_loop().time()
        if not is_out:
            said = f"{spec.address} was to leave memory within {self._unload_timeout_s:g} s"
            raise self._fault(Seen.SILENT, said, spec)

    async def _take_out(self, spec: ModelSpec) -> bool:
        """Tell the model's process to end; return whether there was none."""
        look = await self._sight.look()
        row = look.find(spec.address)
        if row is None or row.state not in RUNNING:
            return True
        if not look.is_router:
            raise self._fault(Seen.CANNOT_UNLOAD, STOP_IT, spec)
        await self._api.unload(row.id, model=spec.id)
        return False

    def _fault(self, seen: Seen, said: str, spec: ModelSpec) -> BatutaError:
        return fault(seen, where=self._where, said=said, model=spec.id)


def _forward_only(tell: ProgressListener) -> ProgressListener:
    """Tell only what is further on than what was told before: older routers begin anew with each stage."""
    furthest = 0.0

    def forward(progress: LoadProgress) -> None:
        nonlocal furthest
        if progress.fraction is None or progress.fraction >= furthest:
            furthest = max(furthest, progress.fraction or 0.0)
            tell(progress)

    return forward
