"""What the fake providers answer has the shape of the vendors' own specifications, where those are at hand."""

from __future__ import annotations

from typing import Any

import pytest

from batuta.testing.providers import key_of
from tests.support.vendor_spec import check_answer, check_in, messages, unknown_fields
from tests.unit.testing.providers_play import ASKINGS, calling

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}
# file, schema of a whole answer, of a chunk, of the list of models
CHATS = {
    "openai": ("openai.yaml", "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"),
    "mistral": ("mistral.yaml", "ChatCompletionResponse", "CompletionChunk"),
    "openrouter": ("openrouter.yaml", "ChatResult", "ChatStreamChunk"),
    "together": ("together.yaml", "ChatCompletionResponse", "ChatCompletionChunk"),
}
THINKERS = {"mistral": "magistral-medium-latest"}
LISTS = {
    "openai": ("/openai/v1/models", "openai.yaml", "ListModelsResponse"),
    "mistral": ("/mistral/v1/models", "mistral.yaml", "ModelList"),
    "openrouter": ("/openrouter/api/v1/models", "openrouter.yaml", "ModelsListResponse"),
    "together": ("/together/v1/models", "together.yaml", "ModelInfoList"),
}
PROTOS = ("content.proto", "generative_service.proto", "model.proto", "model_service.proto", "safety.proto")


@pytest.mark.parametrize("provider", CHATS)
async def test_chats_have_the_specified_shape(provider: str) -> None:
    """Texts, calls and thoughts, whole and in chunks."""
    file, whole, chunk = CHATS[provider]
    async with calling() as caller:
        for fields in ({}, {"tools": [TOOL]}, {"model": THINKERS.get(provider, ASKINGS[provider].model)}):
            answer = (await caller.ask(provider, **fields)).json
            # Mistral's file demands `data` of a chat, a slip: its SDK knows no such field.
            check_in(file, answer | ({"data": []} if provider == "mistral" else {}), whole)
            for event in (await caller.ask(provider, stream=True, **fields)).events:
                check_in(file, finished(event) if provider == "together" else event, chunk)


def finished(event: Any) -> Any:
    """Return a chunk with a finish reason: Together's file knows only the last one, which has one."""
    choices = [choice | {"finish_reason": choice["finish_reason"] or "stop"} for choice in event["choices"]]
    return event | {"choices": choices}


@pytest.mark.parametrize("provider", LISTS)
async def test_lists_of_models_have_the_specified_shape(provider: str) -> None:
    """Each entry has what its provider promises."""
    path, file, schema = LISTS[provider]
    async with calling() as caller:
        answer = await caller.get(path, {"authorization": f"Bearer {key_of(provider)}"})
        check_in(file, answer.json, schema)


async def test_responses_have_the_specified_shape() -> None:
    """Whole, and every event of a stream."""
    async with calling() as caller:
        headers = {"authorization": f"Bearer {key_of('openai')}"}
        flat = {"type": "function", "strict": True, **TOOL["function"]} if isinstance(TOOL["function"], dict) else {}
        reasoning = {"effort": "low", "summary": "auto"}
        for fields in ({}, {"tools": [flat]}, {"reasoning": reasoning}):
            body: dict[str, Any] = {"model": "gpt-5.4", "input": "alpha beta", **fields}
            answer = await caller.send("POST", "/openai/v1/responses", body, headers)
            check_in("openai.yaml", answer.json, "Response")
            stream = await caller.send("POST", "/openai/v1/responses", body | {"stream": True}, headers)
            for event in stream.events:
                if "response" in event and event["response"]["usage"] is None:
                    del event["response"]["usage"]  # null until the end, where the file allows only its absence
                check_in("openai.yaml", event, "ResponseStreamEvent")


async def test_vectors_and_keys_have_the_specified_shape() -> None:
    """Embeddings of OpenAI, Mistral and Together; OpenRouter's word on a key; Mistral's 422."""
    async with calling() as caller:
        for provider, model, file, schema in (
            ("openai", "text-embedding-3-small", "openai.yaml", "CreateEmbeddingResponse"),
            ("mistral", "mistral-embed", "mistral.yaml", "EmbeddingResponse"),
            ("together", "intfloat/multilingual-e5-large-instruct", "together.yaml", "EmbeddingsResponse"),
        ):
            path = ASKINGS[provider].path.replace("chat/completions", "embeddings")
            headers = {"authorization": f"Bearer {key_of(provider)}"}
            answer = await caller.send("POST", path, {"model": model, "input": ["x"]}, headers)
            check_in(file, answer.json, schema)
        told = await caller.get("/openrouter/api/v1/key", {"authorization": f"Bearer {key_of('openrouter')}"})
        check_answer("openrouter.yaml", told.json, "/key")
        check_in("mistral.yaml", (await caller.ask("mistral", seed=1)).json, "HTTPValidationError")


async def test_geminis_fields_are_those_of_the_protos() -> None:
    """No answer has a field that Google's own interface definitions lack."""
    known = messages(*PROTOS)
    async with calling() as caller:
        google = {"x-goog-api-key": key_of("google")}
        listed = await caller.get("/google/v1beta/models", google)
        assert unknown_fields(listed.json, "ListModelsResponse", known) == set()
        tools = [{"functionDeclarations": [{"name": "f"}]}]
        for fields in ({}, {"tools": tools}, {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}):
            for model in ("gemini-2.5-flash", "gemini-3-pro-preview"):
                answer = await caller.ask("google", model=model, **fields)
                assert unknown_fields(answer.json, "GenerateContentResponse", known) == set()
        blocked = await caller.ask("google", fault="finish-BLOCKED")
        assert unknown_fields(blocked.json, "GenerateContentResponse", known) == set()
