"""Who may stand in: the caller's own list, what the request has in it, what it costs, and where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from batuta.catalog.entities import Capability, ModelSpec, Role
from batuta.errors import BadRequest, LocalOnly, ModelNotFound
from batuta.routing.alternatives import Standing, Terms, alternatives, passed_over
from batuta.routing.router import plan
from batuta.routing.wishes import NO_WISHES, Asks, House, Policy, Wishes

CHAT = frozenset({Capability.CHAT})
TALKS = CHAT | {Capability.COMPLETION}


def model(name: str, *able: Capability, local: bool = False, ready: bool = True, **rest: Any) -> Standing:
    rests = rest.pop("rests", "")
    spec = ModelSpec(
        name,
        name.split("/", maxsplit=1)[0],
        name,
        is_local=local,
        is_loadable=local,
        capabilities=TALKS | set(able),
        **rest,
    )
    return Standing(spec, is_ready=ready, is_active=True, fits=True, rests=rests)


def priced(prices: Mapping[str, float]) -> House:
    return House(price_of=lambda spec: 0.0 if spec.is_local else prices.get(spec.id))


def route(
    name: str, *world: Standing, asks: Asks | None = None, house: House | None = None, **wishes: Any
) -> list[str]:
    specs = {s.spec.id: s.spec for s in world}
    given = plan(
        name,
        specs,
        lambda: world,
        needs=CHAT,
        wishes=Wishes(**wishes) if wishes else NO_WISHES,
        asks=lambda: asks or Asks(),
        house=house or House(),
    )
    return [candidate.model_id for candidate in given.candidates]


A, B, C = model("a/one"), model("b/two"), model("c/three")
HERE = model("here", local=True)


def test_a_list_of_the_callers_own_is_tried_in_its_order_and_nobody_else() -> None:
    """`model` goes first, a name twice counts once, and who is not on the list is not asked."""
    assert route("b/two", A, B, C, models=("c/three", "b/two")) == ["b/two", "c/three"]
    assert route("", A, B, C, models=("c/three",)) == ["c/three"]
    assert route("a/one", A, B, C, models=("b/two",), allow_fallback=False) == ["a/one"]
    assert route("a/one", A, B, C, models=("b/two",), allow_fallback=True) == ["a/one", "b/two", "c/three"]


def test_a_name_in_a_list_may_be_a_choice_or_one_that_nobody_knows() -> None:
    """`brain` is whoever holds the role; an unknown name is left out, unless no other is left."""
    boss = model("boss", local=True, roles=frozenset({Role.BRAIN}))
    assert route("nobody", A, boss, models=("brain", "a/one")) == ["boss", "a/one"]
    with pytest.raises(ModelNotFound, match="nobody, neither"):
        route("nobody", A, models=("neither",))


def test_a_list_of_which_none_is_able_says_why_for_each() -> None:
    """As a mistake of the caller's: another order would not help."""
    blind = model("blind", Capability.TOOLS)
    with pytest.raises(BadRequest, match="blind: it cannot see images") as refused:
        route("blind", blind, models=("blind",), asks=Asks(frozenset({Capability.VISION})))
    assert refused.value.details["models"] == {"blind": "it cannot see images"}


@pytest.mark.parametrize("able", [Capability.TOOLS, Capability.VISION, Capability.REASONING])
def test_who_stands_in_can_take_what_the_request_has_in_it(able: Capability) -> None:
    """Who is known to be able goes first, who is known not to be is left out, and of the others nobody knows."""
    asks = Asks(frozenset({able}))
    other = next(each for each in (Capability.TOOLS, Capability.VISION) if each is not able)
    can, cannot, unknown = model("z/can", able), model("a/cannot", other), model("b/unknown")
    assert route("c/three", C, can, cannot, unknown, allow_fallback=True, asks=asks) == [
        "c/three",
        "z/can",
        "b/unknown",
    ]


def test_who_stands_in_has_room_for_the_conversation() -> None:
    """A context that is known to be too short is left out; one of unknown length is not."""
    short, long = model("a/short", context_length=4096), model("b/long", context_length=32768)
    assert route("c/three", C, short, long, allow_fallback=True, asks=Asks(context=5000)) == ["c/three", "b/long"]


def test_the_holder_of_a_role_goes_last_when_it_cannot_take_the_request() -> None:
    """It is what a person chose, and no use for this; nobody else there, it is asked all the same."""
    boss = model("boss", Capability.TOOLS, local=True, roles=frozenset({Role.BRAIN}))
    sees = model("sees", Capability.VISION)
    asks = Asks(frozenset({Capability.VISION}))
    assert route("brain", boss, sees, asks=asks) == ["sees", "boss"]
    assert route("brain", boss, asks=asks) == ["boss"]


def test_the_same_or_a_smaller_cost() -> None:
    """A dearer one and one whose price nobody knows are left out; what runs here costs nothing."""
    house = priced({"a/one": 2.0, "b/two": 1.0, "c/three": 3.0})
    unknown = model("d/four")
    policy: dict[str, Any] = {"policy": Policy.SAME_OR_SMALLER_COST, "allow_fallback": True}
    assert route("a/one", A, B, C, unknown, HERE, house=house, **policy) == ["a/one", "b/two", "here"]
    assert route("d/four", A, unknown, HERE, house=house, **policy) == ["d/four", "here"]


def test_nothing_leaves_the_machine() -> None:
    """A named API is refused with the name of who could answer here; where others may, they are asked in its place."""
    with pytest.raises(LocalOnly, match="here could answer here") as refused:
        route("a/one", A, HERE, local_only=True)
    assert refused.value.suggestion == "here"
    assert route("a/one", A, B, HERE, local_only=True, allow_fallback=True) == ["here"]
    assert route("a/one", A, HERE, local_only=True, models=("here",)) == ["here"]
    assert route("auto", model("far", roles=frozenset({Role.BRAIN})), HERE, local_only=True) == ["here"]
    assert route("here", A, HERE, local_only=True) == ["here"]


@pytest.mark.parametrize("wish", [{}, {"allow_fallback": True}, {"models": ("b/two",)}])
def test_nothing_leaves_the_machine_although_nobody_is_here(wish: Mapping[str, Any]) -> None:
    """An error, and a way out of it."""
    for name in ("a/one", "auto"):
        with pytest.raises(LocalOnly, match="local model"):
            route(name, A, B, local_only=True, **wish)


def test_a_model_on_the_network_is_local_and_not_here() -> None:
    """What is local by its provider's word may be the next machine: `local_only` takes the stricter word."""
    house = House(stays_here=lambda _: False)
    with pytest.raises(LocalOnly):
        route("here", HERE, local_only=True, house=house)


def test_why_the_others_were_passed_over() -> None:
    """Everybody who could not answer is named with the reason."""
    resting = model("b/two", rests="rests after 5 failures: 500")
    off = model("c/three", enabled=False)
    embeds = Standing(ModelSpec("e", "p", "e", capabilities=frozenset({Capability.EMBEDDING})), True, True, True)
    world = (A, resting, off, embeds, HERE)
    assert passed_over(A.spec, world, Terms(CHAT)) == [
        ("b/two", "it rests after 5 failures: 500"),
        ("c/three", "it is switched off"),
        ("e", "it cannot do chat"),
    ]
    assert [s.spec.id for s, _ in alternatives(A.spec, world, Terms(CHAT))] == ["here"]


def test_a_request_that_wishes_nothing_costs_no_look_at_anybody() -> None:
    """Neither the world nor the body is looked at for a model by its name."""

    def never() -> Any:
        raise AssertionError("asked")

    assert plan("a/one", {"a/one": A.spec}, never, needs=CHAT, asks=never).candidates[0].model_id == "a/one"
