"""`model_status.json`: what the loader does, for any script to read. A hint; the control socket is the truth."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = "model_status.json"
EVERY_S = 0.1
STATES = {"loading": "loading", "failed": "error"}  # of the model asked for last; everything else is `ready`


def compose(
    models: Sequence[Mapping[str, Any]], *, pid: int, device: str, now: float, stopped: str | None = None
) -> dict[str, Any]:
    """Return the file's content.

    Args:
        models: the loader's records, the one asked for last at the end.
        pid: the loader's.
        device: cuda | rocm | metal | vulkan | cpu.
        now: unix seconds.
        stopped: why the loader ended, when it has.
    """
    last = models[-1] if models else None
    status = "ready" if last is None else STATES.get(str(last["state"]), "ready")
    return {
        "status": "error" if stopped else status,
        "error": stopped or (last["error"] if last else None),
        "timestamp": now,
        "model_path": last["path"] if last else None,
        "device": device,
        "progress": last["progress"] if last else None,
        "pid": pid,
        "models": [
            {key: model[key] for key in ("id", "state", "progress", "memory_bytes", "error")} for model in models
        ],
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step: a reader sees the old or the new one, never half of either."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def read(path: Path) -> dict[str, Any] | None:
    """Return the file's content, or None when there is none worth anything: missing, torn, or of another form."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("status") not in {"loading", "ready", "error"}:
        return None
    return content


class Throttle:
    """Decides when something may happen again: at most every `every` seconds, and never forgets the last change."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._last = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until it may happen; 0 means now, and that it is happening."""
        left = self._last + self._every - now
        if left > 0:
            return left
        self._last = now
        return 0.0
