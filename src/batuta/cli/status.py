"""`batuta status`: how the parts are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import typer

from batuta.cli.client import GatewayClient, connect
from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.record import read_record
from batuta.cli.terminal import duration, print_json, print_pairs
from batuta.cli.views import device_text, listed, resident, state
from batuta.cli.words import problems
from batuta.errors import BatutaError

app = typer.Typer(add_completion=False)


@app.command()
def status(*, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Tell how the gateway, the loader, the default model and the memory are."""
    with door(as_json=as_json):
        settings = salvaged(data_dir)
        client = connect(settings, url)
        record = None if url else read_record(settings.run_dir)
        report = gather(client)
        if record is not None:
            report["gateway"] |= {"pid": record.pid, "up_s": round(time.time() - record.started, 1)}
        if as_json:
            print_json(report)
        else:
            print_pairs(lines(report))


def gather(client: GatewayClient) -> dict[str, Any]:
    """Ask the gateway for everything the report needs."""
    health = client.get("/health")
    health = health if isinstance(health, dict) else {}
    catalog = client.get("/manage/models")
    models = listed(catalog, "models")
    loader = health.get("loader")
    return {
        "problems": problems(client),
        "gateway": {"url": client.url, "status": health.get("status", "unknown"), "reason": health.get("reason")},
        "loader": loader if isinstance(loader, dict) else {"state": loader},
        "default_model": default_model(health, models),
        "in_memory": [model.get("id") for model in resident(models)],
        "models": len(models),
        "memory": listed(catalog, "devices"),
        "servers": servers(client),
    }


def servers(client: GatewayClient) -> list[dict[str, Any]]:
    """Return the servers whose models the gateway uses; none where it does not tell."""
    try:
        found = listed(client.get("/manage/providers"), "providers")
    except BatutaError:
        return []
    return [each for each in found if each.get("base_url")]


def default_model(health: Mapping[str, Any], models: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the default model: the one health names, else the one that has the brain's role."""
    named = health.get("default_model")
    for model in models:
        if model.get("id") == named or (named is None and "brain" in (model.get("roles") or ())):
            return {"id": model.get("id"), "state": state(model), "error": model.get("error")}
    return {"id": named, "state": "unknown", "error": None} if named else None


def lines(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the report as name and value, for a person."""
    gateway, loader, default = report["gateway"], report["loader"], report["default_model"]
    why = f" ({gateway['reason']})" if gateway["reason"] and gateway["status"] != "healthy" else ""
    who = f"{gateway['status']}{why}, {gateway['url']}"
    if "pid" in gateway:
        who = f"{who}, pid {gateway['pid']}, up {duration(gateway['up_s'])}"
    said = ", ".join(f"{word}" for word in (loader.get("state"), _pid(loader), loader.get("message")) if word)
    model = "none" if default is None else f"{default['id']}: {default['state']}"
    if default and default["error"]:
        model = f"{model} ({default['error']})"
    memory = [(f"memory {device.get('id', '')}".rstrip(), device_text(device)) for device in report["memory"]]
    return [
        ("gateway", who),
        ("loader", said or "unknown"),
        ("default model", model),
        ("in memory", ", ".join(map(str, report["in_memory"])) or "nothing"),
        ("models", str(report["models"])),
        *memory,
        *((f"server {each.get('id', '')}", server_text(each)) for each in report["servers"]),
        *(("problem", f"{each['subject']}: {each['reason']}") for each in report["problems"]),
    ]


def server_text(server: Mapping[str, Any]) -> str:
    """Return how a server stands: `online, version 0.12.3, 4 models, holds qwen3:8b`."""
    is_online = server.get("is_online")
    if server.get("enabled") is False:
        return "switched off"
    if is_online is False:
        return ": ".join(str(part) for part in ("offline", server.get("message")) if part)
    version, holds, note = server.get("version"), server.get("holds") or (), server.get("note")
    parts = [
        "not asked yet" if is_online is None else "online",
        f"version {version}" if version else "",
        f"{server.get('models', 0)} models",
        f"holds {', '.join(map(str, holds))}" if holds else "",
        str(note or ""),
    ]
    return ", ".join(part for part in parts if part)


def _pid(loader: Mapping[str, Any]) -> str:
    return f"pid {loader['pid']}" if loader.get("pid") else ""
