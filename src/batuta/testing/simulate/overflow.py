"""Sends a request to a model behind an API where its own model would keep it waiting too long, as the gateway does.

How long it would wait is the Lifecycle's own forecast: drain, load, and the queue before it. Knows no prices.
"""

from __future__ import annotations

from dataclasses import dataclass

from batuta.gateway.overflow import overflow
from batuta.lifecycle.forecast import Forecast, forecast
from batuta.lifecycle.machine import Lifecycle
from batuta.testing.simulate.demand import Job
from batuta.testing.simulate.device import LOADS, Device, LoadCost, in_bytes
from batuta.testing.simulate.outcome import Outcome
from batuta.testing.simulate.runs import Workload, lifecycle_of
from batuta.testing.simulate.world import World

API = "api"


@dataclass(frozen=True, slots=True)
class Overflow:
    """Says who answers a request: its model, or the API where the forecast is over `limit_s` seconds."""

    lifecycle: Lifecycle
    limit_s: float

    def __call__(self, job: Job, now: float) -> str:
        """Return the model that shall answer."""

        def expected(model: str) -> Forecast:
            return forecast(self.lifecycle, model, now, joins=True)

        found = overflow((job.model, API), self.limit_s, expected=expected, is_at_hand=lambda model: model == API)
        return job.model if found is None else found.model


def overflowing(workload: Workload, *, limit_s: float, loads: LoadCost = LOADS["restart"]) -> Outcome:
    """Run a workload beside an API that takes whoever would wait longer than `limit_s` seconds."""
    device = Device(workload.sizes, loads, apis=(API,))
    lifecycle = lifecycle_of(in_bytes(device.budget))
    return World(lifecycle, device, divert=Overflow(lifecycle, limit_s)).run(workload.open())
