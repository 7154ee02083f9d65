"""The forms of model files: which engine runs each, how it is checked, what it needs. A table and its look-ups."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from batuta.catalog.entities import MemoryNeed
from batuta.errors import Cause, ModelFailed
from batuta.loader import gguf, memory, safetensors
from batuta.loader.gguf import GGUFInfo
from batuta.loader.safetensors import BITS, SafetensorsInfo

Info = GGUFInfo | SafetensorsInfo
MIB: Final = 1 << 20

DEVICES: Final = ("auto", "cpu", "cuda", "rocm", "mps")
"""What a safetensors model can be asked to run on; cuda and rocm with or without a number: cuda:1."""
DTYPES: Final = ("auto", "float32", "float16", "bfloat16")
BATCHINGS: Final = ("auto", "turns", "batch")
PARKINGS: Final = ("auto", "on", "off")
_DTYPE_BYTES: Final[Mapping[str, int]] = MappingProxyType({"float32": 4, "float16": 2, "bfloat16": 2})

TORCH_PROCESS: Final = 420 * MIB  # Python with PyTorch and transformers and a tiny model measures 380 to 430 MB
PIECE: Final = 128  # tokens of a prompt computed at once on a CPU
STATES: Final = 24  # hidden states of a piece alive at the same time


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that runs models.

    Attributes:
        program: the module, run with `python -m`.
        needs: packages it cannot do without, beyond Batuta's own.
        install: what installs them.
        environ: variables of its process, beside the allowed ones.
        can_wait: one of its processes may be kept waiting with its library imported.
    """

    program: str
    needs: tuple[str, ...] = ()
    install: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    can_wait: bool = False


ENGINES: Final[Mapping[str, Engine]] = MappingProxyType({
    "gguf": Engine("batuta.loader.engines.llamacpp", can_wait=True),
    "safetensors": Engine(
        "batuta.loader.engines.transformers",
        needs=("torch", "transformers"),
        install="pip install 'batuta[transformers]'",
        environ=MappingProxyType({
            "HF_HUB_OFFLINE": "1",  # what is not in the folder is not fetched
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }),
    ),
})  # fmt: skip
"""Form -> engine."""


def form_of(path: Path | str) -> str:
    """Return the form of the model at a path: a folder or a .safetensors file is one, everything else the other.

    A folder that is called `.gguf` is a file gone wrong.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    return "safetensors" if suffix == safetensors.SUFFIX or (suffix != ".gguf" and _is_folder(path)) else "gguf"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no path at all, which the check of the file says in words
        return False


def inspect(path: Path | str, roots: tuple[Path, ...]) -> Info:
    """Check a model of either form without running it; return what it says. Raises BadModelFile."""
    return safetensors.inspect(path, roots) if form_of(path) == "safetensors" else gguf.inspect(path, roots)


def files(info: Info) -> tuple[Path, ...]:
    """Return the files that hold the model's weights, in the order in which they are read."""
    path = Path(info.path)
    if isinstance(info, SafetensorsInfo):
        folder = path if path.is_dir() else path.parent
        return tuple(folder / name for name in info.files)
    return gguf.parts(path)


def estimate(info: Info, dtype: str = "auto") -> MemoryNeed:
    """Return what the model will take. `dtype`: the type its weights are turned into; auto leaves them as stored."""
    if isinstance(info, GGUFInfo):
        return memory.estimate(info)
    buffers = PIECE * 4 * STATES * info.embedding_length + 4 * 4 * info.vocabulary
    size = _DTYPE_BYTES.get(dtype)
    stored = max(BITS[info.dtype], 16) // 8
    return MemoryNeed(
        weights=info.tensor_bytes if size is None else info.parameters * size,
        kv_per_token=info.kv_per_token if size is None else info.kv_per_token // stored * size,
        overhead=TORCH_PROCESS + buffers,
    )


def require(form: str, model: str, *, find: Callable[[str], object | None] = importlib.util.find_spec) -> Engine:
    """Return the engine for a form. Nothing is imported to find out whether it is there.

    Raises:
        ModelFailed: a package it needs is not installed; the message says how to install it.
    """
    engine = ENGINES[form]
    missing = [name for name in engine.needs if find(name) is None]
    if missing:
        raise ModelFailed(
            f"{model} was not loaded: it is in {form} form, and its engine is not installed ({', '.join(missing)}). "
            f"Install it: {engine.install}; or choose the model as .gguf.",
            model=model,
            cause=Cause.NOT_INSTALLED,
            details={"missing": missing, "install": engine.install},
        )
    return engine
