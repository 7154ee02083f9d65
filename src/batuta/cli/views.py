"""Reads the management API's answers: what a model or a device is, in a table's words. Knows nothing of HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from batuta.cli.terminal import duration, memory_text

Model = Mapping[str, Any]


def listed(answer: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects of a list answer: a bare list, or under `name` or `data`."""
    if isinstance(answer, Mapping):
        answer = answer.get(name, answer.get("data"))
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []


def size_of(model: Model, which: str = "needed") -> float | None:
    """Return bytes of memory: `needed` when loaded, or `held` now; None when unknown."""
    memory = model.get("memory_bytes")
    value = memory.get(which) if isinstance(memory, Mapping) else memory
    return float(value) if isinstance(value, int | float) and value else None


def fits(model: Model) -> str:
    """Return whether the model fits, in words: `now`, `after evicting a, b`, `after unpinning a`, `never`."""
    answer = model.get("fits")
    if answer == "never" and (pinned := pinned_by(model)):
        return f"after unpinning {', '.join(pinned)}"
    if isinstance(answer, Mapping):
        evict = answer.get("evict") or ()
        words = str(answer.get("fits") or answer.get("verdict") or "-").replace("_", " ")
        return f"{words} {', '.join(map(str, evict))}" if evict else words
    return "-" if answer is None else str(answer).replace("_", " ")


def pinned_by(plan: Any) -> list[str]:
    """Return the pinned models that alone are in the way, as a plan or a model names them; usually none."""
    found = plan.get("pinned_by") if isinstance(plan, Mapping) else None
    return [found] if isinstance(found, str) else [str(each) for each in found or ()]


def state(model: Model) -> str:
    """Return the model's state in words, with how far a load is."""
    name = str(model.get("state") or ("ready" if model.get("is_loaded") else "-"))
    progress = model.get("progress")
    if name == "loading" and isinstance(progress, int | float):
        return f"loading {progress * 100:.0f} %"
    if not model.get("is_local", True) and name in {"ready", "-"}:
        return "offline" if model.get("cause") == "engine_offline" else "remote"
    return name


def until(model: Model, now: float) -> str:
    """Return how long the model stays in memory: `pinned`, `4 min`, or `room is needed`. `now`: wall seconds."""
    if is_fixed(model):
        return "you stop its server"
    if model.get("pinned"):
        return "pinned"
    ttl, last = model.get("ttl_s"), model.get("last_used")
    if isinstance(ttl, int | float) and isinstance(last, int | float):
        return duration(max(last + ttl - now, 0.0))
    return "room is needed"


def resident(models: Sequence[Model]) -> list[Model]:
    """Return the models that hold memory here, or are about to, the largest first."""
    here = [model for model in models if model.get("is_local", True) and (_held(model) or model.get("is_loading"))]
    return sorted(here, key=lambda model: -(_held(model) or size_of(model) or 0))


def is_in_memory(model: Any) -> bool:
    """Whether the model holds memory, is being loaded into it, or is on its way out."""
    return isinstance(model, Mapping) and (
        bool(_held(model)) or bool(model.get("is_loading") or model.get("is_loaded"))
    )


def is_fixed(model: Any) -> bool:
    """Whether a server that Batuta cannot stop holds the model in memory."""
    return isinstance(model, Mapping) and bool(model.get("is_fixed"))


def _held(model: Model) -> float | None:
    return size_of(model, "held")


def ps_row(model: Model) -> list[str]:
    """Return a row of `batuta ps`."""
    return [
        str(model.get("id", "-")),
        state(model),
        memory_text(_held(model) or size_of(model)),
        str(model.get("in_flight", 0)),
        str(model.get("waiting", 0)),
        until(model, time.time()),
    ]


def models_row(model: Model) -> list[str]:
    """Return a row of `batuta models`."""
    notes = [*(str(role) for role in model.get("roles") or ()), *(["pinned"] if model.get("pinned") else [])]
    return [
        str(model.get("id", "-")),
        state(model),
        memory_text(size_of(model)) if model.get("is_local", True) else "-",
        fits(model) if model.get("is_local", True) else "-",
        str(model.get("provider") or "-"),
        ", ".join(notes),
        str(model.get("error") or ""),
    ]


def device_text(device: Mapping[str, Any]) -> str:
    """Return a device's memory in words: `4.1 of 14.5 GB reserved`."""
    reserved, budget = device.get("reserved"), device.get("budget")
    if not isinstance(reserved, int | float) or not isinstance(budget, int | float):
        return "-"
    return f"{memory_text(reserved)} of {memory_text(budget)} reserved"
