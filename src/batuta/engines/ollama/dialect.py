"""OpenAI's requests into Ollama's own, and Ollama's answers back into OpenAI's. Pure.

Ollama speaks OpenAI's dialect itself, on /v1, but there nobody can name the context a model is to run with: such a call
loads the model anew with the server's default. And an error in the middle of a stream is lost there. So Batuta speaks
Ollama's own dialect, and this is the translation.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.chat import sse
from batuta.chat.dialects.openai import DONE_EVENT
from batuta.engines.faults import Seen, fault
from batuta.engines.ollama.wire import count, same_name
from batuta.errors import BadRequest

PATHS: Final = {"chat/completions": "chat", "completions": "generate", "embeddings": "embed"}
"""OpenAI's path -> Ollama's, below /api."""

OPTIONS: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repeat_penalty": "repeat_penalty",
}
"""Sampling fields of a request -> Ollama's options. What is not given stays as the model's author set it."""

AS_THEY_ARE: Final = ("format", "logprobs", "suffix", "think", "top_logprobs", "truncate")
"""Fields with the same name and meaning on both sides, or that only Ollama knows."""

EFFORTS: Final[dict[str, str | bool]] = {"none": False, "minimal": "low", "low": "low", "medium": "medium"}
FINISHES: Final = {"length": "length", "stop": "stop"}
LOAD_TIME: Final = frozenset(
    {"draft_num_predict", "low_vram", "main_gpu", "num_batch", "num_ctx", "num_gpu", "num_thread", "use_mlock"}
    | {"use_mmap"}
)
"""Options a caller may not set: a model would be loaded anew for one request."""
NS: Final = 1e6  # nanoseconds in a millisecond


# --- requests ------------------------------------------------------------------------------------------------------


def native_body(path: str, body: Mapping[str, Any], *, stream: bool, frame: Mapping[str, Any]) -> dict[str, Any]:
    """Return Ollama's body for one of OpenAI's.

    Args:
        path: OpenAI's path below /v1.
        body: the request; `model` is already the name at Ollama.
        stream: whether lines are wanted as they come.
        frame: what goes along with every call: `options` of the load, keep_alive. A caller cannot override it.

    Raises:
        BadRequest: something that Ollama has no words for.
    """
    native: dict[str, Any] = {"model": body["model"], **frame}
    if path == "embeddings":
        native["input"] = _input(body.get("input"))
        return native | {name: body[name] for name in ("dimensions", "truncate") if body.get(name) is not None}
    native |= {name: body[name] for name in AS_THEY_ARE if body.get(name) is not None}
    native |= {"stream": stream, "options": {**_sampling(body), **frame.get("options", {})}}
    if path == "completions":
        if (logprobs := body.get("logprobs")) is not None:
            native |= {"logprobs": bool(logprobs), "top_logprobs": count(logprobs)}
        return native | {"prompt": _prompt(body.get("prompt"))}
    native["messages"] = _messages(body.get("messages"))
    if (tools := body.get("tools")) and body.get("tool_choice") != "none":
        native["tools"] = tools
    if (form := _format(body.get("response_format"))) is not None:
        native["format"] = form
    if "think" not in native and (effort := _effort(body)):
        native["think"] = EFFORTS.get(effort, "high")
    return native


def _sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    given = body.get("options")
    options = {name: value for name, value in given.items() if name not in LOAD_TIME} if isinstance(given, dict) else {}
    options |= {theirs: body[ours] for ours, theirs in OPTIONS.items() if body.get(ours) is not None}
    limits = (body.get("max_completion_tokens"), body.get("max_tokens"))
    if (limit := next((limit for limit in limits if limit is not None), None)) is not None:
        options["num_predict"] = limit
    if stop := body.get("stop"):
        options["stop"] = [stop] if isinstance(stop, str) else stop
    return options


def _effort(body: Mapping[str, Any]) -> str:
    reasoning = body.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else body.get("reasoning_effort")
    return effort if isinstance(effort, str) else ""


def _format(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    schema = value.get("json_schema")
    if value.get("type") == "json_schema" and isinstance(schema, dict):
        return schema.get("schema")
    return "json" if value.get("type") == "json_object" else None


def _prompt(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise BadRequest("Ollama takes one prompt, as text; send several requests.", details={"param": "prompt"})
    return value


def _input(value: Any) -> str | list[str]:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(text, str) for text in value)):
        return value
    raise BadRequest("Ollama embeds texts, not token numbers; send `input` as text.", details={"param": "input"})


def _messages(messages: Any) -> list[dict[str, Any]]:
    names: dict[str, str] = {}  # call id -> function: an answer of a tool names only the id
    return [_message(message, f"messages[{n}]", names) for n, message in enumerate(_objects(messages, "messages"))]


def _message(message: Mapping[str, Any], at: str, names: dict[str, str]) -> dict[str, Any]:
    if not (role := _text(message.get("role"))):
        raise _wrong(f"{at}.role", "is required: `system`, `user`, `assistant` or `tool`")
    calls = [_call(call, at, names) for call in _objects(message.get("tool_calls") or [], f"{at}.tool_calls")]
    text, images = _content(message.get("content"))
    call_id = _text(message.get("tool_call_id"))
    rest = {
        "images": images,
        "tool_calls": calls,
        "tool_call_id": call_id,
        "tool_name": (message.get("name") or names.get(call_id)) if role == "tool" else None,
        "thinking": message.get("reasoning_content") or message.get("reasoning"),
    }
    fields = {"role": "system" if role == "developer" else role, "content": text}
    return fields | {name: value for name, value in rest.items() if value}


def _call(call: Mapping[str, Any], at: str, names: dict[str, str]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict):
        raise _wrong(f"{at}.tool_calls", "need a `function` each, with a name and arguments as JSON text")
    given, name, call_id = function.get("arguments") or "{}", _text(function.get("name")), _text(call.get("id"))
    try:
        arguments = orjson.loads(given) if isinstance(given, str) else given
    except orjson.JSONDecodeError:
        raise BadRequest(f"the arguments of the call of {name} are not JSON", details={"param": "messages"}) from None
    names[call_id] = name
    return {"id": call_id, "function": {"name": name, "arguments": arguments}}


def _content(content: Any) -> tuple[str, list[str]]:
    """Return the text of a message, and its images in base64."""
    if not isinstance(content, list):
        return content or "", []
    texts, images = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(str(part.get("text", "")))
        elif kind == "image_url":
            images.append(_image(part.get("image_url")))
        else:
            raise BadRequest(f"Ollama takes text and images, not {kind!r}.", details={"param": "messages"})
    return "\n".join(texts), images


def _image(value: Any) -> str:
    url = value.get("url") if isinstance(value, dict) else value
    head, comma, data = str(url).partition(";base64,")
    if not comma or not head.startswith("data:"):
        raise BadRequest(
            "Ollama fetches no images; send the image itself, as data:image/png;base64,...",
            details={"param": "messages"},
        )
    return data


def _objects(value: Any, field: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(field, "must be a list of objects")
    return value


def _wrong(field: str, rule: str) -> BadRequest:
    return BadRequest(f"`{field}` {rule}.", details={"param": field})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# --- answers -------------------------------------------------------------------------------------------------------


class Answer:
    """One answer on its way from Ollama's lines to OpenAI's JSON or events.

    Args:
        path: OpenAI's path below /v1.
        model: the name that was asked for; a line of another model raises UpstreamFailed.
        answer_id: the same in all pieces.
        created: wall seconds at which it began.
        where: who answers, for messages.
        with_usage: the caller asked for token counts at the end of a stream.
    """

    def __init__(
        self, path: str, *, model: str, answer_id: str, created: int, where: str, with_usage: bool = False
    ) -> None:
        self._is_chat = path == "chat/completions"
        self._model = model
        self._where = where
        self._with_usage = with_usage
        self._head = {"id": answer_id, "created": created, "model": model, "system_fingerprint": "fp_ollama"}
        self._rest = b""
        self._calls = 0
        self._is_first = True

    # Streams

    def feed(self, data: bytes) -> bytes:
        """Return the events that these bytes of lines complete. Raises UpstreamFailed for a line without an end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > sse.MAX_LINE:
            raise fault(Seen.TOO_LARGE, where=self._where, said=f"a line above {sse.MAX_LINE >> 20} MiB")
        return b"".join(self._events(line) for line in lines if line.strip())

    def close(self) -> bytes:
        """Return the events of a last line without its end."""
        rest, self._rest = self._rest, b""
        return self._events(rest) if rest.strip() else b""

    def _events(self, line: bytes) -> bytes:
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError:
            return b""  # a line that was cut: the missing end marker tells
        if not isinstance(said, dict):
            return b""
        if error := said.get("error"):
            return sse.encode(orjson.dumps({"error": error_body(error)}))
        self._verify(said)
        events = self._piece(said) if self._says_something(said) else b""
        return events + (self._end(said) if said.get("done") else b"")

    def _says_something(self, said: Mapping[str, Any]) -> bool:
        message = _object(said.get("message"))
        return self._is_first or any(
            (message.get("content"), message.get("thinking"), message.get("tool_calls"), said.get("response"))
        )

    def _piece(self, said: Mapping[str, Any]) -> bytes:
        if self._is_chat:
            delta = self._message(_object(said.get("message")), is_whole=False)
            choice = {"index": 0, "delta": delta, "logprobs": _logprobs(said), "finish_reason": None}
        else:
            choice = self._text(said, None)
        self._is_first = False
        return self._event([choice])

    def _end(self, said: Mapping[str, Any]) -> bytes:
        finish = self._finish(said)
        choice = (
            {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}
            if self._is_chat
            else {"index": 0, "text": "", "logprobs": None, "finish_reason": finish}
        )
        events = self._event([choice], timings=timings(said))
        if self._with_usage:
            events += self._event([], usage=usage(said))
        return events + DONE_EVENT

    def _event(self, choices: list[dict[str, Any]], **rest: Any) -> bytes:
        kind = "chat.completion.chunk" if self._is_chat else "text_completion"
        return sse.encode(orjson.dumps({**self._head, "object": kind, "choices": choices, **rest}))

    # Whole answers

    def whole(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON of a whole answer to a chat or a completion."""
        self._verify(said)
        if self._is_chat:
            message = self._message(_object(said.get("message")), is_whole=True)
            finish = self._finish(said)  # after the message: it counts the calls
            choice = {"index": 0, "message": message, "logprobs": _logprobs(said), "finish_reason": finish}
        else:
            choice = self._text(said, self._finish(said))
        kind = "chat.completion" if self._is_chat else "text_completion"
        counts = {"usage": usage(said), "timings": timings(said)}
        return {**self._head, "object": kind, "choices": [choice], **counts}

    # Parts

    def _verify(self, said: Mapping[str, Any]) -> None:
        answered = said.get("model")
        if isinstance(answered, str) and answered and not same_name(answered, self._model):
            raise fault(Seen.WRONG_MODEL, where=self._where, said=f"{answered} answered for {self._model}")

    def _message(self, message: Mapping[str, Any], *, is_whole: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"role": "assistant"} if self._is_first or is_whole else {}
        if (text := message.get("content")) or self._is_first or is_whole:
            body["content"] = text or ""
        if thinking := message.get("thinking"):
            body["reasoning_content"] = thinking
        listed = message.get("tool_calls")
        if calls := [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []:
            body["tool_calls"] = [self._tool_call(call, is_whole=is_whole) for call in calls]
        return body | ({"refusal": None} if is_whole else {})

    def _tool_call(self, call: Mapping[str, Any], *, is_whole: bool) -> dict[str, Any]:
        function = _object(call.get("function"))
        number, self._calls = self._calls, self._calls + 1
        arguments = orjson.dumps(function.get("arguments") or {}).decode()
        body = {
            "id": call.get("id") or f"call_{self._head['id']}_{number}",  # older versions give none
            "type": "function",
            "function": {"name": function.get("name") or "", "arguments": arguments},
        }
        return body if is_whole else {"index": number, **body}

    def _text(self, said: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
        return {"index": 0, "text": said.get("response") or "", "logprobs": None, "finish_reason": finish}

    def _finish(self, said: Mapping[str, Any]) -> str:
        if self._calls:
            return "tool_calls"
        return FINISHES.get(str(said.get("done_reason")), "stop")


def embeddings(said: Mapping[str, Any], *, model: str, encoding: str) -> dict[str, Any] | None:
    """Return OpenAI's JSON of an answer to `embed`, in `float` or `base64`; None when it is none."""
    vectors = said.get("embeddings")
    if not isinstance(vectors, list) or not all(isinstance(vector, list) for vector in vectors):
        return None
    try:
        rows = [_row(index, vector, encoding) for index, vector in enumerate(vectors)]
    except (struct.error, OverflowError):
        return None
    tokens = count(said.get("prompt_eval_count"))
    return {
        "object": "list",
        "data": rows,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _row(index: int, vector: list[float], encoding: str) -> dict[str, Any]:
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if encoding == "base64" else vector
    return {"object": "embedding", "index": index, "embedding": packed}


def error_body(error: Any) -> dict[str, Any]:
    """Return OpenAI's form of an error, whichever form it came in."""
    return error if isinstance(error, dict) else {"message": str(error), "type": "api_error", "code": None}


def usage(said: Mapping[str, Any]) -> dict[str, int]:
    """Return the token counts of a last line; a prompt that was wholly in the cache counts nothing."""
    prompt, answer = count(said.get("prompt_eval_count")), count(said.get("eval_count"))
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def timings(said: Mapping[str, Any]) -> dict[str, float]:
    """Return counts and milliseconds as llama.cpp tells them, so that speed is known whoever answers."""
    return {
        "prompt_n": count(said.get("prompt_eval_count")),
        "prompt_ms": count(said.get("prompt_eval_duration")) / NS,
        "predicted_n": count(said.get("eval_count")),
        "predicted_ms": count(said.get("eval_duration")) / NS,
    }


def _logprobs(said: Mapping[str, Any]) -> dict[str, Any] | None:
    listed = said.get("logprobs")
    return {"content": listed, "refusal": None} if isinstance(listed, list) and listed else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
