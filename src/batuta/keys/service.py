"""What a person does with keys: see, add, change, test and delete them, and have them sealed anew.

Decides nothing about health (`ring`) and knows no HTTP. A key goes in and never comes out again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from batuta import kinds
from batuta.catalog.entities import Provider
from batuta.catalog.external import KINDS_OF, TABLE, External
from batuta.catalog.finding import CHANGEABLE, FOUND
from batuta.catalog.records import ProviderState
from batuta.catalog.service import Catalog
from batuta.catalog.store import NotSaved
from batuta.errors import BadRequest, BatutaError, Conflict
from batuta.keys import ring as rings
from batuta.keys.health import NEVER, Health, KeyOutcome, KeyState
from batuta.keys.ring import ENVIRONMENT, KeyRing, origin_of, variable_of
from batuta.keys.tester import KeyTest, KeyTester
from batuta.vault.pasted import problem_with
from batuta.vault.records import KeyNotFound, KeyRecord
from batuta.vault.secret import Secret
from batuta.vault.vault import Vault

PERSON: Final = "person"
_LIMITS: Final = ("daily_limit", "monthly_limit")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as a person sees it.

    Attributes:
        record: what the vault keeps of it; made up for one of the environment.
        health: how it does.
        rests_s: seconds until it is tried again; None where it does not rest.
        spent_today: US dollars.
        spent_month: the same since the month began.
        variable: where it is, for one of the environment; else empty.
        provider: whose it is; None where that provider is gone.
    """

    record: KeyRecord
    health: Health
    rests_s: float | None
    spent_today: Decimal
    spent_month: Decimal
    variable: str = ""
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider that a key can be added for. `is_new`: it is not in the catalog yet, and will be with its key."""

    id: str
    name: str
    is_new: bool
    is_unofficial: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding a key. `hint`: what a person should look at; empty: nothing."""

    row: KeyRow
    hint: str = field(default="")


class Keys:
    """The keys of one installation.

    Args:
        vault: where they are.
        ring: how they do.
        tester: tests them.
        catalog: the providers; one that is known but not there is added with its first key.
        environ: where the keys of providers with `key_ref` are.
        renewed: told of a provider whose keys are not what they were: what failed for want of one may be tried again.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        ring: KeyRing,
        tester: KeyTester,
        catalog: Catalog,
        environ: Mapping[str, str],
        renewed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._vault = vault
        self._ring = ring
        self._tester = tester
        self._catalog = catalog
        self._environ = environ
        self._renewed = renewed

    def __repr__(self) -> str:
        return f"<Keys over {self._vault!r}, {self._ring!r}>"

    # Life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the vault and have the providers of its keys asked what they have; the catalog has been started."""
        await self._vault.open()
        self._all_renewed()

    async def aclose(self) -> None:
        """Write what was noted, and forget the master key; the catalog's store is still open."""
        await self._vault.aclose()

    # Seeing --------------------------------------------------------------------------------------------------

    @property
    def sealed(self) -> str | None:
        """Why no stored key can be read now; None: they can."""
        return self._vault.sealed

    @property
    def is_read(self) -> bool:
        """Whether it is known which keys are stored; for a moment after the start it is not."""
        return self._vault.is_read

    @property
    def source(self) -> str | None:
        """Kind of the place where the master key is; None: there is no stored key yet."""
        return self._vault.source

    def names(self) -> dict[str, str]:
        """Return what a person calls each stored key, by its id: their own name for it, or how it ends."""
        records = self._vault.keys(None)
        return {record.id: f"{record.provider_id} {record.label or '…' + record.last4}" for record in records}

    def rows(self) -> list[KeyRow]:
        """Return every key: the stored ones by provider and position, then those of the environment."""
        stored = [self._row(record) for record in self._vault.keys(None)]
        return stored + [row for state in self._catalog.providers() if (row := self._environment_row(state))]

    def row(self, name: str) -> KeyRow:
        """Return one key by its id, or `env:PROVIDER`. Raises KeyNotFound."""
        if (row := next((row for row in self.rows() if row.record.id == name), None)) is None:
            raise KeyNotFound(f"there is no key {name[:64]!r}; GET /manage/keys lists them")
        return row

    def offers(self) -> list[Offer]:
        """Return the providers that a key can be added for: those there are, then those that are known."""
        there = [state.provider for state in self._catalog.providers() if _takes_keys(state.provider)]
        known = [Offer(each.id, each.name or each.id, is_new=False) for each in there]
        ids = {each.id for each in there}
        new = [
            Offer(row.id, row.name, is_new=True, is_unofficial=row.unofficial)
            for row in TABLE
            if row.id not in ids and kind_of(row) is not None
        ]
        return [*known, *new]

    def _row(self, record: KeyRecord) -> KeyRow:
        state = self._catalog.provider(record.provider_id)
        health = self._ring.health(record.id, enabled=record.enabled)
        spent = self._ring.spent(record.id)
        rests = self._ring.seconds_left(health)
        return KeyRow(record, health, rests, spent.day, spent.month, provider=state.provider if state else None)

    def _environment_row(self, state: ProviderState) -> KeyRow | None:
        """Return the row of the key in a provider's variable; None where there is none."""
        provider = state.provider
        variable = variable_of(provider)
        value = self._environ.get(variable or "", "").strip()
        if variable is None or not value:
            return None
        name = rings.environment_name(provider.id)
        record = KeyRecord(
            id=name,
            provider_id=provider.id,
            label=variable,
            last4=Secret(value).last4,
            fingerprint="",
            source=ENVIRONMENT,
            enabled=provider.enabled,
            position=len(self._vault.keys(provider.id)),
            created_at=0.0,
        )
        health = self._ring.health(name, enabled=provider.enabled)
        outcome = self._ring.last_outcome(name)
        if problem := problem_with(Secret(value)):  # it is never sent
            health, outcome = Health(KeyState.INVALID, NEVER, message=problem), KeyOutcome.INVALID
        record = replace(record, last_outcome=outcome, last_error=health.message)
        rests = self._ring.seconds_left(health)
        return KeyRow(record, health, rests, Decimal(0), Decimal(0), variable=variable, provider=provider)

    # Changing ------------------------------------------------------------------------------------------------

    async def add(
        self,
        provider_id: str,
        secret: Secret,
        *,
        label: str = "",
        daily_limit: Decimal | None = None,
        monthly_limit: Decimal | None = None,
        new: Provider | None = None,
    ) -> Added:
        """Store a key; a provider that is known but not in the catalog comes with it.

        1. The provider is there: the key is its next. One that is off is switched on; one that was only found
           by its key in the environment becomes a person's own, without that.
        2. It is a known API: it is added, with its own address.
        3. The caller says where it is.

        Args:
            provider_id: whose key it is.
            secret: the key.
            label: a person's own name for it.
            daily_limit: US dollars a day; None: no limit.
            monthly_limit: US dollars a month; None: no limit.
            new: the provider, where it is neither there nor known.

        Raises:
            BadRequest: no such provider; or what was given cannot be a key.
            Conflict: it is stored already.
            VaultSealed, VaultTampered, NotSaved: it cannot be stored.
        """
        state = self._catalog.provider(provider_id)
        api = api_of(provider_id)
        provider = self._meant(provider_id, state, api, new)
        origin = origin_of(provider)
        record = await self._vault.add(
            provider.id,
            secret,
            label=label,
            source=PERSON,
            origin=origin,
            daily_limit=daily_limit,
            monthly_limit=monthly_limit,
        )
        if state is None or state.provider != provider:
            try:
                await self._catalog.add_provider(provider)
            except BatutaError:  # else the next try would be told that the key is there already
                with suppress(NotSaved):
                    await self._vault.remove(record.id)
                raise
        else:
            self._catalog.ask_soon(provider.id)
        self._renewed(provider.id)
        return Added(self._row(record), _odd_prefix(api, secret))

    def _meant(
        self, provider_id: str, state: ProviderState | None, api: External | None, new: Provider | None
    ) -> Provider:
        if state is not None and new is not None and new.base_url != state.provider.base_url:
            raise BadRequest(
                f"{provider_id} is there already, at {state.provider.base_url}; leave the address out, or choose "
                "another id"
            )
        if state is not None:  # 1
            if not _takes_keys(state.provider):
                raise BadRequest(f"{provider_id} runs on this machine and takes no key")
            if state.provider.enabled or state.source not in CHANGEABLE:
                return state.provider
            is_found = state.source == FOUND  # by its key: that nobody asked to use, and this is not it
            return replace(state.provider, enabled=True, key_ref=None if is_found else state.provider.key_ref)
        if api is not None and new is None and (kind := kind_of(api)) is not None:  # 2
            return Provider(api.id, kind, api.name, api.base_url, preset=api.id)
        if new is not None:  # 3
            return new
        known = ", ".join(offer.id for offer in self.offers())
        raise BadRequest(
            f"there is no provider of that name; these are known: {known}. For any other, send its address as base_url"
        )

    async def edit(self, key_id: str, **changes: Any) -> KeyRow:
        """Change label, secret, enabled, position, daily_limit or monthly_limit of a stored key; see `Vault.edit`.

        Raises:
            KeyNotFound: there is none of that id.
            Conflict: it is in the environment, and is changed there.
            BadRequest, VaultSealed, VaultTampered, NotSaved.
        """
        row = self._stored(key_id, "changed")
        if "secret" in changes and row.provider is not None:
            changes["origin"] = origin_of(row.provider)  # it is entered anew, for where the provider is now
        record = await self._vault.edit(key_id, **changes)
        if "secret" in changes:
            self._ring.forgive(key_id)
        if changes.keys() & {"secret", "enabled", *_LIMITS}:
            self._catalog.ask_soon(record.provider_id)
            self._renewed(record.provider_id)
        return self._row(record)

    async def remove(self, key_id: str) -> None:
        """Delete a stored key for good. Raises KeyNotFound, NotSaved; Conflict for one of the environment."""
        row = self._stored(key_id, "deleted")
        await self._vault.remove(key_id)
        self._ring.forgive(key_id)
        self._catalog.ask_soon(row.record.provider_id)
        self._renewed(row.record.provider_id)

    def _stored(self, key_id: str, what: str) -> KeyRow:
        row = self.row(key_id)
        if row.variable:
            raise Conflict(
                f"this key is in the environment variable {row.variable} and cannot be {what} here: change the "
                "variable and start Batuta again, or switch the provider off"
            )
        return row

    async def test(self, name: str) -> KeyTest:
        """Ask the provider whether a key is good; see `KeyTester.test`. Raises Conflict where the provider is gone."""
        row = self.row(name)
        if row.provider is None:
            raise Conflict(
                f"the provider {row.record.provider_id} is not there any more; add it again, or delete the key"
            )
        found = await self._tester.test(row.provider, name)
        self._renewed(row.provider.id)
        return found

    # The vault -----------------------------------------------------------------------------------------------

    async def rotate(self, source: str | None = None, *, passphrase: Secret | None = None) -> int:
        """Seal every key anew under a new master key; return how many. Raises as `Vault.rotate`."""
        await self._vault.rotate(source, passphrase=passphrase)
        return len(self._vault.keys(None))

    async def unseal(self, passphrase: Secret | None = None) -> None:
        """Open a sealed vault. Raises VaultSealed, VaultTampered: it stays shut, and why."""
        await self._vault.unseal(passphrase)
        self._all_renewed()

    def _all_renewed(self) -> None:
        for provider_id in dict.fromkeys(record.provider_id for record in self._vault.keys(None)):
            self._catalog.ask_soon(provider_id)
            self._renewed(provider_id)


def _takes_keys(provider: Provider) -> bool:
    return bool(provider.base_url) and not kinds.is_loaded(provider.kind)


def api_of(provider_id: str) -> External | None:
    """Return the known API of that id."""
    return next((row for row in TABLE if row.id == provider_id), None)


def kind_of(api: External) -> str | None:
    """Return the kind of engine that speaks to a known API; None where Batuta has none."""
    return next((kind for kind in KINDS_OF.get(api.dialect, ()) if kind in kinds.KINDS), None)


def _odd_prefix(api: External | None, secret: Secret) -> str:
    """Say that a key does not begin as this provider's do: it was stored, but probably is another provider's."""
    if api is None or not api.key_prefix or secret.reveal().strip().startswith(api.key_prefix):
        return ""
    prefix = api.key_prefix
    others = [row for row in TABLE if row.key_prefix and secret.reveal().strip().startswith(row.key_prefix)]
    meant = max(others, key=lambda row: len(row.key_prefix), default=None)
    guess = f"; it looks like one of {meant.name}" if meant is not None else ""
    return f"keys of {api.name} begin with {prefix}, and this one does not{guess}. Test it"
