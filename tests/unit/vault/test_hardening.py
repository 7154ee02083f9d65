"""A process that holds keys leaves no core dump, and other programs of the same user cannot look into it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, resource
from batuta.vault.hardening import harden_process
harden_process()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), resource.getrlimit(resource.RLIMIT_CORE)
assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0  # PR_GET_DUMPABLE
harden_process()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_no_core_dumps_and_no_looking_in() -> None:
    """Both limits are set, and setting them again is fine."""
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], check=True)
