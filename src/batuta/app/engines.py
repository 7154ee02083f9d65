"""The engines of the providers, made when a provider is first met, and the keys they are made with."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass

from batuta import kinds
from batuta.catalog.entities import Provider
from batuta.engines import registry
from batuta.engines.base import Engine
from batuta.engines.keyed import KeyedEngine
from batuta.engines.keys import KeyShelf
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.observe.log import redactor
from batuta.vault.secret import Secret

CLOSE_WITHIN_S = 5.0  # engines let go of their own tasks and connections; none of them is worth a longer wait


@dataclass(frozen=True, slots=True)
class Engines:
    """Engines by provider id, made when a provider is first met."""

    transport: Transport
    local: LocalWorker
    shelf: KeyShelf
    made: dict[str, tuple[Provider, Engine]]

    def of(self, provider: Provider) -> Engine:
        """Return the provider's engine. Raises BadSettings for a kind nobody serves."""
        if provider.kind == LocalWorker.kind:
            return self.local
        known = self.made.get(provider.id)
        if known is not None and known[0] == provider:
            return known[1]
        engine = self._made(provider)
        self.made[provider.id] = (provider, engine)
        return engine

    def of_key(self, provider: Provider, key: Secret | None) -> Engine:
        """Return an engine of one key, or of none: for one question, and to be closed by who asked."""
        return registry.create(provider, self.transport, key=key)

    def _made(self, provider: Provider) -> Engine:
        """Return an engine with one key for a program of this machine, and with every key there is for an API."""
        if kinds.is_loaded(provider.kind):
            return self.of_key(provider, _key_of(provider))
        return KeyedEngine(provider, lambda key: self.of_key(provider, key), self.shelf)

    def take_outdated(self, provider_id: str, provider: Provider | None) -> Engine | None:
        """Forget and return the engine of a provider that is not `provider` any more; None if there is none."""
        known = self.made.get(provider_id)
        if known is None or known[0] == provider:
            return None
        del self.made[provider_id]
        self.transport.reach.withdraw(known[0])
        return known[1]

    async def aclose(self) -> None:
        """Close every engine, side by side, and then the way out to them."""
        engines = [engine for _, engine in self.made.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S), asyncio.TaskGroup() as group:
                for engine in engines:
                    group.create_task(engine.aclose())
        await self.transport.aclose()


def _key_of(provider: Provider) -> Secret | None:
    """Return the provider's key from where `key_ref` says (`env:NAME`); None if there is none."""
    scheme, _, name = (provider.key_ref or "").partition(":")
    value = os.environ.get(name, "") if scheme == "env" else ""
    return remembered(Secret(value)) if value else None


def remembered(secret: Secret) -> Secret:
    """Have the log mask the secret wherever it might turn up."""
    redactor.remember(secret)
    return secret
