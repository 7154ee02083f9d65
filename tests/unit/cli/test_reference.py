"""The reference pages say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.cli.reference import commands_page, settings_page, settings_table, size_text
from batuta.settings import known_names

PAGES = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize(("name", "renew"), [("settings.md", settings_page), ("cli.md", commands_page)])
def test_the_generated_parts_are_current(name: str, renew: object) -> None:
    """`python -m batuta.cli.reference` would change nothing."""
    assert callable(renew)
    page = (PAGES / name).read_text(encoding="utf-8")
    assert page == renew(page), "run: .venv/bin/python -m batuta.cli.reference"


def test_every_setting_is_in_the_table_with_its_meaning() -> None:
    """No setting without a row, no row without a word on it."""
    rows = {row.split("|")[1].strip(" `"): row.split("|")[-2].strip() for row in settings_table().splitlines()[2:]}
    entries = ("providers", "commands")  # tables of their own
    groups = {name.partition(".")[0] for name in rows if "." in name}
    known = {name for name in known_names() if name not in groups and not name.startswith(entries)}
    assert set(rows) == known
    assert all(rows.values()), [name for name, text in rows.items() if not text]


def test_sizes_are_written_as_a_person_would() -> None:
    """Binary sizes in binary units, round decimal ones in decimal."""
    assert [size_text(size) for size in (32 << 20, 256 << 10, 1_500_000_000)] == ["32MiB", "256KiB", "1.5GB"]
