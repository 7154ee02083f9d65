"""Takes a model off its device and brings it back: no answer is cut, none is begun meanwhile. Knows nothing of torch.

`Gate` is what each answer goes through; `Parking` closes it, waits for those inside, and has the weights moved by
whoever computes with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, Protocol

from batuta.loader.engines.hf.errors import ApiError, NoMemory
from batuta.loader.engines.hf.reasons import Refused

DRAIN_S: Final = 60.0  # for answers under way; who asks for the parking has waited for them already


class Parked(ApiError):
    """The model is off its device."""

    status, kind = 503, "unavailable_error"

    def __init__(self) -> None:
        super().__init__("the model is parked: its weights are in RAM, not on its device. Load it, and it answers")


class Weights(Protocol):
    """What is moved: `arena.Arena`."""

    def bring(self) -> None:
        """Copy the weights to the device. Raises when there is no room; nothing has changed then."""
        ...

    def drop(self) -> None:
        """Free the device's memory; fine if they are not there."""
        ...


class Rester(Protocol):
    """What computes: `turns.TurnTaker` or `batch.Batcher`."""

    def park(self, drop: Callable[[], None]) -> Future[None]:
        """Free what it holds on the device itself, then call `drop`; all where it computes."""
        ...

    def wake(self, bring: Callable[[], None]) -> Future[None]:
        """Call `bring`, then make anew what it holds on the device."""
        ...


class Gate:
    """Counts the answers under way; once closed it lets nobody in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self.is_open = True

    def enter(self) -> None:
        """Begin an answer. Raises Parked."""
        with self._changed:
            if not self.is_open:
                raise Parked
            self._inside += 1

    def leave(self) -> None:
        """End an answer."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Be inside for the time of a block. Raises Parked."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def close(self, patience_s: float) -> bool:
        """Let nobody in and wait until nobody is inside; False: somebody still is, and it is open again."""
        with self._changed:
            self.is_open = False
            self.is_open = not self._changed.wait_for(lambda: self._inside == 0, patience_s)
            return not self.is_open

    def open(self) -> None:
        """Let everybody in."""
        with self._changed:
            self.is_open = True


class Parking:
    """Parks a model and wakes it, one after the other, as often as asked.

    Args:
        gate: what its answers go through.
        computer: what computes them.
        weights: what is moved.
        held: returns the bytes it holds on its device now.
        drain_s: how long answers under way are waited for.
    """

    def __init__(
        self, gate: Gate, computer: Rester, weights: Weights, *, held: Callable[[], int], drain_s: float = DRAIN_S
    ) -> None:
        self._gate = gate
        self._computer = computer
        self._weights = weights
        self._held = held
        self._drain_s = drain_s
        self._one_at_a_time = threading.Lock()

    @property
    def device_bytes(self) -> int:
        """What the model holds on its device now."""
        return self._held()

    def orders(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return what the loader can order, and what carries it out; why it could not is in the result, `failed`."""

        def carried_out(what: Callable[[], dict[str, Any]]) -> dict[str, Any]:
            try:
                return what()
            except (Refused, ApiError) as error:
                return {"failed": str(error)}

        return {"park": lambda: carried_out(self.park), "wake": lambda: carried_out(self.wake)}

    def park(self) -> dict[str, Any]:
        """Take the model off its device; return what it still holds there.

        1. Answers under way end first; when they do not, it stays, and answers as before.
        2. What was held for them goes, then the weights.

        Raises:
            Refused: it stays.
        """
        with self._one_at_a_time:
            if self._gate.is_open and not self._gate.close(self._drain_s):  # 1
                raise Refused(f"answers are still under way after {self._drain_s:g} s")
            try:
                self._computer.park(self._weights.drop).result()  # 2
            except BaseException:
                self._gate.open()
                raise
            return {"device_bytes": self._held()}

    def wake(self) -> dict[str, Any]:
        """Bring the model back; return what it holds on its device.

        Raises:
            Refused: there is not enough memory for it; it stays parked.
        """
        with self._one_at_a_time:
            if self._gate.is_open:
                return {"device_bytes": self._held()}
            try:
                self._computer.wake(self._weights.bring).result()
            except ApiError as error:
                self._computer.park(self._weights.drop).result()  # the weights may have found room, the rest none
                if isinstance(error, NoMemory):
                    raise Refused("out of memory: there is no room for it on its device") from None
                raise
            self._gate.open()
            return {"device_bytes": self._held()}
