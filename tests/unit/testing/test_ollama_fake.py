"""The fake Ollama keeps Ollama's habits, and OpenAI's own client works with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest

from batuta.engines.local_loads import poll_until
from batuta.testing.local_server import FakeModel, Fault, MemoryPool
from batuta.testing.ollama.scheduler import OllamaError, seconds_of
from batuta.testing.ollama.server import FakeOllama
from tests.support.openai_spec import check

SMALL = FakeModel("small:latest", size=1000)
LARGE = FakeModel("large:7b", size=6000)
VECTORS = FakeModel("vectors:latest", size=500, is_embedding=True)
ROOM = 8000
HELLO = [{"role": "user", "content": "one two three"}]


class Caller:
    """Speaks to the fake over HTTP, as any program does."""

    def __init__(self, server: FakeOllama, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.server.url}{path}") as reply:
            return await reply.json()

    async def post(self, path: str, **body: Any) -> tuple[int, Any]:
        async with self.session.post(f"{self.server.url}{path}", json=body) as reply:
            return reply.status, await reply.json(content_type=None)

    async def lines(self, path: str, **body: Any) -> list[dict[str, Any]]:
        async with self.session.post(f"{self.server.url}{path}", json=body) as reply:
            assert reply.content_type == "application/x-ndjson"
            return [json.loads(line) for line in (await reply.text()).splitlines()]

    async def held(self) -> list[str]:
        return [row["name"] for row in (await self.get("/api/ps"))["models"]]

    async def gone(self, name: str) -> None:
        async def is_gone() -> bool:
            return name not in await self.held()

        assert await poll_until(is_gone, poll_s=0.002, within_s=2)

    async def until_loading(self, name: str) -> None:
        async def is_loading() -> bool:
            return name in self.server.scheduler.loads

        assert await poll_until(is_loading, poll_s=0.001, within_s=2)


@asynccontextmanager
async def calling(*models: FakeModel, **options: Any) -> AsyncIterator[Caller]:
    options.setdefault("memory", MemoryPool(ROOM))
    async with (
        FakeOllama(models or (SMALL, LARGE, VECTORS), **options) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Caller(server, session)


async def test_it_says_who_it_is() -> None:
    """The root answers a text, the version is JSON, another path is Go's page."""
    async with calling(version="0.9.6") as caller:
        async with caller.session.get(caller.server.url) as reply:
            assert await reply.text() == "Ollama is running"
        assert await caller.get("/api/version") == {"version": "0.9.6"}
        async with caller.session.get(f"{caller.server.url}/api/nothing") as reply:
            assert (reply.status, await reply.text()) == (404, "404 page not found")


async def test_an_empty_prompt_loads_and_zero_unloads() -> None:
    """Loads and unloads are empty requests; both answer 200, also when there is nothing to unload."""
    async with calling() as caller:
        status, answer = await caller.post("/api/generate", model="small", keep_alive=-1)
        assert (status, answer["done_reason"], answer["response"]) == (200, "load", "")
        row = (await caller.get("/api/ps"))["models"][0]
        assert (row["name"], row["size"], row["size_vram"]) == ("small:latest", 1000, 1000)
        assert row["expires_at"] > "2300"
        for _ in range(2):
            status, answer = await caller.post("/api/chat", model="small", messages=[], keep_alive=0)
            assert (status, answer["done_reason"]) == (200, "unload")
        await caller.gone("small:latest")


async def test_a_loading_model_is_not_listed() -> None:
    """The list is empty while a model is on its way in."""
    async with calling(FakeModel("slow:latest", size=10, load_s=0.05)) as caller, asyncio.TaskGroup() as group:
        load = group.create_task(caller.post("/api/generate", model="slow"))
        await caller.until_loading("slow:latest")
        assert await caller.held() == []
        await load
        assert await caller.held() == ["slow:latest"]


async def test_a_load_ends_with_the_connection_that_asked_for_it() -> None:
    """Whoever leaves during a load has aborted it; the memory is free again."""
    async with calling(FakeModel("slow:latest", size=10, load_s=5)) as caller:
        load = asyncio.get_running_loop().create_task(caller.post("/api/generate", model="slow"))
        await caller.until_loading("slow:latest")
        load.cancel()
        await asyncio.wait([load])

        async def is_aborted() -> bool:
            return caller.server.scheduler.aborted == ["slow:latest"]

        assert await poll_until(is_aborted, poll_s=0.001, within_s=2)
        assert caller.server.memory.free == ROOM
        assert await caller.held() == []


async def test_one_load_holds_up_all_others() -> None:
    """A quick load waits behind a slow one, while what is loaded already answers."""
    slow = FakeModel("slow:latest", size=10, load_s=0.05)
    async with calling(slow, SMALL, VECTORS) as caller, asyncio.TaskGroup() as group:
        await caller.post("/api/embed", model="vectors", input="x")
        first = group.create_task(caller.post("/api/generate", model="slow"))
        await caller.until_loading("slow:latest")
        second = group.create_task(caller.post("/api/generate", model="small"))
        await caller.post("/api/embed", model="vectors", input="x")
        assert not first.done()
        await second
        assert first.done()


async def test_a_full_queue_is_503() -> None:
    """More requests wait for loads than there is room for."""
    slow = FakeModel("slow:latest", size=10, load_s=0.05)
    async with calling(slow, SMALL, scheduling={"max_queue": 1}) as caller, asyncio.TaskGroup() as group:
        group.create_task(caller.post("/api/generate", model="slow"))
        await caller.until_loading("slow:latest")
        status, answer = await caller.post("/api/generate", model="small")
        assert status == 503
        assert answer["error"].startswith("server busy, please try again.")


@pytest.mark.parametrize(
    ("first", "then", "loads"),
    [({}, {}, 1), ({"num_ctx": 512}, {"num_ctx": 512}, 1), ({"num_ctx": 512}, {}, 2), ({}, {"num_gpu": 1}, 2)],
    ids=["default", "same", "then default", "another option"],
)
async def test_other_options_load_anew(first: dict[str, int], then: dict[str, int], loads: int) -> None:
    """The same options find the model loaded, others have it loaded again; sampling makes no difference."""
    async with calling() as caller:
        await caller.post("/api/generate", model="small", options=first)
        await caller.post("/api/generate", model="small", prompt="x", stream=False, options=then | {"temperature": 0})
        assert len(caller.server.scheduler.loads) == loads


async def test_the_openai_routes_load_anew_what_was_loaded_with_a_context() -> None:
    """A caller of /v1 names no context: the model comes back with the default one."""
    async with calling() as caller:
        await caller.post("/api/generate", model="small", options={"num_ctx": 512}, keep_alive=-1)
        await caller.post("/v1/chat/completions", model="small", messages=HELLO)
        assert caller.server.scheduler.loads == ["small:latest"] * 2
        assert (await caller.get("/api/ps"))["models"][0]["context_length"] == 4096


async def test_what_is_in_use_leaves_when_it_is_done() -> None:
    """keep_alive 0 in the middle of an answer is obeyed at its end."""
    async with calling() as caller:
        caller.server.play.token_s = 0.01
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(caller.lines("/api/chat", model="small", messages=HELLO))
            await caller.until_loading("small:latest")
            assert (await caller.post("/api/generate", model="small", keep_alive=0))[0] == 200
            assert await caller.held() == ["small:latest"]
        assert answer.result()[-1]["done_reason"] == "stop"
        await caller.gone("small:latest")


async def test_what_is_needed_least_makes_room() -> None:
    """A model that does not fit sends another away, and waits until its memory is really back."""
    async with calling(memory=MemoryPool(6500, late_s=0.02)) as caller:
        await caller.post("/api/generate", model="small", keep_alive=-1)
        await caller.post("/api/generate", model="large:7b")
        assert await caller.held() == ["large:7b"]
        assert caller.server.memory.free == 500


async def test_what_does_not_fit_is_split_or_refused() -> None:
    """A part goes to the host if there is room; else the load fails with both figures."""
    async with calling(memory=MemoryPool(4000), scheduling={"host_memory": 3000}) as caller:
        await caller.post("/api/generate", model="large:7b")
        row = (await caller.get("/api/ps"))["models"][0]
        assert (row["size"], row["size_vram"]) == (6000, 4000)
    async with calling(memory=MemoryPool(4000)) as caller:
        status, answer = await caller.post("/api/generate", model="large:7b")
        assert status == 500
        assert answer["error"].startswith("model requires more system memory")


async def test_parallel_answers_take_more_memory() -> None:
    """Each request at once has a cache of its own."""
    model = FakeModel("small:latest", size=1000, details={"kv_per_token": 1})
    async with calling(model, default_context=100, scheduling={"parallel": 4}) as caller:
        await caller.post("/api/generate", model="small")
        assert (await caller.get("/api/ps"))["models"][0]["size"] == 1400


async def test_a_model_leaves_when_its_time_is_over() -> None:
    """A short keep_alive runs out; each request starts it anew."""
    async with calling() as caller:
        await caller.post("/api/generate", model="small", keep_alive="10ms")
        await caller.gone("small:latest")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(-1, float("inf")), ("-1m", float("inf")), (0, 0), ("30m", 1800), ("1h30m", 5400), (2.5, 2.5), ("0", 0)],
)
def test_keep_alive_is_seconds_or_a_duration(given: Any, seconds: float) -> None:
    """Numbers are seconds, texts are Go's durations, and below zero is for ever."""
    assert seconds_of(given) == seconds


@pytest.mark.parametrize("given", ["-1", "soon", "1x", True, "..s"])
def test_other_keep_alives_are_refused(given: Any) -> None:
    """A bare number as text has no unit; anything else is no duration either."""
    with pytest.raises(OllamaError) as caught:
        seconds_of(given)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/generate", {"model": "nobody"}, 404, "model 'nobody' not found"),
        ("/api/generate", {"model": "vectors"}, 400, '"vectors" does not support generate'),
        ("/api/chat", {"model": "vectors", "messages": HELLO}, 400, '"vectors" does not support chat'),
        ("/api/chat", {"model": "small", "messages": HELLO, "think": True}, 400, '"small" does not support thinking'),
        ("/api/show", {"model": ""}, 400, "model is required"),
        ("/api/embed", {"model": "small", "input": [1]}, 400, "invalid input type"),
        ("/api/generate", {"model": "broken"}, 500, "llama-server process has terminated: exit status 1"),
    ],
)
async def test_refusals_are_a_text(path: str, body: dict[str, Any], status: int, words: str) -> None:
    """Every refusal has its status, and an error that is a text."""
    broken = FakeModel("broken", details={"load_error": "llama-server process has terminated: exit status 1"}, size=1)
    async with calling(SMALL, VECTORS, broken) as caller:
        assert await caller.post(path, **body) == (status, {"error": words})


async def test_an_error_in_the_middle_is_the_last_line() -> None:
    """The status was 200 by then; on /v1 the error is lost, and the stream has no end."""
    async with calling() as caller:
        caller.server.play.error_after = 2
        lines = await caller.lines("/api/chat", model="small", messages=HELLO)
        assert [list(line) for line in lines[-1:]] == [["error"]]
        assert len(lines) == 3
        body = {"model": "small", "messages": HELLO, "stream": True}
        async with caller.session.post(f"{caller.server.url}/v1/chat/completions", json=body) as reply:
            text = await reply.text()
        assert reply.status == 200
        assert "error" not in text
        assert "[DONE]" not in text


async def test_thinking_and_calls_have_their_own_fields() -> None:
    """A model that thinks says so apart; a call of a tool has an object of arguments."""
    thinker = FakeModel("thinker", size=10, details={"capabilities": ("completion", "tools", "thinking")})
    async with calling(thinker) as caller:
        lines = await caller.lines("/api/chat", model="thinker", messages=HELLO)
        assert lines[0]["message"]["thinking"] == "3 words to turn."
        assert "".join(line["message"]["content"] for line in lines) == "three two one"
        assert lines[-1]["eval_count"] == 4
        call = [{"role": "user", "content": 'call weather {"city": "Recife"}'}]
        tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
        _, answer = await caller.post(
            "/api/chat", model="thinker", messages=call, tools=tools, stream=False, think=False
        )
        assert answer["message"]["tool_calls"][0]["function"]["arguments"] == {"city": "Recife"}


@pytest.mark.parametrize(
    ("version", "capabilities", "context"), [("0.5.0", None, None), ("0.9.0", ["completion", "tools"], None)]
)
async def test_older_versions_say_less(version: str, capabilities: list[str] | None, context: int | None) -> None:
    """What came later is not there in an older one."""
    async with calling(version=version) as caller:
        await caller.post("/api/generate", model="small")
        assert (await caller.post("/api/show", model="small"))[1].get("capabilities") == capabilities
        assert (await caller.get("/api/ps"))["models"][0].get("context_length") == context
        assert "capabilities" not in (await caller.get("/api/tags"))["models"][0]


async def test_a_fault_is_what_it_is_told_to_be() -> None:
    """The faults that every fake knows work on this one, too: here the status of a client that left."""
    async with calling() as caller:
        caller.server.faults.append(Fault("/api/generate", status=499, body='{"error":"request canceled"}'))
        assert await caller.post("/api/generate", model="small") == (499, {"error": "request canceled"})
        assert (await caller.post("/api/generate", model="small"))[0] == 200


# --- OpenAI's dialect ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def official(caller: Caller) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{caller.server.url}/v1", api_key="ollama", max_retries=0) as client:
        yield client


async def test_openais_client_works_with_it() -> None:
    """List, chat, stream, tools, completion and embeddings, with the client as it is."""
    async with calling() as caller, official(caller) as client:
        assert [model.id async for model in client.models.list()] == ["small:latest", "large:7b", "vectors:latest"]
        assert (await client.models.retrieve("small:latest")).id == "small:latest"
        whole = await client.chat.completions.create(model="small", messages=[{"role": "user", "content": "a b c"}])
        assert whole.choices[0].message.content == "c b a"
        stream = await client.chat.completions.create(
            model="small",
            messages=[{"role": "user", "content": "a b c"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "c b a"
        assert chunks[-1].usage is not None
        called = await client.chat.completions.create(
            model="small",
            messages=[{"role": "user", "content": 'call weather {"city": "Recife"}'}],
            tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}],
        )
        assert called.choices[0].finish_reason == "tool_calls"
        done = await client.completions.create(model="small", prompt="a b", max_tokens=1)
        assert (done.choices[0].text, done.choices[0].finish_reason) == ("b", "length")
        vectors = await client.embeddings.create(model="vectors", input=["ab", "ba"])
        assert vectors.data[0].embedding != vectors.data[1].embedding


async def test_openais_client_gets_openais_errors() -> None:
    """Refusals on /v1 have OpenAI's form, with Ollama's three types."""
    async with calling() as caller, official(caller) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            await client.completions.create(model="nobody", prompt="x")
        assert missing.value.type == "not_found_error"
        with pytest.raises(openai.BadRequestError) as wrong:
            await client.chat.completions.create(model="small", messages=[])
        assert wrong.value.type == "invalid_request_error"


async def test_answers_have_the_official_shape() -> None:
    """Whatever claims OpenAI's dialect fits OpenAI's specification."""
    async with calling() as caller:
        check(await caller.get("/v1/models"), "ListModelsResponse")
        for path, schema, body in (
            ("chat/completions", "CreateChatCompletionResponse", {"messages": HELLO}),
            ("completions", "CreateCompletionResponse", {"prompt": "a b"}),
            ("embeddings", "CreateEmbeddingResponse", {"model": "vectors", "input": "a b"}),
        ):
            check((await caller.post(f"/v1/{path}", **{"model": "small", **body}))[1], schema)
        asked = {"model": "small", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
        async with caller.session.post(f"{caller.server.url}/v1/chat/completions", json=asked) as reply:
            events = [line[6:] for line in (await reply.text()).split("\n\n") if line]
        assert events.pop() == "[DONE]"
        for event in events:
            check(json.loads(event), "CreateChatCompletionStreamResponse")
