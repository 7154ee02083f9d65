"""What a call cost, and what it may cost."""

from __future__ import annotations

import re
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.chat.types import Usage
from batuta.usage.cost import (
    NANO,
    TOKENS_AN_IMAGE,
    USUAL_ANSWER,
    answer_limit,
    cost_of,
    dollars,
    estimate,
    nano,
    question_size,
    shown,
)
from batuta.usage.prices import Price

PRICE = Price("p", re.compile("m"), 2.0, 10.0, cached=0.5)
counts = st.integers(0, 10_000_000)


@pytest.mark.parametrize(
    ("usage", "price", "cost"),
    [
        (Usage(1_000_000, 1_000_000), PRICE, 12.0),
        (Usage(1_000_000, 0, cached_tokens=400_000), PRICE, 1.4),
        (Usage(0, 1_000_000, reasoning_tokens=900_000), PRICE, 10.0),
        (Usage(0, 100, reasoning_tokens=900), PRICE, 0.01),  # reasoning that was counted beside the answer
        (Usage(0, 1_000_000, reasoning_tokens=500_000), Price("p", re.compile("m"), 2, 10, reasoning=4), 7.0),
        (Usage(1_000_000, 0, cached_tokens=400_000), Price("p", re.compile("m"), 2, 10), 2.0),
        (Usage(1, 0), Price("p", re.compile("m"), 0.02, 0), 2e-8),
        (Usage(), PRICE, 0.0),
    ],
)
def test_tokens_times_prices(usage: Usage, price: Price, cost: float) -> None:
    """Cached tokens are a part of the question, reasoning a part of the answer, each at its own price."""
    assert cost_of(usage, price) == round(cost * NANO)


def test_less_than_a_nano_dollar_is_one() -> None:
    """A sum of many crumbs is not nothing."""
    assert cost_of(Usage(1, 0), Price("p", re.compile("m"), 0.00001, 0)) == 1


@given(counts, counts, counts, counts)
def test_a_call_never_costs_more_than_its_estimate(prompt: int, cached: int, answer: int, reasoning: int) -> None:
    """With the sizes right, what is held is enough."""
    usage = Usage(prompt, answer, min(cached, prompt), min(reasoning, answer))
    assert cost_of(usage, PRICE) <= estimate(prompt, answer, PRICE)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, USUAL_ANSWER),
        ({"max_tokens": 10}, 10),
        ({"max_completion_tokens": 20, "max_tokens": 10}, 20),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"max_tokens": -1}, USUAL_ANSWER),
        ({"max_tokens": "ten"}, USUAL_ANSWER),
        ({"max_output_tokens": 7}, 7),
    ],
)
def test_the_longest_answer(fields: dict[str, object], limit: int) -> None:
    """The caller's own limit, for each of the answers; a usual length where there is none."""
    assert answer_limit(orjson.dumps(fields)) == limit


def test_a_body_that_is_no_json_has_a_usual_answer() -> None:
    """An estimate refuses nothing."""
    assert answer_limit(b"{") == USUAL_ANSWER


def test_images_count_by_what_they_take_not_by_their_bytes() -> None:
    """A megabyte of base64 is one image, and so is one that is only named."""
    data = "data:image/png;base64," + "A" * 1_000_000
    part = {"type": "image_url", "image_url": {"url": data}}
    body = orjson.dumps({"messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, part]}]})
    assert TOKENS_AN_IMAGE <= question_size(body) < 3 * TOKENS_AN_IMAGE
    named = body.replace(data.encode(), b"https://example.com/a.png")
    assert question_size(named) >= TOKENS_AN_IMAGE


@given(st.text())
def test_a_text_has_at_least_the_tokens_of_any_tokenizer_for_words(text: str) -> None:
    """Two bytes a token, rounded up."""
    assert question_size(text.encode("utf-8", "replace")) * 2 >= len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (5 * NANO, "$5.00"),
        (12_345_678_900_000, "$12,345.68"),
        (10_000_000, "$0.01"),
        (1_230_000, "$0.0012"),
        (40_000, "$0.000040"),
    ],
)
def test_money_is_shown_as_people_write_it(amount: int, text: str) -> None:
    """What is there is never shown as nothing."""
    assert shown(amount) == text


def test_dollars_and_back() -> None:
    """Limits are decimals, sums are whole; nothing is lost between."""
    assert nano(Decimal("4.98")) == 4_980_000_000
    assert nano(1e-10) == 1
    assert dollars(nano(Decimal("0.1"))) == 0.1
