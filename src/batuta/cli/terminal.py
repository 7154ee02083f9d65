"""How commands write: tables, sizes, JSON and messages. Rich in a terminal, plain text in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from batuta.cli.escapes import one_line

if TYPE_CHECKING:
    from rich.console import Console


_UNITS = ("B", "kB", "MB", "GB", "TB")
_WITH_DECIMAL = _UNITS.index("GB")
WIDEST = 48  # characters that a column in a pipe is padded to; one long name is no reason for 300 columns of blanks


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a person reads `stream` (stdout when None)."""
    stream = sys.stdout if stream is None else stream
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def console(stream: TextIO | None = None) -> Console:
    """Return a rich console on `stream` (stdout when None) that takes no text for markup."""
    from rich.console import Console  # a tenth of a second, spared where nothing is drawn

    return Console(file=stream or sys.stdout, highlight=False, markup=False, emoji=False)


def memory_text(count: float | None) -> str:
    """Return bytes as the page shows them, in thousands: `490 MB`, `9.1 GB`, `128 GB`; `-` when unknown."""
    if count is None:
        return "-"
    power = 0
    while count >= 999.5 and power < len(_UNITS) - 1:
        count /= 1000
        power += 1
    return f"{count:.{1 if power >= _WITH_DECIMAL and count < 99.95 else 0}f} {_UNITS[power]}"


def duration(seconds: float | None) -> str:
    """Return seconds as a person says them: `2.4 s`, `3 min`, `2 h 5 min`; `-` when unknown."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def print_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    print(json.dumps(value, indent=2, default=str))


def print_json_line(value: Any) -> None:
    """Print `value` as one line of JSON, at once."""
    print(json.dumps(value, default=str), flush=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "nothing") -> None:
    """Print rows under headings. In a pipe: columns padded with blanks, nothing cut, `empty` on stderr."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not cells:
        print(empty, file=sys.stdout if is_terminal() else sys.stderr)
    elif is_terminal():
        _print_rich(columns, cells)
    else:
        print("\n".join(plain_table([list(columns), *cells])))


def plain_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines, each column as wide as its widest cell of a usual length, two blanks between them."""
    widths = [
        max((len(row[place]) for row in rows if len(row[place]) <= WIDEST), default=0) for place in range(len(rows[0]))
    ]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    console().print(table)


def print_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """Print `name  value` lines, the values in one column."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        print(f"{name:<{width}}  {one_line(value)}".rstrip())


def warn(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)
