"""Whether what a person pasted can be a key. Knows no provider's own form; never repeats what was pasted."""

from __future__ import annotations

from batuta.errors import BadRequest
from batuta.vault.secret import Secret

LONGEST = 4096  # characters; the longest in use, signed tokens, have some 2,000, and a header holds twice that
# Invisible characters that come along when a key is copied from a page; str.strip takes only some of them.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad"
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"

_WORDS = {"bearer", "authorization", "export", "x-api-key", "x-goog-api-key", "api-key"}  # of headers and shells


def cleaned(secret: Secret) -> Secret:
    """Return the key without what stands around it: spaces, newlines, invisible characters.

    Raises:
        BadRequest: it is empty or cannot be a key; the message says what is wrong and at which character.
    """
    value = _stripped(secret.reveal())
    if problem := _problem(value):
        raise BadRequest(f"the key was not stored: {problem}")
    return Secret(value)


def problem_with(secret: Secret) -> str:
    """Say why something cannot be a key, without repeating it; empty: it can."""
    return _problem(_stripped(secret.reveal())) or ""


def _stripped(value: str) -> str:
    while (stripped := value.strip().strip(_INVISIBLE)) != value:
        value = stripped
    return value


def _problem(value: str) -> str | None:
    """Say what is wrong: 1. empty; 2. too long; 3. in quotes; 4. a header; 5. masked; 6. a character of it."""
    if not value:  # 1
        return "it is empty; paste the key itself"
    if len(value) > LONGEST:  # 2
        return f"it has {len(value):,} characters, and no key has more than {LONGEST:,}"
    if value[0] in _QUOTES or value[-1] in _QUOTES:  # 3
        return "it stands in quotes; paste it without them"
    first, separator, _ = value.partition(" ")
    if separator and first.lower().rstrip(":") in _WORDS:  # 4
        return f'it begins with the word "{first}"; paste only the key that follows'
    if "***" in value or "\u2022\u2022" in value:  # 5
        return "some of its characters are masked; copy the whole key from where it was made"
    return next((problem for place, each in enumerate(value, start=1) if (problem := _wrong(each, place))), None)  # 6


def _wrong(character: str, place: int) -> str | None:
    """Say what is wrong with a character. Places count from 1, without the spaces around the key."""
    if character.isspace():
        return f"there is a space or a line break at character {place}; a key has none inside"
    if not character.isascii():
        return f"character {place} is not an ASCII letter, digit or sign; copy the key again"
    if not character.isprintable():
        return f"character {place} is a control character; copy the key again"
    return None
