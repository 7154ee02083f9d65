"""A vLLM's model, put to sleep and woken up: drained first, in the right order, confirmed. Asks no questions of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LoadProgress, LoadReport, ProgressListener, Resident
from batuta.engines.faults import Seen, fault
from batuta.engines.local_loads import poll_until
from batuta.engines.openai_compat import named
from batuta.engines.vllm.api import VLLMApi
from batuta.engines.vllm.sight import Sight
from batuta.engines.vllm.size import host_free
from batuta.engines.vllm.wire import DEEPEST, NO_ROUTES, WAKES, Call, level_of, warm_up
from batuta.errors import BatutaError, Cause, ModelFailed, UpstreamRejected, UpstreamUnreachable

LOAD_S: Final = 180.0
SLEEP_S: Final = 60.0  # 20 GB go to the host's memory in some seconds; others may be answered meanwhile
POLL_S: Final = 0.25
LATE_S: Final = 5.0  # what another engine gave back is really free this late
ASK_S: Final = 5.0


class Memory:
    """In and out.

    Args:
        api: whom to tell.
        sight: what is there.
        where: how messages call it.
        load_timeout_s: seconds after which a wake-up is given up.
        sleep_timeout_s: seconds that other programs' requests have to end, and again it has to fall asleep.
        poll_s: seconds between two looks while something is on its way.
        sleep_level: how deep it sleeps, where the model's options do not say.
        host_free: bytes of this machine's memory that are free.
    """

    def __init__(
        self,
        api: VLLMApi,
        sight: Sight,
        *,
        where: str,
        load_timeout_s: float = LOAD_S,
        sleep_timeout_s: float = SLEEP_S,
        poll_s: float = POLL_S,
        sleep_level: int = 1,
        host_free: Callable[[], int] = host_free,
    ) -> None:
        self._api = api
        self._sight = sight
        self._where = where
        self._load_timeout_s = load_timeout_s
        self._sleep_timeout_s = sleep_timeout_s
        self._poll_s = poll_s
        self._sleep_level = sleep_level
        self._host_free = host_free
        self._level: int | None = None  # of the sleep that we sent it to; None: somebody else did

    # --- in ------------------------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, tell: ProgressListener) -> LoadReport:
        """Wake it, if it sleeps; return when it answers.

        Raises:
            ModelError: it does not serve the model, has no room, or did not wake up well or in time.
            ProviderError: it is not running, has died, or is somebody else. Starting it is a person's.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        tell(LoadProgress("starting", None))
        try:
            async with asyncio.timeout(self._load_timeout_s):
                was_resident = await self._bring_in(spec, tell)
        except TimeoutError:
            raise self._fault(Seen.LOAD_TIMEOUT, f"it had {self._load_timeout_s:g} s to wake up", spec) from None
        except UpstreamRejected as error:  # not the caller's request
            raise self._fault(Seen.LOAD_FAILED, error.message, spec) from None
        except BatutaError as error:
            raise named(error, spec.id) from None
        self._sight.keep(spec)
        row = self._sight.find(spec)
        held = self._sight.held(row) if row else Resident("", 0)
        return LoadReport(held.memory_bytes, loop.time() - started, was_resident, held.fixed)

    async def _bring_in(self, spec: ModelSpec, tell: ProgressListener) -> bool:
        """Return whether it was awake.

        1. Awake, or without sleep: there is nothing to do.
        2. Asleep: what undoes its sleep, in order; see it awake; then a request for one token.
        """
        look = await self._sight.look()
        if look.find(spec.address) is None:
            raise self._sight.not_served(spec)
        await self._sight.measure()
        if not look.is_asleep:  # 1
            self._level = None
            return True
        if not self._api.is_here:
            raise self._fault(Seen.LOAD_FAILED, f"it is asleep; {self._sight.why_not()}", spec)
        tell(LoadProgress("reading", None))  # 2
        self._sight.is_coming = True
        try:
            for call in WAKES[self._level or DEEPEST]:
                await self._wake(call, spec)
            if not await poll_until(self._is_awake, poll_s=self._poll_s, within_s=ASK_S):
                raise self._fault(Seen.LOAD_FAILED, "it took the wake-up, and is asleep all the same", spec)
        finally:
            self._sight.is_coming = False
        self._level = None
        tell(LoadProgress("warming", None))
        path, body = warm_up(spec)
        with suppress(UpstreamRejected):  # a model that does neither; it is awake all the same
            await self._api.ask(path, body, deadline=self._deadline(self._load_timeout_s), model=spec.id)
        return False

    async def _wake(self, call: Call, spec: ModelSpec) -> None:
        """Make a call that wakes it. Where memory is short it is tried again: some may be on its way back."""
        until = self._deadline(LATE_S)
        while True:
            try:
                await self._api.post(call, deadline=self._deadline(self._load_timeout_s + 1), model=spec.id)
            except BatutaError as error:
                await self._sight.look()  # whether it is dead now says more than its last words
                if error.cause is not Cause.OUT_OF_MEMORY or asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(self._poll_s)
            else:
                return

    async def _is_awake(self) -> bool:
        return not (await self._sight.look()).is_asleep

    # --- out -----------------------------------------------------------------------------------------------------

    async def sleep(self, spec: ModelSpec) -> None:
        """Put it to sleep; return when it says that it sleeps. Fine if it does, or is not running.

        1. An adapter has no memory of its own: it goes with its base.
        2. A vLLM that cannot sleep keeps its memory until a person ends it.
        3. Others may be using it: they come to their end first.

        Raises:
            CannotUnload: it cannot sleep.
            ModelFailed: others are using it all the time.
            ProviderError: it cannot be asked.
        """
        try:
            look = await self._sight.look()
            row = look.find(spec.address)
            if row is None or look.is_asleep:
                return
            await self._sight.learn_enabled()
            if reason := self._sight.why_fixed(row):  # 1, 2
                raise self._fault(Seen.CANNOT_UNLOAD, reason, spec)
            self._sight.is_leaving = True
            await self._drain(spec)  # 3
            await self._put_to_sleep(spec)
        except UpstreamUnreachable as error:
            if error.cause is not Cause.ENGINE_OFFLINE:
                raise
        finally:
            self._sight.is_leaving = False

    async def _drain(self, spec: ModelSpec) -> None:
        if not await poll_until(self._is_idle, poll_s=self._poll_s, within_s=self._sleep_timeout_s):
            words = f"{self._where} still answers other programs after {self._sleep_timeout_s:g} s"
            raise ModelFailed(f"{words}; {spec.address} stays in memory", model=spec.id, cause=Cause.TIMEOUT)

    async def _is_idle(self) -> bool:
        return not (await self._api.metrics(within_s=ASK_S)).requests

    async def _put_to_sleep(self, spec: ModelSpec) -> None:
        level = level_of(spec, self._sleep_level, weights=self._sight.weights, host_free=self._host_free())
        try:
            await self._api.sleep(level, deadline=self._deadline(self._sleep_timeout_s), model=spec.id)
        except UpstreamRejected as error:
            raise self._fault(Seen.CANNOT_UNLOAD, f"{NO_ROUTES}. It said: {error.message}", spec) from None
        if not await poll_until(self._is_asleep, poll_s=self._poll_s, within_s=ASK_S):
            raise self._fault(Seen.CANNOT_UNLOAD, "it took the call, and is awake all the same", spec)
        self._level = level

    async def _is_asleep(self) -> bool:
        return bool((await self._sight.look()).is_asleep)

    def _deadline(self, seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds

    def _fault(self, seen: Seen, said: str, spec: ModelSpec) -> BatutaError:
        return fault(seen, where=self._where, said=said, model=spec.id)
