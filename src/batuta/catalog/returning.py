"""Which model comes back to its device when nobody wants anything there: the setting `swap.return_to`. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from batuta.catalog import names
from batuta.catalog.entities import ModelSpec, Role
from batuta.catalog.records import Problem

SETTING = "swap.return_to"
DEFAULT = "default"
OFF = "off"


def return_model(wanted: str, specs: Mapping[str, ModelSpec]) -> str | None:
    """Return the id of the model that comes back; None: whoever was there last stays.

    1. `off`: nobody.
    2. `default`: the brain, if it is a model that Batuta loads.
    3. A name: that model, if there is such a one and Batuta loads it.
    """
    if wanted == OFF:  # 1
        return None
    if wanted == DEFAULT:  # 2
        brains = (spec.id for spec in specs.values() if Role.BRAIN in spec.roles and _can_return(spec))
        return min(brains, default=None)
    spec = names.find(wanted, specs)  # 3
    return spec.id if spec is not None and _can_return(spec) else None


def return_problem(wanted: str, specs: Mapping[str, ModelSpec]) -> Problem | None:
    """Return what is wrong with the setting, None if nothing is. A model that is switched off may be switched on."""
    if wanted in {DEFAULT, OFF}:
        return None
    spec = names.find(wanted, specs)
    if spec is not None and spec.is_present:
        if spec.is_loadable:
            return None
        return Problem(SETTING, f"{spec.id} is not loaded here, so it cannot come back; name a model of this machine")
    near = names.nearest(wanted, [model_id for model_id, each in specs.items() if each.is_present and each.is_loadable])
    hint = f"did you mean {' or '.join(near)}?" if near else f"`{DEFAULT}` is the brain, `{OFF}` is nobody."
    return Problem(SETTING, f"the settings name {wanted!r}, and there is no such model; {hint}")


def _can_return(spec: ModelSpec) -> bool:
    return spec.is_loadable and spec.is_present and spec.enabled
