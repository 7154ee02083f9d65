"""Looks for models in folders: single files, and folders of safetensors. Blocks on the disk: run it in a thread.

What a file says of itself is read by the function it is given; a file that has not changed is not read again, so
thousands of files cost one look at each folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol, TypeVar

from batuta.catalog.discovery import bad_address, is_cached, printable
from batuta.catalog.entities import Capability, MemoryNeed
from batuta.catalog.records import Found, Problem
from batuta.errors import BadModelFile, Cause

SUFFIX = ".gguf"
WEIGHTS = ".safetensors"
CONFIG = "config.json"  # with weights beside it, a folder is a model
BESIDE = (WEIGHTS, ".json", ".jinja")  # files of such a folder that say something of the model
PARTIAL = frozenset({".part", ".partial", ".incomplete", ".download", ".crdownload", ".tmp"})
DEEPEST = 12  # folders below a root; a cache of models has five
SETTLE_S = 10.0  # a bad file that was changed this lately is still being written
_PART = re.compile(r"^(?P<base>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf$", re.IGNORECASE)

Roots = tuple[Path, ...]
ReadFile = Callable[[Path, Roots], Found | None]
"""Returns what a file says, None for a file that is no model by itself; raises BadModelFile with its cause."""


class Header(Protocol):
    """What must be known of a model file (`loader.gguf.GGUFInfo` has this form)."""

    @property
    def name(self) -> str: ...
    @property
    def context_length(self) -> int: ...
    @property
    def chat_template(self) -> str | None: ...
    @property
    def can_chat(self) -> bool: ...
    @property
    def is_embedding(self) -> bool: ...
    @property
    def is_part(self) -> bool: ...
    @property
    def has_tools(self) -> bool: ...
    @property
    def has_reasoning(self) -> bool: ...


H = TypeVar("H", bound=Header)


def reader(inspect: Callable[[Path, Roots], H], estimate: Callable[[H], MemoryNeed]) -> ReadFile:
    """Join the two functions of the loader, which reads headers and estimates memory, into one for the scan."""

    def read(path: Path, roots: Roots) -> Found | None:
        header = inspect(path, roots)
        if header.is_part:
            return None
        return Found(str(path), header.name, capabilities_of(header), header.context_length, estimate(header))

    return read


def capabilities_of(header: Header) -> frozenset[Capability]:
    """Return what a model file can do; a template is what makes a chat of it, llama.cpp brings one if it has none."""
    if header.is_embedding:
        return frozenset({Capability.EMBEDDING})
    # Its child is started with embeddings on (pooling of the last token), beside chat and at no cost to it.
    able = {Capability.COMPLETION, Capability.EMBEDDING}
    able |= {Capability.CHAT} if header.can_chat else set()
    able |= {Capability.TOOLS} if header.has_tools else set()
    able |= {Capability.REASONING} if header.has_reasoning else set()
    return frozenset(able)


class _Signature(NamedTuple):
    size: int
    mtime_ns: int


@dataclass(slots=True)
class _Entry:
    """What is known of one path while its signature stays."""

    signature: _Signature
    since: float
    found: Found | None = None
    problem: str | None = None
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at all folders. `pending`: files still being written, by path."""

    found: tuple[Found, ...]
    problems: tuple[Problem, ...]
    pending: tuple[str, ...] = ()


class FileScanner:
    """Remembers what files said, by path, size and time of change.

    Args:
        roots: folders searched, with everything below them.
        files: single files beside them that a person named.
        read: what reads a file.
        must_exist: report a root that is not there (a person named it).
    """

    def __init__(self, roots: Roots, read: ReadFile, *, files: Roots = (), must_exist: bool = False) -> None:
        self._roots = roots
        self._files = files
        self._read = read
        self._must_exist = must_exist
        self._cache: dict[str, _Entry] = {}

    def prime(self, known: Iterable[Found]) -> None:
        """Take over what an earlier run found, so that unchanged files are not read at start."""
        for found in known:
            entry = _Entry(_Signature(found.size, found.mtime_ns), 0.0, found, is_read=True)
            self._cache[found.address] = entry

    def scan(self, *, monotonic: float, wall: float) -> Scan:
        """Look at every folder; read what is new. Blocks on the disk."""
        problems: list[Problem] = []
        paths = sorted(self._candidates(problems, wall))
        entries = {path: self._look(path, signature, monotonic, wall) for path, signature in paths}
        self._cache = entries
        problems += [Problem(printable(path), entry.problem) for path, entry in entries.items() if entry.problem]
        return Scan(
            found=tuple(entry.found for entry in entries.values() if entry.found),
            problems=tuple(problems),
            pending=tuple(path for path, entry in entries.items() if not entry.is_read),
        )

    def _look(self, path: str, signature: _Signature, monotonic: float, wall: float) -> _Entry:
        """Return what is known of a file, reading it if need be.

        1. Read before and not changed since: as it was.
        2. Readable: a model, or nothing for a file that is none by itself.
        3. Not readable, but changed lately: still being written; nothing is said about it yet.
        4. Not readable: a problem. Permissions change without a trace in the signature, so it is tried again.
        """
        entry = self._cache.get(path)
        if entry is None or entry.signature != signature:
            entry = _Entry(signature, monotonic)
        elif entry.is_read:
            return entry  # 1
        try:
            found = self._read(Path(path), (*self._roots, *(file.parent for file in self._files)))
        except BadModelFile as error:
            age = max(wall - signature.mtime_ns / 1e9, monotonic - entry.since)
            is_settled = age > SETTLE_S
            entry.problem = error.message if is_settled else None  # 3, 4
            entry.is_read = is_settled and error.cause is not Cause.UNREADABLE_FILE
            return entry
        entry.problem = None
        entry.is_read = True
        if found is not None:  # 2
            entry.found = Found(path, found.name, found.capabilities, found.context_length, found.memory, *signature)
        return entry

    def _candidates(self, problems: list[Problem], wall: float) -> Iterator[tuple[str, _Signature]]:
        """Yield each model file's path once, with the size and time of all its parts."""
        seen: set[tuple[int, int]] = set()
        for root in self._roots:
            if self._must_exist and not root.is_dir():
                problems.append(Problem(str(root), "there is no such folder; create it, or correct models_dirs"))
                continue
            folders: list[tuple[str, _Signature]] = []
            yield from _grouped(_walk(root, self._roots, seen, problems, folders), problems, wall)
            yield from _current(folders, problems)
        for file in self._files:
            try:
                facts = file.stat()
            except OSError as error:
                problems.append(Problem(str(file), f"it cannot be opened: {error.strerror or error}"))
                continue
            if (facts.st_dev, facts.st_ino) not in seen:
                seen.add((facts.st_dev, facts.st_ino))
                yield str(file), _Signature(facts.st_size, facts.st_mtime_ns)


def is_model_name(name: str) -> bool:
    """Say whether a file of that name may be a model: a GGUF, whole, and no projector of another model."""
    lower = name.lower()
    if not lower.endswith(SUFFIX) or lower.startswith(".") or "mmproj" in lower:
        return False
    return not PARTIAL & set(Path(lower).suffixes)


def _walk(
    root: Path,
    roots: Roots,
    seen: set[tuple[int, int]],
    problems: list[Problem],
    folders: list[tuple[str, _Signature]],
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield model files below `root`, each real file and folder once; no link leads out of the roots.

    Folders that are models go to `folders`.
    """
    real_roots = tuple(os.path.realpath(each) for each in roots)
    links: list[tuple[str, os.stat_result]] = []
    todo = [(str(root), 0)]
    while todo:
        folder, depth = todo.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(Problem(printable(folder), f"this folder cannot be read: {error.strerror or error}"))
            continue
        if (signature := _folder_signature(entries)) is not None:
            folders.append((folder, signature))
        for entry in entries:
            is_link = entry.is_symlink()
            if is_link and not _is_inside(entry.path, real_roots):
                continue
            with suppress(OSError):  # gone between the listing and this look, or a link to nowhere
                facts = entry.stat()
                if stat.S_ISDIR(facts.st_mode) and depth < DEEPEST and _first(facts, seen):
                    todo.append((entry.path, depth + 1))
                elif stat.S_ISREG(facts.st_mode) and is_model_name(entry.name):
                    if is_link:
                        links.append((entry.path, facts))
                    elif _first(facts, seen):
                        yield entry.path, facts
    # Links last: a file that is there under its own name is listed under that one.
    yield from ((path, facts) for path, facts in links if _first(facts, seen))


def _folder_signature(entries: list[os.DirEntry[str]]) -> _Signature | None:
    """Return the size of a model folder's weights and its latest change; None for any other folder."""
    names = {entry.name for entry in entries}
    if CONFIG not in names or not any(name.endswith(WEIGHTS) for name in names):
        return None
    size = latest = 0
    for entry in entries:
        if entry.name.endswith(BESIDE):
            with suppress(OSError):  # a link to nowhere: what reads the folder says which file is missing
                facts = entry.stat()
                size += facts.st_size if entry.name.endswith(WEIGHTS) else 0
                latest = max(latest, facts.st_mtime_ns)
    return _Signature(size, latest)


def _current(folders: list[tuple[str, _Signature]], problems: list[Problem]) -> Iterator[tuple[str, _Signature]]:
    """Yield model folders; of a model in Hugging Face's cache, which keeps old revisions, the current one."""
    revisions: dict[Path, list[tuple[str, _Signature]]] = {}
    for path, signature in folders:
        if reason := bad_address(path):
            problems.append(Problem(printable(path), reason))
        elif is_cached(path):
            revisions.setdefault(Path(path).parent.parent, []).append((path, signature))
        else:
            yield path, signature
    for model, known in revisions.items():
        main = ""
        with suppress(OSError, UnicodeDecodeError):
            main = (model / "refs" / "main").read_text(encoding="ascii").strip()
        named = [each for each in known if PurePath(each[0]).name == main]
        yield from named or [max(known, key=lambda each: each[1].mtime_ns)]


def _first(facts: os.stat_result, seen: set[tuple[int, int]]) -> bool:
    key = (facts.st_dev, facts.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _is_inside(path: str, real_roots: tuple[str, ...]) -> bool:
    real = os.path.realpath(path)
    return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in real_roots)


def _grouped(
    files: Iterable[tuple[str, os.stat_result]], problems: list[Problem], wall: float
) -> Iterator[tuple[str, _Signature]]:
    """Yield single files as they are, and a split model once, by its first part, when all parts are there."""
    parts: dict[tuple[str, str, int], dict[int, tuple[str, os.stat_result]]] = {}
    for path, facts in files:
        folder, name = os.path.split(path)
        if reason := bad_address(path):
            problems.append(Problem(printable(path), reason))
        elif match := _PART.match(name):
            key = (folder, match["base"], int(match["total"]))
            parts.setdefault(key, {})[int(match["number"])] = (path, facts)
        else:
            yield path, _Signature(facts.st_size, facts.st_mtime_ns)
    for (folder, base, total), present in parts.items():
        sizes = sum(facts.st_size for _, facts in present.values())
        latest = max(facts.st_mtime_ns for _, facts in present.values())
        if set(present) == set(range(1, total + 1)):
            yield present[1][0], _Signature(sizes, latest)
        elif wall - latest / 1e9 > SETTLE_S:  # else the others are on their way
            reason = f"only {len(present)} of its {total} parts are there; copy the others beside them"
            problems.append(Problem(printable(os.path.join(folder, base)), reason))  # noqa: PTH118  # text, not a path
