"""Whether the servers of the settings answer, asked without their keys: any answer is one."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from batuta.cli.checks.engines import KNOWN, LARGEST, KnownEngine, fields_of, version_of
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.config import without_password
from batuta.settings import ProviderSettings, Settings

ANSWER_S = 2.0  # seconds for each step; a server across an ocean takes a third of one
_WANTS_KEY = frozenset({401, 403})


def servers(settings: Settings) -> Iterator[Finding]:
    """Ask each server of the settings for its list of models."""
    if settings.providers:
        with ThreadPoolExecutor(min(len(settings.providers), 8)) as pool:
            yield from pool.map(probe, settings.providers)


def probe(provider: ProviderSettings) -> Finding:
    """Ask one server."""
    where = without_password(provider.base_url)
    known = next((engine for engine in KNOWN if engine.id == provider.kind), None)
    url = f"{provider.base_url.rstrip('/')}/models"
    if known is not None:
        url = f"{provider.base_url.rstrip('/').removesuffix('/v1')}{known.path}"
    try:
        status, body = _answer(url)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or "no answer in time" if isinstance(error, OSError) else str(error)
        advice = f"Start the server at {where}, or correct base_url of the provider {provider.id}."
        return _finding(provider, Health.WARNING, f"{where} does not answer: {why}", advice)
    if status == http.client.OK or status in _WANTS_KEY:
        key = "; it wants a key" if status in _WANTS_KEY else ""
        if known is None or key:
            return _finding(provider, Health.OK, f"{where} answers{key}")
        return _recognised(provider, known, fields_of(body))
    advice = f"Correct base_url of the provider {provider.id}: it ends with /v1 at most servers."
    return _finding(provider, Health.WARNING, f"{without_password(url)} answers with status {status}", advice)


def _recognised(provider: ProviderSettings, known: KnownEngine, said: Mapping[str, Any]) -> Finding:
    """Tell whether the program that answers is the one that the provider's kind says."""
    where = without_password(provider.base_url)
    if known.field not in said:
        advice = f"Correct kind or base_url of the provider {provider.id}."
        return _finding(provider, Health.WARNING, f"{where} answers, but it is not {known.name}", advice)
    version = version_of(known, said)
    return _finding(
        provider, Health.OK, f"{known.name} answers at {where}" + (f", version {version}" if version else "")
    )


def _finding(provider: ProviderSettings, health: Health, text: str, advice: str = "") -> Finding:
    data = {"running": health is Health.OK, "base_url": without_password(provider.base_url)}
    return Finding("servers", provider.id, health, text, advice, data)


def _answer(url: str) -> tuple[int, bytes]:
    """GET a URL; return the status and the first bytes of the body."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("the address has no host")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname, parts.port, timeout=ANSWER_S)) as connection:
        connection.request("GET", parts.path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read(LARGEST)
