"""Kinds about the form of a text: is it an address, how is it written, how is it shown. Pure."""

from __future__ import annotations

from itertools import product

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import (
    camel,
    clock,
    email_or_not,
    key_values,
    maybe_digits,
    sentence,
    snake,
    url,
)
from tools.starter.kinds import Kind
from tools.starter.slots import PEOPLE, choice, invented, number, word

CASES = tuple("".join(c) for each in ("ana", "zoe", "bob") for c in product(*((x, x.upper()) for x in each)))

KINDS: tuple[Kind, ...] = (
    Kind(
        "valid_email",
        asked(
            (
                "(check|validate) if {e} (is|looks like) a valid email",
                "print True if {e} is a valid email address and False (if not|otherwise)",
                "is {e} a valid (email|email address)?",
            ),
            (
                "(verificar|validar) se {e} (é|parece) um email válido",
                "mostrar True se {e} for um endereço de email válido e False (se não|caso contrário)",
                "{e} é um (email|endereço de email) válido?",
            ),
        ),
        """
import re

email = <<e>>
print(bool(re.fullmatch(r"[\\w.]+@[\\w.]+\\.\\w+", email)))
""",
        {"e": email_or_not()},
    ),
    Kind(
        "snake_to_camel",
        asked(
            (
                "convert {s} (from snake_case|) to (camelCase|camel case)",
                "(write|print) {s} in (camelCase|camel case)",
                "what is {s} in (camelCase|camel case)?",
            ),
            (
                "converter {s} (de snake_case|) para (camelCase|camel case)",
                "(escrever|mostrar) {s} em (camelCase|camel case)",
                "como fica {s} em (camelCase|camel case)?",
            ),
        ),
        """
first, *rest = <<s>>.split("_")
print(first + "".join(word.capitalize() for word in rest))
""",
        {"s": snake()},
    ),
    Kind(
        "camel_to_snake",
        asked(
            (
                "convert {s} (from camelCase|) to (snake_case|snake case)",
                "(write|print) {s} in (snake_case|snake case)",
                "what is {s} in (snake_case|snake case)?",
            ),
            (
                "converter {s} (de camelCase|) para (snake_case|snake case)",
                "(escrever|mostrar) {s} em (snake_case|snake case)",
                "como fica {s} em (snake_case|snake case)?",
            ),
        ),
        """
text = <<s>>
print("".join("_" + c.lower() if c.isupper() else c for c in text))
""",
        {"s": camel()},
    ),
    Kind(
        "is_digits",
        asked(
            (
                "(check|test) if {s} has only digits",
                "print True if {s} is made of digits only and False (if not|otherwise)",
                "does {s} (contain|have) only digits?",
            ),
            (
                "(verificar|testar) se {s} só tem dígitos",
                "mostrar True se {s} tiver apenas dígitos e False (se não|caso contrário)",
                "{s} (contém|tem) apenas dígitos?",
            ),
        ),
        """
text = <<s>>
print(text.isdigit())
""",
        {"s": maybe_digits()},
    ),
    Kind(
        "same_ignoring_case",
        asked(
            (
                "(compare|check) (whether|if) {a} and {b} are equal ignoring (case|upper and lower case)",
                "print True if {a} is the same as {b} ignoring case and False (if not|otherwise)",
                "are {a} and {b} equal, ignoring case?",
            ),
            (
                "(verificar|testar) se {a} e {b} são iguais ignorando (maiúsculas|maiúsculas e minúsculas)",
                "mostrar True se {a} for igual a {b} ignorando maiúsculas e False (se não|caso contrário)",
                "{a} e {b} são iguais, ignorando maiúsculas?",
            ),
        ),
        """
a = <<a>>
b = <<b>>
print(a.lower() == b.lower())
""",
        {"a": word(CASES), "b": word(CASES)},
    ),
    Kind(
        "greet",
        asked(
            (
                "(greet|say hello to) {p} with Hello, NAME!",
                "print Hello, NAME! with the name {p}",
                "how do I print Hello, NAME! for {p}?",
            ),
            (
                "(saudar|cumprimentar) {p} com Hello, NAME!",
                "mostrar Hello, NAME! com o nome {p}",
                "como imprimir Hello, NAME! para {p}?",
            ),
        ),
        """
name = <<p>>
print(f"Hello, {name}!")
""",
        {"p": word(PEOPLE)},
    ),
    Kind(
        "print_text",
        asked(
            ("print {s} (on the screen|)", "(show|display) the message {s}", "how do I print {s}?"),
            ("(imprimir|escrever) {s} (na tela|)", "(mostrar|exibir) a mensagem {s}", "como imprimir {s}?"),
        ),
        """
print(<<s>>)
""",
        {"s": sentence(2, 5)},
    ),
    Kind(
        "text_length",
        asked(
            (
                "(count|print) how many characters {s} has",
                "(find|get) the length of the text {s}",
                "how many characters (long is|are in) {s}?",
            ),
            (
                "(contar|mostrar) quantos caracteres {s} tem",
                "(descobrir|obter) o tamanho do texto {s}",
                "quantos caracteres (há|existem|tem) em {s}?",
            ),
        ),
        """
text = <<s>>
print(len(text))
""",
        {"s": sentence(2, 4)},
    ),
    Kind(
        "banner",
        asked(
            (
                "print {w} with a line of {c} above and below it, as long as the word",
                "(draw|make) a banner: {w} between two lines of {c} of the same length",
                "how do I show {w} between two lines of {c} as long as the word?",
            ),
            (
                "mostrar {w} com uma linha de {c} acima e abaixo, do tamanho da palavra",
                "(desenhar|fazer) um banner: {w} entre duas linhas de {c} do mesmo tamanho",
                "como mostrar {w} entre duas linhas de {c} do tamanho da palavra?",
            ),
        ),
        """
text = <<w>>
line = "<<c>>" * len(text)
print(line)
print(text)
print(line)
""",
        {"w": invented(2, 4), "c": choice("*", "-", "=", "#", "+")},
    ),
    Kind(
        "wrap_text",
        asked(
            (
                "wrap {s} (in|into) lines of (at most|up to) {n} characters",
                "(break|split) the text {s} into lines with {n} characters at most",
                "how do I wrap {s} at {n} characters (per|a) line?",
            ),
            (
                "quebrar {s} em linhas de (no máximo|até) {n} caracteres",
                "(dividir|separar) o texto {s} em linhas com no máximo {n} caracteres",
                "como quebrar {s} em {n} caracteres por linha?",
            ),
        ),
        """
import textwrap

text = <<s>>
print(textwrap.fill(text, <<n>>))
""",
        {"s": sentence(5, 7), "n": number(11, 40)},
    ),
    Kind(
        "parse_key_values",
        asked(
            (
                "(parse|turn) the pairs {s} into a dictionary",
                "(make|build) a dict of texts from the key=value pairs {s}",
                "what is the dictionary of the key=value pairs {s}?",
            ),
            (
                "(ler|transformar) os pares {s} (como|em) um dicionário",
                "(montar|criar) um dict de textos a partir dos pares chave=valor {s}",
                "qual é o dicionário dos pares chave=valor {s}?",
            ),
        ),
        """
text = <<s>>
print(dict(pair.split("=") for pair in text.split(";")))
""",
        {"s": key_values()},
    ),
    Kind(
        "url_host",
        asked(
            (
                "(get|extract) the (host|domain) (of|from) the url {u}",
                "(find|print) the host name in the (url|address) {u}",
                "what is the (host|domain) of the url {u}?",
            ),
            (
                "(obter|extrair) o (host|domínio) da url {u}",
                "(encontrar|mostrar) o nome do host (na url|no endereço) {u}",
                "qual é o (host|domínio) da url {u}?",
            ),
        ),
        """
from urllib.parse import urlparse

url = <<u>>
print(urlparse(url).netloc)
""",
        {"u": url()},
    ),
    Kind(
        "minutes_between",
        asked(
            (
                "(compute|find) the difference in minutes between the times {a} and {b}",
                "count how many minutes there are between {a} and {b}, always positive",
                "how many minutes are there between the times {a} and {b}?",
            ),
            (
                "(calcular|achar) a diferença em minutos entre os horários {a} e {b}",
                "contar quantos minutos há entre {a} e {b}, sempre positivo",
                "quantos minutos há entre os horários {a} e {b}?",
            ),
        ),
        """
def minutes(time):
    hour, minute = time.split(":")
    return int(hour) * 60 + int(minute)

print(abs(minutes(<<b>>) - minutes(<<a>>)))
""",
        {"a": clock(), "b": clock()},
    ),
)
