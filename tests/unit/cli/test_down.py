"""`batuta down` and the loader's control wire."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batuta.cli.loader_end import end_loader
from batuta.errors import LoaderDown
from batuta.loader import control

from .conftest import Batuta

pytestmark = pytest.mark.skipif(control.IS_WINDOWS, reason="the fake loader listens on a unix socket")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run folder."""
    path = tmp_path / "data" / "run"
    path.mkdir(parents=True)
    return path


class FakeLoader:
    """Answers one client as the loader does, then hangs up."""

    def __init__(self, run_dir: Path, replies: dict[str, dict[str, Any]]) -> None:
        self.asked: list[str] = []
        self._replies = replies
        path = control.socket_path(run_dir)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            reader = control.FrameReader()
            while "shutdown" not in self.asked and (data := connection.recv(4096)):
                for message in reader.feed(data):
                    self.asked.append(message["op"])
                    connection.sendall(control.encode({"event": "heartbeat"}))
                    connection.sendall(control.encode({"id": message["id"], **self._replies[message["op"]]}))
                    if not self._replies[message["op"]]["ok"]:
                        return

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def loader(run_dir: Path) -> Iterator[FakeLoader]:
    """A loader that holds one model."""
    state = {"pid": 77, "models": [{"id": "brain"}]}
    fake = FakeLoader(run_dir, {"hello": {"ok": True, "result": state}, "shutdown": {"ok": True, "result": {}}})
    yield fake
    fake.close()


def test_the_loader_is_asked_and_waited_for(batuta: Batuta, loader: FakeLoader) -> None:
    """The command says which loader ended and what it held."""
    result = batuta("down")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "The loader (pid 77) has stopped and unloaded brain.\n"
    assert loader.asked == ["hello", "shutdown"]


def test_a_socket_left_behind_is_nothing(run_dir: Path) -> None:
    """A dead loader's socket is no loader."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(control.socket_path(run_dir)))
    assert end_loader(run_dir) is None


def test_a_loader_of_another_version_names_its_process(run_dir: Path) -> None:
    """A loader that refuses is reported with its reason."""
    wire = {"type": "BadRequest", "message": "this loader speaks protocol 9"}
    fake = FakeLoader(run_dir, {"hello": {"ok": False, "error": wire}})
    (run_dir / "loader.lock").write_text('{"pid": 88}', encoding="utf-8")
    try:
        with pytest.raises(LoaderDown, match=r"protocol 9.*end process 88"):
            end_loader(run_dir)
    finally:
        fake.close()
