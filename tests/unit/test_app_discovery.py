"""Whether the composition root looks around, and where: on this machine, or nowhere at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from batuta.app import App
from batuta.catalog.finding import DOORS, Places
from batuta.engines import registry
from batuta.engines.knock import Doorman
from batuta.engines.transport import Transport
from batuta.settings import Settings


@pytest.mark.parametrize("discover", [True, False])
async def test_the_setting_decides(data_dir: Path, monkeypatch: pytest.MonkeyPatch, discover: bool) -> None:
    """With --no-discover there is no port, no folder of another program, and no key. Nothing is asked by this test."""
    monkeypatch.setenv("GROQ_API_KEY", "sk-test-not-a-key")

    def make() -> App:  # in a thread: it reads folders, templates and what packages offer
        registry.kinds()
        return App(Settings(data_dir=data_dir, discover=discover))

    app = await asyncio.to_thread(make)
    neighbours = app.catalog._neighbours
    assert (neighbours.doors == DOORS, bool(neighbours.shelves)) == (discover, discover)
    assert ("groq" in {key.id for key in app.catalog.seen_keys()}) is discover
    await app.engines.transport.aclose()


async def test_other_places_can_be_given(data_dir: Path) -> None:
    """A program that embeds Batuta says itself where to look."""
    transport = Transport()
    places = Places(Doorman(transport).knock, doors=())

    def make() -> App:
        registry.kinds()
        return App(Settings(data_dir=data_dir, discover=False), places=places)

    app = await asyncio.to_thread(make)
    assert (app.catalog._neighbours.doors, app.catalog.seen_keys()) == ((), ())
    for each in (transport, app.engines.transport):
        await each.aclose()
