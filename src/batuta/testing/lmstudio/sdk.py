"""The sockets of LM Studio's SDK: remote calls and channels, as the `lmstudio` client for Python speaks them.

A socket belongs to a namespace. After a greeting both sides send JSON: `rpcCall` is answered by `rpcResult` or
`rpcError`; `channelCreate` opens a channel that carries `channelSend` both ways until `channelClose` or `channelError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from batuta.testing.answers import vector_for, words_for
from batuta.testing.lmstudio.answers import Interrupted, Speaker
from batuta.testing.lmstudio.rows import sdk_info, sdk_instance
from batuta.testing.lmstudio.shelf import Instance, LoadError, Shelf

NAMESPACES = ("llm", "embedding", "system", "files", "repository")
Message = dict[str, Any]
_TOKEN = re.compile(r"sk-lm-([^:]+):(.+)")


class Failed(Exception):
    """A call or channel that ends in an error of the SDK's form."""

    def __init__(self, title: str, *, code: str = "", **data: Any) -> None:
        super().__init__(title)
        self.error: Message = {"title": title, "rootTitle": title}
        if code:
            self.error["displayData"] = {"code": code, **data}


async def sdk_socket(
    request: web.Request, shelf: Shelf, speaker: Speaker, *, version: str, key: str | None
) -> web.StreamResponse:
    """Serve one socket until its client leaves."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    try:
        greeting = await socket.receive_json()
    except (TypeError, ValueError):  # closed, or no JSON
        return socket
    if not _is_admitted(greeting, key):
        await socket.send_json({"success": False, "error": "Invalid passkey for client"})
        await socket.close()
        return socket
    await socket.send_json({"success": True})
    session = Session(socket, request.path.strip("/"), shelf, speaker, version)
    async with asyncio.TaskGroup() as group:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await session.take(orjson.loads(message.data), group)
        session.end()
    return socket


def _is_admitted(greeting: Any, key: str | None) -> bool:
    if not isinstance(greeting, dict) or greeting.get("authVersion") != 1:
        return False
    if key is None:
        return True
    parts = _TOKEN.fullmatch(key)
    wanted = f"{parts[1]}:{parts[2]}" if parts else key
    given = f"{greeting.get('clientIdentifier')}:{greeting.get('clientPasskey')}"
    return hmac.compare_digest(wanted.encode(), given.encode())


class Session:
    """What one socket asks for."""

    def __init__(
        self, socket: web.WebSocketResponse, namespace: str, shelf: Shelf, speaker: Speaker, version: str
    ) -> None:
        self._socket = socket
        self._namespace = namespace
        self._shelf = shelf
        self._speaker = speaker
        self._version = version
        self._channels: dict[int, asyncio.Task[None]] = {}
        self._loads: dict[int, Instance] = {}
        self._calls: Mapping[str, Callable[[Message], Any]] = {
            "listDownloadedModels": lambda _: [sdk_info(model) for model in shelf.models.values()],
            "version": lambda _: {"version": version, "build": 1},
            "listLoaded": lambda _: [sdk_instance(instance) for instance in shelf.ready() if self._is_mine(instance)],
            "unloadModel": self._unload,
            "getModelInfo": lambda given: sdk_instance(self._named(given["specifier"])),
            "getLoadConfig": lambda given: _load_config(self._named(given["specifier"])),
            "embedString": lambda given: {"embedding": self._embed(given)},
            "countTokens": lambda given: {"tokenCount": len(given["inputString"].split())},
            "tokenize": lambda given: {"tokens": [len(word) for word in given["inputString"].split()]},
        }

    async def take(self, message: Message, group: asyncio.TaskGroup) -> None:
        """Do what a message asks for."""
        kind = message.get("type")
        if kind == "rpcCall":
            await self._call(message)
        elif kind == "channelCreate":
            number = int(message["channelId"])
            self._channels[number] = group.create_task(self._channel(number, message), name=f"channel {number}")
        elif kind == "channelSend" and message.get("message", {}).get("type") == "cancel":
            self._cancel(int(message["channelId"]))
        else:
            await self._send({"type": "communicationWarning", "warning": f"unknown message {kind}"})

    def end(self) -> None:
        """End what still runs: the client has left."""
        for task in self._channels.values():
            task.cancel()

    async def _send(self, message: Message) -> None:
        with contextlib.suppress(ConnectionError):  # who has left hears nothing
            await self._socket.send_str(orjson.dumps(message).decode())

    # Remote calls -------------------------------------------------------------------------------------------------

    async def _call(self, message: Message) -> None:
        head = {"callId": message["callId"]}
        call = self._calls.get(str(message.get("endpoint")))
        try:
            if call is None:
                raise Failed(f"Unknown endpoint: {message.get('endpoint')}")  # noqa: TRY301  # one way to say no
            result = call(message.get("parameter") or {})
        except Failed as failed:
            await self._send({"type": "rpcError", **head, "error": failed.error})
            return
        await self._send({"type": "rpcResult", **head, **({} if result is None else {"result": result})})

    def _is_mine(self, instance: Instance) -> bool:
        return instance.model.is_embedding is (self._namespace == "embedding")

    def _unload(self, given: Message) -> None:
        instance = self._shelf.instances.get(given["identifier"])
        if instance is None:
            raise Failed(f"Cannot find model {given['identifier']}", code="generic.specificModelUnloaded")
        self._shelf.drop(instance)

    def _named(self, specifier: Message) -> Instance:
        query = specifier.get("query") or {}
        name = specifier.get("instanceReference") or query.get("identifier")
        instance = self._shelf.find(str(name))
        if instance is None:
            raise Failed(
                "No model found that fits the query",
                code="generic.noModelMatchingQuery",
                query=query,
                loadedModelsSample=[instance.id for instance in self._shelf.ready()],
                totalLoadedModels=len(self._shelf.ready()),
            )
        return instance

    def _embed(self, given: Message) -> list[float]:
        self._named(given["modelSpecifier"])
        return list(vector_for(given["inputString"]))

    # Channels -----------------------------------------------------------------------------------------------------

    async def _channel(self, number: int, message: Message) -> None:
        given = message.get("creationParameter") or {}
        work = {"loadModel": self._load_new, "getOrLoad": self._get_or_load, "predict": self._predict}
        endpoint = work.get(str(message.get("endpoint")))
        head = {"channelId": number}
        try:
            if endpoint is None:
                raise Failed(f"Unknown channel endpoint: {message.get('endpoint')}")  # noqa: TRY301  # one way out
            async for part in endpoint(number, given):
                await self._send({"type": "channelSend", **head, "message": part})
        except Failed as failed:
            await self._send({"type": "channelError", **head, "error": failed.error})
        except LoadError as failed:
            await self._send({"type": "channelError", **head, "error": Failed(str(failed)).error})
        else:
            await self._send({"type": "channelClose", **head})
        finally:
            self._channels.pop(number, None)

    def _cancel(self, number: int) -> None:
        if (instance := self._loads.get(number)) is not None and instance.is_loading:
            self._shelf.drop(instance)
        elif (task := self._channels.get(number)) is not None:
            task.cancel()

    async def _load_new(self, number: int, given: Message) -> AsyncIterator[Message]:
        model = self._shelf.models.get(given["modelKey"])
        if model is None:
            raise Failed(f"Cannot find a model with key {given['modelKey']}", code="generic.pathNotFound")
        yield {"type": "resolved", "info": sdk_info(model)}
        instance = self._shelf.begin(
            model,
            identifier=given.get("identifier"),
            context=_context(given),
            ttl_s=given["ttlMs"] / 1000 if given.get("ttlMs") else None,
        )
        async for part in self._follow(number, instance, "progress", "success"):
            yield part

    async def _get_or_load(self, number: int, given: Message) -> AsyncIterator[Message]:
        name = given["identifier"]
        if (loaded := self._shelf.find(name)) is not None:
            yield {"type": "alreadyLoaded", "info": _place(loaded)}
            return
        model = self._shelf.models.get(name)
        if model is None:
            raise Failed(f"Cannot find a model with key {name}", code="generic.noModelMatchingQuery")
        before = len(self._shelf.evicted)
        instance = self._shelf.begin_jit(model, ttl_s=given["loadTtlMs"] / 1000 if given.get("loadTtlMs") else None)
        for other in self._shelf.evicted[before:]:
            yield {"type": "unloadingOtherJITModel", "info": {"modelKey": other}}
        yield {"type": "startLoading", "identifier": instance.id, "info": sdk_info(model)}
        async for part in self._follow(number, instance, "loadProgress", "loadSuccess"):
            yield part

    async def _follow(self, number: int, instance: Instance, step: str, end: str) -> AsyncIterator[Message]:
        self._loads[number] = instance
        try:
            async for fraction in self._shelf.follow(instance):
                yield {"type": step, "progress": fraction}
        finally:
            del self._loads[number]
        yield {"type": end, "info": _place(instance)}

    async def _predict(self, _number: int, given: Message) -> AsyncIterator[Message]:
        instance = self._named(given["modelSpecifier"])
        words, limit = words_for(_last_text(given["history"])), _setting(given, "llm.prediction.maxPredictedTokens")
        most = limit["value"] if isinstance(limit, dict) and limit.get("checked") else None
        yield {"type": "promptProcessingProgress", "progress": 1.0}
        try:
            with self._speaker.using(instance):
                for word in words[:most]:
                    await self._speaker.pause(instance)
                    yield {"type": "fragment", "fragment": _fragment(word)}
        except Interrupted as cut:
            raise Failed(str(cut)) from None
        said = len(words[:most])
        yield {
            "type": "success",
            "stats": {
                "stopReason": "eosFound" if said == len(words) else "maxPredictedTokensReached",
                "predictedTokensCount": said,
            },
            "modelInfo": sdk_info(instance.model),
            "loadModelConfig": _load_config(instance),
            "predictionConfig": {"fields": []},
        }


def _fragment(word: str) -> Message:
    return {"content": word, "tokensCount": 1, "containsDrafted": False, "reasoningType": "none"}


def _place(instance: Instance) -> Message:
    return {
        "identifier": instance.id,
        "instanceReference": instance.reference,
        "path": sdk_info(instance.model)["path"],
        "modelKey": instance.model.name,
    }


def _load_config(instance: Instance) -> Message:
    name = "embedding" if instance.model.is_embedding else "llm"
    return {"fields": [{"key": f"{name}.load.contextLength", "value": instance.context}]}


def _setting(given: Message, key: str) -> Any:
    stack = given.get("loadConfigStack") or given.get("predictionConfigStack") or {}
    fields = [field for layer in stack.get("layers", ()) for field in layer["config"]["fields"]]
    return next((field.get("value") for field in fields if field["key"] == key), None)


def _context(given: Message) -> int | None:
    value = _setting(given, "llm.load.contextLength") or _setting(given, "embedding.load.contextLength")
    return value if isinstance(value, int) else None


def _last_text(history: Message) -> str:
    for message in reversed(history.get("messages", [])):
        if message.get("role") == "user":
            return " ".join(part["text"] for part in message["content"] if part.get("type") == "text")
    return ""
