"""What every program inside a model's own process does: speak to its loader over pipes, and not outlive it.

    in:   {"parent": pid, "model": path, ...}      then  "ping N" lines
    out:  {"stage": "reading"}, {"stage": "warming"}, {"ready": port}, {"pong": N}, {"refused": text}

Knows no engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

LARGEST_LOG = 4 << 20
PR_SET_PDEATHSIG = 1


def own_output() -> int:
    """Keep standard output for our reports; what the engine prints goes where the errors go, to the log."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def die_with(parent: int) -> None:
    """End when the parent ends, even while the load holds the interpreter's lock; leave no memory dump."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes  # only Linux has the call

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:  # it ended before we asked to be told
        leave(3)


def check_listener(port: int) -> None:
    """Ask the listener for its health once, as the gateway will."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        head = connection.recv(64)
    if b" 200 " not in head:
        raise RuntimeError(f"the listener answered {head[:64]!r}")


def answer_pings(report: int, log: Path) -> None:
    """Answer the loader's heartbeats until standard input ends; keep the log from filling the disk."""
    for line in sys.stdin.buffer:
        words = line.split()
        if len(words) == 2 and words[0] == b"ping":
            say(report, pong=int(words[1]))
            _turn_over(log)


def _turn_over(log: Path) -> None:
    """Begin a new log file when this one is large; keep one old."""
    with contextlib.suppress(OSError):
        if log.stat().st_size < LARGEST_LOG:
            return
        log.replace(log.with_suffix(".log.1"))
        fresh = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)


def say(report: int, **what: Any) -> None:
    """Tell the loader something: one JSON line."""
    # The parent's end is closed when it is gone: nobody is left to tell.
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(what).encode() + b"\n")


def leave(code: int) -> NoReturn:
    """End at once: it gives the memory back faster than taking the engine apart, and cannot hang."""
    sys.stderr.flush()
    os._exit(code)
