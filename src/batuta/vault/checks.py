"""What a person may give beside a key: names, limits, sources. Pure."""

from __future__ import annotations

from decimal import Decimal

from batuta.errors import BadRequest
from batuta.vault.keysource import Kind
from batuta.vault.secret import Secret

LONGEST_LABEL = 100  # characters; a page shows some forty
LONGEST_TOLD = 300  # characters of what a provider said; the log has the rest
DEAREST = Decimal(10) ** 9  # US dollars; a slip of the hand is more likely than a limit above it
GUESSABLE = 20  # characters; a shorter word could be found by trying all that have its fingerprint


def provider_id(given: str) -> str:
    """Return the id. Raises BadRequest."""
    if not given or len(given) > 64 or not given.isprintable():
        raise BadRequest("the key was not stored: it needs the id of its provider")
    return given


def label(given: str, secret: Secret | None) -> str:
    """Return a label as it is kept. Raises BadRequest: too long, not printable, or the key itself."""
    text = given.strip()
    if len(text) > LONGEST_LABEL or not text.isprintable():
        raise BadRequest(f"a label is one line of at most {LONGEST_LABEL} characters")
    if secret and secret.reveal() in text:
        raise BadRequest("the label holds the key itself; labels are shown to everybody who sees the page")
    return text


def limit(given: Decimal | None) -> Decimal | None:
    """Return a limit in US dollars. Raises BadRequest: negative, no number, or beyond reason."""
    if given is not None and not (given.is_finite() and 0 <= given <= DEAREST):
        raise BadRequest("a limit is an amount in US dollars, 0 or more; leave it empty for none")
    return given


def kind(given: str, passphrase: Secret | None) -> str:
    """Return the kind of a source for a new master key. Raises BadRequest."""
    if given not in list(Kind):
        raise BadRequest(f"the master key can lie in {', '.join(Kind)}; {given[:40]!r} is none of them")
    if passphrase is not None and given != Kind.PASSPHRASE:
        raise BadRequest(f"a passphrase was given, but the master key is to lie in the {given}")
    return given


def fingerprint(secret: Secret) -> str:
    """Return the fingerprint that may lie in the database: none of a secret that could be found by trying."""
    return secret.fingerprint if len(secret.reveal()) >= GUESSABLE else ""


def told(message: str, secret: Secret | None) -> str:
    """Return what a provider said, in one line and short, without the key it may repeat."""
    text = message
    if secret:
        text = text.replace(secret.reveal(), "****")
    text = " ".join(text.split())
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= LONGEST_TOLD else f"{shown[: LONGEST_TOLD - 1]}\u2026"
