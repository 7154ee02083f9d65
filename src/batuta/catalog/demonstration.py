"""How much memory the starter pair is shown in: room for one of the two, so that they are seen taking turns. Pure.

On a machine where there is nothing else to load, a budget of gigabytes would show nothing: both would fit for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from batuta.catalog.entities import ModelSpec


def budget_for(specs: Iterable[ModelSpec]) -> int | None:
    """Return the bytes in which just one of the bundled models fits; None where there is anything else to load.

    Args:
        specs: every model of the catalog.
    """
    here = [spec for spec in specs if spec.is_loadable and spec.is_present and spec.enabled]
    pair = sorted(spec.need_bytes for spec in here if spec.bundled_as is not None)
    if len(pair) < 2 or len(pair) < len(here):
        return None
    return pair[-1] + pair[0] // 2
