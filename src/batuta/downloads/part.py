"""A file that is not whole yet: beside the models, never among them, with a record of what it will be.

Everything here blocks on the disk: run it in a thread. Knows nothing of where the bytes come from.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from batuta.downloads.errors import DiskRefused, NoSpace
from batuta.downloads.names import Wanted, label_of
from batuta.errors import BadModelFile, BatutaError, Conflict
from batuta.loader.gguf import read_header

FOLDER = ".downloads"  # in the models folder: the last step is a rename, which works within one disk only
PART = ".part"
RECORD = ".json"
HASH_PIECE = 8 << 20  # bytes hashed at a time
KEEP_FREE = 64 << 20  # bytes a download leaves on the disk: databases and logs need some
LONGEST_NAME = 200  # bytes of a part's name; what files may have is 255
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Record:
    """What a part will be when it is whole. Anything else than this that the hub lists later makes it worthless."""

    wanted: str
    url: str
    path: str
    size: int
    sha256: str
    etag: str = ""


class Disk:
    """The disk's two doings that can fail for want of room, so that a play can have them fail."""

    def free(self, folder: Path) -> int:
        """Return the bytes that this user may still write there."""
        return shutil.disk_usage(folder).free

    def write(self, file: BinaryIO, data: bytes) -> None:
        """Write all of it."""
        file.write(data)


DISK = Disk()


class Part:
    """One file that grows.

    Args:
        root: the models folder.
        name: of the part, without its ending; unique in the folder.
        disk: where it lies.
    """

    def __init__(self, root: Path, name: str, disk: Disk = DISK) -> None:
        self.folder = root / FOLDER
        encoded = name.encode()
        if len(encoded) > LONGEST_NAME:
            digest = hashlib.sha256(encoded).hexdigest()[:16]
            name = f"{encoded[: LONGEST_NAME - 17].decode(errors='ignore')}-{digest}"
        self.path = self.folder / f"{name}{PART}"
        self.record_path = self.folder / f"{name}{RECORD}"
        self.disk = disk
        self.size = 0
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None

    def open(self, record: Record, *, is_again: bool = True) -> None:
        """Open it for more; what is there of another file, or is not to be kept (`is_again` false), is thrown away.

        What is there is not hashed yet: call `take_in` until it says that it is done.

        Raises:
            Conflict: another Batuta is downloading it.
            DiskRefused: it cannot be made there.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open_locked()
            assert self._file is not None
            known = read_record(self.record_path)
            is_same = known is not None and (known.path, known.size, known.sha256) == _identity(record)
            if not (is_again and is_same) or self._file.seek(0, os.SEEK_END) > record.size:
                self._file.truncate(0)
                write_record(self.record_path, record)
            self._file.seek(0)
        except OSError as error:
            self.close()
            raise self._refused(error) from None
        except Conflict:
            self.close()
            raise

    def _open_locked(self) -> None:
        while True:
            # Unbuffered: what was written is what is there when the disk is full.
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
            self._lock()
            if _is_at(self._file, self.path):
                return
            self._file.close()  # another Batuta has finished or discarded it in between

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows: files that are written to are closed to others by themselves
            return
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise Conflict(f"{self.path.name.removesuffix(PART)} is being downloaded already") from None
            # A file system without locks is no reason not to download.

    @property
    def etag(self) -> str:
        """The validator that the file had when its first bytes came; empty if there was none."""
        known = read_record(self.record_path)
        return known.etag if known else ""

    def note(self, record: Record) -> None:
        """Keep a new record."""
        try:
            write_record(self.record_path, record)
        except OSError as error:
            raise self._refused(error) from None

    def take_in(self) -> bool:
        """Hash a piece of what is there already; return whether there is more."""
        assert self._file is not None
        data = self._file.read(HASH_PIECE)
        self._hash.update(data)
        self.size += len(data)
        return bool(data)

    def append(self, data: bytes) -> None:
        """Write more. Raises NoSpace when the disk is full, and DiskRefused when it is broken."""
        assert self._file is not None
        try:
            self.disk.write(self._file, data)
        except OSError as error:
            raise self._refused(error, missing=len(data)) from None
        self._hash.update(data)
        self.size += len(data)

    def restart(self) -> None:
        """Throw away what is there and begin again."""
        assert self._file is not None
        try:
            self._file.seek(0)
            self._file.truncate(0)
        except OSError as error:
            raise self._refused(error) from None
        self.size = 0
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        """Return the SHA-256 of all that is there, in hexadecimal digits."""
        return self._hash.hexdigest()

    def settle(self) -> None:
        """Have the disk keep what was written, whatever happens to the machine."""
        assert self._file is not None
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._refused(error) from None

    def check_header(self, shown: str) -> None:
        """Raise BadModelFile unless it is a sound GGUF file. `shown`: what to call it."""
        assert self._file is not None
        try:
            read_header(self._file, self.size)
        except ValueError as error:
            raise BadModelFile(f"{shown} is no model that can be used: {error}") from None

    def become(self, target: Path, *, may_replace: bool = True) -> None:
        """Take the place of the model file: at once and whole, or not at all.

        Raises:
            Conflict: there is a file of that name, and it is not to be replaced.
            DiskRefused: it cannot be put there.
        """
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not may_replace and target.exists():
                raise Conflict(f"there is a file {target} already; remove it first, or give this one another name")
            self.path.replace(target)
            self.record_path.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise self._refused(error) from None
        self.close()
        self._tidy()

    def room_for(self, need: int) -> None:
        """Raise NoSpace unless `need` more bytes fit."""
        try:
            free = self.disk.free(self.folder)
        except OSError as error:
            raise self._refused(error) from None
        if free - KEEP_FREE < need:
            raise no_space(self.folder.parent, need + KEEP_FREE - free)

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Remove it and its record."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.record_path.unlink(missing_ok=True)
        self.close()
        self._tidy()

    def _tidy(self) -> None:
        with suppress(OSError):  # there are others in it
            self.folder.rmdir()

    def _refused(self, error: OSError, *, missing: int = 0) -> BatutaError:
        if error.errno in _FULL:
            return no_space(self.folder.parent, missing or 1)
        return DiskRefused(
            f"{self.folder.parent} cannot be written to ({error.strerror or error}); check the folder, or name another "
            "one with --models-dir"
        )

    def __repr__(self) -> str:
        return f"<Part {self.path.name} {self.size} bytes>"


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _identity(record: Record) -> tuple[str, int, str]:
    return record.path, record.size, record.sha256


def no_space(folder: Path, missing: int) -> NoSpace:
    """Return the error for a full disk. `missing`: bytes that are needed beside what is free."""
    return NoSpace(
        f"the disk of {folder} is full: at least {_size(missing)} more must be free; nothing of the download was left "
        "on it",
        details={"missing_bytes": missing, "folder": str(folder)},
    )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _sync_folder(folder: Path) -> None:
    """Have the disk keep a new name; where folders cannot be opened, it does so in its own time."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_record(path: Path) -> Record | None:
    """Return a record; None when there is none that makes sense."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Record(
            str(raw["wanted"]),
            str(raw["url"]),
            str(raw["path"]),
            int(raw["size"]),
            str(raw["sha256"]),
            str(raw.get("etag", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Write a record, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draft.replace(path)


def part_name(wanted: Wanted, path: str) -> str:
    """Return what the part of a repository's file is called."""
    return f"{wanted.repo}/{path}".replace("/", "--")


def target_of(root: Path, wanted: Wanted, path: str) -> Path:
    """Return where a repository's file goes: in a folder of its maker and name, as LM Studio and others keep them."""
    return root.joinpath(*wanted.repo.split("/"), path.rpartition("/")[2])


def leftovers(root: Path, wanted: Wanted) -> list[Path]:
    """Return the parts that cut downloads of the same name, or of any of the repository's files, have left."""
    folder = root / FOLDER
    parts = sorted(folder.glob(f"*{PART}")) if folder.is_dir() else []
    return [path for path in parts if _is_of(path, read_record(path.with_suffix(RECORD)), wanted)]


def _is_of(path: Path, record: Record | None, wanted: Wanted) -> bool:
    """Say whether a part is one that `wanted` means: 1. of its name, 2. its file, 3. any of the whole repository."""
    if record is None:
        return path.name.startswith(part_name(wanted, ""))
    if record.wanted == str(wanted):  # 1
        return True
    repo = re.split("[/:]", record.wanted.removeprefix("hf:"))[:2]
    if "/".join(repo) != wanted.repo:
        return False
    if wanted.file:  # 2
        return record.path.casefold().endswith(wanted.file.casefold())
    return not wanted.quant or label_of(record.path) == wanted.quant.upper()  # 3


def discard_leftovers(root: Path, wanted: Wanted) -> int:
    """Remove what cut downloads of that name have left; return how many bytes that was.

    Raises:
        Conflict: one of them is being downloaded at this moment.
    """
    total = 0
    for path in leftovers(root, wanted):
        part = Part(root, path.name.removesuffix(PART))
        record = read_record(part.record_path) or Record(str(wanted), "", "", 0, "")
        size = path.stat().st_size
        part.open(record)
        part.discard()
        total += size
    return total
