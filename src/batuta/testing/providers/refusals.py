"""What a provider can refuse and why, without any provider's words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why a request is refused. Each provider has its own status and form for each."""

    NO_KEY = "no_key"
    BAD_KEY = "bad_key"
    FORBIDDEN = "forbidden"
    NO_CREDIT = "no_credit"
    SPENT = "spent"  # a limit that a person has set
    RATE = "rate"
    DAILY = "daily"  # too many for today: waiting a minute does not help
    OVERLOADED = "overloaded"
    NO_MODEL = "no_model"
    NO_PATH = "no_path"
    BAD = "bad"
    PARAM = "param"  # a parameter that this model does not take
    UNKNOWN = "unknown"  # a parameter that no model takes
    TOO_LARGE = "too_large"
    CONTEXT = "context"
    CONTENT = "content"
    BROKEN = "broken"
    GATEWAY = "gateway"
    TIMEOUT = "timeout"


OF_STATUS: Mapping[int, Why] = {
    400: Why.BAD,
    401: Why.BAD_KEY,
    402: Why.NO_CREDIT,
    403: Why.FORBIDDEN,
    404: Why.NO_MODEL,
    408: Why.TIMEOUT,
    413: Why.TOO_LARGE,
    422: Why.UNKNOWN,
    429: Why.RATE,
    498: Why.OVERLOADED,
    502: Why.GATEWAY,
    503: Why.OVERLOADED,
    504: Why.TIMEOUT,
    529: Why.OVERLOADED,
}
"""What a bare status is taken for; other 4xx are BAD, other 5xx BROKEN."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a provider says one of the reasons.

    Attributes:
        status: of the answer.
        message: its text; `{model}`, `{key}` and `{param}` are filled in.
        type: what the provider's error calls its kind.
        code: its finer name; an int where the provider has numbers.
    """

    status: int
    message: str
    type: str = ""
    code: str | int | None = None


class Refused(Exception):
    """A request is refused.

    Args:
        why: the reason.
        message: instead of the provider's usual text.
        param: the parameter it is about.
        status: instead of the usual one.
        code: instead of the usual one.
        details: what else the provider puts in (Gemini's RetryInfo).
    """

    def __init__(
        self,
        why: Why,
        message: str = "",
        *,
        param: str | None = None,
        status: int = 0,
        code: str | int | None = None,
        details: tuple[Mapping[str, object], ...] = (),
    ) -> None:
        super().__init__(message or why.value)
        self.why = why
        self.message = message
        self.param = param
        self.status = status
        self.code = code
        self.details = details


def for_status(status: int) -> Why:
    """Return what a bare status is taken for."""
    return OF_STATUS.get(status, Why.BROKEN if status >= 500 else Why.BAD)
