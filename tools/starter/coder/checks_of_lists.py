"""Kinds about lists of numbers: sums, averages, order, what is above or even. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_a import named, of, task
from tools.starter.coder.pools_a import few, matrix
from tools.starter.coder.pools_b import repeating_numbers
from tools.starter.kinds import Kind
from tools.starter.slots import number, numbers

_XS = {"xs": numbers(-20, 200)}
_SMALL = {"xs": numbers(1, 30, 3, 6)}

AVERAGE = of(
    "average_list",
    ("the (average|mean) of {xs}", "what is the average of the numbers {xs}?"),
    ("a média de {xs}", "qual é a média dos números {xs}?"),
    """
def average(numbers):
    return round(sum(numbers) / len(numbers), 2)

print(average(<<xs>>))
""",
    _XS,
)
MEDIAN = of(
    "median",
    ("the median of {xs}", "what is the median of the numbers {xs}?"),
    ("a mediana de {xs}", "qual é a mediana dos números {xs}?"),
    """
from statistics import median

numbers = <<xs>>
print(median(numbers))
""",
    _XS,
)
SUM_SQUARES = of(
    "sum_squares",
    ("the sum of the squares of {xs}", "what do the squares of {xs} add up to?"),
    ("a soma dos quadrados de {xs}", "quanto somam os quadrados de {xs}?"),
    """
def sum_squares(numbers):
    return sum(n * n for n in numbers)

print(sum_squares(<<xs>>))
""",
    _SMALL,
)
SECOND_LARGEST = of(
    "second_largest",
    ("the second (largest|biggest) number (in|of) {xs}", "which number of {xs} is the second largest?"),
    ("o segundo maior número de {xs}", "qual número de {xs} é o segundo maior?"),
    """
def second_largest(numbers):
    return sorted(set(numbers))[-2]

print(second_largest(<<xs>>))
""",
    {"xs": numbers(1, 900, 4, 7)},
)
COUNT_ABOVE = task(
    "count_above",
    (
        "count how many numbers (in|of) {xs} are (greater than|above) {n}",
        "count the numbers above {n} in {xs}",
        "how many numbers in {xs} are above {n}?",
    ),
    (
        "contar quantos números de {xs} são maiores que {n}",
        "contar os números acima de {n} em {xs}",
        "quantos números de {xs} são maiores que {n}?",
    ),
    """
def count_above(numbers, limit):
    return len([n for n in numbers if n > limit])

print(count_above(<<xs>>, <<n>>))
""",
    {"xs": numbers(1, 100), "n": number(10, 80)},
)
SPLIT_EVEN_ODD = task(
    "split_even_odd",
    (
        "(split|separate) {xs} into even and odd numbers",
        "print the even numbers and then the odd numbers of {xs}",
        "which numbers of {xs} are even and which are odd?",
    ),
    (
        "separar {xs} em números pares e ímpares",
        "mostrar os números pares e depois os ímpares de {xs}",
        "quais números de {xs} são pares e quais são ímpares?",
    ),
    """
numbers = <<xs>>
print([n for n in numbers if n % 2 == 0])
print([n for n in numbers if n % 2 != 0])
""",
    _XS,
)
RUNNING_TOTAL = of(
    "running_total",
    ("the (running total|running totals|cumulative sum) of {xs}", "what are the running totals of {xs}?"),
    ("a soma (acumulada|cumulativa) de {xs}", "como fica a soma acumulada de {xs}?"),
    """
from itertools import accumulate

numbers = <<xs>>
print(list(accumulate(numbers)))
""",
    _SMALL,
)
PRODUCT = of(
    "product_list",
    ("the product of (the numbers|all numbers in) {xs}", "what do I get if I multiply all of {xs} together?"),
    ("o produto (dos números|de todos os números) {xs}", "quanto dá multiplicar todos os números {xs}?"),
    """
import math

numbers = <<xs>>
print(math.prod(numbers))
""",
    _SMALL,
)
SORT_DESCENDING = task(
    "sort_descending",
    (
        "sort {xs} in descending order",
        "sort the numbers {xs} from (largest to smallest|highest to lowest)",
        "how do {xs} look in descending order?",
    ),
    (
        "ordenar {xs} em ordem decrescente",
        "ordenar os números {xs} do maior para o menor",
        "como ficam {xs} em ordem decrescente?",
    ),
    """
numbers = <<xs>>
print(sorted(numbers, reverse=True))
""",
    _XS,
)

KINDS: tuple[Kind, ...] = (
    of(
        "sum_list",
        ("the (sum|total) of {xs}", "what is the sum of the numbers {xs}?"),
        ("a soma de {xs}", "qual é a soma dos números {xs}?"),
        """
numbers = <<xs>>
print(sum(numbers))
""",
        _XS,
    ),
    AVERAGE,
    named(
        AVERAGE,
        "average",
        ("returns the average of a list", "{xs}"),
        ("devolve a média de uma lista", "{xs}"),
    ),
    of(
        "maximum",
        ("the (largest|biggest|maximum) number (in|of) {xs}", "which is the largest of the numbers {xs}?"),
        ("o maior número (de|em) {xs}", "qual é o maior dos números {xs}?"),
        """
numbers = <<xs>>
print(max(numbers))
""",
        _XS,
    ),
    of(
        "minimum",
        ("the (smallest|lowest|minimum) number (in|of) {xs}", "which is the smallest of the numbers {xs}?"),
        ("o menor número (de|em) {xs}", "qual é o menor dos números {xs}?"),
        """
numbers = <<xs>>
print(min(numbers))
""",
        _XS,
    ),
    MEDIAN,
    PRODUCT,
    SUM_SQUARES,
    named(
        SUM_SQUARES,
        "sum_squares",
        ("returns the sum of the squares of a list", "{xs}"),
        ("devolve a soma dos quadrados de uma lista", "{xs}"),
    ),
    of(
        "standard_deviation",
        ("the (sample|) standard deviation of {xs}", "what is the standard deviation of the numbers {xs}?"),
        ("o desvio padrão (amostral|) de {xs}", "qual é o desvio padrão dos números {xs}?"),
        """
from statistics import stdev

numbers = <<xs>>
print(round(stdev(numbers), 2))
""",
        _XS,
    ),
    of(
        "mode",
        ("the mode of {xs}", "which number is the mode of {xs}, the one that appears most?"),
        ("a moda de {xs}", "qual número é a moda de {xs}, o que mais aparece?"),
        """
from statistics import mode

numbers = <<xs>>
print(mode(numbers))
""",
        {"xs": repeating_numbers(1, 40)},
    ),
    task(
        "sort_ascending",
        (
            "sort {xs} in ascending order",
            "sort the numbers {xs} from (smallest to largest|lowest to highest)",
            "how do {xs} look in ascending order?",
        ),
        (
            "ordenar {xs} em ordem crescente",
            "ordenar os números {xs} do menor para o maior",
            "como ficam {xs} em ordem crescente?",
        ),
        """
numbers = <<xs>>
print(sorted(numbers))
""",
        _XS,
    ),
    SORT_DESCENDING,
    task(
        "top_k",
        (
            "(find|print) the {k} largest numbers (in|of) {xs}, largest first",
            "show the top {k} of {xs}, from the largest",
            "which are the {k} largest numbers of {xs}, in descending order?",
        ),
        (
            "(achar|mostrar) os {k} maiores números de {xs}, do maior ao menor",
            "listar os {k} maiores de {xs}, do maior ao menor",
            "quais são os {k} maiores números de {xs}, em ordem decrescente?",
        ),
        """
numbers = <<xs>>
print(sorted(numbers, reverse=True)[:<<k>>])
""",
        {"xs": numbers(1, 300, 6, 8), "k": few(2, 5)},
    ),
    SECOND_LARGEST,
    named(
        SECOND_LARGEST,
        "second_largest",
        ("returns the second largest number of a list", "{xs}"),
        ("devolve o segundo maior número de uma lista", "{xs}"),
    ),
    COUNT_ABOVE,
    named(
        COUNT_ABOVE,
        "count_above",
        ("counts the numbers of a list above a limit", "{xs} and limit {n}"),
        ("conta os números de uma lista acima de um limite", "{xs} e limite {n}"),
    ),
    SPLIT_EVEN_ODD,
    RUNNING_TOTAL,
    of(
        "cumulative_product",
        ("the (cumulative|running) product of {xs}", "what are the cumulative products of {xs}?"),
        ("o produto (acumulado|cumulativo) de {xs}", "como fica o produto acumulado de {xs}?"),
        """
from itertools import accumulate
from operator import mul

numbers = <<xs>>
print(list(accumulate(numbers, mul)))
""",
        {"xs": numbers(1, 9, 3, 5)},
    ),
    of(
        "differences",
        (
            "the differences between (consecutive|neighbouring) numbers (in|of) {xs}",
            "by how much does each number in {xs} differ from the one before?",
        ),
        (
            "as diferenças entre números (consecutivos|vizinhos) de {xs}",
            "quanto cada número de {xs} difere do anterior?",
        ),
        """
numbers = <<xs>>
print([b - a for a, b in zip(numbers, numbers[1:])])
""",
        {"xs": numbers(1, 99, 4, 7)},
    ),
    task(
        "multiply_each",
        (
            "multiply (each|every) number (in|of) {xs} by {k}",
            "print {xs} with each number multiplied by {k}",
            "what is {xs} when each number is multiplied by {k}?",
        ),
        (
            "multiplicar cada número de {xs} por {k}",
            "mostrar {xs} com cada número multiplicado por {k}",
            "como fica {xs} com cada número multiplicado por {k}?",
        ),
        """
numbers = <<xs>>
print([n * <<k>> for n in numbers])
""",
        {"xs": numbers(1, 99), "k": number(2, 30)},
    ),
    of(
        "matrix_sum",
        ("the sum of all numbers (in|of) the matrix {m}", "what do all the numbers in the matrix {m} add up to?"),
        ("a soma de todos os números da matriz {m}", "quanto somam todos os números da matriz {m}?"),
        """
matrix = <<m>>
print(sum(sum(row) for row in matrix))
""",
        {"m": matrix()},
    ),
    of(
        "matrix_transpose",
        ("the transpose of the matrix {m}", "what is the matrix {m} (transposed|with rows and columns swapped)?"),
        ("a transposta da matriz {m}", "como fica a matriz {m} transposta?"),
        """
matrix = <<m>>
print([list(row) for row in zip(*matrix)])
""",
        {"m": matrix()},
    ),
)
