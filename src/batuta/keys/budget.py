"""What the ring asks of whoever keeps the accounts. Knows neither prices nor what a day is."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from batuta.vault.records import KeyRecord


class Sums(Protocol):
    """US dollars spent with a key in the day and the month that are running."""

    @property
    def day(self) -> Decimal: ...

    @property
    def month(self) -> Decimal: ...


class Accounts(Protocol):
    """What was spent with each key, and whether one more call may be sent."""

    def blocked(self, key_id: str, provider_id: str) -> str | None:
        """Say why one more call may not be sent with a key: which limit a person set, and how much of it is left."""
        ...

    def spent(self, key_id: str) -> Sums:
        """Return what was spent with a key."""
        ...


@dataclass(frozen=True, slots=True)
class Spent:
    """Nothing, unless somebody says so."""

    day: Decimal = Decimal(0)
    month: Decimal = Decimal(0)


NOTHING: Final = Spent()


class NoAccounts:
    """Accounts of an installation that keeps none: no limit is ever reached."""

    def blocked(self, key_id: str, provider_id: str) -> str | None:
        """Return that it may."""
        del key_id, provider_id
        return None

    def spent(self, key_id: str) -> Sums:
        """Return nothing."""
        del key_id
        return NOTHING


def has_limits(record: KeyRecord) -> bool:
    """Say whether a person has set a limit for the key: the others need no look at the accounts."""
    return record.daily_limit is not None or record.monthly_limit is not None
