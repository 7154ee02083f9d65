"""Shows how a load goes on while something else waits for it: a bar on stderr, or lines when it is a pipe."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, Protocol, Self

from batuta.cli.client import model_path
from batuta.cli.escapes import one_line
from batuta.cli.terminal import console, duration, is_terminal, warn
from batuta.errors import BatutaError

ASK_EVERY_S = 0.25
_ARRIVED = {"ready", "failed", "disabled"}


class Asked(Protocol):
    """What is needed of a client."""

    def get(self, path: str) -> Any:
        """Return the JSON answer to GET `path`."""
        ...


class Loading:
    """Draws the progress of `model_id` until `stop()`, in a thread of its own. Draws nothing for a model that is ready.

    It is a courtesy: when the gateway cannot tell, nothing is shown, and whoever waits for the model learns why.
    """

    def __init__(self, client: Asked, model_id: str) -> None:
        self._client = client
        self._model_id = model_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="load-progress", daemon=True)
        self._bar = _Bar(model_id) if is_terminal(sys.stderr) else _Lines(model_id)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Wipe the bar and ask no more. May be called twice."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._over.wait(ASK_EVERY_S):
                view = self._client.get(model_path(self._model_id, "status"))
                if not isinstance(view, dict) or view.get("state") in _ARRIVED:
                    return
                self._bar.show(progress_text(view), _fraction(view))
        except BatutaError:
            return  # a virtual model has no status; a gateway that is gone is reported by the one who waits
        finally:
            self._bar.close()


def progress_text(view: dict[str, Any]) -> str:
    """Return the stage of a load in words: `reading 43 %, 2.1 s left`."""
    words = one_line(view.get("stage") or view.get("state") or "waiting")
    if (fraction := _fraction(view)) is not None:
        words = f"{words} {fraction * 100:.0f} %"
    if isinstance(left := view.get("remaining_s"), int | float) and left > 0:
        words = f"{words}, {duration(left)} left"
    return words


def _fraction(view: dict[str, Any]) -> float | None:
    progress = view.get("progress")
    return min(max(float(progress), 0.0), 1.0) if isinstance(progress, int | float) else None


class _Lines:
    """A line on stderr whenever the stage changes."""

    def __init__(self, model_id: str) -> None:
        self._label = one_line(model_id)
        self._stage = ""

    def show(self, text: str, fraction: float | None) -> None:
        del fraction
        stage = text.partition(" ")[0]
        if stage != self._stage:
            self._stage = stage
            warn(f"{self._label}: {text}")

    def close(self) -> None:
        """Leave the lines where they are."""


class _Bar(_Lines):
    """A bar on stderr that disappears when the model is there."""

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self._progress: Any = None
        self._task: Any = None

    def show(self, text: str, fraction: float | None) -> None:
        if self._progress is None:
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

            self._progress = Progress(
                SpinnerColumn("line"),
                TextColumn(self._label, markup=False),
                BarColumn(24),
                TextColumn("{task.fields[text]}", markup=False),
                console=console(sys.stderr),
                transient=True,
            )
            self._task = self._progress.add_task("", total=1.0, text=text)
            self._progress.start()
        total = None if fraction is None else 1.0  # without a total the bar pulses
        self._progress.update(self._task, total=total, completed=fraction or 0.0, text=text)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
