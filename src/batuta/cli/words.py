"""Says the gateway's refusals in the command line's words: commands where it names paths, reasons where it knows none.

What it asks for that is a courtesy: when the gateway cannot tell, its own words stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Protocol

from batuta.cli.client import Refused, model_path
from batuta.cli.views import listed, pinned_by
from batuta.errors import BatutaError, ModelNotFound

_UNPIN = re.compile(r"(?:[;,] unpin (?:it|them|one of them))?\.?$")  # how programs are told
CHOICES = ("auto", "brain", "executor")  # names that stand for a choice of Batuta's


class Asked(Protocol):
    """What is needed of a client."""

    def get(self, path: str) -> Any:
        """Return the JSON answer to GET `path`."""
        ...

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON answer to POST `path`."""
        ...


@contextmanager
def in_our_words(client: Asked, model: str) -> Iterator[None]:
    """Turn what the gateway refuses about `model` into an error that a person at a terminal can act on."""
    try:
        yield
    except Refused as error:
        code = error.details.get("code")
        if code == "model_not_found" and model not in CHOICES:
            raise not_found(client, model, error.suggestion) from None
        if code == "no_fit" and (pinned := _asked_pins(client, model)):
            ways = " and ".join(f"`batuta unpin {each}`" for each in pinned)
            text = f"{_UNPIN.sub('', error.message)}; {ways} would make room"
            raise Refused(text, status=int(error.details["status"]), code=code, suggestion=error.suggestion) from None
        raise


def check(client: Asked, model: str) -> None:
    """Raise ModelNotFound when nobody answers to `model`; whatever else is wrong, the first question tells."""
    if model in CHOICES:
        return
    try:
        client.get(model_path(model))
    except Refused as error:
        if error.details.get("code") == "model_not_found":
            raise not_found(client, model, error.suggestion) from None


def not_found(client: Asked, model: str, near: str | None) -> ModelNotFound:
    """Return the error for a name that is nobody's: why its file is no model, or the nearest name."""
    for problem in problems(client):
        if _is_about(problem, model):
            text = f"{model} cannot be used: {problem['subject']}: {problem['reason']}"
            return ModelNotFound(text, model=model)
    near = near or nearest(model, [str(each.get("id")) for each in models(client)])
    hint = f"did you mean {near}?" if near else "`batuta models` lists what there is"
    return ModelNotFound(f"there is no model {model!r}; {hint}", model=model, suggestion=near)


def nearest(name: str, known: list[str]) -> str | None:
    """Return the known name that `name` was probably meant to be."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, [*known, *CHOICES], n=1, cutoff=0.5)), None)


def problems(client: Asked) -> list[dict[str, Any]]:
    """Return what the gateway finds wrong with files, servers and settings: `subject` and `reason` of each."""
    found = _listed(client, "/manage/catalog/problems", "problems")
    return [each for each in found if each.get("subject") and each.get("reason")]


def models(client: Asked) -> list[dict[str, Any]]:
    """Return the models; none when the gateway does not tell."""
    return _listed(client, "/manage/models", "models")


def _listed(client: Asked, path: str, name: str) -> list[dict[str, Any]]:
    try:
        return listed(client.get(path), name)
    except BatutaError:
        return []


def _asked_pins(client: Asked, model: str) -> list[str]:
    try:
        return pinned_by(client.post("/manage/plan", {"model": model}))
    except BatutaError:
        return []


def _is_about(problem: dict[str, Any], model: str) -> bool:
    path = PurePath(str(problem["subject"]))
    name = model.casefold()
    return path.suffix.casefold() == ".gguf" and name in {
        str(path).casefold(),
        path.name.casefold(),
        path.stem.casefold(),
    }
