"""What else on this machine has models: programs behind ports, Ollama's folder, keys of external APIs.

Keeps what is known between two rounds of discovery: where strangers answer, what a person switched off, what Ollama
calls its files. The decisions are in finding.py. Owns no provider and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from batuta.catalog import finding
from batuta.catalog.entities import Provider
from batuta.catalog.external import SeenKey
from batuta.catalog.files import Scan
from batuta.catalog.finding import Door, Places, Restored
from batuta.catalog.records import Found, ModelRecord, ProviderState
from batuta.catalog.shelves import Shelf

FIRST_REST_S: Final = 10.0  # a stranger is not asked again at once: a person's own web server logs each question
LONGEST_REST_S: Final = 300.0

States = Mapping[str, ProviderState]
Records = Mapping[str, ModelRecord]


class Neighbours:
    """The memory of discovery.

    Args:
        places: where to look; None: nowhere.
    """

    def __init__(self, places: Places | None) -> None:
        self._places = places
        self._strangers: dict[Door, tuple[int, float]] = {}
        self._switches: dict[str, bool] = {}
        self._names: Mapping[str, str] = {}
        self._is_first_round = places is not None

    @property
    def doors(self) -> tuple[Door, ...]:
        """The ports to knock at."""
        return self._places.doors if self._places else ()

    @property
    def shelves(self) -> tuple[Shelf, ...]:
        """The folders of other programs."""
        return self._places.shelves if self._places else ()

    @property
    def keys(self) -> tuple[SeenKey, ...]:
        """The keys in the environment."""
        return self._places.keys if self._places else ()

    # Providers ----------------------------------------------------------------------------------------------

    def restore(self, stored: Iterable[tuple[Provider, str]], named: States) -> Restored:
        """Sort the providers of earlier starts, and remember what a person switched."""
        back = finding.restored(stored, named, is_looking=self._places is not None)
        self._switches.update(back.switches)
        return back

    def note_switch(self, provider: Provider) -> None:
        """Remember that a person switched a provider on or off."""
        self._switches[provider.id] = provider.enabled

    def forget(self, provider_id: str) -> None:
        """Forget what a person said about a provider, because it is to be forgotten itself."""
        self._switches.pop(provider_id, None)

    def admit(self, provider: Provider, states: States) -> Provider | None:
        """Return a provider as it is to be taken up; None when it is known, or a person's word stands against it."""
        if provider.id in states or finding.is_overruled(provider, states.values()):
            return None
        return finding.switched(provider, self._switches)

    def with_keys(self, states: States) -> list[Provider]:
        """Return the external APIs that are to be taken up."""
        admitted = (self.admit(key.provider, states) for key in self.keys if key.provider is not None)
        return [provider for provider in admitted if provider is not None]

    async def behind(
        self, door: Door, states: States, *, now: Callable[[], float], is_asked: bool = False
    ) -> Provider | None:
        """Knock, and return the provider that is new there; None when there is none, or it is too early to ask again.

        Args:
            door: where.
            states: every provider.
            now: gives monotonic seconds.
            is_asked: a person wants to know now; strangers are asked again, too.
        """
        times, again_at = self._strangers.get(door, (0, now()))
        if self._places is None or not finding.is_worth_a_knock(door, states.values()):
            return None
        if now() < again_at and not is_asked:
            return None
        met = await self._places.knock(door)
        if met.is_open and not met.kind:
            rest = min(FIRST_REST_S * 2**times, LONGEST_REST_S)
            self._strangers[door] = (min(times + 1, 8), now() + rest)
            return None
        self._strangers.pop(door, None)  # whoever is there next is somebody else
        return self.admit(finding.provider_behind(door, met.kind), states) if met.kind else None

    # Files in Ollama's folder -------------------------------------------------------------------------------

    def end_round(self) -> bool:
        """Note that every door has been knocked at; True for the first time, when files may have been held back."""
        was_first, self._is_first_round = self._is_first_round, False
        return was_first and bool(self._names)

    def listed(self, scan: Scan, records: Records, states: States) -> list[Found]:
        """Return what a scan found, without the new files that a running Ollama offers already.

        Known ones stay, so that what was set about them does: they are hidden, not absent.
        """
        self._names = scan.ollama
        if not self._names:
            return list(scan.found)
        known = {record.found.address for record in records.values()}
        offers = self._offers(records, states)

        def is_double(found: Found) -> bool:
            name = self._names.get(found.address)
            return name is not None and found.address not in known and (offers is None or name in offers)

        return [found for found in scan.found if not is_double(found)]

    def hidden(self, records: Records, states: States) -> frozenset[str]:
        """Return the ids of models that are not shown, because a running Ollama offers the same."""
        if not self._names:
            return frozenset()
        return finding.doubles(records.values(), self._names, self._offers(records, states))

    def _offers(self, records: Records, states: States) -> Collection[str] | None:
        return None if self._is_first_round else finding.offered(records.values(), states)
