"""Further values for kinds about text, data, files and classes: sentences, file names, pairs, addresses. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from tools.starter.slots import CITIES, PEOPLE, SYLLABLES, WORDS, Slot, Value, is_held_out

TRIES = 1000
CLASSES = ("Dog", "Person", "Account", "Shape", "Robot", "Car", "Player", "Animal", "Book", "Student", "Teacher", "Pet",
           "Box", "Item", "Worker", "Planet", "Hero", "Vehicle", "Product", "Client", "Cachorro", "Pessoa", "Conta",
           "Aluno", "Livro", "Carro", "Jogador", "Produto", "Cliente", "Forma", "Wallet", "Machine", "Gadget", "Token",
           "Node", "Ticket", "Agent", "Sensor", "Meter", "Garden")  # fmt: skip
STEMS = ("notes", "data", "list", "report", "diary", "log", "output", "names", "story", "recipe", "memo", "letter",
         "draft", "page", "saved", "backup", "notas", "dados", "lista", "diario", "nomes", "saida", "texto", "carta",
         "contas", "tarefas", "result", "text", "info", "message", "poem", "todo")  # fmt: skip
VARIABLES = ("colors", "fruits", "basket", "shelf", "group", "team", "bag", "stock", "entries", "things", "frutas",
             "cores", "cesta", "grupo", "equipe", "estoque", "coisas", "itens", "amigos", "friends", "pets", "books",
             "animals", "places", "lugares", "livros", "bichos", "queue", "tasks", "tarefas")  # fmt: skip
LETTERS = tuple(Value(c, c, json.dumps(c)) for c in "aeiorstnlmdp")
DOMAINS = ("example.com", "mail.com", "test.org", "site.net", "shop.com.br")


def _make(make: Callable[[Random], tuple[str, str, str]]) -> Slot:
    """Return a slot of (English, Portuguese, code) triples, split by the code."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001  # a Slot's form
        for _ in range(TRIES):
            en, pt, code = make(rng)
            if is_held_out(code) == held_out:
                return Value(en, pt, code)
        raise ValueError("the pool has no value on that side of the split; make it larger")

    return slot


def quoted(make: Callable[[Random], str]) -> Slot:
    """A text that is always in quotes in the request, and a Python string in the program."""

    def triple(rng: Random) -> tuple[str, str, str]:
        text = make(rng)
        said = rng.choice((f'"{text}"', f"'{text}'"))
        return said, said, json.dumps(text, ensure_ascii=False)

    return _make(triple)


def invented_word(rng: Random) -> str:
    """Return a word that does not exist."""
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))


def _words_of(rng: Random, size: int) -> list[str]:
    pool = (*WORDS, *PEOPLE)
    return [invented_word(rng) if rng.random() < 0.2 else rng.choice(pool) for _ in range(size)]


def sentence(shortest: int = 3, longest: int = 6) -> Slot:
    """A few words after one another, in quotes in the request."""
    return quoted(lambda rng: " ".join(_words_of(rng, rng.randint(shortest, longest))))


def repeating(shortest: int = 4, longest: int = 6) -> Slot:
    """A sentence of which some words occur twice or more."""

    def text(rng: Random) -> str:
        few = _words_of(rng, 3)
        return " ".join(rng.choice(few) for _ in range(rng.randint(shortest, longest)))

    return quoted(text)


def full_name() -> Slot:
    """A person's name of two or three words, in quotes in the request."""
    return quoted(lambda rng: " ".join(rng.sample((*PEOPLE, *CITIES), rng.randint(2, 3))))


def mixed_text() -> Slot:
    """A sentence with some whole numbers in it."""

    def text(rng: Random) -> str:
        parts = [each for _ in range(rng.randint(2, 3)) for each in (rng.choice(WORDS), str(rng.randint(1, 199)))]
        return " ".join(parts)

    return quoted(text)


def email() -> Slot:
    """An e-mail address."""
    return quoted(lambda rng: f"{_mailbox(rng)}@{rng.choice(DOMAINS)}")


def email_or_not() -> Slot:
    """An e-mail address, or something that nearly is one."""

    def text(rng: Random) -> str:
        joint = rng.choice(("@", "@", "@", "", "@@", " "))
        return _mailbox(rng) + joint + rng.choice((*DOMAINS, "mail"))

    return quoted(text)


def emails_in_text() -> Slot:
    """A sentence with one or two e-mail addresses in it."""

    def text(rng: Random) -> str:
        first = f"{_mailbox(rng)}@{rng.choice(DOMAINS)}"
        second = f" {rng.choice(WORDS)} {_mailbox(rng)}@{rng.choice(DOMAINS)}"
        return f"{rng.choice(WORDS)} {first}" + (second if rng.random() < 0.5 else "")

    return quoted(text)


def _mailbox(rng: Random) -> str:
    return rng.choice((invented_word(rng), rng.choice(PEOPLE).lower(), rng.choice(WORDS)))


def snake() -> Slot:
    """A name in snake_case, in quotes in the request."""
    return quoted(lambda rng: "_".join(each.lower() for each in _words_of(rng, rng.randint(2, 3))))


def camel() -> Slot:
    """A name in camelCase, in quotes in the request."""

    def text(rng: Random) -> str:
        head, *rest = (each.lower() for each in _words_of(rng, rng.randint(2, 3)))
        return head + "".join(each.capitalize() for each in rest)

    return quoted(text)


def maybe_digits() -> Slot:
    """A text of digits, now and then with a letter in it."""

    def text(rng: Random) -> str:
        digits = str(rng.randint(100, 99999))
        return digits if rng.random() < 0.5 else digits[:2] + rng.choice("abxyz") + digits[2:]

    return quoted(text)


def maybe_palindrome() -> Slot:
    """A word that is a palindrome in half of the cases."""

    def text(rng: Random) -> str:
        half = invented_word(rng)
        return half + half[-2::-1] if rng.random() < 0.5 else half + rng.choice(SYLLABLES)

    return quoted(text)


def brackets() -> Slot:
    """Some brackets, balanced or not."""
    good = ("()", "[]", "{}", "([])", "{()}", "[{}]", "(())", "[()]")
    bad = ("(", ")", "[)", "{]", "(]")

    def text(rng: Random) -> str:
        parts = [rng.choice(good) for _ in range(rng.randint(2, 4))]
        if rng.random() < 0.5:
            parts.insert(rng.randint(0, len(parts)), rng.choice(bad))
        return "".join(parts)

    return quoted(text)


def clock() -> Slot:
    """A time of the day, HH:MM."""
    return quoted(lambda rng: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}")


def key_values() -> Slot:
    """A text of key=value pairs with semicolons between them."""

    def text(rng: Random) -> str:
        keys = rng.sample(WORDS, rng.randint(2, 4))
        return ";".join(f"{key}={rng.randint(1, 99)}" for key in keys)

    return quoted(text)


def url() -> Slot:
    """A web address with a path."""
    return quoted(lambda rng: f"https://{invented_word(rng)}.{rng.choice(DOMAINS)}/{rng.choice(WORDS)}")


def file_name(extension: str) -> Slot:
    """A file name, as it is, in the request and (without quotes) in the program."""

    def triple(rng: Random) -> tuple[str, str, str]:
        name = f"{invented_word(rng) if rng.random() < 0.4 else rng.choice(STEMS)}.{extension}"
        return name, name, name

    return _make(triple)


def folder() -> Slot:
    """A folder's name, as it is."""

    def triple(rng: Random) -> tuple[str, str, str]:
        name = invented_word(rng) if rng.random() < 0.5 else rng.choice(STEMS) + str(rng.randint(1, 30))
        return name, name, name

    return _make(triple)


def pairs(keys: Sequence[str], low: int, high: int, shortest: int = 2, longest: int = 4) -> Slot:
    """Different keys with different numbers: `Ana: 3, Bob: 5` or a Python dictionary; a dictionary in the program."""

    def triple(rng: Random) -> tuple[str, str, str]:
        size = rng.randint(shortest, longest)
        found = dict(zip(rng.sample(keys, size), rng.sample(range(low, high + 1), size), strict=True))
        code = json.dumps(found, ensure_ascii=False)
        said = code if rng.random() < 0.4 else ", ".join(f"{key}: {value}" for key, value in found.items())
        return said, said, code

    return _make(triple)


def nested() -> Slot:
    """A list of lists of whole numbers, the same in the request and in the program."""

    def triple(rng: Random) -> tuple[str, str, str]:
        code = str([[rng.randint(1, 30) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(2, 3))])
        return code, code, code

    return _make(triple)


def sorted_numbers(low: int, high: int, shortest: int = 3, longest: int = 5) -> Slot:
    """An ascending list of different whole numbers, the same in the request and in the program."""

    def triple(rng: Random) -> tuple[str, str, str]:
        code = str(sorted(rng.sample(range(low, high + 1), rng.randint(shortest, longest))))
        return code, code, code

    return _make(triple)


def repeating_numbers(low: int, high: int, size: int = 6) -> Slot:
    """A list of whole numbers of which some occur twice or more, the same in the request and in the program."""

    def triple(rng: Random) -> tuple[str, str, str]:
        few = rng.sample(range(low, high + 1), 4)
        code = str([rng.choice(few) for _ in range(rng.randint(4, size))])
        return code, code, code

    return _make(triple)
