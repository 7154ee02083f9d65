"""Talks to anything that speaks OpenAI's HTTP dialect: llama-server, vLLM, LM Studio, Ollama's /v1, most providers.

OpenAIWire is the dialect over the transport, for engines that know by themselves where their models are;
OpenAICompatEngine is the engine of one provider. Neither knows of residency, queues or other providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Provider
from batuta.chat.dialects import openai
from batuta.chat.dialects.openai import Done, InBandError
from batuta.chat.sse import Event, SSEParser
from batuta.chat.types import ChatRequest, Delta
from batuta.engines import faults
from batuta.engines.base import EmbeddingResult, EngineHealth, EngineStatus, RawCall, RawReply, ReportedModel
from batuta.engines.faults import Seen, fault
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import (
    BadSettings,
    BatutaError,
    ModelLoading,
    ProviderError,
    UpstreamRejected,
)
from batuta.vault.secret import Secret

LIST_S: Final = 5.0  # listing models is a look-up for every backend
PROBE_S: Final = 2.0  # a probe runs often and must not hold anything up
ANSWER_S: Final = 600.0  # for a request without a deadline: a long prompt on a slow CPU takes minutes
IDLE_S: Final = 60.0
JSON_HEADERS: Final = {"content-type": "application/json"}

VIRTUAL_OWNER: Final = "batuta"
HOP: Final = "x-batuta-hop"  # how many gateways a request has come through
MOST_HOPS: Final = 3  # an engine behind a gateway behind a gateway is a wish; a longer way is a circle

NOT_PASSED_ON: Final = frozenset(
    {
        "accept-encoding",
        "api-key",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-api-key",
        "x-goog-api-key",
    }
)
"""Headers of a call that are the connection's or the caller's own, and never a backend's business."""

CONTEXT_FIELDS: Final = ("max_model_len", "context_length", "max_context_length", "context_window", "n_ctx")
"""Where backends say how long a context is: vLLM, OpenRouter, LM Studio, Groq, llama-server."""

CHAT: Final = frozenset({Capability.CHAT, Capability.COMPLETION})

TYPES: Final[Mapping[str, frozenset[Capability]]] = MappingProxyType(
    {
        "embedding": frozenset({Capability.EMBEDDING}),
        "embeddings": frozenset({Capability.EMBEDDING}),
        "vlm": CHAT | {Capability.VISION},
    }
)
"""`type` of a listed model -> what it can do; any other is taken for a chat model."""


@dataclass(slots=True)
class WholeReply:
    """An answer that has been read. Satisfies RawReply."""

    status: int
    content_type: str
    body: bytes

    async def read(self) -> bytes:
        """Return the body."""
        return self.body

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self.body

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in one piece."""
        return self._pieces()

    async def aclose(self) -> None:
        """Nothing is held."""


class OpenAIWire:
    """The dialect over a transport. Stateless: where, key and model come with each call.

    Messages name a backend by host and port. A process of our own (`is_ours`) goes by the model's id: nobody who reads
    them has heard of its port.

    Args:
        transport: how to get there.
        is_ours: backends are processes of this installation.
        idle_s: seconds of silence after which a stream of `chat` counts as dead.
    """

    def __init__(self, transport: Transport, *, idle_s: float = IDLE_S, is_ours: bool = False) -> None:
        self._transport = transport
        self._is_ours = is_ours
        self._idle_s = idle_s

    async def forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        """Send a call as it is; return a 200 answer's head. Raises typed errors for everything else.

        A whole (not streamed) answer is read first, so that an error in a 200 is an error here too.
        """
        try:
            return await self._forward(base_url, key, spec, call)
        except BatutaError as error:
            raise named(error, spec.id) from None

    async def _forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        headers = {name: value for name, value in call.headers.items() if name.lower() not in NOT_PASSED_ON}
        request = UpstreamRequest(
            "POST",
            f"{base_url}/{call.path}",
            headers | JSON_HEADERS,
            call.body,
            call.deadline,
            call.idle_s,
            key,
            name=spec.id if self._is_ours else "",
        )
        reply = await self._transport.send(request)
        content_type = reply.content_type
        if reply.status == 200 and call.stream and content_type.startswith("text/event-stream"):
            return reply
        where, hide = self._where(base_url, spec), key.reveal() if key else ""
        if reply.status != 200:
            headers_said = reply.headers
            body = await error_text(reply)
            raise faults.classify(reply.status, body, headers=headers_said, where=where, model=spec.id, hide=hide)
        if content_type.startswith("text/html"):
            await reply.aclose()
            raise fault(Seen.HTML, where=where, model=spec.id)
        if call.stream and not content_type.startswith("application/json"):
            return reply  # a stream under another name: its first event will tell
        body = await reply.read()
        if (error := faults.in_answer(body, where=where, model=spec.id, hide=hide)) is not None:
            raise error
        return WholeReply(200, content_type, body)

    def _where(self, base_url: str, spec: ModelSpec) -> str:
        return spec.id if self._is_ours else place_of(base_url)

    async def chat(
        self, base_url: str, key: Secret | None, spec: ModelSpec, request: ChatRequest, *, model: str
    ) -> AsyncGenerator[Delta, None]:
        """Yield the answer's deltas.

        Args:
            base_url: the API root, as `normal_url` returns it.
            key: sent along if there is one.
            spec: who is asked, for messages.
            request: what is asked.
            model: the model's name at the backend.

        Raises:
            BatutaError: before the first delta.
            StreamBroken: after it, whatever happened.
        """
        loop = asyncio.get_running_loop()
        deadline = request.deadline if request.deadline is not None else loop.time() + ANSWER_S
        body = orjson.dumps(with_usage(openai.chat_body(request, model=model)))
        call = RawCall("chat/completions", body, request.stream, deadline, self._idle_s)
        reply = await self.forward(base_url, key, spec, call)
        decoder = _Deltas(spec.id, self._where(base_url, spec), key.reveal() if key else "")
        has_begun = False
        try:
            if isinstance(reply, WholeReply):
                yield decoder.whole(reply.body)
                return
            async for chunk in reply.chunks():
                for delta in decoder.feed(chunk):
                    yield delta
                    has_begun = True
                if decoder.is_done:
                    return
            for delta in decoder.close():
                yield delta
                has_begun = True
        except BatutaError as error:
            raise (faults.broken(error, model=spec.id) if has_begun else named(error, spec.id)) from None
        finally:
            await reply.aclose()

    async def embed(
        self, base_url: str, key: Secret | None, spec: ModelSpec, inputs: Sequence[str], *, model: str
    ) -> EmbeddingResult:
        """Return one vector an input. Raises typed errors."""
        deadline = asyncio.get_running_loop().time() + ANSWER_S
        body = orjson.dumps({"model": model, "input": list(inputs), "encoding_format": "float"})
        reply = await self.forward(base_url, key, spec, RawCall("embeddings", body, False, deadline, self._idle_s))
        answer = openai.decode_embeddings(_loads(await reply.read()))
        where = self._where(base_url, spec)
        if isinstance(answer, InBandError):
            raise faults.from_answer(answer, where=where, model=spec.id, hide=key.reveal() if key else "")
        if answer is None or len(answer[0]) != len(inputs):
            raise fault(Seen.NO_ANSWER, where=where, model=spec.id)
        return EmbeddingResult(*answer)

    async def models(self, base_url: str, key: Secret | None, *, timeout_s: float = LIST_S) -> list[ReportedModel]:
        """Return what the backend lists. Raises typed errors."""
        body = await self._transport.get_json(f"{base_url}/models", timeout_s=timeout_s, key=key)
        where = place_of(base_url)
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            error = openai.find_error(body) if isinstance(body, dict) else None
            raise faults.from_answer(error, where=where) if error else fault(Seen.NO_ANSWER, where=where)
        rows = [row for row in body["data"] if isinstance(row, dict) and isinstance(row.get("id"), str)]
        return [reported(row) for row in own_models(rows)]


class _Deltas:
    """Turns the bytes of a stream into deltas and knows whether it ended well. Pure."""

    def __init__(self, model: str, where: str, hide: str) -> None:
        self._parser = SSEParser()
        self._model = model
        self._where = where
        self._hide = hide
        self._has_finish = False
        self._is_empty = True
        self.is_done = False

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        """Yield the deltas that the bytes complete. Raises the error that an event carries, after what came before."""
        return self._decode(self._parser.feed(chunk))

    def close(self) -> Iterator[Delta]:
        """Yield what was left. Raises UpstreamFailed for an empty stream, StreamBroken for one without an end."""
        yield from self._decode(self._parser.close())
        if not self.is_done and not self._has_finish:
            raise fault(Seen.EMPTY if self._is_empty else Seen.NO_END, where=self._where, model=self._model)

    def whole(self, body: bytes) -> Delta:
        """Return a whole answer as one delta."""
        delta = openai.decode_completion(_loads(body))
        if isinstance(delta, InBandError):
            raise self._error(delta)
        if delta is None:
            raise fault(Seen.NO_ANSWER, where=self._where, model=self._model)
        return delta

    def _decode(self, events: list[Event]) -> Iterator[Delta]:
        for event in events:
            said = openai.decode_event(event.data)
            if self.is_done or said is None:
                continue  # garbage between good events; anything after the end
            if isinstance(said, Done):
                self.is_done = True
            elif isinstance(said, InBandError):
                raise self._error(said)
            elif self._has_finish:
                if said.usage:  # after the finish only usage counts
                    yield Delta(usage=said.usage)
            else:
                self._is_empty = False
                self._has_finish = said.finish is not None
                yield said

    def _error(self, error: InBandError) -> BatutaError:
        return faults.from_answer(error, where=self._where, model=self._model, hide=self._hide)


class OpenAICompatEngine:
    """The engine of one OpenAI-compatible provider. A PassThroughEngine.

    Args:
        provider: where it is. A base URL without a path gets `/v1`.
        transport: shared by all engines.
        key: sent to the provider's own address, nowhere else.
    """

    kind = "openai_compat"
    dialect = "openai"

    def __init__(self, provider: Provider, transport: Transport, *, key: Secret | None = None) -> None:
        self.provider = provider
        self._base_url = normal_url(provider.base_url)
        self._wire = OpenAIWire(transport)
        self._key = key

    def __repr__(self) -> str:
        return f"<OpenAICompatEngine {self.provider.id} at {self._base_url}>"

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name at the provider."""
        return spec.address

    async def list_models(self) -> Sequence[ReportedModel]:
        """Return what the provider lists."""
        return await self._wire.models(self._base_url, self._key)

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        """Send the call as it is."""
        return await self._wire.forward(self._base_url, self._key, spec, call)

    def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer."""
        return self._wire.chat(self._base_url, self._key, spec, request, model=self.wire_name(spec))

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return one vector an input."""
        return await self._wire.embed(self._base_url, self._key, spec, inputs, model=self.wire_name(spec))

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        """Ask for the list of models, briefly."""
        try:
            models = await self._wire.models(self._base_url, self._key, timeout_s=PROBE_S)
        except ModelLoading as error:
            return EngineStatus(EngineHealth.LOADING, error.message)
        except UpstreamRejected:
            return EngineStatus(EngineHealth.READY, "it is there, but does not list its models")
        except ProviderError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        if models and all(model.address != self.wire_name(spec) for model in models):
            return EngineStatus(EngineHealth.ABSENT, f"{self.provider.id} does not list {spec.address}")
        return EngineStatus(EngineHealth.READY)

    async def aclose(self) -> None:
        """Nothing of its own: the connections are the transport's."""


# --- pure helpers --------------------------------------------------------------------------------------------------


def normal_url(base_url: str) -> str:
    """Return the API root: no slash at the end, `/v1` where there is no path. Raises BadSettings for no http(s) URL."""
    parts = urlsplit(base_url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSettings(f"{base_url!r} is not the address of an API; write it like http://127.0.0.1:8080/v1")
    if "@" in parts.netloc:
        raise BadSettings(f"The address of {parts.hostname} has a name or password in it; give the key by itself")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def place_of(base_url: str) -> str:
    """Return host and port, as messages name them."""
    return urlsplit(base_url).netloc


def with_usage(body: dict[str, Any]) -> dict[str, Any]:
    """Ask for token counts at the end of a stream, unless the caller has a word on it."""
    return {"stream_options": {"include_usage": True}, **body} if body.get("stream") else body


def named(error: BatutaError, model: str) -> BatutaError:
    """Return the error with the model's id, where it has none."""
    error.model = error.model or model
    return error


def own_models(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that are models.

    1. What a Batuta owns itself (`auto`, `brain`, ...) are names for a choice of its own, no models.
    2. What a Batuta has from others that have it from others yet is left out at some depth: two that list each other
       would otherwise find new names at every look.
    """
    real = [row for row in rows if row.get("owned_by") != VIRTUAL_OWNER]  # 1
    if len(real) < len(rows):
        real = [row for row in real if row["id"].count("/") <= MOST_HOPS]  # 2
    return real


def reported(row: Mapping[str, Any]) -> ReportedModel:
    """Read one row of a model list, as far as it says anything."""
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    status = row["status"] if isinstance(row.get("status"), dict) else {}
    lengths = [row.get(field) for field in CONTEXT_FIELDS] + [meta.get("n_ctx"), meta.get("n_ctx_train")]
    size = meta.get("size")
    return ReportedModel(
        address=row["id"],
        name=row["name"] if isinstance(row.get("name"), str) else "",
        capabilities=TYPES.get(str(row.get("type")), CHAT),
        context_length=next((length for length in lengths if isinstance(length, int) and length > 0), 0),
        memory=MemoryNeed(weights=size if isinstance(size, int) and size > 0 else 0),
        is_resident=bool(meta) or status.get("value") == "loaded" or row.get("state") == "loaded",
    )


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
