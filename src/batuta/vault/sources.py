"""The sources of master keys of one installation, and which of them is taken. Opens nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from batuta.errors import VaultSealed
from batuta.vault.given import PASSPHRASE_VARIABLE, VARIABLE, EnvironmentSource, Hardness, PassphraseSource
from batuta.vault.keysource import KeySource, Kind
from batuta.vault.secret import Secret

FILE: Final = "vault.key"


class Sources:
    """The sources of one installation.

    Args:
        wanted: the setting: a kind, or `auto`.
        folder: the data folder.
        environ: environment variables.
        file: where the key file is; None: `vault.key` in the data folder.
        keyring: makes the keyring's source; None: the machine's own. Called in a thread, when it is needed.
        hardness: of a passphrase.
    """

    AUTO: Final = "auto"

    def __init__(
        self,
        wanted: str,
        folder: Path,
        environ: Mapping[str, str],
        *,
        file: Path | None = None,
        keyring: Callable[[], KeySource] | None = None,
        hardness: Hardness | None = None,
    ) -> None:
        self._wanted = wanted
        self._file = file or folder / FILE
        self._environ = environ
        self._keyring = keyring or _own_keyring
        given = environ.get(PASSPHRASE_VARIABLE, "")
        self.passphrase = PassphraseSource(Secret(given) if given else None, hardness)

    def for_rotation(self, present: str) -> str:
        """Return the kind of source that a new master key goes to when nobody names one: the setting's, else as now."""
        return present if self._wanted == self.AUTO else self._wanted

    def of(self, kind: str) -> KeySource:
        """Return the source of a kind. Blocks. Raises VaultSealed for a kind that there is not, or not here."""
        if kind == Kind.FILE:
            from batuta.vault.keyfile import FileSource

            return FileSource(self._file)
        if kind == Kind.ENVIRONMENT:
            return EnvironmentSource(self._environ)
        if kind == Kind.PASSPHRASE:
            return self.passphrase
        if kind == Kind.KEYRING:
            return self._keyring()
        raise VaultSealed(f"the stored keys are said to be sealed with a master key from {kind!r}, which is no source")

    def preferred(self) -> KeySource:
        """Return where a new master key goes. Blocks.

        1. The source that the settings name.
        2. BATUTA_MASTER_KEY or BATUTA_VAULT_PASSPHRASE, where one is set: somebody wants it used.
        3. The keyring of the desktop, where there is one.
        4. The file.
        """
        if self._wanted != self.AUTO:  # 1
            return self.of(self._wanted)
        if self._environ.get(VARIABLE):  # 2
            return self.of(Kind.ENVIRONMENT)
        if self._environ.get(PASSPHRASE_VARIABLE):
            return self.passphrase
        try:
            return self._keyring()  # 3
        except VaultSealed:
            return self.of(Kind.FILE)  # 4


def _own_keyring() -> KeySource:
    from batuta.vault.desktop import KeyringSource

    return KeyringSource()
