"""Chat requests in the JSON of OpenAI's Responses API. Pure; knows nothing of answers.

What that API has no word for (`stop`, `seed`, penalties, `logit_bias`) is left out; what would change what is asked for
(several answers, sound) is refused. Nothing is stored there, so what a model thought travels with the conversation:
as `reasoning_details` of an assistant's message, in OpenRouter's form, with `format` ENCRYPTED.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from batuta.chat.types import ChatRequest, Message, ToolCall
from batuta.errors import BadRequest

ENCRYPTED: Final = "openai-responses-v1"
"""What `format` of a `reasoning_details` entry says that only this API can read."""

LEAST_TOKENS: Final = 16  # max_output_tokens below it is refused

SAME: Final = (
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "truncation",
    "user",
)
"""Fields that have the same name and meaning in both APIs."""

_SYSTEM = {"system", "developer"}


def responses_body(request: ChatRequest, *, model: str) -> dict[str, Any]:
    """Return the JSON that asks `model` for an answer. Raises BadRequest for what the API cannot be asked."""
    if request.sampling.n != 1:
        raise BadRequest(f"{request.model} gives one answer at a time; leave out `n`", details={"param": "n"})
    extra, sampling = request.extra, request.sampling
    if extra.get("modalities") not in (None, ["text"]):
        raise BadRequest(f"{request.model} answers with text; leave out `modalities`", details={"param": "modalities"})
    instructions, rest = _instructions(request.messages)
    body: dict[str, Any] = {
        "model": model,
        "input": [item for message in rest for item in _items(message)],
        "store": bool(extra.get("store", False)),
        "include": ["reasoning.encrypted_content"],
    }
    if instructions:
        body["instructions"] = instructions
    if sampling.max_tokens is not None and sampling.max_tokens >= 0:
        body["max_output_tokens"] = max(sampling.max_tokens, LEAST_TOKENS)
    numbers = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    body.update((name, value) for name, value in numbers.items() if value is not None)
    body.update((name, extra[name]) for name in SAME if extra.get(name) is not None)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if (choice := extra.get("tool_choice")) is not None:
            body["tool_choice"] = _choice(choice)
    if text := _text_options(extra):
        body["text"] = text
    reasoning = dict(extra["reasoning"]) if isinstance(extra.get("reasoning"), dict) else {}
    if effort := extra.get("reasoning_effort"):
        reasoning["effort"] = effort
    if reasoning:
        body["reasoning"] = reasoning
    if request.stream:
        body["stream"] = True
    return body


# --- messages ------------------------------------------------------------------------------------------------------


def _instructions(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """Return what the conversation begins with as instructions, and the rest of it."""
    begin = next((at for at, message in enumerate(messages) if message.role not in _SYSTEM), len(messages))
    return "\n\n".join(filter(None, (_plain(message.content) for message in messages[:begin]))), messages[begin:]


def _items(message: Message) -> Iterable[dict[str, Any]]:
    """Yield the items of a message: what was thought first, then what was said, then what was called."""
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": _output(message.content)}
        return
    if message.role == "function":
        raise BadRequest("a message's role `function` is no longer known; use `tool`", details={"param": "messages"})
    yield from _thoughts(message.extra.get("reasoning_details"))
    if parts := _parts(message):
        yield {"type": "message", "role": message.role, "content": parts}
    for call in message.tool_calls:
        yield _called(call)


def _called(call: ToolCall) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _thoughts(details: Any) -> Iterable[dict[str, Any]]:
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("format") == ENCRYPTED and detail.get("data"):
            summary = [{"type": "summary_text", "text": text} for text in [detail.get("summary")] if text]
            item = {"type": "reasoning", "encrypted_content": detail["data"], "summary": summary}
            yield {**item, "id": detail["id"]} if detail.get("id") else item


def _parts(message: Message) -> list[dict[str, Any]]:
    is_answer = message.role == "assistant"
    kind = "output_text" if is_answer else "input_text"
    content = message.content
    parts: list[dict[str, Any]] = []
    if isinstance(content, str):
        parts = [{"type": kind, "text": content}] if content or not is_answer else []
    elif content:
        parts = [_part(part, kind) for part in content]
    if is_answer and isinstance(refusal := message.extra.get("refusal"), str) and refusal:
        parts.append({"type": "refusal", "refusal": refusal})
    return parts


def _part(part: Mapping[str, Any], kind: str) -> dict[str, Any]:
    match part.get("type"):
        case "text":
            return {"type": kind, "text": part.get("text", "")}
        case "refusal":
            return {"type": "refusal", "refusal": part.get("refusal", "")}
        case "image_url":
            image = part.get("image_url")
            told: Mapping[str, Any] = image if isinstance(image, dict) else {"url": image}
            detail = {"detail": told["detail"]} if told.get("detail") else {}
            return {"type": "input_image", "image_url": told.get("url"), **detail}
        case "file":
            file = part.get("file")
            return {"type": "input_file", **(file if isinstance(file, dict) else {})}
        case other:
            raise BadRequest(
                f"this model cannot be sent a part of the type {other!r}; it takes text, image_url and file",
                details={"param": "messages"},
            )


def _output(content: str | tuple[Mapping[str, Any], ...] | None) -> str | list[dict[str, Any]]:
    """Return what a tool answered: as text, or as parts where there is more than text in it."""
    if isinstance(content, tuple) and any(part.get("type") != "text" for part in content):
        return [_part(part, "input_text") for part in content]
    return _plain(content)


def _plain(content: str | tuple[Mapping[str, Any], ...] | None) -> str:
    if isinstance(content, tuple):
        return "".join(str(part.get("text", "")) for part in content)
    return content or ""


# --- tools and forms -----------------------------------------------------------------------------------------------


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool without the wrapper. `strict` is said: left out it would be on here, and off in chat."""
    kind = tool.get("type")
    inner = tool.get(kind) if isinstance(kind, str) else None
    if kind == "custom":  # its calls and their answers have no place in Batuta's messages
        raise BadRequest("a tool must be of the type `function`, or one of the API's own", details={"param": "tools"})
    if not isinstance(inner, dict):
        return dict(tool)  # one of the API's own
    if kind == "function":
        return {"type": "function", "parameters": {}, **inner, "strict": bool(inner.get("strict", False))}
    return {"type": kind, **inner}


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return choice
    kind = choice.get("type")
    inner = choice.get(kind) if isinstance(kind, str) else None
    if not isinstance(inner, dict):
        return choice
    if kind == "allowed_tools":
        listed = inner.get("tools")
        tools = [_choice(tool) for tool in listed] if isinstance(listed, list) else []
        return {"type": kind, "mode": inner.get("mode", "auto"), "tools": tools}
    return {"type": kind, **inner}


def _text_options(extra: Mapping[str, Any]) -> dict[str, Any]:
    text: dict[str, Any] = {}
    form = extra.get("response_format")
    if isinstance(form, dict):
        schema = form.get("json_schema")
        is_schema = form.get("type") == "json_schema" and isinstance(schema, dict)
        text["format"] = {"type": "json_schema", **schema} if is_schema and schema is not None else dict(form)
    if extra.get("verbosity"):
        text["verbosity"] = extra["verbosity"]
    return text
