"""The kinds about numbers: complete requests, working programs, and a measurement apart from the training."""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tools.starter import grammar
from tools.starter.coder.numbers_all import KINDS
from tools.starter.heldout.coder_a import ASK
from tools.starter.kinds import LANGUAGES, Kind
from tools.starter.slots import Value

_RUNS = 6
_MOSTLY = 0.9


def _printed(program: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102  # our own programs
    return out.getvalue()


def _samples(kind: Kind, *, held_out: bool) -> list[dict[str, Value]]:
    rng = Random(kind.id)
    return [kind.sample(rng, held_out=held_out) for _ in range(_RUNS)]


def test_kinds_have_names_of_their_own_and_a_measurement() -> None:
    """No two kinds share a name, and each has held-out wordings, which exist for no other kind."""
    assert [name for name, times in Counter(kind.id for kind in KINDS).items() if times > 1] == []
    assert {kind.id for kind in KINDS} == set(ASK)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_every_request_carries_every_value(kind: Kind) -> None:
    """There are enough templates, each can be read, and each names all slots of its kind and no other."""
    for language in LANGUAGES:
        assert len(set(kind.ask[language])) >= 7
        assert len(set(ASK[kind.id][language])) == 3
        for template in (*kind.ask[language], *ASK[kind.id][language]):
            assert grammar.count(template) >= 1
            for text in grammar.every(template):
                assert grammar.slots(text) == set(kind.slots), text
    assert set(re.findall(r"<<(\w+)>>", kind.code)) <= set(kind.slots)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_every_program_runs(kind: Kind, tmp_path: Path) -> None:
    """The program is short and prints something for the training's values and for the measurement's."""
    with contextlib.chdir(tmp_path):
        for held_out in (False, True):
            for values in _samples(kind, held_out=held_out):
                program = kind.program(values)
                assert len(program.splitlines()) < 15
                assert _printed(program).strip()
    assert list(tmp_path.iterdir()) == []


def test_different_values_mostly_print_different_things() -> None:
    """What a program prints depends on its values, but for those that answer with yes or no."""
    varied = [len({_printed(kind.program(each)) for each in _samples(kind, held_out=False)}) > 2 for kind in KINDS]
    assert sum(varied) > _MOSTLY * len(KINDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_request_of_the_measurement_occurs_in_training(language: str) -> None:
    """No held-out wording of any kind is also a training wording of any kind."""
    trained = {text.lower() for kind in KINDS for template in kind.ask[language] for text in grammar.every(template)}
    asked = {text.lower() for ask in ASK.values() for template in ask[language] for text in grammar.every(template)}
    assert asked & trained == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_kinds_are_asked_for_in_the_same_words(language: str) -> None:
    """A wording says which program is meant: no other kind has the same one, whatever its slots are called."""
    owners: dict[str, str] = {}
    for kind in KINDS:
        for template in (*kind.ask[language], *ASK[kind.id][language]):
            for text in grammar.every(template):
                shape = grammar.SLOT.sub("{}", text.lower())
                assert owners.setdefault(shape, kind.id) == kind.id, text
