"""Answers that are almost OpenAI's, made so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.chat.dialects.openai import InBandError
from batuta.engines.openai_family.mending import Mender, error_in


def event(delta: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def calls(mender: Mender, *pieces: dict[str, Any]) -> list[Any]:
    mended = (mender.event(event({"tool_calls": [piece]})) for piece in pieces)
    return [each["choices"][0]["delta"]["tool_calls"][0] for each in mended]


def begin(name: str, call_id: str | None = None, **more: Any) -> dict[str, Any]:
    return {**({"id": call_id} if call_id is not None else {}), "function": {"name": name, "arguments": ""}, **more}


def piece(text: Any, **more: Any) -> dict[str, Any]:
    return {"function": {"arguments": text}, **more}


def test_pieces_of_calls_find_their_place() -> None:
    """Without an index, a new id or name begins the next call, and pieces without either go on with the last."""
    said = calls(Mender("m"), begin("f", "a"), piece("{"), piece("}"), begin("g", "b"), piece("{}"))
    assert [call["index"] for call in said] == [0, 0, 0, 1, 1]


def test_pieces_that_repeat_their_id_belong_together() -> None:
    """Some send the id with every piece."""
    said = calls(Mender("m"), begin("f", "a"), piece("{", id="a"), begin("g", "b"), piece("}", id="a"))
    assert [call["index"] for call in said] == [0, 0, 1, 0]


def test_a_call_without_an_id_gets_one() -> None:
    """Also where the id is the word null, as Mistral has sent it; each its own, and the same again for the same."""
    first, second = calls(Mender("m"), begin("f", "null", index=0), begin("g", "", index=1))
    assert first["id"].startswith("call_")
    assert first["id"] != second["id"]
    assert [call["type"] for call in (first, second)] == ["function", "function"]


@pytest.mark.parametrize(("given_arguments", "text"), [({"a": 1}, '{"a":1}'), (None, ""), ("{}", "{}"), ([], "[]")])
def test_arguments_become_text(given_arguments: Any, text: str) -> None:
    """Some send the object itself."""
    (said,) = calls(Mender("m"), {"id": "a", "function": {"name": "f", "arguments": given_arguments}})
    assert said["function"]["arguments"] == text


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("eos", "stop"),
        ("COMPLETE", "stop"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "content_filter"),
        ("whatever", "stop"),
        ("function_call", "function_call"),
    ],
)
def test_finish_reasons_are_openai_s(finish: str, word: str) -> None:
    """Each API's own word has a meaning; a word that nobody knows means that the model stopped."""
    mender = Mender("m")
    assert mender.event(event({}, finish))["choices"][0]["finish_reason"] == word
    assert mender.is_finished


def test_who_called_has_not_just_stopped() -> None:
    """Some end calls with `stop`; a cut or filtered answer stays what it is."""
    for finish, word in (("stop", "tool_calls"), ("length", "length")):
        mender = Mender("m")
        calls(mender, begin("f", "a"))
        assert mender.event(event({}, finish))["choices"][0]["finish_reason"] == word


def test_what_is_missing_is_put_in_and_stays_the_same() -> None:
    """Id, time, kind, model; an empty event has choices."""
    mender = Mender("m")
    first, second = mender.event(event({"content": "x"})), mender.event({"usage": {"prompt_tokens": 1}})
    assert (first["object"], first["model"]) == ("chat.completion.chunk", "m")
    assert first["id"] == second["id"]
    assert first["created"] == second["created"] > 0
    assert second["choices"] == []


def test_what_nobody_knows_is_kept() -> None:
    """Vendors' own fields go on to the caller."""
    row = event({"content": "x", "token_id": 5}, provider="P")
    mended = Mender("m").event(row)
    assert mended["provider"] == "P"
    assert mended["choices"][0]["delta"]["token_id"] == 5


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"error": {"message": "no", "type": "x"}}, "x", None),
        ({"error": {"message": "no", "code": 502}}, "", 502),
        ({"error": {"message": "no", "type": "x", "status_code": 429}}, "x", 429),
        ({"code": "bad thing", "error": "no"}, "bad thing", None),
        ({"choices": [{"finish_reason": "error", "error": {"message": "no", "code": 503}}]}, "", 503),
        ({"object": "error", "message": "no", "type": "x", "code": "1"}, "x", None),
        ({"detail": "no"}, "", None),
    ],
    ids=["OpenAI", "OpenRouter", "Groq", "xAI", "in a choice", "Mistral", "AI21"],
)
def test_errors_are_seen_in_each_api_s_form(body: dict[str, Any], kind: str, status: int | None) -> None:
    """With what it calls itself and the status it names."""
    assert error_in(body) == InBandError("no", kind, status)


@pytest.mark.parametrize(
    "body", [{"choices": []}, {"error": None, "choices": []}, {"usage": {}, "message": "x"}, {"choices": [None]}, {}]
)
def test_an_answer_is_no_error(body: dict[str, Any]) -> None:
    """A field for errors with nothing in it says that all is well."""
    assert error_in(body) is None


def test_a_finish_that_says_error_is_one() -> None:
    """Even when nobody says which."""
    assert error_in(event({}, "error")) == InBandError("the model ended its answer with an error")


_NAMES = st.sampled_from(
    ["choices", "delta", "message", "tool_calls", "function", "arguments", "index", "id", "content", "finish_reason"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _JSON, max_size=5))
def test_no_answer_is_so_odd_that_mending_it_fails(body: dict[str, Any]) -> None:
    """Whatever comes is JSON, and nothing more is taken for granted."""
    error_in(body)
    Mender("m").event({**body})
    Mender("m").whole({**body})
