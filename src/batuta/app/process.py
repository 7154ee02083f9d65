"""Runs the gateway as one process: its socket, its signals, its start in the background of the open port, its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop

from batuta.app.composition import App
from batuta.errors import BatutaError
from batuta.installation import listening_socket, make_folders, only_one, process_started, write_record
from batuta.observe.events import Fact, Listening
from batuta.settings import Settings
from batuta.vault.hardening import harden_process
from batuta.web.auth import bind_problem
from batuta.web.protocol import server_config

log = logging.getLogger("batuta.app")


def run(settings: Settings, *, listener: Callable[[Fact], None] | None = None, keep_loader: bool = False) -> int:
    """Run the gateway until it is told to stop (SIGINT, SIGTERM); return the exit code.

    Args:
        settings: the whole tree.
        listener: called with every fact, on the loop's thread.
        keep_loader: leave the loader with its models for its grace time; otherwise it ends too.

    Raises:
        BadSettings: it may not listen there, or a folder cannot be used.
        AddressInUse: the port is taken.
        AlreadyRunning: this data folder has a gateway.
    """
    if (problem := bind_problem(settings)) is not None:
        raise problem
    harden_process()  # before a key is in memory
    process_started()
    make_folders(settings)
    with (
        only_one(settings),
        listening_socket(settings) as sock,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        return loop.run(_main(settings, sock, listener, keep_loader=keep_loader))


async def _main(
    settings: Settings, sock: socket.socket, listener: Callable[[Fact], None] | None, *, keep_loader: bool
) -> int:
    app = App(settings)
    app.catalog.listens_at(*sock.getsockname()[:2])
    if listener is not None:
        app.bus.listen(listener)
    server = _Server(server_config(app.dispatcher, settings))
    try:
        async with asyncio.TaskGroup() as group:
            start = group.create_task(_start(app), name="start")
            _on_signals(server, start)
            if settings.ordered:
                await asyncio.wait({start})
            announce = group.create_task(_announce(app, server, sock), name="announce")
            await server.serve(sockets=[sock])
            start.cancel()
            announce.cancel()
    except* BatutaError as errors:
        raise errors.exceptions[0] from None
    finally:
        await app.aclose(keep_loader=keep_loader)
    return 0


async def _start(app: App) -> None:
    await app.start()
    if app.settings.ordered:
        await app.wait_for_default()


def _on_signals(server: _Server, start: asyncio.Task[None]) -> None:
    """End on SIGINT and SIGTERM, also while the start is still under way."""

    def stop() -> None:
        start.cancel()
        server.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process has one door for signals, `_main`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    def stop(self) -> None:
        """End: no new connection, running answers to their end, within limits. A second call cuts them."""
        self.force_exit = self.should_exit
        self.should_exit = True


async def _announce(app: App, server: _Server, sock: socket.socket) -> None:
    await server.is_up.wait()
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    write_record(app.settings, url, app.auth.local_token)
    app.bus.publish(Listening(url, time.time() - process_started()))
    log.info("listening on %s", url)
