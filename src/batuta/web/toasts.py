"""Which facts deserve a passing note on the page, and in what words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from batuta.observe.events import LoaderChanged, ModelStateChanged, Swapped
from batuta.web.fragments import CAUSES, N_
from batuta.web.i18n import Language

LASTS_S = 8.0  # long enough to read two lines, short enough not to pile up
AT_MOST = 4


@dataclass(frozen=True)
class Toast:
    """A note. `key` is the same for the same words; `tone` is good | bad | plain; `until` is monotonic seconds."""

    key: str
    tone: str
    text: str
    until: float


def toast(fact: Any, words: Language, *, now: float) -> Toast | None:
    """Return the note a fact is worth, or None. `now` is monotonic seconds."""
    if (found := _words_for(fact, words)) is None:
        return None
    tone, text = found
    return Toast(key=f"note-{crc32(text.encode()):08x}", tone=tone, text=text, until=now + LASTS_S)


def still_fresh(toasts: tuple[Toast, ...], *, now: float) -> tuple[Toast, ...]:
    """Drop the notes whose time is over, those said again since, and the oldest beyond the limit."""
    latest = {note.key: note for note in toasts if note.until > now}
    return tuple(latest.values())[-AT_MOST:]


def _words_for(fact: Any, words: Language) -> tuple[str, str] | None:
    if isinstance(fact, ModelStateChanged):
        if fact.new == "failed":
            reason = words.say(CAUSES.get(fact.cause or "unknown", CAUSES["unknown"]))
            return "bad", words.say(N_("%(model)s failed: %(reason)s."), model=fact.model, reason=reason)
        if fact.new == "disabled":
            return "bad", words.say(N_("%(model)s is switched off."), model=fact.model)
        if fact.new == "ready" and fact.old == "loading":
            return "good", words.say(N_("%(model)s is ready."), model=fact.model)
    if isinstance(fact, Swapped) and fact.evicted:
        gone = ", ".join(fact.evicted)
        return "plain", words.say(N_("%(model)s takes the place of %(gone)s."), model=fact.model, gone=gone)
    if isinstance(fact, LoaderChanged):
        if fact.state == "down":
            return "bad", words.say(N_("The loader stopped. It is being started again."))
        if fact.state == "fatal":
            return "bad", words.say(N_("The loader keeps crashing and was given up. See its log."))
    return None
