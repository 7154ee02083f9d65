"""Finds the running gateway by the record it leaves in the data folder. Knows nothing of HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batuta.installation import usable_url
from batuta.vault.secret import Secret

if TYPE_CHECKING:
    import psutil

FILE_NAME = "gateway.json"
_CLOCK_SLACK = 2.0  # seconds: process start times are counted in ticks from a boot time that is rounded


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """What a gateway writes about itself. `started`: wall seconds; `url`: one to open here; `token`: opens its API."""

    pid: int
    started: float
    url: str
    token: Secret | None


def read_record(run_dir: Path) -> GatewayRecord | None:
    """Return the record of the last gateway that started here; None when there is none that makes sense."""
    try:
        raw = json.loads((run_dir / FILE_NAME).read_text(encoding="utf-8"))
        token = raw.get("token")
        return GatewayRecord(
            pid=int(raw["pid"]),
            started=float(raw["started"]),
            url=usable_url(str(raw["url"])),
            token=Secret(str(token)) if token else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def process_of(record: GatewayRecord) -> psutil.Process | None:
    """Return the process that wrote the record, None when it has ended.

    A process that began after the record was written only has the same number: the first one's was given away.
    """
    import psutil  # half of what `batuta status` takes to import; not every command needs it

    if record.pid <= 0:
        return None
    try:
        process = psutil.Process(record.pid)
        is_it = process.create_time() <= record.started + _CLOCK_SLACK
    except psutil.Error:
        return None
    return process if is_it and is_running(process) else None


def is_running(process: psutil.Process) -> bool:
    """Whether the process still does anything: one that ended and was not fetched by its parent does not."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_alive(record: GatewayRecord) -> bool:
    """Whether the process that wrote the record still runs."""
    return process_of(record) is not None
