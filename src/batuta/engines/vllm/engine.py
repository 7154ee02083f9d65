"""vLLM: one server with one model, which sleeps in place of being unloaded and wakes in place of being loaded.

A request to a sleeping vLLM ends its engine, and its health says nothing of sleep. So a request goes out only for a
model that was seen awake. Starting and ending the server is a person's. Knows no queue and no memory budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from batuta.catalog.entities import ModelSpec, Provider
from batuta.engines.base import (
    EngineHealth,
    EngineInfo,
    EngineStatus,
    GoneListener,
    LoadReport,
    ProgressListener,
    ReportedModel,
    Resident,
)
from batuta.engines.local_loads import LocalLoads
from batuta.engines.local_talk import LocalTalk
from batuta.engines.openai_compat import LIST_S, PROBE_S, normal_url, place_of
from batuta.engines.transport import Transport
from batuta.engines.vllm.answers import UnabortedWire
from batuta.engines.vllm.api import VLLMApi
from batuta.engines.vllm.memory import LOAD_S, POLL_S, SLEEP_S, Memory
from batuta.engines.vllm.sight import Sight
from batuta.engines.vllm.size import host_free, hub_folder
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

FRESH_S: Final = 1.0  # a look this old may speak for a request


class VLLMEngine(LocalTalk[Sight]):
    """The engine of one vLLM. Satisfies PassThroughEngine, SleepingEngine and DescribedEngine.

    Args:
        provider: where it is; the address may end in `/v1`.
        transport: shared by all engines.
        key: the one it was started with (`--api-key`), if it was.
        load_timeout_s: seconds after which a wake-up is given up.
        sleep_timeout_s: seconds that other programs' requests have to end before a sleep, and again it itself has.
        poll_s: seconds between two looks while something is on its way.
        fresh_s: seconds for which a look speaks for requests.
        look_s: seconds that a look may take.
        sleep_level: 1 keeps the weights in the host's memory, 2 throws them away; a model's option `sleep_level`
            outranks it.
        host_free: bytes of this machine's memory that are free: level 1 needs room for the weights there.
        hub: where Hugging Face's programs keep models; None: where their environment says.
    """

    kind = "vllm"
    dialect = "openai"

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        key: Secret | None = None,
        load_timeout_s: float = LOAD_S,
        sleep_timeout_s: float = SLEEP_S,
        poll_s: float = POLL_S,
        fresh_s: float = FRESH_S,
        look_s: float = LIST_S,
        sleep_level: int = 1,
        host_free: Callable[[], int] = host_free,
        hub: Path | None = None,
    ) -> None:
        self.provider = provider
        self._base_url, self._key = normal_url(provider.base_url), key
        self.origin = self._base_url.removesuffix("/v1")
        where = place_of(self.origin)
        self._look_s = look_s
        self._api = VLLMApi(transport, self.origin, key, where=where)
        self._loads = LocalLoads(where)
        self._sight = Sight(
            self._api,
            provider_id=provider.id,
            where=where,
            hub=hub or hub_folder(),
            fresh_s=fresh_s,
            look_s=look_s,
        )
        self._wire = UnabortedWire(transport)
        self._memory = Memory(
            self._api,
            self._sight,
            where=where,
            load_timeout_s=load_timeout_s,
            sleep_timeout_s=sleep_timeout_s,
            poll_s=poll_s,
            sleep_level=sleep_level,
            host_free=host_free,
        )

    def __repr__(self) -> str:
        return f"<VLLMEngine {self.provider.id}, {self._sight!r}>"

    # --- who and what --------------------------------------------------------------------------------------------

    async def describe(self) -> EngineInfo:
        await self._sight.look(PROBE_S)
        version = await self._api.version(within_s=min(PROBE_S, self._look_s))
        if not self.provider.is_local:  # another machine's memory is nothing that Batuta would want back
            return EngineInfo(version)
        await self._sight.learn_enabled()
        return EngineInfo(version, self._sight.why_not())

    async def list_models(self) -> Sequence[ReportedModel]:
        await self._sight.look()
        await self._sight.measure()
        return self._sight.reported()

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        if self.origin in self._loads:
            return EngineStatus(EngineHealth.LOADING)
        try:
            look = await self._sight.look(PROBE_S)
        except BatutaError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        if look.find(spec.address) is None:
            return EngineStatus(EngineHealth.ABSENT, self._sight.not_served(spec).message)
        if look.is_asleep:
            return EngineStatus(EngineHealth.ABSENT, f"{spec.address} is asleep: it wakes when it is wanted")
        return EngineStatus(EngineHealth.READY)

    async def resident(self) -> Sequence[Resident]:
        await self._sight.look()
        return self._sight.residents()

    def watch(self, on_gone: GoneListener) -> None:
        """A vLLM tells nobody that it has gone or fallen asleep: whoever looks finds out."""

    # --- in and out of memory ------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        """Wake the server; all its names wake together, so that there is one load whoever asked."""
        return await self._loads.join(self.origin, lambda tell: self._memory.load(spec, tell), on_progress)

    async def sleep(self, spec: ModelSpec) -> None:
        """Put it to sleep, after a wake-up under way: vLLM cannot be stopped in the middle of one."""
        if self.origin in self._loads:
            with suppress(BatutaError):
                await self.load(spec, lambda _: None)
        await self._memory.sleep(spec)

    async def unload(self, spec: ModelSpec) -> None:
        """Put it to sleep: its memory on the device is all that can be had without ending the server."""
        await self.sleep(spec)

    async def aclose(self) -> None:
        """Stop the wake-ups that wait here; the server goes on with what it has begun."""
        await self._loads.aclose()
