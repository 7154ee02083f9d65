"""The fake vLLM keeps vLLM's habits, and OpenAI's own client works with it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest

from batuta.engines.local_loads import poll_until
from batuta.testing.local_server import FakeModel, MemoryPool
from batuta.testing.vllm.answers import GARBAGE
from batuta.testing.vllm.server import FakeVLLM
from tests.support.openai_spec import check

MODEL = FakeModel("Qwen/Qwen3-4B", size=1000, context=64, details={"kv": 400, "kv_tokens": 160})
ADAPTER = FakeModel("sql-lora", size=0)
ROOM = 1500
KEY = "sk-test-not-a-key-vllm"
HELLO = [{"role": "user", "content": "one two three"}]


class Caller:
    """Speaks to the fake over HTTP, as any program does."""

    def __init__(self, server: FakeVLLM, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        async with self.session.request(method, self.server.url + path, json=body, headers=headers) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if reply.content_type == "application/json" else text

    async def chat(self, **fields: Any) -> tuple[int, Any]:
        return await self.ask("POST", "/v1/chat/completions", {"model": MODEL.name, "messages": HELLO} | fields)

    async def said(self) -> str:
        return str((await self.chat())[1]["choices"][0]["message"]["content"])

    async def events(self, **fields: Any) -> list[Any]:
        body = {"model": MODEL.name, "messages": HELLO, "stream": True} | fields
        async with self.session.post(f"{self.server.url}/v1/chat/completions", json=body) as reply:
            assert reply.content_type == "text/event-stream"
            lines = [line.removeprefix("data: ") for line in (await reply.text()).split("\n\n") if line]
        assert lines.pop() == "[DONE]"
        return [json.loads(line) for line in lines]

    async def until_running(self) -> None:
        async def is_running() -> bool:
            return bool(self.server.core.running)

        assert await poll_until(is_running, poll_s=0.001, within_s=2)


@asynccontextmanager
async def calling(*models: FakeModel, **options: Any) -> AsyncIterator[Caller]:
    options.setdefault("memory", MemoryPool(ROOM))
    async with FakeVLLM(models or (MODEL, ADAPTER), **options) as server, aiohttp.ClientSession() as session:
        yield Caller(server, session)


# --- what it tells ---------------------------------------------------------------------------------------------------


async def test_it_lists_its_model_and_the_adapters() -> None:
    """The model has its context and its root, an adapter its parent."""
    async with calling() as caller:
        status, body = await caller.ask("GET", "/v1/models")
        base, adapter = body["data"]
        assert (status, base["max_model_len"], base["root"], base["parent"]) == (200, 64, MODEL.name, None)
        assert (adapter["id"], adapter["parent"], adapter["owned_by"]) == ("sql-lora", MODEL.name, "vllm")
        check(body, "ListModelsResponse")
        assert (await caller.ask("GET", "/version"))[1]["version"]


async def test_it_is_not_there_before_its_model_is() -> None:
    """Nothing listens while it loads; without room it ends."""
    async with calling() as caller:
        port = caller.server.port
    server = FakeVLLM([FakeModel("slow", size=10, load_s=0.05)], port=port)
    async with asyncio.TaskGroup() as group:
        start = group.create_task(server.start())
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await start
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
    await server.stop()
    with pytest.raises(MemoryError, match="gpu_memory_utilization"):
        await FakeVLLM([FakeModel("large", size=100)], memory=MemoryPool(50)).start()


async def test_the_key_guards_what_is_below_v1_only() -> None:
    """Answers and lists ask for it, in an error that is a string; sleep does not."""
    async with calling(key=KEY) as caller:
        assert await caller.ask("GET", "/v1/models") == (401, {"error": "Unauthorized"})
        assert (await caller.chat())[0] == 401
        assert (await caller.ask("GET", "/v1/nothing"))[0] == 401
        assert (await caller.ask("GET", "/v1/models", key=KEY))[0] == 200
        for method, path in (("GET", "/health"), ("GET", "/metrics"), ("POST", "/sleep"), ("GET", "/is_sleeping")):
            assert (await caller.ask(method, path))[0] == 200


async def test_the_metrics_count_requests() -> None:
    """A request that runs is counted, and the cache tells its blocks."""
    async with calling() as caller:
        caller.server.play.token_s = 0.01
        async with asyncio.TaskGroup() as group:
            group.create_task(caller.chat())
            await caller.until_running()
            text = (await caller.ask("GET", "/metrics"))[1]
            assert f'vllm:num_requests_running{{engine="0",model_name="{MODEL.name}"}} 1.0' in text
        text = (await caller.ask("GET", "/metrics"))[1]
        assert f'vllm:num_requests_running{{engine="0",model_name="{MODEL.name}"}} 0.0' in text
        assert 'num_gpu_blocks="10"' in text


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_answers_have_the_shape_of_the_specification() -> None:
    """Whole answers, events of streams and vectors are what OpenAI's specification says."""
    both = FakeModel("both", details={"tasks": ("chat", "embed")})
    async with calling(both, memory=MemoryPool(both.size)) as caller:
        check((await caller.chat(model="both"))[1], "CreateChatCompletionResponse")
        for event in await caller.events(model="both"):
            check(event, "CreateChatCompletionStreamResponse")
        _, whole = await caller.ask("POST", "/v1/completions", {"model": "both", "prompt": "a b"})
        assert whole["choices"][0]["text"] == "b a"
        check(whole, "CreateCompletionResponse")
        _, vectors = await caller.ask("POST", "/v1/embeddings", {"model": "both", "input": ["a", "b"]})
        check(vectors, "CreateEmbeddingResponse")


REFUSED: tuple[tuple[str, Any, int, str, str], ...] = (
    ("/v1/chat/completions", {"model": "x", "messages": HELLO}, 404, "NotFoundError", "The model `x` does not exist."),
    ("/v1/chat/completions", {"model": MODEL.name}, 400, "BadRequestError", "messages"),
    ("/v1/chat/completions", [], 400, "BadRequestError", "valid dictionary"),
    ("/v1/completions", {"model": MODEL.name}, 400, "BadRequestError", "prompt"),
    ("/v1/embeddings", {"model": MODEL.name, "input": "a"}, 400, "BadRequestError", "does not support Embeddings"),
    (
        "/v1/completions",
        {"model": MODEL.name, "prompt": "a", "max_tokens": 99},
        400,
        "BadRequestError",
        "maximum context length is 64 tokens",
    ),
    ("/collective_rpc", {}, 400, "BadRequestError", "Missing 'method'"),
    ("/nothing", {}, 404, "Not Found", "Not Found"),
)


@pytest.mark.parametrize(("path", "body", "status", "kind", "words"), REFUSED)
async def test_refusals_come_in_its_envelope(path: str, body: Any, status: int, kind: str, words: str) -> None:
    """An error has a message, a type and its status as code."""
    async with calling() as caller:
        got, answer = await caller.ask("POST", path, body)
        assert (got, answer["error"]["code"], answer["error"]["type"]) == (status, status, kind)
        assert words in answer["error"]["message"]


async def test_openais_client_works_with_it() -> None:
    """The official client lists, chats, streams, completes and reads errors, unmodified."""
    async with calling(key=KEY) as caller:
        client = openai.AsyncOpenAI(base_url=f"{caller.server.url}/v1", api_key=KEY, max_retries=0)
        assert [model.id async for model in client.models.list()] == [MODEL.name, "sql-lora"]
        ask: Any = {"model": "sql-lora", "messages": HELLO}
        answer = await client.chat.completions.create(**ask)
        assert (answer.choices[0].message.content, answer.model) == ("three two one", "sql-lora")
        stream = await client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "three two one"
        assert chunks[-1].usage is not None
        pieces = await client.completions.create(model=MODEL.name, prompt="a b", max_tokens=1, stream=True)
        assert [piece.choices[0].finish_reason async for piece in pieces] == [None, "length"]
        with pytest.raises(openai.NotFoundError, match="does not exist"):
            await client.chat.completions.create(model="x", messages=ask["messages"])
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="sk-test-not-a-key-other").models.list()
        await client.close()


# --- sleep -----------------------------------------------------------------------------------------------------------


async def test_sleep_gives_memory_back_late_and_health_says_nothing() -> None:
    """Asleep it is healthy, listed, and off the device; awake it answers as before."""
    async with calling(memory=MemoryPool(ROOM, late_s=math.inf)) as caller:
        assert await caller.ask("POST", "/sleep") == (200, "")
        assert await caller.ask("GET", "/is_sleeping") == (200, {"is_sleeping": True})
        assert await caller.ask("GET", "/health") == (200, "")
        assert (await caller.ask("GET", "/v1/models"))[0] == 200
        assert caller.server.memory.free == ROOM - 1000

        caller.server.memory.bring_back()
        assert caller.server.memory.free == ROOM
        assert await caller.ask("POST", "/wake_up") == (200, "")
        assert await caller.ask("GET", "/is_sleeping") == (200, {"is_sleeping": False})
        assert await caller.said() == "three two one"


async def test_only_the_query_is_read() -> None:
    """A level in a JSON body is ignored: it sleeps at level 1."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep", {"level": 2, "mode": "wait"})
        assert caller.server.core.sleeps == [(1, "abort")]
        assert caller.server.core.has_weights


async def test_a_sleep_aborts_what_runs() -> None:
    """By default a stream ends in the middle, in good form but for the word abort."""
    async with calling() as caller:
        caller.server.play.token_s = 0.5
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(caller.events())
            await caller.until_running()
            await caller.ask("POST", "/sleep?level=1")
        finishes = [event["choices"][0]["finish_reason"] for event in stream.result()]
        assert finishes == ["abort"]


async def test_a_sleep_may_wait_for_what_runs() -> None:
    """In the mode `wait` the stream comes to its end first; in the mode `keep` after the wake-up."""
    async with calling() as caller:
        caller.server.play.token_s = 0.005
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(caller.events())
            await caller.until_running()
            await caller.ask("POST", "/sleep?level=1&mode=wait")
        assert stream.result()[-1]["choices"][0]["finish_reason"] == "stop"
        await caller.ask("POST", "/wake_up")
        async with asyncio.TaskGroup() as group:
            stream = group.create_task(caller.events())
            await caller.until_running()
            await caller.ask("POST", "/sleep?level=1&mode=keep")
            assert not stream.done()
            await caller.ask("POST", "/wake_up")
        assert stream.result()[-1]["choices"][0]["finish_reason"] == "stop"


async def test_level_2_forgets_the_weights() -> None:
    """Without reading them again it answers garbage with 200; with them, in order, it answers as before."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep?level=2")
        await caller.ask("POST", "/wake_up")
        assert await caller.said() == GARBAGE * 3
        await caller.ask("POST", "/sleep?level=2")
        await caller.ask("POST", "/wake_up?tags=weights")
        assert await caller.ask("GET", "/is_sleeping") == (200, {"is_sleeping": True})
        assert await caller.ask("POST", "/collective_rpc", {"method": "reload_weights"}) == (200, {"results": [None]})
        await caller.ask("POST", "/wake_up?tags=kv_cache")
        assert await caller.said() == "three two one"


async def test_a_request_to_a_sleeping_one_ends_its_engine() -> None:
    """The request fails, and from then on health says 503 and nothing works."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep")
        status, body = await caller.chat()
        assert (status, body["error"]["type"]) == (500, "InternalServerError")
        assert await caller.ask("GET", "/health") == (503, "")
        assert (await caller.ask("GET", "/is_sleeping"))[0] == 500
        assert (await caller.ask("POST", "/wake_up"))[0] == 500
        assert caller.server.core.crashes


async def test_weights_cannot_be_read_while_they_sleep() -> None:
    """The wrong order ends the engine."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep?level=2")
        assert (await caller.ask("POST", "/collective_rpc", {"method": "reload_weights"}))[0] == 500
        assert (await caller.ask("GET", "/health"))[0] == 503


@pytest.mark.parametrize("is_fatal", [True, False])
async def test_a_wake_up_may_fail(is_fatal: bool) -> None:
    """With 500, and sometimes that is the engine's end."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep")
        caller.server.core.wake_error, caller.server.core.dies_on_wake = "RuntimeError: oops", is_fatal
        assert (await caller.ask("POST", "/wake_up"))[0] == 500
        assert (await caller.ask("GET", "/health"))[0] == (503 if is_fatal else 200)
        assert (await caller.ask("POST", "/wake_up"))[0] == (500 if is_fatal else 200)


async def test_a_wake_up_needs_the_memory() -> None:
    """What somebody else has taken meanwhile is missing."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep")
        assert caller.server.memory.take("other", 1000)
        status, body = await caller.ask("POST", "/wake_up")
        assert status == 500
        assert "out of memory" in body["error"]["message"]


async def test_level_0_stops_and_frees_nothing() -> None:
    """New words wait for the wake-up; the memory stays taken."""
    async with calling() as caller:
        await caller.ask("POST", "/sleep?level=0")
        assert caller.server.memory.free == ROOM - 1000
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(caller.said())
            await caller.until_running()
            await caller.ask("POST", "/wake_up")
        assert answer.result() == "three two one"


async def test_without_development_mode_there_is_no_sleep() -> None:
    """The routes are 404, in its envelope."""
    async with calling(has_sleep_routes=False) as caller:
        for method, path in (("POST", "/sleep"), ("POST", "/wake_up"), ("GET", "/is_sleeping")):
            assert (await caller.ask(method, path))[0] == 404


async def test_without_the_option_a_sleep_frees_nothing() -> None:
    """It says that it sleeps, and holds what it held; its configuration tells."""
    async with calling(enables_sleep=False) as caller:
        await caller.ask("POST", "/sleep")
        assert await caller.ask("GET", "/is_sleeping") == (200, {"is_sleeping": True})
        assert caller.server.memory.free == ROOM - 1000
        _, info = await caller.ask("GET", "/server_info?config_format=json")
        assert info["vllm_config"]["model_config"]["enable_sleep_mode"] is False


async def test_a_crash_in_the_middle_is_an_event_or_a_cut() -> None:
    """The engine's death is an error event; the server's is a connection that is gone."""
    async with calling() as caller:
        caller.server.play.cut_after = 1
        with pytest.raises(aiohttp.ClientError):
            await caller.events()
        caller.server.play.cut_after, caller.server.play.die_after = None, 1
        assert "EngineCore" in (await caller.events())[-1]["error"]["message"]
        assert (await caller.chat())[0] == 500
