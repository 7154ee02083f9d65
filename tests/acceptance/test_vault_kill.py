"""A rotation that is killed at any step leaves a vault in which every key opens, with exactly one master key."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("BATUTA_VAULT_KILLS", "40"))  # a move; the thorough run sets as many as there are steps


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder in memory where there is such a place: what a kill leaves does not depend on the disk."""
    memory = Path("/dev/shm")
    is_usable = memory.is_dir() and os.access(memory, os.W_OK)
    with tempfile.TemporaryDirectory(prefix="batuta-", dir=memory if is_usable else None) as name:
        yield Path(name)


def test_no_kill_breaks_the_vault(folder: Path) -> None:
    """Killed at forty steps of each of four moves: old master key or new one, whole, and tidied by the next start."""
    words = [sys.executable, "-m", "tests.acceptance.vault_nursery", str(folder), str(KILLS)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    killed = [int(number) for number in re.findall(r": (\d+) kills of", done.stdout)]
    assert len(killed) == 4
    assert min(killed) >= KILLS - 2, done.stdout  # threads make the number of steps vary by a few
