"""How kinds about numbers are asked for: by a noun (`the sum of {xs}`), by a task, or as a named function. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tools.starter.coder.phrases_b import asked, asked_function
from tools.starter.kinds import Kind, Phrasings
from tools.starter.slots import IDENTIFIERS, Slot, name

_ARTICLES = {"en": ("the ", "a "), "pt": ("o ", "a ", "os ", "as ", "um ", "uma ")}
_NOUN_FRAMES = {
    "en": (
        "(give me|tell me) NOUN",
        "(python|) (code|program|script) (for|that returns) NOUN",
        "BARE (in python|with python|)",
    ),
    "pt": (
        "(me dê|me diga) NOUN",
        "(código|programa|script) (python|) (que devolve|que dá) NOUN",
        "BARE (em python|com python|)",
    ),
}


def _framed(noun: str, language: str) -> tuple[str, ...]:
    article = next((each for each in _ARTICLES[language] if noun.startswith(each)), "")
    bare = noun.removeprefix(article)
    return tuple(frame.replace("NOUN", noun).replace("BARE", bare) for frame in _NOUN_FRAMES[language])


def of(id_: str, en: tuple[str, str], pt: tuple[str, str], code: str, slots: Mapping[str, Slot]) -> Kind:
    """Return a kind from what is wanted, as a noun with its article, and one whole question, in each language."""
    ways = asked(
        (f"(calculate|find|print|show) {en[0]}", f"(compute|print|display) {en[0]}", en[1]),
        (f"(calcular|achar|imprimir|mostrar) {pt[0]}", f"(calcular|imprimir|mostrar) {pt[0]}", pt[1]),
    )
    ask: Phrasings = {"en": (*ways["en"], *_framed(en[0], "en")), "pt": (*ways["pt"], *_framed(pt[0], "pt"))}
    return Kind(id_, ask, code, slots)


def task(id_: str, en: tuple[str, str, str], pt: tuple[str, str, str], code: str, slots: Mapping[str, Slot]) -> Kind:
    """Return a kind from two wordings of the task and one whole question, in each language."""
    return Kind(id_, asked(en, pt), code, slots)


def named(kind: Kind, function: str, en: tuple[str, str], pt: tuple[str, str]) -> Kind:
    """Return the kind whose function has the name that the request gives.

    Args:
        kind: a kind whose program defines a function.
        function: the function's name in that program.
        en: what the function does (`returns the double of a number`), and its argument in the request.
        pt: the same in Portuguese.
    """
    code = kind.code.replace(f"{function}(", "<<fn>>(")
    return Kind(f"{kind.id}_named", asked_function(en, pt), code, {**kind.slots, "fn": name(IDENTIFIERS)})
