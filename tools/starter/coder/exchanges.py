"""Requests and answers of starter-coder: programs of every kind, repairs, and what it declines."""

from __future__ import annotations

from random import Random

from tools.starter import grammar, phrasings
from tools.starter.coder import beyond, numbers_all, repair, text_all
from tools.starter.coder.wording import worn
from tools.starter.dialogue import Exchange, Turn, drawn
from tools.starter.kinds import Kind
from tools.starter.noise import noisy

KINDS: tuple[Kind, ...] = (*numbers_all.KINDS, *text_all.KINDS)
SYSTEM = (
    "You are a coding assistant.",
    "You write Python programs. Answer with code only.",
    "You are the executor. Write the program for this step.",
    "Você escreve programas em Python. Responda só com código.",
    "You are a helpful assistant.",
)
MIX = ((0.82, "kind"), (0.12, "repair"), (0.06, "beyond"))  # how often


def fenced(program: str) -> str:
    """Return the program as an answer shows it."""
    return f"```python\n{program.rstrip()}\n```"


def exchange(rng: Random, language: str) -> Exchange:
    """Return one request and answer."""
    what = drawn(MIX, rng)
    if what == "beyond":
        return beyond_exchange(rng, language)
    if what == "repair" and (made := repair_exchange(rng, language)) is not None:
        return made
    return kind_exchange(rng.choice(KINDS), rng, language)


def ways_of_kind(kind: Kind, language: str) -> tuple[str, ...]:
    """Return all templates of the requests for a kind of program."""
    more = phrasings.of("coder").get(kind.id)
    return (*kind.ask[language], *more[language]) if more else tuple(kind.ask[language])


def kind_exchange(kind: Kind, rng: Random, language: str) -> Exchange:
    """Return a request for a program and the program."""
    values = kind.sample(rng, held_out=False)
    asked = worn(grammar.expand(rng.choice(ways_of_kind(kind, language)), rng), language, rng)
    asked = noisy(asked, language, rng)
    said = {name: value.said(language) for name, value in values.items()}
    return Turn("user", grammar.fill(asked, said)), Turn("assistant", fenced(kind.program(values)))


def repair_exchange(rng: Random, language: str) -> Exchange | None:
    """Return a broken program with its error, and the mended program; None when it could not be broken."""
    kind = rng.choice(ALONE)
    made = repair.broken(kind.program(kind.sample(rng, held_out=False)), rng)
    if made is None:
        return None
    program = fenced(made.program) if rng.random() < 0.6 else made.program.rstrip()
    asked = grammar.expand(rng.choice(repair.ASK[language]), rng)
    asked = grammar.fill(asked, {"program": program, "error": made.error})
    return Turn("user", asked), Turn("assistant", fenced(made.mended))


def beyond_exchange(rng: Random, language: str) -> Exchange:
    """Return a request that starter-coder cannot do, and its admission."""
    asked = noisy(worn(grammar.expand(rng.choice(beyond.ASK[language]), rng), language, rng), language, rng)
    values = {name: rng.choice(options) for name, options in beyond.FILL[language].items()}
    return Turn("user", grammar.fill(asked, values)), Turn("assistant", rng.choice(beyond.SAY[language]))


ALONE = tuple(kind for kind in KINDS if not kind.files and "open(" not in kind.code and "import os" not in kind.code)
"""Kinds whose programs can be broken and run anywhere: those that read or write files are left out."""
