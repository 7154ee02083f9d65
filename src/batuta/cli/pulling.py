"""What `batuta pull` does where no gateway runs, and how it shows how far a download is. Starts no other process."""

from __future__ import annotations

import asyncio
import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from batuta.cli.escapes import one_line
from batuta.cli.terminal import console, duration, is_terminal, memory_text, warn

if TYPE_CHECKING:
    from batuta.downloads.service import Downloads
    from batuta.settings import Settings

LINE_EVERY = 10  # per cent: a log of a download of hours stays readable


def title(view: dict[str, Any]) -> str:
    """Return what to call a download: its name, and what was picked of it."""
    label = f" ({view['label']})" if view.get("label") else ""
    return one_line(f"{view['name']}{label}")


def progress_text(view: dict[str, Any]) -> str:
    """Return how far it is in words: `downloading 1.2 GB of 2.0 GB, 11 MB/s, 70 s left`."""
    state = str(view["state"])
    if state == "waiting":
        return one_line(f"{view['note']}: trying again in {duration(view['wait_s'])}")
    words = state
    if view["total"]:
        words += f" {memory_text(view['bytes'])} of {memory_text(view['total'])}"
    if view["rate"]:
        words += f", {memory_text(view['rate'])}/s"
    if view["remaining_s"] is not None:
        words += f", {duration(view['remaining_s'])} left"
    return one_line(words)


class Shown:
    """A bar on stderr in a terminal, a line now and then in a pipe."""

    def __init__(self, name: str) -> None:
        self._name = one_line(name)
        self._is_bar = is_terminal(sys.stderr)
        self._progress: Any = None
        self._task: Any = None
        self._last: tuple[str, int] = ("", -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def show(self, view: dict[str, Any]) -> None:
        """Show a moment of the download."""
        if self._is_bar:
            self._draw(view)
            return
        step = int(view["bytes"] * 100 / view["total"]) // LINE_EVERY if view["total"] else 0
        if (view["state"], step) != self._last:
            self._last = (str(view["state"]), step)
            warn(f"{self._name}: {progress_text(view)}")

    def _draw(self, view: dict[str, Any]) -> None:
        if self._progress is None:
            from rich.progress import BarColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn(self._name, markup=False),
                BarColumn(24),
                TextColumn("{task.fields[text]}", markup=False),
                console=console(sys.stderr),
                transient=True,
            )
            self._task = self._progress.add_task("", total=None, text="")
            self._progress.start()
        self._progress.update(
            self._task, total=view["total"] or None, completed=view["bytes"], text=progress_text(view)
        )

    def close(self) -> None:
        """Wipe the bar. May be called twice."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def starters_here(settings: Settings) -> dict[str, Any]:
    """Return the catalogue as the gateway would, with what fits this machine."""
    import os

    from batuta.app import budget_of
    from batuta.downloads.starters import FILE_NAME, read
    from batuta.loader.memory import devices
    from batuta.settings import config_path

    budgets = [budget_of(device, settings) for device in devices()]
    catalogue = read(config_path(os.environ).parent / FILE_NAME)
    found = [
        starter.model_dump(exclude={"is_default"}) | {"default": starter.is_default, "fits": starter.fits(budgets)}
        for starter in catalogue.starters.values()
    ]
    return {"date": catalogue.date, "problem": catalogue.problem, "starters": found}


def pull_here(settings: Settings, name: str, shown: Shown) -> dict[str, Any]:
    """Download in this process. Raises what the download raises; KeyboardInterrupt when it was stopped."""
    return asyncio.run(_pull(settings, name, shown))


async def _pull(settings: Settings, name: str, shown: Shown) -> dict[str, Any]:
    from batuta.downloads.service import view
    from batuta.observe.events import DownloadProgress

    downloads = _downloads(settings)
    try:
        pull = await downloads.start(name)

        def follow(fact: Any) -> None:
            if isinstance(fact, DownloadProgress):
                shown.show(view(pull))

        downloads.bus.listen(follow)
        await downloads.wait(pull)
        if pull.error is not None:
            raise pull.error
        return view(pull) | {"model": None}
    finally:
        await downloads.aclose()


def discard_here(settings: Settings, name: str) -> int:
    """Remove what is left of a download; return its bytes."""

    async def work() -> int:
        downloads = _downloads(settings)
        try:
            return await downloads.discard(name)
        finally:
            await downloads.aclose()

    return asyncio.run(work())


def _downloads(settings: Settings) -> Downloads:
    from batuta.clock import SystemClock
    from batuta.downloads.service import Downloads
    from batuta.observe.bus import Bus

    return Downloads(settings, clock=SystemClock(), bus=Bus(), on_error=_report)


def _report(name: str, error: BaseException) -> None:
    logging.getLogger("batuta.cli").error("%s ended with %s: %s", name, type(error).__name__, error, exc_info=error)
