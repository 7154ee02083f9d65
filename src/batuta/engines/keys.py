"""What an engine needs to know of keys: which to send, and whom to tell how it went. Knows no vault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from batuta.errors import BatutaError
from batuta.vault.secret import Secret


@dataclass(frozen=True, slots=True)
class LentKey:
    """A key to be sent to its provider and to nobody else.

    Attributes:
        id: as the vault knows it; empty for one from the environment.
        secret: the key itself.
    """

    id: str
    secret: Secret


class KeyShelf(Protocol):
    """Where engines get the keys of their provider."""

    def usable(self, provider_id: str) -> Sequence[LentKey]:
        """Return the keys that may be tried now, the best first; at least one.

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
