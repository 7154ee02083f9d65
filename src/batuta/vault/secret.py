"""A value that does not show itself. `reveal()` is the only door, and easy to search for."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

_MASK = "Secret(****)"


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
        return hashlib.sha256(self._value.encode()).hexdigest()[:12]

    @property
    def last4(self) -> str:
        """Last four characters for a person to recognise it by; empty when it is shorter than 12."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def matches(self, candidate: str) -> bool:
        """Compare in constant time, over digests so that lengths do not show either."""
        ours = hashlib.sha256(self._value.encode()).digest()
        theirs = hashlib.sha256(candidate.encode("utf-8", "surrogateescape")).digest()
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
