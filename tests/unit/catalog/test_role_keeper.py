"""Roles by the settings, by a person, and by default; and the memory that a bundled pair is shown in."""

from __future__ import annotations

from dataclasses import replace

from batuta.catalog.defaults import Surroundings
from batuta.catalog.demonstration import budget_for
from batuta.catalog.entities import MemoryNeed, ModelSpec, Role
from batuta.catalog.role_keeper import RoleKeeper, first_model

AROUND = Surroundings(is_online=lambda _: True)
B, E = Role.BRAIN, Role.EXECUTOR


def _spec(name: str, size: int = 100, **more: object) -> ModelSpec:
    spec = ModelSpec(name, "local", f"/models/{name}.gguf", memory=MemoryNeed(size), is_local=True, is_loadable=True)
    return replace(spec, **more)  # type: ignore[arg-type]


def _roles(keeper: RoleKeeper, *specs: ModelSpec, around: Surroundings | None = AROUND) -> dict[str, set[Role]]:
    assigned = keeper.assigned({spec.id: spec for spec in specs}, around)
    return {model: set(spec.roles) for model, spec in assigned.items() if spec.roles}


def test_the_settings_come_before_a_person_and_a_person_before_the_rule() -> None:
    """One holder a role: the settings' if they name one, else a person's, else the rule's."""
    mine = _spec("mine", roles=frozenset({B}))
    assert _roles(RoleKeeper({B: None, E: None}), mine, _spec("big", 900)) == {"mine": {B}, "big": {E}}
    assert _roles(RoleKeeper({B: "big", E: None}), mine, _spec("big", 900))["big"] >= {B}
    assert B not in _roles(RoleKeeper({B: "big", E: None}), mine, _spec("big", 900)).get("mine", set())


def test_a_default_stays_when_others_come() -> None:
    """The keeper remembers: a larger model that appears later does not take the roles."""
    keeper = RoleKeeper({B: None, E: None})
    assert _roles(keeper, _spec("first")) == {"first": {B, E}}
    assert _roles(keeper, _spec("first"), _spec("larger", 900)) == {"first": {B, E}}
    assert keeper.defaults == {B: "first", E: "first"}


def test_without_surroundings_there_are_no_defaults() -> None:
    """Where nobody knows what is in memory and online, nobody is chosen."""
    keeper = RoleKeeper({B: None, E: None})
    assert _roles(keeper, _spec("one"), around=None) == {}


def test_only_a_chosen_brain_or_the_bundled_one_is_loaded_at_the_start() -> None:
    """A brain by rule waits until it is needed: it may be large, and nobody is kept waiting for it."""
    by_rule = _spec("found", roles=frozenset({B}))
    assert first_model({"found": by_rule}, {B: "found"}) is None
    assert first_model({"found": by_rule}, {}) is by_rule
    assert first_model({"starter-brain": replace(PAIR[0], roles=frozenset({B}))}, {B: "starter-brain"}) is not None
    assert first_model({"gone": replace(by_rule, id="gone", is_present=False)}, {}) is None


PAIR = (_spec("starter-brain", 80, bundled_as=B), _spec("starter-coder", 70, bundled_as=E))


def test_a_bundled_pair_alone_is_shown_in_room_for_one() -> None:
    """Either fits, both do not: they are seen taking turns."""
    budget = budget_for(PAIR)
    assert budget is not None
    assert 80 <= budget < 80 + 70


def test_anything_else_to_load_gives_the_whole_memory_back() -> None:
    """The small budget is for a machine that has nothing else; half a pair is no pair."""
    assert budget_for((*PAIR, _spec("mine"))) is None
    assert budget_for(PAIR[:1]) is None
    assert budget_for((*PAIR, _spec("gone", is_present=False))) is not None
