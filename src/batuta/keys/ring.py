"""Which keys of a provider may be tried now, the best first. The engines' KeyShelf over the vault.

The keys are opened once and kept as long as the vault says they are the same, because a call must not wait for a
cipher. Knows no HTTP, no catalog and no prices.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from batuta.catalog.entities import Provider
from batuta.catalog.external import preset_of
from batuta.clock import Clock
from batuta.engines.keys import LentKey
from batuta.errors import (
    BatutaError,
    BudgetReached,
    Cause,
    KeyMissing,
    OutOfCredit,
    UpstreamRateLimited,
    VaultSealed,
    VaultTampered,
)
from batuta.keys import budget
from batuta.keys.health import GOOD, NEVER, STATE_OF, Health, KeyOutcome, KeyState, after, after_test, outcome_of
from batuta.vault.pasted import cleaned, problem_with
from batuta.vault.records import KeyNotFound, KeyRecord
from batuta.vault.secret import Secret

log = logging.getLogger("batuta.keys")
PROBE_S: Final = 10.0  # seconds that a key whose rest is over is left to one caller to prove
ENVIRONMENT: Final = "environment"  # source of a key that is in a variable
_ENV: Final = "env:"


class KeyVault(Protocol):
    """What is needed of the vault."""

    @property
    def sealed(self) -> str | None: ...

    def keys(self, provider_id: str | None = None) -> Sequence[KeyRecord]: ...

    def reveal(self, key_id: str, *, origin: str | None = None) -> Secret: ...

    def note_used(self, key_id: str, when: float) -> None: ...

    def note_outcome(self, key_id: str, outcome: str, message: str = "") -> None: ...

    def listen(self, listener: Callable[[frozenset[str]], None]) -> Callable[[], None]: ...


Told = Callable[[str, str, KeyState, str], None]
"""Called with (provider id, key's name, state, what the provider said) when a key can be used no more, or again."""


@dataclass(slots=True)
class _Shelf:
    """The opened keys of a provider. `is_calm`: all may be tried at any time, so that nothing has to be looked at."""

    provider: Provider
    lent: tuple[LentKey, ...]
    records: Mapping[str, KeyRecord]
    is_calm: bool = False


class KeyRing:
    """Owns the health of all keys.

    Args:
        vault: where the keys are; one that is sealed lends none.
        clock: monotonic seconds for rests, wall seconds for `last_used`.
        environ: where the keys of providers with `key_ref` are.
        accounts: what was spent with each key, and whether one more call may be sent; None: nobody counts.
        remember: told of every key that is opened, so that the log can mask it.
        told: hears when a key falls out or comes back.
    """

    def __init__(
        self,
        vault: KeyVault,
        *,
        clock: Clock,
        environ: Mapping[str, str],
        accounts: budget.Accounts | None = None,
        remember: Callable[[Secret], object] = lambda _: None,
        told: Told = lambda *_: None,
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._environ = environ
        self._accounts = accounts or budget.NoAccounts()
        self._remember = remember
        self._told = told
        self._shelves: dict[str, _Shelf] = {}
        self._health: dict[str, Health] = {}
        self._probed_at: dict[str, float] = {}
        self._proven: set[str] = set()
        self._met: set[str] = set()
        vault.listen(self._changed)

    def __repr__(self) -> str:
        troubled = ", ".join(f"{name} {health.state}" for name, health in self._health.items())
        return f"<KeyRing {len(self._shelves)} providers{f', {troubled}' if troubled else ''}>"

    # For engines ---------------------------------------------------------------------------------------------

    def usable(self, provider: Provider, *, is_free: bool = False) -> Sequence[LentKey]:
        """Return the keys that may be tried now; see `KeyShelf`.

        1. Stored keys by their position, then the one from the environment.
        2. Not those that are invalid, that rest, or whose limit is reached.
        3. One whose rest has just ended is left to one caller at a time, for the others it comes last.
        """
        shelf = self._current(provider)
        if shelf.is_calm:
            return shelf.lent
        return self._chosen(shelf, is_free=is_free)

    def barred(self, provider: Provider) -> str:
        """Say why no key of a provider may be tried now; empty: one may, or it asks for none. Lends nothing."""
        try:
            shelf = self._current(provider)
            if not shelf.is_calm:
                self._chosen(shelf, is_free=False, is_lent=False)
        except BatutaError as error:
            return error.message
        return ""

    def _current(self, provider: Provider) -> _Shelf:
        shelf = self._shelves.get(provider.id)
        if shelf is None or (shelf.provider is not provider and shelf.provider != provider):
            return self._open(provider)
        return shelf

    def went(self, key: LentKey, error: BatutaError | None, *, model: str) -> None:
        """Take in how a call with a key went."""
        name = name_of(key)
        if key.id:
            self._vault.note_used(key.id, self._clock.wall())
        if error is None:
            if (name not in self._proven or name in self._health) and self._is_still(key):
                self._take_in(key, GOOD, KeyOutcome.VALID, "")
            return
        if not self._is_still(key):
            return
        before = self._health.get(name, GOOD)
        if (now := after(before, error, now=self._clock.monotonic())) is not before:
            log.info("key %s of %s is %s after a call to %s", name, key.provider_id, now.state, model)
            self._take_in(key, now, outcome_of(error), error.message)

    # For people ----------------------------------------------------------------------------------------------

    def tested(self, key: LentKey, outcome: KeyOutcome, message: str) -> None:
        """Take in how a test of a key went."""
        if not self._is_still(key):
            return
        before = self._health.get(name_of(key), GOOD)
        health = after_test(before, outcome, message, now=self._clock.monotonic())
        self._take_in(key, health, outcome, "" if outcome is KeyOutcome.VALID else message)

    def is_in_use(self, key: LentKey) -> bool:
        """Say whether a key that was lent may still be kept: not one that was deleted, replaced or switched off."""
        records = self._vault.keys(key.provider_id)
        is_off = any(record.id == key.id and not record.enabled for record in records)
        return not is_off and self._is_still(key)

    def forgive(self, name: str) -> None:
        """Forget what is known of a key: it is another one now, or a person says so."""
        self._met.add(name)
        self._forget(name)
        for shelf in self._shelves.values():
            self._judge(shelf)

    def health(self, name: str, *, enabled: bool = True) -> Health:
        """Return how a key does, by its id or `env:PROVIDER`. A rest that is over is told as good."""
        if not enabled:
            return Health(KeyState.DISABLED)
        found = self._health.get(name, GOOD)
        return GOOD if found.may_be_tried(self._clock.monotonic()) else found

    def last_outcome(self, name: str) -> str:
        """Return how a key that is in no vault was found at its last use or test; empty: it was not used yet."""
        if name in self._proven:
            return KeyOutcome.VALID
        health = self._health.get(name)
        return next((outcome for outcome, state in STATE_OF.items() if health and state is health.state), "")

    def seconds_left(self, health: Health) -> float | None:
        """Return how long a key rests yet; None for one that does not, or whose rest has no end."""
        left = health.until - self._clock.monotonic()
        return left if 0 < left < NEVER else None

    def spent(self, key_id: str) -> budget.Sums:
        """Return what was spent with a key."""
        return self._accounts.spent(key_id)

    def lend(self, provider: Provider, name: str) -> LentKey:
        """Return one key whatever its health, to be tested. Raises KeyMissing, VaultSealed, VaultTampered."""
        if name.startswith(_ENV):
            if (key := self._from_environment(provider)) is None:
                raise missing(provider, f"{variable_of(provider) or 'the environment'} holds no key")
            return key
        return LentKey(name, self._opened(name, provider), provider.id)

    # Inside --------------------------------------------------------------------------------------------------

    def _open(self, provider: Provider) -> _Shelf:
        """Open the keys of a provider.

        1. The stored ones that are on.
        2. The one of its variable.
        3. Or none: it asks for no key. As long as nobody knows which keys are stored, that is not known either, and
           nothing is sent.
        """
        records = {record.id: record for record in self._vault.keys(provider.id)}
        lent: list[LentKey] = []
        problem: BatutaError | None = None
        for record in records.values():  # 1
            if record.enabled:
                try:
                    lent.append(self._kept(record.id, provider))
                except BatutaError as error:
                    problem = problem or error
                    if isinstance(error, VaultTampered):
                        log.warning("key %s of %s is left out: %s", record.id, provider.id, error.message)
        if (own := self._from_environment(provider)) is not None:  # 2
            lent.append(own)
        if not lent and (unread := self._vault.sealed) and not self._vault.keys(None):  # 3
            raise VaultSealed(unread)
        if not lent and (records or provider.key_ref or preset_of(provider) is not None):
            raise problem or missing(provider, self._why_none(provider, is_off=bool(records)))
        shelf = self._shelves[provider.id] = _Shelf(provider, tuple(lent), records)
        for key in lent:
            if key.id and key.id not in self._met:  # of an earlier run; since then, what is met here counts
                self._met.add(key.id)
                if (record := records[key.id]).last_outcome == KeyOutcome.INVALID:
                    self._health.setdefault(key.id, Health(KeyState.INVALID, NEVER, message=record.last_error))
        self._judge(shelf)
        return shelf

    def _kept(self, key_id: str, provider: Provider) -> LentKey:
        """Return a key; the very same object as before, while it is the same key for the same place."""
        secret = self._opened(key_id, provider)
        shelf = self._shelves.get(provider.id)
        former = next((key for key in shelf.lent if key.id == key_id), None) if shelf is not None else None
        if former is not None and former.secret.matches(secret.reveal()):
            return former
        if former is not None:  # what is known is of the one it replaces
            self._forget(key_id)
        return LentKey(key_id, secret, provider.id)

    def _opened(self, key_id: str, provider: Provider) -> Secret:
        secret = self._vault.reveal(key_id, origin=origin_of(provider))
        self._remember(secret)
        return secret

    def _is_still(self, key: LentKey) -> bool:
        """Say whether a key is the one of its id: calls and tests end after it was replaced or deleted, too."""
        if not key.id:
            return True
        try:
            return self._vault.reveal(key.id).matches(key.secret.reveal())
        except KeyNotFound:
            return False
        except BatutaError:  # it cannot be read now, and so nobody has replaced it
            return True

    def _from_environment(self, provider: Provider) -> LentKey | None:
        given = Secret(self._environ.get(variable_of(provider) or "", ""))
        if problem_with(given):
            return None
        secret = cleaned(given)
        self._remember(secret)
        return LentKey("", secret, provider.id)

    def _why_none(self, provider: Provider, *, is_off: bool) -> str:
        if is_off:
            return "every key of it is switched off"
        if (variable := variable_of(provider)) is not None:
            if value := self._environ.get(variable):
                return f"the variable {variable} holds no key: {problem_with(Secret(value))}"
            return f"its key is looked for in the variable {variable}, which is not set"
        return "no key for it has been added"

    def _chosen(self, shelf: _Shelf, *, is_free: bool, is_lent: bool = True) -> Sequence[LentKey]:
        now = self._clock.monotonic()
        first: list[LentKey] = []
        last: list[LentKey] = []
        waits: list[Health] = []
        full = ""
        for key in shelf.lent:
            name = name_of(key)
            health = self._health.get(name, GOOD)
            if health.state is KeyState.INVALID:
                continue
            if is_free:
                (first if health is GOOD else last).append(key)
            elif why := self._blocked(shelf, key):
                full = full or why
            elif not health.may_be_tried(now):
                waits.append(health)
            elif health is GOOD or now - self._probed_at.get(name, -PROBE_S) >= PROBE_S:
                first.append(key)
            else:
                last.append(key)
        if not (first or last):
            raise self._nobody(shelf, waits, full, now)
        if first and is_lent and not is_free and (name := name_of(first[0])) in self._health:
            self._probed_at[name] = now  # whoever asked is going to prove it
        return (*first, *last)

    def _blocked(self, shelf: _Shelf, key: LentKey) -> str | None:
        record = shelf.records.get(key.id)
        if record is None or not budget.has_limits(record):
            return None
        return self._accounts.blocked(key.id, key.provider_id)

    def _nobody(self, shelf: _Shelf, waits: Sequence[Health], full: str, now: float) -> BatutaError:
        """Return why no key may be tried: 1. it rests, the soonest counts; 2. a person's limit; 3. all are bad."""
        who = shelf.provider.name or shelf.provider.id
        if waits:  # 1
            soonest = min(waits, key=lambda health: (health.state is KeyState.NO_CREDIT, health.until))
            wait = soonest.until - now
            if soonest.state is KeyState.NO_CREDIT:
                text = f"no key of {who} has credit left; top up the account, or add another key"
                return OutOfCredit(text, cause=Cause.QUOTA, retry_after_s=wait)
            text = f"{who} limits how often its keys may ask; the next try is in {max(wait, 1):.0f} s"
            return UpstreamRateLimited(text, cause=Cause.QUOTA, retry_after_s=wait)
        if full:  # 2
            return BudgetReached(f"nothing was sent to {who}. Of the key for it: {full}", cause=Cause.QUOTA)
        return missing(shelf.provider, "it refused every key that there is")  # 3

    def _take_in(self, key: LentKey, health: Health, outcome: KeyOutcome, message: str) -> None:
        name = name_of(key)
        before = self._health.get(name, GOOD)
        self._probed_at.pop(name, None)
        if health is GOOD:
            self._health.pop(name, None)
        else:
            self._health[name] = health
        if outcome is KeyOutcome.VALID:
            self._proven.add(name)
        else:
            self._proven.discard(name)
        if key.id:
            self._vault.note_outcome(key.id, outcome, message)
        if (shelf := self._shelves.get(key.provider_id)) is not None:
            self._judge(shelf)
        if before.state is not health.state:
            self._told(key.provider_id, name, health.state, message)

    def _judge(self, shelf: _Shelf) -> None:
        has_limits = any(budget.has_limits(record) for record in shelf.records.values())
        shelf.is_calm = not has_limits and all(name_of(key) not in self._health for key in shelf.lent)

    def _forget(self, name: str) -> None:
        self._health.pop(name, None)
        self._probed_at.pop(name, None)
        self._proven.discard(name)

    def _changed(self, provider_ids: frozenset[str]) -> None:
        """Look at the keys of these providers again, at the next call; nobody named means that all may be different."""
        known = {record.id for record in self._vault.keys(None)}
        for name in [name for name in self._health if not name.startswith(_ENV) and name not in known]:
            self._forget(name)
        self._proven &= known | {name for name in self._proven if name.startswith(_ENV)}
        self._met &= known
        for provider_id in provider_ids or tuple(self._shelves):
            if (shelf := self._shelves.get(provider_id)) is not None:
                # Kept for what it has opened, but never taken for current: no provider is equal to this one.
                shelf.provider = _NOBODY
                self._clear_out(shelf)

    def _clear_out(self, shelf: _Shelf) -> None:
        """Keep nothing in memory of a key that was deleted, replaced or switched off."""
        for key in shelf.lent:
            if not self._is_still(key):
                self._forget(key.id)
        shelf.lent = tuple(key for key in shelf.lent if self.is_in_use(key))


_NOBODY: Final = Provider("", "")


def name_of(key: LentKey) -> str:
    """Return what a key is called: its id, or `env:PROVIDER`."""
    return key.id or f"{_ENV}{key.provider_id}"


def environment_name(provider_id: str) -> str:
    """Return what the key in a provider's variable is called."""
    return f"{_ENV}{provider_id}"


def variable_of(provider: Provider) -> str | None:
    """Return the name of the variable that holds a provider's key; None where it has none."""
    scheme, _, name = (provider.key_ref or "").partition(":")
    return name if scheme == "env" and name else None


def origin_of(provider: Provider) -> str:
    """Return the one place that a provider's keys are sent to: `https://host:port`."""
    scheme, host, port = provider.origin
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def missing(provider: Provider, why: str) -> KeyMissing:
    """Return the error for a provider without a key that may be used, saying why and what helps."""
    who = provider.name or provider.id
    return KeyMissing(
        f"{who} cannot be asked: {why}. Add one with `batuta keys add {provider.id}`, or on the page API keys",
        cause=Cause.AUTH,
    )
