"""The bench of external providers: its streams are what the adapters read, and its figures mean what they say."""

from __future__ import annotations

import orjson
import pytest

from bench.external import Figures, goals, translations


def text_of(events: bytes) -> str:
    """Return the words of events in OpenAI's dialect."""
    bodies = [orjson.loads(line[6:]) for line in events.split(b"\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for body in bodies for choice in body["choices"])


@pytest.mark.parametrize("name", sorted(translations()))
def test_what_is_timed_is_a_whole_translation(name: str) -> None:
    """Every word of the recorded stream comes out in order, so that nothing is timed that does nothing."""
    make, chunks = translations()[name]
    feed = make()
    words = text_of(b"".join(feed(chunk) for chunk in chunks)).split()
    assert words == [f"word{number:04}" for number in range(1000)]


def test_goals_are_held_by_the_dearest() -> None:
    """A slow translation is not hidden by quick ones, nor a slow failover by many quick ones of another kind."""
    found = Figures(
        chunk_s={"a": [1e-6], "b": [50e-6]},
        request_cpu_s=[0.0003],
        plain_s=[0.001],
        failover_s={"refused": [0.1], "500": [0.5]},
        storm_calls=13,
        storm_answers={"model_failed": 10},
    )
    verdicts = [goal.falls_short("now") for goal in goals(found)]
    assert verdicts == [True, False, True, False, False]


def test_more_calls_than_a_fifth_too_many_fall_short() -> None:
    """1.2 calls a request and three more, not one beyond; and a caller who waits past the deadline is one too many."""
    found = Figures(storm_calls=16, storm_late=1, storm_answers={"model_failed": 10})
    assert [goal.falls_short("now") for goal in goals(found)[3:]] == [True, True]


def test_what_was_not_measured_is_not_reached() -> None:
    """An empty run promises nothing."""
    assert not any("reached" in goal.verdict("now") for goal in goals(Figures()))
