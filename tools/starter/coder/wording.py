"""What people put around and leave out of a request for a program. Pure.

A small model takes a phrasing it has read a hundred times as a whole: the words around the request, and words that are
missing here and there, make it look at each of them. Slots stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


BEFORE = {
    "en": (
        "homework: ", "exercise: ", "task: ", "python question: ", "quick one: ",
        "i'm new to python. ", "beginner here, ", "for school: ", "my boss asks: ", "little puzzle: ", "next: ",
        "now this: ", "python: ", "code, please: ", "need help: ", "just the code: ", "a script for this: ",
        "i wonder: ", "one more: ", "todo: ", "dear coder, ", "show me code: ", "using python, ", "in python 3: ",
        "good morning, ", "for my project: ", "please code this: ", "step 1: ", "write this program: ", "today: ",
        "could you code this? ", "the job: ", "what I need: ", "assignment - ", "with a few lines of python: ",
        "let us see: ", "this one should be easy: ", "any idea how? ", "i want python code: ", "program wanted: ",
    ),
    "pt": (
        "lição de casa: ", "exercício: ", "tarefa: ", "dúvida de python: ", "rapidinho: ",
        "sou novo em python. ", "sou iniciante, ", "para a escola: ", "meu chefe pediu: ", "desafio: ", "próxima: ",
        "agora isto: ", "python: ", "código, por favor: ", "preciso de ajuda: ", "só o código: ", "um script disto: ",
        "queria saber: ", "mais uma: ", "a fazer: ", "caro programador, ", "me mostra o código: ", "usando python, ",
        "em python 3: ", "bom dia, ", "para o meu projeto: ", "programa isto: ", "passo 1: ", "escreva este programa: ",
        "hoje: ", "você programa isto? ", "o trabalho: ", "o que eu preciso: ", "atividade - ", "com poucas linhas: ",
        "vamos ver: ", "essa é fácil: ", "alguma ideia? ", "quero código python: ", "programa pedido: ",
    ),
}  # fmt: skip
VERB_BEFORE = {
    "en": (
        "help me", "i have to", "show me how to", "we must", "i would like to", "code to",
        "i am trying to", "teach me to", "what is the code to", "how does one", "i need python to", "let's",
        "is it possible to", "a snippet to", "some lines to", "do you know how to", "python should", "go and",
        "give me a program to", "my task is to", "what's the easiest way to", "would you", "your job: ", "try to",
    ),
    "pt": (
        "me ajude a", "tenho que", "me mostre como", "precisamos", "eu gostaria de", "código para",
        "estou tentando", "me ensine a", "qual é o código para", "como se faz para", "preciso que o python possa",
        "vamos", "é possível", "um trecho para", "umas linhas para", "você sabe", "o python deve", "dá pra",
        "um programa para", "minha tarefa é", "qual o jeito mais fácil de", "tenta", "sua tarefa: ", "queria",
    ),
}  # fmt: skip
AFTER = {
    "en": (
        " in python", " with python", ". code only", " - just the code",
        " in code", " as a script", " with a short program", ", short please", ", in one go", " for my class",
        " as an exercise",
        ". how?", ", how would you code it?", ". thank you", " using the standard library", " and nothing else",
        ", as a little program", " (python)", " [python]", " right now", ". keep it simple", " today", ", ok?",
    ),
    "pt": (
        " em python", " com python", ". só o código", " - só o código",
        " em código", " num script", " com um programa curto", ", curto por favor", ", de uma vez", " para a aula",
        " como exercício", ". como?", ", como você programaria?", ". obrigado", " usando a biblioteca padrão",
        " e mais nada", ", num programinha", " (python)", " [python]", " agora", ". algo simples", " hoje", ", tá?",
    ),
}  # fmt: skip
VERBS = {
    "en": _set(
        "make let put print define take write add keep express turn give multiply store split drop use tally sum start "
        "set get square pick find sort show loop look flip go count read build raise shorten arrange order rank pull "
        "cut strip throw search fill open implement divide subtract iterate skip verify measure slice say concatenate "
        "map extend export save compute decrease apply group partition accumulate swap collect leave replace break "
        "factor test decode solve calculate display create convert reverse check round change join remove work "
        "determine list compare repeat draw format generate insert merge translate clamp limit increase"
    ),
    "pt": _set(
        "calcular achar imprimir mostrar somar converter contar escrever fazer criar ordenar inverter juntar dividir "
        "trocar verificar testar descobrir listar remover transformar encontrar separar montar gerar ler guardar "
        "multiplicar subtrair arredondar limitar obter unir colocar repetir comparar preencher passar dizer"
    ),
}
STOP = {
    "en": _set(
        "a an the of to is are do does i me my you it its that this for in on with and can could please how what so be "
        "there have want need by at from as just out up them these those then would will 's we our us"
    ),
    "pt": _set(
        "o a os as um uma de da do das dos em no na nos nas que é e para pra por com eu me meu minha você se como qual "
        "quais isso isto este esta esse essa ser são tem há ao à aos preciso quero só aí lá nós nosso"
    ),
}
_WORD = re.compile(r"[^\W\d_]+")

AROUND, BEHIND = 0.22, 0.15  # how often something is put before, and behind
BARE, SPARSE, MIXED = 0.10, 0.25, 0.06  # how often little words, some words or the order of words are lost
LOST = (0.08, 0.3)  # the share of words that a sparse request loses, at least and at most


def worn(text: str, language: str, rng: Random) -> str:
    """Return the request with words around it, and others lost. text: an expanded template, slots not yet filled."""
    chance = rng.random()
    if chance < BARE:
        text = _without(text, lambda word: word.lower() in STOP[language] and rng.random() < 0.8)
    elif chance < BARE + SPARSE:
        share = rng.uniform(*LOST)
        text = _without(text, lambda _: rng.random() < share)
    if rng.random() < MIXED:
        text = _mixed(text, rng)
    if rng.random() < AROUND:
        text = _opened(text, language, rng)
    if rng.random() < BEHIND:
        text = text.rstrip("?.! ") + rng.choice(AFTER[language])
    return text


def _without(text: str, is_lost: Callable[[str], bool]) -> str:
    kept = [part for part in text.split(" ") if not _is_lost_word(part.strip("?,.!:;"), is_lost)]
    return " ".join(kept) if len(kept) > 1 or "{" in "".join(kept) else text


def _is_lost_word(word: str, is_lost: Callable[[str], bool]) -> bool:
    return _WORD.fullmatch(word) is not None and is_lost(word)


def _mixed(text: str, rng: Random) -> str:
    parts = text.split(" ")
    at = rng.randrange(max(len(parts) - 1, 1))
    if "{" in "".join(parts[at : at + 2]):
        return text
    parts[at : at + 2] = parts[at : at + 2][::-1]
    return " ".join(parts)


def _opened(text: str, language: str, rng: Random) -> str:
    first = text.split(" ", 1)[0].lower()
    lowered = text if text[:2].isupper() else text[:1].lower() + text[1:]
    if first in VERBS[language] and rng.random() < 0.7:
        return f"{rng.choice(VERB_BEFORE[language])} {lowered}".replace("  ", " ")
    return rng.choice(BEFORE[language]) + (lowered if rng.random() < 0.7 else text)
