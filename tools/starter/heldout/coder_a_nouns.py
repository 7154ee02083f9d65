"""Held-out wordings of kinds asked for by a noun: kind -> English noun and sentence, Portuguese noun and sentence."""

from __future__ import annotations

# fmt: off
NOUNS: dict[str, tuple[str, str, str, str]] = {
    "add_two": (
        "{a} added to {b}", "add up two numbers, {a} and {b}",
        "o total de {a} mais {b}", "some dois números, {a} e {b}"),
    "multiply_two": (
        "{a} multiplied by {b}", "multiply two numbers, {a} and {b}",
        "{a} multiplicado por {b}", "multiplique dois números, {a} e {b}"),
    "remainder": (
        "{a} modulo {b}", "{a} mod {b}, please",
        "{a} módulo {b}", "{a} mod {b}, por favor"),
    "power": (
        "{a} with exponent {b}", "base {a}, exponent {b}: the power, please",
        "{a} com expoente {b}", "base {a}, expoente {b}: a potência, por favor"),
    "square_root": (
        "sqrt of {n}, two decimals", "root of {n}, the square one, with 2 decimals",
        "a raiz de {n} (a quadrada), duas casas", "sqrt de {n} com 2 casas"),
    "percentage_of": (
        "{p}% out of {n}", "from {n}, the part that is {p} percent",
        "{p}% de um total de {n}", "de {n}, a parte que é {p} por cento"),
    "discount": (
        "what {n} costs once {p}% is taken off", "an item costs {n}, the shop takes {p}% off; the price to pay, please",
        "quanto custa {n} tirando {p}%", "um item custa {n}, a loja tira {p}% de desconto; o preço a pagar, por favor"),
    "percent_change": (
        "the change in percent when {a} turns into {b}", "from {a} up or down to {b}, in percent of change",
        "a mudança em porcentagem quando {a} passa a {b}", "de {a} a {b}: qual a porcentagem de variação"),
    "simple_interest": (
        "the interest (simple) for {n}, rate {p}% yearly, {y} years", "{n} lent for {y} years at {p}%, simple interest",
        "o juro simples para {n}, taxa {p}% anual, {y} anos", "{n} emprestados por {y} anos a {p}%, juros simples"),
    "compound_interest": (
        "what {n} grows to, {p}% yearly compounded, {y} years", "{n} invested, {p}% compound, for {y} years in all",
        "quanto {n} cresce a {p}% anuais compostos em {y} anos", "{n} investidos, {p}% compostos, {y} anos ao todo"),
    "salary_raise": (
        "what a salary of {n} becomes with {p}% more", "{n} salary, {p}% raise, new pay please",
        "quanto vira um salário de {n} com mais {p}%", "salário {n}, aumento {p}%, novo valor por favor"),
    "sum_list": (
        "all of {xs} added up", "add these numbers: {xs}",
        "tudo de {xs} somado", "some estes números: {xs}"),
    "average_list": (
        "the average value in the list {xs}", "take {xs} and average them",
        "o valor médio da lista {xs}", "pegue {xs} e tire a média"),
    "maximum": (
        "the max of {xs}", "among {xs}, the greatest one",
        "o máximo de {xs}", "entre {xs}, o mais alto"),
    "minimum": (
        "the min of {xs}", "among {xs}, the smallest one",
        "o mínimo de {xs}", "entre {xs}, o mais baixo"),
    "median": (
        "the median value in the list {xs}", "take {xs} and print their median",
        "o valor mediano da lista {xs}", "pegue {xs} e mostre a mediana"),
    "product_list": (
        "all of {xs} multiplied together", "multiply these numbers with one another: {xs}",
        "tudo de {xs} multiplicado", "multiplique estes números entre si: {xs}"),
    "sum_squares": (
        "the total of {xs} after squaring each", "square each of {xs} and add the squares",
        "o total de {xs} depois de elevar cada um ao quadrado", "eleve cada um de {xs} ao quadrado e some"),
    "standard_deviation": (
        "the deviation (standard) in the list {xs}", "stdev for {xs}",
        "o desvio (padrão) da lista {xs}", "stdev para {xs}"),
    "mode": (
        "the mode in the list {xs}", "the most frequent number (mode) among {xs}",
        "a moda na lista {xs}", "o número mais frequente (moda) entre {xs}"),
    "second_largest": (
        "the second highest value in the list {xs}", "not the largest but the second largest among {xs}",
        "o segundo valor mais alto da lista {xs}", "não o maior, mas o segundo maior entre {xs}"),
    "running_total": (
        "each running sum along {xs}", "cumulative sums, number by number: {xs}",
        "cada soma acumulada ao longo de {xs}", "somas acumuladas, número a número: {xs}"),
    "cumulative_product": (
        "each running product along {xs}", "cumulative products, number by number: {xs}",
        "cada produto acumulado ao longo de {xs}", "produtos acumulados, número a número: {xs}"),
    "differences": (
        "the gaps from each number to the next one in {xs}", "consecutive differences: {xs}",
        "os intervalos de cada número ao próximo em {xs}", "diferenças consecutivas: {xs}"),
    "matrix_sum": (
        "the total over every cell in the matrix {m}", "add every entry of the matrix {m}",
        "o total de todas as células da matriz {m}", "some cada elemento da matriz {m}"),
    "matrix_transpose": (
        "the matrix {m} with rows turned into columns", "transpose {m}",
        "a matriz {m} com linhas trocadas por colunas", "transponha {m}"),
    "fibonacci_first": (
        "the initial {n} terms in the Fibonacci series", "Fibonacci, {n} terms from the start",
        "os {n} termos iniciais da série de Fibonacci", "Fibonacci, {n} termos desde o início"),
    "fibonacci_below": (
        "every Fibonacci term under {n}", "Fibonacci series while it stays below {n}",
        "cada termo de Fibonacci inferior a {n}", "série de Fibonacci enquanto ficar abaixo de {n}"),
    "primes_below": (
        "every prime under {n}", "all primes there are below {n}, in a list",
        "cada primo inferior a {n}", "todos os primos que há abaixo de {n}, em uma lista"),
    "primes_first": (
        "the initial {n} primes", "a list of {n} primes, from 2 on",
        "os {n} primos iniciais", "uma lista de {n} primos, a partir do 2"),
    "times_table": (
        "the table of {n} times 1 to 10", "multiply {n} by 1, by 2 and so on to 10: its times table",
        "a tabela de {n} vezes 1 a 10", "multiplique {n} por 1, por 2 e assim até 10: a tabuada"),
    "squares_list": (
        "every number squared, {a} to {b}", "square all of {a} through {b}, in a list",
        "cada número ao quadrado, de {a} até {b}", "eleve ao quadrado tudo de {a} até {b}, em lista"),
    "cubes_list": (
        "every number cubed, {a} to {b}", "cube all of {a} through {b}, in a list",
        "cada número ao cubo, de {a} até {b}", "eleve ao cubo tudo de {a} até {b}, em lista"),
    "sum_to_n": (
        "the total over the range {a} through {b}", "add every whole number from {a} through {b}",
        "o total do intervalo de {a} até {b}", "some cada inteiro de {a} até {b}"),
    "evens_between": (
        "every even number from {a} through {b}", "only the evens in the range {a} to {b}",
        "cada número par de {a} até {b}", "só os pares no intervalo de {a} a {b}"),
    "odds_between": (
        "every odd number from {a} through {b}", "only the odds in the range {a} to {b}",
        "cada número ímpar de {a} até {b}", "só os ímpares no intervalo de {a} a {b}"),
    "multiples_below": (
        "every multiple of {k} under {n}", "{k}, its double and so on: all multiples below {n}",
        "cada múltiplo de {k} inferior a {n}", "{k}, seu dobro e assim por diante: os múltiplos abaixo de {n}"),
    "collatz": (
        "the Collatz steps for {n}", "run Collatz on {n} until it reaches 1",
        "os passos de Collatz para {n}", "rode Collatz com {n} até chegar a 1"),
    "triangular": (
        "the initial {n} triangular numbers", "triangular numbers, {n} in all, in a list",
        "os {n} números triangulares iniciais", "números triangulares, {n} ao todo, em uma lista"),
    "arithmetic_progression": (
        "{n} terms for the AP with first term {a} and difference {k}",
        "arithmetic progression: begin with {a}, add {k} each time, {n} terms",
        "{n} termos da PA com primeiro termo {a} e razão {k}",
        "progressão aritmética: comece com {a}, some {k} a cada vez, {n} termos"),
    "geometric_progression": (
        "{n} terms for the GP with first term {a} and ratio {k}",
        "geometric progression: begin with {a}, multiply by {k} each time, {n} terms",
        "{n} termos da PG com primeiro termo {a} e razão {k}",
        "progressão geométrica: comece com {a}, multiplique por {k} a cada vez, {n} termos"),
    "factorial": (
        "{n}! (factorial)", "multiply 1 by 2 and so on up to {n}: its factorial",
        "{n}! (fatorial)", "multiplique 1 por 2 e assim até {n}: o fatorial"),
    "prime_factors": (
        "the factorization of {n} into primes", "factor {n} into primes",
        "a fatoração de {n} em primos", "fatore {n} em primos"),
    "divisors": (
        "each divisor of {n}", "the numbers that divide {n}, its divisors",
        "cada divisor de {n}", "os números que dividem {n}, seus divisores"),
    "gcd": (
        "the gcd for the pair {a}, {b}", "greatest common divisor: {a}, {b}",
        "o mdc para o par {a}, {b}", "máximo divisor comum: {a}, {b}"),
    "lcm": (
        "the lcm for the pair {a}, {b}", "least common multiple: {a}, {b}",
        "o mmc para o par {a}, {b}", "mínimo múltiplo comum: {a}, {b}"),
    "digit_sum": (
        "the digits of {n} added up", "add each digit in {n} to the others",
        "os dígitos de {n} somados", "some cada algarismo de {n}"),
    "circle_area": (
        "the area for radius {r} in a circle", "a circle has radius {r}; its area, please",
        "a área para raio {r} em um círculo", "um círculo tem raio {r}; a área, por favor"),
    "circle_perimeter": (
        "the perimeter of a circle whose radius is {r}", "a circle has radius {r}; its circumference, please",
        "o perímetro de um círculo cujo raio é {r}", "um círculo tem raio {r}; a circunferência, por favor"),
    "rectangle_area": (
        "the area for a rectangle {a} wide and {b} high", "a rectangle measures {a} and {b}; its area, please",
        "a área de um retângulo de largura {a} e altura {b}", "um retângulo mede {a} e {b}; a área, por favor"),
    "rectangle_perimeter": (
        "the perimeter for a rectangle {a} wide and {b} high", "a rectangle measures {a} and {b}; perimeter, please",
        "o perímetro de um retângulo de largura {a} e altura {b}", "um retângulo mede {a} e {b}; perímetro, por favor"),
    "triangle_area": (
        "the area for a triangle, base {a}, height {b}", "a triangle has base {a} and is {b} high; area, please",
        "a área de triângulo, base {a}, altura {b}", "um triângulo tem base {a} e {b} de altura; a área, por favor"),
    "sphere_volume": (
        "the volume for a ball of radius {r} (sphere)", "a sphere has radius {r}; its volume, please",
        "o volume de uma bola de raio {r} (esfera)", "uma esfera tem raio {r}; o volume, por favor"),
    "cylinder_volume": (
        "the volume for a cylinder, radius {r}, height {h}", "a cylinder: radius {r}, height {h}; volume, please",
        "o volume de cilindro, raio {r}, altura {h}", "um cilindro: raio {r}, altura {h}; volume, por favor"),
    "distance": (
        "the distance from point \\({a}, {b}\\) to point \\({c}, {d}\\)",
        "point \\({a}, {b}\\) to \\({c}, {d}\\): the distance, please",
        "a distância do ponto \\({a}, {b}\\) ao ponto \\({c}, {d}\\)",
        "ponto \\({a}, {b}\\) até \\({c}, {d}\\): a distância, por favor"),
    "hypotenuse": (
        "the hypotenuse for the sides {a} and {b}", "Pythagoras: legs {a} and {b}, the hypotenuse please",
        "a hipotenusa para os lados {a} e {b}", "Pitágoras: catetos {a} e {b}, a hipotenusa por favor"),
    "bmi": (
        "the BMI for a weight of {w} kg and a height of {h} m", "weight {w} kg, height {h} m: body mass index please",
        "o IMC para peso de {w} kg e altura de {h} m", "peso {w} kg, altura {h} m: índice de massa corporal"),
    "average_speed": (
        "the mean speed over {a} km done in {b} hours", "{a} km took me {b} hours; average speed, please",
        "a velocidade média em {a} km feitos em {b} horas", "{a} km levaram {b} horas; velocidade média, por favor"),
    "days_between": (
        "how many days lie between {d} and {e}", "days from {d} until {e}",
        "quantos dias separam {d} de {e}", "dias desde {d} até {e}"),
    "weekday": (
        "the name of the weekday on {d}", "was {d} a Monday, a Tuesday or what day of the week?",
        "o nome do dia da semana em {d}", "{d} foi segunda, terça ou que dia da semana?"),
    "age_on_date": (
        "how old a person from {d} is on {e}", "birth date {d}, today is {e}: the age, please",
        "a idade de alguém de {d} no dia {e}", "data de nascimento {d}, hoje é {e}: a idade, por favor"),
    "days_in_month": (
        "how many days there are in month {m}, year {y}", "year {y}, month {m}: its number of days, please",
        "quantos dias há no mês {m}, ano {y}", "ano {y}, mês {m}: o total de dias, por favor"),
    "first_weekday": (
        "which weekday is day 1 in month {m}, year {y}", "year {y}, month {m}: weekday of its first day, please",
        "em qual dia da semana cai o dia 1 do mês {m}, ano {y}", "ano {y}, mês {m}: o dia da semana do dia 1"),
}
# fmt: on
