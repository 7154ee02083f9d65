"""JSON with values of no type that a field should have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

ODD: tuple[Any, ...] = (None, -1, "", [], [1], {"type": []})


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value in a JSON."""
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in inner:
        yield from places(value, (*path, step))


def with_odd(body: Any) -> Iterator[Any]:
    """Yield the JSON with each odd value at each place of it."""
    whole = orjson.dumps(body)
    for path in places(body):
        for odd in ODD:
            changed = {"": orjson.loads(whole)}
            node: Any = changed
            steps = ("", *path)
            for step in steps[:-1]:
                node = node[step]
            node[steps[-1]] = odd
            yield changed[""]
