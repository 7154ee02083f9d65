"""When what others take changes a budget: looks go in, room comes out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from batuta.app.pressure import RAISE_AFTER_S, Course

GB = 10**9
STEP_S = 5.0


def follow(course: Course, looks: Iterable[int]) -> list[int]:
    """Look every five seconds; return the room that was in force after each look."""
    rooms = []
    for number, seen in enumerate(looks):
        course = course.after(seen, tolerance=GB // 4, now=100.0 + number * STEP_S)
        rooms.append(course.room)
    return rooms


def test_a_small_change_changes_nothing() -> None:
    """However often it is seen."""
    assert follow(Course(10 * GB), [10 * GB - GB // 5, 10 * GB + GB // 5] * 20) == [10 * GB] * 40


def test_room_shrinks_at_the_second_look_in_a_row() -> None:
    """One look may have met a program that was only starting."""
    assert follow(Course(10 * GB), [6 * GB, 10 * GB, 6 * GB, 7 * GB]) == [10 * GB, 10 * GB, 10 * GB, 7 * GB]


def test_room_grows_after_half_a_minute_of_calm_by_what_was_there_all_the_time() -> None:
    """Whoever takes and gives back each ten seconds would otherwise have the models swap to its beat."""
    calm = [9 * GB, 8 * GB, *[9 * GB] * 10]
    rooms = follow(Course(4 * GB), calm)
    assert rooms[: int(RAISE_AFTER_S / STEP_S)] == [4 * GB] * 6
    assert rooms[6] == 8 * GB


def test_one_bad_look_ends_the_calm() -> None:
    """It begins anew."""
    looks = [9 * GB] * 5 + [4 * GB] + [9 * GB] * 6
    assert follow(Course(4 * GB), looks) == [4 * GB] * 12


def test_a_look_may_leave_something_pending() -> None:
    """Then the next one comes soon."""
    course = Course(4 * GB)
    assert not course.is_pending
    assert course.after(2 * GB, tolerance=GB, now=0.0).is_pending
    assert course.after(9 * GB, tolerance=GB, now=0.0).is_pending
    assert not course.after(4 * GB, tolerance=GB, now=0.0).is_pending


@given(st.lists(st.integers(0, 20 * GB), max_size=60), st.integers(0, 20 * GB))
def test_what_two_looks_in_a_row_found_missing_is_never_promised(looks: list[int], start: int) -> None:
    """After two looks that find clearly less than the room in force, there is no more room than the latest found."""
    course = Course(start)
    for number, (before, seen) in enumerate(itertools.pairwise(looks)):
        first = course.after(before, tolerance=GB, now=number * 2 * STEP_S)
        course = first.after(seen, tolerance=GB, now=(number * 2 + 1) * STEP_S)
        if max(before, seen) <= first.room - GB:
            assert course.room <= seen


@given(st.integers(0, 20 * GB), st.integers(0, 20 * GB))
def test_room_follows_what_stays(start: int, stays: int) -> None:
    """Whatever is seen for long enough is in force, up to the tolerance."""
    assert abs(follow(Course(start), [stays] * 8)[-1] - stays) < GB // 4
