"""What goes wrong in a world of faults: which families it has, and the draws of each. Decides nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum

from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.testing.playbook import remote, spec

GB = 10**9
BUDGET = 16 * GB
REMOTE = "api"
HOST, CARD = "host", "card"
NAMES = ("brain", "coder", "small", "vision", "writer", "embedder")
SIZES = (13.0, 9.0, 7.0, 5.0, 4.0, 3.0, 2.0, 1.0)
CAUSES = tuple(Cause)


class Family(StrEnum):
    """A kind of misbehaviour; a world has some of them."""

    LOADS = "loads fail, or run out of memory"
    HANGS = "loads never end"
    DEATHS = "processes and loaders die"
    UNLOADS = "engines would not unload, or park"
    FIXED = "engines cannot unload"
    LATE = "memory comes back late"
    GREED = "models take more than was said"
    LIES = "engines report what is not so"
    LEAVERS = "callers leave the queue, or their answer"
    ANSWERS = "answers are bad"
    BUDGET = "the budget changes"
    PEOPLE = "people pin, switch, reset and unload"
    CATALOG = "models leave the catalog, come back and change"
    PLANS = "hints, returns and looks at the file cache"


def draw_families(chance: random.Random) -> frozenset[Family]:
    """Return the families of one world: each with even odds, so that most pairs meet in some world."""
    return frozenset(family for family in Family if chance.random() < 0.5)


def draw_models(chance: random.Random) -> list[ModelSpec]:
    """Return three to six local models of any size that fits the budget, and one behind an API.

    In half of the worlds there is a card, and most models are on it: those that sleep are parked in the host's memory.
    """
    on_card = chance.choice((0.0, 0.8))
    names = NAMES[: chance.randint(3, len(NAMES))]
    slots = chance.choice((1, 2, 4))
    ttl_s = chance.choice((None, None, 5.0, 60.0))
    local = [
        spec(
            name,
            int(chance.choice(SIZES) * GB),
            device=CARD if chance.random() < on_card else HOST,
            slots=slots,
            ttl_s=ttl_s,
            pinned=chance.random() < 0.05,
            has_known_size=chance.random() < 0.9,
        )
        for name in names
    ]
    return [*local, remote(REMOTE, slots=chance.choice((0, 2)))]


def changed(chance: random.Random, old: ModelSpec) -> ModelSpec:
    """Return what the catalog says of a model after its file was replaced: another size, perhaps switched off."""
    if not old.is_loadable:
        return old
    return replace(old, memory=MemoryNeed(weights=int(chance.choice(SIZES) * GB)), enabled=chance.random() < 0.9)


def deed(chance: random.Random, models: Sequence[str]) -> ev.Event:
    """Return what a person does to some model."""
    model = chance.choice(models)
    return chance.choice(
        (
            ev.PinChanged(model, pinned=True),
            ev.PinChanged(model, pinned=False),
            ev.PinChanged(model, pinned=False),
            ev.SwitchedOff(model),
            ev.SwitchedOn(model),
            ev.SwitchedOn(model),
            ev.ResetAsked(model),
            ev.UnloadAsked(model),
        )
    )


def plan(chance: random.Random, models: Sequence[str], now: float) -> ev.Event:
    """Return what somebody says of what will be wanted, or of where its bytes are."""
    model = chance.choice(models)
    return chance.choice(
        (
            ev.Hinted(model, "drawn", now + chance.uniform(0.0, 60.0)),
            ev.CacheSeen(model, chance.random()),
            ev.ReturnSet(chance.choice((model, None)), chance.uniform(1.0, 60.0)),
        )
    )


def budget(chance: random.Random) -> ev.BudgetSet:
    """Return another budget, often too little for anything."""
    device = chance.choice((HOST, CARD))
    return ev.BudgetSet(device, int(chance.choice((0.0, 4.0, 8.0, 12.0, 16.0, 16.0, 24.0)) * GB), "drawn")


def lie(chance: random.Random, models: Iterable[str]) -> ev.Observed:
    """Return a look that has nothing to do with what is there."""
    seen = [model for model in models if chance.random() < 0.5]
    asleep = frozenset(model for model in seen if chance.random() < 0.1)
    held = {
        m: int(chance.choice((0.0, 1.0, 5.0, 15.0)) * GB) for m in seen if m not in asleep and chance.random() < 0.7
    }
    return ev.Observed(held, frozenset(seen), asleep)


def as_new(old: ModelSpec) -> ModelSpec:
    """Return a model as it is in a calm world: switched on, unpinned, small enough for the device."""
    if not old.is_loadable:
        return replace(old, enabled=True)
    return replace(old, enabled=True, pinned=False, memory=MemoryNeed(weights=min(old.need_bytes, BUDGET)))
