"""A model's words are shown, never obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.cli.escapes import EscapeStripper, one_line, strip_escapes

pieces = st.lists(st.text(st.sampled_from("ab[];0m?\x1b\x07\x9b\x9d\x9c\x90\n\t\r\\P é\u202e\u2028"), max_size=12))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x07", ""),
        ("\x9b2Jgone", "gone"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("\x1b(Bx", "x"),
        ("a\rb\x08c\x00d", "abcd"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("olá, ação 日本 👍", "olá, ação 日本 👍"),
        ("right\u202eleft", "rightleft"),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
    ],
)
def test_sequences_go_and_words_stay(text: str, shown: str) -> None:
    """Colours, titles, links, clipboard writes and cursor moves vanish; words in any script stay."""
    assert strip_escapes(text) == shown


def test_a_sequence_that_never_ends_hides_little() -> None:
    """An endless sequence cannot swallow the rest of the answer."""
    assert strip_escapes("\x1b]" + "x" * 10_000).count("x") > 9000


@settings(max_examples=150, deadline=None)
@given(pieces)
def test_the_split_makes_no_difference(parts: list[str]) -> None:
    """However a text is cut into pieces, the same is shown."""
    stripper = EscapeStripper()
    assert "".join(stripper.feed(part) for part in parts) == strip_escapes("".join(parts))


@settings(max_examples=150, deadline=None)
@given(st.text() | pieces.map("".join))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """Only tab and line feed are left of all control characters."""
    assert not [char for char in strip_escapes(text) if unicodedata.category(char) == "Cc" and char not in "\n\t"]
    assert len(one_line(text).splitlines()) <= 1
