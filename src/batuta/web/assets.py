"""The static files, read once and served from memory. Knows nothing of pages, languages or models.

One hash over all files is part of their addresses, so a browser may keep them for ever and modules can import
each other by relative path. Asked for under another hash, or none, a file is revalidated by its ETag.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
PREFIX = "/static"
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
}
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


@dataclass(frozen=True)
class Asset:
    """One static file."""

    body: bytes
    media_type: str

    @cached_property
    def etag(self) -> str:
        """Strong validator of the content."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'

    @cached_property
    def packed(self) -> bytes:
        """The content in gzip; made on first use, because a loopback browser may never ask for it."""
        return gzip.compress(self.body, compresslevel=6, mtime=0)


class Assets:
    """All static files under one folder. A path outside the table cannot be named, so it cannot be served."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._files: Mapping[str, Asset] = {
            path.relative_to(folder).as_posix(): Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in MEDIA_TYPES
        }
        tree = hashlib.sha256()
        for name, asset in self._files.items():
            tree.update(f"{name}\0{asset.etag}\0".encode())
        self.version = tree.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Return the immutable address of a file.

        Raises:
            KeyError: there is no such file; a template is wrong.
        """
        if name not in self._files:
            raise KeyError(f"no static file {name!r}")
        return f"{PREFIX}/{self.version}/{name}"

    def respond(self, request: Request, path: str) -> Response:
        """Answer a GET or HEAD for `path` below the prefix; 404 for what is not in the table."""
        version, _, name = path.partition("/")
        is_current = version == self.version
        asset = self._files.get(name if is_current else path) or self._files.get(name)
        if asset is None:
            return Response("no such file\n", status_code=404, media_type="text/plain")
        headers = {
            "cache-control": FOREVER if is_current else REVALIDATE,
            "etag": asset.etag,
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = asset.body
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["content-encoding"] = asset.packed, "gzip"
        return Response(body, headers={**headers, "content-type": asset.media_type})
