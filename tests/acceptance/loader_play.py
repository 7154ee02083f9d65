"""A real loader process for a test to play with: started, connected to, and gone at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from batuta.errors import LoaderDown
from batuta.loader import control
from batuta.loader.client import LoaderClient
from batuta.testing.gguf import tiny_gguf


class Stage:
    """A data folder with two tiny models, a loader on it, and a client whose events are kept."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.models = data / "models"
        self.models.mkdir(exist_ok=True)
        self.small = tiny_gguf(self.models / "small.gguf")
        self.process: subprocess.Popen[bytes] | None = None
        self.client = LoaderClient()
        self.events: list[dict[str, Any]] = []
        self.client.listen(self.events.append)

    def spawn(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a loader process and remember it."""
        with (self.data / "loader.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "batuta.loader", "--data-dir", str(self.data), *options],
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )
        return self.process

    async def connect(self, client: LoaderClient | None = None, *, role: str = "client") -> dict[str, Any]:
        """Connect a client (the stage's own if none is named), waiting for the loader to listen."""
        client = client or self.client
        for _ in range(500):
            if address := control.find(self.data / "run"):
                with suppress(LoaderDown):
                    return await client.connect(address, role=role)
            await asyncio.sleep(0.01)
        raise AssertionError((self.data / "loader.log").read_text())

    async def load(self, model: str = "small", path: Path | None = None, **options: Any) -> dict[str, Any]:
        """Load a model file of the stage; the tiny one if none is named."""
        return await self.client.load(model=model, path=str(path or self.small), **options)

    def large(self) -> Path:
        """Return the larger model, made at the first call."""
        path = self.models / "large.gguf"
        return path if path.exists() else tiny_gguf(path, "large")

    async def event(self, kind: str, *, patience: float = 5.0) -> tuple[dict[str, Any], float]:
        """Wait for an event of a kind; return it and the seconds that took."""
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            found[:] = [event for event in self.events if event.get("event") == kind]
            return bool(found)

        seconds = await until(has_come, patience=patience)
        return found[0], seconds

    async def end(self) -> None:
        """Shut the loader down, whatever became of it."""
        with suppress(LoaderDown):
            await self.client.shutdown()
        await self.client.aclose()
        if self.process is not None:
            if self.process.poll() is None:
                with suppress(TimeoutError):
                    await until(lambda: self.process is None or self.process.poll() is not None, patience=3)
            self.process.kill()
            self.process.wait()


@asynccontextmanager
async def stage(data: Path, *options: str, role: str = "client") -> AsyncIterator[Stage]:
    """A running loader and a connected client."""
    play = Stage(data)
    play.spawn(*options)
    try:
        await play.connect(role=role)
        yield play
    finally:
        await play.end()


async def until(condition: Callable[[], bool], *, patience: float) -> float:
    """Wait for a condition; return the seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > patience:
            raise TimeoutError(f"not within {patience} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def is_alive(pid: int) -> bool:
    """Whether a process runs (a dead one that nobody has waited for does not)."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that the test started."""
    os.kill(pid, number)


async def post(record: dict[str, Any], path: str, body: dict[str, Any], *, key: str | None = None) -> tuple[int, Any]:
    """Send a JSON request straight to a model's process, as the gateway does; return status and JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", record["port"])
    data = json.dumps(body).encode()
    bearer = record["key"] if key is None else key
    writer.write(
        f"POST /v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
        + data
    )
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


HELLO = {"model": "small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12}
