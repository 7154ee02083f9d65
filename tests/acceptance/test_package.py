"""The wheel holds the tree's files and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.check_tree import ROOT, tracked_files

pytestmark = pytest.mark.acceptance

METADATA = re.compile(r"batuta-[^/]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/(LICENSE|NOTICE))")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_is_the_tree(wheel: Path) -> None:
    """Every file of the package is in the wheel, and no file that the tree does not hold."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {Path(*path.parts[1:]).as_posix() for path in tracked_files() if path.parts[:2] == ("src", "batuta")}
    extra = {name for name in names - package if not METADATA.fullmatch(name)}
    assert (extra, package - names) == (set(), set())


def test_the_wheel_runs_nothing_by_itself(wheel: Path) -> None:
    """No .pth file: installing Batuta adds no code to every start of Python."""
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".pth")]
