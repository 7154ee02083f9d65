"""Streams of the family: looked at, mended, bridged."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from batuta.chat import sse
from batuta.chat.dialects import openai
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta, FinishReason, ToolCall, Usage
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.mending import Mender
from batuta.engines.openai_family.readers import Bridged, Mended, Watched, as_stream
from batuta.engines.openai_family.replies import Reader, Teller
from batuta.errors import (
    KeyInvalid,
    OutOfCredit,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
)

TELLER = Teller("acme", "acme/m", "", signs_of(""))
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def line(value: Any) -> bytes:
    return sse.encode(orjson.dumps(value))


def chunk(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    return line({"id": "1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more})


def watched(*, is_quiet: bool = False) -> Watched:
    return Watched(TELLER, is_quiet=is_quiet)


def mended(*, is_quiet: bool = False, is_noticing: bool = False) -> Mended:
    return Mended(Mender("m"), TELLER, is_quiet=is_quiet, is_noticing=is_noticing)


def deltas(data: bytes) -> list[Delta]:
    parser = SSEParser()
    read = (openai.decode_event(event.data) for event in [*parser.feed(data), *parser.close()])
    return [delta for delta in read if isinstance(delta, Delta)]


def run(reader: Reader, data: bytes, size: int = 1 << 20) -> bytes:
    return b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_bytes_of_an_exact_api_pass_as_they_are(size: int, newline: bytes) -> None:
    """Comments, spaces and line ends included, however they are cut."""
    given = b": hello\n\n" + chunk("one") + b"event: x\n" + chunk("two", "stop") + openai.DONE_EVENT
    given = given.replace(b"\n", newline)
    assert run(watched(), given, size) == given


def test_an_event_goes_on_as_soon_as_it_is_whole() -> None:
    """What is behind it waits for its own end; what has no end goes when the stream is over."""
    reader = watched()
    assert reader.feed(chunk("one") + b"data: {") == chunk("one")
    assert reader.feed(b"}\n\n") == b"data: {}\n\n"
    assert reader.feed(b"data: x") == b""
    assert reader.close() == b"data: x"
    crlf = b"data: {}\r\n\r\n"
    assert watched().feed(crlf + b"data: {") == crlf


@pytest.mark.parametrize("reader", [watched, mended])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_what_came_before_an_error_is_delivered(reader: Any, size: int) -> None:
    """The words first, then the error with its true cause."""
    it = reader()
    limited = line({"error": {"message": "slow down", "type": "rate_limit_error"}})
    assert [delta.text for delta in deltas(run(it, chunk("one") + limited + chunk("two"), size))] == ["one"]
    assert isinstance(it.error, UpstreamRateLimited)


@pytest.mark.parametrize("reader", [watched, mended])
def test_a_named_error_event_is_one(reader: Any) -> None:
    """Groq's has the name `error` and its status inside."""
    it = reader()
    it.feed(chunk("one"))
    it.feed(sse.encode(b'{"error":{"message":"gone","type":"internal_server_error","status_code":503}}', "error"))
    assert isinstance(it.error, UpstreamOverloaded)


@pytest.mark.parametrize("text", ['say "error" twice', '{"error": {"message": "no"}}', '"choices":[]'])
@pytest.mark.parametrize("reader", [watched, mended])
def test_words_about_errors_are_words(reader: Any, text: str) -> None:
    """What a model says is never taken for what its provider says."""
    it = reader(is_quiet=True)
    assert "".join(delta.text for delta in deltas(run(it, chunk(text) + chunk("", "stop")))) == text
    assert it.error is None


@pytest.mark.parametrize("reader", [watched, mended])
@pytest.mark.parametrize("is_quiet", [True, False])
def test_token_counts_that_nobody_asked_for_come_with_a_choice(reader: Any, is_quiet: bool) -> None:
    """A client that has never seen an event without choices does not fall over one."""
    out = run(reader(is_quiet=is_quiet), chunk("x", "stop") + line({"choices": [], "usage": USAGE}))
    parser = SSEParser()
    last = [orjson.loads(event.data) for event in parser.feed(out) if event.data != b"[DONE]"][-1]
    assert last["usage"] == USAGE
    assert bool(last["choices"]) is is_quiet


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    """Above a mebibyte it is an error."""
    it = watched()
    for _ in range(17):
        it.feed(b"x" * 65536)
    assert isinstance(it.error, UpstreamFailed)


def test_a_good_end_without_its_mark_gets_one() -> None:
    """And only a good one: a stream that just stops stays without."""
    assert run(mended(), chunk("x", "stop")).endswith(openai.DONE_EVENT)
    assert not run(mended(), chunk("x")).endswith(openai.DONE_EVENT)
    assert run(mended(), chunk("x", "stop") + openai.DONE_EVENT * 2).count(b"[DONE]") == 1


def test_garbage_between_good_events_is_passed_over() -> None:
    """What is no JSON, and what is none of an object."""
    given = chunk("a") + b"data: {nonsense\n\ndata: [1]\n\n" + chunk("b", "stop")
    assert "".join(delta.text for delta in deltas(run(mended(), given))) == "ab"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["You have used all your credits. ", "See https://www.genspark.ai/pricing"], OutOfCredit),
        (["Your account is ", "not permitted to use this service."], KeyInvalid),
    ],
)
@pytest.mark.parametrize("has_end", [True, False])
def test_a_notice_is_no_answer(words: list[str], error: type[Exception], has_end: bool) -> None:
    """Not one byte of it goes out, so another candidate may be tried."""
    it = mended(is_noticing=True)
    end = chunk("", "stop") + openai.DONE_EVENT if has_end else chunk("", "stop")
    assert run(it, b"".join(map(chunk, words)) + end) == b""
    assert isinstance(it.error, error)


@pytest.mark.parametrize("text", ["Good day. " * 40, "Your account of the war is good.", "Credits go to the author."])
def test_an_answer_is_no_notice(text: str) -> None:
    """It is held for a moment and then goes out whole."""
    it = mended(is_noticing=True)
    given = b"".join(map(chunk, text.split(" "))) + chunk("", "stop")
    assert "".join(delta.text for delta in deltas(run(it, given))) == text.replace(" ", "")
    assert it.error is None


@pytest.mark.parametrize(
    "delta",
    [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]},
        {"reasoning_content": "hm"},
    ],
    ids=["call", "thought"],
)
def test_what_no_notice_has_is_not_held(delta: dict[str, Any]) -> None:
    """Who calls functions or thinks is a model."""
    assert mended(is_noticing=True).feed(line({"choices": [{"index": 0, "delta": delta}]}))


# --- the bridge ------------------------------------------------------------------------------------------------------


def response(kind: str, **fields: Any) -> bytes:
    return sse.encode(orjson.dumps({"type": kind, **fields}), kind)


def bridged(*, is_quiet: bool = False) -> Bridged:
    return Bridged(model="gpt-x", created=7, teller=TELLER, is_quiet=is_quiet)


END = response(
    "response.completed",
    response={"status": "completed", "model": "gpt-x-1", "usage": {"input_tokens": 14, "output_tokens": 9}},
)


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_a_stream_of_responses_is_told_as_chat(size: int) -> None:
    """Words, calls, an end, usage and OpenAI's end mark; the first event names the role."""
    item = {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": ""}
    given = (
        response("response.created", response={"status": "in_progress"})
        + response("response.output_text.delta", delta="I will")
        + response("response.output_item.added", output_index=1, item=item)
        + response("response.function_call_arguments.delta", output_index=1, delta='{"a":1}')
        + response("response.function_call_arguments.done", output_index=1, arguments='{"a":1}')
        + END
    )
    out = run(bridged(), given, size)
    assert out.endswith(openai.DONE_EVENT)
    assert b'"role":"assistant"' in out.split(b"\n\n")[0]
    read = deltas(out)
    assert "".join(delta.text for delta in read) == "I will"
    assert [call for delta in read for call in delta.tool_calls] == [
        ToolCall(0, "call_a", "f", ""),
        ToolCall(0, None, None, '{"a":1}'),
    ]
    assert [delta.finish for delta in read if delta.finish] == [FinishReason.TOOL_CALLS]
    assert read[-1].usage == Usage(14, 9)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (b"", UpstreamFailed),
        (response("response.output_text.delta", delta="x"), StreamBroken),
        (response("response.failed", response={"error": {"code": "server_error", "message": "no"}}), UpstreamFailed),
        (response("error", code="rate_limit_exceeded", message="no"), UpstreamRateLimited),
    ],
    ids=["empty", "cut", "failed", "error"],
)
def test_a_stream_of_responses_without_its_end_is_an_error(given: bytes, error: type[Exception]) -> None:
    """Nothing ends well that does not say so."""
    it = bridged()
    assert openai.DONE_EVENT not in run(it, given)
    assert isinstance(it.error, error)


def test_the_bridge_is_quiet_too() -> None:
    """Token counts that nobody asked for come with a choice."""
    out = run(bridged(is_quiet=True), response("response.output_text.delta", delta="x") + END)
    assert b'"choices":[]' not in out
    assert deltas(out)[-1].usage == Usage(14, 9)


# --- a whole answer as a stream --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_whole_answer_is_told_as_a_stream(is_quiet: bool) -> None:
    """For a caller who asked for one and an API that did not listen: every word, call, end and count."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choice = {"index": 0, "message": {"role": "assistant", "content": "x", "tool_calls": [call]}}
    body = {"id": "1", "choices": [{**choice, "finish_reason": "tool_calls"}], "usage": USAGE, "provider": "P"}
    out = as_stream(body, is_quiet=is_quiet)
    assert out.endswith(openai.DONE_EVENT)
    assert out.count(b'"provider":"P"') == 3
    assert b'"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"},"index":0}]' in out
    read = deltas(out)
    assert (read[0].text, read[0].tool_calls) == ("x", (ToolCall(0, "a", "f", "{}"),))
    assert (read[1].finish, read[2].usage) == (FinishReason.TOOL_CALLS, Usage(1, 2))
