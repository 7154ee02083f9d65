"""A model's log file, and what the system's records say of its end. Knows no engine."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from batuta.loader.paths import log_name

LARGEST_LOG = 1 << 20
LAST_WORDS = 16 * 1024


@dataclass(frozen=True, slots=True)
class ModelLog:
    """Where a model's process writes. `start`: the file's size when the process was started."""

    path: Path
    start: int

    @classmethod
    def open(cls, log_dir: Path, model: str) -> tuple[ModelLog, int]:
        """Return the log, begun anew when the last one has grown large, and a handle to write to; the caller closes it.

        Raises:
            OSError: it cannot be written.
        """
        log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = log_dir / log_name(model)
        with suppress(FileNotFoundError):
            if path.stat().st_size > LARGEST_LOG:
                path.replace(path.with_suffix(".log.1"))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return cls(path, os.fstat(handle).st_size), handle

    def last_words(self) -> list[str]:
        """Return the last lines written since the process was started."""
        with suppress(OSError), self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = self.start if size >= self.start else 0  # a new file was begun since
            file.seek(max(begin, size - LAST_WORDS))
            return file.read().decode("utf-8", "replace").splitlines()
        return []


def oom_kills() -> int:
    """Return how many processes the kernel has ended for memory since it started; 0 where it does not tell."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
