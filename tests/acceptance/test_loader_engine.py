"""The contract with xllamacpp: the program of a model's process, run by itself, without a loader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf

pytestmark = pytest.mark.acceptance
PROGRAM = [sys.executable, "-m", "batuta.loader.engines.llamacpp"]
KEY = "test-not-a-key"


class Engine:
    """A running program: its process and its port."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.reports: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.reports.append(json.loads(line) if line else {"ended": True})
        return self.reports[-1]

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, path: str, *, key: str = KEY, **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(  # loopback
            f"http://127.0.0.1:{self.reports[-1]['ready']}{path}", headers={"Authorization": f"Bearer {key}", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  # loopback
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()


@contextmanager
def engine(folder: Path, **changes: Any) -> Iterator[Engine]:
    """Start the program with the parameters of a small chat model."""
    params = {
        "parent": os.getpid(), "model": str(tiny_gguf(folder / "m.gguf")), "alias": "m", "key": KEY, "context": 2048,
        "slots": 2, "gpu_layers": -1, "threads": 1, "embedding": "chat", "projector": None,
        "log": str(folder / "m.log"), **changes,
    }  # fmt: skip
    with (folder / "m.log").open("ab") as log:
        process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        play = Engine(process)
        play.say(json.dumps(params))
        yield play
    finally:
        process.kill()
        process.communicate()


def test_the_listener_is_as_it_must_be(tmp_path: Path) -> None:
    """A key is needed, slots share the context, metrics are on, the engine's own page and prompt cache are off."""
    with engine(tmp_path) as on:
        assert [on.next(), on.next()] == [{"stage": "reading", "devices": ["CPU"]}, {"stage": "warming"}]
        assert on.next()["ready"] > 0
        assert on.ask("/v1/models", key="wrong")[0] == 401
        status, _, body = on.ask("/props")
        props = json.loads(body)
        assert status == 200
        assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (2, 2048)
        assert props["model_alias"] == "m"
        assert on.ask("/metrics")[0] == 200
        assert on.ask("/slots")[0] == 200
        assert on.ask("/")[0] == 404
        _, headers, _ = on.ask("/v1/models", Origin="http://evil.example")
        assert headers.get("Access-Control-Allow-Origin") not in {"*", "http://evil.example"}
        log = (tmp_path / "m.log").read_text()
        assert "unknown" not in log.replace("b0-unknown", "")


def test_it_answers_pings_and_ends_with_its_input(tmp_path: Path) -> None:
    """A heartbeat is answered; when the parent's end of the pipe closes, the process is gone."""
    with engine(tmp_path) as on:
        while "ready" not in on.next():
            pass
        on.say("ping 7")
        assert on.next() == {"pong": 7}
        assert on.process.stdin is not None
        on.process.stdin.close()
        assert on.process.wait(2) == 0
        on.process.stdin = None


def test_it_does_not_start_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    """A parent that ended before the child could ask to be told: the child leaves before it loads anything."""
    with engine(tmp_path, parent=1 if os.getppid() != 1 else 2) as on:
        assert on.next() == {"ended": True}
        assert on.process.wait(2) == 3


def test_a_file_it_cannot_load_is_refused_in_words(tmp_path: Path) -> None:
    """The reason is reported and the exit status is 1."""
    (tmp_path / "bad.gguf").write_text("nothing")
    with engine(tmp_path, model=str(tmp_path / "bad.gguf")) as on:
        on.next()
        assert "refused" in on.next()
        assert on.process.wait(2) == 1


def test_a_large_log_is_begun_anew(tmp_path: Path) -> None:
    """The log of a model that runs for weeks does not fill the disk: one old file is kept."""
    log = tmp_path / "m.log"
    with log.open("wb") as file:
        file.truncate(5 << 20)
    with engine(tmp_path) as on:
        while "ready" not in on.next():
            pass
        on.say("ping 1")
        assert on.next() == {"pong": 1}
        on.say("ping 2")
        on.next()
        assert log.stat().st_size < 1 << 20
        assert log.with_suffix(".log.1").stat().st_size >= 5 << 20


def test_a_tiny_model_is_ready_soon(tmp_path: Path) -> None:
    """From the start of the process to ready well within 2 s on a busy machine (0.1 s on a quiet one)."""
    with engine(tmp_path) as on:
        began = psutil.Process(on.process.pid).create_time()
        while "ready" not in on.next():
            pass
        assert (tmp_path / "m.log").stat().st_mtime - began < 2


def test_devices_are_named() -> None:
    """`--devices` prints what llama.cpp computes on."""
    out = subprocess.run([*PROGRAM, "--devices"], check=True, capture_output=True).stdout
    assert "CPU" in json.loads(out)
