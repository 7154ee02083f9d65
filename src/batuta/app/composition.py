"""Who is made of whom, and what is started in which order.

The port opens first; the loader, the catalog and the default model follow while the page already shows how far they
are. With `ordered`, the port opens last.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from batuta import starter
from batuta.app.booking import Booking
from batuta.app.books import Books
from batuta.app.engines import Engines, remembered
from batuta.app.memory_watch import MemoryWatch
from batuta.app.routes import build_dispatcher
from batuta.catalog.change import Change
from batuta.catalog.entities import ModelSpec, Provider, Role
from batuta.catalog.external import seen_keys
from batuta.catalog.files import reader
from batuta.catalog.finding import Places
from batuta.catalog.records import COMMANDS, LOCAL
from batuta.catalog.returning import return_model
from batuta.catalog.role_keeper import first_model
from batuta.catalog.service import Catalog
from batuta.catalog.shelves import shelves
from batuta.catalog.store import Store
from batuta.clock import Clock, SystemClock
from batuta.downloads.service import Downloads
from batuta.engines.base import DescribedEngine, EngineInfo, ReportedModel
from batuta.engines.command import CommandEngine
from batuta.engines.keyed import KeyedEngine
from batuta.engines.knock import Doorman
from batuta.engines.local_worker import LocalWorker
from batuta.engines.reach import Reach, stays_here
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, Cause
from batuta.gateway.admission import Admission
from batuta.gateway.attempt import Patience
from batuta.gateway.serve import Gateway
from batuta.installation import process_started, remove_record
from batuta.keys.health import KeyState
from batuta.keys.ring import KeyRing
from batuta.keys.service import Keys
from batuta.keys.tester import KeyTester
from batuta.kinds import is_loaded
from batuta.lifecycle.events import Known, ReturnSet
from batuta.lifecycle.ledger import MemoryLedger, size_text
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.queueing import BoundedWait
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.loader.forms import estimate, inspect
from batuta.loader.memory import devices
from batuta.loader.supervisor import LoaderSupervisor
from batuta.observe.bus import Bus
from batuta.observe.events import (
    CatalogChanged,
    DefaultChanged,
    Fact,
    KeyChanged,
    LoaderChanged,
    ModelStateChanged,
    Started,
    Starting,
)
from batuta.observe.metrics import Metrics
from batuta.routing.wishes import House
from batuta.settings import Settings, config_path
from batuta.tasks import Tasks
from batuta.usage.days import Days
from batuta.usage.prices import FILE_NAME as PRICES
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault
from batuta.web.auth import Auth
from batuta.web.services import Services

log = logging.getLogger("batuta.app")


class App:
    """All services of one gateway. `start` brings them up in the background of the open port; `aclose` ends them.

    Args:
        settings: the whole tree.
        clock: where time comes from.
        places: where to look for programs, files and keys; None: on this machine, unless the settings say not to.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None, places: Places | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.bus = Bus()
        self.tasks = Tasks(_report)
        self.auth = Auth(settings, clock=self.clock)
        remembered(self.auth.local_token)
        self.supervisor = LoaderSupervisor(settings, self.bus, self.clock)
        transport = Transport(reach=Reach(local_only=settings.local_only))
        local = LocalWorker(
            self.supervisor.client,
            transport,
            settings=settings.engine,
            load_timeout_s=settings.loader.load_timeout_s,
        )
        commands = CommandEngine(self.supervisor.client, transport, settings=settings, environ=os.environ)
        store = Store(settings.database_url or f"sqlite:///{settings.data_dir / 'batuta.db'}")
        self.vault = Vault(
            store,
            Sources(settings.vault.source, settings.data_dir, os.environ, file=settings.vault.file),
            clock=self.clock,
            on_error=_report,
        )
        self.books = self._make_books(store)
        self.key_ring = KeyRing(
            self.vault,
            clock=self.clock,
            environ=os.environ,
            accounts=self.books.budgets,
            remember=remembered,
            told=self._key_told,
        )
        self.engines = Engines(transport, local, self.key_ring, {COMMANDS.id: (COMMANDS, commands)})
        self._booking = Booking(settings, devices())
        self._holders: dict[Role, str] = {}
        self._return: ReturnSet | None = None
        self.runner = self._make_runner()
        self.runner.observer.hold_back(LOCAL.id)  # until it is known which device they are booked on
        if places is None and settings.discover:
            places = Places(Doorman(transport).knock, shelves=shelves(os.environ), keys=seen_keys(os.environ))
        self.catalog = self._make_catalog(store, places)
        self.memory = MemoryWatch(
            self._booking,
            self.runner.lifecycle,
            self.supervisor.client,
            self.catalog,
            follow=self._set_budgets,
            clock=self.clock,
            margin=settings.memory.margin,
        )
        self.metrics = Metrics(self.bus)
        self.gateway = self._make_gateway()
        self.downloads = Downloads(
            settings, clock=self.clock, bus=self.bus, on_error=_report, refresh=self.catalog.refresh
        )
        self.keys = Keys(
            vault=self.vault,
            ring=self.key_ring,
            tester=KeyTester(self.key_ring, self.engines.of_key, self.clock),
            catalog=self.catalog,
            environ=os.environ,
            renewed=self._keys_renewed,
        )
        self.services = self._make_services()
        self.dispatcher = build_dispatcher(self.services)

    def _make_services(self) -> Services:
        return Services(
            settings=self.settings,
            catalog=self.catalog,
            runner=self.runner,
            bus=self.bus,
            supervisor=self.supervisor,
            gateway=self.gateway,
            metrics=self.metrics,
            auth=self.auth,
            clock=self.clock,
            tasks=self.tasks,
            downloads=self.downloads,
            keys=self.keys,
            usage=self.books.usage,
        )

    def _make_books(self, store: Store) -> Books:
        return Books(
            self.bus,
            store,
            clock=self.clock,
            days=Days.of(self.settings.usage.time_zone),
            keys=self.vault.keys,
            provider=self._provider,
            provider_of=self._provider_of,
            on_error=_report,
        )

    def _make_runner(self) -> Runner:
        settings = self.settings
        return Runner(
            Lifecycle(
                {device: MemoryLedger(device, budget) for device, budget in self._booking.budgets.items()},
                queue=BoundedWait(
                    normal_s=settings.queue.max_wait_s,
                    max_swaps=settings.queue.max_wait_swaps,
                    busy_factor=settings.swap.busy_factor,
                ),
                load_timeout_s=settings.loader.load_timeout_s,
            ),
            clock=self.clock,
            bus=self.bus,
            on_error=_report,
            reached=self._reached,
            on_stranger=self._stranger,
        )

    def _make_gateway(self) -> Gateway:
        settings = self.settings
        return Gateway(
            specs=self.catalog.specs,
            runner=self.runner,
            admission=Admission(settings.queue.limit, lambda: len(self.runner.lifecycle.waiting)),
            clock=self.clock,
            bus=self.bus,
            patience=Patience(settings.engine.first_word_s, settings.engine.whole_answer_s, settings.engine.idle_s),
            is_offline=self.catalog.is_offline,
            reached=self._reached,
            meter=self.books.meter,
            house=House(stays_here=self._stays_here, price_of=self.books.meter.price_of),
            local_only=settings.local_only,
            barred=self._barred,
            overflow_s=settings.queue.overflow_s,
        )

    def _make_catalog(self, store: Store, places: Places | None) -> Catalog:
        settings = self.settings
        catalog = Catalog(
            store,
            settings=settings,
            clock=self.clock,
            read_file=reader(inspect, estimate),
            list_models=self.list_models,
            describe=self.describe,
            on_error=_report,
            places=places,
            bundled={path: Role(starter.ROLES[path.stem]) for path in starter.files()} if settings.starter else {},
            standing=self._standing,
        )
        catalog.listen(self._catalog_changed)
        return catalog

    async def start(self) -> None:
        """Bring everything up: the loader and, meanwhile, the catalog; what is still in memory; the default model."""
        self.bus.listen(self._loaded)
        await self.runner.start()
        self.bus.publish(Starting("loader", "starting"))
        loader = self.tasks.start(self.supervisor.start(), name="loader start")
        self.bus.publish(Starting("catalog", "looking for models"))
        await self.catalog.start()
        keys = self.tasks.start(
            self.keys.start(), name="keys"
        )  # their master key may wait for a person; nobody else does
        await self.books.open(config_path(os.environ).with_name(PRICES))
        await loader
        await self._choose_device()
        await self.memory.look()  # before what is still in memory is booked: it may be a whole GPU
        self.bus.listen(self.memory.heard)
        self.tasks.start(self.memory.run(), name="memory watch")
        self.runner.observer.release(LOCAL.id)
        for ours in (LOCAL.id, COMMANDS.id):  # other engines are looked at meanwhile, each in its time
            await self.runner.observe(provider_id=ours)
        self._set_return()  # not before: nobody knew where it is booked, or whether it is there already
        if (default := self.default_model()) is not None:
            self.bus.publish(Starting("model", default))
            self._load_default()
        self.bus.listen(self._loader_changed)
        await keys
        _calm_the_collector()
        self.bus.publish(Started(time.time() - process_started()))

    def _loader_changed(self, fact: Fact) -> None:
        """Have the default model loaded again when a new loader has come up: the old one took it along."""
        if isinstance(fact, LoaderChanged) and fact.state == "up":
            asyncio.get_running_loop().call_soon(self._load_default)  # what was lost is taken in first

    def _load_default(self) -> None:
        if (default := self.default_model()) is not None:
            self.runner.request_load(default, deadline=self.clock.monotonic() + self.settings.queue.deadline_s)

    def default_model(self) -> str | None:
        """Return the model that is loaded at the start, see `first_model`; None for one that nobody loads."""
        first = first_model(self.catalog.specs(), self.catalog.default_roles)
        return first.id if first is not None and first.is_loadable else None

    def _standing(self) -> tuple[Collection[str], int, Callable[[ModelSpec], float | None]]:
        """Return what the catalog's choice of defaults depends on: who is in memory, the largest budget, prices."""
        loaded = [m for m, r in self.runner.lifecycle.residencies.items() if r.state is ModelState.READY]
        return loaded, self._booking.largest, self.books.meter.price_of

    def _set_budgets(self) -> None:
        """Have the ledgers follow the booking; a model of unknown size is booked with all there is, which is new."""
        specs = self.catalog.specs().values()
        changes = list(self._booking.changes(specs, self.runner.lifecycle.ledgers))
        for change in changes:
            log.info("models may take %s on %s: %s", size_text(change.budget), change.device, change.reason)
            self.runner.post(change)
        for spec in specs if changes else ():
            if spec.is_loadable and spec.provider_id == COMMANDS.id and not spec.need_bytes:
                self._register(spec)

    def _set_return(self) -> None:
        """Tell the lifecycle which model comes back where nobody wants anything."""
        swap = self.settings.swap
        model = return_model(swap.return_to, self.catalog.specs())
        wanted = ReturnSet(model, swap.return_after_s)
        if wanted != self._return:
            self._return = wanted
            self.runner.post(wanted)

    async def wait_for_default(self) -> None:
        """Return when the default model is ready or has failed, or after the queue's deadline."""
        if (default := self.default_model()) is not None:
            with suppress(BatutaError):
                await self.runner.wait_ready(default, deadline=self.clock.monotonic() + self.settings.queue.deadline_s)

    async def _choose_device(self) -> None:
        """Book local models on the device that llama.cpp computes on: the first GPU it can use, else the host."""
        if self.settings.engine.gpu_layers == 0:
            return
        try:
            found = await self.supervisor.client.devices()
        except BatutaError:
            return
        if self._booking.choose(found):
            self._set_budgets()
            for spec in self.catalog.specs().values():
                self._register(spec)

    def _loaded(self, fact: Fact) -> None:
        """Have the catalog learn what a load showed. Not at once: the catalog answers with a change of its own."""
        if isinstance(fact, ModelStateChanged) and fact.old == ModelState.LOADING and fact.new == ModelState.READY:
            asyncio.get_running_loop().call_soon(self._learn, fact.model)

    def _learn(self, model: str) -> None:
        residency = self.runner.lifecycle.residencies.get(model)
        if residency is not None and residency.load_seconds:
            self.catalog.set_learned(
                model,
                memory_bytes=residency.learned_bytes,
                load_seconds=residency.load_seconds[-1],
                load_s=residency.times.seen,
            )

    def _catalog_changed(self, change: Change) -> None:
        for spec in (*change.added, *change.changed, *change.absent):
            self._register(spec)
        for model in change.removed:
            self.runner.forget(model)
        for provider_id in change.providers:
            self._provider_changed(provider_id)
        gone = [spec for spec in change.added if not spec.is_present]  # remembered of an earlier run
        here = [spec for spec in change.added if spec.is_present]
        ids = [tuple(spec.id for spec in specs) for specs in (here, change.changed, (*change.absent, *gone))]
        self.bus.publish(CatalogChanged(*ids))
        self._set_budgets()
        if self._return is not None:
            self._set_return()
        self._announce_defaults(change.defaults or {})

    def _announce_defaults(self, defaults: Mapping[Role, str]) -> None:
        for role, model in defaults.items():
            if (before := self._holders.get(role)) != model:
                self.bus.publish(DefaultChanged(role.value, model, before))
        self._holders |= defaults

    def _provider_changed(self, provider_id: str) -> None:
        """Follow a provider.

        1. Deleted or replaced: its engine is closed; its models get the new one.
        2. Back after it was offline: what failed because of that is forgiven, and what it holds is looked at.
        """
        state = self.catalog.provider(provider_id)
        models = [spec for spec in self.catalog.specs().values() if spec.provider_id == provider_id]
        old = self.engines.take_outdated(provider_id, state.provider if state else None)
        if old is not None:  # 1
            for spec in models:
                self._register(spec)
            self.tasks.start(old.aclose(), name=f"close {provider_id}")
        if state is not None and state.is_online:  # 2
            known = self.runner.lifecycle.residencies
            for spec in models:
                if (r := known.get(spec.id)) is not None and r.cause is Cause.ENGINE_OFFLINE:
                    self.runner.reset_failed(spec.id)
            self.runner.observer.soon(provider_id)

    def _register(self, spec: ModelSpec) -> None:
        state = self.catalog.provider(spec.provider_id)
        if state is None:
            return
        try:
            engine = self.engines.of(state.provider)
        except BatutaError as error:
            log.warning("model %s cannot be used: %s", spec.id, error.message)
            return
        if spec.is_loadable:
            spec = self._booking.booked(spec, engine)
        self.runner.register(spec, engine, known=Known(self.catalog.learned(spec.id).load_s))

    def _key_told(self, provider_id: str, name: str, state: KeyState, message: str) -> None:
        """Tell that a key can be used no more, or again; then what failed for want of it may be tried."""
        self.bus.publish(KeyChanged(provider_id, name, state.value, message))
        if state is KeyState.GOOD:
            self._forgive_keys(provider_id)

    def _keys_renewed(self, provider_id: str) -> None:
        """Follow a person who has changed the keys of a provider: nothing of a deleted one stays in memory."""
        self._forgive_keys(provider_id)
        _, engine = self.engines.made.get(provider_id, (None, None))
        if isinstance(engine, KeyedEngine):
            self.tasks.start(engine.keep_only(self.key_ring.is_in_use), name=f"keys of {provider_id}")

    def _forgive_keys(self, provider_id: str) -> None:
        for spec in self.catalog.specs().values():
            residency = self.runner.lifecycle.residencies.get(spec.id)
            if spec.provider_id == provider_id and residency and residency.cause in {Cause.AUTH, Cause.QUOTA}:
                self.runner.reset_failed(spec.id)

    def _reached(self, provider_id: str, message: str = "") -> None:
        """Take in whether a provider answers. One that is back may have other models, and be another version."""
        was_offline = self.catalog.is_offline(provider_id)
        self.catalog.note_reached(provider_id, message)
        if was_offline and not message:
            self.catalog.ask_soon(provider_id)

    def _provider(self, provider_id: str) -> Provider | None:
        return state.provider if (state := self.catalog.provider(provider_id)) else None

    def _barred(self, provider_id: str) -> str:
        """Say why no key of a provider may be tried now; empty: one may, or it asks for none."""
        provider = self._provider(provider_id)
        return self.key_ring.barred(provider) if provider is not None and not is_loaded(provider.kind) else ""

    def _provider_of(self, model: str) -> str:
        return spec.provider_id if (spec := self.catalog.specs().get(model)) else ""

    def _stays_here(self, spec: ModelSpec) -> bool:
        """Say whether a model answers without a byte leaving this machine."""
        state = self.catalog.provider(spec.provider_id)
        return spec.is_local and state is not None and stays_here(state.provider)

    def _stranger(self, provider_id: str) -> None:
        """Have an engine list its models: it holds one that the catalog has never heard of."""
        self.catalog.ask_soon(provider_id)

    async def list_models(self, provider: Provider) -> Sequence[ReportedModel]:
        """Ask a provider what it has. Raises BatutaError when it cannot be asked."""
        models = await self.engines.of(provider).list_models()
        self.books.meter.learn(provider.id, models)
        return models

    async def describe(self, provider: Provider) -> EngineInfo | None:
        """Ask a provider who it is; None where its engine cannot tell. Raises BatutaError when it cannot be asked."""
        engine = self.engines.of(provider)
        return await engine.describe() if isinstance(engine, DescribedEngine) else None

    async def aclose(self, *, keep_loader: bool) -> None:
        """End everything, outermost first."""
        remove_record(self.settings)
        await self.tasks.aclose()
        await self.downloads.aclose()
        await self.runner.aclose()
        await self.books.aclose()
        await self.keys.aclose()
        await self.catalog.aclose()
        await self.supervisor.stop(keep_loader=keep_loader)
        await self.engines.aclose()


def _calm_the_collector() -> None:
    """Keep the garbage collector off what lives as long as the process.

    Classes, routes and templates are some 70,000 objects. Walking them again and again cost a third of the requests a
    second at 32 connections (4,400 against 7,100); requests leave no cycles worth hurrying for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _report(name: str, error: BaseException) -> None:
    log.error("background task %s ended with %s: %s", name, type(error).__name__, error, exc_info=error)
