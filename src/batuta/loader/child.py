"""One model's process as its loader sees it: start, follow, ping, stop. Knows nothing of other models or of sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batuta.errors import BatutaError, Cause, ModelFailed
from batuta.loader import faults, memory, program
from batuta.loader.forms import ENGINES
from batuta.loader.model_log import ModelLog, oom_kills
from batuta.loader.spare import Spare

STOP_S = 3.0  # llama.cpp ends at once on SIGTERM; a process stopped by a debugger does not
WATCH_S = 0.05  # between two looks at the progress of a load
ALL_READ = 0.995  # the last block is counted after it has been read


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is to be run.

    Attributes:
        id: the model's id, under which its answers go out.
        path: the real file.
        size: bytes of the file, for the progress.
        context: tokens.
        slots: conversations at once.
        gpu_layers: -1 for all that fit.
        threads: 0 for one a physical core.
        embedding: chat | model | off: how `/v1/embeddings` is served.
        projector: path of the picture projector, or None.
        form: of the model's files, which decides its engine: gguf | safetensors.
        device: what a safetensors model runs on: auto | cpu | cuda | cuda:1 | rocm | mps.
        dtype: what its weights are turned into: auto | float32 | float16 | bfloat16.
        batching: how its conversations share it: auto | turns | batch.
        parking: whether a copy of a safetensors model stays in RAM, from which it comes back: auto | on | off.
    """

    id: str
    path: str
    size: int
    context: int
    slots: int
    gpu_layers: int
    threads: int
    embedding: str
    projector: str | None = None
    form: str = "gguf"
    device: str = "auto"
    dtype: str = "auto"
    batching: str = "auto"
    parking: str = "auto"


class NotDone(Exception):
    """An order was not carried out; the text says why."""


Progress = Callable[[str, float | None], None]


class Child:
    """A running process. Made by `Child.start`."""

    def __init__(self, process: asyncio.subprocess.Process, plan: Plan, *, key: str, log: ModelLog) -> None:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("a model's process is started with pipes")
        self._process = process
        self._stdout = process.stdout
        self._stdin = process.stdin
        self._plan = plan
        self.key = key
        self.port = 0
        self._log = log
        self._said: bytes | None = None
        self._refused: str | None = None
        self._oom_kills = oom_kills()
        self.parks = False  # it takes the orders `park` and `wake`
        self._numbers = itertools.count(1)
        self._orders: dict[int, asyncio.Future[dict[str, Any]]] = {}

    @classmethod
    async def start(cls, plan: Plan, *, log_dir: Path, environ: Mapping[str, str], spare: Spare | None = None) -> Child:
        """Hand the parameters to the spare process, or start one of its own.

        Raises:
            ModelFailed: no process can be started.
        """
        engine = ENGINES[plan.form]
        key = secrets.token_urlsafe(32)
        log, errors = ModelLog.open(log_dir, plan.id)
        params = {
            "parent": os.getpid(),
            "model": plan.path,
            "alias": plan.id,
            "key": key,
            "log": str(log.path),
            **{k: v for k, v in asdict(plan).items() if k not in {"id", "path", "size", "form"}},
        }
        try:
            process = await spare.take(params) if spare is not None and engine.can_wait else None
            if process is None:
                process = await program.begin(engine.program, environ={**environ, **engine.environ}, errors=errors)
                program.tell(process, **params)
        except OSError as error:
            raise ModelFailed(
                f"{plan.id} was not loaded: no process could be started ({error.strerror})",
                model=plan.id,
                cause=Cause.CRASH,
            ) from None
        finally:
            os.close(errors)
        return cls(process, plan, key=key, log=log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def until_ready(self, on_progress: Progress) -> tuple[str, ...]:
        """Follow the load until the model can answer; return the names of the devices its engine has.

        Raises:
            ModelError: the process ended before, with the reason read from its last words.
        """
        on_progress("starting", None)
        devices: tuple[str, ...] = ()
        while (report := await self._report()) is not None:
            if "ready" in report:
                self.port, self.parks = int(report["ready"]), bool(report.get("parks"))
                return devices
            if "refused" in report:
                self._refused = str(report["refused"])
            elif report.get("stage") == "reading":
                devices = tuple(str(name) for name in report.get("devices", ()))
                await self._follow_reading(on_progress)
            elif report.get("stage") == "warming":
                on_progress("warming", 1.0)
        raise await self._failure()

    async def _follow_reading(self, on_progress: Progress) -> None:
        """Report how much of the file is in, until the process says something again or ends."""
        start = memory.reading(self.pid)
        on_progress("reading", 0.0)
        while not await self._has_spoken(WATCH_S):
            if start is None or (now := memory.reading(self.pid)) is None:
                continue
            fraction = min(now.since(start) / max(self._plan.size, 1), 1.0)
            on_progress("warming" if fraction >= ALL_READ else "reading", fraction)

    async def until_gone(self, *, every: float, misses: int = 3) -> str:
        """Ping the process until it ends or stops answering; return why. A silent one is killed."""
        reason = await self._follow(every, misses)
        for order in self._orders.values():
            if not order.done():
                order.set_exception(NotDone(reason))
        return reason

    async def _follow(self, every: float, misses: int) -> str:
        loop = asyncio.get_running_loop()
        sent = answered = 0
        while sent - answered < misses:
            sent += 1
            self._write(f"ping {sent}")
            until = loop.time() + every
            while (left := until - loop.time()) > 0 and await self._has_spoken(left):
                report = await self._report()
                if report is None:
                    code = await self._process.wait()
                    return f"its process ended ({faults.describe_exit(code)})"
                answered = int(report.get("pong", answered))
                self._hear(report)
        self.kill()
        await self._process.wait()
        return f"its process did not answer {misses} heartbeats of {every:g} s and was ended"

    async def order(self, word: str, *, within_s: float) -> dict[str, Any]:
        """Have a ready process do something beside answering; return what it says of it.

        One that says nothing in that time is ended: nobody can tell what it holds.

        Raises:
            NotDone: it refused, ended, or did not answer.
        """
        number, loop = next(self._numbers), asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._orders[number] = future
        self._write(f"{word} {number}")
        try:
            async with asyncio.timeout(within_s):
                return await future
        except TimeoutError:
            self.kill()
            raise NotDone(f"its process did not answer `{word}` within {within_s:g} s and was ended") from None
        finally:
            del self._orders[number]

    def _hear(self, report: dict[str, Any]) -> None:
        number = report.get("done")
        order = self._orders.get(number) if isinstance(number, int) else None
        if order is None or order.done():
            return
        if "failed" in report:
            order.set_exception(NotDone(str(report["failed"])))
        else:
            order.set_result({name: value for name, value in report.items() if name != "done"})

    async def stop(self) -> None:
        """End the process; return when it is gone and its memory is back."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_S)
            except TimeoutError:
                self.kill()
                await self._process.wait()
        self._stdin.close()

    def kill(self) -> None:
        """End it and everything it started, at once."""
        program.kill(self._process)

    def last_words(self) -> list[str]:
        """Return the last lines it wrote to its log since it was started."""
        return self._log.last_words()

    def memory_bytes(self) -> int:
        """Return what it holds; 0 when it is gone."""
        return memory.resident_bytes(self.pid)

    async def _has_spoken(self, patience: float) -> bool:
        """Whether the process says something, or ends, within `patience` seconds."""
        if self._said is None:
            try:
                async with asyncio.timeout(patience):
                    self._said = await self._stdout.readline()  # loses nothing when it is cancelled
            except TimeoutError:
                return False
        return True

    async def _report(self) -> dict[str, Any] | None:
        """Return what the process says next; None when it has ended."""
        while True:
            line = await self._stdout.readline() if self._said is None else self._said
            self._said = None
            if not line:
                return None
            with suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict):
                    return report

    async def _failure(self) -> BatutaError:
        code = await self._process.wait()
        self._stdin.close()
        lines = self.last_words()
        if self._refused:
            lines.append(self._refused)
        killed = code == -signal.SIGKILL and oom_kills() > self._oom_kills
        return faults.classify(self._plan.id, lines, exit_code=code, was_oom_killed=killed)

    def _write(self, line: str) -> None:
        if not self._stdin.is_closing():
            self._stdin.write(line.encode() + b"\n")
