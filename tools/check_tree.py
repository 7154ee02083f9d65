"""Checks of the tree that no other tool makes: locks, licences, vendored files.

Knows the files and the installed packages' metadata; asks nobody outside this machine.
`--write` renews docs/reference/dependencies.md instead of comparing it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path("docs/reference/dependencies.md")
SKIPPED = {".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"}
SHIPPED = ("run", "postgres", "testing")  # what a person may install with Batuta
# The page says the same on every machine: markers are judged for this one.
REFERENCE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}
GROUPS = {
    "run": "Batuta itself",
    "postgres": "Extra `postgres`",
    "testing": "Extra `testing`",
    "build": "Building the package",
    "dev": "Working on Batuta",
}


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Return the files of the tree, relative to its root: what git tracks or would; without git, all but caches."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)  # noqa: S603  # fixed words
        names = [Path(name) for name in done.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(root) for path in root.rglob("*") if not SKIPPED & set(path.parts)]
        names = [name for name in names if "__pycache__" not in name.parts]
    return sorted({name for name in names if (root / name).is_file()})


# --- locks ---------------------------------------------------------------------------------------------------------


@dataclass
class Lock:
    """A requirements file: versions by name, the names without a hash, and the lines that do not belong."""

    versions: dict[str, list[str]] = field(default_factory=dict)
    unhashed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([\w.!+-]+)( ; .+)?$")


def read_lock(text: str) -> Lock:
    """Read a requirements file. Anything but `name==version ; marker --hash=sha256:...` and comments is foreign."""
    lock = Lock()
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pin, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        if not (match := _PIN.match(pin.strip())) or not all(re.fullmatch(r"[0-9a-f]{64}", text) for text in hashes):
            lock.foreign.append(line[:80])
            continue
        lock.versions.setdefault(canonicalize_name(match[1]), []).append(match[2])
        if not hashes:
            lock.unhashed.append(match[1])
    return lock


# PyTorch's builds for CPU, CUDA, ROCm and Metal are different files: which one is the person's choice, not a lock's.
NOT_LOCKED = frozenset({"transformers"})


def check_locks(root: Path) -> Iterator[str]:
    """Yield what is wrong with the locks: no hash, an index or URL, a direct dependency missing or out of range."""
    for path in sorted((*root.glob("requirements/*.txt"), *root.glob("tests/clients/*/requirements.txt"))):
        lock, name = read_lock(path.read_text(encoding="utf-8")), path.relative_to(root)
        yield from (f"{name}: {package} has no hash" for package in lock.unhashed)
        yield from (f"{name}: not a pinned requirement: {line!r}" for line in lock.foreign)
    for group, requirements in direct(root).items():
        if group in NOT_LOCKED:
            continue
        lock = _lock_of(root, group)
        for requirement in requirements:
            versions = lock.versions.get(canonicalize_name(requirement.name), [])
            if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
                yield f"{requirement} ({group}) is locked as {versions or 'nothing'}: run `make lock`"


def _lock_of(root: Path, group: str) -> Lock:
    name = "run.txt" if group in {"run", "build"} else "dev.txt"
    return read_lock((root / "requirements" / name).read_text(encoding="utf-8"))


def direct(root: Path) -> dict[str, list[Requirement]]:
    """Return the direct dependencies of pyproject.toml by group."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    groups: dict[str, list[str]] = {"run": project["project"]["dependencies"]}
    groups |= project["project"].get("optional-dependencies", {})
    groups |= project.get("dependency-groups", {})
    return {group: [Requirement(text) for text in texts] for group, texts in groups.items()}


# --- licences ------------------------------------------------------------------------------------------------------


def licence_of(name: str, rules: dict[str, Any]) -> str | None:
    """Return the SPDX expression of an installed package, or of the rules; None when nobody says."""
    if known := rules["licence"].get(name):
        return str(known)
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    said = str((metadata.get_all("License-Expression") or metadata.get_all("License") or [""])[0])
    if not said or "\n" in said:
        marks = [text.split("::")[-1].strip() for text in metadata.get_all("Classifier") or [] if "License ::" in text]
        said = " OR ".join(str(rules["spelling"].get(mark, mark)) for mark in marks)
    return str(rules["spelling"].get(said, said)) or None


def is_allowed(expression: str, allowed: list[str]) -> bool:
    """Say whether every licence that an SPDX expression names is on the list."""
    words = expression.replace("(", " ").replace(")", " ").split(" ")
    names = [word for word in " ".join(words).replace(" AND ", "\n").replace(" OR ", "\n").split("\n") if word.strip()]
    return bool(names) and all(name.strip() in allowed for name in names)


def closure(names: Sequence[str]) -> dict[str, set[str]]:
    """Return everything that `names` need, each with those that need it, from installed metadata."""
    needed: dict[str, set[str]] = {}
    queue = [(name, frozenset[str]()) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for requirement in map(Requirement, requires):
            marker = requirement.marker
            if marker and not any(marker.evaluate({**REFERENCE, "extra": extra}) for extra in (extras or {""})):
                continue
            child = canonicalize_name(requirement.name)
            needed.setdefault(child, set()).add(name)
            queue.append((child, frozenset(requirement.extras)))
    return needed


def check_licences(root: Path, rules: dict[str, Any]) -> Iterator[str]:
    """Yield each shipped package without a licence on the list, and each mismatch of dependencies and reasons."""
    groups = direct(root)
    for group, requirements in groups.items():
        names = {canonicalize_name(requirement.name) for requirement in requirements}
        reasons = set(rules["why"].get(group, {}))
        yield from (f"{name} ({group}) has no reason in tools/dependencies.toml" for name in sorted(names - reasons))
        yield from (f"{name} ({group}) has a reason but is no dependency" for name in sorted(reasons - names))
    for name in sorted(_shipped(root)):
        licence = licence_of(name, rules)
        if licence is None:
            yield f"{name}: no licence known; name it in [licence] of tools/dependencies.toml"
        elif not is_allowed(licence, rules["allowed_licences"]):
            yield f"{name}: licence {licence!r} is not on the list of tools/dependencies.toml"


def _shipped(root: Path) -> set[str]:
    groups = direct(root)
    roots = [canonicalize_name(item.name) for group in SHIPPED for item in groups.get(group, [])]
    indirect = set(closure(roots)) | set(_lock_of(root, "run").versions)
    return {canonicalize_name(name) for name in (*roots, *indirect)}


# --- the table -----------------------------------------------------------------------------------------------------


def dependency_page(root: Path, rules: dict[str, Any]) -> str:
    """Return docs/reference/dependencies.md: every direct dependency with its reason, then what they bring along."""
    lines = [
        "# Dependencies",
        "",
        "Made by `python tools/check_tree.py --write`; `make check` compares it. Versions and hashes are in",
        "`requirements/`. Nothing here is imported only because it was there: each direct dependency has its reason.",
    ]
    groups = direct(root)
    for group, title in GROUPS.items():
        names = sorted(canonicalize_name(requirement.name) for requirement in groups.get(group, []))
        lines += ["", f"## {title}", "", "| package | licence | why |", "|---|---|---|"]
        lines += [f"| {name} | {licence_of(name, rules) or '?'} | {rules['why'][group][name]} |" for name in names]
    chosen = {canonicalize_name(requirement.name) for items in groups.values() for requirement in items}
    lines += ["", "## Brought along", "", "| package | licence |", "|---|---|"]
    brought = sorted(_shipped(root) - chosen)
    lines += [f"| {name} | {licence_of(name, rules) or '?'} |" for name in brought]
    return "\n".join(lines) + "\n"


def check_table(root: Path, rules: dict[str, Any]) -> Iterator[str]:
    """Yield a line when the page is not what the metadata says now."""
    path = root / TABLE
    if not path.is_file() or path.read_text(encoding="utf-8") != dependency_page(root, rules):
        yield f"{TABLE} is out of date: run `.venv/bin/python tools/check_tree.py --write`"


# --- vendored files ------------------------------------------------------------------------------------------------


def check_vendored(root: Path, rules: dict[str, Any]) -> Iterator[str]:
    """Yield each file in a folder `vendor` that the VENDORED.toml beside the folder does not list as it is."""
    folders = {
        Path(*path.parts[: path.parts.index("vendor")]) for path in tracked_files(root) if "vendor" in path.parts
    }
    for folder in sorted(folders | {path.parent for path in tracked_files(root) if path.name == "VENDORED.toml"}):
        yield from _check_vendored(root, folder, rules["allowed_licences"])


def _check_vendored(root: Path, folder: Path, allowed: list[str]) -> Iterator[str]:
    listing = root / folder / "VENDORED.toml"
    present = {path.relative_to(folder).as_posix() for path in tracked_files(root) if folder / "vendor" in path.parents}
    if not listing.is_file():
        yield from (f"{folder / name} is vendored, but there is no {folder}/VENDORED.toml" for name in sorted(present))
        return
    listed: set[str] = set()
    for entry in _entries(tomllib.loads(listing.read_text(encoding="utf-8"))):
        if missing := {"name", "version", "file", "sha256", "licence"} - set(entry):
            yield f"{folder}/VENDORED.toml: {entry.get('file', entry)} lacks {', '.join(sorted(missing))}"
            continue
        path = root / folder / entry["file"]
        listed |= {entry["file"], entry.get("licence_file", entry["file"])}
        if not is_allowed(entry["licence"], allowed):
            yield f"{folder}/VENDORED.toml: licence {entry['licence']!r} of {entry['file']} is not on the list"
        if not path.is_file():
            yield f"{folder}/VENDORED.toml lists {entry['file']}, which is not there"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            yield f"{folder / entry['file']} is not the file that VENDORED.toml lists (other sha256)"
    yield from (f"{folder / name} is not listed in {folder}/VENDORED.toml" for name in sorted(present - listed))


def _entries(tree: dict[str, Any]) -> list[dict[str, Any]]:
    lists = [value for value in tree.values() if isinstance(value, list)]
    return [entry for entries in lists for entry in entries if isinstance(entry, dict)]


def problems(root: Path = ROOT) -> list[str]:
    """Return everything that is wrong with the tree, one line each."""
    rules = tomllib.loads((root / "tools/dependencies.toml").read_text(encoding="utf-8"))
    return [
        *check_locks(root),
        *check_licences(root, rules),
        *check_table(root, rules),
        *check_vendored(root, rules),
    ]


def main() -> int:
    """Check the tree, or with --write renew the generated page."""
    parser = argparse.ArgumentParser(description="Check locks, licences and vendored files.")
    parser.add_argument("--write", action="store_true", help=f"renew {TABLE}")
    if parser.parse_args().write:
        rules = tomllib.loads((ROOT / "tools/dependencies.toml").read_text(encoding="utf-8"))
        (ROOT / TABLE).write_text(dependency_page(ROOT, rules), encoding="utf-8")
    found = problems()
    for line in found:
        sys.stderr.write(line + "\n")
    sys.stdout.write(f"check_tree: {len(found) or 'no'} problem{'' if len(found) == 1 else 's'}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
