"""U1-U24 through the whole gateway: each fault before and after the first delta, streamed and whole.

Before the first delta another candidate answers, or the caller learns that it is his own mistake. After it nothing
restarts: what was said stays, and an error follows in-band. Both hold for bytes that pass through and for deltas that
the gateway encodes. What cannot exist is in `IMPOSSIBLE`, with the reason.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest

from batuta.chat.types import Delta, FinishReason
from batuta.errors import BatutaError, ContentRefused, StreamBroken, UpstreamFailed, UpstreamRejected
from batuta.lifecycle.states import ModelState
from batuta.routing.wishes import Wishes
from batuta.testing import faulty_upstream as faulty
from batuta.testing import http
from batuta.testing.faulty_upstream import Script, Wire, delta_event
from tests.faults.town import FINE, LONG_S, SHORT_S, Town, town

BEFORE, AFTER = "before", "after"
STREAM, WHOLE = "stream", "whole"
ROWS: Final = [f"U{number}" for number in range(1, 25)]
both_dialects = pytest.mark.parametrize("is_decoding", [False, True], ids=["passed", "encoded"])


# --- what the provider does ----------------------------------------------------------------------------------------


def is_stream(wire: Wire) -> bool:
    return b'"stream":true' in wire.request.body


def part(end: Callable[[Wire], Any], *, said: str = "") -> Script:
    """Begin an answer as it was asked for, say something in a stream, and end badly."""

    async def script(wire: Wire) -> None:
        if is_stream(wire):
            await wire.begin_stream()
            if said:
                await wire.say(said)
        else:
            await wire.raw(http.head(200, {"content-type": "application/json", "content-length": "100000"}))
            await wire.raw(faulty.completion("partial"))
        await asyncio.sleep(0.01)  # what was said must be read before a reset overtakes it
        if (waits := end(wire)) is not None:
            await waits

    return script


async def cut_off(wire: Wire) -> None:
    """End the body well, in the middle of the answer."""
    if is_stream(wire):
        await wire.raw(http.chunk(b""))
    else:
        wire.hang_up()


def then(data: bytes, *, done: bool = False) -> Callable[[Wire], Any]:
    """Send bytes of a stream, then close it with or without its end marks."""

    async def end(wire: Wire) -> None:
        await wire.piece(data)
        await (wire.end_stream() if done else wire.raw(http.chunk(b"")))

    return end


async def long_line(wire: Wire) -> None:
    """Send a line that does not end."""
    await wire.piece(b"data: ")
    for _ in range(40):
        await wire.piece(b"x" * 65536)
    await wire.silence()


async def half_json(wire: Wire) -> None:
    """Send the first half of an answer as if it were all, or a stream without an event."""
    if is_stream(wire):
        await wire.begin_stream()
        await wire.raw(http.chunk(b""))
    else:
        await wire.answer(200, faulty.completion("half")[:40])


async def slow_drip(wire: Wire) -> None:
    """Say nothing for longer than anybody waits, then one word."""
    if is_stream(wire):
        await wire.begin_stream()
    await wire.silence()


def in_band(**fields: Any) -> bytes:
    return b"data: " + orjson.dumps({"error": {"message": "it went wrong", **fields}}) + b"\n\n"


# --- the rows ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A fault.

    Attributes:
        row: of the list of faults.
        name: which of its kind.
        script: what the provider does; None: it is at `place`.
        place: where nobody is as they should be.
        hows: streamed, whole, or both.
        error: what the caller is told where it is his own mistake; None: somebody else answers.
    """

    row: str
    name: str
    script: Script | None = None
    place: Callable[[], AbstractAsyncContextManager[str]] | None = None
    hows: tuple[str, ...] = (STREAM, WHOLE)
    error: type[BatutaError] | None = None


@asynccontextmanager
async def nowhere() -> AsyncIterator[str]:
    """Give an address whose name nobody knows."""
    yield "http://nowhere.example/v1"


@asynccontextmanager
async def wrong_tls() -> AsyncIterator[str]:
    """Give an https address at which no TLS is spoken."""
    async with faulty.speaking_plainly() as url:
        yield url.replace("http:", "https:")


CASES_BEFORE: Final = [
    Case("U1", "refused", place=faulty.refusing),
    Case("U2", "no such name", place=nowhere),
    Case("U3", "wrong TLS", place=wrong_tls),
    Case("U4", "connect hangs", place=faulty.never_accepting),
    Case("U5", "silence", faulty.silent),
    Case("U6", "headers then silence", part(Wire.silence)),
    Case("U7", "reset", faulty.reset),
    Case("U7", "reset in the body", part(Wire.reset)),
    Case("U8", "closed", faulty.hang_up),
    Case("U8", "half a body", part(Wire.hang_up)),
    Case("U9", "nothing before the end", half_json),
    Case("U10", "a web page", faulty.html),
    Case("U11", "an error in place of an answer", faulty.error_in_200("out of cheese")),
    Case("U11", "a limit in place of an answer", faulty.error_in_200("too often", code=429)),
    Case("U13", "empty", faulty.empty),
    Case("U16", "a line without end", part(long_line), hows=(STREAM,)),
    Case("U17", "garbage", faulty.status(200, b"once upon a time"), hows=(WHOLE,)),
    Case("U18", "429 and seconds", faulty.status(429, retry_after="30")),
    Case("U18", "429 and a negative wait", faulty.status(429, retry_after="-3")),
    Case("U18", "429 and 31 years", faulty.status(429, retry_after="1000000000")),
    Case("U18", "429 and milliseconds", faulty.status(429, retry_after_ms="700")),
    Case("U18", "429 and a date", faulty.status(429, retry_after="Thu, 01 Jan 2099 00:00:00 GMT")),
    Case("U18", "503", faulty.status(503, retry_after="1")),
    Case("U18", "529", faulty.status(529)),
    Case("U19", "401", faulty.status(401)),
    Case("U19", "403", faulty.status(403)),
    Case("U20", "400", faulty.status(400), error=UpstreamRejected),
    Case("U20", "404", faulty.status(404), error=UpstreamRejected),
    Case("U20", "413", faulty.status(413), error=UpstreamRejected),
    Case("U20", "422", faulty.status(422, {"detail": [{"msg": "bad"}]}), error=UpstreamRejected),
    Case("U21", "500", faulty.status(500)),
    Case("U22", "502", faulty.status(502, b"<html>bad gateway</html>")),
    Case("U23", "a drip that is too slow", slow_drip),
    Case("U23", "more than anybody takes", faulty.packed(factor=5_000_000), hows=(WHOLE,)),
    Case("U24", "an answer of another kind", faulty.status(200, {"object": "list", "error": None}), hows=(WHOLE,)),
]

CASES_AFTER: Final = [
    Case("U6", "silence", part(Wire.silence, said="partial")),
    Case("U7", "reset", part(Wire.reset, said="partial")),
    Case("U8", "half-close", part(Wire.hang_up, said="partial")),
    Case("U9", "no end", part(cut_off, said="partial")),
    Case("U10", "a web page", part(then(b"<html><body>Bad Gateway</body></html>\n\n"), said="partial")),
    Case("U12", "an error event", part(then(in_band()), said="partial")),
    Case("U16", "a line without end", part(long_line, said="partial")),
    Case("U17", "garbage, and no end", part(then(b"data: {not json\n\n"), said="partial")),
    Case("U18", "a limit", part(then(in_band(code=429)), said="partial")),
    Case("U19", "a key that is refused", part(then(in_band(type="authentication_error")), said="partial")),
    Case("U20", "a mistake of the caller's", part(then(in_band(code=400)), said="partial")),
    Case("U21", "an error of its own", part(then(in_band(code=500)), said="partial")),
    Case("U22", "a reset for everybody", part(Wire.reset, said="partial")),
    Case("U23", "a drip that stops", part(Wire.silence, said="partial")),
    Case("U24", "an event of another kind, and no end", part(then(b'data: {"object":"x"}\n\n'), said="partial")),
]
"""All of them streamed: a whole answer has no first delta after which something could happen."""

NOT_BEGUN = "there is no connection over which a delta could have come"
NO_FAULT = "it is no fault: the answer is read as it should be, see the tests below"
IMPOSSIBLE: Final[dict[tuple[str, str, str], str]] = {
    **{(row, AFTER, WHOLE): "a whole answer is checked before its first byte goes on" for row in ROWS},
    **{(row, AFTER, STREAM): NOT_BEGUN for row in ("U1", "U2", "U3", "U4")},
    ("U5", AFTER, STREAM): "silence after a delta is U6",
    ("U11", AFTER, STREAM): "an error that is not the first event is U12",
    ("U12", BEFORE, STREAM): "an error that is the first event is U11",
    ("U12", BEFORE, WHOLE): "a whole answer with an error is U11",
    ("U13", AFTER, STREAM): "what has said something is not empty",
    ("U16", BEFORE, WHOLE): "a whole answer has no lines; its size has a cap of its own (U23)",
    ("U17", BEFORE, STREAM): "garbage that the answer follows is passed over: " + NO_FAULT,
    ("U24", BEFORE, STREAM): NO_FAULT,
    **{(row, when, how): NO_FAULT for row in ("U14", "U15") for when in (BEFORE, AFTER) for how in (STREAM, WHOLE)},
}


def test_no_combination_is_forgotten() -> None:
    """Each row, before and after, streamed and whole, is played or cannot exist."""
    played = {(case.row, BEFORE, how) for case in CASES_BEFORE for how in case.hows}
    played |= {(case.row, AFTER, STREAM) for case in CASES_AFTER}
    assert played | set(IMPOSSIBLE) == set(itertools.product(ROWS, (BEFORE, AFTER), (STREAM, WHOLE)))
    assert not played & set(IMPOSSIBLE)


async def nobody(_host: str, _port: int, _family: socket.AddressFamily) -> Sequence[Any]:
    """Resolve nothing."""
    raise socket.gaierror(socket.EAI_NONAME, "nobody has that name")


@asynccontextmanager
async def before(case: Case, **rest: Any) -> AsyncIterator[Town]:
    """Open a town whose provider `bad` has the fault."""
    waits = SHORT_S if case.row in {"U5", "U6", "U23"} else LONG_S
    if case.script is not None:
        async with town(case.script, first_word_s=waits, idle_s=waits, **rest) as here:
            yield here
        return
    assert case.place is not None
    async with case.place() as url, town(url=url, lookup=nobody, **rest) as here:
        yield here


def named(case: Case) -> str:
    return f"{case.row} {case.name}"


@both_dialects
@pytest.mark.parametrize(
    ("case", "how"),
    [(case, how) for case in CASES_BEFORE for how in case.hows],
    ids=lambda value: str(getattr(value, "name", value)),
)
async def test_before_the_first_delta_somebody_else_answers(case: Case, how: str, is_decoding: bool) -> None:
    """Once, whole and without a word of the one that failed; a mistake of the caller's is told at once."""
    async with before(case, is_decoding=is_decoding) as here:
        outcome = await here.ask(here.call(stream=how == STREAM))
        if case.error is not None:
            assert type(outcome.error) is case.error
            assert here.requests("good") == 0
            assert here.runner.lifecycle.residencies["bad/m"].bad_answers == 0
            return
        assert outcome.error is None
        assert (outcome.model, outcome.text) == ("good/m", FINE)
        assert outcome.head is not None
        assert outcome.head.fallback[0].startswith("bad/m, ")
        assert here.requests("good") == 1
        if case.script is not None:
            assert here.requests("bad") == 1  # what was sent is not sent there again


@pytest.mark.parametrize("how", [STREAM, WHOLE])
@pytest.mark.parametrize("case", CASES_BEFORE, ids=named)
async def test_before_the_first_delta_who_named_it_alone_is_told(case: Case, how: str) -> None:
    """With a typed error, that model, and who could answer instead unless it is the caller's mistake."""
    if how not in case.hows:
        return
    async with before(case) as here:
        outcome = await here.ask(here.call(stream=how == STREAM, wishes=None if case.error else Wishes()))
        error = outcome.error
        assert error is not None
        assert outcome.head is None
        assert error.model == "bad/m"
        assert error.suggestion == (None if case.error else "good/m")


@both_dialects
@pytest.mark.parametrize("case", CASES_AFTER, ids=named)
async def test_after_the_first_delta_nothing_restarts(case: Case, is_decoding: bool) -> None:
    """What was said stays, the error says what broke it off, and nobody else is asked."""
    assert case.script is not None
    async with town(case.script, idle_s=SHORT_S, is_decoding=is_decoding) as here:
        outcome = await here.ask(here.call(stream=True))
        assert (outcome.model, outcome.text) == ("bad/m", "partial")
        went_by = b'"error"' in outcome.body  # an error event of the provider's own is the in-band error
        assert went_by or type(outcome.error) is StreamBroken
        assert (here.requests("bad"), here.requests("good")) == (1, 0)
        residency = here.runner.lifecycle.residencies["bad/m"]
        assert residency.bad_answers == (0 if case.row in {"U18", "U20"} else 1) or residency.state is ModelState.FAILED


# --- what is no fault ----------------------------------------------------------------------------------------------

GOOD: Final = delta_event(Delta(text="olá ")) + delta_event(Delta(text="世界🎼"))
END: Final = delta_event(Delta(finish=FinishReason.STOP)) + b"data: [DONE]\n\n"
TOLERATED: Final = [
    ("U14 split characters", faulty.pieces(GOOD + END, 1)),
    ("U14 split events", faulty.pieces(GOOD + END, 7)),
    ("U15 CRLF", faulty.pieces((GOOD + END).replace(b"\n", b"\r\n"), 5)),
    ("U15 comments", faulty.pieces(b": hello\n\n" + GOOD + b": still here\n\n" + END, 50)),
    ("U17 garbage first", faulty.pieces(b"data: {not json\n\n" + GOOD + END, 50)),
    ("U17 garbage between", faulty.pieces(GOOD + b"data: null\n\ndata: [1]\n\n" + END, 50)),
    ("U23 a second end", faulty.pieces(GOOD + END + b"data: [DONE]\n\n", 50)),
    (
        "U24 unknown fields",
        faulty.pieces(
            b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"x":1}}]}\n\n' + GOOD + END, 50
        ),
    ),
]


@both_dialects
@pytest.mark.parametrize(("name", "script"), TOLERATED, ids=[name for name, _ in TOLERATED])
async def test_what_is_no_fault_is_an_answer(name: str, script: Script, is_decoding: bool) -> None:
    """Read as the text on event streams says, whatever way it is cut."""
    async with town(script, is_decoding=is_decoding) as here:
        outcome = await here.ask(here.call(stream=True))
        assert outcome.error is None, name
        assert (outcome.model, outcome.text) == ("bad/m", "olá 世界🎼")


@pytest.mark.parametrize("script", [faulty.packed(), faulty.long_body], ids=["U23 gzip", "U23 more than promised"])
async def test_whole_answers_of_odd_shapes_are_answers(script: Script) -> None:
    """Unpacked, and without what was not promised."""
    async with town(script) as here:
        outcome = await here.ask(here.call(stream=False))
        assert outcome.error is None
        assert outcome.model == "bad/m"


# --- rows that are about many requests -----------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False], ids=[STREAM, WHOLE])
async def test_u19_a_refused_key_is_not_tried_again_by_who_has_others(stream: bool) -> None:
    """One 401 is enough."""
    async with town(faulty.status(401)) as here:
        for _ in range(3):
            assert (await here.ask(here.call(stream=stream))).model == "good/m"
        assert here.requests("bad") == 1


@pytest.mark.parametrize("stream", [True, False], ids=[STREAM, WHOLE])
async def test_u21_five_failures_in_a_row_eject_and_the_last_candidate_is_asked_all_the_same(stream: bool) -> None:
    """Before the first delta."""
    async with town(faulty.status(500)) as here:
        for _ in range(8):
            assert (await here.ask(here.call(stream=stream))).model == "good/m"
        assert here.requests("bad") == 5
        assert here.runner.lifecycle.residencies["bad/m"].state is ModelState.FAILED
        alone = await here.ask(here.call(stream=stream, wishes=Wishes()))
        assert type(alone.error) is UpstreamFailed
        assert here.requests("bad") == 6


async def test_u21_five_broken_streams_in_a_row_eject_as_well() -> None:
    """After the first delta."""
    async with town(part(Wire.reset, said="partial")) as here:
        for _ in range(5):
            assert type((await here.ask(here.call(stream=True))).error) is StreamBroken
        assert (await here.ask(here.call(stream=True))).model == "good/m"
        assert here.requests("bad") == 5


@pytest.mark.parametrize("stream", [True, False], ids=[STREAM, WHOLE])
async def test_u22_everything_fails_for_everybody_at_once(stream: bool) -> None:
    """At most 1.2 calls a request and 3; each caller learns what became of both candidates."""
    callers = 300
    async with town(faulty.status(503), good=[faulty.status(500)]) as here:
        ends = await asyncio.gather(*(here.ask(here.call(stream=stream)) for _ in range(callers)))
        assert all(end.error is not None and end.error.status == 503 for end in ends)
        assert all(end.error is not None and end.error.details["tried"] for end in ends)
        assert here.requests("bad") + here.requests("good") <= 1.2 * callers + 3


async def test_u22_broken_streams_are_one_call_each() -> None:
    """After the first delta there is nothing to multiply."""
    async with town(part(Wire.hang_up, said="partial")) as here:
        await asyncio.gather(*(here.ask(here.call(stream=True)) for _ in range(50)))
        assert here.requests("bad") <= 50
        assert here.requests("bad") + here.requests("good") == 50


async def test_content_that_a_provider_refuses_is_not_offered_to_the_next() -> None:
    """Rules on content are the caller's business: no fallback, no ejection."""
    body = {"error": {"message": "the content filter says no", "code": "content_filter", "type": "content"}}
    async with town(faulty.status(400, body)) as here:
        for _ in range(6):
            error = (await here.ask(here.call())).error
            assert isinstance(error, ContentRefused | UpstreamRejected)
        assert (here.requests("bad"), here.requests("good")) == (6, 0)
