"""What LM Studio writes, read: its lists of v0 and v1, load bodies, who answered. Pure; opens nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import orjson

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec
from batuta.engines.base import ReportedModel
from batuta.errors import BadRequest

UNEXPECTED: Final = "unexpected endpoint or method"  # its answer, with 200, to a route that the version lacks
OVERHEAD: Final = 10  # a tenth of the file: see `need_of`
LOAD_OPTIONS: Final = ("eval_batch_size", "flash_attention", "num_experts", "offload_kv_cache_to_gpu")
FIRST_EVENT: Final = 8192  # bytes within which an answer has named its model

_CHAT: Final = frozenset({Capability.CHAT, Capability.COMPLETION})
# Quotes inside a JSON text are escaped, so only a real field matches.
_MODEL: Final = re.compile(rb'"(?:model|model_instance_id)"\s*:\s*("(?:[^"\\]|\\.)*")')


class Api(StrEnum):
    """How much of its management a version offers."""

    V1 = "v1"
    """0.4 and newer: look, load, unload."""
    V0 = "v0"
    """0.3.6 to 0.3: look; a load only by a request for the model, no unload."""
    OLD = "old"
    """Before 0.3.6: OpenAI's routes and nothing else."""


NOTES: Final = {
    Api.V1: "",
    Api.V0: "LM Studio is older than 0.4: Batuta can load its models but not unload them; update it",
    Api.OLD: "LM Studio is older than 0.3.6 and does not tell what is in memory: Batuta cannot use it; update it",
}
"""What a person should know of each generation. None of them tells its version."""


@dataclass(frozen=True, slots=True)
class Row:
    """A model that LM Studio has.

    Attributes:
        key: its name there.
        instances: what it is asked by, for each copy in memory.
        is_loading: a copy is on its way in.
        size: bytes of its file; 0 where the version does not say.
        max_context: tokens of context it was trained for.
        context: tokens of context that its first copy has.
        variants: further names, one a quantization.
    """

    key: str
    name: str = ""
    capabilities: frozenset[Capability] = _CHAT
    instances: tuple[str, ...] = ()
    is_loading: bool = False
    size: int = 0
    max_context: int = 0
    context: int = 0
    variants: tuple[str, ...] = ()

    @property
    def is_embedding(self) -> bool:
        """It embeds, and does not chat."""
        return Capability.EMBEDDING in self.capabilities

    @property
    def memory_bytes(self) -> int:
        """Bytes that its copies hold, as far as that can be told."""
        need = need_of(self)
        return (need.weights + need.overhead) * max(len(self.instances), 1)

    @property
    def names(self) -> frozenset[str]:
        """What an answer by this model may call itself."""
        return frozenset({self.key, *self.instances, *self.variants})


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at an LM Studio found."""

    api: Api
    rows: Mapping[str, Row]

    @property
    def held(self) -> frozenset[str]:
        """The names of all copies in memory."""
        return frozenset(copy for row in self.rows.values() for copy in row.instances)

    def find(self, address: str) -> Row | None:
        """Return the model of that name.

        1. The name itself. 2. One of its variants, or the name of a copy. 3. The name in other letters' case.
        """
        if (row := self.rows.get(address)) is not None:  # 1
            return row
        named = next((row for row in self.rows.values() if address in row.names), None)
        folded = address.casefold()
        return named or next((row for row in self.rows.values() if row.key.casefold() == folded), None)  # 2, 3


# --- lists ---------------------------------------------------------------------------------------------------------


def read_v1(body: Any) -> list[Row] | None:
    """Return the models of `/api/v1/models`; None when that is not what it is."""
    rows = _objects(body, "models", "key")
    return None if rows is None else [_v1_row(row) for row in rows]


def _v1_row(row: Mapping[str, Any]) -> Row:
    instances = _list(row.get("loaded_instances"))
    copies = [one for one in instances if isinstance(one, dict) and isinstance(one.get("id"), str)]
    config = copies[0].get("config") if copies else None
    able = row["capabilities"] if isinstance(row.get("capabilities"), dict) else {}
    more = {
        Capability.VISION: able.get("vision"),
        Capability.TOOLS: able.get("trained_for_tool_use"),
        Capability.REASONING: able.get("reasoning"),
    }
    return Row(
        key=row["key"],
        name=_text(row.get("display_name")),
        capabilities=_kind(row.get("type")) | {capability for capability, has in more.items() if has},
        instances=tuple(one["id"] for one in copies),
        size=_count(row.get("size_bytes")),
        max_context=_count(row.get("max_context_length")),
        context=_count(config.get("context_length")) if isinstance(config, dict) else 0,
        variants=tuple(name for name in _list(row.get("variants")) if isinstance(name, str)),
    )


def read_v0(body: Any) -> list[Row] | None:
    """Return the models of `/api/v0/models`; None when that is not what it is: there, each has a state."""
    rows = _objects(body, "data", "id")
    if rows is None or not all(isinstance(row.get("state"), str) for row in rows):
        return None
    return [
        Row(
            key=row["id"],
            capabilities=_kind(row.get("type"))
            | ({Capability.TOOLS} if "tool_use" in _list(row.get("capabilities")) else frozenset()),
            instances=(row["id"],) if row["state"] == "loaded" else (),
            is_loading=row["state"] == "loading",
            max_context=_count(row.get("max_context_length")),
            context=_count(row.get("loaded_context_length")),
        )
        for row in rows
    ]


def read_openai(body: Any) -> list[Row] | None:
    """Return the models of `/v1/models`, of which nothing else is known; None when that is not what it is."""
    rows = _objects(body, "data", "id")
    return None if rows is None else [Row(row["id"]) for row in rows]


def with_loading(rows: Iterable[Row], states: Iterable[Row]) -> list[Row]:
    """Return the rows with word of what is loading, which only v0 has."""
    loading = {row.key for row in states if row.is_loading}
    return [replace(row, is_loading=True) if row.key in loading else row for row in rows]


def reported(row: Row) -> ReportedModel:
    """Return a model as engines report it."""
    return ReportedModel(
        address=row.key,
        name=row.name,
        capabilities=row.capabilities,
        context_length=row.max_context or row.context,  # identity: it does not change with what is loaded
        memory=need_of(row),
        is_resident=bool(row.instances),
    )


def stays(api: Api, row: Row) -> str:
    """Return why a model cannot be taken out of memory; empty if it can."""
    return "" if api is Api.V1 or not row.instances else f"{NOTES[api]}, or eject {row.key} there"


def need_of(row: Row) -> MemoryNeed:
    """Return what a copy takes in memory.

    LM Studio tells the size of the file and the context, but neither layers nor heads nor what is on the device. So the
    cache and the buffers are taken for a tenth of the weights; what a load really takes is learned by the ledger.
    """
    return MemoryNeed(weights=row.size, overhead=row.size // OVERHEAD)


# --- loads ---------------------------------------------------------------------------------------------------------


def load_body(row: Row, spec: ModelSpec) -> dict[str, Any]:
    """Return the body of v1's load."""
    body: dict[str, Any] = {"model": row.key}
    if spec.context_length and not row.is_embedding:
        body["context_length"] = min(spec.context_length, row.max_context or spec.context_length)
    return body | {name: spec.options[name] for name in LOAD_OPTIONS if name in spec.options}


def touch_call(row: Row, ttl_s: int) -> tuple[str, dict[str, Any]]:
    """Return path and body of the smallest request that makes v0 load a model."""
    if row.is_embedding:
        return "/api/v0/embeddings", {"model": row.key, "input": ".", "ttl": ttl_s}
    ask = {"model": row.key, "messages": [{"role": "user", "content": "."}], "max_tokens": 1, "stream": False}
    return "/api/v0/chat/completions", ask | {"ttl": ttl_s}


def nearest(address: str, rows: Iterable[Row]) -> str | None:
    """Return the installed name that is most like one that is not, if any is."""
    found = difflib.get_close_matches(address[:200], [row.key for row in rows], n=1, cutoff=0.5)
    return found[0] if found else None


# --- answers -------------------------------------------------------------------------------------------------------


def answered_by(data: bytes) -> str | None:
    """Return the model that an answer, or the start of one, names; None while it names none."""
    found = _MODEL.search(data)
    try:
        return str(orjson.loads(found[1])) if found else None
    except orjson.JSONDecodeError:
        return None


def has_event(start: bytes) -> bool:
    """Whether the start of a stream has a whole event in it; comments, which keep a line open, are none."""
    data = start.replace(b"\r\n", b"\n")
    return b"\n\n" in data[data.find(b"data:") :] if b"data:" in data else False


def is_other(said: str | None, names: Collection[str]) -> bool:
    """Whether an answer comes from another model than the one with these names. Who names nobody is believed."""
    if not said or said in names:
        return False
    # A copy may have been added since the last look: `name:2` is still the model.
    base = said.rpartition(":")[0] if said.rpartition(":")[2].isdigit() else said
    return base.casefold() not in {name.casefold() for name in names}


def renamed(body: bytes, name: str) -> bytes:
    """Return a request's body with the model's name in it, the very same bytes where it is there already.

    Raises BadRequest for a body that cannot be read, or written again.
    """
    if b'"model":' + orjson.dumps(name) in body:
        return body
    try:
        return orjson.dumps({**orjson.loads(body), "model": name})
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        raise BadRequest(f"the request body cannot be passed on: {error}") from None


def is_unexpected(body: Any) -> bool:
    """Whether an answer is LM Studio's word for a route that it does not have."""
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    return isinstance(text, str) and text.lower().startswith(UNEXPECTED)


# --- parts ---------------------------------------------------------------------------------------------------------


def _objects(body: Any, field: str, name: str) -> list[dict[str, Any]] | None:
    rows = body.get(field) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get(name), str) and row[name]]


def _kind(kind: Any) -> frozenset[Capability]:
    if kind == "embedding" or kind == "embeddings":  # noqa: PLR1714  # a set would choke on a list
        return frozenset({Capability.EMBEDDING})
    return _CHAT | {Capability.VISION} if kind == "vlm" else _CHAT


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
