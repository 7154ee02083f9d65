"""What this machine has: versions, memory, and the ways it offers to isolate a program."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import batuta
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.terminal import memory_text
from batuta.loader.memory import devices
from batuta.settings import Settings

_LANDLOCK_CREATE_RULESET = 444  # the same number on every architecture
_LANDLOCK_VERSION_FLAG = 1
_CONTAINERS = ("docker", "podman")


def versions() -> Iterator[Finding]:
    """Tell which Batuta runs on which Python."""
    yield Finding("batuta", "version", Health.OK, batuta.__version__)
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    yield Finding("batuta", "python", Health.OK, python)
    system = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"
    yield Finding("batuta", "system", Health.OK, system)


def memory(settings: Settings) -> Iterator[Finding]:
    """Tell the memory of each device that can hold a model, and what the settings say of it."""
    found = devices()
    for device in found:
        limit = settings.memory.limit(device.id)
        text = f"{memory_text(device.free_bytes)} free of {memory_text(device.total_bytes)} ({device.name})"
        health = Health.OK
        if limit is not None:
            text += f"; models may take {memory_text(limit)} at most"
        if limit is not None and limit > device.total_bytes:
            text, health = f"{text}, which is more than there is", Health.NOTE
        yield Finding("memory", device.id, health, text, data=asdict(device) | {"budget_bytes": limit})
    if problem := settings.memory.unknown_devices([device.id for device in found]):
        advice = "Correct memory.budget in the settings; Batuta does not start with it."
        yield Finding("memory", "memory.budget", Health.BROKEN, problem, advice)
    if all(device.kind == "host" for device in found):
        yield Finding("memory", "gpu", Health.NOTE, "none found; local models run on the processor")


def isolation() -> Iterator[Finding]:
    """Tell which ways of isolating a program this machine offers."""
    for name, ask in _WAYS.items():
        text = ask()
        yield Finding(
            "isolation",
            name,
            Health.OK if text else Health.NOTE,
            text or "not available",
            data={"available": bool(text)},
        )


def _landlock() -> str:
    if not sys.platform.startswith("linux"):
        return ""
    abi = ctypes.CDLL(None, use_errno=True).syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION_FLAG)
    return f"ABI {abi}" if abi > 0 else ""


def _seccomp() -> str:
    try:
        actions = Path("/proc/sys/kernel/seccomp/actions_avail").read_text(encoding="ascii")
    except OSError:
        return ""
    return "filters" if "kill_process" in actions else ""


def _user_namespaces() -> str:
    program = shutil.which("unshare")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command line
            [program, "--user", "--map-root-user", "true"], capture_output=True, check=False, timeout=2
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "allowed for this user" if done.returncode == 0 else ""


def _bubblewrap() -> str:
    return shutil.which("bwrap") or ""


def _containers() -> str:
    return ", ".join(path for name in _CONTAINERS if (path := shutil.which(name)))


_WAYS: dict[str, Callable[[], str]] = {
    "landlock": _landlock,
    "seccomp": _seccomp,
    "user namespaces": _user_namespaces,
    "bubblewrap": _bubblewrap,
    "containers": _containers,
}
