"""Keeps the keys of external providers: sealed in the database, opened one at a time when one is to be sent.

Knows nothing of providers, HTTP or what a key costs. One vault an installation; its sealed texts are in memory, so
that a call never waits for the database.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from batuta.catalog.store import NotSaved, Store
from batuta.clock import Clock
from batuta.errors import BatutaError, Conflict, HostError, KeyMissing, VaultSealed, VaultTampered
from batuta.tasks import Tasks
from batuta.vault import checks
from batuta.vault.keystore import Header, KeyStore, Overtaken, StoredKey, sorted_records
from batuta.vault.listeners import Listener, Listeners
from batuta.vault.locksmith import Locksmith
from batuta.vault.notes import Notes
from batuta.vault.opened import Opened, named
from batuta.vault.pasted import cleaned
from batuta.vault.records import KEEP, Keep, KeyNotFound, KeyRecord
from batuta.vault.secret import Secret
from batuta.vault.sources import Sources

log = logging.getLogger("batuta.vault")
T = TypeVar("T")


class Vault:
    """All stored keys. `open` it once; the records are then in memory, the keys themselves only sealed.

    Args:
        store: the catalog's store, opened.
        sources: where master keys come from.
        clock: when keys were added, and how long notes wait to be written.
        on_error: is told of a background task that died.
    """

    def __init__(
        self, store: Store, sources: Sources, *, clock: Clock, on_error: Callable[[str, BaseException], None]
    ) -> None:
        self._store = KeyStore(store)
        self._locksmith = Locksmith(sources)
        self._clock = clock
        self._tasks = Tasks(on_error)
        self._lock = asyncio.Lock()
        self._stored: dict[str, StoredKey] = {}
        self._header: Header | None = None
        self._opened: Opened | None = None
        self._why: HostError | None = VaultSealed("the stored keys have not been read yet")
        self._is_read = False
        self._problems: tuple[str, ...] = ()
        self._notes = Notes(self._write_noted, clock, self._tasks)
        self._listeners = Listeners()

    def __repr__(self) -> str:
        state = "sealed" if self._why else "open"
        return f"<Vault {len(self._stored)} keys, {state}>"

    # What is known ------------------------------------------------------------------------------------------

    @property
    def sealed(self) -> str | None:
        """Why no stored key can be read now, as a sentence for a person; None: they can."""
        return self._why.message if self._why else None

    @property
    def is_read(self) -> bool:
        """Whether it is known what is stored and whether it can be opened: `open` has come to its end."""
        return self._is_read

    @property
    def source(self) -> str | None:
        """Kind of the place where the master key is: keyring, passphrase, file, environment; None: no key yet."""
        return self._header.source if self._header else None

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person should know of single keys: which are not as they were written."""
        return self._problems

    def keys(self, provider_id: str | None = None) -> Sequence[KeyRecord]:
        """Return the records, of one provider or of all, in the order to try them; from memory, sealed or not."""
        found = sorted_records(self._stored.values())
        return found if provider_id is None else [record for record in found if record.provider_id == provider_id]

    def reveal(self, key_id: str, *, origin: str | None = None) -> Secret:
        """Return a key, to be sent to its provider and to nobody else.

        Args:
            key_id: which.
            origin: where it is going to be sent; a key that was given for another place is not handed out.

        Raises:
            KeyNotFound: there is none of that id.
            VaultSealed: the master key is not there.
            VaultTampered: it is not as it was written.
            KeyMissing: it was given for another origin.
        """
        stored = self._of(key_id)
        record = stored.record
        if origin is not None and record.origin and record.origin != origin:
            raise KeyMissing(
                f"{named(record)} was given for {record.origin} and is not sent to {origin}; if the provider has "
                "moved, enter the key again"
            )
        return self._insist_open().reveal(stored)

    def _of(self, key_id: str) -> StoredKey:
        if (stored := self._stored.get(key_id)) is None:
            raise KeyNotFound(f"there is no stored key {key_id[:64]!r}")
        return stored

    def _insist_open(self) -> Opened:
        if self._why is not None or self._opened is None:
            raise self._why.again() if self._why else VaultSealed("there is no stored key")
        return self._opened

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the ids of providers whose keys changed; none: `sealed` did. Return what ends it."""
        return self._listeners.add(listener)

    # Opening ------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Read what is stored and fetch the master key. Without it the vault is open, but sealed: nothing raises."""
        async with self._lock:
            try:
                await self._load()
            finally:
                self._is_read = True

    async def unseal(self, passphrase: Secret | None = None) -> None:
        """Open a sealed vault: with its passphrase, or by asking the same source again (a keyring, unlocked by now).

        One that is open stays open, whatever is given.

        Raises:
            VaultSealed, VaultTampered: it stays shut, and why.
        """
        async with self._lock:
            if self._why is None:
                return
            sources = self._locksmith.sources
            before = sources.passphrase
            if passphrase is not None:
                sources.passphrase = before.with_passphrase(passphrase)
            await self._load()
            if self._why is not None:
                sources.passphrase = before
                raise self._why.again()

    async def _load(self) -> None:
        """Take in what the database has: 1. it cannot be read; 2. one head: open it; 3. nothing; 4. no single head.

        All of it becomes true at one moment, and the listeners are told: nobody sees keys without their master key.
        """
        header = head = why = None
        has_former = False
        try:
            await self._notes.write()  # else what is read is older than what is known
            everything = await self._store.read()
        except NotSaved as error:  # 1
            self._why = VaultSealed(f"the stored keys cannot be read: {error.message}")
            return
        if len(everything.headers) == 1:  # 2
            (header,) = everything.headers
            try:
                head, has_former = await self._locksmith.open(header)
            except (VaultSealed, VaultTampered) as error:
                why = error
        elif everything.headers or everything.stored or everything.unreadable:  # 4
            why = VaultTampered(
                f"the database has {len(everything.headers)} heads of the stored keys instead of one; restore a backup "
                "of it, or remove the keys and add them again"
            )
        before = self._stored, self._why is None
        self._stored, self._header, self._opened, self._why = dict(everything.stored), header, head, why
        self._problems = ("rows of the stored keys are unreadable, and those keys lost",) * bool(everything.unreadable)
        self._problems += head.problems(self._stored.values()) if head else ()
        if before != (self._stored, why is None):
            self._listeners.tell(each.record.provider_id for each in (*before[0].values(), *self._stored.values()))
        if header is not None and has_former:
            await self._forget_former(header)

    async def aclose(self) -> None:
        """Write what was noted and forget the master key."""
        async with self._lock:  # a change under way comes to its end
            await self._tasks.aclose()
            with suppress(NotSaved):
                await self._notes.write()
            self._opened = None
            self._why = VaultSealed("the stored keys are closed")

    # Changing -----------------------------------------------------------------------------------------------

    async def _finish(self, change: Callable[[], Awaitable[T]]) -> T:
        """Run a change, and all that has to follow it, one at a time, to its end, even if who asked for it leaves."""

        async def outcome() -> T | BatutaError:
            async with self._lock:
                try:
                    return await change()
                except Overtaken:  # another process was quicker: once more, on what it left
                    await self._load()
                except BatutaError as error:
                    return error
                try:
                    return await change()
                except BatutaError as error:
                    return error

        result: T | BatutaError = await asyncio.shield(self._tasks.start(outcome(), name="vault change"))
        if isinstance(result, BatutaError):
            raise result
        return result

    async def add(
        self,
        provider_id: str,
        secret: Secret,
        *,
        label: str = "",
        source: str = "person",
        origin: str = "",
        daily_limit: Decimal | None = None,
        monthly_limit: Decimal | None = None,
    ) -> KeyRecord:
        """Store a key, last among those of its provider.

        Args:
            provider_id: whose key it is.
            secret: as it was pasted; spaces around it are taken away.
            label: a person's own name for it.
            source: who gave it.
            origin: the only place it may be sent to (`https://host:port`); empty: wherever its provider is.
            daily_limit: US dollars a day; None: no limit.
            monthly_limit: US dollars a month; None: no limit.

        Raises:
            BadRequest: it is empty, or no key: spaces inside, letters beyond ASCII; or a limit is none.
            Conflict: this provider has this very key already.
            VaultSealed: the master key is not there, or cannot be made.
            VaultTampered: the head of the vault is not as it was written.
            NotSaved: the database cannot be written.
        """
        secret = cleaned(secret)
        record = KeyRecord(
            id=secrets.token_hex(6),
            provider_id=checks.provider_id(provider_id),
            label=checks.label(label, secret),
            last4=secret.last4,
            fingerprint=checks.fingerprint(secret),
            source=source,
            enabled=True,
            position=0,
            created_at=self._clock.wall(),
            daily_limit=checks.limit(daily_limit),
            monthly_limit=checks.limit(monthly_limit),
            origin=origin,
        )

        async def change() -> KeyRecord:
            return await self._add(record, secret)

        return await self._finish(change)

    async def _add(self, record: KeyRecord, secret: Secret) -> KeyRecord:
        if self._why is not None:
            raise self._why.again()
        self._refuse_twice(record, secret)
        others = self.keys(record.provider_id)
        record = replace(record, position=others[-1].position + 1 if others else 0)
        if self._opened is None:
            return await self._found(record, secret)
        stored = self._opened.seal(record, secret, 1)
        await self._commit(self._opened.followed_by(put=[stored]), since=self._opened.header.epoch, put=[stored])
        return record

    def _refuse_twice(self, record: KeyRecord, secret: Secret) -> None:
        for other in self.keys(record.provider_id):
            with suppress(VaultTampered):
                if other.id != record.id and self.reveal(other.id).matches(secret.reveal()):
                    raise Conflict(f"{named(other)} is this very key; it was not stored twice")

    async def _found(self, record: KeyRecord, secret: Secret) -> KeyRecord:
        """Make the vault with its first key: the master key lies safe before anything is sealed with it."""
        head = await self._locksmith.found(secrets.token_hex(8))
        stored = head.seal(record, secret, 1)
        await self._commit_or_drop(head.followed_by(put=[stored]), [stored], None)
        return record

    async def _commit(
        self, head: Opened, *, since: int | None, put: Sequence[StoredKey] = (), gone: Sequence[str] = ()
    ) -> None:
        """Write, then take it for true, and tell. Raises Overtaken, NotSaved."""
        await self._store.seal(head.header, since=since, stored=put, gone=gone)
        self._opened, self._header = head, head.header
        changed = {each.record.provider_id for each in put} | {self._of(key_id).record.provider_id for key_id in gone}
        self._stored |= {each.record.id: each for each in put}
        for key_id in gone:
            del self._stored[key_id]
        self._listeners.tell(changed)

    async def edit(
        self,
        key_id: str,
        *,
        label: str | None = None,
        secret: Secret | None = None,
        enabled: bool | None = None,
        position: int | None = None,
        daily_limit: Decimal | Keep | None = KEEP,
        monthly_limit: Decimal | Keep | None = KEEP,
        origin: str | None = None,
    ) -> KeyRecord:
        """Change what is given; None leaves a thing as it is, but None for a limit takes the limit away.

        A new secret or origin needs the master key; the rest can be changed in a sealed vault too.

        Raises:
            KeyNotFound: there is none of that id.
            BadRequest, Conflict, VaultSealed, VaultTampered, NotSaved: as `add`.
        """
        secret = cleaned(secret) if secret is not None else None
        limits = {
            name: checks.limit(value)
            for name, value in (("daily_limit", daily_limit), ("monthly_limit", monthly_limit))
            if not isinstance(value, Keep)
        }

        async def change() -> KeyRecord:
            record = self._of(key_id).record
            new = replace(
                record,
                label=record.label if label is None else checks.label(label, secret or self._if_open(key_id)),
                enabled=record.enabled if enabled is None else enabled,
                origin=record.origin if origin is None else origin,
                daily_limit=limits.get("daily_limit", record.daily_limit),
                monthly_limit=limits.get("monthly_limit", record.monthly_limit),
            )
            if secret is not None or new.origin != record.origin:
                new = await self._reseal(new, secret)
            await self._rearrange(new, position)
            return self._of(key_id).record

        return await self._finish(change)

    def _if_open(self, key_id: str) -> Secret | None:
        with suppress(VaultSealed, VaultTampered):
            return self.reveal(key_id)
        return None

    async def _reseal(self, record: KeyRecord, secret: Secret | None) -> KeyRecord:
        """Seal a key anew, with another value or for another origin; what was known of the old value is forgotten."""
        head, old = self._insist_open(), self._of(record.id)
        if secret is not None:
            self._refuse_twice(record, secret)
            fingerprint = checks.fingerprint(secret)
            record = replace(record, last4=secret.last4, fingerprint=fingerprint, last_outcome="", last_error="")
        stored = head.seal(record, secret or head.reveal(old), old.version + 1)
        await self._commit(head.followed_by(put=[stored]), since=head.header.epoch, put=[stored])
        if secret is not None:
            await self._wipe()
        return record

    async def _wipe(self) -> None:
        """Have the database's log emptied, in which a key that is no more still stands, sealed."""
        if not await self._store.settle():
            log.warning("a deleted key stays in the log of the database until it is next emptied: it is busy")

    async def _rearrange(self, record: KeyRecord, position: int | None) -> None:
        """Write a changed record; with a position, give all keys of its provider theirs."""
        changed = [record]
        if position is not None:
            order = [each for each in self.keys(record.provider_id) if each.id != record.id]
            order.insert(max(0, position), record)
            changed = [replace(each, position=place) for place, each in enumerate(order)]
        await self._store.change(changed)
        self._stored |= {each.id: replace(self._of(each.id), record=each) for each in changed}
        self._listeners.tell({record.provider_id})

    async def remove(self, key_id: str) -> None:
        """Delete a key for good, in a sealed vault too; without any key the vault is new and can be used again.

        Raises:
            KeyNotFound: there is none of that id.
            NotSaved: the database cannot be written.
        """

        async def change() -> None:
            record = self._of(key_id).record
            if self._opened is not None and self._why is None:
                head = self._opened.followed_by(gone=[key_id])
                await self._commit(head, since=self._opened.header.epoch, gone=[key_id])
            else:
                await self._remove_unread(record)
            await self._wipe()

        await self._finish(change)

    async def _remove_unread(self, record: KeyRecord) -> None:
        """Delete a key of a sealed vault; the manifest cannot be told."""
        is_last = len(self._stored) == 1
        await self._store.delete(record.id, with_header=is_last)
        del self._stored[record.id]
        if is_last:
            self._header = self._why = None
            self._problems = ()
        self._listeners.tell({record.provider_id})

    # Rotating -----------------------------------------------------------------------------------------------

    async def rotate(self, new_source: str | None = None, *, passphrase: Secret | None = None) -> None:
        """Seal everything anew, with a new data key under a new master key.

        1. The new master key lies safe beside the present one.
        2. One transaction writes the new head and all keys.
        3. When that would survive a power cut, the former master key is dropped.

        A process that is killed before 2 has its former state, after 2 its new one; the next start does 3.

        Args:
            new_source: kind of the place for the new master key; None: the one of the settings, else where it is now.
            passphrase: the new one, for the source `passphrase`.

        Raises:
            BadRequest: there is no such kind of source, or the passphrase is missing.
            Conflict: there is nothing to rotate, or the environment still has the present master key.
            VaultSealed, VaultTampered: the present keys cannot be read; nothing was changed.
            NotSaved: the database cannot be written; nothing was changed.
        """
        await self._finish(lambda: self._rotate(new_source, passphrase))

    async def _rotate(self, new_source: str | None, passphrase: Secret | None) -> None:
        if self._header is None and self._why is None:
            raise Conflict("there is no stored key, and so nothing to rotate")
        old, sources = self._insist_open(), self._locksmith.sources
        kind = checks.kind(new_source or sources.for_rotation(old.header.source), passphrase)
        before = sources.passphrase
        if passphrase is not None:
            sources.passphrase = before.with_passphrase(passphrase)
        try:
            head, again, master = await self._locksmith.renew(old, self._stored.values(), kind)  # 1
            await self._commit_or_drop(head, again, old.header)  # 2
        except BatutaError:
            sources.passphrase = before
            raise
        await self._locksmith.keep(head.header, master)  # a gateway that started meanwhile took it for a former one
        await self._forget_former(head.header, left=old.header.source)  # 3

    async def _commit_or_drop(self, head: Opened, again: Sequence[StoredKey], former: Header | None) -> None:
        try:
            await self._commit(head, since=former.epoch if former else None, put=again)
        except NotSaved:
            with suppress(NotSaved):  # it may have been written all the same: then its master key has to stay
                masters = await self._masters()
                if masters == {former.id: former.master_id} if former else head.header.id not in masters:
                    await self._locksmith.drop(head.header, but=former)
            raise

    async def _masters(self) -> dict[str, str]:
        """Return which master key the database is sealed with, by the vault's id. Raises NotSaved."""
        return {each.id: each.master_id for each in (await self._store.read()).headers}

    async def _forget_former(self, header: Header, *, left: str | None = None) -> None:
        """Drop former master keys, once not even a power cut could bring back what they opened."""
        if not await self._store.settle():
            log.warning("the former master key is kept until the next start: the database is busy")
            return
        with suppress(NotSaved):
            if await self._masters() == {
                header.id: header.master_id
            }:  # else another gateway has rotated, and it is for that one to say
                await self._locksmith.forget_former(header, left=left)

    # Noting -------------------------------------------------------------------------------------------------

    def note_used(self, key_id: str, when: float) -> None:
        """Take in that a key was sent, at `when` in wall seconds. Written some seconds later; unknown ids are fine."""
        self._note(key_id, lambda record: replace(record, last_used=when))

    def note_outcome(self, key_id: str, outcome: str, message: str = "") -> None:
        """Take in how a use or test of a key went. The key itself is cut out of the message. Written later."""
        if (stored := self._stored.get(key_id)) is None:
            return
        shown = checks.told(message, self._if_open(key_id)) if message else ""
        self._note(key_id, lambda record: replace(record, last_outcome=outcome, last_error=shown))
        if stored.record.last_outcome != outcome:
            self._listeners.tell({stored.record.provider_id})

    def _note(self, key_id: str, change: Callable[[KeyRecord], KeyRecord]) -> None:
        if (stored := self._stored.get(key_id)) is None:  # removed while a call was under way
            return
        new = change(stored.record)
        if new != stored.record:
            self._stored[key_id] = replace(stored, record=new)
            self._notes.add(key_id)

    async def _write_noted(self, ids: Collection[str]) -> None:
        await self._store.note([self._stored[key_id].record for key_id in ids if key_id in self._stored])
