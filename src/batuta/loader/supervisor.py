"""Keeps a loader running for the gateway: adopts the one there is or starts one, watches it, starts it again.

Knows nothing of models: what was in memory when a loader died is for those who listen on the client to say.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from batuta.clock import Clock
from batuta.errors import BatutaError, LoaderDown
from batuta.loader import control, lock
from batuta.loader.client import LoaderClient
from batuta.loader.environment import allowed
from batuta.loader.restart import RestartPolicy
from batuta.observe.bus import Bus
from batuta.observe.events import LoaderChanged
from batuta.settings import Settings
from batuta.tasks import Tasks

LOOK_EVERY_S = 0.02  # for the socket of a loader that is starting: it takes about 0.15 s
STOP_S = 10.0
LET_GO_S = 1.0  # between the end of a connection and the end of its process
MISSES = 3
EXIT_ALREADY_RUNNING = 3
LARGEST_LOG = 4 << 20


class LoaderSupervisor:
    """Owns the loader process and the client that talks to it.

    Attributes:
        client: one object for the whole life of the gateway; it is connected whenever `state` is `up`.
        state: starting | up | down | fatal, as in `observe.events.LoaderChanged`.
        message: why, when it is down or fatal.
        adopted: the loader was there already and brought its models with it.
    """

    def __init__(self, settings: Settings, bus: Bus, clock: Clock, *, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._policy = RestartPolicy()
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = asyncio.Event()
        self._retry = asyncio.Event()
        self._first = asyncio.Event()
        self._tasks = Tasks(self._failed)
        self.client = LoaderClient()
        self.client.listen(self._heard)
        self.state = "starting"
        self.message: str | None = None
        self.adopted = False

    def __repr__(self) -> str:
        return f"<LoaderSupervisor {self.state}{f', pid {self.client.pid}' if self.client.is_connected else ''}>"

    async def start(self) -> None:
        """Begin; return when the loader is up or the first try has failed (which is then tried again by itself)."""
        self._tasks.start(self._run(), name="loader supervisor")
        await self._first.wait()

    async def stop(self, *, keep_loader: bool) -> None:
        """Stop watching.

        Args:
            keep_loader: leave it running with its models, for the grace time; False: unload everything and end it.
        """
        await self._tasks.aclose()
        pid = self.client.pid
        if not keep_loader:
            await self.client.shutdown()
        await self.client.aclose()
        process, self._process = self._process, None
        if keep_loader:
            if process is not None and process.poll() is None:
                process.returncode = 0  # it outlives us on purpose: Popen must not warn of it
            return
        if process is not None:
            await _end(process)
        elif pid is not None:
            await _wait_for_end(pid)

    def retry(self) -> None:
        """Try again after `fatal`; nothing in any other state."""
        self._retry.set()

    # -------------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._set("starting")
            try:
                await self._bring_up()
                self._set("up", "adopted with its models" if self.adopted else None)
                reason = await self._watch()
            except (BatutaError, OSError) as error:
                reason = str(error)
            await self._clean_up()
            wait = self._policy.crashed(self._clock.monotonic())
            if wait is None:
                self._set("fatal", f"the loader failed too often and is not started again by itself: {reason}")
                self._retry.clear()
                await self._retry.wait()
                self._policy.reset()
            else:
                self._set("down", f"{reason}; it is started again in {wait:g} s")
                await self._clock.sleep(wait)

    async def _bring_up(self) -> None:
        """Connect to the loader of this data folder; start one if nobody answers."""
        self._lost.clear()
        self.adopted = await self._connect()
        if self.adopted:
            return
        patience = self._settings.loader.start_timeout_s
        until = asyncio.get_running_loop().time() + patience
        while asyncio.get_running_loop().time() < until:
            code = self._process.poll() if self._process else EXIT_ALREADY_RUNNING
            if code == EXIT_ALREADY_RUNNING:  # another one is just starting, or just ending: see which
                await asyncio.to_thread(self._spawn)
            elif code is not None:
                raise LoaderDown(f"the loader ended as soon as it was started (exit code {code}); see {self._log}")
            await asyncio.sleep(LOOK_EVERY_S)
            if await self._connect():
                return
        if (holder := lock.holder(self._settings.run_dir)) is not None:
            _kill(holder)  # it has the folder and answers nobody
        raise LoaderDown(f"the loader did not listen within {patience:g} s of its start; see {self._log}")

    async def _connect(self) -> bool:
        address = control.find(self._settings.run_dir)
        if address is None:
            return False
        try:
            await self.client.connect(address, role="gateway")
        except LoaderDown:  # a dead one's socket, or one that does not listen yet
            return False
        return True

    async def _watch(self) -> str:
        """Return why the loader is gone, once it is. One that does not answer is killed."""
        beat = self._settings.loader.heartbeat_s
        missed = 0
        while missed < MISSES:
            with suppress(TimeoutError):
                async with asyncio.timeout(beat if not missed else 0):
                    await self._lost.wait()
            if self._lost.is_set():
                return self.message or "the loader has ended"
            try:
                await self.client.ask("ping", patience=beat)
                missed = 0
            except LoaderDown:
                missed += 1
        if (pid := self.client.pid) is not None:  # the open connection shows that it is still this process
            _kill(pid)
        return f"the loader did not answer {MISSES} heartbeats of {beat:g} s and was ended"

    async def _clean_up(self) -> None:
        await self.client.aclose()
        if self._process is not None and await _has_ended(self._process, LET_GO_S):
            self._process = None  # one that still runs is adopted again

    @property
    def _log(self) -> Path:
        return self._settings.log_dir / "loader.log"

    def _spawn(self) -> None:
        settings = self._settings
        control.private_folder(settings.log_dir)
        with suppress(FileNotFoundError):
            if self._log.stat().st_size > LARGEST_LOG:
                self._log.replace(self._log.with_suffix(".log.1"))
        with _append(self._log) as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own program, in list form
                command(settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=allowed(self._environ),
                start_new_session=True,  # it outlives this gateway, and the terminal's Ctrl-C is not for it
            )

    def _heard(self, event: dict[str, Any]) -> None:
        if event.get("event") == "lost":
            self._lost.set()

    def _set(self, state: str, message: str | None = None) -> None:
        self.state, self.message = state, message
        self._bus.publish(LoaderChanged(state=state, pid=self.client.pid, message=message))
        if state != "starting":
            self._first.set()

    def _failed(self, name: str, error: BaseException) -> None:
        self._set("fatal", f"{name} failed: {error!r}")


def command(settings: Settings) -> list[str]:
    """Return the command line of the loader that these settings want. It holds paths and times, no secrets."""
    words = [sys.executable, "-m", "batuta.loader", "--data-dir", str(settings.data_dir.absolute())]
    for folder in settings.models_dirs:
        words += ["--models-dir", str(folder.absolute())]
    for named in (settings.brain, settings.executor):
        # A person may name a file anywhere as the default model: that one file is allowed then.
        if named and named.endswith(".gguf") and os.sep in named:
            words += ["--allow", str(Path(named).expanduser().absolute())]
    return [
        *words,
        *(["--spare"] if settings.loader.spare else []),
        "--for-gateway",
        "--grace",
        str(settings.loader.grace_s),
        "--heartbeat",
        str(settings.loader.heartbeat_s),
    ]


def _append(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


async def _has_ended(process: subprocess.Popen[bytes], patience: float) -> bool:
    """Whether a process of ours ends within `patience` seconds."""
    for _ in range(round(patience / LOOK_EVERY_S)):
        if process.poll() is not None:
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return process.poll() is not None


async def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process of ours has ended; kill it when it takes too long."""
    if not await _has_ended(process, STOP_S):
        process.kill()
        await _has_ended(process, STOP_S)


async def _wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended; kill it when it takes too long."""
    for _ in range(round(STOP_S / LOOK_EVERY_S)):
        if _is_gone(pid):
            return
        await asyncio.sleep(LOOK_EVERY_S)
    _kill(pid)


def _is_gone(pid: int) -> bool:
    with suppress(ChildProcessError, AttributeError):  # ours after all, from an earlier supervisor: bury it
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    return not psutil.pid_exists(pid)


def _kill(pid: int) -> None:
    with suppress(psutil.Error):
        psutil.Process(pid).kill()
