"""Answers that come packed although nobody asked: unpacked piece by piece, never above the cap. Knows no client."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol, Self

from batuta.engines.faults import Seen, fault
from batuta.engines.loopback_wire import Limits

_GZIP_OR_ZLIB: Final = 47  # wbits: find out which
_PIECE: Final = 256 * 1024  # bytes unpacked at a time: a bomb is noticed before it is large
_UNPACKED: Final = {"gzip", "x-gzip", "deflate"}


class Reply(Protocol):
    """An answer of any status, head first. Satisfies engines.base.RawReply."""

    status: int
    content_type: str
    encoding: str  # Content-Encoding in lower case, empty when there is none

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case."""
        ...

    async def read(self) -> bytes:
        """Return the whole body. Raises ProviderError when it does not come whole, or is above the cap."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield what has arrived, as it arrives. Raises ProviderError when it stops before its end."""
        ...

    async def aclose(self) -> None:
        """Let go. An answer that is not at its end is cut off, which tells the backend to stop."""
        ...


class Pieces:
    """Iterates over what a function returns until it returns nothing.

    Unlike a generator it can be dropped half-way without a task to close it.
    """

    __slots__ = ("_next",)

    def __init__(self, next_piece: Callable[[], Awaitable[bytes]]) -> None:
        self._next = next_piece

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if data := await self._next():
            return data
        raise StopAsyncIteration


async def decoded(reply: Reply, *, where: str, limits: Limits) -> Reply:
    """Return the reply unpacked. Raises UpstreamFailed for an encoding that is neither gzip nor deflate."""
    if reply.encoding not in _UNPACKED:
        await reply.aclose()
        raise fault(Seen.BAD_ENCODING, where=where)
    return _Unpacked(reply, where, limits)


class _Unpacked:
    """A reply behind a decompressor."""

    def __init__(self, reply: Reply, where: str, limits: Limits) -> None:
        self.status = reply.status
        self.content_type = reply.content_type
        self.encoding = ""
        self._reply = reply
        self._where = where
        self._limits = limits
        self._packed = reply.chunks()
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._rest = b""
        self._size = 0

    @property
    def headers(self) -> Mapping[str, str]:
        return self._reply.headers

    async def read(self) -> bytes:
        return b"".join([data async for data in Pieces(lambda: self._next(self._limits.body, Seen.TRUNCATED))])

    def chunks(self) -> AsyncIterator[bytes]:
        return Pieces(lambda: self._next(self._limits.stream, Seen.CUT_STREAM))

    async def _next(self, cap: int, broken: Seen) -> bytes:
        data = b""
        while not data:
            self._rest = self._rest or await anext(self._packed, b"")
            if not self._rest:
                if not self._unpacker.eof:
                    raise fault(broken, where=self._where)
                return b""
            data = await self._unpack(broken)
        self._size += len(data)
        if self._size > cap:
            await self._reply.aclose()
            raise fault(Seen.TOO_LARGE, where=self._where)
        return data

    async def _unpack(self, broken: Seen) -> bytes:
        if self._unpacker.eof:  # what follows the end is not ours
            self._rest = b""
            return b""
        try:
            data = self._unpacker.decompress(self._rest, _PIECE)
        except zlib.error:
            await self._reply.aclose()
            raise fault(broken, where=self._where) from None
        self._rest = self._unpacker.unconsumed_tail
        return data

    async def aclose(self) -> None:
        await self._reply.aclose()
