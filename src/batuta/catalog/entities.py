"""Providers and models as facts. A ModelSpec is identity: it never changes with load state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit


class Role(StrEnum):
    """What a model is used for."""

    BRAIN = "brain"
    EXECUTOR = "executor"


class Capability(StrEnum):
    """What a model can do."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    TOOLS = "tools"
    VISION = "vision"
    REASONING = "reasoning"


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes a model takes when resident.

    Attributes:
        weights: bytes of the tensors.
        kv_per_token: bytes of key and value cache for one token of context.
        overhead: bytes of compute buffers and the process itself.
    """

    weights: int = 0
    kv_per_token: int = 0
    overhead: int = 0

    def total(self, context: int, slots: int = 1) -> int:
        """Return the bytes for `slots` conversations of `context` tokens each."""
        return self.weights + self.overhead + self.kv_per_token * context * slots


@dataclass(frozen=True, slots=True)
class Provider:
    """Who serves or bills.

    Attributes:
        id: short name, unique (`local`, `ollama`, `openai`, ...).
        kind: the engine that talks to it, a row of `batuta.kinds.KINDS` or another package's.
        name: what a person reads.
        base_url: where it is: its API root, or the bare origin of a program whose kind we know; empty for the loader's.
        key_ref: where its key comes from (`env:NAME`), never the key itself.
        is_local: the backend runs on this machine or network and holds memory here.
        max_in_flight: requests at once; 0 means no limit.
        enabled: a person's switch.
        preset: which API it is (a row of `known/providers.toml`), for what is peculiar to that one; empty: by its host.
    """

    id: str
    kind: str
    name: str = ""
    base_url: str = ""
    key_ref: str | None = None
    is_local: bool = False
    max_in_flight: int = 0
    enabled: bool = True
    preset: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: a key is only ever sent there."""
        parts = urlsplit(self.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return (parts.scheme, parts.hostname or "", port)


class Tier(StrEnum):
    """Where a model's bytes are, the nearest first: what bringing it to answer costs is measured for each."""

    RESIDENT = "resident"  # it can answer now
    PARKED = "parked"  # beside the device, in host memory: a vLLM that sleeps, a pinned copy
    CACHED = "page cache"  # its file is in the machine's file cache
    DISK = "disk"
    REMOTE = "remote"  # at another machine or behind an API


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model a person has.

    Attributes:
        id: what callers name; unique in the catalog.
        provider_id: who serves it.
        address: its name at its engine (a path for a GGUF, a model name for an API).
        name: what a person reads.
        context_length: tokens of context it is run with; 0 when unknown.
        slots: conversations it answers at once; 0 means no limit.
        memory: what it takes when resident; zeros for a model that is not loaded by us.
        device: which ledger it is booked in.
        is_loadable: Batuta loads and unloads it; False for remote APIs, which are always there.
        is_present: the last discovery still saw it.
        ttl_s: seconds after its last use at which it is unloaded; None: never by itself.
        options: engine settings for the load (`gpu_layers`, ...).
        aliases: other names that callers may write.
        load_timeout_s: seconds that a load may take; None: as long as any other's.
        has_known_size: False where `memory` is not what it takes but all there is, because nobody knows yet.
        bundled_as: the role it was made for, if it is one of the starter pair that comes with Batuta.
    """

    id: str
    provider_id: str
    address: str
    name: str = ""
    capabilities: frozenset[Capability] = frozenset({Capability.CHAT, Capability.COMPLETION})
    context_length: int = 0
    slots: int = 0
    memory: MemoryNeed = MemoryNeed()
    device: str = "host"
    is_local: bool = False
    is_loadable: bool = False
    is_present: bool = True
    roles: frozenset[Role] = frozenset()
    pinned: bool = False
    ttl_s: float | None = None
    enabled: bool = True
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    bundled_as: Role | None = None
    aliases: tuple[str, ...] = ()
    load_timeout_s: float | None = None
    has_known_size: bool = True

    @property
    def need_bytes(self) -> int:
        """Bytes it takes when resident. Its slots share one context (a unified cache), so they add nothing."""
        return self.memory.total(self.context_length)
