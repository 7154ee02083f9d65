"""The downloads that people have asked for: one at a time, the others queued, each with its story.

Lives in the gateway, and for the length of one download in the command line. Decides nothing about files: see
`download.py`. Nothing is fetched that nobody asked for.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from batuta.catalog.entities import Provider
from batuta.clock import Clock
from batuta.downloads import starters
from batuta.downloads.download import Download, Fetched, in_thread
from batuta.downloads.hub import ENDPOINT, LIMITS, Hub, place_from
from batuta.downloads.names import Wanted, parse
from batuta.downloads.part import DISK, Disk, discard_leftovers
from batuta.downloads.progress import Progress, Rate
from batuta.downloads.uploads import Uploads
from batuta.engines.reach import Reach
from batuta.engines.transport import Transport
from batuta.errors import BatutaBug, BatutaError, Conflict
from batuta.observe.bus import Bus
from batuta.observe.events import DownloadFailed, DownloadFinished, DownloadProgress
from batuta.settings import Settings, config_path
from batuta.tasks import Tasks

TELL_EVERY_S: Final = 0.25  # four pictures a second are smooth, and cost nothing
MOST_QUEUED: Final = 20
MOST_KEPT: Final = 50  # ended ones that are still told of
ENDED: Final = frozenset({"done", "failed", "cancelled"})
Refresh = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Pull:
    """One download that was asked for.

    Attributes:
        id: what callers name.
        name: as it was asked for.
        wanted: what that means.
        state: queued | listing | checking | downloading | waiting | finishing | done | failed | cancelled.
        bytes: how much is there.
        total: of how much; 0 while nobody knows.
        wait_s: seconds until the next try, while it waits.
        note: why it waits.
        label: the quantization that was picked.
        files: where it is now.
        is_new: False for one that was there already.
        error: why it failed.
        asked_at: wall seconds.
    """

    id: str
    name: str
    wanted: Wanted
    asked_at: float
    state: str = "queued"
    bytes: int = 0
    total: int = 0
    wait_s: float = 0.0
    note: str = ""
    label: str = ""
    files: tuple[Path, ...] = ()
    is_new: bool = False
    error: BatutaError | None = None
    rate: Rate = field(default_factory=Rate)

    @property
    def is_ended(self) -> bool:
        """It will not change any more."""
        return self.state in ENDED

    @property
    def is_stoppable(self) -> bool:
        """It can still be called off."""
        return not self.is_ended and self.state != "finishing"


class Downloads:
    """All downloads of one installation.

    Args:
        settings: says where models belong.
        clock: for rates, pauses and times.
        bus: told how each one goes, at most four times a second.
        on_error: called with (task name, error) if the worker dies, which is a bug.
        environ: where the hub and the token are looked up; the process's own when None.
        refresh: awaited when a model has arrived: has the catalog look.
        disk: what is written to.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        bus: Bus,
        on_error: Callable[[str, BaseException], None],
        environ: Mapping[str, str] | None = None,
        refresh: Refresh | None = None,
        disk: Disk = DISK,
    ) -> None:
        self.root = settings.model_roots[0]
        self._clock = clock
        self.bus = bus
        self._environ = os.environ if environ is None else environ
        self._refresh = refresh
        self._disk = disk
        self._tasks = Tasks(on_error)
        self._transport = Transport(LIMITS, reach=Reach(local_only=settings.local_only))
        self._pulls: dict[str, Pull] = {}
        self._queue: deque[Pull] = deque()
        self._ids = itertools.count(1)
        self._current: tuple[Pull, asyncio.Task[Fetched | None]] | None = None
        self._is_working = False
        self._told: dict[str, tuple[float, str]] = {}
        self._changed = asyncio.Event()
        self.uploads = Uploads(self.root, disk=disk, refresh=refresh)
        self._own = config_path(self._environ).parent / starters.FILE_NAME
        self._catalogue: starters.Catalogue | None = None

    async def catalogue(self) -> starters.Catalogue:
        """Return the catalogue as the files are now."""
        self._catalogue = await in_thread(starters.read, self._own)
        return self._catalogue

    @property
    def known_catalogue(self) -> starters.Catalogue | None:
        """The catalogue as it was last read; None before the first time."""
        return self._catalogue

    def all(self) -> list[Pull]:
        """Return the downloads, the oldest first."""
        return list(self._pulls.values())

    def get(self, pull_id: str) -> Pull | None:
        """Return one; None if there is none of that id."""
        return self._pulls.get(pull_id)

    async def start(self, name: str) -> Pull:
        """Begin a download, or queue it; one that is under way already is returned as it is.

        Raises:
            UnknownDownload: the name means nothing.
            Conflict: too many are queued.
        """
        wanted = parse(name, (await self.catalogue()).sources)
        for pull in self._pulls.values():
            if not pull.is_ended and pull.wanted == wanted:
                return pull
        if len(self._queue) >= MOST_QUEUED:
            raise Conflict(f"{MOST_QUEUED} downloads are queued already; wait for one, or cancel one")
        pull = Pull(f"pull-{next(self._ids)}", name, wanted, self._clock.wall())
        self._pulls[pull.id] = pull
        self._forget_old()
        self._queue.append(pull)
        self._tell(pull)
        if not self._is_working:
            self._is_working = True
            self._tasks.start(self._work(), name="downloads")
        return pull

    def cancel(self, pull: Pull) -> Pull:
        """Call it off; what came is kept, so that the next one goes on from there. Raises Conflict at its very end."""
        if pull.is_ended:
            return pull
        if not pull.is_stoppable:
            raise Conflict(f"{pull.name} is whole and is being put into its place; it cannot be called off any more")
        if pull in self._queue:
            self._queue.remove(pull)
            self._end(pull, "cancelled")
        elif self._current is not None and self._current[0] is pull:
            self._current[1].cancel()
            pull.state = "cancelled"
        return pull

    async def discard(self, name: str) -> int:
        """Throw away what cut or cancelled downloads of that name have left; return how many bytes that was.

        Raises:
            UnknownDownload: the name means nothing.
            Conflict: it is being downloaded at this moment.
        """
        wanted = parse(name, (await self.catalogue()).sources)
        return await in_thread(discard_leftovers, self.root, wanted)

    async def wait(self, pull: Pull) -> Pull:
        """Return when it has ended."""
        while not pull.is_ended or (self._current is not None and self._current[0] is pull):
            self._changed.clear()
            await self._changed.wait()
        return pull

    async def aclose(self) -> None:
        """Stop; what came is kept."""
        await self._tasks.aclose()
        await self._transport.aclose()

    # One after the other ------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        try:
            while self._queue:
                await self._run(self._queue.popleft())
        finally:
            self._is_working = False

    async def _run(self, pull: Pull) -> None:
        pull.state = "listing"
        try:
            async with asyncio.TaskGroup() as group:  # stopping the worker stops the download with it
                task = group.create_task(self._fetch(pull), name=f"download {pull.id}")
                self._current = (pull, task)
                await asyncio.wait({task})
        except BaseExceptionGroup:  # a fault of ours: whoever waits is told, and the worker's owner too
            pull.error = BatutaBug(
                f"something went wrong inside Batuta while it downloaded {pull.name}; its log says what"
            )
            self._end(pull, "failed")
            raise
        finally:
            self._current = None
        if task.cancelled():
            self._end(pull, "cancelled")
            return
        fetched = task.result()
        if fetched is None:
            self._end(pull, "failed")
            return
        pull.label, pull.files, pull.is_new = fetched.label, fetched.files, fetched.is_new
        pull.bytes = pull.total = fetched.size
        if self._refresh is not None:
            await self._refresh()
        self._end(pull, "done")

    async def _fetch(self, pull: Pull) -> Fetched | None:
        def note(progress: Progress) -> None:
            self._note(pull, progress)

        try:
            place = await in_thread(place_from, self._environ)
            its_own = Provider("hub", "hub", base_url=place.endpoint, is_local=place.endpoint != ENDPOINT)
            self._transport.reach.permit(its_own)  # a mirror on the person's own network is the person's word
            hub = Hub(self._transport, place)
            download = Download(hub, self.root, clock=self._clock, on_progress=note, disk=self._disk)
            return await download.run(pull.wanted)
        except BatutaError as error:
            pull.error = error
            return None

    def _note(self, pull: Pull, progress: Progress) -> None:
        if pull.is_ended:  # called off, and on its way out
            return
        if progress.stage == "downloading":
            pull.rate.note(self._clock.monotonic(), progress.bytes)
        else:
            pull.rate.clear()
        pull.state, pull.bytes, pull.total = progress.stage, progress.bytes, progress.total
        pull.wait_s, pull.note = progress.wait_s, progress.note
        self._tell(pull)

    def _end(self, pull: Pull, state: str) -> None:
        pull.state = state
        pull.wait_s, pull.note = 0.0, ""
        self._told.pop(pull.id, None)
        if state == "done":
            files = tuple(str(path) for path in pull.files)
            self.bus.publish(DownloadFinished(pull.id, pull.name, files, pull.total, pull.is_new))
        elif pull.error is not None:
            self.bus.publish(DownloadFailed(pull.id, pull.name, pull.error.code, pull.error.message))
        else:
            self.bus.publish(DownloadProgress(pull.id, pull.name, state, pull.bytes, pull.total))
        self._changed.set()

    def _tell(self, pull: Pull) -> None:
        """Tell the bus: what is new in kind at once, figures four times a second."""
        now = self._clock.monotonic()
        at, state = self._told.get(pull.id, (0.0, ""))
        if state == pull.state and now - at < TELL_EVERY_S:
            return
        self._told[pull.id] = (now, pull.state)
        rate, left = pull.rate.value, pull.rate.remaining_s(pull.total)
        self.bus.publish(DownloadProgress(pull.id, pull.name, pull.state, pull.bytes, pull.total, rate, left))

    def _forget_old(self) -> None:
        ended = [pull.id for pull in self._pulls.values() if pull.is_ended]
        for pull_id in ended[:-MOST_KEPT]:
            del self._pulls[pull_id]


def view(pull: Pull) -> dict[str, Any]:
    """Return a download as the API and the command line show it."""
    error = pull.error
    return {
        "id": pull.id,
        "name": pull.name,
        "source": str(pull.wanted),
        "state": pull.state,
        "bytes": pull.bytes,
        "total": pull.total,
        "rate": pull.rate.value,
        "remaining_s": pull.rate.remaining_s(pull.total),
        "wait_s": pull.wait_s,
        "note": pull.note,
        "label": pull.label,
        "files": [str(path) for path in pull.files],
        "is_new": pull.is_new,
        "error": error
        and {"code": error.code, "message": error.message, "suggestion": error.suggestion, **error.details},
        "asked_at": pull.asked_at,
    }
