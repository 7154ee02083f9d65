"""Which models are expected although nobody waits for them: those somebody hinted at, and the one that returns.

Pure; says who and from when on. That nobody who waits is kept waiting for it is the room's rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batuta.lifecycle.events import Hinted, ReturnSet
from batuta.lifecycle.residency import Residency
from batuta.lifecycle.states import ModelState

S = ModelState
COMES = frozenset({S.ABSENT, S.ASLEEP})


@dataclass(frozen=True, slots=True)
class Expectation:
    """A model that is expected. why: in words; at: from when on, in monotonic seconds."""

    residency: Residency
    why: str
    at: float


class Expected:
    """The hints that stand, and the rule of return."""

    def __init__(self) -> None:
        self._hints: dict[str, Hinted] = {}
        self._return = ReturnSet(None, 0.0)

    def hint(self, hint: Hinted) -> None:
        """Take in a hint; a later one for the same model takes its place."""
        self._hints.pop(hint.model, None)
        self._hints[hint.model] = hint

    def set_return(self, rule: ReturnSet) -> None:
        """Take in which model returns, and after how many idle seconds."""
        self._return = rule

    def drop(self, model: str) -> None:
        """Forget the hint for a model: it came and was used, failed, or a person sent it away."""
        self._hints.pop(model, None)

    def all(self, residencies: Mapping[str, Residency], now: float) -> list[Expectation]:
        """Return who is expected, now or later; the first of them first.

        1. Hinted models that are not there: in the order of the hints, while these last.
        2. The model that returns, if it had to make room, once everything on its device has been idle for a while. Not
           to a device for which a hint stands, even one that came true: it would take away what is about to be used.
        """
        self._hints = {model: hint for model, hint in self._hints.items() if hint.until > now}
        hinted = [(residencies[model], hint) for model, hint in self._hints.items() if model in residencies]
        found = [Expectation(r, hint.why, now) for r, hint in hinted if _could_come(r)]  # 1
        returning = residencies.get(self._return.model or "")
        if returning is None or not (_could_come(returning) and returning.was_displaced):
            return found
        device = returning.spec.device
        if any(r.spec.device == device for r, _ in hinted):  # 2
            return found
        here = [r for r in residencies.values() if r.spec.device == device and r.spec.is_loadable]
        if any(r.in_flight for r in here):
            return found
        idle_since = max(max(r.last_used, r.resident_at) for r in here)
        why = f"it returns after {self._return.after_s:g} idle seconds"
        at = now if returning.is_expected else idle_since + self._return.after_s  # its room is being made already
        return [*found, Expectation(returning, why, at)]

    @property
    def hinted(self) -> frozenset[str]:
        """The models for which a hint stands, there or not: none of them leaves for another hint."""
        return frozenset(self._hints)

    def ends(self, now: float) -> Iterator[float]:
        """Yield when hints become void, in monotonic seconds: what they kept out may come then."""
        return (hint.until for hint in self._hints.values() if hint.until > now)


def _could_come(residency: Residency) -> bool:
    return (
        residency.state in COMES
        and not residency.is_settling
        and residency.enabled
        and residency.leaving is None
        and residency.spec.is_loadable
    )
