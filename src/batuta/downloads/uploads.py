"""Takes a model file that a person hands over: beside the models while it comes, checked, then in its place.

Knows nothing of HTTP: pieces come in, an end or a break.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from batuta.downloads.download import LOOK_AT_DISK, WRITE, in_thread
from batuta.downloads.names import is_plain
from batuta.downloads.part import DISK, Disk, Part, Record
from batuta.errors import BadRequest, Conflict

MARK: Final = "import--"  # begins the names of parts that come this way
MAGIC: Final = b"GGUF"


@dataclass(frozen=True, slots=True)
class Taken:
    """A model file that has arrived."""

    path: Path
    size: int
    sha256: str


class Uploads:
    """The way in for files. The same name is taken once at a time.

    Args:
        root: the models folder.
        disk: what is written to.
        refresh: awaited when a file has arrived.
    """

    def __init__(self, root: Path, *, disk: Disk = DISK, refresh: Callable[[], Awaitable[None]] | None = None) -> None:
        self._root = root
        self._disk = disk
        self._refresh = refresh

    async def take(self, name: str, pieces: AsyncIterator[bytes], *, size: int | None) -> Taken:
        """Take a file; it is visible when it is whole and sound, and not before.

        Args:
            name: of the file, without folders.
            pieces: its bytes; an error in them, or a cancellation, leaves nothing behind.
            size: how many are announced; None: nobody knows.

        Raises:
            BadRequest: the name cannot be a model's, or what comes is no GGUF, or less than announced.
            Conflict: there is a file of that name, or one is on its way.
            BadModelFile: it is no sound model.
            NoSpace, DiskRefused: the disk does not take it.
        """
        target = self._root / checked(name)
        if await in_thread(target.exists):
            raise Conflict(
                f"there is a model file {name} already; give this one another name, or remove that one first"
            )
        part = Part(self._root, MARK + name, self._disk)
        await in_thread(lambda: part.open(Record(MARK, "", name, size or 0, ""), is_again=False))
        try:
            await in_thread(part.room_for, size or 0)
            await self._write(part, pieces)
            if size is not None and part.size != size:
                raise BadRequest(f"{size} bytes of {name} were announced, and {part.size} came")
            await in_thread(part.check_header, name)
            await in_thread(part.settle)
            await in_thread(lambda: part.become(target, may_replace=False))
        finally:
            if await in_thread(part.path.exists):
                await in_thread(part.discard)
            part.close()
        if self._refresh is not None:
            await self._refresh()
        return Taken(target, part.size, part.digest())

    async def _write(self, part: Part, pieces: AsyncIterator[bytes]) -> None:
        waiting = bytearray()
        unlooked = 0
        async for data in pieces:
            waiting += data
            if not part.size and len(waiting) >= len(MAGIC) and not waiting.startswith(MAGIC):
                raise BadRequest("this is no GGUF file (it does not begin with GGUF); only those can be added")
            if len(waiting) >= WRITE:
                unlooked += len(waiting)
                await in_thread(part.append, bytes(waiting))
                waiting.clear()
            if unlooked >= LOOK_AT_DISK:
                unlooked = 0
                await in_thread(part.room_for, 0)
        await in_thread(part.append, bytes(waiting))


def checked(name: str) -> str:
    """Return the name of a model file. Raises BadRequest for one that cannot be."""
    if "/" in name or not is_plain(name) or not name.lower().endswith(".gguf") or len(name) <= len(".gguf"):
        raise BadRequest(
            "the name of the file must end in .gguf and hold only letters, digits, blanks and ._+()@=-; "
            f"{name[:80]!r} does not"
        )
    return name
