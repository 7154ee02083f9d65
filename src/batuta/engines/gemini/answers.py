"""What Gemini's refusals and failures mean. Pure: bodies in, errors out.

Google answers with `{"error": {"code", "message", "status", "details"}}`, sometimes in a list of one. Why is often only
in `details`: the reason of an ErrorInfo, the quota of a QuotaFailure, the seconds of a RetryInfo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.chat.dialects.gemini import ErrorBody, Failed, Refused, find_error
from batuta.engines.faults import Seen, Sign, classify, clean, fault
from batuta.errors import BatutaError


def _any(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_BAD_KEY: Final = _any(
    r"API_KEY_|API key (not valid|expired)|reported as leaked|unregistered callers|CONSUMER_(INVALID|SUSPENDED)"
    r"|SERVICE_DISABLED|ACCESS_TOKEN_"
)
SIGNS: Final = (
    Sign(Seen.KEY_REFUSED, 400, _BAD_KEY),  # Google's status for a bad key is not 401
    Sign(Seen.KEY_REFUSED, 403, _BAD_KEY),
    Sign(Seen.FORBIDDEN, 403),
    Sign(Seen.FORBIDDEN, 400, _any(r"FAILED_PRECONDITION|user location is not supported")),  # region, or no billing
    Sign(
        Seen.CONTEXT_FULL, 400, _any(r"input token count.{0,40}exceeds the maximum|exceeds the maximum number of tok")
    ),
    Sign(Seen.NOT_INSTALLED, 404, _any(r"NOT_FOUND|\bis not found\b|no longer available")),
    Sign(Seen.OVERLOADED, 429, _any(r"MODEL_CAPACITY_EXHAUSTED|model is overloaded")),
    # A day's quota is not back in a minute, whatever RetryInfo says; a minute's is.
    Sign(Seen.OUT_OF_CREDIT, 429, _any(r"PerDay|prepa(id|yment)|credits? (are|is|has been|have been) (depleted|used)")),
)
"""The first that fits decides; other statuses mean at Google what they mean everywhere."""

PHRASES: Final[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = (
    (_any(r"\bpenalty is not (enabled|supported)"), ("presencePenalty", "frequencyPenalty")),
    (
        _any(
            r"\bthinking( level| budget)?( \w+)? is not (enabled|supported)|only works in thinking mode"
            r"|thinking_(config|level|budget)\b.{0,40}\b(not|only)\b|THINKING_LEVEL_\w+"
        ),
        ("thinkingConfig",),
    ),
)
"""Words of a refusal that describe fields of generationConfig without naming them."""

NO_SYSTEM: Final = _any(r"\b(developer|system) instructions? (is|are) not (enabled|supported)")
NO_SIGNATURE: Final = _any(r"missing a thought_?signature")
BAD_SIGNATURE: Final = _any(r"(corrupted|invalid) thought.?signature|thought.?signature is (not valid|invalid)")

_UNABLE: Final = _any(r"\b(\w+) (?:parameter |field )?is not (?:enabled|supported)")
_SNAKE: Final = re.compile(r"_([a-z])")
_SECONDS: Final = re.compile(r"^(\d+(?:\.\d+)?)s$")


def failure(
    status: int, body: bytes, *, headers: Mapping[str, str], where: str, model: str | None = None, hide: str = ""
) -> BatutaError:
    """Return the error for an answer whose status is not 200.

    Args:
        status: HTTP status.
        body: as much of the body as was read.
        headers: response headers, names in lower case.
        where: who answered.
        model: the model that was asked for.
        hide: the key that was sent.
    """
    error = find_error(_loads(body))
    if error is not None:
        body = orjson.dumps(error.body)
        if "retry-after" not in headers and (wait := retry_after(error)):
            headers = {**headers, "retry-after": wait}
    return classify(status, body, headers=headers, where=where, model=model, hide=hide, signs=SIGNS)


def in_band(said: Refused | Failed | ErrorBody, *, where: str, model: str | None = None, hide: str = "") -> BatutaError:
    """Return the error for what came where an answer belongs."""
    if isinstance(said, ErrorBody):
        return failure(said.status, orjson.dumps(said.body), headers={}, where=where, model=model, hide=hide)
    words = clean(f"{said.reason}: {said.message}" if said.message else said.reason, hide)
    seen = Seen.CONTENT if isinstance(said, Refused) else Seen.ERROR_IN_ANSWER
    return fault(seen, where=where, said=words, model=model)


def retry_after(error: ErrorBody) -> str:
    """Return the seconds of a RetryInfo, as a Retry-After header has them; empty: there is none, or a day's quota."""
    if re.search(rb"PerDay", orjson.dumps(error.body)):
        return ""
    said = error.body.get("error")
    details = said.get("details") if isinstance(said, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
            found = _SECONDS.match(str(detail.get("retryDelay", "")))
            return found[1] if found else ""
    return ""


def named_refusals(answer: bytes) -> list[bytes]:
    """Return a refusal in the forms that `Dropped.learn` reads: one for each field that its words describe."""
    words = answer.decode("utf-8", "replace")
    fields = next((fields for pattern, fields in PHRASES if pattern.search(words)), ())
    if not fields and (found := _UNABLE.search(words)):  # a field by its name, in either spelling
        fields = (_SNAKE.sub(lambda match: match[1].upper(), found[1]),)
    rows = [{"loc": ["generationConfig", field], "msg": "is not supported"} for field in fields]
    return [orjson.dumps({"detail": [row]}) for row in rows] or [answer]


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
