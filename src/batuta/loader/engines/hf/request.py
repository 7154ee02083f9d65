"""Reads the bodies of requests: what is asked for, checked, with defaults filled in. Pure: knows no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from batuta.loader.engines.hf.errors import Invalid

MOST_STOPS: Final = 16
NO_CALLS: Final = "a message's tool_calls are not a list of calls with a function's name"
ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
"""Roles of OpenAI -> roles that chat templates know."""

Body = Mapping[str, Any]
Prompt = str | list[int]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. `temperature` 0: the likeliest one; `top_k` 0 and `min_p` 0: no limit."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether functions may or must be called. `kind`: none | auto | required | named."""

    kind: str = "none"
    name: str | None = None

    @property
    def is_forced(self) -> bool:
        """The answer must be a call."""
        return self.kind in {"required", "named"}


@dataclass(frozen=True, slots=True)
class Answering:
    """What chat and completion have in common."""

    most: int | None
    sampling: Sampling
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool


@dataclass(frozen=True, slots=True)
class ChatWanted:
    """A chat request. `messages` and `tools` are as chat templates take them."""

    answering: Answering
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    choice: Choice
    one_call: bool
    template_values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompletionWanted:
    """A completion request."""

    answering: Answering
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class EmbeddingWanted:
    """An embeddings request."""

    inputs: tuple[Prompt, ...]
    is_base64: bool


# Field -> (what is refused, what to say). A value that asks for nothing is let through.
UNABLE: Final[tuple[tuple[str, Callable[[Any], bool], str], ...]] = (
    ("logprobs", lambda value: value is not False, "log probabilities"),
    ("top_logprobs", lambda value: value != 0, "log probabilities"),
    ("n", lambda value: value != 1, "more than one answer at once (n is 1)"),
    ("best_of", lambda value: value != 1, "more than one answer at once (best_of is 1)"),
    ("echo", bool, "repeating the prompt"),
    ("suffix", bool, "filling in before a suffix"),
    ("functions", bool, "functions in the old form; declare them as tools"),
    ("function_call", lambda value: value != "none", "function_call; use tool_choice"),
    ("audio", bool, "sound"),
    ("modalities", lambda value: value != ["text"], "anything but text"),
    ("response_format", lambda value: value != {"type": "text"}, "holding an answer to a format"),
    ("grammar", bool, "holding an answer to a grammar"),
    ("json_schema", bool, "holding an answer to a schema"),
    ("dimensions", bool, "shortening vectors"),
)


def parse_chat(body: Body, defaults: Sampling) -> ChatWanted:
    """Return the chat that is asked for. Raises Invalid."""
    _refuse(body)
    tools = [_tool(each) for each in _list(body, "tools")]
    choice = _choice(body.get("tool_choice"), [each["function"]["name"] for each in tools])
    values = body.get("chat_template_kwargs") or {}
    if not isinstance(values, dict):
        raise Invalid("chat_template_kwargs is not an object")
    messages = [_message(each) for each in _list(body, "messages")]
    if not messages:
        raise Invalid("messages is empty: a chat has at least one message")
    return ChatWanted(
        answering=_answering(body, defaults),
        messages=messages,
        tools=[] if choice.kind == "none" else tools,
        choice=choice,
        one_call=body.get("parallel_tool_calls") is False,
        template_values={name: value for name, value in values.items() if name not in _OURS},
    )


_OURS: Final = frozenset({"messages", "tools", "add_generation_prompt", "tokenize", "conversation", "chat_template"})


def parse_completion(body: Body, defaults: Sampling) -> CompletionWanted:
    """Return the completion that is asked for. Raises Invalid."""
    _refuse(body)
    prompts = _prompts(body.get("prompt"), "prompt")
    if len(prompts) != 1:
        raise Invalid(f"prompt holds {len(prompts)} prompts; this engine takes one a request")
    return CompletionWanted(_answering(body, defaults), prompts[0])


def parse_embedding(body: Body) -> EmbeddingWanted:
    """Return the embeddings that are asked for. Raises Invalid."""
    _refuse(body)
    kind = body.get("encoding_format") or "float"
    if kind not in {"float", "base64"}:
        raise Invalid(f"encoding_format is {kind!r:.80}; it is float or base64")
    return EmbeddingWanted(tuple(_prompts(body.get("input"), "input")), kind == "base64")


def _refuse(body: Body) -> None:
    for name, is_wanted, what in UNABLE:
        if (value := body.get(name)) is not None and is_wanted(value):
            raise Invalid(f"{name} is set, and this engine does not do {what}", param=name)


# --- messages and tools ------------------------------------------------------------------------------------------


def _message(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("role") not in ROLES:
        role = given.get("role") if isinstance(given, dict) else given
        raise Invalid(f"a message has the role {role!r:.80}; it is one of {', '.join(ROLES)}")
    message: dict[str, Any] = {"role": ROLES[given["role"]], "content": _content(given.get("content"))}
    for name in ("name", "tool_call_id"):
        if isinstance(given.get(name), str):
            message[name] = given[name]
    if calls := given.get("tool_calls"):
        if not isinstance(calls, list):
            raise Invalid(NO_CALLS)
        message["tool_calls"] = [_given_call(each) for each in calls]
    return message


def _content(given: Any) -> str:
    """Return a message's text; templates expect a text where OpenAI allows null or parts."""
    if given is None:
        return ""
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        raise Invalid("a message's content is neither text nor a list of parts")
    texts = []
    for part in given:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else part
            raise Invalid(f"a message has a part of type {kind!r:.80}, and this engine reads text only")
        texts.append(part["text"])
    return "".join(texts)


def _given_call(given: Any) -> dict[str, Any]:
    """Return an earlier call as templates take it: its arguments as an object, where they are one."""
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Invalid(NO_CALLS)
    arguments = function.get("arguments") or "{}"
    if isinstance(arguments, str):
        with suppress(ValueError, RecursionError):  # a template can show a text too
            arguments = json.loads(arguments)
    called = {"name": function["name"], "arguments": arguments}
    ident = given.get("id")
    known = {"id": ident} if isinstance(ident, str) and ident else {}  # a template may ask whether there is one
    return {**known, "type": "function", "function": called}


def _tool(given: Any) -> dict[str, Any]:
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise Invalid("a tool has no function with a name; tools are {type: function, function: {name, ...}}")
    return {"type": "function", "function": function}


def _choice(given: Any, names: Sequence[str]) -> Choice:
    if given is None:
        return Choice("auto" if names else "none")
    if given in ("none", "auto"):
        return Choice(given if names else "none")
    if given == "required":
        if not names:
            raise Invalid("tool_choice is required, and no tools are declared")
        return Choice("named", names[0]) if len(names) == 1 else Choice("required")
    function = given.get("function") if isinstance(given, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if name not in names:
        raise Invalid(f"tool_choice is {given!r:.80}; it is none, auto, required, or names a function that is declared")
    return Choice("named", name)


# --- numbers -----------------------------------------------------------------------------------------------------


def _answering(body: Body, defaults: Sampling) -> Answering:
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise Invalid("stream_options is not an object")
    name = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    most = _number(body, name, None, whole=True, low=-1)
    if most == 0:
        raise Invalid(f"{name} is 0: an answer has at least one token")
    return Answering(
        most=None if most is None or most < 0 else int(most),
        sampling=_sampling(body, defaults),
        stops=_stops(body.get("stop")),
        stream=body.get("stream") is True,
        include_usage=options.get("include_usage") is True,
    )


def _sampling(body: Body, defaults: Sampling) -> Sampling:
    penalty = "repetition_penalty" if body.get("repetition_penalty") is not None else "repeat_penalty"
    seed = _number(body, "seed", None, whole=True, low=-(1 << 63), high=(1 << 64) - 1)
    return Sampling(
        temperature=float(_number(body, "temperature", defaults.temperature, low=0, high=100) or 0),
        top_p=float(_number(body, "top_p", defaults.top_p, low=0, high=1) or 1e-6),
        top_k=max(int(_number(body, "top_k", defaults.top_k, whole=True, low=-1) or 0), 0),
        min_p=float(_number(body, "min_p", defaults.min_p, low=0, high=1) or 0),
        repetition_penalty=float(_number(body, penalty, defaults.repetition_penalty, low=0.01, high=100) or 1),
        presence_penalty=float(_number(body, "presence_penalty", 0, low=-2, high=2) or 0),
        frequency_penalty=float(_number(body, "frequency_penalty", 0, low=-2, high=2) or 0),
        seed=None if seed is None or seed == -1 else int(seed) % (1 << 63),  # -1 is llama-server's "any"
        bias=_bias(body.get("logit_bias")),
    )


def _number(
    body: Body, name: str, default: float | None, *, low: float, high: float = 1 << 40, whole: bool = False
) -> float | None:
    value = body.get(name)
    if value is None:
        return default
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # NaN is in no range
        kind = "a whole number" if whole else "a number"
        raise Invalid(f"{name} is {value!r:.80}; it is {kind} from {low:g} to {high:g}", param=name)
    return float(value) if not whole else value


def _stops(given: Any) -> tuple[str, ...]:
    stops = [given] if isinstance(given, str) else given or []
    if not isinstance(stops, list) or len(stops) > MOST_STOPS or not all(isinstance(each, str) for each in stops):
        raise Invalid(f"stop is not a text or a list of at most {MOST_STOPS} texts", param="stop")
    return tuple(each for each in stops if each)


def _bias(given: Any) -> tuple[tuple[int, float], ...]:
    if not given:
        return ()
    try:
        return tuple((int(token), max(min(value + 0.0, 100.0), -100.0)) for token, value in given.items())
    except (AttributeError, TypeError, ValueError):
        raise Invalid("logit_bias is not an object of token ids and numbers", param="logit_bias") from None


# --- prompts -----------------------------------------------------------------------------------------------------


def _prompts(given: Any, name: str) -> list[Prompt]:
    """Return the texts or token lists in any of OpenAI's four forms: text, texts, tokens, lists of tokens."""
    if isinstance(given, str) or _is_tokens(given):
        given = [given]
    if not isinstance(given, list) or not given or not all(isinstance(each, str) or _is_tokens(each) for each in given):
        raise Invalid(f"{name} is not a text, a list of texts, or tokens", param=name)
    return [each if isinstance(each, str) else list(each) for each in given]


def _is_tokens(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(type(each) is int for each in given)


def _list(body: Body, name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"{name} is not a list", param=name)
    return value
