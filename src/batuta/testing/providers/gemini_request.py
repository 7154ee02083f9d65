"""Reads requests of Gemini's generateContent, as strictly as Google reads them, thought signatures included."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from batuta.testing.providers.chat_request import ANY_OBJECT, Conversation
from batuta.testing.providers.refusals import Refused, Why
from batuta.testing.providers.talk import Asked, Call, Tool, words_in
from batuta.testing.providers.vendor import ApiModel, camel, names

# google/ai/generativelanguage/v1beta, GenerateContentRequest, GenerationConfig and Part; newer fields as of the SDK.
FIELDS = names(
    "model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent serviceTier "
    "labels store"
)
CONFIG = names(
    "temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty "
    "responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema _responseJsonSchema "
    "responseModalities thinkingConfig mediaResolution speechConfig imageConfig enableEnhancedCivicAnswers "
    "responseFormat"
)
PART = names(
    "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult thought "
    "thoughtSignature videoMetadata mediaResolution partMetadata"
)
SKIP = "skip_thought_signature_validator"
MOST_STOPS = 5


def invalid(message: str) -> Refused:
    """Return a refusal of a request that is not valid."""
    return Refused(Why.BAD, message)


def signature(call: Call, model: str) -> str:
    """Return the signature that goes with a call: whoever sends the call back must send this with it."""
    arguments = json.dumps(call.arguments, sort_keys=True)
    return base64.b64encode(hashlib.sha256(f"{model}:{call.name}:{arguments}".encode()).digest()).decode()


def in_camel(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its names in camelCase: Google reads both."""
    return {camel(name): part for name, part in value.items()}


def config_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the generationConfig.

    Raises:
        Refused: it has a field that nobody knows.
    """
    config = in_camel(body.get("generationConfig") or {})
    for name in sorted(set(config) - CONFIG):
        raise _unknown(name, "generation_config")
    return config


def _unknown(name: str, where: str) -> Refused:
    place = f' at "{where}"' if where else ""
    return invalid(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


def asked(given: Mapping[str, Any], model: ApiModel) -> Asked:
    """Return the request without its dialect.

    Raises:
        Refused: it is not valid.
    """
    body = in_camel(given)
    for name in sorted(set(body) - FIELDS):
        raise _unknown(name, "")
    config = config_of(body)
    if len(config.get("stopSequences") or ()) > MOST_STOPS:
        raise invalid("The number of stop sequences exceeds the limit of 5.")
    talk = _Reader(model).read(body.get("contents"))
    if system := body.get("systemInstruction"):
        parts = system.get("parts") or ()
        parts = [parts] if isinstance(parts, Mapping) else parts
        talk.system.append("\n".join(str(part.get("text", "")) for part in parts))
        talk.words += len(talk.system[0].split())
    limit = config.get("maxOutputTokens")
    return talk.asked(
        thinks=_thinks(config, model),
        schema=_schema(config),
        limit=limit if isinstance(limit, int) else None,
        stops=tuple(config.get("stopSequences") or ()),
        **_tools(body),
    )


def _thinks(config: Mapping[str, Any], model: ApiModel) -> bool:
    thinking = in_camel(config.get("thinkingConfig") or {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    if "thinkingLevel" in thinking and not model.needs_signature:
        raise invalid("Thinking level is not supported for this model.")
    return model.thinks == "always" or (model.thinks == "asked" and thinking.get("thinkingBudget", -1) != 0)


def _schema(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    schema = next(
        (config[n] for n in ("responseJsonSchema", "_responseJsonSchema", "responseSchema") if config.get(n)), None
    )
    if config.get("responseMimeType") == "application/json":
        return schema or ANY_OBJECT
    if schema:
        raise invalid("response_schema is only supported with response mime type application/json")
    return None


def _tools(body: Mapping[str, Any]) -> dict[str, Any]:
    tools = [
        Tool(
            str(declared.get("name")),
            declared.get("parametersJsonSchema")
            or declared.get("parameters_json_schema")
            or declared.get("parameters")
            or {},
        )
        for tool in body.get("tools") or ()
        for declared in in_camel(tool).get("functionDeclarations") or ()
    ]
    calling = in_camel(in_camel(body.get("toolConfig") or {}).get("functionCallingConfig") or {})
    mode, allowed = calling.get("mode", "AUTO"), calling.get("allowedFunctionNames") or []
    if allowed and mode not in {"ANY", "VALIDATED"}:
        raise invalid("Function calling config: allowed_function_names may only be set when mode is ANY.")
    for name in allowed:
        if name not in {tool.name for tool in tools}:
            raise invalid(f"Function calling config: {name} is not among the declared functions.")
    chosen = [tool for tool in tools if tool.name in allowed] if allowed else tools
    return {"tools": () if mode == "NONE" else tuple(chosen), "must_call": mode == "ANY"}


class _Reader:
    """Reads contents, turn by turn."""

    def __init__(self, model: ApiModel) -> None:
        self._talk = Conversation()
        self._model = model
        self._open: list[str] = []  # names of calls that wait for their responses

    def read(self, contents: Any) -> Conversation:
        """Return what the contents come to.

        Raises:
            Refused: they are no conversation.
        """
        if isinstance(contents, Mapping):
            contents = [contents]
        if not isinstance(contents, list) or not contents:
            raise invalid("* GenerateContentRequest.contents: contents is not specified")
        current = _current(contents)
        for place, content in enumerate(contents):
            self._talk.turns += 1
            role = content.get("role", "user")
            if role not in {"user", "model", "function"}:
                raise invalid("Please use a valid role: user, model.")
            parts = [in_camel(part) for part in content.get("parts") or ()]
            for number, part in enumerate(parts):
                for name in sorted(set(part) - PART):
                    raise _unknown(name, f"contents[{place}].parts[{number}]")
            if role == "model":
                self._model_turn(parts, place, is_current=place > current)
            else:
                self._user_turn(parts)
        if self._open:
            raise _uneven()
        self._talk.words = words_in(contents)
        return self._talk

    def _model_turn(self, parts: Sequence[Mapping[str, Any]], place: int, *, is_current: bool) -> None:
        calls = [part for part in parts if "functionCall" in part]
        if self._open:
            raise invalid("Please ensure that function call turn comes immediately after a user turn.")
        for number, part in enumerate(calls):
            call = Call(str(part["functionCall"].get("name")), part["functionCall"].get("args") or {})
            self._open.append(call.name)
            if self._model.needs_signature and is_current and number == 0:
                self._check(part.get("thoughtSignature"), call, place)

    def _check(self, given: Any, call: Call, place: int) -> None:
        """Only the first call of a step carries a signature; earlier turns are not checked."""
        if not given:
            raise invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{call.name}`, position {place + 1}."
            )
        placeholders = {SKIP, base64.b64encode(SKIP.encode()).decode()}
        if given not in placeholders and given != signature(call, self._model.id):
            raise invalid("Thought signature is not valid.")

    def _user_turn(self, parts: Sequence[Mapping[str, Any]]) -> None:
        texts = "".join(str(part["text"]) for part in parts if "text" in part)
        images = sum("inlineData" in part or "fileData" in part for part in parts)
        self._talk.says_user(texts, images)
        responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if len(responses) != len(self._open):
            raise _uneven()
        for response in responses:
            name, content = str(response.get("name")), response.get("response")
            if name not in self._open:
                raise invalid(f"Function response {name} has no function call of that name.")
            if not isinstance(content, Mapping):
                raise invalid(
                    'Invalid value at "function_response.response" (type.googleapis.com/google.protobuf.Struct)'
                )
            self._open.remove(name)
            text = content.get("result") or content.get("output")
            self._talk.results.append((name, text if isinstance(text, str) else json.dumps(content)))


def _uneven() -> Refused:
    return invalid(
        "Please ensure that the number of function response parts is equal to the number of function call parts of "
        "the function call turn."
    )


def _current(contents: Sequence[Mapping[str, Any]]) -> int:
    """Return the place of the last thing the user said himself: what comes after it is the current turn."""

    def said() -> Iterator[int]:
        for place, content in enumerate(contents):
            is_user = content.get("role", "user") == "user"
            if is_user and any("functionResponse" not in in_camel(part) for part in content.get("parts") or ()):
                yield place

    return max(said(), default=-1)
