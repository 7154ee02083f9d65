"""Kinds about small classes, with the class's name and its values from the request. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import asked
from tools.starter.coder.pools_b import CLASSES
from tools.starter.kinds import Kind
from tools.starter.slots import PEOPLE, WORDS, invented, name, number, numbers, word, words

KINDS: tuple[Kind, ...] = (
    Kind(
        "class_speak",
        asked(
            (
                "(create|define) a class {cls} with a method speak that prints {w}, and ~call it",
                "make the class {cls} whose method speak prints {w} and ~use it",
                "how do I write a class {cls} with a method speak that prints {w}?",
            ),
            (
                "(criar|definir) uma classe {cls} com um método speak que imprime {w}, e ~chamar o método",
                "fazer a classe {cls} cujo método speak imprime {w} e ~usar a classe",
                "como escrever uma classe {cls} com um método speak que imprime {w}?",
            ),
        ),
        """
class <<cls>>:
    def speak(self):
        print(<<w>>)

<<cls>>().speak()
""",
        {"cls": name(CLASSES), "w": invented(2, 3)},
    ),
    Kind(
        "class_name_field",
        asked(
            (
                "(create|define) a class {cls} with a name, make one called {p} and ~print its name",
                "make the class {cls} with the field name, set it to {p} and ~print it",
                "how do I write a class {cls} with a name and print the name of one called {p}?",
            ),
            (
                "(criar|definir) uma classe {cls} com um nome, criar um objeto de nome {p} e ~mostrar o nome",
                "fazer a classe {cls} com o campo name igual a {p} e ~imprimir esse campo",
                "como escrever uma classe {cls} com nome e imprimir o nome de um objeto chamado {p}?",
            ),
        ),
        """
class <<cls>>:
    def __init__(self, name):
        self.name = name

item = <<cls>>(<<p>>)
print(item.name)
""",
        {"cls": name(CLASSES), "p": word(PEOPLE)},
    ),
    Kind(
        "class_str",
        asked(
            (
                "(create|define) a class {cls} with name and age shown as name - age, and ~print one of {p} and {n}",
                "make the class {cls} that shows itself as name - age and ~print it for {p}, {n}",
                "how do I print a class {cls} as name - age for {p} and {n}?",
            ),
            (
                "(criar|definir) uma classe {cls} com name e age vista como name - age, e ~mostrar uma com {p} e {n}",
                "fazer a classe {cls} que se mostra como name - age e ~imprimir para {p}, {n}",
                "como imprimir uma classe {cls} como name - age para {p} e {n}?",
            ),
        ),
        """
class <<cls>>:
    def __init__(self, name, age):
        self.name = name
        self.age = age

    def __str__(self):
        return f"{self.name} - {self.age}"

print(<<cls>>(<<p>>, <<n>>))
""",
        {"cls": name(CLASSES), "p": word(PEOPLE), "n": number(1, 99)},
    ),
    Kind(
        "dataclass_fields",
        asked(
            (
                "(create|define) a dataclass {cls} with name and price, and ~print one with {w} and {n}",
                "make {cls} a dataclass of a name and a price, then ~print it for {w}, {n}",
                "how do I write a dataclass {cls} with name and price and print it for {w} and {n}?",
            ),
            (
                "(criar|definir) uma dataclass {cls} com name e price, e ~mostrar uma com {w} e {n}",
                "fazer {cls} uma dataclass de name e price, depois ~imprimir com {w}, {n}",
                "como escrever uma dataclass {cls} com name e price e imprimir com {w} e {n}?",
            ),
        ),
        """
from dataclasses import dataclass

@dataclass
class <<cls>>:
    name: str
    price: int

print(<<cls>>(<<w>>, <<n>>))
""",
        {"cls": name(CLASSES), "w": word(WORDS), "n": number(1, 99)},
    ),
    Kind(
        "dataclass_point",
        asked(
            (
                "(create|define) a dataclass Point with x and y, and ~print Point of {a} and {b}",
                "make Point a dataclass of x and y, then ~print the point {a}, {b}",
                "how do I write a dataclass Point with x and y and print the point {a}, {b}?",
            ),
            (
                "(criar|definir) uma dataclass Point com x e y, e ~mostrar Point de {a} e {b}",
                "fazer Point uma dataclass de x e y, depois ~imprimir o ponto {a}, {b}",
                "como escrever uma dataclass Point com x e y e imprimir o ponto {a}, {b}?",
            ),
        ),
        """
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: int

print(Point(<<a>>, <<b>>))
""",
        {"a": number(-40, 99), "b": number(-40, 99)},
    ),
    Kind(
        "class_counter",
        asked(
            (
                "(create|define) a class Counter with a method add, ~call it {n} times and ~print the count",
                "make a Counter class, add to it {n} times and ~print its count",
                "how do I write a class Counter, add {n} times and print the count?",
            ),
            (
                "(criar|definir) uma classe Counter com um método add, ~chamar {n} vezes e ~mostrar a contagem",
                "fazer uma classe Counter, ~somar nela {n} vezes e ~imprimir a contagem",
                "como escrever uma classe Counter, somar {n} vezes e imprimir a contagem?",
            ),
        ),
        """
class Counter:
    def __init__(self):
        self.count = 0

    def add(self):
        self.count += 1

counter = Counter()
for i in range(<<n>>):
    counter.add()
print(counter.count)
""",
        {"n": number(2, 60)},
    ),
    Kind(
        "bank_account",
        asked(
            (
                "(create|define) a bank account class {cls}, ~deposit {a}, ~withdraw {b} and ~print the balance",
                "make {cls} a class for an account: deposit {a}, take out {b}, print the balance",
                "how do I write a class {cls} to deposit {a}, withdraw {b} and print the balance?",
            ),
            (
                "(criar|definir) uma classe de conta {cls}, ~depositar {a}, ~sacar {b} e ~mostrar o saldo",
                "fazer {cls} uma classe de conta bancária: depositar {a}, retirar {b}, imprimir o saldo",
                "como escrever uma classe {cls} para depositar {a}, sacar {b} e imprimir o saldo?",
            ),
        ),
        """
class <<cls>>:
    balance = 0

    def deposit(self, amount):
        self.balance += amount

    def withdraw(self, amount):
        self.balance -= amount

account = <<cls>>()
account.deposit(<<a>>)
account.withdraw(<<b>>)
print(account.balance)
""",
        {"cls": name(CLASSES), "a": number(100, 999), "b": number(1, 99)},
    ),
    Kind(
        "class_rectangle",
        asked(
            (
                "(create|define) a class {cls} with width {a} and height {b} and a method area, and ~print the area",
                "make the class {cls} with an area method and ~print the area for {a} by {b}",
                "how do I write a class {cls} with a method area and print it for {a} x {b}?",
            ),
            (
                "(criar|definir) uma classe {cls} com largura {a} e altura {b} e um método area, e ~mostrar a área",
                "fazer a classe {cls} com um método area e ~imprimir a área para {a} por {b}",
                "como escrever uma classe {cls} com um método area e imprimir para {a} x {b}?",
            ),
        ),
        """
class <<cls>>:
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

print(<<cls>>(<<a>>, <<b>>).area())
""",
        {"cls": name(CLASSES), "a": number(1, 60), "b": number(1, 60)},
    ),
    Kind(
        "stack",
        asked(
            (
                "(use|make) a stack, push {ws} and ~pop one, printing it",
                "push {ws} on a stack and ~print what pop gives",
                "what does a stack pop first after pushing {ws}?",
            ),
            (
                "(usar|fazer) uma pilha, empilhar {ws} e ~desempilhar um, mostrando ele",
                "empilhar {ws} em uma pilha e ~mostrar o que o pop devolve",
                "o que uma pilha desempilha primeiro depois de empilhar {ws}?",
            ),
        ),
        """
stack = []
for item in <<ws>>:
    stack.append(item)
print(stack.pop())
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "queue",
        asked(
            (
                "(use|make) a queue, ~put {ws} in it and ~take one out, printing it",
                "put {ws} in a queue and ~print who leaves first",
                "who leaves a queue first after {ws} enter it?",
            ),
            (
                "(usar|fazer) uma fila, colocar {ws} nela e ~tirar um, mostrando ele",
                "colocar {ws} em uma fila e ~mostrar quem sai primeiro",
                "quem sai primeiro de uma fila depois que {ws} entram?",
            ),
        ),
        """
from collections import deque

queue = deque()
for item in <<ws>>:
    queue.append(item)
print(queue.popleft())
""",
        {"ws": words((*WORDS, *PEOPLE), 3, 5)},
    ),
    Kind(
        "student_average",
        asked(
            (
                "(create|define) a class {cls} with grades and a method average, and ~print it for {xs}",
                "make the class {cls} that has grades {xs} and ~print its average",
                "how do I write a class {cls} with a method average for the grades {xs}?",
            ),
            (
                "(criar|definir) uma classe {cls} com notas e um método average, e ~mostrar a média de {xs}",
                "fazer a classe {cls} que tem as notas {xs} e ~imprimir a média dela",
                "como escrever uma classe {cls} com um método average para as notas {xs}?",
            ),
        ),
        """
class <<cls>>:
    def __init__(self, grades):
        self.grades = grades

    def average(self):
        return sum(self.grades) / len(self.grades)

print(<<cls>>(<<xs>>).average())
""",
        {"cls": name(CLASSES), "xs": numbers(0, 10, 2, 5)},
    ),
    Kind(
        "inheritance",
        asked(
            (
                "(create|define) a class {cls} with a name and its subclass Child, and ~print a Child called {p}",
                "make Child inherit from {cls}, which has a name, and ~print it for {p}",
                "how does a class Child inherit from {cls} with a name, printing it for {p}?",
            ),
            (
                "(criar|definir) uma classe {cls} com um nome e a subclasse Child, e ~mostrar o nome do Child {p}",
                "fazer Child herdar de {cls}, que tem um nome, e ~imprimir para {p}",
                "como uma classe Child herda de {cls} com um nome, imprimindo para {p}?",
            ),
        ),
        """
class <<cls>>:
    def __init__(self, name):
        self.name = name

class Child(<<cls>>):
    pass

print(Child(<<p>>).name)
""",
        {"cls": name(CLASSES), "p": word(PEOPLE)},
    ),
)
