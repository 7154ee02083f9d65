"""One loader a data folder: an operating system lock that ends with its holder, however that ends."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from batuta.errors import AlreadyRunning

NAME = "loader.lock"


class Lock:
    """The right to be the loader of a data folder. Keep it as long as the process lives."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises AlreadyRunning, naming the holder."""
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._handle)
        except OSError:
            holder = _read(self._handle)
            os.close(self._handle)
            raise AlreadyRunning(
                f"another loader (pid {holder.get('pid', 'unknown')}) holds {path.parent.parent}: use that one, or "
                f"stop it with: batuta down"
            ) from None
        os.ftruncate(self._handle, 0)
        os.write(self._handle, json.dumps({"pid": os.getpid()}).encode())

    def release(self) -> None:
        """Give it back. The file stays: removing it would let two others lock two different files."""
        os.close(self._handle)


def holder(run_dir: Path) -> int | None:
    """Return the process id of the loader that holds a data folder, or None when none does."""
    try:
        handle = os.open(run_dir / NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        _lock(handle)
    except OSError:
        pid = _read(handle).get("pid")
        return pid if isinstance(pid, int) else None
    finally:
        os.close(handle)
    return None


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # only there

        os.lseek(handle, 1 << 20, os.SEEK_SET)  # a byte past the text, so that others can read it
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # not on Windows

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(handle: int) -> dict[str, Any]:
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        content = json.loads(os.read(handle, 4096))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
