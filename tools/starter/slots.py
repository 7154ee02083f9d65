"""Names, numbers and words that vary in a request. Each pool is split: what is held out never occurs in training. Pure.

A slot gives a Value: how it reads in the request, in each language, and how it stands in the program.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from random import Random
from zlib import crc32

HELD_OUT_OF = 6  # one value in six is kept for the measurement


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its text in an English and in a Portuguese request, and its Python source."""

    en: str
    pt: str
    code: str

    def said(self, language: str) -> str:
        """Return its text in a request."""
        return self.pt if language == "pt" else self.en


Slot = Callable[[Random, bool], Value]
"""(random numbers, is held out) -> a value."""


def is_held_out(key: object) -> bool:
    """Say whether a value belongs to the measurement. The same on every machine and in every run."""
    return crc32(str(key).encode()) % HELD_OUT_OF == 0


def _draw(make: Callable[[Random], object], rng: Random, held_out: bool) -> object:  # noqa: FBT001  # a Slot's form
    for _ in range(1000):
        value = make(rng)
        if is_held_out(value) == held_out:
            return value
    raise ValueError("the pool has no value on that side of the split; make it larger")


def number(low: int, high: int) -> Slot:
    """A whole number from low to high. The pool should have 20 values or more."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        text = str(_draw(lambda r: r.randint(low, high), rng, held_out))
        return Value(text, text, text)

    return slot


def decimal(low: float, high: float, digits: int = 1) -> Slot:
    """A number with digits after the point, like 3.5; in a Portuguese request with a comma half of the time."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        text = str(_draw(lambda r: round(r.uniform(low, high), digits), rng, held_out))
        return Value(text, text, text)

    return slot


def numbers(low: int, high: int, shortest: int = 3, longest: int = 7) -> Slot:
    """A list of whole numbers: `4, 9 and 2` or `[4, 9, 2]` in the request, `[4, 9, 2]` in the program."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        found = _draw(lambda r: tuple(r.randint(low, high) for _ in range(r.randint(shortest, longest))), rng, held_out)
        assert isinstance(found, tuple)
        return _listed([str(each) for each in found], [str(each) for each in found], rng)

    return slot


def words(pool: Mapping[str, Sequence[str]] | Sequence[str], shortest: int = 3, longest: int = 6) -> Slot:
    """A list of different words, in the request's language if the pool has languages (then the program's too).

    For a pool with languages the values of both have to be sampled alike: the program holds the words as they are
    said, so such a slot can only be used through `Kind`s whose code does not depend on the language; prefer a plain
    sequence of words that both languages know (names, cities).
    """
    plain = list(pool) if not isinstance(pool, Mapping) else list(pool["en"])

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        size = rng.randint(shortest, min(longest, len(plain)))
        found = _draw(lambda r: tuple(_or_strange(w, r, held_out) for w in r.sample(plain, size)), rng, held_out)
        assert isinstance(found, tuple)
        return _listed(list(found), [json.dumps(each, ensure_ascii=False) for each in found], rng)

    return slot


def _listed(said: list[str], code: list[str], rng: Random) -> Value:
    source = f"[{', '.join(code)}]"
    if rng.random() < 0.4:
        return Value(source, source, source)
    if rng.random() < 0.5:
        plain = ", ".join(said)
        return Value(plain, plain, source)
    head, last = ", ".join(said[:-1]), said[-1]
    return Value(f"{head} and {last}", f"{head} e {last}", source)


def choice(*options: str | Value) -> Slot:
    """One of a few options that are too few to be split (an operator, a format): the same in both parts."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001, ARG001  # a Slot's form
        option = rng.choice(options)
        return option if isinstance(option, Value) else Value(option, option, option)

    return slot


def word(pool: Sequence[str]) -> Slot:
    """One word of the pool, in quotes in half of the requests, as a Python string in the program."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        found = str(_draw(lambda r: _or_strange(r.choice(pool), r, held_out), rng, held_out))
        said = rng.choice((found, f'"{found}"', f"'{found}'"))
        return Value(said, said, json.dumps(found, ensure_ascii=False))

    return slot


def name(pool: Sequence[str]) -> Slot:
    """One name of the pool, as it is, in the request and in the program (an identifier, a class, a file name)."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        found = str(_draw(lambda r: _or_strange(r.choice(pool), r, held_out), rng, held_out))
        return Value(found, found, found)

    return slot


SYLLABLES = "ba be bi bo bu ca co cu da de di do du fa fe fi fo ga go gu la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo za zo".split()  # noqa: E501, SIM905


def invented(shortest: int = 2, longest: int = 4) -> Slot:
    """A word that does not exist, made of syllables: what makes a model copy instead of remember."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001
        found = str(
            _draw(lambda r: "".join(r.choice(SYLLABLES) for _ in range(r.randint(shortest, longest))), rng, held_out)
        )
        said = rng.choice((found, f'"{found}"', f"'{found}'"))
        return Value(said, said, json.dumps(found))

    return slot


STRANGE = 0.6  # how often a word of a pool gives way, in training, to one that nobody has read


def _or_strange(word: str, rng: Random, held_out: bool) -> str:  # noqa: FBT001  # a Slot's form
    """Return the word, or one in its manner that does not exist.

    The words of a pool are soon known by heart, and a model that knows them never learns to copy one it does not know.
    The measurement's values stay what they are.
    """
    if held_out or not word.replace("_", "").isalpha() or rng.random() >= STRANGE:
        return word
    if rng.random() < 0.4:
        new = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4)))
    else:
        head, tail = (rng.choice((*WORDS, *PEOPLE, *IDENTIFIERS)).lower().partition("_")[0] for _ in range(2))
        new = head[: rng.randint(2, 5)] + tail[-rng.randint(2, 5) :]
    if "_" in word:
        new += "_" + rng.choice(SYLLABLES) + rng.choice(WORDS)[:4]
    if iskeyword(new) or hasattr(builtins, new):
        return word
    return new.capitalize() if word[:1].isupper() else new


PEOPLE = ("Ana", "Bruno", "Carla", "Daniel", "Elisa", "Felipe", "Gabriela", "Hugo", "Iris", "Joao", "Karina", "Lucas",
          "Marina", "Nina", "Otavio", "Paula", "Rafael", "Sofia", "Tiago", "Vera", "Yara", "Alice", "Bob", "Clara",
          "David", "Emma", "Frank", "Grace", "Henry", "Julia", "Kevin", "Laura", "Maria", "Noah", "Oscar", "Peter",
          "Rosa", "Samuel", "Teresa", "Victor", "Wendy", "Zoe")  # fmt: skip
CITIES = ("Recife", "Lisboa", "Porto", "Manaus", "Paris", "London", "Madrid", "Roma", "Berlin", "Tokyo", "Lima",
          "Natal", "Salvador", "Curitiba", "Belem", "Quito", "Oslo", "Dublin", "Vienna", "Cairo", "Delhi", "Boston",
          "Toronto", "Chicago", "Santos", "Olinda", "Maputo", "Luanda", "Braga", "Faro")  # fmt: skip
WORDS = ("apple", "banana", "orange", "river", "mountain", "window", "garden", "summer", "winter", "paper", "music",
         "guitar", "coffee", "bridge", "forest", "planet", "rocket", "silver", "purple", "yellow", "casa", "livro",
         "gato", "cachorro", "janela", "floresta", "cidade", "praia", "carro", "navio", "tempo", "amigo", "escola",
         "mesa", "cadeira", "laranja", "limao", "uva", "melancia", "abacaxi", "level", "radar", "kayak", "arara",
         "python", "keyboard", "monitor", "lantern", "ocean", "island", "desert", "castle", "dragon", "tiger",
         "elephant", "butterfly", "teclado", "caderno", "montanha", "estrela")  # fmt: skip
IDENTIFIERS = ("total", "count", "result", "value", "average", "score", "price", "items", "data", "process", "compute",
               "check", "build", "convert", "find_all", "get_sum", "run_it", "helper", "calc", "solve", "parse_text",
               "do_work", "transform", "evaluate", "measure", "collect", "summarize", "calcular", "somar", "contar",
               "verificar", "processar", "converter", "resultado", "valores", "minha_funcao", "my_function",
               "make_list", "show", "analyze")  # fmt: skip
