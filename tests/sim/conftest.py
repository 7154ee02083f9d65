"""Where the recorded traces are, and the one that is the project's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from batuta.testing.simulate.traces import FOLDER

HYBRID = Path(__file__).with_name("hybrid_sessions_synthetic.csv.gz")


@pytest.fixture(scope="session")
def hybrid_file() -> Path:
    """Return the sessions of six people: the project's own trace."""
    return HYBRID


@pytest.fixture(scope="session")
def traces_folder(request: pytest.FixtureRequest, skip_loudly: Callable[[str], NoReturn]) -> Path:
    """Return the folder of recorded traces, or skip, loudly."""
    named = os.environ.get(FOLDER)
    folder = Path(named) if named else request.getfixturevalue("shared_data") / "traces"
    if not folder.is_dir():
        skip_loudly(f"TESTS ON RECORDED TRACES DID NOT RUN: there is no {folder}")
    return folder
