"""A null TCP relay: the honest floor of any gateway, which is one more hop. Knows nothing of HTTP.

`python -m bench.relay --target PORT` prints one JSON line with its port and runs until it is terminated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import cast

from bench.mock import new_loop, port_of


class _Upstream(asyncio.Protocol):
    """The far side: what it says goes to the near side at once."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._client.close()


class _Client(asyncio.Protocol):
    """The near side: opens one upstream connection and keeps what arrives before that stands."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._early: list[bytes] = []
        self._upstream: asyncio.Transport | None = None
        self._is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's classes
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        try:
            upstream, _ = await self._loop.create_connection(
                lambda: _Upstream(self._transport), "127.0.0.1", self._target
            )
        except OSError:
            self._transport.close()
            return
        if self._is_gone:
            upstream.close()
            return
        self._upstream = upstream
        upstream.writelines(self._early)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self._upstream is None:
            self._early.append(data)
        else:
            self._upstream.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._is_gone = True
        if self._upstream is not None:
            self._upstream.close()


async def serve(target: int, port: int = 0) -> asyncio.Server:
    """Relay connections from a loopback port (0: any free one) to loopback port `target`."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Client(loop, target), "127.0.0.1", port, backlog=1024)


async def _run(target: int, port: int) -> None:
    server = await serve(target, port)
    print(json.dumps({"port": port_of(server)}), flush=True)
    await server.serve_forever()


def main(argv: list[str]) -> None:
    """Relay until terminated."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description="a null TCP relay")
    parser.add_argument("--target", type=int, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(argv)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_run(options.target, options.port))


if __name__ == "__main__":
    main(sys.argv[1:])
