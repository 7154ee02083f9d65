"""Shows how Batuta starts: bars in a terminal, plain lines in a pipe, JSON lines for scripts.

Each view is called with every fact, and falls silent when the start is over: nobody may read the pipe any more, and
a full pipe would stop the gateway. What a view writes until then is bounded, and fits into a pipe.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from batuta.cli.escapes import one_line
from batuta.cli.terminal import console, duration, is_terminal, print_json_line, warn
from batuta.cli.wanted import Wanted
from batuta.installation import usable_url
from batuta.observe.events import (
    CatalogChanged,
    Fact,
    Listening,
    LoaderChanged,
    LoadProgressed,
    ModelStateChanged,
    Started,
    Starting,
)

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

STEP_PERCENT = 25  # a pipe gets a line each quarter of a load
_SETTLED = {"ready", "failed", "disabled", "asleep"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the start. `fraction` 0..1, None where nobody knows; `mark`: ` ` goes on, `+` done, `!` wrong."""

    label: str
    text: str
    fraction: float | None = None
    mark: str = " "


@dataclass(slots=True)
class StartState:
    """What has been told of the start so far, in the order it was first told."""

    wanted: Wanted = field(default_factory=Wanted)
    models: set[str] = field(default_factory=set)
    rows: dict[str, Row] = field(default_factory=dict)
    url: str | None = None
    is_started: bool = False
    ready: set[str] = field(default_factory=set)

    def apply(self, fact: Fact) -> str | None:
        """Take a fact in; return the key of the row that changed, None when none did."""
        if isinstance(fact, Started):
            self.is_started = True
            self._finish_steps()
            if problem := self.wanted.problem(self.models):
                self.rows["brain"] = Row("models", problem, None, "!")
                return "brain"
            return None
        key, row = self._row(fact)
        if row is not None:
            self.rows[key] = row
        return key if row is not None else None

    @property
    def is_over(self) -> bool:
        """Whether the port is open, everything was started, and no model is on its way any more."""
        is_busy = any(key.startswith("model ") and row.mark == " " for key, row in self.rows.items())
        return self.url is not None and self.is_started and not is_busy

    def _row(self, fact: Fact) -> tuple[str, Row | None]:
        match fact:
            case Starting():
                return self._step(fact)
            case LoaderChanged():
                return "loader", _loader_row(fact)
            case LoadProgressed():
                return f"model {fact.model}", _progress_row(fact)
            case ModelStateChanged():
                self._note(fact)
                key = f"model {fact.model}"
                # A model that nobody asked for yet (discovered, switched off) is not part of the start.
                return key, _state_row(fact) if key in self.rows or fact.new == "failed" else None
            case CatalogChanged():
                self.models |= {*fact.added, *fact.changed}
                self.models -= {*fact.absent}
                return "", None
            case Listening():
                self.url = usable_url(fact.url)
                where = "" if self.url == fact.url else " on all addresses of this machine"
                return "gateway", Row("gateway", f"listening{where} after {duration(fact.seconds)}", 1.0, "+")
            case _:
                return "", None

    def _step(self, fact: Starting) -> tuple[str, Row]:
        self._finish_steps()
        if fact.step != "model":
            return fact.step, Row(fact.step, one_line(fact.detail))
        self.is_started = True  # the default model is the last step
        label = f"model {one_line(fact.detail)}"
        is_there = fact.detail in self.ready
        return f"model {fact.detail}", Row(label, "ready" if is_there else "waiting", None, "+" if is_there else " ")

    def _note(self, fact: ModelStateChanged) -> None:
        (self.ready.add if fact.new == "ready" else self.ready.discard)(fact.model)

    def _finish_steps(self) -> None:
        """Mark the steps before as done; loader and models have facts of their own for that."""
        for key, row in self.rows.items():
            if row.mark == " " and key != "loader" and not key.startswith("model "):
                text = self.wanted.found(len(self.models)) if key == "catalog" else row.text
                self.rows[key] = replace(row, text=text, mark="+")


def _loader_row(fact: LoaderChanged) -> Row:
    text = {"up": "running", "starting": "starting", "down": "gone, starting again", "fatal": "given up"}
    words = text.get(fact.state, fact.state)
    if fact.pid:
        words = f"{words} (pid {fact.pid})"
    if fact.message:
        words = f"{words}: {one_line(fact.message)}"
    return Row("loader", words, 1.0 if fact.state == "up" else None, {"up": "+", "fatal": "!"}.get(fact.state, " "))


def _progress_row(fact: LoadProgressed) -> Row:
    text = fact.stage
    if fact.fraction is not None:
        text = f"{text} {fact.fraction * 100:.0f} %"
    if fact.remaining_s:
        text = f"{text}, {duration(fact.remaining_s)} left"
    return Row(f"model {one_line(fact.model)}", text, fact.fraction)


def _state_row(fact: ModelStateChanged) -> Row | None:
    label = f"model {one_line(fact.model)}"
    if fact.new in {"ready", "asleep"}:
        return Row(label, "ready", 1.0, "+")
    if fact.new in _SETTLED:
        return Row(label, f"{fact.new}: {one_line(fact.message or fact.cause or fact.reason)}", None, "!")
    return None


def last_line(url: str) -> str:
    """Return the line scripts wait for."""
    return f"Batuta is listening on {url}"


class View(Protocol):
    """Takes facts as they happen; must be quick and must not raise."""

    def __call__(self, fact: Fact) -> None:
        """Show a fact."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Silencing(ABC):
    """What the views share: a listener that a closed pipe cannot hurt, and that ends with the start."""

    def __init__(self, on_listening: Callable[[str], None], wanted: Wanted | None = None) -> None:
        self._on_listening = on_listening
        self._state = StartState(wanted or Wanted())
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over = True

    def __call__(self, fact: Fact) -> None:
        if self._is_over:
            return
        key = self._state.apply(fact)
        if isinstance(fact, Listening):
            fact = replace(fact, url=usable_url(fact.url))
        with suppress(OSError, ValueError):  # the reader is gone; the gateway goes on
            self._show(fact, key)
        if isinstance(fact, Listening):
            self._on_listening(fact.url)
        if self._state.is_over:
            self._is_over = True

    @abstractmethod
    def _show(self, fact: Fact, key: str | None) -> None:
        """Show `fact`, which changed the row `key` of the state."""


class JsonView(_Silencing):
    """One JSON object a line, until the start is over; of a load, one a percent."""

    _KINDS = (Starting, LoaderChanged, LoadProgressed, ModelStateChanged, Listening, Started)

    def __init__(self, on_listening: Callable[[str], None], wanted: Wanted | None = None) -> None:
        super().__init__(on_listening, wanted)
        self._told: set[tuple[str, str, int]] = set()

    def _show(self, fact: Fact, key: str | None) -> None:
        if key == "brain":
            warn(f"batuta: {self._state.rows[key].text}")
        if isinstance(fact, LoadProgressed):
            step = (fact.model, fact.stage, -1 if fact.fraction is None else int(fact.fraction * 100))
            if step in self._told:
                return
            self._told.add(step)
        if isinstance(fact, self._KINDS):
            print_json_line(fact.to_json())


class PlainView(_Silencing):
    """A line for each step and each quarter of a load; the last one is the line scripts wait for."""

    def __init__(self, on_listening: Callable[[str], None], wanted: Wanted | None = None) -> None:
        super().__init__(on_listening, wanted)
        self._told: dict[str, tuple[str, int]] = {}
        self._has_last_line = False

    def _show(self, fact: Fact, key: str | None) -> None:
        if key == "brain":
            warn(f"batuta: {self._state.rows[key].text}")  # stdout may have ended with the promised line already
        elif isinstance(fact, Listening):
            self._has_last_line = True
            print(last_line(fact.url), flush=True)
        elif key and not self._has_last_line:
            row = self._state.rows[key]
            if self._is_news(key, row):
                print(f"{row.label}: {row.text}", flush=True)

    def _is_news(self, key: str, row: Row) -> bool:
        quarter = -1 if row.fraction is None else int(row.fraction * 100) // STEP_PERCENT
        now = (row.mark + row.text.partition(" ")[0], quarter)
        is_news = self._told.get(key) != now
        self._told[key] = now
        return is_news


class LiveView(_Silencing):
    """Bars that move. They go on below an open port until the models that are being loaded are there."""

    def __init__(self, on_listening: Callable[[str], None], wanted: Wanted | None = None) -> None:
        super().__init__(on_listening, wanted)
        self._live: Live | None = None
        self._has_line = True  # the picture ends with the promised line, until it is printed below

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._stop()

    def _show(self, fact: Fact, key: str | None) -> None:
        del fact  # the picture is drawn from the state
        if self._live is None and key:
            self._start()
        if self._state.is_over and self._state.url:
            self._has_line = False
            self._stop()
            print(f"\n{last_line(self._state.url)}", flush=True)

    def _start(self) -> None:
        from rich.live import Live

        self._live = Live(console=console(), refresh_per_second=8, get_renderable=self._picture)
        self._live.start()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _picture(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        rows: list[Any] = [_table(list(self._state.rows.values()))]
        if self._state.url and self._has_line:
            rows += [Text(), Text(last_line(self._state.url), style="bold")]
        return Group(*rows)


def _table(rows: list[Row]) -> Any:
    from rich.progress_bar import ProgressBar
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for row in rows:
        mark: Any = {"+": Text("+", style="green"), "!": Text("!", style="bold red")}.get(row.mark)
        is_bar = row.mark == " " and row.fraction is not None
        table.add_row(
            mark or Spinner("line"),
            Text(row.label, style="bold"),
            ProgressBar(total=1.0, completed=row.fraction or 0.0, width=24) if is_bar else Text(""),
            Text(row.text, style="red" if row.mark == "!" else ""),
        )
    return table


def choose_view(
    *, as_json: bool, has_log: bool, on_listening: Callable[[str], None], wanted: Wanted | None = None
) -> View:
    """Return the view that suits stdout. `has_log`: the log is written to the same terminal, where bars would tear."""
    if as_json:
        return JsonView(on_listening, wanted)
    is_live = is_terminal(sys.stdout) and not has_log
    return LiveView(on_listening, wanted) if is_live else PlainView(on_listening, wanted)
