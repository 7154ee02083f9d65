"""Shows how a load goes on while something else waits for it: a bar on stderr, or lines when it is a pipe."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from batuta.cli.client import model_path
from batuta.cli.escapes import one_line
from batuta.cli.terminal import console, duration, is_terminal, warn
from batuta.errors import BatutaError

ASK_EVERY_S = 0.25
_FIGURES = re.compile(r" \([^)]*\)|\d+ answers?")
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
        self._begin()

    def _begin(self) -> None:
        self._over = threading.Event()
        self._bar = _Bar(self._model_id) if is_terminal(sys.stderr) else _Lines(self._model_id)
        self._thread = threading.Thread(target=self._watch, name="load-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def note(self, note: Mapping[str, Any]) -> None:
        """Take in what the gateway says of the wait: the model that a name such as `auto` stands for, or the next."""
        model = note.get("model")
        if isinstance(model, str) and model != self._model_id and "state" in note and not self._over.is_set():
            self.stop()
            self._model_id = model
            self._begin()
            self._thread.start()

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
                self._bar.show(progress_text(view), _fraction(view), subject=_subject(view))
        except BatutaError:
            return  # a virtual model has no status; a gateway that is gone is reported by the one who waits
        finally:
            self._bar.close()


def progress_text(view: dict[str, Any]) -> str:
    """Return what is waited for in words: `waiting for coder to finish 2 answers (about 6 s), then loading it (5 s)`.

    Of a load that has begun, its stage: `reading 43 %, 2.1 s left`.
    """
    if said := _sentence(view):
        return said
    words = one_line(view.get("stage") or view.get("state") or "waiting")
    if (fraction := _fraction(view)) is not None:
        words = f"{words} {fraction * 100:.0f} %"
    if isinstance(left := view.get("remaining_s"), int | float) and left > 0:
        words = f"{words}, {duration(left)} left"
    return words


def _sentence(view: Mapping[str, Any]) -> str:
    found = view.get("forecast")
    said = found.get("sentence") if isinstance(found, Mapping) else None
    return one_line(said) if said and view.get("state") != "loading" else ""


def _subject(view: Mapping[str, Any]) -> str:
    """Return what of a view is news when it changes: not its seconds, nor how many answers are left."""
    return _FIGURES.sub("", _sentence(view)) or str(view.get("stage") or view.get("state") or "")


def _fraction(view: dict[str, Any]) -> float | None:
    progress = view.get("progress")
    return min(max(float(progress), 0.0), 1.0) if isinstance(progress, int | float) else None


class _Lines:
    """A line on stderr whenever something else is waited for."""

    def __init__(self, model_id: str) -> None:
        self._label = one_line(model_id)
        self._subject = ""

    def show(self, text: str, fraction: float | None, *, subject: str) -> None:
        del fraction
        if subject != self._subject:
            self._subject = subject
            warn(f"{self._label}: {text}")

    def close(self) -> None:
        """Leave the lines where they are."""


class _Bar(_Lines):
    """A bar on stderr that disappears when the model is there."""

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self._progress: Any = None
        self._task: Any = None

    def show(self, text: str, fraction: float | None, *, subject: str) -> None:
        del subject
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
