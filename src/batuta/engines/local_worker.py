"""Local models in the loader's processes: loaded and unloaded through it, talked to directly on loopback.

The control wire says where a model listens and with which key; requests then go straight to the model's own process,
so the loader is never in the way of a token. Knows nothing of files, processes or memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from batuta.catalog.entities import ModelSpec, Tier
from batuta.chat.types import ChatRequest, Delta
from batuta.engines.base import (
    LOST,
    ChangeListener,
    EmbeddingResult,
    EngineHealth,
    EngineStatus,
    GoneListener,
    LoadProgress,
    LoadReport,
    ProgressListener,
    RawCall,
    RawReply,
    ReportedModel,
    Resident,
)
from batuta.engines.openai_compat import OpenAIWire
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, Cause, LoaderDown, UpstreamUnreachable
from batuta.loader.client import LoaderClient
from batuta.loader.memory import HOST
from batuta.settings import EngineSettings
from batuta.vault.secret import Secret

GGUF = ".gguf"
LOADER_PATIENCE_S = 10.0  # a restart takes 0.5 s of back-off and 0.3 s of start; a tenfold of that is a fault
CACHED = 0.9  # of a model's bytes: what is missing then costs less than a load's time varies
# Names in a model's options that the loader takes as they are.
OPTIONS = ("gpu_layers", "threads", "embedding", "projector", "device", "dtype", "batching", "parking")


def tier_of(share: float | None) -> Tier | None:
    """Return where a load's bytes came from, by how much of them was in the page cache; None: nobody can tell."""
    if share is None:
        return None
    return Tier.CACHED if share >= CACHED else Tier.DISK


def _tier(record: Mapping[str, Any]) -> Tier | None:
    """Return where the bytes of a load that has just ended were, by the loader's answer to it."""
    if record["was_resident"]:
        return Tier.RESIDENT
    return Tier.PARKED if record.get("was_parked") else tier_of(record.get("cached"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ready model listens."""

    base_url: str
    key: Secret | None


class LocalWorker:
    """A WarmingEngine, PartlySleepingEngine, PassThroughEngine and NoticingEngine over the loader."""

    kind = "local_worker"
    dialect = "openai"
    keeps = "file"  # which of the loader's records are this engine's

    def __init__(
        self,
        client: LoaderClient,
        transport: Transport,
        *,
        settings: EngineSettings,
        load_timeout_s: float = 180.0,
        loader_patience_s: float = LOADER_PATIENCE_S,
    ) -> None:
        self._client = client
        self._wire = OpenAIWire(transport, idle_s=settings.idle_s, is_ours=True)
        self._settings = settings
        self._load_timeout_s = load_timeout_s
        self._loader_patience_s = loader_patience_s
        self._places: dict[str, Place] = {}
        self._loading: set[str] = set()
        self._progress: dict[str, list[ProgressListener]] = {}
        self._on_gone: list[GoneListener] = []
        self._on_change: list[ChangeListener] = []
        client.listen(self._heard)
        for record in client.state.get("models", ()) if client.is_connected else ():
            self._note(record)

    def __repr__(self) -> str:
        return f"<LocalWorker ready: {', '.join(sorted(self._places)) or 'none'}>"

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the name a request's body must carry: answers then carry the catalog's id."""
        return spec.id

    # --- in and out of memory ------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        await self._wait_for_loader()
        listeners = self._progress.setdefault(spec.id, [])
        listeners.append(on_progress)
        try:
            record = await self._client.load(**self._request(spec))
        finally:
            listeners.remove(on_progress)
            if not listeners:
                self._progress.pop(spec.id, None)
        self._note(record)
        return LoadReport(
            memory_bytes=int(record["memory_bytes"]),
            seconds=float(record["seconds"]),
            was_resident=bool(record["was_resident"]),
            tier=_tier(record),
            host_bytes=int(record.get("host_bytes", 0)),
        )

    async def _wait_for_loader(self) -> None:
        """Wait while a new loader is coming up: a load that is asked for in that moment is not to blame."""
        if self._client.is_connected:
            return
        connected = asyncio.Event()

        def heard(event: dict[str, Any]) -> None:
            if event.get("event") == "connected":
                connected.set()

        self._client.listen(heard)
        try:
            async with asyncio.timeout(self._loader_patience_s):
                await connected.wait()
        except TimeoutError:
            raise LoaderDown(
                f"the loader was not up within {self._loader_patience_s:g} s; `batuta status` says why",
                cause=Cause.ENGINE_OFFLINE,
            ) from None
        finally:
            self._client.drop(heard)

    async def unload(self, spec: ModelSpec) -> None:
        self._places.pop(spec.id, None)
        try:
            await self._client.unload(spec.id)
        except LoaderDown:
            if self._client.is_connected:  # it is there and did not do it
                raise

    def can_sleep(self, spec: ModelSpec) -> bool:
        """Whether the model is kept in RAM while its device holds others.

        1. What its options or the settings want. 2. By default those that run on a GPU: on the host it would be a
        second copy beside the first. llama.cpp's models cannot be; their files are told by their names, for this is
        asked of thousands of models at once.
        """
        if self.keeps != "file" or spec.address.lower().endswith(GGUF):
            return False
        wanted = spec.options.get("parking", self._settings.parking)
        return bool(wanted == "on" or (wanted == "auto" and spec.device != HOST))  # 1, 2

    async def sleep(self, spec: ModelSpec) -> None:
        """Park the model; unload it where its process cannot do that (its weights are quantised, the RAM is short)."""
        self._places.pop(spec.id, None)
        if not (await self._client.park(spec.id))["is_parked"]:
            await self.unload(spec)

    async def cached_share(self, spec: ModelSpec) -> float | None:
        if self.keeps != "file":  # what a command reads, only its server knows
            return None
        with suppress(BatutaError):
            return await self._client.cached(spec.address)
        return None

    async def warm(self, spec: ModelSpec) -> None:
        if self.keeps == "file":
            with suppress(BatutaError):
                await self._client.warm(spec.address)

    async def resident(self) -> Sequence[Resident]:
        if not self._client.is_connected:  # no model outlives its loader
            return ()
        state = await self._client.status()
        return tuple(
            Resident(
                model_id=str(record["id"]),
                memory_bytes=int(record["memory_bytes"] or record["need_bytes"]),
                is_loading=record["state"] == "loading",
                is_asleep=record["state"] == "parked",
                host_bytes=int(record.get("host_bytes", 0)),
            )
            for record in state["models"]
            if self._is_here(record)
        )

    def watch(self, on_gone: GoneListener) -> None:
        self._on_gone.append(on_gone)

    def notice(self, on_change: ChangeListener) -> None:
        self._on_change.append(on_change)

    @property
    def is_hearing(self) -> bool:
        return self._client.is_connected

    def _request(self, spec: ModelSpec) -> dict[str, Any]:
        settings = self._settings
        request: dict[str, Any] = {
            "model": spec.id,
            "path": spec.address,
            "context": spec.context_length or settings.context_length,
            "slots": spec.slots or settings.slots,
            "gpu_layers": settings.gpu_layers,
            "threads": settings.threads,
            "device": settings.device,
            "dtype": settings.dtype,
            "batching": settings.batching,
            "parking": settings.parking,
            "timeout_s": self._load_timeout_s,
        }
        wanted = request | {name: spec.options[name] for name in OPTIONS if name in spec.options}
        return wanted | ({} if self.can_sleep(spec) else {"parking": "off"})  # a copy in RAM that nobody would use

    # --- talking -------------------------------------------------------------------------------------------------

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        place = self._place(spec)
        return await self._wire.forward(place.base_url, place.key, spec, call)

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        place = self._place(spec)
        async with aclosing(
            self._wire.chat(place.base_url, place.key, spec, request, model=self.wire_name(spec))
        ) as deltas:
            async for delta in deltas:
                yield delta

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        place = self._place(spec)
        return await self._wire.embed(place.base_url, place.key, spec, inputs, model=self.wire_name(spec))

    async def list_models(self) -> Sequence[ReportedModel]:
        state = await self._client.status()
        return tuple(
            ReportedModel(
                address=str(record["path"]),
                name=str(record["id"]),
                context_length=int(record["context"]),
                is_resident=record["state"] == "ready",
            )
            for record in state["models"]
            if self._is_mine(record)
        )

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        if not self._client.is_connected:
            return EngineStatus(EngineHealth.OFFLINE, "the loader is not running")
        if spec.id in self._places:
            return EngineStatus(EngineHealth.READY)
        return EngineStatus(EngineHealth.LOADING if spec.id in self._loading else EngineHealth.ABSENT)

    async def aclose(self) -> None:
        """Nothing to let go of: client and transport belong to others."""

    def _place(self, spec: ModelSpec) -> Place:
        place = self._places.get(spec.id)
        if place is None:
            raise UpstreamUnreachable(
                f"{spec.id} is not in memory: its process has ended, or it was never loaded", model=spec.id
            )
        return place

    # --- what the loader says by itself --------------------------------------------------------------------------

    def _heard(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "progress":
            progress = LoadProgress(str(event["stage"]), event["fraction"])
            for listener in tuple(self._progress.get(str(event["model"]), ())):
                listener(progress)
        elif kind == "state":
            self._note(event["model"])
        elif kind == "gone" and self._is_mine(event):
            self._forget(str(event["model"]), str(event["reason"]))
        elif kind == "connected":
            for record in event["state"]["models"]:
                self._note(record)
            for changed in self._on_change:  # the loader kept models that the books know nothing of
                changed()
        elif kind == "lost":
            self._loading.clear()
            for model in list(self._places):
                self._forget(model, f"{LOST}{event['reason']}")

    def _is_mine(self, record: Mapping[str, Any]) -> bool:
        return bool(record.get("kind", "file") == self.keeps)

    def _is_here(self, record: Mapping[str, Any]) -> bool:
        return self._is_mine(record) and record["state"] in {"loading", "ready", "parking", "parked"}

    def _note(self, record: dict[str, Any]) -> None:
        if not self._is_mine(record):
            return
        model = str(record["id"])
        self._loading.discard(model)
        if record["state"] == "ready":
            self._places[model] = Place(f"http://127.0.0.1:{int(record['port'])}/v1", Secret(str(record["key"])))
        else:
            self._places.pop(model, None)
            if record["state"] == "loading":
                self._loading.add(model)

    def _forget(self, model: str, reason: str) -> None:
        with suppress(KeyError):
            del self._places[model]
        for listener in self._on_gone:
            listener(model, reason)
