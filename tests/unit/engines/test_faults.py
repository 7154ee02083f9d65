"""The fault table and the words in its errors."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.chat.dialects.openai import InBandError
from batuta.engines import faults
from batuta.engines.faults import FAULTS, KINDS, STATUSES, Seen
from batuta.errors import (
    BatutaError,
    Cause,
    ContextFull,
    KeyInvalid,
    ModelFailed,
    ModelLoading,
    OutOfCredit,
    StreamBroken,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)

KEY = "sk-test-not-a-key-faults"
PAGE = Path(__file__).parents[3] / "docs/explanation/design/engines.md"


def classify(status: int, body: bytes = b"", **headers: str) -> BatutaError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return faults.classify(status, body, headers=named, where="here", model="m", hide=KEY, now=lambda: 1000.0)


def test_every_row_makes_an_error() -> None:
    """Each thing that can be seen has a row, and each row makes its error, naming who and which model."""
    assert set(FAULTS) == set(Seen)
    for seen, row in FAULTS.items():
        error = faults.fault(seen, where="acme", said="because", model="m", status=500)
        assert type(error) is row.error
        assert error.message.startswith("acme ")
        assert error.message.endswith(": because")
        assert error.model == "m"


def test_every_status_has_an_error() -> None:
    """No status is left without an error, and the caller is blamed for 4xx only."""
    errors = {status: classify(status) for status in range(201, 600)}
    blamed = {status for status, error in errors.items() if isinstance(error, UpstreamRejected)}
    assert blamed == {status for status in range(400, 500) if status not in STATUSES}
    assert all(errors[status].status == status for status in blamed)


LLAMA_FULL = (
    b'{"error":{"code":400,"message":"request (8231 tokens) exceeds the available context size (8192 tokens), try '
    b'increasing it","type":"exceed_context_size_error","n_prompt_tokens":8231,"n_ctx":8192}}'
)
OPENAI_FULL = (
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens. However, your messages resulted in '
    b'9000 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}'
)
VLLM_FULL = (
    b'{"object":"error","message":"This model\'s maximum context length is 4096 tokens. However, you requested 5000 '
    b'tokens (4000 in the messages, 1000 in the completion).","type":"BadRequestError","code":400}'
)


@pytest.mark.parametrize(
    ("body", "prompt", "context"),
    [
        (LLAMA_FULL, 8231, 8192),
        (OPENAI_FULL, 9000, 8192),
        (VLLM_FULL, 4000, 4096),
        (b'{"error":{"message":"too long","type":"x","code":"context_length_exceeded"}}', None, None),
    ],
)
def test_a_full_context_is_told_with_its_figures_and_the_ways_out(
    body: bytes, prompt: int | None, context: int | None
) -> None:
    """Whatever words a backend has for it, the caller is told who holds how much, and what to do."""
    error = classify(400, body)
    assert isinstance(error, ContextFull)
    assert (error.status, error.code, error.model) == (400, "context_full", "m")
    assert (error.details.get("n_prompt"), error.details.get("n_ctx")) == (prompt, context)
    assert "start a new chat, choose a model with a larger context" in error.message


def test_a_model_of_ours_can_be_given_a_larger_context() -> None:
    """The setting is named for a model that runs in Batuta, where it helps, and the model in place of a port."""
    error = faults.classify(400, LLAMA_FULL, headers={}, where="tiny", model="tiny")
    assert error.message == (
        "the conversation has 8231 tokens, tiny holds 8192; start a new chat, choose a model with a larger context, or "
        "raise engine.context_length."
    )
    in_band = faults.from_answer(InBandError("it is 5 tokens", "exceed_context_size_error"), where="m", model="m")
    assert isinstance(in_band, ContextFull)


@pytest.mark.parametrize(
    "said",
    [
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "audio input is not supported",
        "Failed to initialize samplers: std::exception",
    ],
)
def test_what_a_model_cannot_do_is_the_callers_mistake_whatever_the_status(said: str) -> None:
    """llama.cpp answers 500 to an image for a text model; sending it to another try or model would not help."""
    error = classify(500, b'{"error":{"code":500,"message":"' + said.encode() + b'","type":"server_error"}}')
    assert isinstance(error, UpstreamRejected)
    assert error.status == 400


def test_a_question_ends_with_its_own_mark() -> None:
    """No full stop follows a question mark."""
    assert faults.fault(Seen.REFUSED, where="here").message == "here refused the connection; is it running?"


def test_a_loading_llama_server_is_not_a_failing_one() -> None:
    """Its 503 says that it loads; the caller may come back soon."""
    error = classify(503, b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}')
    assert type(error) is ModelLoading
    assert error.retry_after_s == faults.LOADING_RETRY_S


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"message":"too long"}}', "too long"),
        (b'{"error":"plain"}', "plain"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"detail":[{"loc":["body"]}]}', "loc"),
        (b'{"message":"m"}', "m"),
        (b'"just text"', "just text"),
        (b"proxy error: gone", "proxy error: gone"),
        (b"<html><script>x</script>", "a web page"),
        (b"\xff\xfe", "HTTP 400"),
        (b"", "HTTP 400"),
    ],
)
def test_the_backends_words_are_found(body: bytes, words: str) -> None:
    """Whatever form an error body has, what it says for people is in the message."""
    assert words in classify(400, body).message


@settings(max_examples=100)
@given(st.text(max_size=2000))
def test_words_are_fit_for_a_message(text: str) -> None:
    """Foreign words have no control characters, no line breaks, at most 500 characters, and never the key."""
    cleaned = faults.clean(f"{text}{KEY}{text}", KEY)
    assert len(cleaned) <= faults.MAX_TEXT
    assert cleaned.isprintable()
    assert KEY not in cleaned


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abc.def",
        "sk-proj-abc123def456",
        "gsk_abcdefghij",
        "AIzaSyA1234567890abc",
        "hf_abcdefghijkl",
        "sk-ab***xyz1",
    ],
)
def test_other_peoples_keys_are_masked(secret: str) -> None:
    """What looks like a key is masked, whoever it belongs to."""
    assert secret.rsplit(maxsplit=1)[-1] not in faults.clean(f"wrong key {secret} given")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("3", 3.0),
        (" 2.5 ", 2.5),
        ("-1", 0.0),
        ("inf", 60.0),
        ("1000000000", 60.0),
        ("Thu, 01 Jan 1970 00:17:10 GMT", 30.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60.0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """Numbers and dates are read, the past is now, and nobody waits longer than 60 s."""
    assert faults.parse_retry_after(value, now=1000.0) == seconds


def test_the_wait_is_in_the_error() -> None:
    """A rate limit carries its wait."""
    assert classify(429, retry_after="7").retry_after_s == 7.0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), UpstreamUnreachable),
        (OSError("Multiple exceptions"), UpstreamUnreachable),
        (socket.gaierror(), UpstreamUnreachable),
        (ssl.SSLCertVerificationError("self-signed"), UpstreamUnreachable),
        (ConnectionResetError(), UpstreamFailed),
        (TimeoutError(), UpstreamTimeout),
    ],
)
def test_socket_errors(error: OSError, expected: type[BatutaError]) -> None:
    """What the operating system says has its row."""
    assert type(faults.from_exception(error, where="here")) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InBandError("x"), UpstreamFailed),
        (InBandError("x", "insufficient_quota"), OutOfCredit),
        (InBandError("x", "authentication_error", 500), UpstreamFailed),
        (InBandError("x", "Rate_Limit_Error"), UpstreamRateLimited),
        (InBandError("x", "", 401), KeyInvalid),
        (InBandError("Loading model", "unavailable_error", 503), ModelLoading),
    ],
)
def test_errors_inside_answers(error: InBandError, expected: type[BatutaError]) -> None:
    """A status counts first, a known kind second; a nameless error is the backend's failure."""
    assert type(faults.from_answer(error, where="here")) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", UpstreamFailed),
        (b"  \n", UpstreamFailed),
        (b"<!DOCTYPE html>", UpstreamFailed),
        (b'{"error":{"message":"x","code":429}}', UpstreamRateLimited),
        (b'{"error"', UpstreamFailed),
        (b'{"choices":[],"error":null}', None),
        (b'{"choices":[{"message":{"content":"\\"error\\""}}]}', None),
        (b'{"data":[]}', None),
    ],
)
def test_a_200_is_believed_by_its_body(body: bytes, expected: type[BatutaError] | None) -> None:
    """Empty bodies, pages and error objects are no answers, whatever the status said."""
    error = faults.in_answer(body, where="here")
    assert (None if error is None else type(error)) is expected


def test_a_broken_stream_keeps_its_reason() -> None:
    """After the first delta every error is StreamBroken, with the reason, the cause and the model inside."""
    error = faults.broken(ModelFailed("m crashed", cause=Cause.CRASH), model="m")
    assert (error.message, error.cause, error.model) == ("m crashed", Cause.CRASH, "m")
    assert error.details == {"reason": "model_failed"}
    already = StreamBroken("x")
    assert faults.broken(already, model="m") is already


def table() -> str:
    """Return the table of the page, from the code."""
    rows = [f"| {row.shows_as} | `{row.error.__name__}` | {row.cause} |" for row in FAULTS.values()]
    return "\n".join(["| The backend | Error | Cause |", "|---|---|---|", *rows])


def test_the_page_shows_the_table() -> None:
    """The documented table is the one in the code."""
    assert table() in PAGE.read_text(encoding="utf-8")


def test_the_page_shows_the_lists() -> None:
    """Every status and kind with a meaning of its own is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    assert not [status for status in STATUSES if f"{status}" not in text]
    assert not [kind for kind in KINDS if f"`{kind}`" not in text]


@pytest.mark.parametrize(
    ("headers", "asked", "told"),
    [
        ({"retry-after": "7"}, 7.0, 7.0),
        ({"retry-after": " 7.5 "}, 7.5, 7.5),
        ({"retry-after": "37s"}, 37.0, 37.0),
        ({"retry-after": "-3"}, 0.0, 0.0),
        ({"retry-after": "1000000000"}, 86_400.0, 60.0),
        ({"retry-after": "inf"}, 86_400.0, 60.0),
        ({"retry-after": "nan"}, None, None),
        ({"retry-after": "soon"}, None, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:18:20 GMT"}, 100.0, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0, 0.0),
        ({"retry-after-ms": "1500"}, 1.5, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5, 1.5),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0, 2.0),
        ({}, None, None),
    ],
)
def test_every_form_of_a_wait_that_is_asked_for(
    headers: dict[str, str], asked: float | None, told: float | None
) -> None:
    """Callers are told a minute at most; what was asked for is kept for who leaves the provider alone."""
    error = faults.classify(429, b"", headers=headers, where="here", now=lambda: 1000.0)
    assert (error.asked_wait_s, error.retry_after_s) == (asked, told)


def test_an_error_keeps_its_row_when_it_breaks_a_stream() -> None:
    """So that what it is goes on counting."""
    limited = faults.fault(Seen.RATE_LIMITED, where="here", retry_after_s=90.0)
    cut = faults.broken(limited)
    assert (cut.seen, cut.asked_wait_s, faults.class_of(cut)) == ("rate_limited", 90.0, faults.FaultClass.RATE)
    assert faults.class_of(UpstreamUnreachable("x")) is faults.FaultClass.NETWORK
    assert not faults.is_repeatable(UpstreamUnreachable("x"))
