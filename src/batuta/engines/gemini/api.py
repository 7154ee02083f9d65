"""Gemini's HTTP API over the transport: addresses, the key's header, answers read whole. Knows no chat.

The key goes into the header `x-goog-api-key`, never into the address, where logs of others would keep it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from batuta.catalog.entities import ModelSpec
from batuta.engines.decoding import Reply
from batuta.engines.faults import Seen, fault
from batuta.engines.gemini.abilities import path_of
from batuta.engines.gemini.answers import failure
from batuta.engines.openai_compat import IDLE_S, JSON_HEADERS, place_of
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BadRequest, BadSettings, BatutaError
from batuta.vault.secret import Secret

VERSION: Final = "/v1beta"  # what every SDK asks; `*-latest` names exist only there
KEY_HEADER: Final = "x-goog-api-key"
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.@:-]*(/[A-Za-z0-9][\w.@:-]*)*")


class GeminiApi:
    """One API root and one key.

    Args:
        base_url: as a person wrote it; without a path it gets `/v1beta`.
        transport: how to get there.
        key: sent to that address, nowhere else.
    """

    def __init__(self, base_url: str, transport: Transport, key: Secret | None) -> None:
        self.root = root_of(base_url)
        self.where = place_of(self.root)
        self._transport = transport
        self._key = key

    def __repr__(self) -> str:
        return f"<GeminiApi {self.root}>"

    @property
    def hide(self) -> str:
        """The key, for what must not be repeated in a message."""
        return self._key.reveal() if self._key else ""

    async def post(
        self, spec: ModelSpec, method: str, body: Mapping[str, Any], *, deadline: float, idle_s: float = IDLE_S
    ) -> Reply:
        """Send a call to a model; return once the head is there, whatever its status.

        Args:
            spec: the model.
            method: `generateContent`, `streamGenerateContent?alt=sse`, ...
            body: the JSON.
            deadline: the loop's seconds at which the wait for the head ends.
            idle_s: seconds of silence after which a body that has begun counts as dead.

        Raises:
            BatutaError: nothing came back.
        """
        try:
            data = orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise BadRequest(f"the request cannot be written as JSON: {error}", model=spec.id) from None
        url = f"{self.root}/{self._path(spec)}:{method}"
        return await self._send("POST", url, data, deadline=deadline, idle_s=idle_s)

    async def get(self, path: str, *, timeout_s: float, model: str | None = None) -> Any:
        """Return the JSON at a path below the root. Raises typed errors for everything that is not a 200 with JSON."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        reply = await self._send("GET", f"{self.root}/{path}", None, deadline=deadline, idle_s=timeout_s)
        await self.check(reply, model=model)
        return await self.read(reply, model=model)

    async def look_up(self, spec: ModelSpec, *, timeout_s: float) -> Any:
        """Return what the API says of a model. Raises as `get` does."""
        return await self.get(self._path(spec), timeout_s=timeout_s, model=spec.id)

    async def check(self, reply: Reply, *, model: str | None) -> None:
        """Raise the error of an answer whose status is not 200."""
        if reply.status != 200:
            headers = reply.headers
            raise self.failed(reply.status, await error_text(reply), headers, model=model)

    def failed(self, status: int, body: bytes, headers: Mapping[str, str], *, model: str | None) -> BatutaError:
        """Return the error of an answer whose status is not 200."""
        return failure(status, body, headers=headers, where=self.where, model=model, hide=self.hide)

    async def read(self, reply: Reply, *, model: str | None) -> Any:
        """Return the JSON of a whole answer. Raises UpstreamFailed for a page, nothing, or no JSON."""
        body = await reply.read()
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            start = body[:64].lstrip()
            seen = Seen.EMPTY if not start else Seen.HTML if start.startswith(b"<") else Seen.NO_ANSWER
            raise fault(seen, where=self.where, model=model) from None

    async def _send(self, method: str, url: str, body: bytes | None, *, deadline: float, idle_s: float) -> Reply:
        headers = JSON_HEADERS if body is not None else {}
        return await self._transport.send(
            UpstreamRequest(method, url, headers, body, deadline, idle_s, self._key, key_header=KEY_HEADER)
        )

    def _path(self, spec: ModelSpec) -> str:
        """Return a model's path. Raises ModelFailed for a name that could lead elsewhere."""
        path = path_of(spec.address)
        if not _NAME.fullmatch(path):
            raise fault(
                Seen.NOT_INSTALLED, where=self.where, said=f"{spec.address!r} is no name of a model", model=spec.id
            )
        return quote(path, safe="/")


def root_of(base_url: str) -> str:
    """Return the API root. Raises BadSettings for what is no http(s) address.

    A path that leads to Google's endpoint in OpenAI's dialect, or to the list of models, is cut to the root.
    """
    parts = urlsplit(base_url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSettings(f"{base_url!r} is not the address of an API; write it like https://HOST/v1beta")
    if "@" in parts.netloc:
        raise BadSettings(f"The address of {parts.hostname} has a name or password in it; give the key by itself")
    path = parts.path.rstrip("/").removesuffix("/models").removesuffix("/openai")
    return urlunsplit((parts.scheme, parts.netloc, path or VERSION, "", ""))
