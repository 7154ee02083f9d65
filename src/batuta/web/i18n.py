"""The languages of the pages: which one a visitor gets, and its words. Knows nothing of pages or models.

Templates take their words from gettext catalogues (`locale/<code>/LC_MESSAGES/batuta.mo`), scripts from one JSON
file a language (`locale/<code>.json`). English sentences are the keys.
"""

from __future__ import annotations

import gettext as stdlib_gettext
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "batuta"
COOKIE = "batuta_language"
NAMES: Final[Mapping[str, str]] = {"en": "English", "pt_BR": "Português (BR)"}
_BY_PREFIX = {"en": "en", "pt": "pt_BR"}
_DECIMAL_POINT = {"en": ".", "pt_BR": ","}
_UNITS = ("B", "kB", "MB", "GB", "TB")


class Language:
    """One language: its sentences, its numbers and its scripts' words."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.tag = code.replace("_", "-")
        self.name = NAMES[code]
        self._catalog = stdlib_gettext.translation(DOMAIN, LOCALE, [code])
        self.scripts: Mapping[str, str] = json.loads((LOCALE / f"{code}.json").read_text(encoding="utf-8"))

    def say(self, message: str, **values: Any) -> str:
        """Return the sentence in this language with `%(name)s` filled in. Plain text: the template escapes it."""
        text = self._catalog.gettext(message)
        return text % values if values else text

    def say_many(self, one: str, many: str, n: int, **values: Any) -> str:
        """Return the form of the sentence that fits `n` things."""
        return self._catalog.ngettext(one, many, n) % {"n": n, **values}

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with this language's decimal mark."""
        return f"{value:.{digits}f}".replace(".", _DECIMAL_POINT[self.code])

    def size(self, count: float) -> str:
        """Return bytes as people say them: `9.1 GB`, in thousands."""
        power = 0
        while count >= 999.5 and power < len(_UNITS) - 1:
            count /= 1000
            power += 1
        return f"{self.number(count, 1 if power >= 3 and count < 99.95 else 0)} {_UNITS[power]}"

    def __repr__(self) -> str:
        return f"<Language {self.tag}>"


@cache
def language(code: str) -> Language:
    """Return a language by its code.

    Raises:
        KeyError: the pages are not written in it.
    """
    return Language(code)


def match(tag: str | None) -> str | None:
    """Return our code for a language tag such as `pt-BR`, `pt_PT` or `en-GB`; None for one we do not speak."""
    return _BY_PREFIX.get((tag or "").strip().lower().replace("_", "-").split("-")[0])


def choose(*, cookie: str | None, setting: str | None, accept: str | None) -> Language:
    """Pick the visitor's language: 1. their own choice, 2. the setting, 3. what the browser prefers, 4. English."""
    return language(match(cookie) or match(setting) or _preferred(accept or "") or "en")


def _preferred(accept: str) -> str | None:
    weighted = []
    for position, part in enumerate(accept.split(",")):
        tag, _, quality = part.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        weighted.append((-weight, position, tag))
    known = (match(tag) for weight, _, tag in sorted(weighted) if weight < 0)
    return next((code for code in known if code), None)
