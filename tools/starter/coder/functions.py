"""Kinds about one small function whose name comes from the request. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked_function
from tools.starter.coder.pools_b import full_name, sentence
from tools.starter.kinds import Kind
from tools.starter.slots import IDENTIFIERS, PEOPLE, WORDS, Slot, invented, name, number, word, words


def _function(  # the parts of a row of the table below
    kind: str,
    en: tuple[str, str],
    pt: tuple[str, str],
    parameters: str,
    body: str,
    slots: dict[str, Slot],
) -> Kind:
    """Return the kind of a function `<<fn>>` with one expression, called with its slots in order."""
    arguments = ", ".join(f"<<{slot}>>" for slot in slots)
    code = f"def <<fn>>({parameters}):\n    return {body}\n\nprint(<<fn>>({arguments}))\n"
    return Kind(kind, asked_function(en, pt), code, {"fn": name(IDENTIFIERS), **slots})


KINDS: tuple[Kind, ...] = (
    _function(
        "fn_shout",
        ("(returns|gives) a text in upper case with ! at the end", "{w}"),
        ("(devolve|retorna) um texto em maiúsculas com ! no fim", "{w}"),
        "text",
        'text.upper() + "!"',
        {"w": word((*WORDS, *PEOPLE))},
    ),
    _function(
        "fn_double_letters",
        ("(doubles|repeats twice) every letter of a word", "{w}"),
        ("(dobra|repete duas vezes) cada letra de uma palavra", "{w}"),
        "text",
        '"".join(c * 2 for c in text)',
        {"w": invented(2, 3)},
    ),
    _function(
        "fn_swap_case",
        ("(swaps|flips) upper and lower case", "{s}"),
        ("(troca|inverte) maiúsculas e minúsculas", "{s}"),
        "text",
        "text.swapcase()",
        {"s": full_name()},
    ),
    _function(
        "fn_sort_letters",
        ("(sorts|orders) the letters of a word", "{w}"),
        ("(ordena|organiza) as letras de uma palavra", "{w}"),
        "text",
        '"".join(sorted(text))',
        {"w": invented(2, 4)},
    ),
    _function(
        "fn_first_word",
        ("(returns|gives) the first word of a text", "{s}"),
        ("(devolve|retorna) a primeira palavra de um texto", "{s}"),
        "text",
        "text.split()[0]",
        {"s": sentence(3, 5)},
    ),
    _function(
        "fn_last_word",
        ("(returns|gives) the last word of a text", "{s}"),
        ("(devolve|retorna) a última palavra de um texto", "{s}"),
        "text",
        "text.split()[-1]",
        {"s": sentence(3, 5)},
    ),
    _function(
        "fn_middle",
        ("(returns|gives) the (middle letter|letter in the middle) of a word", "{w}"),
        ("(devolve|retorna) a letra do meio de uma palavra", "{w}"),
        "text",
        "text[len(text) // 2]",
        {"w": invented(2, 4)},
    ),
    _function(
        "fn_swap_ends",
        ("swaps the first and (the|) last letter of a word", "{w}"),
        ("troca a primeira e a última letra de uma palavra", "{w}"),
        "text",
        "text[-1] + text[1:-1] + text[0]",
        {"w": invented(2, 4)},
    ),
    _function(
        "fn_hello",
        ("(returns|gives) Hello, followed by a name", "{p}"),
        ("(devolve|retorna) Hello, seguido de um nome", "{p}"),
        "name",
        'f"Hello, {name}"',
        {"p": word(PEOPLE)},
    ),
    _function(
        "fn_count_consonants",
        ("counts the consonants of a (lower case|lowercase) word", "{w}"),
        ("conta as consoantes de uma palavra minúscula", "{w}"),
        "text",
        'sum(1 for c in text if c not in "aeiou")',
        {"w": invented(2, 4)},
    ),
    _function(
        "fn_every_second",
        ("(returns|gives) every second letter of a word, from the first", "{w}"),
        ("(devolve|retorna) uma letra sim e outra não de uma palavra, desde a primeira", "{w}"),
        "text",
        "text[::2]",
        {"w": invented(3, 4)},
    ),
    _function(
        "fn_total_length",
        ("adds up the lengths of the words of a list", "{ws}"),
        ("soma os tamanhos das palavras de uma lista", "{ws}"),
        "items",
        "sum(len(item) for item in items)",
        {"ws": words((*WORDS, *PEOPLE), 2, 5)},
    ),
    _function(
        "fn_zero_pad",
        ("pads a number with zeros to 6 digits", "{n}"),
        ("completa um número com zeros até 6 dígitos", "{n}"),
        "number",
        "str(number).zfill(6)",
        {"n": number(1, 9999)},
    ),
)
