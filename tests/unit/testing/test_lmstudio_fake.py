"""The fake LM Studio over HTTP: its shapes, and each of the habits that an adapter has to survive."""

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
from batuta.testing.lmstudio.server import FakeLMStudio, usual_models
from batuta.testing.local_server import GIB, Fault, MemoryPool
from tests.support.openai_spec import check

CHAT, OTHER, VECTORS = (model.name for model in usual_models())
KEY = "sk-lm-testtest:not-a-key-fake-lmstudio"
VERSIONS = ("0.3.5", "0.3.16", "0.4.2", "1.1.7")
ASK = {"messages": [{"role": "user", "content": "alpha beta gamma"}]}


class Http:
    """Calls a fake and gives back status and body."""

    def __init__(self, server: FakeLMStudio, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.server.url + path) as reply:
            return reply.status, await reply.json()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.session.post(self.server.url + path, json=body) as reply:
            return reply.status, await reply.json()

    async def events(self, path: str, body: Any) -> list[tuple[str, Any]]:
        """Return (event name, data) of a stream."""
        async with self.session.post(self.server.url + path, json=body) as reply:
            blocks = (await reply.read()).decode().strip().split("\n\n")
        fields = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
        return [
            (field.get("event", ""), field["data"] if field["data"] == "[DONE]" else orjson.loads(field["data"]))
            for field in fields
        ]

    async def load(self, name: str, **more: Any) -> Any:
        """Load by v1."""
        return (await self.post("/api/v1/models/load", {"model": name, **more}))[1]

    async def row(self, name: str) -> Any:
        """Return a model's row of v1."""
        return next(row for row in (await self.get("/api/v1/models"))[1]["models"] if row["key"] == name)


@asynccontextmanager
async def calling(version: str = "0.4.2", **how: Any) -> AsyncIterator[Http]:
    async with FakeLMStudio(version=version, **how) as server, aiohttp.ClientSession() as session:
        yield Http(server, session)


# --- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_route_that_a_version_lacks_is_answered_with_200(version: str) -> None:
    """Whatever nobody serves gets 200 and an error that is a text; management came with 0.3.6 and 0.4."""
    async with calling(version) as http:
        missing = (200, {"error": "Unexpected endpoint or method. (GET /x)"})
        assert await http.get("/x") == missing
        assert (await http.get("/lmstudio-greeting"))[1] == {"lmstudio": True}
        assert ("models" in (await http.get("/api/v1/models"))[1]) is (version in {"0.4.2", "1.1.7"})
        assert ("data" in (await http.get("/api/v0/models"))[1]) is (version != "0.3.5")
        status, body = await http.post("/api/v1/models/load", {"model": CHAT})
        assert (status, isinstance(body.get("error"), str)) == (200, version in {"0.3.5", "0.3.16"})


async def test_a_server_may_say_404_for_the_same() -> None:
    """One report has the same body with the honest status."""
    async with calling(unknown_status=404) as http:
        assert (await http.get("/x"))[0] == 404


async def test_v1_tells_sizes_and_copies_but_not_what_is_loading() -> None:
    """A row has the file's size, what is loaded and with what; v0 has the states."""
    async with calling("1.1.7") as http:
        shelf = http.server.shelf
        shelf.models[CHAT].load_s = 0.02
        on_its_way = shelf.begin(shelf.models[CHAT])
        assert (await http.row(CHAT))["loaded_instances"] == []
        assert (await http.get(f"/api/v0/models/{CHAT}"))[1]["state"] == "loading"
        shelf.drop(on_its_way)
        loaded = await http.load(CHAT, context_length=9000, echo_load_config=True)
        assert (loaded["status"], loaded["instance_id"]) == ("loaded", CHAT)
        assert loaded["load_config"]["context_length"] == 9000
        row = await http.row(CHAT)
        assert (row["size_bytes"], row["loaded_instances"][0]["id"]) == (3 * GIB, CHAT)
        assert row["selected_variant"] in row["variants"]
        v0 = (await http.get(f"/api/v0/models/{CHAT}"))[1]
        assert (v0["state"], v0["loaded_context_length"], v0["capabilities"]) == ("loaded", 9000, ["tool_use"])
        assert (await http.get("/api/v0/models/nobody"))[0] == 404


async def test_older_versions_of_v0_know_less() -> None:
    """Before 0.3.16 a model that is loading is not loaded, and there is no word on contexts."""
    async with calling("0.3.6") as http:
        http.server.shelf.models[CHAT].load_s = 0.02
        http.server.shelf.begin(http.server.shelf.models[CHAT])
        assert {row["state"] for row in (await http.get("/api/v0/models"))[1]["data"]} == {"not-loaded"}
        await http.server.shelf.finish(http.server.shelf.of(CHAT)[0])
        row = (await http.get(f"/api/v0/models/{CHAT}"))[1]
        assert row["state"] == "loaded"
        assert "loaded_context_length" not in row


# --- loads ---------------------------------------------------------------------------------------------------------


async def test_a_second_load_is_a_second_copy() -> None:
    """Loads are not joined: each adds a copy under a name of its own, and an unload takes one out."""
    async with calling() as http:
        names = {(await http.load(CHAT))["instance_id"] for _ in range(2)}
        assert names == {CHAT, f"{CHAT}:2"}
        await http.post("/api/v1/models/unload", {"instance_id": CHAT})
        assert [one["id"] for one in (await http.row(CHAT))["loaded_instances"]] == [f"{CHAT}:2"]
        assert (await http.post("/api/v1/models/unload", {"instance_id": CHAT}))[0] == 404


async def test_requests_to_a_cold_model_load_it_each() -> None:
    """Several requests at once to a model that is not loaded start as many copies."""
    async with calling() as http:
        body = {"model": CHAT, **ASK}
        answers = await asyncio.gather(*(http.post("/v1/chat/completions", body) for _ in range(3)))
        assert {body["model"] for _, body in answers} == {CHAT, f"{CHAT}:2", f"{CHAT}:3"}


async def test_no_room_fails_the_load_in_the_engines_words() -> None:
    """By v1 it is a 500 of the type model_load_failed; bytes that were let go come back late."""
    async with calling(memory=MemoryPool(9 * GIB, late_s=math.inf)) as http:
        await http.load(OTHER)
        status, body = await http.post("/api/v1/models/load", {"model": CHAT})
        assert (status, body["error"]["type"]) == (500, "model_load_failed")
        assert "insufficient system resources" in body["error"]["message"]
        await http.post("/api/v1/models/unload", {"instance_id": OTHER})
        assert (await http.post("/api/v1/models/load", {"model": CHAT}))[0] == 500
        http.server.memory.bring_back()
        assert (await http.load(CHAT))["status"] == "loaded"
        http.server.shelf.broken[VECTORS] = "the file is damaged"
        assert (await http.post("/api/v1/models/load", {"model": VECTORS}))[0] == 500
        assert (await http.post("/api/v1/models/load", {"model": "nobody"}))[0] == 404


async def test_a_request_throws_out_the_model_that_the_last_one_loaded() -> None:
    """JIT-loading B cuts a stream of A off; what a program loaded on purpose is left alone."""
    async with calling(token_s=0.005) as http:
        await http.load(VECTORS)
        body = {"model": CHAT, "stream": True, "messages": [{"role": "user", "content": "word " * 50}]}
        async with http.session.post(f"{http.server.url}/v1/chat/completions", json=body) as stream:
            assert await stream.content.readany()
            await http.post("/v1/chat/completions", {"model": OTHER, **ASK})
            with pytest.raises(aiohttp.ClientError):
                await stream.read()
        assert http.server.shelf.evicted == [CHAT]
        assert sorted(http.server.shelf.instances) == sorted([OTHER, VECTORS])


async def test_an_idle_model_leaves_after_its_ttl() -> None:
    """`ttl` of the request that loads a model counts from its last use; nothing else sets it."""
    async with calling() as http:
        await http.post("/v1/chat/completions", {"model": CHAT, "ttl": 0.02, **ASK})
        await http.load(VECTORS)
        assert CHAT in http.server.shelf.instances
        await asyncio.sleep(0.04)
        assert list(http.server.shelf.instances) == [VECTORS]


async def test_downloads_are_jobs() -> None:
    """A download tells how far it is and ends in an installed model."""
    model = usual_models()[0]
    model.load_s = 0.02
    async with calling(models=[], offered=[model]) as http:
        job = (await http.post("/api/v1/models/download", {"model": CHAT}))[1]
        assert job["status"] == "downloading"
        await asyncio.sleep(0.03)
        done = (await http.get(f"/api/v1/models/download/status/{job['job_id']}"))[1]
        assert (done["status"], done["downloaded_bytes"]) == ("completed", 3 * GIB)
        assert (await http.post("/api/v1/models/download", {"model": CHAT}))[1]["status"] == "already_downloaded"
        assert (await http.get("/api/v1/models/download/status/x"))[1]["error"]["type"] == "job_not_found"


# --- who answers ---------------------------------------------------------------------------------------------------


async def test_whatever_is_loaded_answers_a_wrong_name() -> None:
    """With one model loaded any name will do; with two, or none, it is an error of the version's form."""
    async with calling(is_jit_on=False) as http:
        wrong = {"model": "no-such-model", **ASK}
        status, body = await http.post("/v1/chat/completions", wrong)
        assert (status, body["error"]["type"]) == (400, "invalid_request_error")
        assert body["error"]["message"].startswith("No models loaded.")
        await http.load(CHAT)
        assert (await http.post("/v1/chat/completions", wrong))[1]["model"] == CHAT
        await http.load(CHAT)
        assert (await http.post("/v1/chat/completions", wrong))[1]["error"]["code"] == "model_not_found"
        assert [row["id"] for row in (await http.get("/v1/models"))[1]["data"]] == [CHAT, f"{CHAT}:2"]


async def test_the_oldest_version_says_it_in_a_text() -> None:
    """0.3.5 has 404 and an error that is a text."""
    async with calling("0.3.5", is_jit_on=False) as http:
        status, body = await http.post("/v1/chat/completions", {"model": CHAT, **ASK})
        assert (status, body["error"][:16]) == (404, "No models loaded")


async def test_v0_adds_figures() -> None:
    """The v0 form of a chat has stats, the model's form and the runtime beside OpenAI's fields."""
    async with calling("0.3.16") as http:
        body = (await http.post("/api/v0/chat/completions", {"model": CHAT, **ASK}))[1]
        assert body["choices"][0]["message"]["content"] == "gamma beta alpha"
        assert {"stats", "model_info", "runtime"} <= body.keys()


async def test_v1_chat_tells_how_far_a_load_is() -> None:
    """A streamed v1 chat loads the model and tells its progress first; loaded, it answers at once."""
    async with calling() as http:
        body = {"model": CHAT, "input": "one two", "stream": True}
        events = await http.events("/api/v1/chat", body)
        names = [name for name, _ in events]
        assert names[:2] == ["chat.start", "model_load.start"]
        assert [data["progress"] for name, data in events if name == "model_load.progress"][-1] == 1.0
        assert names[-1] == "chat.end"
        assert "".join(data["content"] for name, data in events if name == "message.delta") == "two one"
        assert "model_load.start" not in [name for name, _ in await http.events("/api/v1/chat", body)]
        parts = [{"type": "message", "content": "one two"}]
        whole = (await http.post("/api/v1/chat", {"model": CHAT, "input": parts, "store": False}))[1]
        assert whole["output"] == [{"type": "message", "content": "two one"}]
        assert "response_id" not in whole


async def test_a_crash_leaves_an_error_event() -> None:
    """A runtime that dies in the middle of a stream leaves an error event, and the model is gone."""
    async with calling(token_s=0.005) as http:
        await http.load(CHAT)
        asyncio.get_running_loop().call_later(0.02, http.server.crash, CHAT)
        body = {"model": CHAT, "stream": True, "messages": [{"role": "user", "content": "word " * 50}]}
        name, data = (await http.events("/v1/chat/completions", body))[-1]
        assert name == "error"
        assert "crashed" in data["error"]["message"]
        assert not http.server.shelf.instances


async def test_a_token_can_be_demanded_and_faults_scripted() -> None:
    """Every route but the greeting wants the token; a scripted fault happens as often as it says."""
    async with calling(key=KEY) as http:
        status, body = await http.get("/api/v1/models")
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")
        http.server.faults.append(Fault("/api/v1/models", status=503, body="busy"))
        http.session.headers["authorization"] = f"Bearer {KEY}"
        assert (await http.session.get(f"{http.server.url}/api/v1/models")).status == 503
        assert (await http.get("/api/v1/models"))[0] == 200
        assert (await http.get("/lmstudio-greeting"))[0] == 200


# --- OpenAI's dialect ----------------------------------------------------------------------------------------------


async def test_openais_own_client_works() -> None:
    """List, chat, stream, tools, completions and embeddings, by OpenAI's client as it comes."""
    async with FakeLMStudio() as server, openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="lm-studio") as client:
        assert [model.id async for model in client.models.list()] == [CHAT, OTHER, VECTORS]
        question: Any = ASK["messages"]
        whole = await client.chat.completions.create(model=CHAT, messages=question)
        assert whole.choices[0].message.content == "gamma beta alpha"
        stream = await client.chat.completions.create(
            model=CHAT, messages=question, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "gamma beta alpha"
        assert chunks[-1].usage is not None
        done = await client.completions.create(model=CHAT, prompt="one two", max_tokens=1)
        assert (done.choices[0].text, done.choices[0].finish_reason) == ("two", "length")
        words = await client.completions.create(model=CHAT, prompt="one two", stream=True)
        assert "".join([chunk.choices[0].text async for chunk in words]) == "two one"
        vectors = await client.embeddings.create(model=VECTORS, input=["a", "b"], encoding_format="float")
        assert tuple(vectors.data[1].embedding) == pytest.approx(vector_for("b"))


async def test_answers_have_the_shape_of_openais_specification() -> None:
    """Lists, whole answers and every event of a stream fit OpenAI's own schemas."""
    async with calling() as http:
        check((await http.get("/v1/models"))[1], "ListModelsResponse")
        check((await http.post("/v1/chat/completions", {"model": CHAT, **ASK}))[1], "CreateChatCompletionResponse")
        stream = {"model": CHAT, "stream": True, "stream_options": {"include_usage": True}, **ASK}
        for _, event in (await http.events("/v1/chat/completions", stream))[:-1]:
            check(event, "CreateChatCompletionStreamResponse")
        done = (await http.post("/v1/completions", {"model": CHAT, "prompt": "a b"}))[1]
        check(done, "CreateCompletionResponse")
        events = await http.events("/v1/completions", {"model": CHAT, "prompt": "a b", "stream": True})
        # The specification forgets that the finish is null until the last event; OpenAI itself sends it so.
        check(events[-2][1], "CreateCompletionResponse")
        check((await http.post("/v1/embeddings", {"model": VECTORS, "input": "x"}))[1], "CreateEmbeddingResponse")
