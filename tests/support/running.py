"""A real Batuta in a folder of its own: started, asked over HTTP, stopped or killed. Standard library only."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LISTENING = re.compile(r"Batuta is listening on (http://\S+)")
START_S = 30.0
BATUTA = Path(sys.executable).parent / "batuta"
_OURS = ("BATUTA_", "DEFAULT_MODEL", "EXECUTOR_MODEL", "MODEL_PATH", "OLLAMA_BASE_URL", "LMSTUDIO_BASE_URL")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Stream:
    """An answer that is read as it comes."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def lines(self) -> Iterator[str]:
        """Yield lines without their ends; the end of the stream ends them."""
        while line := self._response.readline():
            yield line.decode().rstrip("\n")

    def close(self) -> None:
        """Leave, as a client that has lost interest."""
        self._response.close()
        self._connection.close()


class Batuta:
    """One gateway process over a data folder.

    Args:
        folder: its data folder; models are looked for in `folder/models`.
        args: further words for the command.
        command: `serve` (the loader outlives it) or `up`.
        env: further environment variables.
        starter: with the bundled pair, which would otherwise stand beside the models of the test.
    """

    def __init__(
        self,
        folder: Path,
        *args: str,
        command: str = "serve",
        env: Mapping[str, str] | None = None,
        starter: bool = False,
    ) -> None:
        self.folder = folder
        self._args = args
        self._starter = () if starter else ("--no-starter",)
        self._command = command
        self._env = dict(env or {})
        self._log = folder / "test-output.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which every command finds this installation and no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {
            **kept,
            "BATUTA_DATA_DIR": str(self.folder),
            "BATUTA_CONFIG": str(self.folder / "config.toml"),
            "NO_COLOR": "1",
            "BATUTA_LOADER__SPARE": "false",  # tests that look at a loader's processes mean those of models
            **self._env,
        }

    def start(self) -> Batuta:
        """Start, and return when it listens."""
        words = [
            str(BATUTA),
            self._command,
            "--port",
            "0",
            "--no-browser",
            "--no-discover",
            *self._starter,
            *self._args,
        ]
        self._log.write_bytes(b"")
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=self.environment
            )
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            if match := LISTENING.search(self.output):
                self.url = match[1]
                return self
            time.sleep(0.02)
        raise AssertionError(f"it does not listen (exit code {self.process.poll()}):\n{self.output}\n{self.logs}")

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace")

    @property
    def logs(self) -> str:
        """What it has logged."""
        files = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-4000:]}" for file in files)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request and read its answer."""
        connection = self._connect()
        try:
            payload = None if body is None else json.dumps(body)
            given = ({"content-type": "application/json"} if payload else {}) | dict(headers or {})
            connection.request(method, path, payload, given)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()

    def open(self, path: str, body: Any) -> Stream:
        """Send a request whose answer is read as it comes."""
        connection = self._connect()
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        return Stream(connection, connection.getresponse())

    def chat(self, model: str, words: str = "hello", **fields: Any) -> Reply:
        """Ask a model, not streamed."""
        return self.ask("POST", "/v1/chat/completions", chat_body(model, words, **fields))

    def stream(self, model: str, words: str = "hello", **fields: Any) -> Stream:
        """Ask a model, streamed."""
        return self.open("/v1/chat/completions", chat_body(model, words, stream=True, **fields))

    def model(self, name: str) -> dict[str, Any]:
        """Return the management view of a model."""
        reply = self.ask("GET", f"/manage/models/{name}/status")
        assert reply.status == 200, reply.body
        view: dict[str, Any] = reply.json()
        return view

    def loader(self) -> dict[str, Any]:
        """Return what its loader says of itself, in the status file."""
        status: dict[str, Any] = json.loads((self.folder / "model_status.json").read_text())
        return status

    def run(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a `batuta` command against this installation."""
        return subprocess.run(
            [str(BATUTA), *words], env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def kill(self) -> None:
        """End the gateway as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask the gateway to end; return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def chat_body(model: str, words: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": words}], "max_tokens": 8, **fields}


def until(condition: Callable[[], Any], *, within: float = 10.0, what: str = "") -> Any:
    """Return the condition's first true value. Fails after `within` seconds."""
    end = time.monotonic() + within
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"not within {within} s: {what or condition}"
        time.sleep(0.02)


@contextmanager
def installation(
    folder: Path, *args: str, command: str = "serve", env: Mapping[str, str] | None = None, starter: bool = False
) -> Iterator[Batuta]:
    """Run a Batuta for the block; afterwards gateway and loader are gone, whatever happened."""
    batuta = Batuta(folder, *args, command=command, env=env, starter=starter)
    try:
        yield batuta.start()
    except BaseException:
        print(batuta.output, batuta.logs)  # noqa: T201  # shown by pytest beside the failure
        raise
    finally:
        if batuta.process is not None:
            batuta.stop()
        batuta.run("down")
