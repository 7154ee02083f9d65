"""What the clients' scripts share: options, plays by name, and one JSON object of what came of each.

Needs nothing but Python: each script runs in an environment that has a vendor's SDK and no Batuta.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 5.0
KEY = "sk-test-not-a-key-"
FAULT = "x-fake-fault"  # how our fakes are asked to misbehave
WEATHER: Mapping[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 2}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
CLOCK: Mapping[str, Any] = {
    "type": "object",
    "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
    "required": ["zone"],
    "additionalProperties": False,
}
PERSON: Mapping[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass
class Stage:
    """What a script was told on the command line.

    Attributes:
        url: the API's root as the SDK wants it.
        key: sent with everything.
        model: that is asked.
        thinker: a model that thinks.
        embedder: a model that makes vectors.
        results: what came of each play.
    """

    url: str
    key: str
    model: str
    thinker: str
    embedder: str
    only: tuple[str, ...] = ()
    results: dict[str, Any] = field(default_factory=dict)

    def play(self, name: str, act: Callable[[], Any], *errors: type[BaseException]) -> None:
        """Play one, unless others were named; an error of the kinds given is a result as well."""
        if self.only and name not in self.only:
            return
        begun = time.monotonic()
        try:
            self.results[name] = act()
        except errors as error:
            self.results[name] = {"raised": type(error).__name__, **facts_of(error)}
        if isinstance(self.results[name], dict):
            self.results[name]["took_s"] = round(time.monotonic() - begun, 3)

    def end(self) -> None:
        """Print what came of it."""
        print(json.dumps(self.results, ensure_ascii=True))  # noqa: T201  # the script's answer


def facts_of(error: BaseException) -> dict[str, Any]:
    """Return what an SDK's error tells: status, code, param, type, headers that ask for a wait."""
    told: dict[str, Any] = {"text": str(error)[:300]}
    for name in ("status_code", "code", "param", "type", "status"):
        value = getattr(error, name, None)
        if isinstance(value, str | int):
            told[name] = value
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
    for name in ("retry-after", "retry-after-ms", "x-should-retry"):
        if name in headers:
            told[name] = headers[name]
    return told


def options(*, model: str, thinker: str, embedder: str, provider: str) -> Stage:
    """Return what the command line says; the models are those of the fake unless others are named."""
    parser = argparse.ArgumentParser(description=f"plays of the official SDK against {provider} or its fake")
    parser.add_argument("--url", required=True, help="root of the API, as the SDK wants it")
    parser.add_argument("--key", default=KEY + provider, help="the fake's own by default")
    parser.add_argument("--model", default=model)
    parser.add_argument("--thinker", default=thinker)
    parser.add_argument("--embedder", default=embedder)
    parser.add_argument("--only", default="", help="names of plays, joined by commas")
    parsed = parser.parse_args()
    only = tuple(name for name in parsed.only.split(",") if name)
    return Stage(parsed.url, parsed.key, parsed.model, parsed.thinker, parsed.embedder, only)
