"""Each fake provider's dialect: tools, thoughts, structured answers, framing, and what it refuses to take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.testing.answers import vector_for
from batuta.testing.providers import key_of
from batuta.testing.providers.sample import Unsatisfiable, sample
from batuta.testing.providers.talk import Asked, End, Tool, answer_to
from tests.unit.testing.providers_play import (
    ASKINGS,
    CHAT_TOOLS,
    CLAUDE_TOOLS,
    EMPTY,
    GEMINI_TOOLS,
    SCHEMA,
    calling,
    said,
)

TOOLS = {"anthropic": CLAUDE_TOOLS, "google": GEMINI_TOOLS}
BOTH = "both of them now"
CALLED = [("f", {"a": 4}), ("g", {})]


# --- what is said ----------------------------------------------------------------------------------------------------


def test_an_answer_is_computed() -> None:
    """Other words, other answers; what came with them can be asked for."""
    asked = Asked("say system", system="Be brief.", turns=3, images=2)
    assert answer_to(asked).text == "Be brief."
    assert [answer_to(Asked(f"say {what}", turns=3, images=2)).text for what in ("turns", "images")] == ["3", "2"]
    assert answer_to(Asked("x y")).text != answer_to(Asked("x z")).text


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        (Asked("go", tools=(Tool("f", SCHEMA), Tool("g", EMPTY))), ["f"]),
        (Asked("both", tools=(Tool("f", SCHEMA), Tool("g", EMPTY))), ["f", "g"]),
        (Asked("both", tools=(Tool("f", SCHEMA), Tool("g", EMPTY)), is_parallel=False), ["f"]),
        (Asked("say it", tools=(Tool("f", SCHEMA),)), []),
        (Asked("say it", tools=(Tool("f", SCHEMA),), must_call=True), ["f"]),
        (Asked("both", tools=(Tool("f", SCHEMA), Tool("g", EMPTY)), only="g", must_call=True), ["g"]),
        (Asked('call g {"b":2}', tools=(Tool("f", SCHEMA), Tool("g", EMPTY))), ["g"]),
        (Asked("go", tools=(Tool("f", SCHEMA),), results=(("f", "42"),)), []),
        (Asked("go"), []),
    ],
)
def test_which_functions_are_called(asked: Asked, calls: list[str]) -> None:
    """The first that is declared, both, the one that is named, or none."""
    answer = answer_to(asked)
    assert [call.name for call in answer.calls] == calls
    assert (answer.end is End.CALLS) == bool(calls)


def test_an_answer_ends_where_it_is_told_to() -> None:
    """At a stop sequence, which is left out, or at the limit."""
    stopped = answer_to(Asked("gamma beta alpha", stops=("beta",)))
    assert (stopped.text, stopped.end, stopped.stop) == ("alpha ", End.STOP_SEQUENCE, "beta")
    limited = answer_to(Asked("gamma beta alpha", limit=2))
    assert (limited.text, limited.end, limited.tokens_said) == ("alpha beta", End.LENGTH, 2)


LEAVES = st.sampled_from(
    [
        {"type": "integer", "minimum": 3, "maximum": 9},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
        {"type": "string", "minLength": 2, "maxLength": 8},
        {"type": "STRING", "enum": ["red", "blue"]},
        {"type": "boolean"},
        {"type": "null"},
        {"const": 7},
        {"type": "string", "format": "date"},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)),
        st.dictionaries(st.sampled_from("abcd"), inner, max_size=3).map(
            lambda parts: {"type": "object", "properties": parts, "required": sorted(parts)}
        ),
    ),
    max_leaves=8,
)


@given(SCHEMAS, st.text(max_size=60))
def test_a_sample_satisfies_its_schema(schema: dict[str, Any], text: str) -> None:
    """Whatever the schema and the question, the value fits."""
    assert fits(sample(schema, text), schema)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Say whether a value satisfies one of the schemas above; written apart from what makes the values."""
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    if "anyOf" in schema:
        return any(fits(value, each) for each in schema["anyOf"])
    match schema["type"]:
        case "object":
            return set(schema["required"]) <= set(value) and all(
                fits(value[name], part) for name, part in schema["properties"].items()
            )
        case "array":
            return len(value) >= schema["minItems"] and all(fits(each, schema["items"]) for each in value)
        case "integer" | "number":
            low, high = schema.get("minimum", -1), schema.get("maximum", 10**9)
            return bool(low <= value <= high) and schema.get("exclusiveMinimum", -1) < value < schema.get(
                "exclusiveMaximum", 1e9
            )
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
    return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1000)


def test_a_recursive_schema_ends() -> None:
    """References are followed, and a tree ends in its other branch."""
    node = {
        "type": "object",
        "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}},
        "required": ["v", "next"],
    }
    made = sample({"$ref": "#/$defs/n", "$defs": {"n": node}}, "x")
    assert json.dumps(made).endswith('"next": null' + "}" * json.dumps(made).count("{"))
    with pytest.raises(Unsatisfiable):
        sample({"type": "string", "pattern": "^never-[0-9]{77}$"}, "x")


# --- tools -----------------------------------------------------------------------------------------------------------


def calls_in(provider: str, answer: Any) -> list[tuple[str, Any]]:
    """Return the calls of a whole answer."""
    if provider == "anthropic":
        return [(block["name"], block["input"]) for block in answer["content"] if block["type"] == "tool_use"]
    if provider == "google":
        parts = [part["functionCall"] for part in answer["candidates"][0]["content"]["parts"] if "functionCall" in part]
        return [(part["name"], part["args"]) for part in parts]
    message = answer["message"] if provider == "cohere" else answer["choices"][0]["message"]
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message["tool_calls"]]


def calls_streamed(provider: str, events: list[Any]) -> list[tuple[str, Any]]:
    """Return the calls of a stream, put together from their pieces."""
    names: dict[int, str] = {}
    texts: dict[int, str] = {}
    if provider == "google":
        return [call for event in events for call in calls_in("google", event)]
    for event in events:
        if provider == "anthropic":
            if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
                names[event["index"]] = event["content_block"]["name"]
            if event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
                texts[event["index"]] = texts.get(event["index"], "") + event["delta"]["partial_json"]
            continue
        if provider == "cohere":
            delta = event.get("delta", {}).get("message", {})
            pieces = (
                [{"index": event["index"], **delta["tool_calls"]}]
                if event["type"].startswith("tool-call-") and delta
                else []
            )
        else:
            pieces = event["choices"][0]["delta"].get("tool_calls") or [] if event["choices"] else []
        for place, piece in enumerate(pieces):
            index = piece.get("index", place)
            if name := piece["function"].get("name"):
                names[index] = name
            texts[index] = texts.get(index, "") + piece["function"]["arguments"]
    return [(name, json.loads(texts[index])) for index, name in sorted(names.items())]


@pytest.mark.parametrize("provider", ASKINGS)
async def test_two_functions_are_called(provider: str) -> None:
    """Whole and streamed: both declared functions, with arguments that fit their schemas."""
    async with calling() as caller:
        fields: dict[str, Any] = {"tools": TOOLS.get(provider, CHAT_TOOLS)}
        whole = await caller.ask(provider, BOTH, **fields)
        assert whole.status == 200, whole.data
        assert calls_in(provider, whole.json) == CALLED
        stream = await caller.ask(provider, BOTH, stream=True, **fields)
        assert calls_streamed(provider, stream.events) == CALLED


# --- thoughts --------------------------------------------------------------------------------------------------------

THINKERS = {
    "mistral": ("magistral-medium-latest", '"type":"thinking"'),
    "deepseek": ("deepseek-reasoner", '"reasoning_content":"'),
    "groq": ("openai/gpt-oss-20b", '"reasoning":"'),
    "xai": ("grok-4", '"reasoning_content":"'),
    "huggingface": ("openai/gpt-oss-120b", '"reasoning":"'),
    "cohere": ("command-a-reasoning-08-2025", '"thinking":"'),
}


@pytest.mark.parametrize("provider", THINKERS)
async def test_thoughts_come_in_each_ones_field(provider: str) -> None:
    """And the text after them is the same as without."""
    model, mark = THINKERS[provider]
    async with calling() as caller:
        for is_stream in (True, False):
            answer = await caller.ask(provider, "x y", model=model, stream=is_stream)
            assert mark.encode() in answer.data.replace(b" ", b"")


async def test_anthropic_thinks_before_it_calls() -> None:
    """The thinking block has index 0 and a signature, the calls come after it, a ping in between."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    async with calling() as caller:
        answer = await caller.ask(
            "anthropic", BOTH, tools=CLAUDE_TOOLS, thinking=thinking, max_tokens=2000, stream=True
        )
        starts = [event for event in answer.events if event["type"] == "content_block_start"]
        assert [(start["index"], start["content_block"]["type"]) for start in starts] == [
            (0, "thinking"),
            (1, "tool_use"),
            (2, "tool_use"),
        ]
        kinds = [event["delta"]["type"] for event in answer.events if event["type"] == "content_block_delta"]
        assert kinds[: kinds.index("input_json_delta")][-2:] == ["thinking_delta", "signature_delta"]
        names = [event["type"] for event in answer.events]
        assert (names[0], "ping" in names, names[-2:]) == ("message_start", True, ["message_delta", "message_stop"])
        assert b"[DONE]" not in answer.data
        assert b"}            \n\n" in answer.data  # padding behind each JSON
        assert b"event: message_start\ndata: {" in answer.data


async def test_gemini_signs_the_first_call_of_a_step() -> None:
    """Calls come whole, finish is STOP, and the stream is written in CRLF without an end mark."""
    async with calling() as caller:
        answer = await caller.ask("google", BOTH, model="gemini-3-pro-preview", tools=GEMINI_TOOLS, stream=True)
        parts = [part for event in answer.events for part in event["candidates"][0]["content"]["parts"]]
        assert ["thoughtSignature" in part for part in parts if "functionCall" in part] == [True, False]
        assert answer.events[-1]["candidates"][0]["finishReason"] == "STOP"
        assert answer.data.endswith(b"}\r\n\r\n")
        assert answer.events[-1]["usageMetadata"]["thoughtsTokenCount"] > 0
        path = "/google/v1beta/models/gemini-2.5-flash:streamGenerateContent"
        array = await caller.send("POST", path, ASKINGS["google"].body(), {"x-goog-api-key": key_of("google")})
        assert isinstance(array.json, list)


async def test_thoughts_of_gemini_are_shown_when_asked_for() -> None:
    """As parts that are marked; otherwise they are only counted."""
    async with calling() as caller:
        shown: dict[str, Any] = {"generationConfig": {"thinking_config": {"include_thoughts": True}}}
        for fields, count in (({}, 1), (shown, 2)):
            answer = (await caller.ask("google", "x", model="gemini-3-flash-preview", **fields)).json
            assert len(answer["candidates"][0]["content"]["parts"]) == count
            assert answer["usageMetadata"]["thoughtsTokenCount"] == 4


async def test_the_family_has_its_habits() -> None:
    """Comments of OpenRouter and DeepSeek, x_groq, Together's `eos`, AI21's bare answers."""
    async with calling() as caller:
        assert (await caller.ask("openrouter", stream=True)).data.startswith(b": OPENROUTER PROCESSING\n\n")
        assert b": keep-alive\n\n" in (await caller.ask("deepseek", stream=True)).data
        assert (await caller.ask("groq", stream=True)).events[-1]["x_groq"]["usage"]["total_tokens"] == 6
        assert (await caller.ask("together")).json["choices"][0]["finish_reason"] == "eos"
        assert set((await caller.ask("ai21")).json) == {"id", "choices", "usage"}
        assert (await caller.ask("huggingface")).headers["retry-after"] == "0"
        assert (await caller.ask("deepseek")).json["usage"]["prompt_cache_miss_tokens"] == 3
        event = (await caller.ask("groq", fault="error-1", stream=True)).data.split(b"\n\n")[-2]
        assert event.startswith(b"event: error\n")


async def test_googles_openai_endpoint_has_its_bugs() -> None:
    """No index, `stop` at the end of calls, errors in an array, signatures in extra_content."""
    async with calling() as caller:
        headers = {"authorization": f"Bearer {key_of('google')}"}
        body = {"messages": [{"role": "user", "content": "go"}], "tools": CHAT_TOOLS, "stream": True}
        path = "/google/v1beta/openai/chat/completions"
        answer = await caller.send("POST", path, {**body, "model": "gemini-3-pro-preview"}, headers)
        first, last = answer.events[0]["choices"][0], answer.events[-1]["choices"][0]
        (call,) = first["delta"]["tool_calls"]
        assert ("index" in call, last["finish_reason"]) == (False, "stop")
        assert call["extra_content"]["google"]["thought_signature"]
        wrong = await caller.send("POST", path, {**body, "model": "m"}, {"authorization": "Bearer nobody"})
        assert (wrong.status, wrong.json[0]["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")


async def test_responses_are_named_events() -> None:
    """Each with its number, thoughts sealed on request, no end mark behind the last."""
    async with calling() as caller:
        headers = {"authorization": f"Bearer {key_of('openai')}"}
        flat = [{"type": "function", "name": "f", "parameters": SCHEMA}]
        body = {"model": "gpt-6-astra", "input": "go", "tools": flat, "stream": True}
        body["include"] = ["reasoning.encrypted_content"]
        answer = await caller.send("POST", "/openai/v1/responses", body, headers)
        assert [event["sequence_number"] for event in answer.events] == list(range(len(answer.events)))
        assert answer.events[-1]["type"] == "response.completed"
        kinds = [item["type"] for item in answer.events[-1]["response"]["output"]]
        assert kinds == ["reasoning", "function_call"]
        assert answer.events[-1]["response"]["output"][0]["encrypted_content"]
        assert b"[DONE]" not in answer.data


# --- structured answers and vectors ----------------------------------------------------------------------------------

JSON_FIELDS: dict[str, dict[str, Any]] = {
    "openai": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    },
    "mistral": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
    "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "google": {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    "cohere": {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
}


@pytest.mark.parametrize("provider", JSON_FIELDS)
async def test_a_schema_is_satisfied(provider: str) -> None:
    """The text is JSON that fits what was asked for, in each one's way of asking."""
    async with calling() as caller:
        answer = await caller.ask(provider, "x y z", **JSON_FIELDS[provider])
        assert json.loads(said(provider, answer.json)) == {"a": 3}


async def test_texts_become_vectors() -> None:
    """The same text is the same vector everywhere, as long as was asked for."""
    async with calling() as caller:
        wanted = pytest.approx(list(vector_for("x"))[:3])
        bearer = {"authorization": f"Bearer {key_of('openai')}"}
        body: Any = {"model": "text-embedding-3-small", "input": "x", "dimensions": 3}
        answer = await caller.send("POST", "/openai/v1/embeddings", body, bearer)
        assert answer.json["data"][0]["embedding"] == wanted
        body = {"content": {"parts": [{"text": "x"}]}, "outputDimensionality": 3}
        google = {"x-goog-api-key": key_of("google")}
        answer = await caller.send("POST", "/google/v1beta/models/gemini-embedding-001:embedContent", body, google)
        assert answer.json["embedding"]["values"] == wanted
        body = {"model": "embed-v4.0", "texts": ["x"], "input_type": "search_query", "output_dimension": 3}
        answer = await caller.send("POST", "/cohere/v2/embed", body, {"authorization": f"Bearer {key_of('cohere')}"})
        assert answer.json["embeddings"]["float"][0] == wanted
