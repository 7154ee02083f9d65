"""The gateway is killed, told to end, or started twice: nothing is orphaned, cut in silence or served by two."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import BATUTA, LISTENING, Batuta, installation, until

pytestmark = pytest.mark.acceptance
AT_ONCE = 10


def with_model(folder: Path) -> Path:
    """Put a tiny model into a data folder."""
    (folder / "models").mkdir(exist_ok=True)
    tiny_gguf(folder / "models" / "small.gguf")
    return folder


def family(batuta: Batuta) -> list[psutil.Process]:
    """Return the loader and the models' processes."""
    loader = psutil.Process(batuta.loader()["pid"])
    return [loader, *loader.children(recursive=True)]


def test_after_a_kill_of_the_gateway_the_loader_waits_and_then_ends(data_dir: Path) -> None:
    """SIGKILL: the models stay for the grace time and not a moment less, then loader and models are gone."""
    with installation(with_model(data_dir), "--grace", "0.7") as batuta:
        until(lambda: batuta.chat("small").status == 200, what="the first answer")
        left = family(batuta)
        assert len(left) == 2
        killed = time.monotonic()
        batuta.kill()
        until(lambda: not any(process.is_running() for process in left), within=5.0, what="they have ended")
        assert time.monotonic() - killed > 0.6
        assert not (data_dir / "run" / "loader.sock").exists()
        status = batuta.loader()
        assert (status["status"], status["models"]) == ("error", [])
        batuta.start()  # over what the killed one left behind: its record, its lock file
        until(lambda: batuta.chat("small").status == 200, what="an answer")


def test_a_gateway_killed_in_its_start_leaves_no_orphan(data_dir: Path) -> None:
    """SIGKILL at four moments of the start: a loader without a gateway ends; the next start is clean."""
    folder = with_model(data_dir)
    for step in range(4):
        with _starting(folder, "--grace", "0.2", "--brain", "small") as process:
            time.sleep(0.2 * (step + 1))
            process.kill()
    until(lambda: not _on(folder), within=10.0, what="no process is left on the folder")
    with installation(folder) as batuta:
        until(lambda: batuta.chat("small").status == 200, what="an answer")


@contextmanager
def _starting(folder: Path, *args: str, port: str = "0") -> Iterator[subprocess.Popen[str]]:
    words = [str(BATUTA), "serve", "--port", port, "--no-browser", "--no-discover", *args]
    environment = Batuta(folder).environment
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _on(folder: Path) -> list[str]:
    """Return the command lines of the processes that name the folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "batuta.loader" in words and str(folder) in words:
            found.append(" ".join(words))
    return found


def test_told_to_end_it_brings_running_answers_to_an_end(data_dir: Path) -> None:
    """SIGTERM with a stream running: nobody new gets in, the stream ends whole or in words, exit code 0."""
    with installation(with_model(data_dir)) as batuta:
        until(lambda: batuta.chat("small").status == 200, what="the first answer")
        stream = batuta.stream("small", max_tokens=600)
        lines = stream.lines()
        until(lambda: next(lines).startswith("data: {"), what="the answer has begun")
        assert batuta.process is not None
        batuta.process.send_signal(signal.SIGTERM)
        until(lambda: _is_closed(batuta), within=3.0, what="nobody new gets in")
        rest = [line for line in lines if line]
        stream.close()
        assert rest[-1] == "data: [DONE]" or '"error"' in rest[-1], rest[-3:]
        assert batuta.process.wait(timeout=30) == 0
        assert "Traceback" not in batuta.output + batuta.logs


def test_told_to_end_during_an_endless_answer_it_ends_it_in_words(data_dir: Path) -> None:
    """A stream that would take longer than the limit gets an error in the stream, not a cut; exit code 0."""
    with installation(with_model(data_dir), "--set", "loader.heartbeat_s=60") as batuta:
        until(lambda: batuta.chat("small").status == 200, what="the first answer")
        stream = batuta.stream("small", max_tokens=7900)
        lines = stream.lines()
        until(lambda: next(lines).startswith("data: {"), what="the answer has begun")
        pid = psutil.Process(batuta.loader()["pid"]).children()[0].pid
        assert batuta.process is not None
        os.kill(pid, signal.SIGSTOP)  # so that it does not get ready in time
        batuta.process.send_signal(signal.SIGTERM)
        rest = [line for line in lines if line]
        os.kill(pid, signal.SIGCONT)
        assert '"error"' in rest[-1], rest[-3:]
        stream.close()
        assert batuta.process.wait(timeout=30) == 0


def _is_closed(batuta: Batuta) -> bool:
    try:
        return batuta.ask("GET", "/health").status == 503
    except OSError:
        return True


def test_of_ten_starts_at_once_one_wins(data_dir: Path) -> None:
    """Ten gateways on one data folder: one listens, nine leave with code 1 and say why, the folder in their words."""
    folder = with_model(data_dir)
    words = [str(BATUTA), "serve", "--port", "0", "--no-browser", "--no-discover"]
    environment = Batuta(folder).environment
    outputs = [folder / f"start-{number}.log" for number in range(AT_ONCE)]
    started = []
    for path in outputs:
        with path.open("wb") as output:
            started.append(
                subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            )
    try:
        until(lambda: sum(each.poll() is None for each in started) == 1, within=40.0, what="nine have left")
        [winner] = [each for each in started if each.poll() is None]
        place = started.index(winner)
        until(lambda: LISTENING.search(outputs[place].read_text()), within=20.0, what="the one listens")
        record = json.loads((folder / "run" / "gateway.json").read_text())
        assert record["pid"] == winner.pid
        for number, each in enumerate(started):
            if each is not winner:
                text = outputs[number].read_text()
                assert each.returncode == 1, text
                assert f"already uses the data folder {folder}" in text
                assert "Traceback" not in text
        until(lambda: len(_on(folder)) == 1, what="one loader")
    finally:
        for each in started:
            each.terminate()
        for each in started:
            each.wait(timeout=30)
        Batuta(folder).run("down")


def test_a_second_gateway_on_the_port_of_the_first_names_it(data_dir: Path, tmp_path: Path) -> None:
    """Another data folder, the same port: it says who has the port, takes no other, and starts no loader."""
    with installation(data_dir) as first:
        port = first.url.rpartition(":")[2]
        with _starting(tmp_path, port=port) as second:
            text, _ = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"pid {first.pid}" in text
        assert not _on(tmp_path)
        assert first.ask("GET", "/health").status == 200


STALE: dict[str, str | dict[str, Any]] = {
    "a record of a number that another process has": {"pid": os.getpid(), "started": 1.0},
    "a record of a number nobody has": {"pid": 2**22 - 1, "started": 1.0},
    "a record from the future": {"pid": 1, "started": 4e9},
    "a torn record": '{"pid": 1, "sta',
    "a record that is none": "[]",
    "a record with a word for a number": {"pid": "one", "started": None},
}


@pytest.mark.parametrize("what", STALE)
def test_what_a_dead_gateway_left_is_no_obstacle(data_dir: Path, what: str) -> None:
    """A stale record, lock files and a dead socket: `status` and `down` see nobody, and hurt nobody."""
    run = data_dir / "run"
    run.mkdir(mode=0o700)
    left = STALE[what]
    record = left if isinstance(left, str) else json.dumps({**left, "url": "http://127.0.0.1:9", "token": "x"})
    (run / "gateway.json").write_text(record)
    (run / "gateway.lock").touch()
    (run / "loader.lock").write_text(json.dumps({"pid": os.getpid()}))
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(run / "loader.sock"))
    batuta = Batuta(data_dir)
    if what != "a record from the future":  # it cannot be told from a live one: process 1 is older than its word
        assert batuta.run("status").returncode == 3
        assert "Nothing runs" in batuta.run("down").stdout


def test_a_gateway_starts_over_what_a_dead_one_left(data_dir: Path) -> None:
    """The same, and a new gateway takes the folder over."""
    run = data_dir / "run"
    run.mkdir(mode=0o700)
    (run / "gateway.json").write_text(json.dumps({"pid": os.getpid(), "started": 1, "url": "http://x", "token": "x"}))
    (run / "loader.lock").write_text(json.dumps({"pid": os.getpid()}))
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(run / "loader.sock"))
    with installation(with_model(data_dir)) as batuta:
        until(lambda: batuta.chat("small").status == 200, what="the first answer")
        assert json.loads((run / "gateway.json").read_text())["pid"] == batuta.pid
        assert batuta.loader()["pid"] != os.getpid()
