"""Finds a Chromium for the browser tests, or installs Debian's where that is allowed. Knows nothing of pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL_LIMIT_S = 600.0  # 100 MB from a slow mirror


def find() -> str | None:
    """Return the path of a Chromium: BATUTA_TEST_CHROMIUM, or the first known name on the PATH."""
    if named := os.environ.get("BATUTA_TEST_CHROMIUM"):
        return named if os.access(named, os.X_OK) else None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def may_install() -> bool:
    """Say whether this process can install a Debian package and nobody asked it not to."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and shutil.which("apt-get") is not None and os.environ.get("BATUTA_TEST_NO_INSTALL") != "1"


@cache
def find_or_install() -> tuple[str | None, str]:
    """Return (path, "") or (None, why there is none). Tries an installation at most once a run; never raises."""
    if path := find():
        return path, ""
    if not may_install():
        return None, "no Chromium on the PATH, and only root on a machine with apt-get may install one"
    sys.stderr.write("browser tests: installing Debian's chromium\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
    ):
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, f"{' '.join(command[:2])} did not work: {error}"
        if done.returncode and command[1] == "install":
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            return None, f"apt-get could not install chromium: {' '.join(last) or f'exit {done.returncode}'}"
    if path := find():
        return path, ""
    return None, "apt-get installed chromium, but it is not on the PATH"
