"""The loader's control wire: frames and addresses. Pure but for the few lines that open a socket.

A frame is a 4-byte big-endian length and that many bytes of JSON, an object. Requests are
`{"id": 1, "op": "load", ...}`, answers `{"id": 1, "ok": true, "result": {...}}` or
`{"id": 1, "ok": false, "error": {...}}`, and what the loader says by itself is `{"event": "progress", ...}`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batuta.errors import BadModelFile, BadRequest, BatutaBug, BatutaError, Cause, LoaderDown, ModelFailed, NoFit

PROTOCOL = 1
MAX_FRAME = 1 << 20
LONGEST_SOCKET_PATH = 100  # the system's own limit is 104-108 bytes
_LENGTH = struct.Struct(">I")
HEAD = _LENGTH.size

IS_WINDOWS = sys.platform == "win32"


class FrameError(ValueError):
    """What came is no frame; the connection it came on is worth nothing any more."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Return the frame of a message.

    Raises:
        FrameError: it is larger than a frame may be.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes; at most {MAX_FRAME} are allowed")
    return _LENGTH.pack(len(body)) + body


def body_length(head: bytes) -> int:
    """Return the length that a frame's first four bytes announce, if it may be that long."""
    (length,) = _LENGTH.unpack(head)
    if not 2 <= length <= MAX_FRAME:
        raise FrameError(f"a frame of {length} bytes; 2 to {MAX_FRAME} are allowed")
    return int(length)


def decode(body: bytes) -> dict[str, Any]:
    """Return the object that a frame's body is."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError("not a JSON object")
    return message


class FrameReader:
    """Cuts a stream of bytes, in any pieces, into messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take more bytes; return the messages they complete.

        Raises:
            FrameError: once and for all; feed nothing more.
        """
        self._data += data
        messages = []
        while len(self._data) >= HEAD:
            end = HEAD + body_length(bytes(self._data[:HEAD]))
            if len(self._data) < end:
                break
            messages.append(decode(bytes(self._data[HEAD:end])))
            del self._data[:end]
        return messages


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Return the next message, or None at the end of the stream."""
    try:
        head = await reader.readexactly(HEAD)
        return decode(await reader.readexactly(body_length(head)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


# --- errors over the wire ----------------------------------------------------------------------------------------

_ERRORS: dict[str, type[BatutaError]] = {
    kind.__name__: kind for kind in (BadModelFile, BadRequest, NoFit, ModelFailed, LoaderDown)
}


def error_to_wire(error: BatutaError) -> dict[str, Any]:
    """Return the JSON form of an error."""
    kind = type(error).__name__
    return {
        "type": kind if kind in _ERRORS else "ModelFailed",
        "message": error.message,
        "model": error.model,
        "cause": error.cause.value if error.cause else None,
        "details": error.details,
    }


def error_from_wire(wire: object) -> BatutaError:
    """Return the error that the loader meant; a form we do not know is a bug of ours, not a crash."""
    if not isinstance(wire, dict):
        return BatutaBug("the loader answered with an error that has no form")
    kind = _ERRORS.get(str(wire.get("type")), ModelFailed)
    known = {cause.value for cause in Cause}
    cause = wire.get("cause")
    details = wire.get("details")
    return kind(
        str(wire.get("message", "the loader gave no reason")),
        model=str(wire["model"]) if wire.get("model") else None,
        cause=Cause(cause) if cause in known else None,
        details=details if isinstance(details, dict) else None,
    )


# --- addresses ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """Where a loader listens: a unix socket, or (Windows) loopback TCP with a token that hello must carry."""

    path: Path | None = None
    port: int = 0
    token: str = ""

    def __repr__(self) -> str:
        return f"<Address {self.path or f'127.0.0.1:{self.port}'}>"


def socket_path(run_dir: Path) -> Path:
    """Return where the socket of a data folder is: in its run folder, or in a short private one if that is too long.

    The short one is named after the run folder, so that everybody finds the same.
    """
    path = run_dir / "loader.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(os.path.realpath(run_dir))).hexdigest()[:16]
    user = os.getuid() if hasattr(os, "getuid") else 0
    # Not what TMPDIR says: every process of this user must find the same, whatever its environment.
    return Path("/tmp") / f"batuta-{user}-{digest}" / "loader.sock"  # noqa: S108  # 0700, owner checked


def tcp_file(run_dir: Path) -> Path:
    """Return the 0600 file that holds port and token where there are no unix sockets."""
    return run_dir / "loader.tcp.json"


def find(run_dir: Path) -> Address | None:
    """Return where a loader of this data folder would be listening, or None if there is no trace of one."""
    if not IS_WINDOWS:
        path = socket_path(run_dir)
        return Address(path=path) if path.exists() else None
    try:
        known = json.loads(tcp_file(run_dir).read_text(encoding="utf-8"))
        return Address(port=int(known["port"]), token=str(known["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def private_folder(folder: Path) -> None:
    """Make a 0700 folder, or insist that it is one of ours.

    Raises:
        PermissionError: it is a link, belongs to somebody else, or others may enter it and we cannot forbid it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if IS_WINDOWS:
        return
    stat = folder.lstat()
    if folder.is_symlink() or stat.st_uid != os.getuid():
        raise PermissionError(
            f"{folder} is a link or belongs to another user: remove it, or choose another data folder"
        )
    if stat.st_mode & 0o077:
        folder.chmod(0o700)


def peer_user(connection: socket.socket) -> int | None:
    """Return the user id of the process at the other end of a unix socket; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None or connection.family != socket.AF_UNIX:
        return None
    _pid, user, _group = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(user)


def is_same_user(connection: socket.socket) -> bool:
    """Whether the peer is this user. Where the system does not tell, the 0600 socket in a 0700 folder decides."""
    user = peer_user(connection)
    return user is None or user == os.getuid()
