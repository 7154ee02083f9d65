"""What a backend did, as an error with a name. Everything that talks to a backend raises through here.

Pure: knows statuses, bodies and exceptions, opens nothing. What there is to see is in `fault_table.py`, how backends
show it in `fault_signs.py`. Messages carry the backend's own words, cut and cleaned, and never a key.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from batuta.chat.dialects.openai import InBandError, find_error
from batuta.engines.fault_signs import CONTEXT_TOKENS, KINDS, PROMPT_TOKENS, STATUSES, WORDS, Sign
from batuta.engines.fault_table import FAULTS, Fault, FaultClass, Seen, class_of, is_repeatable
from batuta.errors import BatutaError, ContextFull, ModelLoading, ProviderError, StreamBroken, UpstreamRejected

__all__ = [
    "FAULTS",
    "KINDS",
    "STATUSES",
    "WORDS",
    "Fault",
    "FaultClass",
    "Seen",
    "Sign",
    "broken",
    "class_of",
    "classify",
    "clean",
    "context_full",
    "fault",
    "from_answer",
    "from_exception",
    "in_answer",
    "is_provider_fault",
    "is_repeatable",
    "parse_retry_after",
    "seen_in_status",
    "seen_in_words",
    "text_of",
    "wait_asked",
]

MAX_TEXT = 500  # characters of the backend's own words in a message
MAX_RETRY_AFTER_S = 60.0  # a longer wait is another candidate's chance
MAX_ASKED_S = 86_400.0  # a day: what a backend may ask for is not what it gets, but it must be a number
LOADING_RETRY_S = 2.0  # llama-server names no time; its progress moves in seconds


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
        retry_after_s: when the backend says it is worth another try; callers are told 60 s at most.
    """
    row = FAULTS[seen]
    if row.error is UpstreamRejected and status is not None and not 400 <= status < 500:
        status = None  # it was named so by its words; the number would say that the backend is to blame
    numbered = f" (HTTP {status})" if status is not None else ""
    end = f": {said}" if said else "" if row.words.endswith("?") and not numbered else "."
    message = f"{where} {row.words}{numbered}{end}"
    told = None if retry_after_s is None else min(retry_after_s, MAX_RETRY_AFTER_S)
    rest: dict[str, Any] = {"model": model, "cause": row.cause, "retry_after_s": told}
    if row.error is UpstreamRejected:
        rest |= {"upstream_status": status or 400, "cause": None}
    error = row.error(message, **rest)
    error.seen, error.asked_wait_s = seen.value, retry_after_s
    return error


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
    wait = wait_asked(headers, now=now())
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
    prompt, context = _first_number(PROMPT_TOKENS, said), _first_number(CONTEXT_TOKENS, said)
    name = model or where
    has = "the conversation is too long" if prompt is None else f"the conversation has {prompt} tokens"
    holds = f"{name} holds {context}" if context is not None else f"{name} does not hold all of it"
    ways = "start a new chat, choose a model with a larger context"
    if where == name:  # the setting is for models that run in Batuta
        ways += ", or raise engine.context_length"
    told = {"n_prompt": prompt, "n_ctx": context}
    error = ContextFull(
        f"{has}, {holds}; {ways}.{f' It said: {words}' if words and prompt is None else ''}",
        model=model,
        details={key: value for key, value in told.items() if value is not None},
    )
    error.seen = Seen.CONTEXT_FULL.value
    return error


def _first_number(patterns: tuple[str, ...], text: str) -> int | None:
    found = (re.search(pattern, text) for pattern in patterns)
    return next((int(match[1]) for match in found if match), None)


def from_answer(
    error: InBandError, *, where: str, model: str | None = None, hide: str = "", signs: Sequence[Sign] = ()
) -> BatutaError:
    """Return the error for one that came where an answer belongs. `signs`: as of `classify`."""
    # 1. The backend's own signs; 2. a status it names; 3. a code or kind we know; 4. an error without a name.
    said = f"{error.kind} {error.code}: {error.message}" if error.code else f"{error.kind}: {error.message}"
    if own := next((sign.seen for sign in signs if sign.fits(error.status, said)), None):
        seen = own
    elif error.status is not None:
        seen = seen_in_status(error.status, error.message)
    else:
        named = (KINDS.get(name.lower()) for name in (error.code, error.kind))
        seen = next((row for row in named if row is not None), Seen.ERROR_IN_ANSWER)
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
    cut = StreamBroken(
        error.message,
        model=error.model or model,
        cause=error.cause,
        retry_after_s=error.retry_after_s,
        details={"reason": error.code},
    )
    cut.seen, cut.asked_wait_s = error.seen, error.asked_wait_s
    return cut


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
    seconds = _seconds(value, now)
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER_S)


def wait_asked(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds that a backend asks to be left alone for, 0 or more; None when it does not say.

    `retry-after-ms` (OpenAI's, Azure's) is the finer of the two and goes first; `retry-after` is a number, with or
    without an `s`, or a date. A day is the most that is believed.
    """
    fine = _seconds(headers.get("retry-after-ms"), now)
    seconds = fine / 1000.0 if fine is not None else _seconds(headers.get("retry-after"), now)
    return None if seconds is None else min(seconds, MAX_ASKED_S)


def _seconds(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value.strip().removesuffix("s"))
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError, OSError):
            return None
    return None if math.isnan(seconds) else max(seconds, 0.0)


def text_of(body: bytes) -> str:
    """Return what a person can read in an error body: the message in JSON, the text, or that it is a web page."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[: 4 * MAX_TEXT].decode("utf-8", "replace").strip()
        return "a web page" if text.startswith("<") else text
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]  # Google's endpoint in OpenAI's dialect puts an error into a list
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
