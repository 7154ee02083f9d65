"""Values that vary in requests, and their split."""

import ast
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.starter import slots

SLOTS = {
    "number": slots.number(1, 500),
    "decimal": slots.decimal(0.5, 90.0),
    "numbers": slots.numbers(1, 99),
    "words": slots.words(slots.PEOPLE),
    "word": slots.word(slots.WORDS),
    "name": slots.name(slots.IDENTIFIERS),
    "invented": slots.invented(),
}


@pytest.mark.parametrize("kind", sorted(SLOTS))
@given(seed=st.integers(0, 2**32))
def test_no_value_is_on_both_sides_of_the_split(kind: str, seed: int) -> None:
    """What is measured was never trained on."""
    slot = SLOTS[kind]
    trained, measured = slot(Random(seed), False), slot(Random(seed + 1), True)
    assert trained.code != measured.code


@pytest.mark.parametrize("kind", sorted(SLOTS.keys() - {"name"}))
def test_the_program_s_text_of_a_value_is_python(kind: str) -> None:
    """A value can stand in a program as it is."""
    rng = Random(3)
    for _ in range(50):
        ast.literal_eval(SLOTS[kind](rng, False).code)


def test_a_list_is_said_in_the_language_of_the_request() -> None:
    """The last two of a list are joined by `and` or by `e`."""
    values = [slots.numbers(1, 99)(Random(seed), False) for seed in range(40)]
    joined = [value for value in values if " and " in value.en]
    assert joined
    assert all(" e " in value.pt and " and " not in value.pt for value in joined)


def test_a_pool_too_small_to_be_split_is_refused() -> None:
    """A slot whose values are all on one side says so, instead of searching for ever."""
    alone = next(n for n in range(100) if not slots.is_held_out(n))
    with pytest.raises(ValueError, match="larger"):
        slots.number(alone, alone)(Random(1), True)
