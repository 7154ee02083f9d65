"""An OpenAI-compatible engine in front of a FaultyUpstream, and what became of one chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp  # noqa: F401  # imported here: the first import is longer than the deadlines of these plays
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta, Message
from batuta.engines.base import RawCall
from batuta.engines.loopback_wire import LIMITS
from batuta.engines.openai_compat import OpenAICompatEngine, OpenAIWire, normal_url
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.testing.faulty_upstream import FaultyUpstream, Script
from batuta.vault.secret import Secret

KEY = "sk-test-not-a-key-upstream"
SPEC = ModelSpec("faulty/m", "faulty", "m")
PATIENCE_S = 10.0  # for plays that are not about time, however busy the machine
SHORT_S = 0.2  # for those that are: long enough for the machine, short enough for the run
QUICK = replace(LIMITS, connect_s=0.2, body=1024 * 1024, stream=4 * 1024 * 1024)

both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
both_clients = pytest.mark.parametrize("is_direct", [True, False], ids=["loopback", "aiohttp"])


@dataclass(slots=True)
class Outcome:
    """What a chat gave."""

    deltas: list[Delta] = field(default_factory=list)
    error: BatutaError | None = None

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def failure(self) -> BatutaError:
        assert self.error is not None, f"it answered {self.text!r}"
        return self.error


@asynccontextmanager
async def facing(*scripts: Script, is_direct: bool = True) -> AsyncIterator[tuple[Asker, FaultyUpstream]]:
    """Give an engine whose backend plays the scripts."""
    async with FaultyUpstream(*scripts) as upstream, asking(upstream.url, is_direct=is_direct) as asker:
        yield asker, upstream


@asynccontextmanager
async def asking(url: str, *, is_direct: bool = True) -> AsyncIterator[Asker]:
    """Give an engine for a URL."""
    transport = Transport(QUICK, is_direct=is_direct)
    try:
        yield Asker(url, transport)
    finally:
        await transport.aclose()


class Asker:
    """Asks once and notes everything."""

    def __init__(self, url: str, transport: Transport) -> None:
        self.engine = OpenAICompatEngine(Provider("faulty", "openai_compat", base_url=url), transport, key=Secret(KEY))
        self._transport = transport
        self._url = normal_url(url)

    async def chat(self, *, stream: bool, wait_s: float = PATIENCE_S, idle_s: float = PATIENCE_S) -> Outcome:
        """Chat, and return deltas and error. No message may show the key."""
        outcome, wire = Outcome(), OpenAIWire(self._transport, idle_s=idle_s)
        deadline = asyncio.get_running_loop().time() + wait_s
        request = ChatRequest("m", (Message("user", "hello"),), stream=stream, deadline=deadline)
        try:
            async for delta in wire.chat(self._url, Secret(KEY), SPEC, request, model="m"):
                outcome.deltas.append(delta)
        except BatutaError as error:
            outcome.error = error
        assert KEY not in str(outcome.error)
        assert outcome.error is None or outcome.error.model == SPEC.id
        return outcome

    async def bytes_of(self, *, stream: bool) -> bytes:
        """Pass a call through and return its bytes. Raises what it raises."""
        body = b'{"model":"m","messages":[],"stream":true}' if stream else b'{"model":"m","messages":[]}'
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        call = RawCall("chat/completions", body, stream, deadline, PATIENCE_S)
        reply = await OpenAIWire(self._transport).forward(self._url, Secret(KEY), SPEC, call)
        try:
            return b"".join([chunk async for chunk in reply.chunks()])
        finally:
            await reply.aclose()
