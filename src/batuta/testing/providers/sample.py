"""A value that satisfies a JSON schema, made from a text. Knows what tools and structured answers use of JSON Schema.

Google's upper-case type names are read as well. A pattern that none of a few values fits is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

LONGEST = 40  # characters of a text that quotes the question
DEEPEST = 12
FORMATS: Mapping[str, str] = {
    "date": "2026-11-21",
    "time": "10:30:00Z",
    "date-time": "2026-11-21T10:30:00Z",
    "duration": "PT1H",
    "email": "someone@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uuid": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
}
FITTING = ("a", "A", "abc", "ABC", "0", "1", "12", "123", "1234", "12345", "a1", "A1", "a-b", "a_b", "#a1b2c3", "1.0.0")


class Unsatisfiable(ValueError):
    """No value could be made."""


def sample(schema: Mapping[str, Any], text: str) -> Any:
    """Return a value that satisfies the schema; texts in it quote `text`.

    Raises:
        Unsatisfiable: the schema asks for what is not known here.
    """
    return _Sampler(schema, text).value(schema, 0)


class _Sampler:
    def __init__(self, root: Mapping[str, Any], text: str) -> None:
        self._root = root
        self._text = text

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return {}
        if depth > DEEPEST:
            raise Unsatisfiable("the schema is nested too deeply")
        schema = self._flat(schema)
        for name in ("const", "default"):
            if name in schema:
                return schema[name]
        if choices := schema.get("enum"):
            return choices[0]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._first(choices, depth)
        makers: Mapping[str, Callable[[Mapping[str, Any], int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._integer,
            "boolean": lambda *_: True,
            "null": lambda *_: None,
        }
        return makers[self._kind(schema)](schema, depth)

    def _kind(self, schema: Mapping[str, Any]) -> str:
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        return str(kind[0] if isinstance(kind, list) else kind).lower()

    def _flat(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put references and allOf in place."""
        seen = 0
        while reference := schema.get("$ref"):
            seen += 1
            if seen > DEEPEST:
                raise Unsatisfiable(f"{reference} refers to itself")
            rest = {name: part for name, part in schema.items() if name != "$ref"}
            schema = {**self._find(str(reference)), **rest}
        for part in schema.get("allOf", ()):
            flat = self._flat(part)
            properties = {**schema.get("properties", {}), **flat.get("properties", {})}
            required = [*schema.get("required", ()), *flat.get("required", ())]
            schema = {**schema, **flat, "properties": properties, "required": required}
        return schema

    def _find(self, reference: str) -> Mapping[str, Any]:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                if not isinstance(found, Mapping) or step not in found:
                    raise Unsatisfiable(f"{reference} is not in the schema")
                found = found[step]
        return found if isinstance(found, Mapping) else {}

    def _first(self, choices: list[Any], depth: int) -> Any:
        """Return a value of the first choice that has one: a recursive schema ends in its other branch."""
        why = Unsatisfiable("no choice")
        for choice in choices:
            try:
                return self.value(choice, depth + 1)
            except Unsatisfiable as error:
                why = error
        raise why

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        made: dict[str, Any] = {}
        required = schema.get("required") or ()
        for name, part in properties.items():
            try:
                made[name] = self.value(part, depth + 1)
            except Unsatisfiable:
                if name in required:
                    raise
        return made | {name: self._text[:LONGEST] for name in required if name not in properties}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        count = max(1, int(schema.get("minItems") or 0))
        count = min(count, int(schema.get("maxItems", count)))
        try:
            return [self.value(schema.get("items") or {"type": "string"}, depth + 1) for _ in range(count)]
        except Unsatisfiable:
            if schema.get("minItems"):
                raise
            return []

    def _string(self, schema: Mapping[str, Any], _depth: int) -> str:
        if (form := schema.get("format")) in FORMATS:
            return FORMATS[str(form)]
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", LONGEST))
        quoted = self._text[: min(LONGEST, most)].ljust(least, ".")
        pattern = schema.get("pattern")
        if pattern is None:
            return quoted
        for candidate in (quoted, *self._text.split(), *FORMATS.values(), *FITTING):
            if least <= len(candidate) <= most and re.search(str(pattern), candidate):
                return candidate
        raise Unsatisfiable(f"no text is known that fits the pattern {pattern}")

    def _integer(self, schema: Mapping[str, Any], _depth: int) -> int | float:
        low = schema.get("minimum", _above(schema.get("exclusiveMinimum"), 1))
        high = schema.get("maximum", _above(schema.get("exclusiveMaximum"), -1))
        number: int | float = len(self._text.split())
        if step := schema.get("multipleOf"):
            number = step * max(1, round(number / step))
            while low is not None and number < low:
                number += step
        number = number if low is None else max(number, low)
        return number if high is None else min(number, high)


def _above(bound: Any, step: int) -> Any:
    return bound + step if isinstance(bound, int | float) and not isinstance(bound, bool) else None
