"""All kinds about numbers, units, money, shapes and dates. Pure."""

from __future__ import annotations

from tools.starter.coder import (
    arithmetic,
    checks_of_lists,
    checks_of_numbers,
    conversions,
    geometry_and_dates,
    sequences,
)
from tools.starter.kinds import Kind

KINDS: tuple[Kind, ...] = (
    *arithmetic.KINDS,
    *checks_of_lists.KINDS,
    *sequences.KINDS,
    *checks_of_numbers.KINDS,
    *conversions.KINDS,
    *geometry_and_dates.KINDS,
)
