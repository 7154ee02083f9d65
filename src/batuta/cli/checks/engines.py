"""Which engines answer on this machine, and which keys lie in the environment. Asks loopback only, and briefly.

The ports, the programs and the keys are those of discovery: what the doctor sees is what Batuta will find.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from batuta.catalog.external import seen_keys
from batuta.catalog.finding import DOORS, Door
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.escapes import one_line
from batuta.engines.base import EngineInfo
from batuta.engines.knock import Doorman
from batuta.engines.transport import Transport
from batuta.errors import BatutaError
from batuta.kinds import KINDS
from batuta.settings import Settings

_HERE = "127.0.0.1"
_LOOPBACK = frozenset({_HERE, "localhost"})


def engines(settings: Settings, doors: Sequence[Door] = DOORS) -> Iterator[Finding]:
    """Ask each known engine at its usual port, or where the settings say it is on this machine."""
    yield from asyncio.run(_ask_all([place_of(door, settings) for door in doors]))


def place_of(door: Door, settings: Settings) -> Door:
    """Return where to ask; a place beyond this machine is not asked, the usual port here is."""
    for provider in settings.providers:
        parts = urlsplit(provider.base_url)
        if door.kind in {provider.kind, provider.id} and parts.hostname in _LOOPBACK:
            return Door(door.kind, parts.port or 80)
    return door


async def _ask_all(doors: Sequence[Door]) -> list[Finding]:
    transport = Transport()
    doorman = Doorman(transport)
    try:
        return await asyncio.gather(*(_ask(doorman, door) for door in doors))
    finally:
        await transport.aclose()


async def _ask(doorman: Doorman, door: Door) -> Finding:
    """Tell who is behind a door."""
    name, port = KINDS[door.kind].name, door.port
    data: dict[str, object] = {"port": port, "running": False}
    met = await doorman.knock(door)
    if not met.is_open:
        return Finding("engines", name, Health.NOTE, f"nothing answers on port {port}", data=data)
    if met.kind != door.kind:
        who = KINDS[met.kind].name if met.kind else "another program"
        text = f"{who} answers on port {port}"
        return Finding("engines", name, Health.NOTE, text, data=data | {"kind": met.kind or None})
    info = EngineInfo()
    try:
        info = await doorman.describe(door.kind, door.url)
    except (BatutaError, TimeoutError) as error:  # it has gone since
        text = f"answers on port {port}, not always: {one_line(str(error)) or 'it was silent'}"
        return Finding("engines", name, Health.NOTE, text, data=data)
    data |= {"running": True, "kind": door.kind, "version": version_of(info) or None}
    return Finding("engines", name, Health.OK, f"answers on port {port}{shown(info)}", data=data)


def version_of(info: EngineInfo) -> str:
    """Return the version an engine tells, on one line; empty where it tells none."""
    return one_line(info.version)


def shown(info: EngineInfo) -> str:
    """Return what an engine says of itself, as the end of a sentence."""
    version = f", version {version_of(info)}" if info.version else ""
    return version + (f"; {one_line(info.note)}" if info.note else "")


def keys(environ: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    """Tell which keys are set, by name; a value is never read further than that it is there."""
    wanted = {provider.key_env: provider.id for provider in settings.providers if provider.key_env}
    seen = seen_keys(environ)
    found = list(dict.fromkeys([*(key.variable for key in seen), *(name for name in wanted if environ.get(name))]))
    health = Health.OK if found else Health.NOTE
    yield Finding("keys", "environment", health, ", ".join(found) or "none", data={"names": found})
    for key in seen:
        if key.variable not in wanted and key.provider is None:
            text = f"a key for {key.name}: key found, provider not supported yet"
            yield Finding("keys", key.variable, Health.NOTE, text, data={"is_supported": False})
        elif key.variable not in wanted and settings.discover:
            text = f"a key for {key.name}: nothing is sent until you use the provider {key.id} on the page"
            yield Finding("keys", key.variable, Health.NOTE, text, data={"is_supported": True})
    for name, provider in wanted.items():
        if not environ.get(name):
            yield Finding(
                "keys",
                name,
                Health.WARNING,
                f"not set; provider {provider} needs it",
                f"Set {name} before you start Batuta.",
            )
