"""The fake llama-server over HTTP: its shapes, each habit that an adapter has to survive, and OpenAI's own client."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import orjson
import pytest

from batuta.testing.answers import vector_for
from batuta.testing.llama_server.children import BUILDS
from batuta.testing.llama_server.server import FakeLlamaServer, usual_models
from batuta.testing.local_server import GIB, FakeModel, Fault, MemoryPool
from tests.support.openai_spec import check

CHAT, OTHER, VECTORS = (model.name for model in usual_models())
KEY = "sk-test-not-a-key-fake-llama-server"
ASK = {"messages": [{"role": "user", "content": "alpha beta gamma"}]}
CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionError)


class Http:
    """Calls a fake and gives back status and body."""

    def __init__(self, server: FakeLlamaServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, self.server.url + path, json=body) as reply:
            data = await reply.read()
            return reply.status, orjson.loads(data) if data.startswith((b"{", b"[")) else data.decode()

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        return await self.call("POST", path, body)

    async def row(self, name: str) -> Any:
        return next(row for row in (await self.get("/models"))[1]["data"] if row["id"] == name)

    async def load(self, name: str) -> None:
        assert await self.post("/models/load", {"model": name}) == (200, {"success": True})
        await self.server.ready(name)

    def error(self, answer: tuple[int, Any]) -> tuple[int, str, str]:
        status, body = answer
        assert body["error"]["code"] == status
        return status, body["error"]["type"], body["error"]["message"]


@asynccontextmanager
async def calling(*models: FakeModel, **how: Any) -> AsyncIterator[Http]:
    async with FakeLlamaServer(models or None, **how) as server, aiohttp.ClientSession() as session:
        yield Http(server, session)


@asynccontextmanager
async def listening(http: Http) -> AsyncIterator[asyncio.Queue[Any]]:
    """Give the events that come from now on."""
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def follow(reply: aiohttp.ClientResponse) -> None:
        async for line in reply.content:
            if line.startswith(b"data: "):
                told.put_nowait(orjson.loads(line[6:]))

    async with http.session.get(f"{http.server.url}/models/sse") as reply, asyncio.TaskGroup() as group:
        assert reply.content_type == "text/event-stream"
        task = group.create_task(follow(reply))
        yield told
        task.cancel()


def drained(told: asyncio.Queue[Any]) -> list[Any]:
    return [told.get_nowait() for _ in range(told.qsize())]


# --- alone ---------------------------------------------------------------------------------------------------------


async def test_alone_the_socket_is_up_while_it_loads() -> None:
    """Health says 503 and then 200; other routes are 503 meanwhile; the list has a model without a word on it."""
    async with calling(FakeModel("m", load_s=0.03)) as http:
        loading = (503, "unavailable_error", "Loading model")
        for path in ("/health", "/props", "/slots"):
            assert http.error(await http.get(path)) == loading
        assert http.error(await http.post("/v1/chat/completions", ASK)) == loading
        assert (await http.row("m"))["meta"] is None
        await http.server.ready()
        assert await http.get("/health") == (200, {"status": "ok"})
        assert (await http.row("m"))["meta"]["size"] == GIB


async def test_alone_older_builds_do_not_even_list() -> None:
    """And tell neither their build nor sleep."""
    async with calling(FakeModel("m", load_s=0.01), build=3500) as http:
        assert (await http.get("/v1/models"))[0] == 503
        await http.server.ready()
        props = (await http.get("/props"))[1]
        assert not {"build_info", "is_sleeping"} & props.keys()


async def test_alone_it_tells_its_properties() -> None:
    """Slots, context, template, build."""
    async with calling(FakeModel("m", context=2048), slots=2) as http:
        await http.server.ready()
        props = (await http.get("/props"))[1]
        assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (2, 2048)
        assert props["build_info"].startswith("b11549")
        assert "role" not in props


async def test_slots_are_told_or_off_and_may_all_be_in_use() -> None:
    """Each with what it does; 503 for who wants a free one; 501 without the option."""
    async with calling(FakeModel("m"), slots=1, token_s=0.05) as http:
        await http.server.ready()
        assert (await http.get("/slots?fail_on_no_slot=1"))[0] == 200
        task = asyncio.get_running_loop().create_task(http.post("/v1/chat/completions", ASK))
        while not http.server.child.running:  # noqa: ASYNC110  # the fake tells nobody
            await asyncio.sleep(0.001)
        assert (await http.get("/slots"))[1][0]["is_processing"]
        assert http.error(await http.get("/slots?fail_on_no_slot=1"))[2] == "no slot available"
        assert "requests_processing 1" in (await http.get("/metrics"))[1]
        http.server.speaker.token_s = 0
        await task
    async with calling(FakeModel("m"), has_slots=False, saves_slots=False) as http:
        await http.server.ready()
        assert http.error(await http.get("/slots"))[:2] == (501, "not_supported_error")
        assert (await http.post("/slots/0?action=save", {"filename": "x"}))[0] == 501


async def test_a_slot_is_saved_restored_and_erased() -> None:
    """What was saved comes back; what was not, and a path, does not."""
    async with calling(FakeModel("m")) as http:
        await http.server.ready()
        saved = (await http.post("/slots/0?action=save", {"filename": "x.bin"}))[1]
        back = (await http.post("/slots/1?action=restore", {"filename": "x.bin"}))[1]
        assert (saved["n_saved"], back["id_slot"]) == (back["n_restored"], 1)
        assert (await http.post("/slots/1?action=erase", {}))[0] == 200
        assert (await http.post("/slots/1?action=restore", {"filename": "y.bin"}))[0] == 400
        assert (await http.post("/slots/1?action=save", {"filename": "../x"}))[0] == 400


async def test_a_key_is_demanded_but_for_health() -> None:
    """401 with its own type."""
    async with calling(FakeModel("m"), key=KEY) as http:
        await http.server.ready()
        assert (await http.get("/health"))[0] == 200
        assert http.error(await http.get("/v1/models")) == (401, "authentication_error", "Invalid API Key")


async def test_alone_it_answers_to_any_name() -> None:
    """Under its own name; older builds under the one they were asked by."""
    for build, name in ((11549, "m"), (7400, "other")):
        async with calling(FakeModel("m"), build=build) as http:
            await http.server.ready()
            assert (await http.post("/v1/chat/completions", {"model": "other", **ASK}))[1]["model"] == name


async def test_alone_a_crash_ends_it() -> None:
    """The stream is cut, and nobody listens any more."""
    async with calling(FakeModel("m"), token_s=0.005) as http:
        await http.server.ready()
        async with http.session.post(f"{http.server.url}/v1/chat/completions", json=ASK | {"stream": True}) as reply:
            await reply.content.readany()
            http.server.crash("m")
            with pytest.raises(CLOSED):
                await reply.read()
        await asyncio.sleep(0.01)
        with pytest.raises((ConnectionError, aiohttp.ClientConnectionError)):
            await http.get("/health")


# --- the router ----------------------------------------------------------------------------------------------------


async def test_a_router_says_that_it_is_one() -> None:
    """And how many models it holds."""
    async with calling(is_router=True, most=3) as http:
        props = (await http.get("/props"))[1]
        assert (props["role"], props["max_instances"], props["models_autoload"]) == ("router", 3, True)
        assert (await http.get("/health"))[0] == 200


async def test_a_load_answers_before_the_model_can() -> None:
    """Loading, then loaded with what its process tells; a second one is refused, an unknown one is 404."""
    async with calling(FakeModel("m", load_s=0.02), is_router=True) as http:
        assert await http.post("/models/load", {"model": "m"}) == (200, {"success": True})
        assert (await http.row("m"))["status"]["value"] == "loading"
        assert http.error(await http.post("/models/load", {"model": "m"}))[2] == "model is already running"
        await http.server.ready("m")
        row = await http.row("m")
        assert row["status"]["value"] == "loaded"
        assert row["meta"]["size"] == GIB
        assert "--port" in row["status"]["args"]
        assert http.error(await http.post("/models/load", {"model": "x"}))[:2] == (404, "not_found_error")


async def test_a_load_that_ends_is_listed_with_its_code() -> None:
    """Unloaded, failed, exit code; so is one that finds no memory."""
    async with calling(FakeModel("m"), FakeModel("big", size=99 * GIB), is_router=True) as http:
        http.server.children.broken["m"] = 3
        await http.load("m")
        status = (await http.row("m"))["status"]
        assert (status["value"], status["failed"], status["exit_code"]) == ("unloaded", True, 3)
        await http.load("big")
        assert (await http.row("big"))["status"]["failed"]


async def test_an_unload_answers_before_it_is_done() -> None:
    """The process takes its time; one that is loading is killed; one that is not there is refused."""
    async with calling(FakeModel("m", load_s=0.01), is_router=True, stop_s=0.01) as http:
        await http.load("m")
        assert await http.post("/models/unload", {"model": "m"}) == (200, {"success": True})
        assert (await http.row("m"))["status"]["value"] == "loaded"
        await http.server.children.all["m"].gone.wait()
        assert (await http.row("m"))["status"]["value"] == "unloaded"
        assert http.error(await http.post("/models/unload", {"model": "m"}))[2] == "model is not running"
        assert (await http.post("/models/unload", {"model": "x"}))[0] == 400
        await http.post("/models/load", {"model": "m"})
        await http.post("/models/unload", {"model": "m"})
        assert (await http.row("m"))["status"]["failed"]


async def test_memory_comes_back_late() -> None:
    """What was held is free only after a while."""
    pool = MemoryPool(GIB, late_s=math.inf)
    async with calling(FakeModel("m", size=GIB), is_router=True, memory=pool) as http:
        await http.load("m")
        await http.post("/models/unload", {"model": "m"})
        await http.server.children.all["m"].gone.wait()
        assert pool.free == 0
        pool.bring_back()
        assert pool.free == GIB


async def test_a_request_is_refused_or_loads() -> None:
    """No name, an unknown name, not loaded when it must not load: 400; a failed load: 500; else it loads."""
    async with calling(FakeModel("m"), FakeModel("bad"), is_router=True) as http:
        chat = "/v1/chat/completions"
        http.server.children.broken["bad"] = 1
        assert http.error(await http.post(chat, ASK))[2] == "model name is missing from the request"
        assert http.error(await http.post(chat, ASK | {"model": "x"})) == (
            400,
            "invalid_request_error",
            "model 'x' not found",
        )
        assert http.error(await http.post(f"{chat}?autoload=false", ASK | {"model": "m"}))[2] == "model is not loaded"
        assert http.error(await http.post(chat, ASK | {"model": "bad"})) == (
            500,
            "server_error",
            "model name=bad failed to load",
        )
        assert (await http.post(chat, ASK | {"model": "m"}))[0] == 200
        assert (await http.get("/props?model=m"))[1]["total_slots"] == 4


@pytest.mark.parametrize("build", [9700, 11549])
async def test_the_one_used_longest_ago_makes_place(build: int) -> None:
    """By count alone: older builds cut its answer, newer ones wait for the end; the load answers after that."""
    async with calling(FakeModel("a"), FakeModel("b"), is_router=True, most=1, build=build, token_s=0.005) as http:
        await http.load("a")
        body = ASK | {"model": "a", "stream": True}
        async with http.session.post(f"{http.server.url}/v1/chat/completions", json=body) as reply:
            await reply.content.readany()
            _, said = await asyncio.gather(http.load("b"), reply.read())
        assert (b"[DONE]" in said) is (build == 11549)
        assert (b"proxy error: " in said) is (build == 9700)
        assert http.server.children.evicted == ["a"]


async def test_two_loads_for_one_place() -> None:
    """The slower one hears that the limit is reached."""
    async with calling(FakeModel("a"), FakeModel("b"), FakeModel("c"), is_router=True, most=1, stop_s=0.005) as http:
        await http.load("a")
        answers = await asyncio.gather(*(http.post("/models/load", {"model": name}) for name in "bc"))
        assert sorted(status for status, _ in answers) == [200, 500]
        assert any("model limit reached, try again later" in str(body) for _, body in answers)


async def test_a_process_that_is_gone_unnoticed() -> None:
    """500 and text, with the model still listed as loaded."""
    async with calling(FakeModel("m"), is_router=True) as http:
        await http.load("m")
        http.server.children.die_unnoticed(http.server.children.all["m"])
        status, body = await http.post("/v1/chat/completions", ASK | {"model": "m"})
        assert (status, body) == (500, "proxy error: Could not establish connection")
        assert (await http.row("m"))["status"]["value"] == "loaded"


@pytest.mark.parametrize(
    ("build", "later", "shape"),
    [
        (9500, "status_change", {"stage", "value"}),
        (9700, "status_change", {"stages", "current", "value"}),
        (11549, "model_status", {"stages", "current", "value"}),
    ],
)
async def test_events_of_several_builds(build: int, later: str, shape: set[str]) -> None:
    """No word of what was before; the start, the progress, the end, each as the build tells it."""
    model = FakeModel("m", load_s=0.004, details={"stages": ("text_model", "mmproj_model")})
    async with calling(model, FakeModel("before"), is_router=True, build=build) as http:
        await http.load("before")
        async with listening(http) as told:
            await http.load("m")
            await http.post("/models/unload", {"model": "m"})
            await http.server.children.all["m"].gone.wait()
            await http.get("/models")
            events = drained(told)
        assert {event["model"] for event in events} == {"m"}
        assert [event["event"] for event in events] == ["model_status", *[later] * (len(events) - 1)]
        progress = [event["data"]["progress"] for event in events if "progress" in event["data"]]
        assert set(progress[0]) == shape
        assert events[-1]["data"] == {"status": "unloaded", "exit_code": 0}


async def test_a_router_of_long_ago_has_no_events() -> None:
    """404, as for any route that nobody has."""
    async with calling(is_router=True, build=7400) as http:
        assert http.error(await http.get("/models/sse")) == (404, "not_found_error", "File Not Found")


async def test_models_are_fetched_and_removed() -> None:
    """A download is listed, told of, and can be removed; what was not downloaded cannot."""
    new = FakeModel("org/new:Q4", load_s=0.01)
    async with calling(FakeModel("m"), is_router=True, offered=[new]) as http, listening(http) as told:
        assert (await http.post("/models", {"model": new.name}))[0] == 200
        assert (await http.row(new.name))["status"]["value"] == "downloading"
        while (await told.get())["event"] != "download_finished":
            pass
        assert (await http.row(new.name))["can_remove"]
        assert (await http.call("DELETE", f"/models?model={new.name}"))[0] == 200
        assert (await told.get())["event"] == "model_remove"
        assert (await http.call("DELETE", "/models?model=m"))[0] == 500
        assert (await http.post("/models", {"model": "nowhere"}))[0] == 400


async def test_a_sleeping_model_wakes_by_any_request_but_a_look() -> None:
    """Lists and properties let it sleep; whatever needs it does not."""
    async with calling(FakeModel("m"), is_router=True) as http:
        await http.load("m")
        http.server.children.sleep(http.server.children.all["m"])
        assert (await http.get("/props?model=m"))[1]["is_sleeping"]
        assert (await http.row("m"))["status"]["value"] == "sleeping"
        await http.post("/tokenize", {"model": "m", "content": "x"})
        assert (await http.row("m"))["status"]["value"] == "loaded"


async def test_a_fault_on_demand() -> None:
    """Any path can be made to fail for a while."""
    async with calling(is_router=True) as http:
        http.server.faults.append(Fault("/models", status=502, body="x"))
        assert (await http.get("/models"))[0] == 502
        assert (await http.get("/models"))[0] == 200


# --- OpenAI's dialect ----------------------------------------------------------------------------------------------


def made_whole(answer: dict[str, Any]) -> dict[str, Any]:
    """Add the fields that OpenAI's description demands and that llama.cpp leaves out of a chat's answer."""
    for choice in answer["choices"]:
        choice.setdefault("logprobs", None)
        if "message" in choice:
            choice["message"].setdefault("refusal", None)
    return answer


@pytest.mark.parametrize("build", BUILDS)
async def test_answers_have_the_shapes_of_openai(build: int) -> None:
    """Whole and streamed, as OpenAI's description has them, but for two fields that llama.cpp leaves out."""
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    call = {"messages": [{"role": "user", "content": 'call weather {"city": "Recife"}'}], "tools": tools}
    async with calling(FakeModel("m", details={"embeds": True}), build=build) as http:
        await http.server.ready()
        for body in (ASK, call):
            check(made_whole((await http.post("/v1/chat/completions", body))[1]), "CreateChatCompletionResponse")
            for chunk in await streamed(http, "/v1/chat/completions", body):
                check(made_whole(chunk), "CreateChatCompletionStreamResponse")
        check((await http.post("/v1/completions", {"prompt": "a b"}))[1], "CreateCompletionResponse")
        last = (await streamed(http, "/v1/completions", {"prompt": "a b"}))[-1]  # before it there is no finish reason
        check(last, "CreateCompletionResponse")
        check((await http.post("/v1/embeddings", {"input": ["a"]}))[1], "CreateEmbeddingResponse")
        check((await http.get("/v1/models"))[1], "ListModelsResponse")


async def streamed(http: Http, path: str, body: dict[str, Any]) -> list[Any]:
    async with http.session.post(http.server.url + path, json=body | {"stream": True}) as reply:
        blocks = (await reply.read()).decode().strip().split("\n\n")
    assert blocks[-1] == "data: [DONE]"
    return [orjson.loads(block.removeprefix("data: ")) for block in blocks[:-1]]


@pytest.mark.parametrize("is_router", [True, False], ids=["router", "single"])
async def test_the_official_client_works_unmodified(is_router: bool) -> None:
    """Models, chat whole and streamed, tools, completions, embeddings, and errors of their own kinds."""
    async with (
        FakeLlamaServer(is_router=is_router, key=KEY) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client,
    ):
        await server.ready(CHAT)
        assert CHAT in [model.id async for model in client.models.list()]
        question = {"model": CHAT, "messages": ASK["messages"]}
        create: Any = client.chat.completions.create
        whole = await create(**question)
        assert (whole.choices[0].message.content, whole.model) == ("gamma beta alpha", CHAT)
        usage = {"include_usage": True}
        stream = await create(**question, stream=True, stream_options=usage)
        chunks = [chunk async for chunk in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "gamma beta alpha"
        assert chunks[-1].usage is not None
        done = await client.completions.create(model=CHAT, prompt="one two", max_tokens=1)
        assert (done.choices[0].text, done.choices[0].finish_reason) == ("two", "length")
        vectors = await client.embeddings.create(model=CHAT, input=["a", "b"], encoding_format="float")
        assert tuple(vectors.data[1].embedding) == pytest.approx(vector_for("b"))
        if is_router:
            with pytest.raises(openai.BadRequestError, match="model 'nobody' not found"):
                await client.completions.create(model="nobody", prompt="x")
            with pytest.raises(openai.InternalServerError, match="does not support completions"):
                await client.completions.create(model=VECTORS, prompt="x")
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="sk-test-not-a-key-wrong").models.list()


async def test_what_is_asked_wrongly_is_refused() -> None:
    """No messages, no input, no prompt, no JSON."""
    async with calling(FakeModel("m", details={"embeds": True})) as http:
        await http.server.ready()
        assert http.error(await http.post("/v1/chat/completions", {}))[2] == "'messages' is required"
        assert http.error(await http.post("/v1/embeddings", {"input": []}))[2] == '"input" must not be empty'
        assert (await http.post("/v1/completions", {}))[0] == 400
        assert (await http.post("/v1/completions", []))[0] == 400
        async with http.session.post(f"{http.server.url}/v1/completions", data=b"{") as reply:
            assert reply.status == 500
