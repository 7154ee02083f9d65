"""How far a download is, how fast, and how long it still takes. Pure: times and byte counts come in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_S = 5.0  # over which the rate is taken: long enough to be calm, short enough to notice a slow line
SHORTEST_S = 0.5  # below which a rate says nothing


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a download.

    Attributes:
        stage: listing | checking | downloading | waiting | finishing.
        bytes: how much of all files is there.
        total: bytes of all files; 0 while nobody knows.
        wait_s: seconds until the next try, while waiting.
        note: why it waits.
    """

    stage: str
    bytes: int = 0
    total: int = 0
    wait_s: float = 0.0
    note: str = ""


class Rate:
    """Bytes a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, count: int) -> None:
        """Take in how many bytes are there now; fewer than before is a new beginning."""
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()

    def clear(self) -> None:
        """Begin anew: what came by other ways than the network says nothing of its speed."""
        self._seen.clear()

    @property
    def value(self) -> float | None:
        """Bytes a second; None while nobody can tell."""
        if len(self._seen) < 2:
            return None
        (first, start), (last, end) = self._seen[0], self._seen[-1]
        return (end - start) / (last - first) if last - first >= SHORTEST_S else None

    def remaining_s(self, total: int) -> float | None:
        """Return the seconds until `total` bytes are there at this rate; None while nobody can tell."""
        rate = self.value
        if not rate or not total or not self._seen:
            return None
        return max(total - self._seen[-1][1], 0) / rate
