"""What there is of an installation without its gateway: providers, keys, prices, limits, sums.

Nothing is made on the disk that is not there: without a database there are no stored keys, and nothing is summed up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from batuta import kinds
from batuta.catalog.configured import configured_providers
from batuta.catalog.entities import Provider
from batuta.catalog.external import KINDS_OF, TABLE
from batuta.catalog.records import COMMANDS, LOCAL, OURS
from batuta.catalog.store import FILE, Store
from batuta.catalog.usage_store import UsageStore
from batuta.clock import Clock, SystemClock
from batuta.engines import registry
from batuta.engines.reach import Reach
from batuta.engines.transport import Transport
from batuta.errors import BadRequest, LoaderDown
from batuta.keys.ring import KeyRing, KeyVault
from batuta.observe.bus import Bus
from batuta.observe.log import redactor
from batuta.settings import Settings, config_path
from batuta.usage.days import Days
from batuta.usage.limits import Budgets, limits_of
from batuta.usage.meter import Listener, Meter
from batuta.usage.prices import FILE_NAME, prices_with
from batuta.usage.recorder import Recorder
from batuta.vault.records import KeyNotFound, KeyRecord
from batuta.vault.secret import Secret
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault

log = logging.getLogger("batuta.completion")


@dataclass(frozen=True, slots=True)
class Here:
    """What a call needs.

    Attributes:
        providers: by id.
        environ: environment variables.
        transport: the way out.
        ring: the keys.
        meter: prices and limits.
        bus: where to tell what became of the call.
        clock: time.
    """

    providers: Mapping[str, Provider]
    environ: Mapping[str, str]
    transport: Transport
    ring: KeyRing
    meter: Meter
    bus: Bus
    clock: Clock

    def provider(self, name: str) -> Provider:
        """Return a provider: 1. of the settings or the database; 2. a known API.

        Raises:
            BadRequest: there is none of that name.
            LoaderDown: its models are the gateway's to load.
        """
        found = self.providers.get(name) or known_api(name, self.environ)
        if found is None:
            known = {*self.providers, *(api.id for api in TABLE)} - {LOCAL.id, COMMANDS.id}
            raise BadRequest(f"there is no provider {name[:64]!r}; those there are: {', '.join(sorted(known))}")
        if found.kind in OURS:
            raise LoaderDown(
                f"models of the provider {name} are loaded by Batuta's gateway, and none is running; start it with "
                "`batuta up`"
            )
        return found


def known_api(name: str, environ: Mapping[str, str]) -> Provider | None:
    """Return a known API as a provider; None for a name that none has, or a dialect that nobody here speaks."""
    api = next((each for each in TABLE if each.id == name), None)
    kind = next((each for each in KINDS_OF.get(api.dialect, ()) if each in kinds.KINDS), None) if api else None
    if api is None or kind is None:
        return None
    variable = next((each for each in api.variables if environ.get(each)), next(iter(api.variables), ""))
    key_ref = f"env:{variable}" if variable else None
    return Provider(api.id, kind, api.name, api.base_url, key_ref=key_ref, preset=api.id)


class NoVault:
    """The stored keys of an installation that has no database: none."""

    sealed: str | None = None

    def keys(self, provider_id: str | None = None) -> Sequence[KeyRecord]:
        """Return none."""
        del provider_id
        return ()

    def reveal(self, key_id: str, *, origin: str | None = None) -> Secret:
        """Refuse: nobody can know an id."""
        del origin
        raise KeyNotFound(f"there is no key {key_id}")

    def note_used(self, key_id: str, when: float) -> None:
        """Nothing is noted."""

    def note_outcome(self, key_id: str, outcome: str, message: str = "") -> None:
        """Nothing is noted."""

    def listen(self, listener: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Nothing changes."""
        del listener
        return lambda: None


@asynccontextmanager
async def opened(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Here]:
    """Open what there is, and close it again; what was used is written at the end.

    1. A database: its providers, its vault, what was spent and what is used.
    2. None: the environment's keys alone, and nothing is summed up.
    """
    clock, bus, days = SystemClock(), Bus(), Days.of(settings.usage.time_zone)
    prices, problem = await asyncio.to_thread(prices_with, config_path(environ).with_name(FILE_NAME))
    if problem:
        log.warning("%s", problem)
    await asyncio.to_thread(registry.kinds)  # reads what is installed
    providers = {name: state.provider for name, state in configured_providers(settings).items()}
    vault: KeyVault = NoVault()
    spent: Listener | None = None
    async with AsyncExitStack() as stack:
        store = await asyncio.to_thread(_store, settings)
        if store is not None:  # 1
            stack.push_async_callback(store.aclose)
            contents = await store.open()
            providers = {provider.id: provider for provider, _ in contents.providers} | providers
            places = Sources(settings.vault.source, settings.data_dir, environ, file=settings.vault.file)
            stored = Vault(store, places, clock=clock, on_error=_report)
            stack.push_async_callback(stored.aclose)
            await stored.open()
            vault = stored
        budgets = Budgets(limits_of(vault.keys), lambda: days.day(clock.wall()))
        if store is not None:
            recorder = Recorder(
                bus,
                UsageStore(store),
                clock=clock,
                days=days,
                provider_of=_provider_of,
                on_error=_report,
                budgets=budgets,
            )
            stack.push_async_callback(recorder.aclose)
            await recorder.open()
            spent = recorder.spent
        transport = Transport(reach=Reach(local_only=settings.local_only))
        stack.push_async_callback(transport.aclose)
        ring = KeyRing(vault, clock=clock, environ=environ, accounts=budgets, remember=redactor.remember)
        meter = Meter(prices, providers.get, budgets=budgets, spent=spent)
        yield Here(providers, environ, transport, ring, meter, bus, clock)


def _store(settings: Settings) -> Store | None:
    """Return the installation's database; None where there is none yet. Blocks on the disk."""
    if settings.database_url:
        return Store(settings.database_url)
    return Store.in_folder(settings.data_dir) if (settings.data_dir / FILE).is_file() else None


def _provider_of(model: str) -> str:
    return model.partition("/")[0]


def _report(name: str, error: BaseException) -> None:
    log.error("background task %s ended with %s: %s", name, type(error).__name__, error, exc_info=error)
