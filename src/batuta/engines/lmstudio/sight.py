"""What is known of an LM Studio's models right now, how old that is, and which of ours have gone. Loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LOST, GoneListener, Resident
from batuta.engines.faults import Seen, fault
from batuta.engines.lmstudio.api import LMStudioApi
from batuta.engines.lmstudio.wire import Api, Look, Row, nearest, stays
from batuta.engines.local_loads import LocalLoads
from batuta.engines.openai_compat import PROBE_S
from batuta.engines.sight import NEVER, Looks
from batuta.errors import BatutaError, UpstreamTimeout, UpstreamUnreachable


class Sight:
    """The last look at one LM Studio, and what follows from it.

    Args:
        api: whom to ask.
        loads: models on their way in, which nobody misses.
        provider_id: whose models these are in the catalog.
        where: how messages call it.
        fresh_s: seconds for which a look speaks for requests.
        look_s: seconds that a look may take.

    Attributes:
        shrunk_at: the loop's seconds at which something was last seen to have left memory.
    """

    def __init__(
        self, api: LMStudioApi, loads: LocalLoads, *, provider_id: str, where: str, fresh_s: float, look_s: float
    ) -> None:
        self._looks = Looks(
            api.look, nothing=Look(Api.V1, {}), fresh_s=fresh_s, on_change=self._changed, on_failure=self._failed
        )
        self._loads = loads
        self._provider_id = provider_id
        self._where = where
        self._look_s = look_s
        self.shrunk_at = NEVER
        self._mine: dict[str, ModelSpec] = {}  # address -> what we loaded or asked, and did not unload
        self._on_gone: list[GoneListener] = []

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, within_s: float | None = None) -> Look:
        """Ask what there is and what is in memory, and tell of models of ours that went. Raises ProviderError."""
        return await self._looks.look(min(within_s or self._look_s, self._look_s))

    def _changed(self, before: Look, now: Look) -> None:
        if before.held - now.held:
            self.shrunk_at = self._looks.looked_at
        gone = [address for address in self._mine if not ((row := self.find(address)) and row.instances)]
        self._lose(gone, f"{self._where} does not hold it any more")

    def _failed(self, error: BatutaError) -> None:
        if isinstance(error, UpstreamUnreachable):
            self._lose(list(self._mine), error.message)

    async def look_again(self) -> None:
        """After a bad answer: whoever asks next, and whoever watches, is to know how things are now."""
        await self._looks.look_again(self._brief_s)

    async def make_sure(self, spec: ModelSpec) -> None:
        """See that a model is in memory, so that no request makes LM Studio load it.

        One on another machine is its owner's: there, a request may load it.

        Raises:
            ProviderError: it cannot be asked, or does not hold the model.
            ModelFailed: it does not even have it.
        """
        with suppress(UpstreamTimeout):  # it is busy: the answer's name will tell
            await self._looks.refresh(self._brief_s)
        row = self.find(spec.address)
        if row is None:
            raise self.not_installed(spec)
        if not spec.is_loadable:
            return
        if not row.instances:
            raise fault(Seen.NOT_RESIDENT, where=self._where, said=spec.address, model=spec.id)
        self.keep(spec)

    @property
    def _brief_s(self) -> float:
        return min(PROBE_S, self._look_s)

    # --- knowing -------------------------------------------------------------------------------------------------

    def find(self, address: str) -> Row | None:
        """Return the model of that name as the last look saw it."""
        return self._looks.last.find(address)

    def names(self, spec: ModelSpec) -> frozenset[str]:
        """Return what an answer of the model may call itself."""
        row = self.find(spec.address)
        return (row.names if row else frozenset()) | {spec.address}

    def held(self, row: Row) -> Resident:
        """Return a model that is in memory, or on its way there, under the names the catalog has for it.

        Where LM Studio does not tell what it takes, it counts with what it was said to need.
        """
        mine = next((spec for address, spec in self._mine.items() if self.find(address) is row), None)
        return Resident(
            model_id=mine.id if mine else "",
            memory_bytes=row.memory_bytes or (mine.need_bytes if mine else 0),
            is_loading=not row.instances,
            address=mine.address if mine else row.key,
            fixed=stays(self._looks.last.api, row),
        )

    def not_installed(self, spec: ModelSpec) -> BatutaError:
        """Return the error for a model that LM Studio does not have, with the nearest that it has."""
        near = nearest(spec.address, self._looks.last.rows.values())
        hint = f"the nearest it has is {near}" if near else "search for it in LM Studio, or use `lms get`"
        error = fault(Seen.NOT_INSTALLED, where=self._where, said=f"{spec.address}; {hint}", model=spec.id)
        error.suggestion = f"{self._provider_id}/{near}" if near else None
        return error

    def __repr__(self) -> str:
        held = ", ".join(row.key for row in self._looks.last.rows.values() if row.instances)
        return f"<Sight of {self._where}, holds {held or 'nothing'}>"

    # --- what is ours --------------------------------------------------------------------------------------------

    def watch(self, on_gone: GoneListener) -> None:
        """Call `on_gone(model id, reason)` when a model of ours is in memory no more."""
        self._on_gone.append(on_gone)

    def keep(self, spec: ModelSpec) -> None:
        """Miss the model when it goes."""
        self._mine[spec.address] = spec

    def let_go(self, spec: ModelSpec) -> None:
        """Do not miss it: it goes because we say so."""
        self._mine.pop(spec.address, None)

    def _lose(self, addresses: Sequence[str], reason: str) -> None:
        for address in addresses:
            if address not in self._loads and (spec := self._mine.pop(address, None)) is not None:
                for listener in self._on_gone:
                    listener(spec.id, f"{LOST}{reason}")
