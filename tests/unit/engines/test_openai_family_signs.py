"""What each API's refusals mean, in the words that its vendor documents or has been seen to use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.dialects.openai import find_error
from batuta.chat.types import ChatRequest, Delta, Message
from batuta.engines import faults
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.engine import OpenAIFamilyEngine
from batuta.engines.transport import Transport
from batuta.errors import (
    BatutaError,
    ContentRefused,
    ContextFull,
    KeyInvalid,
    ModelFailed,
    OutOfCredit,
    PermissionDenied,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import FaultyUpstream, Script
from batuta.vault.secret import Secret

NO_MONEY = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
)


def error(message: str = "no", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


RAW = {"raw": '{"error":{"message":"You exceeded your current quota"}}', "provider_name": "Google AI Studio"}
REFUSALS: list[tuple[str, int, Any, type[BatutaError]]] = [
    ("openai", 401, error("Incorrect API key provided: sk-x", code="invalid_api_key"), KeyInvalid),
    ("openai", 403, error("Country, region, or territory not supported"), PermissionDenied),
    ("openai", 404, error("The model `m` does not exist or you do not have access to it."), PermissionDenied),
    *(("openai", 429, error(code=code), OutOfCredit) for code in NO_MONEY),
    ("openai", 429, error(code="rate_limit_exceeded"), UpstreamRateLimited),
    ("openai", 429, error(code="slow_down"), UpstreamRateLimited),
    ("openai", 413, error(), UpstreamRejected),
    ("mistral", 401, {"detail": "Unauthorized"}, KeyInvalid),
    ("mistral", 401, {"message": "Unauthorized", "request_id": "r"}, KeyInvalid),
    ("mistral", 402, {"detail": "Payment required"}, OutOfCredit),
    (
        "mistral",
        422,
        {"detail": [{"type": "missing", "loc": ["body", "x"], "msg": "Field required"}]},
        UpstreamRejected,
    ),
    ("mistral", 429, {"type": "service_tier_capacity_exceeded", "code": "3505", "message": "no"}, UpstreamOverloaded),
    ("mistral", 429, {"type": "rate_limited", "code": "1300", "message": "no"}, UpstreamRateLimited),
    ("cohere", 401, {"id": "x", "message": "invalid api token"}, KeyInvalid),
    ("cohere", 498, {"message": "invalid token"}, KeyInvalid),
    ("cohere", 499, {"message": "request cancelled"}, UpstreamFailed),
    ("ai21", 401, {"detail": "Forbidden: bad or missing Apikey"}, KeyInvalid),
    ("ai21", 424, {"detail": "no"}, UpstreamFailed),
    ("ai21", 408, {"detail": "no"}, UpstreamTimeout),
    ("huggingface", 401, {"error": "Invalid username or password."}, KeyInvalid),
    ("huggingface", 402, {"error": "You have exceeded your monthly included credits"}, OutOfCredit),
    ("deepseek", 401, error("Authentication Fails, Your api key: ****ab12 is invalid"), KeyInvalid),
    ("deepseek", 402, error("Insufficient Balance"), OutOfCredit),
    ("groq", 401, error("Invalid API Key", code="invalid_api_key"), KeyInvalid),
    ("groq", 400, error(code="tool_use_failed", failed_generation="<f>"), UpstreamFailed),
    ("groq", 498, error(code="capacity_exceeded"), UpstreamOverloaded),
    ("groq", 424, error(), UpstreamFailed),
    ("xai", 400, {"code": "x", "error": "Incorrect API key provided: na***ys. See https://console.x.ai."}, KeyInvalid),
    ("xai", 400, {"code": "x", "error": "Something else is wrong"}, UpstreamRejected),
    ("openrouter", 401, error("No auth credentials found", code=401), KeyInvalid),
    ("openrouter", 402, error("Insufficient credits", code=402), OutOfCredit),
    ("openrouter", 403, error("Blocked by a guardrail", code=403), ContentRefused),
    ("openrouter", 403, error("Not allowed", code=403), PermissionDenied),
    ("openrouter", 408, error(code=408), UpstreamTimeout),
    ("openrouter", 429, error("Provider returned error", code=429, metadata=RAW), UpstreamRateLimited),
    ("openrouter", 502, error(code=502), UpstreamOverloaded),
    ("openrouter", 503, error(code=503), UpstreamOverloaded),
    ("together", 401, error("Invalid API key provided", code="invalid_api_key"), KeyInvalid),
    ("together", 402, error("spend limit"), OutOfCredit),
    ("together", 403, error("The input token count exceeds the context"), ContextFull),
    ("together", 503, error("engine overloaded"), UpstreamOverloaded),
    ("genspark", 400, error("Model x is not supported. Allowed models: a, b"), ModelFailed),
    ("genspark", 422, {"status": -2, "message": "Validation error", "errors": []}, UpstreamRejected),
    ("genspark", 429, error(), UpstreamRateLimited),
    ("genspark", 400, {"status": -1, "message": "See https://www.genspark.ai/pricing"}, OutOfCredit),
    ("", 429, [error("slow down", code=429, status="RESOURCE_EXHAUSTED")], UpstreamRateLimited),
    ("", 529, error("overloaded"), UpstreamOverloaded),
]


@pytest.mark.parametrize(("api", "status", "body", "expected"), REFUSALS)
def test_each_refusal_has_its_name(api: str, status: int, body: Any, expected: type[BatutaError]) -> None:
    """Key, permission, money, rate, overload, content, length: told apart whatever the status."""
    found = faults.classify(status, orjson.dumps(body), headers={}, where="w", signs=signs_of(api))
    assert type(found) is expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        *(({"code": code}, OutOfCredit) for code in NO_MONEY),
        *(({"type": "invalid_request_error", "code": code}, OutOfCredit) for code in NO_MONEY),
        ({"type": "tokens", "code": "rate_limit_exceeded"}, UpstreamRateLimited),
        ({"type": "invalid_request_error", "code": "invalid_api_key"}, KeyInvalid),
        ({"type": "invalid_request_error", "code": "unsupported_value"}, UpstreamRejected),
        ({"type": "invalid_request_error", "code": "context_length_exceeded"}, ContextFull),
        ({"status": "RESOURCE_EXHAUSTED", "code": 429}, UpstreamRateLimited),
        ({"type": "internal_server_error", "status_code": 503}, UpstreamOverloaded),
        ({"type": "odd"}, UpstreamFailed),
    ],
)
def test_an_error_in_a_stream_goes_by_its_names(names: dict[str, Any], expected: type[BatutaError]) -> None:
    """Where there is no status, the code says more than the type."""
    found = find_error(error(**names))
    assert found is not None
    assert type(faults.from_answer(found, where="w", signs=signs_of("openai"))) is expected


def test_words_in_a_list_are_found() -> None:
    """A person reads Google's words, not its JSON."""
    body = orjson.dumps([error("API key not valid.", code=400)])
    assert "w rejected the request (HTTP 400): API key not valid." in str(
        faults.classify(400, body, headers={}, where="w")
    )


# --- on the wire -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def engine_for(api: str, *scripts: Script) -> AsyncIterator[tuple[OpenAIFamilyEngine, FaultyUpstream]]:
    async with FaultyUpstream(*scripts) as upstream:
        transport = Transport()
        provider = Provider("mine", "openai_family", base_url=upstream.url, preset=api)
        yield OpenAIFamilyEngine(provider, transport, key=Secret("sk-test-not-a-key")), upstream
        await transport.aclose()


async def ask(engine: OpenAIFamilyEngine, model: str = "m", **fields: Any) -> list[Delta]:
    request = ChatRequest("any", (Message("user", "x"),), **fields)
    return [delta async for delta in engine.chat(ModelSpec(f"mine/{model}", "mine", model), request)]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    ("api", "body", "expected"),
    [
        ("genspark", {"status": -1, "message": "No credits: https://www.genspark.ai/pricing"}, OutOfCredit),
        ("genspark", {"error": "No credits: https://www.genspark.ai/pricing"}, OutOfCredit),
        ("genspark", error("No credits: https://www.genspark.ai/pricing"), OutOfCredit),
        ("genspark", {"message": "Your account is not permitted to use this service."}, KeyInvalid),
        ("openrouter", error("no", code=402), OutOfCredit),
        ("", {"choices": []}, UpstreamFailed),
        ("", {"choices": [None]}, UpstreamFailed),
    ],
)
async def test_a_200_that_is_no_answer_is_what_it_says(
    api: str, body: Any, expected: type[BatutaError], stream: bool
) -> None:
    """As JSON, also where a stream was asked for."""
    async with engine_for(api, faulty.status(200, body)) as (engine, _):
        with pytest.raises(expected):
            await ask(engine, stream=stream)


def refuses_effort(given: str, known: str) -> Script:
    words = f"Unsupported value: 'reasoning_effort' does not support '{given}' with this model. Supported values are: "
    return faulty.status(400, error(words + known, param="reasoning_effort", code="unsupported_value"))


WELL = faulty.status(200, {"choices": [{"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}]})


async def test_an_effort_that_is_refused_becomes_one_that_is_not() -> None:
    """The field itself is taken: later wishes that the model knows go out as they are."""
    async with engine_for("openai", refuses_effort("none", "'low', 'medium', and 'high'."), WELL) as (engine, upstream):
        for effort in ("none", "high", "minimal", "xhigh"):
            assert await ask(engine, "gpt-x", extra={"reasoning_effort": effort})
    assert [seen.json()["reasoning_effort"] for seen in upstream.requests] == ["none", "low", "high", "low", "high"]


async def test_an_effort_may_be_refused_a_second_time() -> None:
    """What is learnt goes once: who then refuses again is believed."""
    refusals = [refuses_effort("none", "'low'."), refuses_effort("low", "'low'.")]
    async with engine_for("openai", *refusals, refusals[1]) as (engine, upstream):
        for _ in range(2):
            with pytest.raises(UpstreamRejected):
                await ask(engine, "gpt-x", extra={"reasoning_effort": "none"})
    assert len(upstream.requests) == 3


async def test_several_answers_are_never_made_one() -> None:
    """A refusal of `n` is the caller's to hear."""
    refusal = faulty.status(400, error("Unsupported parameter: 'n' is not supported.", param="n"))
    async with engine_for("openai", refusal) as (engine, upstream):
        with pytest.raises(UpstreamRejected):
            await ask(engine, extra={"n": 2})
    assert len(upstream.requests) == 1


async def test_a_key_that_cannot_be_tried_is_not_thrown_away() -> None:
    """A 401 that may mean something else, and nobody there to ask: the key is not called bad."""
    refusal = faulty.status(401, {"detail": "Unauthorized"})
    async with engine_for("mistral", refusal, faulty.status(503, {"message": "down"})) as (engine, upstream):
        with pytest.raises(OutOfCredit):
            await ask(engine)
    assert [seen.method for seen in upstream.requests] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "'seed' is not supported with this model. Use 'user' instead.", None),
        (429, "Too many requests; see /v1/responses.", UpstreamRateLimited),
    ],
)
async def test_only_what_is_meant_is_learnt(status: int, message: str, error: type[BatutaError] | None) -> None:
    """No field but a limit gets another's name, and no other status leads to another API."""
    async with engine_for("openai", faulty.status(status, {"error": {"message": message}}), WELL) as (engine, upstream):
        with pytest.raises(error) if error else nullcontext():
            await ask(engine, extra={"seed": 3})
    sent = [seen.json() for seen in upstream.requests]
    assert all("user" not in body and "messages" in body for body in sent)
    assert ["seed" in body for body in sent] == ([True, False] if error is None else [True])
