"""A key's limits stop a call before it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.chat.types import CallNote
from batuta.usage.cost import NANO
from batuta.usage.limits import CURRENT, NO_LIMITS, Budgets, Hold, Limits

TODAY = "2026-11-21"


class Stage:
    """Budgets with one limited key `k` of provider `p`, and days that a test turns."""

    def __init__(self, day: int | None = 10 * NANO, month: int | None = None) -> None:
        self.today = TODAY
        self.limits = {"k": Limits(day, month)}
        self.budgets = Budgets(lambda key: self.limits.get(key, NO_LIMITS), lambda: self.today)
        self.budgets.recall({})

    def call(self, estimate: int | None, key: str = "") -> Hold:
        """Begin a call that may cost that much; it is the running task's from here on."""
        hold = self.budgets.begin("p", "p/m", estimate, CallNote(key))
        CURRENT.set(hold)
        return hold

    def spend(self, amount: int, key: str = "k") -> None:
        self.budgets.end(self.call(amount, key), amount)
        CURRENT.set(None)


@pytest.fixture(autouse=True)
def _no_call() -> Iterator[None]:
    CURRENT.set(None)
    yield
    CURRENT.set(None)


def test_a_call_that_fits_may_be_sent() -> None:
    """Up to the limit, and to the last nano-dollar of it."""
    stage = Stage()
    stage.call(10 * NANO)
    assert stage.budgets.blocked("k", "p") is None


def test_a_call_that_would_pass_the_limit_is_stopped_before() -> None:
    """The reason names the limit, what is spent, and what the call may cost."""
    stage = Stage()
    stage.spend(9 * NANO)
    stage.call(2 * NANO)
    reason = stage.budgets.blocked("k", "p")
    assert reason == "its daily limit of $10.00 would be passed: $9.00 is spent, this one may cost $2.00"


def test_calls_under_way_count() -> None:
    """Two calls that would each fit do not pass the limit together; the one that began first goes first."""
    stage = Stage()
    first = stage.call(6 * NANO)
    second = stage.call(6 * NANO)
    CURRENT.set(first)
    assert stage.budgets.blocked("k", "p") is None
    first.note.key_id = "k"
    CURRENT.set(second)
    assert "calls under way may cost $6.00" in str(stage.budgets.blocked("k", "p"))
    stage.budgets.end(first, 1 * NANO)
    assert stage.budgets.blocked("k", "p") is None


def test_calls_with_another_key_do_not_count() -> None:
    """A hold belongs to its key as soon as that is known; until then to each key of the provider."""
    stage = Stage()
    stage.call(8 * NANO, "other")
    stage.call(8 * NANO)
    assert stage.budgets.blocked("k", "p") is None


@given(st.lists(st.tuples(st.integers(0, 4 * NANO), st.floats(0, 1)), max_size=30))
def test_no_order_of_calls_passes_the_limit(calls: list[tuple[int, float]]) -> None:
    """Whatever each costs of what it may: the sum of what was let through stays within the limit."""
    stage, under_way, paid = Stage(), [], 0
    for most, share in calls:
        hold = stage.call(most)
        if stage.budgets.blocked("k", "p") is None:
            hold.note.key_id = "k"
            under_way.append((hold, int(most * share)))
        else:
            stage.budgets.end(hold, 0)
        if len(under_way) > 3:
            done, cost = under_way.pop(0)
            stage.budgets.end(done, cost)
            paid += cost
    CURRENT.set(None)
    for done, cost in under_way:
        stage.budgets.end(done, cost)
        paid += cost
    assert paid <= 10 * NANO
    assert stage.budgets.spent("k").day == Decimal(paid) / NANO


def test_a_new_day_begins_with_nothing_spent() -> None:
    """The day's sum starts again; the month's goes on until its own end."""
    stage = Stage(month=15 * NANO)
    stage.spend(10 * NANO)
    assert "daily" in str(stage.budgets.blocked("k", "p"))
    stage.today = "2026-11-22"
    for most, word in ((4 * NANO, "None"), (6 * NANO, "monthly")):
        hold = stage.call(most)
        assert word in str(stage.budgets.blocked("k", "p"))
        stage.budgets.end(hold, 0)
    stage.today = "2026-12-01"
    CURRENT.set(None)
    assert stage.budgets.blocked("k", "p") is None
    assert stage.budgets.spent("k").month == 0


def test_what_was_spent_before_this_run_counts() -> None:
    """Until it is known, a key with a limit waits; one without does not."""
    budgets = Budgets(lambda key: Limits(month=5 * NANO) if key == "k" else NO_LIMITS, lambda: TODAY)
    assert "not known yet" in str(budgets.blocked("k", "p"))
    assert budgets.blocked("free", "p") is None
    budgets.recall({("k", "2026-11-02"): 3 * NANO, ("k", TODAY): 2 * NANO})
    assert "monthly limit of $5.00" in str(budgets.blocked("k", "p"))
    assert budgets.spent("k").day == 2
    assert budgets.spent("k").month == 5


def test_a_price_nobody_knows_stops_a_key_with_a_limit_only() -> None:
    """No promise is made that cannot be kept; the reason says what can be done."""
    stage = Stage()
    stage.call(None)
    assert "prices.toml" in str(stage.budgets.blocked("k", "p"))
    assert stage.budgets.blocked("free", "p") is None


def test_an_estimate_can_be_named() -> None:
    """Who knows what it will cost says so, in dollars."""
    stage = Stage()
    assert stage.budgets.blocked("k", "p", "p/m", 10.0) is None
    assert "may cost $10.01" in str(stage.budgets.blocked("k", "p", "p/m", 10.01))


def test_without_a_call_it_tells_whether_anything_is_left() -> None:
    """As a list of keys shows it."""
    stage = Stage()
    stage.spend(10 * NANO - 1)
    assert stage.budgets.blocked("k", "p") is None
    stage.spend(1)
    assert stage.budgets.blocked("k", "p") == "its daily limit of $10.00 would be passed: $10.00 is spent"


def test_what_costs_nothing_goes_on_when_all_is_spent() -> None:
    """A free model's call passes no limit."""
    stage = Stage()
    stage.spend(10 * NANO)
    stage.call(0)
    assert stage.budgets.blocked("k", "p") is None


def test_a_call_ends_once() -> None:
    """Settling again counts nothing, and a call that was sent with no key counts for none."""
    stage = Stage()
    hold = stage.call(NANO, "k")
    stage.budgets.end(hold, NANO)
    stage.budgets.end(hold, NANO)
    stage.spend(NANO, key="")
    assert stage.budgets.spent("k").day == 1
