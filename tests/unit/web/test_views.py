"""What the API says of a model, from what the catalog and the lifecycle know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batuta.catalog.entities import MemoryNeed, ModelSpec, Provider, Role
from batuta.catalog.records import LOCAL, Learned, ProviderState
from batuta.errors import Cause
from batuta.lifecycle.residency import LoadPlan, ResidencyView
from batuta.lifecycle.states import ModelState
from batuta.web.views import View, compose, fits_text
from tests.unit.web.test_health import standing

SPEC = ModelSpec(
    "big", "local", "/m/big.gguf", name="Big", memory=MemoryNeed(100), is_local=True, is_loadable=True,
    roles=frozenset({Role.EXECUTOR, Role.BRAIN}),
)  # fmt: skip
PLAN = LoadPlan("big", "now", (), 150, 1000, 2000, None, "1 kB are free")


def view_of(
    spec: ModelSpec = SPEC,
    residency: ResidencyView | None = None,
    *,
    provider: ProviderState | None = None,
    learned: Learned | None = None,
) -> View:
    return compose(spec, residency, PLAN if residency else None, provider=provider, learned=learned or Learned())


def test_times_are_those_of_the_lifecycle() -> None:
    """Unix seconds go out as they come in, to the millisecond."""
    view = view_of(
        residency=replace(standing(ModelState.FAILED), last_used=10.12345, retry_at=40.0, cause=Cause.TIMEOUT)
    )
    assert (view["last_used"], view["retry_at"]) == (10.123, 40.0)


def test_seconds_are_shown_only_while_something_is_under_way() -> None:
    """A model that has been ready for hours has no elapsed time of a load."""
    loading = replace(standing(ModelState.LOADING, 0.4), stage="reading", elapsed_s=3.0, remaining_s=4.567)
    assert (view_of(residency=loading)["elapsed_s"], view_of(residency=loading)["remaining_s"]) == (3.0, 4.57)
    assert view_of(residency=replace(loading, state=ModelState.READY, stage=None))["elapsed_s"] is None


@pytest.mark.parametrize("state", ModelState)
def test_flags_agree_with_the_state(state: ModelState) -> None:
    """Loaded, loading and active are never contradicted by the state beside them."""
    view = view_of(residency=standing(state))
    assert view["state"] == state.value
    assert view["is_loaded"] == (state in {ModelState.READY, ModelState.DRAINING})
    assert view["is_loading"] == (state is ModelState.LOADING)
    assert view["is_active"] == (state not in {ModelState.FAILED, ModelState.DISABLED})


def test_what_an_earlier_run_learned_is_shown() -> None:
    """Before the first load of this run, the seconds of earlier ones."""
    assert (
        view_of(residency=standing(ModelState.ABSENT), learned=Learned(load_seconds=(1.0, 3.0)))["load_seconds"] == 2.0
    )


def test_a_model_the_lifecycle_does_not_know() -> None:
    """It is absent, with its need from the catalog and no word on whether it fits."""
    view = view_of()
    assert (view["state"], view["fits"], view["memory_bytes"]) == ("absent", None, {"needed": 100, "held": 0})


def test_an_offline_provider_is_the_reason() -> None:
    """A model behind a server that does not answer says so, in a word for scripts and a sentence for people."""
    state = ProviderState(Provider("o", "openai_compat"), "settings", is_online=False, message="nobody answers")
    view = view_of(replace(SPEC, is_loadable=False), replace(standing(ModelState.READY), message=""), provider=state)
    assert (view["cause"], view["error"]) == ("engine_offline", "nobody answers")
    assert (view["state"], view["is_loaded"], view["is_active"]) == ("offline", False, False)
    fine = view_of(residency=replace(standing(ModelState.READY), message=""), provider=ProviderState(LOCAL, "builtin"))
    assert (fine["cause"], fine["error"]) == (None, None)


def test_what_is_gone_is_absent_and_fits_nowhere() -> None:
    """A file or listing that is gone: absent, whatever was of it before; what is still in memory is told as it is."""
    gone = replace(SPEC, is_present=False)
    for spec, state in ((gone, ModelState.ABSENT), (replace(gone, is_loadable=False), ModelState.READY)):
        view = view_of(spec, standing(state))
        assert (view["state"], view["is_present"], view["is_loaded"], view["fits"]) == ("absent", False, False, None)
    assert view_of(gone, standing(ModelState.READY))["state"] == "ready"


def test_whom_a_model_waits_for_and_what_pins_keep_it_out() -> None:
    """Both by id."""
    waiting = replace(standing(ModelState.ABSENT), waits_for=("coder",))
    assert view_of(residency=waiting)["waits_for"] == ["coder"]
    plan = replace(PLAN, fits="after_unpinning", pinned_by=("a", "b"))
    view = compose(SPEC, waiting, plan, provider=None, learned=Learned())
    assert (view["fits"], view["pinned_by"]) == ("after unpinning a, b", ["a", "b"])


def test_what_only_a_person_can_stop_is_named() -> None:
    """Of the model itself, and of those that it keeps out."""
    assert view_of(residency=replace(standing(ModelState.READY), fixed="stop it"))["is_fixed"] is True
    plan = replace(PLAN, fits="after_stopping", held_by=("a", "b"))
    view = compose(SPEC, standing(ModelState.ABSENT), plan, provider=None, learned=Learned())
    assert (view["fits"], view["held_by"], view["is_fixed"]) == ("after stopping a, b", ["a", "b"], False)


@pytest.mark.parametrize(
    ("fits", "evict", "text"),
    [
        ("now", (), "now"),
        ("after_evicting", ("a", "b"), "after evicting a, b"),
        ("after_evicting", (), "after others leave"),
        ("never", (), "never"),
    ],
)
def test_fits_in_words(fits: str, evict: tuple[str, ...], text: str) -> None:
    """The four answers to `would it fit`."""
    assert fits_text(replace(PLAN, fits=fits, evict=evict)) == text
