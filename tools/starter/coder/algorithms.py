"""Kinds about well-known algorithms and small decisions. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import brackets, maybe_digits, pairs, sorted_numbers
from tools.starter.kinds import Kind
from tools.starter.slots import PEOPLE, WORDS, Value, choice, number, numbers, words

_OPERATORS = choice(
    Value("plus", "mais", "+"),
    Value("minus", "menos", "-"),
    Value("times", "vezes", "*"),
    Value("divided by", "dividido por", "/"),
)
_HANDS = tuple(Value(en, pt, f'"{en}"') for en, pt in (("rock", "pedra"), ("paper", "papel"), ("scissors", "tesoura")))

KINDS: tuple[Kind, ...] = (
    Kind(
        "binary_search",
        asked(
            (
                "(use|do) a binary search for {x} in {xs} and ~print the index or -1",
                "search {x} in the sorted list {xs} with binary search, -1 if missing",
                "what index does a binary search for {x} in {xs} give (or -1)?",
            ),
            (
                "(usar|fazer) uma busca binária de {x} em {xs} e ~mostrar o índice ou -1",
                "buscar {x} na lista ordenada {xs} com busca binária, -1 se faltar",
                "que índice a busca binária de {x} em {xs} dá (ou -1)?",
            ),
        ),
        """
def search(items, x):
    low, high = 0, len(items) - 1
    while low <= high:
        mid = (low + high) // 2
        if items[mid] == x:
            return mid
        if items[mid] < x:
            low = mid + 1
        else:
            high = mid - 1
    return -1

print(search(<<xs>>, <<x>>))
""",
        {"x": number(1, 22), "xs": sorted_numbers(1, 22, 4, 7)},
    ),
    Kind(
        "bubble_sort",
        asked(
            (
                "sort {xs} with (bubble sort|a bubble sort)",
                "(do|use) bubble sort on the list {xs} and ~print it",
                "what does bubble sort make of {xs}?",
            ),
            (
                "ordenar {xs} com bubble sort",
                "(fazer|usar) bubble sort na lista {xs} e ~mostrar",
                "como fica {xs} depois do bubble sort?",
            ),
        ),
        """
items = <<xs>>
for i in range(len(items)):
    for j in range(len(items) - 1 - i):
        if items[j] > items[j + 1]:
            items[j], items[j + 1] = items[j + 1], items[j]
print(items)
""",
        {"xs": numbers(1, 99, 4, 7)},
    ),
    Kind(
        "balanced_brackets",
        asked(
            (
                "(check|test) if the brackets in {s} are balanced",
                "print True if {s} has balanced brackets and False (if not|otherwise)",
                "are the brackets in {s} balanced?",
            ),
            (
                "(verificar|testar) se os parênteses em {s} estão balanceados",
                "mostrar True se {s} tiver parênteses balanceados e False (se não|caso contrário)",
                "os parênteses de {s} estão balanceados?",
            ),
        ),
        """
text = <<s>>
stack = []
ok = True
for c in text:
    if c in "([{":
        stack.append(c)
    elif not stack or stack.pop() + c not in ("()", "[]", "{}"):
        ok = False
print(ok and not stack)
""",
        {"s": brackets()},
    ),
    Kind(
        "hanoi_moves",
        asked(
            (
                "count the moves (of|for) the tower of hanoi with {n} disks",
                "compute how many moves hanoi needs for {n} disks",
                "how many moves does the tower of hanoi with {n} disks (need|take)?",
            ),
            (
                "contar os movimentos da torre de hanói com {n} discos",
                "calcular quantos movimentos a torre de hanói precisa para {n} discos",
                "quantos movimentos a torre de hanói com {n} discos (precisa|leva)?",
            ),
        ),
        """
def hanoi(n):
    if n == 0:
        return 0
    return 2 * hanoi(n - 1) + 1

print(hanoi(<<n>>))
""",
        {"n": number(2, 40)},
    ),
    Kind(
        "cached_fibonacci",
        asked(
            (
                "compute fibonacci of {n} with (lru_cache|a cache)",
                "(find|print) fibonacci number {n} with memoization",
                "what is fibonacci of {n}, using (lru_cache|memoization)?",
            ),
            (
                "calcular fibonacci de {n} com (lru_cache|cache)",
                "(achar|mostrar) o fibonacci número {n} com memoização",
                "qual é o fibonacci de {n}, usando (lru_cache|memoização)?",
            ),
        ),
        """
from functools import lru_cache

@lru_cache
def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)

print(fibonacci(<<n>>))
""",
        {"n": number(5, 90)},
    ),
    Kind(
        "recursive_sum",
        asked(
            (
                "sum {xs} with (recursion|a recursive function)",
                "add up the list {xs} recursively",
                "what is the sum of {xs}, with (recursion|a recursive function)?",
            ),
            (
                "somar {xs} com (recursão|uma função recursiva)",
                "totalizar a lista {xs} recursivamente",
                "qual é a soma de {xs}, com (recursão|uma função recursiva)?",
            ),
        ),
        """
def total(items):
    if not items:
        return 0
    return items[0] + total(items[1:])

print(total(<<xs>>))
""",
        {"xs": numbers(1, 99, 3, 6)},
    ),
    Kind(
        "even_generator",
        asked(
            (
                "make a generator of even numbers up to {n} and ~print them as a list",
                "use a generator (function|) with yield for the even numbers from 0 to {n} and ~list them",
                "how do I list the even numbers from 0 to {n} with yield?",
            ),
            (
                "fazer um gerador de números pares até {n} e ~mostrar como lista",
                "usar um gerador com yield para os pares de 0 a {n} e ~listar os números",
                "como listar os pares de 0 a {n} com yield?",
            ),
        ),
        """
def evens(n):
    for i in range(0, n + 1, 2):
        yield i

print(list(evens(<<n>>)))
""",
        {"n": number(6, 40)},
    ),
    Kind(
        "safe_divide",
        asked(
            (
                "divide {a} by {b} with try and except, printing error (for|on) a division by zero",
                "print {a} / {b}, or error if it divides by zero, with try",
                "how do I divide {a} by {b} with try, printing error for zero?",
            ),
            (
                "dividir {a} por {b} com try e except, mostrando error na divisão por zero",
                "mostrar {a} / {b}, ou error se dividir por zero, com try",
                "como dividir {a} por {b} com try, mostrando error se for zero?",
            ),
        ),
        """
try:
    print(<<a>> / <<b>>)
except ZeroDivisionError:
    print("error")
""",
        {"a": number(1, 99), "b": choice("0", "0", "1", "2", "4", "5", "8", "10")},
    ),
    Kind(
        "safe_int",
        asked(
            (
                "convert {s} to an integer with try and except, printing invalid if it fails",
                "print the int of {s}, or invalid on a ValueError",
                "how do I turn {s} into an int, or print invalid?",
            ),
            (
                "converter {s} para inteiro com try e except, mostrando invalid se falhar",
                "mostrar o int de {s}, ou invalid em um ValueError",
                "como transformar {s} em int, ou mostrar invalid?",
            ),
        ),
        """
try:
    print(int(<<s>>))
except ValueError:
    print("invalid")
""",
        {"s": maybe_digits()},
    ),
    Kind(
        "halve_until",
        asked(
            (
                "use a while loop to halve {n} (with //|) until it is 0, printing each value",
                "print {n} and ~halve it with // in a while loop as long as it is above 0",
                "how do I halve {n} with while, printing each value until 0?",
            ),
            (
                "usar um while para dividir {n} por 2 com // até chegar a 0, mostrando cada valor",
                "mostrar {n} e ~dividir por 2 com // em um while enquanto for maior que 0",
                "como dividir {n} por 2 com while, mostrando cada valor até 0?",
            ),
        ),
        """
n = <<n>>
while n > 0:
    print(n)
    n = n // 2
""",
        {"n": number(10, 900)},
    ),
    Kind(
        "format_table",
        asked(
            (
                "print {d} as a table: names left in 10 columns, numbers right in 5",
                "format {d} as rows with the name 10 wide and the number 5 wide to the right",
                "how do I show {d} as a table with names in 10 columns and numbers right in 5?",
            ),
            (
                "mostrar {d} como tabela: nomes à esquerda em 10 colunas, números à direita em 5",
                "formatar {d} em linhas com o nome em 10 colunas e o número em 5 à direita",
                "como mostrar {d} em uma tabela com nomes em 10 colunas e números à direita em 5?",
            ),
        ),
        """
data = <<d>>
for name, value in data.items():
    print(f"{name:<10}{value:>5}")
""",
        {"d": pairs((*PEOPLE, *WORDS), 1, 999, 2, 4)},
    ),
    Kind(
        "calculator",
        asked(
            (
                "make a calculator function and ~print {a} {op} {b}",
                "use a function calculate with if for the operators on {a} {op} {b}",
                "how do I write a calculator (function|) that gives {a} {op} {b}?",
            ),
            (
                "fazer uma função calculadora e ~mostrar {a} {op} {b}",
                "usar uma função calculate com if para os operadores em {a} {op} {b}",
                "como escrever uma (função|) calculadora que dá {a} {op} {b}?",
            ),
        ),
        """
def calculate(a, op, b):
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    return a / b

print(calculate(<<a>>, "<<op>>", <<b>>))
""",
        {"a": number(1, 99), "op": _OPERATORS, "b": number(1, 40)},
    ),
    Kind(
        "rock_paper_scissors",
        asked(
            (
                "decide rock paper scissors: first plays {a}, second plays {b}; first, second or draw",
                "print first, second or draw for a game of {a} against {b}",
                "who wins, first or second (or draw), with {a} against {b}?",
            ),
            (
                "decidir pedra papel tesoura: o primeiro joga {a}, o segundo {b}; first, second ou draw",
                "mostrar first, second ou draw para um jogo de {a} contra {b}",
                "quem ganha, first ou second (ou draw), com {a} contra {b}?",
            ),
        ),
        """
wins = {"rock": "scissors", "paper": "rock", "scissors": "paper"}
a = <<a>>
b = <<b>>
if a == b:
    print("draw")
elif wins[a] == b:
    print("first")
else:
    print("second")
""",
        {"a": choice(*_HANDS), "b": choice(*_HANDS)},
    ),
    Kind(
        "grade_letter",
        asked(
            (
                "(give|print) the letter for the score {n}: A from 90, B from 80, C from 70, else F",
                "turn the score {n} into a grade: 90 A, 80 B, 70 C, below that F",
                "which letter is the score {n} with A from 90, B from 80, C from 70, else F?",
            ),
            (
                "(dar|mostrar) a letra da nota {n}: A a partir de 90, B de 80, C de 70, senão F",
                "transformar a nota {n} em conceito: 90 A, 80 B, 70 C, abaixo disso F",
                "qual letra é a nota {n} com A desde 90, B desde 80, C desde 70, senão F?",
            ),
        ),
        """
score = <<n>>
if score >= 90:
    print("A")
elif score >= 80:
    print("B")
elif score >= 70:
    print("C")
else:
    print("F")
""",
        {"n": number(40, 100)},
    ),
    Kind(
        "todo_list",
        asked(
            (
                "make a todo list with {ws} and ~print each as [ ] task",
                "show the tasks {ws} as a checklist with [ ] in front of each",
                "how do I print a todo list of {ws} with [ ] before each task?",
            ),
            (
                "fazer uma lista de tarefas com {ws} e ~mostrar cada uma como [ ] tarefa",
                "mostrar as tarefas {ws} como checklist com [ ] na frente de cada uma",
                "como imprimir uma lista de tarefas de {ws} com [ ] antes de cada uma?",
            ),
        ),
        """
tasks = <<ws>>
for task in tasks:
    print(f"[ ] {task}")
""",
        {"ws": words((*WORDS, *PEOPLE), 2, 5)},
    ),
    Kind(
        "hot_days",
        asked(
            (
                "(list|keep) the temperatures of {xs} above {n} degrees",
                "filter the temperatures {xs}, keeping those above {n}",
                "which temperatures of {xs} are above {n}?",
            ),
            (
                "(listar|manter) as temperaturas de {xs} acima de {n} graus",
                "filtrar as temperaturas {xs}, deixando as que passam de {n}",
                "quais temperaturas de {xs} estão acima de {n}?",
            ),
        ),
        """
temperatures = <<xs>>
print([t for t in temperatures if t > <<n>>])
""",
        {"xs": numbers(5, 40, 4, 7), "n": number(8, 35)},
    ),
)
