"""The facts that go over the bus. Frozen, plain values, each with a `kind` that the pages and scripts see."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened. `to_json()` is its form on `GET /manage/events`."""

    kind: ClassVar[str] = "fact"

    def to_json(self) -> dict[str, Any]:
        """Return the fact as plain JSON values, with its kind."""
        return {"event": self.kind, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Starting(Fact):
    """The start of Batuta reached a step. `step` is a short word (loader | model | gateway), `detail` a sentence."""

    kind: ClassVar[str] = "starting"
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class Listening(Fact):
    """The gateway's port is open. `seconds` since its process began to start."""

    kind: ClassVar[str] = "listening"
    url: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Started(Fact):
    """Everything has been started; the default model may still be loading. `seconds` since the process began."""

    kind: ClassVar[str] = "started"
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelStateChanged(Fact):
    """A model's residency moved from one state to another."""

    kind: ClassVar[str] = "model_state"
    model: str
    old: str
    new: str
    reason: str
    cause: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class LoadProgressed(Fact):
    """A load went on. `stage` is queued | evicting | starting | reading | warming; fraction 0..1 or None."""

    kind: ClassVar[str] = "load_progress"
    model: str
    stage: str
    fraction: float | None
    elapsed_s: float
    remaining_s: float | None = None


@dataclass(frozen=True, slots=True)
class QueueChanged(Fact):
    """How many requests wait for a model, and how many are being answered by it.

    position: its place among the models that are waited for, 1 being the next. expected_s: seconds until the first of
    them is answered, None where nobody knows.
    """

    kind: ClassVar[str] = "queue"
    model: str
    waiting: int
    in_flight: int
    position: int | None = None
    expected_s: float | None = None


@dataclass(frozen=True, slots=True)
class Swapped(Fact):
    """Models left memory so that another could be loaded: one event for all of it.

    Attributes:
        model: who came.
        evicted: who left.
        bytes_freed: what they held.
        seconds: from the moment it was wanted until it was ready.
        reason: why it came, in words.
        tier: where its bytes were (`batuta.catalog.entities.Tier`); None: nobody knows.
        drain_s, unload_s, load_s: the parts: answers under way finished, memory back, loaded; None: not measured.
    """

    kind: ClassVar[str] = "swap"
    model: str
    evicted: tuple[str, ...]
    bytes_freed: int
    seconds: float
    reason: str = ""
    tier: str | None = None
    drain_s: float | None = None
    unload_s: float | None = None
    load_s: float | None = None


@dataclass(frozen=True, slots=True)
class MemoryChanged(Fact):
    """What a device holds, in bytes. `held` maps model id to its reservation."""

    kind: ClassVar[str] = "memory"
    device: str
    budget: int
    reserved: int
    held: dict[str, int]


@dataclass(frozen=True, slots=True)
class CatalogChanged(Fact):
    """Models appeared, changed or vanished."""

    kind: ClassVar[str] = "catalog"
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefaultChanged(Fact):
    """A role that nobody gave to a model has another holder. before: None at the start; role: brain | executor."""

    kind: ClassVar[str] = "default"
    role: str
    model: str
    before: str | None


@dataclass(frozen=True, slots=True)
class LoaderChanged(Fact):
    """The loader process came, went, or was given up. state: starting | up | down | fatal."""

    kind: ClassVar[str] = "loader"
    state: str
    pid: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class RequestEnded(Fact):
    """One inference request is over. Seconds; tokens where the backend told them.

    Cached tokens are a part of the prompt's, reasoning a part of the completion's. key_id: of the vault; empty: none.
    cost: US dollars; None where it is not known. is_paid: the model is somebody else's, who bills it. fallbacks: models
    that were tried before this one.
    """

    kind: ClassVar[str] = "request"
    request_id: str
    model: str | None
    route: str
    status: int
    error: str | None
    wait_s: float
    ttft_s: float | None
    total_s: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    provider: str = ""
    key_id: str = ""
    cost: float | None = None
    is_paid: bool = False
    fallbacks: int = 0


@dataclass(frozen=True, slots=True)
class DownloadProgress(Fact):
    """A download went on. Bytes, bytes a second and seconds; `total` is 0 while nobody knows.

    state: queued | listing | checking | downloading | waiting | finishing | cancelled.
    """

    kind: ClassVar[str] = "download_progress"
    id: str
    name: str
    state: str
    bytes: int
    total: int
    rate: float | None = None
    remaining_s: float | None = None


@dataclass(frozen=True, slots=True)
class DownloadFinished(Fact):
    """A model was downloaded and verified. `is_new` is False for one that was there already."""

    kind: ClassVar[str] = "download_finished"
    id: str
    name: str
    files: tuple[str, ...]
    bytes: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class DownloadFailed(Fact):
    """A download was given up. `code` is the error's."""

    kind: ClassVar[str] = "download_failed"
    id: str
    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class KeyChanged(Fact):
    """A key can be used no more, or again. state: good | resting | no_credit | invalid; message: what was said of it.

    key_id: of the vault, or `env:PROVIDER`; never a part of the key.
    """

    kind: ClassVar[str] = "key"
    provider: str
    key_id: str
    state: str
    message: str = ""
