"""Engines without a backend: they load on the test's clock, answer from what they are asked, and fail when told to.

    clock = ManualClock()
    engine = FakeEngine(clock, load_s=4.0)
    engine.fail_load("coder", Cause.OUT_OF_MEMORY, times=1)

FakeRemoteEngine is an API that is always there, FakeEngine holds models in memory, FakePassThroughEngine also speaks
OpenAI's dialect as bytes. They keep the promises of engines.base; tests/contract holds them to it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import orjson

from batuta.catalog.entities import ModelSpec
from batuta.chat.dialects import openai
from batuta.chat.types import ChatRequest, Delta
from batuta.clock import Clock
from batuta.engines.base import (
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
from batuta.errors import (
    BadModelFile,
    BatutaError,
    CannotUnload,
    Cause,
    LoaderDown,
    ModelFailed,
    StreamBroken,
    UpstreamRejected,
    UpstreamUnreachable,
)
from batuta.tasks import Tasks
from batuta.testing.answers import deltas_for, embeddings_usage, vector_for

LOAD_ERRORS: dict[Cause, type[BatutaError]] = {
    Cause.CORRUPT_FILE: BadModelFile,
    Cause.NOT_INSTALLED: BadModelFile,
    Cause.UNREADABLE_FILE: BadModelFile,
    Cause.FORBIDDEN_PATH: BadModelFile,
    Cause.ENGINE_OFFLINE: LoaderDown,
}
"""Cause -> the error a real loader raises for it; ModelFailed for the others."""
STEPS = 4  # reports of progress while a model is read


@dataclass(slots=True)
class _Failure:
    error: BatutaError
    times: int | None  # None: for ever
    after: int = 0  # deltas

    def strikes(self) -> bool:
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class FakeRemoteEngine:
    """An API that is always there.

    Args:
        clock: what its waits run on.
        delta_s: seconds before each delta.
        models: what `list_models` reports.

    Attributes:
        requests: (model id, request) of every chat, in order.
        in_flight: chats running now, by model id.
        peak: the most that ran at once, by model id.
        is_offline: while set, nobody answers.
    """

    kind = "fake"

    def __init__(self, clock: Clock, *, delta_s: float = 0.0, models: Iterable[ReportedModel] = ()) -> None:
        self.clock = clock
        self.delta_s = delta_s
        self.models = list(models)
        self.requests: list[tuple[str, ChatRequest]] = []
        self.in_flight: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.is_offline = False
        self.is_closed = False
        self._chat_failures: dict[str, _Failure] = {}

    def fail_chat(self, model: str, error: BatutaError, *, after: int = 0, times: int | None = None) -> None:
        """Have chats with a model end in `error` after some deltas; the next `times` of them, or all."""
        self._chat_failures[model] = _Failure(error, times, after)

    def mend(self, model: str) -> None:
        """Let the model answer again, and load again."""
        self._chat_failures.pop(model, None)

    async def list_models(self) -> Sequence[ReportedModel]:
        """Return the models it was made with."""
        self._answer()
        return list(self.models)

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer, a delta a word."""
        self.requests.append((spec.id, request))
        self.in_flight[spec.id] += 1
        self.peak[spec.id] = max(self.peak[spec.id], self.in_flight[spec.id])
        try:
            life = self._begin(spec)
            failure = self._chat_failures.get(spec.id)
            failure = failure if failure and failure.strikes() else None
            for count, delta in enumerate(deltas_for(request, model=spec.id)):
                if failure and failure.after == count:
                    raise failure.error
                await self.clock.sleep(self.delta_s)
                self._go_on(spec, life, count)
                yield delta
        finally:
            self.in_flight[spec.id] -= 1

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return a vector a text."""
        self._begin(spec)
        await self.clock.sleep(self.delta_s)
        return EmbeddingResult(tuple(vector_for(text) for text in inputs), embeddings_usage(inputs))

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        """Say that it is there, or offline."""
        return EngineStatus(EngineHealth.OFFLINE if self.is_offline else self._health(spec))

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.is_closed = True

    def _answer(self) -> None:
        if self.is_offline:
            raise UpstreamUnreachable("the fake engine is offline", cause=Cause.ENGINE_OFFLINE)

    def _health(self, spec: ModelSpec) -> EngineHealth:  # noqa: ARG002  # for engines that hold models
        return EngineHealth.READY

    def _begin(self, spec: ModelSpec) -> int:  # noqa: ARG002  # for engines that hold models
        self._answer()
        return 0

    def _go_on(self, spec: ModelSpec, life: int, count: int) -> None:
        """Raise if the model is no longer there after `count` deltas."""


class FakeEngine(FakeRemoteEngine):
    """An engine that holds models in memory.

    Args:
        clock: what its loads and waits run on.
        load_s: seconds a load takes; `load_times` has those of single models.
        unload_s: seconds an unload takes.
        delta_s: seconds before each delta.
        capacity: bytes it can hold; a load that exceeds them fails with OUT_OF_MEMORY. None: any number.
        models: what `list_models` reports.

    Attributes:
        loads: loads that were begun, by model id.
        unloads: unloads that were done, by model id.
        log: `load x`, `loaded x`, `failed x`, `unloaded x`, `kept x`, `gone x`, in order.
        load_times: model id -> seconds.
        sizes: model id -> bytes that its load reports, where they are not what its spec says.
    """

    def __init__(  # the whole script of an engine
        self,
        clock: Clock,
        *,
        load_s: float = 1.0,
        unload_s: float = 0.0,
        delta_s: float = 0.0,
        capacity: int | None = None,
        models: Iterable[ReportedModel] = (),
    ) -> None:
        super().__init__(clock, delta_s=delta_s, models=models)
        self.load_s = load_s
        self.unload_s = unload_s
        self.capacity = capacity
        self.loads: Counter[str] = Counter()
        self.unloads: Counter[str] = Counter()
        self.log: list[str] = []
        self.load_times: dict[str, float] = {}
        self.sizes: dict[str, int] = {}
        self._held: dict[str, tuple[int, int]] = {}  # id -> bytes, life number
        self._lives = 0
        self._loading: dict[str, asyncio.Task[LoadReport]] = {}
        self._load_failures: dict[str, _Failure] = {}
        self._fixed: dict[str, tuple[str, bool]] = {}
        self._listeners: list[GoneListener] = []
        self._tasks = Tasks(lambda _name, _error: None)  # whoever awaits a load gets its error

    # The script ---------------------------------------------------------------------------------------------------

    def fail_load(self, model: str, cause: Cause, message: str = "", *, times: int | None = None) -> None:
        """Have loads of a model fail, after their time, for that cause; the next `times` of them, or all."""
        error = LOAD_ERRORS.get(cause, ModelFailed)
        text = message or f"{model} could not be loaded: {cause}"
        self._load_failures[model] = _Failure(error(text, model=model, cause=cause), times)

    def mend(self, model: str) -> None:
        super().mend(model)
        self._load_failures.pop(model, None)

    def vanish(self, model: str, reason: str = "the process ended") -> None:
        """Lose a resident model, as a crash does: its chats break and the watchers are told."""
        del self._held[model]
        self.log.append(f"gone {model}")
        for listener in self._listeners:
            listener(model, reason)

    def fix(self, model: str, why: str, *, is_told: bool = True) -> None:
        """Have a model stay in memory for ever; `is_told`: the engine says so before it is told to unload it."""
        self._fixed[model] = (why, is_told)

    def appear(self, spec: ModelSpec) -> None:
        """Have a model in memory that nobody here loaded."""
        self._hold(spec)

    # The promises -------------------------------------------------------------------------------------------------

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        """Bring the model into memory; joins a load already under way."""
        self._answer()
        if spec.id in self._held:
            return LoadReport(self._held[spec.id][0], 0.0, was_resident=True, fixed=self._told(spec.id))
        task = self._loading.get(spec.id)
        if task is None:
            self.loads[spec.id] += 1
            task = self._tasks.start(self._load(spec, on_progress), name=f"fake load {spec.id}")
            self._loading[spec.id] = task
        return await asyncio.shield(task)

    async def _load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        self.log.append(f"load {spec.id}")
        seconds = self.load_times.get(spec.id, self.load_s)
        try:
            on_progress(LoadProgress("starting", None))
            for step in range(1, STEPS + 1):
                await self.clock.sleep(seconds / STEPS)
                on_progress(LoadProgress("reading", step / STEPS))
            on_progress(LoadProgress("warming", None))
            self._refuse(spec)
            self._hold(spec)
        except BatutaError:
            self.log.append(f"failed {spec.id}")
            raise
        finally:
            del self._loading[spec.id]
        self.log.append(f"loaded {spec.id}")
        return LoadReport(self._held[spec.id][0], seconds, fixed=self._told(spec.id))

    def _refuse(self, spec: ModelSpec) -> None:
        failure = self._load_failures.get(spec.id)
        if failure and failure.strikes():
            raise failure.error
        held = sum(size for size, _ in self._held.values())
        if self.capacity is not None and held + self._size(spec) > self.capacity:
            text = f"{spec.id} needs {self._size(spec)} bytes and {self.capacity - held} are free"
            raise ModelFailed(text, model=spec.id, cause=Cause.OUT_OF_MEMORY)

    def _size(self, spec: ModelSpec) -> int:
        return self.sizes.get(spec.id, spec.need_bytes)

    def _hold(self, spec: ModelSpec) -> None:
        self._lives += 1
        self._held[spec.id] = (self._size(spec), self._lives)

    async def unload(self, spec: ModelSpec) -> None:
        """Take the model out of memory, or abort its load; chats that still run break."""
        self._answer()
        if (task := self._loading.get(spec.id)) is not None:
            task.cancel()
            await asyncio.wait([task])
        if spec.id not in self._held:
            return
        if spec.id in self._fixed:
            self.log.append(f"kept {spec.id}")
            raise CannotUnload(self._fixed[spec.id][0], model=spec.id)
        await self.clock.sleep(self.unload_s)
        if self._held.pop(spec.id, None) is not None:
            self.unloads[spec.id] += 1
            self.log.append(f"unloaded {spec.id}")

    async def resident(self) -> Sequence[Resident]:
        """Return what is held and what is being loaded."""
        self._answer()
        held = [Resident(model, size, fixed=self._told(model)) for model, (size, _) in self._held.items()]
        return held + [Resident(model, 0, is_loading=True) for model in self._loading]

    def _told(self, model: str) -> str:
        why, is_told = self._fixed.get(model, ("", False))
        return why if is_told else ""

    def watch(self, on_gone: GoneListener) -> None:
        """Tell of models that vanish."""
        self._listeners.append(on_gone)

    async def aclose(self) -> None:
        """End loads under way."""
        await super().aclose()
        await self._tasks.aclose()

    def _health(self, spec: ModelSpec) -> EngineHealth:
        if spec.id in self._held:
            return EngineHealth.READY
        return EngineHealth.LOADING if spec.id in self._loading else EngineHealth.ABSENT

    def _begin(self, spec: ModelSpec) -> int:
        self._answer()
        if spec.id not in self._held:
            raise ModelFailed(f"{spec.id} is not in memory", model=spec.id, cause=Cause.CRASH)
        return self._held[spec.id][1]

    def _go_on(self, spec: ModelSpec, life: int, count: int) -> None:
        if self._held.get(spec.id, (0, 0))[1] != life:
            error = StreamBroken if count else ModelFailed
            raise error(f"{spec.id} went out of memory while it answered", model=spec.id, cause=Cause.CRASH)


class FakePassThroughEngine(FakeEngine):
    """A FakeEngine that also takes OpenAI's JSON and answers in bytes."""

    dialect = "openai"

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name at the engine."""
        return spec.address

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        """Answer a chat or embeddings call in bytes."""
        body = orjson.loads(call.body)
        if call.path == "embeddings":
            inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
            result = await self.embed(spec, inputs)
            return _Whole(orjson.dumps(openai.encode_embeddings(result.vectors, result.usage, model=spec.id)))
        if call.path != "chat/completions":
            raise UpstreamRejected(f"the fake engine has no {call.path}", upstream_status=404, model=spec.id)
        deltas = self.chat(spec, openai.parse_chat(body))
        if not call.stream:
            said = [delta async for delta in deltas]
            answer = openai.encode_completion(said, answer_id="chatcmpl-fake", model=spec.id, created=0)
            return _Whole(orjson.dumps(answer))
        first = await anext(deltas)  # what fails before the first delta fails the call
        return _Streamed(first, deltas, spec.id)


class _Whole:
    """A whole answer."""

    def __init__(self, body: bytes) -> None:
        self.status = 200
        self.content_type = "application/json"
        self._body = body

    async def read(self) -> bytes:
        return self._body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def aclose(self) -> None:
        return


class _Streamed:
    """A streamed answer: an event a delta."""

    def __init__(self, first: Delta, rest: AsyncGenerator[Delta, None], model: str) -> None:
        self.status = 200
        self.content_type = "text/event-stream"
        self._first = first
        self._rest = rest
        self._model = model

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._event(self._first, is_first=True)
        async for delta in self._rest:
            yield self._event(delta)
        yield openai.DONE_EVENT

    def _event(self, delta: Delta, *, is_first: bool = False) -> bytes:
        return openai.encode_delta(delta, answer_id="chatcmpl-fake", model=self._model, created=0, is_first=is_first)

    async def aclose(self) -> None:
        await self._rest.aclose()
