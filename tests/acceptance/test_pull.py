"""Real processes: a model comes from a hub, or is handed over, and answers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import BATUTA, Batuta, installation, until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of a hub, with one real model of random weights."""
    folder = tmp_path / "shelf" / "acme" / "tiny-GGUF"
    folder.mkdir(parents=True)
    tiny_gguf(folder / "tiny-Q8_0.gguf")
    return folder.parents[1]


@pytest.fixture
def hub(shelf: Path) -> Iterator[str]:
    """The address of a fake hub that serves the shelf, in a process of its own."""
    with serving(shelf) as url:
        yield url


@contextmanager
def serving(shelf: Path, *options: str) -> Iterator[str]:
    """Run a fake hub for the block; gives its address."""
    words = [sys.executable, "-m", "batuta.testing.hub", "--port", "0", "--folder", str(shelf), *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split(" listens on ")[1].split()[0]
        process.terminate()


def test_a_pulled_model_answers(data_dir: Path, hub: str) -> None:
    """`batuta pull` with a running gateway: the model is there, verified, and answers."""
    with installation(data_dir, env={"HF_ENDPOINT": hub}) as batuta:
        result = batuta.run("pull", "hf:acme/tiny-GGUF", "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        model = json.loads(result.stdout)["model"]
        assert model == "tiny-Q8_0"
        assert batuta.chat(model).status == 200


def test_a_large_file_is_handed_over(data_dir: Path) -> None:
    """A body of more than a request may have goes to the disk, and one that breaks off leaves nothing."""
    with installation(data_dir) as batuta:
        source = data_dir / "source.bin"
        tiny_gguf(source)
        data = source.read_bytes() + bytes(48 << 20)
        assert hand_over(batuta, "mine.gguf", data) == 201
        assert batuta.chat("mine").status == 200
        connection = connect(batuta)
        connection.putrequest("POST", "/manage/import?name=half.gguf")
        connection.putheader("content-type", "application/octet-stream")
        connection.putheader("content-length", str(len(data)))
        connection.endheaders(data[: 4 << 20])
        until(lambda: list(batuta.folder.rglob("import--half.gguf.part")), what="a part")
        connection.close()
        until(lambda: not list(batuta.folder.rglob("*half*")), what="nothing of it")


def connect(batuta: Batuta) -> http.client.HTTPConnection:
    parts = urlsplit(batuta.url)
    return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)


def hand_over(batuta: Batuta, name: str, data: bytes) -> int:
    connection = connect(batuta)
    try:
        headers = {"content-type": "application/octet-stream"}
        connection.request("POST", f"/manage/import?name={name}", data, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def slow_hub(shelf: Path) -> Iterator[str]:
    """The same with a longer file, which stops in its middle the first time."""
    with (shelf / "acme" / "tiny-GGUF" / "tiny-Q8_0.gguf").open("ab") as file:
        file.write(os.urandom(32 << 20))
    with serving(shelf, "--hold", str(16 << 20)) as url:
        yield url


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Have Ctrl-C heard by what is started: a test run in a shell's background, and its children, ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_keeps_what_came(data_dir: Path, slow_hub: str) -> None:
    """Stopped at the keyboard without a gateway: code 130, a word on how to go on, and the next one goes on."""
    batuta = Batuta(data_dir, env={"HF_ENDPOINT": slow_hub})
    words = [str(BATUTA), "pull", "hf:acme/tiny-GGUF"]
    with subprocess.Popen(words, env=batuta.environment, stderr=subprocess.PIPE, text=True) as process:
        part = data_dir / "models" / ".downloads" / "acme--tiny-GGUF--tiny-Q8_0.gguf.part"
        until(lambda: part.exists() and part.stat().st_size > 0, within=20, what="a part")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "goes on from there" in said
    assert "Traceback" not in said
    kept = part.stat().st_size
    assert kept > 0
    result = batuta.run("pull", "hf:acme/tiny-GGUF")
    assert result.returncode == 0, result.stderr
    assert "checking" in result.stderr
