"""Starts a model's program with pipes and a group of its own, and tells it things. Knows no engine and no model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


async def begin(program: str, *, environ: Mapping[str, str], errors: int) -> Process:
    """Start `python -m program`; what it prints goes to the open file `errors`. Raises OSError."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        env=dict(environ),
        start_new_session=True,  # a group of its own: the terminal's Ctrl-C is for the gateway
    )


def tell(process: Process, **what: Any) -> None:
    """Send it one JSON line; nothing when it no longer listens."""
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(json.dumps(what).encode() + b"\n")


def kill(process: Process) -> None:
    """End it and everything it started, at once."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
