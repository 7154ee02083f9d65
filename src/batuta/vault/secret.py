"""A value that does not show itself. `reveal()` is the only door, and easy to search for."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

_MASK = "Secret(****)"
SHORTEST_SHOWN = 12  # characters; of a shorter one, four are too much to tell


class Secret:
    """A key or token in memory.

    repr, str and format give a mask; json, pickle and copy raise; `==` raises, because comparing
    secrets with it leaks their content through time: use `matches`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself. Call it where the value leaves for its owner, nowhere else."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of SHA-256: tells two secrets apart in a log, reveals neither."""
        return hashlib.sha256(_bytes(self._value)).hexdigest()[:12]

    @property
    def last4(self) -> str:
        """Last four characters for a person to recognise it by; empty when it is short, or they cannot be shown."""
        ending = self._value[-4:]
        return ending if len(self._value) >= SHORTEST_SHOWN and ending.isprintable() else ""

    def matches(self, candidate: str) -> bool:
        """Compare in constant time, over digests so that lengths do not show either."""
        ours, theirs = (hashlib.sha256(_bytes(text)).digest() for text in (self._value, candidate))
        return hmac.compare_digest(ours, theirs)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        raise TypeError("secrets are compared with Secret.matches(), never with ==")

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def _bytes(text: str) -> bytes:
    # Variables and JSON may hold halves of characters, which no other way of encoding takes.
    return text.encode("utf-8", "surrogatepass")
