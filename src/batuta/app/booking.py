"""On which device a model is booked, and how much models may take there. Follows what the settings leave open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from batuta.app.budget import budget_of
from batuta.catalog import demonstration
from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.engines.base import Engine
from batuta.engines.command import CommandEngine
from batuta.engines.local_worker import LocalWorker
from batuta.lifecycle.events import BudgetSet
from batuta.lifecycle.ledger import MemoryLedger
from batuta.loader.memory import HOST, Device
from batuta.settings import Settings


class Booking:
    """The devices of this machine, their budgets, and which models go where.

    Args:
        settings: the whole tree.
        found: the devices there are.

    Attributes:
        budgets: device -> bytes that models may take.
    """

    def __init__(self, settings: Settings, found: Sequence[Device]) -> None:
        self._settings = settings
        self.budgets = {device.id: budget_of(device, settings) for device in found}
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

    def changes(self, specs: Collection[ModelSpec], ledgers: Mapping[str, MemoryLedger]) -> Iterator[BudgetSet]:
        """Yield the budgets to be set: little memory to show the starter pair in, all of it once there is more.

        ledgers: as they are now.
        """
        if self._settings.memory.budget is not None or not self._settings.starter:
            return
        shown = demonstration.budget_for(specs)
        for device, whole in self.budgets.items():
            budget = whole if shown is None or device != self._ours else min(shown, whole)
            if ledgers[device].budget != budget:
                yield BudgetSet(device, budget)

    def booked(self, spec: ModelSpec, engine: Engine) -> ModelSpec:
        """Return the spec with the device its model is booked on.

        A command of which nobody knows what it takes is booked with all there is, so that its first load, which shows
        it, has the device to itself.
        """
        if isinstance(engine, LocalWorker):
            return replace(spec, device=self._ours)
        wanted = engine.device(spec) if isinstance(engine, CommandEngine) else ""
        device = wanted if wanted in self.budgets else self._others
        if isinstance(engine, CommandEngine) and not spec.need_bytes:
            everything = MemoryNeed(weights=self.budgets[device])
            return replace(spec, device=device, memory=everything, has_known_size=False)
        return replace(spec, device=device)
