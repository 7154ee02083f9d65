"""A finding of the doctor: what was looked at, how it is, and what to do. Knows nothing of how it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """How bad a finding is. Only BROKEN makes the doctor's exit code 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        area: the heading it stands under.
        name: what was looked at.
        health: how it is.
        text: the finding in a few words.
        advice: what to do about it, as a sentence; empty when nothing is to be done.
        data: the same for scripts.
    """

    area: str
    name: str
    health: Health
    text: str
    advice: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON values."""
        plain = {"area": self.area, "name": self.name, "health": str(self.health), "text": self.text}
        return plain | ({"advice": self.advice} if self.advice else {}) | ({"data": self.data} if self.data else {})
