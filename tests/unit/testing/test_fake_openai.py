"""The fake OpenAI server, spoken to by OpenAI's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import pytest

from batuta.chat.types import ChatRequest, Message
from batuta.testing.answers import deltas_for, vector_for
from batuta.testing.fake_openai import EMBEDDING_MODEL, FakeOpenAI
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key-fake-openai"


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key=Secret(KEY)) as server:
        yield server


@pytest.fixture
async def client(server: FakeOpenAI) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        yield client


async def test_it_lists_its_models(client: openai.AsyncOpenAI) -> None:
    """The client sees the models it was made with."""
    assert [model.id async for model in client.models.list()] == ["fake-small", "fake-large", EMBEDDING_MODEL]


async def test_it_answers_what_it_is_asked(client: openai.AsyncOpenAI) -> None:
    """Whole and streamed, the words come back in reverse, with usage."""
    whole = await client.chat.completions.create(
        model="fake-small", messages=[{"role": "user", "content": "alpha beta gamma"}]
    )
    assert whole.choices[0].message.content == "gamma beta alpha"
    assert whole.usage is not None
    assert whole.usage.total_tokens == 6
    stream = await client.chat.completions.create(
        model="fake-small",
        messages=[{"role": "user", "content": "alpha beta gamma"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "gamma beta alpha"
    assert chunks[-1].usage is not None


async def test_it_calls_tools(client: openai.AsyncOpenAI) -> None:
    """`call NAME {json}` becomes a call of a declared tool, whole after joining."""
    answer = await client.chat.completions.create(
        model="fake-small",
        messages=[{"role": "user", "content": 'call weather {"city": "Recife"}'}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}],
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Recife"}')


async def test_it_completes_and_embeds(client: openai.AsyncOpenAI) -> None:
    """The older completions and embeddings work as well."""
    done = await client.completions.create(model="fake-small", prompt="one two", max_tokens=1)
    assert (done.choices[0].text, done.choices[0].finish_reason) == ("two", "length")
    stream = await client.completions.create(model="fake-small", prompt="one two", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "two one"
    vectors = await client.embeddings.create(model=EMBEDDING_MODEL, input=["a", "b"], encoding_format="float")
    assert tuple(vectors.data[1].embedding) == pytest.approx(vector_for("b"))


async def test_it_refuses_as_openai_does(client: openai.AsyncOpenAI, server: FakeOpenAI) -> None:
    """A wrong key, an unknown model and a bad field have their statuses."""
    with pytest.raises(openai.NotFoundError):
        await client.completions.create(model="nobody", prompt="x")
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="fake-small", messages=[])
    async with openai.AsyncOpenAI(base_url=server.url, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.completions.create(model="fake-small", prompt="x")


def test_answers_depend_on_the_question() -> None:
    """Nothing is canned: other words, other answers; no words, `silence`."""
    texts = ["a b", "b a", ""]
    answers = ["".join(d.text for d in deltas_for(ChatRequest("m", (Message("user", text),)))) for text in texts]
    assert answers == ["b a", "a b", "silence"]
    assert vector_for("ab") != vector_for("ba")
