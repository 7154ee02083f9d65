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

from batuta.catalog.entities import ModelSpec
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
from batuta.errors import Cause, LoaderDown, UpstreamUnreachable
from batuta.loader.client import LoaderClient
from batuta.settings import EngineSettings
from batuta.vault.secret import Secret

# Names in a model's options that the loader takes as they are.
LOADER_PATIENCE_S = 10.0  # a restart takes 0.5 s of back-off and 0.3 s of start; a tenfold of that is a fault
OPTIONS = ("gpu_layers", "threads", "embedding", "projector", "device", "dtype", "batching")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ready model listens."""

    base_url: str
    key: Secret | None


class LocalWorker:
    """A LoadableEngine, a PassThroughEngine and a NoticingEngine over the loader."""

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

    async def resident(self) -> Sequence[Resident]:
        if not self._client.is_connected:  # no model outlives its loader
            return ()
        state = await self._client.status()
        return tuple(
            Resident(
                model_id=str(record["id"]),
                memory_bytes=int(record["memory_bytes"] or record["need_bytes"]),
                is_loading=record["state"] == "loading",
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
            "timeout_s": self._load_timeout_s,
        }
        return request | {name: spec.options[name] for name in OPTIONS if name in spec.options}

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
        return self._is_mine(record) and record["state"] in {"loading", "ready"}

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
