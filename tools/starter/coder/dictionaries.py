"""Kinds about dictionaries: build them, look things up, add up and order what they hold. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import pairs, sorted_numbers
from tools.starter.kinds import Kind
from tools.starter.slots import CITIES, PEOPLE, WORDS, invented, name, number, words

KINDS: tuple[Kind, ...] = (
    Kind(
        "merge_sorted",
        asked(
            (
                "merge the sorted lists {xs} and {ys} (into one|) with duplicates kept",
                "(join|combine) {xs} and {ys} into one sorted list, (repeated numbers too|repeats included)",
                "what is the sorted merge of {xs} and {ys}, with repeats?",
            ),
            (
                "(mesclar|intercalar) as listas ordenadas {xs} e {ys} mantendo os repetidos",
                "(juntar|combinar) {xs} e {ys} em uma lista ordenada, (repetidos também|com repetidos)",
                "como fica a mescla ordenada de {xs} e {ys}, com repetidos?",
            ),
        ),
        """
a = <<xs>>
b = <<ys>>
print(sorted(a + b))
""",
        {"xs": sorted_numbers(1, 40), "ys": sorted_numbers(1, 40)},
    ),
    Kind(
        "zip_dict",
        asked(
            (
                "(build|make) a dictionary from the keys {ws} and the values 1, 2, 3... (in order|)",
                "map each word of {ws} to its position from 1 in a dict",
                "what is the dict of {ws} with values 1, 2, 3...?",
            ),
            (
                "(montar|criar) um dicionário com as chaves {ws} e os valores 1, 2, 3... (em ordem|)",
                "ligar cada palavra de {ws} à sua posição a partir de 1 em um dict",
                "qual é o dict de {ws} com valores 1, 2, 3...?",
            ),
        ),
        """
keys = <<ws>>
print(dict(zip(keys, range(1, len(keys) + 1))))
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "invert_dict",
        asked(
            (
                "(invert|swap the keys and values of) the dictionary {d}",
                "make a dict from {d} whose keys are the values",
                "what is the dict {d} with keys and values swapped?",
            ),
            (
                "inverter o dicionário {d} (trocando chaves e valores|)",
                "fazer um dict de {d} em que as chaves são os valores",
                "como fica o dict {d} com chaves e valores trocados?",
            ),
        ),
        """
data = <<d>>
print({value: key for key, value in data.items()})
""",
        {"d": pairs((*WORDS, *PEOPLE), 1, 60)},
    ),
    Kind(
        "sort_by_value",
        asked(
            (
                "sort the dictionary {d} by value, (lowest first|ascending)",
                "order the dict {d} from the smallest value to the largest",
                "what is the dict {d} sorted by its values?",
            ),
            (
                "ordenar o dicionário {d} por valor, (do menor para o maior|crescente)",
                "organizar o dict {d} do menor valor ao maior",
                "como fica o dict {d} ordenado pelos valores?",
            ),
        ),
        """
data = <<d>>
print(dict(sorted(data.items(), key=lambda item: item[1])))
""",
        {"d": pairs((*WORDS, *PEOPLE), 1, 90, 3, 4)},
    ),
    Kind(
        "shopping_total",
        asked(
            (
                "(sum|add up) the prices of the shopping list {d}",
                "(find|print) the total of the shopping list {d}",
                "how much does the shopping list {d} cost (in all|in total)?",
            ),
            (
                "somar os preços da lista de compras {d}",
                "(calcular|mostrar) o total da lista de compras {d}",
                "quanto custa (no total|ao todo) a lista de compras {d}?",
            ),
        ),
        """
prices = <<d>>
print(sum(prices.values()))
""",
        {"d": pairs(WORDS, 1, 90, 2, 4)},
    ),
    Kind(
        "max_key",
        asked(
            (
                "find who has the highest score in {d}",
                "print the key with the (largest|biggest) value in {d}",
                "who has the highest score in {d}?",
            ),
            (
                "descobrir quem tem a maior pontuação em {d}",
                "mostrar a chave com o maior valor em {d}",
                "quem tem a maior pontuação em {d}?",
            ),
        ),
        """
scores = <<d>>
print(max(scores, key=scores.get))
""",
        {"d": pairs(PEOPLE, 1, 100, 3, 4)},
    ),
    Kind(
        "grades_average",
        asked(
            (
                "(compute|find) the average of the grades {d}",
                "print the mean grade of the students {d}",
                "what is the average grade in {d}?",
            ),
            (
                "(calcular|achar) a média das notas {d}",
                "mostrar a nota média dos alunos {d}",
                "qual é a média das notas em {d}?",
            ),
        ),
        """
grades = <<d>>
print(sum(grades.values()) / len(grades))
""",
        {"d": pairs(PEOPLE, 1, 10, 2, 4)},
    ),
    Kind(
        "merge_dicts",
        asked(
            (
                "merge the dictionaries {d} and {e}",
                "(join|combine) the dicts {d} and {e} into one, the second one winning",
                "what is the merge of the dicts {d} and {e}?",
            ),
            (
                "(mesclar|juntar) os dicionários {d} e {e}",
                "(unir|combinar) os dicts {d} e {e} em um só, valendo o segundo",
                "como fica a união dos dicts {d} e {e}?",
            ),
        ),
        """
a = <<d>>
b = <<e>>
print({**a, **b})
""",
        {"d": pairs(WORDS, 1, 60, 2, 2), "e": pairs(WORDS, 1, 60, 2, 2)},
    ),
    Kind(
        "group_by_letter",
        asked(
            (
                "group the words {ws} by (first letter|their first letter) in a dictionary",
                "make a dict from (the|each) first letter to the list of its words for {ws}",
                "what is the dict of {ws} grouped by first letter?",
            ),
            (
                "agrupar as palavras {ws} pela (primeira letra|letra inicial) em um dicionário",
                "fazer um dict da primeira letra para a lista de suas palavras com {ws}",
                "qual é o dict de {ws} agrupado pela primeira letra?",
            ),
        ),
        """
groups = {}
for word in <<ws>>:
    groups.setdefault(word[0], []).append(word)
print(groups)
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 6)},
    ),
    Kind(
        "phone_lookup",
        asked(
            (
                "look up {p} in the phone book {d}, not found if missing",
                "print the number of {p} in the phone book {d} or not found",
                "what is the number of {p} in the phone book {d} (or not found)?",
            ),
            (
                "procurar {p} na agenda {d}, not found se não houver",
                "mostrar o número de {p} na agenda {d} ou not found",
                "qual é o número de {p} na agenda {d} (ou not found)?",
            ),
        ),
        """
phones = <<d>>
print(phones.get("<<p>>", "not found"))
""",
        {"p": name(PEOPLE[:14]), "d": pairs(PEOPLE[:14], 1000, 9999, 3, 4)},
    ),
    Kind(
        "add_key",
        asked(
            (
                "add the key {w} with the value {n} to the dictionary {d}",
                "(set|put) {w} to {n} in the dict {d} and ~print it",
                "what is the dict {d} after setting {w} to {n}?",
            ),
            (
                "adicionar a chave {w} com o valor {n} no dicionário {d}",
                "(definir|gravar) {w} como {n} no dict {d} e ~mostrar",
                "como fica o dict {d} depois de definir {w} como {n}?",
            ),
        ),
        """
data = <<d>>
data[<<w>>] = <<n>>
print(data)
""",
        {"w": invented(2, 3), "n": number(1, 99), "d": pairs(WORDS, 1, 60, 2, 3)},
    ),
    Kind(
        "sorted_keys",
        asked(
            (
                "(list|print) the keys of {d} in alphabetical order",
                "get a sorted list of the keys of the dict {d}",
                "what are the keys of {d}, sorted in a list?",
            ),
            (
                "(listar|mostrar) as chaves de {d} em ordem alfabética",
                "obter uma lista ordenada das chaves do dict {d}",
                "quais são as chaves de {d}, em uma lista ordenada?",
            ),
        ),
        """
data = <<d>>
print(sorted(data))
""",
        {"d": pairs((*WORDS, *CITIES), 1, 60, 3, 4)},
    ),
    Kind(
        "print_items",
        asked(
            (
                "print each item of the dictionary {d} as key = value, one per line",
                "loop over the dict {d} and ~print key = value on each line",
                "how do I print the items of {d} like key = value, line by line?",
            ),
            (
                "imprimir cada item do dicionário {d} como key = value, um por linha",
                "percorrer o dict {d} e ~mostrar key = value em cada linha",
                "como imprimir os itens de {d} como key = value, linha por linha?",
            ),
        ),
        """
data = <<d>>
for key, value in data.items():
    print(f"{key} = {value}")
""",
        {"d": pairs((*WORDS, *PEOPLE), 1, 99, 2, 4)},
    ),
    Kind(
        "values_above",
        asked(
            (
                "(keep|filter) the items of the dictionary {d} with a value above {n}",
                "make a dict of only the items of {d} that are greater than {n}",
                "which items of the dict {d} have a value above {n}?",
            ),
            (
                "(manter|filtrar) os itens do dicionário {d} com valor acima de {n}",
                "fazer um dict só com os itens de {d} que são maiores que {n}",
                "quais itens do dict {d} têm valor acima de {n}?",
            ),
        ),
        """
data = <<d>>
print({key: value for key, value in data.items() if value > <<n>>})
""",
        {"d": pairs((*CITIES, *WORDS), 1, 60, 3, 4), "n": number(10, 50)},
    ),
)
