"""What a running process shows of itself on Linux: its children, environment, command line and memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK = 16 * 1024 * 1024
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r)(.)..\s+\S+\s+\S+\s+\S+\s*(.*)")


def family(pid: int) -> list[int]:
    """Return the ids of all descendants of a process."""
    found: list[int] = []
    todo = [pid]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").iterdir():
            born = [int(child) for child in (task / "children").read_text().split()]
            found += born
            todo += born
    return found


def shown(pid: int) -> bytes:
    """Return environment and command line, as any program of the same user reads them."""
    return b"\0".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))


def pieces(pid: int) -> Iterator[bytes]:
    """Yield everything that a process has in writable memory, in overlapping pieces. Raises PermissionError."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps.splitlines():
            mapping = _MAPPING.match(line)
            if mapping is None or mapping[4] != "w" or mapping[5].startswith(("[v", "/dev/nvidia")):
                continue
            at, end = int(mapping[1], 16), int(mapping[2], 16)
            while at < end:
                try:
                    memory.seek(at)
                    data = memory.read(min(CHUNK, end - at))
                except OSError:  # freed meanwhile
                    break
                if not data:
                    break
                yield data
                at += max(len(data) - 4096, 1) if at + len(data) < end else len(data)


def has(pid: int, needles: Iterable[bytes]) -> set[bytes]:
    """Return which of the needles are in a process's memory. Raises PermissionError."""
    left, found = set(needles), set[bytes]()
    for data in pieces(pid):
        now = {needle for needle in left if needle in data}
        found |= now
        left -= now
    return found
