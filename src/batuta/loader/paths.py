"""Which files may be opened as models: inside the allowed folders, links followed, readable, regular."""

from __future__ import annotations

import errno
import os
import stat as stat_
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from batuta import starter
from batuta.catalog.shelves import shelves
from batuta.errors import BadModelFile, Cause

# errno of opening -> (cause, what to tell).
_OPEN_FAULTS: dict[int, tuple[Cause, str]] = {
    errno.ENOENT: (Cause.NOT_INSTALLED, "there is no such file"),
    errno.ENOTDIR: (Cause.NOT_INSTALLED, "there is no such file"),
    errno.ENAMETOOLONG: (Cause.NOT_INSTALLED, "the path is too long to be a file"),
    errno.EACCES: (Cause.UNREADABLE_FILE, "this user may not read it: change its permissions or its owner"),
    errno.EPERM: (Cause.UNREADABLE_FILE, "this user may not read it: change its permissions or its owner"),
    errno.ELOOP: (Cause.FORBIDDEN_PATH, "its links lead in a circle"),
}


def known_roots(data_dir: Path, models_dirs: tuple[Path, ...], environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders models may lie in: Batuta's own, the person's, and those of tools they already use.

    Folders that do not exist are kept: a file may appear there later.
    """
    return (
        starter.FOLDER,
        data_dir / "models",
        *models_dirs,
        *(shelf.path for shelf in shelves(environ)),
    )


def log_name(model: str) -> str:
    """Return the name of the file a model's process logs to: the id, without what a path could be made of."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in model).lstrip(".")[:120] or "model"
    return f"{safe}.log"


def resolve(path: Path | str, roots: tuple[Path, ...]) -> Path:
    """Return the real path, links followed.

    Raises:
        BadModelFile: FORBIDDEN_PATH when it lies outside all roots or cannot be a path.
    """
    shown = str(path)
    try:
        real = Path(os.path.realpath(Path(path).expanduser()))
        real_roots = [Path(os.path.realpath(root)) for root in roots]
    except (ValueError, OSError, RuntimeError) as error:
        raise _bad(shown, Cause.FORBIDDEN_PATH, f"not a usable path ({error})") from None
    if not any(real.is_relative_to(root) for root in real_roots):
        allowed = ", ".join(str(root) for root in roots) or "none"
        raise _bad(
            shown,
            Cause.FORBIDDEN_PATH,
            f"it lies outside the model folders ({allowed}). Move it into one, or add its folder to --models-dir",
        )
    return real


@contextmanager
def open_model(path: Path | str, roots: tuple[Path, ...]) -> Iterator[tuple[BinaryIO, Path, os.stat_result]]:
    """Open a model file for reading; give the file, its real path and its stat.

    Raises:
        BadModelFile: NOT_INSTALLED (no such file), UNREADABLE_FILE (no permission, not a regular file),
            FORBIDDEN_PATH (outside the roots).
    """
    shown = str(path)
    real = resolve(path, roots)
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        cause, reason = _OPEN_FAULTS.get(error.errno or 0, (Cause.UNREADABLE_FILE, error.strerror or str(error)))
        raise _bad(shown, cause, reason) from None
    with os.fdopen(handle, "rb", buffering=0) if _is_file(handle) else _refuse(handle, shown) as file:
        yield file, real, os.fstat(handle)


def _is_file(handle: int) -> bool:
    return stat_.S_ISREG(os.fstat(handle).st_mode)


def _refuse(handle: int, shown: str) -> BinaryIO:
    os.close(handle)
    raise _bad(shown, Cause.UNREADABLE_FILE, "it is a folder or a device, not a file")


def _bad(shown: str, cause: Cause, reason: str) -> BadModelFile:
    return BadModelFile(f"{shown} cannot be loaded: {reason}.", cause=cause, details={"path": shown})
