"""A caller's JSON schema in the part of JSON Schema that Anthropic compiles. Pure.

Anthropic holds an answer to types, properties, choices and references. What it would refuse (lengths, ranges, patterns)
is told to the model in the description instead of being lost; objects allow no further properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

AS_THEY_ARE: Final = ("$ref", "type", "enum", "const", "title", "description", "default", "required")
OF_SCHEMAS: Final = ("properties", "$defs", "definitions")
CHOICES: Final = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
FORMATS: Final = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
FEWEST: Final = (0, 1)  # no other `minItems` is compiled
LEFT_OUT: Final = frozenset({"$schema", "$id", "$comment", "additionalProperties"})


def fitted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with nothing in it that Anthropic refuses."""
    if "$ref" in schema and schema.keys() <= {"$ref", "description", "title", "default"}:
        return {"$ref": schema["$ref"]}
    fit: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, value in schema.items():
        if name in AS_THEY_ARE:
            fit[name] = value
        elif name in OF_SCHEMAS and isinstance(value, dict):
            fit[name] = {key: _fitted(inner) for key, inner in value.items()}
        elif name in CHOICES and isinstance(value, list):
            fit[CHOICES[name]] = [_fitted(inner) for inner in value]
        elif name == "items":
            fit[name] = _fitted(value)
        elif (name == "minItems" and value in FEWEST) or (name == "format" and value in FORMATS):
            fit[name] = value
        elif name not in LEFT_OUT:
            told[name] = value
    if fit.get("type") == "object" or "properties" in fit:
        fit["additionalProperties"] = False
    if told:
        rules = ", ".join(f"{name}: {orjson.dumps(value).decode()}" for name, value in told.items())
        fit["description"] = " ".join(filter(None, (fit.get("description"), f"({rules})")))
    return fit


def _fitted(schema: Any) -> Any:
    return fitted(schema) if isinstance(schema, dict) else schema
