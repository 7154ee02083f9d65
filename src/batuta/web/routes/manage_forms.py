"""What the management API is sent and answers, and what it refuses. Pydantic models only."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from batuta import kinds
from batuta.catalog.entities import Role

LONGEST_WAIT_S = 3600.0
LONGEST_TTL_S = 10 * 365 * 24 * 3600.0
_KEYS = frozenset({"api_key", "apikey", "key", "token", "secret", "password"})
_METADATA = "metadata.google.internal"


class Form(BaseModel):
    """A request body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid")


class WaitForm(Form):
    """How long to wait for a load."""

    timeout_s: float = Field(default=180.0, gt=0, le=LONGEST_WAIT_S, allow_inf_nan=False)


class PlanForm(Form):
    """Which load to think through."""

    model: str = Field(min_length=1, max_length=1024)


class ResetForm(Form):
    """Which model to take out of the failed cache; all of them when none is named."""

    model: str | None = Field(default=None, max_length=1024)


def _list_of_roles(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError('roles is a list: ["brain"], ["executor"], both, or []')  # noqa: TRY004  # pydantic's way
    return value


class PatchForm(Form):
    """What to change about a model; what is left out stays."""

    pinned: StrictBool = False
    ttl_s: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_TTL_S,
        allow_inf_nan=False,
        description="seconds after its last use at which it is unloaded; null: never by itself",
    )
    roles: Annotated[frozenset[Role], BeforeValidator(_list_of_roles)] = frozenset()
    enabled: StrictBool = True
    name: str | None = Field(default=None, min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"nothing to change; send one of {', '.join(type(self).model_fields)}")
        return self


class ProviderForm(Form):
    """A server to add."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="lower-case letters, digits, - and _")
    kind: str | None = Field(
        default=None,
        max_length=64,
        description="openai_compat, lmstudio, ollama, llama_server, vllm or another package's; none: openai_compat",
    )
    base_url: str = Field(max_length=2048, examples=["https://api.example.com/v1", "http://127.0.0.1:1234"])
    name: str = Field(default="", max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")
    key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*(_KEY|_TOKEN)$",
        description="name of the environment variable that holds its key; it ends in _KEY or _TOKEN",
    )
    is_local: StrictBool | None = Field(
        default=None, description="it runs on this machine or network; none: yes for lmstudio, ollama, ... alone"
    )
    max_in_flight: int = Field(default=0, ge=0, le=10_000, description="requests at once; 0: no limit")

    @model_validator(mode="before")
    @classmethod
    def _holds_no_key(cls, values: Any) -> Any:
        if isinstance(values, dict) and (found := _KEYS & {str(name).lower() for name in values}):
            raise ValueError(
                f"{', '.join(sorted(found))} is not taken here: put the key into an environment variable and send that "
                "variable's name as key_env"
            )
        return values

    @model_validator(mode="after")
    def _address_is_sound(self) -> Self:
        is_local = self.is_local if self.is_local is not None else kinds.is_loaded(self.kind or kinds.OPENAI_COMPAT)
        if problem := url_problem(self.base_url, is_local=is_local, has_key=self.key_env is not None):
            raise ValueError(f"base_url: {problem}")
        if self.key_env is not None and self.key_env.startswith("BATUTA_"):
            raise ValueError("key_env: Batuta's own keys open Batuta; they are never sent to a provider")
        return self


class SwitchForm(Form):
    """Whether a provider is to be used."""

    enabled: StrictBool


def url_problem(url: str, *, is_local: bool, has_key: bool) -> str | None:
    """Say why an address cannot be a provider's; None if it can.

    1. It is http or https, with a host, and without a user, a query or a fragment.
    2. Link-local addresses are never a provider: machines of clouds hand out their secrets there.
    3. Private and loopback addresses are for providers that a person marked as local.
    4. A key travels encrypted, or stays on the local network.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "it is not an address; write it like https://api.example.com/v1"
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() or not c.isprintable() for c in url):
        return "it must begin with http:// or https:// and name a host"  # 1
    if parts.username is not None or parts.password is not None:
        return "a user or password does not belong in it; name an environment variable in key_env"
    if parts.query or parts.fragment:
        return "it must end with its path, such as /v1"
    kind = _kind_of(host)
    if kind == "link-local":
        return f"{host} is a link-local address, which no model server has"  # 2
    if kind == "private" and not is_local:
        return f"{host} is on this machine or network; send is_local: true if that is meant"  # 3
    if has_key and parts.scheme == "http" and not is_local:
        return "a key would travel unencrypted; use https"  # 4
    return None


def _kind_of(host: str) -> str:
    if host.rstrip(".").lower() == _METADATA:
        return "link-local"
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return "private"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "name"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "link-local"
    return "private" if address.is_private or address.is_loopback else "public"


class MemoryBytes(BaseModel):
    """Bytes that a model needs when loaded, and holds now."""

    needed: int
    held: int


class CardScore(BaseModel):
    """One measured score of a bundled model, on requests that were held out of its training."""

    part: str
    right: int
    asked: int


class ModelCard(BaseModel):
    """What is known of a model that comes with Batuta."""

    parameters: int
    tokens: int = Field(description="of training text that it has seen")
    scores: list[CardScore]


class StepView(BaseModel):
    """Something that is waited for."""

    kind: str = Field(description="turn, finish, patience, unload, load, rest or slot")
    model: str = Field(description="whose step it is")
    seconds: float | None = Field(description="null where nobody knows")
    answers: int = Field(description="how many answers are finished in it")
    tier: str | None = Field(description="of a load: parked, page cache or disk")


class ForecastView(BaseModel):
    """What a request waits for, and how long."""

    position: int | None = Field(description="the model's place among those that are waited for, 1 being the next")
    seconds: float | None = Field(description="for all steps; null where one is not known, or waiting does not help")
    sentence: str = Field(description="the same in English; empty: at once, or waiting does not help")
    steps: list[StepView] = Field(description="in their order; models that make room do so side by side")


class ModelView(BaseModel):
    """A model, what a person decided about it, and where it stands. Times are unix seconds."""

    id: str
    model_id: str = Field(description="its address: a path, or its name at its provider")
    name: str
    provider: str
    is_local: bool
    is_external: bool
    is_loadable: bool = Field(description="Batuta loads and unloads it; an API's models are always there")
    is_loaded: bool
    is_loading: bool
    is_active: bool = Field(description="enabled, present and not failed")
    is_present: bool
    enabled: bool
    state: str = Field(description="absent, loading, ready, asleep, draining, unloading, failed, disabled or offline")
    progress: float | None = Field(description="0 to 1 while it is loaded, where that is known")
    stage: str | None = Field(description="queued, evicting, starting, reading or warming")
    elapsed_s: float | None
    remaining_s: float | None
    error: str | None
    cause: str | None
    roles: list[str]
    pinned: bool
    ttl_s: float | None
    context_length: int
    capabilities: list[str]
    memory_bytes: MemoryBytes
    is_fixed: bool = Field(description="in memory for as long as its server runs: Batuta cannot unload it")
    fits: str | None = Field(
        description="now, `after evicting X`, `after others leave`, `after unpinning X`, `after stopping X` or never"
    )
    evict: list[str]
    pinned_by: list[str] = Field(description="pinned models without which it would fit")
    held_by: list[str] = Field(description="models that only a person can stop, and without which it would fit")
    card: ModelCard | None = Field(description="of a model that comes with Batuta")
    last_used: float | None
    load_seconds: float | None = Field(description="median of the last loads")
    loads: int
    failures: int
    retry_at: float | None
    in_flight: int
    waiting: int
    queue_position: int | None
    waits_for: list[str] = Field(description="models that it waits for; itself while it has to leave first")
    tier: str | None = Field(description="where its bytes are: resident, parked, page cache, disk or remote")
    forecast: ForecastView | None = Field(description="of its first waiter, or of its load; null: nobody waits")


class Segment(BaseModel):
    """A model's part of a device."""

    model: str
    name: str
    bytes: int


class DeviceView(BaseModel):
    """A device that holds models. Bytes."""

    id: str
    name: str
    budget: int
    reserved: int
    free: int
    segments: list[Segment]


class ModelList(BaseModel):
    """All models, and the memory they share."""

    models: list[ModelView]
    devices: list[DeviceView]


class PlanView(BaseModel):
    """What a load would do. Bytes and seconds."""

    model: str
    fits: str
    verdict: str = Field(description="now, after_evicting, after_unpinning, after_stopping or never")
    evict: list[str]
    pinned_by: list[str]
    held_by: list[str]
    need: int
    free: int
    budget: int
    seconds: float | None = Field(description="of the load alone, from `tier`")
    tier: str | None = Field(description="where its bytes are: resident, parked, page cache, disk or remote")
    reason: str
    wait: ForecastView = Field(description="what a request that came now would wait for")


class PassedOver(BaseModel):
    """Who could not answer instead, and why."""

    model: str
    reason: str


class AlternativeView(BaseModel):
    """Who could answer instead."""

    model: str | None
    reason: str
    passed_over: list[PassedOver] = []


class ResetView(BaseModel):
    """Which models were in the failed cache."""

    reset: list[str]


class StoryEntry(BaseModel):
    """One line of a model's log. `at`: unix seconds."""

    at: float
    text: str
    old: str | None
    new: str | None


class StoryView(BaseModel):
    """Why a model is where it is, oldest line first."""

    model: str
    story: list[StoryEntry]


class ProviderView(BaseModel):
    """A provider and how it stands."""

    id: str
    kind: str
    name: str
    base_url: str
    key_env: str | None
    is_local: bool
    max_in_flight: int
    enabled: bool
    source: str = Field(description="builtin, settings, person or found")
    is_online: bool | None = Field(description="null until it has been asked")
    version: str = Field(description="of the program that answers, where it tells")
    note: str = Field(description="what to know or do about that program")
    message: str
    checked_at: float | None
    models: int
    holds: list[str] = Field(description="ids of its models that are in memory now")


class KeyView(BaseModel):
    """A key of an external API that is in the environment. Its value is never read for this."""

    id: str
    name: str
    variable: str
    is_supported: bool = Field(description="Batuta speaks the API's dialect; it is a provider, off until switched on")
    message: str


class ProviderList(BaseModel):
    """All providers, and the keys that were seen."""

    providers: list[ProviderView]
    keys: list[KeyView] = []


class ProblemView(BaseModel):
    """Something a person should see to."""

    subject: str
    reason: str


class ProblemList(BaseModel):
    """What is not as it should be."""

    problems: list[ProblemView]


class ErrorView(BaseModel):
    """How every error is answered: OpenAI's form, with more fields beside `message` where they help."""

    error: dict[str, Any]
