"""llama-server's management calls over the transport, and who answers where it should be. Knows no loads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.chat.dialects.openai import find_error
from batuta.engines import faults
from batuta.engines.decoding import Reply
from batuta.engines.faults import Seen, fault
from batuta.engines.llama_server.wire import LOADING_PROPS, Look, Props, read_props, read_rows
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BatutaError, Cause, ModelLoading, UpstreamFailed, UpstreamRejected
from batuta.vault.secret import Secret

ANSWER_S: Final = 10.0  # for calls that it answers from memory
NEVER_AUTOLOAD: Final = "autoload=false"


class LlamaServerApi:
    """The calls.

    Args:
        transport: how to get there.
        origin: the address without `/v1`.
        key: the one it was started with, if it was.
        where: how messages call it.
    """

    def __init__(self, transport: Transport, origin: str, key: Secret | None, *, where: str) -> None:
        self._transport = transport
        self._origin = origin
        self._key = key
        self._where = where
        self._router: Props | None = None

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, *, within_s: float) -> Look:
        """Ask what there is and what is in memory.

        Raises:
            ProviderError: nobody answers in time, or somebody who is no llama-server; the message says who.
        """
        end = asyncio.get_running_loop().time() + within_s
        try:
            async with asyncio.timeout_at(end):
                return await self._look(end)
        except TimeoutError:
            raise fault(Seen.SILENT, where=self._where) from None

    async def _look(self, end: float) -> Look:
        """Look, asking who it is unless it was a router the last time; if it does not look like one now, ask after all.

        A server that is still loading may not even list its model: then there is nothing to tell but that.
        """
        known, self._router = self._router, None
        props = known or await self.props(end=end)
        try:
            body = await self._get("/models", end)
        except ModelLoading:
            if known is not None:
                return await self._look(end)
            return Look(LOADING_PROPS)
        rows = read_rows(body, props)
        if rows is None and known is not None:
            return await self._look(end)
        if rows is None:
            raise self._stranger(body)
        look = Look(props, {row.id: row for row in rows})
        self._router = props if look.is_router else None
        return look

    async def props(self, *, end: float) -> Props:
        """Ask who it is. Raises ProviderError as `look` does."""
        try:
            body = await self._get("/props", end)
        except ModelLoading:
            return LOADING_PROPS
        except (UpstreamRejected, UpstreamFailed) as error:
            if error.cause is Cause.CRASH:
                raise  # it hung up: that says nothing of who it is
            raise await self._who(error.message, end) from None
        props = read_props(body)
        if props is None:
            raise await self._who("it has other properties", end, body)
        return props

    async def _who(self, said: str, end: float, body: Any = None) -> BatutaError:
        """Return the error for somebody else's answer, naming who it is as far as its list of models tells."""
        try:
            body = await self._get("/v1/models", end)
        except BatutaError:
            return self._stranger(body, said)
        return self._stranger(body, said)

    def _stranger(self, body: Any, said: str = "") -> BatutaError:
        rows = body.get("data") if isinstance(body, dict) else None
        owner = next((row.get("owned_by") for row in rows if isinstance(row, dict)), None) if rows else None
        error = find_error(body) if isinstance(body, dict) else None
        if isinstance(owner, str):
            said = f"it lists models owned by {faults.clean(owner)!r}"
        elif error is not None:
            said = f"it says: {faults.clean(error.message, self._hide())}"
        said = f"it is no llama-server; {said or 'it answers nothing that one would'}; check the base URL"
        return fault(Seen.OTHER_ENGINE, where=self._where, said=said)

    async def _get(self, path: str, end: float) -> Any:
        left = max(end - asyncio.get_running_loop().time(), 0.001)
        return await self._transport.get_json(self._origin + path, timeout_s=left, key=self._key)

    # --- doing ---------------------------------------------------------------------------------------------------

    async def load(self, name: str, *, deadline: float, model: str) -> None:
        """Have a router start a model. It answers as soon as the process runs, or has first to end another one.

        Raises:
            UpstreamOverloaded: it holds as many as it may.
            BatutaError: it does not have the model, or cannot start it.
        """
        try:
            await self._post("/models/load", {"model": name}, deadline=deadline, model=model)
        except UpstreamRejected as error:
            if "already running" not in error.message:
                raise

    async def unload(self, name: str, *, model: str) -> None:
        """Tell a router to end a model's process; it answers before it has. Fine if there is none."""
        deadline = asyncio.get_running_loop().time() + ANSWER_S
        try:
            await self._post("/models/unload", {"model": name}, deadline=deadline, model=model)
        except UpstreamRejected as error:
            if "not running" not in error.message:
                raise

    async def wake(self, name: str, *, deadline: float, model: str) -> None:
        """Have a sleeping model loaded again: whatever needs its vocabulary wakes it, and this is the least of all."""
        path, body = f"/tokenize?{NEVER_AUTOLOAD}", {"model": name, "content": "."}
        await self._post(path, body, deadline=deadline, model=model)

    async def events(self, *, idle_s: float) -> Reply:
        """Open the stream of a router's events. Raises typed errors; UpstreamRejected where there is no such stream."""
        headers = {"accept": "text/event-stream"}
        deadline = asyncio.get_running_loop().time() + ANSWER_S
        reply = await self._send("GET", "/models/sse", headers, None, deadline, idle_s)
        if reply.status != 200:
            raise await self._refusal(reply, None)
        if not reply.content_type.startswith("text/event-stream"):
            await reply.aclose()
            raise fault(Seen.REJECTED, where=self._where, said="it sends no events", status=404)
        return reply

    async def has_events(self) -> bool:
        """Say whether there is such a stream. Raises ProviderError when it cannot be asked."""
        try:
            reply = await self.events(idle_s=ANSWER_S)
        except UpstreamRejected:
            return False
        await reply.aclose()
        return True

    async def _post(self, path: str, body: Mapping[str, Any], *, deadline: float, model: str) -> None:
        """Post JSON. Raises typed errors, for an error in a 200 too."""
        headers = {"content-type": "application/json"}
        reply = await self._send("POST", path, headers, orjson.dumps(body), deadline, ANSWER_S)
        if reply.status != 200:
            raise await self._refusal(reply, model)
        error = faults.in_answer(await reply.read(), where=self._where, model=model, hide=self._hide())
        if error is not None:
            raise error

    async def _refusal(self, reply: Reply, model: str | None) -> BatutaError:
        headers, said = reply.headers, await error_text(reply)
        return faults.classify(reply.status, said, headers=headers, where=self._where, model=model, hide=self._hide())

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, deadline: float, idle_s: float
    ) -> Reply:
        request = UpstreamRequest(method, self._origin + path, headers, body, deadline, idle_s, self._key)
        return await self._transport.send(request)

    def _hide(self) -> str:
        return self._key.reveal() if self._key else ""
