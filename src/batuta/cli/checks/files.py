"""Which model files there are: Batuta's folders examined, other tools' folders counted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from batuta.cli.checks.findings import Finding, Health
from batuta.cli.escapes import one_line
from batuta.cli.terminal import memory_text
from batuta.errors import BadModelFile
from batuta.loader.gguf import inspect
from batuta.loader.paths import known_roots
from batuta.settings import Settings

MOST_FILES = 20_000  # looked at in one folder; a doctor that takes a minute is not asked again
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_SMALLEST_BLOB = 10_000_000  # Ollama keeps templates and licences beside the models


def own_folders(settings: Settings) -> Iterator[Finding]:
    """Examine every model file in Batuta's model folders."""
    roots = settings.model_roots
    for root in roots:
        if not root.is_dir():
            yield Finding("models", str(root), Health.NOTE, "no such folder yet", data={"models": 0})
            continue
        good, size = 0, 0
        bad: list[tuple[Path, BadModelFile]] = []
        for path in gguf_files(root):
            try:
                size += inspect(path, roots).size
                good += 1
            except BadModelFile as error:
                bad.append((path, error))
        text = f"{_models(good)}, {memory_text(size)}"
        yield Finding(
            "models", str(root), Health.OK if good else Health.NOTE, text, data={"models": good, "bytes": size}
        )
        for path, fault in bad:
            cause = str(fault.cause or fault.code)
            yield Finding(
                "models",
                one_line(path.name),
                Health.WARNING,
                one_line(fault.message),
                "Replace or remove the files marked above; Batuta will not load them.",
                {"path": str(path), "cause": cause},
            )


def other_folders(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Count the model files in the folders of other tools, without reading them."""
    own = {root.resolve() for root in settings.model_roots}
    for root in known_roots(settings.data_dir, settings.models_dirs, environ):
        if root.is_dir() and root.resolve() not in own:
            sizes = [_size(path) for path in (*gguf_files(root), *ollama_blobs(root))]
            text = f"{_models(len(sizes))}, {memory_text(sum(sizes))}"
            yield Finding("other folders", str(root), Health.OK, text, data={"models": len(sizes), "bytes": sum(sizes)})


def gguf_files(root: Path) -> list[Path]:
    """Return the model files below `root`, the later parts of split ones left out, sorted."""
    return sorted(path for path in _files(root) if path.suffix.lower() == ".gguf" and not _LATER_PART.search(path.name))


def ollama_blobs(root: Path) -> list[Path]:
    """Return the blobs of an Ollama folder that are models, by their first four bytes."""
    blobs = root / "blobs"
    return (
        [path for path in _files(blobs) if _size(path) >= _SMALLEST_BLOB and _has_magic(path)] if blobs.is_dir() else []
    )


def _files(root: Path) -> Iterator[Path]:
    seen = 0
    for folder, folders, names in os.walk(root, onerror=None):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            seen += 1
            if seen > MOST_FILES:
                return
            yield Path(folder, name)


def _has_magic(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(4) == b"GGUF"
    return False


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _models(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"


def count_models(findings: Sequence[Finding]) -> int:
    """Return how many usable models the findings tell of."""
    return sum(int(finding.data.get("models", 0)) for finding in findings)
