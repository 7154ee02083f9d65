"""The tutorial is true: each of its commands runs, and answers in the shape that the page shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tools.tutorial import PAGE, Running, Step, batuta, misfit, run_step, steps_of

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial needs curl"),
]

STEPS = steps_of(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with batuta() as at:
        yield at


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.kind}: {step.source.splitlines()[0][:60]}")
def test_the_step_answers_as_shown(step: Step, running: Running) -> None:
    """A reader who types this gets this."""
    assert misfit(step.answer, run_step(step, running)) is None


def test_the_tutorial_talks_both_ways() -> None:
    """Curl and the openai SDK, whole answers and streams: all four are in the tutorial."""
    curl = [step for step in STEPS if "/v1/chat/completions" in step.source and step.kind == "console"]
    sdk = [step for step in STEPS if "chat.completions.create" in step.source and step.kind == "python"]
    for steps, mark in ((curl, '"stream": true'), (sdk, "stream=True")):
        assert {mark in step.source for step in steps} == {True, False}
