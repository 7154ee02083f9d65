"""What Anthropic's refusals say beside their status: when to come back, and how much would have been right."""

from __future__ import annotations

import orjson
import pytest

from batuta.engines.anthropic.abilities import abilities_of
from batuta.engines.anthropic.answers import classify, lower_limit, wait_of
from batuta.errors import UpstreamRateLimited

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def limits(**pairs: str) -> dict[str, str]:
    return {f"anthropic-ratelimit-{name.replace('_', '-')}": value for name, value in pairs.items()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        (limits(requests_remaining="0", requests_reset="2027-01-15T08:00:30Z"), 30.0),
        (limits(requests_remaining="3", requests_reset="2027-01-15T08:00:30Z"), None),
        (
            limits(requests_remaining="0", requests_reset="2027-01-15T08:00:30Z")
            | limits(input_tokens_remaining="0", input_tokens_reset="2027-01-15T08:05:00Z"),
            300.0,
        ),
        (limits(tokens_remaining="0", tokens_reset="soon"), None),
        (limits(tokens_remaining="0"), None),
        (limits(tokens_remaining="0", tokens_reset="2026-01-01T00:00:00Z"), 0.0),
    ],
)
def test_a_used_up_limit_says_when_there_is_more(headers: dict[str, str], expected: float | None) -> None:
    """Of several limits the last one counts; a date that nobody can read is none."""
    assert wait_of(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("headers", "told", "asked"),
    [
        ({"retry-after": "7"}, 7.0, 7.0),
        ({"retry-after": "900"}, 60.0, 900.0),
        (limits(tokens_remaining="0", tokens_reset="2027-01-15T08:05:00Z"), 60.0, 300.0),
        ({"retry-after": "7"} | limits(tokens_remaining="0", tokens_reset="2027-01-15T08:05:00Z"), 7.0, 7.0),
        ({}, None, None),
    ],
)
def test_a_rate_limit_carries_its_wait(headers: dict[str, str], told: float | None, asked: float | None) -> None:
    """Retry-After goes first; callers are told a minute at most, the key's rest is as long as was asked for."""
    error = classify(429, b"{}", headers=headers, where="h", now=NOW, model="m", hide="")
    assert isinstance(error, UpstreamRateLimited)
    assert (error.retry_after_s, error.asked_wait_s) == (told, asked)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for x", (8, True)),
        (400, "input length and `max_tokens` exceed context limit: 90 + 20 > 100, decrease", (10, False)),
        (400, "input length and `max_tokens` exceed context limit: 100 + 20 > 100, decrease", None),
        (400, "max_tokens: Field required", None),
        (429, "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for x", None),
    ],
)
def test_a_refused_limit_names_a_better_one(status: int, message: str, expected: tuple[int, bool] | None) -> None:
    """Read from the words, where they have the figures."""
    assert lower_limit(status, orjson.dumps({"error": {"message": message}})) == expected


def test_flags_of_the_wrong_kind_are_passed_over() -> None:
    """What a person has written wrongly changes nothing; other words are nobody's business here."""
    wrong = {"max_tokens": "many", "sampling": 1, "efforts": "high", "can_rest": 0, "gpu_layers": 3}
    assert abilities_of(wrong) == abilities_of()
    assert abilities_of({"max_tokens": 5}, {"max_tokens": True}, {"max_tokens": -1}).max_tokens == 5
