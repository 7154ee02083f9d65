"""Anthropic: Claude's models, and whoever else speaks its dialect. Answers chats; embeds nothing.

What goes out is written by chat/dialects/anthropic_request.py, what comes in is read by chat/dialects/anthropic.py. A
model's peculiarities are data (catalog/known/model_flags.toml), corrected by what the API lists and by what it refuses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from batuta.catalog.entities import ModelSpec, Provider
from batuta.catalog.model_flags import ModelFlags, known_flags
from batuta.chat.dialects.anthropic_request import Abilities, Asked, messages_body
from batuta.chat.types import ChatRequest, Delta
from batuta.engines import faults
from batuta.engines.anthropic.abilities import OLD_VERSION, PROVIDER, abilities_of, read_model
from batuta.engines.anthropic.answers import detailed, lesson_of, lower_limit
from batuta.engines.anthropic.api import AnthropicApi, Refusal
from batuta.engines.anthropic.stream import AnswerStream
from batuta.engines.base import EmbeddingResult, EngineHealth, EngineStatus, ReportedModel
from batuta.engines.decoding import Reply
from batuta.engines.dropping import KEPT, Dropped
from batuta.engines.openai_compat import ANSWER_S, IDLE_S, named
from batuta.engines.transport import Transport
from batuta.errors import BadRequest, BatutaError, ModelError, ProviderError, UpstreamRejected
from batuta.vault.secret import Secret

LIST_S: Final = 10.0  # for all pages, from another continent
CHECK_S: Final = 10.0
PROBE_S: Final = 5.0
LINGER_S: Final = 0.2  # what ends a connection in good order follows the end of an answer at once, or not at all
FLAGS: Final = known_flags()  # read with the module: reading a file has no place on the loop
NEVER_LEFT_OUT: Final = KEPT | {"output_config.format", "stop_sequences", "thinking"}


class AnthropicEngine:
    """The engine of one provider that speaks Anthropic's dialect, with one key.

    Args:
        provider: where it is.
        transport: shared by all engines.
        key: sent to the provider's own address, nowhere else.
        version: of the API.
        betas: what to ask for that is not yet in that version.
        flags: what is known of single models.
        idle_s: seconds of silence after which a stream counts as dead.
    """

    kind = "anthropic"

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        key: Secret | None = None,
        version: str = OLD_VERSION,
        betas: Sequence[str] = (),
        flags: ModelFlags = FLAGS,
        idle_s: float = IDLE_S,
    ) -> None:
        self.provider = provider
        self._api = AnthropicApi(transport, provider.base_url, key=key, version=version, betas=betas)
        self._version = version
        self._flags = flags
        self._idle_s = idle_s
        self._listed: dict[str, Mapping[str, Any]] = {}  # address -> flags that the list told
        self._learnt: dict[str, dict[str, Any]] = {}  # address -> flags that a refusal told
        self._limits: dict[str, int] = {}  # address -> most tokens of an answer, as a refusal told
        self._dropped = Dropped(kept=NEVER_LEFT_OUT, inside=("output_config",))

    def __repr__(self) -> str:
        return f"<AnthropicEngine {self.provider.id} at {self._api.place}, {self._dropped!r}>"

    # --- who and what ----------------------------------------------------------------------------------------------

    async def list_models(self) -> Sequence[ReportedModel]:
        rows = await self._api.models(timeout_s=LIST_S)
        listed = [read for row in rows if (read := read_model(row, self._flags_of(str(row.get("id"))))) is not None]
        self._listed = {each.model.address: each.flags for each in listed}
        return [each.model for each in listed]

    async def check_key(self) -> None:
        """Ask for one model: who may see it has a good key. Costs nothing.

        Raises:
            KeyInvalid: the key is refused.
            PermissionDenied, OutOfCredit, UpstreamRateLimited: it is good, and what is the matter with it.
            ProviderError: nobody could be asked.
        """
        await self._api.models(timeout_s=CHECK_S, limit=1)

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        try:
            await self._api.model(spec.address, timeout_s=PROBE_S)
        except UpstreamRejected:
            return EngineStatus(EngineHealth.READY, "it is there, but does not tell of its models")
        except ModelError as error:
            return EngineStatus(EngineHealth.ABSENT, error.message)
        except ProviderError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        return EngineStatus(EngineHealth.READY)

    def abilities(self, spec: ModelSpec) -> Abilities:
        """Return what a model takes: by its name, the list, its refusals, its own options; the later wins."""
        address = spec.address
        told = (self._flags_of(address), self._listed.get(address, {}), self._learnt.get(address, {}), spec.options)
        known = abilities_of(*told, version=self._version)
        limit = self._limits.get(address)
        return replace(known, max_tokens=min(known.max_tokens, limit)) if limit else known

    def _flags_of(self, address: str) -> Mapping[str, Any]:
        return self._flags.of(PROVIDER, address)

    # --- talking ---------------------------------------------------------------------------------------------------

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer.

        Raises:
            BatutaError: before the first delta.
            StreamBroken: after it, whatever happened.
        """
        deadline = request.deadline
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + ANSWER_S
        try:
            reply, asked = await self._reply(spec, request, deadline)
        except BatutaError as error:
            raise named(error, spec.id) from None
        stream = AnswerStream(model=spec.id, where=self._api.place, hide=self._api.hide, answer_tool=asked.answer_tool)
        has_begun = False
        try:
            if not request.stream or reply.content_type.startswith(("application/json", "text/html")):
                yield stream.whole(await reply.read())
                return
            async for chunk in reply.chunks():
                for delta in stream.feed(chunk):
                    yield delta
                    has_begun = True
                if stream.is_done:
                    await _to_the_end(reply)
                    return
            for delta in stream.close():
                yield delta
                has_begun = True
        except BatutaError as error:
            told = faults.broken(error, model=spec.id) if has_begun else named(error, spec.id)
            raise detailed(told, reply.headers) from None
        finally:
            await reply.aclose()

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Refuse: there is no such model here."""
        raise BadRequest(
            f"{spec.id} cannot embed {len(inputs)} texts: Anthropic has no embeddings; choose another model",
            model=spec.id,
        )

    async def aclose(self) -> None:
        """Nothing of its own: the connections are the transport's."""

    def _asked(self, spec: ModelSpec, request: ChatRequest, *, most: int | None = None) -> Asked:
        """Return what is sent; `most`: tokens that this one answer may have at most."""
        asked = messages_body(request, model=spec.address, abilities=self.abilities(spec))
        limits = [limit for limit in (most, self._limits.get(spec.address)) if limit is not None]
        body = self._dropped.without(spec.address, asked.body)
        return replace(asked, body=_within(body, min(limits)) if limits else body)

    async def _reply(self, spec: ModelSpec, request: ChatRequest, deadline: float) -> tuple[Reply, Asked]:
        """Send, and once more where a refusal says what the model does not take. Raises what the last one means."""
        asked = self._asked(spec, request)
        for is_last in (False, True):
            reply = await self._api.ask(asked.body, deadline=deadline, idle_s=self._idle_s, model=spec.id)
            if not isinstance(reply, Refusal):
                return reply, asked
            most = self._learn(spec.address, reply, request, asked.body)
            if is_last or most is None:
                raise self._api.error(reply, model=spec.id)
            asked = self._asked(spec, request, most=most)
        raise AssertionError("unreachable: the second round returns or raises")

    def _learn(self, address: str, refusal: Refusal, request: ChatRequest, sent: Mapping[str, Any]) -> int | None:
        """Take in a refusal; return the most tokens that the same request may ask for, None where it is no use again.

        1. More tokens than there can be: as many as there can. The model's own limit is remembered.
        2. It thinks in another way, or not at all, or takes temperature or top_p, not both. Who asks for thinking in
           Anthropic's own words has to ask in others.
        3. A field that it does not take.
        """
        most: int = sent["max_tokens"]
        lower = lower_limit(refusal.status, refusal.body)
        if lower is not None:  # 1
            limit, is_lasting = lower
            if is_lasting:
                self._limits[address] = limit
            return limit if limit < most else None
        lesson = lesson_of(refusal.status, refusal.body)
        if lesson and ("sampling" in lesson or "thinking" not in request.extra):  # 2
            self._learnt.setdefault(address, {}).update(lesson)
            return most
        path = self._dropped.learn(address, status=refusal.status, answer=refusal.body, sent=sent)  # 3
        return most if path else None


async def _to_the_end(reply: Reply) -> None:
    """Read what follows the end of an answer, so that the connection can serve again. Nobody waits for more."""
    with contextlib.suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(LINGER_S):
            async for _ in reply.chunks():
                pass


def _within(body: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Return the body with no more tokens than a limit; thinking that does not fit into them is left out."""
    left = dict(body)
    if limit >= body["max_tokens"]:
        return left
    left["max_tokens"] = limit
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("budget_tokens", 0) >= limit:
        del left["thinking"]
    return left
