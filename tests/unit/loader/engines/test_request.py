"""Bodies become checked wishes: defaults filled in, nonsense refused in words."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.engines import faults
from batuta.errors import ContextFull, UpstreamOverloaded, UpstreamRejected
from batuta.loader.engines.hf.answers import Usage, Writer, embeddings
from batuta.loader.engines.hf.errors import ApiError, Invalid, NoMemory, TooLong
from batuta.loader.engines.hf.request import (
    Choice,
    Sampling,
    parse_chat,
    parse_completion,
    parse_embedding,
)

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "look", "parameters": {}}}
OTHER: dict[str, Any] = {"type": "function", "function": {"name": "go"}}
MAKERS = Sampling(temperature=0.6, top_k=20)


def test_what_is_not_said_is_the_makers() -> None:
    """Sampling falls back to the model's own; max_completion_tokens goes before max_tokens; -1 is no limit."""
    wanted = parse_chat(HELLO, MAKERS)
    assert wanted.answering.sampling == MAKERS
    assert (wanted.answering.most, wanted.answering.stops, wanted.answering.stream) == (None, (), False)
    said = parse_chat({**HELLO, "temperature": 0, "top_k": -1, "max_tokens": 5, "max_completion_tokens": 6}, MAKERS)
    assert (said.answering.sampling.temperature, said.answering.sampling.top_k, said.answering.most) == (0, 0, 6)
    assert parse_chat({**HELLO, "top_p": 0}, MAKERS).answering.sampling.top_p > 0, "the likeliest token is always left"
    assert parse_chat({**HELLO, "max_tokens": -1}, MAKERS).answering.most is None
    assert [parse_chat({**HELLO, "parallel_tool_calls": may}, MAKERS).one_call for may in (None, True, False)] == [
        False,
        False,
        True,
    ]
    values = {"enable_thinking": False, "messages": [], "tokenize": True}
    assert parse_chat({**HELLO, "chat_template_kwargs": values}, MAKERS).template_values == {"enable_thinking": False}


def test_sampling_is_read_as_every_client_writes_it() -> None:
    """OpenAI's penalties, llama-server's names, a bias by token, a seed of -1 for any."""
    body = {
        "repeat_penalty": 1.1,
        "presence_penalty": 1,
        "logit_bias": {"7": -200},
        "seed": -1,
        "stop": "x",
        "min_p": 0.1,
    }
    answering = parse_chat({**HELLO, **body}, Sampling()).answering
    sampling = answering.sampling
    assert (sampling.repetition_penalty, sampling.presence_penalty, sampling.min_p) == (1.1, 1.0, 0.1)
    assert (sampling.bias, sampling.seed, answering.stops) == (((7, -100.0),), None, ("x",))


def test_messages_become_what_templates_take() -> None:
    """Parts are joined, null is empty, developer is system, arguments are objects where they are any."""
    calls = [
        {"id": "1", "type": "function", "function": {"name": "look", "arguments": text}} for text in ('{"a": 1}', "?")
    ]
    wanted = parse_chat(
        {
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "1", "content": "sun"},
            ]
        },
        Sampling(),
    )
    system, assistant, tool = wanted.messages
    assert system == {"role": "system", "content": "ab"}
    assert assistant["content"] == ""
    assert [call["function"]["arguments"] for call in assistant["tool_calls"]] == [{"a": 1}, "?"]
    assert tool["tool_call_id"] == "1"
    assert [call["id"] for call in assistant["tool_calls"]] == ["1", "1"]
    nameless = {"messages": [{"role": "assistant", "tool_calls": [{"id": None, "function": {"name": "go"}}]}]}
    [call] = parse_chat(nameless, Sampling()).messages[0]["tool_calls"]
    assert call == {"type": "function", "function": {"name": "go", "arguments": {}}}


@pytest.mark.parametrize(
    ("body", "choice", "declared"),
    [
        ({}, Choice("none"), 0),
        ({"tools": [TOOL]}, Choice("auto"), 1),
        ({"tools": [TOOL], "tool_choice": "none"}, Choice("none"), 0),
        ({"tools": [TOOL], "tool_choice": "required"}, Choice("named", "look"), 1),
        ({"tools": [TOOL, OTHER], "tool_choice": "required"}, Choice("required"), 2),
        (
            {"tools": [TOOL, OTHER], "tool_choice": {"type": "function", "function": {"name": "go"}}},
            Choice("named", "go"),
            2,
        ),
        ({"tool_choice": "auto"}, Choice("none"), 0),
    ],
)
def test_a_choice_of_tools_is_understood(body: dict[str, Any], choice: Choice, declared: int) -> None:
    """None takes the tools away; what is required of one function names it."""
    wanted = parse_chat({**HELLO, **body}, Sampling())
    assert (wanted.choice, len(wanted.tools)) == (choice, declared)


BAD: list[dict[str, Any]] = [
    {"messages": []},
    {"messages": "x"},
    {"messages": [3]},
    {"messages": [{"role": "ghost", "content": "x"}]},
    {"messages": [{"role": "user", "content": 3}]},
    {"messages": [{"role": "assistant", "tool_calls": "x"}]},
    {"messages": [{"role": "assistant", "tool_calls": [{}]}]},
    {"tools": [{}]},
    {"tools": {}},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "nobody"}}},
    {"tools": [TOOL], "tool_choice": 3},
    {"temperature": "hot"},
    {"temperature": float("nan")},
    {"temperature": True},
    {"top_p": 2},
    {"max_tokens": 0},
    {"max_tokens": 1.5},
    {"seed": "x"},
    {"stop": ["x"] * 17},
    {"stop": [3]},
    {"logit_bias": {"x": 1}},
    {"logit_bias": {"1": "nan"}},
    {"logit_bias": [1]},
    {"stream_options": 3},
    {"chat_template_kwargs": 3},
    {"logprobs": True},
    {"top_logprobs": 3},
    {"n": 2},
    {"functions": [{}]},
    {"response_format": {"type": "json_object"}},
]


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_nonsense_is_refused_in_words(changes: dict[str, Any]) -> None:
    """Each is a 400 in llama-server's form, and the gateway reads it as the caller's fault."""
    with pytest.raises(Invalid) as caught:
        parse_chat({**HELLO, **changes}, Sampling())
    assert caught.value.to_json()["error"]["type"] == "invalid_request_error"
    assert isinstance(classified(caught.value), UpstreamRejected)


def test_a_refusal_does_not_repeat_all_that_was_sent() -> None:
    """What was wrong is shown, and no more of it than can be read."""
    long = "x" * 10_000
    for changes in ({"temperature": long}, {"tool_choice": long}, {"messages": [{"role": long, "content": "x"}]}):
        with pytest.raises(Invalid) as caught:
            parse_chat({**HELLO, **changes}, Sampling())
        assert len(caught.value.message) < 300


def test_what_asks_for_nothing_is_let_through() -> None:
    """Clients send defaults: they are no wish."""
    parse_chat(
        {**HELLO, "n": 1, "logprobs": False, "response_format": {"type": "text"}, "modalities": ["text"]}, MAKERS
    )


def classified(error: ApiError) -> Exception:
    return faults.classify(error.status, orjson.dumps(error.to_json()), headers={}, where="tiny", model="tiny")


def test_the_gateway_understands_what_is_wrong() -> None:
    """A full context has its figures; a lack of memory is worth another try, later or elsewhere."""
    full = classified(TooLong(9000, 4096))
    assert isinstance(full, ContextFull)
    assert full.details == {"n_prompt": 9000, "n_ctx": 4096}
    poor = classified(NoMemory())
    assert isinstance(poor, UpstreamOverloaded)
    assert "insufficient memory" in poor.message


def test_prompts_come_in_four_forms() -> None:
    """Text, texts, tokens, lists of tokens; a completion takes one."""
    assert parse_embedding({"input": "a"}).inputs == ("a",)
    assert parse_embedding({"input": ["a", [1, 2]]}).inputs == ("a", [1, 2])
    assert parse_completion({"prompt": [1, 2]}, MAKERS).prompt == [1, 2]
    wrong: list[Any] = [None, [], [[]], [True], ["a", 3], {}]
    for bad in wrong:
        with pytest.raises(Invalid):
            parse_embedding({"input": bad})
    with pytest.raises(Invalid, match="2 prompts"):
        parse_completion({"prompt": ["a", "b"]}, MAKERS)
    with pytest.raises(Invalid, match="encoding_format"):
        parse_embedding({"input": "a", "encoding_format": "hex"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "messages",
    "tools",
    "tool_choice",
    "stop",
    "temperature",
    "seed",
    "logit_bias",
    "stream_options",
    "n",
    "top_k",
)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_json_is_understood_or_refused(body: dict[str, Any]) -> None:
    """Whatever a body holds, the worst that comes of it is a 400."""
    for read in (
        lambda: parse_chat({**HELLO, **body}, MAKERS),
        lambda: parse_completion({"prompt": "x", **body}, MAKERS),
    ):
        with suppress(Invalid):
            read()


def test_vectors_travel_packed() -> None:
    """OpenAI's client asks for base64: four bytes a number, little-endian."""
    assert b'"embedding":"AACAPwAAAMA="' in embeddings([[1.0, -2.0]], model="m", tokens=3, is_base64=True)


def test_a_completion_is_written_as_text() -> None:
    """The older form has `text` where a chat has messages and deltas."""
    writer = Writer("m", is_chat=False, ident="cmpl-1", created=1)
    assert writer.begin() == b""
    assert b'"text":"hi"' in writer.piece("hi")
    assert b'"object":"text_completion"' in writer.whole(["hi"], "stop", Usage(1, 1))
