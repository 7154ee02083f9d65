"""A chat request as the body of Gemini's generateContent. Pure; knows no model by name: its traits are told.

What the API has no word for is left out (docs/reference/providers/google.md lists it); what changes the meaning of the
request and cannot be said is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from batuta.chat.dialects.gemini_turns import signed, system_parts, turns
from batuta.chat.types import ChatRequest
from batuta.errors import BadRequest

MAX_STOPS: Final = 5  # GenerationConfig.stop_sequences, "up to 5"
LEVELS: Final = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
EFFORTS: Final[Mapping[str, tuple[str, int]]] = {
    "none": ("MINIMAL", 0),
    "minimal": ("MINIMAL", 1024),
    "low": ("LOW", 1024),
    "medium": ("MEDIUM", 8192),
    "high": ("HIGH", 24576),
    "xhigh": ("XHIGH", 32768),
    "max": ("XHIGH", 32768),
}
"""reasoning_effort -> thinkingLevel, and tokens of thinkingBudget: as Google's endpoint in OpenAI's dialect maps it."""

NUMBERS: Final[Mapping[str, str]] = {
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""Fields of a request that have no place of their own in ChatRequest -> Gemini's name."""

GOOGLE: Final[Mapping[str, str]] = {
    "thinking_config": "thinkingConfig",
    "thinkingConfig": "thinkingConfig",
    "safety_settings": "safetySettings",
    "safetySettings": "safetySettings",
    "cached_content": "cachedContent",
    "cachedContent": "cachedContent",
}
"""What a caller may say to Gemini itself, in `extra_body.google`, as at Google's endpoint in OpenAI's dialect."""

_INT32: Final = 2**31
_NO_PARAMETERS: Final = frozenset({"$schema", "description", "title", "type"})


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes.

    Attributes:
        levels: the values of thinkingLevel, the lowest first; empty: it has none.
        budget: the least and the most tokens of thinkingBudget; None: it has none.
        can_stop_thinking: a budget of 0 is allowed.
        is_signed: it refuses calls that come back without their signature.
        has_system: it takes a system instruction; else its texts open the conversation.
        refuses: fields of generationConfig that are never sent to it.
        is_chat: it answers with text.
    """

    levels: tuple[str, ...] = ()
    budget: tuple[int, int] | None = None
    can_stop_thinking: bool = False
    is_signed: bool = False
    has_system: bool = True
    refuses: frozenset[str] = frozenset()
    is_chat: bool = True

    @property
    def thinks(self) -> bool:
        """Whether it thinks before it answers."""
        return bool(self.levels or self.budget)


def chat_body(request: ChatRequest, traits: Traits) -> dict[str, Any]:
    """Return the body that asks for an answer. Raises BadRequest for what Gemini cannot be asked."""
    own = _own_words(request.extra)
    system, contents = system_parts(request.messages), turns(request.messages)
    if system and (not traits.has_system or not contents):  # a conversation of system texts alone is refused, too
        contents = _opened(contents, system)
        system = []
    body: dict[str, Any] = {"systemInstruction": {"parts": system}} if system else {}
    body["contents"] = signed(contents) if traits.is_signed else contents
    body |= _tools(request)
    config = _config(request, traits) | _thinking(request.extra, traits, own.pop("thinkingConfig", None))
    config = {field: value for field, value in config.items() if field not in traits.refuses}
    if config:
        body["generationConfig"] = config
    return body | own


def _opened(contents: list[dict[str, Any]], system: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the conversation with the system's texts as the user's first words."""
    if contents and contents[0]["role"] == "user":
        first, *rest = contents
        return [{"role": "user", "parts": [*system, *first["parts"]]}, *rest]
    return [{"role": "user", "parts": system}, *contents]


# --- how to answer -------------------------------------------------------------------------------------------------


def _config(request: ChatRequest, traits: Traits) -> dict[str, Any]:
    sampling, extra = request.sampling, request.extra
    if sampling.n != 1:
        raise _wrong("n", "must be 1: Batuta returns one answer a request from Gemini; send it several times")
    if len(sampling.stop) > MAX_STOPS:
        raise _wrong("stop", f"has {len(sampling.stop)} texts; Gemini takes at most {MAX_STOPS}")
    if "audio" in _list(extra.get("modalities")):
        raise _wrong("modalities", "asks for audio; from Gemini Batuta passes on text")
    most = sampling.max_tokens
    values = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "maxOutputTokens": most if most is not None and most > 0 else None,  # -1: no limit
        "stopSequences": list(sampling.stop) or None,
        "seed": _seed(sampling.seed),
        **{theirs: extra.get(ours) for ours, theirs in NUMBERS.items()},
        **_format(extra.get("response_format")),
    }
    return {field: value for field, value in values.items() if value is not None and field not in traits.refuses}


def _seed(seed: int | None) -> int | None:
    """Return the seed in the 32 bits that Gemini takes: equal seeds stay equal."""
    return seed if seed is None or -_INT32 <= seed < _INT32 else seed % _INT32


def _format(value: Any) -> dict[str, Any]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind is None or kind == "text":
        return {}
    if kind == "json_object":
        return {"responseMimeType": "application/json"}
    given = value.get("json_schema") if kind == "json_schema" else None
    schema = given.get("schema") if isinstance(given, dict) else None
    if not isinstance(schema, dict):
        raise _wrong("response_format", "must be of the type text, json_object, or json_schema with a schema")
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def _thinking(extra: Mapping[str, Any], traits: Traits, own: Any) -> dict[str, Any]:
    """Return how much to think, and that the thoughts are to be told.

    1. The caller's own words to Gemini count as they are.
    2. Thoughts are told unless none are wanted: a model that thinks for a minute in silence looks dead.
    3. Without an effort the model decides how long it thinks.
    """
    effort = _effort(extra)
    if own is not None:  # 1
        return {"thinkingConfig": own}
    if not traits.thinks:
        return {}
    config: dict[str, Any] = {} if effort == "none" else {"includeThoughts": True}  # 2
    if effort:  # 3
        level, tokens = EFFORTS[effort]
        if traits.levels:
            config["thinkingLevel"] = _nearest(level, traits.levels)
        elif traits.budget:
            least, most = traits.budget
            is_off = not tokens and traits.can_stop_thinking
            config["thinkingBudget"] = 0 if is_off else min(max(tokens, least), most)
    return {"thinkingConfig": config} if config else {}


def _effort(extra: Mapping[str, Any]) -> str:
    reasoning = extra.get("reasoning")
    effort = extra.get("reasoning_effort") or (reasoning.get("effort") if isinstance(reasoning, dict) else None)
    if effort is None:
        return ""
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise _wrong("reasoning_effort", f"must be one of {', '.join(EFFORTS)}")
    return effort


def _nearest(wanted: str, levels: Sequence[str]) -> str:
    """Return the level, or the next above that the model has, or else its highest."""
    place = LEVELS.index(wanted)
    return next((level for level in levels if LEVELS.index(level) >= place), levels[-1])


# --- tools ---------------------------------------------------------------------------------------------------------


def _tools(request: ChatRequest) -> dict[str, Any]:
    mode, allowed = _choice(request.extra.get("tool_choice"))
    functions = [_function(tool, f"tools[{number}]") for number, tool in enumerate(request.tools)]
    if mode == "AUTO" and allowed:  # Gemini knows a choice of names only where a call is forced
        functions = [function for function in functions if function["name"] in allowed]
    if not functions:
        return {}
    body: dict[str, Any] = {"tools": [{"functionDeclarations": functions}]}
    if mode != "AUTO":
        calling = {"mode": mode, "allowedFunctionNames": allowed} if allowed else {"mode": mode}
        body["toolConfig"] = {"functionCallingConfig": calling}
    return body


def _function(tool: Mapping[str, Any], at: str) -> dict[str, Any]:
    given = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(given, dict) or not given.get("name"):
        raise _wrong(at, "must be of the type `function` with a `function` that has a name")
    function = {"name": given["name"]}
    if description := given.get("description"):
        function["description"] = description
    parameters = given.get("parameters")
    if isinstance(parameters, dict) and not _is_empty(parameters):
        function["parametersJsonSchema"] = parameters
    return function


def _is_empty(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is that of no parameters: Gemini takes a function without any better without one."""
    return {field for field, value in schema.items() if value} <= _NO_PARAMETERS


def _choice(value: Any) -> tuple[str, list[str]]:
    """Return the mode, and the functions it is narrowed to (none: all)."""
    modes = {None: "AUTO", "auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY"}
    if value is None or isinstance(value, str):
        if value in modes:
            return modes[value], []
    elif isinstance(value, dict):
        if value.get("type") == "function" and (name := _name(value)):
            return "ANY", [name]
        given = value.get("allowed_tools")
        if value.get("type") == "allowed_tools" and isinstance(given, dict):
            names = [name for tool in _list(given.get("tools")) if (name := _name(tool))]
            return ("ANY" if given.get("mode") == "required" else "AUTO"), names
    raise _wrong("tool_choice", "must be auto, none, required, a function by its name, or allowed_tools")


def _name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


# --- helpers -------------------------------------------------------------------------------------------------------


def _own_words(extra: Mapping[str, Any]) -> dict[str, Any]:
    wrapped = extra.get("extra_body")
    given = wrapped.get("google") if isinstance(wrapped, dict) else None
    if not isinstance(given, dict):
        return {}
    if strange := sorted(given.keys() - GOOGLE.keys()):
        known = ", ".join(field for field in GOOGLE if "_" in field)
        raise _wrong(f"extra_body.google.{strange[0]}", f"is not passed on to Gemini; what is: {known}")
    return {GOOGLE[field]: value for field, value in given.items()}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _wrong(field: str, rule: str) -> BadRequest:
    return BadRequest(f"`{field}` {rule}.", details={"param": field})
