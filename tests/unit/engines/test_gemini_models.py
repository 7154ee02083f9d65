"""Gemini's embeddings, its list of models, the proof of a key, and how a model stands."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from batuta.catalog.entities import Capability, ModelSpec
from batuta.chat.types import Usage
from batuta.engines.base import EngineHealth, ReportedModel
from batuta.errors import (
    BadRequest,
    BatutaError,
    KeyInvalid,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing import http
from batuta.testing.faulty_upstream import Script, Wire
from tests.unit.engines.gemini_play import (
    KEY,
    SPEC,
    engine_for,
    refusal,
    sent,
)


async def embeds(wire: Wire) -> None:
    texts = [each["content"]["parts"][0]["text"] for each in wire.request.json()["requests"]]
    rows = [{"values": [float(text), 1.0]} for text in texts]
    await wire.answer(200, orjson.dumps({"embeddings": rows, "usageMetadata": {"promptTokenCount": len(texts)}}))


async def test_texts_are_embedded_in_order_and_in_batches() -> None:
    """A hundred a call is the most that Gemini takes; the order and the count are those of the caller."""
    spec = ModelSpec("google/gemini-embedding-001", "google", "gemini-embedding-001")
    async with engine_for(embeds) as (engine, upstream):
        result = await engine.embed(spec, [str(number) for number in range(230)])
    assert result.vectors == tuple((float(number), 1.0) for number in range(230))
    assert result.usage == Usage(prompt_tokens=230)
    assert [len(body["requests"]) for body in sent(upstream)] == [100, 100, 30]
    assert {each.path for each in upstream.requests} == {"/v1beta/models/gemini-embedding-001:batchEmbedContents"}
    assert {each["model"] for body in sent(upstream) for each in body["requests"]} == {"models/gemini-embedding-001"}


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (faulty.status(200, {"embeddings": [{"values": [1]}]}), UpstreamFailed),
        (faulty.status(200, [{"error": {"code": 503, "message": "m"}}]), UpstreamOverloaded),
        (
            refusal("API key not valid. Please pass a valid API key.", details=[{"reason": "API_KEY_INVALID"}]),
            KeyInvalid,
        ),
    ],
)
async def test_embeddings_that_are_none_are_errors(script: Script, error: type[BatutaError]) -> None:
    """Too few vectors, an error in a 200, and a refusal."""
    async with engine_for(script) as (engine, _):
        with pytest.raises(error) as caught:
            await engine.embed(SPEC, ["a", "b"])
    assert caught.value.model == SPEC.id


async def test_numbers_of_tokens_cannot_be_embedded() -> None:
    """Gemini takes texts."""
    numbers: Any = [1, 2]
    async with engine_for(embeds) as (engine, upstream):
        with pytest.raises(BadRequest):
            await engine.embed(SPEC, numbers)
    assert not upstream.requests


# --- models and keys -------------------------------------------------------------------------------------------------

ROWS = [
    {
        "name": "models/gemini-3-flash-preview",
        "displayName": "Gemini 3\x07 Flash",
        "inputTokenLimit": 1048576,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    },
    {"name": "models/gemma-3-27b-it", "inputTokenLimit": 131072, "supportedGenerationMethods": ["generateContent"]},
    {"name": "models/gemini-embedding-001", "inputTokenLimit": 2048, "supportedGenerationMethods": ["embedContent"]},
    {"name": "models/imagen-4", "supportedGenerationMethods": ["predict"]},
    {"name": "models/gemini-2.5-flash-preview-tts", "supportedGenerationMethods": ["generateContent"]},
    {"name": 7, "supportedGenerationMethods": "generateContent"},
]


async def pages(wire: Wire) -> None:
    query = urlsplit(wire.request.path).query
    if "pageToken=p2%2B" in query:
        await wire.raw(http.json_answer(200, {"models": ROWS[2:]}))
    else:
        await wire.raw(http.json_answer(200, {"models": ROWS[:2], "nextPageToken": "p2+"}))


async def test_all_pages_of_the_list_are_read() -> None:
    """What chats or embeds is listed with its context; what draws, speaks or predicts is not."""
    async with engine_for(pages) as (engine, upstream):
        found = await engine.list_models()
    chat = frozenset({Capability.CHAT})
    sees = chat | {Capability.TOOLS, Capability.VISION, Capability.REASONING}
    assert list(found) == [
        ReportedModel("gemini-3-flash-preview", "Gemini 3 Flash", sees, 1048576),
        ReportedModel("gemma-3-27b-it", "", chat, 131072),
        ReportedModel("gemini-embedding-001", "", frozenset({Capability.EMBEDDING}), 2048),
    ]
    assert [each.path for each in upstream.requests] == [
        "/v1beta/models?pageSize=1000",
        "/v1beta/models?pageSize=1000&pageToken=p2%2B",
    ]


async def test_a_list_without_end_is_left() -> None:
    """A backend that always names a next page does not hold discovery up for ever."""
    async with engine_for(faulty.status(200, {"models": [], "nextPageToken": "again"})) as (engine, upstream):
        assert await engine.list_models() == []
    assert len(upstream.requests) == 20


async def test_a_key_is_checked_with_the_smallest_question() -> None:
    """One row of the list proves the key."""
    async with engine_for(faulty.status(200, {"models": [ROWS[0]]})) as (engine, upstream):
        await engine.check_key()
    [asked] = upstream.requests
    assert (asked.method, asked.path) == ("GET", "/v1beta/models?pageSize=1")
    assert asked.headers["x-goog-api-key"] == KEY.reveal()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (refusal("API key not valid.", details=[{"reason": "API_KEY_INVALID"}]), KeyInvalid),
        (faulty.status(200, [{"error": {"code": 400, "message": "API key not valid."}}]), KeyInvalid),
        (faulty.status(200, {}), UpstreamFailed),
        (faulty.html, UpstreamFailed),
        (refusal("quota", 429), UpstreamRateLimited),
    ],
)
async def test_a_key_that_is_not_proved_is_an_error(script: Script, error: type[BatutaError]) -> None:
    """A 200 alone proves nothing."""
    async with engine_for(script) as (engine, _):
        with pytest.raises(error):
            await engine.check_key()


@pytest.mark.parametrize(
    ("script", "health"),
    [
        (faulty.status(200, ROWS[0]), EngineHealth.READY),
        (refusal("models/x is not found for API version v1beta", 404, status="NOT_FOUND"), EngineHealth.ABSENT),
        (refusal("API key not valid.", details=[{"reason": "API_KEY_INVALID"}]), EngineHealth.OFFLINE),
        (faulty.hang_up, EngineHealth.OFFLINE),
        (refusal("what?"), EngineHealth.READY),
    ],
)
async def test_a_probe_tells_how_a_model_stands(script: Script, health: EngineHealth) -> None:
    """It is asked for by its name, and nothing raises."""
    async with engine_for(script) as (engine, upstream):
        assert (await engine.probe(SPEC)).health is health
    assert upstream.requests[0].path == "/v1beta/models/gemini-3-flash-preview"
