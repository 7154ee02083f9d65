"""Whether the servers of the settings answer, asked without their keys: any answer is one."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

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
    try:
        status = _status(provider.base_url)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or "no answer in time" if isinstance(error, OSError) else str(error)
        advice = f"Start the server at {where}, or correct base_url of the provider {provider.id}."
        return _finding(provider, Health.WARNING, f"{where} does not answer: {why}", advice)
    if status == http.client.OK or status in _WANTS_KEY:
        key = "; it wants a key" if status in _WANTS_KEY else ""
        return _finding(provider, Health.OK, f"{where} answers{key}")
    advice = f"Correct base_url of the provider {provider.id}: it ends with /v1 at most servers."
    return _finding(provider, Health.WARNING, f"{where}/models answers with status {status}", advice)


def _finding(provider: ProviderSettings, health: Health, text: str, advice: str = "") -> Finding:
    data = {"running": health is Health.OK, "base_url": without_password(provider.base_url)}
    return Finding("servers", provider.id, health, text, advice, data)


def _status(base_url: str) -> int:
    parts = urlsplit(base_url)
    if not parts.hostname:
        raise ValueError("the address has no host")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname, parts.port, timeout=ANSWER_S)) as connection:
        connection.request("GET", f"{parts.path.rstrip('/')}/models", headers={"Accept": "application/json"})
        return connection.getresponse().status
