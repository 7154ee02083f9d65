"""The envelope: AES-256-GCM, each text bound to what it is said to be. Knows nothing of databases or key sources.

Two levels. The *master key* lies outside the database and wraps one thing: the *data key*. The data key seals every
stored key, and a manifest of them all, so that putting an older row back is seen too. `cryptography` is imported when
something is first sealed or opened: a start without keys never pays for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Final

from batuta.errors import VaultTampered

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # 96 bits, GCM's own size; random: a vault seals thousands of texts, the bound is 2**32
TAG_BYTES: Final = 16
FORMAT: Final = "batuta-vault-1"  # a part of what every text is bound to: another format can never be taken for this
About = tuple[str | int, ...]


def new_key() -> bytes:
    """Return a new random key."""
    return os.urandom(KEY_BYTES)


def name_of(master: bytes) -> str:
    """Return what a master key is recognised by; nothing can be learned from it of 256 random bits."""
    return hashlib.sha256(b"batuta master key name\0" + master).hexdigest()[:16]


def digest_of(blob: bytes) -> str:
    """Return what the manifest holds of a sealed text."""
    return hashlib.sha256(blob).hexdigest()[:32]


def seal(key: bytes, text: bytes, about: About) -> bytes:
    """Return `text` sealed and bound to `about`: nonce, ciphertext, tag."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, _bound(about))


def unseal(key: bytes, blob: bytes, about: About) -> bytes:
    """Return the text of a blob that was sealed with this key about this very thing.

    Raises:
        VaultTampered: it is not as it was written, or it was written about something else.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(blob) < NONCE_BYTES + TAG_BYTES:
        raise VaultTampered("a sealed text in the database is cut short")
    try:
        return AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], _bound(about))
    except InvalidTag:
        raise VaultTampered("a sealed text in the database is not as it was written") from None


def _bound(about: About) -> bytes:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") are two different things.
    return json.dumps([FORMAT, *about], ensure_ascii=True).encode()


def manifest_text(digests: Mapping[str, str]) -> bytes:
    """Return the manifest as bytes to seal: which sealed text each key has now."""
    return json.dumps(dict(digests), sort_keys=True).encode()


def digests_in(text: bytes) -> dict[str, str]:
    """Return what `manifest_text` was given."""
    digests: dict[str, str] = json.loads(text)
    return digests


def about_key(*, vault_id: str, key_id: str, provider_id: str, origin: str, version: int) -> About:
    """Return what a stored key is bound to. `version` grows with each sealing of it."""
    return ("secret", vault_id, key_id, provider_id, origin, version)


def about_data_key(*, vault_id: str, master_id: str) -> About:
    """Return what the wrapped data key is bound to."""
    return ("data key", vault_id, master_id)


def about_manifest(*, vault_id: str, epoch: int) -> About:
    """Return what the manifest is bound to. `epoch` grows with each change of what is sealed."""
    return ("manifest", vault_id, epoch)
