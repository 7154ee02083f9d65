"""Server-sent events, both ways, as the WHATWG text says. Knows nothing of sockets, JSON or what an event means.

The parser is fed bytes as they come: whatever the split, the events are the same. Lines end in CRLF, LF or CR;
comments and unknown fields are skipped; a byte order mark at the start is dropped. Data stays bytes, so that a UTF-8
character cut in two by the network is never looked at before it is whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from batuta.errors import StreamBroken

MAX_LINE = 1024 * 1024  # bytes; a delta has tens, a tool call's arguments in one piece some thousands
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event. `event` is empty where the stream names none; lines of data are joined by LF."""

    event: str
    data: bytes


class SSEParser:
    """Turns bytes into events.

    Args:
        max_line: bytes that one line, or all data of one event, may have.
    """

    __slots__ = ("_data", "_event", "_is_first", "_max", "_pending", "_pending_size", "_size", "_skip_lf")

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max = max_line
        self._pending: list[bytes] = []  # pieces of an unfinished line; joined once, however many there are
        self._pending_size = 0
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._is_first = True
        self._skip_lf = False

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete. Raises StreamBroken for a line or event above the cap."""
        if self._skip_lf and data:  # the LF of a CRLF that was cut in two
            self._skip_lf = False
            if data[0] == 0x0A:
                data = data[1:]
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        events: list[Event] = []
        for line in lines:
            whole = line
            if self._pending:
                self._hold(line)
                whole = b"".join(self._pending)
                self._pending.clear()
                self._pending_size = 0
            elif len(line) > self._max:
                raise self._too_long()
            self._take(whole, events)
        if rest:
            self._hold(rest)
        return events

    def close(self) -> list[Event]:
        """Return what the end of the stream completes: some servers end without the last empty line."""
        events: list[Event] = []
        if self._pending:
            self._take(b"".join(self._pending), events)
            self._pending.clear()
            self._pending_size = 0
        self._take(b"", events)
        return events

    def _hold(self, piece: bytes) -> None:
        self._pending_size += len(piece)
        if self._pending_size > self._max:
            raise self._too_long()
        self._pending.append(piece)

    def _take(self, line: bytes, events: list[Event]) -> None:
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                events.append(Event(self._event, b"\n".join(self._data)))
                self._data = []
                self._size = 0
            self._event = ""
            return
        name, colon, value = line.partition(b":")
        if not name:
            return  # a comment
        value = value[1:] if colon and value[:1] == b" " else value
        if name == b"data":
            self._size += len(value) + 1
            if self._size > self._max + 1:
                raise self._too_long()
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")

    def _too_long(self) -> StreamBroken:
        return too_long(self._max)


def too_long(most: int) -> StreamBroken:
    """Return the error for a line or event of more than `most` bytes."""
    return StreamBroken(
        f"The answer's event stream has a line or event longer than {most:,} bytes; Batuta stopped reading it."
    )


def encode(data: bytes | str, event: str | None = None) -> bytes:
    """Return one event; data with line breaks becomes several data lines."""
    raw = data.encode() if isinstance(data, str) else data
    head = f"event: {event}\n".encode() if event else b""
    if b"\n" in raw or b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    return b"%bdata: %b\n\n" % (head, raw)


def comment(text: str) -> bytes:
    """Return a comment: readers skip it, and it keeps the connection from looking dead."""
    return b"".join(b": %b\n" % line.encode() for line in (text.splitlines() or [""])) + b"\n"
