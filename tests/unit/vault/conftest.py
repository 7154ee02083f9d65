"""A data folder for vaults: in memory where there is such a place, because a vault flushes to the disk often."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import canary

MEMORY = Path("/dev/shm")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return an empty folder of the test's own; a stored key that shows in any file of it fails the test."""
    is_usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    folder = Path(tempfile.mkdtemp(prefix="batuta-", dir=MEMORY if is_usable else None))
    yield folder
    leaks = canary.leaks_below(folder)
    shutil.rmtree(folder, ignore_errors=True)
    assert not leaks
