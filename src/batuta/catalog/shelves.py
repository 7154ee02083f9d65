"""Where other programs keep models on this machine, and how each names them. A table; looks at no disk.

The scan looks into these folders, the loader opens files in these and no others, and the doctor counts what is there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

SNAPSHOTS: Final = "snapshots"
CACHED: Final = "models--"  # folders of Hugging Face's cache are called so: models--org--name


class Rule(Enum):
    """How a program lays its models out."""

    PLAIN = "folders and files, called as they are"
    HUGGING_FACE = "models--org--name/snapshots/revision, links into blobs"
    LLAMA_CPP = "org_repository_file.gguf"
    OLLAMA = "manifests that name blobs"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder in which another program keeps models. Batuta reads there and never writes.

    Attributes:
        program: what a person calls it.
        path: the folder; it need not exist.
        rule: how models are laid out and named in it.
    """

    program: str
    path: Path
    rule: Rule = Rule.PLAIN


def shelves(environ: Mapping[str, str]) -> tuple[Shelf, ...]:
    """Return the folders of other programs, where their own variables say they are."""
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "~").expanduser()
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    hugging_face = Path(environ.get("HF_HOME") or cache / "huggingface")
    return (
        Shelf("Hugging Face", Path(environ.get("HF_HUB_CACHE") or hugging_face / "hub"), Rule.HUGGING_FACE),
        Shelf("llama.cpp", Path(environ.get("LLAMA_CACHE") or cache / "llama.cpp"), Rule.LLAMA_CPP),
        Shelf("LM Studio", home / ".lmstudio" / "models"),
        Shelf("LM Studio", cache / "lm-studio" / "models"),  # until 2025
        Shelf("Ollama", Path(environ.get("OLLAMA_MODELS") or home / ".ollama" / "models"), Rule.OLLAMA),
    )


def enters(rule: Rule, folder: str, depth: int) -> bool:
    """Say whether models may lie in a folder of that name, `depth` folders below the shelf's own.

    Hugging Face's cache holds data sets beside models, and each model's files twice: under their names and as blobs.
    """
    if rule is Rule.OLLAMA:
        return False
    if rule is not Rule.HUGGING_FACE:
        return True
    return depth > 1 or (folder == SNAPSHOTS if depth == 1 else folder.startswith(CACHED))


def stem_of(rule: Rule, path: str) -> str:
    """Return what a file is called where its name alone says too much; empty: as any other file.

    llama.cpp writes `org_repository-GGUF_file.gguf`: the file's own name is what a person asked for.
    """
    if rule is not Rule.LLAMA_CPP:
        return ""
    name = os.path.basename(path)[: -len(".gguf")]  # noqa: PTH119  # a text, thousands of times
    place = name.lower().rfind("-gguf_")
    return name[place + len("-gguf_") :] if place > 0 else ""


def revision_of(path: str) -> tuple[str, str] | None:
    """Return the revision of a path in Hugging Face's cache, and the path without it; None for any other path.

    `.../models--org--name/snapshots/<revision>/a.gguf` is `<revision>` of `.../models--org--name/a.gguf`: a download
    of a newer revision is the same model.
    """
    if CACHED not in path:  # asked for thousands of paths in each round
        return None
    parts = path.split(os.sep)  # noqa: PTH206  # texts are quicker than paths
    for place in range(len(parts) - 2, 0, -1):
        if parts[place] == SNAPSHOTS and parts[place - 1].startswith(CACHED):
            return parts[place + 1], os.sep.join((*parts[:place], *parts[place + 2 :]))  # noqa: PTH118
    return None
