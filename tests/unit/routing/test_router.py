"""Who is tried, in which order, for a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Role
from batuta.errors import BadRequest, Cause, ModelNotFound
from batuta.routing.alternatives import Standing, Terms, Tier, alternatives, tier_of
from batuta.routing.router import RoutePlan, plan
from batuta.routing.wishes import NO_WISHES, Wishes

CHAT = frozenset({Capability.CHAT})


def standing(model: str, *, local: bool = True, ready: bool = False, **rest: Any) -> Standing:
    roles = rest.pop("roles", frozenset())
    active, fits = rest.pop("active", True), rest.pop("fits", True)
    spec = ModelSpec(model, "p", model, is_local=local, is_loadable=local, roles=roles, **rest.pop("spec", {}))
    return Standing(spec, ready, active, fits, **rest)


def route(name: str, world: Sequence[Standing], **rest: Any) -> list[str]:
    return [c.model_id for c in routed(name, world, **rest).candidates]


def routed(name: str, world: Sequence[Standing], **rest: Any) -> RoutePlan:
    """Return a plan; what is no argument of `plan` is a wish."""
    specs = {s.spec.id: s.spec for s in world}
    given = {key: rest.pop(key) for key in ("needs", "asks", "house") if key in rest}
    given.setdefault("needs", CHAT)
    return plan(name, specs, lambda: world, wishes=Wishes(**rest) if rest else NO_WISHES, **given)


WORLD = (
    standing("cold"),
    standing("warm", ready=True),
    standing("far", local=False, ready=True),
    standing("huge", fits=False),
    standing("ill", active=False),
)


def test_a_named_model_is_the_only_candidate_unless_the_caller_allows_others() -> None:
    """Who names a model gets that model or an honest error."""
    assert route("cold", WORLD) == ["cold"]
    assert route("cold", WORLD, allow_fallback=True) == ["cold", "far", "warm"]


def test_an_alias_is_the_model_unless_a_model_or_a_choice_of_ours_has_the_name() -> None:
    """Ids go first, then auto, brain and executor, then aliases."""
    own = standing("own", spec={"aliases": ("gpt-4o", "cold", "auto")}, roles=frozenset({Role.EXECUTOR}))
    world = (*WORLD, own, standing("boss", roles=frozenset({Role.BRAIN})))
    assert route("gpt-4o", world) == ["own"]
    assert route("cold", world) == ["cold"]
    assert route("auto", world)[0] == "boss"
    with pytest.raises(BadRequest, match="own cannot do embedding"):
        route("gpt-4o", world, needs=frozenset({Capability.EMBEDDING}))


def test_alternatives_come_external_first_then_loaded_then_loadable() -> None:
    """The priority: a working API, what is in memory, what fits. Failed and too large ones are not offered."""
    assert [s.spec.id for s, _ in alternatives(None, WORLD, Terms(CHAT))] == ["far", "warm", "cold"]


def test_auto_starts_with_the_brain_and_falls_back_by_itself() -> None:
    """A virtual name is a wish for an answer, not for a model."""
    brain = standing("big", roles=frozenset({Role.BRAIN}))
    assert route("auto", (*WORLD, brain)) == ["big", "far", "warm", "cold"]
    assert route("brain", (*WORLD, brain), allow_fallback=False) == ["big"]


def test_who_is_offline_is_tried_last_and_not_suggested() -> None:
    """`auto` goes to whoever can answer; when nobody can, it tries who was offline: it may be back."""
    brain = standing("api/brain", local=False, roles=frozenset({Role.BRAIN}), active=False, is_offline=True)
    assert route("auto", (*WORLD, brain)) == ["far", "warm", "cold", "api/brain"]
    assert route("auto", (*WORLD, brain), allow_fallback=False) == ["api/brain"]
    assert route("auto", (brain,)) == ["api/brain"]
    sister = standing("api/sister", local=False, active=False, is_offline=True)
    assert route("auto", (sister,)) == ["api/sister"]
    assert alternatives(None, (sister,), Terms(CHAT)) == []


def test_where_nothing_fits_the_smallest_says_why() -> None:
    """`auto` is answered with the figures of the model that comes nearest, not as if there were none."""
    sizes = {"huge": 9, "large": 5}
    world = [standing(m, fits=False, spec={"memory": MemoryNeed(weights=s)}) for m, s in sizes.items()]
    assert route("auto", world) == ["large"]
    assert route("auto", (*world, standing("far", local=False, ready=True))) == ["far"]
    with pytest.raises(ModelNotFound, match="no model can answer"):
        route("auto", (standing("ill", active=False, fits=False),))


def test_a_brain_whose_file_is_gone_is_tried_last() -> None:
    """It still holds the role, in case it comes back."""
    gone = standing("gone", roles=frozenset({Role.BRAIN}), spec={"is_present": False})
    assert route("auto", (*WORLD, gone)) == ["far", "warm", "cold", "gone"]


def test_who_is_passed_over_is_told() -> None:
    """The holder of a role that is not even tried first was passed over for a reason; one that is tried was not."""

    def passed_over(*world: Standing) -> tuple[tuple[str, str], ...]:
        return routed("brain", world).passed_over

    roles = frozenset({Role.BRAIN})
    away = standing("away", roles=roles, active=False, is_offline=True)
    assert passed_over(*WORLD, away) == (("away", Cause.ENGINE_OFFLINE),)
    assert passed_over(*WORLD, standing("gone", roles=roles, spec={"is_present": False})) == (
        ("gone", Cause.NOT_INSTALLED),
    )
    assert passed_over(*WORLD, standing("here", roles=roles)) == ()
    assert passed_over(away) == ()


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    """As the management API does; what is gone is not offered."""
    world = (standing("tiny"), standing("tinny", spec={"is_present": False}))
    with pytest.raises(ModelNotFound, match=r"did you mean tiny\?") as refused:
        route("tinyy", world)
    assert refused.value.suggestion == "tiny"


def test_a_role_nobody_holds_is_answered_by_the_best_there_is() -> None:
    """No setting is needed for a first answer."""
    assert route("executor", WORLD) == ["far", "warm", "cold"]


def test_a_virtual_name_on_an_empty_catalog_says_how_to_get_a_model() -> None:
    """The three ways."""
    with pytest.raises(ModelNotFound, match=r"\.gguf"):
        route("auto", ())


def test_an_unknown_name_is_refused_by_name() -> None:
    """And says where to look."""
    with pytest.raises(ModelNotFound, match="/v1/models"):
        route("nobody", WORLD)


def test_a_model_is_not_asked_for_what_it_cannot_do() -> None:
    """Embeddings of a chat model: the caller's error, before anything is loaded."""
    with pytest.raises(BadRequest, match="embedding"):
        route("cold", WORLD, needs=frozenset({Capability.EMBEDDING}))


def test_the_world_is_not_looked_at_for_a_named_model() -> None:
    """The hot path asks for nothing it does not need."""

    def never() -> Sequence[Standing]:
        raise AssertionError("asked")

    specs = {"m": ModelSpec("m", "p", "m")}
    assert plan("m", specs, never, needs=CHAT).candidates[0].model_id == "m"


def test_an_external_model_with_a_bad_key_is_no_alternative() -> None:
    """Only what could answer now."""
    assert tier_of(standing("far", local=False, ready=False)) is None
    assert tier_of(standing("warm", ready=True)) is Tier.LOADED


def far(model: str, provider: str, **rest: Any) -> Standing:
    """Return a model of an external provider that is ready."""
    spec = ModelSpec(model, provider, model, roles=rest.pop("roles", frozenset()))
    return Standing(spec, True, True, True, **rest)


def test_one_provider_does_not_take_all_the_places() -> None:
    """With many models at one provider, another provider and the best local model still have a place."""
    world = (
        *(far(f"one/{n}", "one") for n in range(6)),
        far("two/a", "two"),
        standing("cold"),
        standing("warm", ready=True),
    )
    assert route("auto", world) == ["one/0", "two/a", "warm"]
    assert route("one/0", world, allow_fallback=True) == ["one/0", "two/a", "one/1", "warm"]


def test_what_has_failed_with_its_provider_goes_behind_other_providers() -> None:
    """The brain is at a provider: the next candidates are elsewhere first, and one is here."""
    brain = frozenset({Role.BRAIN})
    world = (
        far("one/b", "one", roles=brain),
        far("one/c", "one"),
        far("one/d", "one"),
        far("two/a", "two"),
        standing("cold"),
    )
    assert route("brain", world) == ["one/b", "two/a", "one/c", "cold"]


def test_without_a_local_model_the_places_are_the_providers() -> None:
    """Nobody is made up where there is nobody here."""
    world = (far("one/a", "one"), far("one/b", "one"), far("one/c", "one"), far("one/d", "one"), far("one/e", "one"))
    assert len(route("auto", world)) == 3
