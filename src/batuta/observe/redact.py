"""Takes secrets and control characters out of what is written down. Knows nothing of loggers or files.

Three nets, because each alone has holes: field names (`api_key=...`), shapes (`sk-...`, `Bearer ...`), and the
very values of secrets this process holds (`remember`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

MASK = "****"
MAX_DEPTH = 6  # a log record is not a document; deeper values are shown as text
_SECRET_FIELD = re.compile(
    r"(?:^|[_\-. ])(?:api_?key|key|keys|secret|secrets|token|password|passwd|passphrase|authorization|cookie|"
    r"set_cookie|credential|credentials|auth)$"
)
_PLAIN_FIELD = frozenset({"cache_key", "sort_key", "key_ref", "key_env", "primary_key"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHAPES = (
    re.compile(r"\b(?P<keep>(?:sk|pk|rk|gsk|hf|xai|ghp|gho|ghs|glpat|csk|pplx)[-_])[A-Za-z0-9_\-]{6,}"),
    re.compile(r"(?P<keep>\bAIza)[A-Za-z0-9_\-]{20,}"),
    re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/\-]{6,}=*", re.IGNORECASE),
    re.compile(
        r"(?P<keep>\b(?:api[_-]?key|access[_-]?token|token|secret|password)\b[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;*]{4,}",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.\-]*://[^\s:/@]*:)[^\s@]+(?=@)", re.IGNORECASE),  # scheme://user:password@
)
_SHORTEST = 8  # a shorter "secret" would blank out ordinary words
_LONGEST = 4096  # characters of one value; nobody reads more, and an attacker would like to fill the disk


class Concealed(Protocol):
    """What `remember` needs of a secret: its value, and a name for it that reveals nothing."""

    @property
    def fingerprint(self) -> str:
        """A digest that tells two secrets apart."""
        ...

    def reveal(self) -> str:
        """Return the value."""
        ...


class Redactor:
    """Masks secrets in log records. One a process; `remember` what it must never write."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def remember(self, secret: Concealed) -> None:
        """Mask this very value wherever it appears, by its fingerprint. Values under 8 characters are not kept."""
        value = secret.reveal()
        if len(value) >= _SHORTEST:
            self._values[value] = f"{MASK}{secret.fingerprint}"

    def text(self, text: str) -> str:
        """Return `text` with known secret values, and what looks like one, masked."""
        if len(text) > _LONGEST:
            # Cut before the search, so that its cost is bounded; a secret cut in two keeps its shape's first half.
            text = f"{text[:_LONGEST]}... ({len(text) - _LONGEST} more characters)"
        for value, mask in self._values.items():
            if value in text:
                text = text.replace(value, mask)
        for shape in _SHAPES:
            text = shape.sub(rf"\g<keep>{MASK}", text)
        return text

    def value(self, value: Any, *, depth: int = 0) -> Any:
        """Return `value` as plain JSON values, strings masked, fields with secret names blanked."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)  # JSON has no infinity
        if isinstance(value, str):
            return self.text(value)
        if depth < MAX_DEPTH:
            if isinstance(value, Mapping):
                return {
                    self.text(str(name)): self.field(str(name), inner, depth=depth + 1) for name, inner in value.items()
                }
            if isinstance(value, list | tuple | set | frozenset):
                return [self.value(inner, depth=depth + 1) for inner in value]
        return self.text(str(value))

    def field(self, name: str, value: Any, *, depth: int = 0) -> Any:
        """Return `value` as it may be written under `name`."""
        if is_secret_name(name) and not _says_nothing(value):
            return MASK
        return self.value(value, depth=depth)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret: `api_key`, `X-Api-Key`, `accessToken`; not `key_ref`, `tokens`."""
    words = _CAMEL.sub("_", name).lower().replace("-", "_")
    return words not in _PLAIN_FIELD and bool(_SECRET_FIELD.search(words))


def _says_nothing(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or value == ""


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_control(text: str) -> str:
    r"""Return `text` on one line: control, line-separating and direction-changing characters as `\xNN` or `\uNNNN`."""
    return _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return {9: r"\t", 10: r"\n", 13: r"\r"}.get(code) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def escape_json(line: str) -> str:
    """Return JSON text with the characters of `escape_control` as JSON escapes, which read back as they were."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
