"""Looks at what is taken of each device and has the budgets follow: no budget promises what others have.

What a look means is decided in `budget` and `pressure`; what follows for the models is the lifecycle's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from batuta.app.booking import Booking
from batuta.app.budget import foreign, less_margin, tolerance
from batuta.app.pressure import Course
from batuta.catalog.records import OURS
from batuta.catalog.service import Catalog
from batuta.clock import Clock
from batuta.errors import BatutaError
from batuta.lifecycle.ledger import size_text
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.observer import first_of
from batuta.lifecycle.states import ModelState
from batuta.loader import usage
from batuta.loader.client import LoaderClient
from batuta.loader.memory import HOST
from batuta.loader.usage import DeviceUse
from batuta.observe.events import Fact, ModelStateChanged

log = logging.getLogger("batuta.app")
LOOK_EVERY_S: Final = 5.0  # while a model is in memory or on its way, or one more look may change a budget
LOOK_IDLE_S: Final = 30.0  # otherwise
LOOK_WITHIN_S: Final = 10.0  # a driver that hangs is asked again at the next look
LEAST_LOOKS: Final = 2  # at a model that has answered, before it is known what it takes
STAYS: Final = frozenset({ModelState.READY.value, ModelState.DRAINING.value})
LEAVES: Final = frozenset({ModelState.UNLOADING.value, ModelState.ASLEEP.value})
# How the names of other engines' processes begin, in small letters.
PROCESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "ollama": ("ollama",),
    "lmstudio": ("lm studio", "lm-studio", "lms"),
    "llama_server": ("llama-server",),
    "vllm": ("vllm",),
}

Look = Callable[[Mapping[str, int], Collection[str]], Sequence[DeviceUse]]


class MemoryWatch:
    """Looks for as long as it runs.

    Args:
        booking: takes what is there.
        lifecycle: knows what is booked and how models stand.
        loader: knows which process holds which model.
        catalog: knows who serves a model, and keeps what one takes.
        follow: has the lifecycle's budgets follow those of the booking.
        clock: when to look again.
        margin: bytes of each device that are left to others.
        look: looks at the devices; it is called in a thread.
    """

    def __init__(
        self,
        booking: Booking,
        lifecycle: Lifecycle,
        loader: LoaderClient,
        catalog: Catalog,
        *,
        follow: Callable[[], None],
        clock: Clock,
        margin: int,
        look: Look = usage.look,
    ) -> None:
        self._booking = booking
        self._lifecycle = lifecycle
        self._loader = loader
        self._catalog = catalog
        self._follow = follow
        self._clock = clock
        self._margin = margin
        self._look = look
        self._courses: dict[str, Course] = {}
        self._peaks: dict[str, tuple[int, int]] = {}  # model -> most bytes on its GPU, and after how many looks
        self._woken = asyncio.Event()
        self._is_resting = False

    def __repr__(self) -> str:
        return f"<MemoryWatch {', '.join(f'{d}: {size_text(c.room)}' for d, c in self._courses.items()) or 'new'}>"

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self._is_resting = not (self._is_in_use() or any(course.is_pending for course in self._courses.values()))
            self._woken.clear()
            await first_of(self._woken, self._clock, LOOK_IDLE_S if self._is_resting else LOOK_EVERY_S)
            await self.look()

    def _is_in_use(self) -> bool:
        return any(ledger.reserved for ledger in self._lifecycle.ledgers.values())

    def heard(self, fact: Fact) -> None:
        """Follow the models: a load ends a rest, and what a stay on a GPU came to is known when it ends."""
        if not isinstance(fact, ModelStateChanged):
            return
        if fact.new == ModelState.LOADING and self._is_resting:
            self._woken.set()
        if fact.new not in STAYS and (peak := self._peaks.pop(fact.model, None)) is not None:
            most, looks = peak
            if fact.new in LEAVES and looks >= LEAST_LOOKS:  # the catalog answers with a change of its own: not at once
                asyncio.get_running_loop().call_soon(partial(self._catalog.set_learned, fact.model, peak=most))

    async def look(self) -> None:
        """Look once, and have the budgets follow."""
        models = await self._processes()
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                seen = await asyncio.to_thread(self._look, models, self._names())
        except TimeoutError:
            log.warning("the devices did not say within %g s what is taken of them", LOOK_WITHIN_S)
            return
        except OSError as error:  # no file descriptor is left, for example
            log.warning("it cannot be told what is taken of the devices: %s", error)
            return
        for use in seen:
            self._take_in(use)
        self._follow()

    async def _processes(self) -> dict[str, int]:
        """Return which process holds which model, of those that the loader has."""
        try:
            state = await self._loader.status()
        except BatutaError:
            return {}
        return {str(record["id"]): int(record["pid"]) for record in state["models"] if record["pid"]}

    def _names(self) -> tuple[str, ...]:
        """Return how the processes are called of other engines in whose hands models of ours are now."""
        held = {model for ledger in self._lifecycle.ledgers.values() for model in ledger.held}
        providers = {self._lifecycle.residencies[model].spec.provider_id for model in held}
        kinds = {state.provider.kind for each in providers if (state := self._catalog.provider(each)) is not None}
        return tuple(name for kind in sorted(kinds - OURS) for name in PROCESSES.get(kind, ()))

    def _take_in(self, use: DeviceUse) -> None:
        ledgers = self._lifecycle.ledgers
        if use.id not in ledgers:  # a card that was put in meanwhile
            return
        elsewhere = {model: held for d, book in ledgers.items() if d != use.id for model, held in book.held.items()}
        others = foreign(use, ledgers[use.id].held, elsewhere)
        room = less_margin(use.total - others, self._margin)
        before = self._courses.get(use.id)
        course = (
            Course(room)
            if before is None
            else before.after(room, tolerance=tolerance(use.total), now=self._clock.monotonic())
        )
        self._courses[use.id] = course
        if before is None or course.room != before.room:
            self._booking.see(use.id, course.room, others)
        if use.id != HOST:
            self._note_peaks(use)

    def _note_peaks(self, use: DeviceUse) -> None:
        """Take note of what models take that are booked here and have answered since they were loaded."""
        held = self._lifecycle.ledgers[use.id].held
        for model, seen in use.models.items():
            residency = self._lifecycle.residencies.get(model)
            if not seen or model not in held or residency is None or residency.state is not ModelState.READY:
                continue
            if residency.last_used > residency.since:
                most, looks = self._peaks.get(model, (0, 0))
                self._peaks[model] = (max(most, seen), looks + 1)
