"""Kinds that look into one or two whole numbers: primes, factors, digits, bases, Roman numerals. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_a import named, of, task
from tools.starter.coder.pools_a import binary, quadratic
from tools.starter.kinds import Kind
from tools.starter.slots import number

_N = {"n": number(10, 9999)}
_AB = {"a": number(6, 300), "b": number(6, 300)}

FACTORIAL = of(
    "factorial",
    ("the factorial of {n}", "how much is {n} factorial?"),
    ("o fatorial de {n}", "quanto é {n} fatorial?"),
    """
def factorial(n):
    product = 1
    for i in range(2, n + 1):
        product *= i
    return product

print(factorial(<<n>>))
""",
    {"n": number(3, 40)},
)
IS_PRIME = task(
    "is_prime",
    (
        "(check|test) (if|whether) {n} is (prime|a prime number)",
        "tell (if|whether) {n} is a prime number",
        "is {n} (prime|a prime number)?",
    ),
    (
        "(verificar|testar) se {n} é (primo|um número primo)",
        "dizer se {n} é um número primo",
        "{n} é (primo|um número primo)?",
    ),
    """
def is_prime(n):
    return n > 1 and all(n % d != 0 for d in range(2, n))

print(is_prime(<<n>>))
""",
    {"n": number(2, 400)},
)
IS_EVEN = task(
    "is_even",
    (
        "(check|test) (if|whether) {n} is even (or odd|)",
        "tell (if|whether) {n} is even or odd",
        "is {n} (even|odd or even|even or odd)?",
    ),
    (
        "(verificar|testar) se {n} é par (ou ímpar|)",
        "dizer se {n} é par ou ímpar",
        "{n} é (par|ímpar ou par|par ou ímpar)?",
    ),
    """
n = <<n>>
if n % 2 == 0:
    print("even")
else:
    print("odd")
""",
    _N,
)
GCD = of(
    "gcd",
    (
        "the (greatest common divisor|GCD) of {a} and {b}",
        "which is the largest number that divides {a} and {b}, the GCD?",
    ),
    ("o (máximo divisor comum|MDC) de {a} e {b}", "qual é o maior número que divide {a} e {b}, o MDC?"),
    """
def gcd(a, b):
    while b:
        a, b = b, a % b
    return a

print(gcd(<<a>>, <<b>>))
""",
    _AB,
)
DIGIT_SUM = of(
    "digit_sum",
    ("the sum of the digits of {n}", "what do the digits of {n} add up to?"),
    ("a soma dos (dígitos|algarismos) de {n}", "quanto somam os dígitos de {n}?"),
    """
def digit_sum(n):
    return sum(int(d) for d in str(n))

print(digit_sum(<<n>>))
""",
    {"n": number(10, 999999)},
)
DIVISORS = of(
    "divisors",
    ("all (the|) divisors of {n}", "which numbers are divisors of {n}?"),
    ("todos os divisores de {n}", "quais números são divisores de {n}?"),
    """
def divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]

print(divisors(<<n>>))
""",
    {"n": number(6, 400)},
)
IS_PERFECT = task(
    "is_perfect",
    (
        "(check|test) (if|whether) {n} is a perfect number",
        "tell (if|whether) the number {n} is perfect",
        "is {n} a perfect number?",
    ),
    (
        "(verificar|testar) se {n} é um número perfeito",
        "dizer se o número {n} é perfeito",
        "{n} é um número perfeito?",
    ),
    """
n = <<n>>
print(sum(d for d in range(1, n) if n % d == 0) == n)
""",
    {"n": number(5, 500)},
)
REVERSE_NUMBER = task(
    "reverse_number",
    (
        "reverse the (digits of|number) {n}",
        "print the digits of the number {n} in reverse",
        "what is the number {n} with its digits reversed?",
    ),
    (
        "inverter (os dígitos de|o número) {n}",
        "mostrar os dígitos do número {n} ao contrário",
        "como fica o número {n} com os dígitos invertidos?",
    ),
    """
def reverse_number(n):
    return int(str(n)[::-1])

print(reverse_number(<<n>>))
""",
    {"n": number(100, 999999)},
)
IS_LEAP = task(
    "is_leap_year",
    (
        "(check|test) (if|whether) {n} is a leap year",
        "tell (if|whether) the year {n} is (a leap year|leap)",
        "is (the year|) {n} a leap year?",
    ),
    (
        "(verificar|testar) se {n} é (um|) ano bissexto",
        "dizer se o ano {n} é bissexto",
        "(o ano|) {n} é bissexto?",
    ),
    """
def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)

print(is_leap(<<n>>))
""",
    {"n": number(1900, 2100)},
)

KINDS: tuple[Kind, ...] = (
    FACTORIAL,
    named(
        FACTORIAL,
        "factorial",
        ("returns the factorial of a number", "{n}"),
        ("devolve o fatorial de um número", "{n}"),
    ),
    IS_PRIME,
    named(
        IS_PRIME,
        "is_prime",
        ("checks if a number is prime", "{n}"),
        ("verifica se um número é primo", "{n}"),
    ),
    of(
        "prime_factors",
        ("the prime factors of {n}", "into which prime factors does {n} break?"),
        ("os fatores primos de {n}", "em quais fatores primos {n} se decompõe?"),
        """
n = <<n>>
factors = []
d = 2
while n > 1:
    while n % d == 0:
        factors.append(d)
        n //= d
    d += 1
print(factors)
""",
        {"n": number(12, 900)},
    ),
    DIVISORS,
    named(
        DIVISORS,
        "divisors",
        ("returns all divisors of a number", "{n}"),
        ("devolve todos os divisores de um número", "{n}"),
    ),
    GCD,
    named(
        GCD,
        "gcd",
        ("returns the greatest common divisor of two numbers", "{a} and {b}"),
        ("devolve o máximo divisor comum de dois números", "{a} e {b}"),
    ),
    of(
        "lcm",
        (
            "the (least common multiple|LCM) of {a} and {b}",
            "which is the smallest multiple of both {a} and {b}, the LCM?",
        ),
        ("o (mínimo múltiplo comum|MMC) de {a} e {b}", "qual é o menor múltiplo de {a} e {b}, o MMC?"),
        """
import math

print(math.lcm(<<a>>, <<b>>))
""",
        _AB,
    ),
    DIGIT_SUM,
    named(
        DIGIT_SUM,
        "digit_sum",
        ("adds the digits of a number", "{n}"),
        ("soma os dígitos de um número", "{n}"),
    ),
    REVERSE_NUMBER,
    named(
        REVERSE_NUMBER,
        "reverse_number",
        ("reverses the digits of a number", "{n}"),
        ("inverte os dígitos de um número", "{n}"),
    ),
    task(
        "count_digits",
        (
            "count the digits of {n}",
            "count how many digits (there are in|the number) {n} (has|)",
            "how many digits does {n} have?",
        ),
        (
            "contar os (dígitos|algarismos) de {n}",
            "contar quantos dígitos o número {n} tem",
            "quantos dígitos {n} tem?",
        ),
        "print(len(str(<<n>>)))",
        {"n": number(10, 99999999)},
    ),
    IS_EVEN,
    IS_PERFECT,
    task(
        "is_armstrong",
        (
            "(check|test) (if|whether) {n} is an Armstrong number",
            "tell (if|whether) {n} is an Armstrong number",
            "is {n} an Armstrong number?",
        ),
        (
            "(verificar|testar) se {n} é um número de Armstrong",
            "dizer se {n} é número de Armstrong",
            "{n} é um número de Armstrong?",
        ),
        """
n = <<n>>
digits = str(n)
print(sum(int(d) ** len(digits) for d in digits) == n)
""",
        {"n": number(100, 999)},
    ),
    IS_LEAP,
    named(
        IS_LEAP,
        "is_leap",
        ("checks if a year is a leap year", "{n}"),
        ("verifica se um ano é bissexto", "{n}"),
    ),
    task(
        "to_binary",
        (
            "convert {n} to binary",
            "(write|print) {n} in (binary|base 2)",
            "what is {n} in binary?",
        ),
        (
            "converter {n} para binário",
            "(escrever|mostrar) {n} em (binário|base 2)",
            "quanto é {n} em binário?",
        ),
        "print(bin(<<n>>)[2:])",
        {"n": number(4, 2000)},
    ),
    task(
        "to_hex",
        (
            "convert {n} to (hexadecimal|hex)",
            "(write|print) {n} in (hexadecimal|base 16)",
            "what is {n} in hexadecimal?",
        ),
        (
            "converter {n} para (hexadecimal|hexa)",
            "(escrever|mostrar) {n} em (hexadecimal|base 16)",
            "quanto é {n} em hexadecimal?",
        ),
        "print(hex(<<n>>)[2:])",
        {"n": number(4, 5000)},
    ),
    task(
        "to_octal",
        (
            "convert {n} to octal",
            "(write|print) {n} in (octal|base 8)",
            "what is {n} in octal?",
        ),
        (
            "converter {n} para octal",
            "(escrever|mostrar) {n} em (octal|base 8)",
            "quanto é {n} em octal?",
        ),
        "print(oct(<<n>>)[2:])",
        {"n": number(4, 5000)},
    ),
    task(
        "from_binary",
        (
            "convert (the binary number|binary) {b} to decimal",
            "print (the|) binary {b} as a decimal number",
            "what is (the|) binary {b} in decimal?",
        ),
        (
            "converter o (número|) binário {b} para decimal",
            "mostrar o binário {b} como número decimal",
            "quanto é o binário {b} em decimal?",
        ),
        'print(int("<<b>>", 2))',
        {"b": binary()},
    ),
    task(
        "to_roman",
        (
            "convert {n} to (Roman numerals|a Roman numeral)",
            "(write|print) {n} in Roman numerals",
            "what is {n} in Roman numerals?",
        ),
        (
            "converter {n} para (algarismos romanos|número romano)",
            "(escrever|mostrar) {n} em algarismos romanos",
            "quanto é {n} em algarismos romanos?",
        ),
        """
values = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1]
symbols = "M CM D CD C XC L XL X IX V IV I".split()
n = <<n>>
roman = ""
for value, symbol in zip(values, symbols):
    while n >= value:
        roman += symbol
        n -= value
print(roman)
""",
        {"n": number(1, 3000)},
    ),
    task(
        "quadratic_roots",
        (
            "solve the quadratic equation with coefficients {e}",
            "find the roots of the quadratic with a, b, c = {e}",
            "what are the roots of the quadratic equation with a, b, c equal to {e}?",
        ),
        (
            "resolver a equação do segundo grau com coeficientes {e}",
            "achar as raízes da equação quadrática com a, b, c = {e}",
            "quais são as raízes da equação do segundo grau com a, b, c iguais a {e}?",
        ),
        """
import math

a, b, c = <<e>>
root = math.sqrt(b * b - 4 * a * c)
print((-b - root) / (2 * a))
print((-b + root) / (2 * a))
""",
        {"e": quadratic()},
    ),
)
