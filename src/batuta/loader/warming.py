"""Reads model files into the system's page cache ahead of a load: gently, and never at the cost of what runs.

One file at a time, piece by piece, with a pause as long as each piece took: half of the disk at most, and a small part
of one core. While a model loads it waits. It stops where the memory that is free beside the models in use ends: a page
cache that is full of the next model must not push out the weights of this one. Knows nothing of processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from batuta.clock import Clock
from batuta.loader.file_cache import cached_in

PIECE: Final = 8 << 20
BUFFER: Final = 256 << 10  # bytes; it stays in the processor's own cache
RESERVE: Final = 1 << 30  # bytes of memory that are left alone
LOOK_S: Final = 0.25  # between two looks at whether the load that goes first is over
LONGEST_PAUSE_S: Final = 1.0  # a disk that stalls is left alone, not for ever

Step = Callable[[Path, int, int], Awaitable[int]]
"""(file, offset, length) -> bytes that had to be read."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """How a warming went. read: bytes that were not in memory before; stopped: why not all is there, or empty."""

    read: int
    stopped: str = ""


def read_piece(path: Path, offset: int, length: int) -> int:
    """Bring one piece of a file into memory; return the bytes that were not there yet. Raises OSError.

    It opens the file itself: a warming that is cancelled closes nothing that a thread still reads from.
    """
    with path.open("rb", buffering=0) as file:
        if cached_in(file.fileno(), offset, length) == length:
            return 0
        file.seek(offset)
        buffer = bytearray(BUFFER)
        done = 0
        while done < length and (got := file.readinto(buffer)):
            done += got
        return done


async def read_aside(path: Path, offset: int, length: int) -> int:
    """Do `read_piece` in a thread."""
    return await asyncio.to_thread(read_piece, path, offset, length)


def pieces(files: Iterable[tuple[Path, int]]) -> Iterator[tuple[Path, int, int]]:
    """Yield (file, offset, length) of every piece of some files, in the order in which a load reads them."""
    for path, size in files:
        for offset in range(0, size, PIECE):
            yield path, offset, min(PIECE, size - offset)


class Warmer:
    """Warms one model's files at a time.

    Args:
        clock: for its pauses.
        is_busy: a model is loading now.
        room: bytes that may be filled without harm, now.
        step: reads a piece.
    """

    def __init__(
        self, clock: Clock, *, is_busy: Callable[[], bool], room: Callable[[], int], step: Step = read_aside
    ) -> None:
        self._clock = clock
        self._is_busy = is_busy
        self._room = room
        self._step = step
        self._turn = asyncio.Lock()

    async def warm(self, files: Sequence[tuple[Path, int]]) -> Warmed:
        """Read files of these sizes ahead, until they are in memory or there is no room for more, or it is cancelled.

        1. A model is loading: wait. 2. What is free would be needed by others: stop. 3. Read a piece, pause as long.
        """
        read = 0
        async with self._turn:
            try:
                for path, offset, length in pieces(files):
                    while self._is_busy():  # 1
                        await self._clock.sleep(LOOK_S)
                    if self._room() < length:  # 2
                        return Warmed(read, "the memory that is free is needed by others")
                    read += await self._read(path, offset, length)  # 3
            except OSError as error:
                return Warmed(read, f"{error.filename or 'a file of the model'} cannot be read: {error.strerror}")
        return Warmed(read)

    async def _read(self, path: Path, offset: int, length: int) -> int:
        began = self._clock.monotonic()
        if got := await self._step(path, offset, length):
            await self._clock.sleep(min(self._clock.monotonic() - began, LONGEST_PAUSE_S))
        return got
