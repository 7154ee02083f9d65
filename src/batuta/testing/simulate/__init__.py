"""A simulator for the scheduler: the very code that serves, in virtual time, beside the ways in which others decide.

    python -m batuta.testing.simulate run --trace hybrid --users 1 --story brain
    python -m batuta.testing.simulate run --trace arena --policy all --traces FOLDER
    python -m batuta.testing.simulate faults --seed 17

`replay` says what the scheduler does with a given sequence of requests, model by model.
"""

from batuta.testing.simulate.device import Device, LoadCost
from batuta.testing.simulate.outcome import Fact, Kind, Outcome
from batuta.testing.simulate.runs import POLICIES, Workload, replay, simulate

__all__ = ["POLICIES", "Device", "Fact", "Kind", "LoadCost", "Outcome", "Workload", "replay", "simulate"]
