"""Whether the servers of the settings answer, asked without their keys: any answer is one."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

from batuta.cli.checks.engines import shown
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.config import without_password
from batuta.cli.escapes import one_line
from batuta.engines.knock import Doorman
from batuta.engines.reach import is_here
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, KeyInvalid, UpstreamTimeout
from batuta.kinds import KINDS, OPENAI_COMPAT
from batuta.settings import ProviderSettings, Settings

ANSWER_S = 2.0  # seconds for each step; a server across an ocean takes a third of one
_WANTS_KEY = frozenset({401, 403})


def servers(settings: Settings) -> Iterator[Finding]:
    """Ask each server of the settings for its list of models; only those of this machine where `local_only` says so."""
    if settings.providers:
        with ThreadPoolExecutor(min(len(settings.providers), 8)) as pool:
            yield from pool.map(lambda each: _unasked(each, settings) or probe(each), settings.providers)


def _unasked(provider: ProviderSettings, settings: Settings) -> Finding | None:
    if not settings.local_only or is_here(urlsplit(provider.base_url).hostname or ""):
        return None
    where = without_password(provider.base_url)
    return _finding(provider, Health.NOTE, f"{where} is not asked: local_only lets nothing leave this machine")


def probe(provider: ProviderSettings) -> Finding:
    """Ask one server."""
    if KINDS.get(provider.kind, KINDS[OPENAI_COMPAT]).port:
        return asyncio.run(_recognised(provider))
    where = without_password(provider.base_url)
    url = f"{provider.base_url.rstrip('/')}/models"
    try:
        status = _status(url)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or "no answer in time" if isinstance(error, OSError) else str(error)
        return _silent(provider, f"{where} does not answer: {why}")
    if status == http.client.OK or status in _WANTS_KEY:
        key = "; it wants a key" if status in _WANTS_KEY else ""
        return _finding(provider, Health.OK, f"{where} answers{key}")
    advice = f"Correct base_url of the provider {provider.id}: it ends with /v1 at most servers."
    return _finding(provider, Health.WARNING, f"{without_password(url)} answers with status {status}", advice)


async def _recognised(provider: ProviderSettings) -> Finding:
    """Tell whether the program that answers is the one that the provider's kind says."""
    where, name = without_password(provider.base_url), KINDS[provider.kind].name
    transport = Transport()
    try:
        info = await Doorman(transport, describe_s=ANSWER_S).describe(provider.kind, provider.base_url)
    except KeyInvalid:
        return _finding(provider, Health.OK, f"{where} answers; it wants a key")
    except (UpstreamTimeout, TimeoutError):
        return _silent(provider, f"{where} does not answer: no answer in time")
    except BatutaError as error:
        advice = f"Start {name} at {where}, or correct kind or base_url of the provider {provider.id}."
        return _finding(provider, Health.WARNING, one_line(error.message), advice)
    finally:
        await transport.aclose()
    return _finding(provider, Health.OK, f"{name} answers at {where}{shown(info)}")


def _silent(provider: ProviderSettings, text: str) -> Finding:
    where = without_password(provider.base_url)
    advice = f"Start the server at {where}, or correct base_url of the provider {provider.id}."
    return _finding(provider, Health.WARNING, text, advice)


def _finding(provider: ProviderSettings, health: Health, text: str, advice: str = "") -> Finding:
    data = {"running": health is Health.OK, "base_url": without_password(provider.base_url)}
    return Finding("servers", provider.id, health, text, advice, data)


def _status(url: str) -> int:
    """GET a URL; return the status of the answer."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("the address has no host")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname, parts.port, timeout=ANSWER_S)) as connection:
        connection.request("GET", parts.path, headers={"Accept": "application/json"})
        return connection.getresponse().status
