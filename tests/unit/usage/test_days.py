"""When a day begins."""

from __future__ import annotations

import pytest

from batuta.errors import BadSettings
from batuta.usage.days import Days, days_before, first_of_month, month_of, span

NOVEMBER = 1_763_000_000.0  # 2025-11-13 02:13:20 UTC


def test_a_day_begins_at_midnight_of_its_zone() -> None:
    """The same moment is another day elsewhere."""
    assert Days.of("UTC").day(NOVEMBER) == "2025-11-13"
    assert Days.of("America/Sao_Paulo").day(NOVEMBER) == "2025-11-12"
    assert Days.of("local").day(NOVEMBER)[:7] == "2025-11"


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", "", "/etc/localtime", "a\0b"])
def test_no_such_zone(name: str) -> None:
    """A name that is none is told with what can be written."""
    with pytest.raises(BadSettings, match="America/Sao_Paulo"):
        Days.of(name)


def test_names_for_people() -> None:
    """The page says whose days it shows."""
    assert [Days.of(name).name for name in ("utc", "local", "Europe/Berlin")] == ["UTC", "local", "Europe/Berlin"]


def test_months_and_spans() -> None:
    """Both ends belong to a span; months end when they do."""
    assert (month_of("2024-03-01"), first_of_month("2024-03-31")) == ("2024-03", "2024-03-01")
    assert days_before("2024-03-01", 1) == "2024-02-29"
    assert span("2024-02-28", "2024-03-01") == ["2024-02-28", "2024-02-29", "2024-03-01"]
