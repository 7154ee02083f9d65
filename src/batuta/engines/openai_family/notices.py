"""Answers that are none: a proxy's word on the account, said as if the model had said it. Pure.

Genspark answers a spent account or one that is not admitted with HTTP 200 and a sentence. Such a sentence is short,
comes at once and alone, and has words of its own. What is not known for such is an answer.
"""

from __future__ import annotations

import re
from typing import Final

from batuta.engines.faults import Seen

LONGEST: Final = 600  # characters; a longer answer is one
HELD: Final = 160  # characters of a stream that are held back until it is clear that they are no notice

_ACCOUNT = r"\b(your|this|the)\s+(account|plan|subscription|membership|key|api key)\b"
_NOT_LET = "not (permitted|allowed|authori[sz]ed)"
NOTICES: Final = (
    (
        Seen.OUT_OF_CREDIT,
        re.compile(
            r"genspark\.ai/pricing"
            r"|\b(your|you have|you've|insufficient|out of|not enough|no)\b.{0,30}\bcredits?\b.{0,40}"
            r"\b(exhausted|used up|run out|ran out|insufficient|depleted|left|remaining|upgrade|top up)\b"
            r"|\b(insufficient|not enough|out of|run out of)\s+credits?\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    (
        Seen.KEY_REFUSED,
        re.compile(
            rf"{_ACCOUNT}.{{0,60}}\b(banned|suspended|disabled|blocked|restricted|{_NOT_LET})\b"
            rf"|\b({_NOT_LET} to use (this|the) (api|service|proxy))\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
)
"""What it is -> how it is said."""


def notice_in(text: str) -> Seen | None:
    """Return what a short answer really is; None: an answer."""
    if not text or len(text) > LONGEST:
        return None
    return next((seen for seen, words in NOTICES if words.search(text)), None)
