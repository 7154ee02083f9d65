"""What every engine promises, whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest

from batuta.chat.dialects.openai import chat_body
from batuta.chat.sse import SSEParser
from batuta.chat.types import ChatRequest, Delta, FinishReason, Message, Sampling
from batuta.engines.base import Engine, EngineHealth, LoadableEngine, LoadProgress, PassThroughEngine, RawCall
from batuta.errors import BatutaError
from tests.contract.subjects import SUBJECTS, Subject


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with SUBJECTS[request.param]() as subject:
        if isinstance(subject.engine, LoadableEngine):
            await subject.engine.load(subject.chat, lambda _: None)
            await subject.engine.load(subject.embedding, lambda _: None)
        yield subject


def loadable(subject: Subject) -> LoadableEngine:
    if not isinstance(subject.engine, LoadableEngine):
        pytest.skip("holds no models in memory")
    return subject.engine


def passing(subject: Subject) -> PassThroughEngine:
    if not isinstance(subject.engine, PassThroughEngine):
        pytest.skip("has a dialect of its own")
    return subject.engine


def ask(text: str, *, stream: bool = True, max_tokens: int = 64) -> ChatRequest:
    return ChatRequest("m", (Message("user", text),), sampling=Sampling(max_tokens=max_tokens), stream=stream)


async def said(subject: Subject, request: ChatRequest) -> list[Delta]:
    return [delta async for delta in subject.engine.chat(subject.chat, request)]


def test_it_is_an_engine(subject: Subject) -> None:
    """An engine has every method of the protocol and says what kind it is."""
    assert isinstance(subject.engine, Engine)
    assert subject.engine.kind


async def test_it_lists_the_model_it_serves(subject: Subject) -> None:
    """The list has the model under the address that its spec carries."""
    assert subject.chat.address in {model.address for model in await subject.engine.list_models()}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_answer_ends_once_and_counts_its_tokens(subject: Subject, stream: bool) -> None:
    """Text comes, then exactly one finish, and usage is reported once."""
    deltas = await said(subject, ask("one two three", stream=stream))
    assert "".join(delta.text for delta in deltas)
    assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.STOP]
    counts = [delta.usage for delta in deltas if delta.usage]
    assert len(counts) == 1
    assert counts[0].prompt_tokens > 0
    assert counts[0].completion_tokens > 0


async def test_streamed_and_whole_answers_are_the_same(subject: Subject) -> None:
    """How an answer is sent changes nothing in what it says."""
    streamed = await said(subject, ask("alpha beta gamma"))
    whole = await said(subject, ask("alpha beta gamma", stream=False))
    assert "".join(delta.text for delta in streamed) == "".join(delta.text for delta in whole)


async def test_an_answer_stops_at_the_limit(subject: Subject) -> None:
    """max_tokens is obeyed, and the finish says so."""
    deltas = await said(subject, ask("one two three four five", max_tokens=1))
    assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.LENGTH]


async def test_chats_run_side_by_side(subject: Subject) -> None:
    """Several chats at once each get their own answer."""
    texts = [f"first{number} last{number}" for number in range(6)]
    answers = await asyncio.gather(*(said(subject, ask(text)) for text in texts))
    assert ["".join(d.text for d in deltas) for deltas in answers] == [
        "".join(d.text for d in await said(subject, ask(text))) for text in texts
    ]


async def test_a_dropped_answer_leaves_the_engine_usable(subject: Subject) -> None:
    """Closing an answer after its first delta is allowed at any time; the next chat works."""
    deltas = subject.engine.chat(subject.chat, ask("one two three"))
    assert (await anext(deltas)).text
    await deltas.aclose()
    assert await said(subject, ask("again"))


async def test_vectors_come_in_the_order_of_their_texts(subject: Subject) -> None:
    """One vector a text, in order, the same for the same text."""
    result = await subject.engine.embed(subject.embedding, ["apple", "pear", "apple"])
    assert len(result.vectors) == 3
    assert result.vectors[0] == result.vectors[2] != result.vectors[1]


async def test_a_probe_finds_the_model_ready(subject: Subject) -> None:
    """A model that answers is READY."""
    assert (await subject.engine.probe(subject.chat)).health is EngineHealth.READY


async def test_a_model_that_is_not_there_is_a_typed_error(subject: Subject) -> None:
    """An unknown model ends in an error of ours before any delta, or a fake API answers for it."""
    nobody = replace(subject.chat, id="subject/nobody", address="nobody")
    if type(subject.engine).__name__ == "FakeRemoteEngine":
        pytest.skip("an API that answers to any name")
    with pytest.raises(BatutaError):
        await anext(subject.engine.chat(nobody, ask("hello")))


# --- engines that pass bytes through ---------------------------------------------------------------------------------


def raw(subject: Subject, engine: PassThroughEngine, *, stream: bool) -> RawCall:
    body = orjson.dumps(chat_body(ask("one two", stream=stream), model=engine.wire_name(subject.chat)))
    return RawCall("chat/completions", body, stream, asyncio.get_running_loop().time() + 5)


async def test_bytes_of_a_whole_answer_are_json(subject: Subject) -> None:
    """A forwarded call gives the dialect's JSON."""
    engine = passing(subject)
    reply = await engine.forward(subject.chat, raw(subject, engine, stream=False))
    assert reply.status == 200
    assert orjson.loads(await reply.read())["choices"][0]["message"]["content"]
    await reply.aclose()


async def test_bytes_of_a_stream_end_with_the_marker(subject: Subject) -> None:
    """A forwarded stream is server-sent events with `[DONE]` at the end."""
    engine = passing(subject)
    reply = await engine.forward(subject.chat, raw(subject, engine, stream=True))
    assert reply.content_type.startswith("text/event-stream")
    parser = SSEParser()
    events = [event async for chunk in reply.chunks() for event in parser.feed(chunk)]
    assert events[-1].data == b"[DONE]"
    assert len(events) > 2
    await reply.aclose()


async def test_a_forwarded_stream_can_be_dropped(subject: Subject) -> None:
    """A reply may be closed before it is read; the next call works."""
    engine = passing(subject)
    reply = await engine.forward(subject.chat, raw(subject, engine, stream=True))
    await reply.aclose()
    again = await engine.forward(subject.chat, raw(subject, engine, stream=False))
    assert await again.read()
    await again.aclose()


# --- engines that hold models ----------------------------------------------------------------------------------------


async def test_what_is_loaded_is_resident(subject: Subject) -> None:
    """A loaded model is in the list of residents, with the bytes it takes, until it is unloaded."""
    engine = loadable(subject)
    held = {resident.model_id: resident for resident in await engine.resident()}
    assert held[subject.chat.id].memory_bytes > 0
    assert not held[subject.chat.id].is_loading
    await engine.unload(subject.chat)
    assert subject.chat.id not in {resident.model_id for resident in await engine.resident()}
    assert (await engine.probe(subject.chat)).health is EngineHealth.ABSENT


async def test_loading_twice_is_loading_once(subject: Subject) -> None:
    """Loads at the same time join; a load of a resident model returns at once and says so."""
    engine = loadable(subject)
    await engine.unload(subject.chat)
    seen: list[LoadProgress] = []
    reports = await asyncio.gather(*(engine.load(subject.chat, seen.append) for _ in range(3)))
    assert all(report.memory_bytes > 0 for report in reports)
    assert [p.fraction for p in seen if p.fraction is not None] == sorted(p.fraction for p in seen if p.fraction)
    assert (await engine.load(subject.chat, seen.append)).was_resident
    assert await said(subject, ask("hello"))


async def test_unloading_what_is_not_there_is_fine(subject: Subject) -> None:
    """An unload of an absent model changes nothing and raises nothing."""
    engine = loadable(subject)
    await engine.unload(subject.chat)
    await engine.unload(subject.chat)


async def test_a_cancelled_load_goes_on(subject: Subject) -> None:
    """Who stops waiting for a load does not stop the load."""
    engine = loadable(subject)
    await engine.unload(subject.chat)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await engine.load(subject.chat, lambda _: None)
    report = await engine.load(subject.chat, lambda _: None)
    assert report.memory_bytes > 0
