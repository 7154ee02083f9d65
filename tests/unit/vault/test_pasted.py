"""What a person pastes: taken as a key, or refused with a word on what is wrong and never the key itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import BadRequest
from batuta.vault.pasted import cleaned
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key"


@pytest.mark.parametrize(
    "given_", [KEY, f" {KEY}", f"{KEY}\n", f"\t{KEY}\r\n", f"\ufeff{KEY}", f"\u200b {KEY}\u00a0", f"\n\n {KEY} \n"]
)
def test_what_stands_around_a_key_is_taken_away(given_: str) -> None:
    """Spaces, line breaks and invisible characters of the page it was copied from."""
    assert cleaned(Secret(given_)).matches(KEY)


REFUSED = {
    "": "it is empty",
    " \n\ufeff": "it is empty",
    "sk-test not": "character 8",
    "sk-test\nnot": "character 8",
    "sk-te\u00e9st": "character 6",
    "sk-\u2013test": "character 4",
    "sk-te\u0441t": "character 6",
    "sk-\x00test": "character 4 is a control character",
    "sk-\x1b[201~": "character 4 is a control character",
    "sk-\u200btest": "character 4",
    "\ud800sk": "character 1",
    f'"{KEY}"': "in quotes",
    f"\u201c{KEY}\u201d": "in quotes",
    f"Bearer {KEY}": 'begins with the word "Bearer"',
    f"x-api-key: {KEY}": "begins with the word",
    f"export A={KEY}": "begins with the word",
    "sk-***...***abcd": "masked",
    "\u2022\u2022\u2022\u2022abcd": "masked",
    "k" * 4097: "4,097 characters",
}


@pytest.mark.parametrize("given_", REFUSED, ids=ascii)
def test_what_cannot_be_a_key_is_refused(given_: str) -> None:
    """Each with its own reason, and without repeating what was pasted."""
    with pytest.raises(BadRequest) as caught:
        cleaned(Secret(given_))
    assert REFUSED[given_] in caught.value.message
    assert KEY not in caught.value.message


@given(st.text(max_size=40))
def test_any_text_is_a_clean_key_or_refused(text: str) -> None:
    """What is taken is printable ASCII without spaces and has nothing around it; what is refused never shows."""
    try:
        key = cleaned(Secret(text)).reveal()
    except BadRequest as error:
        inner = text.strip()
        assert len(inner) < 6 or inner not in error.message  # noqa: PT017  # both outcomes are fine
        return
    assert key
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert key in text
