"""Tokens become text without broken characters, and stop strings end it wherever tokens are cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.loader.engines.hf.text import Detokenizer, StopReader


class Bytes:
    """A tokenizer with one token a byte; 256 is an end."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:
        assert not skip_special_tokens
        assert not clean_up_tokenization_spaces
        return bytes(token_ids).decode("utf-8", "replace")


class Words:
    """A tokenizer like SentencePiece: a word has a space before it unless it is the first."""

    def decode(self, token_ids: Sequence[int], **_options: bool) -> str:
        return " ".join(f"w{token}" for token in token_ids)


@given(st.text(max_size=20))
def test_characters_come_whole(text: str) -> None:
    """A character of several tokens is never given out in halves."""
    words = Detokenizer(Bytes())
    said = [words.add(token) for token in text.encode()]
    assert "".join([*said, words.finish()]) == text
    assert not [piece for piece in said if "\ufffd" in piece and "\ufffd" not in text]


class Pieces:
    """A tokenizer whose tokens are rows of bytes, cut anywhere; bytes that are not sound are marks, one each."""

    def __init__(self, pieces: list[bytes], errors: str) -> None:
        self._pieces = pieces
        self._errors = errors

    def decode(self, token_ids: Sequence[int], **_options: bool) -> str:
        data = b"".join(self._pieces[token] for token in token_ids)
        if self._errors == "replace":
            return data.decode("utf-8", "replace")
        try:
            return data.decode()
        except UnicodeDecodeError:
            return "\ufffd" * len(data)  # as byte fallback does with a row of bytes


@given(st.text("😀é漢a", max_size=12), st.data())
def test_characters_come_whole_however_tokens_cut_them(text: str, data: st.DataObject) -> None:
    """Tokens may begin and end within characters, many in a row: no half of one is ever given out."""
    content = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(content)))))
    pieces = [content[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    words = Detokenizer(Pieces(pieces, "replace"))
    assert "".join([*map(words.add, range(len(pieces))), words.finish()]) == text


def test_many_tokens_in_a_row_may_end_within_a_character() -> None:
    """Tokens of whole size that are one byte off: nothing is broken however long it goes on."""
    content = ("漢" * 9).encode()
    pieces = [content[:1], *(content[at : at + 3] for at in range(1, len(content), 3))]
    words = Detokenizer(Pieces(pieces, "replace"))
    assert "".join(map(words.add, range(len(pieces)))) == "漢" * 9


@given(st.text("😀é漢", max_size=8))
def test_characters_come_whole_where_bytes_are_tokens(text: str) -> None:
    """A decoder that falls back to bytes marks the sound bytes before too: they are not given out again."""
    pieces = [bytes([byte]) for byte in text.encode()]
    words = Detokenizer(Pieces(pieces, "fallback"))
    assert "".join([*map(words.add, range(len(pieces))), words.finish()]) == text


def test_a_token_keeps_the_space_before_it() -> None:
    """What a token says depends on those before it."""
    words = Detokenizer(Words())
    assert [words.add(1), words.add(2), words.add(3), words.finish()] == ["w1", " w2", " w3", ""]


def test_ends_and_roles_are_no_text() -> None:
    """Silent tokens leave no trace, not even in their neighbours."""
    words = Detokenizer(Words(), silent={2})
    assert [words.add(1), words.add(2), words.add(3)] == ["w1", "", " w3"]


def test_a_word_after_a_prompt_keeps_the_space_before_it() -> None:
    """The last tokens of the prompt are decoded with the first one said, and are not said."""
    words = Detokenizer(Words(), silent={2}, after=[9, 8, 7, 6, 5, 2])
    assert [words.add(1), words.add(3), words.finish()] == [" w1", " w3", ""]


def test_bytes_that_are_no_text_are_given_out_in_the_end() -> None:
    """A model that says broken bytes does not hold its answer back for ever."""
    words = Detokenizer(Bytes())
    assert "".join(words.add(0xFF) for _ in range(20)).count("\ufffd") >= 12
    words = Detokenizer(Bytes())
    assert (words.add(0xE2), words.finish()) == ("", "\ufffd")


@pytest.mark.parametrize(
    ("text", "stops", "said"),
    [
        ("Hello END bye", ["END"], "Hello "),
        ("Hello EN bye", ["END"], "Hello EN bye"),
        ("one\n\ntwo", ["\n\n", "two"], "one"),
        ("EEND", ["END"], "E"),
        ("abc", [], "abc"),
        ("abc", ["abcd", "b"], "a"),
        ("ababac", ["abac"], "ab"),
    ],
)
def test_a_stop_string_ends_the_text(text: str, stops: list[str], said: str) -> None:
    """The text before it goes out, it and the rest do not, and what only looked like one does."""
    reader = StopReader(stops)
    assert reader.feed(text) + reader.finish() == said
    assert reader.is_stopped == (said != text)


@given(st.text("ab", max_size=12), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.data())
def test_a_stop_string_is_found_however_tokens_cut_it(text: str, stops: list[str], data: st.DataObject) -> None:
    """Cut anywhere: the same text, and never a letter that belongs to a stop string."""
    whole, cut = StopReader(stops), StopReader(stops)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    chunks = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    expected = whole.feed(text) + whole.finish()
    assert "".join(map(cut.feed, chunks)) + cut.finish() == expected
    assert not any(stop in expected for stop in stops)
