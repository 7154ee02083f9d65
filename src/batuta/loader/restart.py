"""When a crashed loader is started again, and when it is given up. A pure rule; the caller brings the time."""

from __future__ import annotations

FIRST_S = 0.5
LONGEST_S = 30.0
FATAL_CRASHES = 5  # in WINDOW_S: by then it is not bad luck, and starting it again only burns the machine
WINDOW_S = 60.0


class RestartPolicy:
    """Answers each crash with a wait of 0.5, 1, 2 ... 30 s, and the fifth within a minute with giving up."""

    def __init__(self) -> None:
        self._crashes: list[float] = []
        self._in_a_row = 0

    def crashed(self, now: float) -> float | None:
        """Note a crash; return the seconds to wait before the next start, or None to give up."""
        if self._crashes and now - self._crashes[-1] > WINDOW_S:
            self._in_a_row = 0
        self._crashes = [then for then in self._crashes if now - then < WINDOW_S] + [now]
        if len(self._crashes) >= FATAL_CRASHES:
            return None
        self._in_a_row += 1
        return float(min(FIRST_S * 2 ** (self._in_a_row - 1), LONGEST_S))

    def reset(self) -> None:
        """Forget all crashes: a person has asked for another try."""
        self._crashes.clear()
        self._in_a_row = 0
