"""A stage for Gemini's engine: a server that plays scripts, and Google's way of framing pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.dialects.openai import parse_chat
from batuta.chat.types import ChatRequest, Delta
from batuta.engines.gemini.engine import GeminiEngine
from batuta.engines.transport import Transport
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import FaultyUpstream, Script
from batuta.vault.secret import Secret

KEY = Secret("AIza-test-not-a-key-0123456789")
SPEC = ModelSpec("google/gemini-3-flash-preview", "google", "gemini-3-flash-preview")
OLD = ModelSpec("google/gemini-2.0-flash", "google", "gemini-2.0-flash")


def piece(text: str, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    end = {"finishReason": finish} if finish else {}
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **end}], **rest}


def framed(pieces: Sequence[Any]) -> bytes:
    """Return pieces as Google frames them."""
    return b"".join(b"data: %b\r\n\r\n" % orjson.dumps(each) for each in pieces)


def streamed(*pieces: Any, size: int = 10_000) -> Script:
    return faulty.pieces(framed(pieces), size)


def whole(*pieces: Any) -> Script:
    body = orjson.dumps(pieces[0] if len(pieces) == 1 else pieces)
    return faulty.status(200, body, content_type="application/json; charset=UTF-8")


def refusal(message: str, code: int = 400, **rest: Any) -> Script:
    return faulty.status(code, {"error": {"code": code, "message": message, "status": "INVALID_ARGUMENT", **rest}})


WELL = streamed(piece("Hel"), piece("lo", "STOP", usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 2}))


@asynccontextmanager
async def engine_for(*scripts: Script, **options: Any) -> AsyncIterator[tuple[GeminiEngine, FaultyUpstream]]:
    async with FaultyUpstream(*scripts) as upstream:
        transport = Transport()
        provider = Provider("google", "gemini", base_url=upstream.url.removesuffix("/v1"))
        yield GeminiEngine(provider, transport, key=KEY, **options), upstream
        await transport.aclose()


def request(stream: bool = True, **fields: Any) -> ChatRequest:  # noqa: FBT002  # reads well below
    return parse_chat({"model": "x", "stream": stream, "messages": [{"role": "user", "content": "hi"}], **fields})


async def answer(engine: GeminiEngine, spec: ModelSpec = SPEC, **fields: Any) -> list[Delta]:
    return [delta async for delta in engine.chat(spec, request(**fields))]


def sent(upstream: FaultyUpstream) -> list[dict[str, Any]]:
    return [each.json() for each in upstream.requests]
