"""What a backend did, and what we call it. One table; everything that talks to a backend raises through it.

Pure: knows statuses, bodies and exceptions, opens nothing. Messages carry the backend's own words, cut and cleaned, and
never a key.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import orjson

from batuta.chat.dialects.openai import InBandError, find_error
from batuta.errors import (
    BatutaError,
    CannotUnload,
    Cause,
    ContentRefused,
    ContextFull,
    KeyInvalid,
    ModelFailed,
    ModelLoading,
    OutOfCredit,
    PermissionDenied,
    ProviderError,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)

MAX_TEXT = 500  # characters of the backend's own words in a message
MAX_RETRY_AFTER_S = 60.0  # a longer wait is another candidate's chance
LOADING_RETRY_S = 2.0  # llama-server names no time; its progress moves in seconds


@dataclass(frozen=True, slots=True)
class Sign:
    """How one backend shows a fault in a way of its own. Looked at before what is common to all.

    Attributes:
        seen: what it is.
        status: the HTTP status it comes with; None: any, or none.
        words: found in the raw body, or in `kind: message` of an error inside an answer; None: whatever it says.
    """

    seen: Seen
    status: int | None = None
    words: re.Pattern[str] | None = None

    def fits(self, status: int | None, raw: str) -> bool:
        """Say whether this is what the backend shows."""
        is_status = self.status is None or self.status == status
        return is_status and (self.words is None or self.words.search(raw) is not None)


class Seen(StrEnum):
    """What a backend did instead of answering."""

    REFUSED = "refused"
    NO_SUCH_HOST = "no_such_host"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    SILENT = "silent"
    NO_FREE_CONNECTION = "no_free_connection"
    HUNG_UP = "hung_up"
    NOT_HTTP = "not_http"
    REDIRECT = "redirect"
    KEY_REFUSED = "key_refused"
    RATE_LIMITED = "rate_limited"
    OUT_OF_CREDIT = "out_of_credit"
    LOADING = "loading"
    OVERLOADED = "overloaded"
    TOO_SLOW = "too_slow"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"
    CONTEXT_FULL = "context_full"
    HTML = "html"
    EMPTY = "empty"
    NO_ANSWER = "no_answer"
    ERROR_IN_ANSWER = "error_in_answer"
    STALLED = "stalled"
    TRUNCATED = "truncated"
    CUT_STREAM = "cut_stream"
    NO_END = "no_end"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    OTHER_ENGINE = "other_engine"
    TOO_OLD = "too_old"
    NOT_INSTALLED = "not_installed"
    OUT_OF_MEMORY = "out_of_memory"
    LOAD_FAILED = "load_failed"
    LOAD_TIMEOUT = "load_timeout"
    MODEL_CRASHED = "model_crashed"
    NOT_RESIDENT = "not_resident"
    WRONG_MODEL = "wrong_model"
    BROKEN_FILE = "broken_file"
    FORBIDDEN = "forbidden"
    CONTENT = "content"
    CANNOT_UNLOAD = "cannot_unload"
    ENGINE_DEAD = "engine_dead"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table: how it shows, the error it becomes, and the words for it."""

    shows_as: str
    error: type[BatutaError]
    words: str
    cause: Cause = Cause.UNKNOWN


_OFF = Cause.ENGINE_OFFLINE

FAULTS: dict[Seen, Fault] = {
    Seen.REFUSED: Fault("connection refused", UpstreamUnreachable, "refused the connection; is it running?", _OFF),
    Seen.NO_SUCH_HOST: Fault("the name does not resolve", UpstreamUnreachable, "has a name nobody knows", _OFF),
    Seen.TLS: Fault("TLS failure", UpstreamUnreachable, "has no TLS certificate that can be trusted", _OFF),
    Seen.CONNECT_TIMEOUT: Fault("no connection in 5 s", UpstreamTimeout, "did not take the connection in time", _OFF),
    Seen.SILENT: Fault(
        "nothing before the deadline", UpstreamTimeout, "did not begin to answer in time", Cause.TIMEOUT
    ),
    Seen.NO_FREE_CONNECTION: Fault(
        "all connections in use", UpstreamOverloaded, "has as many connections open as Batuta allows"
    ),
    Seen.HUNG_UP: Fault("closed or reset before the head", UpstreamFailed, "hung up before it answered", Cause.CRASH),
    Seen.NOT_HTTP: Fault("malformed or oversized head", UpstreamFailed, "answered something that is not HTTP"),
    Seen.REDIRECT: Fault("3xx", UpstreamFailed, "wants to send us elsewhere, and Batuta takes no key elsewhere"),
    Seen.KEY_REFUSED: Fault("401, 403", KeyInvalid, "refused the key; check it", Cause.AUTH),
    Seen.RATE_LIMITED: Fault("429", UpstreamRateLimited, "limits how often this key may ask", Cause.QUOTA),
    Seen.OUT_OF_CREDIT: Fault("402", OutOfCredit, "says this key has no credit left", Cause.QUOTA),
    Seen.FORBIDDEN: Fault("the key is good, not for this", PermissionDenied, "does not let this key use the model"),
    Seen.CONTENT: Fault("content rules", ContentRefused, "refused the conversation for its content"),
    Seen.LOADING: Fault("503 `Loading model`", ModelLoading, "is still loading the model", Cause.TIMEOUT),
    Seen.OVERLOADED: Fault("503, 529", UpstreamOverloaded, "is too busy"),
    Seen.TOO_SLOW: Fault("408, 504, 524", UpstreamTimeout, "says that it took too long itself", Cause.TIMEOUT),
    Seen.SERVER_ERROR: Fault("other 5xx, a 1xx or 2xx that is no 200", UpstreamFailed, "failed"),
    Seen.REJECTED: Fault("400, 404, 413, 422, other 4xx", UpstreamRejected, "rejected the request"),
    Seen.CONTEXT_FULL: Fault("words for a full context", ContextFull, "has no room for the whole conversation"),
    Seen.HTML: Fault("200 with HTML", UpstreamFailed, "answered with a web page; is the base URL right?"),
    Seen.EMPTY: Fault("200 with nothing", UpstreamFailed, "answered with nothing"),
    Seen.NO_ANSWER: Fault("200 with other JSON, or none", UpstreamFailed, "answered something that is no answer"),
    Seen.ERROR_IN_ANSWER: Fault(
        "200 with `error`; an error event", UpstreamFailed, "reported an error in place of an answer"
    ),
    Seen.STALLED: Fault("silence in the middle", UpstreamTimeout, "stopped in the middle and said no more", _OFF),
    Seen.TRUNCATED: Fault("a body that ends early", UpstreamFailed, "broke its answer off", Cause.CRASH),
    Seen.CUT_STREAM: Fault("a stream that is cut", StreamBroken, "broke its answer off", Cause.CRASH),
    Seen.NO_END: Fault(
        "a stream without `[DONE]` or finish", StreamBroken, "ended its stream without saying that it was done"
    ),
    Seen.TOO_LARGE: Fault("a body above the cap", UpstreamFailed, "sent more than Batuta takes"),
    Seen.BAD_ENCODING: Fault("an encoding nobody asked for", UpstreamFailed, "encoded its answer in an unknown way"),
    Seen.OTHER_ENGINE: Fault(
        "another server at the engine's address", UpstreamUnreachable, "is not the engine it is set up as", _OFF
    ),
    Seen.TOO_OLD: Fault("a version that cannot do it", UpstreamFailed, "is too old a version for this"),
    Seen.NOT_INSTALLED: Fault(
        "the engine has no such model", ModelFailed, "does not have the model", Cause.NOT_INSTALLED
    ),
    Seen.OUT_OF_MEMORY: Fault(
        "words for too little memory", ModelFailed, "has not enough memory for the model", Cause.OUT_OF_MEMORY
    ),
    Seen.LOAD_FAILED: Fault("words for a failed load", ModelFailed, "could not load the model"),
    Seen.LOAD_TIMEOUT: Fault("a load that does not end", ModelFailed, "did not load the model in time", Cause.TIMEOUT),
    Seen.MODEL_CRASHED: Fault("words for a crash", UpstreamFailed, "lost the model to a crash", Cause.CRASH),
    # Unreachable, as a model whose process is gone: the next lease loads it again.
    Seen.NOT_RESIDENT: Fault("a model it does not hold", UpstreamUnreachable, "does not hold the model any more"),
    Seen.WRONG_MODEL: Fault("an answer by another model", UpstreamUnreachable, "let another model answer"),
    Seen.BROKEN_FILE: Fault(
        "words for a broken file", ModelFailed, "cannot read the model's file; fetch it anew", Cause.CORRUPT_FILE
    ),
    Seen.CANNOT_UNLOAD: Fault("a server of one model", CannotUnload, "cannot unload the model"),
    Seen.ENGINE_DEAD: Fault("503 of vLLM's `/health`", UpstreamUnreachable, "answers, but cannot compute", _OFF),
}

STATUSES: dict[int, Seen] = {
    401: Seen.KEY_REFUSED,
    402: Seen.OUT_OF_CREDIT,
    403: Seen.KEY_REFUSED,
    408: Seen.TOO_SLOW,
    429: Seen.RATE_LIMITED,
    499: Seen.SERVER_ERROR,  # Ollama's "request canceled": not the caller's fault
    503: Seen.OVERLOADED,
    504: Seen.TOO_SLOW,
    524: Seen.TOO_SLOW,
    529: Seen.OVERLOADED,
}
"""Statuses with a meaning of their own; the rest go by their class."""

_FULL = (
    r"exceeds the available context size|maximum context length|maximum model length|context_length_exceeded"
    r"|\binput length exceeds the context length"  # Ollama's, of texts to embed
    r"|context the overflows|context overflows|tokens to keep from the initial prompt is greater"  # LM Studio's
)
_UNABLE = r"\b(image|audio|video)\w* inputs? (is|are) not supported|failed to initialize samplers"

WORDS: tuple[tuple[re.Pattern[str], Seen], ...] = (
    (re.compile(f"{_FULL}|exceed_context_size_error", re.IGNORECASE), Seen.CONTEXT_FULL),
    (re.compile(_UNABLE, re.IGNORECASE), Seen.REJECTED),
    # Ollama's: 404, 500, 400 for the same words, or the last line of a stream.
    (re.compile(r"\bmodel \\?['\"].{1,300}?['\"] not found", re.IGNORECASE), Seen.NOT_INSTALLED),
    (re.compile(r"requires more (system )?memory|out of memory|unable to allocate", re.IGNORECASE), Seen.OUT_OF_MEMORY),
    (re.compile(r"timed out waiting for (llama|server)", re.IGNORECASE), Seen.LOAD_TIMEOUT),
    (re.compile(r"invalid file magic|not within the file bounds", re.IGNORECASE), Seen.BROKEN_FILE),
    (re.compile(r"process (has terminated|no longer running)", re.IGNORECASE), Seen.MODEL_CRASHED),
    # LM Studio's, of several versions: most come with 400, 500 or inside a 200.
    (re.compile(r"insufficient system resources|not enough resources to load", re.IGNORECASE), Seen.OUT_OF_MEMORY),
    (re.compile(r"\bLM Studio API token is required|malformed LM Studio API token", re.IGNORECASE), Seen.KEY_REFUSED),
    (re.compile(r"model has crashed", re.IGNORECASE), Seen.MODEL_CRASHED),
    (re.compile(r"no models loaded\.|model (is |was )?unloaded\b", re.IGNORECASE), Seen.NOT_RESIDENT),
    (
        re.compile(r"valid downloaded model|valid model\..{0,8}your models:", re.IGNORECASE | re.DOTALL),
        Seen.NOT_INSTALLED,
    ),
    (re.compile(r"model_load_failed|failed to load model", re.IGNORECASE), Seen.LOAD_FAILED),
    # llama-server's router: 400, 404 and 500, and text where a model's process is gone.
    (re.compile(r"\bmodel (name=.{1,300}? )?is not found", re.IGNORECASE), Seen.NOT_INSTALLED),
    (re.compile(r"\bmodel is not loaded|\bmodel name=.{1,300}? is not running", re.IGNORECASE), Seen.NOT_RESIDENT),
    (re.compile(r"\bmodel name=.{1,300}? failed to load|failed to spawn server", re.IGNORECASE), Seen.LOAD_FAILED),
    (re.compile(r"\bmodel limit reached", re.IGNORECASE), Seen.OVERLOADED),
    (re.compile(r"^proxy error: ", re.IGNORECASE), Seen.MODEL_CRASHED),
    # vLLM's: 404, and 500 or an error event once its engine is gone.
    (re.compile(r"\bthe model `[^`]{1,300}` does not exist\.(\W|$)", re.IGNORECASE), Seen.NOT_INSTALLED),
    (re.compile(r"\bEngineCore encountered an issue|\bEngineDeadError\b"), Seen.MODEL_CRASHED),
)
"""What a backend's words mean whatever their status: llama.cpp answers 500 to an image that a model cannot see."""

_PROMPT_TOKENS = (
    r'"n_prompt_tokens":\s*(\d+)',
    r"\brequest \((\d+) tokens\)",
    r"resulted in (\d+) tokens",
    r"\((\d+) in the messages",
    r"requested (\d+) tokens",
    r"contains (?:at least )?(\d+) (?:input )?tokens",
    r"prompt \(length (\d+)\)",
    r"keep the first (\d+) tokens",
    r"\bn_keep: (\d+)",
)
_CONTEXT_TOKENS = (
    r'"n_ctx":\s*(\d+)',
    r"context size \((\d+) tokens\)",
    r"maximum context length (?:is|of) (\d+)",
    r"maximum model length of (\d+)",
    r"context length of only (\d+) tokens",
    r"\bn_ctx: (\d+)",
)

KINDS: dict[str, Seen] = {
    "authentication_error": Seen.KEY_REFUSED,
    "invalid_api_key": Seen.KEY_REFUSED,
    "permission_error": Seen.KEY_REFUSED,
    "rate_limit_error": Seen.RATE_LIMITED,
    "rate_limit_exceeded": Seen.RATE_LIMITED,
    "insufficient_quota": Seen.OUT_OF_CREDIT,
    "overloaded_error": Seen.OVERLOADED,
    "invalid_request_error": Seen.REJECTED,
    "exceed_context_size_error": Seen.CONTEXT_FULL,
    "context_length_exceeded": Seen.CONTEXT_FULL,
    "not_found_error": Seen.REJECTED,
}
"""What an in-band error calls itself, where it names no status."""

_KEY_SHAPES = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|pk|rk|gsk|hf|xai)[-_][\w*.-]{6,}|AIza[\w-]{10,})")
_OS_FAULTS: tuple[tuple[type[BaseException], Seen], ...] = (
    (ssl.SSLError, Seen.TLS),
    (ssl.CertificateError, Seen.TLS),
    (socket.gaierror, Seen.NO_SUCH_HOST),
    (ConnectionRefusedError, Seen.REFUSED),
    (ConnectionError, Seen.HUNG_UP),
    (TimeoutError, Seen.CONNECT_TIMEOUT),
)


def fault(
    seen: Seen,
    *,
    where: str,
    said: str = "",
    model: str | None = None,
    status: int | None = None,
    retry_after_s: float | None = None,
) -> BatutaError:
    """Return the error for what was seen.

    Args:
        seen: the row of the table.
        where: who did it, as a person knows it (a provider's name, host:port).
        said: the backend's own words, already cleaned.
        model: the model that was asked for.
        status: the backend's HTTP status, if one came.
        retry_after_s: when the backend says it is worth another try.
    """
    row = FAULTS[seen]
    if row.error is UpstreamRejected and status is not None and not 400 <= status < 500:
        status = None  # it was named so by its words; the number would say that the backend is to blame
    numbered = f" (HTTP {status})" if status is not None else ""
    end = f": {said}" if said else "" if row.words.endswith("?") and not numbered else "."
    message = f"{where} {row.words}{numbered}{end}"
    rest: dict[str, Any] = {"model": model, "cause": row.cause, "retry_after_s": retry_after_s}
    if row.error is UpstreamRejected:
        rest |= {"upstream_status": status or 400, "cause": None}
    return row.error(message, **rest)


def classify(
    status: int,
    body: bytes,
    *,
    headers: Mapping[str, str],
    where: str,
    model: str | None = None,
    hide: str = "",
    now: Callable[[], float] = time.time,
    signs: Sequence[Sign] = (),
) -> BatutaError:
    """Return the error for an answer whose status is not 200.

    Args:
        status: HTTP status.
        body: as much of the body as was read.
        headers: response headers, names in lower case.
        where: who answered.
        model: the model that was asked for.
        hide: the key that was sent: it is masked if the backend repeats it.
        now: wall seconds, for a Retry-After that is a date.
        signs: the backend's own ways; the first that fits decides.
    """
    words = text_of(body)
    raw = body.decode("utf-8", "replace")
    own = next((sign.seen for sign in signs if sign.fits(status, raw)), None)
    seen = own or seen_in_status(status, words)
    if own is None and seen in {Seen.REJECTED, Seen.SERVER_ERROR}:
        seen = seen_in_words(raw) or seen
    if seen is Seen.CONTEXT_FULL:
        return context_full(raw, words=clean(words, hide), where=where, model=model)
    wait = parse_retry_after(headers.get("retry-after"), now=now())
    if seen is Seen.LOADING and wait is None:
        wait = LOADING_RETRY_S
    return fault(seen, where=where, said=clean(words, hide), model=model, status=status, retry_after_s=wait)


def seen_in_status(status: int, words: str = "") -> Seen:
    """Return the row for a status that is not 200; `words` are the body's."""
    # 1. llama-server answers 503 from the first moment, and says why.
    if status == 503 and "loading model" in words.lower():
        return Seen.LOADING
    # 2. Statuses with a meaning of their own. 3. Otherwise their class.
    if status in STATUSES:
        return STATUSES[status]
    if 300 <= status < 400:
        return Seen.REDIRECT
    return Seen.REJECTED if 400 <= status < 500 else Seen.SERVER_ERROR


def seen_in_words(words: str) -> Seen | None:
    """Return the row that a backend's own words name, None when they name none."""
    return next((seen for pattern, seen in WORDS if pattern.search(words)), None)


def context_full(said: str, *, words: str = "", where: str, model: str | None = None) -> ContextFull:
    """Return the error for a conversation that is longer than the model's context.

    Args:
        said: what the backend answered, with the figures if it told them.
        words: its own words, already cleaned; told where there are no figures.
        where: who said it: the model itself, when it is one of ours.
        model: the model that was asked for.
    """
    prompt, context = _first_number(_PROMPT_TOKENS, said), _first_number(_CONTEXT_TOKENS, said)
    name = model or where
    has = "the conversation is too long" if prompt is None else f"the conversation has {prompt} tokens"
    holds = f"{name} holds {context}" if context is not None else f"{name} does not hold all of it"
    ways = "start a new chat, choose a model with a larger context"
    if where == name:  # the setting is for models that run in Batuta
        ways += ", or raise engine.context_length"
    told = {"n_prompt": prompt, "n_ctx": context}
    return ContextFull(
        f"{has}, {holds}; {ways}.{f' It said: {words}' if words and prompt is None else ''}",
        model=model,
        details={key: value for key, value in told.items() if value is not None},
    )


def _first_number(patterns: tuple[str, ...], text: str) -> int | None:
    found = (re.search(pattern, text) for pattern in patterns)
    return next((int(match[1]) for match in found if match), None)


def from_answer(
    error: InBandError, *, where: str, model: str | None = None, hide: str = "", signs: Sequence[Sign] = ()
) -> BatutaError:
    """Return the error for one that came where an answer belongs. `signs`: as of `classify`."""
    # 1. The backend's own signs; 2. a status it names; 3. a kind we know; 4. an error without a name.
    said = f"{error.kind}: {error.message}"
    if own := next((sign.seen for sign in signs if sign.fits(error.status, said)), None):
        seen = own
    elif error.status is not None:
        seen = seen_in_status(error.status, error.message)
    else:
        seen = KINDS.get(error.kind.lower(), Seen.ERROR_IN_ANSWER)
    if own is None and seen in {Seen.REJECTED, Seen.SERVER_ERROR, Seen.ERROR_IN_ANSWER, Seen.CONTEXT_FULL}:
        seen = seen_in_words(said) or seen
    if seen is Seen.CONTEXT_FULL:
        return context_full(error.message, words=clean(error.message, hide), where=where, model=model)
    return fault(seen, where=where, said=clean(error.message, hide), model=model, status=error.status)


def from_exception(error: BaseException, *, where: str, model: str | None = None) -> BatutaError:
    """Return the error for a socket's exception before any byte of an answer."""
    seen = next((seen for kind, seen in _OS_FAULTS if isinstance(error, kind)), Seen.REFUSED)
    return fault(seen, where=where, said=clean(str(error)) if seen in {Seen.TLS, Seen.HUNG_UP} else "", model=model)


def broken(error: BatutaError, *, model: str | None = None) -> StreamBroken:
    """Return what an error is once a part of the answer is out: the true reason, under the name StreamBroken."""
    if isinstance(error, StreamBroken):
        error.model = error.model or model
        return error
    return StreamBroken(
        error.message,
        model=error.model or model,
        cause=error.cause,
        retry_after_s=error.retry_after_s,
        details={"reason": error.code},
    )


def in_answer(
    body: bytes, *, where: str, model: str | None = None, hide: str = "", signs: Sequence[Sign] = ()
) -> BatutaError | None:
    """Return the error that the body of a 200 is, or None for one that may be an answer. `signs`: as of `classify`."""
    start = body[:64].lstrip().lower()
    if not start:
        return fault(Seen.EMPTY, where=where, model=model)
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        return fault(Seen.HTML, where=where, model=model)
    if b'"error"' not in body[:4096]:  # spares the parse of every good answer
        return None
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return fault(Seen.NO_ANSWER, where=where, model=model)
    error = find_error(parsed) if isinstance(parsed, dict) and "choices" not in parsed else None
    return from_answer(error, where=where, model=model, hide=hide, signs=signs) if error else None


def is_provider_fault(error: BaseException) -> bool:
    """Whether the backend, not the caller, is to blame."""
    return isinstance(error, ProviderError | ModelLoading)


# --- words ---------------------------------------------------------------------------------------------------------


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Return seconds from a Retry-After of either form, within 0 and 60; None when there is none to read."""
    if value is None:
        return None
    try:
        seconds = float(value.strip())
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError, OSError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def text_of(body: bytes) -> str:
    """Return what a person can read in an error body: the message in JSON, the text, or that it is a web page."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[: 4 * MAX_TEXT].decode("utf-8", "replace").strip()
        return "a web page" if text.startswith("<") else text
    if isinstance(parsed, dict):
        if error := find_error(parsed):
            return error.message
        for field in ("message", "detail", "msg"):
            if said := parsed.get(field):
                return said if isinstance(said, str) else orjson.dumps(said).decode()
    return parsed if isinstance(parsed, str) else body[: 4 * MAX_TEXT].decode("utf-8", "replace")


def clean(text: str, hide: str = "") -> str:
    """Return a backend's words fit for a message: no key, no control characters, at most 500 characters."""
    if hide:
        text = text.replace(hide, "****")
    text = text[: 8 * MAX_TEXT]
    text = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    text = _KEY_SHAPES.sub("****", " ".join(text.split()))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
