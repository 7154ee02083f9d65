"""What an opened vault can do with its data key: seal a key, open it, and vouch for all of them. Pure.

Knows nothing of where master keys or rows come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from batuta.errors import VaultTampered
from batuta.vault import sealed
from batuta.vault.keysource import Master
from batuta.vault.keystore import Header, StoredKey
from batuta.vault.records import KeyRecord
from batuta.vault.secret import Secret


@dataclass(frozen=True, slots=True)
class Opened:
    """A head of the vault, opened.

    Attributes:
        header: the head as it is in the database.
        data_key: seals the keys.
        digests: which sealed text each key has, by id, as the manifest says.
    """

    header: Header
    data_key: bytes = field(repr=False)
    digests: Mapping[str, str]

    def reveal(self, stored: StoredKey) -> Secret:
        """Return a key. Raises VaultTampered: it is not as it was written, or not the latest that was."""
        record = stored.record
        if self.digests.get(record.id) != sealed.digest_of(stored.sealed):
            raise VaultTampered(f"{named(record)} was changed or put back in the database; remove it and add it again")
        try:
            text = sealed.unseal(self.data_key, stored.sealed, self._about(record, stored.version))
            secret = Secret(text.decode())
        except (VaultTampered, UnicodeDecodeError):
            raise VaultTampered(f"{named(record)} was changed in the database; remove it and add it again") from None
        if not secret:
            raise VaultTampered(f"{named(record)} is empty; remove it and add it again")
        return secret

    def problems(self, stored: Iterable[StoredKey]) -> tuple[str, ...]:
        """Say of each key that does not open why it does not."""
        found = []
        for each in stored:
            try:
                self.reveal(each)
            except VaultTampered as error:
                found.append(error.message)
        return tuple(found)

    def seal(self, record: KeyRecord, secret: Secret, version: int) -> StoredKey:
        """Return the key, sealed and bound to its record."""
        text = secret.reveal().encode()
        return StoredKey(record, version, sealed.seal(self.data_key, text, self._about(record, version)))

    def _about(self, record: KeyRecord, version: int) -> sealed.About:
        return sealed.about_key(
            vault_id=self.header.id,
            key_id=record.id,
            provider_id=record.provider_id,
            origin=record.origin,
            version=version,
        )

    def followed_by(self, *, put: Iterable[StoredKey] = (), gone: Iterable[str] = ()) -> Opened:
        """Return the next head, in which these keys are new and those are gone."""
        digests = {key_id: digest for key_id, digest in self.digests.items() if key_id not in set(gone)}
        digests |= {each.record.id: sealed.digest_of(each.sealed) for each in put}
        return self._with(digests, epoch=self.header.epoch + 1)

    def _with(self, digests: Mapping[str, str], *, epoch: int) -> Opened:
        about = sealed.about_manifest(vault_id=self.header.id, epoch=epoch)
        manifest = sealed.seal(self.data_key, sealed.manifest_text(digests), about)
        return replace(self, header=replace(self.header, epoch=epoch, manifest=manifest), digests=digests)


def founded(vault_id: str, *, epoch: int, source: str, master: Master) -> Opened:
    """Return a head with a new data key and no keys yet, as if it were in the database: seal something next."""
    data_key = sealed.new_key()
    about = sealed.about_data_key(vault_id=vault_id, master_id=master.id)
    wrapped = sealed.seal(master.key, data_key, about)
    header = Header(vault_id, epoch, source, master.id, master.derivation, wrapped, b"")
    return Opened(header, data_key, {})


def opened(header: Header, master_key: bytes) -> Opened:
    """Return the head of the database, opened. Raises VaultTampered."""
    about = sealed.about_data_key(vault_id=header.id, master_id=header.master_id)
    try:
        data_key = sealed.unseal(master_key, header.wrapped, about)
        manifest = sealed.unseal(
            data_key, header.manifest, sealed.about_manifest(vault_id=header.id, epoch=header.epoch)
        )
        return Opened(header, data_key, sealed.digests_in(manifest))
    except (VaultTampered, json.JSONDecodeError):
        raise VaultTampered(
            "the head of the stored keys was changed in the database; restore a backup of it, or remove the keys and "
            "add them again"
        ) from None


def resealed(
    old: Opened, known: Iterable[tuple[StoredKey, Secret]], *, source: str, master: Master
) -> tuple[Opened, list[StoredKey]]:
    """Return the next head, with a new data key under a new master key, and all keys sealed anew."""
    new = founded(old.header.id, epoch=old.header.epoch, source=source, master=master)
    again = [new.seal(stored.record, secret, stored.version + 1) for stored, secret in known]
    return new.followed_by(put=again), again


def named(record: KeyRecord) -> str:
    """Return how a message names a key without showing it."""
    ending = f" ending in {record.last4}" if record.last4 else ""
    return f"the stored key{ending} of {record.provider_id}"
