"""What a vLLM writes, read, and how its sleep is undone. Pure; opens nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec
from batuta.engines.base import ReportedModel

OWNER: Final = "vllm"
CHAT: Final = frozenset({Capability.CHAT, Capability.COMPLETION})
EMBEDS: Final = frozenset({Capability.EMBEDDING})

_EMBEDS: Final = re.compile(r"embed|(?<![a-z])(bge|gte|e5)(?![a-z0-9])", re.IGNORECASE)
_SAMPLE: Final = re.compile(
    r"^vllm:(num_requests_running|num_requests_waiting|cache_config_info)(\{.*\})? (\S+)", re.MULTILINE
)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')

HOW: Final = "start it with VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode"
NO_ROUTES: Final = (
    f"it cannot be put to sleep, so its memory cannot be had for other models; {HOW}, listening on 127.0.0.1 alone, "
    "because the routes of that mode ask for no key"
)
NOT_ENABLED: Final = f"it takes a sleep without giving memory back; {HOW}"
NOT_HERE: Final = (
    "it is not on this machine by its address, and its sleep routes ask for no key: Batuta leaves them alone"
)
DYING: Final = "its engine has died; start it again"


@dataclass(frozen=True, slots=True)
class Row:
    """A name that a vLLM answers to.

    Attributes:
        id: the name.
        root: where its files are: a folder, or a name at Hugging Face.
        parent: for a LoRA adapter the model that it adapts; empty for that one itself.
        context: tokens; 0 where it does not say.
    """

    id: str
    root: str = ""
    parent: str = ""
    context: int = 0

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do, by its name: the list does not tell."""
        return EMBEDS if _EMBEDS.search(self.id) or _EMBEDS.search(self.root.rpartition("/")[2]) else CHAT


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a vLLM found. `is_asleep`: None where it has no sleep routes."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    is_asleep: bool | None = None

    @property
    def base(self) -> Row | None:
        """The model it was started with."""
        return next((row for row in self.rows.values() if not row.parent), None)

    def find(self, address: str) -> Row | None:
        """Return the model of that name."""
        return self.rows.get(address)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the metrics tell.

    Attributes:
        requests: answers under way and waiting, anybody's; None where they are not counted.
        cache_tokens: tokens that its cache holds in all; 0 where it does not say.
        cache_dtype: how a value of the cache is kept (`auto`, `fp8`, ...).
    """

    requests: int | None = None
    cache_tokens: int = 0
    cache_dtype: str = "auto"


# --- lists and states ----------------------------------------------------------------------------------------------


def read_rows(body: Any) -> list[Row] | None:
    """Return the models of a `/v1/models` of vLLM; None when it is not one."""
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    good = [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]]
    ours = [_row(row) for row in good if row.get("owned_by") == OWNER]
    return ours or None


def _row(row: Mapping[str, Any]) -> Row:
    context = row.get("max_model_len")
    return Row(
        id=row["id"],
        root=_text(row.get("root")),
        parent=_text(row.get("parent")),
        context=context if isinstance(context, int) and context > 0 else 0,
    )


def read_asleep(body: Any) -> bool | None:
    """Return what `/is_sleeping` tells; None when that is not what it is."""
    value = body.get("is_sleeping") if isinstance(body, dict) else None
    return value if isinstance(value, bool) else None


def read_enabled(body: Any) -> bool | None:
    """Return whether `/server_info` says that sleep mode is enabled; None where it does not say."""
    config = body.get("vllm_config") if isinstance(body, dict) else None
    model = config.get("model_config") if isinstance(config, dict) else None
    value = model.get("enable_sleep_mode") if isinstance(model, dict) else None
    return value if isinstance(value, bool) else None


def read_metrics(text: str) -> Metrics:
    """Return what a page of metrics tells; several processes of one server count together."""
    requests: int | None = None
    tokens, dtype = 0, "auto"
    for name, labels, value in _SAMPLE.findall(text):
        if name == "cache_config_info":
            told = dict(_LABEL.findall(labels))
            tokens += _number(told.get("num_gpu_blocks", "")) * _number(told.get("block_size", ""))
            dtype = told.get("cache_dtype", dtype)
        else:
            requests = (requests or 0) + _number(value)
    return Metrics(requests, tokens, dtype)


# --- what others are told ------------------------------------------------------------------------------------------


def stranger(body: Any, said: str = "") -> str:
    """Return who answers in place of a vLLM, as far as its list of models tells."""
    rows = body.get("data") if isinstance(body, dict) else None
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    owner = next((row["owned_by"] for row in listed if isinstance(row.get("owned_by"), str)), "")
    if owner:
        said = f"it lists models owned by {owner[:80]!r}"
    return f"it is no vLLM; {said or 'it lists no models as one would'}; check the base URL"


def reported(row: Row, look: Look, need: MemoryNeed) -> ReportedModel:
    """Return a model as engines report it. An adapter has its base's context, and takes next to nothing beside it."""
    base = look.rows.get(row.parent)
    return ReportedModel(
        address=row.id,
        capabilities=(base or row).capabilities,
        context_length=row.context or (base.context if base else 0),
        memory=MemoryNeed() if row.parent else need,
        is_resident=not look.is_asleep,
    )


def why_not(look: Look, *, is_here: bool, is_enabled: bool | None) -> str:
    """Return why it cannot be put to sleep; empty if it can."""
    if not is_here:
        return NOT_HERE
    if look.is_asleep is None:
        return NO_ROUTES
    return NOT_ENABLED if is_enabled is False else ""


def nearest(address: str, look: Look) -> str | None:
    """Return the name it has that is most like one that it lacks, if any is."""
    found = difflib.get_close_matches(address[:200], list(look.rows), n=1, cutoff=0.5)
    return found[0] if found else None


# --- sleep ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """A POST that brings a sleeping vLLM a step nearer to being awake."""

    path: str
    body: Mapping[str, Any] | None = None


RELOAD: Final = Call("/collective_rpc", {"method": "reload_weights"})
WAKES: Final[Mapping[int, Sequence[Call]]] = {
    1: (Call("/wake_up"),),
    2: (Call("/wake_up?tags=weights"), RELOAD, Call("/wake_up?tags=kv_cache")),
}
"""Sleep level -> the calls that undo it, in order. Level 2 has thrown the weights away: without reading them again the
model would answer garbage, with status 200."""

HOST_MARGIN: Final = 1 << 30  # bytes of the host's memory that a sleeping model leaves to everybody else
DEEPEST: Final = 2
"""How it is woken when nobody knows how deep it sleeps: reading weights that are there already only takes longer."""


def level_of(spec: ModelSpec, default: int, *, weights: int, host_free: int) -> int:
    """Return how deep a model is to sleep.

    1. Level 1 keeps the weights in the host's memory: where they do not fit beside the rest, level 2.
    2. Its option `sleep_level`, 1 or 2, else the default.
    """
    if weights and weights + HOST_MARGIN > host_free:  # 1
        return DEEPEST
    value = spec.options.get("sleep_level", default)  # 2
    return value if value in WAKES else default


def warm_up(spec: ModelSpec) -> tuple[str, dict[str, Any]]:
    """Return path and body of the smallest request there is: the first after a wake-up is slow."""
    if Capability.EMBEDDING in spec.capabilities:
        return "/v1/embeddings", {"model": spec.address, "input": "."}
    return "/v1/completions", {"model": spec.address, "prompt": ".", "max_tokens": 1}


# --- parts ---------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: str) -> int:
    try:
        return max(0, int(float(value)))
    except (ValueError, OverflowError):
        return 0
