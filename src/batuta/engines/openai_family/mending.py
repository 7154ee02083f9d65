"""Mends answers that are almost OpenAI's: what is missing is put in, what is said otherwise is said OpenAI's way. Pure.

Works on the JSON of an answer or of one event, and keeps every field it does not know.
"""

from __future__ import annotations

import time
import uuid
from hashlib import blake2b
from typing import Any, Final

import orjson

from batuta.chat import sse
from batuta.chat.dialects.openai import InBandError, find_error

FINISHES: Final = {
    "stop": "stop",
    "eos": "stop",  # Together
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",  # Cohere
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "function_call",
    "content_filter": "content_filter",
    "safety": "content_filter",
}
"""finish_reason, in lower case -> OpenAI's word. `error` is an error; any other word means that the model stopped."""

_ANSWER: Final = {"choices", "usage", "data", "models"}


def error_in(body: dict[str, Any]) -> InBandError | None:
    """Return the error that an answer or an event carries.

    1. At its top. A code beside a flat error (`{"code": ..., "error": "words"}`) is what the error calls itself.
    2. In a choice, or as a finish reason.
    3. As a message where an answer belongs (Mistral, Cohere, AI21).
    """
    if body.get("error"):  # 1
        found = find_error(body)
        if found is not None and isinstance(body["error"], str) and isinstance(body.get("code"), str):
            return InBandError(found.message, body["code"], found.status)
        return found
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():  # 2
        if isinstance(choice, dict) and (choice.get("error") or choice.get("finish_reason") == "error"):
            return find_error(choice) or InBandError("the model ended its answer with an error")
    said = body.get("message") or body.get("detail")
    if isinstance(said, str) and not body.keys() & _ANSWER:  # 3
        return InBandError(said, str(body.get("type") or body.get("code") or ""))
    return None


def read_event(event: sse.Event) -> dict[str, Any] | InBandError | None:
    """Return the JSON of an event, or the error that it is; None where it is neither.

    1. Google puts an error into a list of one.
    2. Who names an event `error` means it, whatever is in it.
    """
    try:
        said = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        said = None
    if isinstance(said, list) and said:  # 1
        said = said[0]
    body = said if isinstance(said, dict) else None
    if body is not None and (error := error_in(body)) is not None:
        return error
    if event.event == "error":  # 2
        return InBandError(event.data.decode("utf-8", "replace"))
    return body


class Mender:
    """Mends one answer, whole or event by event.

    Args:
        model: the name to give an answer that has none.

    Attributes:
        is_finished: a choice has said how it ended.
        has_spoken: there has been a choice.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._id = ""
        self._answer = ""
        self._created = 0
        self._calls: dict[tuple[int, str], int] = {}  # (choice, id of a call) -> its place among the calls
        self._told: dict[tuple[int, int], int] = {}  # (choice, place as the API tells it) -> place
        self._last: dict[int, int] = {}  # choice -> place of the call that was last spoken of
        self.is_finished = False
        self.has_spoken = False

    def event(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mend the JSON of one event, in place, and return it."""
        self._frame(body, "chat.completion.chunk")
        choices = body.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._choice(choice, "delta")
        if not isinstance(choices, list):
            body["choices"] = []  # usage alone
        return body

    def whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mend the JSON of a whole answer, in place, and return it. What is no choice is left out."""
        self._frame(body, "chat.completion")
        listed = body.get("choices")
        choices = listed if isinstance(listed, list) else []
        body["choices"] = [choice for choice in choices if isinstance(choice, dict)]
        for choice in body["choices"]:
            if not isinstance(choice.get("message"), dict):
                choice["message"] = {}
            self._choice(choice, "message")
            choice["finish_reason"] = choice.get("finish_reason") or self._finish("stop", choice["index"])
        return body

    def ending(self) -> dict[str, Any]:
        """Return the event that says how an answer ended whose API has said only that it has."""
        return self.event({"choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]})

    def _frame(self, body: dict[str, Any], kind: str) -> None:
        if not body.get("id"):
            self._id = self._id or f"chatcmpl-{uuid.uuid4().hex[:24]}"
            body["id"] = self._id
        self._answer = body["id"]
        if not body.get("created"):
            self._created = self._created or int(time.time())
            body["created"] = self._created
        body["object"] = kind
        if not body.get("model"):
            body["model"] = self._model

    def _choice(self, choice: dict[str, Any], name: str) -> None:
        place = choice.get("index")
        if not isinstance(place, int):
            place = choice["index"] = 0
        said = choice.get(name)
        if isinstance(said, dict):
            _contents(said)
            calls = said.get("tool_calls")
            if isinstance(calls, list) and calls:
                said["tool_calls"] = [self._call(call, place, name) for call in calls if isinstance(call, dict)]
            elif "tool_calls" in said:
                del said["tool_calls"]  # null, or none
            if name == "message":
                said.setdefault("role", "assistant")
                said.setdefault("content", None)
        elif said is None:
            choice[name] = {}
        self.has_spoken = True
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            choice["finish_reason"] = self._finish(finish, place)
            self.is_finished = True

    def _finish(self, finish: str, place: int) -> str:
        word = FINISHES.get(finish.lower(), "stop")
        return "tool_calls" if word == "stop" and place in self._last else word  # some say stop after calls

    def _place(self, told: Any, choice: int, known: str, *, begins: bool) -> int:
        """Return a call's place among the calls of a choice.

        1. Its id is known.
        2. It says its place. Some say the same for all calls: a new id there begins the next one.
        3. An id or name that is new begins the next call; else it goes on with the last one.

        Args:
            told: the place it says.
            choice: whose call it is.
            known: its id; empty: it says none.
            begins: it has a name.
        """
        at = self._calls.get((choice, known), -1) if known else -1
        count = sum(key[0] == choice for key in self._calls)
        if at < 0:  # 1
            if not isinstance(told, int):  # 3
                at = count if known or begins else self._last.get(choice, 0)
            else:  # 2
                is_next = known and begins and (choice, told) in self._told
                at = count if is_next else self._told.get((choice, told), told)
        if isinstance(told, int):
            self._told[choice, told] = at
        return at

    def _call(self, call: dict[str, Any], place: int, name: str) -> dict[str, Any]:
        """Return a call with a place among the calls, an id where it begins, and arguments as text."""
        function = call.get("function")
        begins = isinstance(function, dict) and bool(function.get("name"))
        given = call.get("id")
        known = given if isinstance(given, str) and given not in {"", "null"} else ""
        at = self._place(call.get("index"), place, known, begins=begins)
        if begins and not known:
            known = call["id"] = f"call_{blake2b(f'{self._answer} {place} {at}'.encode(), digest_size=12).hexdigest()}"
        elif not known:
            call.pop("id", None)
        if known:
            self._calls.setdefault((place, known), at)
        self._last[place] = at
        if name == "delta":
            call["index"] = at
        else:
            call.pop("index", None)
        if begins:
            call["type"] = call.get("type") or "function"
        if isinstance(function, dict) and not isinstance(function.get("arguments"), str):
            said = function.get("arguments")
            function["arguments"] = "" if said is None else orjson.dumps(said).decode()
        return call


def _contents(said: dict[str, Any]) -> None:
    """Say content that is a list of parts as text, and what was thought beside it as `reasoning_content`."""
    content = said.get("content")
    if not isinstance(content, list):
        return
    text, thought = [], []
    for part in content:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "thinking":
            thought.append(_text(part.get("thinking")))
        else:
            text.append(_text(part.get("text")))
    said["content"] = "".join(text)
    if any(thought):
        said["reasoning_content"] = "".join(thought)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return ""
