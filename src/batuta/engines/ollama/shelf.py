"""What an Ollama has installed, and which names are one thing in memory. Asks nobody; is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from batuta.engines.base import ReportedModel
from batuta.engines.ollama.wire import Details, Held, Row, canonical, find_held, reported


class Shelf:
    """The installed models, with what has been learned of each.

    A model made from another one shares its weights. Ollama then holds both in one place and lists the one that came
    first, so whoever looks for the other has to know.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._details: dict[str, Details] = {}  # by digest: a model that is pulled anew has another
        self._weights: dict[str, str] = {}  # name -> weights

    def details_of(self, row: Row) -> Details | None:
        """Return what is known of a model beyond its row."""
        return self._details.get(row.digest or row.name)

    def learn(self, row: Row, details: Details) -> None:
        """Take in what was said of a model."""
        self._details[row.digest or row.name] = details

    def put(self, rows: Sequence[Row]) -> None:
        """Take in the list of what is installed; what is not on it any more is forgotten."""
        self._rows = {row.name: row for row in rows}
        keys = {row.digest or row.name for row in rows}
        self._details = {key: details for key, details in self._details.items() if key in keys}
        known = ((row.name, self.details_of(row)) for row in rows)
        self._weights = {canonical(name): details.weights for name, details in known if details and details.weights}

    def reported(self, held: Sequence[Held]) -> tuple[ReportedModel, ...]:
        """Return the installed models as the catalog takes them."""
        return tuple(
            reported(row, self.details_of(row) or Details(), is_resident=self.find(held, row.name) is not None)
            for row in self._rows.values()
        )

    def find(self, held: Sequence[Held], address: str) -> Held | None:
        """Return the entry that holds a model, under whichever name; None when it is not in memory."""
        entry = find_held(held, address, digest=self._rows.get(address, Row(address)).digest)
        weights = self._weights.get(canonical(address))
        if entry is not None or weights is None:
            return entry
        return next((other for other in held if self._weights.get(canonical(other.name)) == weights), None)

    def contexts(self, held: Sequence[Held], addresses: Iterable[str]) -> dict[str, int]:
        """Return the context that each model in memory has, and each of these addresses that is held as another."""
        contexts = {canonical(one.name): one.context for one in held}
        found = ((address, self.find(held, address)) for address in addresses)
        return contexts | {canonical(address): twin.context for address, twin in found if twin is not None}
