"""Which engines answer on this machine, and which keys lie in the environment. Asks loopback only, and briefly."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from batuta.cli.checks.findings import Finding, Health
from batuta.cli.escapes import one_line
from batuta.settings import Settings

PROBE_S = 0.3  # seconds for each step; an engine on this machine answers in a few milliseconds
LARGEST = 64 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class KnownEngine:
    """How to recognise an engine: what it answers to GET `path`, and the field that names its version."""

    id: str
    name: str
    port: int
    path: str
    field: str


KNOWN = (
    KnownEngine("ollama", "Ollama", 11434, "/api/version", "version"),
    KnownEngine("lmstudio", "LM Studio", 1234, "/v1/models", "data"),
    KnownEngine("llama_server", "llama-server", 8080, "/props", "build_info"),
    KnownEngine("vllm", "vLLM", 8000, "/version", "version"),
)
KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "MISTRAL_API_KEY",
    "GROQ_API_KEY",
    "DEEPSEEK_API_KEY",
    "OPENROUTER_API_KEY",
    "XAI_API_KEY",
    "TOGETHER_API_KEY",
    "FIREWORKS_API_KEY",
    "CEREBRAS_API_KEY",
    "COHERE_API_KEY",
    "PERPLEXITY_API_KEY",
    "HF_TOKEN",
)


def engines(settings: Settings) -> Iterator[Finding]:
    """Ask each known engine at its usual port, or where the settings say it is."""
    places = [(engine, *place_of(engine, settings)) for engine in KNOWN]
    with ThreadPoolExecutor(len(places)) as pool:
        yield from pool.map(lambda place: probe(place[0], host=place[1], port=place[2]), places)


def place_of(engine: KnownEngine, settings: Settings) -> tuple[str, int]:
    """Return host and port to ask; one beyond this machine is not asked, its usual port here is."""
    for provider in settings.providers:
        parts = urlsplit(provider.base_url)
        if engine.id in {provider.kind, provider.id} and parts.hostname in _LOOPBACK:
            return str(parts.hostname), parts.port or 80
    return "127.0.0.1", engine.port


def probe(engine: KnownEngine, *, host: str, port: int) -> Finding:
    """Ask one engine whether it is there."""
    data: dict[str, Any] = {"port": port, "running": False}
    try:
        with closing(http.client.HTTPConnection(host, port, timeout=PROBE_S)) as connection:
            connection.request("GET", engine.path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            server = one_line(answer.getheader("Server") or "")
            body = fields_of(answer.read(LARGEST))
    except (OSError, http.client.HTTPException):
        return Finding("engines", engine.name, Health.NOTE, f"nothing answers on port {port}", data=data)
    if engine.field not in body:
        other = f"another program answers on port {port}" + (f" ({server})" if server else "")
        return Finding("engines", engine.name, Health.NOTE, other, data=data | {"server": server})
    known = version_of(engine, body)
    text = f"answers on port {port}" + (f", version {known}" if known else "")
    return Finding("engines", engine.name, Health.OK, text, data=data | {"running": True, "version": known or None})


def keys(environ: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    """Tell which keys are set, by name; a value is never read further than that it is there."""
    wanted = {provider.key_env: provider.id for provider in settings.providers if provider.key_env}
    found = [name for name in (*KEYS, *wanted) if environ.get(name)]
    names = ", ".join(dict.fromkeys(found))
    yield Finding("keys", "environment", Health.OK if found else Health.NOTE, names or "none", data={"names": found})
    for name, provider in wanted.items():
        if not environ.get(name):
            yield Finding(
                "keys",
                name,
                Health.WARNING,
                f"not set; provider {provider} needs it",
                f"Set {name} before you start Batuta.",
            )


def version_of(engine: KnownEngine, said: Mapping[str, Any]) -> str:
    """Return the version an engine tells, on one line; empty where it tells none."""
    version = said.get(engine.field)
    return one_line(version) if isinstance(version, str) else ""


def fields_of(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object of an answer; empty for anything else."""
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
