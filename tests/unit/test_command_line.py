"""Command lines in the settings: how they are cut, which macros they may name, and what is put in."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.command_line import check_macros, expand, split, variables


def test_lines_quotes_comments_and_continuations() -> None:
    """Written as a person writes a long command, with what it means beside it."""
    text = """
      llama-server \\
        --port ${PORT}
      # the model
        -m "/my models/a.gguf" --system 'it''s' # not a comment here
    """
    assert split(text) == (
        "llama-server", "--port", "${PORT}", "-m", "/my models/a.gguf", "--system", "its", "#", "not", "a", "comment",
        "here",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no program"),
        ("   # only this", "names no program"),
        ("'' --port 1", "names no program"),
        ("a 'b", "quotes do not match"),
        ("a \\", "quotes do not match"),
        ("a | b", "| means nothing here"),
        ("cd /x && a", "&& means nothing here"),
        ("a > log 2>&1", "> means nothing here"),
        ("a \0b", "zero byte"),
    ],
)
def test_what_cannot_be_run_is_told(text: str, said: str) -> None:
    """Empty, unbalanced, or a shell's work."""
    with pytest.raises(ValueError, match=said.replace("|", r"\|")):
        split(text)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_any_words_can_be_written(words: list[str]) -> None:
    """What shlex quotes comes back word for word; nothing a file or folder is called is out of reach."""
    operators = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1", "&>"}
    line = shlex.join(words)
    if not words[0] or any("\n" in w or "\r" in w for w in words) or operators & set(words):
        return
    assert split(line) == tuple(words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${PROT}", r"did you mean \$\{PORT\}"),
        ("${port}", r"did you mean \$\{PORT\}"),
        ("${PID}", "is no macro"),
        ("${}", "is no macro"),
        ("${env.}", "is no macro"),
        ("${env.A-B}", "is no macro"),
    ],
)
def test_an_unknown_macro_is_told_with_the_nearest(text: str, said: str) -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match=said):
        check_macros(text)


def test_macros_are_put_in_once() -> None:
    """What is put in is not looked at again; a dollar sign alone is a dollar sign."""
    check_macros("${PORT} ${MODEL_ID} ${env.HF_TOKEN} $HOME $$ {x}")
    check_macros("kill ${PID}", ["PID"])
    assert expand("${A}${B} $A", {"A": "${B}", "B": "b"}) == "${B}b $A"
    assert variables(["${env.B} ${env.A}", "${env.A} ${PORT}"]) == ["A", "B"]
