"""A chat request as the body of Anthropic's `POST /v1/messages`. Pure.

What a model takes is told by its `Abilities`. What it cannot do and what changes nothing but chance or comfort
(sampling, effort) is left out; what would change the kind of answer is refused with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from batuta.chat.dialects import anthropic_turns as turns
from batuta.chat.dialects.anthropic_schema import fitted
from batuta.chat.types import ChatRequest
from batuta.errors import BadRequest

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's words for how much to think, rising; Anthropic has those from `low` on."""

SHARES: Final = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
"""Part of the answer's tokens that may be thinking, for models that take a number. OpenRouter's figures."""

LEAST_BUDGET: Final = 1024  # Anthropic's own limit
MOST_BUDGET: Final = 32_000  # above it Anthropic advises batches: the connection would be open for too long

NATIVE: Final = ("cache_control", "context_management", "inference_geo", "speed", "thinking")
"""Anthropic's own fields in a request: they go on as they came. (`output_config` is merged, `top_k` is sampling.)"""

TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
CHOICES: Final = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
ANSWER_TOOL: Final = "answer"
ANYTHING: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}
_USER = re.compile(r"(?=.*[^\d+() -])[\w.:-]{1,128}")  # an opaque id: Anthropic refuses addresses and phone numbers


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model takes.

    Attributes:
        max_tokens: asked for where the caller names no limit; Anthropic demands one.
        sampling: `all` of temperature, top_p and top_k; `one`: not temperature and top_p together; `none`.
        thinking: `none`; `budget`: with a number of tokens; `adaptive`: as much as the model finds right.
        efforts: what `output_config.effort` may be; empty: the field is not known.
        can_rest: thinking may be switched off by name.
        has_schemas: it answers by a JSON schema, and knows strict tools.
        takes_prefill: the conversation may end with the beginning of the answer.
        can_force: a tool may be forced.
    """

    max_tokens: int = 8192
    sampling: str = "none"
    thinking: str = "none"
    efforts: tuple[str, ...] = ()
    can_rest: bool = True
    has_schemas: bool = False
    takes_prefill: bool = True
    can_force: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A body, and what has to be known to read its answer.

    Attributes:
        body: of the request.
        answer_tool: the tool whose input is the answer's text; empty: the text is.
    """

    body: dict[str, Any]
    answer_tool: str = ""


def messages_body(request: ChatRequest, *, model: str, abilities: Abilities) -> Asked:
    """Return what asks `model` for an answer to the request.

    Raises:
        BadRequest: the model, or Anthropic, cannot do what is asked.
    """
    extra, most = request.extra, request.sampling.max_tokens
    if request.sampling.n > 1:
        raise _wrong("n", f"must be 1: {model} gives one answer a request")
    limit = most if most is not None and most > 0 else abilities.max_tokens
    system, said = turns.conversation(request.messages)
    if said[-1]["role"] == "assistant":
        _prefill(said[-1], model, abilities)
    tools, form, answer_tool = _form(extra.get("response_format"), request, model, abilities)
    choice = _choice(request, tools, model, abilities, answer_tool=answer_tool)
    is_forced = choice.get("type") in {"any", "tool"}
    thinking, effort = _thinking(request, abilities, limit, is_forced=is_forced)
    body: dict[str, Any] = {"model": model, "max_tokens": limit, "system": system, "messages": said}
    body |= {"tools": tools, "tool_choice": choice, "stop_sequences": _stops(request)}
    body |= {name: extra[name] for name in NATIVE if name in extra} | thinking
    body["output_config"] = {**_object(extra.get("output_config")), **effort, **form}
    if _object(body.get("thinking")).get("type") not in ("enabled", "adaptive"):  # thinking fixes them
        body |= _sampling(request, abilities)
    body |= {"metadata": _user(extra), "service_tier": TIERS.get(str(extra.get("service_tier")))}
    body = {name: value for name, value in body.items() if value not in (None, [], {})}
    return Asked(body | {"stream": True} if request.stream else body, answer_tool)


# --- what is left out, or limited ----------------------------------------------------------------------------------


def _sampling(request: ChatRequest, abilities: Abilities) -> dict[str, Any]:
    if abilities.sampling not in {"all", "one"}:
        return {}
    temperature, top_p = request.sampling.temperature, request.sampling.top_p
    fields: dict[str, Any] = {} if temperature is None else {"temperature": min(temperature, 1)}
    if top_p is not None and (temperature is None or abilities.sampling == "all"):
        fields["top_p"] = top_p
    if isinstance(top_k := request.extra.get("top_k"), int) and top_k > 0:
        fields["top_k"] = top_k
    return fields


def _stops(request: ChatRequest) -> list[str]:
    if any(not stop.strip() for stop in request.sampling.stop):
        raise _wrong("stop", "must have other characters than white space: Anthropic stops at nothing else")
    return list(request.sampling.stop)


def _user(extra: Mapping[str, Any]) -> dict[str, str]:
    given = extra.get("safety_identifier") or extra.get("user")
    return {"user_id": given} if isinstance(given, str) and _USER.fullmatch(given) else {}


def _prefill(turn: dict[str, Any], model: str, abilities: Abilities) -> None:
    """Make the last turn one that may be continued. Raises BadRequest where the model continues nothing."""
    content = turn["content"]
    last = content if isinstance(content, str) else content[-1].get("text")
    if not abilities.takes_prefill or not isinstance(last, str):
        rule = f"must end with a message of the user or a tool: {model} does not continue an answer that has begun"
        raise _wrong("messages", rule)
    if isinstance(content, str):
        turn["content"] = last.rstrip()  # white space at the end is refused
    else:
        content[-1] = content[-1] | {"text": last.rstrip()}


# --- thinking ------------------------------------------------------------------------------------------------------


def _thinking(
    request: ChatRequest, abilities: Abilities, limit: int, *, is_forced: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields for how much to think: those of the body, and those of output_config.

    1. Nobody asks, the caller speaks Anthropic's own words, or the model does not think: nothing.
    2. Not at all: switched off where the model allows that, else as little as it can.
    3. The model decides, and is told how hard to try. A forced tool goes with effort alone.
    4. A number of tokens, out of those of the answer. Left out where a forced tool forbids it, where the answer is too
       short for any, or where the caller has lost the thinking before the calls that are being answered.
    """
    word = _effort(request.extra)
    if not word or "thinking" in request.extra or abilities.thinking == "none":  # 1
        return {}, {}
    effort = {"effort": _nearest(word, abilities.efforts)} if abilities.efforts else {}
    if word == "none":  # 2
        if abilities.thinking == "adaptive" and abilities.can_rest:
            return {"thinking": {"type": "disabled"}}, {}
        return {}, effort if abilities.thinking == "adaptive" else {}
    if (
        abilities.thinking == "adaptive"
    ):  # 3; newer models keep their thoughts to themselves unless asked to sum them up
        return {} if is_forced else {"thinking": {"type": "adaptive", "display": "summarized"}}, effort
    budget = max(LEAST_BUDGET, min(int(limit * SHARES[word]), MOST_BUDGET))
    if is_forced or budget >= limit or turns.has_bare_calls(request.messages):  # 4
        return {}, effort
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}, effort


def _effort(extra: Mapping[str, Any]) -> str:
    value = extra.get("reasoning_effort") or _object(extra.get("reasoning")).get("effort")
    if value is None:
        return ""
    if value not in EFFORTS:
        raise _wrong("reasoning_effort", f"must be one of {', '.join(EFFORTS)}")
    return str(value)


def _nearest(word: str, known: tuple[str, ...]) -> str:
    """Return the known effort that is the most not above the word, else the least there is."""
    rank = EFFORTS.index
    ordered = sorted((each for each in known if each in EFFORTS), key=rank)
    return next((each for each in reversed(ordered) if rank(each) <= rank(word)), ordered[0] if ordered else "low")


# --- forms and tools -----------------------------------------------------------------------------------------------


def _form(
    wanted: Any, request: ChatRequest, model: str, abilities: Abilities
) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Return the tools, the format for output_config, and the tool whose input is the answer.

    1. Free text.
    2. A schema, to a model that holds itself to one.
    3. Any JSON object, or a schema to an older model: a tool that takes such an answer, and has to be called.
    """
    tools = _tools(request, abilities)
    kind = _object(wanted).get("type", "text")
    if kind == "text":  # 1
        return tools, {}, ""
    schema = _object(_object(_object(wanted).get("json_schema")).get("schema"))
    if kind == "json_schema" and not schema:
        raise _wrong("response_format.json_schema.schema", "is required: a JSON schema")
    if kind == "json_schema" and abilities.has_schemas:  # 2
        return tools, {"format": {"type": "json_schema", "schema": fitted(schema)}}, ""
    if kind not in ("json_schema", "json_object"):
        raise _wrong("response_format.type", "must be `text`, `json_object` or `json_schema`")
    shape = schema if kind == "json_schema" else {**ANYTHING, "additionalProperties": True}  # 3
    if request.tools or not abilities.can_force or shape.get("type", "object") != "object":
        raise _wrong("response_format", _why_not(model, abilities, has_tools=bool(request.tools)))
    words = "Give the whole answer by calling this once: its input is the answer."
    answer = {"name": ANSWER_TOOL, "description": words, "input_schema": {"type": "object", **shape}}
    return [*(tool for tool in tools if tool["name"] != ANSWER_TOOL), answer], {}, ANSWER_TOOL


def _why_not(model: str, abilities: Abilities, *, has_tools: bool) -> str:
    other = "use `json_schema`" if abilities.has_schemas else "ask a newer model"
    if has_tools:
        return f"of this type does not go with tools at {model}; leave one of them out, or {other}"
    return f"of this type is not possible at {model}; {other}"


def _tools(request: ChatRequest, abilities: Abilities) -> list[dict[str, Any]]:
    """Return the tools: the caller's, or, where there are none, the names of those the conversation has called.

    Anthropic takes no conversation with calls in it that declares no tools.
    """
    if request.tools:
        return [_tool(tool, f"tools[{number}]", abilities) for number, tool in enumerate(_allowed(request))]
    return [{"name": name, "input_schema": dict(ANYTHING)} for name in turns.called_names(request.messages)]


def _allowed(request: ChatRequest) -> list[Mapping[str, Any]]:
    """Return the declared tools, or those that a choice of `allowed_tools` leaves."""
    allowed = _object(_object(request.extra.get("tool_choice")).get("allowed_tools")).get("tools")
    if not isinstance(allowed, list):
        return list(request.tools)
    names = [_object(_object(tool).get("function")).get("name") for tool in allowed]
    return [tool for tool in request.tools if _object(tool.get("function")).get("name") in names]


def _tool(raw: Mapping[str, Any], at: str, abilities: Abilities) -> dict[str, Any]:
    function = raw.get("function")
    if raw.get("type", "function") != "function" or not isinstance(function, dict) or not function.get("name"):
        raise _wrong(at, "must be of the type `function`, with a `function` that has a name")
    schema = {**ANYTHING, **_object(function.get("parameters"))}
    is_strict = function.get("strict") is True and abilities.has_schemas
    tool = {"name": function["name"], "description": function.get("description")}
    tool |= {"input_schema": fitted(schema) if is_strict else schema, "strict": is_strict or None}
    tool |= {"cache_control": raw.get("cache_control")}
    return {name: value for name, value in tool.items() if value is not None}


def _choice(
    request: ChatRequest, tools: list[dict[str, Any]], model: str, abilities: Abilities, *, answer_tool: str
) -> dict[str, Any]:
    """Return the choice of a tool; empty where there is nothing to be said."""
    if answer_tool:
        return {"type": "tool", "name": answer_tool, "disable_parallel_tool_use": True}
    if not tools:
        return {}
    if not request.tools:
        return {"type": "none"}
    choice = _chosen(request.extra.get("tool_choice"))
    is_single = request.extra.get("parallel_tool_calls") is False
    if choice.get("type") in {"any", "tool"} and not abilities.can_force:
        raise _wrong("tool_choice", f"must be `auto` or `none`: {model} cannot be forced to call a tool")
    if is_single and choice.get("type") != "none":
        return {"type": "auto", **choice, "disable_parallel_tool_use": True}
    return choice


def _chosen(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, str) and given in CHOICES:
        return {"type": CHOICES[given]}
    value = _object(given)
    if value.get("type") == "allowed_tools":
        return _chosen(_object(value.get("allowed_tools")).get("mode", "auto"))
    if isinstance(name := _object(value.get("function")).get("name"), str):
        return {"type": "tool", "name": name}
    raise _wrong("tool_choice", "must be `auto`, `none`, `required`, or an object that names a function")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _wrong(field: str, rule: str) -> BadRequest:
    return BadRequest(f"`{field}` {rule}.", details={"param": field})
