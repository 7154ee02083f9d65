"""The vendors' own specifications, as far as our tests ask them: does this JSON have the shape of that schema?

Fields that a schema does not know are allowed, because every vendor adds some. The specifications are not a part of
this tree: tests that need one are skipped, and say so, where it is not found. Only the schemas that are asked for are
read, because reading a whole file takes seconds.
"""

from __future__ import annotations

import os
import re
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
def text_of(name: str) -> str:
    """Return a file of the folder, or skip."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the specification {name} is not in {FOLDER}; set BATUTA_SPECS to the folder that has it")
    return path.read_text(encoding="utf-8")


def _read(text: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="reading a specification needs PyYAML")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _blocks(text: str, indent: int) -> dict[str, str]:
    """Return what stands below each name of a level of a file."""
    starts = list(re.finditer(rf"^ {{{indent}}}(?! )(.+?):(?: .*)?$", text, re.MULTILINE))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return {start[1].strip("'\""): text[start.start() : end] for start, end in zip(starts, ends, strict=True)}


class Spec:
    """One specification.

    Args:
        name: of its file.
    """

    def __init__(self, name: str) -> None:
        text = text_of(name)
        parts = _blocks(text, 0)
        self._schemas = _blocks(_blocks(parts["components"], 2)["schemas"], 4)
        self._paths = _blocks(parts["paths"], 2)
        self._read: dict[str, Any] = {}

    def schema(self, name: str) -> Any:
        """Return a schema by its name."""
        if name not in self._read:
            (self._read[name],) = _read(self._schemas[name]).values()
        return self._read[name]

    def answer_schema(self, path: str, method: str, status: str = "200") -> Any:
        """Return the schema of what a path answers in JSON."""
        (described,) = _read(self._paths[path]).values()
        return described[method]["responses"][status]["content"]["application/json"]["schema"]

    def problems(self, value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
        """Yield what is wrong with a value."""
        if reference := schema.get("$ref"):
            yield from self.problems(value, self.schema(reference.rpartition("/")[2]), where)
            return
        if value is None and schema.get("nullable"):
            return
        yield from self._in_combination(value, schema, where)
        if kinds := schema.get("type"):
            names = kinds if isinstance(kinds, list) else [kinds]
            if not any(_is(value, name) for name in names):
                yield f"{where}: {value!r} is no {' or '.join(names)}"
                return
        if isinstance(value, dict):
            yield from self._in_object(value, schema, where)
        if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
            for number, item in enumerate(value):
                yield from self.problems(item, items, f"{where}[{number}]")

    def _in_combination(self, value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
        for part in schema.get("allOf", ()):
            yield from self.problems(value, part, where)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            tries = [list(self.problems(value, choice, where)) for choice in choices]
            if all(tries):
                yield f"{where}: fits none of {len(choices)} forms, for example: {min(tries, key=len)[0]}"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"
        if "const" in schema and value != schema["const"]:
            yield f"{where}: {value!r} is not {schema['const']!r}"

    def _in_object(self, value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
        yield from (f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from self.problems(value[name], part, f"{where}.{name}")


@cache
def spec(name: str) -> Spec:
    """Return a specification by the name of its file, or skip."""
    return Spec(name)


def check_in(file: str, value: Any, schema: str) -> None:
    """Fail unless the value has the shape of the named schema of a specification."""
    problems = list(spec(file).problems(value, {"$ref": f"#/components/schemas/{schema}"}, schema))
    assert not problems, "\n".join(problems)


def check_answer(file: str, value: Any, path: str, method: str = "get") -> None:
    """Fail unless the value has the shape of what a path of a specification answers."""
    it = spec(file)
    problems = list(it.problems(value, it.answer_schema(path, method), path))
    assert not problems, "\n".join(problems)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool) and name in {"integer", "number"}:
        return False
    return isinstance(value, TYPES[name])


# --- Google's protos -------------------------------------------------------------------------------------------------

_BEGIN = re.compile(r"^\s*(message|enum|oneof|extend)\s+(\w+)\s*{", re.MULTILINE)
_FIELD = re.compile(r"^\s*(?:repeated |optional )?(map<[^>]+>|[\w.]+)\s+(\w+)\s*=\s*\d+", re.MULTILINE)


@cache
def messages(*files: str) -> Mapping[str, Mapping[str, str]]:
    """Return the fields of each message in proto files, by their JSON name, with their type."""
    found: dict[str, dict[str, str]] = {}
    for file in files:
        inside: list[str] = []
        for line in re.sub(r"//[^\n]*", "", text_of(f"google/{file}")).splitlines():
            if begin := _BEGIN.match(line):
                inside.append("" if begin[1] != "message" else begin[2])
                if begin[1] == "message":
                    found.setdefault(begin[2], {})
                if line.rstrip().endswith("}"):
                    inside.pop()
            elif inside and (field := _FIELD.match(line)):
                owner = next((name for name in reversed(inside) if name), "")
                found.setdefault(owner, {})[_camel(field[2])] = field[1].rpartition(".")[2]
            elif line.strip() == "}" and inside:
                inside.pop()
    return found


def unknown_fields(value: Any, message: str, known: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return the fields of a JSON value that its message does not have, as `Message.field`."""
    if isinstance(value, list):
        return set().union(*(unknown_fields(each, message, known) for each in value)) if value else set()
    if not isinstance(value, dict) or message not in known:
        return set()
    fields = known[message]
    found = {f"{message}.{name}" for name in value if name not in fields}
    for name, part in value.items():
        found |= unknown_fields(part, fields.get(name, ""), known)
    return found


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
