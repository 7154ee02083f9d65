"""Keeps a process's memory to itself: no core dumps, no reading by other programs of the same user."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger("batuta.vault")
_PR_SET_DUMPABLE = 4  # linux/prctl.h


def harden_process() -> None:
    """Switch core dumps off, and on Linux forbid other programs of this user to look into the process.

    A crash then leaves no file with keys in it, and a program that is not root's can neither attach nor read
    `/proc/PID/mem` and `/proc/PID/environ`. A child that runs another program may dump its own memory again in
    principle, but inherits the limit of 0 bytes. What cannot be set is told in the log and nothing else: a container
    may forbid it.
    """
    try:
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError) as error:
        log.warning("core dumps stay as they are: %s", error)
    if sys.platform == "linux" and (error_number := _forbid_looking_in()):
        log.warning("other programs of this user may look into this process: prctl failed with error %d", error_number)


def _forbid_looking_in() -> int:
    import ctypes  # some ms, and only here

    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() or 1 if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) else 0
