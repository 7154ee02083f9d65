"""How much of a file is in memory: both ways of asking agree, and nobody is told what is not known."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.loader import file_cache
from batuta.loader.file_cache import MOST_WINDOWS, by_cachestat, by_mincore, cached_bytes, cached_share, windows

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
MIB = 1 << 20


def untold(_file: int, _offset: int, _length: int) -> None:
    """Stand for a system that has no such call."""


def tell(path: Path, count: int) -> tuple[int, int]:
    return count, path.stat().st_size


@on_linux
def test_what_was_just_written_is_in_memory(tmp_path: Path) -> None:
    """Exactly its bytes, also where the file ends inside a page."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 * MIB + 17))
    assert cached_bytes(path, exact=untold) == (3 * MIB + 17, 3 * MIB + 17)
    assert cached_bytes(path) == (3 * MIB + 17, 3 * MIB + 17)


@on_linux
def test_what_was_dropped_is_not(tmp_path: Path) -> None:
    """Both ways of asking say how much is left, whatever the file system let go."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(4 * MIB))
    with path.open("rb+", buffering=0) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 2 * MIB, os.POSIX_FADV_DONTNEED)
        by_page = by_mincore(file.fileno(), 0, 4 * MIB)
        assert by_page is not None
        assert by_page <= 4 * MIB
        exact = by_cachestat(file.fileno(), 0, 4 * MIB)
        assert exact is None or exact == by_page


def test_a_hole_counts_for_nothing(tmp_path: Path) -> None:
    """A file of which nothing was ever read or written is not in memory; an empty one has nothing to be there."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(40 * MIB)
    if sys.platform == "linux":
        assert cached_bytes(path, exact=untold) == (0, 40 * MIB)
        path.write_bytes(b"")
        assert cached_bytes(path) == (0, 0)
    assert cached_bytes(tmp_path / "none") is None


def test_elsewhere_nobody_can_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another system, or one that forbids the question, is not guessed at."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    assert cached_bytes(path, exact=untold, by_page=untold) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cached_bytes(path) is None
    with path.open("rb") as file:
        assert file_cache.cached_in(file.fileno(), 0, 1) is None


def test_a_file_of_somebody_else_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a file that we may not write, mincore says that all of it is there: it is not asked."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    monkeypatch.setattr(file_cache, "_may_be_told", lambda _file: False)
    with path.open("rb") as file:
        assert by_mincore(file.fileno(), 0, 1) is None


def test_a_model_of_several_files_is_one(tmp_path: Path) -> None:
    """The share is of all bytes, not of files; one file that nobody can tell about makes the whole unknown."""
    sizes = {"a": 1000, "b": 3000}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    paths = [tmp_path / name for name in sizes]
    assert cached_share(paths, look=lambda path: tell(path, 1000)) == 0.5
    assert cached_share(paths, look=lambda path: None if path.name == "b" else (1, 1)) is None
    assert cached_share([]) is None


@given(st.integers(1, 1 << 44))
def test_the_parts_that_are_looked_at_lie_in_the_file(size: int) -> None:
    """In order, without overlap, on pages, from its beginning to near its end, and never too many."""
    parts = windows(size)
    assert 1 <= len(parts) <= MOST_WINDOWS
    assert parts[0][0] == 0
    for (start, length), (following, _) in pairwise(parts):
        assert start + length <= following
    assert all(start % MIB == 0 and 0 < length <= MIB and start + length <= size for start, length in parts)
    assert size - parts[-1][0] <= max(MIB, 2 * size // MOST_WINDOWS)


@given(st.integers(1, MOST_WINDOWS * MIB))
def test_a_file_that_is_small_enough_is_looked_at_whole(size: int) -> None:
    """No estimate where the truth is cheap."""
    assert sum(length for _, length in windows(size)) == size
