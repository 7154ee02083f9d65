"""OpenAI's own specification, as far as our tests ask it: does this JSON have the shape of that schema?

Fields that the schema does not know are allowed, because every vendor adds some. The specification is not a part of
this tree: tests that need it are skipped, and say so, where it is not found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools.check_tree import ROOT

FOLDER = Path(os.environ.get("BATUTA_SPECS", ROOT.parent / "shared" / "wire" / "specs"))
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@cache
def _schemas() -> dict[str, Any]:
    path = FOLDER / "openai.yaml"
    if not path.is_file():
        pytest.skip(f"OpenAI's specification is not at {path}; set BATUTA_SPECS to the folder that has openai.yaml")
    yaml = pytest.importorskip("yaml", reason="reading OpenAI's specification needs PyYAML")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schemas: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)["components"]["schemas"]
    return schemas


def check(value: Any, schema: str) -> None:
    """Fail unless the value has the shape of the named schema."""
    problems = list(_problems(value, {"$ref": f"#/components/schemas/{schema}"}, schema))
    assert not problems, "\n".join(problems)


def _problems(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if reference := schema.get("$ref"):
        yield from _problems(value, _schemas()[reference.rpartition("/")[2]], where)
        return
    if value is None and schema.get("nullable"):
        return
    yield from _in_combination(value, schema, where)
    if kinds := schema.get("type"):
        names = kinds if isinstance(kinds, list) else [kinds]
        if not any(_is(value, name) for name in names):
            yield f"{where}: {value!r} is no {' or '.join(names)}"
            return
    if isinstance(value, dict):
        yield from _in_object(value, schema, where)
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for number, item in enumerate(value):
            yield from _problems(item, items, f"{where}[{number}]")


def _in_combination(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    for part in schema.get("allOf", ()):
        yield from _problems(value, part, where)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        tries = [list(_problems(value, choice, where)) for choice in choices]
        if all(tries):
            yield f"{where}: fits none of {len(choices)} forms, for example: {min(tries, key=len)[0]}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"


def _in_object(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    yield from (f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    for name, part in schema.get("properties", {}).items():
        if name in value:
            yield from _problems(value[name], part, f"{where}.{name}")


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool) and name in {"integer", "number"}:
        return False
    return isinstance(value, TYPES[name])
