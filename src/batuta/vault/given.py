"""Master keys that a person gives: a variable of the environment, or a passphrase. Keeps nothing anywhere."""

# ruff: noqa: ARG002  # a source takes of what it is told only what it needs

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from batuta.errors import Conflict, VaultSealed
from batuta.vault.keysource import Kind, Master, decoded
from batuta.vault.sealed import KEY_BYTES, name_of, new_key
from batuta.vault.secret import Secret

VARIABLE: Final = "BATUTA_MASTER_KEY"
FORMER_VARIABLE: Final = "BATUTA_MASTER_KEY_PREVIOUS"
PASSPHRASE_VARIABLE: Final = "BATUTA_VAULT_PASSPHRASE"  # noqa: S105  # the name of a variable
LARGEST: Final = 2**30  # bytes of memory for one passphrase


class EnvironmentSource:
    """The variable BATUTA_MASTER_KEY; during a rotation the former key is in BATUTA_MASTER_KEY_PREVIOUS."""

    kind = Kind.ENVIRONMENT

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @property
    def is_set(self) -> bool:
        """There is a master key in the environment."""
        return bool(self._environ.get(VARIABLE))

    def fetch(self, vault_id: str, master_id: str, derivation: str) -> bytes:
        """Return the one of the two that fits."""
        found = [decoded(name, self._environ[name]) for name in (VARIABLE, FORMER_VARIABLE) if self._environ.get(name)]
        for key in found:
            if name_of(key) == master_id:
                return key
        if found:
            raise VaultSealed(f"the master key in {VARIABLE} is not the one that the stored keys are sealed with")
        raise VaultSealed(
            f"the stored keys are sealed with the master key in {VARIABLE}, which is not set; set it there"
        )

    def create(self, vault_id: str, *, present: str = "") -> Master:
        """Return what a person has put there: Batuta cannot write its own environment."""
        if not self.is_set:
            raise VaultSealed(f"{VARIABLE} is not set; set it to 32 random bytes in base64 and start again")
        master = Master(decoded(VARIABLE, self._environ[VARIABLE]))
        if master.id == present:
            raise Conflict(
                f"{VARIABLE} holds the present master key; to change it, put a new one there and the present one in "
                f"{FORMER_VARIABLE}, start again and rotate"
            )
        return master

    def keep(self, vault_id: str, master: Master) -> None:
        """Do nothing: it is a person's to keep."""

    def has_more(self, vault_id: str, *, but: str = "") -> bool:
        """Say no: there is nothing that Batuta could take away."""
        return False

    def forget(self, vault_id: str, *, but: str = "") -> None:
        """Do nothing: a person takes the former key out."""


@dataclass(frozen=True, slots=True)
class Hardness:
    """How much one guess at a passphrase costs.

    Attributes:
        n: scrypt's cost; memory is 128 * n * r bytes.
        r: its block size.
        p: its parallelism.
    """

    n: int = 2**17  # with r = 8: 128 MiB and some 0.4 s a guess, what OWASP recommends
    r: int = 8
    p: int = 1

    @property
    def is_sane(self) -> bool:
        """The database may be written by others: what it asks for must not eat the machine, nor be nothing."""
        is_allowed = self.n >= 2 and self.n & (self.n - 1) == 0 and self.r >= 1 and 1 <= self.p <= 4
        return is_allowed and 128 * self.n * self.r <= LARGEST


class PassphraseSource:
    """Words in a person's head. The vault stays sealed until they are given.

    Args:
        passphrase: what was given at the start, if anything.
        hardness: of a new master key; an existing one has its own, in the database.
    """

    kind = Kind.PASSPHRASE
    SHORTEST = 8  # characters; a machine tries every shorter one

    def __init__(self, passphrase: Secret | None = None, hardness: Hardness | None = None) -> None:
        self._passphrase = passphrase
        self._hardness = hardness or Hardness()

    def with_passphrase(self, passphrase: Secret) -> PassphraseSource:
        """Return the source for a person who has just given one."""
        return PassphraseSource(passphrase, self._hardness)

    def fetch(self, vault_id: str, master_id: str, derivation: str) -> bytes:
        """Return the master key that the passphrase gives."""
        if not self._passphrase:
            raise VaultSealed("the stored keys are sealed with a passphrase, which has not been given yet")
        try:
            given = json.loads(derivation)
            salt, hardness = bytes.fromhex(given["salt"]), Hardness(int(given["n"]), int(given["r"]), int(given["p"]))
        except (ValueError, KeyError, TypeError):
            raise VaultSealed("how the passphrase opens the stored keys is unreadable in the database") from None
        if not hardness.is_sane:
            raise VaultSealed("how the passphrase opens the stored keys was changed in the database")
        key = _scrypt(self._passphrase, salt, hardness)
        if name_of(key) != master_id:
            raise VaultSealed("this is not the passphrase that the stored keys are sealed with")
        return key

    def create(self, vault_id: str, *, present: str = "") -> Master:
        """Return a master key from the passphrase and a new salt."""
        if not self._passphrase:
            raise VaultSealed(f"keys are to be sealed with a passphrase, and none was given; {PASSPHRASE_VARIABLE} may")
        if len(self._passphrase.reveal()) < self.SHORTEST:
            raise VaultSealed(f"the passphrase is too short; take {self.SHORTEST} characters or, better, five words")
        salt, hardness = new_key()[:16], self._hardness
        how = {"kdf": "scrypt", "salt": salt.hex(), "n": hardness.n, "r": hardness.r, "p": hardness.p}
        return Master(_scrypt(self._passphrase, salt, hardness), json.dumps(how))

    def keep(self, vault_id: str, master: Master) -> None:
        """Do nothing: it is a person's to keep."""

    def has_more(self, vault_id: str, *, but: str = "") -> bool:
        """Say no: there is nothing that Batuta could take away."""
        return False

    def forget(self, vault_id: str, *, but: str = "") -> None:
        """Do nothing: it is kept nowhere."""


def _scrypt(passphrase: Secret, salt: bytes, hardness: Hardness) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    scrypt = Scrypt(salt=salt, length=KEY_BYTES, n=hardness.n, r=hardness.r, p=hardness.p)
    return scrypt.derive(passphrase.reveal().encode())
