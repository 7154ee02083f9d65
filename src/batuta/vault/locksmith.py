"""Opens, founds and renews a vault with the master keys of its sources, in threads and within a time.

Knows nothing of the database: what it makes is written by its caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, TypeVar

from batuta.errors import BatutaBug, VaultSealed
from batuta.vault.keysource import KeySource, Kind, Master
from batuta.vault.keystore import Header, StoredKey
from batuta.vault.opened import Opened, founded, opened, resealed
from batuta.vault.patience import UNFORESEEN, in_time
from batuta.vault.sources import Sources

log = logging.getLogger("batuta.vault")
T = TypeVar("T")
WITHIN_S: Final = 15.0  # for the master key: scrypt takes 2 s on a slow machine, a person at a prompt longer


class Locksmith:
    """Works with the sources of one installation."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    async def _ask(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. Whatever a source fails with is told as VaultSealed, without its words."""
        try:
            return await in_time(work, WITHIN_S)
        except TimeoutError:
            raise VaultSealed(f"the master key did not come within {WITHIN_S:.0f} s; nothing was changed") from None
        except (*UNFORESEEN, BatutaBug) as error:
            what = "memory is short" if isinstance(error, MemoryError) else "its source failed"
            raise VaultSealed(f"the master key cannot be had: {what} ({type(error).__name__})") from None

    async def open(self, header: Header) -> tuple[Opened, bool]:
        """Return the head, opened, and whether a former master key of this vault still lies about.

        Raises:
            VaultSealed: the master key is not there, or is another one.
            VaultTampered: the head is not as it was written.
        """

        def work() -> tuple[Opened, bool]:
            source = self.sources.of(header.source)
            master_key = source.fetch(header.id, header.master_id, header.derivation)
            return opened(header, master_key), self._has_former(source, header)

        return await self._ask(work)

    def _has_former(self, source: KeySource, header: Header) -> bool:
        with suppress(VaultSealed):
            if source.has_more(header.id, but=header.master_id):
                return True
            return header.source != Kind.FILE and self.sources.of(Kind.FILE).has_more(header.id)
        return False

    async def found(self, vault_id: str) -> Opened:
        """Return the head of a new vault; its master key lies safe. Raises VaultSealed."""

        def work() -> Opened:
            source = self.sources.preferred()
            return founded(vault_id, epoch=0, source=source.kind, master=source.create(vault_id))

        return await self._ask(work)

    async def renew(
        self, old: Opened, stored: Iterable[StoredKey], kind: str
    ) -> tuple[Opened, list[StoredKey], Master]:
        """Return the next head under a new master key, which lies safe beside the present one, all keys anew, and it.

        Raises:
            VaultSealed, Conflict: no new master key can be had there.
            VaultTampered: a key is not as it was written; nothing was made.
        """

        def work() -> tuple[Opened, list[StoredKey], Master]:
            known = [(each, old.reveal(each)) for each in stored]  # raises before anything is made
            source = self.sources.of(kind)
            master = source.create(old.header.id, present=old.header.master_id)
            return *resealed(old, known, source=source.kind, master=master), master

        return await self._ask(work)

    async def drop(self, unused: Header, *, but: Header | None = None) -> None:
        """Take a master key away that nothing was sealed with after all; the one of `but` stays."""
        keep = but.master_id if but and but.source == unused.source else ""
        with suppress(VaultSealed):
            await self._ask(lambda: self.sources.of(unused.source).forget(unused.id, but=keep))

    async def keep(self, header: Header, master: Master) -> None:
        """Put the master key of a head back, if somebody has taken it away."""
        try:
            await self._ask(lambda: self.sources.of(header.source).keep(header.id, master))
        except VaultSealed as error:
            log.warning("whether the new master key still lies where it was put is unknown: %s", error.message)

    async def forget_former(self, header: Header, *, left: str | None = None) -> None:
        """Drop every master key of this vault but the one of its head.

        Args:
            header: the head.
            left: kind of the source where the master key was until now.
        """

        def work() -> None:
            for kind in {header.source, left or header.source, Kind.FILE}:
                keep = header.master_id if kind == header.source else ""
                self.sources.of(kind).forget(header.id, but=keep)

        try:
            await self._ask(work)
        except VaultSealed as error:
            log.warning("the former master key could not be taken away: %s", error.message)
