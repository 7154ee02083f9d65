"""Downloads on a stage: a fake hub on loopback, a folder, a clock that a test moves, a disk that can be full."""

from __future__ import annotations

import asyncio
import errno
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from batuta.downloads.download import Download, Fetched
from batuta.downloads.hub import LIMITS, Hub, Place
from batuta.downloads.names import Wanted, parse
from batuta.downloads.part import FOLDER, Disk
from batuta.downloads.progress import Progress
from batuta.engines.transport import Transport
from batuta.testing.clock import ManualClock
from batuta.testing.hub import FakeHub

REPO = "acme/tiny-GGUF"
FILE = "tiny-Q4_K_M.gguf"
T = TypeVar("T")


def gguf(size: int = 5000, seed: int = 1) -> bytes:
    """Return a sound GGUF file without tensors, of about that many bytes."""
    key, value = b"general.architecture", b"llama"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    head += struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(value)) + value
    filler = bytes((seed * 31 + place * 7) % 251 for place in range(max(size - len(head), 0)))
    return head + filler


class SmallDisk(Disk):
    """A disk with so much room, in `free` and in truth."""

    def __init__(self, room: int, *, told: int | None = None) -> None:
        self.room = room
        self.told = told

    def free(self, folder: Path) -> int:
        return self.room if self.told is None else self.told

    def write(self, file: BinaryIO, data: bytes) -> None:
        taken = data[: self.room]
        self.room -= len(taken)
        super().write(file, taken)
        if len(taken) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")


class Play:
    """One hub, one folder, and downloads between them."""

    def __init__(self, root: Path, hub: FakeHub, *, place: Place | None = None) -> None:
        self.root = root
        self.hub = hub
        self.place = place or Place(hub.url)
        self.clock = ManualClock()
        self.transport = Transport(LIMITS)
        self.seen: list[Progress] = []
        self.disk = Disk()

    async def pull(self, name: str = f"hf:{REPO}") -> Fetched:
        """Download, with all pauses passed over."""
        return await self.through(self.download().run(self.wanted(name)))

    def download(self) -> Download:
        hub = Hub(self.transport, self.place)
        return Download(hub, self.root, clock=self.clock, on_progress=self.seen.append, disk=self.disk)

    @staticmethod
    def wanted(name: str) -> Wanted:
        return parse(name, {})

    async def through(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work to its end; whenever it sleeps, let the time pass."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_caught(work))
            while not task.done():
                if self.clock.sleepers:
                    await self.clock.advance(60.0)
                await asyncio.wait({task}, timeout=0.001)
        error, value = task.result()
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # there is one where there is no error

    @property
    def models(self) -> list[str]:
        """What anybody could take for a model."""
        return sorted(path.name for path in self.root.rglob("*.gguf"))

    @property
    def parts(self) -> list[Path]:
        folder = self.root / FOLDER
        return sorted(folder.glob("*.part")) if folder.is_dir() else []

    @property
    def rest(self) -> list[Path]:
        """All files there are."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())


async def _caught(work: Coroutine[Any, Any, T]) -> tuple[Exception | None, T | None]:
    try:
        return None, await work
    except Exception as error:  # noqa: BLE001  # handed on to the test, which a group of tasks would wrap
        return error, None


@asynccontextmanager
async def play(root: Path, content: bytes | None = None, *, key: str | None = None) -> AsyncIterator[Play]:
    """Open a stage whose hub has one model."""
    async with FakeHub(key=key) as hub:
        hub.add(REPO, FILE, gguf() if content is None else content)
        stage = Play(root, hub)
        try:
            yield stage
        finally:
            await stage.transport.aclose()
