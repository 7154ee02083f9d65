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
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.states import ModelState
from batuta.observe.events import LoaderChanged
from batuta.settings import Settings
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine

API = Provider("api", "openai_compat", base_url="https://api.example.com/v1")


@pytest.fixture
async def app(data_dir: Path) -> App:
    settings = Settings(data_dir=data_dir, models_dirs=(data_dir,), discover=False)

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
    assert set(app.engines.made) == {"commands"}  # one for all of them, always there
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


async def test_models_of_other_programs_are_booked_where_those_run(app: App) -> None:
    """On the first GPU if there is one; the loader's own where llama.cpp computes."""
    app._booking._others, app.runner.lifecycle.ledgers["cuda0"] = "cuda0", MemoryLedger("cuda0", 10**9)
    app._booking.budgets["cuda0"] = 10**9
    await app.catalog.start()
    ollama = Provider("ollama", "ollama", base_url="http://127.0.0.1:1", is_local=True)
    app.catalog._providers |= {"ollama": ProviderState(ollama, "person"), "api": ProviderState(API, "person")}
    app.engines.made["ollama"] = (ollama, FakeEngine(app.clock))
    await app.catalog.merge("ollama", [ReportedModel("m")])
    await app.catalog.merge("api", [ReportedModel("m")])
    await app.catalog.merge("local", [ReportedModel("/m.gguf")])
    known = app.runner.lifecycle.residencies
    assert [known[model].spec.device for model in ("ollama/m", "m", "api/m")] == ["cuda0", "host", "host"]
    for part in (app.tasks, app.runner, app.catalog, app.engines):
        await part.aclose()
    closed = app.engines.made["ollama"][1]
    assert isinstance(closed, FakeEngine)
    assert closed.is_closed


async def test_an_engine_that_is_back_is_asked_what_it_has_and_holds(app: App) -> None:
    """What it said before it went says nothing about it now."""
    await app.catalog.start()
    await app.runner.start()
    ollama = Provider("ollama", "ollama", base_url="http://127.0.0.1:1", is_local=True)
    engine = FakeEngine(app.clock, models=[ReportedModel("m"), ReportedModel("new")])
    app.catalog._providers["ollama"] = ProviderState(ollama, "person", is_online=True)
    app.engines.made["ollama"] = (ollama, engine)
    await app.catalog.merge("ollama", [ReportedModel("m")])
    clock = app.clock
    assert isinstance(clock, ManualClock)
    engine.is_offline = True
    await clock.advance(5.0)
    assert app.catalog.is_offline("ollama")
    engine.is_offline = False
    engine.appear(app.catalog.specs()["ollama/m"])
    await clock.advance(5.0)
    assert not app.catalog.is_offline("ollama")
    assert app.runner.lifecycle.residencies["ollama/m"].state is ModelState.READY
    assert "ollama/new" in app.catalog.specs()
    for part in (app.tasks, app.runner, app.catalog, app.engines):
        await part.aclose()
