"""Sentence frames around what a program does: a kind says its task, this gives the ways in which people ask. Pure.

A task begins with its verb (or a choice of verbs); a later verb that has to agree is marked `~`:
`(read|load) {f} and ~print it`. Portuguese tasks are given in the infinitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.starter.kinds import Phrasings

_VERBS = re.compile(r"^\(([^()]*)\)|^([^\W\d_]+)|~([^\W\d_]+)")
_IRREGULAR_PT = {
    "fazer": "faça", "dizer": "diga", "ler": "leia", "ver": "veja", "descobrir": "descubra", "medir": "meça",
    "repetir": "repita", "inserir": "insira", "obter": "obtenha", "pôr": "ponha", "dar": "dê", "trazer": "traga",
    "seguir": "siga", "extrair": "extraia", "dispor": "disponha", "manter": "mantenha", "renomear": "renomeie",
    "parear": "pareie", "reunir": "reúna",
}  # fmt: skip
_SPELLING_PT = (("car", "que"), ("gar", "gue"), ("çar", "ce"), ("ger", "ja"), ("guer", "ga"), ("cer", "ça"))

_EN = (
    "(please|) DO1 (in python|with python|)",
    "write a (python|) (program|script) that DOES1",
    "(create|make) a (short|simple|) (python|) program to DO2",
    "(python|) (code|program|script) to DO1",
    "I (need|want) (a program|a script|some code) (to|that can) DO2",
    "(can|could) you DO1 (in python|for me|)?",
    "how (do|can) I DO2 (in python|)?",
    "DO2 (, please|using python|)",
)
_PT = (
    "(por favor,|) FAÇA1 (em python|com python|)",
    "(escreva|faça) um (programa|script) (em python|) que FAÇA1",
    "crie um (pequeno|) programa (python|) para FAZER2",
    "(código|programa|script) (python|) para FAZER1",
    "(preciso de|quero) um (programa|script|código) (que possa|para) FAZER2",
    "(você pode|consegue) FAZER1 (em python|para mim|)?",
    "como (eu faço para|posso) FAZER2 (em python|)?",
    "FAÇA2 (, por favor|usando python|)",
)
_FUNCTION_EN = (
    "(write|create) a (python|) function (called|named) {fn} that DOES and (print it|call it) for ARG",
    "function {fn} that DOES; (print|show) the result for ARG",
    "I need a function (named|called|) {fn} which DOES; (test|try) it with ARG",
    "(make|define) {fn}, a function that DOES, and print its result for ARG",
    "python code with a function (named|called) {fn} that DOES, (called|run) with ARG",
    "(can|could) you write {fn}, a function that DOES, and print what it returns for ARG?",
    "(please|) define the function {fn}: it DOES. (print|show) {fn} for ARG",
)
_FUNCTION_PT = (
    "(escreva|crie) uma função (python|) (chamada|de nome) {fn} que FAZ e (mostre|imprima) para ARG",
    "função {fn} que FAZ; (mostre|imprima) o resultado para ARG",
    "preciso de uma função (chamada|) {fn} que FAZ; (teste|use) com ARG",
    "(faça|defina) {fn}, uma função que FAZ, e imprima o resultado para ARG",
    "código python com uma função (chamada|de nome) {fn} que FAZ, (chamada|usada) com ARG",
    "(você pode|consegue) escrever {fn}, uma função que FAZ, e mostrar o que ela devolve para ARG?",
    "(por favor,|) defina a função {fn}: ela FAZ. (mostre|imprima) {fn} para ARG",
)


def third_person(verb: str) -> str:
    """Return the English verb after `a program that`: `reverse` -> `reverses`."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def request_form(verb: str) -> str:
    """Return the Portuguese verb as a request, which is also its form after `um programa que`: `contar` -> `conte`."""
    if verb in _IRREGULAR_PT:
        return _IRREGULAR_PT[verb]
    for end, new in _SPELLING_PT:
        if verb.endswith(end):
            return verb[: -len(end)] + new
    return verb[:-2] + ("e" if verb.endswith("ar") else "a")


def conjugate(task: str, form: Callable[[str], str]) -> str:
    """Return the task with its verbs in another form."""

    def one(match: re.Match[str]) -> str:
        if match.group(1):
            ways = (way.partition(" ") for way in match.group(1).split("|"))
            return "(" + "|".join(form(verb) + space + rest for verb, space, rest in ways) + ")"
        return form(match.group(2) or match.group(3))

    return _VERBS.sub(one, task)


def plain(task: str) -> str:
    """Return the task as it is written, without its marks."""
    return task.replace("~", "")


def framed_en(frame: str, first: str, second: str) -> str:
    """Return an English template of a frame with DO1, DOES1, DO2 or DOES2."""
    for mark, task in (("1", first), ("2", second)):
        frame = frame.replace(f"DOES{mark}", conjugate(task, third_person)).replace(f"DO{mark}", plain(task))
    return frame


def framed_pt(frame: str, first: str, second: str) -> str:
    """Return a Portuguese template of a frame with FAZER1, FAÇA1, FAZER2 or FAÇA2."""
    for mark, task in (("1", first), ("2", second)):
        frame = frame.replace(f"FAÇA{mark}", conjugate(task, request_form)).replace(f"FAZER{mark}", plain(task))
    return frame


def asked(en: tuple[str, str, str], pt: tuple[str, str, str]) -> Phrasings:
    """Return the ways of asking, from two wordings of the task and one whole question, in each language."""
    return {
        "en": (*(framed_en(frame, en[0], en[1]) for frame in _EN), plain(en[2])),
        "pt": (*(framed_pt(frame, pt[0], pt[1]) for frame in _PT), plain(pt[2])),
    }


def asked_function(en: tuple[str, str], pt: tuple[str, str]) -> Phrasings:
    """Return the ways of asking for a function `{fn}`, from what it does (`reverses a text`) and its argument."""
    return {
        "en": tuple(frame.replace("DOES", en[0]).replace("ARG", en[1]) for frame in _FUNCTION_EN),
        "pt": tuple(frame.replace("FAZ", pt[0]).replace("ARG", pt[1]) for frame in _FUNCTION_PT),
    }
