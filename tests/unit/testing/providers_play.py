"""What the tests of the fake providers share: a caller that speaks plain HTTP, and how each provider is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from batuta.testing.providers import FakeProviders, key_of

TEXT = "alpha beta gamma"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
EMPTY = {"type": "object", "properties": {}}
NAMED = ({"name": "f", "schema": SCHEMA}, {"name": "g", "schema": EMPTY})
CHAT_TOOLS = [{"type": "function", "function": {"name": t["name"], "parameters": t["schema"]}} for t in NAMED]
CLAUDE_TOOLS = [{"name": t["name"], "input_schema": t["schema"]} for t in NAMED]
GEMINI_TOOLS = [{"functionDeclarations": [{"name": t["name"], "parametersJsonSchema": t["schema"]} for t in NAMED]}]
VERSION = {"anthropic-version": "2023-06-01"}


@dataclass(frozen=True)
class Asking:
    """How a provider is asked for an answer.

    Attributes:
        path: where.
        model: by its name.
        style: `chat`, `anthropic`, `gemini` or `cohere`.
        header: that the key goes in; empty: as a bearer.
    """

    path: str
    model: str
    style: str = "chat"
    header: str = ""

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers with a key."""
        plain = VERSION if self.style == "anthropic" else {}
        return plain | ({self.header: key} if self.header else {"authorization": f"Bearer {key}"})

    def body(self, text: str = TEXT, **fields: Any) -> dict[str, Any]:
        """Return a body that asks."""
        if self.style == "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}
        least = {"max_tokens": 100} if self.style == "anthropic" else {}
        return {"model": self.model, "messages": [{"role": "user", "content": text}], **least, **fields}


ASKINGS: Mapping[str, Asking] = {
    "openai": Asking("/openai/v1/chat/completions", "gpt-4.1-mini"),
    "anthropic": Asking("/anthropic/v1/messages", "claude-haiku-4-5", "anthropic", "x-api-key"),
    "google": Asking(
        "/google/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash", "gemini", "x-goog-api-key"
    ),
    "mistral": Asking("/mistral/v1/chat/completions", "mistral-small-latest"),
    "cohere": Asking("/cohere/v2/chat", "command-a-03-2025", "cohere"),
    "ai21": Asking("/ai21/studio/v1/chat/completions", "jamba-mini"),
    "huggingface": Asking("/huggingface/v1/chat/completions", "meta-llama/Llama-3.3-70B-Instruct:fastest"),
    "deepseek": Asking("/deepseek/chat/completions", "deepseek-chat"),
    "groq": Asking("/groq/openai/v1/chat/completions", "llama-3.3-70b-versatile"),
    "xai": Asking("/xai/v1/chat/completions", "grok-4-fast-non-reasoning"),
    "openrouter": Asking("/openrouter/api/v1/chat/completions", "anthropic/claude-sonnet-4.6"),
    "together": Asking("/together/v1/chat/completions", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "genspark": Asking("/genspark/api/llm_proxy/v1/chat/completions", "claude-sonnet-4-6"),
}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def events(self) -> list[Any]:
        """The JSON of each event; end marks and comments left out."""
        lines = self.data.replace(b"\r\n", b"\n").split(b"\n")
        found = [line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")]
        return [json.loads(line) for line in found if line != b"[DONE]"]


class Caller:
    """Speaks to the fakes over HTTP, as any program does."""

    def __init__(self, fakes: FakeProviders, session: aiohttp.ClientSession) -> None:
        self.fakes = fakes
        self.session = session

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", path, None, headers or {})

    async def send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        url = self.fakes.url + path
        async with self.session.request(method, url, json=body, headers=headers, allow_redirects=False) as reply:
            return Answer(reply.status, reply.headers, await reply.read())

    async def ask(self, provider: str, text: str = TEXT, *, key: str = "", fault: str = "", **fields: Any) -> Answer:
        """Ask a provider for an answer."""
        asking = ASKINGS[provider]
        headers = asking.headers(key or key_of(provider)) | ({"x-fake-fault": fault} if fault else {})
        path = asking.path
        if asking.style == "gemini":
            path = path.replace("gemini-2.5-flash", fields.pop("model", "gemini-2.5-flash"))
            if fields.pop("stream", False):
                path = path.replace(":generate", ":streamGenerate") + "?alt=sse"
        return await self.send("POST", path, asking.body(text, **fields), headers)


@asynccontextmanager
async def calling() -> AsyncIterator[Caller]:
    async with FakeProviders() as fakes, aiohttp.ClientSession() as session:
        yield Caller(fakes, session)


def said(provider: str, answer: Any) -> str:
    """Return the text of a provider's whole answer."""
    style = ASKINGS[provider].style
    if style == "gemini":
        return "".join(part["text"] for part in answer["candidates"][0]["content"]["parts"])
    if style == "anthropic":
        return "".join(block["text"] for block in answer["content"])
    if style == "cohere":
        return "".join(part["text"] for part in answer["message"]["content"])
    return str(answer["choices"][0]["message"]["content"])


def streamed(provider: str, events: list[Any]) -> str:
    """Return the text of a provider's streamed answer."""
    style = ASKINGS[provider].style
    if style == "gemini":
        return "".join(said(provider, event) for event in events if "candidates" in event)
    if style == "anthropic":
        return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    if style == "cohere":
        deltas = [event["delta"]["message"] for event in events if event["type"] == "content-delta"]
        return "".join(delta["content"]["text"] for delta in deltas)
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))
