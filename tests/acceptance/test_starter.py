"""The starter pair for real: a bare machine answers, the two take turns, and a better model takes over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from batuta import starter
from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, installation, until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(len(starter.files()) < 2, reason="THE STARTER PAIR IS NOT IN THIS CHECKOUT: see tools/starter"),
]
BRAIN, CODER = "starter-brain", "starter-coder"


def said(batuta: Batuta, model: str, words: str) -> str:
    reply = batuta.chat(model, words, max_tokens=200)
    assert reply.status == 200, reply.body
    text: str = reply.json()["choices"][0]["message"]["content"]
    return text


def device(batuta: Batuta) -> dict[str, Any]:
    devices = batuta.ask("GET", "/manage/models").json()["devices"]
    found: dict[str, Any] = next(each for each in devices if each["segments"] or each["id"] == "host")
    return found


def test_a_bare_machine_answers_and_the_pair_takes_turns(tmp_path: Path) -> None:
    """With nothing else there, brain and executor answer, one at a time in the memory that is shown."""
    with installation(tmp_path, command="up", starter=True, env={"HOME": str(tmp_path)}) as batuta:
        assert "Batuta" in said(batuta, "brain", "Who are you?")
        memory = device(batuta)
        assert [segment["model"] for segment in memory["segments"]] == [BRAIN]
        assert memory["budget"] < 2 * memory["segments"][0]["bytes"]
        program = said(batuta, "executor", "Write a program that prints the sum of 3, 4 and 9.")
        assert "```python" in program
        assert [segment["model"] for segment in device(batuta)["segments"]] == [CODER]
        assert said(batuta, "brain", "Olá!")
        story = batuta.ask("GET", f"/manage/models/{BRAIN}/story").json()
        assert any("needs its room" in json.dumps(line) for line in story["story"])


def test_a_better_model_becomes_the_default(tmp_path: Path) -> None:
    """A GGUF that is copied into the folder takes both roles and the whole memory, and an event says so."""
    with installation(tmp_path, starter=True, env={"HOME": str(tmp_path)}) as batuta:
        until(lambda: batuta.model(BRAIN)["state"] == "ready", what="the brain of the pair is loaded")
        little = device(batuta)["budget"]
        tiny_gguf(tmp_path / "models" / "mine.gguf")
        batuta.ask("GET", "/manage/models?refresh=1")
        assert sorted(batuta.model("mine")["roles"]) == ["brain", "executor"]
        assert batuta.model(BRAIN)["roles"] == []
        assert device(batuta)["budget"] > 10 * little
        assert batuta.chat("auto").headers["x-batuta-model"] == "mine"


def test_the_pair_can_be_left_out(tmp_path: Path) -> None:
    """`--no-starter` leaves an empty list."""
    with installation(tmp_path, env={"HOME": str(tmp_path)}) as batuta:
        assert batuta.ask("GET", "/manage/models").json()["models"] == []


PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "ten-questions.md"
_PAIR = re.compile(r"\*\*(?P<role>brain|executor)\*\* · (?P<asked>.+)\n\n(?P<said>(?:>.*\n)+)")


def test_the_ten_questions_of_the_tutorial_are_answered_as_it_shows(tmp_path: Path) -> None:
    """What the page shows is what the pair says, in both languages, word by word."""
    pairs = list(_PAIR.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(pairs) == 10
    with installation(tmp_path, command="up", starter=True, env={"HOME": str(tmp_path)}) as batuta:
        for pair in pairs:
            shown = "\n".join(line.removeprefix(">").removeprefix(" ") for line in pair["said"].splitlines())
            assert said(batuta, pair["role"], pair["asked"]) == shown
