"""Kinds that print sequences: primes, Fibonacci, tables, ranges, patterns. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_a import named, of, task
from tools.starter.coder.pools_a import few
from tools.starter.kinds import Kind
from tools.starter.slots import number

_N = {"n": number(2, 40)}
_FROM_TO = {"a": number(1, 40), "b": number(50, 90)}

FIBONACCI_FIRST = of(
    "fibonacci_first",
    ("the first {n} Fibonacci numbers", "what are the first {n} numbers of the Fibonacci sequence?"),
    ("os {n} primeiros números de Fibonacci", "quais são os {n} primeiros números da sequência de Fibonacci?"),
    """
def fibonacci(n):
    a, b = 0, 1
    numbers = []
    for _ in range(n):
        numbers.append(a)
        a, b = b, a + b
    return numbers

print(fibonacci(<<n>>))
""",
    {"n": number(3, 40)},
)
FIBONACCI_NTH = task(
    "fibonacci_nth",
    (
        "(find|calculate) the Fibonacci number at position {n}",
        "print only the {n}th Fibonacci number",
        "which Fibonacci number is at position {n}?",
    ),
    (
        "(achar|calcular) o número de Fibonacci na posição {n}",
        "mostrar só o {n}º número de Fibonacci",
        "qual número de Fibonacci fica na posição {n}?",
    ),
    """
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a

print(fibonacci(<<n>>))
""",
    {"n": number(4, 60)},
)
PRIMES_BELOW = of(
    "primes_below",
    ("the prime numbers (below|less than) {n}", "which primes are smaller than {n}?"),
    ("os números primos (abaixo de|menores que) {n}", "quais primos são menores que {n}?"),
    """
def primes_below(limit):
    return [n for n in range(2, limit) if all(n % d != 0 for d in range(2, n))]

print(primes_below(<<n>>))
""",
    {"n": number(10, 120)},
)
SUM_TO_N = of(
    "sum_to_n",
    ("the sum of the numbers from {a} to {b}", "what do all numbers from {a} to {b} add up to?"),
    ("a soma dos números de {a} a {b}", "quanto somam todos os números de {a} até {b}?"),
    """
def sum_range(a, b):
    return sum(range(a, b + 1))

print(sum_range(<<a>>, <<b>>))
""",
    _FROM_TO,
)
COLLATZ = of(
    "collatz",
    ("the Collatz sequence (of|starting at|from) {n}", "which numbers does the Collatz rule go through from {n} to 1?"),
    ("a sequência de Collatz (de|a partir de) {n}", "por quais números a regra de Collatz passa de {n} até 1?"),
    """
def collatz(n):
    numbers = [n]
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        numbers.append(n)
    return numbers

print(collatz(<<n>>))
""",
    {"n": number(3, 90)},
)
TIMES_TABLE = of(
    "times_table",
    ("the (multiplication|times) table of {n} (from 1 to 10|)", "how does the times table of {n} go, up to 10?"),
    ("a tabuada (de|do) {n} (de 1 a 10|)", "como é a tabuada do {n}, até 10?"),
    """
for i in range(1, 11):
    print(f"<<n>> x {i} = {<<n>> * i}")
""",
    {"n": number(2, 99)},
)

KINDS: tuple[Kind, ...] = (
    FIBONACCI_FIRST,
    named(
        FIBONACCI_FIRST,
        "fibonacci",
        ("returns the first n Fibonacci numbers", "n = {n}"),
        ("devolve os n primeiros números de Fibonacci", "n = {n}"),
    ),
    FIBONACCI_NTH,
    of(
        "fibonacci_below",
        ("the Fibonacci numbers (below|less than) {n}", "which Fibonacci numbers are smaller than {n}?"),
        ("os números de Fibonacci (abaixo de|menores que) {n}", "quais números de Fibonacci são menores que {n}?"),
        """
a, b = 0, 1
while a < <<n>>:
    print(a)
    a, b = b, a + b
""",
        {"n": number(10, 900)},
    ),
    PRIMES_BELOW,
    named(
        PRIMES_BELOW,
        "primes_below",
        ("lists the primes below a limit", "{n}"),
        ("lista os primos abaixo de um limite", "{n}"),
    ),
    of(
        "primes_first",
        ("the first {n} prime numbers", "what are the first {n} primes?"),
        ("os {n} primeiros números primos", "quais são os {n} primeiros primos?"),
        """
primes = []
n = 2
while len(primes) < <<n>>:
    if all(n % p != 0 for p in primes):
        primes.append(n)
    n += 1
print(primes)
""",
        _N,
    ),
    TIMES_TABLE,
    task(
        "countdown",
        (
            "count down from {n} to {low}",
            "print a countdown (from|starting at) {n} to {low}",
            "how do I count backwards from {n} to {low}?",
        ),
        (
            "contar de trás para frente de {n} até {low}",
            "mostrar uma contagem regressiva de {n} até {low}",
            "como contar ao contrário de {n} até {low}?",
        ),
        """
for i in range(<<n>>, <<low>> - 1, -1):
    print(i)
""",
        {"n": number(10, 60), "low": few(0, 9)},
    ),
    task(
        "count_up",
        (
            "count (up|) from {a} to {b}",
            "print the numbers from {a} to {b}, one per line",
            "how do I loop over the numbers from {a} to {b}?",
        ),
        (
            "contar de {a} até {b}",
            "mostrar os números de {a} a {b}, um por linha",
            "como fazer um laço com os números de {a} até {b}?",
        ),
        """
for i in range(<<a>>, <<b>> + 1):
    print(i)
""",
        {"a": number(0, 30), "b": number(35, 90)},
    ),
    of(
        "squares_list",
        ("the squares (of the numbers|) from {a} to {b}", "what are the squares of all numbers from {a} to {b}?"),
        ("os quadrados (dos números|) de {a} a {b}", "quais são os quadrados de todos os números de {a} até {b}?"),
        "print([n ** 2 for n in range(<<a>>, <<b>> + 1)])",
        _FROM_TO,
    ),
    of(
        "cubes_list",
        ("the cubes (of the numbers|) from {a} to {b}", "what are the cubes of all numbers from {a} to {b}?"),
        ("os cubos (dos números|) de {a} a {b}", "quais são os cubos de todos os números de {a} até {b}?"),
        "print([n ** 3 for n in range(<<a>>, <<b>> + 1)])",
        _FROM_TO,
    ),
    SUM_TO_N,
    named(
        SUM_TO_N,
        "sum_range",
        ("adds all numbers of a range", "the range from {a} to {b}"),
        ("soma todos os números de um intervalo", "o intervalo de {a} a {b}"),
    ),
    of(
        "evens_between",
        ("the even numbers between {a} and {b}", "which numbers between {a} and {b} are even?"),
        ("os números pares entre {a} e {b}", "quais números entre {a} e {b} são pares?"),
        "print([n for n in range(<<a>>, <<b>> + 1) if n % 2 == 0])",
        _FROM_TO,
    ),
    of(
        "odds_between",
        ("the odd numbers between {a} and {b}", "which numbers between {a} and {b} are odd?"),
        ("os números ímpares entre {a} e {b}", "quais números entre {a} e {b} são ímpares?"),
        "print([n for n in range(<<a>>, <<b>> + 1) if n % 2 != 0])",
        _FROM_TO,
    ),
    of(
        "multiples_below",
        ("the (positive|) multiples of {k} (below|less than) {n}", "which multiples of {k} are smaller than {n}?"),
        ("os múltiplos (positivos|) de {k} (abaixo de|menores que) {n}", "quais múltiplos de {k} são menores que {n}?"),
        "print(list(range(<<k>>, <<n>>, <<k>>)))",
        {"k": number(2, 25), "n": number(60, 200)},
    ),
    COLLATZ,
    named(
        COLLATZ,
        "collatz",
        ("returns the Collatz sequence of a number", "{n}"),
        ("devolve a sequência de Collatz de um número", "{n}"),
    ),
    of(
        "triangular",
        ("the first {n} triangular numbers", "what are the first {n} triangular numbers?"),
        ("os {n} primeiros números triangulares", "quais são os {n} primeiros números triangulares?"),
        "print([i * (i + 1) // 2 for i in range(1, <<n>> + 1)])",
        _N,
    ),
    of(
        "arithmetic_progression",
        (
            "the first {n} terms of an arithmetic progression (starting at|from) {a} with (step|difference) {k}",
            "what are the {n} first terms of the AP that starts at {a} with step {k}?",
        ),
        (
            "os {n} primeiros termos de uma progressão aritmética com início {a} e razão {k}",
            "quais são os {n} primeiros termos da PA que começa em {a} com razão {k}?",
        ),
        "print([<<a>> + i * <<k>> for i in range(<<n>>)])",
        {"n": number(3, 30), "a": number(1, 50), "k": number(2, 30)},
    ),
    of(
        "geometric_progression",
        (
            "the first {n} terms of a geometric progression (starting at|from) {a} with ratio {k}",
            "what are the {n} first terms of the GP that starts at {a} with ratio {k}?",
        ),
        (
            "os {n} primeiros termos de uma progressão geométrica com início {a} e razão {k}",
            "quais são os {n} primeiros termos da PG que começa em {a} com razão {k}?",
        ),
        "print([<<a>> * <<k>> ** i for i in range(<<n>>)])",
        {"n": number(3, 22), "a": number(1, 50), "k": number(2, 22)},
    ),
    task(
        "fizzbuzz",
        (
            "(do|play) FizzBuzz (from 1|) (up|) to {n}",
            "print FizzBuzz for the numbers 1 to {n}",
            "what does FizzBuzz print up to {n}?",
        ),
        (
            "fazer (o|) FizzBuzz (de 1|) até {n}",
            "mostrar o FizzBuzz para os números de 1 a {n}",
            "o que o FizzBuzz mostra até {n}?",
        ),
        """
for i in range(1, <<n>> + 1):
    if i % 15 == 0:
        print("FizzBuzz")
    elif i % 3 == 0:
        print("Fizz")
    elif i % 5 == 0:
        print("Buzz")
    else:
        print(i)
""",
        {"n": number(5, 60)},
    ),
    task(
        "star_triangle",
        (
            "(draw|print) a triangle of (stars|asterisks) with {n} rows",
            "make a star triangle {n} rows high",
            "how do I print a triangle of stars with {n} lines?",
        ),
        (
            "(desenhar|imprimir) um triângulo de (estrelas|asteriscos) com {n} linhas",
            "fazer um triângulo de asteriscos de {n} linhas de altura",
            "como imprimir um triângulo de estrelas com {n} linhas?",
        ),
        """
for i in range(1, <<n>> + 1):
    print("*" * i)
""",
        {"n": number(3, 30)},
    ),
    task(
        "seeded_random",
        (
            "(print|make) a random number from 1 to {n} (using|with) (the|) seed {k}",
            "draw a random whole number between 1 and {n}, seed {k}",
            "which random number between 1 and {n} comes with seed {k}?",
        ),
        (
            "(mostrar|gerar) um número aleatório de 1 a {n} (usando|com) (a|) semente {k}",
            "gerar um inteiro aleatório entre 1 e {n}, semente {k}",
            "qual número aleatório entre 1 e {n} sai com a semente {k}?",
        ),
        """
import random

random.seed(<<k>>)
print(random.randint(1, <<n>>))
""",
        {"n": number(20, 999), "k": number(1, 99)},
    ),
)
