"""Finds out who is behind a port of this machine: a quick connection, then the adapters, who know their own program.

Every wait is short, and nothing leaves loopback. Knows no catalog; what becomes of the answer is decided there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from batuta.catalog.entities import Provider
from batuta.catalog.finding import HOST, Door, Knocked
from batuta.engines import registry
from batuta.engines.base import DescribedEngine, Engine, EngineInfo
from batuta.engines.transport import Transport
from batuta.errors import BadSettings, BatutaError, UpstreamTimeout
from batuta.kinds import KINDS

CONNECT_S: Final = 0.3  # this machine takes a connection within a millisecond, or is too busy to be asked
DESCRIBE_S: Final = 2.0  # a program that is up, but busy, may take a second
CLOSE_S: Final = 1.0
BATUTA: Final = frozenset({"gpu_available", "model_loaded", "loader"})  # no other program's /health has these
RECOGNISED: Final = tuple(kind for kind, row in KINDS.items() if row.port)
Make = Callable[[Provider], Engine]


class Doorman:
    """Asks who is there.

    Args:
        transport: the way to them.
        connect_s: seconds for the connection.
        describe_s: seconds for one kind's questions.
        kinds: the kinds that could be behind any door; the usual one of a door is asked for first.
        make: makes the engine of a provider; the registry's when None.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        connect_s: float = CONNECT_S,
        describe_s: float = DESCRIBE_S,
        kinds: Sequence[str] = RECOGNISED,
        make: Make | None = None,
    ) -> None:
        self._transport = transport
        self._connect_s = connect_s
        self._describe_s = describe_s
        self._kinds = tuple(kinds)
        self._make = make

    async def knock(self, door: Door) -> Knocked:
        """Return who is behind the door.

        1. Nobody takes the connection: it is closed.
        2. A kind recognises its own program: that is who it is, unless it is another Batuta, which offers the models
           of others under their programs' names.
        3. Somebody who does not answer one question in time is asked no further: a stranger for now.
        4. Nobody recognises it: a stranger.
        """
        if not await self._is_open(door.port):
            return Knocked(is_open=False)  # 1
        for kind in sorted(self._kinds, key=lambda kind: kind != door.kind):
            try:
                await self.describe(kind, door.url)
            except (TimeoutError, UpstreamTimeout):
                break  # 3
            except BatutaError:
                continue
            return Knocked(is_open=True, kind="" if await self._is_batuta(door) else kind)  # 2
        return Knocked(is_open=True)  # 4

    async def describe(self, kind: str, url: str) -> EngineInfo:
        """Ask the program at an address whether it is of a kind.

        Raises:
            BatutaError: nobody is there, or somebody else; the message says who.
            TimeoutError: it does not answer in time.
        """
        if self._make is None:  # the first use of a kind imports its module, and reads what packages offer
            await asyncio.to_thread(_import, kind)
        provider = Provider(kind, kind, KINDS[kind].name, url, is_local=True)
        engine = self._make(provider) if self._make else registry.create(provider, self._transport)
        try:
            if not isinstance(engine, DescribedEngine):
                raise BadSettings(f"{kind} cannot tell who is there")
            async with asyncio.timeout(self._describe_s):
                return await engine.describe()
        finally:
            async with asyncio.timeout(CLOSE_S):
                await engine.aclose()

    async def _is_open(self, port: int) -> bool:
        """Connect and hang up. No more than two system calls where nobody listens: this runs every ten seconds."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            try:
                async with asyncio.timeout(self._connect_s):
                    await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
            except (OSError, TimeoutError):
                return False
            return True

    async def _is_batuta(self, door: Door) -> bool:
        try:
            health: Any = await self._transport.get_json(f"{door.url}/health", timeout_s=self._describe_s)
        except BatutaError:
            return False
        return isinstance(health, dict) and health.keys() >= BATUTA


def _import(kind: str) -> None:
    """Import the module of a kind. Raises BadSettings."""
    factory = registry.kinds().get(kind)
    if factory is None:
        raise BadSettings(f"no engine serves the kind {kind!r}")
    factory()
