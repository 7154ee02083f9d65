"""Answers that come packed although nobody asked: unpacked piece by piece, never above the cap. Knows no client."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

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

    @property
    def headers(self) -> Mapping[str, str]:
        return self._reply.headers

    async def read(self) -> bytes:
        return b"".join([data async for data in self._unpack(self._limits.body, Seen.TRUNCATED)])

    def chunks(self) -> AsyncIterator[bytes]:
        return self._unpack(self._limits.stream, Seen.CUT_STREAM)

    async def _unpack(self, cap: int, broken: Seen) -> AsyncIterator[bytes]:
        unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        size = 0
        async for packed in self._reply.chunks():
            rest = packed
            while rest and not unpacker.eof:
                try:
                    data = unpacker.decompress(rest, _PIECE)
                except zlib.error:
                    await self._reply.aclose()
                    raise fault(broken, where=self._where) from None
                rest = unpacker.unconsumed_tail
                size += len(data)
                if size > cap:
                    await self._reply.aclose()
                    raise fault(Seen.TOO_LARGE, where=self._where)
                if data:
                    yield data
        if not unpacker.eof:
            raise fault(broken, where=self._where)

    async def aclose(self) -> None:
        await self._reply.aclose()
