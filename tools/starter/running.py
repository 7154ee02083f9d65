"""Runs a program that a model wrote: in a process with limits, an empty environment and a folder of its own."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECONDS = 3
MEMORY = 512 << 20  # bytes
LARGEST_FILE = 1 << 20  # bytes
_FENCE = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)


def code_of(answer: str) -> str | None:
    """Return the program in an answer; None if there is none."""
    found = _FENCE.search(answer)
    return found.group(1) if found else None


def printed(program: str, files: Mapping[str, str]) -> str | None:
    """Return what the program prints; None when it fails, or needs more than it may have."""
    with tempfile.TemporaryDirectory(prefix="starter-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        try:
            done = subprocess.run(  # the point; see the limits
                [sys.executable, "-I", "-S", "-"],
                input=program.encode(),
                cwd=folder,
                env={},
                capture_output=True,
                timeout=SECONDS * 2,
                preexec_fn=_limit,  # this process has no threads that hold locks
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
