"""The program beside a person's own server: starts it, keeps its log, and sees to it that nothing of it is left over.

Its standard input is its tie to the loader: when that ends, however the loader ended, the server is stopped as for an
unload. The server is in the keeper's process group; what leaves the group becomes the keeper's own child on Linux, and
is ended with the rest.

    in:   {"argv": [...], "env": {...}, "cwd": path, "stop": [...], "stop_timeout_s": 10, "log": path}   then "stop"
    out:  {"started": pid} or {"refused": text, "missing": bool}, then {"ended": exit status}

A server that has a `stop` command may have started something that lives elsewhere (a container): if it ends with
status 0, that is taken to be so, and the keeper waits to be told to stop it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from batuta.loader.engines.process import LARGEST_LOG, PR_SET_PDEATHSIG, leave, own_output, say

PR_SET_CHILD_SUBREAPER = 36
LOOK_S = 0.02  # between two looks at whether everything is gone
KILLED_S = 2.0  # for the kernel to end what was killed
LAST_LINES_S = 1.0  # for the rest of the output of a server that has ended

Event = tuple[str, int]


class Keeper:
    """One server from its start to its end."""

    def __init__(self, params: dict[str, Any], report: int) -> None:
        self._params = params
        self._report = report
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._log = Path(params["log"])
        self._process = self._start()
        self._pump = threading.Thread(target=self._copy_output, daemon=True)

    def run(self) -> None:
        """Return when the server is gone, whoever ended it."""
        say(self._report, started=self._process.pid)
        self._pump.start()
        threading.Thread(target=self._wait_for_end, daemon=True).start()
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            what, code = self._events.get()
            if what == "stop":
                self._stop()
                return
            self._pump.join(LAST_LINES_S)
            say(self._report, ended=code)
            if code != 0 or not self._params["stop"]:
                self._kill_rest()
                return

    def _start(self) -> subprocess.Popen[bytes]:
        library = ctypes.CDLL(None) if sys.platform == "linux" else None
        if library is not None:
            library.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

        def die_with_keeper() -> None:
            if library is not None:
                library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

        return subprocess.Popen(  # noqa: S603  # the words of the person's own settings; no shell
            self._params["argv"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._params["env"],
            cwd=self._params["cwd"],
            preexec_fn=die_with_keeper if os.name == "posix" else None,  # noqa: PLW1509  # no thread runs yet
        )

    # --- threads -------------------------------------------------------------------------------------------------

    def _wait_for_end(self) -> None:
        self._events.put(("ended", self._process.wait()))

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            if line.strip() == b"stop":
                break
        self._events.put(("stop", 0))

    def _copy_output(self) -> None:
        """Copy what the server prints to the log, which is begun anew when it grows large."""
        source = self._process.stdout
        assert source is not None
        log = _append(self._log)
        size = os.fstat(log).st_size
        while piece := os.read(source.fileno(), 65_536):
            if size > LARGEST_LOG:
                os.close(log)
                with contextlib.suppress(OSError):
                    self._log.replace(self._log.with_suffix(".log.1"))
                log = _append(self._log)
                size = 0
            with contextlib.suppress(OSError):  # a full disk must not stop the server
                size += os.write(log, piece)
        os.close(log)

    # --- the end -------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """End the server.

        1. By its own command, if it has one. 2. What is left gets SIGTERM. 3. What is left then is killed.
        """
        until = time.monotonic() + self._params["stop_timeout_s"]
        if self._params["stop"]:  # 1
            self._run_stop(until)
            while self._process.poll() is None and time.monotonic() < until:
                time.sleep(LOOK_S)
            until = time.monotonic() + KILLED_S
        for each in _rest():  # 2
            with contextlib.suppress(psutil.Error):
                each.terminate()
        while _rest() and time.monotonic() < until:
            time.sleep(LOOK_S)
        self._kill_rest()  # 3

    def _run_stop(self, until: float) -> None:
        words = [word.replace("${PID}", str(self._process.pid)) for word in self._params["stop"]]
        with contextlib.closing(_Handle(self._log)) as log:
            try:
                subprocess.run(  # noqa: S603  # as above
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log.number,
                    stderr=log.number,
                    env=self._params["env"],
                    cwd=self._params["cwd"],
                    timeout=max(until - time.monotonic(), 0.1),
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                os.write(log.number, f"the command that stops it failed: {error}\n".encode())

    def _kill_rest(self) -> None:
        until = time.monotonic() + KILLED_S
        while (rest := _rest()) and time.monotonic() < until:
            for each in rest:
                with contextlib.suppress(psutil.Error):
                    each.kill()
            time.sleep(LOOK_S)


class _Handle:
    """A log file that is open for a while."""

    def __init__(self, path: Path) -> None:
        self.number = _append(path)

    def close(self) -> None:
        os.close(self.number)


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _rest() -> list[psutil.Process]:
    """Return what lives below this process. The dead that nobody has waited for are buried on the way."""
    living = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if each.status() != psutil.STATUS_ZOMBIE:
                living.append(each)
    return living


def _ignore(_number: int, _frame: object) -> None:
    """Not SIG_IGN: the server would inherit that."""


def main() -> None:
    """Keep one server until it ends or standard input does."""
    report = own_output()
    signal.signal(signal.SIGTERM, _ignore)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no memory dump of a server that holds prompts
    try:
        params = json.loads(sys.stdin.buffer.readline())
    except ValueError:
        leave(3)  # the loader ended before it said what to do
    try:
        keeper = Keeper(params, report)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        say(report, refused=str(error), missing=isinstance(error, FileNotFoundError))
        leave(1)
    keeper.run()
    leave(0)


if __name__ == "__main__":
    main()
