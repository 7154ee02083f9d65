"""Kinds about lists of names and numbers: their order, their parts, two of them together. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import VARIABLES, nested, repeating_numbers, sorted_numbers
from tools.starter.kinds import Kind
from tools.starter.slots import CITIES, PEOPLE, WORDS, choice, invented, name, number, numbers, words

KINDS: tuple[Kind, ...] = (
    Kind(
        "remove_duplicates",
        asked(
            (
                "(remove|delete) (the|) duplicates from (the list|) {xs} (keeping the order|)",
                "print the list {xs} without repeated (values|items)",
                "what is {xs} without (the|) duplicates?",
            ),
            (
                "(remover|apagar) (os|) duplicados de {xs} (mantendo a ordem|)",
                "mostrar a lista {xs} sem (valores|itens) repetidos",
                "como fica {xs} sem (os|) duplicados?",
            ),
        ),
        """
items = <<xs>>
print(list(dict.fromkeys(items)))
""",
        {"xs": repeating_numbers(1, 50)},
    ),
    Kind(
        "intersection",
        asked(
            (
                "find the (intersection|common items) of {xs} and {ys}, sorted",
                "print a sorted list of the numbers that are in both {xs} and {ys}",
                "(which|what) numbers are in both {xs} and {ys}, sorted?",
            ),
            (
                "achar (a interseção|os itens em comum) de {xs} e {ys}, em ordem",
                "mostrar uma lista ordenada dos números que estão em {xs} e também em {ys}",
                "quais números estão tanto em {xs} quanto em {ys}, em ordem?",
            ),
        ),
        """
a = <<xs>>
b = <<ys>>
print(sorted(set(a) & set(b)))
""",
        {"xs": sorted_numbers(1, 9, 4, 6), "ys": sorted_numbers(1, 9, 4, 6)},
    ),
    Kind(
        "union",
        asked(
            (
                "find the union of {xs} and {ys}, sorted",
                "print a sorted list of the different numbers of {xs} and {ys} together",
                "what is the union of {xs} and {ys}, sorted?",
            ),
            (
                "achar a união de {xs} e {ys}, em ordem",
                "mostrar uma lista ordenada dos números diferentes de {xs} e {ys} juntos",
                "qual é a união de {xs} e {ys}, em ordem?",
            ),
        ),
        """
a = <<xs>>
b = <<ys>>
print(sorted(set(a) | set(b)))
""",
        {"xs": sorted_numbers(1, 20, 3, 5), "ys": sorted_numbers(1, 20, 3, 5)},
    ),
    Kind(
        "difference",
        asked(
            (
                "(list|find) the numbers of {xs} that are not in {ys}, sorted",
                "print the sorted (set difference|difference of sets) of {xs} minus {ys}",
                "(which|what) numbers of {xs} are not in {ys}, sorted?",
            ),
            (
                "(listar|achar) os números de {xs} que não estão em {ys}, em ordem",
                "mostrar (a diferença ordenada|em ordem a diferença) dos conjuntos {xs} menos {ys}",
                "quais números de {xs} não estão em {ys}, em ordem?",
            ),
        ),
        """
a = <<xs>>
b = <<ys>>
print(sorted(set(a) - set(b)))
""",
        {"xs": sorted_numbers(1, 12, 4, 6), "ys": sorted_numbers(1, 12, 3, 5)},
    ),
    Kind(
        "flatten",
        asked(
            (
                "flatten (the nested list|the list|) {xs}",
                "turn the list of lists {xs} into one (flat|single) list",
                "what is {xs} (flattened|as one flat list)?",
            ),
            (
                "achatar (a lista aninhada|a lista|) {xs}",
                "transformar a lista de listas {xs} em uma lista (só|única)",
                "como fica {xs} (achatada|em uma lista só)?",
            ),
        ),
        """
lists = <<xs>>
print([x for inner in lists for x in inner])
""",
        {"xs": nested()},
    ),
    Kind(
        "chunks",
        asked(
            (
                "(split|divide) (the list|) {xs} into (chunks|groups) of {n}",
                "(break|cut) {xs} up in (sublists|pieces) of {n} items",
                "what are the (chunks|groups) of {n} of {xs}?",
            ),
            (
                "(dividir|separar) (a lista|) {xs} em grupos de {n}",
                "(quebrar|cortar) {xs} em (sublistas|pedaços) de {n} itens",
                "quais são os grupos de {n} de {xs}?",
            ),
        ),
        """
items = <<xs>>
print([items[i:i + <<n>>] for i in range(0, len(items), <<n>>)])
""",
        {"xs": numbers(1, 99, 5, 8), "n": choice("2", "3", "4")},
    ),
    Kind(
        "rotate_left",
        asked(
            (
                "rotate (the list|) {xs} (to the left by|left by) {k}",
                "move the first {k} items of {xs} to the end",
                "what is {xs} rotated left by {k}?",
            ),
            (
                "(rotacionar|girar) (a lista|) {xs} {k} (posições|casas) para a esquerda",
                "(mover|passar) os primeiros {k} itens de {xs} para o fim",
                "como fica {xs} rotacionada {k} posições para a esquerda?",
            ),
        ),
        """
items = <<xs>>
print(items[<<k>>:] + items[:<<k>>])
""",
        {"xs": numbers(1, 99, 4, 6), "k": choice("2", "3", "4")},
    ),
    Kind(
        "reverse_list",
        asked(
            (
                "reverse the list {xs}",
                "print the list {xs} from the last item to the first, as a list",
                "what is the list {xs} in reverse order?",
            ),
            (
                "inverter a lista {xs}",
                "mostrar a lista {xs} do último item para o primeiro, como lista",
                "como fica a lista {xs} na ordem inversa?",
            ),
        ),
        """
items = <<xs>>
print(items[::-1])
""",
        {"xs": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "index_of",
        asked(
            (
                "find the (index|position) of {x} in {xs}, -1 if (missing|it is missing)",
                "print the index of {x} in the list {xs} or -1",
                "at which index is {x} in {xs} (or -1|, -1 if missing)?",
            ),
            (
                "achar o (índice|lugar) de {x} em {xs}, -1 se (faltar|não houver)",
                "mostrar o índice de {x} na lista {xs} ou -1",
                "em qual índice está {x} em {xs} (ou -1|, -1 se faltar)?",
            ),
        ),
        """
items = <<xs>>
print(items.index(<<x>>) if <<x>> in items else -1)
""",
        {"x": number(1, 25), "xs": numbers(1, 25, 4, 6)},
    ),
    Kind(
        "count_item",
        asked(
            (
                "count how many times {x} (is|occurs) in {xs}",
                "print how often {x} appears in the list {xs}",
                "how many times (does|) {x} (occur|appear) in the list {xs}?",
            ),
            (
                "contar quantas vezes {x} (está|ocorre) em {xs}",
                "mostrar quantas vezes {x} aparece na lista {xs}",
                "quantas vezes {x} (ocorre|aparece) na lista {xs}?",
            ),
        ),
        """
items = <<xs>>
print(items.count(<<x>>))
""",
        {"x": number(1, 20), "xs": repeating_numbers(1, 20)},
    ),
    Kind(
        "numbered_list",
        asked(
            (
                "number the items {ws} from 1, one per line like 1. item",
                "print the list {ws} with enumerate as 1. item, 2. item, one a line",
                "how do I show {ws} as a numbered list like 1. item?",
            ),
            (
                "numerar os itens {ws} a partir de 1, um por linha como 1. item",
                "mostrar a lista {ws} com enumerate como 1. item, 2. item, um por linha",
                "como mostrar {ws} em uma lista numerada como 1. item?",
            ),
        ),
        """
items = <<ws>>
for i, item in enumerate(items, 1):
    print(f"{i}. {item}")
""",
        {"ws": words((*WORDS, *CITIES), 3, 5)},
    ),
    Kind(
        "print_each",
        asked(
            (
                "print each (item|word) of {ws} on its own line",
                "(go|loop) over the list {ws} and ~print every item on a line",
                "how do I print the items of {ws} one per line?",
            ),
            (
                "imprimir cada (item|palavra) de {ws} em sua própria linha",
                "percorrer a lista {ws} e ~mostrar um item por linha",
                "como imprimir os itens de {ws}, um por linha?",
            ),
        ),
        """
items = <<ws>>
for item in items:
    print(item)
""",
        {"ws": words((*WORDS, *CITIES), 3, 5)},
    ),
    Kind(
        "longer_than",
        asked(
            (
                "(filter|keep) the words of {ws} (longer than|with more than) {n} letters",
                "(list|get) only the words in {ws} that have more than {n} letters",
                "which words of {ws} have more than {n} letters?",
            ),
            (
                "(filtrar|manter) as palavras de {ws} com mais de {n} letras",
                "(listar|obter) só as palavras em {ws} que têm mais de {n} letras",
                "quais palavras de {ws} têm mais de {n} letras?",
            ),
        ),
        """
words = <<ws>>
print([word for word in words if len(word) > <<n>>])
""",
        {"ws": words((*WORDS, *PEOPLE), 4, 6), "n": choice("3", "4", "5", "6")},
    ),
    Kind(
        "word_lengths",
        asked(
            (
                "(list|get) the length of each word (in|of) {ws}",
                "make a list with how many letters each word of {ws} has",
                "what are the lengths of the words {ws}?",
            ),
            (
                "(listar|obter) o tamanho de cada palavra de {ws}",
                "fazer uma lista com quantas letras cada palavra de {ws} tem",
                "quais são os tamanhos das palavras {ws}?",
            ),
        ),
        """
words = <<ws>>
print([len(word) for word in words])
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "append_item",
        asked(
            (
                "(create|make) the list {v} with {ws}, ~append {w} and ~print it",
                "add {w} to the end of the list {v} = {ws} and ~print the list",
                "how do I append {w} to the list {v} with {ws} and print it?",
            ),
            (
                "(criar|fazer) a lista {v} com {ws}, ~adicionar {w} e ~mostrar",
                "acrescentar {w} no fim da lista {v} = {ws} e ~imprimir a lista",
                "como adicionar {w} no fim da lista {v} com {ws} e imprimir?",
            ),
        ),
        """
<<v>> = <<ws>>
<<v>>.append(<<w>>)
print(<<v>>)
""",
        {"v": name(VARIABLES), "ws": words((*WORDS, *PEOPLE), 2, 4), "w": invented(2, 3)},
    ),
    Kind(
        "insert_item",
        asked(
            (
                "(create|make) the list {v} with {ws}, ~insert {w} at the (start|beginning) and ~print it",
                "put {w} in front of the list {v} = {ws} and ~print the list",
                "how do I insert {w} at the start of the list {v} with {ws} and print it?",
            ),
            (
                "(criar|fazer) a lista {v} com {ws}, ~inserir {w} no (início|começo) e ~mostrar",
                "colocar {w} na frente da lista {v} = {ws} e ~imprimir a lista",
                "como inserir {w} no início da lista {v} com {ws} e imprimir?",
            ),
        ),
        """
<<v>> = <<ws>>
<<v>>.insert(0, <<w>>)
print(<<v>>)
""",
        {"v": name(VARIABLES), "ws": words((*WORDS, *PEOPLE), 2, 4), "w": invented(2, 3)},
    ),
    Kind(
        "remove_last",
        asked(
            (
                "(create|make) the list {v} with {ws}, ~remove the last item and ~print it",
                "pop the last item off the list {v} = {ws} and ~print the list",
                "how do I remove the last item of the list {v} with {ws} and print the list?",
            ),
            (
                "(criar|fazer) a lista {v} com {ws}, ~remover o último item e ~mostrar",
                "tirar o último item da lista {v} = {ws} e ~imprimir a lista",
                "como remover o último item da lista {v} com {ws} e imprimir a lista?",
            ),
        ),
        """
<<v>> = <<ws>>
<<v>>.pop()
print(<<v>>)
""",
        {"v": name(VARIABLES), "ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "swap_ends",
        asked(
            (
                "swap the first and (the|) last (item|element) of {xs}",
                "exchange the ends of the list {xs}",
                "what is {xs} with the first and last items swapped?",
            ),
            (
                "trocar o primeiro e o último (item|elemento) de {xs}",
                "permutar as pontas da lista {xs}",
                "como fica {xs} com o primeiro e o último itens trocados?",
            ),
        ),
        """
items = <<xs>>
items[0], items[-1] = items[-1], items[0]
print(items)
""",
        {"xs": numbers(1, 99, 3, 6)},
    ),
)
