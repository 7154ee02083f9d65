"""Noise, plans and repairs of the training text."""

import json
from random import Random

import pytest

from tools.starter import plans
from tools.starter.coder import beyond, repair
from tools.starter.grammar import expand, fill
from tools.starter.noise import noisy, without_accents

PROGRAM = """import math

def area(radius):
    return math.pi * radius ** 2

values = [1, 2, 3]
for value in values:
    print(round(area(value), 2))
"""


def test_noise_leaves_slots_alone() -> None:
    """However a request is typed, its values find their place."""
    rng = Random(1)
    for _ in range(2000):
        assert "{numbers}" in noisy("Please calculate the average of {numbers} in Python.", "en", rng)


def test_the_same_seed_types_the_same() -> None:
    """Training text can be made again, letter for letter."""
    first = [noisy("Como eu carrego um modelo?", "pt", Random(seed)) for seed in range(50)]
    assert first == [noisy("Como eu carrego um modelo?", "pt", Random(seed)) for seed in range(50)]
    assert len(set(first)) > 10


def test_accents_can_be_left_out() -> None:
    """Many people type Portuguese without accents."""
    assert without_accents("não há memória") == "nao ha memoria"


def test_every_way_of_breaking_is_reached_and_told_by_python_itself() -> None:
    """A broken program fails, with the error that goes into the request."""
    rng = Random(2)
    made = [repair.broken(PROGRAM, rng) for _ in range(300)]
    kinds = {each.error.split(":")[0] for each in made if each}
    assert {"NameError", "SyntaxError", "IndentationError"} <= kinds
    for each in made:
        assert each is None or (repair.error_of(each.program) == each.error and each.mended == PROGRAM)


def test_a_program_that_runs_has_no_error() -> None:
    """The judge of broken programs does not blame good ones."""
    assert repair.error_of(PROGRAM) is None


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_plan_writes_and_runs_each_task_in_order(language: str) -> None:
    """Each task is a code step, word by word, and a run step that needs it."""
    plan = json.loads(plans.plan(["sum 1 and 2", "reverse abc"], "both", language))
    assert [(s["id"], s["kind"], s["needs"]) for s in plan["steps"]] == [
        ("s1", "code", []),
        ("s2", "run", ["s1"]),
        ("s3", "code", ["s2"]),
        ("s4", "run", ["s3"]),
    ]
    assert [s["instruction"] for s in plan["steps"] if s["kind"] == "code"] == ["sum 1 and 2", "reverse abc"]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_the_coder_declines_can_be_asked(language: str) -> None:
    """Every slot of those requests has words, and the answer is the admission that is measured."""
    rng = Random(4)
    values = {name: rng.choice(words) for name, words in beyond.FILL[language].items()}
    for template in beyond.ASK[language]:
        assert "{" not in fill(expand(template, rng), values)
    assert all(beyond.FACTS[language] in said for said in beyond.SAY[language])
