"""A fake Anthropic: messages, counting, models, in API versions 2023-06-01 and 2026-10-21."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from batuta.testing.providers import anthropic_request as requests
from batuta.testing.providers.anthropic_request import NEW, OLD, signature
from batuta.testing.providers.chat import Json
from batuta.testing.providers.refusals import Sign, Why
from batuta.testing.providers.talk import Answer, Call, End
from batuta.testing.providers.vendor import ApiModel, Exchange, Route, Told, Vendor, bearer
from batuta.testing.providers.wire import Event, Form, Part, Reply, Stream

ENDS: Mapping[End, str] = {
    End.STOP: "end_turn",
    End.STOP_SEQUENCE: "stop_sequence",
    End.LENGTH: "max_tokens",
    End.CALLS: "tool_use",
    End.FILTER: "refusal",
}
EMPTY: Mapping[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}
"""What a block has when it begins."""
MODELS = (
    # How each may be told to think. No sampling from Opus 4.7 on, whatever the version.
    ApiModel("claude-opus-4-7", "adaptive", can_sample=False, context=1_000_000, most=128_000),
    ApiModel("claude-sonnet-5", "adaptive", can_sample=False, context=1_000_000, most=128_000),
    ApiModel("claude-sonnet-4-6", "enabled adaptive", context=1_000_000, most=64_000),
    ApiModel("claude-haiku-4-5", "enabled", context=200_000, most=64_000),
)
SIGNS: Mapping[Why, Sign] = {
    Why.NO_KEY: Sign(401, "x-api-key header is required", "authentication_error"),
    Why.BAD_KEY: Sign(401, "invalid x-api-key", "authentication_error"),
    Why.FORBIDDEN: Sign(403, "Your API key does not have permission to use this.", "permission_error"),
    Why.NO_CREDIT: Sign(402, "Your credit balance is too low to access the Anthropic API.", "billing_error"),
    Why.SPENT: Sign(429, "You have reached your spend limit.", "rate_limit_error", "enforced_spend_limit_reached"),
    Why.RATE: Sign(429, "This request would exceed your organization's rate limit.", "rate_limit_error"),
    Why.DAILY: Sign(429, "This request would exceed your organization's daily rate limit.", "rate_limit_error"),
    Why.OVERLOADED: Sign(529, "Overloaded", "overloaded_error"),
    Why.NO_MODEL: Sign(404, "model: {model}", "not_found_error"),
    Why.NO_PATH: Sign(404, "Not found", "not_found_error"),
    Why.BAD: Sign(400, "The request is not valid.", "invalid_request_error"),
    Why.PARAM: Sign(400, "{param}: Extra inputs are not permitted", "invalid_request_error"),
    Why.UNKNOWN: Sign(400, "{param}: Extra inputs are not permitted", "invalid_request_error"),
    Why.TOO_LARGE: Sign(413, "Request exceeds the maximum size", "request_too_large"),
    Why.CONTEXT: Sign(400, "prompt is too long: 200001 tokens > 200000 maximum", "invalid_request_error"),
    Why.CONTENT: Sign(400, "Output blocked by content filtering policy", "invalid_request_error"),
    Why.BROKEN: Sign(500, "Internal server error", "api_error"),
    Why.GATEWAY: Sign(502, "Bad gateway", "api_error"),
    Why.TIMEOUT: Sign(504, "The request took too long.", "timeout_error"),
}


class Anthropic(Vendor):
    """Anthropic.

    Attributes:
        root: below which it answers.
    """

    id = "anthropic"
    root: ClassVar[str] = "/anthropic"
    models = MODELS
    signs = SIGNS
    form = Form(padding=12)  # real ones pad each line by a changing number of spaces

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", f"{self.root}/v1/models", self.list_models),
            Route("GET", self.root + "/v1/models/{model}", self.show_model),
            Route("POST", f"{self.root}/v1/messages", self.create),
            Route("POST", f"{self.root}/v1/messages/count_tokens", self.count),
        )

    def key_in(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        del query
        return headers.get("x-api-key") or bearer(headers)  # where both are, x-api-key wins

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        reset = "2026-11-21T00:01:00Z"
        limits = {
            f"anthropic-ratelimit-{kind}-{name}": value
            for kind in ("requests", "tokens", "input-tokens", "output-tokens")
            for name, value in (("limit", "4000"), ("remaining", "3999"), ("reset", reset))
        }
        return {"request-id": f"req_{exchange.number:08x}", "anthropic-organization-id": "org-fake", **limits}

    def error(self, told: Told) -> Any:
        error: Json = {"type": told.type, "message": told.message}
        if told.code:
            error["details"] = {"error_code": told.code}
        return {"type": "error", "error": error, "request_id": f"req_{told.exchange.number:08x}"}

    def broken(self, exchange: Exchange) -> tuple[Event, ...]:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return (Event({"type": "error", "error": error, "request_id": f"req_{exchange.number:08x}"}, "error"),)

    def version(self, exchange: Exchange) -> str:
        """Return the API version of a request.

        Raises:
            Refused: it names none, or none that there is.
        """
        given = exchange.headers.get("anthropic-version")
        if given is None:
            raise requests.invalid("anthropic-version: header is required")
        if given not in {OLD, NEW}:
            raise requests.invalid(f'anthropic-version: "{given}" is not a valid version')
        return given

    # --- models ------------------------------------------------------------------------------------------------------

    def row(self, model: ApiModel) -> Json:
        """Return a model as the list has it."""
        supported = {"supported": True}
        return {
            "type": "model",
            "id": model.id,
            "display_name": model.id.replace("-", " ").title(),
            "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": {"status": "active"},
            "max_input_tokens": model.context,
            "max_tokens": model.most,
            "capabilities": dict.fromkeys(("image_input", "structured_outputs", "thinking"), supported),
        }

    def list_models(self, exchange: Exchange) -> Reply:
        """List a page of the models: `limit`, `after_id`, `before_id`."""
        self.version(exchange)
        self.check(exchange)
        names = [model.id for model in self.shelf]
        limit = int(exchange.query.get("limit", 20))
        after, before = exchange.query.get("after_id"), exchange.query.get("before_id")
        first = names.index(after) + 1 if after in names else 0
        last = names.index(before) if before in names else len(names)
        page = self.shelf[first:last][:limit] if before is None else self.shelf[first:last][-limit:]
        rest = last - first - len(page)
        ids = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
        return Reply({"data": [self.row(model) for model in page], "has_more": rest > 0, **ids})

    def show_model(self, exchange: Exchange) -> Reply:
        """Return one model."""
        self.version(exchange)
        return Reply(self.row(self.model(exchange.names["model"])))

    # --- messages ----------------------------------------------------------------------------------------------------

    def create(self, exchange: Exchange) -> Reply | Stream:
        """Answer a conversation."""
        version = self.version(exchange)
        model = self.model(exchange.body.get("model"))
        self.check(exchange)
        requests.permit(exchange.body, model, version)
        answer = self.answer(requests.asked(exchange.body, model, version), exchange)
        if exchange.is_stream and not exchange.play.whole:
            return self.stream(exchange, self._events(exchange, answer, model))
        return Reply(self._message(exchange, answer, model))

    def count(self, exchange: Exchange) -> Reply:
        """Count the tokens of a conversation."""
        version = self.version(exchange)
        model = self.model(exchange.body.get("model"))
        self.check(exchange)
        asked = requests.asked({"max_tokens": 1, **exchange.body}, model, version)
        return Reply({"input_tokens": max(1, asked.words)})

    def _usage(self, answer: Answer, said: int) -> Json:
        return {
            "input_tokens": answer.tokens_in - answer.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": answer.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": said,
            "service_tier": "standard",
            "inference_geo": "global",
        }

    def _ended(self, exchange: Exchange, answer: Answer) -> Json:
        reason = (exchange.play.finish or ENDS[answer.end]) if exchange.play.finishes else None
        details = None
        if reason == "refusal":
            details = {"type": "refusal", "category": "other", "explanation": "The model declined."}
        return {"stop_reason": reason, "stop_sequence": answer.stop, "stop_details": details}

    def _blocks(self, exchange: Exchange, answer: Answer, model: ApiModel) -> list[Json]:
        blocks: list[Json] = []
        if answer.thoughts:
            thinking = answer.thinking
            blocks.append({"type": "thinking", "thinking": thinking, "signature": signature(thinking, model.id)})
        if answer.text:
            blocks.append({"type": "text", "text": answer.text})
        blocks += [
            {"type": "tool_use", "id": self._call_id(exchange, place), "name": call.name, "input": dict(call.arguments)}
            for place, call in enumerate(answer.calls)
        ]
        return blocks

    def _call_id(self, exchange: Exchange, place: int) -> str:
        return f"toolu_{exchange.number:06x}{place:02x}"

    def _message(self, exchange: Exchange, answer: Answer, model: ApiModel) -> Json:
        message: Json = {
            "id": f"msg_{exchange.number:08x}",
            "type": "message",
            "role": "assistant",
            "model": model.id,
            "content": self._blocks(exchange, answer, model),
            **self._ended(exchange, answer),
        }
        if exchange.play.usage:
            counts = self._usage(answer, answer.tokens_said + answer.tokens_thought)
            message["usage"] = counts | {"output_tokens_details": {"thinking_tokens": answer.tokens_thought}}
        return message

    # --- streams -----------------------------------------------------------------------------------------------------

    def _events(self, exchange: Exchange, answer: Answer, model: ApiModel) -> Iterator[Event]:
        nothing = Answer(tokens_in=answer.tokens_in, cached=answer.cached)
        start = self._message(exchange, nothing, model)
        start |= {"content": [], "stop_reason": None}
        if "usage" in start:
            start["usage"] = self._usage(answer, 1)
        yield _event("message_start", {"message": start})
        for index, block in enumerate(self._blocks(exchange, answer, model)):
            yield from self._block_events(exchange, answer, index, block)
            if not index:
                yield _event("ping", {})
        said = answer.tokens_said + answer.tokens_thought
        counts = self._usage(answer, said) | {"output_tokens_details": {"thinking_tokens": answer.tokens_thought}}
        usage = {"usage": counts} if exchange.play.usage else {}
        yield _event("message_delta", {"delta": self._ended(exchange, answer), **usage}, Part.END)
        yield _event("message_stop", {}, Part.DONE)

    def _block_events(self, exchange: Exchange, answer: Answer, index: int, block: Json) -> Iterator[Event]:
        empty: Mapping[str, Json] = {
            "thinking": {"thinking": "", "signature": ""},
            "text": {"text": ""},
            "tool_use": {"input": {}},
        }
        at: Json = {"index": index}
        yield _event("content_block_start", at | {"content_block": block | empty[block["type"]]})
        for delta, part in self._deltas(exchange, answer, block):
            yield _event("content_block_delta", at | {"delta": delta}, part)
        yield _event("content_block_stop", at)

    def _deltas(self, exchange: Exchange, answer: Answer, block: Json) -> Iterator[tuple[Json, Part]]:
        if block["type"] == "thinking":
            for piece in answer.thoughts:
                yield {"type": "thinking_delta", "thinking": piece}, Part.PIECE
            yield {"type": "signature_delta", "signature": block["signature"]}, Part.OTHER
        elif block["type"] == "text":
            for piece in answer.pieces:
                yield {"type": "text_delta", "text": piece}, Part.PIECE
        else:
            first, second = Call(block["name"], block["input"]).halves
            last = second[:-1] if exchange.play.arguments == "broken" else second
            yield {"type": "input_json_delta", "partial_json": ""}, Part.OTHER
            for piece in (first, last):
                yield {"type": "input_json_delta", "partial_json": piece}, Part.PIECE


def _event(name: str, fields: Json, part: Part = Part.OTHER) -> Event:
    return Event({"type": name, **fields}, name, part)
