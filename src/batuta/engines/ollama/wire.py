"""What Ollama says of itself, its models and its memory, read. Pure; knows no sockets and no chat.

Reading is generous: fields that a version lacks are zeros and empties. Facts are those of Ollama 0.1.38 to 0.33.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec
from batuta.engines.base import EngineInfo, ReportedModel
from batuta.engines.faults import clean
from batuta.engines.openai_compat import CHAT

EMBEDDING: Final = frozenset({Capability.EMBEDDING})
CAPABILITIES: Final[dict[str, frozenset[Capability]]] = {
    "completion": CHAT,
    "embedding": EMBEDDING,
    "tools": frozenset({Capability.TOOLS}),
    "vision": frozenset({Capability.VISION}),
    "thinking": frozenset({Capability.REASONING}),
}
"""Ollama's word -> ours; words that are not here (`insert`, `audio`, `image`) have no place in the catalog."""

ENCODERS: Final = ("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "gte", "t5encoder")
"""Families that embed and cannot chat, for versions that do not say what a model can do."""

MISSING: Final[tuple[tuple[tuple[int, ...], str], ...]] = (
    ((0, 3, 0), "embeddings"),
    ((0, 5, 0), "answers after a JSON schema"),
    ((0, 6, 4), "what its models can do (guessed from their families)"),
    ((0, 9, 0), "thinking apart from the answer"),
    ((0, 10, 0), "the context a model was loaded with"),
)
"""Version -> what came with it. Below OLD the note names what is missing."""
OLD: Final = (0, 5)
LONGEST_VERSION: Final = 40  # characters; nobody's is longer, and it is shown on a page

RUNNER_OPTIONS: Final = {"gpu_layers": "num_gpu", "threads": "num_thread"}
"""A model's options in the catalog -> Ollama's name. A call with another value reloads the model."""

STRANGERS: Final = (
    ("unexpected endpoint or method", "LM Studio"),
    ("file not found", "llama-server"),
    ("not found", "a server that has no such path"),
)
"""Words on a path that only Ollama has -> who says so."""

F16: Final = 2  # bytes of a number in the cache, unless OLLAMA_KV_CACHE_TYPE says less
_NUMBERS = re.compile(r"\d+")
_WEIGHTS = re.compile(r"^FROM .*?(sha256[-:][0-9a-f]{64})\s*$", re.MULTILINE)
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """A model as the list of installed ones has it. `digest` names its manifest; size: bytes on disk."""

    name: str
    digest: str = ""
    size: int = 0
    family: str = ""
    capabilities: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What `show` says of a model beyond its row.

    Attributes:
        capabilities: in Ollama's words; None when the version does not say.
        context_length: tokens it is meant to be run with, 0 when unknown.
        kv_per_token: bytes of cache a token, 0 when unknown.
        weights: digest of its weights; models made from one another share it, and Ollama holds them as one.
        is_encoder: it can only embed.
    """

    capabilities: tuple[str, ...] | None = None
    context_length: int = 0
    kv_per_token: int = 0
    weights: str = ""
    is_encoder: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A model in memory. size: all bytes it takes; size_vram: those on the GPU; context: 0 when not told."""

    name: str
    digest: str = ""
    size: int = 0
    size_vram: int = 0
    context: int = 0

    @property
    def is_split(self) -> bool:
        """Whether only a part of it is on the GPU, and the rest slows it down on the CPU."""
        return 0 < self.size_vram < self.size


# --- names ---------------------------------------------------------------------------------------------------------


def same_name(one: str, other: str) -> bool:
    """Whether two names are one model: case and a missing `latest` make no difference."""
    return canonical(one) == canonical(other)


def canonical(name: str) -> str:
    """Return a name as Ollama compares it."""
    name = name.casefold().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


# --- lists ---------------------------------------------------------------------------------------------------------


def read_rows(body: Any) -> list[Row] | None:
    """Read the installed models, those that run in a cloud left out; None when this is no such list."""
    rows = _objects(body, "models")
    if rows is None:
        return None
    return [_row(row) for row in rows if _name(row) and not row.get("remote_host")]


def _row(row: Mapping[str, Any]) -> Row:
    details = _object(row.get("details"))
    return Row(_name(row), _text(row.get("digest")), count(row.get("size")), _text(details.get("family")), _words(row))


def read_held(body: Any) -> list[Held] | None:
    """Read the models in memory; None when this is no such list."""
    rows = _objects(body, "models")
    if rows is None:
        return None
    return [
        Held(
            _name(row),
            _text(row.get("digest")),
            count(row.get("size")),
            count(row.get("size_vram")),
            count(row.get("context_length")),
        )
        for row in rows
        if _name(row)
    ]


def read_details(body: Any) -> Details | None:
    """Read the answer of `show`; None when it is none."""
    if not isinstance(body, dict):
        return None
    info = _object(body.get("model_info"))
    family = _text(_object(body.get("details")).get("family"))
    weights = _WEIGHTS.search(_text(body.get("modelfile")))
    chosen = _NUM_CTX.search(_text(body.get("parameters")))
    return Details(
        _words(body),
        int(chosen[1]) if chosen else count(_of(info, "context_length")),
        kv_per_token(info),
        weights[1].replace(":", "-") if weights else "",
        is_encoder=family in ENCODERS or _of(info, "pooling_type") is not None,
    )


def kv_per_token(info: Mapping[str, Any]) -> int:
    """Return bytes of key and value cache a token from a model's facts; 0 when they do not say.

    1. Heads a layer differ: their sum. Ollama hides long lists, and then nobody can say.
    2. No word of shared heads: every head has its own cache.
    3. No length of a head: the embedding, divided among the heads.
    """
    layers, heads = count(_of(info, "block_count")), _of(info, "attention.head_count")
    shared = _of(info, "attention.head_count_kv")
    if isinstance(shared, list):  # 1
        all_heads = sum(count(number) for number in shared)
    else:
        named = any(key.endswith(".attention.head_count_kv") for key in info)
        all_heads = layers * (count(shared) if named else count(heads))  # 2
    each = count(_of(info, "embedding_length")) // (count(heads) or 1) if count(heads) else 0
    key = count(_of(info, "attention.key_length")) or each  # 3
    value = count(_of(info, "attention.value_length")) or each
    return all_heads * (key + value) * F16


def reported(row: Row, details: Details, *, is_resident: bool) -> ReportedModel:
    """Return a model as the catalog takes it."""
    return ReportedModel(
        address=row.name,
        name=row.name,
        capabilities=capabilities_of(row, details),
        context_length=details.context_length,
        memory=MemoryNeed(weights=row.size, kv_per_token=details.kv_per_token),
        is_resident=is_resident,
    )


def capabilities_of(row: Row, details: Details) -> frozenset[Capability]:
    """Return what a model can do: as Ollama says, or by its family where it does not."""
    words = details.capabilities if details.capabilities is not None else row.capabilities
    if words is None:
        return EMBEDDING if details.is_encoder or row.family in ENCODERS else CHAT
    return frozenset(one for word in words for one in CAPABILITIES.get(word, ()))


def find_held(held: Sequence[Held], address: str, *, digest: str = "") -> Held | None:
    """Return the entry of that name, or else of the model's manifest (`digest`), of which there may be copies."""
    name = canonical(address)
    named = next((entry for entry in held if canonical(entry.name) == name), None)
    return named or next((entry for entry in held if digest and entry.digest == digest), None)


# --- who it is -----------------------------------------------------------------------------------------------------


def info_of(version: str, held: Iterable[Held]) -> EngineInfo:
    """Return the version, and what a person should know: it is old, or a model is not wholly on the GPU."""
    version = clean(version)[:LONGEST_VERSION]
    number = version_of(version)
    notes = []
    if number and number < OLD:
        missing = "; ".join(what for since, what in MISSING if number < since)
        notes.append(f"Ollama {version} is older than 0.5 and lacks: {missing}. Update it")
    notes += [
        f"{clean(one.name)} is only partly on the GPU ({_gib(one.size_vram)} of {_gib(one.size)}); a smaller context "
        "or quantization would answer faster"
        for one in held
        if one.is_split
    ]
    return EngineInfo(version, ". ".join(notes))


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, a pre-release's suffix left out; () for a development build (`0.0.0`)."""
    number = tuple(int(part) for part in _NUMBERS.findall(text.split("-", maxsplit=1)[0])[:3])
    return number if any(number) else ()


def stranger(said: str) -> str:
    """Return who answers where Ollama should, by what it says; an old Ollama, too, lacks what came later."""
    who = next((name for words, name in STRANGERS if words in said.casefold()), "something that is not Ollama")
    return f"{who} answers there, or an Ollama before 0.1.38; check the base URL ({said})"


def runner_options(spec: ModelSpec, context: int) -> dict[str, int]:
    """Return the options a model is loaded with; each later call must carry the same or it is loaded anew."""
    options = {"num_ctx": context} if context > 0 else {}
    for ours, theirs in RUNNER_OPTIONS.items():
        if isinstance(value := spec.options.get(ours), int):
            options[theirs] = value
    return options


def only_embeds(spec: ModelSpec) -> bool:
    """Whether a model embeds and does not chat: Ollama loads those by another route."""
    return Capability.EMBEDDING in spec.capabilities and not spec.capabilities & CHAT


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


# --- reading -------------------------------------------------------------------------------------------------------


def _of(info: Mapping[str, Any], field: str) -> Any:
    """Return the fact of a model's own architecture; of a vision tower's none."""
    return info.get(f"{_text(info.get('general.architecture'))}.{field}")


def _objects(body: Any, field: str) -> list[dict[str, Any]] | None:
    rows = body.get(field) if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(row: Mapping[str, Any]) -> str:
    return _text(row.get("model")) or _text(row.get("name"))


def _words(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    listed = row.get("capabilities")
    return tuple(word for word in listed if isinstance(word, str)) if isinstance(listed, list) and listed else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """Return a number as a whole one, at least 0; anything else is 0."""
    return max(0, int(value)) if isinstance(value, int | float) and abs(value) < 2**63 else 0
