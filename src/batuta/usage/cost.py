"""What one call cost, and what it may cost before it is sent. Pure: knows no provider and no key.

Money is counted in whole nano-dollars (a billionth of a US dollar), so that sums are exact.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from batuta.chat.types import Usage
from batuta.usage.prices import Price

NANO: Final = 1_000_000_000  # nano-dollars in a dollar
_PER_TOKEN: Final = 1000  # nano-dollars a token at one dollar per million tokens
BYTES_A_TOKEN: Final = 2  # of a body: text has 3 to 4.5 in every language tried; below that are long rows of digits
TOKENS_AN_IMAGE: Final = 5000  # the dearest size of the dearest model known takes about 4,800
USUAL_ANSWER: Final = 4096  # tokens of an answer for which the caller set no limit
_IMAGE_DATA: Final = re.compile(rb"data:image/[a-z+.-]+;base64,[A-Za-z0-9+/=_-]*")
_IMAGE_MARKS: Final = (b'"image_url"', b'"input_image"', b'"image"')


class _Limits(msgspec.Struct):
    """The fields of a body that say how long the answer may be."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | None = None


_decode = msgspec.json.Decoder(_Limits).decode


def cost_of(usage: Usage, price: Price) -> int:
    """Return what a call cost, in nano-dollars, rounded up.

    Cached tokens are a part of the question's, reasoning a part of the answer's, as OpenAI counts them. Where more
    reasoning is told than answer, it was counted beside it.
    """
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    reasoning, answer = usage.reasoning_tokens, usage.completion_tokens
    if reasoning <= answer:
        answer -= reasoning
    total = (usage.prompt_tokens - cached) * price.input + answer * price.output
    total += cached * (price.input if price.cached is None else price.cached)
    total += reasoning * (price.output if price.reasoning is None else price.reasoning)
    return _rounded(total)


def answer_limit(body: bytes) -> int:
    """Return how many tokens the answers to a request may have, as its body says; else what answers usually have."""
    try:
        said = _decode(body)
    except msgspec.MsgspecError:
        return USUAL_ANSWER
    limits = (said.max_completion_tokens, said.max_output_tokens, said.max_tokens)
    longest = next((limit for limit in limits if limit is not None and limit >= 0), USUAL_ANSWER)
    return longest * max(said.n or 1, 1)


def question_size(body: bytes) -> int:
    """Return how many tokens a request may have: more than it will, where it is text.

    An image counts by what the dearest takes, not by its bytes; so does one that is only named by its address.
    """
    size, inline = len(body), 0
    if b";base64," in body:
        for found in _IMAGE_DATA.finditer(body):
            size -= len(found.group())
            inline += 1
    named = max(body.count(mark) for mark in _IMAGE_MARKS) if b"image" in body else 0
    return -(-size // BYTES_A_TOKEN) + max(inline, named) * TOKENS_AN_IMAGE


def estimate(question: int, answer: int, price: Price) -> int:
    """Return the most that a call is expected to cost, in nano-dollars: nothing cached, the longest answer."""
    dearest = max(price.output, price.reasoning or 0.0)
    return _rounded(question * price.input + answer * dearest)


def _rounded(price_tokens: float) -> int:
    """Return nano-dollars, up, for tokens times dollars per million."""
    exact = round(price_tokens * _PER_TOKEN, 3)  # floats leave a crumb that would be rounded up to a whole one
    whole = int(exact)
    return whole if whole == exact else whole + 1


def nano(dollars: Decimal | float | str) -> int:
    """Return dollars as nano-dollars, rounded up."""
    return int((Decimal(str(dollars)) * NANO).to_integral_value(ROUND_CEILING))


def dollars(amount: int) -> float:
    """Return nano-dollars as dollars."""
    return amount / NANO


def shown(amount: int) -> str:
    """Return nano-dollars as people write them: two digits, more for what is below a cent, none lost to zero."""
    value = Decimal(amount) / NANO
    if amount == 0 or abs(value) >= Decimal("0.01"):
        return f"${value:,.2f}"
    return f"${value:.2g}" if value >= Decimal("0.0001") else f"${value:.6f}"
