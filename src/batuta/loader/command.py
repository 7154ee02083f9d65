"""A person's own server as the loader sees it: find its program and a port, start, poll its health, follow, stop.

The server runs under a keeper process (`engines/command.py`) that outlives neither of them. Knows nothing of other
models or of the control socket.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from batuta import command_line
from batuta.errors import BadRequest, BatutaError, Cause, ModelFailed
from batuta.loader import faults, memory
from batuta.loader.model_log import ModelLog, oom_kills

KEEPER: Final = "batuta.loader.engines.command"
POLL_S: Final = (0.05, 0.5)  # between two looks at its health: the first, and the longest
ANSWER_S: Final = 2.0  # for its health; while it loads, a server may be slow
CLOSED_S: Final = 2.0  # until the port of a server that has ended refuses
MARGIN_S: Final = 5.0  # beyond the time a stop may take, before the keeper itself is killed
MISSES: Final = 3
MOST_WORDS: Final = 10_000
CONTAINERS: Final = frozenset({"docker", "podman", "nerdctl"})  # their servers are no processes of ours

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class CommandPlan:
    """How a server is to be run; see `settings.CommandSettings`. Words may hold ${PORT}, `stop` also ${PID}.

    Attributes:
        argv: program and arguments.
        port: where it listens; 0: a free one is chosen.
        health: the path that answers 200 once it is ready; empty: it is ready when it can be reached.
        stop: the words of the command that ends it; empty: SIGTERM.
        stop_timeout_s: after which it is killed.
        env: variables of its process, beside the allowed ones.
        cwd: its working folder; None: the loader's.
        memory: bytes it is expected to take; 0: unknown.
        fingerprint: tells one version of the settings from another.
    """

    argv: tuple[str, ...]
    port: int = 0
    health: str = "/health"
    stop: tuple[str, ...] = ()
    stop_timeout_s: float = 10.0
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    memory: int = 0
    fingerprint: str = ""

    @classmethod
    def from_wire(cls, wire: object) -> CommandPlan:
        """Return the plan that a load request carries. Raises BadRequest for what is missing or of another form."""
        if not isinstance(wire, dict):
            raise BadRequest("a command is an object with argv, port and the rest")
        env = wire.get("env", {})
        numbers = {name: wire.get(name, 0) for name in ("port", "memory")}
        texts = {"health": wire.get("health", "/health"), "fingerprint": wire.get("fingerprint", "")}
        cwd, patience = wire.get("cwd"), wire.get("stop_timeout_s", 10.0)
        is_sound = (
            all(_is_text(text) for text in texts.values())
            and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers.values())
            and numbers["port"] < 65_536
            and isinstance(patience, int | float)
            and 0 < patience <= 600
            and (cwd is None or _is_text(cwd))
            and isinstance(env, dict)
            and all(_is_text(k) and _is_text(v) and k and "=" not in k for k, v in env.items())
        )
        if not is_sound:
            raise BadRequest("the command cannot be understood: a field is of another form")
        argv, stop = (_words(wire.get(name, []), name) for name in ("argv", "stop"))
        if not argv or not argv[0]:
            raise BadRequest("a command names a program")
        return cls(
            argv, numbers["port"], texts["health"], stop, float(patience), env, cwd, numbers["memory"],
            texts["fingerprint"],
        )  # fmt: skip

    def at(self, port: int) -> tuple[list[str], list[str], dict[str, str]]:
        """Return arguments, stop command and variables with the port put in."""
        values = {command_line.PORT: str(port)}
        env = {name: command_line.expand(text, values) for name, text in self.env.items()}
        return (
            [command_line.expand(w, values) for w in self.argv],
            [command_line.expand(w, values) for w in self.stop],
            env,
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _words(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_WORDS or not all(_is_text(word) for word in value):
        raise BadRequest(f"{name} is a list of words")
    return tuple(value)


class CommandChild:
    """A running server. Made by `CommandChild.start`."""

    key = ""  # whoever asks the server knows its key; the loader does not

    def __init__(self, process: asyncio.subprocess.Process, model: str, plan: CommandPlan, log: ModelLog) -> None:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("a keeper is started with pipes")
        self._process = process
        self._stdout = process.stdout
        self._stdin = process.stdin
        self._model = model
        self._plan = plan
        self._log = log
        self._oom_kills = oom_kills()
        self._is_elsewhere = False
        self._said: bytes | None = None
        self.port = plan.port

    @classmethod
    async def start(cls, model: str, plan: CommandPlan, *, log_dir: Path, environ: Mapping[str, str]) -> CommandChild:
        """Start the server under its keeper.

        Raises:
            ModelFailed: its program or working folder is not there, or its port is in use.
        """
        port = plan.port or _free_port()
        argv, stop, env = plan.at(port)
        environment = {**environ, **env}
        check_program(model, argv[0], cwd=plan.cwd, path=environment.get("PATH", os.defpath))
        if not _is_free(port):
            raise ModelFailed(
                f"{model} was not started: another program listens on its port {port}. End that program, or give the "
                f"command another port; with port = 0 and ${{PORT}} Batuta chooses a free one.",
                model=model,
                cause=Cause.ENGINE_OFFLINE,
            )
        log, errors = ModelLog.open(log_dir, model)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                KEEPER,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=dict(environ),
                start_new_session=True,  # a group of its own, with all that it starts
            )
        except OSError as error:
            raise ModelFailed(
                f"{model} was not started: no process could be started ({error.strerror})",
                model=model,
                cause=Cause.CRASH,
            ) from None
        finally:
            os.close(errors)
        child = cls(process, model, plan, log)
        child.port = port
        params = {
            "argv": argv,
            "env": environment,
            "cwd": plan.cwd,
            "stop": stop,
            "stop_timeout_s": plan.stop_timeout_s,
            "log": str(log.path),
        }
        child._tell(json.dumps(params))
        return child

    @property
    def pid(self) -> int:
        """The keeper's process id, which is also that of the group."""
        return self._process.pid

    def memory_bytes(self) -> int:
        """Return what the server and all it started hold; 0 when it runs in a container, where we cannot look."""
        if PurePath(self._plan.argv[0]).name in CONTAINERS:
            return 0
        return memory.bytes_below(self.pid)

    def last_words(self) -> list[str]:
        """Return the last lines it wrote since it was started."""
        return self._log.last_words()

    # --- the load ------------------------------------------------------------------------------------------------

    async def until_ready(self, on_progress: Progress) -> tuple[str, ...]:
        """Poll its health until it can answer. Nobody can tell how far it is, so progress has no fraction.

        Returns:
            Nothing; engines that know their devices return their names here.

        Raises:
            ModelError: it could not be started, or ended before, with the reason read from its last words.
        """
        on_progress("starting", None)
        wait, longest = POLL_S
        while True:
            if await self._has_spoken(wait):
                self._take(await self._report())
                continue
            status = await health_status(self.port, self._plan.health)
            if status == 200:
                return ()
            if status is not None:
                on_progress("reading", None)  # it listens and says that it is not ready
            wait = min(wait * 1.3, longest)

    async def why_not_ready(self) -> str:
        """Return what its health looks like, for a load that took too long."""
        status = await health_status(self.port, self._plan.health)
        if status is None:
            return f"nothing answers on 127.0.0.1:{self.port}; does its command tell it that port?"
        hint = '; set `health` to a path that answers 200 (/v1/models, or "" for none)' if status == 404 else ""
        return f"GET {self._plan.health} on port {self.port} answers {status}{hint}"

    def _take(self, report: dict[str, Any] | None) -> None:
        """Take in what the keeper says. Raises ModelError when there is no server any more."""
        if report is None:
            raise self._failure(None)
        if "refused" in report:
            cause = Cause.NOT_INSTALLED if report.get("missing") else Cause.CRASH
            raise ModelFailed(
                f"{self._model} was not started: {report['refused']}. See `cmd` and `cwd` in the settings.",
                model=self._model,
                cause=cause,
            )
        if "ended" in report and not self._goes_on(int(report["ended"])):
            raise self._failure(int(report["ended"]))

    def _goes_on(self, code: int) -> bool:
        """Whether the server lives on although its command has ended: it has a `stop`, and there was no error."""
        self._is_elsewhere = code == 0 and bool(self._plan.stop)
        return self._is_elsewhere

    def _failure(self, code: int | None) -> BatutaError:
        words = self.last_words()
        killed = code == -signal.SIGKILL and oom_kills() > self._oom_kills
        error = faults.classify(self._model, words, exit_code=code, was_oom_killed=killed)
        if error.cause is not Cause.CRASH:
            return error
        last = faults.telling(words, at_most=1)
        said = f" Its last words: {last[0]}" if last else " It wrote nothing."
        detached = " If it starts a server elsewhere, give the command that stops it as `stop`." if code == 0 else ""
        return ModelFailed(
            f"{self._model} was not started: its command ended before its server was ready "
            f"({faults.describe_exit(code)}).{said}{detached} The log is in logs/models.",
            model=self._model,
            cause=Cause.CRASH,
            details=error.details,
        )

    # --- the rest of its life ------------------------------------------------------------------------------------

    async def until_gone(self, *, every: float, misses: int = MISSES) -> str:
        """Return why it is gone, once it is.

        1. Its process ends. 2. One that runs elsewhere does not answer `misses` looks in a row, `every` s apart.
        """
        missed = 0
        while missed < misses:
            if await self._has_spoken(every):
                report = await self._report()
                if report is None:
                    await self._process.wait()
                    self._kill_group()
                    return "the process that keeps it ended"
                if "ended" in report and not self._goes_on(code := int(report["ended"])):  # 1
                    await self._process.wait()
                    last = faults.telling(self.last_words(), at_most=1)
                    return f"its process ended ({faults.describe_exit(code)}){f': {last[0]}' if last else ''}"
            elif self._is_elsewhere:  # 2
                missed = missed + 1 if await health_status(self.port, self._plan.health) != 200 else 0
        await self.stop()
        return f"its server on port {self.port} did not answer {misses} times in a row and was stopped"

    async def stop(self) -> str | None:
        """End the server and all it started; return why it is not gone, None when it is."""
        if self._process.returncode is None:
            self._tell("stop")
            try:
                await asyncio.wait_for(self._process.wait(), self._plan.stop_timeout_s + MARGIN_S)
            except TimeoutError:
                self._kill_group()
                await self._process.wait()
        self._kill_group()  # a keeper that was killed left its group behind
        self._stdin.close()
        return await self._still_there()

    async def _still_there(self) -> str | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + CLOSED_S
        while await _accepts(self.port):
            if loop.time() >= until:
                return (
                    f"{self._model} was stopped, but something still listens on its port {self.port}; if its command "
                    f"starts a server elsewhere, `stop` has to end that one"
                )
            await asyncio.sleep(POLL_S[0])
        return None

    def kill(self) -> None:
        """End it at once; one that has a `stop` is ended by that, because killing us would leave its server behind."""
        if self._plan.stop:
            self._tell("stop")
        else:
            self._kill_group()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            elif self._process.returncode is None:
                self._process.kill()

    # --- the pipes -----------------------------------------------------------------------------------------------

    async def _has_spoken(self, patience: float) -> bool:
        """Whether the keeper says something, or ends, within `patience` seconds."""
        if self._said is None:
            try:
                async with asyncio.timeout(patience):
                    self._said = await self._stdout.readline()  # loses nothing when it is cancelled
            except TimeoutError:
                return False
        return True

    async def _report(self) -> dict[str, Any] | None:
        """Return what the keeper says next; None when it has ended."""
        line = await self._stdout.readline() if self._said is None else self._said
        self._said = None
        if not line:
            return None
        with suppress(ValueError):
            report = json.loads(line)
            if isinstance(report, dict):
                return report
        return {}

    def _tell(self, line: str) -> None:
        if not self._stdin.is_closing():
            self._stdin.write(line.encode() + b"\n")


# --- programs and ports --------------------------------------------------------------------------------------------


def check_program(model: str, program: str, *, cwd: str | None, path: str) -> None:
    """Raise ModelFailed when a command could not be started: its folder or its program is not there."""
    if cwd is not None and not Path(cwd).is_dir():
        raise ModelFailed(
            f"{model} was not started: its working folder {cwd} is not there", model=model, cause=Cause.NOT_INSTALLED
        )
    place = Path(cwd or ".") / program if os.sep in program else None
    if (shutil.which(str(place)) if place else shutil.which(program, path=path)) is not None:
        return
    if place is not None and place.is_file():
        why = "it may not be executed (chmod +x makes it a program)"
    elif place is not None:
        why = "there is no such file"
    else:
        why = f"it is in no folder of PATH ({path}); give its whole path"
    raise ModelFailed(
        f"{model} was not started: the program {program} cannot be run: {why}.", model=model, cause=Cause.NOT_INSTALLED
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a server left in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _accepts(port: int) -> bool:
    try:
        async with asyncio.timeout(ANSWER_S):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def health_status(port: int, path: str) -> int | None:
    """Return the HTTP status of a server's health, None when it does not answer.

    Without a path it is 200 as soon as the server can be reached.
    """
    if not path:
        return 200 if await _accepts(port) else None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
            )
            line = await reader.readline()
        return int(line.split()[1]) if line.startswith(b"HTTP/") else None
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
    finally:
        if writer is not None:
            writer.close()
