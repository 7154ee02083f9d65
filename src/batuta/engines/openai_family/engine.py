"""The engine of an external API in OpenAI's dialect, with what is peculiar to that API mended on the way.

Callers see OpenAI's dialect, whoever answers. Knows one key and no other provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final
from urllib.parse import quote

from batuta.catalog.entities import ModelSpec, Provider
from batuta.catalog.external import preset_of
from batuta.catalog.model_flags import known_flags
from batuta.chat.types import ChatRequest, Delta
from batuta.engines import faults
from batuta.engines.base import EmbeddingResult, EngineHealth, EngineStatus, RawCall, RawReply, ReportedModel
from batuta.engines.faults import Seen, fault
from batuta.engines.openai_compat import LIST_S, PROBE_S, normal_url, place_of
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.mending import error_in
from batuta.engines.openai_family.models import assumed, models_in, next_page, rows_in
from batuta.engines.openai_family.proof import prove
from batuta.engines.openai_family.quirks import UNKNOWN, read_quirks
from batuta.engines.openai_family.wire import Api, FamilyWire
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, KeyInvalid, ModelLoading, ProviderError, UpstreamRejected
from batuta.vault.secret import Secret

MOST_PAGES: Final = 20  # of a list of models; a thousand models each
PROVEN_S: Final = 60.0  # a key that was good a minute ago is not tried again for each 401


class OpenAIFamilyEngine:
    """The engine of one external API. A PassThroughEngine.

    Args:
        provider: where it is, and by `preset` or host which API.
        transport: shared by all engines.
        key: sent to the provider's own address, nowhere else.
    """

    kind = "openai_family"
    dialect = "openai"

    def __init__(self, provider: Provider, transport: Transport, *, key: Secret | None = None) -> None:
        self.provider = provider
        self._api = preset_of(provider)
        root = normal_url(provider.base_url)  # refuses what is no address
        self._base_url = self._api.root_of(provider.base_url) if self._api else root
        quirks = read_quirks(self._api.quirks, where=self._api.id) if self._api else UNKNOWN
        preset, key_header = (self._api.id, self._api.key_header) if self._api else ("", "")
        self._wire = FamilyWire(transport, Api(preset, quirks, known_flags(), key_header), self._is_key_good)
        self._signs = signs_of(preset)
        self._transport = transport
        self._key = key
        self._proving = asyncio.Lock()
        self._proven_until = 0.0

    def __repr__(self) -> str:
        return f"<OpenAIFamilyEngine {self.provider.id} at {self._base_url}>"

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name at the provider."""
        return spec.address

    # --- models --------------------------------------------------------------------------------------------------

    async def list_models(self) -> Sequence[ReportedModel]:
        """Return what the API lists; what it is known to serve, where it has no list or an empty one."""
        return await self._models(timeout_s=LIST_S)

    async def _models(self, *, timeout_s: float) -> list[ReportedModel]:
        api = self._api
        if api is not None and not api.list:
            return assumed(api)
        url = api.url_of(self._base_url, api.list) if api else f"{self._base_url}/models"
        found: list[ReportedModel] = []
        page = ""
        for _ in range(MOST_PAGES):
            body = await self._get(f"{url}{page}", timeout_s=timeout_s)
            rows = rows_in(body)
            if rows is None:
                raise self._no_list(body)
            found += models_in(rows, api)
            if not (token := next_page(body)):
                break
            page = f"{'&' if '?' in url else '?'}page_token={quote(token, safe='')}"
        return found or (assumed(api) if api else [])

    async def _get(self, url: str, *, timeout_s: float) -> object:
        header = self._api.key_header if self._api else ""
        return await self._transport.get_json(url, timeout_s=timeout_s, key=self._key, key_header=header)

    def _no_list(self, body: object) -> BatutaError:
        error = error_in(body) if isinstance(body, dict) else None
        where, hide = place_of(self._base_url), self._key.reveal() if self._key else ""
        if error is None:
            return fault(Seen.NO_ANSWER, where=where)
        return faults.from_answer(error, where=where, hide=hide, signs=self._signs)

    # --- talking -------------------------------------------------------------------------------------------------

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        """Send the call as the API takes it; return the answer as OpenAI would give it."""
        return await self._wire.forward(self._base_url, self._key, spec, call)

    def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer."""
        return self._wire.chat(self._base_url, self._key, spec, request, model=spec.address)

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return one vector an input."""
        return await self._wire.embed(self._base_url, self._key, spec, inputs, model=spec.address)

    async def aclose(self) -> None:
        """Nothing of its own: the connections are the transport's."""

    # --- asking --------------------------------------------------------------------------------------------------

    async def check_key(self) -> None:
        """Return when the provider takes the key.

        Raises:
            KeyInvalid: it does not.
            OutOfCredit: it does, and there is no money.
            UpstreamRateLimited: it was asked too often.
            ProviderError: nobody could be asked.
        """
        await prove(self._transport, self._base_url, self._key, self._api)

    async def _is_key_good(self) -> bool:
        """Try the key by itself, once for all who wonder at the same time."""
        loop = asyncio.get_running_loop()
        async with self._proving:
            if loop.time() < self._proven_until:
                return True
            try:
                await self.check_key()
            except KeyInvalid:
                return False
            except BatutaError:
                return True  # nobody could say: what is not proved bad is not thrown away
            self._proven_until = loop.time() + PROVEN_S
            return True

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        """Ask for the list of models, briefly."""
        try:
            models = await self._models(timeout_s=PROBE_S)
        except ModelLoading as error:
            return EngineStatus(EngineHealth.LOADING, error.message)
        except UpstreamRejected:
            return EngineStatus(EngineHealth.READY, "it is there, but does not list its models")
        except ProviderError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        is_listed = any(model.address == spec.address for model in models)
        if models and not is_listed and ":" not in spec.address:  # `:policy` behind a name is not listed
            return EngineStatus(EngineHealth.ABSENT, f"{self.provider.id} does not list {spec.address}")
        return EngineStatus(EngineHealth.READY)
