"""Which programs and keys on this machine become providers, and what a person's word weighs beside them. Pure.

A provider that was found never overrules one that a person or the settings named, at its address or by its id. Knows
no protocol: who is behind a port, `Knock` finds out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from batuta.catalog.entities import Provider
from batuta.catalog.external import SeenKey
from batuta.catalog.itself import same_place
from batuta.catalog.records import LOCAL, Choices, ModelRecord, ProviderState
from batuta.catalog.shelves import Shelf
from batuta.errors import BadRequest, Conflict
from batuta.kinds import KINDS

SETTINGS: Final = "settings"  # source of a provider that the settings name
FOUND: Final = "found"  # source of a provider that nobody named
PERSON: Final = "person"  # source of a provider that a person added
CHANGEABLE: Final = frozenset({PERSON, FOUND})  # what a person may switch, replace and delete while Batuta runs
HOST: Final = "127.0.0.1"  # no other machine is ever asked
OLLAMA: Final = "ollama"


@dataclass(frozen=True, slots=True)
class Door:
    """A port of this machine, and the kind of engine that usually listens there."""

    kind: str
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"


DOORS: Final = tuple(Door(kind, row.port) for kind, row in KINDS.items() if row.port)


@dataclass(frozen=True, slots=True)
class Knocked:
    """What came of a knock. `is_open`: somebody took the connection; `kind`: who it is, empty for a stranger."""

    is_open: bool
    kind: str = ""


Knock = Callable[[Door], Awaitable[Knocked]]


@dataclass(frozen=True, slots=True)
class Places:
    """Where discovery looks beside the folders of the settings.

    Attributes:
        knock: finds out who is behind a door, within its own deadline; never raises for somebody strange.
        doors: ports.
        shelves: folders of other programs.
        keys: of external APIs, in the environment.
    """

    knock: Knock
    doors: tuple[Door, ...] = DOORS
    shelves: tuple[Shelf, ...] = ()
    keys: tuple[SeenKey, ...] = ()


def provider_behind(door: Door, kind: str) -> Provider:
    """Return the provider for an engine that was met. Where another kind is usual, its id carries the port.

    Ids do not depend on who came first, so that a model's settings are found again whatever was started when.
    """
    name = KINDS[kind].name
    if kind == door.kind:
        return Provider(kind, kind, name, door.url, is_local=True)
    return Provider(f"{kind}-{door.port}", kind, f"{name} :{door.port}", door.url, is_local=True)


def is_overruled(found: Provider, states: Iterable[ProviderState]) -> bool:
    """Say whether a person or the settings have a provider of that id, or at that address."""
    return any(
        state.provider.id == found.id
        or (state.provider.base_url and same_place(state.provider.base_url, found.base_url))
        for state in states
        if state.source != FOUND
    )


def overruled(states: Mapping[str, ProviderState]) -> list[str]:
    """Return the ids of the providers that were found and that a person or the settings have put aside."""
    found = (state.provider for state in states.values() if state.source == FOUND)
    return [provider.id for provider in found if is_overruled(provider, states.values())]


def changeable(state: ProviderState | None, provider_id: str) -> ProviderState:
    """Return a provider that a person may change here. Raises BadRequest for any other."""
    if state is None:
        raise BadRequest(f"there is no provider {provider_id!r}; GET /manage/providers lists them")
    if state.source not in CHANGEABLE:
        where = "from the settings" if state.source == SETTINGS else "with Batuta"
        raise BadRequest(f"{provider_id} comes {where} and cannot be changed or deleted here")
    return state


def check_is_gone(state: ProviderState) -> None:
    """Raise Conflict for a provider that would be found again as soon as it is deleted."""
    if state.source == FOUND and (state.is_online is not False or state.provider.key_ref):
        where = f"its key is in {_variable(state.provider)}" if state.provider.key_ref else "it was found here"
        raise Conflict(
            f"{state.provider.id} would be found again: {where}. To have it unused, switch it off (PATCH "
            f"/manage/providers/{state.provider.id} enabled: false); that is remembered"
        )


def _variable(provider: Provider) -> str:
    return (provider.key_ref or "").removeprefix("env:")


def is_worth_a_knock(door: Door, states: Iterable[ProviderState]) -> bool:
    """Say whether somebody new could be behind a door.

    1. Not where a person or the settings say who is there.
    2. Not where a person has switched off who is there: what is off is left alone.
    3. Not where somebody known answers, or is just being asked.
    """
    here = [state for state in states if state.provider.base_url and same_place(state.provider.base_url, door.url)]
    return all(
        state.source == FOUND  # 1
        and state.provider.enabled  # 2
        and state.is_online is False  # 3
        for state in here
    )


@dataclass(frozen=True, slots=True)
class Restored:
    """Providers of earlier starts. `former`: those that are not there now; their models are kept as absent.

    `switches`: what a person said of providers that were found: id -> on or off.
    """

    states: Mapping[str, ProviderState]
    former: Mapping[str, Provider]
    switches: Mapping[str, bool]


def restored(
    stored: Iterable[tuple[Provider, str]], named: Mapping[str, ProviderState], *, is_looking: bool
) -> Restored:
    """Sort the providers of the database.

    1. The settings name its id: theirs counts.
    2. A person added it: it is there.
    3. It was found, has no key, nobody overrules it and discovery is on: it is there, and will be asked.
    4. Anything else was there once. One with a key comes back when the key is seen again.

    Args:
        stored: providers with their sources.
        named: id -> the providers of the settings, and Batuta's own.
        is_looking: discovery is on.
    """
    stored = [(provider, source) for provider, source in stored if provider.id not in named]  # 1
    states = {provider.id: ProviderState(provider, PERSON) for provider, source in stored if source == PERSON}  # 2
    everyone = [*named.values(), *states.values()]
    switches, former = {}, {}
    for provider, source in stored:
        if source == PERSON:
            continue
        if source == FOUND:
            switches[provider.id] = provider.enabled
            if is_looking and provider.key_ref is None and not is_overruled(provider, everyone):  # 3
                states[provider.id] = ProviderState(provider, FOUND)
                continue
        former[provider.id] = provider  # 4
    return Restored(states, former, switches)


def switched(provider: Provider, switches: Mapping[str, bool]) -> Provider:
    """Return a provider that was found, on or off as a person left it."""
    return replace(provider, enabled=switches.get(provider.id, provider.enabled))


def is_worth_keeping(state: ProviderState, served: Collection[str]) -> bool:
    """Say whether the database must know a provider. A key that nobody uses is seen again at every start.

    Args:
        state: the provider.
        served: ids of providers that models refer to.
    """
    return state.source != FOUND or not state.provider.key_ref or state.provider.enabled or state.provider.id in served


def offered(records: Iterable[ModelRecord], states: Mapping[str, ProviderState]) -> frozenset[str]:
    """Return the names of the models that a running Ollama of this machine offers."""
    running = {
        state.provider.id
        for state in states.values()
        if state.provider.kind == OLLAMA and state.provider.is_local and state.provider.enabled and state.is_online
    }
    return frozenset(r.found.address for r in records if r.provider_id in running and r.is_present)


def doubles(records: Iterable[ModelRecord], names: Mapping[str, str], offers: Collection[str] | None) -> frozenset[str]:
    """Return the ids of files in Ollama's folder that a running Ollama offers: they are listed there, and not twice.

    One that a person has set something about stays: nobody's settings vanish because a program was started.

    Args:
        records: all models.
        names: path -> name at Ollama, of the files in its folder.
        offers: names that it offers; None: it has not been asked yet, so any of them might be.
    """
    return frozenset(
        r.id
        for r in records
        if r.provider_id == LOCAL.id
        and (name := names.get(r.found.address)) is not None
        and r.choices == Choices()
        and (offers is None or name in offers)
    )
