"""Serves the control wire: who may connect, what they may ask, who is told what. The work is done by the host."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn

from batuta.errors import BadRequest, BatutaBug, BatutaError
from batuta.loader import control, forms
from batuta.loader.command import CommandPlan
from batuta.loader.grace import Grace
from batuta.loader.host import Host, LoadRequest
from batuta.tasks import Tasks

HELLO_S = 10.0  # a connection that does not say who it is in this time is closed
CLOSE_S = 2.0
MOST_CONNECTIONS = 64
MOST_UNREAD = 4 << 20  # bytes a client may leave unread before it is cut off
_ENDS_WITH_ITS_CLIENT = ("warm",)  # operations that are of use to who asked alone; a set could not hold any JSON
_LOAD_FIELDS = {each.name: each for each in fields(LoadRequest)}


class Connection:
    """One client."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.role = ""
        self.work: set[asyncio.Task[None]] = set()

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message; a client that does not read is cut off."""
        if self._writer.is_closing():
            return
        self._writer.write(control.encode(message))
        if self._writer.transport.get_write_buffer_size() > MOST_UNREAD:
            self._writer.transport.abort()

    def close(self) -> None:
        """Cut it off, and end what was done for it alone."""
        self._writer.close()
        for task in tuple(self.work):
            task.cancel()


class ControlServer:
    """Listens for clients of one data folder."""

    def __init__(
        self, host: Host, *, run_dir: Path, grace: Grace, on_bug: Callable[[str, BaseException], None]
    ) -> None:
        self._host = host
        self._run_dir = run_dir
        self._grace = grace
        self._started = time.time()
        self._token = ""
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[Any]] = {}
        self._tasks = Tasks(on_bug)
        self._loop = asyncio.get_running_loop()
        self.on_shutdown: Callable[[], None] = lambda: None
        self.on_grace_changed: Callable[[], None] = lambda: None
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "ping": self._ping,
            "status": self._status,
            "load": self._load,
            "unload": self._unload,
            "park": self._park,
            "inspect": self._inspect,
            "cached": self._cached,
            "warm": self._warm,
            "devices": self._devices,
            "shutdown": self._shutdown,
        }

    async def start(self) -> None:
        """Begin to listen. The caller holds the data folder's lock: a socket found there is a dead one's."""
        if control.IS_WINDOWS:
            await self._start_tcp()
            return
        path = control.socket_path(self._run_dir)
        control.private_folder(path.parent)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The socket is born 0600; chmod afterwards would leave a moment in which others may connect.
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def _start_tcp(self) -> None:
        self._token = secrets.token_urlsafe(32)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        known = {"port": self._server.sockets[0].getsockname()[1], "token": self._token}
        handle = os.open(control.tcp_file(self._run_dir), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(known, file)

    async def aclose(self) -> None:
        """Stop listening, cut off everybody, remove the socket."""
        if self._server is not None:
            self._server.close()
        connections = dict(self._connections)
        for connection in connections:
            connection.close()
        if connections:
            await asyncio.wait(connections.values(), timeout=CLOSE_S)
        await self._tasks.aclose()
        for path in (control.socket_path(self._run_dir), control.tcp_file(self._run_dir)):
            path.unlink(missing_ok=True)

    def broadcast(self, event: dict[str, Any]) -> None:
        """Tell every client that has said hello."""
        for connection in list(self._connections):
            if connection.role:
                connection.send(event)

    # --- connections ---------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        if len(self._connections) >= MOST_CONNECTIONS or not control.is_same_user(peer):
            writer.close()
            return
        connection = Connection(writer)
        if (task := asyncio.current_task()) is not None:
            self._connections[connection] = task
        try:
            async with asyncio.timeout(HELLO_S):
                first = await control.read_message(reader)
            if first is not None and self._greet(connection, first):
                while (message := await control.read_message(reader)) is not None:
                    self._begin(connection, message)
        except (control.FrameError, TimeoutError):
            pass  # what cannot be understood costs its sender the connection, and nobody else anything
        finally:
            self._connections.pop(connection, None)
            connection.close()
            if connection.role == "gateway":
                self._grace.left(self._loop.time())
                self.on_grace_changed()

    def _greet(self, connection: Connection, hello: dict[str, Any]) -> bool:
        """Answer the first message; return whether the client may go on."""
        ident, role = hello.get("id"), hello.get("role")
        if hello.get("op") != "hello" or role not in {"gateway", "client"}:
            return False
        if self._token and not hmac.compare_digest(self._token.encode(), str(hello.get("token", "")).encode()):
            return False
        if hello.get("protocol") != control.PROTOCOL:
            error = BadRequest(
                f"this loader speaks protocol {control.PROTOCOL}, the client {hello.get('protocol')!r}: they are of "
                f"different versions of Batuta. Stop the loader (batuta down) and start again."
            )
            connection.send({"id": ident, "ok": False, "error": control.error_to_wire(error)})
            return False
        connection.role = str(role)
        if role == "gateway":
            self._grace.joined()
            self.on_grace_changed()
        connection.send({"id": ident, "ok": True, "result": self._state()})
        return True

    def _begin(self, connection: Connection, message: dict[str, Any]) -> None:
        task = self._tasks.start(self._answer(connection, message), name=f"op {message.get('op')}")
        if message.get("op") in _ENDS_WITH_ITS_CLIENT:
            connection.work.add(task)
            task.add_done_callback(connection.work.discard)

    async def _answer(self, connection: Connection, message: dict[str, Any]) -> None:
        ident = message.get("id")
        try:
            operation = self._operations.get(str(message.get("op")), _unknown)
            answer: dict[str, Any] = {"id": ident, "ok": True, "result": await operation(message)}
        except asyncio.CancelledError:
            raise
        except BatutaError as error:
            answer = {"id": ident, "ok": False, "error": control.error_to_wire(error)}
        except Exception as error:  # the request door: one bad request must not take the models with it
            answer = {
                "id": ident,
                "ok": False,
                "error": control.error_to_wire(BatutaBug(f"the loader failed: {error!r}")),
            }
            connection.send(answer)
            raise
        connection.send(answer)

    # --- operations ----------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        return {
            "protocol": control.PROTOCOL,
            "pid": os.getpid(),
            "started": self._started,
            "device": self._host.device,
            "spare": self._host.spare,
            "models": self._host.snapshot(),
        }

    async def _ping(self, _message: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def _status(self, _message: dict[str, Any]) -> dict[str, Any]:
        self._host.observe()
        return self._state()

    async def _load(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._host.load(parse_load(message))

    async def _unload(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._host.unload(str(message.get("model")))

    async def _park(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._host.park(str(message.get("model")))

    async def _inspect(self, message: dict[str, Any]) -> dict[str, Any]:
        return asdict(await self._host.inspect(str(message.get("path"))))

    async def _cached(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"share": await self._host.cached(str(message.get("path")))}

    async def _warm(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._host.warm(str(message.get("path")))

    async def _devices(self, _message: dict[str, Any]) -> list[dict[str, Any]]:
        return await self._host.devices()

    async def _shutdown(self, _message: dict[str, Any]) -> dict[str, Any]:
        self._loop.call_soon(self.on_shutdown)
        return {}


async def _unknown(message: dict[str, Any]) -> NoReturn:
    raise BadRequest(f"the loader knows no operation {message.get('op')!r}")


_LIMITS: dict[str, tuple[int, int]] = {
    "context": (0, 1 << 31),
    "slots": (1, 1024),
    "gpu_layers": (-1, 1 << 20),
    "threads": (0, 4096),
}

_CHOICES: dict[str, tuple[str, ...]] = {
    "device": forms.DEVICES,
    "dtype": forms.DTYPES,
    "batching": forms.BATCHINGS,
    "parking": forms.PARKINGS,
}


def _has_number(value: str) -> bool:
    """Whether what follows a colon is the number of a GPU: `cuda:1`; nothing else has a colon."""
    kind, colon, number = value.partition(":")
    return not colon or (kind in {"cuda", "rocm"} and number.isdecimal() and len(number) <= 3)


def parse_load(message: dict[str, Any]) -> LoadRequest:
    """Return the load that a message asks for. Raises BadRequest for what is missing or out of range."""
    given = {name: value for name, value in message.items() if name in _LOAD_FIELDS}
    for name in ("model", "path"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise BadRequest(f"a load names a {name}; this one has {given.get(name)!r}")
    for name, (low, high) in _LIMITS.items():
        value = given.get(name, low)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise BadRequest(f"{name} is {value!r}; it is a whole number from {low} to {high}")
    for name, words in _CHOICES.items():
        value = given.get(name, "auto")
        if not isinstance(value, str) or value.partition(":")[0] not in words or not _has_number(value):
            raise BadRequest(f"{name} is {value!r}; it is one of {', '.join(words)}")
    timeout = given.get("timeout_s", 1.0)
    if not isinstance(timeout, int | float) or not 0 < timeout <= 86_400:
        raise BadRequest(f"timeout_s is {timeout!r}; it is a number of seconds, at most a day")
    if given.get("command") is not None:
        given["command"] = CommandPlan.from_wire(given["command"])
    with suppress(TypeError):
        return LoadRequest(**given)
    raise BadRequest("the load cannot be understood")
