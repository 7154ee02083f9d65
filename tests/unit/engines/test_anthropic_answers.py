"""What Anthropic's refusals say beside their status: when to come back, and how much would have been right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from batuta.engines.anthropic.abilities import abilities_of
from batuta.engines.anthropic.answers import classify, lesson_of, lower_limit, wait_of
from batuta.errors import BatutaError, KeyInvalid, OutOfCredit, PermissionDenied, UpstreamRateLimited

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


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, b'{"type":"error","error":{"type":"forbidden","message":"Request not allowed"}}', PermissionDenied),
        (403, b"<html>blocked</html>", PermissionDenied),
        (403, b'{"type":"error","error":{"type":"permission_error","message":"no"}}', PermissionDenied),
        (403, b'{"type":"error","error":{"type":"x","message":"This organization has been disabled."}}', KeyInvalid),
        (401, b"{}", KeyInvalid),
        (402, b"{}", OutOfCredit),
    ],
)
def test_a_403_is_not_the_key(status: int, body: bytes, expected: type[BatutaError]) -> None:
    """A region, a proxy, a model that is not for all: the key stays good, unless the words say that it is not."""
    assert type(classify(status, body, headers={}, where="h", now=NOW, model="m", hide="")) is expected


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "`temperature` and `top_p` cannot both be specified for this model.", {"sampling": "one"}),
        (400, "thinking.type.enabled is not supported for this model", {"thinking": "adaptive"}),
        (400, "thinking.type.disabled is not supported for this model", {"can_rest": False}),
        (400, "`thinking` is not supported", {"thinking": "none"}),
        (400, "`temperature` is deprecated for this model.", None),
        (429, "`temperature` and `top_p` cannot both be specified for this model.", None),
    ],
)
def test_a_refusal_teaches_what_a_model_is_like(status: int, message: str, expected: Mapping[str, Any] | None) -> None:
    """Read from the words of a 400, as flags."""
    assert lesson_of(status, orjson.dumps({"error": {"message": message}})) == expected
