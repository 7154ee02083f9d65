"""Gives every model its roles: those of the settings, those a person gave, and defaults where nobody said anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from batuta.catalog.configured import holders
from batuta.catalog.defaults import Surroundings, default_roles
from batuta.catalog.entities import ModelSpec, Role

Specs = Mapping[str, ModelSpec]


def first_model(specs: Specs, defaults: Mapping[Role, str]) -> ModelSpec | None:
    """Return the model that is loaded at the start: the brain that somebody chose, or the bundled one.

    A brain by default that is neither is loaded when it is first needed: it may be large, and nobody asked for it.
    """
    by_default = defaults.get(Role.BRAIN)
    brains = (
        spec
        for spec in specs.values()
        if Role.BRAIN in spec.roles
        and (spec.is_present and spec.enabled)
        and (spec.id != by_default or spec.bundled_as is not None)
    )
    return min(brains, key=lambda spec: spec.id, default=None)


class RoleKeeper:
    """Remembers the defaults, which must not wander.

    Args:
        wanted: role -> name of a model by the settings; None: they say nothing.
    """

    def __init__(self, wanted: Mapping[Role, str | None]) -> None:
        self.wanted = dict(wanted)
        self.defaults: dict[Role, str] = {}

    def given(self, specs: Specs) -> dict[Role, str]:
        """Return who holds a role by the settings, as far as those models are here."""
        return holders(self.wanted, specs)

    def assigned(self, specs: Specs, around: Surroundings | None) -> dict[str, ModelSpec]:
        """Return the specs with their roles; `defaults` are renewed. around: None to leave out defaults."""
        given = self.given(specs)
        mine = {model_id: self._with_given(spec, given) for model_id, spec in specs.items()}
        self.defaults = default_roles(mine.values(), given, self.defaults, around) if around is not None else {}
        for role, holder in self.defaults.items():
            mine[holder] = replace(mine[holder], roles=mine[holder].roles | {role})
        return mine

    @staticmethod
    def _with_given(spec: ModelSpec, given: Mapping[Role, str]) -> ModelSpec:
        taken = {role for role, holder in given.items() if holder != spec.id}
        own = {role for role, holder in given.items() if holder == spec.id}
        roles = (spec.roles - taken) | own
        return spec if roles == spec.roles else replace(spec, roles=roles)
