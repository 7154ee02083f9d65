"""Server-sent events: the same events whatever the split."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.chat.sse import Event, SSEParser, comment, encode
from batuta.errors import StreamBroken

LINES = st.lists(
    st.sampled_from(
        [
            b"",
            b"data: one",
            b"data:two",
            b"data:  three",
            b"data",
            b": comment",
            b"event: named",
            b"id: 4",
            b"data: \xc3\xa9",
        ]
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def parse(*chunks: bytes) -> list[Event]:
    parser = SSEParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.close()


@settings(max_examples=150)
@given(lines=LINES, data=st.data(), has_mark=st.booleans())
def test_any_split_gives_the_same_events(lines: list[bytes], data: st.DataObject, has_mark: bool) -> None:
    """However bytes are cut, and whichever line ends are mixed, the events are the same."""
    stream = (b"\xef\xbb\xbf" if has_mark else b"") + b"".join(line + data.draw(ENDS) for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = parse(stream)
    assert parse(*chunks) == whole
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == whole


@settings(max_examples=100)
@given(st.lists(st.text().filter(lambda text: "\r" not in text), min_size=1, max_size=5))
def test_what_is_encoded_is_parsed_back(texts: list[str]) -> None:
    """Any text goes through the encoder and the parser unchanged, line breaks included."""
    stream = b"".join(encode(text, event="note") + comment("tick") for text in texts)
    assert parse(stream) == [Event("note", text.encode()) for text in texts]


def test_an_event_needs_data() -> None:
    """A name alone dispatches nothing and does not stick to the next event."""
    assert parse(b"event: lost\n\ndata: x\n\n") == [Event("", b"x")]


def test_lines_of_data_are_joined() -> None:
    """Several data lines are one event; one space after the colon belongs to the syntax."""
    assert parse(b"data: a\ndata:  b\ndata\n\n") == [Event("", b"a\n b\n")]


def test_the_end_of_the_stream_ends_the_event() -> None:
    """A last event without its empty line, or its line end, still counts."""
    assert parse(b"data: a\n\ndata: [DONE]") == [Event("", b"a"), Event("", b"[DONE]")]


def test_an_event_comes_out_as_soon_as_it_is_whole() -> None:
    """A CR ends a line at once; the LF that may follow is not a second line."""
    parser = SSEParser()
    assert parser.feed(b"data: a\r\r") == [Event("", b"a")]
    assert parser.feed(b"\ndata: b\r\n\r") == [Event("", b"b")]
    assert parser.feed(b"\n") == []


@pytest.mark.parametrize(
    "chunks",
    [[b"data: " + b"x" * 200], [b"x"] * 200, [b"data: " + b"x" * 60 + b"\n"] * 3, [b"y" * 200 + b"\n"]],
    ids=["one piece", "drip", "many lines", "whole line"],
)
def test_a_line_or_event_above_the_cap_is_refused(chunks: list[bytes]) -> None:
    """Neither a line nor the data of an event grows beyond the cap, however it arrives."""
    parser = SSEParser(max_line=100)
    with pytest.raises(StreamBroken, match="100 bytes"):
        [parser.feed(chunk) for chunk in chunks]


def test_a_comment_cannot_smuggle_an_event() -> None:
    """Each line of a comment stays a comment."""
    assert parse(comment("x\ndata: y\n\n")) == []
