"""The composition root: what holds the services together when providers and the loader come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from batuta.app import App
from batuta.catalog.entities import Provider
from batuta.catalog.records import ProviderState
from batuta.engines import registry
from batuta.engines.base import ReportedModel
from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.states import ModelState
from batuta.observe.events import LoaderChanged
from batuta.settings import Settings
from batuta.testing.clock import ManualClock

API = Provider("api", "openai_compat", base_url="https://api.example.com/v1")


@pytest.fixture
async def app(data_dir: Path) -> App:
    settings = Settings(data_dir=data_dir, models_dirs=(data_dir,))

    def make() -> App:  # in a thread: it reads folders, templates and what packages offer
        registry.kinds()
        return App(settings, clock=ManualClock())

    return await asyncio.to_thread(make)


async def test_the_engine_of_a_provider_goes_with_it(app: App) -> None:
    """Replaced: a new engine at the new address, for the models too. Deleted: none is kept."""
    old = app.engines.of(API)
    assert app.engines.of(API) is old
    assert app.engines.take_outdated("api", API) is None
    moved = Provider("api", "openai_compat", base_url="https://other.example.com/v1")
    assert app.engines.take_outdated("api", moved) is old
    assert app.engines.of(moved) is not old
    assert app.engines.take_outdated("api", None) is not None
    assert app.engines.made == {}
    await app.engines.transport.aclose()


async def test_a_provider_that_is_back_has_its_models_forgiven(app: App) -> None:
    """What failed because its server was away is asked again at once; what failed for another reason is not."""
    await app.catalog.start()
    app.catalog._providers["api"] = ProviderState(API, "person", is_online=True)
    await app.catalog.merge("api", [ReportedModel("a"), ReportedModel("b")])
    app.catalog.note_reached("api", "refused the connection")
    app.runner.post(ev.AnswerFailed("api/a", Cause.ENGINE_OFFLINE, "refused"))
    app.runner.post(ev.AnswerFailed("api/b", Cause.AUTH, "refused the key"))
    states = app.runner.lifecycle.residencies
    assert {states["api/a"].state, states["api/b"].state} == {ModelState.FAILED}
    app.catalog.note_reached("api")
    assert (states["api/a"].state, states["api/b"].state) == (ModelState.READY, ModelState.FAILED)
    for part in (app.tasks, app.runner, app.catalog, app.engines.transport):
        await part.aclose()


async def test_the_default_model_comes_back_with_the_loader(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new loader holds nothing: the brain is asked for again. Other news of the loader ask for nothing."""
    asked: list[str] = []
    monkeypatch.setattr(app, "default_model", lambda: "brain")

    def note(model: str, *, deadline: float) -> None:
        assert deadline > 0
        asked.append(model)

    monkeypatch.setattr(app.runner, "request_load", note)
    clock = app.clock
    assert isinstance(clock, ManualClock)
    app._loader_changed(LoaderChanged("down"))
    await clock.settle()
    assert asked == []
    app._loader_changed(LoaderChanged("up"))
    await clock.settle()
    assert asked == ["brain"]
    await app.engines.transport.aclose()
