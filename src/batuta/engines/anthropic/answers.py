"""How Anthropic shows faults in ways of its own. Pure; the rest is in engines/faults.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from batuta.engines import faults
from batuta.engines.dropping import named_fields
from batuta.engines.faults import MAX_ASKED_S, MAX_RETRY_AFTER_S, Seen, Sign
from batuta.errors import BatutaError, UpstreamRateLimited


def _said(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


SIGNS: Final = (
    # A spending limit of the account's own: 429 or 400, and no retry helps.
    Sign(Seen.OUT_OF_CREDIT, words=_said(r"enforced_spend_limit_reached|credit balance is too low|billing_error")),
    Sign(Seen.OUT_OF_CREDIT, words=_said(r"reached your specified (api|workspace) usage limits")),
    Sign(Seen.KEY_REFUSED, words=_said(r"organization has been disabled")),
    Sign(Seen.FORBIDDEN, words=_said(r"permission_error")),
    Sign(Seen.FORBIDDEN, 403),  # a region, a proxy in between: the key stays good
    Sign(Seen.NOT_INSTALLED, words=_said(r"not_found_error.{0,40}\bmodel\b")),
    Sign(Seen.CONTENT, words=_said(r"blocked by content filtering policy")),
    Sign(Seen.CONTEXT_FULL, words=_said(r"prompt is too long|`?max_tokens`? exceed context limit")),
    Sign(Seen.TOO_SLOW, words=_said(r"\btimeout_error\b")),
)
"""Looked at in this order; the first that fits decides. They come with a status, or in a stream without one."""

_TOO_MUCH = _said(r"max_tokens: \d+ > (\d+), which is the maximum")
_NO_ROOM = _said(r"exceed context limit: (\d+) \+ (\d+) > (\d+)")
_NOT_BOTH = _said(r"`temperature` and `top_p` cannot both be specified")
_THINKING = _said(r"\bthinking\.type\.(enabled|adaptive|disabled)\W+is not supported")
LESSONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "enabled": {"thinking": "adaptive"},
    "adaptive": {"thinking": "budget"},
    "disabled": {"can_rest": False},
}
"""`thinking.type` that a model refuses -> what it is like instead."""

_RESETS: Final = ("requests", "tokens", "input-tokens", "output-tokens")
"""Limits of `anthropic-ratelimit-*`: of each the headers tell what remains, and when there is more."""


def classify(
    status: int, body: bytes, *, headers: Mapping[str, str], where: str, now: float, model: str | None, hide: str
) -> BatutaError:
    """Return the error for an answer that is not 200.

    Args:
        status: HTTP status.
        body: as much of the body as was read.
        headers: response headers, names in lower case.
        where: who answered.
        now: wall seconds.
        model: the model that was asked for.
        hide: the key that was sent.
    """
    error = faults.classify(
        status, body, headers=headers, where=where, model=model, hide=hide, now=lambda: now, signs=SIGNS
    )
    if isinstance(error, UpstreamRateLimited) and error.asked_wait_s is None:
        wait = error.asked_wait_s = wait_of(headers, now=now)
        error.retry_after_s = wait if wait is None else min(wait, MAX_RETRY_AFTER_S)
    return detailed(error, headers, body)


def detailed(error: BatutaError, headers: Mapping[str, str], body: bytes = b"") -> BatutaError:
    """Return the error with what Anthropic's support asks for, and with its word on whether to try again."""
    request_id = headers.get("request-id") or _object(body).get("request_id")
    if isinstance(request_id, str) and request_id:
        error.details.setdefault("upstream_request_id", faults.clean(request_id))
    if (again := headers.get("x-should-retry", "").lower()) in {"true", "false"}:
        error.details.setdefault("should_retry", again == "true")
    return error


def wait_of(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds until the limit that is used up has room again; None where no header tells."""
    waits = [
        wait
        for name in _RESETS
        if headers.get(f"anthropic-ratelimit-{name}-remaining", "").strip() == "0"
        and (wait := _seconds_until(headers.get(f"anthropic-ratelimit-{name}-reset", ""), now)) is not None
    ]
    return min(max(waits), MAX_ASKED_S) if waits else None


def lower_limit(status: int, body: bytes) -> tuple[int, bool] | None:
    """Return the most tokens of an answer that a refusal leaves, and whether that is so for every request.

    1. More than the model ever writes: its limit is named.
    2. More than is left of the context beside this conversation. None where nothing is.
    """
    if status != 400:
        return None
    words = faults.text_of(body)
    if match := _TOO_MUCH.search(words):  # 1
        return int(match[1]), True
    if match := _NO_ROOM.search(words):  # 2
        left = int(match[3]) - int(match[1])
        return (left, False) if left > 0 else None
    return None


def lesson_of(status: int, body: bytes) -> Mapping[str, Any] | None:
    """Return the flags that a refusal of sampling or of a way of thinking tells; None for another refusal."""
    if status != 400:
        return None
    if _NOT_BOTH.search(faults.text_of(body)):
        return {"sampling": "one"}
    if match := _THINKING.search(faults.text_of(body)):
        return LESSONS[match[1]]
    names = (name.partition(".")[0] for name in named_fields(body))
    return {"thinking": "none"} if next(names, "") == "thinking" else None


def _seconds_until(reset: str, now: float) -> float | None:
    try:
        return max(0.0, datetime.fromisoformat(reset.strip()).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
