"""A fake model hub, as Hugging Face's: lists files, redirects to a delivery network, and misbehaves on demand.

python -m batuta.testing.hub --port 9500 --folder DIR      serves DIR/org/repo/*.gguf
HF_ENDPOINT=http://127.0.0.1:9500 batuta pull hf:org/repo
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from batuta.testing.local_server import Handler, LocalServer

PIECE = 64 * 1024
_FROM = re.compile(r"bytes=(\d+)-")


@dataclass(slots=True)
class Mischief:
    """What goes wrong with files, until it is changed.

    Attributes:
        cuts: for each next answer with a file's bytes: how many of them are sent before the connection is cut.
        holds: the same, and then it waits until its client leaves.
        answers: for each next request for a file, before any other: status and headers to answer with instead.
        listing: the same for requests for lists.
        ignores_range: it always sends the whole file.
        lies_of_hash: the list has another SHA-256 than the file.
        lies_of_size: bytes added to every size in the list.
        lies_of_length: bytes added to Content-Length.
        etag: the validator of every file; empty: its SHA-256.
        redirects: a request for a file is sent on to the delivery network.
        hops: further redirects on the way there.
        location: where a request for a file is sent instead; empty: to the delivery network.
    """

    cuts: list[int] = field(default_factory=list)
    holds: list[int] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    listing: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ignores_range: bool = False
    lies_of_hash: bool = False
    lies_of_size: int = 0
    lies_of_length: int = 0
    etag: str = ""
    redirects: bool = True
    hops: int = 0
    location: str = ""


class _Network(LocalServer):
    """The delivery network: another port, so another origin."""

    name = "fake delivery network"

    def __init__(self, hub: FakeHub) -> None:
        super().__init__()
        self.hub = hub
        self.tokens: list[str] = []

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        return [("GET", "/signed/{org}/{repo}/{path:.+}", self.deliver)]

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        """Send the file. Any token that comes along is kept as evidence."""
        self.tokens += request.headers.getall("Authorization", [])
        return await self.hub.send(request)


class FakeHub(LocalServer):
    """The hub. `repos` maps `org/repo` to its files, a path in the repository to its bytes or to where they lie.

    Args:
        port: 0 picks a free one.
        key: the token that opens what is gated.
    """

    name = "fake hub"
    default_port = 9500

    def __init__(self, *, port: int = 0, key: str | None = None) -> None:
        super().__init__(port=port, key=key)
        self.repos: dict[str, dict[str, bytes | Path]] = {}
        self.gated: set[str] = set()
        self.mischief = Mischief()
        self.network = _Network(self)
        self.tokens: list[str] = []
        self.ranges: list[str] = []  # of each request that was sent bytes, in order; empty: the whole
        self.gate: asyncio.Event | None = None  # files wait for it, half sent
        self._hashes: dict[tuple[str, str], str] = {}

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        return [
            ("GET", "/api/models", self.search),
            ("GET", "/api/models/{org}/{repo}/tree/main", self.tree),
            ("GET", "/{org}/{repo}/resolve/main/{path:.+}", self.resolve),
            ("GET", "/hop/{left}/{org}/{repo}/{path:.+}", self.hop),
        ]

    async def start(self) -> Self:
        """Listen, on two ports."""
        await self.network.start()
        return await super().start()

    async def stop(self) -> None:
        """Close both."""
        await super().stop()
        await self.network.stop()

    def add(self, repo: str, path: str, content: bytes | Path) -> None:
        """Put a file into a repository."""
        self.repos.setdefault(repo, {})[path] = content
        self._hashes.pop((repo, path), None)

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Name repositories that are called nearly so."""
        wish = request.query.get("search", "").lower()[:3]
        return web.json_response([{"id": repo} for repo in sorted(self.repos) if wish in repo.lower()][:1])

    async def tree(self, request: web.Request) -> web.StreamResponse:
        """List a repository's files, with sizes and hashes."""
        self.tokens += request.headers.getall("Authorization", [])
        if self.mischief.listing:
            return _refusal(*self.mischief.listing.pop(0))
        repo = _repo(request)
        if repo not in self.repos:
            return _refusal(401, {"x-error-code": "RepoNotFound"})  # the real one does not tell who may not know
        rows = [await asyncio.to_thread(self._row, repo, path) for path in sorted(self.repos[repo])]
        return web.json_response([{"type": "directory", "path": "folder", "size": 0, "oid": "0"}, *rows])

    def _row(self, repo: str, path: str) -> dict[str, Any]:
        size = _size(self.repos[repo][path]) + self.mischief.lies_of_size
        if not path.endswith(".gguf"):
            return {"type": "file", "path": path, "size": size, "oid": "a" * 40}
        sha256 = "0" * 64 if self.mischief.lies_of_hash else self.sha256(repo, path)
        lfs = {"oid": sha256, "size": size, "pointerSize": 135}
        return {"type": "file", "path": path, "size": size, "oid": "b" * 40, "lfs": lfs, "xetHash": "c" * 64}

    def sha256(self, repo: str, path: str) -> str:
        """Return the true hash of a file."""
        known = self._hashes.get((repo, path))
        if known is None:
            content = self.repos[repo][path]
            data = content if isinstance(content, bytes) else content.read_bytes()
            known = self._hashes[repo, path] = hashlib.sha256(data).hexdigest()
        return known

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        """Send a file, or say where it is sent from."""
        self.tokens += request.headers.getall("Authorization", [])
        if self.mischief.answers:
            return _refusal(*self.mischief.answers.pop(0))
        repo, path = _repo(request), request.match_info["path"]
        if repo in self.gated and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _refusal(401, {"x-error-code": "GatedRepo"})
        if path not in self.repos.get(repo, {}):
            return _refusal(404, {"x-error-code": "EntryNotFound"})
        if not self.mischief.redirects:
            return await self.send(request)
        if self.mischief.hops:
            return _redirect(f"/hop/{self.mischief.hops - 1}/{repo}/{path}")
        return _redirect(self.mischief.location or f"{self.network.url}/signed/{repo}/{path}")

    async def hop(self, request: web.Request) -> web.StreamResponse:
        """Send a request once more elsewhere."""
        left, rest = int(request.match_info["left"]), f"{_repo(request)}/{request.match_info['path']}"
        return _redirect(f"/hop/{left - 1}/{rest}" if left else f"{self.network.url}/signed/{rest}")

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send a file's bytes, as far as the mischief lets."""
        repo, path = _repo(request), request.match_info["path"]
        content = self.repos[repo][path]
        data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        etag = self.mischief.etag or await asyncio.to_thread(self.sha256, repo, path)
        asked = "" if self.mischief.ignores_range else request.headers.get("Range", "")
        self.ranges.append(asked)
        match = _FROM.fullmatch(asked)
        start = int(match[1]) if match else 0
        if start >= len(data) > 0:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
        response = web.StreamResponse(status=206 if match else 200, headers={"ETag": f'"{etag}"'})
        if match:
            response.headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        response.content_length = len(data) - start + self.mischief.lies_of_length
        await response.prepare(request)
        await self._pour(request, response, data[start:])
        return response

    async def _pour(self, request: web.Request, response: web.StreamResponse, data: bytes) -> None:
        cut = self.mischief.cuts.pop(0) if self.mischief.cuts else None
        sent = data if cut is None else data[:cut]
        hold = self.mischief.holds.pop(0) if self.mischief.holds else None
        for at in range(0, len(sent), PIECE):
            if hold is not None and at >= hold:
                await _left(request)
                return
            await response.write(sent[at : at + PIECE])
            if self.gate is not None:
                await self.gate.wait()
        if (cut is not None or self.mischief.lies_of_length > 0) and request.transport is not None:
            await asyncio.sleep(0.01)  # what was sent arrives before the end does
            request.transport.abort()

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> None:
        """Run by hand until interrupted."""
        parser = argparse.ArgumentParser(prog=cls.__module__, description="a fake hub, for trying `batuta pull`")
        parser.add_argument("--port", type=int, default=cls.default_port)
        parser.add_argument("--folder", type=Path, required=True, help="holds org/repo/file.gguf")
        parser.add_argument("--hold", type=int, help="the first file stops after so many bytes until its client leaves")
        parsed = parser.parse_args(arguments)

        async def serve() -> None:
            hub = cls(port=parsed.port)
            hub.mischief.holds += [] if parsed.hold is None else [parsed.hold]
            for path in sorted(parsed.folder.glob("*/*/**/*.gguf")):
                org, repo, *rest = path.relative_to(parsed.folder).parts
                hub.add(f"{org}/{repo}", "/".join(rest), path)
            async with hub:
                names = " ".join(sorted(f"hf:{repo}" for repo in hub.repos))
                print(f"{cls.name} listens on {hub.url} and has {names or 'nothing'}", flush=True)  # noqa: T201  # the command's output
                await asyncio.Event().wait()

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())


def _repo(request: web.Request) -> str:
    return f"{request.match_info['org']}/{request.match_info['repo']}"


async def _left(request: web.Request) -> None:
    """Return when the client has gone away."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # nobody is told of it
        await asyncio.sleep(0.01)


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _refusal(status: int, headers: dict[str, str]) -> web.Response:
    body = json.dumps({"error": headers.get("x-error-code", f"status {status}")})
    return web.Response(status=status, text=body, content_type="application/json", headers=headers)


def _redirect(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


if __name__ == "__main__":
    FakeHub.main()
