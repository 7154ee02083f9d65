"""Models of one LM Studio, brought into memory and taken out: tries, time limits, copies. Talks to no model."""

from __future__ import annotations

import asyncio
from typing import Final

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LoadProgress, LoadReport, ProgressListener
from batuta.engines.faults import Seen, fault
from batuta.engines.lmstudio.api import LMStudioApi
from batuta.engines.lmstudio.sight import Sight
from batuta.engines.lmstudio.wire import NOTES, Api, Row, load_body, stays
from batuta.engines.local_loads import poll_until
from batuta.engines.openai_compat import named
from batuta.errors import BatutaError, Cause, UpstreamRejected, UpstreamUnreachable

LOAD_S: Final = 180.0
UNLOAD_S: Final = 60.0
LISTED_S: Final = 5.0  # from "loaded" to being on the list
POLL_S: Final = 0.25
RETRIES: Final = 2  # of a load that met trouble with the connection
LATE_S: Final = 5.0  # after a model has left, its bytes come back this late
TTL_S: Final = 3600  # LM Studio's own default for models that a request has loaded; only 0.3 needs it


class Memory:
    """In and out.

    Args:
        api: whom to tell.
        sight: what is there.
        where: how messages call it.
        load_timeout_s: seconds after which a load is given up.
        poll_s: seconds between two looks while something is on its way.
    """

    def __init__(
        self, api: LMStudioApi, sight: Sight, *, where: str, load_timeout_s: float = LOAD_S, poll_s: float = POLL_S
    ) -> None:
        self._api = api
        self._sight = sight
        self._where = where
        self._load_timeout_s = load_timeout_s
        self._poll_s = poll_s

    # --- in ------------------------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, tell: ProgressListener) -> LoadReport:
        """Load within the time there is for it; return when the model is listed as loaded.

        Raises:
            ModelError: not installed, no room, a load that failed or took too long.
            ProviderError: LM Studio is offline, somebody else, or too old.
        """
        loop = asyncio.get_running_loop()
        started, tries = loop.time(), 0
        tell(LoadProgress("starting", None))  # LM Studio tells of no progress on this way
        try:
            async with asyncio.timeout(self._load_timeout_s):
                while True:
                    try:
                        row, was_resident = await self._bring_in(spec, tell)
                    except UpstreamRejected as error:  # a setting of the load, not the caller's request, is wrong
                        raise self._fault(Seen.LOAD_FAILED, error.message, spec) from None
                    except BatutaError as error:
                        if not self._is_worth_a_try(error, tries):
                            raise named(error, spec.id) from None
                        tries += error.cause is not Cause.OUT_OF_MEMORY
                        await asyncio.sleep(self._poll_s)
                        continue
                    self._sight.keep(spec)
                    seconds = loop.time() - started
                    held = self._sight.held(row)
                    return LoadReport(held.memory_bytes, seconds, was_resident and not tries, held.fixed)
        except TimeoutError:
            raise self._fault(Seen.LOAD_TIMEOUT, f"it had {self._load_timeout_s:g} s", spec) from None

    def _is_worth_a_try(self, error: BatutaError, tries: int) -> bool:
        """Say whether to load again.

        1. The connection was lost: a few times. 2. There was no room just after a model left: it may be there soon.
        """
        if error.cause is Cause.OUT_OF_MEMORY:  # 2
            return asyncio.get_running_loop().time() - self._sight.shrunk_at < LATE_S
        return error.cause in {Cause.ENGINE_OFFLINE, Cause.CRASH} and tries < RETRIES  # 1

    async def _bring_in(self, spec: ModelSpec, tell: ProgressListener) -> tuple[Row, bool]:
        """Return the model once it is in memory, and whether it was there before.

        1. It is there: nothing is loaded twice.
        2. Somebody else is loading it: a second copy would only take more memory.
        3. Load it, see it listed, and take out the copies that came in beside it.
        """
        look = await self._sight.look()
        if look.api is Api.OLD:
            raise self._fault(Seen.TOO_OLD, NOTES[Api.OLD], spec)
        row = look.find(spec.address)
        if row is None:
            raise self._sight.not_installed(spec)
        if row.instances:  # 1
            return row, True
        tell(LoadProgress("reading", None))
        if row.is_loading:  # 2
            await poll_until(lambda: self._is_settled(spec), poll_s=self._poll_s, within_s=self._load_timeout_s)
            return (await self._bring_in(spec, tell))[0], False
        copy = await self._start(look.api, row, spec)  # 3
        if not await poll_until(lambda: self._is_held(spec), poll_s=self._poll_s, within_s=LISTED_S):
            raise self._fault(Seen.LOAD_FAILED, "it took the load, but does not list the model as loaded", spec)
        return await self._only(copy, spec) or row, False

    async def _start(self, api: Api, row: Row, spec: ModelSpec) -> str:
        """Have the model loaded; return the new copy's name."""
        # One second more than the load has: its own time limit is to end it, with its own words.
        deadline = asyncio.get_running_loop().time() + self._load_timeout_s + 1
        if api is Api.V1:
            return await self._api.load(load_body(row, spec), deadline=deadline, model=spec.id)
        return await self._api.touch(row, int(spec.ttl_s or TTL_S), deadline=deadline, model=spec.id)

    async def _only(self, copy: str, spec: ModelSpec) -> Row | None:
        """Take out the copies beside ours, which a request of somebody else's loaded at the same time."""
        row = self._sight.find(spec.address)
        if row is None or copy not in row.instances or len(row.instances) == 1:
            return row
        for other in row.instances:
            if other != copy:
                await self._api.unload(other, model=spec.id)
        return (await self._sight.look()).find(spec.address)

    async def _is_settled(self, spec: ModelSpec) -> bool:
        row = (await self._sight.look()).find(spec.address)
        return row is None or not row.is_loading

    async def _is_held(self, spec: ModelSpec) -> bool:
        row = (await self._sight.look()).find(spec.address)
        return row is not None and bool(row.instances)

    # --- out -----------------------------------------------------------------------------------------------------

    async def unload(self, spec: ModelSpec) -> None:
        """Take every copy out; return when none is listed. Fine if there was none.

        Raises:
            CannotUnload: the version cannot.
            ProviderError: it cannot be asked, or did not do it in time.
        """
        self._sight.let_go(spec)
        try:
            is_out = await poll_until(lambda: self._take_out(spec), poll_s=self._poll_s, within_s=UNLOAD_S)
            if not is_out:
                raise self._fault(Seen.SILENT, f"{spec.address} was to leave memory within {UNLOAD_S:g} s", spec)
        except BatutaError as error:
            if isinstance(error, UpstreamUnreachable) and error.cause is Cause.ENGINE_OFFLINE:
                return  # no model outlives its program
            self._sight.keep(spec)  # it is still there
            raise

    async def _take_out(self, spec: ModelSpec) -> bool:
        """Tell every copy to go; return whether there was none left, nor one on its way in."""
        look = await self._sight.look()
        row = look.find(spec.address)
        if row is None or not row.instances:
            return row is None or not row.is_loading
        if why := stays(look.api, row):
            raise self._fault(Seen.CANNOT_UNLOAD, why, spec)
        for copy in row.instances:
            await self._api.unload(copy, model=spec.id)
        row = (await self._sight.look()).find(spec.address)
        return row is None or not (row.instances or row.is_loading)

    def _fault(self, seen: Seen, said: str, spec: ModelSpec) -> BatutaError:
        return fault(seen, where=self._where, said=said, model=spec.id)
