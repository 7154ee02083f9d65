"""A fake Google Gemini: generateContent and its relatives, and the endpoint in OpenAI's dialect beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from batuta.testing.answers import vector_for
from batuta.testing.providers import gemini_request as requests
from batuta.testing.providers.chat import ChatVendor, Json
from batuta.testing.providers.gemini_request import in_camel, invalid, signature
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.talk import Answer, End
from batuta.testing.providers.vendor import ApiModel, Exchange, Route, Told, vector_size
from batuta.testing.providers.wire import Event, Form, Part, Reply, Stream

CHAT = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
MODELS = (
    ApiModel("gemini-3-pro-preview", "always", needs_signature=True, context=1_048_576, most=65_536),
    ApiModel("gemini-3-flash-preview", "always", needs_signature=True, context=1_048_576, most=65_536),
    ApiModel("gemini-2.5-flash", "asked", context=1_048_576, most=65_536),
    ApiModel("gemini-embedding-001", is_embedding=True, context=2048),
)
ENDS: Mapping[End, str] = {
    End.STOP: "STOP",
    End.STOP_SEQUENCE: "STOP",
    End.LENGTH: "MAX_TOKENS",
    End.CALLS: "STOP",  # also for calls
    End.FILTER: "SAFETY",
}
SIGNS: Mapping[Why, Sign] = {
    Why.NO_KEY: Sign(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
        "other form of API consumer identity to call this API.",
        "PERMISSION_DENIED",
    ),
    Why.BAD_KEY: Sign(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
    Why.FORBIDDEN: Sign(403, "The caller does not have permission", "PERMISSION_DENIED"),
    Why.NO_CREDIT: Sign(402, "Your prepayment credits are depleted.", "RESOURCE_EXHAUSTED"),
    Why.SPENT: Sign(402, "Your project has exceeded its spending cap.", "RESOURCE_EXHAUSTED"),
    Why.RATE: Sign(429, "You exceeded your current quota, please check your plan.", "RESOURCE_EXHAUSTED"),
    Why.DAILY: Sign(429, "You exceeded your current quota, please check your plan.", "RESOURCE_EXHAUSTED"),
    Why.OVERLOADED: Sign(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
    Why.NO_MODEL: Sign(
        404,
        "models/{model} is not found for API version v1beta, or is not supported for generateContent.",
        "NOT_FOUND",
    ),
    Why.NO_PATH: Sign(404, "Requested entity was not found.", "NOT_FOUND"),
    Why.BAD: Sign(400, "Request contains an invalid argument.", "INVALID_ARGUMENT"),
    Why.PARAM: Sign(400, "{param} is not supported by this model.", "INVALID_ARGUMENT"),
    Why.UNKNOWN: Sign(
        400, 'Invalid JSON payload received. Unknown name "{param}": Cannot find field.', "INVALID_ARGUMENT"
    ),
    Why.TOO_LARGE: Sign(400, "Request payload size exceeds the limit.", "INVALID_ARGUMENT"),
    Why.CONTEXT: Sign(
        400, "The input token count exceeds the maximum number of tokens allowed 1048576.", "INVALID_ARGUMENT"
    ),
    Why.CONTENT: Sign(400, "The request was blocked.", "INVALID_ARGUMENT"),
    Why.BROKEN: Sign(500, "An internal error has occurred. Please retry.", "INTERNAL"),
    Why.GATEWAY: Sign(502, "Bad gateway", "UNAVAILABLE"),
    Why.TIMEOUT: Sign(504, "The request timed out. Please try again.", "DEADLINE_EXCEEDED"),
}
QUOTAS: Mapping[Why, str] = {
    Why.RATE: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    Why.DAILY: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
}
RPC = "type.googleapis.com/google.rpc."


class Google(ChatVendor):
    """Google's Gemini API.

    Attributes:
        bases: below which it answers natively.
    """

    id = "google"
    bases: ClassVar[tuple[str, ...]] = ("/google/v1beta", "/google/v1")
    roots: ClassVar[tuple[str, ...]] = ("/google/v1beta/openai",)
    models = MODELS
    signs = SIGNS
    native: ClassVar[Form] = Form(newline=b"\r\n", content_type="text/event-stream")

    def routes(self) -> Sequence[Route]:
        routes = list(super().routes())  # first: /openai is more exact
        for base in self.bases:
            routes += [
                Route("GET", f"{base}/models", self.list_native),
                Route("GET", base + "/models/{model}", self.show_native),
                Route("POST", base + "/models/{model}:{action}", self.act),
            ]
        return routes

    def key_in(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        return headers.get("x-goog-api-key") or query.get("key") or super().key_in(headers, query)

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        return {"server-timing": f"gfet4t7; dur={exchange.number}"}

    # --- errors ------------------------------------------------------------------------------------------------------

    def error(self, told: Told) -> Any:
        error: Json = {"code": told.status, "message": told.message, "status": told.type}
        if details := self._details(told):
            error["details"] = details
        # The endpoint in OpenAI's dialect puts the same into an array.
        return {"error": error} if self._is_native(told.exchange) else [{"error": error}]

    def _is_native(self, exchange: Exchange) -> bool:
        return not any(exchange.path.startswith(root) for root in self.roots)

    def _details(self, told: Told) -> list[Mapping[str, Any]]:
        if told.why is Why.BAD_KEY:
            reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            metadata = {"service": "generativelanguage.googleapis.com"}
            return [{"@type": f"{RPC}ErrorInfo", **reason, "metadata": metadata}]
        if (quota := QUOTAS.get(told.why)) is None:
            return list(told.details)
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": quota,
            "quotaDimensions": {"location": "global"},
            "quotaValue": "20",
        }
        failure = {"@type": f"{RPC}QuotaFailure", "violations": [violation]}
        return [failure, *(told.details or ({"@type": f"{RPC}RetryInfo", "retryDelay": "37s"},))]

    # --- models ------------------------------------------------------------------------------------------------------

    def native_row(self, model: ApiModel) -> Json:
        """Return a model as Google has it."""
        return {
            "name": f"models/{model.id}",
            "version": "001",
            "displayName": model.id.replace("-", " ").title(),
            "description": "",
            "inputTokenLimit": model.context,
            "outputTokenLimit": model.most,
            "supportedGenerationMethods": ["embedContent", "countTokens"] if model.is_embedding else CHAT,
            "thinking": model.thinks != "no",
        }

    def row(self, model: ApiModel) -> Json:
        return {"id": f"models/{model.id}", "object": "model", "owned_by": "google", "display_name": model.id}

    def list_native(self, exchange: Exchange) -> Reply:
        """List a page of the models: `pageSize`, `pageToken`."""
        self.check(exchange)
        size, first = int(exchange.query.get("pageSize", 50)), int(exchange.query.get("pageToken", 0))
        page = [self.native_row(model) for model in self.shelf[first : first + size]]
        more = {"nextPageToken": str(first + size)} if first + size < len(self.shelf) else {}
        return Reply({"models": page, **more})

    def show_native(self, exchange: Exchange) -> Reply:
        """Return one model."""
        return Reply(self.native_row(self.model(exchange.names["model"])))

    def model(self, name: Any) -> ApiModel:
        return super().model(str(name or "").removeprefix("models/"))

    # --- actions on a model ------------------------------------------------------------------------------------------

    def act(self, exchange: Exchange) -> Reply | Stream:
        """Do what stands behind the model's name."""
        action = exchange.names["action"]
        actions = {
            "generateContent": self._generate,
            "streamGenerateContent": self._stream,
            "countTokens": self._count,
            "embedContent": self._embed,
            "batchEmbedContents": self._embed_many,
        }
        if action not in actions:
            raise Refused(Why.NO_PATH)
        model = self.model(exchange.names["model"])
        self.check(exchange)
        if model.is_embedding != action.lower().endswith(("embedcontent", "embedcontents")) and action != "countTokens":
            raise Refused(Why.NO_MODEL, f"models/{model.id} is not supported for {action}.")
        return actions[action](exchange, model)

    def _answer(self, exchange: Exchange, model: ApiModel) -> Answer:
        named = {**exchange.body, "model": model.id}
        asked = requests.asked(exchange.body, model)
        return self.answer(asked, replace(exchange, body=named))

    def _generate(self, exchange: Exchange, model: ApiModel) -> Reply | Stream:
        answer = self._answer(exchange, model)
        if exchange.play.finish == "BLOCKED":
            return Reply(self._blocked(exchange, answer, model))
        parts = [*self._thoughts(exchange, answer), *self._said(exchange, answer, model)]
        return Reply(self._chunk(exchange, answer, model, parts, is_last=True))

    def _stream(self, exchange: Exchange, model: ApiModel) -> Reply | Stream:
        answer = self._answer(exchange, model)
        is_sse = exchange.query.get("alt") == "sse"
        form = self.native if is_sse else Form(is_array=True, content_type="application/json; charset=UTF-8")
        if exchange.play.whole:
            return self._generate(exchange, model)
        return Stream(self._events(exchange, answer, model), self._broken(exchange), form)

    def _broken(self, exchange: Exchange) -> tuple[Event, ...]:
        return (Event(self.refusal(Refused(Why.OVERLOADED), exchange).body, "error" if exchange.play.is_named else ""),)

    def _events(self, exchange: Exchange, answer: Answer, model: ApiModel) -> Iterator[Event]:
        if exchange.play.finish == "BLOCKED":
            yield Event(self._blocked(exchange, answer, model), part=Part.END)
            return
        if self._shows_thoughts(exchange):
            for piece in answer.thoughts:
                yield Event(self._chunk(exchange, answer, model, [{"text": piece, "thought": True}]), part=Part.PIECE)
        for piece in answer.pieces:
            yield Event(self._chunk(exchange, answer, model, [{"text": piece}]), part=Part.PIECE)
        if answer.calls:
            # Calls come whole, all those of a step in one chunk.
            yield Event(self._chunk(exchange, answer, model, self._said(exchange, answer, model)), part=Part.PIECE)
        yield Event(self._chunk(exchange, answer, model, [{"text": ""}], is_last=True), part=Part.END)

    def _shows_thoughts(self, exchange: Exchange) -> bool:
        config = requests.config_of(in_camel(exchange.body))
        return in_camel(config.get("thinkingConfig") or {}).get("includeThoughts") is True

    def _thoughts(self, exchange: Exchange, answer: Answer) -> list[Json]:
        is_shown = answer.thoughts and self._shows_thoughts(exchange)
        return [{"text": answer.thinking, "thought": True}] if is_shown else []

    def _said(self, exchange: Exchange, answer: Answer, model: ApiModel) -> list[Json]:
        """Return the parts of the answer; the first call of a step carries the signature."""
        if not answer.calls:
            return [{"text": answer.text}]
        parts: list[Json] = []
        for place, call in enumerate(answer.calls):
            called: Json = {"name": call.name, "args": dict(call.arguments)}
            if model.needs_signature:
                called["id"] = f"call{exchange.number:06x}{place:02x}"
            signed = {"thoughtSignature": signature(call, model.id)} if model.needs_signature and not place else {}
            parts.append({"functionCall": called, **signed})
        return parts

    def _chunk(
        self, exchange: Exchange, answer: Answer, model: ApiModel, parts: list[Json], *, is_last: bool = False
    ) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
        if is_last and exchange.play.finishes:
            candidate["finishReason"] = exchange.play.finish or ENDS[answer.end]
        return {"candidates": [candidate], **self._counted(exchange, answer, model)}

    def _blocked(self, exchange: Exchange, answer: Answer, model: ApiModel) -> Json:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **self._counted(exchange, answer, model)}

    def _counted(self, exchange: Exchange, answer: Answer, model: ApiModel) -> Json:
        said, thought = answer.tokens_said, answer.tokens_thought
        counts = {
            "promptTokenCount": answer.tokens_in,
            "candidatesTokenCount": said,
            "totalTokenCount": answer.tokens_in + said + thought,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.tokens_in}],
        }
        counts |= {"thoughtsTokenCount": thought} if thought else {}
        counts |= {"cachedContentTokenCount": answer.cached} if answer.cached else {}
        usage = {"usageMetadata": counts} if exchange.play.usage else {}
        return {**usage, "modelVersion": model.id, "responseId": f"resp{exchange.number:08x}"}

    def _count(self, exchange: Exchange, model: ApiModel) -> Reply:
        body = in_camel(exchange.body)
        asked = requests.asked(body.get("generateContentRequest") or body, model)
        return Reply({"totalTokens": max(1, asked.words)})

    def _embed(self, exchange: Exchange, model: ApiModel) -> Reply:
        del model
        return Reply({"embedding": _vector(exchange.body)})

    def _embed_many(self, exchange: Exchange, model: ApiModel) -> Reply:
        del model
        wanted = exchange.body.get("requests")
        if not isinstance(wanted, list) or not wanted:
            raise invalid("* BatchEmbedContentsRequest.requests: requests is not specified")
        return Reply({"embeddings": [_vector(each) for each in wanted]})

    # --- OpenAI's dialect: what it does differently ------------------------------------------------------------------

    def finish(self, exchange: Exchange, answer: Answer) -> str | None:
        reason = super().finish(exchange, answer)
        return "stop" if reason == "tool_calls" and exchange.is_stream else reason

    def call(self, exchange: Exchange, call: Any, place: int) -> Json:
        model = self.model(exchange.body.get("model"))
        plain = super().call(exchange, call, place)
        if not model.needs_signature or place:
            return plain
        return plain | {"extra_content": {"google": {"thought_signature": signature(call, model.id)}}}

    def deltas(self, exchange: Exchange, answer: Answer) -> Iterator[tuple[Part, Json]]:
        for piece in answer.pieces:
            yield Part.PIECE, {"role": "assistant", "content": piece}
        if answer.calls:  # whole and without index
            calls = [self.call(exchange, call, place) for place, call in enumerate(answer.calls)]
            yield Part.PIECE, {"role": "assistant", "tool_calls": calls}

    def last_delta(self, answer: Answer) -> Json:
        del answer
        return {"role": "assistant"}


def _vector(wanted: Mapping[str, Any]) -> Json:
    """Return the vector of a content.

    Raises:
        Refused: there is no text.
    """
    content = in_camel(wanted).get("content") or {}
    parts = content.get("parts") or ()
    parts = [parts] if isinstance(parts, Mapping) else parts
    if not parts:
        raise invalid("* EmbedContentRequest.content: contents is not specified")
    size = vector_size(in_camel(wanted).get("outputDimensionality"))
    return {"values": list(vector_for("".join(str(part.get("text", "")) for part in parts))[:size])}
