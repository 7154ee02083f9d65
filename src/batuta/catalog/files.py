"""Looks for models in folders: single files, and folders of safetensors. Blocks on the disk: run it in a thread.

What a file says of itself is read by the function it is given; a file that has not changed is not read again, so
thousands of files cost one look at each folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol, TypeVar

from batuta.catalog.discovery import bad_address, is_cached, printable
from batuta.catalog.entities import Capability, MemoryNeed
from batuta.catalog.ollama_folder import OllamaFolder
from batuta.catalog.records import Found, Problem
from batuta.catalog.shelves import SNAPSHOTS, Rule, Shelf, enters, revision_of, stem_of
from batuta.errors import BadModelFile, Cause

SUFFIX = ".gguf"
WEIGHTS = ".safetensors"
CONFIG = "config.json"  # with weights beside it, a folder is a model
BESIDE = (WEIGHTS, ".json", ".jinja")  # files of such a folder that say something of the model
PARTIAL = frozenset({"part", "partial", "incomplete", "download", "crdownload", "tmp"})  # between dots of a name
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
    """One look at all folders.

    Attributes:
        found: models.
        problems: files and folders that cannot be read, and why.
        pending: files still being written, by path.
        ollama: path -> name of the models that lie in Ollama's folder.
    """

    found: tuple[Found, ...]
    problems: tuple[Problem, ...]
    pending: tuple[str, ...] = ()
    ollama: Mapping[str, str] = field(default_factory=dict)


class FileScanner:
    """Remembers what files said, by path, size and time of change.

    Args:
        roots: folders searched, with everything below them.
        read: what reads a file.
        files: single files beside them that a person named.
        shelves: folders of other programs, each with its own order; what is in the roots too is listed as there.
        must_exist: report a root that is not there (a person named it).
    """

    def __init__(
        self,
        roots: Roots,
        read: ReadFile,
        *,
        files: Roots = (),
        shelves: tuple[Shelf, ...] = (),
        must_exist: bool = False,
    ) -> None:
        self._roots = roots
        self._files = files
        self._shelves = tuple((shelf, OllamaFolder(shelf.path)) for shelf in shelves)
        self._read = read
        self._must_exist = must_exist
        self._allowed = (*roots, *(file.parent for file in files), *(shelf.path for shelf in shelves))
        self._cache: dict[str, _Entry] = {}
        self._stems: dict[str, str] = {}
        self._ollama: dict[str, str] = {}

    def prime(self, known: Iterable[Found]) -> None:
        """Take over what an earlier run found, so that unchanged files are not read at start."""
        for found in known:
            entry = _Entry(_Signature(found.size, found.mtime_ns), 0.0, found, is_read=True)
            self._cache[found.address] = entry

    def scan(self, *, monotonic: float, wall: float) -> Scan:
        """Look at every folder; read what is new. Blocks on the disk."""
        problems: list[Problem] = []
        self._stems, self._ollama = {}, {}
        paths = sorted(self._candidates(problems, wall))
        entries = {path: self._look(path, signature, monotonic, wall) for path, signature in paths}
        self._cache = entries
        problems += [Problem(printable(path), entry.problem) for path, entry in entries.items() if entry.problem]
        return Scan(
            found=tuple(entry.found for entry in entries.values() if entry.found),
            problems=tuple(problems),
            pending=tuple(path for path, entry in entries.items() if not entry.is_read),
            ollama=self._ollama,
        )

    def _look(self, path: str, signature: _Signature, monotonic: float, wall: float) -> _Entry:
        """Return what is known of a file, reading it if need be.

        1. Read before and not changed since: as it was.
        2. Readable: a model, or nothing for a file that is none by itself.
        3. Not readable, but changed lately: still being written; nothing is said about it yet.
        4. Not readable: a problem. Permissions change without a trace in the signature, so it is tried again.
        5. Another program's, and none that could be run here: its own business, and no problem of ours.
        """
        entry = self._cache.get(path)
        if entry is None or entry.signature != signature:
            entry = _Entry(signature, monotonic)
        elif entry.is_read:
            return entry  # 1
        try:
            found = self._read(Path(path), self._allowed)
        except BadModelFile as error:
            age = max(wall - signature.mtime_ns / 1e9, monotonic - entry.since)
            is_settled = age > SETTLE_S
            is_told = self._is_ours(path) or error.cause is Cause.UNREADABLE_FILE  # 5
            entry.problem = error.message if is_settled and is_told else None  # 3, 4
            entry.is_read = is_settled and error.cause is not Cause.UNREADABLE_FILE
            return entry
        entry.problem = None
        entry.is_read = True
        if found is not None:  # 2
            stem = self._stems.get(path, "")
            name = stem or found.name
            entry.found = Found(path, name, found.capabilities, found.context_length, found.memory, *signature, stem)
        return entry

    def _is_ours(self, path: str) -> bool:
        return path.lower().endswith(SUFFIX) or any(Path(path).is_relative_to(root) for root in self._roots)

    def _candidates(self, problems: list[Problem], wall: float) -> Iterator[tuple[str, _Signature]]:
        """Yield each model file's path once, with the size and time of all its parts."""
        seen: set[tuple[int, int]] = set()
        for root in self._roots:
            if self._must_exist and not root.is_dir():
                problems.append(Problem(str(root), "there is no such folder; create it, or correct models_dirs"))
                continue
            folders: list[tuple[str, _Signature]] = []
            yield from _grouped(_walk(root, self._allowed, seen, problems, folders), problems, wall)
            yield from _current(folders, problems)
        for file in self._files:
            try:
                facts = file.stat()
            except OSError as error:
                problems.append(Problem(str(file), f"it cannot be opened: {error.strerror or error}"))
                continue
            if _first(facts, seen):
                yield str(file), _Signature(facts.st_size, facts.st_mtime_ns)
        for shelf, ollama in self._shelves:
            yield from self._on_shelf(shelf, ollama, seen, problems, wall)

    def _on_shelf(
        self, shelf: Shelf, ollama: OllamaFolder, seen: set[tuple[int, int]], problems: list[Problem], wall: float
    ) -> Iterator[tuple[str, _Signature]]:
        """Yield another program's models, and note what it calls them."""
        if shelf.rule is Rule.OLLAMA:
            yield from self._blobs(ollama, seen, problems)
            return
        folders: list[tuple[str, _Signature]] = []
        files = _walk(shelf.path, self._allowed, seen, problems, folders, shelf.rule)
        for path, signature in _grouped(_newest(files), problems, wall):
            if stem := stem_of(shelf.rule, path):
                self._stems[path] = stem
            yield path, signature
        yield from _current(folders, problems)

    def _blobs(
        self, ollama: OllamaFolder, seen: set[tuple[int, int]], problems: list[Problem]
    ) -> Iterator[tuple[str, _Signature]]:
        """Yield Ollama's blobs that are there: a pull under way has a manifest only when it is done."""
        real_roots = _real(self._allowed)
        is_inside = _is_inside(ollama.blobs, real_roots)
        for path, name in ollama.models(problems).items():
            with suppress(OSError):
                facts = os.lstat(path)
                if stat.S_ISLNK(facts.st_mode) or not is_inside:
                    if not _is_inside(path, real_roots):
                        continue
                    facts = os.stat(path)  # noqa: PTH116  # paths are text here
                if stat.S_ISREG(facts.st_mode) and not bad_address(path) and _first(facts, seen):
                    self._stems[path] = name if not bad_address(name) else ""
                    self._ollama[path] = name
                    yield path, _Signature(facts.st_size, facts.st_mtime_ns)


def is_model_name(name: str) -> bool:
    """Say whether a file of that name may be a model: a GGUF, whole, and no projector of another model."""
    lower = name.lower()
    if not lower.endswith(SUFFIX) or lower.startswith(".") or "mmproj" in lower:
        return False
    return PARTIAL.isdisjoint(lower.split(".")[1:])


def _walk(
    root: Path,
    roots: Roots,
    seen: set[tuple[int, int]],
    problems: list[Problem],
    folders: list[tuple[str, _Signature]],
    rule: Rule = Rule.PLAIN,
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield model files below `root`, each real file and folder once; no link leads out of the roots.

    Folders that are models go to `folders`.
    """
    real_roots = _real(roots)
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
                if stat.S_ISDIR(facts.st_mode):
                    if depth < DEEPEST and enters(rule, entry.name, depth) and _first(facts, seen):
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
        main = _main_of(model)
        named = [each for each in known if PurePath(each[0]).name == main]
        yield from named or [max(known, key=lambda each: each[1].mtime_ns)]


def _newest(files: Iterable[tuple[str, os.stat_result]]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield files; of one in several revisions of Hugging Face's cache the current one, else the latest."""
    revisions: dict[str, list[tuple[str, str, os.stat_result]]] = {}
    for path, facts in files:
        if (revision := revision_of(path)) is None:
            yield path, facts
        else:
            revisions.setdefault(revision[1], []).append((revision[0], path, facts))
    mains: dict[Path, str] = {}
    for known in revisions.values():
        main = ""
        if len(known) > 1:
            model = _model_folder(known[0][1])
            main = mains[model] if model in mains else mains.setdefault(model, _main_of(model))
        _, path, facts = max(known, key=lambda each: (each[0] == main, each[2].st_mtime_ns))
        yield path, facts


def _model_folder(path: str) -> Path:
    """Return the folder of a model in Hugging Face's cache that a path lies in."""
    return next(folder.parent for folder in Path(path).parents if folder.name == SNAPSHOTS)


def _main_of(model: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return (model / "refs" / "main").read_text(encoding="ascii").strip()
    return ""


def _real(roots: Iterable[Path]) -> tuple[str, ...]:
    return tuple(os.path.realpath(each) for each in roots)


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
