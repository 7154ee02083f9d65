"""Who has booked how much of a device's memory. Knows nothing of models' states or of real memory."""

from __future__ import annotations


class MemoryLedger:
    """Reservations against one device's budget, in bytes.

    The sum never exceeds the budget. A budget that is lowered below it is met as reservations end; nothing is reserved
    meanwhile.
    """

    def __init__(self, device: str, budget: int) -> None:
        if budget < 0:
            raise ValueError(f"the budget of {device} must not be negative: {budget}")
        self.device = device
        self.budget = budget
        self.reserved = 0
        self._held: dict[str, int] = {}
        self._allowed_over = 0  # bytes that were reserved already when the budget was lowered

    @property
    def held(self) -> dict[str, int]:
        """Return a copy of the reservations, model id -> bytes."""
        return dict(self._held)

    @property
    def free(self) -> int:
        """Bytes nobody has booked."""
        return max(0, self.budget - self.reserved)

    @property
    def excess(self) -> int:
        """Bytes that are booked beyond the budget, because it was lowered."""
        return max(0, self.reserved - self.budget)

    def set_budget(self, budget: int) -> None:
        """Change the budget; what is booked stays booked. Raises ValueError for a negative one."""
        if budget < 0:
            raise ValueError(f"the budget of {self.device} must not be negative: {budget}")
        self.budget = budget
        self._allowed_over = self.excess

    def holds(self, model: str) -> int:
        """Return the bytes booked for the model, 0 if none."""
        return self._held.get(model, 0)

    def __contains__(self, model: str) -> bool:
        return model in self._held

    def fits(self, need: int) -> bool:
        """Say whether `need` bytes could be booked now."""
        return need <= self.free

    def reserve(self, model: str, need: int) -> None:
        """Book `need` bytes for the model. Raises ValueError if it has a booking or there is no room."""
        if model in self._held:
            raise ValueError(f"{model} already has a reservation on {self.device}")
        if not self.fits(need):
            raise ValueError(f"{model} needs {need} bytes on {self.device}, {self.free} are free")
        self._held[model] = need
        self.reserved += need

    def grow(self, model: str, observed: int) -> int:
        """Raise a booking to what was observed, as far as there is room; return the bytes now booked.

        A booking never shrinks: a model that has not filled its KV cache yet will.
        """
        held = self._held[model]
        extra = max(0, min(observed - held, self.free))
        self._held[model] = held + extra
        self.reserved += extra
        return held + extra

    def settle(self, model: str, observed: int) -> int:
        """Change a booking that was made without knowing the need to what was observed, as far as there is room.

        Returns the bytes now booked. Nothing observed says nothing.
        """
        if 0 < observed < self._held[model]:
            self.reserved -= self._held[model] - observed
            self._held[model] = observed
            self._allowed_over = min(self._allowed_over, self.excess)
        return self.grow(model, observed)

    def release(self, model: str) -> int:
        """End the model's booking; return the bytes that are free again (0 if it had none)."""
        freed = self._held.pop(model, 0)
        self.reserved -= freed
        self._allowed_over = min(self._allowed_over, self.excess)
        return freed

    def check(self) -> None:
        """Raise AssertionError if the books do not balance."""
        assert self.reserved == sum(self._held.values()), f"{self!r}: the sum is wrong"
        assert 0 <= self.reserved <= self.budget + self._allowed_over, f"{self!r}: over budget"

    def __repr__(self) -> str:
        return f"<MemoryLedger {self.device} {gib(self.reserved)}/{gib(self.budget)} GiB>"


def gib(amount: int) -> str:
    """Write bytes as GiB with one decimal, without the unit."""
    return f"{amount / 2**30:.1f}"


def size_text(amount: int) -> str:
    """Write bytes for a person: `13.0 GB`, `850 MB`, `12 kB`."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if amount >= 10**power:
            value = amount / 10**power
            return f"{value:.1f} {unit}" if power == 9 else f"{value:.0f} {unit}"
    return f"{amount} B"
