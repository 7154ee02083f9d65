"""Gemini's answers become the same deltas whether they came whole or in pieces; bad ends are told apart."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.chat.dialects import gemini, openai
from batuta.chat.dialects.gemini import ErrorBody, Failed, Reader, Refused
from batuta.chat.dialects.gemini_turns import signature_of, turns
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta, FinishReason, Usage
from tests.support.openai_spec import check
from tools.check_tree import ROOT

GOLDEN = sorted((ROOT / "tests/golden/gemini/answers").glob("*.json"))
HEAD: dict[str, Any] = {"answer_id": "chatcmpl-1", "model": "m", "created": 1}


def reader() -> Reader:
    numbers = itertools.count(1)
    return Reader(lambda: f"call_made_{next(numbers)}")


def piece(*parts: dict[str, Any], finish: str | None = None, **rest: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, **({"finishReason": finish} if finish else {})}
    return {"candidates": [candidate], **rest}


def read(*pieces: Any) -> list[Any]:
    one = reader()
    return [said for given in pieces if (said := one.read(given)) is not None]


def merged(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a stream's pieces as generateContent gives them at once."""
    parts = [part for each in pieces for part in each["candidates"][0].get("content", {}).get("parts", [])]
    last = pieces[-1]
    return {**last, "candidates": [{**last["candidates"][0], "content": {"role": "model", "parts": parts}}]}


def events(deltas: list[Delta]) -> list[Any]:
    parser = SSEParser()
    encoded = (openai.encode_delta(delta, **HEAD, is_first=not n) for n, delta in enumerate(deltas))
    return [orjson.loads(event.data) for data in encoded for event in parser.feed(data)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_answer_reads_as_written(path: Path) -> None:
    """Each file's pieces become its events of OpenAI's stream, and the same pieces at once its whole answer."""
    golden = orjson.loads(path.read_bytes())
    streamed = read(*golden["pieces"])
    assert events(streamed) == golden["events"], golden["what"]
    assert openai.encode_completion(streamed, **HEAD) == golden["completion"]
    assert openai.encode_completion(read(merged(golden["pieces"])), **HEAD) == golden["completion"]


def test_what_golden_answers_become_has_openais_shape() -> None:
    """Events and whole answers have the shape of OpenAI's own specification."""
    for path in GOLDEN:
        golden = orjson.loads(path.read_bytes())
        for event in golden["events"]:
            check(event, "CreateChatCompletionStreamResponse")
        message = golden["completion"]["choices"][0]["message"]
        check(
            golden["completion"]
            | {"choices": [{**golden["completion"]["choices"][0], "message": message | {"refusal": None}}]},
            "CreateChatCompletionResponse",
        )


def test_a_signature_comes_back_to_its_call() -> None:
    """What a client keeps of a stream or of a whole answer, sent back, puts the signature on the very call."""
    golden = orjson.loads((ROOT / "tests/golden/gemini/answers/parallel_calls.json").read_bytes())
    whole = golden["completion"]["choices"][0]["message"]
    [streamed] = [event["choices"][0]["delta"] for event in golden["events"][:1]]
    for message in (whole, streamed):
        request = openai.parse_chat({"model": "m", "messages": [{"content": None, **message, "role": "assistant"}]})
        assert [signature_of(call.extra) for call in request.messages[0].tool_calls] == ["U0lH", ""]
        [turn] = turns(request.messages)
        assert [part.get("thoughtSignature") for part in turn["parts"] if "functionCall" in part] == ["U0lH", None]


@pytest.mark.parametrize("reason", sorted(gemini.REFUSALS))
def test_rules_on_content_refuse_before_the_first_word_and_end_after_it(reason: str) -> None:
    """Nothing said: the question is refused. Something said: it stays, and the finish tells."""
    assert read(piece(finish=reason)) == [Refused(reason)]
    assert read(piece({"text": "x"}, finish=reason))[0].finish is FinishReason.CONTENT_FILTER
    assert read(piece({"text": "x"}), piece(finish=reason))[-1].finish is FinishReason.CONTENT_FILTER


@pytest.mark.parametrize("reason", sorted(gemini.FAILURES))
def test_a_bad_end_is_a_failure_whatever_was_said(reason: str) -> None:
    """Half an answer is not passed off as a whole one."""
    assert read(
        piece(
            finish=reason,
        )
    ) == [Failed(reason)]
    assert read(piece({"text": "x"}), piece(finish=reason))[-1] == Failed(reason)


def test_a_question_that_was_blocked_says_so() -> None:
    """A prompt feedback without candidates is a refusal, with Gemini's own word."""
    said = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}
    assert read(said) == [Refused("PROHIBITED_CONTENT")]


def test_a_reason_that_nobody_knows_ends_what_has_words() -> None:
    """A new finishReason is an end where there is an answer, and a failure where there is none."""
    assert read(piece({"text": "x"}, finish="CONTINUATION"))[0].finish is FinishReason.STOP
    assert read(piece(finish="CONTINUATION")) == [Failed("CONTINUATION")]


def test_a_picture_alone_is_no_silent_answer() -> None:
    """What cannot be passed on is told, unless there are words beside it."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    [failed] = read(piece(picture, finish="STOP"))
    assert isinstance(failed, Failed)
    assert "picture" in failed.message
    assert read(piece({"text": "here"}, picture, finish="STOP"))[0].text == "here"


def test_calls_cut_by_the_limit_end_with_length() -> None:
    """A limit that was reached is told even where there are calls."""
    assert read(piece({"functionCall": {"name": "f"}}, finish="MAX_TOKENS"))[0].finish is FinishReason.LENGTH


def test_calls_are_counted_over_all_pieces_and_keep_their_ids() -> None:
    """The second piece's call is the second call; an id that Gemini gave stays."""
    first, second = read(
        piece({"functionCall": {"id": "mine", "name": "f"}}), piece({"functionCall": {"name": "g", "args": {"b": [1]}}})
    )
    assert (first.tool_calls[0].index, first.tool_calls[0].id, first.tool_calls[0].arguments) == (0, "mine", "{}")
    assert (second.tool_calls[0].index, second.tool_calls[0].arguments) == (1, '{"b":[1]}')


def test_after_the_end_only_counts_that_were_not_told_matter() -> None:
    """Words and errors after the finish are ignored; late counts are not."""
    end = piece({"text": "x"}, finish="STOP")
    late = {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}}
    assert [delta.usage for delta in read(end, piece({"text": "y"}), {"error": {"code": 500}}, late, late)] == [
        None,
        Usage(1, 2),
    ]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"error": {"code": 503, "message": "m"}}, 503),
        ([{"error": {"code": 429}}], 429),
        ({"error": {"message": "m"}}, 500),
        ({"error": "text"}, 500),
    ],
)
def test_an_error_is_found_in_each_form(said: Any, status: int) -> None:
    """Alone, in a list, with or without a status."""
    [error] = read(said)
    assert isinstance(error, ErrorBody)
    assert error.status == status
    assert error.body["error"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["candidates", "content", "parts", "text", "functionCall", "finishReason", "usageMetadata", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, max_size=3))
def test_no_json_breaks_the_reader(pieces: list[Any]) -> None:
    """Whatever a backend sends, reading it returns something of ours."""
    for said in read(*pieces):
        assert isinstance(said, Delta | Refused | Failed | ErrorBody)


@pytest.mark.parametrize(
    "said",
    [None, [], {}, {"embeddings": {}}, {"embeddings": [{"values": ["x"]}]}, {"embeddings": [{}]}, {"embeddings": [1]}],
)
def test_what_is_no_embedding_is_none(said: Any) -> None:
    """Other JSON is no answer."""
    assert gemini.decode_embeddings(said) is None


def test_embeddings_come_in_order_with_what_they_cost() -> None:
    """One vector a row, and the prompt's tokens where the model tells them."""
    said = {"embeddings": [{"values": [1, 0.5]}, {"values": [0, 2]}], "usageMetadata": {"promptTokenCount": 4}}
    assert gemini.decode_embeddings(said) == (((1.0, 0.5), (0.0, 2.0)), Usage(prompt_tokens=4))


def test_a_signature_may_stand_alone() -> None:
    """A part may have nothing else: it is of what was said before, and comes back with it."""
    [first, alone, end] = read(
        piece({"text": "x"}), piece({"thoughtSignature": "U0lH"}), piece({"text": ""}, finish="STOP")
    )
    assert (first.extra, signature_of(alone.extra), end.finish) == ({}, "U0lH", FinishReason.STOP)
    assert read(piece({"text": "x", "thoughtSignature": 7}))[0].extra == {}


def test_no_error_is_none() -> None:
    """A field for errors with nothing in it says that all is well."""
    assert read({"error": None, **piece({"text": "x"})})[0].text == "x"
