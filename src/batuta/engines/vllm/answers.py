"""Answers of a vLLM that somebody put to sleep in the middle: they end as if they were whole, but for one word.

`finish_reason` is then `abort`, which clients take for a good end. Here it is what it is: an answer broken off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import RawCall, RawReply
from batuta.engines.decoding import Pieces
from batuta.engines.faults import Seen, fault
from batuta.engines.openai_compat import OpenAIWire, WholeReply, place_of
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

ABORTED = b'"finish_reason":"abort"'  # as vLLM writes it; in the text of an answer the quotes would be escaped
WHY = "it was put to sleep, or told to stop answering, in the middle"


class UnabortedWire(OpenAIWire):
    """OpenAI's dialect, in which an aborted answer is an error."""

    async def forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        reply = await super().forward(base_url, key, spec, call)
        where = place_of(base_url)
        if not isinstance(reply, WholeReply):
            return _Unaborted(reply, fault(Seen.CUT_STREAM, where=where, said=WHY, model=spec.id))
        if ABORTED in reply.body.replace(b" ", b""):
            raise fault(Seen.TRUNCATED, where=where, said=WHY, model=spec.id)
        return reply


class _Unaborted:
    """A stream that raises where it was aborted. Satisfies RawReply."""

    def __init__(self, reply: RawReply, error: BatutaError) -> None:
        self.status = reply.status
        self.content_type = reply.content_type
        self._reply = reply
        self._error = error
        self._chunks = reply.chunks()
        self._tail = b""

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        return Pieces(self._next)

    async def _next(self) -> bytes:
        chunk = await anext(self._chunks, b"")
        seen = self._tail + chunk
        if ABORTED in seen:
            await self.aclose()
            raise self._error
        self._tail = seen[1 - len(ABORTED) :]
        return chunk

    async def aclose(self) -> None:
        await self._reply.aclose()
