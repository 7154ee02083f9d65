"""The Ollama engine against the fake: states told truly, loads that are ours, answers of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta, FinishReason, Message
from batuta.engines.base import (
    DescribedEngine,
    EngineHealth,
    LoadableEngine,
    LoadProgress,
    PassThroughEngine,
    RawCall,
    Resident,
)
from batuta.engines.local_loads import poll_until
from batuta.engines.ollama.engine import OllamaEngine
from batuta.engines.openai_compat import CHAT
from batuta.engines.transport import Transport
from batuta.errors import (
    BatutaError,
    Cause,
    ModelFailed,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamUnreachable,
)
from batuta.testing.local_server import FakeModel, Fault, MemoryPool
from batuta.testing.ollama.server import FakeOllama

SMALL = FakeModel("small:latest", size=1000, details={"kv_per_token": 1})
SLOW = FakeModel("slow:latest", size=1000, load_s=0.05)
MINE = FakeModel("mine:latest", size=1000, details={"weights": "small:latest", "parameters": {"temperature": 0}})
VECTORS = FakeModel("vectors:latest", size=500, is_embedding=True)
CALL = 'call weather {"city": "Recife"}'


@dataclass(slots=True)
class Scene:
    """The engine and what it faces."""

    server: FakeOllama
    engine: OllamaEngine

    def spec(self, name: str, **fields: Any) -> ModelSpec:
        defaults: dict[str, Any] = {"context_length": 2048, "is_local": True, "is_loadable": True}
        return ModelSpec(f"ollama/{name}", "ollama", f"{name}:latest", **(defaults | fields))

    async def load(self, name: str, **fields: Any) -> None:
        await self.engine.load(self.spec(name, **fields), lambda _: None)

    async def chat(self, name: str, text: str = "one two three", **fields: Any) -> list[Delta]:
        request = ChatRequest("x", (Message("user", text),), **({"stream": True} | fields))
        return [delta async for delta in self.engine.chat(self.spec(name), request)]

    async def held(self) -> dict[str, Resident]:
        return {resident.address: resident for resident in await self.engine.resident()}

    async def until_loading(self, name: str) -> None:
        async def is_loading() -> bool:
            return f"{name}:latest" in self.server.scheduler.loads

        assert await poll_until(is_loading, poll_s=0.001, within_s=2)

    async def is_busy(self) -> bool:
        return self.server.scheduler.loaded["small:latest"].busy > 0

    def sent(self, path: str) -> list[Any]:
        return [body for asked, body in self.server.bodies if asked == path]


@asynccontextmanager
async def facing(*models: FakeModel, **options: Any) -> AsyncIterator[Scene]:
    timeouts = {name: options.pop(name) for name in ("load_timeout_s", "unload_timeout_s") if name in options}
    options.setdefault("memory", MemoryPool(100_000))
    async with FakeOllama(models or (SMALL, SLOW, MINE, VECTORS), **options) as server:
        transport = Transport()
        provider = Provider("ollama", "ollama", base_url=f"{server.url}/v1", is_local=True)
        engine = OllamaEngine(provider, transport, poll_s=0.002, **timeouts)
        yield Scene(server, engine)
        await engine.aclose()
        await transport.aclose()


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


# --- who and what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/api"])
def test_the_address_may_name_either_dialect(path: str) -> None:
    """People copy the address from different pages."""
    engine = OllamaEngine(Provider("o", "ollama", base_url=f"http://127.0.0.1:11434{path}"), Transport())
    assert engine.origin == "http://127.0.0.1:11434"
    assert isinstance(engine, PassThroughEngine)
    assert isinstance(engine, LoadableEngine)
    assert isinstance(engine, DescribedEngine)


async def test_it_says_who_answers() -> None:
    """The version, a word on an old one, and on a model that is only partly on the GPU."""
    async with facing() as scene:
        assert (await scene.engine.describe()).version == "0.33.0"
        assert (await scene.engine.describe()).note == ""
    big = FakeModel("big:latest", size=6 << 30)
    options = {"memory": MemoryPool(4 << 30), "scheduling": {"host_memory": 9 << 30}, "version": "0.4.1"}
    async with facing(big, **options) as scene:
        await scene.load("big")
        note = (await scene.engine.describe()).note
        assert "older than 0.5" in note
        assert "only partly on the GPU (4.0 GiB of 6.0 GiB)" in note


async def test_the_list_says_what_each_model_needs_and_can() -> None:
    """Sizes from the list, context, cache and capabilities from `show`, residency from what runs."""
    async with facing() as scene:
        await scene.load("small")
        models = {model.address: model for model in await scene.engine.list_models()}
        small, vectors = models["small:latest"], models["vectors:latest"]
        assert (small.memory.weights, small.memory.kv_per_token) == (1000, 4 * 2 * 8 * 2 * 2)
        assert (small.context_length, small.is_resident, vectors.is_resident) == (8192, True, False)
        assert small.capabilities == CHAT | {Capability.TOOLS}
        assert vectors.capabilities == {Capability.EMBEDDING}


async def test_details_are_asked_for_once() -> None:
    """A second look asks for nothing that is known; a model that will not say is listed all the same."""
    async with facing() as scene:
        scene.server.faults.append(Fault("/api/show", status=500, body='{"error":"oops"}'))
        first = await scene.engine.list_models()
        assert [model.context_length for model in first].count(0) == 1
        asked = len(scene.sent("/api/show"))
        second = await scene.engine.list_models()
        assert len(scene.sent("/api/show")) == asked + 1
        assert all(model.context_length for model in second)
        await scene.engine.list_models()
        assert len(scene.sent("/api/show")) == asked + 1


async def test_models_of_a_cloud_are_not_listed() -> None:
    """What runs elsewhere is not here."""
    cloud = FakeModel("big:cloud", details={"remote_host": "https://ollama.com:443", "remote_model": "big"})
    async with facing(SMALL, cloud) as scene:
        assert [model.address for model in await scene.engine.list_models()] == ["small:latest"]


async def test_a_probe_tells_loaded_from_installed_from_missing() -> None:
    """Each standing has its health, and its words."""
    async with facing() as scene:
        probe = scene.engine.probe
        assert "not loaded" in (await probe(scene.spec("small"))).message
        missing = await probe(scene.spec("nobody"))
        assert missing.health is EngineHealth.ABSENT
        assert "ollama pull nobody:latest" in missing.message
        async with asyncio.TaskGroup() as group:
            group.create_task(scene.load("slow"))
            await scene.until_loading("slow")
            assert (await probe(scene.spec("slow"))).health is EngineHealth.LOADING
        assert (await probe(scene.spec("slow"))).health is EngineHealth.READY
        await scene.server.stop()
        assert (await probe(scene.spec("slow"))).health is EngineHealth.OFFLINE


# --- in and out of memory --------------------------------------------------------------------------------------------


async def test_a_load_names_the_context_and_stays() -> None:
    """The model is loaded with its spec's context, for ever, and its real bytes are reported."""
    async with facing() as scene:
        seen: list[LoadProgress] = []
        report = await scene.engine.load(scene.spec("small", context_length=512), seen.append)
        (body,) = scene.sent("/api/generate")
        assert (body["keep_alive"], body["options"], "prompt" in body) == (-1, {"num_ctx": 512}, False)
        assert (report.memory_bytes, report.was_resident) == (1512, False)
        assert seen[0].stage == "starting"
        assert all(progress.fraction is None for progress in seen), "Ollama tells no progress"


async def test_requests_never_load_anew() -> None:
    """Chats, completions and embeddings go out with the context of the load: one load is all there is."""
    async with facing() as scene:
        await scene.load("small", context_length=512)
        await scene.load("vectors", capabilities=frozenset({Capability.EMBEDDING}), context_length=512)
        await scene.chat("small")
        await scene.chat("small", stream=False)
        spec = scene.spec("vectors", capabilities=frozenset({Capability.EMBEDDING}))
        assert len((await scene.engine.embed(spec, ["a", "b"])).vectors) == 2
        call = RawCall("completions", b'{"model":"small","prompt":"a b"}', False, asyncio.get_running_loop().time() + 5)
        answer = orjson.loads(await (await scene.engine.forward(scene.spec("small"), call)).read())
        assert answer["choices"][0]["text"] == "b a"
        assert scene.server.scheduler.loads == ["small:latest", "vectors:latest"]


async def test_what_a_person_loaded_is_taken_over_as_it_is() -> None:
    """A model in memory is never loaded anew, whatever context our spec has; it stays from then on."""
    async with facing() as scene:
        await scene.engine._post("generate", {"model": "small", "options": {"num_ctx": 777}}, timeout_s=5)
        report = await scene.engine.load(scene.spec("small"), lambda _: None)
        assert report.was_resident
        assert text_of(await scene.chat("small")) == "three two one"
        assert scene.server.scheduler.loads == ["small:latest"]
        assert scene.sent("/api/chat")[0]["options"]["num_ctx"] == 777
        assert scene.server.scheduler.loaded["small:latest"].keep_s == float("inf")


async def test_another_programs_reload_is_followed() -> None:
    """Somebody else had it loaded anew: the next look learns its context, and nobody fights over it."""
    async with facing() as scene:
        await scene.load("small")
        await scene.engine._post("generate", {"model": "small", "options": {"num_ctx": 99}}, timeout_s=5)
        await scene.engine.resident()
        await scene.chat("small")
        assert len(scene.server.scheduler.loads) == 2


async def test_a_model_on_another_machine_is_left_as_it_is() -> None:
    """What is not ours to load gets neither a context nor a time to stay from us."""
    async with facing() as scene:
        spec = scene.spec("small", is_loadable=False, is_local=False, context_length=131072)
        request = ChatRequest("x", (Message("user", "hi"),))
        assert [delta async for delta in scene.engine.chat(spec, request)]
        (body,) = scene.sent("/api/chat")
        assert body["options"] == {}
        assert "keep_alive" not in body


async def test_the_load_is_ours_not_the_callers() -> None:
    """Three ask, one leaves: there is one load, and nothing aborts it."""
    async with facing() as scene:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await scene.load("slow")
        held = (await scene.held())["slow:latest"]
        assert held.is_loading
        await asyncio.gather(scene.load("slow"), scene.load("slow"))
        assert scene.server.scheduler.loads == ["slow:latest"]
        assert scene.server.scheduler.aborted == []
        assert not (await scene.held())["slow:latest"].is_loading


async def test_unloading_stops_a_load_under_way() -> None:
    """Closing our connection aborts it at Ollama, too; who waits hears of it."""
    async with facing(FakeModel("slow:latest", size=1000, load_s=5)) as scene:
        load = asyncio.get_running_loop().create_task(scene.load("slow"))
        await scene.until_loading("slow")
        await scene.engine.unload(scene.spec("slow"))
        with pytest.raises(ModelFailed, match="was stopped"):
            await load

        async def is_aborted() -> bool:
            return scene.server.scheduler.aborted == ["slow:latest"]

        assert await poll_until(is_aborted, poll_s=0.001, within_s=2)
        assert await scene.held() == {}


async def test_an_unload_is_over_when_the_list_says_so() -> None:
    """A model in use leaves when its answer has ended; the unload waits for that, but not for ever."""
    async with facing(unload_timeout_s=0.03) as scene:
        await scene.load("small")
        scene.server.play.token_s = 0.02
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(scene.chat("small", "a b c d e f"))
            assert await poll_until(scene.is_busy, poll_s=0.001, within_s=2)
            with pytest.raises(ModelFailed, match="another program is using it"):
                await scene.engine.unload(scene.spec("small"))
        assert text_of(answer.result()) == "f e d c b a"
        await scene.engine.unload(scene.spec("small"))
        assert await scene.held() == {}


async def test_a_model_that_only_embeds_is_loaded_by_embedding() -> None:
    """Also when nobody knew: the refusal to generate says so."""
    async with facing() as scene:
        await scene.load("vectors", capabilities=frozenset({Capability.EMBEDDING}))
        assert scene.sent("/api/generate") == []
        await scene.engine.unload(scene.spec("vectors", capabilities=frozenset({Capability.EMBEDDING})))
        assert await scene.held() == {}
        await scene.load("vectors")
        assert [body["model"] for body in scene.sent("/api/embed")] == ["vectors:latest"] * 2
        assert "vectors:latest" in await scene.held()


async def test_two_names_of_the_same_weights_are_one_place_in_memory() -> None:
    """Ollama lists the first name only; both are resident, booked once, and one leaving does not take the other."""
    async with facing() as scene:
        await scene.engine.list_models()
        await scene.load("small")
        await scene.load("mine")
        held = await scene.held()
        assert (held["small:latest"].memory_bytes, held["mine:latest"].memory_bytes) == (3048, 0)
        assert scene.server.scheduler.loads == ["small:latest"]
        await scene.engine.unload(scene.spec("mine"))
        assert list(await scene.held()) == ["small:latest"]
        await scene.engine.unload(scene.spec("small"))
        assert await scene.held() == {}


async def test_a_name_without_its_tag_is_found() -> None:
    """A person's own spelling of an address stays the address."""
    async with facing() as scene:
        await scene.engine.load(replace(scene.spec("small"), address="Small"), lambda _: None)
        assert list(await scene.held()) == ["Small"]


def _failing(words: str) -> FakeModel:
    return FakeModel("bad:latest", size=10, details={"load_error": words})


@pytest.mark.parametrize(
    ("model", "cause", "words"),
    [
        (FakeModel("huge:latest", size=10**9), Cause.OUT_OF_MEMORY, "requires more system memory"),
        (_failing("llama-server process has terminated: signal: killed"), Cause.CRASH, "signal: killed"),
        (
            _failing("llama-server process has terminated: cudaMalloc failed: out of memory"),
            Cause.OUT_OF_MEMORY,
            "cuda",
        ),
        (_failing("timed out waiting for llama-server to start: context deadline"), Cause.TIMEOUT, "in time"),
        (_failing("unable to load model: invalid file magic"), Cause.CORRUPT_FILE, "file"),
        (None, Cause.NOT_INSTALLED, "`ollama pull bad:latest`"),
    ],
)
async def test_a_failed_load_has_its_cause(model: FakeModel | None, cause: Cause, words: str) -> None:
    """What Ollama says becomes a cause the failed cache knows, with Ollama's words."""
    async with facing(*([model] if model else []), SMALL) as scene:
        name = model.name.partition(":")[0] if model else "bad"
        with pytest.raises(BatutaError) as caught:
            await scene.load(name)
        assert caught.value.cause is cause
        assert words in caught.value.message
        assert caught.value.model == f"ollama/{name}"


async def test_a_load_has_a_deadline_of_its_own() -> None:
    """A load that takes too long is given up, and Ollama is told by the closed connection."""
    async with facing(FakeModel("slow:latest", size=10, load_s=9), load_timeout_s=0.03) as scene:
        with pytest.raises(ModelFailed) as caught:
            await scene.load("slow")
        assert caught.value.cause is Cause.TIMEOUT

        async def is_aborted() -> bool:
            return scene.server.scheduler.aborted == ["slow:latest"]

        assert await poll_until(is_aborted, poll_s=0.001, within_s=2)


async def test_loaded_by_word_but_not_by_list_is_a_failure() -> None:
    """Ollama says 200 and the process is gone a moment later: that is no loaded model."""
    async with facing(load_timeout_s=0.1) as scene:
        answer = '{"model":"small:latest","done":true,"done_reason":"load"}'
        scene.server.faults.append(Fault("/api/generate", status=200, body=answer))
        with pytest.raises(ModelFailed, match="does not list it") as caught:
            await scene.load("small")
        assert caught.value.cause is Cause.CRASH


async def test_a_load_that_ends_with_ollama_is_an_ollama_that_is_offline() -> None:
    """The connection of the load breaks because the program has ended: that, not a crash, is what is told."""
    async with facing(replace(SLOW, load_s=2.0)) as scene:
        load = asyncio.get_running_loop().create_task(scene.load("slow"))
        await scene.until_loading("slow")
        await scene.server.stop()
        with pytest.raises(UpstreamUnreachable, match="refused the connection") as caught:
            await load
        assert (caught.value.cause, caught.value.model) == (Cause.ENGINE_OFFLINE, "ollama/slow")


async def test_a_full_queue_is_busyness() -> None:
    """503 says that Ollama is there and has too much to do."""
    async with facing(scheduling={"max_queue": 1}) as scene, asyncio.TaskGroup() as group:
        group.create_task(scene.load("slow"))
        await scene.until_loading("slow")
        with pytest.raises(UpstreamOverloaded, match="server busy"):
            await scene.load("small")


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_thinking_text_and_counts_arrive(stream: bool) -> None:
    """Both ways of sending say the same."""
    thinker = FakeModel("small:latest", size=10, details={"capabilities": ("completion", "thinking")})
    async with facing(thinker) as scene:
        deltas = await scene.chat("small", stream=stream)
        assert text_of(deltas) == "three two one"
        assert "".join(delta.reasoning for delta in deltas) == "3 words to turn."
        assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.STOP]
        (usage,) = [delta.usage for delta in deltas if delta.usage]
        assert (usage.prompt_tokens, usage.completion_tokens) == (3, 4)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_tool_is_called(stream: bool) -> None:
    """Ollama's object of arguments arrives as OpenAI's text."""
    async with facing() as scene:
        tools = ({"type": "function", "function": {"name": "weather", "parameters": {}}},)
        deltas = await scene.chat("small", CALL, stream=stream, tools=tools)
        (call,) = [call for delta in deltas for call in delta.tool_calls]
        assert (call.name, orjson.loads(call.arguments)) == ("weather", {"city": "Recife"})
        assert call.id
        assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.TOOL_CALLS]


async def test_leaving_an_answer_stops_it() -> None:
    """The dropped connection is what tells Ollama to stop."""
    async with facing() as scene:
        scene.server.play.token_s = 5
        request = ChatRequest("x", (Message("user", "a b c"),), stream=True)
        deltas = scene.engine.chat(scene.spec("small"), request)
        assert (await anext(deltas)).text == "c"
        await deltas.aclose()

        async def is_idle() -> bool:
            return scene.server.scheduler.loaded["small:latest"].busy == 0

        assert await poll_until(is_idle, poll_s=0.001, within_s=2)


async def test_the_last_line_may_be_an_error() -> None:
    """Before the first word it is an error of its kind, after it the answer is broken; never a silent end."""
    async with facing() as scene:
        scene.server.play.error_after = 2
        scene.server.play.token_s = 0.002
        request = ChatRequest("x", (Message("user", "a b c"),), stream=True)
        deltas = scene.engine.chat(scene.spec("small"), request)
        assert text_of([await anext(deltas), await anext(deltas)]) == "c b"
        with pytest.raises(StreamBroken, match="process has terminated"):
            await anext(deltas)
        line = '{"error":"model requires more system memory (9 GiB) than is available (1 GiB)"}\n'
        scene.server.faults.append(Fault("/api/chat", status=200, body=line, content_type="application/x-ndjson"))
        with pytest.raises(ModelFailed) as caught:
            await scene.chat("small")
        assert caught.value.cause is Cause.OUT_OF_MEMORY


async def test_a_crash_in_the_middle_is_a_broken_stream() -> None:
    """The connection is gone: what came stays, and the end is an error."""
    async with facing() as scene:
        scene.server.play.cut_after = 2
        with pytest.raises(StreamBroken):
            await scene.chat("small")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_error_in_a_200_is_an_error(stream: bool) -> None:
    """The status is not believed."""
    async with facing() as scene:
        scene.server.faults.append(Fault("/api/chat", status=200, body='{"error":"something broke"}'))
        with pytest.raises(UpstreamFailed, match="something broke"):
            await scene.chat("small", stream=stream)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_answer_of_another_model_is_refused(stream: bool) -> None:
    """Who answers must be who was asked."""
    async with facing() as scene:
        scene.server.play.answer_as = "other:1b"
        with pytest.raises(UpstreamUnreachable, match="let another model answer"):
            await scene.chat("small", stream=stream)
