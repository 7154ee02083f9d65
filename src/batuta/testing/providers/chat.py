"""OpenAI's chat completions and embeddings, as OpenAI and those who copied it serve them.

A ChatVendor is a provider of that family: its attributes and small methods are what the family's members differ in.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from batuta.testing.answers import vector_for
from batuta.testing.providers import chat_request
from batuta.testing.providers.refusals import Refused, Why
from batuta.testing.providers.talk import Answer, Asked, Call, End
from batuta.testing.providers.vendor import CREATED, ApiModel, Exchange, Route, Vendor, vector_size
from batuta.testing.providers.wire import Event, Part, Reply, Stream

Json = dict[str, Any]
DONE = Event(b"[DONE]", part=Part.DONE)
ENDS: Mapping[End, str] = {
    End.STOP: "stop",
    End.STOP_SEQUENCE: "stop",
    End.LENGTH: "length",
    End.CALLS: "tool_calls",
    End.FILTER: "content_filter",
}


class ChatVendor(Vendor):
    """A provider of OpenAI's family.

    Attributes:
        roots: paths below which it answers; the first is the usual one.
        usage_in: where a stream has its usage: `own` chunk when asked for, own chunk `always`, `last` content chunk.
        thoughts_in: the field of messages and deltas that has the thoughts; empty: they stay inside.
        ends: its finish reasons.
        models_open: its list of models needs no key.
        owner: of the models in that list.
    """

    roots: ClassVar[tuple[str, ...]] = ()
    usage_in: ClassVar[str] = "own"
    thoughts_in: ClassVar[str] = ""
    ends: ClassVar[Mapping[End, str]] = ENDS
    models_open: ClassVar[bool] = False
    owner: ClassVar[str] = ""

    def routes(self) -> Sequence[Route]:
        return tuple(route for root in self.roots for route in self.family(root))

    def family(self, root: str) -> Sequence[Route]:
        """Return the routes below a path."""
        return (
            Route("GET", f"{root}/models", self.list_models, is_open=self.models_open),
            Route("GET", root + "/models/{model:.+}", self.show_model, is_open=self.models_open),
            Route("POST", f"{root}/chat/completions", self.chat),
            Route("POST", f"{root}/embeddings", self.embed),
        )

    # --- models ------------------------------------------------------------------------------------------------------

    def row(self, model: ApiModel) -> Json:
        """Return a model's line in the list."""
        line = {"id": model.id, "object": "model", "created": CREATED, "owned_by": self.owner or self.id}
        return line | dict(model.row)

    def list_models(self, exchange: Exchange) -> Reply:
        """List the models."""
        del exchange
        return Reply({"object": "list", "data": [self.row(model) for model in self.shelf]})

    def show_model(self, exchange: Exchange) -> Reply:
        """Return one model."""
        return Reply(self.row(self.model(exchange.names["model"])))

    # --- chat --------------------------------------------------------------------------------------------------------

    def chat(self, exchange: Exchange) -> Reply | Stream:
        """Answer a conversation."""
        model = self.model(exchange.body.get("model"))
        self.check(exchange)
        if model.is_embedding:
            raise Refused(Why.NO_MODEL, "This is not a chat model.", param="model")
        self.permit(exchange.body, model)
        answer = self.answer(self.asked(exchange.body, model), exchange)
        if exchange.is_stream and not exchange.play.whole:
            return self.stream(exchange, self.events(exchange, answer))
        return Reply(self.completion(exchange, answer))

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        """Refuse what this provider or model does not take.

        Raises:
            Refused: it does not.
        """
        if body.get("tools") and not model.can_call:
            raise Refused(Why.PARAM, param="tools")
        if body.get("n") not in {None, 1}:
            raise chat_request.bad("This fake answers with one choice.", "n")

    def asked(self, body: Mapping[str, Any], model: ApiModel) -> Asked:
        """Return the request without its dialect.

        Raises:
            Refused: it is not valid.
        """
        talk = chat_request.conversation(body.get("messages"))
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        return talk.asked(
            thinks=self.thinks(body, model),
            schema=chat_request.schema_in(body),
            limit=limit if isinstance(limit, int) else None,
            stops=chat_request.stops_in(body.get("stop")),
            **chat_request.tools_in(body),
        )

    def thinks(self, body: Mapping[str, Any], model: ApiModel) -> bool:
        """Say whether the model thinks on this request."""
        if model.thinks == "asked":
            return bool(body.get("reasoning_effort", model.effort) != "none")
        return model.thinks == "always"

    def head(self, exchange: Exchange, kind: str) -> Json:
        """Return what every chunk and completion begins with."""
        answer_id = f"chatcmpl-{exchange.number:08x}"
        return {"id": answer_id, "object": kind, "created": exchange.created, "model": self._model_named(exchange)}

    def _model_named(self, exchange: Exchange) -> str:
        return self.model(exchange.body.get("model")).id

    def usage(self, answer: Answer) -> Json:
        """Return the counts."""
        said = answer.tokens_said + answer.tokens_thought
        return {
            "prompt_tokens": answer.tokens_in,
            "completion_tokens": said,
            "total_tokens": answer.tokens_in + said,
            "prompt_tokens_details": {"cached_tokens": answer.cached},
            "completion_tokens_details": {"reasoning_tokens": answer.tokens_thought},
        }

    def finish(self, exchange: Exchange, answer: Answer) -> str | None:
        """Return the finish reason, as the play wants it."""
        return (exchange.play.finish or self.ends[answer.end]) if exchange.play.finishes else None

    def call_id(self, exchange: Exchange, place: int) -> str:
        """Return the id of a call."""
        return f"call_{exchange.number:06x}{place:02x}"

    def arguments(self, exchange: Exchange, call: Call) -> Any:
        """Return a call's arguments, in the form that the play wants."""
        if exchange.play.arguments == "object":
            return dict(call.arguments)
        return call.text[:-1] if exchange.play.arguments == "broken" else call.text

    def call(self, exchange: Exchange, call: Call, place: int) -> Json:
        """Return a call as messages have it."""
        function = {"name": call.name, "arguments": self.arguments(exchange, call)}
        return {"id": self.call_id(exchange, place), "type": "function", "function": function}

    def message(self, exchange: Exchange, answer: Answer) -> Json:
        """Return a whole answer's message."""
        message: Json = {"role": "assistant", "content": None if answer.calls else answer.text, "refusal": None}
        if answer.calls:
            message["tool_calls"] = [self.call(exchange, call, place) for place, call in enumerate(answer.calls)]
        if answer.thoughts and self.thoughts_in:
            message[self.thoughts_in] = answer.thinking
        return message

    def completion(self, exchange: Exchange, answer: Answer) -> Json:
        """Return a whole answer."""
        choice = {
            "index": 0,
            "message": self.message(exchange, answer),
            "logprobs": None,
            "finish_reason": self.finish(exchange, answer),
        }
        whole = {**self.head(exchange, "chat.completion"), "choices": [choice]}
        return whole | ({"usage": self.usage(answer)} if exchange.play.usage else {})

    # --- streams -----------------------------------------------------------------------------------------------------

    def events(self, exchange: Exchange, answer: Answer) -> Iterator[Event]:
        """Yield the events of a streamed answer."""
        head = self.head(exchange, "chat.completion.chunk")
        wants_usage = exchange.play.usage and self._wants_usage(exchange.body)
        nothing = {"usage": None} if wants_usage and self.usage_in == "own" else {}
        for part, delta in self.deltas(exchange, answer):
            yield Event(self.chunk(head, self._choice(delta, None)) | nothing, part=part)
        last = self.chunk(head, self._choice(self.last_delta(answer), self.finish(exchange, answer))) | nothing
        if wants_usage and self.usage_in == "last":
            last["usage"] = self.usage(answer)
        yield Event(last, part=Part.END)
        if wants_usage and self.usage_in != "last":
            yield Event({**head, "choices": [], "usage": self.usage(answer)}, part=Part.DONE)
        yield DONE

    def _wants_usage(self, body: Mapping[str, Any]) -> bool:
        options = body.get("stream_options")
        return self.usage_in != "own" or (isinstance(options, Mapping) and options.get("include_usage") is True)

    def chunk(self, head: Json, choice: Json) -> Json:
        """Return a chunk of a stream."""
        return {**head, "choices": [choice]}

    def _choice(self, delta: Json, finish: str | None) -> Json:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}

    def last_delta(self, answer: Answer) -> Json:
        """Return the delta that comes with the finish reason."""
        del answer
        return {}

    def deltas(self, exchange: Exchange, answer: Answer) -> Iterator[tuple[Part, Json]]:
        """Yield the deltas: the role, thoughts where they are shown, text or calls."""
        first: Json = {"role": "assistant", "content": None if answer.calls else "", "refusal": None}
        if answer.calls and not (self.thoughts_in and answer.thoughts):
            first["tool_calls"] = [self._begun(exchange, answer, 0)]  # OpenAI's first chunk may hold the first call
        yield Part.OTHER, first
        if self.thoughts_in:
            for piece in answer.thoughts:
                yield Part.PIECE, {self.thoughts_in: piece}
        for piece in answer.pieces:
            yield Part.PIECE, {"content": piece}
        for place, call in enumerate(answer.calls):
            if place or "tool_calls" not in first:
                yield Part.OTHER, {"tool_calls": [self._begun(exchange, answer, place)]}
            for arguments in self._fragments(exchange, call):
                delta: Json = {"index": place, "function": {"arguments": arguments}}
                yield Part.PIECE, {"tool_calls": [_indexed(delta, exchange)]}

    def _begun(self, exchange: Exchange, answer: Answer, place: int) -> Json:
        function = {"name": answer.calls[place].name, "arguments": ""}
        begun = {"index": place, "id": self.call_id(exchange, place), "type": "function", "function": function}
        return _indexed(begun, exchange)

    def _fragments(self, exchange: Exchange, call: Call) -> Sequence[Any]:
        if exchange.play.arguments == "object":
            return (dict(call.arguments),)
        first, second = call.halves
        return (first, second[:-1] if exchange.play.arguments == "broken" else second)

    # --- embeddings --------------------------------------------------------------------------------------------------

    def embed(self, exchange: Exchange) -> Reply:
        """Return vectors of texts."""
        body = exchange.body
        model = self.model(body.get("model"))
        self.check(exchange)
        if not model.is_embedding:
            raise Refused(Why.FORBIDDEN, "You are not allowed to generate embeddings from this model.")
        texts = _texts(body.get("input"))
        size = vector_size(body.get("dimensions"))
        vectors = [vector_for(text)[:size] for text in texts]
        is_packed = body.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": place, "embedding": packed(vector) if is_packed else list(vector)}
            for place, vector in enumerate(vectors)
        ]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply({"object": "list", "data": rows, "model": model.id, "usage": usage})


def _indexed(delta: Json, exchange: Exchange) -> Json:
    return delta if exchange.play.index else {name: value for name, value in delta.items() if name != "index"}


def _texts(given: Any) -> list[str]:
    """Return the texts to embed; lists of tokens are texts of numbers.

    Raises:
        Refused: there is none.
    """
    rows = [given] if isinstance(given, str) or (isinstance(given, list) and _are_tokens(given)) else given
    if not isinstance(rows, list) or not rows or not all(isinstance(row, str) or _are_tokens(row) for row in rows):
        raise chat_request.bad("Invalid 'input': expected a text, tokens, or a list of them.", "input")
    return [row if isinstance(row, str) else " ".join(map(str, row)) for row in rows]


def _are_tokens(row: Any) -> bool:
    return isinstance(row, list) and bool(row) and all(isinstance(token, int) for token in row)


def packed(vector: Sequence[float]) -> str:
    """Return a vector as base64 of little-endian 32-bit floats, as openai-python asks for it by itself."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
