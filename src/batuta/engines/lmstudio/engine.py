"""LM Studio: its models are loaded and unloaded by name through its own API, and asked in OpenAI's dialect.

A request that reaches LM Studio may load a model by itself, and what is loaded so may be thrown out by the next. So a
request goes out only for a model that is in memory, and its answer counts only if that model gave it. Knows no queue
and no memory budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from batuta.catalog.entities import ModelSpec, Provider
from batuta.engines.base import (
    EngineHealth,
    EngineInfo,
    EngineStatus,
    GoneListener,
    LoadReport,
    ProgressListener,
    RawCall,
    ReportedModel,
    Resident,
)
from batuta.engines.lmstudio.answers import NamedWire
from batuta.engines.lmstudio.api import LMStudioApi
from batuta.engines.lmstudio.memory import LOAD_S, POLL_S, Memory
from batuta.engines.lmstudio.sight import Sight
from batuta.engines.lmstudio.wire import NOTES, Api, renamed, reported
from batuta.engines.local_loads import LocalLoads
from batuta.engines.local_talk import LocalTalk
from batuta.engines.openai_compat import LIST_S, PROBE_S, normal_url, place_of
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

FRESH_S: Final = 1.0  # a look this old may speak for a request: a model that went since is caught by the answer's name
TAILS: Final = ("/api/v1", "/api/v0", "/v1", "/api")


class LMStudioEngine(LocalTalk[Sight]):
    """The engine of one LM Studio. Satisfies PassThroughEngine, LoadableEngine and DescribedEngine.

    Args:
        provider: where it is; the address may end in `/v1`, `/api/v0` or `/api/v1`.
        transport: shared by all engines.
        key: an API token, if it demands one.
        load_timeout_s: seconds after which a load is given up.
        poll_s: seconds between two looks while something is on its way.
        fresh_s: seconds for which a look speaks for requests.
        look_s: seconds that a look may take.
    """

    kind = "lmstudio"
    dialect = "openai"

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        key: Secret | None = None,
        load_timeout_s: float = LOAD_S,
        poll_s: float = POLL_S,
        fresh_s: float = FRESH_S,
        look_s: float = LIST_S,
    ) -> None:
        self.provider = provider
        url = normal_url(provider.base_url)
        self.origin = next((url.removesuffix(tail) for tail in TAILS if url.endswith(tail)), url)
        self._base_url, self._key = f"{self.origin}/v1", key
        self._place = where = place_of(self.origin)
        self._api = LMStudioApi(transport, self.origin, key, where=where)
        self._loads = LocalLoads(where)
        self._sight = Sight(
            self._api, self._loads, provider_id=provider.id, where=where, fresh_s=fresh_s, look_s=look_s
        )
        self._wire = NamedWire(transport, self._sight.names)
        self._memory = Memory(self._api, self._sight, where=where, load_timeout_s=load_timeout_s, poll_s=poll_s)

    def __repr__(self) -> str:
        return f"<LMStudioEngine {self.provider.id}, {self._sight!r}>"

    # --- who and what --------------------------------------------------------------------------------------------

    async def describe(self) -> EngineInfo:
        look = await self._sight.look(PROBE_S)
        return EngineInfo(note=NOTES[look.api] if self.provider.is_local else "")  # notes are about loading

    async def list_models(self) -> Sequence[ReportedModel]:
        return tuple(reported(row) for row in (await self._sight.look()).rows.values())

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        if spec.address in self._loads:
            return EngineStatus(EngineHealth.LOADING)
        try:
            look = await self._sight.look(PROBE_S)
        except BatutaError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        row = look.find(spec.address)
        if row is None:
            return EngineStatus(EngineHealth.ABSENT, self._sight.not_installed(spec).message)
        if row.instances:
            return EngineStatus(EngineHealth.READY)
        health = EngineHealth.LOADING if row.is_loading else EngineHealth.ABSENT
        return EngineStatus(health, NOTES[Api.OLD] if look.api is Api.OLD else f"{row.key} is installed, not loaded")

    async def resident(self) -> Sequence[Resident]:
        look = await self._sight.look()
        rows = [row for row in look.rows.values() if row.instances or row.is_loading or row.key in self._loads]
        return tuple(self._sight.held(row) for row in rows)

    def watch(self, on_gone: GoneListener) -> None:
        self._sight.watch(on_gone)

    # --- in and out of memory ------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        return await self._loads.join(spec.address, lambda tell: self._memory.load(spec, tell), on_progress)

    async def unload(self, spec: ModelSpec) -> None:
        await self._loads.abort(spec.address)
        await self._memory.unload(spec)

    # --- talking -------------------------------------------------------------------------------------------------

    def wire_name(self, spec: ModelSpec) -> str:
        """Return what the model is asked by: the name of its first copy, or its own until one is known."""
        row = self._sight.find(spec.address)
        return row.instances[0] if row and row.instances else spec.address

    def _sent(self, spec: ModelSpec, call: RawCall) -> RawCall:
        return replace(call, body=renamed(call.body, self.wire_name(spec)))

    async def aclose(self) -> None:
        """Stop the loads that wait here; LM Studio goes on with what it has begun."""
        await self._loads.aclose()
