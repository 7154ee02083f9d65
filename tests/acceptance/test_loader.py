"""The loader as a process, with a real model: load, answer, unload, reattach, grace, one a folder."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from batuta.errors import BadRequest, LoaderDown, ModelFailed
from batuta.loader import control, status_file
from batuta.loader.client import LoaderClient
from tests.acceptance.loader_play import HELLO, Stage, is_alive, post, send, stage, until

pytestmark = pytest.mark.acceptance


async def test_a_model_is_loaded_with_progress_and_answers(data_dir: Path) -> None:
    """A load passes through its stages, reports what it took, and the model answers on loopback with its key only."""
    async with stage(data_dir) as play:
        record = await play.load()
        stages = [event["stage"] for event in play.events if event["event"] == "progress"]
        assert stages[:2] == ["starting", "reading"]
        assert stages[-1] == "warming"
        assert (record["state"], record["was_resident"], record["loads"]) == ("ready", False, 1)
        assert record["memory_bytes"] > 10_000_000
        status, answer = await post(record, "chat/completions", HELLO)
        assert status == 200
        assert answer["model"] == "small"
        text = answer["choices"][0]["message"]["content"]
        assert text.isascii()
        assert text.isprintable()
        assert answer["choices"][0]["finish_reason"] == "length"
        assert (await post(record, "chat/completions", HELLO, key="wrong"))[0] == 401


async def test_a_chat_model_also_gives_embeddings(data_dir: Path) -> None:
    """`/v1/embeddings` works beside chat, also for an input longer than one batch, and chat goes on after it."""
    async with stage(data_dir) as play:
        record = await play.load()
        status, answer = await post(record, "embeddings", {"model": "small", "input": ["a", "b" * 2000]})
        assert status == 200
        assert [len(row["embedding"]) for row in answer["data"]] == [128, 128]
        assert (await post(record, "chat/completions", HELLO))[0] == 200


async def test_twenty_callers_share_one_load(data_dir: Path) -> None:
    """Single flight: twenty loads of one model start one process; a caller that leaves does not abort it."""
    async with stage(data_dir) as play:
        callers = [asyncio.ensure_future(play.load()) for _ in range(20)]  # noqa: TID251  # one is cancelled below
        await play.event("progress")
        callers[0].cancel()
        records = await asyncio.gather(*callers[1:])
        assert {record["pid"] for record in records} == {records[0]["pid"]}
        assert {record["loads"] for record in records} == {1}
        assert (await play.load())["was_resident"]


async def test_unload_gives_the_process_back(data_dir: Path) -> None:
    """When unload returns, the model's process and its memory are gone; a second unload is fine."""
    async with stage(data_dir) as play:
        record = await play.load()
        await play.client.unload("small")
        assert not is_alive(record["pid"])
        await play.client.unload("small")
        assert (await play.client.status())["models"] == []
        assert (await play.load())["loads"] == 2
        assert not [event for event in play.events if event["event"] == "gone"]


async def test_unload_during_a_load_gives_it_up(data_dir: Path) -> None:
    """A person's cancel reaches a load under way: its waiters are told, nothing stays behind."""
    async with stage(data_dir) as play:
        async with asyncio.TaskGroup() as group:
            waiter = group.create_task(_fails(play))
            await play.event("progress")
            await play.client.unload("small")
        assert "cancelled" in waiter.result()
        assert (await play.client.status())["models"] == []


async def _fails(play: Stage) -> str:
    with pytest.raises(ModelFailed) as caught:
        await play.load()
    return caught.value.message


async def test_two_models_live_side_by_side_and_another_file_is_refused(data_dir: Path) -> None:
    """Each model has its own process; an id in memory cannot silently become another file."""
    async with stage(data_dir) as play:
        small, large = await asyncio.gather(play.load(), play.load("large", play.large()))
        assert small["pid"] != large["pid"]
        assert large["need_bytes"] > small["need_bytes"] + 20_000_000
        with pytest.raises(BadRequest, match="unload it before"):
            await play.load("small", play.large())


async def test_a_new_gateway_finds_the_models_without_a_reload(data_dir: Path) -> None:
    """The gateway goes and comes back within the grace time: same process, same port, loads still 1."""
    async with stage(data_dir, "--grace", "30", role="gateway") as play:
        before = await play.load()
        await play.client.aclose()
        state = await play.connect(role="gateway")
        [after] = state["models"]
        assert {name: after[name] for name in ("pid", "port", "key", "loads")} == {
            name: before[name] for name in ("pid", "port", "key", "loads")
        }
        assert (await play.load())["was_resident"]
        assert (await post(after, "chat/completions", HELLO))[0] == 200


async def test_after_the_grace_time_it_unloads_and_ends(data_dir: Path) -> None:
    """No gateway comes back: models are unloaded, the process ends by itself with 0 and says so in the status file."""
    async with stage(data_dir, "--grace", "0.2", role="gateway") as play:
        record = await play.load()
        await play.client.aclose()
        process = play.process
        assert process is not None
        await until(lambda: process.poll() is not None, patience=3)
        assert process.returncode == 0
        assert not is_alive(record["pid"])
        content = status_file.read(data_dir / status_file.NAME)
        assert content is not None
        assert (content["status"], content["error"]) == ("error", "the loader has stopped")


async def test_a_visitor_does_not_start_the_grace_time(data_dir: Path) -> None:
    """`batuta ps` comes and goes; a loader started by hand stays."""
    async with stage(data_dir, "--grace", "0.05") as play:
        await play.client.aclose()
        await asyncio.sleep(0.3)
        await play.connect()
        assert play.client.is_connected


async def test_the_status_file_follows(data_dir: Path) -> None:
    """Any script can read where the loader stands; the keys of models are not in it."""
    async with stage(data_dir) as play:
        record = await play.load()
        path = data_dir / status_file.NAME

        def is_ready() -> bool:
            content = status_file.read(path)
            return content is not None and [m["state"] for m in content["models"]] == ["ready"]

        await until(is_ready, patience=1)
        content = json.loads(path.read_text())
        assert (content["status"], content["device"], content["model_path"]) == ("ready", "cpu", str(play.small))
        assert record["key"] not in path.read_text()
        assert play.process is not None
        assert content["pid"] == play.process.pid


async def test_a_model_named_at_the_start_is_loaded(data_dir: Path) -> None:
    """`--model` loads one at once, without anybody asking."""
    play = Stage(data_dir)
    play.spawn("--model", str(play.small))
    try:
        await play.connect()
        assert (await play.load())["loads"] == 1
    finally:
        await play.end()


async def test_of_twenty_starts_one_wins(data_dir: Path) -> None:
    """Twenty loaders on one folder: one serves, the others end with 3 and name it."""
    play = Stage(data_dir)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(play.spawn() for _ in range(20))
        await play.connect()
        await until(lambda: sum(p.poll() is None for p in processes) == 1, patience=20)
        assert sorted(p.poll() or 0 for p in processes) == [0] + [3] * 19
        winner = next(p for p in processes if p.poll() is None)
        assert play.client.pid == winner.pid
        assert f"pid {winner.pid}" in (data_dir / "loader.log").read_text()
        play.process = winner
    finally:
        await play.end()
        for process in processes:
            process.kill()
            process.wait()


async def test_a_dead_loaders_socket_is_no_obstacle(data_dir: Path) -> None:
    """After a SIGKILL the socket and the lock file lie there; the next start simply works."""
    async with stage(data_dir) as play:
        assert play.process is not None
        play.process.kill()
        play.process.wait()
        await play.event("lost")
        assert (data_dir / "run" / "loader.sock").exists()
        play.spawn()
        await play.connect()
        await play.load()


async def test_a_deep_data_folder_gets_a_short_socket(data_dir: Path) -> None:
    """A path too long for a unix socket is no reason not to start."""
    deep = data_dir / "/".join(["a-rather-long-folder-name"] * 6)
    deep.mkdir(parents=True)
    async with stage(deep) as play:
        address = control.find(deep / "run")
        assert address is not None
        assert address.path is not None
        assert address.path.stat().st_mode & 0o777 == 0o600
        assert address.path.parent.stat().st_mode & 0o777 == 0o700
        await play.load()
    address.path.parent.rmdir()


async def test_sigterm_unloads_and_ends(data_dir: Path) -> None:
    """A polite end: children first, exit status 0, socket removed."""
    async with stage(data_dir) as play:
        record = await play.load()
        process = play.process
        assert process is not None
        send(process.pid, signal.SIGTERM)
        await until(lambda: process.poll() is not None, patience=3)
        assert process.returncode == 0
        assert not is_alive(record["pid"])
        assert control.find(data_dir / "run") is None


async def test_a_child_sees_no_key_and_cannot_dump(data_dir: Path) -> None:
    """Keys in the loader's own environment stay out of a model's process; its argv is bare; it writes no core."""
    play = Stage(data_dir)
    play.spawn(OPENAI_API_KEY="sk-test-not-a-key", HF_TOKEN="sk-test-not-a-key", CUDA_VISIBLE_DEVICES="")
    try:
        await play.connect()
        record = await play.load()
        child = Path("/proc") / str(record["pid"])
        environment = (child / "environ").read_bytes()
        assert b"not-a-key" not in environment
        assert b"CUDA_VISIBLE_DEVICES" in environment
        assert record["key"].encode() not in environment + (child / "cmdline").read_bytes()
        assert psutil.Process(record["pid"]).rlimit(psutil.RLIMIT_CORE) == (0, 0)
        handles = [str(each.readlink()) for each in (child / "fd").iterdir()]
        assert not [each for each in handles if "loader.lock" in each or "loader.sock" in each]
    finally:
        await play.end()


async def test_the_loader_never_holds_llama_cpp(data_dir: Path) -> None:
    """Native code lives in the children only: the loader itself cannot be killed by a model."""
    async with stage(data_dir) as play:
        await play.load()
        devices = await play.client.devices()
        assert devices[0]["is_usable"]
        assert play.process is not None
        maps = psutil.Process(play.process.pid).memory_maps()
        assert not [each.path for each in maps if "xllamacpp" in each.path]


async def test_inspect_checks_without_loading(data_dir: Path) -> None:
    """A file can be described without a process being started."""
    async with stage(data_dir) as play:
        info = await play.client.inspect(str(play.small))
        assert (info["arch"], info["vocabulary"]) == ("llama", 259)
        assert (await play.client.status())["models"] == []


async def test_a_client_without_a_loader_is_told(data_dir: Path) -> None:
    """Asking without a connection, and connecting to nobody, is LoaderDown."""
    client = LoaderClient()
    with pytest.raises(LoaderDown, match="not running"):
        await client.status()
    with pytest.raises(LoaderDown, match="does not answer"):
        await client.connect(control.Address(path=data_dir / "nobody.sock"))


def test_the_gateways_side_imports_no_engine() -> None:
    """Client and supervisor bring neither llama.cpp nor the loader's own program into the gateway."""
    code = "import sys, batuta.loader.client, batuta.loader.supervisor as s; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"xllamacpp", "batuta.loader.engines", "batuta.loader.host"} & set(modules)


def test_the_loader_starts_light() -> None:
    """Neither the loader nor a model's process imports the web stack, pydantic or a client library."""
    heavy = {"pydantic", "aiohttp", "fastapi", "sqlalchemy", "structlog", "typer", "numpy", "gguf"}
    for module in ("batuta.loader.__main__", "batuta.loader.engines.llamacpp"):
        code = f"import sys, {module}; print(*sys.modules)"
        out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        assert not heavy & set(out.split()), module
