"""The master key in a file that is its owner's alone. Refuses one that somebody else could have read or put there."""

# ruff: noqa: ARG002  # one file holds the master keys of all vaults

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batuta.errors import VaultSealed
from batuta.vault.keysource import Kind, LinesSource

_HEAD = (
    "# The master key of Batuta's stored API keys. Whoever has this file and the database has the keys:\n"
    "# keep it out of the backups that hold the database.\n"
)
_LARGEST = 64 * 1024  # bytes; a file of our own has some 200
_OTHERS = 0o077


class FileSource(LinesSource):
    """A file of mode 0600 in a folder of mode 0700, made when a first key is stored.

    Everything is done relative to the opened folder, so that a name exchanged in between leads nowhere else.
    """

    kind = Kind.FILE

    def __init__(self, path: Path) -> None:
        self._path = path
        self.where = str(path)

    def load(self, vault_id: str) -> str:
        try:
            with self._folder() as folder:
                handle = os.open(self._path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
                with os.fdopen(handle, "rb") as file:
                    self._insist(os.fstat(handle), "file", stat.S_ISREG)
                    return file.read(_LARGEST).decode("ascii", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise self._refused(error, "read") from None

    def save(self, vault_id: str, text: str) -> None:
        """Write another file beside it, see it on the disk, and let it take the place. No draft of it stays."""
        draft = f"{self._path.name}.new"
        try:
            with self._folder() as folder:
                _unlink(draft, folder)  # of a process that was killed here
                try:
                    if text:
                        _write(draft, _HEAD + text, folder)
                        os.replace(draft, self._path.name, src_dir_fd=folder, dst_dir_fd=folder)
                    else:
                        _unlink(self._path.name, folder)
                finally:
                    _unlink(draft, folder)
                os.fsync(folder)
        except OSError as error:
            raise self._refused(error, "written") from None

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """Hold the folder open. A link of the owner's own may lead to it: that is how a disk is exchanged."""
        folder = self._path.parent
        link = os.lstat(folder)
        if stat.S_ISLNK(link.st_mode):
            _insist_on_owner(link, f"the link {folder}")
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._insist(os.fstat(handle), "folder", stat.S_ISDIR)
            yield handle
        finally:
            os.close(handle)

    def _insist(self, facts: os.stat_result, what: str, is_right: object) -> None:
        """Refuse what is not ours alone."""
        path = self._path if what == "file" else self._path.parent
        shown = f"the {what} {path}"
        if not callable(is_right) or not is_right(facts.st_mode):
            raise VaultSealed(f"the master key cannot be used: {shown} is no plain {what}")
        _insist_on_owner(facts, shown)
        if facts.st_mode & _OTHERS:
            mode = 600 if what == "file" else 700
            raise VaultSealed(
                f"the master key is not used: others may look into {shown} (mode {facts.st_mode & 0o777:o}); forbid it "
                f"with: chmod {mode} {path}"
            )

    def _refused(self, error: OSError, verb: str) -> VaultSealed:
        if error.errno == errno.ELOOP:  # O_NOFOLLOW met a link
            return VaultSealed(f"the master key is not used: {self.where} is a link; put the file itself there")
        return VaultSealed(f"the master key {self.where} cannot be {verb}: {error.strerror or error}")


def _unlink(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _write(name: str, text: str, folder: int) -> None:
    """Write a new file, and see it on the disk."""
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(handle, 0o600)  # whatever the umask says
        file.write(text)
        file.flush()
        os.fsync(handle)


def _insist_on_owner(facts: os.stat_result, shown: str) -> None:
    if facts.st_uid != os.geteuid():
        raise VaultSealed(f"the master key is not used: {shown} belongs to another user")
