"""A catalog on a stage: a real store in a folder, files of a few bytes, providers that answer what they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from batuta.catalog.change import Change
from batuta.catalog.entities import MemoryNeed, Provider
from batuta.catalog.finding import Places
from batuta.catalog.records import Found
from batuta.catalog.service import Catalog
from batuta.catalog.store import Store
from batuta.engines.base import ReportedModel
from batuta.errors import BadModelFile, BatutaError, Cause
from batuta.settings import ProviderSettings, Settings
from batuta.testing.clock import ManualClock

NEED = MemoryNeed(weights=1000, kv_per_token=2, overhead=100)
OLLAMA = ProviderSettings(id="ollama", base_url="http://127.0.0.1:11434/v1", is_local=True)


class Reader:
    """Reads `bad: why` as a damaged file, `part` as no model, everything else as a model; counts what it read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def __call__(self, path: Path, roots: tuple[Path, ...]) -> Found | None:
        self.reads.append(path.name)
        try:
            text = path.read_text(errors="replace")
        except PermissionError as error:
            raise BadModelFile(f"{path} cannot be read", cause=Cause.UNREADABLE_FILE) from error
        if text.startswith("bad"):
            raise BadModelFile(f"{path} cannot be loaded: {text}", cause=Cause.CORRUPT_FILE)
        return None if text == "part" else Found(str(path), f"Name of {path.stem}", context_length=4096, memory=NEED)


class Cast:
    """A catalog, what it told, and what its providers will say."""

    def __init__(self, folder: Path, *, places: Places | None = None, **settings: Any) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.models.mkdir(exist_ok=True)
        self.clock = ManualClock()
        self.reader = Reader()
        self.answers: dict[str, Sequence[ReportedModel] | BatutaError] = {}
        self.asked: list[str] = []
        self.changes: list[Change] = []
        self.errors: list[tuple[str, BaseException]] = []
        self.store = Store.in_folder(folder)
        self.settings = Settings(data_dir=folder, **settings)
        self.catalog = Catalog(
            self.store,
            settings=self.settings,
            clock=self.clock,
            read_file=self.reader,
            list_models=self.list_models,
            places=places,
            on_error=lambda *error: self.errors.append(error),
        )
        self.catalog.listen(self.changes.append)

    async def list_models(self, provider: Provider) -> Sequence[ReportedModel]:
        self.asked.append(provider.id)
        answer = self.answers.get(provider.id, ())
        if isinstance(answer, BatutaError):
            raise answer
        return answer

    def file(self, name: str, text: str = "model", *, root: Path | None = None) -> Path:
        path = (root or self.models) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@asynccontextmanager
async def cast(folder: Path, *, places: Places | None = None, **settings: Any) -> AsyncIterator[Cast]:
    """Open a stage whose catalog is not started yet; afterwards it is closed and nothing went wrong behind it."""
    it = Cast(folder, places=places, **settings)
    try:
        yield it
    finally:
        await it.catalog.aclose()
    assert it.errors == []


def renamed(found: Found, address: str) -> Found:
    return replace(found, address=address)
