"""Golden files of Anthropic's dialect, and deltas in the form that they are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from batuta.chat.dialects.anthropic import AnswerReader
from batuta.chat.dialects.openai import InBandError
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta

FOLDER = Path(__file__).parents[2] / "golden/anthropic"


def names(kind: str, ending: str = ".json") -> list[str]:
    return sorted(path.name.removesuffix(ending) for path in (FOLDER / kind).glob(f"*{ending}"))


@cache
def golden(kind: str, name: str) -> Any:
    return orjson.loads((FOLDER / kind / f"{name}.json").read_bytes())


@cache
def stream(name: str) -> bytes:
    return (FOLDER / "streams" / f"{name}.sse").read_bytes()


def plain(said: Delta | InBandError) -> dict[str, Any]:
    """Return a delta as a golden file has it: without what it does not say."""
    filled: dict[str, Any] = _plain(said)
    return filled if isinstance(said, Delta) else {"error": filled}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        pairs = ((name, _plain(each)) for name, each in value.items())
        return {name: each for name, each in pairs if name == "index" or each not in (None, "", [], {}, 0)}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def read(data: bytes, *, answer_tool: str = "", cuts: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Return the deltas of a stream whose bytes come in pieces."""
    parser, reader = SSEParser(), AnswerReader(answer_tool=answer_tool)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.close()
    said = (reader.take(event.data) for event in events)
    return [plain(each) for each in said if each is not None]
