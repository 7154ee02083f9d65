"""Looks at the first bytes of a stream before they are passed on: is it an answer, or an error in its place?

A provider that has begun a stream with status 200 can only say in it that a key has no credit or is limited. Knows
nothing of keys: whoever asks says which errors matter; any other is left in the stream for the gateway to find.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

import orjson

from batuta.chat.dialects.openai import find_error
from batuta.chat.sse import SSEParser
from batuta.engines import faults
from batuta.engines.base import RawReply
from batuta.errors import BatutaError
from batuta.vault.secret import Secret


async def begun(
    reply: RawReply, *, where: str, model: str, hide: Secret | None, is_for_next: Callable[[BatutaError], bool]
) -> RawReply:
    """Wait for the first bytes; return a reply that still has them.

    Args:
        reply: an event stream whose head is there; it is let go when this raises.
        where: who answers, for messages.
        model: who was asked.
        hide: the key that was sent.
        is_for_next: says whether an error is raised here.

    Raises:
        BatutaError: the first event is an error that matters, or the stream breaks before its first byte.
    """
    try:
        chunks = aiter(reply.chunks())
        first = await anext(chunks, b"")
    except BaseException:
        await reply.aclose()
        raise
    error = error_in(first, where=where, model=model, hide=hide.reveal() if hide else "")
    if error is not None and is_for_next(error):
        await reply.aclose()
        raise error
    return _Begun(reply, first, chunks)


def error_in(chunk: bytes, *, where: str, model: str, hide: str) -> BatutaError | None:
    """Return the error that the first whole event of a stream in OpenAI's dialect is; None for anything else."""
    if b'"error"' not in chunk[:4096]:  # spares the parse of every good answer
        return None
    event = next(iter(SSEParser().feed(chunk)), None)
    if event is None:
        return None
    try:
        said = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return None
    error = find_error(said) if isinstance(said, dict) and not said.get("choices") else None
    return faults.from_answer(error, where=where, model=model, hide=hide) if error else None


class _Begun:
    """A reply whose first bytes have been read. Satisfies RawReply."""

    __slots__ = ("_first", "_reply", "_rest", "content_type", "status")

    def __init__(self, reply: RawReply, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self.status, self.content_type = reply.status, reply.content_type
        self._reply, self._first, self._rest = reply, first, rest

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        return _Chunks(self._first, self._rest)

    async def aclose(self) -> None:
        await self._reply.aclose()


class _Chunks:
    """First the bytes that were looked at, then the rest as it comes, at the price of one call a piece."""

    __slots__ = ("_first", "_next")

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._first = first
        self._next = rest.__anext__

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        if self._first:
            return self._begin()
        return self._next()

    async def _begin(self) -> bytes:
        first, self._first = self._first, b""
        return first
