"""The catalog: every model and provider there is, in memory, kept current by discovery and kept safe by the store.

Reading is instant and never waits. Knows nothing of load states: a listener hears what changed and tells the rest.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from batuta import __version__
from batuta.catalog.discovery import Merge, merge, model_stem
from batuta.catalog.entities import ModelSpec, Provider, Role
from batuta.catalog.files import FileScanner, ReadFile, Roots
from batuta.catalog.records import LOCAL, Choices, Defaults, Found, Learned, ModelRecord, Problem, ProviderState, Reported
from batuta.catalog.store import NotSaved, Store
from batuta.clock import Clock
from batuta.errors import BadRequest, BatutaError, ModelNotFound
from batuta.settings import Settings
from batuta.tasks import Tasks

LOOK_EVERY_S = 10.0  # a model copied into a folder appears while its owner still looks at the page
ASK_FAR_EVERY_S = 600.0  # an API on the internet changes its list some times a year; asking costs its patience
ASK_WITHIN_S = 15.0  # a provider that needs longer to list its models is as good as gone
FOUND_BY = "found_by"  # meta: the version that read the files; another one reads them again

ListModels = Callable[[Provider], Awaitable[Sequence[Reported]]]


@dataclass(frozen=True, slots=True)
class Change:
    """What is different now. `absent`: not seen any more, kept with its settings. `removed`: ids that are gone."""

    added: tuple[ModelSpec, ...] = ()
    changed: tuple[ModelSpec, ...] = ()
    absent: tuple[ModelSpec, ...] = ()
    removed: tuple[str, ...] = ()


Listener = Callable[[Change], None]


class Catalog:
    """Owns the records.

    Args:
        store: where they are kept.
        settings: folders, providers, context, slots, and who is brain and executor.
        clock: when to look again.
        read_file: reads a model file's header (`files.reader`).
        list_models: asks a provider what it has; raises BatutaError when it cannot be asked.
        on_error: called with (task name, error) if the loop dies, which is a bug.
        roots: folders searched for model files; those of the settings when None.
        device: the ledger that local models are booked in.
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
        roots: Roots | None = None,
        device: str = LOCAL_DEVICE,
    ) -> None:
        self._store = store
        self._clock = clock
        self._list_models = list_models
        self._defaults = Defaults(settings.engine.context_length, settings.engine.slots, device)
        self._wanted = {Role.BRAIN: settings.brain, Role.EXECUTOR: settings.executor}
        self._scanner = FileScanner(
            settings.model_roots if roots is None else roots,
            read_file,
            files=tuple(_named_files(self._wanted.values())),
            must_exist=bool(settings.models_dirs) and roots is None,
        )
        self._records: dict[str, ModelRecord] = {}
        self._specs: dict[str, ModelSpec] = {}
        self._providers = {state.provider.id: state for state in _configured(settings)}
        self._asked_at: dict[str, float] = {}
        self._unsaved: set[str] = set()
        self._file_problems: tuple[Problem, ...] = ()
        self._report_problems: dict[str, tuple[Problem, ...]] = {}
        self._save_problem: str | None = None
        self._listeners: list[Listener] = []
        self._tasks = Tasks(on_error)
        self._looking = asyncio.Lock()
        self._looks = 0
        self.is_started = False
