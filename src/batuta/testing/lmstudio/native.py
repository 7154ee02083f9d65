"""The part of a fake LM Studio's `/api/v1` that talks and downloads: chat with load progress, downloads with jobs."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

from batuta.testing.answers import words_for
from batuta.testing.lmstudio.answers import Interrupted, Refusal, Speaker, event
from batuta.testing.lmstudio.shelf import Instance, LoadError, Shelf
from batuta.testing.local_server import FakeModel

Body = dict[str, Any]


def refusal(status: int, kind: str, message: str, **more: Any) -> Refusal:
    """Return an error as v1 writes it."""
    return Refusal(status, {"error": {"type": kind, "message": message, **more}})


def text_of(given: Any) -> str:
    """Return the text of v1's `input`: a text, or a list of parts."""
    if isinstance(given, str):
        return given
    parts = [part for part in given if isinstance(part, dict)] if isinstance(given, list) else []
    return " ".join(str(part["content"]) for part in parts if part.get("type") in {"message", "text"})


def answer(instance: Instance, body: Body, number: int) -> tuple[list[str], Body]:
    """Return the words of a v1 chat, and the whole answer."""
    text = text_of(body.get("input"))
    words = words_for(text)[: body.get("max_output_tokens")]
    stats = {
        "input_tokens": max(len(text.split()), 1),
        "total_output_tokens": len(words),
        "reasoning_output_tokens": 0,
        "tokens_per_second": 100.0,
        "time_to_first_token_seconds": 0.01,
    }
    whole = {
        "model_instance_id": instance.id,
        "output": [{"type": "message", "content": "".join(words)}],
        "stats": stats,
    }
    return words, whole if body.get("store") is False else {**whole, "response_id": f"resp_{number}"}


class NativeChat:
    """`POST /api/v1/chat`: a request may load the model, and its stream then tells how far the load is."""

    def __init__(self, shelf: Shelf, speaker: Speaker) -> None:
        self._shelf = shelf
        self._speaker = speaker
        self._numbers = itertools.count(1)

    async def whole(self, model: FakeModel, body: Body) -> Body:
        """Return the answer at once."""
        instance = self._shelf.find(model.name) or await self._shelf.jit(model)
        with self._speaker.using(instance):
            words, whole = answer(instance, body, next(self._numbers))
            for _ in words:
                await self._speaker.pause(instance)
        return whole

    async def events(self, model: FakeModel, body: Body) -> AsyncIterator[bytes]:
        """Yield the answer's events; `model_load.*` only where there was something to load."""
        instance = self._shelf.find(model.name)
        yield _event("chat.start", model_instance_id=instance.id if instance else model.name)
        if instance is None:
            started = time.monotonic()
            yield _event("model_load.start", model_instance_id=model.name)
            try:
                instance = self._shelf.begin_jit(model)
                async for fraction in self._shelf.follow(instance):
                    yield _event("model_load.progress", model_instance_id=instance.id, progress=fraction)
            except LoadError as error:
                yield _event("error", error={"type": "model_load_failed", "message": str(error)})
                return
            seconds = time.monotonic() - started
            yield _event("model_load.end", model_instance_id=instance.id, load_time_seconds=seconds)
        try:
            async for data in self._said(instance, body):
                yield data
        except Interrupted as cut:
            yield _event("error", error={"type": "internal_error", "message": str(cut)})

    async def _said(self, instance: Instance, body: Body) -> AsyncIterator[bytes]:
        with self._speaker.using(instance):
            words, whole = answer(instance, body, next(self._numbers))
            yield _event("prompt_processing.start")
            yield _event("prompt_processing.progress", progress=1.0)
            yield _event("prompt_processing.end")
            yield _event("message.start")
            for word in words:
                await self._speaker.pause(instance)
                yield _event("message.delta", content=word)
            yield _event("message.end")
            yield _event("chat.end", result=whole)


def _event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, name=kind)


class Downloads:
    """`/api/v1/models/download` and its jobs. A download takes as long as the model's load."""

    def __init__(self, shelf: Shelf, offered: dict[str, FakeModel]) -> None:
        self._shelf = shelf
        self._offered = offered
        self._jobs: dict[str, tuple[FakeModel, float, float]] = {}
        self._numbers = itertools.count(1)

    def start(self, name: str) -> Body:
        """Start a download, or say that there is nothing to do."""
        if name in self._shelf.models:
            return {"status": "already_downloaded"}
        if name not in self._offered:
            raise refusal(404, "model_not_found", f"Model {name} was not found on the hub")
        model, job, now = self._offered[name], f"job_{next(self._numbers)}", asyncio.get_running_loop().time()
        self._jobs[job] = (model, now, time.time())
        return self.status(job)

    def status(self, job: str) -> Body:
        """Say how far a download is; a finished one is installed."""
        if job not in self._jobs:
            raise refusal(404, "job_not_found", f"No download job with id {job}")
        model, began, wall = self._jobs[job]
        gone = asyncio.get_running_loop().time() - began
        share = min(gone / model.load_s, 1.0) if model.load_s else 1.0
        body: Body = {
            "job_id": job,
            "status": "downloading",
            "total_size_bytes": model.size,
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall)),
            "downloaded_bytes": int(share * model.size),
        }
        if share < 1.0:
            return body | {"bytes_per_second": model.size / model.load_s}
        self._shelf.models[model.name] = model
        return body | {"status": "completed", "completed_at": body["started_at"]}
