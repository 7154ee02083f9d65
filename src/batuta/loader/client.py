"""The gateway's end of the control wire: ask the loader, hear its events. Who reconnects is the supervisor's matter."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from batuta.errors import BatutaError, LoaderDown
from batuta.loader import control
from batuta.tasks import Tasks

CONNECT_S = 5.0
ASK_S = 10.0  # everything but a load is answered at once

EventListener = Callable[[dict[str, Any]], None]


class LoaderClient:
    """One connection to the loader, again and again.

    Listeners hear every event of the loader, and these two of the client's own: `{"event": "connected", "state": ...}`
    with the loader's whole state, and `{"event": "lost", "reason": ...}`.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listeners: list[EventListener] = []
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: Tasks | None = None
        self.state: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<LoaderClient {f'pid {self.pid}' if self.is_connected else 'not connected'}>"

    @property
    def is_connected(self) -> bool:
        """Whether the loader can be asked now."""
        return self._writer is not None

    @property
    def pid(self) -> int | None:
        """The loader's process id, while connected."""
        return int(self.state["pid"]) if self.is_connected else None

    def listen(self, listener: EventListener) -> None:
        """Call `listener(event)` for each event from now on. It must be quick and must not raise."""
        self._listeners.append(listener)

    def drop(self, listener: EventListener) -> None:
        """Call `listener` no more."""
        self._listeners.remove(listener)

    async def connect(self, address: control.Address, *, role: str = "client") -> dict[str, Any]:
        """Connect and say hello; return the loader's state.

        Args:
            address: where it listens.
            role: `gateway` for the process whose absence starts the grace time, `client` for all others.

        Raises:
            LoaderDown: nobody listens there, it does not answer, or it is not this user's.
            BadRequest: it speaks another protocol.
        """
        if self.is_connected:
            raise RuntimeError("already connected")
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await _open(address)
                hello = {"op": "hello", "id": 0, "protocol": control.PROTOCOL, "role": role, "token": address.token}
                state = await _say_hello(reader, writer, hello)
        except (OSError, TimeoutError, control.FrameError) as error:
            raise LoaderDown(f"the loader at {address} does not answer: {str(error) or type(error).__name__}") from None
        self._writer = writer
        self.state = state
        self._tasks = Tasks(self._reader_failed)
        self._tasks.start(self._read(reader), name="loader events")
        self._tell({"event": "connected", "state": state})
        return state

    async def ask(self, op: str, *, patience: float | None = ASK_S, **fields: Any) -> Any:
        """Send a request and return its result.

        Args:
            op: the operation.
            patience: seconds to wait; None: as long as the connection lives.
            fields: its parameters.

        Raises:
            LoaderDown: there is no loader, it went away, or it did not answer in time.
            BatutaError: whatever the loader answered.
        """
        if self._writer is None:
            raise LoaderDown("the loader is not running; it is started again by itself unless it has been given up")
        ident = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[ident] = future
        try:
            self._writer.write(control.encode({"id": ident, "op": op, **fields}))
            async with asyncio.timeout(patience):
                return await future
        except TimeoutError:
            raise LoaderDown(f"the loader did not answer {op} within {patience:g} s") from None
        finally:
            self._waiting.pop(ident, None)

    async def load(self, **fields: Any) -> dict[str, Any]:
        """Load a model; fields as in `host.LoadRequest`. Returns its record, `was_resident` beside it."""
        record: dict[str, Any] = await self.ask("load", patience=None, **fields)
        return record

    async def unload(self, model: str) -> dict[str, Any]:
        """Unload a model; return when its memory is back: `stop_s`, `back_s`, and a `note` where it is not back."""
        told: dict[str, Any] = await self.ask("unload", patience=60.0, model=model)
        return told

    async def park(self, model: str) -> dict[str, Any]:
        """Take a model off its device: `is_parked`, False when it can only be unloaded; `device_bytes` held still."""
        told: dict[str, Any] = await self.ask("park", patience=90.0, model=model)
        return told

    async def cached(self, path: str) -> float | None:
        """Return how much of a model's files is in the page cache, 0..1; None where the system does not tell."""
        share = (await self.ask("cached", path=path))["share"]
        return None if share is None else float(share)

    async def warm(self, path: str) -> dict[str, Any]:
        """Have a model's files read into the page cache: bytes `read`, and `stopped`: why not all is there."""
        told: dict[str, Any] = await self.ask("warm", patience=None, path=path)
        return told

    async def status(self) -> dict[str, Any]:
        """Return the loader's whole state."""
        self.state = await self.ask("status")
        return self.state

    async def inspect(self, path: str) -> dict[str, Any]:
        """Check a model file; return the fields of `gguf.GGUFInfo`."""
        info: dict[str, Any] = await self.ask("inspect", path=path)
        return info

    async def devices(self) -> list[dict[str, Any]]:
        """Return the devices; `is_usable` says whether llama.cpp computes on it."""
        found: list[dict[str, Any]] = await self.ask("devices", patience=30.0)
        return found

    async def shutdown(self) -> None:
        """Tell the loader to unload everything and end."""
        with suppress(LoaderDown):
            await self.ask("shutdown")

    async def aclose(self, reason: str = "closed by us") -> None:
        """Let go of the connection."""
        tasks, self._tasks = self._tasks, None
        self._lose(reason)
        if tasks is not None:
            await tasks.aclose()

    # -------------------------------------------------------------------------------------------------------------

    async def _read(self, reader: asyncio.StreamReader) -> None:
        reason = "the loader has ended"
        try:
            while (message := await control.read_message(reader)) is not None:
                self._take(message)
        except control.FrameError as error:
            reason = f"the loader sent {error}"
        self._lose(reason)

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self._tell(message)
            return
        future = self._waiting.get(message.get("id", 0))
        if future is None or future.done():
            return
        if message.get("ok"):
            future.set_result(message.get("result"))
        else:
            future.set_exception(control.error_from_wire(message.get("error")))

    def _lose(self, reason: str) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(LoaderDown(f"the loader went away: {reason}"))
        self._tell({"event": "lost", "reason": reason})

    def _reader_failed(self, _name: str, error: BaseException) -> None:
        self._lose(f"its events could not be handled: {error!r}")

    def _tell(self, event: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener(event)


async def _open(address: control.Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.path is None:
        return await asyncio.open_connection("127.0.0.1", address.port)
    reader, writer = await asyncio.open_unix_connection(str(address.path))
    if not control.is_same_user(writer.get_extra_info("socket")):
        writer.close()
        raise ConnectionError("it belongs to another user")
    return reader, writer


async def _say_hello(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: dict[str, Any]
) -> dict[str, Any]:
    try:
        writer.write(control.encode(hello))
        answer = await control.read_message(reader)
        if answer is None:
            raise ConnectionError("it closed the connection")
        if not answer.get("ok"):
            raise control.error_from_wire(answer.get("error"))
        state: dict[str, Any] = answer["result"]
    except (BatutaError, OSError, KeyError, control.FrameError):
        writer.close()
        raise
    except asyncio.CancelledError:
        writer.close()
        raise
    return state
