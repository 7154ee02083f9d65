"""The composition root and keys: what is deleted leaves memory, and a master key that does not come holds up nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from batuta.app import App, composition
from batuta.catalog.entities import Provider
from batuta.catalog.records import LOCAL, ProviderState
from batuta.engines import registry
from batuta.engines.keyed import KeyedEngine
from batuta.errors import LoaderDown
from batuta.settings import Settings
from batuta.testing.clock import ManualClock
from batuta.vault.secret import Secret

API = Provider("api", "openai_compat", base_url="https://api.example.com/v1")
KEY, OTHER = "sk-test-not-a-key-first-0123456789", "sk-test-not-a-key-second-9876543210"


@pytest.fixture
async def app(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    settings = Settings.model_validate(
        {"data_dir": data_dir, "models_dirs": (data_dir,), "discover": False, "vault": {"source": "file"}}
    )

    def make() -> App:  # in a thread: it reads folders, templates and what packages offer
        registry.kinds()
        return App(settings, clock=ManualClock())

    made = await asyncio.to_thread(make)
    monkeypatch.setattr(made.catalog, "ask_soon", lambda _: None)  # nobody is asked anything here
    return made


async def close(app: App) -> None:
    for part in (app.tasks, app.runner, app.keys, app.catalog, app.engines):
        await part.aclose()


@pytest.mark.parametrize("change", ["deleted", "replaced", "switched off"])
async def test_no_engine_keeps_a_key_that_was_taken_away(app: App, change: str) -> None:
    """Not even until somebody asks that provider again."""
    await app.catalog.start()
    await app.keys.start()
    app.catalog._providers["api"] = ProviderState(API, "person")
    added = await app.keys.add("api", Secret(KEY))
    engine = app.engines.of(API)
    assert isinstance(engine, KeyedEngine)
    await engine._engine(app.key_ring.usable(API)[0])
    assert [key.secret.reveal() for key, _ in engine._made.values()] == [KEY]
    key_id = added.row.record.id
    if change == "deleted":
        await app.keys.remove(key_id)
    else:
        changes: dict[str, Any] = {"secret": Secret(OTHER)} if change == "replaced" else {"enabled": False}
        await app.keys.edit(key_id, **changes)
    assert isinstance(app.clock, ManualClock)
    await app.clock.settle()
    assert engine._made == {}
    await close(app)


async def test_a_key_that_is_as_it_was_keeps_its_engine(app: App) -> None:
    """A test, or a change of a neighbour, is no reason to begin anew."""
    await app.catalog.start()
    await app.keys.start()
    app.catalog._providers["api"] = ProviderState(API, "person")
    await app.keys.add("api", Secret(KEY))
    other = await app.keys.add("api", Secret(OTHER))
    engine = app.engines.of(API)
    assert isinstance(engine, KeyedEngine)
    first = await engine._engine(app.key_ring.usable(API)[0])
    await app.keys.remove(other.row.record.id)
    assert isinstance(app.clock, ManualClock)
    await app.clock.settle()
    assert await engine._engine(app.key_ring.usable(API)[0]) is first
    await close(app)


async def test_local_models_do_not_wait_for_a_master_key(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that waits for a person keeps external providers waiting, and nothing else."""
    is_asked, is_open = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        is_asked.set()
        await is_open.wait()

    async def nothing(*_: object) -> None:
        pass

    async def down(*_: object) -> None:
        raise LoaderDown("there is none in this test")

    released: list[str] = []
    is_released = asyncio.Event()

    def release(provider_id: str) -> None:
        released.append(provider_id)
        is_released.set()

    monkeypatch.setattr(app.keys, "start", hang)
    monkeypatch.setattr(app.supervisor, "start", nothing)
    monkeypatch.setattr(app.supervisor.client, "devices", down)
    monkeypatch.setattr(app.runner, "observe", lambda **_: nothing())
    monkeypatch.setattr(app.runner.observer, "release", release)
    monkeypatch.setattr(composition, "process_started", lambda: 0.0)
    monkeypatch.setattr(composition, "_calm_the_collector", lambda: None)
    starting = app.tasks.start(app.start(), name="start")
    async with asyncio.timeout(10):
        await is_asked.wait()
        await is_released.wait()
    assert released == [LOCAL.id]
    assert not starting.done()
    is_open.set()
    async with asyncio.timeout(10):
        await starting
    await app.books.aclose()
    await close(app)
