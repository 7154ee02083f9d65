"""The master key in the keyring of the desktop: Secret Service, KWallet, macOS Keychain, Windows Credential Locker.

`keyring` is imported when it is asked, in a thread: looking for a keyring takes a tenth of a second, and one that is
locked may ask the person first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, cast

from batuta.errors import VaultSealed
from batuta.vault.keysource import Kind, LinesSource

SERVICE = "batuta"
# Keyrings of `keyring` that guard nothing: none at all, one that forgets, and the ones that write plain files.
REFUSED = ("keyring.backends.fail", "keyring.backends.null", "keyring.backends.chainer", "keyrings.alt")


class Backend(Protocol):
    """What is used of a keyring of `keyring`."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept under the two names."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep or replace it."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Take it away."""
        ...


class KeyringSource(LinesSource):
    """One entry a vault, so that two installations never touch each other's.

    Args:
        backend: the keyring; None: the one this machine has.

    Raises:
        VaultSealed: it has none that guards what it holds.
    """

    kind = Kind.KEYRING
    where = "the keyring of this desktop"

    def __init__(self, backend: Backend | None = None) -> None:
        self._backend = backend if backend is not None else _found()

    def load(self, vault_id: str) -> str:
        with _told():
            return self._backend.get_password(SERVICE, vault_id) or ""

    def save(self, vault_id: str, text: str) -> None:
        with _told():
            if text:
                self._backend.set_password(SERVICE, vault_id, text)
            else:
                self._backend.delete_password(SERVICE, vault_id)


def _found() -> Backend:
    """Return the machine's keyring. Raises VaultSealed."""
    try:
        import keyring  # a tenth of a second, and its first call looks for every kind there is
    except ImportError:
        raise VaultSealed("there is no keyring: the package `keyring` is not installed") from None
    with _told():
        chosen = keyring.get_keyring()
        for backend in getattr(chosen, "backends", [chosen]):  # one that asks several in a row shows them
            if not type(backend).__module__.startswith(REFUSED):
                return cast("Backend", backend)
    raise VaultSealed("there is no keyring here that guards what it holds; choose another source of the master key")


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever a keyring says no with into one error, without its words: they may name what it holds."""
    try:
        yield
    except _faults() as error:
        raise VaultSealed(
            f"the keyring of this desktop does not open ({type(error).__name__}); unlock it and start again"
        ) from None


def _faults() -> tuple[type[Exception], ...]:
    from keyring.errors import KeyringError

    faults: list[type[Exception]] = [KeyringError, OSError, RuntimeError, ValueError]
    with suppress(ImportError):  # Linux alone; its errors do not all come as keyring's own
        from jeepney.wrappers import DBusErrorResponse  # type: ignore[import-untyped]
        from secretstorage.exceptions import SecretStorageException

        faults += [SecretStorageException, DBusErrorResponse]
    return tuple(faults)
