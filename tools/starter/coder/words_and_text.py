"""Kinds about the words of a text, and about patterns in it. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import (
    email,
    emails_in_text,
    mixed_text,
    repeating,
    sentence,
)
from tools.starter.kinds import Kind
from tools.starter.slots import PEOPLE, WORDS, Value, choice, invented, word, words

STARTS = tuple(
    a + b + c for a in ("ba", "mo", "te", "ri") for b in ("la", "no", "ro", "li") for c in ("", "do", "ga", "ne")
)

KINDS: tuple[Kind, ...] = (
    Kind(
        "count_words",
        asked(
            (
                "count (the|how many) words in {s}",
                "(find|print) the number of words in {s}",
                "how many words (are|are there) in {s}?",
            ),
            (
                "contar (as|quantas) palavras em {s}",
                "(descobrir|mostrar) o número de palavras de {s}",
                "quantas palavras (há|existem|tem) em {s}?",
            ),
        ),
        """
text = <<s>>
print(len(text.split()))
""",
        {"s": sentence(2, 7)},
    ),
    Kind(
        "longest_word",
        asked(
            (
                "(find|print) the longest word (in|of) {s}",
                "get the word with the most letters (in|from) {s}",
                "(what|which) is the longest word in {s}?",
            ),
            (
                "(encontrar|mostrar) a (maior palavra|palavra mais longa) de {s}",
                "achar a palavra com mais letras em {s}",
                "qual é a (maior palavra|palavra mais longa) de {s}?",
            ),
        ),
        """
text = <<s>>
print(max(text.split(), key=len))
""",
        {"s": sentence(3, 6)},
    ),
    Kind(
        "shortest_word",
        asked(
            (
                "(find|print) the shortest word (in|of) {s}",
                "get the word with the fewest letters (in|from) {s}",
                "(what|which) is the shortest word in {s}?",
            ),
            (
                "(encontrar|mostrar) a (menor palavra|palavra mais curta) de {s}",
                "achar a palavra com menos letras em {s}",
                "qual é a (menor palavra|palavra mais curta) de {s}?",
            ),
        ),
        """
text = <<s>>
print(min(text.split(), key=len))
""",
        {"s": sentence(3, 6)},
    ),
    Kind(
        "word_frequency",
        asked(
            (
                "(count|find) the frequency of (each|every) word in {s}",
                "(make|print) a dictionary with how many times each word of {s} occurs",
                "how often does (each|every) word occur in {s}?",
            ),
            (
                "(contar|calcular) a frequência de cada palavra em {s}",
                "(montar|mostrar) um dicionário com quantas vezes cada palavra de {s} aparece",
                "quantas vezes cada palavra aparece em {s}?",
            ),
        ),
        """
text = <<s>>
counts = {}
for word in text.split():
    counts[word] = counts.get(word, 0) + 1
print(counts)
""",
        {"s": repeating()},
    ),
    Kind(
        "most_common_word",
        asked(
            (
                "(find|print) the most (common|frequent) word in {s}",
                "get the word that (appears|occurs) most often in {s}",
                "(what|which) is the most (common|frequent) word in {s}?",
            ),
            (
                "(encontrar|mostrar) a palavra mais (comum|frequente) de {s}",
                "achar a palavra que mais (aparece|se repete) em {s}",
                "qual é a palavra mais (comum|frequente) de {s}?",
            ),
        ),
        """
from collections import Counter

text = <<s>>
print(Counter(text.split()).most_common(1)[0][0])
""",
        {"s": repeating(5, 7)},
    ),
    Kind(
        "join_words",
        asked(
            (
                "join the words {ws} with {c}",
                "(put|glue) the words {ws} together with {c} between them",
                "what are the words {ws} joined with {c}?",
            ),
            (
                "juntar as palavras {ws} com {c}",
                "(unir|ligar) as palavras {ws} com {c} entre elas",
                "como ficam as palavras {ws} unidas com {c}?",
            ),
        ),
        """
words = <<ws>>
print("<<c>>".join(words))
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5), "c": choice("-", "+", "/", "_", "*", "#", "&")},
    ),
    Kind(
        "split_sentence",
        asked(
            (
                "(split|break) {s} into a list of words",
                "(turn|make) {s} into a list with its words",
                "what is the list of (the|) words of {s}?",
            ),
            (
                "(separar|dividir) {s} em uma lista de palavras",
                "(transformar|converter) {s} em uma lista com suas palavras",
                "qual é a lista (de|com as) palavras de {s}?",
            ),
        ),
        """
text = <<s>>
print(text.split())
""",
        {"s": sentence(3, 5)},
    ),
    Kind(
        "reverse_words",
        asked(
            (
                "reverse the order of the words (in|of) {s}",
                "print the words of {s} from last to first (in one line|joined by spaces)",
                "what is {s} with its words in reverse order?",
            ),
            (
                "inverter a ordem das palavras de {s}",
                "mostrar as palavras de {s} da última para a primeira (em uma linha|separadas por espaços)",
                "como fica {s} com as palavras na ordem inversa?",
            ),
        ),
        """
text = <<s>>
print(" ".join(text.split()[::-1]))
""",
        {"s": sentence(3, 5)},
    ),
    Kind(
        "sort_words",
        asked(
            (
                "sort the list of words {ws} (alphabetically|in alphabetical order)",
                "(put|arrange) the words {ws} in alphabetical order, as a list",
                "what is the list of words {ws} in alphabetical order?",
            ),
            (
                "ordenar a lista de palavras {ws} (alfabeticamente|em ordem alfabética)",
                "(colocar|pôr) as palavras {ws} em ordem alfabética, como lista",
                "como fica a lista de palavras {ws} em ordem alfabética?",
            ),
        ),
        """
words = <<ws>>
print(sorted(words))
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "sort_by_length",
        asked(
            (
                "sort the list of words {ws} by (length|their length)",
                "(put|arrange) the words {ws} from the shortest to the longest, as a list",
                "what is the list of words {ws} sorted by length?",
            ),
            (
                "ordenar a lista de palavras {ws} (por tamanho|pelo tamanho)",
                "(colocar|pôr) as palavras {ws} da mais curta para a mais longa, como lista",
                "como fica a lista de palavras {ws} ordenada por tamanho?",
            ),
        ),
        """
words = <<ws>>
print(sorted(words, key=len))
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "unique_words",
        asked(
            (
                "(list|print) the unique words of {s} in alphabetical order",
                "get a sorted list of the different words (in|from) {s}",
                "(what|which) are the unique words of {s}, sorted in a list?",
            ),
            (
                "(listar|mostrar) as palavras únicas de {s} em ordem alfabética",
                "obter uma lista ordenada das palavras diferentes de {s}",
                "quais são as palavras únicas de {s}, em lista ordenada?",
            ),
        ),
        """
text = <<s>>
print(sorted(set(text.split())))
""",
        {"s": repeating()},
    ),
    Kind(
        "slugify",
        asked(
            (
                "(turn|make) {s} into a slug (for a url|)",
                "(build|create) a url slug from {s}",
                "what is the slug of {s}?",
            ),
            (
                "(transformar|converter) {s} em (um|) slug (de url|)",
                "(montar|criar) um slug de url a partir de {s}",
                "qual é o slug de {s}?",
            ),
        ),
        """
text = <<s>>
print(text.lower().replace(" ", "-"))
""",
        {"s": sentence(3, 5)},
    ),
    Kind(
        "contains",
        asked(
            (
                "(check|test) if {s} contains (the word|) {w}",
                "print True if {w} is (somewhere|) in the text {s} and False (if not|otherwise)",
                "does {s} contain {w}?",
            ),
            (
                "(verificar|testar) se {s} contém (a palavra|) {w}",
                "mostrar True se {w} estiver no texto {s} e False (se não|caso contrário)",
                "{s} contém {w}?",
            ),
        ),
        """
text = <<s>>
print(<<w>> in text)
""",
        {
            "s": sentence(3, 5),
            "w": choice(
                *(
                    Value(c, c, f'"{c}"')
                    for c in ("an", "ar", "ca", "or", "er", "el", "in", "ba", "to", "ri", "me", "la")
                )
            ),
        },
    ),
    Kind(
        "starts_with",
        asked(
            (
                "(check|test) if {w} (starts|begins) with {p}",
                "print True if {p} is the (start|beginning) of {w} and False (if not|otherwise)",
                "does {w} (start|begin) with {p}?",
            ),
            (
                "(verificar|testar) se {w} começa com {p}",
                "mostrar True se {p} for o (início|começo) de {w} e False (se não|caso contrário)",
                "{w} começa com {p}?",
            ),
        ),
        """
text = <<w>>
print(text.startswith(<<p>>))
""",
        {
            "w": word(STARTS),
            "p": choice(*(Value(c, c, f'"{c}"') for c in ("ba", "mo", "te", "ri", "b", "m", "mor", "tel"))),
        },
    ),
    Kind(
        "ends_with",
        asked(
            (
                "(check|test) if {w} ends (with|in) {p}",
                "print True if {p} is the (end|ending) of {w} and False (if not|otherwise)",
                "does {w} end (with|in) {p}?",
            ),
            (
                "(verificar|testar) se {w} termina (com|em) {p}",
                "mostrar True se {p} for o (fim|final) de {w} e False (se não|caso contrário)",
                "{w} termina (com|em) {p}?",
            ),
        ),
        """
text = <<w>>
print(text.endswith(<<p>>))
""",
        {
            "w": invented(2, 4),
            "p": choice(*(Value(c, c, f'"{c}"') for c in ("a", "e", "i", "o", "u", "ra", "to", "na", "la"))),
        },
    ),
    Kind(
        "extract_numbers",
        asked(
            (
                "(extract|find) (all|the) numbers (in|from) {s}",
                "get a list of the numbers in the text {s}",
                "(what|which) numbers are (inside|in) {s}?",
            ),
            (
                "(extrair|encontrar) (todos os|os) números (em|de) {s}",
                "obter uma lista dos números do texto {s}",
                "quais números (há|existem) em {s}?",
            ),
        ),
        """
import re

text = <<s>>
print([int(n) for n in re.findall(r"\\d+", text)])
""",
        {"s": mixed_text()},
    ),
    Kind(
        "extract_emails",
        asked(
            (
                "(extract|find) (all|the) (emails|email addresses) (in|from) {s}",
                "get a list of the (emails|email addresses) in the text {s}",
                "(what|which) email addresses are (inside|in) {s}?",
            ),
            (
                "(extrair|encontrar) (todos os|os) (emails|e-mails) (em|de) {s}",
                "obter uma lista dos (emails|e-mails) do texto {s}",
                "quais (emails|e-mails) (há|existem) em {s}?",
            ),
        ),
        """
import re

text = <<s>>
print(re.findall(r"\\S+@\\S+", text))
""",
        {"s": emails_in_text()},
    ),
    Kind(
        "mask_email",
        asked(
            (
                "(mask|hide) the email {e}: keep the first letter, then *** up to the @",
                "print the email {e} masked like a***@site",
                "what is the email {e} masked as first letter, *** and the domain?",
            ),
            (
                "(mascarar|esconder) o email {e}: manter a primeira letra, depois *** até o @",
                "mostrar o email {e} mascarado como a***@site",
                "como fica o email {e} mascarado com a primeira letra, *** e o domínio?",
            ),
        ),
        """
user, domain = <<e>>.split("@")
print(user[0] + "***@" + domain)
""",
        {"e": email()},
    ),
)
