"""How people really type: other words, no capitals, no accents, a slip, a greeting in front.

For templates whose slots are not filled yet, so that values stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from random import Random

from tools.starter import grammar, synonyms

BEFORE = {
    "en": ("hi, ", "hello, ", "hey, ", "please, ", "quick question: ", "so, ", "ok, ", "hi! ", "sorry, ", "um, "),
    "pt": ("oi, ", "olá, ", "ei, ", "por favor, ", "uma dúvida: ", "então, ", "ok, ", "oi! ", "desculpa, ", "bom, "),
}
AFTER = {
    "en": (" please", " thanks", ", thanks!", " ?", "...", "!", " please?", ", can you tell me?"),
    "pt": (" por favor", " obrigado", ", obrigada!", " ?", "...", "!", " por favor?", ", pode me dizer?"),
}
_WORD = re.compile(r"[^\W\d_]{5,}")
OTHER_WORD = 0.15  # how often a word that has synonyms is said by another
LOSES_ONE = 0.06  # how often a word is left out


def noisy(text: str, language: str, rng: Random, *, may_slip: bool = True, may_lose: bool = False) -> str:
    """Return the text as somebody in a hurry would type it, who may well have chosen other words.

    Args:
        text: an expanded template, its slots not yet filled.
        language: en or pt.
        rng: where chance comes from.
        may_slip: letters may be swapped or lost in one word.
        may_lose: one word may be left out, whatever it is; not where each word counts.
    """
    text = synonyms.exchanged(text, language, rng, OTHER_WORD)
    if may_lose and rng.random() < LOSES_ONE:
        text = _one_lost(text, rng)
    if rng.random() < 0.35:
        text = _lowered(text)
    if language == "pt" and rng.random() < 0.35:
        text = without_accents(text)
    if may_slip and rng.random() < 0.1:
        text = _slipped(text, rng)
    if rng.random() < 0.3:
        text = text.rstrip("?.! ")
    if rng.random() < 0.12:
        text = rng.choice(BEFORE[language]) + _first_lowered(text)
    if rng.random() < 0.1:
        text = text.rstrip("?.!") + rng.choice(AFTER[language])
    if rng.random() < 0.03:
        text = grammar.SLOT.sub(lambda match: match.group(0).lower(), text.upper())
    return text


def without_accents(text: str) -> str:
    """Return the text in plain letters."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _lowered(text: str) -> str:
    return text.lower()


def _one_lost(text: str, rng: Random) -> str:
    words = text.split(" ")
    at = rng.randrange(len(words))
    return text if len(words) < 4 or "{" in words[at] else " ".join(words[:at] + words[at + 1 :])


def _first_lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _slipped(text: str, rng: Random) -> str:
    words = [match for match in _WORD.finditer(text) if "{" not in text[max(match.start() - 1, 0) : match.end() + 1]]
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    if rng.random() < 0.5:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :]
