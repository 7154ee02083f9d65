"""A gateway in miniature: answers what a test scripts, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from batuta.cli import main


@dataclass
class FakeGateway:
    """Scripted answers by `METHOD /path`: a value is JSON, a tuple is (status, JSON), bytes are an event stream.

    A function is called for its answer; one that yields writes the pieces of an event stream as they come.
    """

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)

    def bodies(self, call: str) -> list[Any]:
        """Return the bodies sent to `METHOD /path`."""
        return [body for name, body, _ in self.asked if name == call]


def events(*items: Any) -> bytes:
    """Return an event stream with these JSON data, ended as OpenAI ends one."""
    return b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in items) + b"data: [DONE]\n\n"


def says(*texts: str, finish: str | None = "stop", model: str = "brain") -> bytes:
    """Return the stream of an answer in these pieces."""
    pieces = [{"model": model, "choices": [{"delta": {"content": text}}]} for text in texts]
    return events(*pieces, {"model": model, "choices": [{"delta": {}, "finish_reason": finish}]})


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """A fake gateway that listens on a free port."""
    fake = FakeGateway()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            call = f"{self.command} {self.path}"
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fake.asked.append((call, json.loads(raw) if raw else None, dict(self.headers)))
            answer = fake.answers.get(call, (404, {"error": {"message": f"nothing at {call}", "code": "not_found"}}))
            if callable(answer):
                answer = answer()
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            if isinstance(body, Iterator):
                self.send_response(status)
                self.end_headers()
                for piece in body:
                    self.wfile.write(piece)
                    self.wfile.flush()
                return
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream" if isinstance(body, bytes) else "application/json")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Batuta:
    """Runs the command line in this process, on a data folder of its own."""

    data_dir: Path

    def __call__(self, *words: str, stdin: str = "", url: str | None = None) -> Result:
        where = ["--url", url] if url else []
        return CliRunner().invoke(main.app, [*words, *where], input=stdin)


@pytest.fixture
def batuta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batuta:
    """The command line with a data folder and no settings file."""
    for name in ("BATUTA_API_KEY", "BATUTA_HOST", "BATUTA_PORT", "DEFAULT_MODEL", "MODEL_PATH", "EXECUTOR_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BATUTA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BATUTA_CONFIG", str(tmp_path / "config.toml"))
    return Batuta(tmp_path / "data")


def model(model_id: str, state: str = "absent", **more: Any) -> dict[str, Any]:
    """Return a model as the management API shows it."""
    return {
        "id": model_id,
        "name": model_id,
        "provider": "local",
        "is_local": True,
        "is_loaded": state == "ready",
        "is_loading": state == "loading",
        "state": state,
        "progress": None,
        "error": None,
        "roles": [],
        "pinned": False,
        "ttl_s": None,
        "memory_bytes": {"needed": 4_000_000_000, "held": 4_100_000_000 if state == "ready" else 0},
        "fits": "now",
        "last_used": None,
        **more,
    }
