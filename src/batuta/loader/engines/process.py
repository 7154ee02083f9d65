"""What every program inside a model's own process does: speak to its loader over pipes, and not outlive it.

    in:   {"parent": pid, "model": path, ...}      then  "ping N" lines
    out:  {"stage": "reading"}, {"stage": "warming"}, {"ready": port}, {"pong": N}, {"refused": text}

A program may take orders as well, a word and a number of its own each: `park 7` is answered `{"done": 7, ...}`, or
`{"done": 7, "failed": text}` where nothing has changed, while pings go on.

A spare gets `{"parent": pid, "spare": true}` first, imports its library, says `{"waiting": true}` and waits for the
parameters, which it answers with `{"taken": true}`.

Knows no engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn

LARGEST_LOG = 4 << 20
PR_SET_PDEATHSIG = 1

Orders = Mapping[str, Callable[[], dict[str, Any]]]
"""Word -> what carries it out; the result goes with the answer: `failed`, and why, where nothing has changed."""
NO_ORDERS: Final[Orders] = MappingProxyType({})


def own_output() -> int:
    """Keep standard output for our reports; what the engine prints goes where the errors go, to the log."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def parameters(report: int, prepare: Callable[[], object] | None = None) -> dict[str, Any]:
    """Return what the loader wants loaded; wait for it when this process is a spare.

    From its first line on the process ends with the loader. Without that line, it ends at once.

    Args:
        report: where we speak to the loader.
        prepare: what a spare does ahead: it imports what every load needs, and computes nothing.
    """
    params = _read_line()
    die_with(int(params["parent"]))
    if not params.get("spare"):
        return params
    if prepare is not None:
        prepare()
    say(report, waiting=True)
    params = _read_line()
    _write_to(Path(params["log"]))
    say(report, taken=True)
    return params


def _read_line() -> dict[str, Any]:
    line = sys.stdin.buffer.readline()
    if not line:  # the loader has ended, or wants no model any more
        leave(0)
    params: dict[str, Any] = json.loads(line)
    return params


def _write_to(log: Path) -> None:
    """Have everything this process prints go to a log file from now on."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


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


def answer_pings(report: int, log: Path, orders: Orders = NO_ORDERS) -> None:
    """Answer the loader's heartbeats and carry out its orders until standard input ends.

    Also keeps the log from filling the disk.
    """
    for line in sys.stdin.buffer:
        words = line.split()
        if len(words) != 2:
            continue
        word, number = words[0].decode(errors="replace"), int(words[1])
        if word == "ping":
            say(report, pong=number)
            _turn_over(log)
        elif word in orders:  # in a thread of its own: a heartbeat does not wait for it
            threading.Thread(target=_carry_out, args=(report, number, orders[word]), name=word, daemon=True).start()


def _carry_out(report: int, number: int, order: Callable[[], dict[str, Any]]) -> None:
    say(report, done=number, **order())


def _turn_over(log: Path) -> None:
    """Begin a new log file when this one is large; keep one old."""
    with contextlib.suppress(OSError):
        if log.stat().st_size < LARGEST_LOG:
            return
        log.replace(log.with_suffix(".log.1"))
        _write_to(log)


def say(report: int, **what: Any) -> None:
    """Tell the loader something: one JSON line."""
    # The parent's end is closed when it is gone: nobody is left to tell.
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(what).encode() + b"\n")


def leave(code: int) -> NoReturn:
    """End at once: it gives the memory back faster than taking the engine apart, and cannot hang."""
    sys.stderr.flush()
    os._exit(code)
