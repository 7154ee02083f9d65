"""A fake Cohere: chat and embed of version 2, the check of a key, and the endpoint in OpenAI's dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from batuta.testing.answers import vector_for
from batuta.testing.providers import chat_request
from batuta.testing.providers.chat import ChatVendor, Json
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.talk import Answer, Asked, End
from batuta.testing.providers.vendor import ApiModel, Exchange, Route, Told, names, vector_size
from batuta.testing.providers.wire import Event, Part, Reply, Stream

FIELDS = names(
    "model messages max_tokens temperature p k seed stop_sequences frequency_penalty presence_penalty tools "
    "strict_tools tool_choice response_format thinking documents citation_options safety_mode logprobs priority "
    "stream"
)
COMPATIBLE = names(
    "model messages stream stream_options reasoning_effort response_format tools tool_choice temperature max_tokens "
    "max_completion_tokens stop seed top_p frequency_penalty presence_penalty"
)
NATIVE_ENDS: Mapping[End, str] = {
    End.STOP: "COMPLETE",
    End.STOP_SEQUENCE: "STOP_SEQUENCE",
    End.LENGTH: "MAX_TOKENS",
    End.CALLS: "TOOL_CALL",
    End.FILTER: "ERROR",
}
ENDPOINTS = ("chat", "embed")


class Cohere(ChatVendor):
    """Cohere."""

    id = "cohere"
    roots = ("/cohere/compatibility/v1",)
    models = (
        ApiModel("command-a-03-2025", context=256_000),
        ApiModel("command-a-reasoning-08-2025", "always", context=256_000, efforts=("none", "high")),
        ApiModel("embed-v4.0", is_embedding=True, context=128_000),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: Sign(401, "no api key supplied"),
        Why.BAD_KEY: Sign(401, "invalid api token"),
        Why.NO_CREDIT: Sign(402, "your account has no credit left; please add a payment method"),
        Why.RATE: Sign(429, "You are past the per minute request limit, please wait and try again later."),
        Why.DAILY: Sign(429, "You are using a Trial key, which is limited to 1000 API calls / month."),
        Why.NO_MODEL: Sign(404, "model '{model}' not found, make sure the correct model ID was used"),
        Why.PARAM: Sign(400, "invalid request: {param} is not supported by the provided model"),
        Why.UNKNOWN: Sign(422, "unknown field: parameter '{param}' is not a valid field"),
    }

    of_status: ClassVar[Mapping[int, Why]] = {498: Why.BAD_KEY}

    def routes(self) -> Sequence[Route]:
        compatible = [route for route in super().routes() if "/models" not in route.path]  # it lists none there
        return (
            *compatible,
            Route("POST", "/cohere/v1/check-api-key", self.check_key, is_free=True),
            Route("GET", "/cohere/v1/models", self.list_native),
            Route("GET", "/cohere/v1/models/{model}", self.show_native),
            Route("POST", "/cohere/v2/chat", self.chat_native),
            Route("POST", "/cohere/v2/embed", self.embed_native),
        )

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        return {"x-debug-trace-id": f"{exchange.number:08x}", "x-api-warning": "fake"}

    def error(self, told: Told) -> Any:
        return {"id": f"{told.exchange.number:08x}", "message": told.message}

    # --- keys and models ---------------------------------------------------------------------------------------------

    def check_key(self, exchange: Exchange) -> Reply:
        """Tell that a key is good."""
        self.check(exchange)
        return Reply({"valid": True, "organization_id": "org-fake", "owner_id": "owner-fake"})

    def native_row(self, model: ApiModel) -> Json:
        """Return a model as Cohere has it."""
        return {
            "name": model.id,
            "endpoints": ["embed"] if model.is_embedding else ["chat"],
            "finetuned": False,
            "context_length": model.context,
            "tokenizer_url": None,
            "default_endpoints": [],
            "features": [] if model.is_embedding else ["tools", "json_schema", "vision"],
            "is_deprecated": False,
        }

    def list_native(self, exchange: Exchange) -> Reply:
        """List a page of the models: `page_size`, `page_token`, `endpoint`."""
        self.check(exchange)
        wanted = exchange.query.get("endpoint")
        rows = [row for row in map(self.native_row, self.shelf) if wanted is None or wanted in row["endpoints"]]
        size, first = int(exchange.query.get("page_size", 20)), int(exchange.query.get("page_token") or 0)
        following = str(first + size) if first + size < len(rows) else None
        return Reply({"models": rows[first : first + size], "next_page_token": following})

    def show_native(self, exchange: Exchange) -> Reply:
        """Return one model."""
        return Reply(self.native_row(self.model(exchange.names["model"])))

    # --- version 2 ---------------------------------------------------------------------------------------------------

    def chat_native(self, exchange: Exchange) -> Reply | Stream:
        """Answer a conversation."""
        body = exchange.body
        model = self.model(body.get("model"))
        self.check(exchange)
        for name in sorted(set(body) - FIELDS):
            raise Refused(Why.UNKNOWN, param=name)
        if body.get("tool_choice") not in {None, "REQUIRED", "NONE"}:
            raise Refused(Why.BAD, "invalid request: tool_choice must be one of REQUIRED, NONE")
        if not 0 <= (body.get("temperature") or 0) <= 1:
            raise Refused(Why.BAD, "invalid request: temperature must be between 0 and 1.0 inclusive")
        answer = self.answer(self._asked(body, model), exchange)
        if exchange.is_stream and not exchange.play.whole:
            return Stream(self._events(exchange, answer), self._broken(), self.form)
        return Reply(self._whole(exchange, answer))

    def _asked(self, body: Mapping[str, Any], model: ApiModel) -> Asked:
        messages = [_plain(message) for message in body.get("messages") or ()]
        talk = chat_request.conversation(messages)
        tools = chat_request.tools_in({"tools": body.get("tools") or []})
        form = body.get("response_format") or {}
        schema = form.get("json_schema") or form.get("schema") or chat_request.ANY_OBJECT
        choice = body.get("tool_choice")
        if choice == "NONE":
            tools["tools"] = ()
        tools["must_call"] = choice == "REQUIRED"
        return talk.asked(
            thinks=model.thinks != "no" and (body.get("thinking") or {}).get("type") != "disabled",
            schema=schema if form.get("type") == "json_object" else None,
            limit=body.get("max_tokens"),
            stops=chat_request.stops_in(body.get("stop_sequences")),
            **tools,
        )

    def _plan(self, answer: Answer) -> tuple[str, ...]:
        return ("I will call ", " and ".join(call.name for call in answer.calls), ".") if answer.calls else ()

    def _counts(self, answer: Answer) -> Json:
        said = answer.tokens_said + answer.tokens_thought
        billed = {"input_tokens": answer.tokens_in, "output_tokens": said}
        tokens = {"input_tokens": answer.tokens_in + 60, "output_tokens": said}  # the template counts here
        return {"billed_units": billed, "tokens": tokens, "cached_tokens": answer.cached}

    def _finish(self, exchange: Exchange, answer: Answer) -> str | None:
        return (exchange.play.finish or NATIVE_ENDS[answer.end]) if exchange.play.finishes else None

    def _whole(self, exchange: Exchange, answer: Answer) -> Json:
        message: Json = {"role": "assistant"}
        content: list[Json] = [{"type": "thinking", "thinking": answer.thinking}] if answer.thoughts else []
        if answer.calls:
            calls = [self.call(exchange, call, place) for place, call in enumerate(answer.calls)]
            message |= {"tool_calls": calls, "tool_plan": "".join(self._plan(answer))}
        else:
            content.append({"type": "text", "text": answer.text})
        message |= {"content": content} if content else {}
        usage = {"usage": self._counts(answer)} if exchange.play.usage else {}
        finish = self._finish(exchange, answer)
        return {"id": f"{exchange.number:08x}", "finish_reason": finish, "message": message, **usage}

    def call_id(self, exchange: Exchange, place: int) -> str:
        return f"f_{exchange.number:06x}{place:02x}"

    def _events(self, exchange: Exchange, answer: Answer) -> Iterator[Event]:
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield _event("message-start", {"id": f"{exchange.number:08x}", "delta": {"message": message}})
        index = 0
        for kind, pieces in (("thinking", answer.thoughts), ("text", answer.pieces)):
            if pieces:
                yield from _content_events(index, kind, pieces)
                index += 1
        for piece in self._plan(answer):
            yield _event("tool-plan-delta", {"delta": {"message": {"tool_plan": piece}}}, Part.PIECE)
        for place, call in enumerate(answer.calls):
            begun = self.call(exchange, call, place)
            begun["function"]["arguments"] = ""
            yield _event("tool-call-start", {"index": place, "delta": {"message": {"tool_calls": begun}}})
            for half in self._fragments(exchange, call):
                delta = {"message": {"tool_calls": {"function": {"arguments": half}}}}
                yield _event("tool-call-delta", {"index": place, "delta": delta}, Part.PIECE)
            yield _event("tool-call-end", {"index": place})
        usage = {"usage": self._counts(answer)} if exchange.play.usage else {}
        last = {"finish_reason": self._finish(exchange, answer), **usage}
        yield _event("message-end", {"id": f"{exchange.number:08x}", "delta": last}, Part.END)

    def _broken(self) -> tuple[Event, ...]:
        delta = {"finish_reason": "ERROR", "error": "an error occurred while generating"}
        return (_event("message-end", {"delta": delta}),)

    def embed_native(self, exchange: Exchange) -> Reply:
        """Return vectors of texts."""
        body = exchange.body
        model = self.model(body.get("model"))
        self.check(exchange)
        texts = body.get("texts")
        if not model.is_embedding or not isinstance(texts, list) or not texts:
            raise Refused(Why.BAD, "invalid request: at least one text is required")
        if not body.get("input_type"):
            raise Refused(Why.BAD, "invalid request: valid input_type must be provided with the provided model")
        size = vector_size(body.get("output_dimension"))
        vectors = [list(vector_for(text)[:size]) for text in texts]
        billed = {"billed_units": {"input_tokens": sum(len(text.split()) for text in texts)}}
        meta = {"api_version": {"version": "2"}, **billed}
        head = {"id": f"{exchange.number:08x}", "response_type": "embeddings_by_type"}
        return Reply({**head, "embeddings": {"float": vectors}, "texts": texts, "meta": meta})

    # --- OpenAI's dialect --------------------------------------------------------------------------------------------

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        for name in sorted(set(body) - COMPATIBLE):
            raise Refused(Why.UNKNOWN, param=name)
        effort = body.get("reasoning_effort")
        if effort is not None and effort not in {"none", "high"}:
            raise Refused(Why.BAD, "invalid request: reasoning_effort must be one of none, high")
        super().permit(body, model)


def _content_events(index: int, kind: str, pieces: Sequence[str]) -> Iterator[Event]:
    empty: Json = {"message": {"content": {"type": kind, kind: ""}}}
    yield _event("content-start", {"index": index, "delta": empty})
    for piece in pieces:
        yield _event("content-delta", {"index": index, "delta": {"message": {"content": {kind: piece}}}}, Part.PIECE)
    yield _event("content-end", {"index": index})


def _event(name: str, fields: Json, part: Part = Part.OTHER) -> Event:
    return Event({"type": name, **fields}, name, part)


def _plain(message: Mapping[str, Any]) -> Json:
    """Return a message as OpenAI would have it: results may be documents, a plan stands for a text."""
    plain = dict(message)
    content = plain.get("content")
    if plain.get("role") == "tool" and isinstance(content, list):
        plain["content"] = "".join(
            str((part.get("document") or {}).get("data", ""))
            if part.get("type") == "document"
            else str(part.get("text"))
            for part in content
        )
    return plain
