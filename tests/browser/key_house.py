"""The page of the keys over a real vault and real routes, served in a thread; only the providers are made up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from batuta.web.assets import Assets
from batuta.web.render import Renderer
from batuta.web.routes import keys_page
from tests.unit.web.manage_stage import House, house

START_S = 20.0  # seconds for its start on a busy machine


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


class KeyHouse:
    """A gateway with a vault in a folder of its own. Everything is asked for from the test's thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._house: Future[House] = Future()
        self._end = asyncio.Event()

    def wait(self) -> None:
        """Return when it can be asked."""
        self._house.result(START_S)

    @property
    def house(self) -> House:
        """What is behind the page; its clock and its made-up provider may be set from the test."""
        return self._house.result(START_S)

    def add(self, key: str, provider: str = "openai", **more: Any) -> None:
        """Store a key as a program would."""
        body = {"provider": provider, "key": key, **more}
        assert self._do(self.house.ask("POST", "/manage/keys", body)).status == 201

    def listed(self) -> list[dict[str, Any]]:
        """Return the keys as the API lists them."""
        found: list[dict[str, Any]] = self._do(self.house.ask("GET", "/manage/keys")).json()["keys"]
        return found

    def lose_master_key(self) -> None:
        """Start again, so to say, without the file that opens the vault."""
        (self.folder / "vault.key").rename(self.folder / "elsewhere")
        self._do(self.house.vault.open())

    def find_master_key(self) -> None:
        """Put it back; nobody has looked yet."""
        (self.folder / "elsewhere").rename(self.folder / "vault.key")

    def _do(self, wish: Any) -> Any:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(wish, self._loop).result(START_S)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with house(self.folder) as it:
            assets = Assets()

            async def static(request: Request, path: str) -> Response:
                return assets.respond(request, path)

            it.app.include_router(keys_page.router(it.services, renderer=Renderer(assets)))
            it.app.add_api_route("/static/{path:path}", static, methods=["GET"])
            config = uvicorn.Config(
                it.app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
            )
            server = _Server(config)
            serving = it.tasks.start(server.serve(), name="server")
            await server.listens.wait()
            self.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            self._house.set_result(it)
            await self._end.wait()
            server.should_exit = True
            await serving

    def _leave(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._end.set)


@contextmanager
def key_house(folder: Path) -> Iterator[KeyHouse]:
    """Serve until the test is over."""
    it = KeyHouse(folder)
    thread = threading.Thread(target=lambda: asyncio.run(it._serve()), name="key house")
    thread.start()
    try:
        it.wait()
        yield it
    finally:
        it._leave()
        thread.join(START_S)
