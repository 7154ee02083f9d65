"""On which device a model is booked, and how much models may take there. Follows what the settings leave open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from batuta.app.budget import budget_of, within
from batuta.catalog import demonstration
from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.engines.base import Engine
from batuta.engines.command import CommandEngine
from batuta.engines.local_worker import LocalWorker
from batuta.errors import BadSettings
from batuta.lifecycle.events import BudgetSet
from batuta.lifecycle.ledger import MemoryLedger, size_text
from batuta.loader.memory import HOST, Device
from batuta.settings import Settings

SHOWN = "the two bundled models are shown taking turns"


class Booking:
    """The devices of this machine, their budgets, and which models go where.

    Args:
        settings: the whole tree.
        found: the devices there are.

    Attributes:
        budgets: device -> bytes that models may take.

    Raises:
        BadSettings: the settings have a budget for a device that is not there.
    """

    def __init__(self, settings: Settings, found: Sequence[Device]) -> None:
        if problem := settings.memory.unknown_devices([device.id for device in found]):
            raise BadSettings(problem, details={"setting": "memory.budget"})
        self._settings = settings
        self.budgets = {device.id: budget_of(device, settings) for device in found}
        self._reasons: dict[str, str] = {}
        self._ours = HOST  # that llama.cpp computes on
        # Other engines take the first GPU there is, whatever llama.cpp here was built for.
        self._others = next((device.id for device in found if device.id != HOST), HOST)

    @property
    def largest(self) -> int:
        """Bytes of the largest budget."""
        return max(self.budgets.values())

    def choose(self, usable: Sequence[Mapping[str, Any]]) -> bool:
        """Book local models on the first GPU that llama.cpp can use; return whether that is a change.

        usable: the devices as the loader names them.
        """
        ids = [d["id"] for d in usable if d.get("is_usable") and d["kind"] != "host" and d["id"] in self.budgets]
        if ids:
            self._ours = str(ids[0])
        return bool(ids)

    def see(self, device: str, room: int, foreign: int) -> None:
        """Take in for how many bytes of models there is room on a device, and how many others have taken."""
        self.budgets[device] = within(self._settings, device, room)
        self._reasons[device] = f"other programs hold {size_text(foreign)}"

    def changes(self, specs: Collection[ModelSpec], ledgers: Mapping[str, MemoryLedger]) -> Iterator[BudgetSet]:
        """Yield the budgets to be set: little memory to show the starter pair in, all of it once there is more.

        ledgers: as they are now.
        """
        is_free = self._settings.starter and self._settings.memory.limit(self._ours) is None
        shown = demonstration.budget_for(specs) if is_free else None
        for device, whole in self.budgets.items():
            is_shown = shown is not None and device == self._ours and shown < whole
            budget = shown if is_shown and shown is not None else whole
            if ledgers[device].budget != budget:
                yield BudgetSet(device, budget, SHOWN if is_shown else self._reasons.get(device, ""))

    def booked(self, spec: ModelSpec, engine: Engine) -> ModelSpec:
        """Return the spec with the device its model is booked on.

        A command of which nobody knows what it takes is booked with all there is, so that its first load, which shows
        it, has the device to itself.
        """
        if isinstance(engine, CommandEngine):  # a LocalWorker too, whose servers compute where they like
            wanted = engine.device(spec)
            device = wanted if wanted in self.budgets else self._others
            if spec.need_bytes:
                return replace(spec, device=device)
            everything = MemoryNeed(weights=self.budgets[device])
            return replace(spec, device=device, memory=everything, has_known_size=False)
        return replace(spec, device=self._ours if isinstance(engine, LocalWorker) else self._others)
