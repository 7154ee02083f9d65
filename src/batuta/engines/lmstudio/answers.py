"""Answers of an LM Studio, held to the name of the model that was asked: it may let whatever is loaded answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Self

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import RawCall, RawReply
from batuta.engines.faults import Seen, fault
from batuta.engines.lmstudio.wire import FIRST_EVENT, answered_by, has_event, is_other
from batuta.engines.openai_compat import OpenAIWire, WholeReply, place_of
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

Names = Callable[[ModelSpec], Collection[str]]


def wrong(said: str, spec: ModelSpec, where: str) -> BatutaError:
    """Return the error for an answer by another model."""
    return fault(Seen.WRONG_MODEL, where=where, said=f"{said} instead of {spec.address}", model=spec.id)


class NamedWire(OpenAIWire):
    """OpenAI's dialect with the name of whoever answers looked at: of a whole answer, or of a stream's first event.

    Args:
        transport: how to get there.
        names: what an answer of a model may call itself.
    """

    def __init__(self, transport: Transport, names: Names) -> None:
        super().__init__(transport)
        self._names = names

    async def forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        reply = await super().forward(base_url, key, spec, call)
        if not isinstance(reply, WholeReply):
            return NamedReply(reply, spec, self._names(spec), place_of(base_url))
        said = answered_by(reply.body)
        if is_other(said, self._names(spec)):
            raise wrong(said or "", spec, place_of(base_url))
        return reply


class NamedReply:
    """A stream whose first event is looked at before any of it is passed on. Satisfies RawReply."""

    def __init__(self, reply: RawReply, spec: ModelSpec, names: Collection[str], where: str) -> None:
        self.status = reply.status
        self.content_type = reply.content_type
        self._reply = reply
        self._spec = spec
        self._names = names
        self._where = where
        self._chunks: AsyncIterator[bytes] | None = None
        self._is_known = False

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._chunks is None:
            self._chunks = self._reply.chunks()
        if self._is_known:
            return await anext(self._chunks)
        start = b""
        while (said := answered_by(start)) is None and len(start) < FIRST_EVENT and not has_event(start):
            if not (more := await anext(self._chunks, b"")):
                break
            start += more
        if is_other(said, self._names):
            await self.aclose()
            raise wrong(said or "", self._spec, self._where)
        self._is_known = True
        if start:
            return start
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self._reply.aclose()
