"""Reading a request body: what is checked, and that everything else passes through."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import BadRequest
from batuta.gateway.call import ENDPOINTS, Call, body_for, read_call

CHAT = ENDPOINTS["/v1/chat/completions"]


WORDS = [{"role": "user", "content": "hi"}]


def read(**body: object) -> Call:
    return read_call(orjson.dumps(body), CHAT, request_id="r", deadline=1.0)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"messages": WORDS}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "", "messages": WORDS}, "model"),
        ({"model": "a\nb", "messages": WORDS}, "model"),
        ({"model": 7, "messages": WORDS}, "model"),
        ({"model": "m", "messages": WORDS, "temperature": -1}, "temperature"),
        ({"model": "m", "messages": WORDS, "temperature": "hot"}, "temperature"),
        ({"model": "m", "messages": WORDS, "n": 10**9}, "n"),
        ({"model": "m", "messages": WORDS, "n_discard": -5}, "n_discard"),
        ({"model": "m", "messages": WORDS, "max_tokens": 10**18}, "max_tokens"),
        ({"model": "m", "messages": WORDS, "stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_field_is_refused_by_name(body: dict[str, object], word: str) -> None:
    """The message says which field, before any engine sees it."""
    with pytest.raises(BadRequest, match=word):
        read(**body)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[1]", b'{"model": "m", ', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Bad bytes are the caller's error, whatever they are."""
    with pytest.raises(BadRequest):
        read_call(body, CHAT, request_id="r", deadline=1.0)


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_but_a_call_or_a_typed_error(body: bytes) -> None:
    """The door holds."""
    with suppress(BadRequest):
        assert read_call(body, CHAT, request_id="r", deadline=1.0).model


def test_the_body_goes_on_as_it_came_when_the_name_is_the_same() -> None:
    """Not one byte is re-encoded without need."""
    call = read(model="m", messages=WORDS, unknown={"kept": [1, 2.5, None]})
    assert body_for(call, "m") is call.body


def test_only_the_name_changes_when_the_engine_calls_it_otherwise() -> None:
    """Unknown fields pass through."""
    call = read(model="a/m", messages=WORDS, unknown={"kept": [1, 2.5, None]})
    assert orjson.loads(body_for(call, "m")) == {"model": "m", "messages": WORDS, "unknown": {"kept": [1, 2.5, None]}}


def test_a_body_that_cannot_be_written_again_is_refused() -> None:
    """One that is nested too deep is the caller's to mend."""
    body = b'{"model":"a/m","messages":[{}],"tools":' + b"[" * 400 + b"]" * 400 + b"}"
    call = read_call(body, CHAT, request_id="r", deadline=1.0)
    with pytest.raises(BadRequest, match="cannot be passed on"):
        body_for(call, "m")


def test_embeddings_cannot_stream() -> None:
    """Said plainly rather than ignored."""
    with pytest.raises(BadRequest, match="stream"):
        read_call(b'{"model":"m","input":"x","stream":true}', ENDPOINTS["/v1/embeddings"], request_id="r", deadline=1.0)
