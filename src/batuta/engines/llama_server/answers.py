"""Answers of a llama-server: never by a model that the request would have to load, never by another one, and counted.

A router may end the process of a model while it is answering, to make place for another. Who loads has to know which
models are in use, so each answer counts from its request to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import RawCall, RawReply
from batuta.engines.llama_server.api import NEVER_AUTOLOAD
from batuta.engines.lmstudio.answers import NamedWire, Names
from batuta.engines.openai_compat import WholeReply
from batuta.engines.transport import Transport
from batuta.vault.secret import Secret


class CountedWire(NamedWire):
    """OpenAI's dialect as a llama-server has it.

    Args:
        transport: how to get there.
        names: what an answer of a model may call itself.

    Attributes:
        running: answers under way, by the model's address.
    """

    def __init__(self, transport: Transport, names: Names) -> None:
        super().__init__(transport, names)
        self.running: Counter[str] = Counter()

    async def forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        call = replace(call, path=f"{call.path}?{NEVER_AUTOLOAD}")
        self.running[spec.address] += 1
        is_running = False
        try:
            reply = await super().forward(base_url, key, spec, call)
            is_running = not isinstance(reply, WholeReply)
        finally:
            if not is_running:
                self.running[spec.address] -= 1
        return _Counted(reply, spec.address, self.running) if is_running else reply


class _Counted:
    """A stream that is in the count until it is closed. Satisfies RawReply."""

    def __init__(self, reply: RawReply, address: str, running: Counter[str]) -> None:
        self.status = reply.status
        self.content_type = reply.content_type
        self._reply = reply
        self._address = address
        self._running = running
        self._is_counted = True

    async def read(self) -> bytes:
        return await self._reply.read()

    def chunks(self) -> AsyncIterator[bytes]:
        return self._reply.chunks()

    async def aclose(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._running[self._address] -= 1
        await self._reply.aclose()
