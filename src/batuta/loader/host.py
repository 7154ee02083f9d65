"""The table of models inside the loader: one load at a time for each, one process each, and what is said about them.

Knows nothing of sockets: events go to a listener, and whoever serves the control wire calls the methods.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from batuta.clock import Clock
from batuta.errors import BadModelFile, BadRequest, BatutaError, Cause, ModelFailed, NoFit
from batuta.loader import forms, llama_devices, memory, parked
from batuta.loader.child import Child, Plan
from batuta.loader.command import CommandChild, CommandPlan
from batuta.loader.file_cache import cached_share
from batuta.loader.forms import Info
from batuta.loader.memory_back import until_back
from batuta.loader.paths import resolve
from batuta.loader.safetensors import SafetensorsInfo
from batuta.loader.spare import Spare
from batuta.loader.status_file import Throttle
from batuta.loader.warming import RESERVE, Warmer
from batuta.tasks import Tasks

PROGRESS_EVERY_S = 0.1
KEPT_FAILED = 50  # records of failed models kept for the status; the oldest go first

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a client asks for. Zeros mean the engine's default; see `child.Plan` for the rest.

    With a command, `path` is its program, shown and no more: the server knows where its model is.
    """

    model: str
    path: str
    context: int = 8192
    slots: int = 4
    gpu_layers: int = -1
    threads: int = 0
    embedding: bool = True
    projector: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batching: str = "auto"
    parking: str = "auto"
    command: CommandPlan | None = None
    timeout_s: float = 180.0


@dataclass
class Record:
    """A model in the table. state: loading | ready | parking | parked | unloading | failed; kind: file | command.

    Attributes:
        memory_bytes: what it holds where it computes; parked, in RAM.
        host_bytes: what it holds in RAM beside that: the copy it comes back from.
        moved: done once a parking under way is over.
        cached: how much of its files was in the page cache when its load began, 0..1; None: nobody can tell.
        taken: GPU -> bytes that its load has taken there, as far as that could be seen.
    """

    id: str
    path: str
    loaded: asyncio.Future[None]
    began: float
    state: str = "loading"
    stage: str = "starting"
    progress: float | None = None
    port: int = 0
    key: str = ""
    pid: int = 0
    loads: int = 0
    context: int = 0
    slots: int = 0
    need_bytes: int = 0
    memory_bytes: int = 0
    host_bytes: int = 0
    seconds: float = 0.0
    error: str | None = None
    cause: str | None = None
    kind: str = "file"
    fingerprint: str = ""
    cached: float | None = None
    taken: dict[str, int] = field(default_factory=dict)
    child: Child | CommandChild | None = None
    life: asyncio.Task[None] | None = None
    moved: asyncio.Future[None] | None = None
    is_wanted: bool = True
    throttle: Throttle = field(default_factory=lambda: Throttle(PROGRESS_EVERY_S))

    _SHOWN = (
        "id", "path", "state", "stage", "progress", "port", "key", "pid", "loads", "context", "slots", "need_bytes",
        "memory_bytes", "host_bytes", "seconds", "error", "cause", "kind", "fingerprint", "cached",
    )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return the record as the control wire shows it, with the port and the key its listener wants."""
        return {name: getattr(self, name) for name in self._SHOWN}


class Host:
    """Loads, keeps and unloads models."""

    def __init__(
        self,
        *,
        roots: tuple[Path, ...],
        log_dir: Path,
        environ: Mapping[str, str],
        on_event: Callable[[Event], None],
        on_bug: Callable[[str, BaseException], None],
        spare: Spare,
        clock: Clock,
        heartbeat_s: float = 2.0,
    ) -> None:
        self._roots = roots
        self._log_dir = log_dir
        self._environ = environ
        self._on_event = on_event
        self._heartbeat_s = heartbeat_s
        self._records: dict[str, Record] = {}
        self._loads: Counter[str] = Counter()
        self._tasks = Tasks(on_bug)
        self._engine_devices: tuple[str, ...] = ()
        self._spare = spare
        self._clock = clock
        self._warmer = Warmer(clock, is_busy=lambda: spare.is_loading, room=self._room)

    def __repr__(self) -> str:
        models = ", ".join(f"{record.id} {record.state.upper()}" for record in self._records.values()) or "no models"
        return f"<Host {models}>"

    @property
    def device(self) -> str:
        """What llama.cpp computes on: cuda | rocm | metal | vulkan | cpu. `cpu` until it has been asked."""
        return llama_devices.kind_of(self._engine_devices)

    def snapshot(self) -> list[dict[str, Any]]:
        """Return all records, the one asked for last at the end."""
        return [record.to_json() for record in self._records.values()]

    @property
    def spare(self) -> dict[str, int]:
        """The process that waits for a model: its pid (0: there is none) and what it holds."""
        return {"pid": self._spare.pid, "memory_bytes": self._spare.memory_bytes}

    def observe(self) -> None:
        """Look again at what each ready model holds: it grows with the conversations it has seen."""
        for record in self._records.values():
            if record.state == "ready":
                record.memory_bytes = self._child_of(record).memory_bytes() or record.memory_bytes
            parked.observe(record)

    async def inspect(self, path: str) -> Info:
        """Check a file or a folder without loading it. Raises BadModelFile."""
        return await asyncio.to_thread(forms.inspect, path, self._roots)

    async def devices(self) -> list[dict[str, Any]]:
        """Return the devices of this machine; `is_usable` says whether this build of llama.cpp computes on it."""
        if not self._engine_devices:
            self._engine_devices = await llama_devices.ask(self._environ)
        return [
            {
                "id": each.id,
                "name": each.name,
                "kind": each.kind,
                "total_bytes": each.total_bytes,
                "free_bytes": each.free_bytes,
                "is_usable": each.kind in {"host", self.device},
            }
            for each in await asyncio.to_thread(memory.devices)
        ]

    async def load(self, request: LoadRequest) -> dict[str, Any]:
        """Load a model, or join the load under way, or return at once if it is there.

        Returns:
            Its record, with `was_resident` and `was_parked`.

        Raises:
            BadModelFile, ModelFailed, NoFit, BadRequest: with model and cause. The loader lives on.
        """
        record = self._records.get(request.model)
        if record is not None and record.state == "unloading" and record.life is not None:
            await asyncio.wait([record.life])
            record = self._records.get(request.model)
        if record is not None and record.state == "parking" and record.moved is not None:
            await asyncio.wait([record.moved])
            record = self._records.get(request.model)
        was_parked = record is not None and record.state == "parked"
        if record is None or record.state in {"failed", "unloading"}:
            record = self._begin(request)
            was_resident = False
        else:
            wanted = request.command.fingerprint if request.command else ""
            if (record.path, record.fingerprint) != (request.path, wanted):
                raise BadRequest(
                    f"{request.model} is in memory from {record.path}: unload it before loading {request.path}",
                    model=request.model,
                )
            was_resident = record.state == "ready"
            if was_parked:
                parked.begin_to_wake(record, self._tell)
                waking = parked.wake(record, self._tell, within_s=request.timeout_s)
                self._tasks.start(waking, name=f"waking {record.id}")
        # The load belongs to the table, not to the caller: one that leaves does not abort it.
        await asyncio.shield(record.loaded)
        return {**record.to_json(), "was_resident": was_resident, "was_parked": was_parked}

    async def park(self, model: str) -> dict[str, Any]:
        """Take a model off its device and keep it in RAM, from where a load brings it back in a moment.

        Returns:
            `is_parked`, False when its process cannot do that and it is where it was; and `device_bytes` held still.

        Raises:
            ModelFailed: it could not leave; it is where it was, or gone.
        """
        record = self._records.get(model)
        if record is None or not parked.can_park(record):
            return {"is_parked": record is not None and record.state == "parked"}
        return {"is_parked": True, **await parked.park(record, self._tell)}

    async def cached(self, path: str) -> float | None:
        """Return how much of a model's files is in the page cache, 0..1; None where the system does not tell.

        Raises:
            BadModelFile: it cannot be loaded.
        """
        return await asyncio.to_thread(self._cached, path)

    def _cached(self, path: str) -> float | None:
        return cached_share(forms.files(forms.inspect(path, self._roots)))

    async def warm(self, path: str) -> dict[str, Any]:
        """Read a model's files into the page cache, gently; return how many bytes were read, and why not all.

        Raises:
            BadModelFile: it cannot be loaded.
        """
        return asdict(await self._warmer.warm(await asyncio.to_thread(self._sizes, path)))

    def _sizes(self, path: str) -> list[tuple[Path, int]]:
        return [(file, file.stat().st_size) for file in forms.files(forms.inspect(path, self._roots))]

    def _room(self) -> int:
        """Return the bytes of the page cache that may be filled: what models hold may be counted as available."""
        held = sum(each.memory_bytes for each in self._records.values() if each.state == "ready")
        return memory.available_bytes() - held - RESERVE

    async def unload(self, model: str) -> dict[str, Any]:
        """Take a model out of memory; return when its memory is back, or is not after 5 s. A load is given up.

        Returns:
            Seconds until its process was gone and until its memory was back after that, and a note where it is not.
        """
        record = self._records.get(model)
        if record is None:
            return {}
        if record.state == "failed":
            del self._records[model]
            return {}
        began = self._clock.monotonic()
        taken = {} if record.state == "parked" else record.taken
        record.is_wanted = False
        record.state = "unloading"
        self._tell(record)
        free = memory.free_gpu_bytes()
        held = (memory.gpu_bytes(record.pid) if record.pid else {}) or taken
        left = await record.child.stop() if record.child is not None else None
        if record.life is not None:
            await asyncio.wait([record.life])
        if left is not None:
            raise ModelFailed(left, model=model, cause=Cause.UNKNOWN)
        stop_s = self._clock.monotonic() - began
        back = await until_back(held, free, look=_free_gpu_bytes, clock=self._clock)
        told = {"stop_s": round(stop_s, 4), "back_s": round(back.seconds, 4), "note": back.note}
        self._on_event({"event": "unloaded", "model": model, **told})
        return told

    async def aclose(self) -> None:
        """Unload everything."""
        await asyncio.gather(*(self._unload_at_the_end(model) for model in list(self._records)))
        await self._tasks.aclose()

    async def _unload_at_the_end(self, model: str) -> None:
        with suppress(BatutaError):  # what does not go now would not go later either
            await self.unload(model)

    # --- the life of one model -----------------------------------------------------------------------------------

    def _begin(self, request: LoadRequest) -> Record:
        loop = asyncio.get_running_loop()
        self._records.pop(request.model, None)  # asked for last: at the end of the table
        record = Record(request.model, request.path, loop.create_future(), loop.time())
        if request.command is not None:
            record.kind, record.fingerprint = "command", request.command.fingerprint
        self._records[request.model] = record
        self._forget_old_failures()
        self._tell(record)
        record.life = self._tasks.start(self._live(record, request), name=f"model {request.model}")
        return record

    async def _live(self, record: Record, request: LoadRequest) -> None:
        """From the load to the end: every way out leaves the table, the waiters and the listeners told."""
        try:
            with self._spare.load():
                await self._bring_up(record, request)
        except BatutaError as error:
            await self._load_failed(record, error)
            return
        finally:
            if not record.loaded.done():  # the loader ends, or a bug: nobody may wait for ever
                self._abandon(record)
        reason = await self._child_of(record).until_gone(every=self._heartbeat_s)
        self._records.pop(record.id, None)
        if record.is_wanted:
            self._on_event({"event": "gone", "model": record.id, "reason": reason, "kind": record.kind})
        self._on_event({"event": "state", "model": {**record.to_json(), "state": "absent", "port": 0, "key": ""}})

    async def _bring_up(self, record: Record, request: LoadRequest) -> None:
        free = memory.free_gpu_bytes()
        if request.command is not None:
            child: Child | CommandChild = await self._start_command(record, request.command)
        else:
            child = await self._start_file(record, request)
        record.child, record.pid = child, child.pid
        self._refuse_unwanted(record)
        try:
            async with asyncio.timeout(request.timeout_s):
                devices = await child.until_ready(lambda *at: self._progressed(record, *at))
        except TimeoutError:
            why = f": {await child.why_not_ready()}" if isinstance(child, CommandChild) else ""
            raise ModelFailed(
                f"{record.id} was not loaded: it was not ready after {request.timeout_s:g} s{why}",
                model=record.id,
                cause=Cause.TIMEOUT,
            ) from None
        if record.kind == "file" and forms.form_of(record.path) == "gguf":
            self._engine_devices = devices
        self._refuse_unwanted(record)
        record.port, record.key = child.port, child.key
        record.memory_bytes = child.memory_bytes()
        record.taken = {gpu: free[gpu] - now for gpu, now in memory.free_gpu_bytes().items() if free.get(gpu, 0) > now}
        record.seconds = asyncio.get_running_loop().time() - record.began
        self._loads[record.id] += 1
        record.loads = self._loads[record.id]
        record.state, record.stage, record.progress = "ready", "ready", 1.0
        self._tell(record)
        record.loaded.set_result(None)

    async def _start_file(self, record: Record, request: LoadRequest) -> Child:
        info = await self.inspect(request.path)
        plan = self._plan(info, request)
        await asyncio.to_thread(forms.require, plan.form, record.id)  # it looks for packages on the disk
        record.cached = await asyncio.to_thread(cached_share, forms.files(info))
        record.context, record.slots = plan.context, plan.slots
        record.need_bytes = forms.estimate(info, plan.dtype).total(plan.context)
        self._refuse_what_cannot_fit(record, plan)
        self._refuse_unwanted(record)
        return await Child.start(plan, log_dir=self._log_dir, environ=self._environ, spare=self._spare)

    async def _start_command(self, record: Record, plan: CommandPlan) -> CommandChild:
        record.need_bytes = plan.memory
        self._refuse_what_cannot_fit(record)
        self._refuse_unwanted(record)
        return await CommandChild.start(record.id, plan, log_dir=self._log_dir, environ=self._environ)

    def _plan(self, info: Info, request: LoadRequest) -> Plan:
        if info.is_part:
            raise BadModelFile(
                f"{info.path} is a part of another model (architecture {info.arch}) and cannot be loaded by itself",
                model=request.model,
                cause=Cause.CORRUPT_FILE,
                details={"path": info.path},
            )
        trained = info.context_length or request.context
        return Plan(
            id=request.model,
            path=info.path,
            size=info.size,
            context=min(request.context or trained, trained),
            slots=max(request.slots, 1),
            gpu_layers=request.gpu_layers,
            threads=request.threads,
            embedding=("model" if info.is_embedding else "chat") if request.embedding else "off",
            projector=str(resolve(request.projector, self._roots)) if request.projector else None,
            form="safetensors" if isinstance(info, SafetensorsInfo) else "gguf",
            device=request.device,
            dtype=request.dtype,
            batching=request.batching,
            parking=request.parking,
        )

    def _refuse_what_cannot_fit(self, record: Record, plan: Plan | None = None) -> None:
        usable = [each for each in memory.devices() if plan is None or self._is_for(plan, each.kind)]
        free = {each.id: each.free_bytes for each in usable}
        if record.need_bytes > sum(free.values()):
            raise NoFit(
                f"{record.id} needs about {_gib(record.need_bytes)} and {_gib(sum(free.values()))} are free. Unload "
                f"something, choose a smaller context, or a smaller model.",
                model=record.id,
                cause=Cause.OUT_OF_MEMORY,
                details={"need_bytes": record.need_bytes, "free_bytes": free},
            )

    def _is_for(self, plan: Plan, kind: str) -> bool:
        """Whether a model may use devices of a kind; PyTorch may be built for GPUs that this llama.cpp is not."""
        if plan.form == "gguf":
            return kind in {"host", self.device}
        return kind == "host" or plan.device != "cpu"

    def _refuse_unwanted(self, record: Record) -> None:
        if not record.is_wanted:
            raise ModelFailed(f"the load of {record.id} was cancelled", model=record.id, cause=Cause.UNKNOWN)

    async def _load_failed(self, record: Record, error: BatutaError) -> None:
        if record.child is not None:
            record.child.kill()
            await record.child.stop()
        if not record.is_wanted:
            error = ModelFailed(f"the load of {record.id} was cancelled", model=record.id, cause=Cause.UNKNOWN)
            self._records.pop(record.id, None)
        record.state, record.progress = "failed", None
        error.model = record.id
        record.error, record.cause = error.message, error.cause.value if error.cause else None
        record.port, record.key, record.pid = 0, "", 0
        self._tell(record)
        record.loaded.set_exception(error)
        record.loaded.exception()  # seen: a load that nobody waits for may fail too

    def _abandon(self, record: Record) -> None:
        if record.child is not None:
            record.child.kill()
        record.state, record.error = "failed", "the loader failed while it loaded this model; its log says why"
        record.loaded.set_exception(ModelFailed(record.error, model=record.id, cause=Cause.UNKNOWN))
        record.loaded.exception()

    def _progressed(self, record: Record, stage: str, fraction: float | None) -> None:
        is_new_stage = stage != record.stage
        further = None if fraction is None else max(fraction, record.progress or 0.0)
        if not is_new_stage and further == record.progress and stage != "starting":
            return
        record.stage, record.progress = stage, further
        if record.throttle.wait(asyncio.get_running_loop().time()) == 0 or is_new_stage:
            self._on_event({"event": "progress", "model": record.id, "stage": stage, "fraction": record.progress})

    def _tell(self, record: Record) -> None:
        self._on_event({"event": "state", "model": record.to_json()})

    def _forget_old_failures(self) -> None:
        failed = [record.id for record in self._records.values() if record.state == "failed"]
        for model in failed[:-KEPT_FAILED]:
            del self._records[model]

    @staticmethod
    def _child_of(record: Record) -> Child | CommandChild:
        if record.child is None:
            raise RuntimeError(f"{record.id} is ready without a process")
        return record.child


async def _free_gpu_bytes() -> dict[str, int]:
    return await asyncio.to_thread(memory.free_gpu_bytes)


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
