"""The spare process of a real loader: used by a load, no trouble when it dies, and never left behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from batuta.errors import BadModelFile
from batuta.loader import spare
from tests.acceptance.loader_play import HELLO, Stage, is_alive, post, send, stage, until

pytestmark = pytest.mark.acceptance
SOON_S = 10.0  # on a busy machine; on a quiet one it waits after 1.2 s


async def spare_pid(play: Stage, *, other_than: int = 0) -> int:
    """Wait until a spare process waits, with its library imported; return its id."""
    pid = 0
    for _ in range(round(SOON_S / 0.05)):
        pid = (await play.client.status())["spare"]["pid"]
        if pid not in {0, other_than} and is_ready(pid):
            return int(pid)
        await asyncio.sleep(0.05)
    raise AssertionError(f"no spare process waits: {(play.data / 'logs' / spare.LOG).read_text()}")


def is_ready(pid: int) -> bool:
    """Whether the library is in its memory."""
    try:
        return any("xllamacpp" in part.path for part in psutil.Process(pid).memory_maps())
    except psutil.Error:
        return False


@asynccontextmanager
async def with_spare(data: Path) -> AsyncIterator[tuple[Stage, int]]:
    """A loader with a spare process that waits, and its id."""
    async with stage(data, "--spare") as play:
        yield play, await spare_pid(play)


async def test_a_load_takes_it_and_the_next_one_waits_soon(data_dir: Path) -> None:
    """The model's process is the one that waited; it writes to the model's own log; another waits a moment later."""
    async with with_spare(data_dir) as (play, pid):
        record = await play.load(threads=1)
        assert record["pid"] == pid
        assert (await post(record, "chat/completions", HELLO))[0] == 200
        assert (await post(record, "chat/completions", HELLO, key="wrong"))[0] == 401
        assert (data_dir / "logs" / "models" / "small.log").stat().st_size > 0
        following = await spare_pid(play, other_than=pid)
        assert (await play.load("large", play.large()))["pid"] == following
        assert (await play.client.status())["spare"]["memory_bytes"] < 100_000_000


async def test_it_is_told_nothing_before_it_is_used(data_dir: Path) -> None:
    """Neither its arguments nor its environment nor its log name a model; the log is for this user's eyes."""
    async with with_spare(data_dir) as (_play, pid):
        waiting = psutil.Process(pid)
        assert waiting.cmdline()[1:] == ["-m", "batuta.loader.engines.llamacpp"]
        assert not [name for name in waiting.environ() if "KEY" in name or "TOKEN" in name]
        assert (data_dir / "logs" / spare.LOG).stat().st_mode & 0o777 == 0o600
        assert not (data_dir / "logs" / "models").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_one_that_is_dead_or_hangs_is_no_trouble(data_dir: Path, number: signal.Signals) -> None:
    """A load that finds it dead or mute starts its own process; nothing of the other is left, and a new one waits."""
    async with with_spare(data_dir) as (play, pid):
        send(pid, number)
        record = await play.load(threads=1)
        assert record["pid"] != pid
        assert (await post(record, "chat/completions", HELLO))[0] == 200
        await until(lambda: not is_alive(pid), patience=2)
        await spare_pid(play, other_than=pid)


async def test_one_that_dies_while_it_waits_is_replaced(data_dir: Path) -> None:
    """Half a second of back-off, a moment of quiet, and another waits."""
    async with with_spare(data_dir) as (play, pid):
        send(pid, signal.SIGKILL)
        assert await spare_pid(play, other_than=pid) != pid


async def test_it_does_not_outlive_a_loader_that_ends(data_dir: Path) -> None:
    """Shut down, it is gone with the models."""
    async with with_spare(data_dir) as (play, pid):
        await play.end()
        assert not is_alive(pid)


async def test_it_does_not_outlive_a_loader_that_is_killed(data_dir: Path) -> None:
    """SIGKILL of the loader: the waiting process and the one it became before are gone within 2 s."""
    async with with_spare(data_dir) as (play, pid):
        await play.load()
        pids = [pid, await spare_pid(play, other_than=pid)]
        assert play.process is not None
        play.process.kill()
        await until(lambda: not any(map(is_alive, pids)), patience=2)


async def test_a_killed_model_from_a_spare_is_told_as_any_other(data_dir: Path) -> None:
    """Once used, it is a model's process: its death is that model's, with the reason."""
    async with with_spare(data_dir) as (play, pid):
        await play.load()
        send(pid, signal.SIGKILL)
        event, _ = await play.event("gone")
        assert event["model"] == "small"
        assert "SIGKILL" in event["reason"]


async def test_a_bad_file_given_to_it_is_explained_from_its_own_log(data_dir: Path) -> None:
    """llama.cpp's words reach the person although the process began with another log."""
    async with with_spare(data_dir) as (play, _pid):
        strange = play.models / "strange.gguf"
        strange.write_bytes(play.small.read_bytes().replace(b"llama", b"lxama"))
        with pytest.raises(BadModelFile, match="architecture"):
            await play.load("strange", strange)


async def test_without_the_option_none_is_kept(data_dir: Path) -> None:
    """`loader.spare = false`: the loader has no process that nobody asked for."""
    async with stage(data_dir) as play:
        await asyncio.sleep(0.05)
        assert (await play.client.status())["spare"] == {"pid": 0, "memory_bytes": 0}
        assert play.process is not None
        assert psutil.Process(play.process.pid).children() == []
