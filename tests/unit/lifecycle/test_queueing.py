"""The waiting room by itself: order of service, deadlines, those who have left."""

from __future__ import annotations

from batuta.lifecycle.events import Priority
from batuta.lifecycle.queueing import BoundedWait, Waiter, WaitingRoom


def room(*waiters: tuple[str, str, float, float]) -> WaitingRoom:
    """Return a room with waiters: request, model, due, deadline."""
    it = WaitingRoom()
    for request, model, due, deadline in waiters:
        priority = Priority.BATCH if request.startswith("batch") else Priority.NORMAL
        it.add(Waiter(request, model, priority, 0.0, deadline, due))
    return it


def test_waiters_are_listed_in_the_order_of_service() -> None:
    """The one that is due first, first, whatever its priority."""
    it = room(("n1", "m", 5, 100), ("batch1", "m", 3, 100), ("n2", "m", 6, 100), ("batch2", "m", 9, 100))
    assert [waiter.request for waiter in it.of("m")] == ["batch1", "n1", "n2", "batch2"]
    assert (it.head("m") or it.of("m")[1]).request == "batch1"
    assert it.of("nobody") == []


def test_the_next_deadline_is_of_somebody_who_is_still_there() -> None:
    """Who has left rings no bell."""
    it = room(("a", "m", 1, 10), ("b", "m", 1, 20))
    assert it.next_deadline() == 10
    it.pop("a")
    assert it.next_deadline() == 20
    it.pop("b")
    assert it.next_deadline() is None
    assert it.pop("b") is None
    assert it.expired(100) == []


def test_a_deadline_is_over_in_its_very_moment() -> None:
    """Not one tick later: the alarm rings once."""
    it = room(("a", "m", 1, 10), ("b", "m", 1, 20))
    assert [waiter.request for waiter in it.expired(10)] == ["a"]
    assert it.expired(10) == []


def test_patience_depends_on_who_waits() -> None:
    """A third, the whole, four times."""
    policy = BoundedWait(normal_s=15.0)
    assert [policy.due(priority, 100.0) for priority in Priority] == [105.0, 115.0, 160.0]
