"""The loader as the owner of a person's own server: started, healthy, followed, stopped, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from batuta.errors import BadRequest, BatutaError, Cause
from tests.acceptance.loader_play import Stage, is_alive, post, send, stage, until

pytestmark = pytest.mark.acceptance
SERVER = str(Path(__file__).parents[1] / "support" / "openai_server.py")


def command(*options: str, **more: Any) -> dict[str, Any]:
    """Return a command that runs the tests' server."""
    return {"argv": [sys.executable, SERVER, "--port", "${PORT}", *options], "fingerprint": "1", **more}


async def run(play: Stage, *options: str, timeout_s: float = 20.0, **more: Any) -> dict[str, Any]:
    """Load a command."""
    words = command(*options, **more)
    return await play.client.load(model="own", path=words["argv"][0], command=words, timeout_s=timeout_s)


async def refused(play: Stage, *options: str, **more: Any) -> BatutaError:
    """Load a command that cannot be; return why."""
    with pytest.raises(BatutaError) as caught:
        await run(play, *options, **more)
    return caught.value


def server_of(record: dict[str, Any]) -> psutil.Process:
    """Return the server's process, below its keeper."""
    [process] = psutil.Process(record["pid"]).children()
    return process


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_command_is_started_answers_and_is_stopped(data_dir: Path) -> None:
    """Ready when its health says so, with honest progress; unloaded means that process and port are gone."""
    async with stage(data_dir) as play:
        record = await run(play, "--ready-after", "0.3", "--bytes", "30000000")
        assert (record["state"], record["kind"], record["was_resident"]) == ("ready", "command", False)
        assert record["seconds"] >= 0.3
        assert record["memory_bytes"] > 30_000_000
        told = [(event["stage"], event["fraction"]) for event in play.events if event["event"] == "progress"]
        assert told[0] == ("starting", None)
        assert ("reading", None) in told
        status, answer = await post(record, "chat/completions", {"model": "m", "messages": [{"content": "hi"}]})
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "m: one two three")
        server = server_of(record)
        assert server.cwd() == str(Path.cwd())
        await play.client.unload("own")
        assert not is_alive(server.pid)
        assert not is_alive(record["pid"])
        assert not is_open(record["port"])
        assert (await play.client.status())["models"] == []


async def test_a_crash_is_told_at_once_with_the_last_words(data_dir: Path) -> None:
    """The server dies: `gone` within moments, and what it said last is in the reason; another load starts it anew."""
    async with stage(data_dir) as play:
        record = await run(play, "--say", "the cable is loose")
        send(server_of(record).pid, signal.SIGKILL)
        gone, seconds = await play.event("gone", patience=2)
        assert seconds < 1
        assert gone["kind"] == "command"
        assert "SIGKILL" in gone["reason"]
        assert "the cable is loose" in gone["reason"]
        assert (await run(play))["loads"] == 2


@pytest.mark.parametrize(
    ("options", "more", "cause", "said"),
    [
        (["--exit", "3", "--say", "no such quantisation"], {}, Cause.CRASH, "exit code 3.*no such quantisation"),
        (["--exit", "1", "--say", "CUDA error: out of memory"], {}, Cause.OUT_OF_MEMORY, "not enough memory"),
        (["--exit", "0"], {}, Cause.CRASH, "starts a server elsewhere, give the command that stops it"),
        ([], {"argv": ["no-such-program-here"]}, Cause.NOT_INSTALLED, "in no folder of PATH"),
        ([], {"argv": ["/no/such/program"]}, Cause.NOT_INSTALLED, "there is no such file"),
        ([], {"argv": [SERVER]}, Cause.NOT_INSTALLED, "may not be executed"),
        ([], {"cwd": "/no/such/folder"}, Cause.NOT_INSTALLED, "its working folder /no/such/folder is not there"),
        (["--health", "/up"], {"timeout_s": 1.5}, Cause.TIMEOUT, "GET /health on port .* answers 404; set `health`"),
        ([], {"argv": ["sleep", "60"], "timeout_s": 0.5}, Cause.TIMEOUT, "does its command tell it that port"),
    ],
)
async def test_what_cannot_be_started_says_why(
    data_dir: Path, options: list[str], more: dict[str, Any], cause: Cause, said: str
) -> None:
    """Program, folder, early end, silence: each a cause and words to act on, and nothing stays behind."""
    async with stage(data_dir) as play:
        error = await refused(play, *options, **more)
        assert error.cause is cause
        assert error.model == "own"
        assert re.search(said, error.message), error.message
        assert play.process is not None
        assert psutil.Process(play.process.pid).children(recursive=True) == []


async def test_a_port_that_another_program_has_is_not_taken_for_the_server(data_dir: Path) -> None:
    """The health of a stranger on the port would say 200: the command is not even started."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        async with stage(data_dir) as play:
            error = await refused(play, port=port)
            assert f"another program listens on its port {port}" in error.message
            assert error.cause is Cause.ENGINE_OFFLINE


async def test_one_that_does_not_mind_is_killed_with_all_it_started(data_dir: Path) -> None:
    """SIGTERM, then SIGKILL after the stop's time; a child in a session of its own goes too."""
    child = data_dir / "child"
    async with stage(data_dir) as play:
        record = await run(play, "--deaf", "--child", str(child), stop_timeout_s=0.3)
        server = next(p for p in psutil.Process(record["pid"]).children() if SERVER in p.cmdline())
        below = int(child.read_text())
        assert is_alive(below)
        await play.client.unload("own")
        assert not is_alive(server.pid)
        assert not is_alive(below)


async def test_a_server_that_runs_elsewhere_is_served_by_its_stop_command(data_dir: Path) -> None:
    """Its command ends with 0 and the server lives on: it is loaded while it answers, and `stop` ends it."""
    pid = data_dir / "pid"
    stop = ["sh", "-c", f"kill -9 $(cat {pid}) && echo stopped ${{PID}} on ${{PORT}} > {data_dir}/told"]
    async with stage(data_dir, "--heartbeat", "0.1") as play:
        record = await run(play, "--detach", str(pid), stop=stop)
        elsewhere = int(pid.read_text())
        assert is_alive(elsewhere)
        await asyncio.sleep(0.3)
        assert (await play.client.status())["models"][0]["state"] == "ready"
        await play.client.unload("own")
        assert not is_alive(elsewhere)
        assert (data_dir / "told").read_text().split()[2:] == ["on", str(record["port"])]
        await run(play, "--detach", str(pid), stop=stop)
        send(int(pid.read_text()), signal.SIGKILL)
        gone, _ = await play.event("gone", patience=3)
        assert "did not answer 3 times in a row" in gone["reason"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_server_dies_with_its_loader(data_dir: Path, number: signal.Signals) -> None:
    """However the loader ends, the server and what it started end too, and its own stop command is run."""
    child, told = data_dir / "child", data_dir / "told"
    async with stage(data_dir) as play:
        record = await run(play, "--child", str(child), stop=["sh", "-c", f"touch {told}; kill ${{PID}}"])
        server = next(p.pid for p in psutil.Process(record["pid"]).children() if SERVER in p.cmdline())
        assert play.process is not None
        send(play.process.pid, number)
        await until(lambda: not is_alive(server) and not is_alive(int(child.read_text())), patience=5)
        await until(lambda: not is_alive(record["pid"]), patience=3)
        assert told.exists()


async def test_the_server_dies_with_its_keeper(data_dir: Path) -> None:
    """Somebody kills the keeper: the server goes with it, and the loader says that the model is gone."""
    async with stage(data_dir) as play:
        record = await run(play)
        server = server_of(record).pid
        send(record["pid"], signal.SIGKILL)
        await play.event("gone", patience=2)
        await until(lambda: not is_alive(server), patience=2)


async def test_it_sees_what_it_is_given_and_no_more(data_dir: Path) -> None:
    """Its own variables with macros put in, harmless ones of ours, and none of our secrets; a log of its own."""
    play = Stage(data_dir)
    play.spawn(OPENAI_API_KEY="sk-test-not-a-key", BATUTA_API_KEY="sk-test-not-a-key")
    try:
        await play.connect()
        record = await run(play, "--say", "hello log", env={"AT": "http://127.0.0.1:${PORT}", "HF_TOKEN": "hf-test"})
        environment = server_of(record).environ()
        assert environment["AT"] == f"http://127.0.0.1:{record['port']}"
        assert environment["HF_TOKEN"] == "hf-test"
        assert "PATH" in environment
        assert not {name for name in environment if "API_KEY" in name}
        assert "hello log" in (data_dir / "logs" / "models" / "own.log").read_text()
        assert "hf-test" not in json.dumps(await play.client.status())
        assert not any("hf-test" in word for word in psutil.Process(record["pid"]).cmdline())
    finally:
        await play.end()


async def test_a_load_can_be_given_up_and_settings_that_changed_are_noticed(data_dir: Path) -> None:
    """Unload reaches a start under way; the same id with other words is not silently the old server."""
    async with stage(data_dir) as play:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(refused(play, "--ready-after", "60"))
            await play.event("progress")
            await play.client.unload("own")
        assert "cancelled" in waiting.result().message
        await run(play)
        assert (await run(play))["was_resident"]
        with pytest.raises(BadRequest, match="unload it before"):
            await run(play, fingerprint="2")


async def test_a_gateway_that_returns_finds_the_server_running(data_dir: Path) -> None:
    """Within the grace time nothing is restarted; after it the server is stopped with the loader."""
    async with stage(data_dir, "--grace", "0.4", role="gateway") as play:
        before = await run(play)
        await play.client.aclose()
        [after] = (await play.connect(role="gateway"))["models"]
        assert (after["pid"], after["port"], after["loads"]) == (before["pid"], before["port"], 1)
        await play.client.aclose()
        await until(lambda: not is_open(before["port"]), patience=3)


async def test_a_long_log_is_begun_anew(data_dir: Path) -> None:
    """A server that talks for days does not fill the disk."""
    noise = "import sys\nfor _ in range(3000): print('x' * 4000)\nprint('the end', flush=True)\nsys.exit(4)"
    async with stage(data_dir) as play:
        error = await refused(play, argv=[sys.executable, "-c", noise])
        assert "the end" in error.message
        files = sorted((data_dir / "logs" / "models").iterdir())
        assert [file.name for file in files] == ["own.log", "own.log.1"]
        assert sum(file.stat().st_size for file in files) < 9_000_000
