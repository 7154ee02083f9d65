"""What every engine promises, whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import orjson
import pytest

from batuta.chat.dialects.openai import chat_body
from batuta.chat.sse import SSEParser
from batuta.chat.types import ChatRequest, Delta, FinishReason, Message, Sampling
from batuta.engines.base import (
    DescribedEngine,
    Engine,
    EngineHealth,
    LoadableEngine,
    LoadProgress,
    PassThroughEngine,
    RawCall,
    Resident,
    SleepingEngine,
    can_sleep,
)
from batuta.errors import BatutaError, CannotUnload
from tests.contract.subjects import Backend, Subject, subjects

SOON_S = 2.0


@pytest.fixture(params=subjects())
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with request.param() as subject:
        if isinstance(subject.engine, LoadableEngine):
            await subject.engine.load(subject.chat, lambda _: None)
            await subject.engine.load(subject.embedding, lambda _: None)
        yield subject


def loadable(subject: Subject) -> LoadableEngine:
    if not isinstance(subject.engine, LoadableEngine):
        pytest.skip("holds no models in memory")
    if not subject.can_unload:
        pytest.skip("holds one model for as long as it runs")
    return subject.engine


def passing(subject: Subject) -> PassThroughEngine:
    if not isinstance(subject.engine, PassThroughEngine):
        pytest.skip("has a dialect of its own")
    return subject.engine


def reachable(subject: Subject) -> Backend:
    if subject.backend is None:
        pytest.skip("a test cannot see what is behind it")
    return subject.backend


async def found(subject: Subject, engine: LoadableEngine) -> Resident | None:
    """Return how the engine holds the chat model; it may name it by the catalog's id or by its own name."""
    spec = subject.chat
    held = [
        r for r in await engine.resident() if r.model_id == spec.id or (not r.model_id and r.address == spec.address)
    ]
    assert len(held) <= 1, "a model is told of once"
    return held[0] if held else None


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(SOON_S):
        while not holds():  # noqa: ASYNC110  # the backend has no event for it
            await asyncio.sleep(0.002)


def ask(text: str, *, stream: bool = True, max_tokens: int = 64) -> ChatRequest:
    return ChatRequest(
        "m", (Message("user", text),), sampling=Sampling(max_tokens=max_tokens, temperature=0), stream=stream
    )


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
    finish = [delta.finish for delta in deltas if delta.finish]
    assert finish == [FinishReason.STOP] or (not subject.is_scripted and finish == [FinishReason.LENGTH])
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
    assert all(answers)
    if not subject.is_scripted:
        return  # sums of a batch are rounded otherwise than those of one
    assert ["".join(d.text for d in deltas) for deltas in answers] == [
        "".join(d.text for d in await said(subject, ask(text))) for text in texts
    ]


async def test_a_dropped_answer_leaves_the_engine_usable(subject: Subject) -> None:
    """Closing an answer after its first delta is allowed at any time; the next chat works."""
    deltas = subject.engine.chat(subject.chat, ask("one two three"))
    assert not (await anext(deltas)).finish  # its text may be empty: some begin with the role alone
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


async def test_a_caller_who_leaves_is_told_to_the_backend(subject: Subject) -> None:
    """A stream that nobody reads any more stops being computed."""
    engine, backend = passing(subject), reachable(subject)
    backend.slow_down()
    body = orjson.dumps(chat_body(ask("word " * 100), model=engine.wire_name(subject.chat)))
    call = RawCall("chat/completions", body, True, asyncio.get_running_loop().time() + 5)
    reply = await engine.forward(subject.chat, call)
    await anext(aiter(reply.chunks()))
    assert backend.running() == 1
    await reply.aclose()
    await until(lambda: backend.running() == 0)


async def test_a_caller_who_leaves_before_the_first_byte_is_told_to_the_backend(subject: Subject) -> None:
    """A whole answer that nobody waits for any more stops being computed."""
    engine, backend = passing(subject), reachable(subject)
    backend.slow_down()
    body = orjson.dumps(chat_body(ask("word " * 100, stream=False), model=engine.wire_name(subject.chat)))
    call = RawCall("chat/completions", body, False, asyncio.get_running_loop().time() + 5)
    task = asyncio.get_running_loop().create_task(engine.forward(subject.chat, call))
    await until(lambda: backend.running() == 1)
    task.cancel()
    await asyncio.wait([task])
    await until(lambda: backend.running() == 0)


# --- engines that can say who they are -------------------------------------------------------------------------------


async def test_it_says_who_answers(subject: Subject) -> None:
    """A version, where the program tells one, on one line; and whatever a person should know."""
    if not isinstance(subject.engine, DescribedEngine):
        pytest.skip("cannot tell who answers")
    info = await subject.engine.describe()
    assert info.version.isprintable()
    assert info.note.isprintable()


# --- engines that hold models ----------------------------------------------------------------------------------------


async def test_the_list_tells_what_is_in_memory(subject: Subject) -> None:
    """A listed model is resident when it is loaded, and not when it is not; both are listed."""
    engine = loadable(subject)

    async def listed() -> bool | None:
        rows = {model.address: model.is_resident for model in await engine.list_models()}
        return rows.get(subject.chat.address)

    if type(engine).__name__.startswith("Fake"):
        pytest.skip("lists what it was told to")
    assert await listed() is True
    await engine.unload(subject.chat)
    assert await listed() in {False, None}


async def test_what_is_loaded_is_resident(subject: Subject) -> None:
    """A loaded model is in the list of residents, with the bytes it takes, until it is unloaded."""
    engine = loadable(subject)
    held = await found(subject, engine)
    assert held is not None
    assert held.memory_bytes > 0
    assert not held.is_loading
    assert not held.is_asleep
    assert held.fixed == ""
    await engine.unload(subject.chat)
    left = await found(subject, engine)
    assert left is None or left.is_asleep
    assert (await engine.probe(subject.chat)).health is EngineHealth.ABSENT


async def test_loading_twice_is_loading_once(subject: Subject) -> None:
    """Loads at the same time join; a load of a resident model returns at once and says so."""
    engine = loadable(subject)
    await engine.unload(subject.chat)
    begun = subject.backend.loads() if subject.backend and subject.backend.loads else 0
    seen: list[LoadProgress] = []
    reports = await asyncio.gather(*(engine.load(subject.chat, seen.append) for _ in range(3)))
    assert all(report.memory_bytes > 0 for report in reports)
    assert not any(report.was_resident for report in reports)
    fractions = [progress.fraction for progress in seen if progress.fraction is not None]
    assert fractions == sorted(fractions)
    assert (await engine.load(subject.chat, seen.append)).was_resident
    if subject.backend and subject.backend.loads:
        assert subject.backend.loads() == begun + 1
    assert await said(subject, ask("hello"))


async def test_a_load_says_that_it_has_begun(subject: Subject) -> None:
    """Whoever waits hears something at the start, if only that nobody knows how far it is; stages are known words."""
    engine = loadable(subject)
    await engine.unload(subject.chat)
    seen: list[LoadProgress] = []
    await engine.load(subject.chat, seen.append)
    assert seen
    assert {progress.stage for progress in seen} <= {"starting", "reading", "warming"}
    assert all(p.fraction is None or 0 <= p.fraction <= 1 for p in seen)


async def test_a_backend_of_one_model_says_so(subject: Subject) -> None:
    """Its model is resident with its bytes and the reason why it stays, and a load finds it so.

    An unload is refused for good and changes nothing.
    """
    engine = subject.engine
    if subject.can_unload or not isinstance(engine, LoadableEngine):
        pytest.skip("unloads what it holds, or holds nothing")
    report = await engine.load(subject.chat, lambda _: None)
    held = await found(subject, engine)
    assert held is not None
    assert report.was_resident
    assert report.memory_bytes == held.memory_bytes > 0
    assert report.fixed == held.fixed != ""
    with pytest.raises(CannotUnload):
        await engine.unload(subject.chat)
    assert await found(subject, engine) == held
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
    begun = subject.backend.loads() if subject.backend and subject.backend.loads else 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await engine.load(subject.chat, lambda _: None)
    report = await engine.load(subject.chat, lambda _: None)
    assert report.memory_bytes > 0
    if subject.backend and subject.backend.loads:
        assert subject.backend.loads() == begun + 1


async def test_an_unloaded_model_can_be_loaded_again(subject: Subject) -> None:
    """As often as it is wanted, and it answers each time."""
    engine = loadable(subject)
    for _ in range(2):
        await engine.unload(subject.chat)
        await engine.load(subject.chat, lambda _: None)
        assert await said(subject, ask("hello"))


async def test_a_sleeping_model_wakes_by_a_load(subject: Subject) -> None:
    """It is told of as asleep, is not ready, and answers after a load."""
    engine = subject.engine
    if not isinstance(engine, SleepingEngine) or not can_sleep(engine, subject.chat) or not subject.can_unload:
        pytest.skip("has no warm tier")
    await engine.sleep(subject.chat)
    held = await found(subject, engine)
    assert held is not None
    assert held.is_asleep
    assert (await engine.probe(subject.chat)).health is EngineHealth.ABSENT
    await engine.load(subject.chat, lambda _: None)
    assert (await engine.probe(subject.chat)).health is EngineHealth.READY
    assert await said(subject, ask("hello"))
