"""The kinds about text, data, files, classes and algorithms can all be asked for, and their programs run."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from random import Random

import pytest

from tools.starter import grammar
from tools.starter.coder.phrases_b import conjugate, request_form, third_person
from tools.starter.coder.text_all import KINDS
from tools.starter.heldout.coder_b import ASK
from tools.starter.kinds import LANGUAGES, Kind

BY_ID = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)


def _printed(kind: Kind, program: str) -> str:
    for name, content in kind.files.items():
        Path(name).write_text(content, encoding="utf-8")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, kind.id, "exec"), {"__name__": "__main__"})  # noqa: S102  # our own programs
    return out.getvalue()


def test_each_kind_has_its_own_id_and_its_held_out_wordings() -> None:
    """No two kinds share an id, and all of them are measured in words they were not taught with."""
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    assert set(ASK) == {kind.id for kind in KINDS}


@BY_ID
def test_every_wording_says_every_value(kind: Kind) -> None:
    """Each template of both sets, in both languages, parses, has all the kind's slots and no other."""
    for asks, least in ((kind.ask, 7), (ASK[kind.id], 3)):
        for language in LANGUAGES:
            assert len(asks[language]) >= least
            for template in asks[language]:
                assert grammar.count(template) >= 1
                assert grammar.slots(template) == set(kind.slots), template
                assert "~" not in template


@BY_ID
def test_every_program_prints_a_result_of_its_values(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canonical program runs with values of both parts, is short, is the same each time, and depends on them."""
    monkeypatch.chdir(tmp_path)
    rng = Random(kind.id)  # a fixed seed makes the play the same each time
    results = set()
    for turn in range(8):
        program = kind.program(kind.sample(rng, held_out=turn % 2 == 1))
        assert "<<" not in program
        assert len([line for line in program.splitlines() if line]) < 16, kind.id
        printed = _printed(kind, program)
        assert printed.strip()
        if kind.id != "append_line":
            assert _printed(kind, program) == printed
        results.add(printed)
    assert len(results) > 1


def test_no_held_out_request_is_ever_a_training_request() -> None:
    """A text of a held-out template is no text of any training template."""
    taught = {text for kind in KINDS for asks in kind.ask.values() for ask in asks for text in grammar.every(ask)}
    for kind in KINDS:
        for templates in ASK[kind.id].values():
            for template in templates:
                assert taught.isdisjoint(grammar.every(template)), template


def test_no_text_stands_for_two_kinds() -> None:
    """One wording with its slots' names is asked for by one kind alone, so that a request tells what is wanted."""
    owners: dict[str, str] = {}
    for kind in KINDS:
        for asks in (kind.ask, ASK[kind.id]):
            for templates in asks.values():
                for text in {text for ask in templates for text in grammar.every(ask)}:
                    bare = grammar.SLOT.sub("_", text)
                    assert owners.setdefault(bare, kind.id) == kind.id, bare


def test_verbs_agree_with_their_sentence() -> None:
    """A task's verbs take the form that its sentence needs, all of them."""
    assert conjugate("(try|catch up) it and ~print it", third_person) == "(tries|catches up) it and prints it"
    assert conjugate("(trocar|fazer) isto e ~pôr ali", request_form) == "(troque|faça) isto e ponha ali"
