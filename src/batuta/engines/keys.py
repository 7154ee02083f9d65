"""What an engine needs to know of keys: which to send, and whom to tell how it went. Knows no vault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from batuta.catalog.entities import Provider
from batuta.engines.base import Engine
from batuta.errors import BatutaError
from batuta.vault.secret import Secret


@dataclass(frozen=True, slots=True)
class LentKey:
    """A key to be sent to its provider and to nobody else.

    Attributes:
        id: as the vault knows it; empty for one from the environment.
        secret: the key itself.
        provider_id: whose key it is.
    """

    id: str
    secret: Secret
    provider_id: str = ""


class KeyShelf(Protocol):
    """Where engines get the keys of their provider."""

    def usable(self, provider: Provider, *, is_free: bool = False) -> Sequence[LentKey]:
        """Return the keys that may be tried now, the best first; none for a provider that asks for no key.

        Args:
            provider: to whom they are going to be sent, at its address: a key for another address is not lent.
            is_free: what is asked costs nothing (a list of models): keys that rest or whose budget is spent serve too.

        Raises:
            KeyMissing: there is none, or all are switched off or known to be bad.
            BudgetReached: a person's limit stands against all that are good.
            UpstreamRateLimited, OutOfCredit: all that are good rest; with the seconds until the first may be tried.
            VaultSealed, VaultTampered: they cannot be read.
        """
        ...

    def went(self, key: LentKey, error: BatutaError | None, *, model: str) -> None:
        """Take in how a call with the key went. None: it was answered."""
        ...


@runtime_checkable
class KeyCheckingEngine(Engine, Protocol):
    """An engine that knows the cheapest request by which its provider proves a key."""

    async def check_key(self) -> None:
        """Return when the provider takes the key. Raises KeyInvalid, OutOfCredit, or why nobody could be asked."""
        ...
