"""OpenAI's requests and Ollama's answers say the same before and after the translation."""

from __future__ import annotations

import base64
import itertools
import struct
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.chat.sse import SSEParser
from batuta.engines.ollama import dialect
from batuta.engines.ollama.dialect import Answer, native_body
from batuta.errors import BadRequest, UpstreamFailed, UpstreamUnreachable
from tests.support.openai_spec import check

FRAME = {"options": {"num_ctx": 512}, "keep_alive": -1}
LAST = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2, "eval_duration": 4_000_000}


def chat(**fields: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return native_body("chat/completions", body, stream=bool(fields.get("stream")), frame=FRAME)


def answer(path: str = "chat/completions", **options: Any) -> Answer:
    return Answer(path, model="m", answer_id="a1", created=7, where="here", **options)


def line(**fields: Any) -> bytes:
    return orjson.dumps({"model": "m", "created_at": "x", "done": False, **fields}) + b"\n"


def events(data: bytes) -> list[Any]:
    parser = SSEParser()
    found = [event.data for event in [*parser.feed(data), *parser.close()]]
    return [data.decode() if data == b"[DONE]" else orjson.loads(data) for data in found]


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_chat_carries_how_the_model_is_loaded() -> None:
    """Every call names the context and that the model is to stay; nothing is made up that was not asked."""
    assert chat() == {
        "model": "m",
        "keep_alive": -1,
        "options": {"num_ctx": 512},
        "stream": False,
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_sampling_becomes_options_and_the_load_stays() -> None:
    """Fields get Ollama's names; a caller's own options pass, except those that would load the model anew."""
    given_options = {"num_ctx": 99999, "num_gpu": 0, "mirostat": 1}
    native = chat(temperature=0, max_tokens=5, stop="x", seed=1, top_k=3, options=given_options, keep_alive=0)
    assert native["options"] == {
        "num_ctx": 512,
        "temperature": 0,
        "num_predict": 5,
        "stop": ["x"],
        "seed": 1,
        "top_k": 3,
        "mirostat": 1,
    }
    assert native["keep_alive"] == -1
    assert chat(max_completion_tokens=9, max_tokens=5)["options"]["num_predict"] == 9
    assert chat(max_completion_tokens=None, max_tokens=5)["options"]["num_predict"] == 5


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({"response_format": {"type": "json_object"}}, "format", "json"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}}}, "format", {"a": 1}),
        ({"response_format": {"type": "text"}}, "format", None),
        ({"reasoning_effort": "none"}, "think", False),
        ({"reasoning_effort": "minimal"}, "think", "low"),
        ({"reasoning": {"effort": "xhigh"}}, "think", "high"),
        ({"think": True, "reasoning_effort": "low"}, "think", True),
        ({"logprobs": True, "top_logprobs": 2}, "top_logprobs", 2),
        ({"tools": [{"type": "function"}]}, "tools", [{"type": "function"}]),
        ({"tools": [{"type": "function"}], "tool_choice": "none"}, "tools", None),
        ({"truncate": False}, "truncate", False),
    ],
)
def test_wishes_get_ollamas_names(fields: dict[str, Any], name: str, expected: Any) -> None:
    """Formats, efforts, tools and log probabilities are translated; what is not asked stays away."""
    assert chat(**fields).get(name) == expected


def test_a_conversation_with_tools_and_images_is_translated() -> None:
    """Arguments become objects, an answer of a tool gets its function's name, images lose their wrapping."""
    messages = [
        {"role": "developer", "content": "be short"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "text", "text": "this?"},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
    ]
    assert chat(messages=messages)["messages"] == [
        {"role": "system", "content": "be short"},
        {"role": "user", "content": "what is\nthis?", "images": ["QUJD"]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"a": 1}}}],
            "thinking": "hm",
        },
        {"role": "tool", "content": "a cat", "tool_call_id": "c1", "tool_name": "look"},
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
        (
            "chat/completions",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}
                ]
            },
        ),
        (
            "chat/completions",
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
        ),
        ("completions", {"prompt": ["a", "b"]}),
        ("embeddings", {"input": [[1, 2]]}),
        ("embeddings", {}),
        ("chat/completions", {"messages": "hi"}),
        ("chat/completions", {"messages": ["hi"]}),
        ("chat/completions", {}),
        ("chat/completions", {"messages": [{"content": "hi"}]}),
        ("chat/completions", {"messages": [{"role": "user", "content": ["hi"]}]}),
        ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
        ("chat/completions", {"messages": [{"role": "assistant", "tool_calls": 1}]}),
        ("chat/completions", {"messages": [{"role": "assistant", "tool_calls": [{"function": "f"}]}]}),
    ],
    ids=str,
)
def test_what_ollama_has_no_words_for_is_refused(path: str, body: dict[str, Any]) -> None:
    """The caller hears what does not go, before anybody is asked."""
    with pytest.raises(BadRequest):
        native_body(path, {"model": "m", **body}, stream=False, frame=FRAME)


def test_completions_and_embeddings_are_translated() -> None:
    """A prompt goes to generate, texts go to embed, with the same frame."""
    native = native_body("completions", {"model": "m", "prompt": ["a"], "logprobs": 2}, stream=True, frame=FRAME)
    assert (native["prompt"], native["stream"], native["logprobs"], native["top_logprobs"]) == ("a", True, True, 2)
    wishes = {"dimensions": 4, "truncate": False}
    native = native_body("embeddings", {"model": "m", "input": ["a"], **wishes}, stream=False, frame=FRAME)
    assert native == {"model": "m", **FRAME, "input": ["a"], **wishes}


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_stream_becomes_events() -> None:
    """Role first, thinking and text apart, then the finish with its figures, the counts, and the marker."""
    data = (
        line(message={"role": "assistant", "content": "", "thinking": "hm"})
        + line(message={"role": "assistant", "content": "hi"})
        + line(message={"role": "assistant", "content": ""}, **LAST)
    )
    first, second, finish, counts, marker = events(answer(with_usage=True).feed(data))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "reasoning_content": "hm"}
    assert second["choices"][0]["delta"] == {"content": "hi"}
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["timings"] == {"prompt_n": 3, "prompt_ms": 0.0, "predicted_n": 2, "predicted_ms": 4.0}
    assert counts["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert marker == "[DONE]"
    for event in (first, second, finish, counts):
        check(event, "CreateChatCompletionStreamResponse")


def test_calls_of_tools_get_numbers_and_ids() -> None:
    """Older versions give no ids and number each call zero; ours differ, and the finish says that a tool is called."""
    call = {"function": {"index": 0, "name": "f", "arguments": {"b": 1, "a": 2}}}
    data = line(message={"content": "", "tool_calls": [call]}) + line(message={"content": "", "tool_calls": [call]})
    first, second, finish, _ = events(answer().feed(data + line(message={"content": ""}, **LAST)))
    (one,), (two,) = first["choices"][0]["delta"]["tool_calls"], second["choices"][0]["delta"]["tool_calls"]
    assert one["function"]["arguments"] == '{"b":1,"a":2}'
    assert (one["index"], two["index"]) == (0, 1)
    assert one["id"] != two["id"]
    assert finish["choices"][0]["finish_reason"] == "tool_calls"


def test_an_error_in_the_middle_is_an_event() -> None:
    """Ollama's last line becomes an error as OpenAI writes it."""
    (event,) = events(answer().feed(orjson.dumps({"error": "it died"}) + b"\n"))
    assert event["error"]["message"] == "it died"


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    """Memory is not filled, nor time spent, on what nobody could use."""
    decoder, half = answer(), b"x" * (512 * 1024)
    assert decoder.feed(half) == decoder.feed(half) == b""
    with pytest.raises(UpstreamFailed, match="more than Batuta takes"):
        decoder.feed(b"x")


def test_whole_answers_have_the_official_shape() -> None:
    """Chats and completions fit OpenAI's specification."""
    said = {"model": "m:latest", "message": {"role": "assistant", "content": "hi"}, **LAST, "done_reason": "length"}
    body = answer().whole(said)
    assert body["choices"][0]["finish_reason"] == "length"
    check(body, "CreateChatCompletionResponse")
    call = {"id": "c", "function": {"name": "f", "arguments": {}}}
    body = answer().whole({**said, "done_reason": "stop", "message": {"content": "", "tool_calls": [call]}})
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    check(body, "CreateChatCompletionResponse")
    body = answer("completions").whole({"model": "m", "response": "hi", **LAST})
    assert body["choices"][0]["text"] == "hi"
    check(body, "CreateCompletionResponse")


def test_log_probabilities_keep_their_place() -> None:
    """What Ollama tells of a token's chances is where OpenAI's clients look for it."""
    told = [{"token": "hi", "logprob": -0.5, "bytes": [104], "top_logprobs": []}]
    said = {"model": "m", "message": {"content": "hi"}, "logprobs": told, **LAST}
    assert answer().whole(said)["choices"][0]["logprobs"] == {"content": told, "refusal": None}


def test_embeddings_come_as_numbers_or_packed() -> None:
    """Both encodings hold the same vectors; anything else is no answer."""
    said = {"model": "m", "embeddings": [[0.5, -1.0]], "prompt_eval_count": 2}
    plain = dialect.embeddings(said, model="m", encoding="float")
    assert plain is not None
    check(plain, "CreateEmbeddingResponse")
    packed = dialect.embeddings(said, model="m", encoding="base64")
    assert packed is not None
    assert struct.unpack("<2f", base64.b64decode(packed["data"][0]["embedding"])) == (0.5, -1.0)
    assert dialect.embeddings({"embedding": [1.0]}, model="m", encoding="float") is None


def test_an_answer_of_another_model_is_none() -> None:
    """Who answers has to be who was asked."""
    with pytest.raises(UpstreamUnreachable, match="let another model answer"):
        answer().feed(line(model="other", message={"content": "hi"}))
    with pytest.raises(UpstreamUnreachable):
        answer().whole({"model": "other", "message": {"content": "hi"}, **LAST})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=6))
def test_the_split_of_bytes_changes_nothing(cuts: list[int]) -> None:
    """However the network cuts the lines, and without a last line's end, the events are the same."""
    data = line(message={"content": "é ü"}) + b"garbage\n[]\n" + line(message={"content": "ñ"}) + line(**LAST)
    whole = answer().feed(data)
    decoder, edges = answer(), [0, *sorted(min(cut, len(data) - 1) for cut in cuts), len(data) - 1]
    pieces = [decoder.feed(data[start:end]) for start, end in itertools.pairwise(edges)]
    assert b"".join(pieces) + decoder.close() == whole


JUNK: list[Any] = [None, True, -1, 0.5, 2**63, "", "x", [], [None], [[]], [{}], {}, {"a": 1}, [1, "x"]]


@pytest.mark.parametrize("junk", JUNK, ids=str)
def test_whatever_a_caller_sends_is_translated_or_refused(junk: Any) -> None:
    """No field of any kind, wherever it is, is an error of ours."""
    fields = [*dialect.OPTIONS, *dialect.AS_THEY_ARE, "stop", "tools", "max_tokens", "prompt", "input", "options"]
    bodies = [{name: junk} for name in [*fields, "messages", "response_format", "reasoning", "dimensions"]]
    keys = ("role", "content", "name", "thinking", "tool_calls", "tool_call_id", "reasoning")
    messages = [{"role": "user", key: junk} for key in keys]
    messages += [
        {"role": "user", "content": [part]} for part in ({"type": junk}, {"type": "image_url", "image_url": junk})
    ]
    calls = [{"function": junk}, {"id": junk, "function": {"name": junk, "arguments": junk}}]
    messages += [{"role": "assistant", "tool_calls": [call]} for call in calls]
    bodies += [{"messages": [message]} for message in messages]
    for path, body in itertools.product(dialect.PATHS, bodies):
        with suppress(BadRequest):
            given = {"model": "m", "prompt": "x", "input": "x", "messages": [], **body}
            assert orjson.dumps(native_body(path, given, stream=True, frame=FRAME))


@pytest.mark.parametrize("junk", JUNK, ids=str)
def test_whatever_ollama_says_is_read_or_skipped(junk: Any) -> None:
    """No line with anything in it, as a whole answer or in a stream, is an error of ours."""
    lines = [{**LAST, name: junk} for name in ("message", "response", "logprobs", "prompt_eval_duration", *LAST)]
    messages = [{name: junk} for name in ("content", "thinking", "tool_calls")]
    messages += [{"tool_calls": [{"id": junk, "function": function}]} for function in (junk, {"name": junk})]
    lines += [{**LAST, "message": message} for message in messages]
    for path, said in itertools.product(("chat/completions", "completions"), lines):
        assert answer(path).whole({"model": "m", **said})["usage"]["total_tokens"] >= 0
        answer(path).feed(orjson.dumps({"model": "m", **said}) + b"\n")
    for vectors, encoding in itertools.product((junk, [junk], [[junk]]), ("float", "base64")):
        dialect.embeddings({"embeddings": vectors, "prompt_eval_count": junk}, model="m", encoding=encoding)
