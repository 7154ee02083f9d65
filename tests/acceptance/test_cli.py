"""The command line as a person and a script meet it: real processes, real exit codes, real signals."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf

pytestmark = pytest.mark.acceptance

BATUTA = [sys.executable, "-m", "batuta"]
PATIENCE_S = 60.0


class Installation:
    """A data folder of its own, with the processes that were started on it."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.models_dir = folder / "models"
        self.models_dir.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BATUTA_", "PYTEST_"))}
        self.environ = {**kept, "HOME": str(folder), "BATUTA_DATA_DIR": str(self.data_dir), "NO_PROXY": "*"}
        self.environ["BATUTA_CONFIG"] = str(folder / "config.toml")
        self.running: list[Running] = []

    def run(self, *words: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*BATUTA, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={**self.environ, **environ},
            check=False,
        )

    def start(self, *words: str) -> Running:
        """Start a command that goes on."""
        process = Running([*BATUTA, *words], self.environ)
        self.running.append(process)
        return process

    def up(self, *words: str) -> Running:
        """Start everything on a free port, with the models of this installation only."""
        flags = ["--port", "0", "--no-browser", "--no-discover", "--no-starter", "--models-dir", str(self.models_dir)]
        return self.start("up", *flags, *words)


class Running:
    """A process whose lines are read as they come."""

    def __init__(self, words: list[str], environ: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env=dict(environ),
        )
        self.seen: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line_with(self, text: str) -> str:
        """Return the next line that holds `text`; fail with all that was said when it does not come."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=deadline - time.monotonic())
            except queue.Empty:
                break
            if line is None:
                pytest.fail(f"ended with {self.process.wait()} before {text!r}; it said:\n" + "\n".join(self.seen))
            self.seen.append(line)
            if text in line:
                return line
        pytest.fail(f"no {text!r} within {PATIENCE_S:.0f} s; it said:\n" + "\n".join(self.seen))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it, whatever it does, with all it started."""
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for child in family:
                if child.is_running():
                    child.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation that leaves nothing running."""
    found = Installation(tmp_path)
    yield found
    found.run("down", "--timeout", "10")
    for process in found.running:
        process.close()


def last_json(text: str) -> Any:
    return json.loads(text)


# --- without a gateway -------------------------------------------------------------------------------------------


def test_help_comes_fast(installation: Installation) -> None:
    """The entry point imports no command, no web framework and no engine: help is there in a moment."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import batuta.cli.main"],
        capture_output=True,
        text=True,
        check=True,
        env=installation.environ,
    )
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    modules = {name.strip(): int(total) for _, total, name in rows}
    assert modules["batuta.cli.main"] < 300_000, "microseconds"
    heavy = {"pydantic", "fastapi", "uvicorn", "structlog", "rich.console", "sqlalchemy", "psutil", "aiohttp"}
    assert not heavy & set(modules)
    assert "up" in installation.run("--help").stdout


def test_the_doctor_needs_nothing(installation: Installation) -> None:
    """On an empty machine the doctor is content, leaves no trace, and shows no key."""
    tiny_gguf(installation.models_dir / "tiny.gguf")
    key = "sk-test-not-a-key"
    here = {"BATUTA_MODELS_DIR": str(installation.models_dir), "BATUTA_PORT": "0"}  # the usual port may be in use
    done = installation.run("doctor", "--json", OPENAI_API_KEY=key, **here)
    assert done.returncode == 0, done.stdout + done.stderr
    report = last_json(done.stdout)
    assert report["healthy"] is True
    assert any(item["data"].get("models") == 1 for item in report["findings"] if item["area"] == "models")
    assert key not in done.stdout + done.stderr
    assert not installation.data_dir.exists()


def test_the_doctor_finds_what_is_broken(installation: Installation) -> None:
    """A database that is none makes the exit code 1, and the report says what to do."""
    installation.data_dir.mkdir(mode=0o700)
    (installation.data_dir / "batuta.db").write_bytes(b"no database at all " * 100)
    done = installation.run("doctor")
    assert done.returncode == 1
    assert "Move" in done.stdout.partition("what to do next")[2]


def test_settings_tell_their_origin(installation: Installation) -> None:
    """File, environment and defaults are told apart."""
    Path(installation.environ["BATUTA_CONFIG"]).write_text("port = 4444\n", encoding="utf-8")
    found = last_json(installation.run("config", "show", "--origin", "--json", BATUTA_HOST="::1").stdout)
    assert found["port"] == {"value": 4444, "origin": installation.environ["BATUTA_CONFIG"]}
    assert found["host"]["origin"] == "environment variable BATUTA_HOST"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["status"], 3, "batuta up"),
        (["run", "auto", "hi"], 3, "batuta up"),
        (["up", "--memory-budget", "lots"], 2, "16GB"),
        (["up", "--set", "quue.limit=1"], 2, "did you mean queue"),
        (["models", "--url", "nowhere://x"], 2, "22888"),
        (["down"], 0, "Nothing runs"),
    ],
)
def test_errors_are_one_clear_line(installation: Installation, words: list[str], code: int, said: str) -> None:
    """What happened and what to do; the right code; never a traceback."""
    done = installation.run(*words)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_stop_no_command_but_those_that_start(installation: Installation) -> None:
    """With a typo in the file, `down` and `ps` reach what runs, the doctor names the typo, and `up` refuses."""
    up, _ = ready(installation)
    Path(installation.environ["BATUTA_CONFIG"]).write_text("prot = 9\n", encoding="utf-8")
    listed = installation.run("models", "--refresh")
    assert listed.returncode == 0, listed.stderr
    assert "tiny" in listed.stdout
    assert "did you mean port?" in listed.stderr
    examined = installation.run("doctor", BATUTA_PORT="0")
    assert examined.returncode == 1
    assert "did you mean port?" in examined.stdout
    assert installation.up().process.wait(PATIENCE_S) == 2
    assert installation.run("down").returncode == 0
    assert up.process.wait(PATIENCE_S) == 0


def test_a_default_model_that_is_not_there_is_told(installation: Installation) -> None:
    """`up` says that there is no such model and which one was probably meant, and goes on."""
    up, _ = ready(installation, "--brain", "tinny")
    assert "did you mean tiny?" in up.line_with("there is no model 'tinny'")


def test_a_file_that_is_no_model_is_refused_with_the_reason(installation: Installation) -> None:
    """`load` says why the file of that name is no model."""
    path = installation.models_dir / "trunc.gguf"
    tiny_gguf(path)
    path.write_bytes(path.read_bytes()[:-1000])
    os.utime(path, (time.time() - 60, time.time() - 60))
    ready(installation)
    done = installation.run("load", "trunc")
    assert done.returncode == 1
    assert "trunc.gguf" in done.stderr
    assert "GET /" not in done.stderr


def test_a_second_loader_names_the_first(installation: Installation) -> None:
    """It leaves with the code of a failure, not with that of a missing gateway."""
    first = installation.start("loader")
    first.line_with("listening at")
    done = installation.run("loader")
    assert done.returncode == 1
    assert str(first.process.pid) in done.stderr


def test_the_reader_may_leave(installation: Installation) -> None:
    """`batuta doctor | head -1` ends without a complaint."""
    command = f"{sys.executable} -m batuta doctor | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, env=installation.environ)
    assert done.stdout == "batuta\n"
    assert done.stderr == ""


def test_the_loader_alone(installation: Installation) -> None:
    """`batuta loader` runs in the foreground; `batuta down` ends it, and its exit code is 0."""
    loader = installation.start("loader")
    loader.line_with("listening at")
    done = installation.run("down", "--json")
    assert done.returncode == 0, done.stderr
    assert last_json(done.stdout)["loader"] == {"pid": loader.process.pid, "stopped": True, "unloaded": []}
    assert loader.process.wait(PATIENCE_S) == 0


# --- with everything running -------------------------------------------------------------------------------------


def ready(installation: Installation, *words: str) -> tuple[Running, str]:
    """Start everything with one small model; return the process and its address."""
    tiny_gguf(installation.models_dir / "tiny.gguf")
    up = installation.up(*words)
    return up, up.line_with("Batuta is listening on").rpartition(" ")[2]


def test_every_command_with_a_model(installation: Installation) -> None:
    """Start, look, load, ask, talk, unload, stop: each command does what it says."""
    up, url = ready(installation, "--set", "engine.context_length=512")  # a random model never ends by itself
    assert url.startswith("http://127.0.0.1:")
    status = last_json(installation.run("status", "--json").stdout)
    assert status["gateway"]["pid"] == up.process.pid
    assert "tiny" in installation.run("models").stdout
    loaded = installation.run("load", "tiny")
    assert (loaded.returncode, loaded.stdout[:14]) == (0, "tiny is ready "), loaded.stderr
    assert installation.run("ps").stdout.splitlines()[1].startswith("tiny")
    said = installation.run("run", "tiny", "hello", "--max-tokens", "4")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
    talked = installation.run("chat", "tiny", "--json", stdin="hello\n/clear\nagain\n")
    assert [json.loads(line)["model"] for line in talked.stdout.splitlines()] == ["tiny", "tiny"]
    assert installation.run("unload", "tiny").returncode == 0
    assert "No model" in installation.run("ps").stderr
    wrong = installation.run("load", "tinny")
    assert wrong.returncode == 1
    assert installation.run("down").returncode == 0
    assert up.process.wait(PATIENCE_S) == 0


def test_json_start_is_one_object_a_line(installation: Installation) -> None:
    """A script can follow the start, the load of the default model included."""
    tiny_gguf(installation.models_dir / "tiny.gguf")
    up = installation.up("--json", "--brain", "tiny")
    up.line_with('"listening"')
    up.line_with('"new": "ready"')
    assert all("event" in json.loads(line) for line in up.seen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_gateway_and_loader(installation: Installation, number: int) -> None:
    """Ctrl-C and SIGTERM end both processes with code 0 and leave no record."""
    up, _ = ready(installation)
    installation.run("load", "tiny")
    family = psutil.Process(up.process.pid).children(recursive=True)
    assert up.stop(number) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert installation.run("status").returncode == 3


def test_serve_leaves_the_models_warm(installation: Installation) -> None:
    """After `serve` stops, the loader keeps the model; the next gateway finds it there without a load."""
    tiny_gguf(installation.models_dir / "tiny.gguf")
    flags = ["--port", "0", "--no-discover", "--no-starter", "--models-dir", str(installation.models_dir)]
    first = installation.start("serve", *flags)
    first.line_with("Batuta is listening on")
    installation.run("load", "tiny")
    before = last_json(installation.run("ps", "--json").stdout)
    assert first.stop() == 0
    second = installation.start("serve", *flags)
    second.line_with("Batuta is listening on")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and not (after := last_json(installation.run("ps", "--json").stdout)):
        time.sleep(0.1)
    assert [item["id"] for item in after] == [item["id"] for item in before] == ["tiny"]


def test_a_taken_port_names_its_holder(installation: Installation) -> None:
    """The message names the program that holds the port; no other port is taken silently."""
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = installation.run("up", "--port", str(port), "--no-browser")
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert f"pid {os.getpid()}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_gateway_names_the_first(installation: Installation) -> None:
    """Two gateways on one data folder: the second leaves and says who is there."""
    up, url = ready(installation)
    done = installation.run("up", "--port", "0", "--no-browser")
    assert done.returncode == 1
    assert str(up.process.pid) in done.stderr
    assert url in done.stderr


def test_a_number_given_away_is_not_stopped(installation: Installation) -> None:
    """`down` leaves a process alone that only has the number of a gateway long gone."""
    bystander = installation.start("loader", "--data-dir", str(installation.data_dir.parent / "other"))
    bystander.line_with("listening at")
    run_dir = installation.data_dir / "run"
    run_dir.mkdir(parents=True, mode=0o700)
    record = {"pid": bystander.process.pid, "started": time.time() - 3600, "url": "http://127.0.0.1:1", "token": "x"}
    (run_dir / "gateway.json").write_text(json.dumps(record), encoding="utf-8")
    assert "Nothing runs" in installation.run("down").stdout
    assert bystander.process.poll() is None
    bystander.stop()
