"""What a call or a test makes of a key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.engines.fault_table import Seen
from batuta.errors import StreamBroken
from batuta.keys.health import (
    GOOD,
    LONGEST_REST_S,
    NEVER,
    NO_CREDIT_S,
    Health,
    KeyOutcome,
    KeyState,
    after,
    after_test,
    outcome_of,
)

from .stage import error

NOW = 1000.0


@pytest.mark.parametrize(
    ("seen", "outcome", "state", "until"),
    [
        (Seen.KEY_REFUSED, "invalid", "invalid", NEVER),
        (Seen.OUT_OF_CREDIT, "valid_no_credit", "no_credit", NOW + NO_CREDIT_S),
        (Seen.RATE_LIMITED, "rate_limited", "resting", NOW + 2),
        (Seen.FORBIDDEN, "valid", "good", 0),
        (Seen.REFUSED, "unreachable", "good", 0),
        (Seen.SILENT, "unreachable", "good", 0),
        (Seen.OVERLOADED, "unknown", "good", 0),
        (Seen.SERVER_ERROR, "unknown", "good", 0),
        (Seen.REJECTED, "unknown", "good", 0),
        (Seen.CONTENT, "unknown", "good", 0),
    ],
)
def test_each_fault_has_its_meaning(seen: Seen, outcome: str, state: str, until: float) -> None:
    """Only what is the key's own changes the key; what the provider or the caller did does not."""
    found = error(seen)
    health = after(GOOD, found, now=NOW)
    assert (outcome_of(found), health.state, health.until) == (outcome, state, until)


def test_limits_in_a_row_double_the_rest() -> None:
    """2, 4, 8 ... seconds, where the provider names none, and never more than two minutes."""
    health, rests = GOOD, []
    for _ in range(9):
        health = after(health, error(Seen.RATE_LIMITED), now=NOW)
        rests.append(health.until - NOW)
    assert rests == [2, 4, 8, 16, 32, 64, 120, 120, 120]


@given(st.floats(allow_nan=False, min_value=-1e9, max_value=1e12))
def test_what_the_provider_asks_for_is_kept_within_bounds(wait: float) -> None:
    """A Retry-After of any size makes a rest of none to two minutes, also where callers are told of less."""
    limited = error(Seen.RATE_LIMITED, wait=wait)
    rest = after(GOOD, limited, now=NOW).until - NOW
    assert rest == pytest.approx(min(max(wait, 0), LONGEST_REST_S), abs=1e-6)


def test_a_stream_that_broke_has_the_cause_of_the_break() -> None:
    """A stream that no row of the table explains says nothing about its key."""
    assert after(GOOD, StreamBroken("broke off"), now=NOW) is GOOD


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (KeyOutcome.VALID, KeyState.GOOD),
        (KeyOutcome.INVALID, KeyState.INVALID),
        (KeyOutcome.VALID_NO_CREDIT, KeyState.NO_CREDIT),
        (KeyOutcome.RATE_LIMITED, KeyState.RESTING),
        (KeyOutcome.UNREACHABLE, KeyState.INVALID),
        (KeyOutcome.UNKNOWN, KeyState.INVALID),
    ],
)
def test_a_test_has_the_last_word_where_it_found_something(outcome: KeyOutcome, state: KeyState) -> None:
    """A key that was invalid is what the test says; one that could not be tested stays invalid."""
    before = Health(KeyState.INVALID, NEVER)
    assert after_test(before, outcome, "", now=NOW).state is state


def test_a_good_test_does_not_end_a_rest() -> None:
    """A list of models is not limited as answers are: the provider's wish still counts."""
    resting = after(GOOD, error(Seen.RATE_LIMITED, wait=60), now=NOW)
    assert after_test(resting, KeyOutcome.VALID, "", now=NOW) is resting
