"""Which facts deserve a passing note on the page, and in what words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from zlib import crc32

from batuta.observe.events import (
    DefaultChanged,
    DownloadFailed,
    DownloadFinished,
    KeyChanged,
    LoaderChanged,
    ModelStateChanged,
    Swapped,
)
from batuta.web.fragments import N_, ModelRow, cause_text
from batuta.web.i18n import Language

Rows = Mapping[str, ModelRow]
LASTS_S = 8.0  # long enough to read two lines, short enough not to pile up
AT_MOST = 4


@dataclass(frozen=True)
class Toast:
    """A note. `key` is the same for the same words; `tone` is good | bad | plain; `until` is monotonic seconds."""

    key: str
    tone: str
    text: str
    until: float


def toast(fact: Any, words: Language, *, now: float, rows: Rows = MappingProxyType({})) -> Toast | None:
    """Return the note a fact is worth, or None. `now` is monotonic seconds; `rows` are the panel's, by model."""
    if (found := _of_download(fact, words) or _words_for(fact, words, rows)) is None:
        return None
    tone, text = found
    return Toast(key=f"note-{crc32(text.encode()):08x}", tone=tone, text=text, until=now + LASTS_S)


def still_fresh(toasts: tuple[Toast, ...], *, now: float) -> tuple[Toast, ...]:
    """Drop the notes whose time is over, those said again since, and the oldest beyond the limit."""
    latest = {note.key: note for note in toasts if note.until > now}
    return tuple(latest.values())[-AT_MOST:]


def _name(model: str, rows: Rows) -> str:
    return rows[model].name if model in rows else model


def _of_download(fact: Any, words: Language) -> tuple[str, str] | None:
    if isinstance(fact, DownloadFinished):
        return "good", words.say(N_("%(model)s is downloaded."), model=fact.name)
    if isinstance(fact, DownloadFailed):
        return "bad", words.say(N_("%(model)s could not be downloaded."), model=fact.name)
    return None


def _words_for(fact: Any, words: Language, rows: Rows) -> tuple[str, str] | None:
    if isinstance(fact, ModelStateChanged):
        name = _name(fact.model, rows)
        if fact.new == "failed":
            is_ours = fact.model not in rows or rows[fact.model].is_ours
            reason = cause_text(fact.cause or "unknown", words, is_ours=is_ours)
            return "bad", words.say(N_("%(model)s failed: %(reason)s."), model=name, reason=reason)
        if fact.new == "disabled":
            return "bad", words.say(N_("%(model)s is switched off."), model=name)
        if fact.new == "ready" and fact.old == "loading":
            return "good", words.say(N_("%(model)s is ready."), model=name)
    if isinstance(fact, Swapped) and fact.evicted:
        gone = ", ".join(_name(model, rows) for model in fact.evicted)
        return "plain", words.say(
            N_("%(model)s takes the place of %(gone)s."), model=_name(fact.model, rows), gone=gone
        )
    if isinstance(fact, DefaultChanged) and fact.before is not None and fact.role == "brain":
        return "good", words.say(
            N_("%(model)s answers by default now, instead of %(before)s."),
            model=_name(fact.model, rows),
            before=_name(fact.before, rows),
        )
    if isinstance(fact, KeyChanged):
        return _of_key(fact, words)
    return _of_loader(fact, words) if isinstance(fact, LoaderChanged) else None


def _of_key(fact: KeyChanged, words: Language) -> tuple[str, str] | None:
    """Return words for what only a person can mend; a key that rests comes back by itself."""
    if fact.state == "invalid":
        return "bad", words.say(N_("%(provider)s refuses a key. See API keys."), provider=fact.provider)
    if fact.state == "no_credit":
        return "bad", words.say(N_("A key of %(provider)s has no credit left."), provider=fact.provider)
    return None


def _of_loader(fact: LoaderChanged, words: Language) -> tuple[str, str] | None:
    if fact.state == "down":
        return "bad", words.say(N_("The loader stopped. It is being started again."))
    if fact.state == "fatal":
        return "bad", words.say(N_("The loader keeps crashing and was given up. See its log."))
    return None
