"""Who may wait at all. A full queue refuses at once, with the time after which to come back."""

from __future__ import annotations

from collections.abc import Callable

from batuta.errors import QueueFull

RETRY_AFTER_S = 5.0  # about what one answer of a small model takes


class Admission:
    """The door of the queue.

    Args:
        limit: waiting requests admitted.
        waiting: tells how many wait now.
    """

    def __init__(self, limit: int, waiting: Callable[[], int]) -> None:
        self._limit = limit
        self._waiting = waiting

    def enter(self) -> None:
        """Let a request in. Raises QueueFull."""
        if (waiting := self._waiting()) >= self._limit:
            raise QueueFull(
                f"{waiting} requests are waiting for models, the limit is {self._limit}; try again in a moment",
                retry_after_s=RETRY_AFTER_S,
            )
