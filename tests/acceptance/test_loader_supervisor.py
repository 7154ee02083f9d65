"""The gateway's side of the loader's life: start, adopt, restart after a crash or a hang, give up visibly, keep."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from batuta.clock import SystemClock
from batuta.errors import LoaderDown
from batuta.loader.supervisor import LoaderSupervisor
from batuta.observe.bus import Bus
from batuta.observe.events import LoaderChanged
from batuta.settings import LoaderSettings, Settings
from batuta.testing.gguf import tiny_gguf
from tests.acceptance.loader_play import is_alive, send, until

pytestmark = pytest.mark.acceptance


class Watched:
    """A supervisor and the facts it published."""

    def __init__(self, data: Path, **loader: Any) -> None:
        (data / "models").mkdir(exist_ok=True)
        self.model = tiny_gguf(data / "models" / "small.gguf")
        self.facts: list[LoaderChanged] = []
        bus = Bus()
        bus.listen(self.facts.append)
        settings = Settings(data_dir=data, loader=LoaderSettings(**loader))
        self.supervisor = LoaderSupervisor(settings, bus, SystemClock())

    @property
    def states(self) -> list[str]:
        return [fact.state for fact in self.facts]

    async def load(self) -> dict[str, Any]:
        return await self.supervisor.client.load(model="small", path=str(self.model))

    async def is_up_again(self, ups: int) -> None:
        await until(lambda: self.states.count("up") == ups, patience=5)


@asynccontextmanager
async def watched(data: Path, *, keep_loader: bool = False, **loader: Any) -> AsyncIterator[Watched]:
    """A started supervisor, stopped at the end."""
    play = Watched(data, **loader)
    await play.supervisor.start()
    try:
        yield play
    finally:
        await play.supervisor.stop(keep_loader=keep_loader)


async def test_it_starts_a_loader_and_takes_it_down_again(data_dir: Path) -> None:
    """No loader there: one is started, said so, and gone after stop."""
    async with watched(data_dir) as play:
        assert play.states == ["starting", "up"]
        assert not play.supervisor.adopted
        record = await play.load()
        pid = play.supervisor.client.pid
    assert pid is not None
    assert not is_alive(pid)
    assert not is_alive(record["pid"])
    assert (data_dir / "logs" / "loader.log").stat().st_mode & 0o777 == 0o600


async def test_a_kept_loader_is_adopted_with_its_models(data_dir: Path) -> None:
    """The gateway stops and leaves the loader; the next one adopts it and nothing is loaded again."""
    async with watched(data_dir, keep_loader=True) as play:
        before = await play.load()
    assert is_alive(before["pid"])
    async with watched(data_dir) as play:
        assert play.supervisor.adopted
        [record] = play.supervisor.client.state["models"]
        assert (record["pid"], record["loads"]) == (before["pid"], 1)
    assert not is_alive(before["pid"])


async def test_a_killed_loader_is_started_again(data_dir: Path) -> None:
    """SIGKILL: down is published, half a second later another one is up."""
    async with watched(data_dir) as play:
        first = play.supervisor.client.pid
        assert first is not None
        send(first, signal.SIGKILL)
        await play.is_up_again(2)
        assert play.states == ["starting", "up", "down", "starting", "up"]
        assert "0.5 s" in (play.facts[2].message or "")
        assert play.supervisor.client.pid != first
        assert (await play.load())["loads"] == 1


async def test_a_hanging_loader_is_killed_and_started_again(data_dir: Path) -> None:
    """A loader that misses three heartbeats is ended, with its models, and replaced."""
    async with watched(data_dir, heartbeat_s=0.1) as play:
        record = await play.load()
        pid = play.supervisor.client.pid
        assert pid is not None
        send(pid, signal.SIGSTOP)
        await play.is_up_again(2)
        assert any("heartbeats" in (fact.message or "") for fact in play.facts)
        assert not is_alive(pid)
        assert not is_alive(record["pid"])


async def test_a_loader_that_cannot_start_is_given_up_visibly(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five failures within a minute are fatal, with the reason; a person's retry starts over."""
    monkeypatch.setattr("batuta.loader.restart.FIRST_S", 0.001)
    (data_dir / "run").write_text("a file where the folder should be")
    async with watched(data_dir) as play:
        await until(lambda: play.supervisor.state == "fatal", patience=5)
        assert play.states.count("down") == 4
        assert "exit code 1" in (play.supervisor.message or "")
        with pytest.raises(LoaderDown):
            await play.load()
        (data_dir / "run").unlink()
        play.supervisor.retry()
        await play.is_up_again(1)


async def test_two_supervisors_share_the_one_loader(data_dir: Path) -> None:
    """Two starts at the same moment end with one loader and both connected to it."""
    first, second = Watched(data_dir), Watched(data_dir)
    await asyncio.gather(first.supervisor.start(), second.supervisor.start())
    try:
        assert first.supervisor.client.pid == second.supervisor.client.pid is not None
    finally:
        await second.supervisor.stop(keep_loader=True)
        await first.supervisor.stop(keep_loader=False)
