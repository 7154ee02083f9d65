"""Google's Gemini API in its own dialect: its endpoint in OpenAI's loses what calls of functions need.

One provider, one key for its life. What is said to a model and what it says back is translated by
chat/dialects/gemini*.py; what a refusal means is in answers.py. Knows no residency, no queue and no other keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from batuta.catalog.entities import ModelSpec, Provider
from batuta.catalog.model_flags import ModelFlags
from batuta.chat.dialects import gemini, gemini_request
from batuta.chat.dialects.gemini import Reader
from batuta.chat.dialects.gemini_request import Traits
from batuta.chat.dialects.gemini_turns import signed
from batuta.chat.types import ChatRequest, Delta, Usage
from batuta.engines import faults
from batuta.engines.base import EmbeddingResult, EngineHealth, EngineStatus, ReportedModel
from batuta.engines.decoding import Reply
from batuta.engines.dropping import KEPT, Dropped
from batuta.engines.faults import Seen, fault
from batuta.engines.gemini import abilities, answers
from batuta.engines.gemini.api import GeminiApi
from batuta.engines.gemini.stream import Answer
from batuta.engines.openai_compat import ANSWER_S, IDLE_S, PROBE_S, named
from batuta.engines.transport import Transport, error_text
from batuta.errors import BadRequest, BatutaError, Cause, ProviderError
from batuta.vault.secret import Secret

LIST_S: Final = 15.0  # a page of the list of models; the first call pays for TLS, too
PAGE: Final = 1000  # models; the most that the API gives at once
MOST_PAGES: Final = 20
BATCH: Final = 100  # texts in one batchEmbedContents, the most that the API takes
REST_S: Final = 0.25
MOST_REST: Final = 64 * 1024  # bytes
STREAM: Final = "streamGenerateContent?alt=sse"
WHOLE: Final = "generateContent"
INSIDE: Final = "generationConfig"
MEANT: Final = frozenset(
    {
        INSIDE,
        f"{INSIDE}.maxOutputTokens",
        f"{INSIDE}.responseJsonSchema",
        f"{INSIDE}.responseMimeType",
        f"{INSIDE}.stopSequences",
        "cachedContent",
        "safetySettings",
        "systemInstruction",
        "toolConfig",
    }
)
"""Without these, too, it would be another question."""


class GeminiEngine:
    """The engine of one Gemini API.

    Args:
        provider: where it is, `https://generativelanguage.googleapis.com/v1beta` or another that speaks the dialect.
        transport: shared by all engines.
        key: sent to the provider's own address, nowhere else.
        flags: what is known of single models.
        idle_s: seconds of silence after which a stream counts as dead.
        new_id: makes the id of a call that has none.
    """

    kind = "gemini"
    dialect = "gemini"

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        key: Secret | None = None,
        flags: ModelFlags = abilities.KNOWN,
        idle_s: float = IDLE_S,
        new_id: Callable[[], str] = lambda: f"call_{uuid.uuid4().hex[:24]}",
    ) -> None:
        self.provider = provider
        self._api = GeminiApi(provider.base_url, transport, key)
        self._flags = flags
        self._idle_s = idle_s
        self._new_id = new_id
        self._traits: dict[str, Traits] = {}
        self._dropped = Dropped(kept=KEPT | MEANT, inside=(INSIDE,))

    def __repr__(self) -> str:
        return f"<GeminiEngine {self.provider.id} at {self._api.root}>"

    # --- who and what --------------------------------------------------------------------------------------------

    async def list_models(self) -> Sequence[ReportedModel]:
        """Return the models that chat or embed, from all pages of the list."""
        rows: list[ReportedModel] = []
        token = ""
        for _ in range(MOST_PAGES):
            query = {"pageSize": str(PAGE)} | ({"pageToken": token} if token else {})
            page = await self._page(query)
            rows += [one for row in page["models"] if (one := abilities.reported(row, self._flags))]
            token = page.get("nextPageToken") or ""
            if not isinstance(token, str) or not token:
                break
        return rows

    async def check_key(self) -> None:
        """Ask for one model of the list, which costs nothing. Raises KeyInvalid, or why nobody could be asked."""
        await self._page({"pageSize": "1"})

    async def _page(self, query: dict[str, str]) -> dict[str, Any]:
        page = await self._api.get(f"models?{urlencode(query)}", timeout_s=LIST_S)
        if (error := gemini.find_error(page)) is not None:
            raise answers.in_band(error, where=self._api.where, hide=self._api.hide)
        rows = page.get("models") if isinstance(page, dict) else None
        if not isinstance(rows, list):
            raise fault(Seen.NO_ANSWER, where=self._api.where)
        return {**page, "models": [row for row in rows if isinstance(row, dict)]}

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        """Look the model up, briefly."""
        try:
            await self._api.look_up(spec, timeout_s=PROBE_S)
        except ProviderError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        except BatutaError as error:
            if error.cause is Cause.NOT_INSTALLED:
                return EngineStatus(EngineHealth.ABSENT, f"{self.provider.id} does not have {spec.address}")
            return EngineStatus(EngineHealth.READY, "it is there, but does not say how the model stands")
        return EngineStatus(EngineHealth.READY)

    async def aclose(self) -> None:
        """Nothing of its own: the connections are the transport's."""

    # --- chat ----------------------------------------------------------------------------------------------------

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer's deltas.

        Raises:
            BadRequest: Gemini cannot be asked this.
            BatutaError: before the first delta.
            StreamBroken: after it, whatever happened.
        """
        has_begun = False
        answer = Answer(Reader(self._new_id), where=self._api.where, model=spec.id, hide=self._api.hide)
        reply: Reply | None = None
        try:
            reply = await self._asked(spec, request)
            if request.stream and not reply.content_type.startswith(("application/json", "text/html")):
                chunks = reply.chunks()
                while not answer.is_done and (chunk := await anext(chunks, b"")):
                    for delta in answer.feed(chunk):
                        yield delta
                        has_begun = True
                rest = answer.close(await _left(chunks) if answer.is_done else b"")
            else:  # not asked for a stream, or one was not given: all pieces are in a list
                rest = answer.whole(await self._api.read(reply, model=spec.id))
            for delta in rest:
                yield delta
                has_begun = True
        except BatutaError as error:
            raise (faults.broken(error, model=spec.id) if has_begun else named(error, spec.id)) from None
        finally:
            if reply is not None:
                await reply.aclose()

    async def _asked(self, spec: ModelSpec, request: ChatRequest) -> Reply:
        """Return the reply with status 200, after a second try where the first was refused for how it was asked."""
        loop = asyncio.get_running_loop()
        deadline = request.deadline if request.deadline is not None else loop.time() + ANSWER_S
        method = STREAM if request.stream else WHOLE
        body = self._body(spec, request)
        reply = await self._api.post(spec, method, body, deadline=deadline, idle_s=self._idle_s)
        if reply.status == 400:
            headers, refusal = reply.headers, await error_text(reply)
            mended = self._mended(spec, request, body, refusal)
            if mended is None:
                raise self._api.failed(400, refusal, headers, model=spec.id)
            reply = await self._api.post(spec, method, mended, deadline=deadline, idle_s=self._idle_s)
        await self._api.check(reply, model=spec.id)
        return reply

    def _body(self, spec: ModelSpec, request: ChatRequest) -> dict[str, Any]:
        body = gemini_request.chat_body(request, self._traits_of(spec))
        return self._dropped.without(spec.address, body)

    def _traits_of(self, spec: ModelSpec) -> Traits:
        if (traits := self._traits.get(spec.address)) is None:
            traits = self._traits[spec.address] = abilities.traits_of(self._flags, spec.address)
        return traits

    def _mended(
        self, spec: ModelSpec, request: ChatRequest, sent: dict[str, Any], refusal: bytes
    ) -> dict[str, Any] | None:
        """Return the body to be sent instead of one that was refused; None where the refusal is the caller's to hear.

        1. A signature is broken: another model's, most likely. A placeholder goes in its place, this time only.
        2. The model wants signatures, or takes no system instruction: that is remembered.
        3. It does not take a field: that is left out and remembered.
        """
        words = refusal.decode("utf-8", "replace")
        traits = self._traits_of(spec)
        if answers.BAD_SIGNATURE.search(words):  # 1
            return {**sent, "contents": signed(sent["contents"], anew=True)}
        if answers.NO_SIGNATURE.search(words) and not traits.is_signed:  # 2
            self._traits[spec.address] = replace(traits, is_signed=True)
        elif answers.NO_SYSTEM.search(words) and traits.has_system:
            self._traits[spec.address] = replace(traits, has_system=False)
        else:  # 3
            named = answers.named_refusals(refusal)
            learnt = [self._dropped.learn(spec.address, status=400, answer=each, sent=sent) for each in named]
            if not any(learnt):
                return None
        return self._body(spec, request)

    # --- embeddings ----------------------------------------------------------------------------------------------

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return one vector an input, asked for in batches. Raises typed errors."""
        if not all(isinstance(text, str) for text in inputs):
            raise BadRequest("Gemini embeds texts, not token numbers; send `input` as text.", model=spec.id)
        deadline = asyncio.get_running_loop().time() + ANSWER_S
        vectors: list[tuple[float, ...]] = []
        prompt = 0
        try:
            for start in range(0, len(inputs), BATCH):
                some, usage = await self._embedded(spec, list(inputs[start : start + BATCH]), deadline)
                vectors += some
                prompt += usage.prompt_tokens
        except BatutaError as error:
            raise named(error, spec.id) from None
        return EmbeddingResult(tuple(vectors), Usage(prompt_tokens=prompt))

    async def _embedded(
        self, spec: ModelSpec, texts: list[str], deadline: float
    ) -> tuple[tuple[tuple[float, ...], ...], Usage]:
        body = gemini.embed_body(abilities.path_of(spec.address), texts)
        reply = await self._api.post(spec, "batchEmbedContents", body, deadline=deadline)
        try:
            await self._api.check(reply, model=spec.id)
            said = await self._api.read(reply, model=spec.id)
        finally:
            await reply.aclose()
        if (error := gemini.find_error(said)) is not None:
            raise answers.in_band(error, where=self._api.where, model=spec.id, hide=self._api.hide)
        answer = gemini.decode_embeddings(said)
        if answer is None or len(answer[0]) != len(texts):
            raise fault(Seen.NO_ANSWER, where=self._api.where, model=spec.id)
        return answer


async def _left(chunks: AsyncIterator[bytes]) -> bytes:
    """Return what still comes after the end of an answer: counts, perhaps, and the body's end.

    It is waited for briefly: a connection that is read to its end can be used again, and an answer that is whole must
    not fail for what follows it.
    """
    parts: list[bytes] = []
    with contextlib.suppress(TimeoutError, BatutaError):
        async with asyncio.timeout(REST_S):
            while sum(map(len, parts)) < MOST_REST and (chunk := await anext(chunks, b"")):
                parts.append(chunk)
    return b"".join(parts)
