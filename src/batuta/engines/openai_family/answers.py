"""How each API of the family shows that something is wrong: tables of signs, looked at before what is common to all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from batuta.engines.faults import Seen, Sign
from batuta.engines.openai_family.notices import NOTICES


def _says(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_NO_MODEL: Final = _says(
    r"model_not_found|invalid[_ ]model\b|not a valid model|model not exist|\bmodels? .{1,200} (does|do) not exist"
    r"|\bunknown model|\ballowed models\b"
)
COMMON: Final = (
    # 429 that no waiting mends: OpenAI's codes, which come inside streams too, and what others say for them.
    Sign(
        Seen.OUT_OF_CREDIT,
        None,
        _says(
            r"insufficient_quota|credit_balance_exhausted|(organization|project)_spend_limit_exceeded"
            r"|organization_usage_limit_exceeded"
        ),
    ),
    Sign(Seen.OUT_OF_CREDIT, 429, _says("exceeded your current quota")),
    Sign(Seen.REJECTED, 400, _says(r"does not represent a valid image|invalid_image")),
    Sign(
        Seen.CONTENT,
        400,
        _says(r"content_policy|content[ _]filter|content management policy|safety_violation|invalid_prompt"),
    ),
    Sign(Seen.CONTENT, 403, _says(r"content_policy|content[ _]filter|moderation|flagged|guardrail")),
    Sign(Seen.FORBIDDEN, 404, _says(r"or you do not have access")),
    Sign(Seen.NOT_INSTALLED, 404, _NO_MODEL),
    Sign(Seen.NOT_INSTALLED, 400, _NO_MODEL),
    Sign(Seen.FORBIDDEN, 403),
)
"""What the whole family shares. 403: the key is known and may not do this; it stays good for other models."""

SIGNS: Final[Mapping[str, tuple[Sign, ...]]] = {
    "mistral": (
        Sign(Seen.OVERLOADED, 429, _says(r"service_tier_capacity_exceeded|\b3505\b")),
        Sign(Seen.OVERLOADED, None, _says(r"^[^:]*: .*(service_tier_capacity_exceeded|service tier capacity)")),
    ),
    "genspark": tuple(Sign(seen, None, words) for seen, words in NOTICES if seen is Seen.OUT_OF_CREDIT),
    "huggingface": (
        Sign(Seen.OUT_OF_CREDIT, 403, _says(r"exceeded .{0,40}(credits|quota)")),
        Sign(Seen.FORBIDDEN, 400, _says(r"not supported by any provider you have enabled|model_not_supported")),
    ),
    "cohere": (
        Sign(Seen.KEY_REFUSED, 498),
        Sign(Seen.OUT_OF_CREDIT, 429, _says(r"trial key.{0,80}(month|limited to)|monthly")),
    ),
    "ai21": (
        Sign(Seen.SERVER_ERROR, 424),  # something that it needs itself failed
        Sign(Seen.OUT_OF_CREDIT, 403, _says(r"\bcredits?\b|quota")),
    ),
    "deepseek": (),
    "groq": (
        Sign(Seen.OVERLOADED, 498),  # flex tier: capacity_exceeded
        Sign(Seen.ERROR_IN_ANSWER, 400, _says(r"tool_use_failed|failed_generation")),  # the model's fault
        Sign(Seen.ERROR_IN_ANSWER, None, _says(r"tool_use_failed|failed to call a function")),
        Sign(Seen.SERVER_ERROR, 424),
        Sign(Seen.FORBIDDEN, 400, _says(r"model_decommissioned|model_terms_required")),
    ),
    "xai": (
        Sign(Seen.KEY_REFUSED, 400, _says(r"incorrect api key|invalid.{0,20}api key|api key is (blocked|disabled)")),
        Sign(Seen.OUT_OF_CREDIT, 403, _says(r"credits|spending limit")),
        Sign(Seen.OUT_OF_CREDIT, 429, _says(r"used all available credits|monthly spending limit")),
    ),
    "openrouter": (
        Sign(Seen.OVERLOADED, 502),  # whoever serves the model is down
        Sign(Seen.RATE_LIMITED, 429, _says(r"provider_name")),  # whoever serves it is asked too often, not this key
        Sign(Seen.OUT_OF_CREDIT, 403, _says(r"key limit exceeded|credit limit")),
        Sign(Seen.REJECTED, 404, _says(r"no endpoints found that support|no allowed providers")),
        Sign(Seen.FORBIDDEN, 404, _says(r"no endpoints found")),
    ),
    "together": (
        Sign(Seen.CONTEXT_FULL, 403, _says(r"token|context")),
        Sign(Seen.OUT_OF_CREDIT, 429, _says(r"credit_limit")),
    ),
    "fireworks": (Sign(Seen.OUT_OF_CREDIT, 412, _says(r"suspend|billing|spending")),),
    "cerebras": (Sign(Seen.OVERLOADED, 429, _says(r"queue_exceeded|too_many_requests_error.{0,200}high traffic")),),
    "perplexity": (Sign(Seen.OUT_OF_CREDIT, 401, _says(r"insufficient_quota|exceeded your current quota")),),
}
"""Row of the table of APIs -> its own signs, before the common ones."""


def signs_of(preset: str) -> tuple[Sign, ...]:
    """Return the signs of an API; the common ones for one that is not known."""
    return (*SIGNS.get(preset, ()), *COMMON)
