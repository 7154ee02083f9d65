"""Reads which models an Ollama folder holds, from its manifests. Looks at small files only, and never outside.

A manifest names blobs by digest: `manifests/registry.ollama.ai/library/qwen3/8b` holds the digest of the model's GGUF,
which lies in `blobs/sha256-...`. Knows nothing of a running Ollama.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from batuta.catalog.discovery import printable
from batuta.catalog.records import Problem

MODEL: Final = "application/vnd.ollama.image.model"
ADAPTER: Final = "application/vnd.ollama.image.adapter"  # with one, the model's blob is not the whole model
HOME: Final = ("registry.ollama.ai", "library")  # what need not be said in a name
LARGEST: Final = 256 * 1024  # bytes of a manifest; they have some 500
MOST: Final = 20_000
DEEPEST: Final = 6  # registry, owner, model, tag, and some to spare
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class OllamaFolder:
    """The manifests below one folder; one that has not changed is not read again."""

    def __init__(self, root: Path) -> None:
        self._top = str(root / "manifests")
        self.blobs = str(root / "blobs")
        self._known: dict[str, tuple[int, int, str | None, str]] = {}

    def models(self, problems: list[Problem]) -> dict[str, str]:
        """Return the path of each model's blob, with its name. Folders that cannot be read become problems.

        A blob with several names is called by the first of them; `latest` says least and comes last.
        """
        named: dict[str, list[str]] = {}
        seen: dict[str, tuple[int, int, str | None, str]] = {}
        for path, facts in _files(self._top, problems):
            signature = (facts.st_size, facts.st_mtime_ns)
            known = self._known.get(path)
            if known is None or known[:2] != signature:
                name = name_of(tuple(path[len(self._top) + 1 :].split(os.sep)))  # noqa: PTH206  # a text
                known = (*signature, _digest_in(path, facts.st_size), name)
            seen[path] = known
            if known[2] is not None:
                named.setdefault(known[2], []).append(known[3])
        self._known = seen
        return {
            f"{self.blobs}{os.sep}{digest.replace(':', '-')}": min(
                names, key=lambda name: (name.endswith(":latest"), name)
            )
            for digest, names in named.items()
        }


def name_of(parts: tuple[str, ...]) -> str:
    """Return what Ollama calls the model of a manifest: the path below `manifests`, as far as it has to be said."""
    *place, tag = parts
    if place[:2] == list(HOME):
        place = place[2:]
    elif place[:1] == [HOME[0]]:
        place = place[1:]
    return f"{'/'.join(place)}:{tag}"


def digest_of(manifest: Any) -> str | None:
    """Return the digest of a manifest's model; None where the blob alone is not a model that could be run."""
    layers = manifest.get("layers") if isinstance(manifest, dict) else None
    layers = [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
    if any(layer.get("mediaType") == ADAPTER for layer in layers):
        return None
    models = [layer.get("digest") for layer in layers if layer.get("mediaType") == MODEL]
    digest = models[0] if len(models) == 1 else None
    return digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else None


def _digest_in(path: str, size: int) -> str | None:
    with suppress(OSError, ValueError, RecursionError):
        if size <= LARGEST:
            return digest_of(json.loads(Path(path).read_bytes()))
    return None


def _files(top: str, problems: list[Problem]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below `top`, links left out: a manifest is never one."""
    todo, count = [(top, 0)], 0
    while todo:
        folder, depth = todo.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(Problem(printable(folder), f"this folder cannot be read: {error.strerror or error}"))
            continue
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEEPEST:
                        todo.append((entry.path, depth + 1))
                elif depth and entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                    yield entry.path, entry.stat()
                    count += 1
        if count > MOST:
            return
