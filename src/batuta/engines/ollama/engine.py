"""Ollama: its models are loaded and unloaded by keep_alive, and asked in Ollama's own dialect.

To the gateway it speaks OpenAI's dialect; what goes out is translated by dialect.py, because each call
has to carry the context that the model was loaded with. What a person loaded before is taken over as it is, never
loaded anew. Knows no queue and no memory budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, TypeVar

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta
from batuta.engines.base import (
    EmbeddingResult,
    EngineHealth,
    EngineInfo,
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
from batuta.engines.faults import Seen, fault
from batuta.engines.local_loads import LocalLoads, poll_until
from batuta.engines.ollama import wire as ollama_wire
from batuta.engines.ollama.native import NativeWire, error_in
from batuta.engines.ollama.shelf import Shelf
from batuta.engines.ollama.wire import Held, Row
from batuta.engines.openai_compat import LIST_S, PROBE_S, named, normal_url, place_of
from batuta.engines.sight import Looks
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, Cause, ModelFailed, UpstreamRejected, UpstreamTimeout, UpstreamUnreachable
from batuta.vault.secret import Secret

LOAD_S: Final = 180.0
FOREVER: Final = -1  # keep_alive: Batuta, not a timer of Ollama's, says when a model leaves
UNLOAD_S: Final = 60.0  # Ollama lets running requests end first; Batuta's own have ended before
LISTED_S: Final = 5.0  # from "loaded" to being on the list: at once, but for a slow machine
POLL_S: Final = 0.25  # Ollama's own step while it waits for memory to come back
AT_ONCE: Final = 4  # `show` reads a file's header: more at a time would only fight for the disk
CANNOT_GENERATE: Final = "does not support generate"

T = TypeVar("T")


class OllamaEngine:
    """The engine of one Ollama. Satisfies PassThroughEngine, LoadableEngine and DescribedEngine.

    Args:
        provider: where it is; the address may end in `/v1` or `/api`.
        transport: shared by all engines.
        key: for an Ollama behind a proxy that wants one.
        load_timeout_s: seconds after which a load is given up.
        unload_timeout_s: seconds after which a model that does not leave is reported.
        ask_timeout_s: seconds in which Ollama has to answer a question about itself.
        poll_s: seconds between two looks while something is on its way.
    """

    kind = "ollama"
    dialect = "openai"

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
    ) -> None:
        self.provider = provider
        self.origin = normal_url(provider.base_url).removesuffix("/v1").removesuffix("/api")
        self._place = place_of(self.origin)
        self._transport = transport
        self._key = key
        self._wire = NativeWire(transport, self._frame)
        self._load_timeout_s = load_timeout_s
        self._unload_timeout_s = unload_timeout_s
        self._ask_timeout_s = ask_timeout_s
        self._probe_s = min(PROBE_S, ask_timeout_s)
        self._poll_s = poll_s
        self._loads = LocalLoads(self._place)
        self._shelf = Shelf()
        self._contexts: dict[str, int] = {}  # what is in memory -> the context it has there
        self._asked: set[str] = set()  # addresses of what we loaded or asked
        self._looks = Looks(self._ps, nothing=[], on_change=self._changed)

    def __repr__(self) -> str:
        return f"<OllamaEngine {self.provider.id} at {self._place}, holds {', '.join(self._contexts) or 'nothing'}>"

    # --- who and what --------------------------------------------------------------------------------------------

    async def describe(self) -> EngineInfo:
        body = await self._get("version", timeout_s=self._probe_s)
        version = body.get("version") if isinstance(body, dict) else None
        if not isinstance(version, str):
            raise self._stranger("it tells no version as Ollama does")
        return ollama_wire.info_of(version, await self._held(timeout_s=self._probe_s))  # others tell a version, too

    async def list_models(self) -> Sequence[ReportedModel]:
        rows = self._read(ollama_wire.read_rows(await self._get("tags")))
        held = await self._held()
        slots = asyncio.Semaphore(AT_ONCE)
        until = asyncio.get_running_loop().time() + self._ask_timeout_s
        await asyncio.gather(*(self._learn(row, slots, until) for row in rows if not self._shelf.details_of(row)))
        self._shelf.put(rows)
        return self._shelf.reported(held)

    async def _learn(self, row: Row, slots: asyncio.Semaphore, until: float) -> None:
        """Ask for a model's details, once a digest. Where it does not answer, the next look asks again."""
        async with slots:
            left = until - asyncio.get_running_loop().time()
            if left <= 0 or self._shelf.details_of(row):
                return
            try:
                details = ollama_wire.read_details(await self._post("show", {"model": row.name}, timeout_s=left))
            except BatutaError:
                return
        if details is not None:
            self._shelf.learn(row, details)

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        if spec.address in self._loads:
            return EngineStatus(EngineHealth.LOADING)
        try:
            if self._shelf.find(await self._held(timeout_s=self._probe_s), spec.address) is not None:
                return EngineStatus(EngineHealth.READY)
            rows = self._read(ollama_wire.read_rows(await self._get("tags", timeout_s=self._probe_s)))
        except BatutaError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        if any(ollama_wire.same_name(row.name, spec.address) for row in rows):
            return EngineStatus(EngineHealth.ABSENT, f"{spec.address} is installed, but not loaded")
        return EngineStatus(
            EngineHealth.ABSENT, f"{spec.address} is not installed; `ollama pull {spec.address}` gets it"
        )

    # --- in and out of memory ------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        self._asked.add(spec.address)
        return await self._loads.join(spec.address, lambda tell: self._load(spec, tell), on_progress)

    async def _load(self, spec: ModelSpec, tell: ProgressListener) -> LoadReport:
        """Load, on a connection of our own.

        1. What is in memory is taken over with the context it has, and told to stay.
        2. Anything else is loaded with the context of its spec. Ollama tells no progress.
        3. Ollama says that it is done; its list has to say so too.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        tell(LoadProgress("starting", None))
        was_resident = self._shelf.find(await self._held(), spec.address) is not None  # 1
        tell(LoadProgress("reading", None))
        try:
            await self._keep(spec, FOREVER, timeout_s=self._load_timeout_s)  # 2
        except BatutaError as error:
            raise self._why(await self._loss(error), spec) from None
        within_s = min(LISTED_S, self._load_timeout_s)
        if not await poll_until(lambda: self._is_listed(spec), poll_s=self._poll_s, within_s=within_s):  # 3
            message = f"{self._place} said that {spec.address} was loaded, but does not list it; it may have crashed"
            raise ModelFailed(message, model=spec.id, cause=Cause.CRASH)
        held = self._shelf.find(await self._held(), spec.address)
        return LoadReport(held.size if held else 0, loop.time() - started, was_resident=was_resident)

    async def unload(self, spec: ModelSpec) -> None:
        """Take the model out of memory: stop a load under way, send it away, wait until the list lacks it.

        1. It is held under the name of another model with the same weights: that one stays until it is sent away
           itself, and there is nothing to gain.
        2. An Ollama that is not running holds nothing.
        """
        await self._loads.abort(spec.address)
        self._asked.discard(spec.address)
        try:
            held = self._shelf.find(await self._held(), spec.address)
            if held is None or not ollama_wire.same_name(held.name, spec.address):  # 1
                return
            await self._keep(spec, 0, timeout_s=self._ask_timeout_s)
            within_s = self._unload_timeout_s
            is_gone = await poll_until(lambda: self._is_absent(spec), poll_s=self._poll_s, within_s=within_s)
        except UpstreamUnreachable:  # 2
            return
        if not is_gone:
            message = f"{self._place} still holds {spec.address} after {within_s:g} s; another program is using it"
            raise ModelFailed(message, model=spec.id, cause=Cause.TIMEOUT)

    async def resident(self) -> Sequence[Resident]:
        """Return what the list has, under the names we know; and what only we know: loads of ours, and twins.

        A model made from another that is held has no place of its own in memory, nor on the list.
        """
        held = await self._held()
        known = {ollama_wire.canonical(address): address for address in self._asked}
        found = {known.get(ollama_wire.canonical(one.name), one.name): one.size for one in held}
        twins = [address for address in self._asked if address not in found and self._shelf.find(held, address)]
        loads = [address for address in self._loads.addresses if address not in found]
        return (
            *(Resident("", size, address=address) for address, size in found.items()),
            *(Resident("", 0, address=address) for address in twins if address not in loads),
            *(Resident("", 0, is_loading=True, address=address) for address in loads),
        )

    def watch(self, on_gone: GoneListener) -> None:
        """Ollama tells nobody that a model has left: whoever looks finds out."""

    async def _keep(self, spec: ModelSpec, keep_alive: int, *, timeout_s: float) -> None:
        """Say how long a model is to stay, which loads it if need be: by `embed` where it cannot generate."""
        body = {"model": spec.address, **self._frame(spec), "keep_alive": keep_alive, "stream": False}
        if not ollama_wire.only_embeds(spec) or not keep_alive:
            try:
                await self._post("generate", body, timeout_s=timeout_s, model=spec.id)
            except UpstreamRejected as error:
                if CANNOT_GENERATE not in error.message:
                    raise
            else:
                return
        await self._post("embed", body | {"input": "x"}, timeout_s=timeout_s, model=spec.id)

    async def _loss(self, error: BatutaError) -> BatutaError:
        """Return what a load's lost connection means: this load is lost, or Ollama itself is not there any more."""
        if error.cause is Cause.CRASH:
            try:
                await self._held(timeout_s=self._probe_s)
            except UpstreamUnreachable as gone:
                return gone
            except BatutaError:
                return error
        return error

    def _why(self, error: BatutaError, spec: ModelSpec) -> BatutaError:
        """Return the error of a load with what a person can do about it."""
        if error.cause is Cause.NOT_INSTALLED:
            message = f"{spec.address} is not installed at {self._place}; `ollama pull {spec.address}` gets it"
            return ModelFailed(message, model=spec.id, cause=error.cause)
        if error.cause is Cause.TIMEOUT or isinstance(error, UpstreamTimeout):  # it had answered a moment before
            seen = fault(Seen.LOAD_TIMEOUT, where=self._place, said=f"{self._load_timeout_s:g} s", model=spec.id)
            return ModelFailed(
                f"{seen.message}; Ollama loads one model after the other", model=spec.id, cause=seen.cause
            )
        if isinstance(error, UpstreamRejected):  # a load has nothing of a caller's in it
            return ModelFailed(error.message, model=spec.id, cause=Cause.UNKNOWN)
        return named(error, spec.id)

    # --- talking -------------------------------------------------------------------------------------------------

    def wire_name(self, spec: ModelSpec) -> str:
        return spec.address

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        self._asked.add(spec.address)
        return await self._wire.forward(self.origin, self._key, spec, call)

    def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        return self._wire.chat(self.origin, self._key, spec, request, model=spec.address)

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        return await self._wire.embed(self.origin, self._key, spec, inputs, model=spec.address)

    async def aclose(self) -> None:
        """Stop the loads under way. What is in memory stays there."""
        await self._loads.aclose()

    def _frame(self, spec: ModelSpec) -> dict[str, Any]:
        """Return what each call carries beside its request: how the model is loaded, and that it is to stay.

        1. A model that is not ours to load (on another machine) is left as its owner runs it.
        2. What is in memory keeps the context it has there.
        3. Anything else has the context of its spec.
        """
        if not spec.is_loadable:  # 1
            return {"options": {}}
        context = self._contexts.get(ollama_wire.canonical(spec.address)) or spec.context_length  # 2, 3
        return {"options": ollama_wire.runner_options(spec, context), "keep_alive": FOREVER}

    # --- asking --------------------------------------------------------------------------------------------------

    async def _held(self, *, timeout_s: float | None = None) -> list[Held]:
        return await self._looks.look(timeout_s or self._ask_timeout_s)

    async def _ps(self, *, within_s: float) -> list[Held]:
        return self._read(ollama_wire.read_held(await self._get("ps", timeout_s=within_s)))

    def _changed(self, _before: list[Held], now: list[Held]) -> None:
        self._contexts = self._shelf.contexts(now, self._asked)

    async def _is_listed(self, spec: ModelSpec) -> bool:
        return self._shelf.find(await self._held(), spec.address) is not None

    async def _is_absent(self, spec: ModelSpec) -> bool:
        return not await self._is_listed(spec)

    def _read(self, value: T | None) -> T:
        if value is None:
            raise fault(Seen.NO_ANSWER, where=self._place)
        return value

    async def _get(self, path: str, *, timeout_s: float | None = None) -> Any:
        """Return what is at a path. Raises UpstreamUnreachable saying who answers, when it is not Ollama."""
        try:
            within_s = timeout_s or self._ask_timeout_s
            body = await self._transport.get_json(f"{self.origin}/api/{path}", timeout_s=within_s, key=self._key)
        except UpstreamRejected as error:
            raise self._stranger(error.message) from None
        if (said := error_in(body)) is not None:
            raise self._stranger(said.message)
        return body

    def _stranger(self, said: str) -> BatutaError:
        return fault(Seen.OTHER_ENGINE, where=self._place, said=ollama_wire.stranger(said))

    async def _post(self, path: str, body: dict[str, Any], *, timeout_s: float, model: str | None = None) -> Any:
        deadline = asyncio.get_running_loop().time() + timeout_s
        return await self._wire.ask(self.origin, path, body, deadline=deadline, key=self._key, model=model)
