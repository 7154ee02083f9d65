"""What is done to a loader and its models, and what it survives: kills, hangs, bad files, bad frames."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from batuta.errors import BadModelFile, BadRequest, Cause, LoaderDown, ModelFailed, NoFit
from batuta.loader import control
from batuta.loader.client import LoaderClient
from batuta.testing.gguf import tiny_gguf
from tests.acceptance.loader_play import HELLO, Stage, is_alive, post, send, stage, until

pytestmark = pytest.mark.acceptance


async def test_no_child_outlives_a_killed_loader(data_dir: Path) -> None:
    """SIGKILL of the loader: every model's process is gone within 2 s, and the client knows at once."""
    async with stage(data_dir) as play:
        pids = [(await play.load())["pid"], (await play.load("large", play.large()))["pid"]]
        assert play.process is not None
        play.process.kill()
        assert await until(lambda: not any(map(is_alive, pids)), patience=2) < 2
        _, seconds = await play.event("lost")
        assert seconds < 0.5
        with pytest.raises(LoaderDown):
            await play.client.status()


async def test_no_child_outlives_a_loader_killed_during_its_load(data_dir: Path) -> None:
    """The same in the middle of a load, when the child's interpreter is locked by the native constructor."""
    async with stage(data_dir) as play, asyncio.TaskGroup() as group:
        waiter = group.create_task(_loader_goes_down(play))
        await play.event("progress")
        assert play.process is not None
        children = psutil.Process(play.process.pid).children()
        play.process.kill()
        await until(lambda: not any(is_alive(child.pid) for child in children), patience=2)
        await waiter


async def _loader_goes_down(play: Stage) -> None:
    with pytest.raises(LoaderDown):
        await play.load("large", play.large())


async def test_a_killed_child_is_told_within_half_a_second(data_dir: Path) -> None:
    """SIGKILL of a model's process costs that model only: the fact comes at once, the others answer on."""
    async with stage(data_dir) as play:
        large = await play.load("large", play.large())
        small = await play.load()
        send(small["pid"], signal.SIGKILL)
        event, seconds = await play.event("gone")
        assert seconds < 0.5
        assert event["model"] == "small"
        assert "SIGKILL" in event["reason"]
        assert (await post(large, "chat/completions", HELLO))[0] == 200
        assert (await play.load())["loads"] == 2


async def test_a_child_killed_during_its_load_is_a_crash(data_dir: Path) -> None:
    """A process that dies before it is ready fails the load with the cause, and the next try works."""
    async with stage(data_dir) as play:
        async with asyncio.TaskGroup() as group:
            waiter = group.create_task(_crashes(play))
            await play.event("progress")
            assert play.process is not None
            [child] = psutil.Process(play.process.pid).children()
            child.kill()
        assert waiter.result() is Cause.CRASH
        assert (await play.load())["state"] == "ready"


async def _crashes(play: Stage) -> Cause | None:
    with pytest.raises(ModelFailed) as caught:
        await play.load()
    return caught.value.cause


async def test_a_hanging_child_is_noticed_and_ended(data_dir: Path) -> None:
    """A stopped process misses its heartbeats: it is killed, the model is gone, the loader lives."""
    async with stage(data_dir, "--heartbeat", "0.1") as play:
        record = await play.load()
        send(record["pid"], signal.SIGSTOP)
        event, seconds = await play.event("gone")
        assert 0.2 < seconds < 1.5
        assert "heartbeats" in event["reason"]
        assert not is_alive(record["pid"])


async def test_a_hanging_child_is_unloaded_all_the_same(data_dir: Path) -> None:
    """Unload asks politely and then does not: a stopped process is gone after a few seconds."""
    async with stage(data_dir) as play:
        record = await play.load()
        send(record["pid"], signal.SIGSTOP)
        await play.client.unload("small")
        assert not is_alive(record["pid"])


async def test_a_load_past_its_time_is_given_up(data_dir: Path) -> None:
    """A load that does not end in its time fails with TIMEOUT and leaves no process."""
    async with stage(data_dir) as play:
        with pytest.raises(ModelFailed) as caught:
            await play.load(timeout_s=0.001)
        assert caught.value.cause is Cause.TIMEOUT
        assert play.process is not None
        await until(lambda: not psutil.Process(play.process.pid if play.process else 0).children(), patience=2)


async def test_a_model_that_cannot_fit_is_refused_with_figures(data_dir: Path) -> None:
    """More context than there is memory for: refused before anything is started, with need and free bytes."""
    async with stage(data_dir) as play:
        vast = tiny_gguf(play.models / "vast.gguf", context=2**31 - 1)
        with pytest.raises(NoFit) as caught:
            await play.load("vast", vast, context=2**31 - 1)
        assert caught.value.cause is Cause.OUT_OF_MEMORY
        assert caught.value.details["need_bytes"] > 500_000_000_000


async def test_bad_files_are_typed_errors_and_the_loader_lives(data_dir: Path) -> None:
    """Missing, empty, truncated, no GGUF, outside, linked out, a folder: each with path and cause, then a good load."""
    async with stage(data_dir) as play:
        content = play.small.read_bytes()
        outside = data_dir / "outside.gguf"
        outside.write_bytes(content)
        bad = {
            "missing": Cause.NOT_INSTALLED,
            "zero": Cause.CORRUPT_FILE,
            "short-header": Cause.CORRUPT_FILE,
            "short-tensors": Cause.CORRUPT_FILE,
            "text": Cause.CORRUPT_FILE,
            "folder": Cause.UNREADABLE_FILE,
            "link": Cause.FORBIDDEN_PATH,
        }
        (play.models / "zero.gguf").touch()
        (play.models / "short-header.gguf").write_bytes(content[:3000])
        (play.models / "short-tensors.gguf").write_bytes(content[:-1000])
        (play.models / "text.gguf").write_text("no model at all " * 20)
        (play.models / "folder.gguf").mkdir()
        (play.models / "link.gguf").symlink_to(outside)
        for name, cause in bad.items():
            path = play.models / f"{name}.gguf"
            with pytest.raises(BadModelFile) as caught:
                await play.load(name, path)
            assert (caught.value.cause, caught.value.model) == (cause, name), name
            assert str(path) in caught.value.message
        with pytest.raises(BadModelFile, match="outside the model folders"):
            await play.load("o", outside)
        assert (await play.load())["state"] == "ready"


async def test_a_file_that_only_llama_cpp_can_refuse_is_explained(data_dir: Path) -> None:
    """A sound header of an architecture nobody knows passes our check; llama.cpp's own words reach the person."""
    async with stage(data_dir) as play:
        strange = play.models / "strange.gguf"
        strange.write_bytes(play.small.read_bytes().replace(b"llama", b"lxama"))
        with pytest.raises(BadModelFile) as caught:
            await play.load("strange", strange)
        assert caught.value.cause is Cause.CORRUPT_FILE
        assert "architecture" in caught.value.message
        assert caught.value.details["log"]
        assert (data_dir / "logs" / "models" / "strange.log").exists()


async def test_names_cannot_reach_the_shell_or_leave_the_log_folder(data_dir: Path) -> None:
    """An id with slashes, dashes, quotes and newlines is only ever a name."""
    async with stage(data_dir) as play:
        name = "--../../etc/x; rm -rf\n'\"$(id)"
        record = await play.load(name)
        assert (await post(record, "chat/completions", {**HELLO, "model": name}))[1]["model"] == name
        logs = list((data_dir / "logs" / "models").iterdir())
        assert len(logs) == 1
        assert logs[0].parent == data_dir / "logs" / "models"


FRAMES = {
    "garbage": b"\x00\x00\x00\x05hello",
    "huge": struct.pack(">I", 2**31),
    "not an object": control.HEAD * b"\0" + b"[]",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no hello": control.encode({"id": 1, "op": "shutdown"}),
    "wrong role": control.encode({"id": 1, "op": "hello", "protocol": 1, "role": "root"}),
    "half": b"\x00\x00",
}


@pytest.mark.parametrize("name", FRAMES)
async def test_a_bad_frame_costs_its_sender_only(data_dir: Path, name: str) -> None:
    """Whatever is thrown at the socket closes that connection; the loader goes on."""
    async with stage(data_dir) as play:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(raw, str(data_dir / "run" / "loader.sock"))
            await loop.sock_sendall(raw, FRAMES[name])
            if name == "half":
                raw.shutdown(socket.SHUT_WR)
            assert await asyncio.wait_for(loop.sock_recv(raw, 100), 2) == b""
        assert (await play.client.status())["pid"]


async def test_another_protocol_is_told_not_guessed(data_dir: Path) -> None:
    """A client of another version gets words, not silence."""
    async with stage(data_dir):
        client = LoaderClient()
        address = control.find(data_dir / "run")
        assert address is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(control, "PROTOCOL", 99)
            with pytest.raises(BadRequest, match="different versions"):
                await client.connect(address)


async def test_an_unknown_operation_is_an_answer(data_dir: Path) -> None:
    """A request that makes no sense is answered, and the connection lives."""
    async with stage(data_dir) as play:
        with pytest.raises(BadRequest, match="no operation"):
            await play.client.ask("format")
        with pytest.raises(BadRequest, match="names a path"):
            await play.client.ask("load", model="m")
        assert await play.client.ask("ping") == {}


async def test_the_socket_is_for_this_user_only(data_dir: Path) -> None:
    """0600 in a 0700 folder; and a peer of another user is turned away whatever the modes say."""
    async with stage(data_dir) as play:
        assert (data_dir / "run").stat().st_mode & 0o777 == 0o700
        path = data_dir / "run" / "loader.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        if os.getuid() == 0:
            # Open every door, then come as somebody else: the peer's credentials still decide.
            path.chmod(0o666)
            for folder in (data_dir / "run", data_dir):
                folder.chmod(0o755)
            assert await _come_as_nobody(path) == b""
        assert (await play.client.status())["pid"]


async def _come_as_nobody(path: Path) -> bytes:
    code = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.settimeout(3); "
        "s.connect(sys.argv[1]); s.sendall(bytes.fromhex(sys.argv[2])); sys.stdout.buffer.write(s.recv(100))"
    )
    hello = control.encode({"op": "hello", "id": 0, "protocol": control.PROTOCOL, "role": "client"})
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/env", "python3", "-c", code, str(path), hello.hex(), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out


async def test_a_sweep_of_kills_leaves_nothing_behind(data_dir: Path) -> None:
    """Killed at any moment of its load or after, a model ends failed or gone, never between; the next load works."""
    async with stage(data_dir) as play:
        assert play.process is not None
        loader = psutil.Process(play.process.pid)
        for step in range(10):
            play.events.clear()
            async with asyncio.TaskGroup() as group:
                group.create_task(_loads_or_crashes(play))
                await play.event("progress")
                await asyncio.sleep(step * 0.012)
                for child in loader.children():
                    child.kill()
            await until(_nothing_is_there(play), patience=2)
            assert loader.children() == []
        assert (await play.load())["state"] == "ready"


async def _loads_or_crashes(play: Stage) -> None:
    with contextlib.suppress(ModelFailed):
        await play.load()


def _nothing_is_there(play: Stage) -> Callable[[], bool]:
    def is_so() -> bool:
        states = [event["model"]["state"] for event in play.events if event["event"] == "state"]
        return bool(states) and states[-1] in {"failed", "absent"}

    return is_so
