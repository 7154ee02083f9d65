"""One process that waits with its library imported, so that a load need not wait for a process to start.

It is told nothing but its parent until it is used: then it gets its model, its key and its log as any other. Knows no
engine.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from batuta.clock import Clock
from batuta.loader import control, memory, program
from batuta.loader.restart import RestartPolicy
from batuta.tasks import Tasks

LOG: Final = "spare.log"
PAUSE_S: Final = 1.0  # without a load before one is started: its start takes a core for some 0.1 s
LOOK_S: Final = 10.0  # between two looks at the memory while it waits
TAKE_S: Final = 2.0  # to say that it has been taken; an ordinary process would be ready to load by then
ROOM: Final = 1 << 30  # bytes: with less available none is kept; it holds some 25 MB itself


class Waiting(Protocol):
    """A process that waits to be used."""

    @property
    def pid(self) -> int: ...

    async def until_gone(self) -> None:
        """Return when it has ended."""
        ...

    async def use(self, params: Mapping[str, Any]) -> Process | None:
        """Give it a model; return the process that loads it, None when it is dead."""
        ...

    async def end(self) -> None:
        """Kill it; return when it is gone."""
        ...


Start = Callable[[], Awaitable[Waiting]]
"""Starts a process that will wait. Raises OSError."""


class SpareProcess:
    """A real one. Made by `SpareProcess.start`."""

    def __init__(self, process: Process) -> None:
        if process.stdout is None:
            raise RuntimeError("a spare is started with pipes")
        self._process = process
        self._stdout = process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, name: str, *, log_dir: Path, environ: Mapping[str, str]) -> SpareProcess:
        """Start the program `name` and tell it to wait. Raises OSError."""
        control.private_folder(log_dir)
        # Begun anew each time: it tells why the last one died, if it did.
        errors = os.open(log_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            process = await program.begin(name, environ=environ, errors=errors)
        finally:
            os.close(errors)
        program.tell(process, parent=os.getpid(), spare=True)
        return cls(process)

    async def until_gone(self) -> None:
        await self._process.wait()

    async def use(self, params: Mapping[str, Any]) -> Process | None:
        program.tell(self._process, **params)
        while line := await self._stdout.readline():
            with suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict) and report.get("taken"):
                    return self._process
        return None

    async def end(self) -> None:
        if self._process.returncode is None:
            program.kill(self._process)
            await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


class Spare:
    """Keeps one waiting process: starts it when no model loads, hands it over, starts the next a moment later.

    Args:
        start: starts one.
        clock: for its pauses.
        has_room: there is memory for one.
        on_note: told, in words, what a person who reads the log should know.
        on_bug: told of an error that nobody expected.
    """

    def __init__(
        self,
        start: Start,
        clock: Clock,
        *,
        has_room: Callable[[], bool],
        on_note: Callable[[str], None],
        on_bug: Callable[[str, BaseException], None],
    ) -> None:
        self._start = start
        self._clock = clock
        self._has_room = has_room
        self._on_note = on_note
        self._tasks = Tasks(on_bug)
        self._policy = RestartPolicy()
        self._waiting: Waiting | None = None
        self._left = asyncio.Event()  # the one that waited is used, dead, or given up
        self._loads = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._loaded = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Spare {f'pid {self.pid}' if self.pid else 'none'}>"

    @property
    def pid(self) -> int:
        """The process that waits; 0 for none."""
        return self._waiting.pid if self._waiting else 0

    @property
    def memory_bytes(self) -> int:
        """What it holds."""
        return memory.resident_bytes(self.pid) if self.pid else 0

    @property
    def is_loading(self) -> bool:
        """A load is under way."""
        return self._loads > 0

    def begin(self) -> None:
        """Start keeping one."""
        self._tasks.start(self._keep(), name="spare process")
        self._tasks.start(self._watch_memory(), name="memory for the spare process")

    @contextmanager
    def load(self) -> Iterator[None]:
        """A load is under way in this block: none is started meanwhile."""
        self._loads += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._loads -= 1
            if not self._loads:
                self._quiet.set()
                self._loaded.set()

    async def take(self, params: Mapping[str, Any]) -> Process | None:
        """Give the waiting process a model to load.

        Returns:
            The process, or None where there is none or it does not answer: the load then starts its own.
        """
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return None
        self._left.set()
        process = None
        try:
            async with asyncio.timeout(TAKE_S):
                process = await waiting.use(params)
        except TimeoutError:
            self._on_note(f"the spare process {waiting.pid} did not answer within {TAKE_S:g} s and was ended")
        finally:
            if process is None:
                await waiting.end()
            else:
                self._policy.reset()
        return process

    async def aclose(self) -> None:
        """End the one that waits, and start no more."""
        await self._tasks.aclose()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await waiting.end()

    # -------------------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Keep one, for ever.

        1. Wait until no model loads, and a moment more. 2. Memory is short: look again later. 3. Start one, and follow
        it until it is used or given up: begin anew. 4. It has died: wait as the policy says, or, after too many deaths,
        until a model has been loaded without one.
        """
        while True:
            await self._until_quiet()  # 1
            if not self._has_room():  # 2
                await self._clock.sleep(LOOK_S)
            elif reason := await self._keep_one():  # 3
                await self._back_off(reason)  # 4

    async def _until_quiet(self) -> None:
        while True:
            await self._quiet.wait()
            await self._clock.sleep(PAUSE_S)
            if self._quiet.is_set():
                return

    async def _keep_one(self) -> str:
        """Start one and follow it; return why it is lost, empty when it was used or given up."""
        self._left.clear()
        try:
            waiting = await self._start()
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        self._waiting = waiting
        follower = self._tasks.start(self._follow(waiting), name="end of the spare process")
        try:
            await self._left.wait()
        finally:
            follower.cancel()
        if self._waiting is not waiting:
            return ""
        self._waiting = None
        await waiting.end()
        return f"it ended while it waited; {LOG} says why"

    async def _follow(self, waiting: Waiting) -> None:
        await waiting.until_gone()
        self._left.set()

    async def _watch_memory(self) -> None:
        """Give the one that waits up while memory is short."""
        while True:
            await self._clock.sleep(LOOK_S)
            waiting = self._waiting
            if waiting is not None and not self._has_room():
                self._waiting = None
                self._left.set()
                await waiting.end()
                self._on_note("memory is short: no spare process is kept")

    async def _back_off(self, reason: str) -> None:
        wait = self._policy.crashed(self._clock.monotonic())
        if wait is not None:
            await self._clock.sleep(wait)
            return
        self._on_note(f"no spare process is kept until a model has been loaded without one: {reason}")
        self._loaded.clear()
        await self._loaded.wait()
