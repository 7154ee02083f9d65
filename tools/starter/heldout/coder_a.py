"""Held-out wordings of the kinds about numbers: three templates a language and kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tools.starter.heldout.coder_a_nouns import NOUNS
from tools.starter.heldout.phrases_b import held_out, held_out_function
from tools.starter.kinds import Phrasings

# fmt: off
TASKS: dict[str, tuple[str, str, str, str]] = {
    "subtract_two": (
        "subtract: {a} minus {b}", "{a} minus {b}, please",
        "subtrair: {a} menos {b}", "{a} menos {b}, por favor"),
    "round_number": (
        "bring {x} to {k} decimals by rounding", "{x}, rounded, {k} digits after the point",
        "deixar {x} com {k} casas, arredondando", "{x}, arredondado, {k} dígitos após a vírgula"),
    "tip_split": (
        "share a {n} bill among {k} friends with {p}% tip", "{k} friends, bill {n}, tip {p}%: what does each one owe?",
        "rachar uma conta de {n} com {p}% de gorjeta entre {k} amigos",
        "{k} amigos, conta {n}, gorjeta {p}%: quanto cada um deve?"),
    "currency": (
        "exchange {n} dollars for reais, {r} reais a dollar", "{n} dollars in reais, with a dollar at {r}",
        "cambiar {n} dólares para reais, {r} por dólar", "{n} dólares em reais, com o dólar a {r}"),
    "clamp": (
        "force {n} to stay within {low} and {high}", "clamp: value {n}, minimum {low}, maximum {high}",
        "forçar {n} a ficar de {low} até {high}", "limite o valor {n}: mínimo {low}, máximo {high}"),
    "sort_ascending": (
        "put {xs} in order, lowest first", "{xs}, ascending order, please",
        "colocar {xs} em ordem, o menor primeiro", "{xs}, ordem crescente, por favor"),
    "sort_descending": (
        "put {xs} in order, highest first", "{xs}, descending order, please",
        "colocar {xs} em ordem, o maior primeiro", "{xs}, ordem decrescente, por favor"),
    "top_k": (
        "pick the {k} biggest of {xs}, biggest first", "{xs}: just the {k} largest, in descending order",
        "escolher os {k} mais altos de {xs}, o maior primeiro", "{xs}: apenas os {k} maiores, do maior ao menor"),
    "count_above": (
        "tell how many of {xs} exceed {n}", "the count of numbers bigger than {n} among {xs}",
        "dizer quantos de {xs} passam de {n}", "a contagem dos números maiores que {n} entre {xs}"),
    "split_even_odd": (
        "group {xs} by even and odd", "the evens and the odds of {xs}, in two lists",
        "agrupar {xs} por pares e ímpares", "os pares e os ímpares de {xs}, em duas listas"),
    "multiply_each": (
        "scale all numbers of {xs} by {k}", "every one of {xs} times {k}, in a list",
        "aumentar todos os números de {xs} {k} vezes", "cada um de {xs} vezes {k}, em uma lista"),
    "fibonacci_nth": (
        "determine one single Fibonacci number, that with index {n}", "Fibonacci number with index {n}, only that one",
        "determinar um único número de Fibonacci, o de índice {n}", "número de Fibonacci de índice {n}, só esse"),
    "countdown": (
        "go backwards from {n} down to {low}", "{n}, one less each time, until {low}: a countdown",
        "ir de {n} para baixo até {low}", "{n}, um a menos por vez, até {low}: contagem regressiva"),
    "count_up": (
        "go through the numbers from {a} up to {b}, a line each", "a loop that counts {a}, and so on, until {b}",
        "percorrer os números de {a} até {b}, uma linha cada", "um laço que conta {a}, e assim por diante, até {b}"),
    "fizzbuzz": (
        "solve the FizzBuzz exercise with limit {n}", "FizzBuzz, {n} numbers",
        "resolver o exercício FizzBuzz com limite {n}", "FizzBuzz, {n} números"),
    "star_triangle": (
        "draw stars as a triangle of {n} lines", "{n} rows of stars, one more star in each, like a triangle",
        "traçar estrelas como triângulo de {n} linhas", "{n} linhas de estrelas, uma a mais em cada, como triângulo"),
    "seeded_random": (
        "pick a random integer up to {n}, from 1, with random.seed \\({k}\\)",
        "seed the generator with {k} and give me one random number from 1 to {n}",
        "escolher um inteiro aleatório até {n}, desde 1, com random.seed \\({k}\\)",
        "inicie o gerador com {k} e me dê um número aleatório de 1 a {n}"),
    "is_prime": (
        "decide if the number {n} is a prime", "primality test for {n}, True or False",
        "decidir se o número {n} é primo", "teste de primalidade para {n}, True ou False"),
    "is_even": (
        "decide between even and odd for {n}", "parity of {n}: even or odd",
        "decidir entre par e ímpar para {n}", "paridade de {n}: par ou ímpar"),
    "is_perfect": (
        "decide if {n} is one of the perfect numbers", "perfect number test for {n}, True or False",
        "decidir se {n} é um dos números perfeitos", "teste de número perfeito para {n}, True ou False"),
    "is_armstrong": (
        "decide if {n} is one of the Armstrong numbers", "Armstrong test for {n}, True or False",
        "decidir se {n} é um dos números de Armstrong", "teste de Armstrong para {n}, True ou False"),
    "is_leap_year": (
        "decide if {n} was a leap year", "leap year test for {n}, True or False",
        "decidir se {n} foi ano bissexto", "teste de ano bissexto para {n}, True ou False"),
    "reverse_number": (
        "flip the digits of the number {n}", "the number {n} read from its last digit to its first",
        "virar os dígitos do número {n}", "o número {n} lido do último dígito ao primeiro"),
    "count_digits": (
        "tell the number of digits in {n}", "digit count for {n}, please",
        "dizer o total de dígitos em {n}", "contagem de dígitos para {n}, por favor"),
    "to_binary": (
        "express {n} as a binary number", "{n} as binary digits, please",
        "expressar {n} como número binário", "{n} como dígitos binários, por favor"),
    "to_hex": (
        "express {n} as a hexadecimal number", "{n} as hexadecimal digits, please",
        "expressar {n} como número hexadecimal", "{n} como dígitos hexadecimais, por favor"),
    "to_octal": (
        "express {n} as an octal number", "{n} as octal digits, please",
        "expressar {n} como número octal", "{n} como dígitos octais, por favor"),
    "from_binary": (
        "express binary {b} as a decimal", "{b} is binary; its decimal value, please",
        "expressar o binário {b} como decimal", "{b} está em binário; o valor decimal, por favor"),
    "to_roman": (
        "express {n} as a Roman numeral", "how did the Romans write {n}? Roman numeral please",
        "expressar {n} como número romano", "como os romanos escreviam {n}? número romano, por favor"),
    "quadratic_roots": (
        "determine both roots of the quadratic {e} (coefficients a, b, c)", "quadratic roots for a, b, c = {e}, please",
        "determinar as duas raízes da quadrática {e} (coeficientes a, b, c)",
        "raízes da equação do segundo grau para a, b, c = {e}, por favor"),
    "celsius_to_fahrenheit": (
        "express {x} Celsius as Fahrenheit", "it is {x} Celsius here, say it in Fahrenheit",
        "expressar {x} Celsius como Fahrenheit", "aqui faz {x} Celsius, diga isso em Fahrenheit"),
    "fahrenheit_to_celsius": (
        "express {x} Fahrenheit as Celsius", "it is {x} Fahrenheit here, say it in Celsius",
        "expressar {x} Fahrenheit como Celsius", "aqui faz {x} Fahrenheit, diga isso em Celsius"),
    "km_to_miles": (
        "express {x} km as miles", "{x} kilometers but in miles",
        "expressar {x} km como milhas", "{x} quilômetros só que em milhas"),
    "miles_to_km": (
        "express {x} miles as km", "{x} miles but in kilometers",
        "expressar {x} milhas como km", "{x} milhas só que em quilômetros"),
    "kg_to_pounds": (
        "express {x} kg as pounds", "{x} kilograms but in pounds",
        "expressar {x} kg como libras", "{x} quilos só que em libras"),
    "pounds_to_kg": (
        "express {x} pounds as kg", "{x} pounds but in kilograms",
        "expressar {x} libras como kg", "{x} libras só que em quilos"),
    "meters_to_feet": (
        "express {x} meters as feet", "{x} meters but in feet",
        "expressar {x} metros como pés", "{x} metros só que em pés"),
    "inches_to_cm": (
        "express {x} inches as cm", "{x} inches but in centimeters",
        "expressar {x} polegadas como cm", "{x} polegadas só que em centímetros"),
    "liters_to_gallons": (
        "express {x} liters as gallons", "{x} liters but in gallons",
        "expressar {x} litros como galões", "{x} litros só que em galões"),
    "hours_to_minutes": (
        "express {n} hours as minutes", "{n} hours but in minutes",
        "expressar {n} horas como minutos", "{n} horas só que em minutos"),
    "minutes_to_hours": (
        "express {n} minutes as hours with minutes", "{n} minutes but in hours and minutes",
        "expressar {n} minutos em horas e minutos", "{n} minutos só que em horas e minutos"),
    "seconds_to_clock": (
        "express {n} seconds as hours, minutes, seconds", "{n} seconds but like a clock, hh:mm:ss",
        "expressar {n} segundos em horas, minutos, segundos", "{n} segundos só que como relógio, hh:mm:ss"),
    "bytes_to_kb": (
        "express {n} bytes as kilobytes", "{n} bytes but in KB",
        "expressar {n} bytes em kilobytes", "{n} bytes só que em KB"),
    "bytes_to_mb": (
        "express {n} bytes as megabytes", "{n} bytes but in MB",
        "expressar {n} bytes em megabytes", "{n} bytes só que em MB"),
    "temperature_table": (
        "list Celsius with its Fahrenheit from {a} until {b}, {k} degrees apart",
        "Celsius and Fahrenheit table, start {a}, end {b}, step {k}",
        "listar Celsius com o Fahrenheit de {a} até {b}, a cada {k} graus",
        "tabela Celsius e Fahrenheit, início {a}, fim {b}, passo {k}"),
    "add_days": (
        "move the date {d} {n} days ahead", "{d} plus {n} days, as a date",
        "avançar a data {d} em {n} dias", "{d} mais {n} dias, como data"),
    "format_date": (
        "show the date {d} with the day first, dd/mm/yyyy", "{d} but as dd/mm/yyyy",
        "exibir a data {d} com o dia primeiro, dd/mm/aaaa", "{d} só que como dd/mm/aaaa"),
}
FUNCTIONS: dict[str, tuple[str, str, str, str]] = {
    "discount": (
        "takes a discount off a price", "price {n}, discount {p}%",
        "tira um desconto de um preço", "preço {n}, desconto {p}%"),
    "compound_interest": (
        "gives the final amount with compound interest", "amount {n}, {p}%, {y} years",
        "dá o valor final com juros compostos", "valor {n}, {p}%, {y} anos"),
    "clamp": (
        "clamps a number to a range", "{n}, from {low} to {high}",
        "limita um número a um intervalo", "{n}, de {low} a {high}"),
    "average_list": ("gives the mean of some numbers", "{xs}", "dá a média de alguns números", "{xs}"),
    "sum_squares": (
        "gives the sum of the squares of some numbers", "{xs}", "dá a soma dos quadrados de alguns números", "{xs}"),
    "second_largest": (
        "gives the second largest of some numbers", "{xs}", "dá o segundo maior de alguns números", "{xs}"),
    "count_above": (
        "tells how many numbers are above a limit", "{xs}, limit {n}",
        "diz quantos números estão acima de um limite", "{xs}, limite {n}"),
    "fibonacci_first": (
        "lists the first n numbers of Fibonacci", "n {n}", "lista os primeiros n números de Fibonacci", "n {n}"),
    "primes_below": (
        "gives all primes below a number", "{n}", "dá todos os primos abaixo de um número", "{n}"),
    "sum_to_n": (
        "gives the sum of the numbers in a range", "{a} to {b}", "dá a soma dos números de um intervalo", "{a} a {b}"),
    "collatz": ("lists the Collatz sequence", "{n}", "lista a sequência de Collatz", "{n}"),
    "factorial": ("computes a factorial", "{n}", "calcula um fatorial", "{n}"),
    "is_prime": ("tells whether a number is prime", "{n}", "diz se um número é primo", "{n}"),
    "divisors": ("lists the divisors of a number", "{n}", "lista os divisores de um número", "{n}"),
    "gcd": ("computes the GCD of a pair", "{a} and {b}", "calcula o MDC de um par", "{a} e {b}"),
    "digit_sum": ("gives the sum of the digits", "{n}", "dá a soma dos dígitos", "{n}"),
    "reverse_number": ("turns a number's digits around", "{n}", "vira os dígitos de um número", "{n}"),
    "is_leap_year": ("tells whether it is a leap year", "{n}", "diz se é ano bissexto", "{n}"),
    "celsius_to_fahrenheit": (
        "turns Celsius into Fahrenheit", "{x}", "transforma Celsius em Fahrenheit", "{x}"),
    "circle_area": ("computes a circle's area", "a radius of {r}", "calcula a área do círculo", "um raio de {r}"),
    "rectangle_area": (
        "computes a rectangle's area", "sides {a} and {b}", "calcula a área do retângulo", "lados {a} e {b}"),
    "bmi": ("computes the BMI", "weight {w} and height {h}", "calcula o IMC", "peso {w} e altura {h}"),
}
# fmt: on


def _asked() -> dict[str, Phrasings]:
    tasks = {
        **TASKS,
        **{
            id_: (f"(determine|obtain) {en}", en_whole, f"(determinar|obter) {pt}", pt_whole)
            for id_, (en, en_whole, pt, pt_whole) in NOUNS.items()
        },
    }
    ask = {id_: held_out(place, each[:2], each[2:]) for place, (id_, each) in enumerate(tasks.items())}
    return ask | {f"{id_}_named": held_out_function(each[:2], each[2:]) for id_, each in FUNCTIONS.items()}


ASK: Mapping[str, Phrasings] = _asked()
