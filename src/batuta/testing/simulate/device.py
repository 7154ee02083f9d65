"""The simulated machine: what models take, how long they load and how long they answer. Knows nothing of who decides.

One device of 16 GB. A resident model answers up to four requests at once and none of them slows the others down. One
load at a time; the other residents keep answering. Leaving memory takes no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batuta.catalog.entities import ModelSpec
from batuta.testing.playbook import GB, remote, spec

READ_TOKENS = 20_000  # tokens a second that a model of 1 GB reads
WRITE_TOKENS = 490  # tokens a second that a model of 1 GB writes


@dataclass(frozen=True, slots=True)
class LoadCost:
    """Seconds of a load: `start_s` for the process and its warm-up, then the file at `gb_per_s`."""

    start_s: float
    gb_per_s: float

    def seconds(self, size: float) -> float:
        """Return the seconds that loading `size` GB takes."""
        return self.start_s + size / self.gb_per_s


LOADS: Mapping[str, LoadCost] = {
    "restart": LoadCost(2.0, 5.0),  # a new process reads the file from the page cache
    "fast": LoadCost(0.3, 12.0),  # a waiting process copies it from pinned host memory
}


@dataclass(frozen=True, slots=True)
class Device:
    """The machine of one simulation.

    Attributes:
        sizes: model -> GB.
        loads: what a load costs.
        budget: GB that all models together may take.
        slots: requests a model answers at once.
        apis: models behind an API: no memory, no limit, always there.
        api_s: seconds an answer of such a model takes.
    """

    sizes: Mapping[str, float]
    loads: LoadCost = LOADS["restart"]
    budget: float = 16.0
    slots: int = 4
    apis: tuple[str, ...] = ()
    api_s: float = 10.0

    def specs(self) -> list[ModelSpec]:
        """Return what the catalog would know of its models."""
        local = [spec(model, in_bytes(size), slots=self.slots) for model, size in self.sizes.items()]
        return local + [remote(model) for model in self.apis]

    def load_s(self, model: str) -> float:
        """Return the seconds that loading the model takes."""
        return self.loads.seconds(self.sizes[model])

    def service_s(self, model: str, n_in: int, n_out: int) -> float:
        """Return the seconds that one answer takes."""
        if model in self.apis:
            return self.api_s
        return self.sizes[model] * (n_in / READ_TOKENS + n_out / WRITE_TOKENS)


def in_bytes(size: float) -> int:
    """Return GB as bytes."""
    return round(size * GB)
