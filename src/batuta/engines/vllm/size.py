"""What a vLLM's model takes on the device: its files on this disk, and the cache that the server says it has made.

vLLM tells no sizes, and takes what `--gpu-memory-utilization` allows: what is left of it beside the weights is cache.
Asks no server; reads no weights.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import psutil

from batuta.catalog.entities import MemoryNeed
from batuta.engines.vllm.wire import Metrics
from batuta.loader.safetensors import kv_per_token

FORMATS: Final = ("*.safetensors", "*.bin", "*.gguf")
"""Weights by their file names; the first form that is there is the one that is loaded."""

BYTES: Final[Mapping[str, int]] = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}
LARGEST_CONFIG: Final = 1 << 20  # bytes; those of real models have some thousands


def hub_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where Hugging Face's programs keep what they have fetched."""
    home = environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def host_free() -> int:
    """Return the bytes of this machine's memory that are free."""
    return int(psutil.virtual_memory().available)


def measure(root: str, metrics: Metrics, hub: Path) -> MemoryNeed:
    """Return what the model takes; zeros where its files are not on this disk, or cannot be read.

    Args:
        root: as the server names it: a folder, or a name at Hugging Face.
        metrics: the server's, for its cache.
        hub: where names at Hugging Face are kept.
    """
    try:
        folder = _folder(root, hub)
        weights = _weights(folder) if folder else 0
        cache = _cache(folder, metrics) if folder and weights else 0
    except (OSError, ValueError):
        return MemoryNeed()
    return MemoryNeed(weights=weights, overhead=cache)


def _folder(root: str, hub: Path) -> Path | None:
    path = Path(root)
    if path.is_absolute():
        return path if path.is_dir() else None
    cached = hub / f"models--{root.replace('/', '--')}" / "snapshots"
    if not root or not cached.is_dir():
        return None
    return max(
        (each for each in cached.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime, default=None
    )


def _weights(folder: Path) -> int:
    sizes = (sum(file.stat().st_size for file in folder.glob(form)) for form in FORMATS)
    return next((size for size in sizes if size), 0)


def _cache(folder: Path, metrics: Metrics) -> int:
    path = folder / "config.json"
    if not metrics.cache_tokens or not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
        return 0
    config = orjson.loads(path.read_bytes())
    if not isinstance(config, dict):
        return 0
    facts: dict[str, Any] = config["text_config"] if isinstance(config.get("text_config"), dict) else config
    dtype = facts.get("dtype") or facts.get("torch_dtype") or config.get("torch_dtype")
    value_bytes = 1 if metrics.cache_dtype.startswith("fp8") else BYTES.get(str(dtype), 2)
    return kv_per_token(facts, value_bytes) * metrics.cache_tokens
