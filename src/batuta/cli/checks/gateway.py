"""What the running gateway says of its servers and its problems. Asks nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta.catalog.finding import FOUND
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.client import GatewayClient, connect
from batuta.cli.door import NoGateway
from batuta.cli.escapes import one_line
from batuta.cli.views import listed
from batuta.errors import BatutaError
from batuta.settings import Settings


def client(settings: Settings) -> GatewayClient | None:
    """Return a client for the gateway that runs on the data folder; None when none does."""
    try:
        return connect(settings)
    except NoGateway:
        return None


def servers(asked: GatewayClient) -> Iterator[Finding]:
    """Tell of every server of the gateway, named or found, whether it answers. That one found has gone is no fault."""
    for each in _listed(asked, "/manage/providers", "providers"):
        if not each.get("base_url"):
            continue
        name, where, is_online = str(each.get("id")), one_line(each.get("base_url")), each.get("is_online")
        data = {"running": bool(is_online), "base_url": where}
        if is_online:
            count = each.get("models")
            version, note = one_line(each.get("version") or ""), one_line(each.get("note") or "")
            text = f"{where} answers, {f'version {version}, ' if version else ''}{count} models"
            health = Health.NOTE if note else Health.OK
            yield Finding("servers", name, health, text, note, data | {"version": version or None})
        elif each.get("enabled") is False:
            yield Finding("servers", name, Health.NOTE, f"{where} is switched off and not asked", data=data)
        elif is_online is None:
            yield Finding("servers", name, Health.NOTE, f"{where} has not been asked yet", data=data)
        elif each.get("source") == FOUND:
            yield Finding("servers", name, Health.NOTE, f"{where} was there and is not now", data=data)
        else:
            why = one_line(each.get("message") or "it does not answer")
            advice = f"See that {where} runs and can be reached, or take {name} out."
            yield Finding("servers", name, Health.WARNING, f"{where}: {why}", advice, data)


def problems(asked: GatewayClient) -> Iterator[Finding]:
    """Tell what the gateway finds wrong besides: with the models that the settings name, and with its database."""
    for each in _listed(asked, "/manage/catalog/problems", "problems"):
        subject, reason = one_line(each.get("subject")), one_line(each.get("reason"))
        if not subject.lower().endswith(".gguf"):  # files are examined one by one
            yield Finding("problems", subject, Health.WARNING, reason)


def _listed(asked: GatewayClient, path: str, name: str) -> list[dict[str, Any]]:
    try:
        return listed(asked.get(path), name)
    except BatutaError:
        return []
