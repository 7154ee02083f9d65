"""Forecasts and swaps in words."""

from __future__ import annotations

import pytest

from batuta.catalog.entities import Tier
from batuta.lifecycle.forecast import Forecast, Step, StepKind
from batuta.lifecycle.waits import line
from batuta.lifecycle.words import sentence, swap_sentence
from batuta.observe.events import Swapped

K = StepKind
LOAD = Step(K.LOAD, "brain", 4.6, tier=Tier.DISK)


def said(*steps: Step) -> str:
    return sentence(Forecast(steps), "brain")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((), ""),
        ((LOAD,), "loading brain (4.6 s)"),
        ((Step(K.LOAD, "brain", 12.3),), "loading brain (12 s)"),
        ((Step(K.LOAD, "brain", 200.0),), "loading brain (about 3 min)"),
        (
            (Step(K.FINISH, "coder", 6.0, 2), Step(K.UNLOAD, "coder", 0.3), LOAD),
            "waiting for coder to finish 2 answers (about 6 s), then loading brain (4.6 s)",
        ),
        (
            (Step(K.FINISH, "coder", None, 1), Step(K.UNLOAD, "coder", 0.3), LOAD),
            "waiting for coder to finish 1 answer, then loading brain (4.6 s)",
        ),
        (
            (Step(K.UNLOAD, "coder", 0.3), LOAD),
            "waiting for coder to leave (less than 1 s), then loading brain (4.6 s)",
        ),
        ((Step(K.UNLOAD, "coder"), LOAD), "waiting for coder to leave, then loading brain (4.6 s)"),
        (
            (Step(K.FINISH, "a", 2.0, 1), Step(K.UNLOAD, "a", 1.0), Step(K.FINISH, "b", 8.0, 2), LOAD),
            "waiting for a, b to finish 3 answers (about 8 s), then loading brain (4.6 s)",
        ),
        (
            (Step(K.UNLOAD, "a"), Step(K.UNLOAD, "b"), LOAD),
            "waiting for a, b to make room, then loading brain (4.6 s)",
        ),
        (
            (Step(K.PATIENCE, "coder", 9.0), Step(K.FINISH, "coder", 6.0, 1), Step(K.UNLOAD, "coder"), LOAD),
            "waiting for coder, which others wait for too (about 15 s), then loading brain (4.6 s)",
        ),
        (
            (Step(K.LOAD, "coder", 2.0), Step(K.TURN, "third", 7.0, 1), LOAD),
            (
                "waiting for coder to be loaded (2.0 s), then waiting for third, whose turn is earlier (about 7 s), "
                "then loading brain (4.6 s)"
            ),
        ),
        ((Step(K.REST, "brain", 30.0), LOAD), "resting after a failure (30 s), then loading brain (4.6 s)"),
        ((Step(K.SLOT, "brain", 3.0, 1),), "waiting for brain to finish 1 answer (about 3 s)"),
        (
            (LOAD, Step(K.SLOT, "brain", 20.0, 8)),
            "loading brain (4.6 s), then answering 8 requests that came before (about 20 s)",
        ),
        (
            (Step(K.FINISH, "brain", 4.0, 2), Step(K.UNLOAD, "brain", 1.0), Step(K.TURN, "coder"), LOAD),
            (
                "after 2 answers of its own (about 5 s), then waiting for coder, whose turn is earlier, "
                "then loading brain (4.6 s)"
            ),
        ),
    ],
)
def test_each_wait_has_its_words(steps: tuple[Step, ...], words: str) -> None:
    """What is waited for, in its order, with the seconds that are known."""
    assert said(*steps) == words


def test_models_are_called_by_their_names() -> None:
    """As the page calls them; by their ids elsewhere."""
    found = Forecast((Step(K.FINISH, "coder", 6.0, 2), LOAD))
    words = sentence(found, "brain", names={"coder": "Coder 7B"})
    assert words == "waiting for Coder 7B to finish 2 answers (about 6 s), then loading brain (4.6 s)"


def test_a_name_with_a_percent_sign_is_a_name() -> None:
    """Nothing in it is filled in."""
    assert said(Step(K.LOAD, "100%s", 1.0)) == "waiting for 100%s to be loaded (1.0 s)"
    assert said(Step(K.UNLOAD, "%(n)d"), LOAD).startswith("waiting for %(n)d to leave, then")


def test_a_story_says_it_in_the_third_person() -> None:
    """`waits for`, as the other lines of a story are told."""
    found = Forecast((Step(K.FINISH, "coder", 6.0, 2), LOAD))
    assert line(found, "brain") == "waits for coder to finish 2 answers (about 6 s), then loading brain (4.6 s)"
    rest = Forecast((Step(K.REST, "brain", 3.0), LOAD))
    assert line(rest, "brain") == "waits: resting after a failure (3.0 s), then loading brain (4.6 s)"


def test_a_swap_is_one_line() -> None:
    """Who left for whom, bytes, seconds, and the parts that were measured."""
    swap = Swapped("brain", ("coder",), 9 * 10**9, 6.1, drain_s=2.0, unload_s=0.4, load_s=3.7)
    assert swap_sentence(swap) == "coder left for brain: 9.0 GB back, 6.1 s (2.0 drained, 0.4 unloaded, 3.7 loaded)"
    assert swap_sentence(Swapped("brain", ("a", "b"), 5, 3.0)) == "a, b left for brain: 5 B back, 3.0 s"
