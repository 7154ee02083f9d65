"""Who is brain and executor when nobody has said so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.defaults import Surroundings, default_roles
from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec, Role

GB = 10**9
AROUND = Surroundings(is_online=lambda provider: provider != "away")


def _local(name: str, size: int = 4, provider: str = "local") -> ModelSpec:
    return ModelSpec(name, provider, name, memory=MemoryNeed(size * GB), is_local=True, is_loadable=True)


def _external(name: str, provider: str = "far") -> ModelSpec:
    return ModelSpec(name, provider, name)


PAIR = (
    replace(_local("starter-brain", 0), bundled_as=Role.BRAIN),
    replace(_local("starter-coder", 0), bundled_as=Role.EXECUTOR),
)
B, E = Role.BRAIN, Role.EXECUTOR


def test_the_bundled_pair_answers_where_there_is_nothing_else() -> None:
    """On a bare machine each of the pair has the role it was made for."""
    assert default_roles(PAIR, {}, {}, AROUND) == {B: "starter-brain", E: "starter-coder"}


def test_a_better_model_takes_both_roles() -> None:
    """A model that was found answers everything: it writes better programs than the small coder, without a swap."""
    before = {B: "starter-brain", E: "starter-coder"}
    assert default_roles((*PAIR, _local("qwen3-8b")), {}, before, AROUND) == {B: "qwen3-8b", E: "qwen3-8b"}


def test_a_model_named_for_code_is_the_executor() -> None:
    """Names say what a model was made for; the largest of the others thinks."""
    specs = (_local("tiny", 1), _local("large", 9), _local("qwen2.5-coder-7b", 5))
    assert default_roles(specs, {}, {}, AROUND) == {B: "large", E: "qwen2.5-coder-7b"}


def test_an_external_model_comes_first() -> None:
    """The order of alternatives is the order of defaults: somebody added a key on purpose."""
    assert default_roles((*PAIR, _local("large"), _external("far/one")), {}, {}, AROUND)[B] == "far/one"


@pytest.mark.parametrize("state", [False, None])
def test_an_external_provider_that_has_not_answered_is_no_default(state: bool | None) -> None:
    """A key that nobody has seen working does not take over."""
    around = Surroundings(is_online=lambda provider: state if provider == "far" else True)
    assert default_roles((*PAIR, _external("far/one")), {}, {}, around)[B] == "starter-brain"


def test_a_default_does_not_wander() -> None:
    """A second local model, larger or loaded, does not take the place of the first."""
    specs = (_local("first", 3), _local("larger", 9))
    around = Surroundings(is_online=lambda _: True, loaded={"larger"})
    assert default_roles(specs, {}, {B: "first", E: "first"}, around)[B] == "first"
    assert default_roles(specs, {}, {}, around)[B] == "larger"


def test_what_is_loaded_comes_before_what_is_not() -> None:
    """Without a default yet, a model in memory is taken rather than a larger one on the disk."""
    around = Surroundings(is_online=lambda _: True, loaded={"small"})
    assert default_roles((_local("small", 1), _local("big", 9)), {}, {}, around)[B] == "small"


def test_what_cannot_fit_is_no_default() -> None:
    """A model larger than the memory there is would only fail."""
    around = replace(AROUND, budget=8 * GB)
    assert default_roles((*PAIR, _local("huge", 40)), {}, {}, around)[B] == "starter-brain"


def test_a_given_role_is_left_alone() -> None:
    """What the settings or a person said stands, whatever else comes."""
    chosen = replace(_local("mine"), roles=frozenset({E}))
    assert default_roles((*PAIR, chosen), {B: "other"}, {}, AROUND) == {}


def test_a_default_that_left_is_replaced_and_the_pair_is_the_last_resort() -> None:
    """Gone, switched off, offline or no chat model: each is passed over."""
    specs = (
        replace(_local("gone"), is_present=False),
        replace(_local("off"), enabled=False),
        _local("far-away", provider="away"),
        replace(_local("vectors"), capabilities=frozenset({Capability.EMBEDDING})),
        *PAIR,
    )
    assert default_roles(specs, {}, {B: "gone", E: "gone"}, AROUND)[B] == "starter-brain"


SPECS = st.lists(
    st.builds(
        lambda name, size, far, on: replace(_external(name) if far else _local(name, size), enabled=on),
        st.text("abcode", min_size=1, max_size=6),
        st.integers(0, 20),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda spec: spec.id,
    max_size=6,
)


@given(SPECS, st.integers(0, 20))
def test_the_choice_is_stable_and_can_answer(specs: list[ModelSpec], budget: int) -> None:
    """Asked again with its own answer, the function gives the same one; every holder is enabled and fits."""
    around = replace(AROUND, budget=budget * GB)
    first = default_roles((*PAIR, *specs), {}, {}, around)
    assert default_roles((*PAIR, *specs), {}, first, around) == first
    by_id = {spec.id: spec for spec in (*PAIR, *specs)}
    for name in first.values():
        assert by_id[name].enabled
        assert not by_id[name].is_local or not budget or by_id[name].need_bytes <= budget * GB


def test_the_cheapest_of_those_that_cost_money_is_the_default() -> None:
    """Who has not chosen is not surprised by a bill; one whose price nobody knows comes last."""
    prices = {"a-dear": 20.0, "b-cheap": 0.5, "c-unknown": None}
    around = Surroundings(is_online=lambda _: True, price_of=lambda spec: prices[spec.id])
    sizes = {"a-dear": 200_000, "b-cheap": 8_000, "c-unknown": 400_000}
    specs = [replace(_external(name), context_length=size) for name, size in sizes.items()]
    assert default_roles(specs, {}, {}, around)[B] == "b-cheap"
