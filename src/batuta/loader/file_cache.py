"""How much of a file the system keeps in memory (its page cache). Asks Linux; knows nothing of models.

`cachestat` (Linux 6.5) counts exactly and at once, `mincore` page by page on a mapping. Elsewhere nobody can tell.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

SYS_CACHESTAT: Final = 451
NUMBERED: Final = frozenset({"x86_64", "aarch64", "riscv64", "ppc64le", "s390x", "loongarch64"})  # it is 451 on these
WINDOW: Final = 1 << 20  # bytes looked at at once, page by page
MOST_WINDOWS: Final = 256  # of a larger file so many, evenly spread, stand for the whole: a page takes 0.4 us

Count = Callable[[int, int, int], int | None]
"""(open file, offset, length) -> bytes of that part that are in memory; None where the system does not tell."""


class _Range(ctypes.Structure):
    _fields_ = (("off", ctypes.c_uint64), ("len", ctypes.c_uint64))


class _Stat(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


@lru_cache(maxsize=1)
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    return libc


def by_cachestat(file: int, offset: int, length: int) -> int | None:
    """Count by the system call that is made for it; None where it is missing or forbidden."""
    if platform.machine() not in NUMBERED:
        return None
    part, found = _Range(offset, length), _Stat()
    if _libc().syscall(SYS_CACHESTAT, file, ctypes.byref(part), ctypes.byref(found), 0) != 0:
        return None
    return min(int(found.cached) * mmap.PAGESIZE, length)


def by_mincore(file: int, offset: int, length: int) -> int | None:
    """Count page by page; `offset` is a multiple of the page size.

    None for a file of somebody else that we may not write: the system then says `all of it`, whatever is true.
    """
    if not _may_be_told(file):
        return None
    libc = _libc()
    address = libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, file, offset)
    if address == ctypes.c_void_p(-1).value:
        return None
    pages = -(-length // mmap.PAGESIZE)
    flags = ctypes.create_string_buffer(pages)
    try:
        if libc.mincore(address, length, flags) != 0:
            return None
    finally:
        libc.munmap(address, length)
    resident = pages - flags.raw.translate(_LOWEST_BIT).count(0)
    return min(resident * mmap.PAGESIZE, length)


_LOWEST_BIT: Final = bytes(value & 1 for value in range(256))  # the other bits mean nothing yet


def _may_be_told(file: int) -> bool:
    if os.fstat(file).st_uid == os.geteuid() or os.geteuid() == 0:
        return True
    with suppress(OSError):
        return os.access(f"/proc/self/fd/{file}", os.W_OK)
    return False


def windows(size: int, *, window: int = WINDOW, most: int = MOST_WINDOWS) -> list[tuple[int, int]]:
    """Return the parts (offset, length) of a file that stand for the whole: all of it, or evenly spread ones."""
    count = -(-size // window)
    step = max(count / most, 1.0)
    starts = [int(number * step) * window for number in range(min(count, most))]
    return [(start, min(window, size - start)) for start in starts]


def cached_bytes(path: Path, *, exact: Count = by_cachestat, by_page: Count = by_mincore) -> tuple[int, int] | None:
    """Return how many bytes of a file are in memory (estimated for a very large one), and its size.

    None where the system does not tell, and for a file that is not there.
    """
    if sys.platform != "linux":
        return None
    with suppress(OSError), path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return 0, 0
        if (found := exact(file.fileno(), 0, size)) is not None:
            return found, size
        looked = resident = 0
        for offset, length in windows(size):
            if (part := by_page(file.fileno(), offset, length)) is None:
                return None
            looked, resident = looked + length, resident + part
        return round(resident / looked * size), size
    return None


def cached_in(file: int, offset: int, length: int) -> int | None:
    """Return how many bytes of one part of an open file are in memory; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    found = by_cachestat(file, offset, length)
    return by_mincore(file, offset, length) if found is None else found


def cached_share(
    paths: Iterable[Path], *, look: Callable[[Path], tuple[int, int] | None] = cached_bytes
) -> float | None:
    """Return how much of some files together is in memory, 0..1; None where the system does not tell."""
    total = resident = 0
    for path in paths:
        if (found := look(path)) is None:
            return None
        resident, total = resident + found[0], total + found[1]
    return resident / total if total else None
