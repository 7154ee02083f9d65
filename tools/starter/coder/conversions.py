"""Kinds that convert units: temperature, length, weight, volume, time, bytes. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_a import named, task
from tools.starter.kinds import Kind
from tools.starter.slots import decimal, number

_ROUND = "print(round({}, 2))"
_X = {"x": decimal(1, 300)}


def _unit(id_: str, en: tuple[str, str], pt: tuple[str, str], code: str) -> Kind:
    """Return a kind that turns one unit into another by one expression in `<<x>>`."""
    return task(
        id_,
        (
            f"convert {{x}} {en[0]} to {en[1]}",
            f"(change|turn) {{x}} {en[0]} into {en[1]}",
            f"how many {en[1]} are {{x}} {en[0]}?",
        ),
        (
            f"converter {{x}} {pt[0]} para {pt[1]}",
            f"(transformar|passar) {{x}} {pt[0]} em {pt[1]}",
            f"{{x}} {pt[0]} (são|dá|dão) quanto em {pt[1]}?",
        ),
        _ROUND.format(code),
        _X,
    )


TO_FAHRENHEIT = task(
    "celsius_to_fahrenheit",
    (
        "convert {x} (degrees|) Celsius to Fahrenheit",
        "turn {x} Celsius into Fahrenheit",
        "what is {x} (degrees|) Celsius in Fahrenheit?",
    ),
    (
        "converter {x} (graus|) Celsius para Fahrenheit",
        "passar {x} Celsius para Fahrenheit",
        "quanto é {x} (graus|) Celsius em Fahrenheit?",
    ),
    """
def to_fahrenheit(celsius):
    return round(celsius * 9 / 5 + 32, 2)

print(to_fahrenheit(<<x>>))
""",
    {"x": decimal(-30, 120)},
)
TO_CELSIUS = task(
    "fahrenheit_to_celsius",
    (
        "convert {x} (degrees|) Fahrenheit to Celsius",
        "turn {x} Fahrenheit into Celsius",
        "what is {x} (degrees|) Fahrenheit in Celsius?",
    ),
    (
        "converter {x} (graus|) Fahrenheit para Celsius",
        "passar {x} Fahrenheit para Celsius",
        "quanto é {x} (graus|) Fahrenheit em Celsius?",
    ),
    """
def to_celsius(fahrenheit):
    return round((fahrenheit - 32) * 5 / 9, 2)

print(to_celsius(<<x>>))
""",
    {"x": decimal(0, 250)},
)

KINDS: tuple[Kind, ...] = (
    TO_FAHRENHEIT,
    named(
        TO_FAHRENHEIT,
        "to_fahrenheit",
        ("converts Celsius to Fahrenheit", "{x}"),
        ("converte Celsius para Fahrenheit", "{x}"),
    ),
    TO_CELSIUS,
    _unit("km_to_miles", ("(km|kilometers)", "miles"), ("(km|quilômetros)", "milhas"), "<<x>> * 0.621371"),
    _unit("miles_to_km", ("miles", "(km|kilometers)"), ("milhas", "(km|quilômetros)"), "<<x>> * 1.609344"),
    _unit("kg_to_pounds", ("(kg|kilograms|kilos)", "pounds"), ("(kg|quilos)", "libras"), "<<x>> * 2.20462"),
    _unit("pounds_to_kg", ("pounds", "(kg|kilograms|kilos)"), ("libras", "(kg|quilos)"), "<<x>> * 0.453592"),
    _unit("meters_to_feet", ("meters", "feet"), ("metros", "pés"), "<<x>> * 3.28084"),
    _unit("inches_to_cm", ("inches", "(cm|centimeters)"), ("polegadas", "(cm|centímetros)"), "<<x>> * 2.54"),
    _unit("liters_to_gallons", ("liters", "gallons"), ("litros", "galões"), "<<x>> * 0.264172"),
    task(
        "hours_to_minutes",
        ("convert {n} hours to minutes", "turn {n} hours into minutes", "how many minutes are {n} hours?"),
        ("converter {n} horas para minutos", "transformar {n} horas em minutos", "quantos minutos são {n} horas?"),
        "print(<<n>> * 60)",
        {"n": number(2, 200)},
    ),
    task(
        "minutes_to_hours",
        (
            "convert {n} minutes to hours and minutes",
            "write {n} minutes as hours and minutes",
            "how many hours and minutes are {n} minutes?",
        ),
        (
            "converter {n} minutos para horas e minutos",
            "escrever {n} minutos como horas e minutos",
            "quantas horas e minutos são {n} minutos?",
        ),
        """
hours, minutes = divmod(<<n>>, 60)
print(f"{hours}h {minutes}min")
""",
        {"n": number(61, 2000)},
    ),
    task(
        "seconds_to_clock",
        (
            "convert {n} seconds to hours, minutes and seconds",
            "write {n} seconds as (h:m:s|hh:mm:ss)",
            "what is {n} seconds in hours, minutes and seconds?",
        ),
        (
            "converter {n} segundos para horas, minutos e segundos",
            "escrever {n} segundos como (h:m:s|hh:mm:ss)",
            "quanto são {n} segundos em horas, minutos e segundos?",
        ),
        """
minutes, seconds = divmod(<<n>>, 60)
hours, minutes = divmod(minutes, 60)
print(f"{hours:02}:{minutes:02}:{seconds:02}")
""",
        {"n": number(100, 90000)},
    ),
    task(
        "bytes_to_kb",
        ("convert {n} bytes to (KB|kilobytes)", "turn {n} bytes into kilobytes", "how many kilobytes are {n} bytes?"),
        (
            "converter {n} bytes para (KB|kilobytes)",
            "passar {n} bytes para kilobytes",
            "quantos kilobytes são {n} bytes?",
        ),
        "print(round(<<n>> / 1024, 2))",
        {"n": number(500, 99999)},
    ),
    task(
        "bytes_to_mb",
        ("convert {n} bytes to (MB|megabytes)", "turn {n} bytes into megabytes", "how many megabytes are {n} bytes?"),
        (
            "converter {n} bytes para (MB|megabytes)",
            "passar {n} bytes para megabytes",
            "quantos megabytes são {n} bytes?",
        ),
        "print(round(<<n>> / 1024 ** 2, 2))",
        {"n": number(900000, 99999999)},
    ),
    task(
        "temperature_table",
        (
            "print a table of Celsius and Fahrenheit from {a} to {b} in steps of {k}",
            "make a temperature table in Celsius and Fahrenheit, from {a} to {b}, step {k}",
            "how do I print a Celsius to Fahrenheit table from {a} to {b}, every {k} degrees?",
        ),
        (
            "mostrar uma tabela de Celsius e Fahrenheit de {a} a {b} com passo {k}",
            "fazer uma tabela de temperaturas em Celsius e Fahrenheit, de {a} até {b}, passo {k}",
            "como mostrar uma tabela de Celsius para Fahrenheit de {a} a {b}, de {k} em {k} graus?",
        ),
        """
for celsius in range(<<a>>, <<b>> + 1, <<k>>):
    print(celsius, round(celsius * 9 / 5 + 32, 1))
""",
        {"a": number(-20, 20), "b": number(40, 90), "k": number(2, 25)},
    ),
)
