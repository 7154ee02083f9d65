"""The Ollama engine: names that share weights, looks that overtake each other, requests that cannot be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.engines.base import RawCall
from batuta.engines.local_loads import poll_until
from batuta.engines.ollama.engine import OllamaEngine
from batuta.engines.ollama.shelf import Shelf
from batuta.engines.ollama.wire import Details, Held, Row, read_details
from batuta.engines.transport import Transport
from batuta.errors import BadRequest, ContextFull, UpstreamFailed, UpstreamTimeout
from batuta.testing.local_server import FakeModel, Fault, MemoryPool
from batuta.testing.ollama.server import FakeOllama

FIRST = FakeModel("first:latest", size=1000)
TWIN = FakeModel("twin:latest", size=1000, details={"weights": "first:latest", "parameters": {"temperature": 0}})
PLACE = "/api/ps"


def spec(name: str) -> ModelSpec:
    return ModelSpec(f"ollama/{name}", "ollama", f"{name}:latest", context_length=2048, is_local=True, is_loadable=True)


class Play:
    """The engine and what it faces."""

    def __init__(self, server: FakeOllama, transport: Transport) -> None:
        self.server = server
        self.transport = transport
        self.engine = OllamaEngine(Provider("ollama", "ollama", base_url=server.url), transport, poll_s=0.002)

    async def load(self, name: str) -> None:
        await self.engine.load(spec(name), lambda _: None)

    async def by_hand(self, name: str, **fields: Any) -> None:
        await self.engine._post("generate", {"model": name, **fields}, timeout_s=5)

    async def ask(self, path: str = "chat/completions", *, body: bytes | None = None) -> Any:
        given = orjson.dumps({"model": "first", "messages": [{"role": "user", "content": "one two"}]})
        call = RawCall(path, given if body is None else body, False, asyncio.get_running_loop().time() + 5)
        return orjson.loads(await (await self.engine.forward(spec("first"), call)).read())


@asynccontextmanager
async def playing() -> AsyncIterator[Play]:
    async with FakeOllama([FIRST, TWIN], memory=MemoryPool(100_000)) as server:
        transport = Transport()
        play = Play(server, transport)
        yield play
        await play.engine.aclose()
        await transport.aclose()


async def test_a_name_that_a_person_loaded_is_not_sent_away_with_its_twin() -> None:
    """What is held under another name stays, although nobody has asked for that one through Batuta."""
    async with playing() as play:
        await play.engine.list_models()
        await play.by_hand("first")
        await play.load("twin")
        assert play.server.scheduler.loads == ["first:latest"]
        await play.engine.unload(spec("twin"))
        assert [one.address for one in await play.engine.resident()] == ["first:latest"]


async def test_a_look_that_was_overtaken_does_not_change_the_context() -> None:
    """An answer from before a person's load, which comes after it, must not have the model loaded anew."""
    async with playing() as play:
        stale = Fault(PLACE, status=200, body='{"models":[]}', delay_s=0.03)
        play.server.faults.append(stale)
        late = asyncio.get_running_loop().create_task(play.engine.resident())

        async def is_on_its_way() -> bool:
            return stale.times == 0

        assert await poll_until(is_on_its_way, poll_s=0.001, within_s=2)
        await play.by_hand("first", options={"num_ctx": 777})
        await play.load("first")
        await late
        await play.ask()
        assert play.server.scheduler.loads == ["first:latest"]
        assert play.server.bodies[-1][1]["options"]["num_ctx"] == 777


async def test_an_answer_that_was_not_finished_is_none() -> None:
    """Half of an answer, in one piece, is not passed on as a whole one."""
    async with playing() as play:
        body = '{"model":"first","message":{"role":"assistant","content":"one"}}'
        play.server.faults.append(Fault("/api/chat", status=200, body=body))
        with pytest.raises(UpstreamFailed, match="is no answer"):
            await play.ask()


async def test_the_callers_patience_counts_between_two_words() -> None:
    """A stream that stands still for longer than the caller waits is dead."""
    async with playing() as play:
        await play.load("first")
        play.server.play.token_s = 5.0
        body = orjson.dumps({"model": "first", "messages": [{"role": "user", "content": "one two"}], "stream": True})
        call = RawCall("chat/completions", body, True, asyncio.get_running_loop().time() + 9, idle_s=0.02)
        with pytest.raises(UpstreamTimeout, match="stopped in the middle"):
            await (await play.engine.forward(spec("first"), call)).read()


async def test_an_ollama_that_does_not_run_holds_nothing() -> None:
    """An unload at one that was ended is done: no model outlives its program."""
    async with playing() as play:
        await play.load("first")
        await play.server.stop()
        await play.engine.unload(spec("first"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"model":"first","messages":' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"model":"first","messages":[{"role":"user","content":"x"}],"tools":' + b"[" * 400 + b"]" * 400 + b"}",
    ],
    ids=["nothing", "a list", "no model", "deep messages", "deep tools"],
)
async def test_what_cannot_be_sent_is_the_callers_to_mend(body: bytes) -> None:
    """A body that is no request is refused before anybody is asked."""
    async with playing() as play:
        with pytest.raises(BadRequest):
            await play.ask(body=body)
        assert play.server.seen == []


@pytest.mark.parametrize(
    "words", ["the input length exceeds the context length", "input exceeds maximum context length"]
)
async def test_texts_that_are_too_long_are_called_that(words: str) -> None:
    """Ollama's words for it are no fault of the model."""
    async with playing() as play:
        play.server.faults.append(Fault("/api/embed", status=400, body=f'{{"error":"{words}"}}'))
        with pytest.raises(ContextFull):
            await play.ask("embeddings", body=b'{"model":"first","input":"x"}')


def test_thousands_of_names_for_one_file_are_told_apart_quickly() -> None:
    """What it costs to say which of them are in memory grows with their number, not with its square."""
    names = [f"model-{number}:latest" for number in range(2000)]
    shelf, rows = Shelf(), [Row(name, digest=name) for name in names]
    for row in rows:
        shelf.learn(row, Details(weights="sha256-same"))
    shelf.put(rows)
    loop = asyncio.new_event_loop()
    started = loop.time()
    listed = shelf.reported([Held("model-7:latest", digest="model-7:latest")])
    seconds = loop.time() - started
    loop.close()
    assert all(model.is_resident for model in listed)
    assert seconds < 1.0


def test_a_number_that_is_none_is_not_read() -> None:
    """A file from a stranger may claim any context."""
    details = read_details({"parameters": f"num_ctx {'9' * 5000}\nstop x"})
    assert details is not None
    assert details.context_length == 0
