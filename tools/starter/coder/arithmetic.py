"""Kinds about two or three numbers: sums, powers, rounding, percentages, money. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_a import named, of, task
from tools.starter.coder.pools_a import few
from tools.starter.kinds import Kind
from tools.starter.slots import decimal, number

_AB = {"a": number(1, 999), "b": number(1, 999)}

PERCENTAGE = of(
    "percentage_of",
    ("{p} percent of {n}", "how much is {p}% of {n}?"),
    ("{p} por cento de {n}", "quanto é {p}% de {n}?"),
    "print(round(<<n>> * <<p>> / 100, 2))",
    {"p": number(1, 99), "n": number(10, 5000)},
)
DISCOUNT = of(
    "discount",
    (
        "the (final|new) price of {n} (after|with) a {p}% discount",
        "how much do I pay for an item of {n} with {p}% off?",
    ),
    (
        "o preço (final|novo) de {n} (após|com) um desconto de {p}%",
        "quanto pago por um produto de {n} com {p}% de desconto?",
    ),
    """
def final_price(price, discount):
    return round(price - price * discount / 100, 2)

print(final_price(<<n>>, <<p>>))
""",
    {"p": number(1, 90), "n": number(10, 2000)},
)
SIMPLE_INTEREST = of(
    "simple_interest",
    (
        "the simple interest on {n} at {p}% (a|per) year for {y} years",
        "how much simple interest does {n} earn at {p}% a year in {y} years?",
    ),
    (
        "os juros simples de {n} a {p}% ao ano por {y} anos",
        "quanto {n} rende de juros simples a {p}% ao ano em {y} anos?",
    ),
    """
def simple_interest(amount, rate, years):
    return round(amount * rate / 100 * years, 2)

print(simple_interest(<<n>>, <<p>>, <<y>>))
""",
    {"n": number(100, 9000), "p": number(1, 30), "y": number(2, 30)},
)
COMPOUND_INTEREST = of(
    "compound_interest",
    (
        "the final amount of {n} (with|at) compound interest of {p}% (a|per) year for {y} years",
        "how much does {n} become with compound interest at {p}% a year after {y} years?",
    ),
    (
        "o valor final de {n} (com|a) juros compostos de {p}% ao ano por {y} anos",
        "quanto {n} vira com juros compostos a {p}% ao ano depois de {y} anos?",
    ),
    """
def compound_interest(amount, rate, years):
    return round(amount * (1 + rate / 100) ** years, 2)

print(compound_interest(<<n>>, <<p>>, <<y>>))
""",
    {"n": number(100, 9000), "p": number(1, 30), "y": number(2, 30)},
)
CLAMP = task(
    "clamp",
    (
        "(clamp|limit) {n} to the range from {low} to {high}",
        "keep {n} between {low} and {high}",
        "what is {n} clamped between {low} and {high}?",
    ),
    (
        "limitar {n} ao intervalo de {low} a {high}",
        "manter {n} entre {low} e {high}",
        "quanto é {n} limitado entre {low} e {high}?",
    ),
    """
def clamp(n, low, high):
    return max(low, min(n, high))

print(clamp(<<n>>, <<low>>, <<high>>))
""",
    {"n": number(-50, 200), "low": number(0, 40), "high": number(60, 120)},
)

KINDS: tuple[Kind, ...] = (
    of(
        "add_two",
        ("the sum of {a} and {b}", "how much is {a} plus {b}?"),
        ("a soma de {a} e {b}", "quanto é {a} mais {b}?"),
        "print(<<a>> + <<b>>)",
        _AB,
    ),
    of(
        "multiply_two",
        ("the product of {a} and {b}", "how much is {a} times {b}?"),
        ("o produto de {a} e {b}", "quanto é {a} vezes {b}?"),
        "print(<<a>> * <<b>>)",
        _AB,
    ),
    task(
        "subtract_two",
        ("subtract {b} from {a}", "take {b} away from {a}", "how much is left of {a} when I take away {b}?"),
        ("subtrair {b} de {a}", "tirar {b} de {a}", "quanto sobra de {a} quando tiro {b}?"),
        "print(<<a>> - <<b>>)",
        _AB,
    ),
    of(
        "remainder",
        ("the remainder of {a} divided by {b}", "what is left over when {a} is divided by {b}?"),
        ("o resto (da divisão|) de {a} por {b}", "quanto sobra quando divido {a} por {b}?"),
        "print(<<a>> % <<b>>)",
        {"a": number(50, 999), "b": number(2, 40)},
    ),
    of(
        "power",
        ("{a} to the power of {b}", "how much is {a} raised to {b}?"),
        ("{a} elevado a {b}", "quanto é {a} na potência {b}?"),
        "print(<<a>> ** <<b>>)",
        {"a": number(2, 30), "b": number(2, 22)},
    ),
    of(
        "square_root",
        ("the square root of {n} (with|rounded to) 2 decimals", "what is the square root of {n} to 2 decimal places?"),
        ("a raiz quadrada de {n} (com|arredondada a) 2 casas", "qual é a raiz quadrada de {n} com 2 casas decimais?"),
        """
import math

print(round(math.sqrt(<<n>>), 2))
""",
        {"n": number(2, 2000)},
    ),
    task(
        "round_number",
        (
            "round {x} to {k} decimal (places|digits)",
            "print {x} rounded to {k} decimals",
            "what is {x} rounded to {k} decimal places?",
        ),
        (
            "arredondar {x} para {k} casas decimais",
            "mostrar {x} arredondado com {k} casas",
            "quanto é {x} arredondado para {k} casas decimais?",
        ),
        "print(round(<<x>>, <<k>>))",
        {"x": decimal(1, 200, 5), "k": few(1, 4)},
    ),
    PERCENTAGE,
    DISCOUNT,
    named(
        DISCOUNT,
        "final_price",
        ("returns a price after a discount", "a price of {n} and a discount of {p}%"),
        ("devolve um preço com desconto", "um preço de {n} e desconto de {p}%"),
    ),
    of(
        "percent_change",
        ("the percent change from {a} to {b}", "by what percentage does {a} change when it becomes {b}?"),
        ("a variação percentual de {a} para {b}", "quantos por cento {a} muda quando vira {b}?"),
        "print(round((<<b>> - <<a>>) / <<a>> * 100, 2))",
        _AB,
    ),
    task(
        "tip_split",
        (
            "split a bill of {n} with a {p}% tip (between|among) {k} people",
            "divide a bill of {n} plus {p}% tip by {k} people",
            "how much does each of {k} people pay for a bill of {n} with {p}% tip?",
        ),
        (
            "dividir uma conta de {n} com gorjeta de {p}% (entre|para) {k} pessoas",
            "repartir a conta de {n} mais {p}% de gorjeta entre {k} pessoas",
            "quanto cada uma de {k} pessoas paga de uma conta de {n} com {p}% de gorjeta?",
        ),
        """
bill = <<n>>
total = bill + bill * <<p>> / 100
print(round(total / <<k>>, 2))
""",
        {"n": number(20, 900), "p": number(3, 30), "k": number(2, 24)},
    ),
    SIMPLE_INTEREST,
    COMPOUND_INTEREST,
    named(
        COMPOUND_INTEREST,
        "compound_interest",
        ("returns an amount with compound interest", "an amount of {n}, a rate of {p}% and {y} years"),
        ("devolve um valor com juros compostos", "um valor de {n}, taxa de {p}% e {y} anos"),
    ),
    of(
        "salary_raise",
        ("the new salary of {n} after a raise of {p}%", "my salary is {n} and I get a {p}% raise: what is it now?"),
        (
            "o novo salário de {n} após um aumento de {p}%",
            "ganho {n} de salário e recebo {p}% de aumento: quanto fica?",
        ),
        """
salary = <<n>>
print(round(salary + salary * <<p>> / 100, 2))
""",
        {"n": number(900, 9900), "p": number(1, 40)},
    ),
    task(
        "currency",
        (
            "convert {n} dollars to reais at (a rate of|the rate) {r}",
            "change {n} dollars into reais (with|using) the rate {r}",
            "how many reais are {n} dollars if one dollar is {r}?",
        ),
        (
            "converter {n} dólares em reais (com|usando) a cotação {r}",
            "trocar {n} dólares por reais na cotação {r}",
            "quantos reais são {n} dólares se o dólar está a {r}?",
        ),
        """
dollars = <<n>>
rate = <<r>>
print(round(dollars * rate, 2))
""",
        {"n": number(5, 3000), "r": decimal(3, 7, 2)},
    ),
    CLAMP,
    named(
        CLAMP,
        "clamp",
        ("keeps a number between a lowest and a highest value", "{n} with lowest {low} and highest {high}"),
        ("mantém um número entre um mínimo e um máximo", "{n} com mínimo {low} e máximo {high}"),
    ),
)
