"""The further tries of all requests together: never more than a fifth of them, and three in quiet times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batuta.gateway.budget import LEAST, RetryBudget

STEPS = st.lists(st.sampled_from(["enter", "leave", "take", "take", "wait"]), max_size=300)


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def budget(active: int, clock: Hand | None = None) -> RetryBudget:
    made = RetryBudget(clock or Hand())
    for _ in range(active):
        made.enter()
    return made


def taken(of: RetryBudget, asked: int = 1000) -> int:
    return sum(of.take() for _ in range(asked))


def test_a_fifth_of_the_requests_under_way() -> None:
    """A thousand callers have two hundred further tries, all together."""
    assert taken(budget(1000)) == 200


def test_what_was_spent_does_not_come_back_with_the_end_of_who_spent_it() -> None:
    """However the thousand end, they have had their fifth; only new requests bring new tries."""
    of = budget(1000)
    total = 0
    for _ in range(980):
        total += of.take()
        of.leave()
    assert total <= 200 + LEAST
    for _ in range(50):
        of.enter()
    assert taken(of) <= 10 + LEAST


def test_a_quiet_time_has_three() -> None:
    """One caller alone goes through its candidates; whenever nobody is under way the three are whole again."""
    of = budget(1)
    assert taken(of) == LEAST
    of.leave()
    of.enter()
    assert taken(of) == LEAST


def test_the_three_of_a_quiet_time_come_back_one_a_second() -> None:
    """A long answer beside it does not keep a caller from its other candidates for ever."""
    clock = Hand()
    of = budget(2, clock)
    assert taken(of) == LEAST
    clock.now = 1.0
    assert taken(of) == 1
    clock.now = 100.0
    assert taken(of) == LEAST


@given(STEPS)
def test_it_is_never_more(steps: list[str]) -> None:
    """In whatever order: at most a fifth of those that came, and three whenever it was quiet."""
    clock, requests, quiet, total = Hand(), 0, 1, 0
    of = RetryBudget(clock)
    for step in steps:
        if step == "enter":
            of.enter()
            requests += 1
        elif step == "leave" and of.active:
            of.leave()
            quiet += of.active == 0
        elif step == "wait":
            clock.now += 1.0
            quiet += 1
        elif step == "take":
            total += of.take()
        assert total <= 0.2 * requests + LEAST * quiet + 1e-6
        assert of.active >= 0
