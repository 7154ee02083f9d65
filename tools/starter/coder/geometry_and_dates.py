"""Kinds about shapes, distances, bodies, speed, and dates. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_a import named, of, task
from tools.starter.coder.pools_a import few, iso_date
from tools.starter.kinds import Kind
from tools.starter.slots import decimal, number

_AB = {"a": number(2, 90), "b": number(2, 90)}

CIRCLE_AREA = of(
    "circle_area",
    ("the area of a circle with radius {r}", "how big is the area of a circle whose radius is {r}?"),
    ("a área de um círculo de raio {r}", "qual é a área de um círculo com raio {r}?"),
    """
import math

def circle_area(radius):
    return round(math.pi * radius ** 2, 2)

print(circle_area(<<r>>))
""",
    {"r": number(2, 90)},
)
RECTANGLE_AREA = of(
    "rectangle_area",
    ("the area of a rectangle (of|with sides) {a} by {b}", "how big is the area of a {a} by {b} rectangle?"),
    ("a área de um retângulo de {a} por {b}", "qual é a área de um retângulo com lados {a} e {b}?"),
    """
def rectangle_area(width, height):
    return width * height

print(rectangle_area(<<a>>, <<b>>))
""",
    _AB,
)
HYPOTENUSE = of(
    "hypotenuse",
    (
        "the hypotenuse of a right triangle with legs {a} and {b}",
        "how long is the hypotenuse if the legs are {a} and {b}?",
    ),
    (
        "a hipotenusa de um triângulo retângulo de catetos {a} e {b}",
        "quanto mede a hipotenusa se os catetos são {a} e {b}?",
    ),
    """
import math

def hypotenuse(a, b):
    return round(math.hypot(a, b), 2)

print(hypotenuse(<<a>>, <<b>>))
""",
    _AB,
)
BMI = of(
    "bmi",
    (
        "the (BMI|body mass index) of (a person|somebody) with {w} kg and {h} m",
        "what is my BMI if I weigh {w} kg and am {h} m tall?",
    ),
    (
        "o (IMC|índice de massa corporal) de (uma pessoa|alguém) com {w} kg e {h} m",
        "qual é o meu IMC se peso {w} kg e tenho {h} m de altura?",
    ),
    """
def bmi(weight, height):
    return round(weight / height ** 2, 2)

print(bmi(<<w>>, <<h>>))
""",
    {"w": number(40, 130), "h": decimal(1.4, 2.1, 2)},
)
SHAPES = (
    CIRCLE_AREA,
    named(
        CIRCLE_AREA,
        "circle_area",
        ("returns the area of a circle", "radius {r}"),
        ("devolve a área de um círculo", "raio {r}"),
    ),
    of(
        "circle_perimeter",
        ("the circumference of a circle with radius {r}", "how long is the circumference if the radius is {r}?"),
        ("o comprimento de uma circunferência de raio {r}", "qual é a circunferência de um círculo com raio {r}?"),
        """
import math

print(round(2 * math.pi * <<r>>, 2))
""",
        {"r": number(2, 90)},
    ),
    RECTANGLE_AREA,
    named(
        RECTANGLE_AREA,
        "rectangle_area",
        ("returns the area of a rectangle", "width {a} and height {b}"),
        ("devolve a área de um retângulo", "largura {a} e altura {b}"),
    ),
    of(
        "rectangle_perimeter",
        (
            "the perimeter of a rectangle (of|with sides) {a} by {b}",
            "how long is the perimeter of a {a} by {b} rectangle?",
        ),
        ("o perímetro de um retângulo de {a} por {b}", "qual é o perímetro de um retângulo com lados {a} e {b}?"),
        "print(2 * (<<a>> + <<b>>))",
        _AB,
    ),
    of(
        "triangle_area",
        ("the area of a triangle with base {a} and height {b}", "how big is a triangle of base {a} and height {b}?"),
        (
            "a área de um triângulo de base {a} e altura {b}",
            "quanto vale a área do triângulo com base {a} e altura {b}?",
        ),
        "print(<<a>> * <<b>> / 2)",
        _AB,
    ),
    of(
        "sphere_volume",
        ("the volume of a sphere with radius {r}", "how much volume does a sphere of radius {r} have?"),
        ("o volume de uma esfera de raio {r}", "qual é o volume de uma esfera com raio {r}?"),
        """
import math

print(round(4 / 3 * math.pi * <<r>> ** 3, 2))
""",
        {"r": number(2, 60)},
    ),
    of(
        "cylinder_volume",
        (
            "the volume of a cylinder with radius {r} and height {h}",
            "how much volume does a cylinder of radius {r} and height {h} have?",
        ),
        (
            "o volume de um cilindro de raio {r} e altura {h}",
            "qual é o volume de um cilindro com raio {r} e altura {h}?",
        ),
        """
import math

print(round(math.pi * <<r>> ** 2 * <<h>>, 2))
""",
        {"r": number(2, 60), "h": number(2, 60)},
    ),
    of(
        "distance",
        (
            "the distance between (the points|) \\({a}, {b}\\) and \\({c}, {d}\\)",
            "how far apart are the points \\({a}, {b}\\) and \\({c}, {d}\\)?",
        ),
        (
            "a distância entre (os pontos|) \\({a}, {b}\\) e \\({c}, {d}\\)",
            "a que distância estão os pontos \\({a}, {b}\\) e \\({c}, {d}\\)?",
        ),
        """
import math

print(round(math.dist((<<a>>, <<b>>), (<<c>>, <<d>>)), 2))
""",
        {"a": number(0, 30), "b": number(0, 30), "c": number(0, 30), "d": number(0, 30)},
    ),
    HYPOTENUSE,
    BMI,
    named(
        BMI,
        "bmi",
        ("returns the body mass index", "{w} kg and {h} m"),
        ("devolve o índice de massa corporal", "{w} kg e {h} m"),
    ),
    of(
        "average_speed",
        ("the average speed for {a} km in {b} hours", "how fast do I travel on average when I do {a} km in {b} hours?"),
        ("a velocidade média para {a} km em {b} horas", "a que velocidade média ando se faço {a} km em {b} horas?"),
        "print(round(<<a>> / <<b>>, 2))",
        {"a": number(20, 999), "b": number(2, 24)},
    ),
)
DATES = (
    of(
        "days_between",
        ("the number of days between {d} and {e}", "how many days are there from {d} to {e}?"),
        ("o número de dias entre {d} e {e}", "quantos dias há de {d} até {e}?"),
        """
from datetime import date

start = date.fromisoformat("<<d>>")
end = date.fromisoformat("<<e>>")
print((end - start).days)
""",
        {"d": iso_date(1990, 2012), "e": iso_date(2013, 2035)},
    ),
    of(
        "weekday",
        ("the (weekday|day of the week) of {d}", "which (weekday|day of the week) is {d}?"),
        ("o dia da semana de {d}", "em que dia da semana cai {d}?"),
        """
from datetime import date

day = date.fromisoformat("<<d>>")
print(day.strftime("%A"))
""",
        {"d": iso_date()},
    ),
    task(
        "add_days",
        ("add {n} days to (the date|) {d}", "print the date {n} days after {d}", "which date is {n} days after {d}?"),
        ("somar {n} dias à data {d}", "mostrar a data {n} dias depois de {d}", "que data fica {n} dias após {d}?"),
        """
from datetime import date, timedelta

day = date.fromisoformat("<<d>>")
print(day + timedelta(days=<<n>>))
""",
        {"n": number(2, 300), "d": iso_date()},
    ),
    of(
        "age_on_date",
        (
            "the age on {e} of (a person|somebody) born on {d}",
            "how old is somebody born on {d} on the date {e}?",
        ),
        (
            "a idade em {e} de (uma pessoa|alguém) que nasceu em {d}",
            "quantos anos tem em {e} quem nasceu em {d}?",
        ),
        """
from datetime import date

born = date.fromisoformat("<<d>>")
day = date.fromisoformat("<<e>>")
print(day.year - born.year - ((day.month, day.day) < (born.month, born.day)))
""",
        {"d": iso_date(1950, 2009), "e": iso_date(2010, 2035)},
    ),
    of(
        "days_in_month",
        ("the number of days in month {m} of {y}", "how many days does month {m} of the year {y} have?"),
        ("o número de dias do mês {m} de {y}", "quantos dias tem o mês {m} do ano {y}?"),
        """
import calendar

print(calendar.monthrange(<<y>>, <<m>>)[1])
""",
        {"y": number(1950, 2060), "m": few(1, 12)},
    ),
    of(
        "first_weekday",
        (
            "the weekday of the first day of month {m} of {y}",
            "on which weekday does month {m} of {y} begin?",
        ),
        (
            "o dia da semana do primeiro dia do mês {m} de {y}",
            "em que dia da semana começa o mês {m} de {y}?",
        ),
        """
from datetime import date

day = date(<<y>>, <<m>>, 1)
print(day.strftime("%A"))
""",
        {"y": number(1950, 2060), "m": few(1, 12)},
    ),
    task(
        "format_date",
        (
            "(write|print) the date {d} as (day/month/year|dd/mm/yyyy)",
            "format {d} as (day/month/year|dd/mm/yyyy)",
            "how do I write {d} as day/month/year?",
        ),
        (
            "(escrever|mostrar) a data {d} como (dia/mês/ano|dd/mm/aaaa)",
            "formatar {d} como (dia/mês/ano|dd/mm/aaaa)",
            "como escrever {d} na forma dia/mês/ano?",
        ),
        """
from datetime import date

day = date.fromisoformat("<<d>>")
print(day.strftime("%d/%m/%Y"))
""",
        {"d": iso_date()},
    ),
)
KINDS: tuple[Kind, ...] = (*SHAPES, *DATES)
