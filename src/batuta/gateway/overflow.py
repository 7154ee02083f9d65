"""Who answers in a model's place because that one would keep the caller waiting for too long. Pure.

Only those who can answer soon without a load take over: another load would make everybody's wait longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batuta.lifecycle.forecast import Forecast

WORD = "long_wait"  # why the one that was passed over did not answer


@dataclass(frozen=True, slots=True)
class Overflow:
    """A decision to ask another model.

    Attributes:
        model: who is asked.
        why: in words, for the caller.
    """

    model: str
    why: str


def overflow(
    candidates: Sequence[str],
    limit_s: float,
    *,
    expected: Callable[[str], Forecast | None],
    is_at_hand: Callable[[str], bool],
) -> Overflow | None:
    """Return who is asked instead of the first candidate; None: the first one is.

    1. It answers in time, or nobody knows that it does not.
    2. Waiting does not help it at all: its refusal leads on, as any other does.
    3. The first of the others that is there and answers in time takes over.
    4. Nobody does: it is waited for, as if there were no limit.

    Args:
        candidates: who may answer, in their order.
        limit_s: how long the caller waits.
        expected: what a request that came now would wait for; None: not known.
        is_at_hand: whether a model could answer without being loaded, as far as is known.
    """
    first = candidates[0]
    found = expected(first)
    if found is None or found.is_hopeless or found.least <= limit_s:  # 1, 2
        return None
    for model in candidates[1:]:  # 3
        if not is_at_hand(model):
            continue
        other = expected(model)
        if other is not None and other.seconds is not None and other.seconds <= limit_s:
            about = "about" if found.seconds is not None else "at least"
            why = f"{first} would take {about} {found.least:.0f} s, more than the {limit_s:g} s that are waited"
            return Overflow(model, why)
    return None  # 4
