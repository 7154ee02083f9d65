"""What a llama-server writes, read: its properties, its lists in both modes, its events. Pure; opens nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import orjson

from batuta.catalog.entities import Capability, MemoryNeed
from batuta.engines.base import EngineInfo, LoadProgress, ReportedModel
from batuta.engines.faults import Seen

OVERHEAD: Final = 10  # a tenth of the weights: see `need_of`
ALL_READ: Final = 0.995  # the last block is told after it has been read
CHAT: Final = frozenset({Capability.CHAT, Capability.COMPLETION})

_EMBEDS: Final = re.compile(r"(?<![a-z])embed", re.IGNORECASE)
_SHARD: Final = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")

SINGLE_NOTE: Final = (
    "it holds the one model it was started with, which Batuta can neither load nor unload; "
    "start it without a model (router mode) and Batuta manages all it has"
)
STOP_IT: Final = "it holds the one model it was started with; to get its memory back, stop it where it was started"
DEAF_NOTE: Final = (
    "it is older than June 2026 and does not tell of changes: loads show no progress, and Batuta has to ask more "
    "often; update llama.cpp"
)


class Mode(StrEnum):
    """How a llama-server was started."""

    SINGLE = "single"
    """With a model: it holds that one for as long as it runs."""
    ROUTER = "router"
    """Without: it starts a process of its own for each model that is loaded."""


class State(StrEnum):
    """How a model stands, in the router's words."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"
    SLEEPING = "sleeping"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"


RUNNING: Final = frozenset({State.LOADING, State.LOADED, State.SLEEPING})
"""It has a process, and counts towards the router's limit."""

EXITS: Final[Mapping[int, Seen]] = {
    134: Seen.MODEL_CRASHED,
    136: Seen.MODEL_CRASHED,
    137: Seen.OUT_OF_MEMORY,  # killed: mostly by the kernel, for memory
    139: Seen.MODEL_CRASHED,
    0xC0000005: Seen.MODEL_CRASHED,
    0xC0000017: Seen.OUT_OF_MEMORY,
    0xC0000409: Seen.MODEL_CRASHED,
}
"""What an exit status of a model's process means; any other says only that the load failed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A model that a llama-server has.

    Attributes:
        id: its name there.
        names: what else it answers to, and what its answers may call it.
        size: bytes of its tensors; 0 where it does not say, as long as it is not loaded.
        context: tokens it runs with, or would.
        slots: conversations at once; 0 where it does not say.
        path: its file on the server's disk, where the list shows it.
        exit_code: how its last process ended, where that was no good end.
    """

    id: str
    state: State
    names: frozenset[str] = frozenset()
    capabilities: frozenset[Capability] = CHAT
    size: int = 0
    context: int = 0
    slots: int = 0
    path: str = ""
    exit_code: int = 0

    @property
    def is_ready(self) -> bool:
        """It can answer, at once or after waking up by itself."""
        return self.state in {State.LOADED, State.SLEEPING}


@dataclass(frozen=True, slots=True)
class Props:
    """What a llama-server says of itself.

    Attributes:
        version: its build, empty before builds were told.
        most: models a router holds at once; 0: no limit.
        names: what a single one calls its model besides the name on the list.
    """

    mode: Mode
    version: str = ""
    most: int = 0
    slots: int = 0
    context: int = 0
    is_sleeping: bool = False
    names: frozenset[str] = frozenset()
    capabilities: frozenset[Capability] = frozenset()


LOADING_PROPS: Final = Props(Mode.SINGLE)
"""A server that answers nothing but `Loading model` yet: a router never does."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a llama-server found."""

    props: Props
    rows: Mapping[str, Row] = field(default_factory=dict)

    @property
    def is_router(self) -> bool:
        """It loads and unloads."""
        return self.props.mode is Mode.ROUTER

    def find(self, address: str) -> Row | None:
        """Return the model of that name, or of that other name."""
        row = self.rows.get(address)
        return row or next((row for row in self.rows.values() if address in row.names), None)


@dataclass(frozen=True, slots=True)
class Event:
    """A message of a router. `state`: None where it is not about one."""

    model: str
    state: State | None = None
    exit_code: int = 0
    progress: LoadProgress | None = None

    @property
    def is_news(self) -> bool:
        """It tells more than how far something is."""
        return self.progress is None


# --- properties and lists ------------------------------------------------------------------------------------------


def read_props(body: Any) -> Props | None:
    """Return what `/props` tells; None when that is not what it is."""
    if not isinstance(body, dict):
        return None
    version = _text(body.get("build_info"))
    if body.get("role") == "router":
        return Props(Mode.ROUTER, version, most=_count(body.get("max_instances")))
    generation = body.get("default_generation_settings")
    if not isinstance(generation, dict):
        return None
    path = _text(body.get("model_path"))
    names = {_text(body.get("model_alias")), path, path.replace("\\", "/").rpartition("/")[2]} - {""}
    return Props(
        Mode.SINGLE,
        version,
        slots=_count(body.get("total_slots")),
        context=_count(generation.get("n_ctx")),
        is_sleeping=body.get("is_sleeping") is True,
        names=frozenset(names),
        capabilities=_abilities(body),
    )


def _abilities(props: Mapping[str, Any]) -> frozenset[Capability]:
    modalities, template = _object(props.get("modalities")), _object(props.get("chat_template_caps"))
    able = {
        Capability.VISION: modalities.get("vision") is True,
        Capability.TOOLS: template.get("supports_tool_calls") is True or template.get("supports_tools") is True,
    }
    return frozenset(capability for capability, has in able.items() if has)


def read_rows(body: Any, props: Props) -> list[Row] | None:
    """Return the models of `/models`; None when that is not what it is: a router's have a status."""
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    good = [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]]
    if props.mode is Mode.ROUTER and good and not any(isinstance(row.get("status"), dict) for row in good):
        return None
    return [_router_row(row) if props.mode is Mode.ROUTER else _single_row(row, props) for row in good]


def _single_row(row: Mapping[str, Any], props: Props) -> Row:
    """Return the one model: loading as long as the server says so, or the list has nothing to tell of it."""
    meta = _object(row.get("meta"))
    is_loading = props is LOADING_PROPS or row.get("meta", meta) is None
    return Row(
        id=row["id"],
        state=State.LOADING if is_loading else State.SLEEPING if props.is_sleeping else State.LOADED,
        names=props.names | _aliases(row),
        capabilities=_kind(row["id"], ()) | props.capabilities,
        size=_count(meta.get("size")),
        context=props.context or _count(meta.get("n_ctx")) or _count(meta.get("n_ctx_train")),
        slots=props.slots,
    )


def _router_row(row: Mapping[str, Any]) -> Row:
    status, meta = _object(row.get("status")), _object(row.get("meta"))
    listed = status.get("args")
    args = [arg for arg in listed if isinstance(arg, str)] if isinstance(listed, list) else []
    inputs = _object(row.get("architecture")).get("input_modalities")
    sees = isinstance(inputs, list) and "image" in inputs
    return Row(
        id=row["id"],
        state=_state(status.get("value")),
        names=_aliases(row),
        capabilities=_kind(row["id"], args) | ({Capability.VISION} if sees else frozenset()),
        size=_count(meta.get("size")),
        context=_count(meta.get("n_ctx")) or _number(args, "--ctx-size", "-c") or _count(meta.get("n_ctx_train")),
        slots=_number(args, "--parallel", "-np"),
        path=_option(args, "--model", "-m"),
        exit_code=_exit(status),
    )


def _state(value: Any) -> State:
    """Return a state; one that nobody has heard of holds nothing that could be used."""
    return State(value) if value in set(State) else State.UNLOADED


def _exit(status: Mapping[str, Any]) -> int:
    code = status.get("exit_code")
    if isinstance(code, int) and code:
        return code
    return 1 if status.get("failed") is True else 0


def _kind(name: str, args: Sequence[str]) -> frozenset[Capability]:
    """Tell a model that embeds: by how it is started, else by its name, for the lists do not tell."""
    is_embedding = {"--embedding", "--embeddings"} & set(args) or _EMBEDS.search(name)
    return frozenset({Capability.EMBEDDING}) if is_embedding else CHAT


def _option(args: Sequence[str], *names: str) -> str:
    return next((value for name, value in pairwise(args) if name in names), "")


def _number(args: Sequence[str], *names: str) -> int:
    value = _option(args, *names)
    return int(value) if value.isdecimal() else 0


def shards(path: str) -> list[str]:
    """Return the files of a model whose first file this is."""
    found = _SHARD.search(path)
    if found is None:
        return [path]
    start, count = path[: found.start()], int(found[1])
    return [f"{start}-{number:05}-of-{found[1]}.gguf" for number in range(1, count + 1)]


def need_of(row: Row, file_size: int = 0) -> MemoryNeed:
    """Return what a model takes in memory.

    The list tells the tensors' size of what is loaded; before, the file has it, where it is on this machine. Neither
    layers nor heads are told, so the cache and the buffers are taken for a tenth of the weights; what a load really
    takes is learned by the ledger.
    """
    size = row.size or file_size
    return MemoryNeed(weights=size, overhead=size // OVERHEAD)


def reported(row: Row, file_size: int = 0) -> ReportedModel:
    """Return a model as engines report it."""
    return ReportedModel(
        address=row.id,
        capabilities=row.capabilities,
        context_length=row.context,
        memory=need_of(row, file_size),
        is_resident=row.state is State.LOADED,
    )


def info_of(props: Props, *, tells_changes: bool) -> EngineInfo:
    """Return who it is, with what a person should know of it."""
    if props.mode is Mode.SINGLE:
        return EngineInfo(props.version, SINGLE_NOTE)
    return EngineInfo(props.version, "" if tells_changes else DEAF_NOTE)


def nearest(address: str, look: Look) -> str | None:
    """Return the name it has that is most like one that it lacks, if any is."""
    found = difflib.get_close_matches(address[:200], list(look.rows), n=1, cutoff=0.5)
    return found[0] if found else None


# --- events --------------------------------------------------------------------------------------------------------


def read_event(data: bytes) -> Event | None:
    """Return what an event tells; None for what is none.

    1. A state, under either of the names it was told by (`model_status`, `status_change`), with its progress.
    2. How far a download is.
    3. Anything else is news that only a look can explain.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return None
    model, told = body["model"], _object(body.get("data"))
    if body.get("event") in {"model_status", "status_change"}:  # 1
        return Event(model, _state(told.get("status")), _exit(told), read_progress(told.get("progress")))
    if body.get("event") == "download_progress":  # 2
        return Event(model, State.DOWNLOADING, progress=LoadProgress("downloading", None))
    return Event(model)  # 3


def read_progress(body: Any) -> LoadProgress | None:
    """Return how far a load is: over all its stages where they are told, else of the stage alone; None if not told."""
    told = _object(body)
    value = told.get("value")
    part = min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) else None
    stages, current = told.get("stages"), told.get("current", told.get("stage"))
    if not isinstance(current, str):
        return None
    if part is None:
        return LoadProgress("reading", None)
    if isinstance(stages, list) and current in stages:
        part = (stages.index(current) + part) / len(stages)
    return LoadProgress("warming" if part >= ALL_READ else "reading", part)


# --- parts ---------------------------------------------------------------------------------------------------------


def _aliases(row: Mapping[str, Any]) -> frozenset[str]:
    aliases = row.get("aliases")
    found = [alias for alias in aliases if isinstance(alias, str)] if isinstance(aliases, list) else []
    return frozenset({row["id"], *found})


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
