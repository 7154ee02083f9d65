"""Which model comes back when nobody wants anything: `swap.return_to`."""

from __future__ import annotations

import pytest

from batuta.catalog.entities import ModelSpec, Role
from batuta.catalog.returning import return_model, return_problem


def spec(model_id: str, *roles: Role, loadable: bool = True, present: bool = True, enabled: bool = True) -> ModelSpec:
    return ModelSpec(
        model_id,
        "local",
        f"/m/{model_id}.gguf",
        roles=frozenset(roles),
        is_loadable=loadable,
        is_present=present,
        enabled=enabled,
    )


def among(*specs: ModelSpec) -> dict[str, ModelSpec]:
    return {each.id: each for each in specs}


@pytest.mark.parametrize(
    ("wanted", "returns"),
    [("default", "qwen"), ("off", None), ("coder", "coder"), ("coder.gguf", "coder"), ("gone", None), ("nobody", None)],
)
def test_the_setting_says_who_comes_back(wanted: str, returns: str | None) -> None:
    """The brain, nobody, or the model of that name, if it is here."""
    specs = among(spec("coder", Role.EXECUTOR), spec("qwen", Role.BRAIN), spec("gone", present=False))
    assert return_model(wanted, specs) == returns


def test_a_brain_behind_an_api_has_nothing_to_come_back_to() -> None:
    """It takes no memory here; whoever was there last stays."""
    assert return_model("default", among(spec("claude", Role.BRAIN, loadable=False), spec("coder"))) is None


def test_one_that_is_switched_off_stays_away() -> None:
    """It is no mistake either: it may be switched on again."""
    specs = among(spec("qwen", enabled=False))
    assert return_model("qwen", specs) is None
    assert return_problem("qwen", specs) is None


@pytest.mark.parametrize("wanted", ["default", "off", "coder"])
def test_nothing_is_wrong_with_these(wanted: str) -> None:
    """A model that is here, and the two words."""
    assert return_problem(wanted, among(spec("coder"))) is None


def test_an_unknown_model_is_told_with_the_nearest() -> None:
    """Nobody would notice otherwise: the wrong model would simply never come back."""
    problem = return_problem("codr", among(spec("coder"), spec("claude", loadable=False)))
    assert problem is not None
    assert problem.subject == "swap.return_to"
    assert "'codr'" in problem.reason
    assert "did you mean coder?" in problem.reason
    far = return_problem("zzz", among(spec("coder")))
    assert far is not None
    assert "`default` is the brain" in far.reason


def test_a_model_of_another_machine_cannot_come_back() -> None:
    """It is named, and told why."""
    problem = return_problem("claude", among(spec("claude", loadable=False)))
    assert problem is not None
    assert "not loaded here" in problem.reason
