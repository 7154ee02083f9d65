"""A fake Mistral: OpenAI's form with its own fields, ids and thoughts, and a schema that takes nothing unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from batuta.testing.providers.chat import ChatVendor, Json
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.talk import Answer, Asked
from batuta.testing.providers.vendor import ApiModel, Exchange, Told, names
from batuta.testing.providers.wire import Part, Reply

# specs/mistral.yaml, ChatCompletionRequest; reasoning_effort as of the SDK.
FIELDS = names(
    "model temperature top_p max_tokens stream stop random_seed metadata messages response_format tools tool_choice "
    "presence_penalty frequency_penalty n prediction parallel_tool_calls prompt_mode reasoning_effort safe_prompt "
    "guardrails prompt_cache_key"
)
CALL_ID = re.compile(r"[A-Za-z0-9]{9}")
UNAUTHORIZED = Sign(401, "Unauthorized")


def _capable(**wanted: bool) -> Json:
    names = ("completion_chat", "completion_fim", "function_calling", "fine_tuning", "vision", "classification")
    return {name: wanted.get(name, False) for name in names}


CHATS = _capable(completion_chat=True, function_calling=True, vision=True)


class Mistral(ChatVendor):
    """Mistral."""

    id = "mistral"
    roots = ("/mistral/v1",)
    usage_in = "last"
    owner = "mistralai"
    models = (
        ApiModel("mistral-small-latest", "asked", efforts=("none", "high"), row={"capabilities": CHATS}),
        ApiModel("magistral-medium-latest", "always", row={"capabilities": CHATS}),
        ApiModel("mistral-embed", is_embedding=True, context=8192, row={"capabilities": _capable()}),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: UNAUTHORIZED,
        Why.BAD_KEY: UNAUTHORIZED,
        Why.SPENT: UNAUTHORIZED,  # the quota of a plan that is used up looks like a wrong key
        Why.NO_CREDIT: Sign(402, "Payment required", "payment_required", "1402"),
        Why.RATE: Sign(429, "Rate limit exceeded", "rate_limited", "1300"),
        Why.DAILY: Sign(429, "Rate limit exceeded", "rate_limited", "1300"),
        Why.OVERLOADED: Sign(
            429, "Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded", "3505"
        ),
        Why.NO_MODEL: Sign(400, "Invalid model: {model}", "invalid_model", "1500"),
        Why.PARAM: Sign(422, "Extra inputs are not permitted", "extra_forbidden"),
        Why.UNKNOWN: Sign(422, "Extra inputs are not permitted", "extra_forbidden"),
        Why.BROKEN: Sign(500, "Internal server error", "internal_server_error", "3000"),
    }

    def row(self, model: ApiModel) -> Json:
        more = {
            "name": model.id,
            "description": "",
            "max_context_length": model.context,
            "aliases": [],
            "deprecation": None,
            "type": "base",
        }
        return super().row(model) | more

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        return {"mistral-correlation-id": f"{exchange.number:08x}"}

    def error(self, told: Told) -> Any:
        if told.why in {Why.NO_KEY, Why.BAD_KEY}:
            return {"detail": told.message}
        if told.why is Why.SPENT:
            return {"message": told.message, "request_id": f"{told.exchange.number:08x}"}
        if told.status == 422:
            where = ["body", *([told.param] if told.param else [])]
            given = told.exchange.body.get(told.param or "")
            return {"detail": [{"type": told.type, "loc": where, "msg": told.message, "input": given}]}
        return {"object": "error", "message": told.message, "type": told.type, "param": told.param, "code": told.code}

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        for name in sorted(set(body) - FIELDS):
            raise Refused(Why.UNKNOWN, param=name)
        if (temperature := body.get("temperature")) is not None and not 0 <= temperature <= 1.5:
            raise Refused(Why.UNKNOWN, "Input should be less than or equal to 1.5", param="temperature")
        if body.get("reasoning_effort") is not None and not model.efforts:
            raise Refused(Why.BAD, f"reasoning_effort is not supported by {model.id}", param="reasoning_effort")
        super().permit(body, model)

    def asked(self, body: Mapping[str, Any], model: ApiModel) -> Asked:
        messages = body.get("messages")
        readable = [_readable(message) for message in messages] if isinstance(messages, list) else messages
        if readable and readable[-1].get("role") not in {"user", "tool"} and not readable[-1].get("prefix"):
            raise Refused(
                Why.BAD,
                "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
                f"{readable[-1].get('role')}",
            )
        return super().asked({**body, "messages": readable}, model)

    def call_id(self, exchange: Exchange, place: int) -> str:
        return f"m{exchange.number:06d}{place:02d}"[:9]

    def message(self, exchange: Exchange, answer: Answer) -> Json:
        message: Json = {"role": "assistant", "tool_calls": None, "content": answer.text}
        if answer.calls:
            message["tool_calls"] = [self.call(exchange, call, place) for place, call in enumerate(answer.calls)]
        if answer.thoughts:
            message["content"] = [_thinking(answer.thinking), *_text(answer.text)]
        return message

    def deltas(self, exchange: Exchange, answer: Answer) -> Iterator[tuple[Part, Json]]:
        """Yield the deltas: thoughts and what follows them as lists, calls whole and with the finish reason."""
        yield Part.OTHER, {"role": "assistant", "content": ""}
        for piece in answer.thoughts:
            yield Part.PIECE, {"content": [_thinking(piece, is_closed=False)]}
        if answer.thoughts:
            yield Part.OTHER, {"content": [_thinking("")]}
        for piece in answer.pieces:
            yield Part.PIECE, {"content": piece}
        for place, call in enumerate(answer.calls):
            whole = self.call(exchange, call, place)
            yield Part.PIECE, {"content": "", "tool_calls": [whole | ({"index": place} if exchange.play.index else {})]}

    def last_delta(self, answer: Answer) -> Json:
        del answer
        return {"content": ""}

    def embed(self, exchange: Exchange) -> Reply:
        reply = super().embed(exchange)
        usage = {**reply.body["usage"], "completion_tokens": 0}
        return replace(reply, body={"id": f"{exchange.number:08x}", **reply.body, "usage": usage})

    def usage(self, answer: Answer) -> Json:
        counts = super().usage(answer)
        del counts["completion_tokens_details"]
        return counts


def _thinking(text: str, *, is_closed: bool = True) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}] if text else [], "closed": is_closed}


def _text(text: str) -> list[Json]:
    return [{"type": "text", "text": text}] if text else []


def _readable(message: Mapping[str, Any]) -> Json:
    """Return a message as OpenAI would have it.

    Raises:
        Refused: the id of a call is not one of Mistral's.
    """
    plain = dict(message)
    calls = plain.get("tool_calls") or []
    for call_id in [call.get("id") for call in calls] + [plain[name] for name in ("tool_call_id",) if name in plain]:
        if not CALL_ID.fullmatch(str(call_id)):
            raise Refused(
                Why.BAD,
                f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.",
                code="3280",
            )
    if calls:
        plain["tool_calls"] = [_as_text(call) for call in calls]
    else:
        plain.pop("tool_calls", None)
    content = plain.get("content")
    if isinstance(content, list):
        texts = [part for part in content if part.get("type") != "thinking"]
        plain["content"] = texts or ""
    return plain


def _as_text(call: Mapping[str, Any]) -> Json:
    function = dict(call["function"])
    if isinstance(function.get("arguments"), Mapping):
        function["arguments"] = "{}"  # an object is taken as well; what is in it changes no answer
    return {**call, "function": function}
