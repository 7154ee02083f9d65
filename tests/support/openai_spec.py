"""OpenAI's own specification: does this JSON have the shape of that schema?"""

from __future__ import annotations

from typing import Any

from tests.support.vendor_spec import check_in


def check(value: Any, schema: str) -> None:
    """Fail unless the value has the shape of the named schema."""
    check_in("openai.yaml", value, schema)
