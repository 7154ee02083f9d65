"""Flags of single models: rows with a date, the later over the earlier, a person's own over those that come along."""

from __future__ import annotations

from datetime import date

import pytest

from batuta.catalog.model_flags import ModelFlags, known_flags, read_rows
from batuta.errors import BadSettings

ROWS = """
[[model]]
provider = "acme"
pattern = "big-.*"
date = 2026-11-21
max_tokens = 10
sampling = "all"

[[model]]
provider = "acme"
pattern = "big-2"
date = 2026-11-21
sampling = "none"
"""


def test_later_rows_override_earlier_ones() -> None:
    """A family is one row, its odd member another; the whole name has to fit, in any case."""
    flags = ModelFlags(read_rows(ROWS, where="rows"))
    assert flags.of("acme", "big-1") == {"max_tokens": 10, "sampling": "all"}
    assert flags.of("acme", "BIG-2") == {"max_tokens": 10, "sampling": "none"}
    assert not flags.of("acme", "not-big-2")
    assert not flags.of("other", "big-2")


def test_a_persons_rows_go_over_those_that_come_along() -> None:
    """One line is enough to correct what is out of date."""
    flags = ModelFlags(read_rows(ROWS, where="rows"))
    mine = read_rows('[[model]]\nprovider="acme"\npattern="big-1"\ndate=2026-12-01\nmax_tokens=20', where="mine")
    assert flags.over(mine).of("acme", "big-1") == {"max_tokens": 20, "sampling": "all"}
    assert flags.of("acme", "big-1")["max_tokens"] == 10
    assert mine[0].date == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[model]]\nprovider = 1", "row 1 needs a `provider`"),
        ('[[model]]\nprovider="a"\npattern="("\ndate=2026-01-01', "no pattern"),
        ('[[model]]\nprovider="a"\npattern="x"\ndate="soon"', "needs a `date`"),
        ("model = 7", "as \\[\\[model\\]\\]"),
        ("model = [7]", "row 1"),
        ("=", "is not TOML"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(text: str, words: str) -> None:
    """The message says which file, which row, and what is missing."""
    with pytest.raises(BadSettings, match=words) as caught:
        read_rows(text, where="mine.toml")
    assert "mine.toml" in caught.value.message


@pytest.mark.parametrize(
    ("model", "sampling", "thinking", "max_tokens"),
    [
        ("claude-3-haiku-20240307", "all", "none", 4096),
        ("claude-3-7-sonnet-latest", "all", "budget", 64_000),
        ("claude-opus-4-20250514", "all", "budget", 32_000),
        ("claude-opus-4-1-20250805", "one", "budget", 32_000),
        ("claude-haiku-4-5", "one", "budget", 64_000),
        ("claude-sonnet-4-6", "one", "adaptive", 128_000),
        ("claude-opus-4-7", "none", "adaptive", 128_000),
        ("claude-opus-4-10", "none", "adaptive", 64_000),
        ("claude-sonnet-5-5", "none", "adaptive", 128_000),
        ("claude-haiku-5-5", "none", "adaptive", 64_000),
        ("some-other-model", "all", "none", 8192),
    ],
)
def test_the_families_of_claude_are_known(model: str, sampling: str, thinking: str, max_tokens: int) -> None:
    """Sampling is for the families up to 4.6; a name nobody knows yet is taken for one of the newest."""
    flags = known_flags().of("anthropic", model)
    assert (flags["sampling"], flags["thinking"], flags["max_tokens"]) == (sampling, thinking, max_tokens)


def test_the_newest_of_some_families_are_odd() -> None:
    """They think always, and some cannot be forced to call a tool."""
    flags = known_flags()
    assert [flags.of("anthropic", f"claude-fable-{n}")["can_force"] for n in ("5", "5-1")] == [True, False]
    assert not flags.of("anthropic", "claude-mythos-5")["can_rest"]
