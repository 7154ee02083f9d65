"""Further values for kinds about numbers: dates, binary numbers, small matrices, equations. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random

from tools.starter.slots import Slot, Value, choice, is_held_out

TRIES = 1000


def same(make: Callable[[Random], str]) -> Slot:
    """A text that is the same in the request and in the program."""

    def slot(rng: Random, held_out: bool) -> Value:  # noqa: FBT001  # a Slot's form
        for _ in range(TRIES):
            text = make(rng)
            if is_held_out(text) == held_out:
                return Value(text, text, text)
        raise ValueError("the pool has no value on that side of the split; make it larger")

    return slot


def few(low: int, high: int) -> Slot:
    """A whole number of so few that they are not split."""
    return choice(*(str(each) for each in range(low, high + 1)))


def iso_date(first: int = 1990, last: int = 2035) -> Slot:
    """A date like 2024-03-15, without quotes."""
    return same(lambda rng: date(rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28)).isoformat())


def binary() -> Slot:
    """A number in base two, without quotes."""
    return same(lambda rng: f"{rng.randint(4, 255):b}")


def matrix() -> Slot:
    """Two or three rows of the same length, of whole numbers."""

    def text(rng: Random) -> str:
        columns = rng.randint(2, 3)
        return str([[rng.randint(1, 20) for _ in range(columns)] for _ in range(rng.randint(2, 3))])

    return same(text)


def quadratic() -> Slot:
    """The coefficients of a quadratic equation with two different whole roots: `1, -5, 6`."""

    def text(rng: Random) -> str:
        first, second = rng.sample([root for root in range(-12, 13) if root], 2)
        return f"1, {-(first + second)}, {first * second}"

    return same(text)
