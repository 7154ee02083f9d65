"""What is found in a request: tools, images, reasoning, and how long it is at least."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from batuta.catalog.entities import Capability
from batuta.errors import BadRequest
from batuta.gateway.asks import asks_of
from batuta.gateway.call import ENDPOINTS, Call, body_for, fields_of, read_call
from batuta.routing.wishes import NO_ASKS, Wishes

WORDS = [{"role": "user", "content": "hi"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}


def call(*, wishes: Wishes | None = None, **body: Any) -> Call:
    body = {"model": "m", "messages": WORDS, **body}
    raw = orjson.dumps({key: value for key, value in body.items() if value is not None})
    return read_call(raw, ENDPOINTS["/v1/chat/completions"], request_id="r", deadline=1.0, wishes=wishes or Wishes())


@pytest.mark.parametrize(
    ("body", "able"),
    [
        ({}, set()),
        ({"tools": []}, set()),
        ({"tools": [{"type": "function"}]}, {Capability.TOOLS}),
        ({"functions": [{"name": "f"}]}, {Capability.TOOLS}),
        ({"reasoning_effort": "high"}, {Capability.REASONING}),
        ({"reasoning_effort": "none"}, set()),
        ({"reasoning": {"effort": "low"}}, {Capability.REASONING}),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, {Capability.VISION}),
        ({"messages": [{"role": "user", "content": 'they wrote "image_url" in it'}]}, set()),
    ],
)
def test_what_not_every_model_can(body: dict[str, Any], able: set[Capability]) -> None:
    """Only what is really asked for counts, not words about it."""
    assert asks_of(call(**body)).capabilities == able


def test_the_length_is_a_low_guess_and_pictures_are_no_words() -> None:
    """Nobody is passed over for a context that might have been enough."""
    prose = "the quick brown fox jumps over the lazy dog " * 1000  # 10,000 tokens
    assert 7_000 < asks_of(call(messages=[{"role": "user", "content": prose}])).context < 10_000
    assert asks_of(call(messages=[{"role": "user", "content": [PICTURE]}])).context < 100


def test_what_cannot_be_read_asks_for_nothing() -> None:
    """Whoever answers will say what is wrong with it."""
    assert asks_of(call(reasoning_effort=7)) is NO_ASKS


def test_the_list_and_the_wish_to_stay_are_read_and_not_passed_on() -> None:
    """They are for Batuta alone: behind it nobody knows the names, and some would make a list of their own of it."""
    made = call(models=["a", "b"], local_only=True, temperature=0.5)
    assert (made.wishes.models, made.wishes.local_only) == (("a", "b"), True)
    assert set(fields_of(made)) == {"model", "messages", "temperature"}
    assert orjson.loads(body_for(made, "m")) == {"model": "m", "messages": WORDS, "temperature": 0.5}


def test_a_list_may_stand_instead_of_the_model() -> None:
    """The first of it is then the name that was used."""
    made = call(model=None, models=["a", "b"])
    assert (made.model, made.wishes.models) == ("a", ("a", "b"))


def test_the_headers_list_goes_before_the_bodys() -> None:
    """Who sets a header means this request; the stricter word on staying holds."""
    made = call(models=["a"], local_only=False, wishes=Wishes(models=("h",), local_only=True))
    assert (made.wishes.models, made.wishes.local_only) == (("h",), True)


@pytest.mark.parametrize("models", [["a"] * 9, ["a", ""], ["a\nb"], "a", [1]])
def test_a_list_that_is_none_is_refused(models: object) -> None:
    """By name."""
    with pytest.raises(BadRequest, match="models"):
        call(models=models)
