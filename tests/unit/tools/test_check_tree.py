"""The check of the tree notices what it is there to notice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tools.check_tree import check_vendored, is_allowed, read_lock

ALLOWED = ["MIT", "Apache-2.0", "MPL-2.0"]
RULES = {"allowed_licences": ALLOWED}
HASH = "0" * 64


def test_a_pinned_line_with_hashes_is_a_lock() -> None:
    """Name, version, marker and hashes are read; nothing is foreign."""
    lock = read_lock(f"# made by make lock\nA_b==1.2 ; sys_platform == 'win32' \\\n    --hash=sha256:{HASH}\n")
    assert (lock.versions, lock.unhashed, lock.foreign) == ({"a-b": ["1.2"]}, [], [])


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--find-links wheels",
        f"name @ https://example.org/name.whl --hash=sha256:{HASH}",
        f"name>=1 --hash=sha256:{HASH}",
        "name==1 --hash=md5:00",
    ],
)
def test_a_lock_names_no_place_and_no_range(line: str) -> None:
    """Options, addresses, ranges and weak hashes do not belong."""
    assert read_lock(line + "\n").foreign


def test_a_pin_without_a_hash_is_noticed() -> None:
    """What could be exchanged unnoticed is named."""
    assert read_lock("name==1\n").unhashed == ["name"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("", False),
    ],
)
def test_every_licence_of_an_expression_counts(expression: str, *, expected: bool) -> None:
    """One licence that is not on the list is enough to refuse."""
    assert is_allowed(expression, ALLOWED) is expected


def vendored(folder: Path, *, licence: str = "MIT", content: bytes = b"code", listed: str = "vendor/a.js") -> list[str]:
    (folder / "vendor").mkdir()
    (folder / "vendor/a.js").write_bytes(content)
    digest = hashlib.sha256(b"code").hexdigest()
    (folder / "VENDORED.toml").write_text(
        f'[[file]]\nname = "a"\nversion = "1"\nfile = "{listed}"\nsha256 = "{digest}"\nlicence = "{licence}"\n'
    )
    return list(check_vendored(folder, RULES))


def test_a_vendored_file_as_listed_is_fine(tmp_path: Path) -> None:
    """Listed, there, unchanged, under a licence on the list."""
    assert vendored(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"content": b"changed"}, "other sha256"),
        ({"licence": "GPL-3.0-only"}, "not on the list"),
        ({"listed": "vendor/b.js"}, "not listed"),
    ],
)
def test_a_vendored_file_that_differs_is_refused(tmp_path: Path, change: dict[str, str], complaint: str) -> None:
    """Changed, under another licence, or not listed: each is named."""
    assert any(complaint in line for line in vendored(tmp_path, **change))  # type: ignore[arg-type]  # mixed values
