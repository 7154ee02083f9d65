"""What a look at an engine means for one model: our books against what is really there. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from batuta.lifecycle.events import Observed
from batuta.lifecycle.ledger import MemoryLedger, size_text
from batuta.lifecycle.residency import Residency
from batuta.lifecycle.states import ModelState, Trigger

S, T = ModelState, Trigger


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a model's state has to change. `booked`: bytes to book for it; None: nothing to book."""

    trigger: Trigger
    detail: str
    booked: int | None = None


def judge(residency: Residency, ledger: MemoryLedger, event: Observed) -> Verdict | None:
    """Compare what an engine holds with where we think its model stands; None where they agree.

    What is on its way (loading, unloading, going to sleep) is not judged: whoever does it reports the end.

    1. Gone though we thought it was there: absent.
    2. Asleep though we thought it was awake, or away: asleep; it holds no device memory.
    3. There though we thought it was not, and it fits: ours, with no reload, and with the bytes it really takes.
    4. There, but it is switched off or there is no room to book it: it has to leave.
    5. As 4, but its engine cannot unload it: it is taken over, and booked as far as there is room.
    """
    state, model = residency.state, residency.spec.id
    if residency.is_settling:
        return None
    if model in event.asleep:  # 2
        is_news = state in {S.ABSENT, S.READY, S.DRAINING}
        return Verdict(T.SEEN_ASLEEP, "its engine holds it outside the device") if is_news else None
    if model not in event.residents:  # 1
        is_news = state in {S.READY, S.DRAINING, S.ASLEEP}
        return Verdict(T.VANISHED, "its engine does not hold it any more") if is_news else None
    is_fixed = model in event.fixed
    if state is S.DISABLED and not is_fixed:  # 4
        return Verdict(T.STRAY, "it is switched off")
    if state not in {S.ABSENT, S.ASLEEP, S.DISABLED}:
        return None
    return _arrived(residency, ledger, event.residents[model], is_fixed=is_fixed)


def _arrived(residency: Residency, ledger: MemoryLedger, real: int, *, is_fixed: bool) -> Verdict:
    need = max(residency.need, real)
    if real and not (ledger.fits(need) and residency.spec.has_known_size):
        need = real  # our estimate may be for more context than it was loaded with, or no estimate at all
    if is_fixed:
        need = min(need, ledger.free)  # 5
    if ledger.fits(need):  # 3
        return Verdict(T.APPEARED, f"{size_text(need)} booked", need)
    return Verdict(T.STRAY, f"needs {size_text(need)}, {size_text(ledger.free)} are free")  # 4
