"""Sizes, durations and tables as a person reads them."""

from __future__ import annotations

import pytest

from batuta.cli.terminal import duration, memory_text, plain_table, print_table


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (13_040_000_000, "13.0 GB"), (490_000_000, "490 MB"), (128e9, "128 GB")],
)
def test_memory(count: float | None, text: str) -> None:
    """As the page shows them: MB below one GB, one decimal of a GB that is not a large number of them."""
    assert memory_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (61, "1 min"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float | None, text: str) -> None:
    """Seconds, minutes or hours, whichever says it shortest."""
    assert duration(seconds) == text


def test_a_piped_table_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows are one line each, nothing is cut or coloured; one very long cell does not widen the other rows."""
    print_table(["A", "B"], [["x" * 200, "1"], ["evil\n\x1b[31mrow", 2]])
    assert capsys.readouterr().out.splitlines() == ["A         B", f"{'x' * 200}  1", "evil row  2"]


def test_an_empty_table_says_so_beside_the_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe stdout stays empty: a script counts lines."""
    print_table(["A"], [], empty="no model")
    assert capsys.readouterr() == ("", "no model\n")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """No blanks at the end of a line."""
    assert plain_table([["a", "b"], ["long", ""]]) == ["a     b", "long"]
