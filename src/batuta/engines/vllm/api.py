"""vLLM's calls over the transport, and who answers where it should be. Knows no catalog and no loads.

The key goes to paths below /v1 only: vLLM asks for it nowhere else. The routes of its development mode are asked for
changes only on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.engines import faults
from batuta.engines.decoding import Reply
from batuta.engines.faults import Seen, fault
from batuta.engines.openai_compat import JSON_HEADERS
from batuta.engines.transport import Transport, UpstreamRequest, error_text, loopback_place
from batuta.engines.vllm.wire import (
    DYING,
    Call,
    Look,
    Metrics,
    read_asleep,
    read_enabled,
    read_metrics,
    read_rows,
    stranger,
)
from batuta.errors import BatutaError, KeyInvalid, UpstreamFailed, UpstreamRejected
from batuta.vault.secret import Secret

IDLE_S: Final = 10.0


class VLLMApi:
    """The calls.

    Args:
        transport: how to get there.
        origin: the address without `/v1`.
        key: the one it was started with (`--api-key`), if it was.
        where: how messages call it.

    Attributes:
        is_here: its address is this machine by its very text.
    """

    def __init__(self, transport: Transport, origin: str, key: Secret | None, *, where: str) -> None:
        self._transport = transport
        self._origin = origin
        self._key = key
        self._where = where
        self.is_here = loopback_place(origin) is not None

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, *, within_s: float) -> Look:
        """Ask what it serves, whether it lives and whether it sleeps.

        Raises:
            ProviderError: nobody answers in time, or somebody who is no vLLM; the message says who. Or its engine has
                died.
        """
        end = asyncio.get_running_loop().time() + within_s
        try:
            async with asyncio.timeout_at(end):
                rows = await self._rows(end)
                await self._see_alive(end)
                return Look({row.id: row for row in rows}, await self._asleep(end))
        except TimeoutError:
            raise fault(Seen.SILENT, where=self._where) from None

    async def _rows(self, end: float) -> Any:
        try:
            body = await self._get("/v1/models", end, key=self._key)
        except UpstreamRejected as error:
            raise fault(Seen.OTHER_ENGINE, where=self._where, said=stranger(None, error.message)) from None
        rows = read_rows(body)
        if rows is None:
            raise fault(Seen.OTHER_ENGINE, where=self._where, said=stranger(body))
        return rows

    async def _see_alive(self, end: float) -> None:
        """Raise if its engine is dead. That is all its health tells: a sleeping one is healthy, too."""
        reply = await self._send("GET", "/health", None, end)
        await reply.aclose()
        if reply.status == 503:
            raise fault(Seen.ENGINE_DEAD, where=self._where, said=DYING)

    async def _asleep(self, end: float) -> bool | None:
        try:
            return read_asleep(await self._get("/is_sleeping", end))
        except (UpstreamRejected, UpstreamFailed, KeyInvalid):  # the last: a proxy that guards more than vLLM does
            await self._see_alive(end)
            return None

    async def version(self, *, within_s: float) -> str:
        """Return the version it tells; empty where it does not."""
        try:
            body = await self._get("/version", asyncio.get_running_loop().time() + within_s)
        except (UpstreamRejected, UpstreamFailed, KeyInvalid):
            return ""
        version = body.get("version") if isinstance(body, dict) else None
        return faults.clean(version) if isinstance(version, str) else ""

    async def is_enabled(self, *, within_s: float) -> bool | None:
        """Return whether a sleep would give memory back; None where that cannot be found out in time."""
        end = asyncio.get_running_loop().time() + within_s
        try:
            return read_enabled(await self._get("/server_info?config_format=json", end))
        except BatutaError:
            return None

    async def metrics(self, *, within_s: float) -> Metrics:
        """Return what it counts; nothing where it does not show its metrics. Raises ProviderError if it is gone."""
        reply = await self._send("GET", "/metrics", None, asyncio.get_running_loop().time() + within_s)
        if reply.status != 200:
            await reply.aclose()
            return Metrics()
        return read_metrics((await reply.read()).decode("utf-8", "replace"))

    # --- doing ---------------------------------------------------------------------------------------------------

    async def sleep(self, level: int, *, deadline: float, model: str) -> None:
        """Put it to sleep; newer versions first let what runs come to its end."""
        await self.post(Call(f"/sleep?level={level}&mode=wait"), deadline=deadline, model=model)

    async def post(self, call: Call, *, deadline: float, model: str, key: Secret | None = None) -> None:
        """Make a call whose answer does not matter. Raises typed errors, for an error in a 200 too."""
        body = orjson.dumps(call.body) if call.body is not None else b""
        reply = await self._send("POST", call.path, body, deadline, key=key)
        hide = key.reveal() if key else ""
        if reply.status != 200:
            headers, said = reply.headers, await error_text(reply)
            raise faults.classify(reply.status, said, headers=headers, where=self._where, model=model, hide=hide)
        whole = await reply.read()
        if whole and (error := faults.in_answer(whole, where=self._where, model=model, hide=hide)) is not None:
            raise error

    async def ask(self, path: str, body: Mapping[str, Any], *, deadline: float, model: str) -> None:
        """Make a request to the model whose answer does not matter."""
        await self.post(Call(path, body), deadline=deadline, model=model, key=self._key)

    async def _get(self, path: str, end: float, *, key: Secret | None = None) -> Any:
        left = max(end - asyncio.get_running_loop().time(), 0.001)
        return await self._transport.get_json(self._origin + path, timeout_s=left, key=key)

    async def _send(
        self, method: str, path: str, body: bytes | None, end: float, *, key: Secret | None = None
    ) -> Reply:
        headers = JSON_HEADERS if body else {}
        return await self._transport.send(UpstreamRequest(method, self._origin + path, headers, body, end, IDLE_S, key))
