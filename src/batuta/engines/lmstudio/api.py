"""LM Studio's management calls over the transport, and which of them a version has. Knows no catalog and no loads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.chat.dialects.openai import find_error
from batuta.engines import faults
from batuta.engines.faults import Seen, fault
from batuta.engines.lmstudio.wire import (
    Api,
    Look,
    Row,
    is_other,
    is_unexpected,
    read_openai,
    read_v0,
    read_v1,
    touch_call,
    with_loading,
)
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BatutaError, Cause, KeyInvalid, ModelFailed, UpstreamRejected, UpstreamUnreachable
from batuta.vault.secret import Secret

PLACES: Final[Mapping[Api, str]] = {
    Api.V1: "/api/v1/models",
    Api.V0: "/api/v0/models",
    Api.OLD: "/v1/models",
}
"""Where each generation lists its models."""

ANSWER_S: Final = 10.0  # for calls that LM Studio answers from memory


class LMStudioApi:
    """The calls.

    Args:
        transport: how to get there.
        root: the address without `/v1` or `/api`.
        key: an API token, if it demands one.
        where: how messages call it.
    """

    def __init__(self, transport: Transport, root: str, key: Secret | None, *, where: str) -> None:
        self._transport = transport
        self._root = root
        self._key = key
        self._where = where
        self._has_v0 = True  # until a version without it says otherwise

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, *, within_s: float) -> Look:
        """Ask what there is and what is in memory.

        Raises:
            ProviderError: nobody answers in time, or somebody who is not LM Studio; the message says who.
        """
        end = asyncio.get_running_loop().time() + within_s
        try:
            async with asyncio.timeout_at(end):
                return await self._look(end)
        except TimeoutError:
            raise fault(Seen.SILENT, where=self._where) from None

    async def _look(self, end: float) -> Look:
        """Ask every generation, every time: a restart may have brought an update.

        v0 knows what is loading and v1 knows what is loaded. The one that knows the beginning is asked first: a load
        that ends between the two answers is then seen as loaded, not overlooked.
        """
        seen = [Seen.NO_ANSWER.value]
        states = read_v0(await self._get(PLACES[Api.V0], end, seen)) if self._has_v0 else None
        rows = read_v1(await self._get(PLACES[Api.V1], end, seen))
        if rows is not None:
            self._has_v0 = states is not None
            return _look_of(Api.V1, with_loading(rows, states or ()))
        if not self._has_v0:
            self._has_v0 = True
            states = read_v0(await self._get(PLACES[Api.V0], end, seen))
        return _look_of(Api.V0, states) if states is not None else await self._look_for_old(end, seen)

    async def _look_for_old(self, end: float, seen: list[str]) -> Look:
        """Tell an LM Studio without management, which knows its own greeting, from somebody else."""
        greeting = await self._get("/lmstudio-greeting", end, seen)
        if isinstance(greeting, dict) and greeting.get("lmstudio") is True:
            rows = read_openai(await self._get(PLACES[Api.OLD], end, seen))
            if rows is not None:
                return _look_of(Api.OLD, rows)
        models = await self._get(PLACES[Api.OLD], end, seen)
        raise fault(Seen.OTHER_ENGINE, where=self._where, said=f"it is not LM Studio, it {_who(models, seen)}")

    async def _get(self, path: str, end: float, seen: list[str]) -> Any:
        """Return the JSON at a path; None where there is no such path. `seen` gets a word on what came instead.

        Raises:
            ProviderError: it cannot be asked at all, it is failing, or it wants another key.
        """
        reply = await self._send("GET", path, None, end)
        if reply.status != 200:
            headers, said = reply.headers, await error_text(reply)
            error = faults.classify(reply.status, said, headers=headers, where=self._where, hide=self._hide())
            if not isinstance(error, UpstreamRejected):
                raise error
            seen.append(f"answers {reply.status}")
            return None
        data = await reply.read()
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            seen.append("answers with a web page" if data.lstrip().startswith(b"<") else "does not answer with JSON")
            return None
        if is_unexpected(body):
            return None
        if isinstance(body, dict) and (inside := find_error(body)) is not None:
            error = faults.from_answer(inside, where=self._where, hide=self._hide())
            if isinstance(error, KeyInvalid):
                raise error
            seen.append(f"answers: {faults.clean(inside.message, self._hide())}")
        return body

    # --- doing ---------------------------------------------------------------------------------------------------

    async def load(self, body: Mapping[str, Any], *, deadline: float, model: str) -> str:
        """Load by v1 and return the new copy's name. It answers when the model is loaded, and says nothing before."""
        try:
            answer = await self.post("/api/v1/models/load", body, deadline=deadline, model=model)
        except UpstreamRejected as error:
            if error.upstream_status == 404:
                raise fault(Seen.NOT_INSTALLED, where=self._where, said=error.message, model=model) from None
            raise
        instance = answer.get("instance_id")
        if not isinstance(instance, str):
            raise fault(Seen.NO_ANSWER, where=self._where, model=model)
        return instance

    async def touch(self, row: Row, ttl_s: int, *, deadline: float, model: str) -> str:
        """Make v0 load a model by asking it for one token; return what the copy calls itself.

        Raises:
            ModelFailed: another model answered, or none: requests load nothing there.
        """
        path, body = touch_call(row, ttl_s)
        try:
            said = str((await self.post(path, body, deadline=deadline, model=model)).get("model", row.key))
        except (UpstreamUnreachable, ModelFailed) as error:
            if error.cause not in {Cause.UNKNOWN, Cause.NOT_INSTALLED}:
                raise
            said = error.message
        if is_other(said, row.names):
            advice = f"switch on just-in-time loading in LM Studio, or update it to 0.4; it said {said}"
            raise fault(Seen.LOAD_FAILED, where=self._where, said=advice, model=model)
        return said

    async def unload(self, instance: str, *, model: str) -> None:
        """Take one copy out by v1. Fine if it was not there."""
        deadline = asyncio.get_running_loop().time() + ANSWER_S
        try:
            await self.post("/api/v1/models/unload", {"instance_id": instance}, deadline=deadline, model=model)
        except UpstreamRejected as error:
            if error.upstream_status != 404:
                raise

    async def post(self, path: str, body: Mapping[str, Any], *, deadline: float, model: str) -> dict[str, Any]:
        """Post JSON and return the JSON that comes back. Raises typed errors, for an error in a 200 too."""
        reply = await self._send("POST", path, orjson.dumps(body), deadline)
        if reply.status != 200:
            headers, said = reply.headers, await error_text(reply)
            raise faults.classify(
                reply.status, said, headers=headers, where=self._where, model=model, hide=self._hide()
            )
        data = await reply.read()
        error: BatutaError | None = faults.in_answer(data, where=self._where, model=model, hide=self._hide())
        if error is not None:
            raise error
        try:
            answer = orjson.loads(data)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise fault(Seen.NO_ANSWER, where=self._where, model=model)
        return answer

    async def _send(self, method: str, path: str, body: bytes | None, deadline: float) -> Any:
        headers = {"content-type": "application/json"} if body is not None else {}
        request = UpstreamRequest(method, self._root + path, headers, body, deadline, ANSWER_S, self._key)
        return await self._transport.send(request)

    def _hide(self) -> str:
        return self._key.reveal() if self._key else ""


def _look_of(api: Api, rows: list[Row]) -> Look:
    return Look(api, {row.key: row for row in rows})


def _who(models: Any, seen: list[str]) -> str:
    """Say who answers instead, as far as that can be told."""
    rows = models.get("data") if isinstance(models, dict) else None
    if isinstance(rows, list):
        owner = next((row.get("owned_by") for row in rows if isinstance(row, dict)), None)
        return f"lists models as OpenAI's API does{f', owned by {owner!r}' if isinstance(owner, str) else ''}"
    return seen[-1] if len(seen) > 1 else "answers nothing that LM Studio would"
