"""Asks a hub which files a repository has, and opens them. Knows nothing of disks or progress.

The hub is Hugging Face, or what `HF_ENDPOINT` names, with the token that its own tools use. The token goes to the hub's
own origin and nowhere else: redirects, which lead to a delivery network, are followed here by hand, without it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

import orjson

from batuta.downloads.errors import HubBusy, HubFailed, HubRefused, HubUnreachable, UnknownDownload, UnknownRepository
from batuta.downloads.names import Listed, Wanted
from batuta.engines.decoding import Reply
from batuta.engines.faults import MAX_TEXT, clean, parse_retry_after, text_of
from batuta.engines.loopback_wire import Limits
from batuta.engines.transport import Transport, UpstreamRequest, error_text, loopback_place
from batuta.errors import BadSettings, BatutaError, UpstreamUnreachable
from batuta.observe.log import redactor
from batuta.vault.secret import Secret

ENDPOINT: Final = "https://huggingface.co"
TOKEN_FILE = "token"  # in HF_HOME, as `hf auth login` leaves it  # noqa: S105  # a file's name
# What an API may send is far too little for a model, and a model takes longer than an answer may.
LIMITS: Final = Limits(stream=1 << 41, stream_s=14 * 24 * 3600.0)
ASK_S = 20.0  # for a listing, and for the head of a file's answer
SILENCE_S = 30.0  # in the middle of a file, after which the connection counts as cut
MOST_HOPS = 5
MOST_PAGES = 20  # of a listing, at 1,000 files each
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Place:
    """Which hub, and what opens it.

    Attributes:
        endpoint: scheme, host and port, without a slash at the end.
        token: sent to that origin only; None: without.
        is_offline: a person has forbidden their tools the hub (`HF_HUB_OFFLINE`).
    """

    endpoint: str = ENDPOINT
    token: Secret | None = None
    is_offline: bool = False

    @property
    def host(self) -> str:
        """What messages call it."""
        return urlsplit(self.endpoint).netloc

    def key_for(self, url: str) -> Secret | None:
        """Return the token if it may be sent there: to the hub itself, and never in the clear over a network."""
        if self.token is None or origin(url) != origin(self.endpoint):
            return None
        is_safe = url.startswith("https://") or loopback_place(url) is not None
        return self.token if is_safe else None


def place_from(environ: Mapping[str, str]) -> Place:
    """Return the hub as Hugging Face's own tools find it. Blocks on the disk.

    HF_ENDPOINT; HF_TOKEN, else the file HF_TOKEN_PATH, else `token` in HF_HOME; HF_HUB_OFFLINE.

    Raises:
        BadSettings: HF_ENDPOINT is no address.
    """
    endpoint = (environ.get("HF_ENDPOINT") or ENDPOINT).strip().rstrip("/")
    try:
        parts = urlsplit(endpoint)
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        is_right = False
    if not is_right:
        raise BadSettings(f"the environment variable HF_ENDPOINT is {endpoint[:80]!r}, which is no http(s) address")
    text = environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN") or _token_in_file(environ)
    text = "".join(text.split())
    token = Secret(text) if text.isascii() and text else None
    if token is not None:
        redactor.remember(token)
    return Place(endpoint, token, environ.get("HF_HUB_OFFLINE", "").strip().lower() in _TRUE)


def _token_in_file(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or environ.get("USERPROFILE") or "~"
    cache = environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
    folder = environ.get("HF_HOME") or f"{cache}/huggingface"
    path = Path(environ.get("HF_TOKEN_PATH") or f"{folder}/{TOKEN_FILE}").expanduser()
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(1024)
    except (OSError, ValueError):
        return ""


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return (parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80))


class Hub:
    """One hub.

    Args:
        transport: the way out; its limits must let whole models through (`LIMITS`).
        place: which hub.
    """

    def __init__(self, transport: Transport, place: Place) -> None:
        self._transport = transport
        self.place = place

    def url_of(self, wanted: Wanted, path: str) -> str:
        """Return where a file of a repository is."""
        return f"{self.place.endpoint}/{wanted.repo}/resolve/main/{quote(path)}"

    async def files(self, wanted: Wanted) -> list[Listed]:
        """Return the files of a repository.

        Raises:
            UnknownRepository: there is no such repository, or it is not public.
            HubRefused, HubUnreachable, HubBusy, HubFailed: it does not say.
        """
        url: str | None = f"{self.place.endpoint}/api/models/{wanted.repo}/tree/main?recursive=true"
        found: list[Listed] = []
        for _ in range(MOST_PAGES):
            assert url is not None
            reply = await self.open(url, wanted)
            body = await reply.read()
            found += _listed(body, self.place.host)
            link = _NEXT.search(reply.headers.get("link", ""))
            url = urljoin(url, link[1]) if link else None
            if url is None or origin(url) != origin(self.place.endpoint):
                break
        return found

    async def similar(self, wanted: Wanted) -> str | None:
        """Return a repository with models whose name is like the one that is not there; None if the hub knows none."""
        url = f"{self.place.endpoint}/api/models?search={quote(wanted.repo.partition('/')[2])}&filter=gguf&limit=1"
        try:
            body = await (await self.open(url, wanted)).read()
            name = orjson.loads(body)[0]["id"]
        except (BatutaError, ValueError, LookupError, TypeError):
            return None
        return clean(name)[:100] if isinstance(name, str) else None

    async def open(self, url: str, wanted: Wanted, *, start: int = 0) -> Reply:
        """Return an answer of 200 or 206 (or 416, where a start was given), redirects followed.

        Args:
            url: an address of the hub.
            wanted: what it is for, for messages.
            start: the byte to begin at.

        Raises:
            HubUnreachable: there is no way there.
            UnknownDownload, HubRefused, HubBusy, HubFailed: what its status means.
            ProviderError: the connection broke; another try may help.
        """
        if self.place.is_offline:
            raise HubUnreachable("HF_HUB_OFFLINE is set: nothing is fetched from the hub until it is unset")
        headers = {"range": f"bytes={start}-"} if start else {}
        for _ in range(MOST_HOPS + 1):
            reply = await self._send(url, headers)
            if reply.status in {200, 206} or (start and reply.status == 416):
                return reply
            if reply.status not in REDIRECTS:
                raise await self._refusal(reply, url, wanted)
            await reply.aclose()
            url = self._next(url, reply.headers.get("location", ""))
        raise HubFailed(f"{self.place.host} sends us from one address to the next, more than {MOST_HOPS} times")

    async def _send(self, url: str, headers: Mapping[str, str]) -> Reply:
        deadline = asyncio.get_running_loop().time() + ASK_S
        key = self.place.key_for(url)
        try:
            return await self._transport.send(UpstreamRequest("GET", url, headers, None, deadline, SILENCE_S, key))
        except UpstreamUnreachable as error:
            raise HubUnreachable(
                f"{error.message.rstrip('.')} Nothing was downloaded; is this machine connected to the network?"
            ) from None

    def _next(self, url: str, location: str) -> str:
        """Return where a redirect leads.

        Raises:
            HubFailed: nowhere, out of the protection of TLS, or from elsewhere into this machine.
        """
        target = urljoin(url, location)
        try:
            scheme, host, _ = origin(target)
        except ValueError:
            scheme = host = ""
        if not location or not host or scheme not in {"http", "https"}:
            raise HubFailed(f"{self.place.host} sends us to an address that is none")
        if url.startswith("https:") and scheme == "http":
            raise HubFailed(f"{self.place.host} sends us from https to http at {host}; that is not followed")
        if loopback_place(target) is not None and loopback_place(url) is None:
            raise HubFailed(f"{self.place.host} sends us to this machine itself; that is not followed")
        return target

    async def _refusal(self, reply: Reply, url: str, wanted: Wanted) -> BatutaError:
        """Return the error for a status.

        1. The hub says that there is no such repository (also with 401: it does not tell who may not know).
        2. It wants a token, or a licence accepted. 3. It has no such file. 4. Later. 5. Anything else.
        """
        status, headers = reply.status, reply.headers
        host = urlsplit(url).netloc
        token = self.place.token
        said = clean(text_of(await error_text(reply)), token.reveal() if token else "")[:MAX_TEXT]
        code = headers.get("x-error-code", "")
        page = f"{self.place.endpoint}/{wanted.repo}"
        if code == "RepoNotFound" or (status == 404 and "/api/" in url):  # 1
            closed = "or it is private, and the token may not see it" if token else "or it is private: set HF_TOKEN"
            return UnknownRepository(f"{self.place.host} has no repository {wanted.repo}, {closed}")
        if status in {401, 403}:  # 2
            how = "accept its licence on that page with the account of your token" if token else "set HF_TOKEN to one"
            return HubRefused(
                f"{host} does not hand out {wanted} without leave: look at {page}, {how}, and try again",
                details={"page": page},
            )
        if status == 404:  # 3
            return UnknownDownload(f"{host} does not have the file of {wanted} any more; look at {page}")
        if status in {408, 429} or status >= 500:  # 4
            wait = parse_retry_after(headers.get("retry-after"), now=_wall())
            why = "limits how often it is asked" if status == 429 else "cannot answer now"
            return HubBusy(f"{host} {why} (HTTP {status}){f': {said}' if said else ''}", retry_after_s=wait)
        return HubFailed(f"{host} answered with HTTP {status}{f': {said}' if said else ''}")  # 5


def _wall() -> float:
    import time

    return time.time()  # a Retry-After that is a date is told in the wall's time, whatever clock waits for it


def _listed(body: bytes, host: str) -> list[Listed]:
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError:
        rows = None
    if not isinstance(rows, list):
        raise HubFailed(f"{host} answered something that is no list of files; is HF_ENDPOINT right?")
    return [file for row in rows if (file := _file(row)) is not None]


def _file(row: Any) -> Listed | None:
    if not isinstance(row, dict) or row.get("type", "file") != "file" or not isinstance(row.get("path"), str):
        return None
    told = row.get("lfs")
    lfs: dict[str, Any] = told if isinstance(told, dict) else {}
    size = lfs.get("size", row.get("size"))
    sha256 = str(lfs.get("oid") or lfs.get("sha256") or "").removeprefix("sha256:").lower()
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return None
    return Listed(row["path"], size, sha256 if _SHA256.fullmatch(sha256) else "")
