"""What is known of a stored key besides the key: facts that may be shown. Knows nothing of ciphers or databases."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from batuta.errors import CallerError


class Keep(Enum):
    """Stands for "as it is" where None has a meaning of its own."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class KeyNotFound(CallerError):
    """No stored key has that id."""

    http_status = 404
    code = "key_not_found"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A stored key as it may be shown.

    Attributes:
        id: what callers name it by; random, never reused.
        provider_id: whose key it is.
        label: a person's own name for it; may be empty.
        last4: its last four characters; empty for one too short to show any.
        fingerprint: `Secret.fingerprint`, the name it has in the log; empty for one so short that it could be guessed.
        source: who gave it: `person`, or what it was taken over from.
        enabled: it may be used.
        position: place among the keys of its provider, from 0: the order to try them in.
        created_at: wall seconds.
        last_used: wall seconds; None: never.
        last_outcome: how its last use or test went, in the words of whoever noted it; empty: never used.
        last_error: what the provider said, shortened, when that was not well; else empty.
        daily_limit: US dollars that may be spent with it in a day; None: no limit.
        monthly_limit: the same for a month.
        origin: the only place it is sent to, `https://host:port`; empty: wherever its provider is.
    """

    id: str
    provider_id: str
    label: str
    last4: str
    fingerprint: str
    source: str
    enabled: bool
    position: int
    created_at: float
    last_used: float | None = None
    last_outcome: str = ""
    last_error: str = ""
    daily_limit: Decimal | None = None
    monthly_limit: Decimal | None = None
    origin: str = ""
