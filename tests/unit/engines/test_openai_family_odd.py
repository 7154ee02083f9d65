"""The family's odd cases: values of no type that a field should have, and answers that leave out what others have."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from batuta.catalog.external import TABLE
from batuta.chat import sse
from batuta.chat.dialects import openai
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta, FinishReason
from batuta.engines.openai_family import body
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.mending import Mender, error_in
from batuta.engines.openai_family.quirks import UNKNOWN, Quirks, read_quirks
from batuta.engines.openai_family.readers import Bridged, Mended, Watched, as_stream
from batuta.engines.openai_family.replies import Reader, Teller
from batuta.errors import BadRequest, UpstreamFailed, UpstreamRateLimited
from tests.support.odd import with_odd

TELLER = Teller("acme", "acme/m", "", signs_of(""))
CALL = {"id": "c", "index": 0, "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "4"},
        {"role": "assistant", "content": "On"},
    ],
    "reasoning_effort": "low",
    "temperature": 1,
    "n": 1,
    "modalities": ["text"],
    "thinking": {"type": "enabled"},
    "stream_options": {"include_usage": True},
    "tools": [],
    "tool_choice": "none",
    "max_tokens": 5,
    "presence_penalty": 1,
}
SAID: dict[str, Any] = {
    "id": "i",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": [{"text": "t"}]}, {"type": "text", "text": "x"}],
                "tool_calls": [CALL],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1},
}
APIS = {api.id: read_quirks(api.quirks, where=api.id) for api in TABLE if api.dialect == "openai"} | {"any": UNKNOWN}


def mended() -> Mended:
    return Mended(Mender("m"), TELLER, is_quiet=False, is_noticing=False)


def watched() -> Watched:
    return Watched(TELLER, is_quiet=False)


def line(value: Any) -> bytes:
    return sse.encode(orjson.dumps(value))


def deltas(data: bytes) -> list[Delta]:
    read = (openai.decode_event(event.data) for event in SSEParser().feed(data))
    return [delta for delta in read if isinstance(delta, Delta)]


@pytest.mark.parametrize("quirks", APIS.values(), ids=APIS)
def test_whatever_is_asked_is_written_or_refused(quirks: Quirks) -> None:
    """No value of a field is so odd that it becomes an error of Batuta's own."""
    flags = {"sampling": "resting", "responses": "tools"}
    for asked in with_odd(ASKED):
        try:
            fields = body.read_fields(orjson.dumps(asked))
            body.needs_responses(fields, flags)
            body.with_usage(fields)
            body.write_fields(body.fields_for(body.CHAT, fields, quirks, flags))
        except BadRequest as refused:
            assert refused.message  # noqa: PT017  # both ends are good


def test_whatever_is_answered_is_told() -> None:
    """Whole, as a stream, and as an event."""
    for said in with_odd(SAID):
        if not isinstance(said, dict) or error_in(said) is not None:
            continue
        event = orjson.loads(orjson.dumps(said).replace(b'"message"', b'"delta"'))
        as_stream(Mender("m").whole(said), is_quiet=True)
        mended().feed(line(event) * 2)


@pytest.mark.parametrize(
    ("choice", "finish"),
    [
        ({"message": {"content": "x"}}, FinishReason.STOP),
        ({"message": {"content": "x"}, "finish_reason": None}, FinishReason.STOP),
        ({"message": {"tool_calls": [CALL]}}, FinishReason.TOOL_CALLS),
    ],
)
def test_a_whole_answer_may_say_nothing_of_its_end(choice: dict[str, Any], finish: FinishReason) -> None:
    """It is whole: it ended by itself. So it is told, also as a stream; what is no choice is none."""
    whole = Mender("m").whole(orjson.loads(orjson.dumps({"choices": [choice, None, "x"]})))
    assert [each["finish_reason"] for each in whole["choices"]] == [finish]
    assert [delta.finish for delta in deltas(as_stream(whole, is_quiet=False)) if delta.finish] == [finish]


@pytest.mark.parametrize(
    ("delta", "finish"),
    [({"content": "x"}, [FinishReason.STOP]), ({"tool_calls": [CALL]}, [FinishReason.TOOL_CALLS])],
)
def test_a_stream_that_says_only_that_it_is_done_gets_a_finish(delta: Any, finish: list[FinishReason]) -> None:
    """Clients wait for a reason; one that is there is not said twice, and without a word there is none."""
    end = openai.DONE_EVENT
    words = line({"choices": [{"delta": delta, "finish_reason": None}]})
    assert [each.finish for each in deltas(mended().feed(words + end)) if each.finish] == finish
    said = line({"choices": [{"delta": delta, "finish_reason": "length"}]})
    assert [each.finish for each in deltas(mended().feed(said + end)) if each.finish] == [FinishReason.LENGTH]
    assert mended().feed(end) == end


@pytest.mark.parametrize("reader", [watched, mended])
@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(
    ("event", "error"),
    [
        (
            b'data: [{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}]\n\n',
            UpstreamRateLimited,
        ),
        (b'event: error\ndata: {"type":"server_error","code":null}\n\n', UpstreamFailed),
        (b"event:error\r\ndata: gone\r\n\r\n", UpstreamFailed),
    ],
    ids=["Google's list", "an event by its name", "and nothing in it"],
)
def test_an_error_is_seen_in_each_form(reader: Any, size: int, event: bytes, error: type[Exception]) -> None:
    """Not one is passed on as an answer, nor passed over."""
    it: Reader = reader()
    out = b"".join(it.feed(event[at : at + size]) for at in range(0, len(event), size)) + it.close()
    assert out == b""
    assert isinstance(it.error, error)


def test_all_calls_may_be_told_to_have_the_same_place() -> None:
    """A new id at a place that is taken begins the next call, and what follows there goes on with it."""
    mender = Mender("m")
    pieces = [
        {**CALL, "id": "a", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": "{}"}},
        {**CALL, "id": "b", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "function": {"arguments": "[]"}},
        {"index": 0, "id": "a", "function": {"arguments": " "}},
    ]
    events = (mender.event({"choices": [{"delta": {"tool_calls": [piece]}}]}) for piece in pieces)
    assert [event["choices"][0]["delta"]["tool_calls"][0]["index"] for event in events] == [0, 0, 1, 1, 0]


def test_a_place_that_is_told_stays() -> None:
    """Whichever call comes first."""
    mender = Mender("m")
    pieces = [{**CALL, "index": 1, "id": "b"}, {**CALL, "index": 0, "id": "a"}, {**CALL, "index": 1, "id": "b"}]
    events = (mender.event({"choices": [{"delta": {"tool_calls": [piece]}}]}) for piece in pieces)
    assert [event["choices"][0]["delta"]["tool_calls"][0]["index"] for event in events] == [1, 0, 1]


def test_what_the_responses_api_repeats_may_be_long() -> None:
    """Its first events repeat the instructions, its last one the whole answer."""
    reader = Bridged(model="m", created=1, teller=TELLER, is_quiet=False)
    out = reader.feed(line({"type": "response.created", "response": {"instructions": "x" * 2_000_000}}))
    out += reader.feed(line({"type": "response.output_text.delta", "delta": "hi"}))
    assert [delta.text for delta in deltas(out)] == ["hi"]


# --- requests --------------------------------------------------------------------------------------------------------


def sent(api: str, **fields: Any) -> dict[str, Any]:
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    out = body.fields_for(body.CHAT, body.read_fields(orjson.dumps(asked)), APIS[api], {})
    read: dict[str, Any] = orjson.loads(body.write_fields(out))
    return read


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("cohere", {"n": 2}),
        ("perplexity", {"n": 2}),
        ("cohere", {"modalities": ["text", "audio"]}),
        ("mistral", {"modalities": ["audio"]}),
    ],
)
def test_more_than_one_answer_in_words_is_refused_where_it_is_not_known(api: str, fields: dict[str, Any]) -> None:
    """Half of what was asked for is not passed off as all of it."""
    with pytest.raises(BadRequest) as refused:
        sent(api, **fields)
    assert refused.value.details == {"param": next(iter(fields))}
    assert not fields.keys() & sent(api, n=1, modalities=["text"]).keys() - {"n"}
    assert sent("openai", **fields).items() >= fields.items()


def test_no_limit_is_no_field() -> None:
    """-1 is llama-server's word, and goes on where one may be: at an address nobody has described."""
    assert "max_completion_tokens" not in sent("openai", max_tokens=-1)
    assert "max_tokens" not in sent("mistral", max_completion_tokens=-1)
    assert sent("any", max_tokens=-1)["max_tokens"] == -1


@pytest.mark.parametrize("calls", [None, []])
def test_an_answer_without_calls_is_gone_on_with(calls: Any) -> None:
    """Clients write an empty list of calls, or null, where there are none."""
    (message,) = sent("mistral", messages=[{"role": "assistant", "content": "On", "tool_calls": calls}])["messages"]
    assert message["prefix"] is True


@pytest.mark.parametrize(
    ("wanted", "known", "expected"),
    [
        ("none", {"low", "high"}, "low"),
        ("medium", {"low", "high"}, "low"),
        ("max", {"low", "high"}, "high"),
        ("low", {"low", "high"}, "low"),
        ("odd", {"low"}, "odd"),
        ("low", set(), "low"),
    ],
)
def test_an_effort_is_one_that_the_model_knows(wanted: str, known: set[str], expected: str) -> None:
    """The next below, else its lowest; a word that is none is the API's to refuse."""
    fields = body.with_known_effort(body.read_fields(orjson.dumps({"reasoning_effort": wanted})), known)
    assert body.value_of(fields, "reasoning_effort") == expected
