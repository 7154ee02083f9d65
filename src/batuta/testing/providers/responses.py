"""OpenAI's Responses API: reads its items and writes its answers, whole and as named events. Keeps no responses."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from batuta.testing.providers.chat_request import ANY_OBJECT, Conversation, bad, read_content
from batuta.testing.providers.talk import Answer, Asked, Call, End, Tool, words_in
from batuta.testing.providers.vendor import Exchange, names
from batuta.testing.providers.wire import Event, Part

Json = dict[str, Any]
FIELDS = names(
    "access_programs background context_management conversation image include input instructions "
    "max_output_tokens max_tool_calls metadata "
    "model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text "
    "tool_choice tools top_logprobs top_p truncation user"
)
LEAST_TOKENS = 16


# --- requests --------------------------------------------------------------------------------------------------------


def asked(body: Mapping[str, Any], *, thinks: bool) -> Asked:
    """Return the request without its dialect.

    Raises:
        Refused: it is not valid.
    """
    if (before := body.get("previous_response_id")) is not None:
        raise bad(
            f"Previous response with id '{before}' not found.", "previous_response_id", "previous_response_not_found"
        )
    limit = body.get("max_output_tokens")
    if isinstance(limit, int) and limit < LEAST_TOKENS:
        raise bad(
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {LEAST_TOKENS}, but got "
            f"{limit} instead.",
            "max_output_tokens",
            "integer_below_min_value",
        )
    talk = _conversation(body.get("input"))
    if instructions := body.get("instructions"):
        talk.system.insert(0, str(instructions))
        talk.words += len(str(instructions).split())
    return talk.asked(thinks=thinks, limit=limit, schema=_schema(body), **_tools(body))


def _conversation(given: Any) -> Conversation:
    talk = Conversation()
    if isinstance(given, str):
        talk.says_user(given)
        talk.turns, talk.words = 1, words_in(given)
        return talk
    if not isinstance(given, list) or not given:
        raise bad("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    open_calls: set[str] = set()
    thought = ""
    for place, item in enumerate(given):
        kind = item.get("type", "message")
        if thought and kind not in {"message", "function_call"}:
            raise _without_next(thought)
        thought = str(item.get("id")) if kind == "reasoning" else ""
        _take(talk, item, kind, open_calls, place)
    if thought:
        raise _without_next(thought)
    if open_calls:
        raise bad(f"No tool output found for function call {min(open_calls)}.", "input")
    talk.words = words_in(given)
    return talk


def _without_next(item_id: str) -> Exception:
    return bad(f"Item '{item_id}' of type 'reasoning' was provided without its required following item.", "input")


def _take(talk: Conversation, item: Mapping[str, Any], kind: str, open_calls: set[str], place: int) -> None:
    if kind == "message":
        _take_message(talk, item, place)
    elif kind == "function_call":
        talk.turns += 1
        talk.names[str(item.get("call_id"))] = str(item.get("name"))
        open_calls.add(str(item.get("call_id")))
    elif kind == "function_call_output":
        talk.turns += 1
        call_id = str(item.get("call_id"))
        if call_id not in open_calls:
            raise bad(f"No tool call found for function call output with call_id {call_id}.", "input")
        open_calls.discard(call_id)
        talk.results.append((talk.names[call_id], read_content(item.get("output"), place)[0]))
    elif kind == "reasoning":
        if item.get("encrypted_content") != sealed(str(item.get("id"))):
            raise bad(
                f"The encrypted content for item {item.get('id')} could not be verified.",
                "input",
                "invalid_encrypted_content",
            )
    else:
        raise bad(f"Invalid value: '{kind}' is no type of item here.", f"input[{place}].type", "invalid_value")


def _take_message(talk: Conversation, item: Mapping[str, Any], place: int) -> None:
    role, content = item.get("role"), item.get("content")
    wanted = {"output_text", "refusal"} if role == "assistant" else {"input_text", "input_image", "input_file"}
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part.get("type") not in wanted:
            where = f"input[{place}].content[{number}]"
            raise bad(f"Invalid value: '{part.get('type')}'. Supported values are: {sorted(wanted)}.", where)
    text, images = read_content(content, place)
    if role in {"system", "developer"}:
        talk.system.append(text)
        return
    talk.turns += 1
    if role == "user":
        talk.says_user(text, images)
    elif role != "assistant":
        raise bad(f"Invalid value: '{role}' is no role.", f"input[{place}].role", "invalid_value")


def _tools(body: Mapping[str, Any]) -> Json:
    tools = []
    for place, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") == "function" and not tool.get("name"):
            where = f"tools[{place}].name"
            raise bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        if tool.get("type") == "function":
            tools.append(Tool(str(tool["name"]), tool.get("parameters") or {}))
    choice = body.get("tool_choice", "auto")
    only = str(choice.get("name")) if isinstance(choice, Mapping) and choice.get("type") == "function" else ""
    if only and only not in {tool.name for tool in tools}:
        raise bad(f"Tool choice 'function' not found in 'tools' parameter: {only}.", "tool_choice")
    return {
        "tools": () if choice == "none" else tuple(tools),
        "must_call": bool(only) or choice == "required",
        "only": only,
        "is_parallel": body.get("parallel_tool_calls") is not False,
    }


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type", "text") == "text":
        return None
    if form.get("type") == "json_object":
        return ANY_OBJECT
    if not form.get("name") or not isinstance(form.get("schema"), Mapping):
        raise bad("Missing required parameter: 'text.format.name'.", "text.format", "missing_required_parameter")
    schema: Mapping[str, Any] = form["schema"]
    return schema


def sealed(item_id: str) -> str:
    """Return the encrypted content of a reasoning item: whoever sends it back must send exactly this."""
    return base64.b64encode(f"sealed thoughts of {item_id}".encode()).decode()


# --- answers ---------------------------------------------------------------------------------------------------------


class Writer:
    """Puts one answer into the dialect.

    Args:
        exchange: the request.
        answer: to it.
        model: that answers.
        effort: it reasons with; None: it is no reasoning model.
    """

    def __init__(self, exchange: Exchange, answer: Answer, *, model: str, effort: str | None) -> None:
        self._exchange = exchange
        self._answer = answer
        self._model = model
        self._effort = effort
        self._sequence = count()
        self._has_summary = bool((exchange.body.get("reasoning") or {}).get("summary"))

    @property
    def _id(self) -> str:
        return f"resp_{self._exchange.number:08x}"

    def _response(self, status: str, output: list[Json]) -> Json:
        body, is_over = self._exchange.body, status not in {"in_progress", "queued"}
        cut = {"reason": self._cut} if status == "incomplete" else None
        usage = self._usage() if is_over and self._exchange.play.usage else None
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._exchange.created,
            "status": status,
            "error": None,
            "incomplete_details": cut,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "metadata": body.get("metadata") or {},
            "model": self._model,
            "output": output,
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "reasoning": {"effort": self._effort, "summary": None},
            "service_tier": "default",
            "store": body.get("store") is not False,
            "temperature": body.get("temperature", 1.0),
            "text": body.get("text") or {"format": {"type": "text"}},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools") or [],
            "top_p": body.get("top_p", 1.0),
            "truncation": "disabled",
            "usage": usage,
        }

    @property
    def _cut(self) -> str:
        return "content_filter" if self._exchange.play.finish == "content_filter" else "max_output_tokens"

    @property
    def _status(self) -> str:
        is_cut = self._answer.end is End.LENGTH or self._exchange.play.finish in {"length", "content_filter"}
        return "incomplete" if is_cut else "completed"

    def _usage(self) -> Json:
        answer = self._answer
        said = answer.tokens_said + answer.tokens_thought
        return {
            "input_tokens": answer.tokens_in,
            "input_tokens_details": {"cached_tokens": answer.cached, "cache_write_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": answer.tokens_thought},
            "total_tokens": answer.tokens_in + said,
        }

    def _output(self) -> list[Json]:
        answer = self._answer
        items = [self._reasoning()] if answer.thoughts else []
        items += [self._call(call, place) for place, call in enumerate(answer.calls)]
        return items if answer.calls else [*items, self._message(answer.text, self._status)]

    def _reasoning(self) -> Json:
        item_id = f"rs_{self._exchange.number:08x}"
        summary = [{"type": "summary_text", "text": self._answer.thinking}] if self._has_summary else []
        item: Json = {"id": item_id, "type": "reasoning", "summary": summary}
        wants = "reasoning.encrypted_content" in (self._exchange.body.get("include") or ())
        return item | ({"encrypted_content": sealed(item_id)} if wants else {})

    def _call(self, call: Call, place: int) -> Json:
        number = self._exchange.number
        return {
            "id": f"fc_{number:06x}{place:02x}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{number:06x}{place:02x}",
            "name": call.name,
            "arguments": call.text[:-1] if self._exchange.play.arguments == "broken" else call.text,
        }

    def _message(self, text: str, status: str) -> Json:
        content = [_text(text)] if status != "in_progress" else []
        head = {"id": f"msg_{self._exchange.number:08x}", "type": "message", "status": status}
        return head | {"role": "assistant", "content": content}

    def whole(self) -> Json:
        """Return the whole answer."""
        return self._response(self._status, self._output())

    def _event(self, name: str, fields: Json, part: Part = Part.OTHER) -> Event:
        return Event({"type": name, "sequence_number": next(self._sequence), **fields}, name, part)

    def events(self) -> Iterator[Event]:
        """Yield the events of a streamed answer; nothing comes behind the last."""
        begun = self._response("in_progress", [])
        yield self._event("response.created", {"response": begun})
        yield self._event("response.in_progress", {"response": begun})
        output = self._output()
        for index, item in enumerate(output):
            place: Json = {"item_id": item["id"], "output_index": index}
            yield self._event("response.output_item.added", {"output_index": index, "item": _unfinished(item)})
            if item["type"] == "message":
                yield from self._text_events(place)
            elif item["type"] == "function_call":
                yield from self._call_events(place, item)
            elif self._has_summary:
                yield from self._summary_events(place)
            yield self._event("response.output_item.done", {"output_index": index, "item": item})
        name = f"response.{self._status}"
        yield self._event(name, {"response": self._response(self._status, output)}, Part.END)

    def _text_events(self, place: Json) -> Iterator[Event]:
        text = self._answer.text
        at = place | {"content_index": 0}
        yield self._event("response.content_part.added", at | {"part": _text("")})
        for piece in self._answer.pieces:
            yield self._event("response.output_text.delta", at | {"delta": piece, "logprobs": []}, Part.PIECE)
        yield self._event("response.output_text.done", at | {"text": text, "logprobs": []})
        yield self._event("response.content_part.done", at | {"part": _text(text)})

    def _call_events(self, place: Json, item: Json) -> Iterator[Event]:
        middle = len(item["arguments"]) // 2
        for piece in (item["arguments"][:middle], item["arguments"][middle:]):
            yield self._event("response.function_call_arguments.delta", place | {"delta": piece}, Part.PIECE)
        done = place | {"name": item["name"], "arguments": item["arguments"]}
        yield self._event("response.function_call_arguments.done", done)

    def _summary_events(self, place: Json) -> Iterator[Event]:
        at, text = place | {"summary_index": 0}, self._answer.thinking
        yield self._event("response.reasoning_summary_part.added", at | {"part": {"type": "summary_text", "text": ""}})
        for piece in self._answer.thoughts:
            yield self._event("response.reasoning_summary_text.delta", at | {"delta": piece}, Part.PIECE)
        yield self._event("response.reasoning_summary_text.done", at | {"text": text})
        done = {"part": {"type": "summary_text", "text": text}}
        yield self._event("response.reasoning_summary_part.done", at | done)

    def broken(self) -> tuple[Event, ...]:
        """Return the events of an error in the middle: `response.failed`, or the bare `error`."""
        message = "The server had an error while processing your request."
        if self._exchange.play.is_named:
            fields = {"code": "server_error", "message": message, "param": None}
            return (Event({"type": "error", "sequence_number": 99, **fields}, "error"),)
        failed = self._response("failed", []) | {"error": {"code": "server_error", "message": message}}
        return (Event({"type": "response.failed", "sequence_number": 99, "response": failed}, "response.failed"),)


def _text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _unfinished(item: Json) -> Json:
    """Return an item as it is when it begins."""
    if item["type"] == "reasoning":
        return item | {"summary": []}
    empty: Json = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return item | empty | {"status": "in_progress"}
