"""When a day and a month begin, for sums and limits. Knows nothing of what is summed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from batuta.errors import BadSettings

HERE: Final = "local"


@dataclass(frozen=True, slots=True)
class Days:
    """Days of one time zone.

    Attributes:
        zone: None: the machine's own, whatever it is at the moment that is asked about.
    """

    zone: tzinfo | None = UTC

    @classmethod
    def of(cls, name: str) -> Days:
        """Return the days of `UTC`, `local` or a zone like `America/Sao_Paulo`. Raises BadSettings for any other."""
        if name == HERE:
            return cls(None)
        if name.upper() == "UTC":
            return cls()
        try:
            return cls(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadSettings(
                f"usage.time_zone: this machine knows no time zone {name!r}; write UTC, local, or one like "
                "America/Sao_Paulo"
            ) from None

    @property
    def name(self) -> str:
        """What the zone is called."""
        return HERE if self.zone is None else str(self.zone)

    def day(self, wall_s: float) -> str:
        """Return the day of a moment (seconds since 1970), like `2026-11-21`."""
        moment = datetime.fromtimestamp(wall_s, UTC)
        return moment.astimezone(self.zone).date().isoformat()


def month_of(day: str) -> str:
    """Return the month of a day, like `2026-11`."""
    return day[:7]


def first_of_month(day: str) -> str:
    """Return the first day of a day's month."""
    return f"{day[:7]}-01"


def days_before(day: str, count: int) -> str:
    """Return the day that many days earlier."""
    return (date.fromisoformat(day) - timedelta(days=count)).isoformat()


def span(first: str, last: str) -> list[str]:
    """Return all days from the first to the last, both included."""
    start, length = date.fromisoformat(first), (date.fromisoformat(last) - date.fromisoformat(first)).days
    return [(start + timedelta(days=number)).isoformat() for number in range(length + 1)]
