"""What is known of a llama-server's models right now, how old that is, and which of ours have gone. Loads nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LOST, GoneListener, ReportedModel, Resident
from batuta.engines.faults import Seen, fault
from batuta.engines.llama_server.api import LlamaServerApi
from batuta.engines.llama_server.wire import (
    RUNNING,
    STOP_IT,
    Event,
    Look,
    Mode,
    Props,
    Row,
    State,
    nearest,
    need_of,
    reported,
    shards,
)
from batuta.engines.local_loads import LocalLoads
from batuta.engines.openai_compat import PROBE_S
from batuta.engines.sight import NEVER, Looks
from batuta.errors import BatutaError, UpstreamTimeout, UpstreamUnreachable

NOTHING: Final = Look(Props(Mode.SINGLE))


class Sight:
    """The last look at one llama-server, and what follows from it.

    Args:
        api: whom to ask.
        loads: models on their way in, which nobody misses.
        provider_id: whose models these are in the catalog.
        where: how messages call it.
        ask_s: seconds that a look may take.
        fresh_s: seconds for which a look at a server of one model speaks for requests.
        has_files: the models' files are on this machine.
    """

    def __init__(
        self,
        api: LlamaServerApi,
        loads: LocalLoads,
        *,
        provider_id: str,
        where: str,
        ask_s: float,
        fresh_s: float,
        has_files: bool,
    ) -> None:
        self._api = api
        self._loads = loads
        self._provider_id = provider_id
        self._where = where
        self._ask_s = ask_s
        self._has_files = has_files
        self._file_sizes: dict[str, int] = {}
        self._looks = Looks(
            self._ask, nothing=NOTHING, fresh_s=fresh_s, on_change=self._changed, on_failure=self._failed
        )
        self._mine: dict[
            str, ModelSpec
        ] = {}  # address -> what we loaded or asked, and did not unload; oldest use first
        self._on_gone: list[GoneListener] = []

    def __repr__(self) -> str:
        held = ", ".join(row.id for row in self.last.rows.values() if row.is_ready)
        return f"<Sight of {self._where}, {self.last.props.mode.value}, holds {held or 'nothing'}>"

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, *, is_brief: bool = False) -> Look:
        """Ask what there is and what is in memory, and tell of models of ours that went. Raises ProviderError."""
        return await self._looks.look(self._brief_s if is_brief else self._ask_s)

    async def _ask(self, *, within_s: float) -> Look:
        """Ask. One that is only just loading may not list its model: what it listed before is on its way in, then."""
        look = await self._api.look(within_s=within_s)
        if not look.rows and not look.is_router and not self.last.is_router:
            look = replace(look, rows={row.id: replace(row, state=State.LOADING) for row in self.last.rows.values()})
        return look

    def _changed(self, before: Look, _now: Look) -> None:
        for address in list(self._mine):
            was, row = before.find(address), self.find(address)
            if row is None or row.state not in RUNNING or _is_anew(was, row):
                self._lose([address], self._why_gone(row.exit_code if row else 0))

    def _failed(self, error: BatutaError) -> None:
        if isinstance(error, UpstreamUnreachable):
            self._lose(list(self._mine), f"{LOST}{error.message}")

    async def look_again(self) -> None:
        """After a bad answer: whoever asks next, and whoever watches, is to know how things are now."""
        await self._looks.look_again(self._brief_s)

    async def make_sure(self, spec: ModelSpec) -> None:
        """See that the server has this model and no other, where a request alone could not tell.

        A router refuses what is not in memory by itself; a server of one model answers to every name.

        Raises:
            ProviderError: it cannot be asked.
            ModelError: it does not have the model, or is still loading it.
        """
        if self._looks.looked_at == NEVER or not self.last.is_router:
            try:
                await self._looks.refresh(self._brief_s)
            except UpstreamTimeout:  # it is busy: the answer's name will tell
                if self.last is NOTHING:
                    raise
        if not self.last.is_router:
            row = self.find(spec.address)
            if row is None:
                raise self.not_installed(spec)
            if row.state is State.LOADING:
                raise fault(Seen.LOADING, where=self._where, model=spec.id)
        self.keep(spec)

    @property
    def _brief_s(self) -> float:
        return min(PROBE_S, self._ask_s)

    async def measure(self) -> None:
        """Find out how large the files of models that are not loaded are, where they are on this machine."""
        paths = [row.path for row in self.last.rows.values() if row.path and not row.size] if self._has_files else []
        self._file_sizes = await asyncio.to_thread(_sizes, paths) if paths else {}

    # --- knowing -------------------------------------------------------------------------------------------------

    @property
    def last(self) -> Look:
        """What the newest look saw."""
        return self._looks.last

    def find(self, address: str) -> Row | None:
        """Return the model of that name as the last look saw it."""
        return self.last.find(address)

    def names(self, spec: ModelSpec) -> frozenset[str]:
        """Return what an answer of the model may call itself."""
        row = self.find(spec.address)
        return (row.names if row else frozenset()) | {spec.address}

    def reported(self) -> tuple[ReportedModel, ...]:
        """Return the models as the catalog takes them."""
        return tuple(reported(row, self._file_sizes.get(row.path, 0)) for row in self.last.rows.values())

    def held(self, row: Row) -> Resident:
        """Return a model that has a process, under the names the catalog has for it.

        Where the server does not tell what it takes, it counts with what it was said to need.
        """
        mine = next((spec for address, spec in self._mine.items() if self.find(address) is row), None)
        need = need_of(row, self._file_sizes.get(row.path, 0))
        return Resident(
            model_id=mine.id if mine else "",
            memory_bytes=need.total(0) or (mine.need_bytes if mine else 0),
            is_loading=row.state is State.LOADING,
            address=mine.address if mine else row.id,
            is_asleep=row.state is State.SLEEPING,
            fixed="" if self.last.is_router or row.state is State.SLEEPING else STOP_IT,
        )

    def not_installed(self, spec: ModelSpec) -> BatutaError:
        """Return the error for a model that the server does not have, with the nearest that it has."""
        near = nearest(spec.address, self.last)
        if self.last.is_router:
            hint = f"the nearest it has is {near}" if near else "add it to its models and let it look for them again"
        else:
            hint = f"it was started with {', '.join(self.last.rows) or 'another model'}, and answers with that alone"
        error = fault(Seen.NOT_INSTALLED, where=self._where, said=f"{spec.address}; {hint}", model=spec.id)
        error.suggestion = f"{self._provider_id}/{near}" if near else None
        return error

    # --- what is ours --------------------------------------------------------------------------------------------

    def watch(self, on_gone: GoneListener) -> None:
        """Call `on_gone(model id, reason)` when a model of ours is in memory no more."""
        self._on_gone.append(on_gone)

    def keep(self, spec: ModelSpec) -> None:
        """Miss the model when it goes; it is the one used last."""
        self._mine.pop(spec.address, None)
        self._mine[spec.address] = spec

    def let_go(self, spec: ModelSpec) -> None:
        """Do not miss it: it goes because we say so."""
        self._mine.pop(spec.address, None)

    def heard(self, event: Event) -> None:
        """Take in what a router tells by itself."""
        if event.state is State.UNLOADED:
            gone = [address for address in self._mine if self.means(address, event.model)]
            self._lose(gone, self._why_gone(event.exit_code))

    def spare(self, running: Mapping[str, int]) -> Row | None:
        """Return the model that can best be done without, so that another has a place; None if all are in use.

        1. Ours, not answering, not pinned: the one used longest ago.
        2. One that somebody else loaded: nobody here knows whether it is in use.
        """
        rows = [row for row in self.last.rows.values() if row.is_ready]
        mine = {row.id: spec for address, spec in self._mine.items() if (row := self.find(address)) is not None}
        for row_id, spec in mine.items():  # 1
            row = self.last.rows[row_id]
            if row in rows and not spec.pinned and not running.get(spec.address):
                return row
        return next((row for row in rows if row.id not in mine), None)  # 2

    def make_place(self, row: Row, winner: str) -> None:
        """Tell that a model goes so that another has its place."""
        gone = [address for address in self._mine if self.find(address) is row]
        self._lose(gone, f"{LOST}{self._where} holds {self.last.props.most} models at once, and {winner} is wanted")

    def means(self, address: str, name: str) -> bool:
        """Say whether an address is the model that the server calls by this name."""
        row = self.find(address)
        return name == address or (row is not None and name == row.id)

    def _why_gone(self, exit_code: int) -> str:
        if exit_code:
            return f"its process at {self._where} ended with exit code {exit_code}"
        return f"{LOST}{self._where} does not hold it any more"

    def _lose(self, addresses: Collection[str], reason: str) -> None:
        for address in addresses:
            if address not in self._loads and (spec := self._mine.pop(address, None)) is not None:
                for listener in self._on_gone:
                    listener(spec.id, reason)


def _is_anew(was: Row | None, row: Row) -> bool:
    """Say whether a model that was there is on its way in again: whoever runs it has started it anew."""
    return was is not None and was.state is State.LOADED and row.state is State.LOADING


def _sizes(paths: Iterable[str]) -> dict[str, int]:
    """Return how large models' files are; those that cannot be seen are left out."""
    sizes: dict[str, int] = {}
    for path in paths:
        with suppress(OSError, ValueError):
            sizes[path] = sum(Path(shard).stat().st_size for shard in shards(path))
    return sizes
