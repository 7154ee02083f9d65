"""/manage/events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from batuta.chat.sse import SSEParser
from batuta.errors import QueueFull
from batuta.observe.bus import MAILBOX
from batuta.observe.events import QueueChanged
from batuta.web.routes import events
from batuta.web.routes.events import EventStreams
from tests.support.asgi import Client
from tests.unit.web.manage_stage import house


def parsed(body: bytes) -> list[tuple[str, Any]]:
    return [(event.event, orjson.loads(event.data)) for event in SSEParser(max_line=1 << 24).feed(body)]


async def until(client: Client, word: bytes) -> bytes:
    async with asyncio.timeout(5):
        while word not in client.reply.body:
            client.changed.clear()
            await client.changed.wait()
    return client.reply.body


async def test_a_snapshot_then_what_happens_then_signs_of_life(data_dir: Path) -> None:
    """The first event is everything; facts follow as they come; comments fill the silence; leaving ends it."""
    async with house(data_dir) as it:
        client, task = it.start("GET", "/manage/events")
        await until(client, b"snapshot")
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        await until(client, b'"new":"ready"')
        await until(client, b": still here")
        client.leave()
        await task
        seen = parsed(client.reply.body)
        assert client.reply.headers["content-type"].startswith("text/event-stream")
        assert seen[0][0] == "snapshot"
        assert [model["id"] for model in seen[0][1]["models"]] == ["brain", "coder", "third"]
        states = [fact["new"] for kind, fact in seen if kind == "model_state" and fact["model"] == "brain"]
        assert states == ["loading", "ready"]
        assert {"load_progress", "memory", "queue"} <= {kind for kind, _ in seen}
        assert it.bus._listeners.count(it.services.metrics.take) == 1
        left = len(it.bus._listeners)
    assert left == len(it.bus._listeners)


async def test_a_queue_says_how_long_and_what_for(data_dir: Path) -> None:
    """Place, seconds and a sentence while somebody waits; nothing of it when nobody does."""
    async with house(data_dir, budget=10_000) as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        it.lifecycle.residencies["brain"].answer_s = 8.0
        client, task = it.start("GET", "/manage/events")
        await until(client, b"snapshot")
        async with it.runner.lease("brain", deadline=it.clock.monotonic() + 60):
            await it.ask("POST", "/manage/models/coder/load")
            await it.clock.advance(0.1)
            await until(client, b"event: queue")
        await it.clock.advance(20.0)
        await until(client, b'"waiting":0')
        client.leave()
        await task
        first, *_, last = [fact for kind, fact in parsed(client.reply.body) if kind == "queue"]
        assert (first["model"], first["waiting"], first["position"]) == ("coder", 1, 1)
        assert first["expected_s"] > 8.0
        assert first["sentence"].startswith("waiting for brain to finish 1 answer (about 8 s), then loading coder (")
        assert (last["waiting"], last["position"], last["expected_s"], last["sentence"]) == (0, None, None, "")


async def test_a_reader_that_fell_behind_gets_a_new_picture(data_dir: Path) -> None:
    """Facts that were dropped are not missed: a snapshot takes their place."""
    async with house(data_dir) as it:
        stream = EventStreams(it.services, heartbeat_s=5.0).open()
        assert b"snapshot" in await anext(stream)
        waiting = it.tasks.start(step(stream), name="reader")
        await it.clock.settle()
        for number in range(MAILBOX + 10):
            it.bus.publish(QueueChanged("brain", number, 0))
        assert b"event: snapshot" in await waiting
        assert (await anext(stream)).count(b"event: queue") == MAILBOX
        await close(stream)


async def step(stream: Any) -> bytes:
    piece: bytes = await anext(stream)
    return piece


async def close(stream: Any) -> None:
    await stream.aclose()


async def test_listeners_are_bounded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit is told to come back; when one leaves, there is room."""
    monkeypatch.setattr(events, "MOST_STREAMS", 1)
    async with house(data_dir) as it:
        streams = EventStreams(it.services, heartbeat_s=5.0)
        first = streams.open()
        await anext(first)
        with pytest.raises(QueueFull):
            streams.open()
        await close(first)
        await close(streams.open())
