"""How a key does, and what a call or a test makes of that. Pure; knows no key, no vault and no clock.

    good       it may be tried
    resting    the provider limits it: not before `until`
    no_credit  there is no money behind it: not before `until`, or a test finds some
    invalid    the provider refuses it: never again until it is replaced, or a test finds it good

`disabled` is a person's word, kept in the vault, and goes before all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from batuta.engines.fault_table import FaultClass, class_of
from batuta.errors import BatutaError

LONGEST_REST_S: Final = 120.0  # what the vendors' own clients obey at most; a limit on days is asked about again
NO_CREDIT_S: Final = 3600.0  # topping up takes a person; asking once an hour costs nobody anything
MOST_DOUBLINGS: Final = 7  # 2 ** 7 s is more than the longest rest


class KeyState(StrEnum):
    """The word for a key's health."""

    GOOD = "good"
    RESTING = "resting"
    NO_CREDIT = "no_credit"
    INVALID = "invalid"
    DISABLED = "disabled"


class KeyOutcome(StrEnum):
    """How a key was found at its last use or test."""

    VALID = "valid"
    INVALID = "invalid"
    VALID_NO_CREDIT = "valid_no_credit"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """How one key does.

    Attributes:
        state: good, resting, no_credit or invalid.
        until: monotonic seconds before which it is not tried; infinite for an invalid one.
        strikes: limits met in a row; each doubles the rest.
        message: what the provider said.
    """

    state: KeyState = KeyState.GOOD
    until: float = 0.0
    strikes: int = 0
    message: str = ""

    def may_be_tried(self, now: float) -> bool:
        """Say whether its time to rest is over. An invalid one never is."""
        return self.until <= now


GOOD: Final = Health()
NEVER: Final = float("inf")

OUTCOME_OF: Final[Mapping[FaultClass, KeyOutcome]] = MappingProxyType(
    {
        FaultClass.AUTH: KeyOutcome.INVALID,
        FaultClass.QUOTA: KeyOutcome.VALID_NO_CREDIT,
        FaultClass.RATE: KeyOutcome.RATE_LIMITED,
        FaultClass.PERMISSION: KeyOutcome.VALID,  # it is known there; what it may not do is another question
        FaultClass.TIMEOUT: KeyOutcome.UNREACHABLE,
        FaultClass.NETWORK: KeyOutcome.UNREACHABLE,
    }
)
"""What an error says about the key it was met with. Any other class says nothing."""

STATE_OF: Final[Mapping[KeyOutcome, KeyState]] = MappingProxyType(
    {
        KeyOutcome.VALID: KeyState.GOOD,
        KeyOutcome.INVALID: KeyState.INVALID,
        KeyOutcome.VALID_NO_CREDIT: KeyState.NO_CREDIT,
        KeyOutcome.RATE_LIMITED: KeyState.RESTING,
    }
)
"""What an outcome makes of a key. Unreachable and unknown leave it as it is."""


def outcome_of(error: BatutaError) -> KeyOutcome:
    """Return what an error says about the key it was met with."""
    return OUTCOME_OF.get(class_of(error), KeyOutcome.UNKNOWN)


def after(health: Health, error: BatutaError, *, now: float) -> Health:
    """Return how a key does after a call that failed.

    1. A missing permission is the model's; what the network or the provider did is theirs: the key stays as it was.
    2. Refused: until somebody replaces or tests it.
    3. No credit: for an hour.
    4. Limited: as long as the provider asks, up to two minutes; where it names no time, twice as long at each time.
    """
    outcome = outcome_of(error)
    if outcome is KeyOutcome.VALID or (state := STATE_OF.get(outcome)) is None:  # 1
        return health
    if state is KeyState.INVALID:  # 2
        return Health(state, NEVER, message=error.message)
    if state is KeyState.NO_CREDIT:  # 3
        return Health(state, now + NO_CREDIT_S, message=error.message)
    strikes = min(health.strikes + 1, MOST_DOUBLINGS)
    asked = error.retry_after_s if error.asked_wait_s is None else error.asked_wait_s
    rest = 2.0**strikes if asked is None else asked  # 4
    return Health(state, now + min(max(rest, 0.0), LONGEST_REST_S), strikes, error.message)


def after_test(health: Health, outcome: KeyOutcome, message: str, *, now: float) -> Health:
    """Return how a key does after a test.

    1. One that could not be made says nothing.
    2. That a key is good says nothing of a limit: what was asked is hardly ever limited.
    """
    state = STATE_OF.get(outcome)
    if state is None or (state is KeyState.GOOD and health.state is KeyState.RESTING):  # 1, 2
        return health
    until = {KeyState.INVALID: NEVER, KeyState.NO_CREDIT: now + NO_CREDIT_S, KeyState.RESTING: now + 2.0}
    return GOOD if state is KeyState.GOOD else Health(state, until[state], health.strikes, message)
