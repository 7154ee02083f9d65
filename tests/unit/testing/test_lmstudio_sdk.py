"""The fake LM Studio, spoken to by the official `lmstudio` client as it comes from its makers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from batuta.testing.answers import vector_for
from batuta.testing.lmstudio.server import FakeLMStudio, usual_models
from batuta.testing.local_server import GIB, MemoryPool

lmstudio = pytest.importorskip(
    "lmstudio", reason="THE FAKE LM STUDIO IS NOT SHOWN TO BE FAITHFUL: the `lmstudio` client is not installed"
)

CHAT, OTHER, VECTORS = (model.name for model in usual_models())


@pytest.fixture
async def server() -> AsyncIterator[FakeLMStudio]:
    async with FakeLMStudio(memory=MemoryPool(8 * GIB)) as server:
        yield server


@pytest.fixture
async def client(server: FakeLMStudio) -> AsyncIterator[Any]:
    async with lmstudio.AsyncClient(f"127.0.0.1:{server.port}") as client:
        yield client


async def test_it_is_recognised(server: FakeLMStudio) -> None:
    """The client's own probe takes the fake for an LM Studio."""
    assert await lmstudio.AsyncClient.is_valid_api_host(f"127.0.0.1:{server.port}")


async def test_what_is_installed_and_what_is_loaded(client: Any) -> None:
    """Downloaded models are listed by kind; loaded ones come and go."""
    assert [model.model_key for model in await client.llm.list_downloaded()] == [CHAT, OTHER]
    assert [model.model_key for model in await client.embedding.list_downloaded()] == [VECTORS]
    assert not await client.llm.list_loaded()
    model = await client.llm.load_new_instance(CHAT, config={"contextLength": 8192})
    assert [loaded.identifier for loaded in await client.llm.list_loaded()] == [CHAT]
    assert await model.get_context_length() == 8192
    assert (await model.get_info()).model_key == CHAT
    assert (await model.get_load_config()).context_length == 8192
    await model.unload()
    assert not await client.llm.list_loaded()


async def test_a_load_tells_its_progress(client: Any) -> None:
    """Progress goes from 0 to 1, whether the model is loaded anew or got or loaded; a second load has its own name."""
    told: list[float] = []
    model = await client.llm.model(CHAT, on_load_progress=told.append)
    assert told == [0.0, 0.25, 0.5, 0.75, 1.0]
    again = await client.llm.model(CHAT)
    assert again.identifier == model.identifier == CHAT
    told.clear()
    second = await client.llm.load_new_instance(CHAT, on_load_progress=told.append)
    assert second.identifier == f"{CHAT}:2"
    assert told[-1] == 1.0


async def test_it_chats_whole_and_in_pieces(client: Any) -> None:
    """The answer is computed from the question; its pieces make the whole."""
    model = await client.llm.model(CHAT)
    whole = await model.respond("alpha beta gamma")
    assert whole.content == "gamma beta alpha"
    assert whole.model_info.model_key == CHAT
    stream = await model.respond_stream("alpha beta gamma", config={"maxTokens": 2})
    assert [fragment.content async for fragment in stream] == ["gamma", " beta"]
    assert stream.result().stats.stop_reason == "maxPredictedTokensReached"
    assert (await model.complete("one two")).content == "two one"
    assert await model.count_tokens("one two") == 2


async def test_it_embeds(client: Any) -> None:
    """Vectors depend on their texts."""
    model = await client.embedding.model(VECTORS)
    vectors = await model.embed(["apple", "pear"])
    assert list(vectors[1]) == pytest.approx(vector_for("pear"))


async def test_errors_are_the_clients_own(client: Any) -> None:
    """A model that is not there, and one for which there is no room, are what the client knows them as."""
    with pytest.raises(lmstudio.LMStudioModelNotFoundError):
        await client.llm.model("nobody")
    await client.llm.load_new_instance(OTHER)
    with pytest.raises(lmstudio.LMStudioServerError, match="insufficient system resources"):
        await client.llm.load_new_instance(OTHER)
    with pytest.raises(lmstudio.LMStudioServerError):
        await client.llm.unload("nobody")


async def test_a_prediction_can_be_cancelled(client: Any, server: FakeLMStudio) -> None:
    """A client that cancels hears no more, and the model is free again."""
    server.speaker.token_s = 0.01
    model = await client.llm.model(CHAT)
    async with asyncio.timeout(2):
        stream = await model.respond_stream(" ".join(["word"] * 400))
        async with stream:
            async for _ in stream:
                await stream.cancel()
                break
    server.speaker.token_s = 0.0
    assert (await model.respond("one two")).content == "two one"
