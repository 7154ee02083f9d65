"""The catalog: every model and provider there is, in memory, kept current by discovery and kept safe by the store.

Reading is instant and never waits. Knows nothing of load states: a listener hears what changed and tells the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Unpack

from batuta import __version__
from batuta.catalog import commands, itself, names
from batuta.catalog.change import NOTHING, Change, ChoicePatch, Describe, Listener, ListModels, Standing
from batuta.catalog.configured import configured_providers, named_files, taken, unmatched_wishes
from batuta.catalog.defaults import Surroundings
from batuta.catalog.discovery import Merge, merge, printable
from batuta.catalog.entities import ModelSpec, Provider, Role
from batuta.catalog.external import SeenKey
from batuta.catalog.files import FileScanner, ReadFile, Roots
from batuta.catalog.finding import (
    CHANGEABLE,
    FOUND,
    PERSON,
    Door,
    Places,
    changeable,
    check_is_gone,
    is_worth_keeping,
    overruled,
)
from batuta.catalog.neighbours import Neighbours
from batuta.catalog.records import (
    COMMANDS,
    LOCAL,
    OURS,
    Defaults,
    Described,
    Found,
    Learned,
    Lesson,
    ModelRecord,
    Problem,
    ProviderState,
    Reported,
)
from batuta.catalog.role_keeper import RoleKeeper
from batuta.catalog.rows import Contents
from batuta.catalog.store import NotSaved, Store
from batuta.clock import Clock
from batuta.errors import BadRequest, BadSettings, BatutaError, Conflict
from batuta.settings import Settings
from batuta.tasks import Tasks

log = logging.getLogger("batuta.catalog")
LOOK_EVERY_S = 10.0  # a model copied into a folder appears while its owner still looks at the page
FIRST_SAVE_S = 3.0  # loading SQLAlchemy would slow down the first seconds, when a model is being loaded
ASK_FAR_EVERY_S = 600.0  # an API on the internet changes its list some times a year; asking costs its patience
ASK_AGAIN_S = 60.0  # one that could not be reached
ASK_WITHIN_S = 15.0  # a provider that needs longer to list its models is as good as gone
LONGEST_VERSION = 80  # characters; what an engine says of itself is shown on one line
FOUND_BY = "found_by"  # meta: the version that read the files; another one reads them again


class Catalog:
    """Owns the records.

    Args:
        store: where they are kept.
        settings: folders, providers, context, slots, and who is brain and executor.
        clock: when to look again.
        read_file: reads a model file's header (`files.reader`).
        list_models: asks a provider what it has; raises BatutaError when it cannot be asked.
        describe: asks a provider who it is; None where its engine cannot tell; raises BatutaError like `list_models`.
        on_error: called with (task name, error) if the loop dies, which is a bug.
        roots: folders searched for model files; those of the settings when None.
        device: the ledger that local models are booked in.
        places: where to look beside the settings: ports, other programs' folders, keys; None: nowhere.
        bundled: files that come with Batuta -> the role each was made for.
        standing: gives the ids of models in memory and the largest device's budget in bytes, by which a role that
            nobody gave gets its holder; None: such a role has none.
    """

    def __init__(
        self,
        store: Store,
        *,
        settings: Settings,
        clock: Clock,
        read_file: ReadFile,
        list_models: ListModels,
        on_error: Callable[[str, BaseException], None],
        describe: Describe | None = None,
        roots: Roots | None = None,
        device: str = "host",
        places: Places | None = None,
        bundled: Mapping[Path, Role] = MappingProxyType({}),
        standing: Standing | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._list_models = list_models
        self._describe = describe
        self._defaults = Defaults(settings.engine.context_length, settings.engine.slots, device)
        self._roles = RoleKeeper(commands.wanted_roles(settings))
        self._return_to = settings.swap.return_to
        self._bundled = {str(path): role for path, role in bundled.items()}
        self._standing = standing
        self._neighbours = Neighbours(places)
        self._scanner = FileScanner(
            settings.model_roots if roots is None else roots,
            read_file,
            files=(*named_files(self._roles.wanted.values()), *bundled),
            shelves=self._neighbours.shelves,
            must_exist=bool(settings.models_dirs) and roots is None,
        )
        self._commands = commands.found_commands(settings)
        self._presets = commands.presets(settings)
        self._records: dict[str, ModelRecord] = {}
        self._specs: dict[str, ModelSpec] = {}
        self._providers = configured_providers(settings)
        self._asked_at: dict[str, float] = {}
        self._former: dict[str, Provider] = {}  # of an earlier start, or overruled
        self._unsaved: set[str] = set()
        self._file_problems: tuple[Problem, ...] = ()
        self._listed: list[Found] | None = None
        self._report_problems: dict[str, tuple[Problem, ...]] = {}
        self._save_problem: str | None = None
        self._listeners: list[Listener] = []
        self._tasks = Tasks(on_error)
        self._looking = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._looks = 0
        self._is_configuration_saved = False
        self._own_address: itself.Address | None = None
        self._unmatched: tuple[Problem, ...] = ()
        self.is_started = self._is_closed = False

    # Life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the store, look at the disks, and keep looking; providers are asked in the background.

        Raises:
            HostError, BadSettings: the store cannot be used; see `Store.open`.
        """
        contents = await self._store.open()
        back = self._neighbours.restore(contents.providers, self._providers)
        self._providers |= back.states
        self._former |= back.former
        self._take_up(*self._neighbours.with_keys(self._providers))
        for record in contents.models:
            is_served = record.provider_id in self._providers
            self._records[record.id] = record if is_served else replace(record, is_present=False)
        if contents.meta.get(FOUND_BY) == __version__:
            self._scanner.prime(record.found for record in contents.models if record.provider_id == LOCAL.id)
        self._is_configuration_saved = contents.meta.get(FOUND_BY) == __version__ and self._is_known(contents)
        self._publish()
        self._apply(COMMANDS.id, merge(self._records, COMMANDS.id, self._commands))  # first: their ids are promised
        await self._look_at_files()
        self.is_started = True
        self._tasks.start(self._look_forever(), name="catalog discovery")

    def _is_known(self, contents: Contents) -> bool:
        stored = dict(contents.providers)
        return all(stored.get(provider) == source for provider, source in self._worth_keeping())

    def _worth_keeping(self) -> list[tuple[Provider, str]]:
        served = {record.provider_id for record in self._records.values()}
        return [(s.provider, s.source) for s in self._providers.values() if is_worth_keeping(s, served)]

    async def aclose(self) -> None:
        """Stop looking, save what is not saved yet, close the store."""
        self._is_closed = True
        await self._tasks.aclose()
        await self._save()
        await self._store.aclose()

    def listens_at(self, host: str, port: int) -> None:
        """Take note of where this gateway listens: it cannot be its own provider.

        Raises:
            BadSettings: a provider of the settings is at that address.
        """
        self._own_address = itself.Address(host, port)
        for state in self._providers.values():
            if self._is_itself(state.provider) and state.source != PERSON:
                raise BadSettings(f"providers: {state.provider.id!r} is this Batuta itself ({state.provider.base_url})")

    def _is_itself(self, provider: Provider) -> bool:
        return self._own_address is not None and self._own_address.is_at(provider.base_url)

    def listen(self, listener: Listener) -> None:
        """Call `listener(change)` after every change, at once. It must be quick and must not raise."""
        self._listeners.append(listener)

    # Reading ------------------------------------------------------------------------------------------------

    def specs(self) -> Mapping[str, ModelSpec]:
        """Return every model, id -> spec, absent ones too. The mapping is never changed, only replaced."""
        return self._specs

    def get(self, model_id: str) -> ModelSpec | None:
        """Return a model by its exact id."""
        return self._specs.get(model_id)

    def resolve(self, name: str) -> ModelSpec:
        """Return the model that a person means by `name`, see `names.find`. Raises ModelNotFound with the nearest."""
        if (spec := names.find(name, self._specs)) is None:
            raise names.not_found(name, self._specs)
        return spec

    @property
    def default_roles(self) -> Mapping[Role, str]:
        """Role -> model, for the roles that neither the settings nor a person gave."""
        return self._roles.defaults

    def learned(self, model_id: str) -> Learned:
        """Return what real loads of a model showed; nothing for an unknown one."""
        record = self._records.get(model_id)
        return record.learned if record else Learned()

    def providers(self) -> list[ProviderState]:
        """Return every provider and how it stands."""
        return list(self._providers.values())

    def provider(self, provider_id: str) -> ProviderState | None:
        """Return one provider."""
        return self._providers.get(provider_id)

    def problems(self) -> tuple[Problem, ...]:
        """Return what a person should see to: the database, files that are no models, providers that are offline."""
        offline = [
            Problem(state.provider.name or state.provider.id, state.message)
            for state in self._providers.values()
            if state.is_online is False and state.provider.enabled and state.source != FOUND  # nobody asked for it
        ]
        reported = [problem for problems in self._report_problems.values() for problem in problems]
        reported += commands.renamed(self._records.values())
        unsaved = [Problem("settings", self._save_problem)] if self._save_problem else []
        return (*self._store.problems, *unsaved, *self._unmatched, *self._file_problems, *reported, *offline)

    def seen_keys(self) -> tuple[SeenKey, ...]:
        """Return the keys of external APIs that are in the environment, by their names."""
        return self._neighbours.keys

    def is_offline(self, provider_id: str) -> bool:
        """Say whether the provider could not be reached the last time it was asked."""
        state = self._providers.get(provider_id)
        return state is not None and state.is_online is False

    def note_reached(self, provider_id: str, message: str = "") -> None:
        """Take in what a request has found out: the provider answers, or cannot be reached, and why."""
        state = self._providers.get(provider_id)
        if state is not None and state.provider.kind not in OURS and (state.is_online is False) != bool(message):
            self._set_online(provider_id, message)

    # A person's wishes --------------------------------------------------------------------------------------

    async def patch(self, model_id: str, **choices: Unpack[ChoicePatch]) -> ModelSpec:
        """Set what a person decided about a model; return it as it is now.

        Raises:
            ModelNotFound: no such id.
            BadRequest: the settings give the role to another model, or say otherwise of this one.
            NotSaved: the database cannot be written; nothing was changed.
        """
        async with self._saving:
            record = self._record(model_id)
            self._check_roles(model_id, choices.get("roles", frozenset()))
            commands.check_choices(model_id, commands.preset_of(record, self._presets), choices)
            wanted = replace(record.choices, **choices)
            await self._save_configuration()
            await self._store.save_models([replace(record, choices=wanted)])
            # Discovery may have renewed the rest of the record meanwhile.
            self._records[model_id] = replace(self._record(model_id), choices=wanted)
        self._publish()
        return self._specs[model_id]

    def _record(self, model_id: str) -> ModelRecord:
        if (record := self._records.get(model_id)) is None:
            raise names.not_found(model_id, self._specs)
        return record

    def _check_roles(self, model_id: str, roles: frozenset[Role]) -> None:
        for role, holder in self._roles.given(self._specs).items():
            if role in roles and holder != model_id:
                raise BadRequest(
                    f"the {role} is {holder}, because the settings name it; change `{role}` there, or unset it",
                    model=model_id,
                )

    async def forget(self, model_id: str) -> None:
        """Forget a model that is not there any more, and what was set about it.

        Raises:
            ModelNotFound: no such id.
            Conflict: it is still there, and would be found again at once.
            NotSaved: the database cannot be written; nothing was changed.
        """
        async with self._saving:
            if self._record(model_id).is_present:
                raise Conflict(
                    f"{model_id} is still there; delete its file, or its provider, and then forget it. To have it "
                    "unused, switch it off (PATCH enabled: false)",
                    model=model_id,
                )
            await self._store.delete_model(model_id)
            if (record := self._records.get(model_id)) is not None and not record.is_present:
                del self._records[model_id]
                self._unsaved.discard(model_id)
        self._publish()

    def set_learned(
        self, model_id: str, *, memory_bytes: int = 0, load_seconds: float | None = None, **more: Unpack[Lesson]
    ) -> None:
        """Take in what a load of this model showed, see `Learned.after`; it is saved with the next look."""
        record, spec = self._records.get(model_id), self._specs.get(model_id)
        if record is None or spec is None:
            return
        learned = record.learned.after(seconds=load_seconds, load_s=more.get("load_s"))
        learned = learned.having(spec.context_length, spec.slots, most=memory_bytes, peak=more.get("peak", 0))
        self._records[model_id] = replace(record, learned=learned)
        self._unsaved.add(model_id)
        self._publish()

    async def add_provider(self, provider: Provider) -> ProviderState:
        """Add a provider, or replace one that a person added, and ask it what it has; return how it stands.

        Raises:
            BadRequest: the id is one of the settings or Batuta's own, or the address is this very gateway's.
            NotSaved: the database cannot be written; nothing was changed.
        """
        async with self._saving:
            if (known := self._providers.get(provider.id)) is not None and known.source not in CHANGEABLE:
                raise taken(known)
            if self._is_itself(provider):
                raise BadRequest(f"{provider.base_url} is this Batuta itself; it cannot be its own provider")
            await self._store.save_providers([(provider, PERSON)])
            self._former.pop(provider.id, None)
            self._report_problems.pop(provider.id, None)
            self._providers[provider.id] = ProviderState(provider, PERSON)
            given_way = self._give_way()
        self._publish(providers=(provider.id, *given_way))
        await self._ask(provider)
        await self._save()
        return self._providers[provider.id]

    def _give_way(self) -> list[str]:
        """Put away what was found where a person has now said who is there; return the ids."""
        ids = overruled(self._providers)
        for provider_id in ids:
            self._apply(provider_id, merge(self._records, provider_id, ()))
            self._former[provider_id] = self._providers.pop(provider_id).provider
        return ids

    async def switch_provider(self, provider_id: str, *, enabled: bool) -> ProviderState:
        """Switch a provider on or off, for good; return how it stands. One that is on is asked what it has.

        Raises:
            BadRequest: there is no such provider, or the settings name it.
            NotSaved: the database cannot be written; nothing was changed.
        """
        async with self._saving:
            state = changeable(self._providers.get(provider_id), provider_id)
            state = ProviderState(replace(state.provider, enabled=enabled), state.source)
            await self._store.save_providers([(state.provider, state.source)])
            self._providers[provider_id] = state
            self._neighbours.note_switch(state.provider)
        self._publish(providers=(provider_id,))
        await self._ask(state.provider)
        await self._save()
        return self._providers.get(provider_id, state)

    async def remove_provider(self, provider_id: str) -> None:
        """Delete a provider that a person added, or that was found and is gone, and its models with their settings.

        Raises:
            BadRequest: there is no such provider, or the settings name it.
            Conflict: it was found, and would be found again.
            NotSaved: the database cannot be written; nothing was changed.
        """
        async with self._saving:
            check_is_gone(changeable(self._providers.get(provider_id), provider_id))
            await self._store.delete_provider(provider_id)
            del self._providers[provider_id]
            self._neighbours.forget(provider_id)
            self._report_problems.pop(provider_id, None)
            self._asked_at.pop(provider_id, None)
            self._records = {i: record for i, record in self._records.items() if record.provider_id != provider_id}
            self._unsaved &= set(self._records)
        self._publish(providers=(provider_id,))

    # Discovery ----------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Look at everything now, and return when it is done. Callers that come together share one look."""
        mine = self._looks + 1  # a look that has begun already may have missed what the caller means
        async with self._looking:
            if self._looks < mine:
                await self._look(is_asked=True)
        await self._save()

    def ask_soon(self, provider_id: str) -> None:
        """Have a provider asked what it has, in the background: it is back, or holds what nobody has heard of."""
        state = self._providers.get(provider_id)
        if state is not None and not self._is_closed:
            self._tasks.start(self._ask(state.provider), name=f"ask {provider_id}")  # the next look saves

    async def merge(self, provider_id: str, reported: Sequence[Reported]) -> None:
        """Take in what a provider has, and save what is different."""
        self._take_in(provider_id, reported)
        await self._save()

    def _take_in(self, provider_id: str, reported: Sequence[Reported]) -> None:
        self._apply(provider_id, merge(self._records, provider_id, [Found.of(each) for each in reported]))

    async def _look_forever(self) -> None:
        async with self._looking:
            await self._look(is_asked=False)
        await self._clock.sleep(FIRST_SAVE_S)
        while True:
            await self._save()
            await self._clock.sleep(LOOK_EVERY_S)
            async with self._looking:
                await self._look(is_asked=False)

    async def _look(self, *, is_asked: bool) -> None:
        self._looks += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_at_files())
            for state in self._providers.values():
                if is_asked or self._is_due(state):
                    group.create_task(self._ask(state.provider))
            for door in self._neighbours.doors:
                group.create_task(self._look_behind(door, is_asked=is_asked))
        if self._neighbours.end_round():
            self._publish()
            await self._look_at_files()
        self._judge_wishes()

    def _is_due(self, state: ProviderState) -> bool:
        asked = self._asked_at.get(state.provider.id)
        if asked is None or state.provider.is_local:
            return True
        return self._clock.monotonic() - asked >= (ASK_FAR_EVERY_S if state.is_online else ASK_AGAIN_S)

    async def _look_behind(self, door: Door, *, is_asked: bool) -> None:
        """Knock at a port; take up who is new there, and ask it what it has."""
        if self._own_address is not None and self._own_address.is_at(door.url):
            return
        met = await self._neighbours.behind(door, self._providers, now=self._clock.monotonic, is_asked=is_asked)
        if met is not None:
            self._take_up(met)
            await self._ask(met)

    def _take_up(self, *providers: Provider) -> None:
        """Have providers that were found."""
        for provider in providers:
            self._former.pop(provider.id, None)
            self._providers[provider.id] = ProviderState(provider, FOUND)
            self._is_configuration_saved = False
        if providers:
            self._publish(providers=tuple(provider.id for provider in providers))

    async def _look_at_files(self) -> None:
        scan = await asyncio.to_thread(self._scanner.scan, monotonic=self._clock.monotonic(), wall=self._clock.wall())
        self._file_problems = scan.problems
        listed = self._neighbours.listed(scan, self._records, self._providers)
        if listed != self._listed:  # comparing thousands of them with the records would hold the loop up
            self._listed = listed
            self._apply(LOCAL.id, merge(self._records, LOCAL.id, listed))

    async def _ask(self, provider: Provider) -> None:
        if provider.kind in OURS or not provider.enabled:
            return
        self._asked_at[provider.id] = self._clock.monotonic()
        if self._is_itself(provider):
            self._set_online(provider.id, f"{provider.base_url} is this Batuta itself; delete this provider")
            return
        who: Described | None = None
        reported: Sequence[Reported] = ()
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                who = await self._describe(provider) if self._describe else None
                reported = await self._list_models(provider)
            message = ""
        except TimeoutError:
            message = f"it did not list its models within {ASK_WITHIN_S:.0f} s"
        except BatutaError as error:
            message = error.message
        state = self._providers.get(provider.id)
        if state is None or state.provider != provider:  # deleted or replaced while it was thinking
            return
        self._set_online(provider.id, message, who)
        if not message:
            self._take_in(provider.id, reported)

    def _set_online(self, provider_id: str, message: str, who: Described | None = None) -> None:
        """Take in whether a provider answers. What it said of itself is kept until it says something else."""
        if (state := self._providers.get(provider_id)) is None:
            return
        new = replace(state, is_online=not message, message=message, checked_at=self._clock.wall())
        if who is not None:
            new = replace(new, version=printable(who.version[:LONGEST_VERSION]), note=printable(who.note))
        self._providers[provider_id] = new
        if _shown(new) != _shown(state):
            self._publish(providers=(provider_id,))

    def _apply(self, provider_id: str, found: Merge) -> None:
        self._report_problems[provider_id] = found.problems
        if found.records:
            self._records |= {record.id: record for record in found.records}
            self._unsaved |= {record.id for record in found.records}
            self._publish()

    async def _save(self) -> None:
        """Write what is not written yet; what fails now is tried again after the next look."""
        async with self._saving:
            ids = self._unsaved
            if not ids and self._is_configuration_saved:
                return
            self._unsaved = set()
            try:
                await self._save_configuration()
                await self._store.save_models(self._records[model_id] for model_id in ids)
            except NotSaved as error:
                self._unsaved |= ids
                self._save_problem = error.message
            else:
                self._save_problem = None

    async def _save_configuration(self) -> None:
        """Write the providers that models refer to, once a start."""
        if not self._is_configuration_saved:
            await self._store.save_providers(self._worth_keeping())
            await self._store.save_meta(FOUND_BY, __version__)
            self._is_configuration_saved = True

    # From records to specs ----------------------------------------------------------------------------------

    def _judge_wishes(self) -> None:
        """Find the models that the settings name and that are not here, and tell the log of new ones."""
        unmatched = unmatched_wishes(self._roles.wanted, self._specs, return_to=self._return_to)
        for problem in unmatched:
            if problem not in self._unmatched:
                log.warning("%s: %s", *problem)
        self._unmatched = unmatched

    def _publish(self, *, providers: tuple[str, ...] = ()) -> None:
        """Make the specs anew and tell what is different."""
        old = self._specs
        hidden = self._neighbours.hidden(self._records, self._providers)
        shown = (record for model_id, record in self._records.items() if model_id not in hidden)
        specs = {record.id: self._spec(record, record.choices.roles) for record in shown}
        before = self._roles.defaults
        self._specs = self._roles.assigned(specs, self._surroundings())
        different = [spec for model_id, spec in self._specs.items() if model_id in old and old[model_id] != spec]
        change = Change(
            added=tuple(spec for model_id, spec in self._specs.items() if model_id not in old),
            changed=tuple(spec for spec in different if spec.is_present),
            absent=tuple(spec for spec in different if not spec.is_present),
            removed=tuple(model_id for model_id in old if model_id not in self._specs),
            providers=providers,
            defaults=self._roles.defaults if self._roles.defaults != before else None,
        )
        if change != NOTHING:
            self._tell(change)

    def _spec(self, record: ModelRecord, roles: frozenset[Role]) -> ModelSpec:
        state = self._providers.get(record.provider_id)
        provider = state.provider if state else self._former[record.provider_id]
        spec = record.spec(provider, self._defaults, roles, commands.preset_of(record, self._presets))
        role = self._bundled.get(spec.address) if provider.kind == LOCAL.kind else None
        return replace(spec, bundled_as=role) if role else spec

    def _surroundings(self) -> Surroundings | None:
        if self._standing is None:
            return None
        return Surroundings(self._is_online, *self._standing())

    def _is_online(self, provider_id: str) -> bool | None:
        state = self._providers.get(provider_id)
        return state.is_online if state else False

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)


def _shown(state: ProviderState) -> tuple[object, ...]:
    """Return what others act on when it changes; a new message of one that is still offline is not among it."""
    return (state.is_online, state.version, state.note)
