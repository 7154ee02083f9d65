"""Where the master key comes from: the desktop's keyring, a passphrase, a file, the environment.

Every source blocks (a disk, a bus, a slow hash): the vault asks it in a thread, within a time. Knows nothing of what
the master key opens.
"""

# ruff: noqa: ARG002  # a source takes of what it is told only what it needs

from __future__ import annotations

import base64
import binascii
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from batuta.errors import VaultSealed
from batuta.vault.sealed import KEY_BYTES, name_of, new_key


class Kind(StrEnum):
    """The sources, by the names that the setting and the database use."""

    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105  # the name of a source
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Master:
    """A master key.

    Attributes:
        key: 32 bytes.
        derivation: how it comes out of a passphrase, as JSON; empty for one that is random itself.
    """

    key: bytes = field(repr=False)
    derivation: str = ""

    @property
    def id(self) -> str:
        """What it is recognised by."""
        return name_of(self.key)


class KeySource(Protocol):
    """A place for master keys. Two may lie in it while a rotation is under way."""

    kind: Kind

    def fetch(self, vault_id: str, master_id: str, derivation: str) -> bytes:
        """Return the master key of that id. Raises VaultSealed, saying where it looked and what a person can do."""
        ...

    def create(self, vault_id: str, *, present: str = "") -> Master:
        """Return a new master key, kept beside the `present` one. Raises VaultSealed, Conflict."""
        ...

    def keep(self, vault_id: str, master: Master) -> None:
        """Put a master key back that `create` has returned, if it is not there. Raises VaultSealed."""
        ...

    def has_more(self, vault_id: str, *, but: str = "") -> bool:
        """Say whether there is a master key of this vault beside that one. Raises VaultSealed."""
        ...

    def forget(self, vault_id: str, *, but: str = "") -> None:
        """Drop the master keys of this vault, all `but` one. Raises VaultSealed."""
        ...


def decoded(name: str, value: str) -> bytes:
    """Return the 32 bytes that a variable or a file gives in base64 or hexadecimal."""
    text = value.strip()
    for decode in (bytes.fromhex, lambda given: base64.b64decode(given, altchars=b"-_", validate=True), _standard):
        try:
            if len(key := decode(text)) == KEY_BYTES:
                return key
        except (ValueError, binascii.Error):
            continue
    raise VaultSealed(
        f"{name} is no master key: that is 32 random bytes in base64 (44 characters) or hexadecimal (64), as "
        "`openssl rand -base64 32` prints them; for words of your own choose the source `passphrase`"
    )


def _standard(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class KeyLines:
    """Master keys as lines of text, `vault id key`: what the file and the keyring hold. Raises VaultSealed."""

    @staticmethod
    def read(text: str, where: str) -> list[tuple[str, bytes]]:
        """Return (vault id, key) of each line that is no comment."""
        found = []
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                vault_id, _, key = line.strip().partition(" ")
                found.append((vault_id, decoded(where, key)))
        return found

    @staticmethod
    def write(keys: list[tuple[str, bytes]]) -> str:
        """Return the text."""
        return "".join(f"{vault_id} {base64.b64encode(key).decode()}\n" for vault_id, key in keys)


class LinesSource(ABC):
    """A place that holds a text: what the file and the keyring have in common."""

    where: str

    @abstractmethod
    def load(self, vault_id: str) -> str:
        """Return the text; empty if there is none. Raises VaultSealed."""

    @abstractmethod
    def save(self, vault_id: str, text: str) -> None:
        """Replace the text by another, at once and for good; an empty one takes it away. Raises VaultSealed."""

    def fetch(self, vault_id: str, master_id: str, derivation: str) -> bytes:
        """Return the key of that id."""
        found = KeyLines.read(self.load(vault_id), self.where)
        for _, key in found:
            if name_of(key) == master_id:
                return key
        raise VaultSealed(
            f"the master key in {self.where} is not the one that the stored keys are sealed with"
            if found
            else f"the master key of the stored keys is missing: {self.where} does not hold it. Put it back, or remove "
            "the keys and add them again"
        )

    def create(self, vault_id: str, *, present: str = "") -> Master:
        """Keep a new random key beside what is there."""
        master = Master(new_key())
        self.keep(vault_id, master)
        return master

    def keep(self, vault_id: str, master: Master) -> None:
        """Have the key among those that are there."""
        known = KeyLines.read(self.load(vault_id), self.where)
        if not any(name_of(key) == master.id for _, key in known):
            self.save(vault_id, KeyLines.write([*known, (vault_id, master.key)]))

    def has_more(self, vault_id: str, *, but: str = "") -> bool:
        """Say whether a rotation left another one behind."""
        return any(_is_another(each, vault_id, but) for each in KeyLines.read(self.load(vault_id), self.where))

    def forget(self, vault_id: str, *, but: str = "") -> None:
        """Keep the keys of other vaults and the one of that id."""
        known = KeyLines.read(self.load(vault_id), self.where)
        kept = [each for each in known if not _is_another(each, vault_id, but)]
        if len(kept) < len(known):
            self.save(vault_id, KeyLines.write(kept))


def _is_another(line: tuple[str, bytes], vault_id: str, but: str) -> bool:
    return line[0] == vault_id and name_of(line[1]) != but
