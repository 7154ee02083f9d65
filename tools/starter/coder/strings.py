"""Kinds about one text: turn it, count in it, change its letters. Pure."""

from __future__ import annotations

from itertools import permutations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import LETTERS, full_name, maybe_palindrome, sentence
from tools.starter.kinds import Kind
from tools.starter.slots import PEOPLE, WORDS, choice, invented, name, number, word

ANAGRAMS = tuple("".join(letters) for each in ("amor", "caso") for letters in permutations(each))

KINDS: tuple[Kind, ...] = (
    Kind(
        "reverse_text",
        asked(
            (
                "(reverse|invert) (the word|the text|) {w}",
                "print {w} (backwards|in reverse)",
                "what is {w} (backwards|reversed)?",
            ),
            (
                "inverter (a palavra|o texto|) {w}",
                "mostrar {w} (de trás para frente|ao contrário)",
                "como fica {w} (ao contrário|de trás para frente)?",
            ),
        ),
        """
text = <<w>>
print(text[::-1])
""",
        {"w": invented(2, 4)},
    ),
    Kind(
        "count_vowels",
        asked(
            (
                "count (the|how many) vowels in {w}",
                "(find|print) the number of vowels in {w}",
                "how many vowels (are|are there) in {w}?",
            ),
            (
                "contar (as|quantas) vogais em {w}",
                "(descobrir|mostrar) o número de vogais de {w}",
                "quantas vogais (há|existem|tem) em {w}?",
            ),
        ),
        """
text = <<w>>
print(sum(1 for c in text.lower() if c in "aeiou"))
""",
        {"w": invented(2, 4)},
    ),
    Kind(
        "count_letter",
        asked(
            (
                "count the letter {c} in {w}",
                "(find|print) how many times the letter {c} (appears|occurs) in {w}",
                "how many letters {c} (are|are there) in {w}?",
            ),
            (
                "contar a letra {c} em {w}",
                "(descobrir|mostrar) quantas vezes a letra {c} aparece em {w}",
                "quantas letras {c} (há|existem|tem) em {w}?",
            ),
        ),
        """
text = <<w>>
print(text.count(<<c>>))
""",
        {"c": choice(*LETTERS), "w": sentence(2, 4)},
    ),
    Kind(
        "is_palindrome",
        asked(
            (
                "(check|test) if {w} is a palindrome",
                "print True if {w} is a palindrome and False (if not|otherwise)",
                "is {w} a palindrome?",
            ),
            (
                "(verificar|testar) se {w} é um palíndromo",
                "mostrar True se {w} for palíndromo e False (se não|caso contrário)",
                "{w} é (um|) palíndromo?",
            ),
        ),
        """
text = <<w>>
print(text == text[::-1])
""",
        {"w": maybe_palindrome()},
    ),
    Kind(
        "upper_case",
        asked(
            (
                "(convert|change) {s} to (upper case|uppercase|capital letters)",
                "print {s} in (capital letters|upper case)",
                "what is {s} in (uppercase|upper case)?",
            ),
            (
                "(converter|passar) {s} para (maiúsculas|letras maiúsculas)",
                "mostrar {s} em (maiúsculas|letras maiúsculas)",
                "como fica {s} em (maiúsculas|letras maiúsculas)?",
            ),
        ),
        """
text = <<s>>
print(text.upper())
""",
        {"s": sentence(2, 4)},
    ),
    Kind(
        "lower_case",
        asked(
            (
                "(convert|change) {s} to (lower case|lowercase|small letters)",
                "print {s} in (small letters|lower case)",
                "what is {s} in (lowercase|lower case)?",
            ),
            (
                "(converter|passar) {s} para (minúsculas|letras minúsculas)",
                "mostrar {s} em (minúsculas|letras minúsculas)",
                "como fica {s} em (minúsculas|letras minúsculas)?",
            ),
        ),
        """
text = <<s>>
print(text.lower())
""",
        {"s": full_name()},
    ),
    Kind(
        "title_case",
        asked(
            (
                "capitalize (each|every) word of {s}",
                "(write|print) {s} with the first letter of each word in upper case",
                "what is {s} in title case?",
            ),
            (
                "capitalizar cada palavra de {s}",
                "(escrever|mostrar) {s} com a primeira letra de cada palavra maiúscula",
                "como fica {s} com iniciais maiúsculas em cada palavra?",
            ),
        ),
        """
text = <<s>>
print(text.title())
""",
        {"s": sentence(2, 4)},
    ),
    Kind(
        "remove_spaces",
        asked(
            (
                "(remove|delete) (all|the) spaces from {s}",
                "print {s} without (any|the) spaces",
                "what is {s} without (the|) spaces?",
            ),
            (
                "(remover|apagar) (todos os|os) espaços de {s}",
                "mostrar {s} sem (os|) espaços",
                "como fica {s} sem (os|) espaços?",
            ),
        ),
        """
text = <<s>>
print(text.replace(" ", ""))
""",
        {"s": sentence(2, 5)},
    ),
    Kind(
        "remove_vowels",
        asked(
            (
                "(remove|delete) (all|the) vowels from {w}",
                "print {w} without (its|the) vowels",
                "what is left of {w} without (the|) vowels?",
            ),
            (
                "(remover|apagar) (todas as|as) vogais de {w}",
                "mostrar {w} sem (as|) vogais",
                "como fica {w} sem (as|) vogais?",
            ),
        ),
        """
text = <<w>>
print("".join(c for c in text if c.lower() not in "aeiou"))
""",
        {"w": invented(3, 4)},
    ),
    Kind(
        "replace_word",
        asked(
            (
                '(replace|change) {a} (with|to) {b} in "I like {a} and tea"',
                'put {b} in the place of {a} in "I like {a} and tea"',
                'what is "I like {a} and tea" with {b} instead of {a}?',
            ),
            (
                '(substituir|trocar) {a} por {b} em "I like {a} and tea"',
                'colocar {b} no lugar de {a} em "I like {a} and tea"',
                'como fica "I like {a} and tea" com {b} em vez de {a}?',
            ),
        ),
        """
text = "I like <<a>> and tea"
print(text.replace("<<a>>", "<<b>>"))
""",
        {"a": name(WORDS), "b": name(WORDS)},
    ),
    Kind(
        "first_letters",
        asked(
            (
                "(print|get) the first {n} (characters|letters) of {w}",
                "take the first {n} (characters|letters) from {w}",
                "what are the first {n} (characters|letters) of {w}?",
            ),
            (
                "(mostrar|obter) (os primeiros {n} caracteres|as primeiras {n} letras) de {w}",
                "pegar (os {n} primeiros caracteres|as {n} primeiras letras) de {w}",
                "quais são (os {n} primeiros caracteres|as {n} primeiras letras) de {w}?",
            ),
        ),
        """
text = <<w>>
print(text[:<<n>>])
""",
        {"w": invented(3, 4), "n": choice("2", "3", "4", "5")},
    ),
    Kind(
        "last_letters",
        asked(
            (
                "(print|get) the last {n} (characters|letters) of {w}",
                "take the last {n} (characters|letters) from {w}",
                "what are the last {n} (characters|letters) of {w}?",
            ),
            (
                "(mostrar|obter) (os últimos {n} caracteres|as últimas {n} letras) de {w}",
                "pegar (os {n} últimos caracteres|as {n} últimas letras) de {w}",
                "quais são (os {n} últimos caracteres|as {n} últimas letras) de {w}?",
            ),
        ),
        """
text = <<w>>
print(text[-<<n>>:])
""",
        {"w": invented(3, 4), "n": choice("2", "3", "4", "5")},
    ),
    Kind(
        "repeat_text",
        asked(
            (
                "repeat (the word|the text|) {w} {n} times (on one line|in a single line)",
                "print {w} {n} times joined (together|in one line)",
                "what is {w} repeated {n} times (in one line|on a single line)?",
            ),
            (
                "repetir (a palavra|o texto|) {w} {n} vezes (na mesma linha|em uma linha só)",
                "mostrar {w} {n} vezes (tudo junto|na mesma linha)",
                "como fica {w} repetido {n} vezes (na mesma linha|tudo junto)?",
            ),
        ),
        """
text = <<w>>
print(text * <<n>>)
""",
        {"w": invented(2, 3), "n": number(2, 40)},
    ),
    Kind(
        "print_lines",
        asked(
            (
                "print (the name|) {w} {n} times, (one per line|each on its own line)",
                "write {w} on {n} (separate lines|lines) with a loop",
                "how do I show {w} {n} times, (one per line|line by line), with a for loop?",
            ),
            (
                "imprimir (o nome|) {w} {n} vezes, (um por linha|uma vez por linha)",
                "escrever {w} em {n} (linhas separadas|linhas) com um laço",
                "como mostrar {w} {n} vezes, (um por linha|linha por linha), com um for?",
            ),
        ),
        """
for i in range(<<n>>):
    print(<<w>>)
""",
        {"w": word((*PEOPLE, *WORDS)), "n": number(2, 40)},
    ),
    Kind(
        "center_text",
        asked(
            (
                "center {w} in {n} (characters|columns) (filled with|using) {c}",
                "print {w} centered in a line of {n} (characters|columns) of {c}",
                "what does {w} centered in {n} (characters|columns) of {c} look like?",
            ),
            (
                "centralizar {w} em {n} (caracteres|colunas) (usando|com) {c}",
                "mostrar {w} no centro de uma linha de {n} (caracteres|colunas) de {c}",
                "como fica {w} centralizado em {n} (caracteres|colunas) com {c}?",
            ),
        ),
        """
text = <<w>>
print(text.center(<<n>>, "<<c>>"))
""",
        {"w": invented(2, 4), "n": number(12, 60), "c": choice("*", "-", "=", "#", ".")},
    ),
    Kind(
        "initials",
        asked(
            (
                "(print|get) the initials of {s} with (dots|points)",
                "(show|give) the initials, with dots, of the name {s}",
                "what are the initials of {s}, with dots?",
            ),
            (
                "(mostrar|obter) as iniciais de {s} com pontos",
                "(imprimir|dar) as iniciais, com pontos, do nome {s}",
                "quais são as iniciais de {s}, com pontos?",
            ),
        ),
        """
name = <<s>>
print("".join(word[0] + "." for word in name.split()))
""",
        {"s": full_name()},
    ),
    Kind(
        "acronym",
        asked(
            (
                "(make|build) (an|the) acronym (of|from) {s}",
                "(create|print) the acronym for {s}",
                "what is the acronym of {s}?",
            ),
            (
                "(fazer|montar) (um|o) acrônimo de {s}",
                "(criar|mostrar) (a sigla|o acrônimo) de {s}",
                "qual é (a sigla|o acrônimo) de {s}?",
            ),
        ),
        """
text = <<s>>
print("".join(word[0].upper() for word in text.split()))
""",
        {"s": sentence(3, 5)},
    ),
    Kind(
        "caesar",
        asked(
            (
                "(encrypt|encode) {w} with a caesar cipher of shift {n}",
                "shift (every|each) letter of {w} by {n} (places|positions) (in the alphabet|like caesar)",
                "what is {w} in a caesar cipher with shift {n}?",
            ),
            (
                "(cifrar|codificar) {w} com a cifra de césar de deslocamento {n}",
                "deslocar cada letra de {w} em {n} (posições|casas) (no alfabeto|como césar)",
                "como fica {w} na cifra de césar com deslocamento {n}?",
            ),
        ),
        """
def caesar(text, shift):
    return "".join(chr((ord(c) - 97 + shift) % 26 + 97) for c in text)

print(caesar(<<w>>, <<n>>))
""",
        {"w": invented(2, 4), "n": number(1, 25)},
    ),
    Kind(
        "is_anagram",
        asked(
            (
                "(check|test) if {a} and {b} are anagrams",
                "print True if {a} is an anagram of {b} and False (if not|otherwise)",
                "are {a} and {b} anagrams?",
            ),
            (
                "(verificar|testar) se {a} e {b} são anagramas",
                "mostrar True se {a} for anagrama de {b} e False (se não|caso contrário)",
                "{a} e {b} são anagramas?",
            ),
        ),
        """
a = <<a>>
b = <<b>>
print(sorted(a) == sorted(b))
""",
        {"a": word(ANAGRAMS), "b": word(ANAGRAMS)},
    ),
    Kind(
        "char_frequency",
        asked(
            (
                "(count|find) the frequency of (each|every) (letter|character) in {w}",
                "(make|print) a dictionary with how many times each (letter|character) of {w} occurs",
                "how often does (each|every) (letter|character) occur in {w}?",
            ),
            (
                "(contar|calcular) a frequência de cada (letra|caractere) em {w}",
                "(montar|mostrar) um dicionário com quantas vezes cada (letra|caractere) de {w} aparece",
                "quantas vezes cada (letra|caractere) aparece em {w}?",
            ),
        ),
        """
text = <<w>>
counts = {}
for c in text:
    counts[c] = counts.get(c, 0) + 1
print(counts)
""",
        {"w": invented(2, 4)},
    ),
)
