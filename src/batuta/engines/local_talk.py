"""How a local engine is asked in OpenAI's dialect: look whether the model is there, ask, look again on trouble.

Knows no engine by name: each of them brings its own way of looking.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Generic, Protocol, TypeVar

from batuta.catalog.entities import ModelSpec
from batuta.chat.types import ChatRequest, Delta
from batuta.engines.base import EmbeddingResult, RawCall, RawReply
from batuta.engines.openai_compat import OpenAIWire
from batuta.errors import ModelError, ProviderError
from batuta.vault.secret import Secret


class Looks(Protocol):
    """What is needed of an engine's sight."""

    async def make_sure(self, spec: ModelSpec) -> None:
        """Return when the model is where a request will find it. Raises what a person should know otherwise."""
        ...

    async def look_again(self) -> None:
        """Find out anew what the engine holds."""
        ...


S = TypeVar("S", bound=Looks)


class LocalTalk(Generic[S]):
    """The talking part of an engine. A subclass sets the four attributes when it is made.

    Attributes:
        _sight: looks at the engine.
        _wire: speaks the dialect.
        _base_url: the API root.
        _key: sent along if there is one.
    """

    _sight: S
    _wire: OpenAIWire
    _base_url: str
    _key: Secret | None

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name in a request body to this engine."""
        return spec.address

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        """Send the call."""
        async with self._looked_at(spec):
            return await self._wire.forward(self._base_url, self._key, spec, self._sent(spec, call))

    def _sent(self, spec: ModelSpec, call: RawCall) -> RawCall:  # noqa: ARG002  # for engines that rename models
        """Return the call as it is sent, once the engine has been looked at."""
        return call

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer."""
        async with self._looked_at(spec):
            deltas = self._wire.chat(self._base_url, self._key, spec, request, model=self.wire_name(spec))
            async with aclosing(deltas):
                async for delta in deltas:
                    yield delta

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return one vector an input."""
        async with self._looked_at(spec):
            return await self._wire.embed(self._base_url, self._key, spec, inputs, model=self.wire_name(spec))

    @asynccontextmanager
    async def _looked_at(self, spec: ModelSpec) -> AsyncIterator[None]:
        await self._sight.make_sure(spec)
        try:
            yield
        except (ProviderError, ModelError):
            await self._sight.look_again()
            raise
