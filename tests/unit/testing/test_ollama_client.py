"""Ollama's official Python client works with the fake, as it is: the proof that the fake is like the original."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from batuta.testing.local_server import FakeModel
from batuta.testing.ollama.server import FakeOllama

ollama = pytest.importorskip("ollama", reason="the official client is not installed: pip install ollama")

QUESTION = [{"role": "user", "content": "one two three"}]
MODELS = (
    FakeModel("small:latest", size=1000, load_s=0.002),
    FakeModel("thinker:latest", size=1000, details={"capabilities": ("completion", "tools", "thinking")}),
    FakeModel("vectors:latest", size=500, is_embedding=True),
)


@pytest.fixture
async def server() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(MODELS, registry=(FakeModel("new:latest", size=100),)) as server:
        yield server


@pytest.fixture
async def client(server: FakeOllama) -> AsyncIterator[Any]:
    async with ollama.AsyncClient(server.url) as client:
        yield client


async def held(client: Any) -> list[str]:
    return [model.model for model in (await client.ps()).models]


async def test_it_lists_and_shows(client: Any) -> None:
    """The client reads every field it knows of."""
    models = (await client.list()).models
    assert [model.model for model in models] == ["small:latest", "thinker:latest", "vectors:latest"]
    assert models[0].size == 1000
    assert models[0].modified_at is not None
    shown = await client.show("small")
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.block_count"] == 4
    assert shown.capabilities == ["completion", "tools"]


async def test_it_loads_and_unloads_by_keep_alive(client: Any) -> None:
    """An empty request loads, zero unloads, and the list of what runs tells."""
    assert await held(client) == []
    assert (await client.generate("small", keep_alive=-1)).done_reason == "load"
    row = (await client.ps()).models[0]
    assert (row.model, row.size, row.size_vram, row.context_length) == ("small:latest", 1000, 1000, 4096)
    assert row.expires_at is not None
    assert row.expires_at.year > 2300
    assert (await client.generate("small", keep_alive=0)).done_reason == "unload"
    assert await held(client) == []


async def test_it_generates_and_chats(client: Any) -> None:
    """Whole and streamed answers are the same, with counts at the end."""
    whole = await client.generate("small", "one two three")
    assert (whole.response, whole.done_reason, whole.eval_count) == ("three two one", "stop", 3)
    lines = [line async for line in await client.chat("small", QUESTION, stream=True)]
    assert "".join(line.message.content or "" for line in lines) == "three two one"
    assert lines[-1].done
    assert (lines[-1].total_duration or 0) > 0


async def test_it_thinks_and_calls(client: Any) -> None:
    """Thinking and calls of tools arrive in the client's own types."""
    answer = await client.chat("thinker", QUESTION, think=True)
    assert answer.message.thinking == "3 words to turn."

    def weather(city: str) -> str:
        """Return the weather.

        Args:
            city: where.
        """
        return city

    question = [{"role": "user", "content": 'call weather {"city": "Recife"}'}]
    called = await client.chat("small", question, tools=[weather])
    assert called.message.tool_calls is not None
    assert called.message.tool_calls[0].function.arguments == {"city": "Recife"}


async def test_it_embeds(client: Any) -> None:
    """One vector a text."""
    assert len((await client.embed("vectors", ["ab", "ba"])).embeddings) == 2


async def test_it_pulls_and_deletes(client: Any) -> None:
    """A pull tells its progress and puts the model on the list; a delete takes it off."""
    progress = [step async for step in await client.pull("new", stream=True)]
    assert [step.status for step in progress][-1] == "success"
    assert any(step.completed == step.total == 100 for step in progress)
    assert "new:latest" in [model.model for model in (await client.list()).models]
    assert (await client.delete("new")).status == "success"
    assert "new:latest" not in [model.model for model in (await client.list()).models]
    assert (await client.pull("new")).status == "success"


async def test_its_errors_are_read(client: Any, server: FakeOllama) -> None:
    """Statuses and texts reach the client's exception, also from the middle of a stream."""
    with pytest.raises(ollama.ResponseError) as missing:
        await client.generate("nobody", "x")
    assert (missing.value.status_code, missing.value.error) == (404, "model 'nobody' not found")
    with pytest.raises(ollama.ResponseError, match="does not support chat"):
        await client.chat("vectors", QUESTION)
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        async for _ in await client.pull("nowhere", stream=True):
            pass
    server.play.error_after = 1
    with pytest.raises(ollama.ResponseError, match="process has terminated"):
        async for _ in await client.chat("small", QUESTION, stream=True):
            pass
