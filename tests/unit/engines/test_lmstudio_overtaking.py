"""The LM Studio engine when looks overtake each other, when it is too busy to be looked at, and when it is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import orjson
import pytest

from batuta.catalog.entities import MemoryNeed, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Message
from batuta.engines.lmstudio.answers import NamedReply
from batuta.engines.lmstudio.engine import LMStudioEngine
from batuta.engines.lmstudio.sight import Sight
from batuta.engines.lmstudio.wire import Api, Look, Row, has_event
from batuta.engines.local_loads import LocalLoads
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, ContextFull, KeyInvalid, ModelFailed, UpstreamUnreachable
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, Fault

LIST, TALK = "/api/v1/models", "/v1/chat/completions"
OURS = ModelSpec("lmstudio/small", "lmstudio", "small", memory=MemoryNeed(weights=GIB), is_local=True, is_loadable=True)
THEIRS = replace(OURS, is_local=False, is_loadable=False)

TOO_LONG = (
    "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length "
    "of only 4096 tokens, which is not enough."
)
TOO_MUCH_TO_KEEP = (
    "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 9000>= n_ctx: "
    "4096). Try to load the model with a larger context length, or provide a shorter input."
)


@dataclass
class Play:
    """An engine, the fake behind it, and who was said to be gone."""

    engine: LMStudioEngine
    server: FakeLMStudio
    transport: Transport
    gone: list[str] = field(default_factory=list)

    async def load(self) -> None:
        await self.engine.load(OURS, lambda _: None)

    async def said(self, spec: ModelSpec = OURS, *, stream: bool = True) -> str:
        request = ChatRequest("m", (Message("user", "one two"),), stream=stream)
        return "".join([delta.text async for delta in self.engine.chat(spec, request)])

    async def answers_late(self, delay_s: float) -> Fault:
        """Have the list that is true now be told only after a while."""
        now = await self.transport.get_json(self.server.url + LIST, timeout_s=5)
        fault = Fault(LIST, status=200, body=orjson.dumps(now).decode(), delay_s=delay_s)
        self.server.faults.append(fault)
        return fault


@asynccontextmanager
async def playing(
    *, version: str = "0.4.2", is_local: bool = True, fresh_s: float = 1.0, look_s: float = 5.0
) -> AsyncIterator[Play]:
    models = [FakeModel("small", size=GIB), FakeModel("large", size=4 * GIB)]
    async with FakeLMStudio(models, version=version) as server:
        transport = Transport()
        provider = Provider("lmstudio", "lmstudio", base_url=server.url, is_local=is_local)
        engine = LMStudioEngine(provider, transport, poll_s=0.002, fresh_s=fresh_s, look_s=look_s)
        play = Play(engine, server, transport)
        engine.watch(lambda model, _: play.gone.append(model))
        yield play
        await engine.aclose()
        await transport.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not is_so():  # noqa: ASYNC110  # what is waited for happens in a server that knows no events
            await asyncio.sleep(0.001)


async def test_a_look_that_was_overtaken_loses_no_model() -> None:
    """An answer from before the load that comes after it does not make the model seem gone."""
    async with playing() as play:
        fault = await play.answers_late(0.03)
        late = asyncio.get_running_loop().create_task(play.engine.resident())
        await until(lambda: not fault.times)
        await play.load()
        assert [one.address for one in await late] == ["small"]
        assert play.gone == []
        assert await play.said() == "two one"


class Line:
    """The calls to an LM Studio, each answered when the test says so."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Look]] = []

    async def look(self, *, within_s: float) -> Look:
        self.answers.append(asyncio.get_running_loop().create_future())
        async with asyncio.timeout(within_s):
            return await self.answers[-1]


async def test_a_refusal_that_was_overtaken_loses_no_model() -> None:
    """Word that nobody listens, which comes after a later look has found the model, is old news."""
    line, gone = Line(), list[str]()
    sight = Sight(line, LocalLoads("here"), provider_id="p", where="here", fresh_s=1.0, look_s=5.0)  # type: ignore[arg-type]  # only its looks are asked for
    sight.watch(lambda model, _: gone.append(model))
    sight.keep(OURS)
    async with asyncio.TaskGroup() as group:
        late, newer = (group.create_task(_quietly(sight)) for _ in range(2))
        await until(lambda: len(line.answers) == 2)
        line.answers[1].set_result(Look(Api.V1, {"small": Row("small", instances=("small",))}))
        await newer
        line.answers[0].set_exception(UpstreamUnreachable("here refused the connection"))
        await late
    assert gone == []
    await asyncio.gather(_quietly(sight), until(lambda: bool(line.answers[2:]) and refuse(line.answers[2])))
    assert gone == [OURS.id]


def refuse(answer: asyncio.Future[Look]) -> bool:
    answer.set_exception(UpstreamUnreachable("here refused the connection"))
    return True


async def _quietly(sight: Sight) -> None:
    with suppress(UpstreamUnreachable):
        await sight.look()


async def test_a_busy_engine_holds_up_nobody_for_longer_than_one_look() -> None:
    """Many who ask at once wait for one look that is not answered, not for one each."""
    async with playing(fresh_s=0.0, look_s=0.1) as play:
        await play.load()
        play.server.faults.append(Fault(LIST, delay_s=0.3, times=-1))
        started = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(play.said(stream=False) for _ in range(12)))
        assert answers == ["two one"] * 12
        assert asyncio.get_running_loop().time() - started < 0.6


async def test_a_model_that_went_unseen_is_not_lost_by_its_own_load() -> None:
    """The load's look finds that it went: nobody is told, for it is on its way back."""
    async with playing() as play:
        await play.load()
        play.server.crash("small")
        await play.load()
        assert play.gone == []


async def test_a_model_that_could_not_be_sent_away_is_missed_when_it_goes() -> None:
    """After an unload that failed it still counts as ours."""
    async with playing(version="0.3.16") as play:
        await play.load()
        with pytest.raises(BatutaError, match="eject"):
            await play.engine.unload(OURS)
        play.server.crash("small")
        await play.engine.resident()
        assert play.gone == [OURS.id]


@pytest.mark.parametrize(
    ("body", "kind"),
    [('{"error":"An LM Studio API token is required."}', KeyInvalid), ("<html>", UpstreamUnreachable)],
    ids=["no token", "somebody else"],
)
async def test_no_request_goes_to_who_is_not_looked_at(body: str, kind: type[BatutaError]) -> None:
    """Where the look is refused, or answered by another server, nothing is sent; only the reason is told."""
    async with playing(fresh_s=0.0) as play:
        await play.load()
        for path in (LIST, "/api/v0/models", "/lmstudio-greeting", "/v1/models"):
            play.server.faults.append(Fault(path, status=200, body=body, times=-1))
        sent = len(play.server.bodies)
        with pytest.raises(kind):
            await play.said()
        assert len(play.server.bodies) == sent


@pytest.mark.parametrize("version", ["0.3.5", "0.3.16", "0.4.2"])
async def test_on_another_machine_a_request_may_load_the_model(version: str) -> None:
    """What is not ours to load is left to its owner: a request goes out although the model is not in memory."""
    async with playing(version=version, is_local=False) as play:
        assert await play.said(THEIRS) == "two one"
        assert (await play.engine.describe()).note == ""
        with pytest.raises(ModelFailed):
            await play.said(replace(THEIRS, address="nobody"))
        assert play.gone == []


@pytest.mark.parametrize(
    ("start", "is_whole"),
    [
        (b": waiting\n\n", False),
        (b": waiting\n\ndata: {", False),
        (b": waiting\n\ndata: {}\n\n", True),
        (b"data: {}\r\n\r\n", True),
        (b"\n\ndata: {}", False),
        (b"", False),
    ],
)
def test_comments_are_no_event(start: bytes, is_whole: bool) -> None:
    """What only keeps a line open does not say who answers."""
    assert has_event(start) is is_whole


class Pieces:
    """A stream that comes in these pieces. Satisfies RawReply."""

    status, content_type = 200, "text/event-stream"

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.is_open = True

    async def read(self) -> bytes:
        return b"".join(self.pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def aclose(self) -> None:
        self.is_open = False


async def test_a_comment_before_the_answer_hides_no_other_model() -> None:
    """The first event is looked at, however many comments come before it; another model's stream is cut."""
    pieces = Pieces(b": waiting\n\n", b": waiting\n\n", b'data: {"model":"large"}\n\n')
    with pytest.raises(UpstreamUnreachable, match="large instead of small"):
        await NamedReply(pieces, OURS, {"small"}, "here").read()
    assert not pieces.is_open
    pieces = Pieces(b": waiting\n\n", b'data: {"model":"small"}\n\n', b"data: [DONE]\n\n")
    assert await NamedReply(pieces, OURS, {"small"}, "here").read() == b"".join(pieces.pieces)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (400, "application/json", '{"error":"%s"}'),
        (200, "application/json", '{"error":"%s"}'),
        (200, "text/event-stream", 'event: error\ndata: {"error":{"message":"%s"}}\n\n'),
    ],
)
@pytest.mark.parametrize("words", [TOO_LONG, TOO_MUCH_TO_KEEP], ids=["older versions", "newer versions"])
async def test_a_conversation_that_is_too_long_is_called_that(
    words: str, status: int, content_type: str, body: str
) -> None:
    """LM Studio's words for it, with whichever status: no fault of the model, and told with both figures."""
    async with playing() as play:
        await play.load()
        play.server.faults.append(Fault(TALK, status=status, body=body % words, content_type=content_type))
        with pytest.raises(ContextFull, match=r"9000 tokens, .* holds 4096"):
            await play.said()
