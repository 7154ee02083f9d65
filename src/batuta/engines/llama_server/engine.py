"""llama-server: alone with one model, or as a router that starts a process for each model it is told to load.

A router may load by itself what a request names, and throws out what was used longest ago, whatever it is saying. So
every request forbids it to, and Batuta alone says what comes and goes. Knows no queue and no memory budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from batuta.catalog.entities import ModelSpec, Provider
from batuta.engines.base import (
    ChangeListener,
    EngineHealth,
    EngineInfo,
    EngineStatus,
    GoneListener,
    LoadReport,
    ProgressListener,
    ReportedModel,
    Resident,
)
from batuta.engines.llama_server.answers import CountedWire
from batuta.engines.llama_server.api import LlamaServerApi
from batuta.engines.llama_server.events import RETRY_S, RouterEvents
from batuta.engines.llama_server.memory import Memory
from batuta.engines.llama_server.sight import Sight
from batuta.engines.llama_server.wire import RUNNING, Event, Look, Mode, State, info_of
from batuta.engines.local_loads import LocalLoads
from batuta.engines.local_talk import LocalTalk
from batuta.engines.openai_compat import LIST_S, PROBE_S, normal_url, place_of
from batuta.engines.transport import Transport, loopback_place
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

LOAD_S: Final = 180.0
UNLOAD_S: Final = 60.0  # a router gives a process 10 s to end before it kills it; a person may have set more
POLL_S: Final = 0.25
FRESH_S: Final = 1.0  # a look this old may speak for a request to a server of one model

HEALTH: Final = {
    State.LOADED: EngineHealth.READY,
    State.LOADING: EngineHealth.LOADING,
}
"""Any other state: it is there, and not in memory."""

WORDS: Final = {
    State.UNLOADED: "is there, not loaded",
    State.DOWNLOADED: "is there, not loaded",
    State.DOWNLOADING: "is still being fetched",
    State.SLEEPING: "is asleep: it wakes when it is wanted",
}


class LlamaServerEngine(LocalTalk[Sight]):
    """The engine of one llama-server. Satisfies PassThroughEngine, LoadableEngine, DescribedEngine and NoticingEngine.

    Args:
        provider: where it is; the address may end in `/v1`.
        transport: shared by all engines.
        key: the one it was started with (`--api-key`), if it was.
        load_timeout_s: seconds after which a load is given up.
        unload_timeout_s: seconds after which an unload is.
        ask_timeout_s: seconds within which the server says what it holds.
        poll_s: seconds between two looks while something is on its way.
        fresh_s: seconds for which a look speaks for requests.
        retry_s: seconds before a router's events are tried again.
    """

    kind = "llama_server"
    dialect = "openai"
    _wire: CountedWire

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        key: Secret | None = None,
        load_timeout_s: float = LOAD_S,
        unload_timeout_s: float = UNLOAD_S,
        ask_timeout_s: float = LIST_S,
        poll_s: float = POLL_S,
        fresh_s: float = FRESH_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self.provider = provider
        self._base_url, self._key = normal_url(provider.base_url), key
        self.origin = self._base_url.removesuffix("/v1")
        where = place_of(self.origin)
        self._api = LlamaServerApi(transport, self.origin, key, where=where)
        self._loads = LocalLoads(where)
        self._ask_timeout_s = ask_timeout_s
        self._sight = Sight(
            self._api,
            self._loads,
            provider_id=provider.id,
            where=where,
            ask_s=ask_timeout_s,
            fresh_s=fresh_s,
            has_files=loopback_place(self.origin) is not None,
        )
        self._wire = CountedWire(transport, self._sight.names)
        self._events = RouterEvents(self._api, on_event=self._heard, on_turn=self._changed, retry_s=retry_s)
        self._memory = Memory(
            self._api,
            self._sight,
            running=self._wire.running,
            follow=self._follow,
            where=where,
            load_timeout_s=load_timeout_s,
            unload_timeout_s=unload_timeout_s,
            poll_s=poll_s,
        )
        self._on_change: list[ChangeListener] = []

    def __repr__(self) -> str:
        return f"<LlamaServerEngine {self.provider.id}, {self._sight!r}>"

    # --- who and what --------------------------------------------------------------------------------------------

    async def describe(self) -> EngineInfo:
        """Ask who is there; of a router also whether it tells of changes."""
        props = await self._api.props(end=asyncio.get_running_loop().time() + min(PROBE_S, self._ask_timeout_s))
        tells_changes = props.mode is Mode.ROUTER and (self._events.is_on or await self._api.has_events())
        return info_of(props, tells_changes=tells_changes)

    async def list_models(self) -> Sequence[ReportedModel]:
        await self._sight.look()
        await self._sight.measure()
        return self._sight.reported()

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        if spec.address in self._loads:
            return EngineStatus(EngineHealth.LOADING)
        try:
            look = await self._sight.look(is_brief=True)
        except BatutaError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        row = look.find(spec.address)
        if row is None and not (look.is_router or look.rows):
            return EngineStatus(EngineHealth.LOADING, "it is still loading the model it was started with")
        if row is None:
            return EngineStatus(EngineHealth.ABSENT, self._sight.not_installed(spec).message)
        words = f"{row.id} {WORDS[row.state]}" if row.state in WORDS else ""
        return EngineStatus(HEALTH.get(row.state, EngineHealth.ABSENT), words)

    async def resident(self) -> Sequence[Resident]:
        look = await self._sight.look()
        self._follow(look)
        return tuple(self._sight.held(row) for row in look.rows.values() if row.state in RUNNING)

    # --- what is told --------------------------------------------------------------------------------------------

    def watch(self, on_gone: GoneListener) -> None:
        self._sight.watch(on_gone)

    def notice(self, on_change: ChangeListener) -> None:
        """Tell of changes from the next look on, if it is a router that tells of them: `is_hearing` says so."""
        self._on_change.append(on_change)

    @property
    def is_hearing(self) -> bool:
        """Changes are heard of now; a server of one model, and an old router, have to be asked."""
        return self._events.is_on

    def _follow(self, look: Look) -> None:
        if look.is_router and (self._on_change or self._loads.addresses):
            self._events.start()

    def _heard(self, event: Event) -> None:
        self._memory.heard(event)
        self._sight.heard(event)
        if event.is_news:
            self._changed()

    def _changed(self) -> None:
        for listener in self._on_change:
            listener()

    # --- in and out of memory ------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        return await self._loads.join(spec.address, lambda tell: self._memory.load(spec, tell), on_progress)

    async def unload(self, spec: ModelSpec) -> None:
        await self._loads.abort(spec.address)
        await self._memory.unload(spec)

    async def aclose(self) -> None:
        """Stop listening, and the loads that wait here; the server goes on with what it has begun."""
        await self._events.aclose()
        await self._loads.aclose()
