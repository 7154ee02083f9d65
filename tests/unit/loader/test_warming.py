"""Reading ahead: gently, after every load, and never into memory that others need."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from batuta.loader import warming
from batuta.loader.warming import LOOK_S, PIECE, Warmed, Warmer, read_piece
from batuta.testing.clock import ManualClock

TAKES_S = 0.5  # for a piece, in the play


class Play:
    """A file of three pieces and a half, and a warmer whose reads take half a second of virtual time each."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model.gguf"
        self.failure: OSError | None = None
        self.clock = ManualClock()
        self.is_busy = False
        self.room = 1 << 40
        self.read: list[tuple[float, int, int]] = []
        self.there: set[int] = set()
        self.warmer = Warmer(self.clock, is_busy=lambda: self.is_busy, room=lambda: self.room, step=self._step)

    async def _step(self, path: Path, offset: int, length: int) -> int:
        assert path == self.path
        if self.failure:
            raise self.failure
        if offset in self.there:
            return 0
        self.read.append((self.clock.monotonic() - 1000, offset // PIECE, length))
        await self.clock.sleep(TAKES_S)
        self.room -= length
        return length

    @property
    def files(self) -> list[tuple[Path, int]]:
        return [(self.path, 3 * PIECE + 1000)]

    async def warm(self) -> Warmed:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self.warmer.warm(self.files))
            await self.clock.advance(60)
            assert work.done()
        return work.result()


async def test_it_pauses_as_long_as_it_reads(tmp_path: Path) -> None:
    """Half of the disk's time at most is the warming's."""
    play = Play(tmp_path)
    assert await play.warm() == Warmed(3 * PIECE + 1000)
    assert play.read == [(0, 0, PIECE), (1, 1, PIECE), (2, 2, PIECE), (3, 3, 1000)]


async def test_what_is_in_memory_is_not_read_again(tmp_path: Path) -> None:
    """And costs no pause."""
    play = Play(tmp_path)
    play.there = {0, 2 * PIECE}
    assert (await play.warm()).read == PIECE + 1000
    assert [when for when, *_ in play.read] == [0, 1]


async def test_a_load_goes_first(tmp_path: Path) -> None:
    """While a model is being read from the disk, nothing else is; then it goes on where it was."""
    play = Play(tmp_path)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(play.warmer.warm(play.files))
        await play.clock.advance(1.5)
        play.is_busy = True
        await play.clock.advance(30)
        assert len(play.read) == 2
        play.is_busy = False
        await play.clock.advance(LOOK_S + 5)
        assert work.done()
    assert [number for _, number, _ in play.read] == [0, 1, 2, 3]


async def test_memory_that_others_need_is_left_to_them(tmp_path: Path) -> None:
    """The weights of a running model lie in the same cache: it stops before it pushes them out."""
    play = Play(tmp_path)
    play.room = 2 * PIECE
    ended = await play.warm()
    assert (ended.read, ended.stopped) == (2 * PIECE, "the memory that is free is needed by others")


async def test_one_at_a_time(tmp_path: Path) -> None:
    """Two models that are expected do not fight for the disk."""
    play = Play(tmp_path)
    async with asyncio.TaskGroup() as group:
        group.create_task(play.warmer.warm(play.files))
        group.create_task(play.warmer.warm(play.files))
        await play.clock.advance(60)
    assert [number for _, number, _ in play.read] == [0, 1, 2, 3, 0, 1, 2, 3]


async def test_it_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    """A cancelled warming reads no further piece, and the next one has its turn."""
    play = Play(tmp_path)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(play.warmer.warm(play.files))
        await play.clock.advance(0.1)
        work.cancel()
        await play.clock.advance(10)
        assert len(play.read) == 1
    assert (await play.warm()).read > 0


async def test_a_file_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """A model may be removed while it is read ahead: nothing depends on it."""
    play = Play(tmp_path)
    play.failure = FileNotFoundError(2, "No such file or directory", "gone.gguf")
    assert (await play.warm()).stopped == "gone.gguf cannot be read: No such file or directory"


def test_pieces_are_read_to_the_end_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that became shorter meanwhile ends the piece; one that is all in memory is not read."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"x" * 1_000_000)
    monkeypatch.setattr(warming, "cached_in", lambda *_: None)
    assert read_piece(path, 0, PIECE) == 1_000_000
    assert read_piece(path, 600_000, PIECE) == 400_000
    monkeypatch.setattr(warming, "cached_in", lambda _file, _offset, length: length)
    assert read_piece(path, 0, PIECE) == 0
