"""Which model files there are: Batuta's folders examined, other tools' folders counted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from batuta.catalog.discovery import bad_address, printable
from batuta.catalog.files import is_model_name
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.escapes import one_line
from batuta.cli.terminal import memory_text
from batuta.cli.wanted import Wanted
from batuta.errors import BadModelFile, Cause
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
            if reason := bad_address(str(path)):
                bad.append((path, BadModelFile(f"{printable(path.name)}: {reason}", cause=Cause.UNREADABLE_FILE)))
                continue
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


def named_models(settings: Settings) -> Iterator[Finding]:
    """Tell which of the models that the settings name is no file here; one of a server is not looked for."""
    if settings.brain is None and settings.executor is None:
        return
    named = [Path(name).expanduser() for name in (settings.brain, settings.executor) if name]
    roots = known_roots(settings.data_dir, settings.models_dirs, os.environ)
    found = {path.stem for root in roots if root.is_dir() for path in gguf_files(root)}
    found |= {path.stem for path in named if path.suffix.lower() == ".gguf" and path.is_file()}
    for text in Wanted.of(settings).problems(found):
        advice = "Correct the setting brain or executor, or add the model; without it Batuta chooses by itself."
        yield Finding("models", "named in the settings", Health.WARNING, text, advice)


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
    return sorted(path for path in _files(root) if is_model_name(path.name) and not _LATER_PART.search(path.name))


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
