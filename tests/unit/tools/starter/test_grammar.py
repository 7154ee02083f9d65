"""The grammar of phrasings."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.starter import grammar


def test_choices_nest_and_may_be_empty() -> None:
    """Every text of a template is one way through its choices."""
    assert sorted(grammar.every("(a|b(c|d)|)x")) == ["ax", "bcx", "bdx", "x"]


def test_spaces_left_by_empty_choices_are_taken_away() -> None:
    """No text has two spaces, a space at an end, or one before a mark."""
    assert grammar.every("load (the |)model (now|)?") == [
        "load the model now?",
        "load the model?",
        "load model now?",
        "load model?",
    ]


def test_a_backslash_keeps_the_character() -> None:
    """Brackets can be part of the text."""
    assert grammar.every(r"f\(x\|y\)") == ["f(x|y)"]


@pytest.mark.parametrize("template", ["(a|b", "a)", "((a)"])
def test_a_bracket_without_its_partner_is_refused(template: str) -> None:
    """A slip in a template is an error, not a strange text."""
    with pytest.raises(grammar.BadTemplate, match="bracket"):
        grammar.count(template)


def test_a_slot_without_a_value_is_an_error() -> None:
    """No text goes out with an unfilled slot."""
    assert grammar.fill("sum of {a} and {b}", {"a": "1", "b": "2"}) == "sum of 1 and 2"
    with pytest.raises(KeyError):
        grammar.fill("{a}", {})


TEMPLATES = st.recursive(
    st.text("ab ", max_size=3),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
    max_leaves=8,
)


@given(TEMPLATES, st.integers())
def test_an_expansion_is_one_of_all_and_they_are_as_many_as_counted(template: str, seed: int) -> None:
    """What chance gives is among what counting counts."""
    texts = grammar.every(template)
    assert len(texts) == grammar.count(template)
    assert grammar.expand(template, Random(seed)) in texts
