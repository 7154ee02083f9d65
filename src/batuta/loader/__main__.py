"""`python -m batuta.loader`: the process that owns local model memory. Wires the parts of this folder together.

Imports little on purpose: the time from its start to its socket is part of every start of Batuta.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from batuta.clock import SystemClock
from batuta.errors import AlreadyRunning, BatutaError
from batuta.loader import control, memory, spare, status_file
from batuta.loader.environment import allowed
from batuta.loader.forms import ENGINES
from batuta.loader.grace import Grace
from batuta.loader.host import Host, LoadRequest
from batuta.loader.lock import NAME, Lock
from batuta.loader.paths import known_roots
from batuta.loader.server import ControlServer
from batuta.loader.spare import Spare, SpareProcess
from batuta.tasks import Tasks

log = logging.getLogger("batuta.loader")
EXIT_ALREADY_RUNNING = 3


class JsonLines(logging.Formatter):
    """One JSON object a line, so that nothing a model's name contains can pretend to be another line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "pid": os.getpid(),
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Loader:
    """One loader: host, control server, status file, grace."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        data: Path = args.data_dir
        self._run_dir = data / "run"
        self._status = data / status_file.NAME
        self._throttle = status_file.Throttle(status_file.EVERY_S)
        self._status_due: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._grace = Grace(args.grace)
        self._grace_timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks(_bug)
        roots = (*known_roots(data, tuple(args.models_dir), os.environ), *args.allow)
        clock, environ = SystemClock(), allowed(os.environ)
        engine = ENGINES["gguf"]
        self._spare = Spare(
            lambda: SpareProcess.start(engine.program, log_dir=data / "logs", environ={**environ, **engine.environ}),
            clock,
            has_room=lambda: memory.available_bytes() >= spare.ROOM,
            on_note=log.warning,
            on_bug=_bug,
        )
        self.host = Host(
            roots=roots,
            log_dir=data / "logs" / "models",
            environ=environ,
            on_event=self._happened,
            on_bug=_bug,
            spare=self._spare,
            clock=clock,
            heartbeat_s=args.heartbeat,
        )
        self.server = ControlServer(self.host, run_dir=self._run_dir, grace=self._grace, on_bug=_bug)
        self.server.on_shutdown = self._stop.set
        self.server.on_grace_changed = self._arm_grace

    async def run(self) -> None:
        """Serve until told to stop or the grace time is over; then unload everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
                self._loop.add_signal_handler(number, self._stop.set)
        await self.server.start()
        self._write_status()
        log.info("listening at %s", control.find(self._run_dir))
        if self._args.spare:
            self._spare.begin()
        if self._args.for_gateway:
            self._grace.expect(self._loop.time())
            self._arm_grace()
        if self._args.model is not None:
            self._tasks.start(self._load_first(self._args.model), name="first model")
        try:
            await self._stop.wait()
        finally:
            await self._tasks.aclose()
            await self._spare.aclose()
            await self.host.aclose()
            await self.server.aclose()
            self._cancel_timers()
            self._put_status("the loader has stopped")
            log.info("stopped")

    async def _load_first(self, path: Path) -> None:
        try:
            await self.host.load(LoadRequest(model=path.stem, path=str(path)))
        except BatutaError as error:
            log.error("%s", error.message)  # noqa: TRY400  # a bad file is no bug: its message says it all

    def _happened(self, event: dict[str, Any]) -> None:
        self.server.broadcast(event)
        if event["event"] == "gone":
            log.warning("%s is gone: %s", event["model"], event["reason"])
        elif event["event"] == "unloaded" and event["note"]:
            log.warning("the memory of %s is not back: %s", event["model"], event["note"])
        elif event["event"] == "state":
            model = event["model"]
            log.info("%s is %s%s", model["id"], model["state"], f": {model['error']}" if model["error"] else "")
        self._write_status()

    def _arm_grace(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None
        if self._grace.ends_at is not None and not self._stop.is_set():
            log.info("no gateway: waiting %.3g s for one", self._grace.ends_at - self._loop.time())
            self._grace_timer = self._loop.call_at(self._grace.ends_at, self._end_grace)

    def _end_grace(self) -> None:
        if self._grace.is_over(self._loop.time()):
            log.info("no gateway came back")
            self._stop.set()

    def _write_status(self) -> None:
        if self._status_due is not None:
            return
        if (wait := self._throttle.wait(self._loop.time())) > 0:
            self._status_due = self._loop.call_later(wait, self._write_status_late)
        else:
            self._put_status()

    def _write_status_late(self) -> None:
        self._status_due = None
        self._write_status()

    def _put_status(self, stopped: str | None = None) -> None:
        content = status_file.compose(
            self.host.snapshot(), pid=os.getpid(), device=self.host.device, now=time.time(), stopped=stopped
        )
        try:
            status_file.write(self._status, content)
        except OSError as error:  # a full disk must not cost a model
            log.warning("%s cannot be written: %s", self._status, error.strerror)

    def _cancel_timers(self) -> None:
        for timer in (self._status_due, self._grace_timer):
            if timer is not None:
                timer.cancel()


def _bug(name: str, error: BaseException) -> None:
    log.error("%s failed", name, exc_info=error)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(prog="python -m batuta.loader", description="Hold local models in memory.")
    parser.add_argument("--data-dir", type=Path, required=True, help="Batuta's folder; its models/ may be loaded from")
    parser.add_argument("--models-dir", type=Path, action="append", default=[], help="another folder of models")
    parser.add_argument("--allow", type=Path, action="append", default=[], help="a single model file outside them")
    parser.add_argument("--grace", type=float, default=60.0, help="seconds to keep models after the last gateway left")
    parser.add_argument("--for-gateway", action="store_true", help="end soon if no gateway comes: one has started this")
    parser.add_argument("--heartbeat", type=float, default=2.0, help="seconds between heartbeats to a model's process")
    parser.add_argument("--spare", action="store_true", help="keep a process waiting, so that a load begins at once")
    parser.add_argument("--model", type=Path, help="a model file to load at start")
    return parser.parse_args(argv)


async def _run(args: argparse.Namespace) -> None:
    await Loader(args).run()


def main(argv: list[str] | None = None) -> int:
    """Run the loader; return the exit status: 0, or 3 when the data folder has one already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    args = parse(argv)
    args.data_dir = args.data_dir.expanduser().absolute()
    try:
        args.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # as a parent it would be as open as the umask
        control.private_folder(args.data_dir / "run")
        lock = Lock(args.data_dir / "run" / NAME)
    except (AlreadyRunning, OSError) as error:
        log.error("%s", error)  # noqa: TRY400  # what to do is in the message; a traceback would hide it
        return EXIT_ALREADY_RUNNING if isinstance(error, AlreadyRunning) else 1
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(args))
    lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
