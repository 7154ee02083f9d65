"""What is known of a vLLM right now, how old that is, and what its model takes. Wakes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.engines.base import ReportedModel, Resident
from batuta.engines.faults import Seen, fault
from batuta.engines.openai_compat import LIST_S, PROBE_S
from batuta.engines.sight import Looks
from batuta.engines.vllm.api import VLLMApi
from batuta.engines.vllm.size import measure
from batuta.engines.vllm.wire import Look, Row, nearest, reported, why_not
from batuta.errors import BatutaError, UpstreamTimeout


class Sight:
    """The last look at one vLLM, and what follows from it.

    Args:
        api: whom to ask.
        provider_id: whose models these are in the catalog.
        where: how messages call it.
        hub: where files that it names by their place at Hugging Face are kept.
        fresh_s: seconds for which a look speaks for requests.
        look_s: seconds that a look may take.

    Attributes:
        is_enabled: a sleep gives its memory back; None: nobody has been able to tell.
        is_leaving: it is being put to sleep.
        is_coming: it is being woken.
    """

    def __init__(self, api: VLLMApi, *, provider_id: str, where: str, hub: Path, fresh_s: float, look_s: float) -> None:
        self._api = api
        self._provider_id = provider_id
        self._where = where
        self._hub = hub
        self._look_s = look_s
        self._looks = Looks(api.look, nothing=Look(), fresh_s=fresh_s, on_failure=self._failed)
        self._need = MemoryNeed()
        self._measured = ""  # the root that this need is of
        self._mine: dict[str, ModelSpec] = {}
        self.is_enabled: bool | None = None
        self.is_leaving = self.is_coming = False

    def __repr__(self) -> str:
        standing = "asleep" if self.last.is_asleep else "awake"
        return f"<Sight of {self._where}, {', '.join(self.last.rows) or 'nothing'} {standing}>"

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, within_s: float = LIST_S) -> Look:
        """Ask what it serves and whether it sleeps. Raises ProviderError."""
        return await self._looks.look(min(within_s, self._look_s))

    def _failed(self, _error: BatutaError) -> None:
        """Rely on nothing: the next that answers there may have been started otherwise."""
        self._looks.forget()
        self._measured, self.is_enabled = "", None

    async def look_again(self) -> None:
        """After a bad answer: whoever asks next is to know how things are now."""
        await self._looks.look_again(min(PROBE_S, self._look_s))

    async def make_sure(self, spec: ModelSpec) -> None:
        """See that it serves the model and is awake: a request to a sleeping vLLM ends its engine.

        Raises:
            ProviderError: it cannot be asked, or is asleep.
            ModelFailed: it does not serve the model.
        """
        try:
            await self._looks.refresh(min(PROBE_S, self._look_s))
        except UpstreamTimeout:
            if not self.last.rows:  # it is busy; but it was never seen
                raise
        if self.find(spec) is None:
            raise self.not_served(spec)
        if self.last.is_asleep or self.is_leaving:
            raise fault(Seen.NOT_RESIDENT, where=self._where, said=f"{spec.address} is asleep", model=spec.id)
        self.keep(spec)

    async def learn_enabled(self) -> None:
        """Find out, once, whether a sleep would give memory back. The first answer may take vLLM some seconds."""
        if self.last.is_asleep is not None and self.is_enabled is None:
            self.is_enabled = await self._api.is_enabled(within_s=self._look_s)

    async def measure(self) -> None:
        """Find out what the model takes, once: neither its files nor the size of its cache change while it runs."""
        base = self.last.base
        if base is None or base.root == self._measured:
            return
        metrics = await self._api.metrics(within_s=self._look_s)
        self._need = await asyncio.to_thread(measure, base.root, metrics, self._hub)
        self._measured = base.root

    # --- knowing -------------------------------------------------------------------------------------------------

    @property
    def last(self) -> Look:
        """What the newest look saw."""
        return self._looks.last

    def find(self, spec: ModelSpec) -> Row | None:
        """Return the model as the last look saw it."""
        return self.last.find(spec.address)

    @property
    def weights(self) -> int:
        """Bytes of the weights; 0 where its files do not tell."""
        return self._need.weights

    def why_fixed(self, row: Row) -> str:
        """Return why a name cannot leave memory by itself; empty if it can."""
        if row.parent:
            return f"it is an adapter of {row.parent}, and goes and comes with that"
        return self.why_not()

    def why_not(self) -> str:
        """Return why the server cannot be put to sleep; empty if it can."""
        return why_not(self.last, is_here=self._api.is_here, is_enabled=self.is_enabled)

    def keep(self, spec: ModelSpec) -> None:
        """Remember what the catalog knows of a model."""
        self._mine[spec.address] = spec

    def reported(self) -> tuple[ReportedModel, ...]:
        """Return the models as the catalog takes them."""
        return tuple(reported(row, self.last, self._need) for row in self.last.rows.values())

    def residents(self) -> tuple[Resident, ...]:
        """Return all of its names: they are in memory together, asleep together, and count as one."""
        return tuple(self.held(row) for row in self.last.rows.values())

    def held(self, row: Row) -> Resident:
        """Return one name. What its files do not tell counts as the catalog has it."""
        mine = self._mine.get(row.id)
        known = self._need.total(0) or (mine.need_bytes if mine else 0)
        is_asleep = bool(self.last.is_asleep)
        return Resident(
            model_id="",
            memory_bytes=0 if row.parent or is_asleep else known,
            is_loading=is_asleep and self.is_coming,
            address=row.id,
            is_asleep=is_asleep,
            fixed="" if is_asleep else self.why_fixed(row),
        )

    def not_served(self, spec: ModelSpec) -> BatutaError:
        """Return the error for a model that it does not serve, with the nearest that it does."""
        near = nearest(spec.address, self.last)
        served = ", ".join(self.last.rows)
        hint = f"it was started with {served}, and answers with that alone"
        error = fault(Seen.NOT_INSTALLED, where=self._where, said=f"{spec.address}; {hint}", model=spec.id)
        error.suggestion = f"{self._provider_id}/{near}" if near else None
        return error
