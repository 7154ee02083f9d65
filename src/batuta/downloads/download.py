"""Brings one model from a hub into the models folder, whole and verified, or not at all.

1. The hub lists the files, with sizes and SHA-256. 2. They grow beside the models, under names that no one takes for a
model; a cut is followed by another try from where it stopped. 3. Each is verified against the SHA-256 and its header
is checked. 4. When all are there they are renamed into their places. Knows nothing of who asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from batuta.clock import Clock
from batuta.downloads.errors import (
    DiskRefused,
    DownloadCorrupt,
    DownloadCut,
    HubBusy,
    HubFailed,
    HubRefused,
    HubUnreachable,
    NoSpace,
    UnknownRepository,
)
from batuta.downloads.hub import Hub
from batuta.downloads.names import Choice, Listed, Wanted, pick
from batuta.downloads.part import DISK, HASH_PIECE, Disk, Part, Record, part_name, target_of
from batuta.downloads.progress import Progress
from batuta.engines.decoding import Reply
from batuta.errors import BadModelFile, ProviderError

BACK_OFF_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # between tries that brought nothing; then it is given up
ENOUGH: Final = 1 << 20  # bytes that a try must bring to count as one that worked
WRITE: Final = 1 << 20  # bytes written at a time: a thread for each of some thousand pieces a second costs too much
LOOK_AT_DISK: Final = 64 << 20  # bytes after which it is asked whether the rest still fits
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_FINAL = (HubRefused, HubFailed, DownloadCorrupt)  # another try would end the same way
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is there now. `is_new`: something was downloaded; False for a model that was there already, verified."""

    label: str
    files: tuple[Path, ...]
    size: int
    is_new: bool


async def in_thread(work: Callable[..., _T], *args: object) -> _T:
    """Run what blocks in a thread, and wait for its end even when cancelled: nothing goes on behind our back."""
    future = asyncio.get_running_loop().run_in_executor(None, partial(work, *args))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        if not future.cancelled():
            future.exception()  # the cancellation is what counts
        raise


class Download:
    """One model on its way.

    Args:
        hub: where it is.
        root: the models folder.
        clock: for the pauses between tries.
        on_progress: told how far it is, often.
        disk: what is written to.
    """

    def __init__(
        self, hub: Hub, root: Path, *, clock: Clock, on_progress: Callable[[Progress], None], disk: Disk = DISK
    ) -> None:
        self._hub = hub
        self._root = root
        self._clock = clock
        self._on_progress = on_progress
        self._disk = disk
        self._done = 0  # bytes of the files before the current one
        self._total = 0
        self._has_received = False

    async def run(self, wanted: Wanted) -> Fetched:
        """Fetch it and return where it is.

        Raises:
            UnknownDownload, HubRefused, HubUnreachable, HubBusy, HubFailed: the hub does not give it.
            DownloadCut: too many cuts; what came is kept for the next time.
            DownloadCorrupt, BadModelFile: what came is not what was listed, or no model; it was deleted.
            NoSpace: the disk is full; nothing was left on it.
            DiskRefused: the folder cannot be written to.
            Conflict: another Batuta is at it.
        """
        self._tell("listing")
        choice = await self._choose(wanted)
        self._total = choice.size
        parts: list[tuple[Part, Path]] = []
        targets = []
        try:
            for file in choice.files:
                target = target_of(self._root, wanted, file.path)
                targets.append(target)
                if not await self._is_there(target, file):
                    part = Part(self._root, part_name(wanted, file.path), self._disk)
                    parts.append((part, target))
                    await self._bring(part, wanted, file, left=choice.size - self._done)
                self._done += file.size
            self._tell("finishing")
            for part, target in parts:
                await in_thread(part.become, target)
        except NoSpace:
            for part, _ in parts:
                await in_thread(part.discard)
            raise
        finally:
            for part, _ in parts:
                part.close()
        return Fetched(choice.label, tuple(targets), choice.size, is_new=bool(parts))

    async def _choose(self, wanted: Wanted) -> Choice:
        try:
            choice = pick(wanted, await self._patiently(lambda: self._hub.files(wanted)))
        except UnknownRepository as error:
            near = await self._hub.similar(wanted)
            if near is None or near == wanted.repo:
                raise
            raise UnknownRepository(f"{error.message}; did you mean hf:{near}?", suggestion=f"hf:{near}") from None
        if not all(file.sha256 for file in choice.files):
            raise HubFailed(f"{self._hub.place.host} tells no SHA-256 of {wanted}: it cannot be verified")
        return choice

    async def _patiently(self, work: Callable[[], Awaitable[_T]], *, part: Part | None = None) -> _T:
        """Do it again, after pauses that grow, while the connection breaks or the hub asks for patience.

        1. Errors that another try would not change, and a hub that could not be reached at all: raised at once.
        2. A try that brought something: the count begins anew. 3. Too many in a row that did not: given up.
        """
        tries = 0
        while True:
            had = part.size if part else 0
            try:
                return await work()
            except _FINAL:  # 1
                raise
            except HubUnreachable:
                if not self._has_received:
                    raise
                problem: ProviderError = DownloadCut("the network is gone")
            except ProviderError as error:
                problem = error
            if part is not None and part.size - had >= ENOUGH:  # 2
                tries = 0
            if tries == len(BACK_OFF_S):  # 3
                raise self._given_up(problem, part)
            wait_s = max(BACK_OFF_S[tries], problem.retry_after_s or 0.0)
            tries += 1
            self._tell("waiting", part.size if part else 0, wait_s=wait_s, note=problem.message)
            await self._clock.sleep(wait_s)

    def _given_up(self, problem: ProviderError, part: Part | None) -> ProviderError:
        if isinstance(problem, HubBusy) or part is None:
            return problem
        kept = f"; {part.size:,} bytes are kept, and the same command goes on from there" if part.size else ""
        return DownloadCut(f"the download broke off {len(BACK_OFF_S) + 1} times: {problem.message.rstrip('.')}{kept}")

    async def _is_there(self, target: Path, file: Listed) -> bool:
        """Say whether the model file is there already, by its SHA-256."""
        if await in_thread(_size_of, target) != file.size:
            return False
        found = hashlib.sha256()
        try:
            opened = await in_thread(target.open, "rb")
            with opened as content:
                while data := await in_thread(content.read, HASH_PIECE):
                    await in_thread(found.update, data)
                    self._tell("checking", content.tell())
        except OSError as error:
            raise DiskRefused(f"{target} cannot be read: {error.strerror or error}") from None
        return found.hexdigest() == file.sha256

    async def _bring(self, part: Part, wanted: Wanted, file: Listed, *, left: int) -> None:
        """Have the part hold the whole file, verified. `left`: bytes of this file and those after it."""
        url = self._hub.url_of(wanted, file.path)
        record = Record(str(wanted), url, file.path, file.size, file.sha256)
        await in_thread(part.open, record)
        while await in_thread(part.take_in):
            self._tell("checking", part.size)
        await in_thread(part.room_for, left - part.size)
        for may_have_mixed in (part.size > 0, False):
            if part.size < file.size:
                await self._patiently(partial(self._receive, part, wanted, record), part=part)
            if part.digest() == file.sha256:
                break
            await in_thread(part.restart)
            if not may_have_mixed:
                await in_thread(part.discard)
                raise DownloadCorrupt(
                    f"what came for {file.path} has another SHA-256 than {self._hub.place.host} lists; it was deleted. "
                    "Try again later; if it stays so, the file there is damaged or was exchanged"
                )
        await in_thread(part.settle)
        try:
            await in_thread(part.check_header, file.path)
        except BadModelFile:
            await in_thread(part.discard)
            raise

    async def _receive(self, part: Part, wanted: Wanted, record: Record) -> None:
        """Receive from where the part ends to the file's end. Raises ProviderError when it does not come that far."""
        self._tell("downloading", part.size)
        reply = await self._hub.open(record.url, wanted, start=part.size)
        try:
            await self._agree(part, reply, record)
            await self._write(part, reply, record)
        except DownloadCorrupt:
            raise
        except ProviderError:
            if part.size < record.size:  # else all of it came, whatever the server had announced
                raise
        finally:
            await reply.aclose()
        if part.size < record.size:
            raise DownloadCut(f"the connection ended at byte {part.size:,} of {record.size:,}")

    async def _agree(self, part: Part, reply: Reply, record: Record) -> None:
        """Have the part begin where the answer does.

        1. Packed, though nobody asked for it: no byte of it has a place in the file.
        2. The rest, of the same file: goes on. 3. Another length: not the file that was listed.
        4. The rest of a file that has changed, or not the rest that was asked for: again, from the beginning.
        5. The whole file: from the beginning.
        """
        host = self._hub.place.host
        if reply.headers.get("content-encoding", "identity") != "identity":  # 1
            raise HubFailed(f"{host} sends {record.path} packed; it cannot be verified piece by piece")
        etag = reply.headers.get("etag", "").removeprefix("W/").strip('"')
        if reply.status == 206:
            match = _RANGE.fullmatch(reply.headers.get("content-range", ""))
            if match and match[2] not in {"*", str(record.size)}:  # 3
                await in_thread(part.discard)
                raise DownloadCorrupt(f"{host} lists {record.path} with {record.size:,} bytes, but has {match[2]}")
            known = await in_thread(lambda: part.etag)
            if match and int(match[1]) == part.size and (not known or not etag or known == etag):  # 2
                return
        if part.size:
            await in_thread(part.restart)
        if reply.status != 200:  # 4
            raise DownloadCut("the file has changed, or the server cannot go on from the middle")
        await in_thread(part.note, replace(record, etag=etag))  # 5

    async def _write(self, part: Part, reply: Reply, record: Record) -> None:
        waiting = bytearray()
        unlooked = 0
        try:
            async for data in reply.chunks():
                self._has_received = True
                waiting += data
                if part.size + len(waiting) > record.size:
                    waiting.clear()
                    await in_thread(part.discard)
                    raise DownloadCorrupt(
                        f"{self._hub.place.host} lists {record.path} with {record.size:,} bytes, but sends more; what "
                        "came was deleted"
                    )
                self._tell("downloading", part.size + len(waiting))
                if len(waiting) >= WRITE:
                    unlooked += len(waiting)
                    await self._flush(part, waiting)
                if unlooked >= LOOK_AT_DISK:
                    unlooked = 0
                    await in_thread(part.room_for, min(record.size - part.size, LOOK_AT_DISK))
        finally:
            await self._flush(part, waiting)

    @staticmethod
    async def _flush(part: Part, waiting: bytearray) -> None:
        if waiting:
            data = bytes(waiting)
            waiting.clear()
            await in_thread(part.append, data)

    def _tell(self, stage: str, of_file: int = 0, *, wait_s: float = 0.0, note: str = "") -> None:
        self._on_progress(Progress(stage, self._done + of_file, self._total, wait_s, note))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else -1
    except OSError:
        return -1
