"""The files and the socket by which processes know of each other, broken in every way that is cheap to try."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from batuta.loader import control, status_file
from batuta.loader.client import LoaderClient
from tests.acceptance.loader_play import Stage, stage
from tests.support.running import Batuta

CONTENT = status_file.compose(
    [{"id": "m", "path": "/m.gguf", "state": "ready", "progress": 1.0, "memory_bytes": 5, "error": None}],
    pid=1,
    device="cpu",
    now=1e9,
)


def test_a_status_file_cut_at_any_byte_is_nothing_or_whole(tmp_path: Path) -> None:
    """A torn file is as good as none; a reader never gets half of it, and never fails."""
    path = tmp_path / status_file.NAME
    status_file.write(path, CONTENT)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert status_file.read(path) is None
    path.write_bytes(whole)
    assert status_file.read(path) == CONTENT


@pytest.mark.parametrize(
    "junk", [b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"status": 3}', b'{"status": "x"}', b"1"]
)
def test_a_status_file_of_another_form_is_nothing(tmp_path: Path, junk: bytes) -> None:
    """Whatever lies there under that name."""
    path = tmp_path / status_file.NAME
    path.write_bytes(junk)
    assert status_file.read(path) is None


@pytest.mark.acceptance
@pytest.mark.parametrize("timestamp", [4e9, -1.0, 1e308], ids=["future", "before 1970", "absurd"])
def test_a_status_file_with_another_clock_makes_nobody_believe_it(data_dir: Path, timestamp: float) -> None:
    """It says that a loader runs and holds a model; none does: the socket is the truth, and a start is not put off."""
    data_dir.mkdir(exist_ok=True)
    status_file.write(data_dir / status_file.NAME, {**CONTENT, "timestamp": timestamp})
    batuta = Batuta(data_dir)
    shown = batuta.run("status", "--json")
    assert shown.returncode == 3, shown.stdout
    assert "Traceback" not in shown.stderr
    assert "m.gguf" not in shown.stdout


def random_frames() -> list[bytes]:
    """Return forty pieces of garbage, the same each time: random bytes, mutated frames, lengths that lie."""
    dice = random.Random(11)  # repeatable, not secret
    good = control.encode({"id": 1, "op": "hello", "protocol": 1, "role": "client"})
    frames = [dice.randbytes(dice.randrange(1, 2000)) for _ in range(10)]
    for _ in range(20):
        broken = bytearray(good)
        broken[dice.randrange(len(broken))] = dice.randrange(256)
        frames.append(bytes(broken))
    frames += [struct.pack(">I", length) + b"x" * 50 for length in (0, 1, 2, 50, control.MAX_FRAME + 1, 2**32 - 1)]
    frames += [struct.pack(">I", 6) + b"[[[[[[", struct.pack(">I", 100_000) + b"[" * 100_000]
    frames += [good + struct.pack(">I", 100_000) + b'{"a":' * 20_000, good * 50]
    return frames


async def throw(path: Path, data: bytes) -> None:
    """Connect, send, leave without reading."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.setblocking(False)
        await loop.sock_connect(raw, str(path))
        try:
            await asyncio.wait_for(loop.sock_sendall(raw, data), 2)
        except (ConnectionError, TimeoutError):
            return


@pytest.mark.acceptance
async def test_the_loader_lives_through_garbage_on_its_socket(data_dir: Path) -> None:
    """Forty senders of garbage, one after the other and all at once, beside a client that is served all the time."""
    async with stage(data_dir) as play:
        path = data_dir / "run" / "loader.sock"
        for frame in random_frames():
            await throw(path, frame)
        assert await play.client.ask("ping") == {}
        async with asyncio.TaskGroup() as group:
            for frame in random_frames():
                group.create_task(throw(path, frame))
        assert await play.client.ask("ping") == {}
        assert (await play.load())["state"] == "ready"
        log = (data_dir / "loader.log").read_text()
        assert "Traceback" not in log
        assert "failed" not in log, log[-2000:]


@pytest.mark.acceptance
async def test_silent_connections_do_not_shut_the_gateway_out_for_long(data_dir: Path) -> None:
    """More than the loader admits, all silent: who is connected is served; the rest are turned away, not queued."""
    async with stage(data_dir) as play:
        path = str(data_dir / "run" / "loader.sock")
        loop = asyncio.get_running_loop()
        silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        try:
            for each in silent:
                each.setblocking(False)
                await loop.sock_connect(each, path)
            assert await play.client.ask("ping") == {}
            assert (await play.load())["state"] == "ready"
        finally:
            for each in silent:
                each.close()
        assert await asyncio.wait_for(_greeted(play), 5)


async def _greeted(play: Stage) -> bool:
    client = LoaderClient()
    await play.connect(client)
    await client.aclose()
    return True


ABSURD: tuple[dict[str, Any], ...] = (
    {"op": "load", "model": "m", "path": "x", "timeout_s": float("nan")},
    {"op": "load", "model": "m", "path": "x", "context": 10**400},
    {"op": "load", "model": "m", "path": "\0"},
    {"op": "load", "model": "m", "path": "/dev/zero"},
    {"op": "load", "model": "m", "path": "/dev/stdin"},
    {"op": "load", "model": ["m"], "path": "x"},
    {"op": "load", "model": "m" * 100_000, "path": "x" * 100_000},
    {"op": "load", "model": "m", "path": "x", "projector": 7, "embedding": 3},
    {"op": "unload", "model": {"a": 1}},
    {"op": "inspect", "path": ["a"]},
    {"op": "inspect", "path": "\ud800"},
    {"op": {"a": 1}},
    {"op": None},
    {},
)


@pytest.mark.acceptance
async def test_absurd_requests_are_answers_not_ends(data_dir: Path) -> None:
    """After hello, whatever is asked is answered with an error in words on that connection; no bug is logged."""
    async with stage(data_dir) as play:
        reader, writer = await asyncio.open_unix_connection(str(data_dir / "run" / "loader.sock"))
        writer.write(control.encode({"id": 0, "op": "hello", "protocol": control.PROTOCOL, "role": "client"}))
        assert (await control.read_message(reader) or {})["ok"]
        for number, request in enumerate(ABSURD, 1):
            writer.write(control.encode({**request, "id": number}))
            answer = await asyncio.wait_for(_answer_to(number, reader), 5)
            assert answer["ok"] is False or request.get("op") == "unload", (request, answer)
        writer.close()
        assert (await play.load())["state"] == "ready"
        assert "Traceback" not in (data_dir / "loader.log").read_text()


async def _answer_to(number: int, reader: asyncio.StreamReader) -> dict[str, Any]:
    while True:
        message = await control.read_message(reader)
        assert message is not None, f"the connection ended at request {number}"
        if message.get("id") == number:
            return message
