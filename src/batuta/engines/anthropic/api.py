"""Anthropic's HTTP API over the transport: addresses, headers, key. Knows no models and no conversation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from batuta.engines import faults
from batuta.engines.anthropic import answers
from batuta.engines.decoding import Reply
from batuta.engines.faults import Seen, fault
from batuta.engines.openai_compat import JSON_HEADERS, normal_url, place_of
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BadRequest, BatutaError
from batuta.vault.secret import Secret

KEY_HEADER: Final = "x-api-key"
PAGE: Final = 1000  # models on a page: the most that is allowed
MOST_PAGES: Final = 20  # a list that does not end is no list


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not 200, read. `headers`: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnthropicApi:
    """The API at one address, with one key.

    Args:
        transport: how to get there.
        base_url: its root; may end in `/v1` or `/v1/messages`, as examples have it.
        key: sent in `x-api-key`.
        version: sent in `anthropic-version`.
        betas: names of what is not yet in the version, sent in `anthropic-beta`.
    """

    def __init__(
        self, transport: Transport, base_url: str, *, key: Secret | None, version: str, betas: Sequence[str] = ()
    ) -> None:
        self.root = normal_url(base_url).removesuffix("/messages").removesuffix("/v1")
        self.place = place_of(self.root)
        self._transport = transport
        self._key = key
        self._headers = {"anthropic-version": version} | ({"anthropic-beta": ",".join(betas)} if betas else {})

    def __repr__(self) -> str:
        return f"<AnthropicApi at {self.root}>"

    @property
    def hide(self) -> str:
        """What must not be repeated in a message."""
        return self._key.reveal() if self._key else ""

    async def ask(self, body: Mapping[str, Any], *, deadline: float, idle_s: float, model: str) -> Reply | Refusal:
        """Send a request for an answer; return the head of a 200, or a refusal with its body.

        Args:
            body: of `POST /v1/messages`.
            deadline: the loop's seconds at which the wait for the head ends.
            idle_s: seconds of silence after which a stream counts as dead.
            model: id of the model, for messages.

        Raises:
            BatutaError: nobody answered.
        """
        try:
            data = orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise BadRequest(f"the request cannot be written as JSON: {error}", model=model) from None
        headers = {**JSON_HEADERS, **self._headers}
        reply = await self._send("POST", "messages", headers=headers, body=data, deadline=deadline, idle_s=idle_s)
        if reply.status == 200:
            return reply
        said = reply.headers
        return Refusal(reply.status, said, await error_text(reply))

    def error(self, refusal: Refusal, *, model: str | None = None) -> BatutaError:
        """Return what a refusal means."""
        return answers.classify(
            refusal.status,
            refusal.body,
            headers=refusal.headers,
            where=self.place,
            now=time.time(),
            model=model,
            hide=self.hide,
        )

    async def model(self, address: str, *, timeout_s: float) -> Any:
        """Return what the API says of one model. Raises typed errors; ModelFailed where it has none of that name."""
        return await self._get(f"models/{quote(address, safe='')}", timeout_s=timeout_s)

    async def models(self, *, timeout_s: float, limit: int = PAGE) -> list[dict[str, Any]]:
        """Return the rows of the list of models, all pages of it.

        Args:
            timeout_s: for all pages together.
            limit: rows on a page; 1 asks for no more than the first.

        Raises:
            BatutaError: for everything that is no such list.
        """
        rows: list[dict[str, Any]] = []
        after: str | None = None
        seen: set[str] = set()
        until = asyncio.get_running_loop().time() + timeout_s
        for _ in range(MOST_PAGES):
            query = urlencode({"limit": limit} | ({"after_id": after} if after else {}))
            body = await self._get(f"models?{query}", timeout_s=until - asyncio.get_running_loop().time())
            data = body.get("data") if isinstance(body, dict) else None
            if not isinstance(data, list):
                raise fault(Seen.NO_ANSWER, where=self.place)
            rows += [row for row in data if isinstance(row, dict)]
            after = body.get("last_id")
            if limit == 1 or not body.get("has_more") or not isinstance(after, str) or after in seen:
                break
            seen.add(after)
        return rows

    async def _get(self, path: str, *, timeout_s: float) -> Any:
        deadline = asyncio.get_running_loop().time() + timeout_s
        reply = await self._send("GET", path, headers=self._headers, body=None, deadline=deadline, idle_s=timeout_s)
        if reply.status != 200:
            said = reply.headers
            raise self.error(Refusal(reply.status, said, await error_text(reply)))
        body = await reply.read()
        if (error := faults.in_answer(body, where=self.place, hide=self.hide, signs=answers.SIGNS)) is not None:
            raise error
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise fault(Seen.NO_ANSWER, where=self.place) from None

    async def _send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float, idle_s: float
    ) -> Reply:
        url = f"{self.root}/v1/{path}"
        request = UpstreamRequest(
            method, url, headers, body, deadline, max(idle_s, 0.0), self._key, key_header=KEY_HEADER
        )
        return await self._transport.send(request)
