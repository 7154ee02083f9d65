"""What the pages' tests show: a made-up computer with a model in every state. No gateway, no loader, no disk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from batuta.catalog.entities import Provider
from batuta.catalog.external import SeenKey
from batuta.catalog.records import ProviderState
from batuta.clock import Clock
from batuta.downloads.service import Pull
from batuta.downloads.starters import Catalogue
from batuta.observe.bus import Bus
from batuta.settings import Settings

GB = 1_000_000_000
WALL = 2_000_000_000.0  # what the tests' clock shows


def view(model_id: str, state: str = "absent", **rest: Any) -> dict[str, Any]:
    """Return one model as `GET /manage/models` shows it."""
    plain = {
        "id": model_id,
        "model_id": f"/models/{model_id}.gguf",
        "name": model_id,
        "provider": "local",
        "is_local": True,
        "is_external": False,
        "is_loaded": state == "ready",
        "is_loading": state == "loading",
        "is_active": state not in {"failed", "disabled"},
        "state": state,
        "progress": None,
        "error": None,
        "cause": None,
        "is_present": True,
        "enabled": state != "disabled",
        "evict": [],
        "roles": [],
        "pinned": False,
        "ttl_s": None,
        "context_length": 8192,
        "capabilities": ["chat"],
        "memory_bytes": {"needed": 5 * GB, "held": 5 * GB if state == "ready" else 0},
        "fits": "now",
        "last_used": None,
        "load_seconds": 8.0,
        "failures": 0,
        "stage": None,
        "elapsed_s": None,
        "remaining_s": None,
        "waiting": 0,
        "in_flight": 0,
        "retry_at": None,
    }
    return plain | rest


def forecast(*steps: dict[str, Any], seconds: float | None = None, position: int = 1) -> dict[str, Any]:
    """Return what a model's first waiter waits for, as the API shows it."""
    plain = {"seconds": None, "answers": 0, "tier": None}
    return {"position": position, "seconds": seconds, "sentence": "...", "steps": [plain | step for step in steps]}


def external(model_id: str, provider: str, **rest: Any) -> dict[str, Any]:
    """Return a model of an API elsewhere: nothing of it is in this machine's memory."""
    return view(
        model_id,
        "ready",
        provider=provider,
        is_local=False,
        is_external=True,
        fits=None,
        memory_bytes={"needed": 0, "held": 0},
        **rest,
    )


def every_state() -> list[dict[str, Any]]:
    """Return a model in each state a person can meet."""
    return [
        view("qwen3.5-9b", "ready", pinned=True, in_flight=1, memory_bytes={"needed": 6.9 * GB, "held": 7.1 * GB}),
        view(
            "devstral-small",
            "loading",
            progress=0.43,
            stage="reading",
            elapsed_s=8.0,
            remaining_s=11.0,
            waiting=2,
            memory_bytes={"needed": 3.6 * GB, "held": 0},
        ),
        view(
            "gemma-4-e4b",
            memory_bytes={"needed": 6.0 * GB, "held": 0},
            fits="after evicting qwen3.5-9b",
            evict=["qwen3.5-9b"],
        ),
        view("qwen3.8-27b", memory_bytes={"needed": 18.8 * GB, "held": 0}, fits="never"),
        view(
            "granite-4-tiny",
            "failed",
            error="the file ends after 1.2 of 4.3 GB",
            cause="corrupt_file",
            retry_at=WALL + 30,
            failures=1,
        ),
        view("bonsai-27b", "disabled", failures=5),
        external("openrouter/glm-5-air", "openrouter"),
        external("mistral/mistral-medium", "mistral"),
    ]


def server(server_id: str, *, source: str = "person", **rest: Any) -> ProviderState:
    """Return a model server of that name, on this machine."""
    address = f"http://127.0.0.1:23100/{server_id}/v1"
    provider = Provider(server_id, "openai_compat", name=server_id, base_url=address, is_local=True)
    return ProviderState(provider, source, **rest)


def one_device() -> list[dict[str, Any]]:
    """Return a card whose budget is partly taken."""
    return [
        {
            "id": "cuda0",
            "name": "NVIDIA RTX 4080",
            "budget": 14.5 * GB,
            "reserved": 10.7 * GB,
            "segments": [
                {"model": "qwen3.5-9b", "bytes": 7.1 * GB},
                {"model": "devstral-small", "bytes": 3.6 * GB},
            ],
        }
    ]


@dataclass
class StillClock:
    """A clock that a test moves; sleeping costs no time."""

    now: float = 1000.0

    def monotonic(self) -> float:
        """Return where the test has put the hand."""
        return self.now

    def wall(self) -> float:
        """Return the moment the fakes were made for."""
        return WALL

    async def sleep(self, seconds: float) -> None:
        """Let the others run once."""
        await asyncio.sleep(0)


@dataclass
class FakeCatalog:
    """A catalog that knows what could not become a model, and the servers."""

    found: list[tuple[str, str]] = field(default_factory=list)
    servers: list[ProviderState] = field(default_factory=list)
    keys: tuple[SeenKey, ...] = ()

    def problems(self) -> list[tuple[str, str]]:
        """Return (file, why) for each bad file."""
        return self.found

    def seen_keys(self) -> tuple[SeenKey, ...]:
        """Return the keys in the environment."""
        return self.keys

    def providers(self) -> list[ProviderState]:
        """Return how each server stands."""
        return self.servers


@dataclass
class FakeDownloads:
    """Downloads that a test sets, and a catalogue."""

    pulls: list[Pull] = field(default_factory=list)
    known_catalogue: Catalogue | None = None

    def all(self) -> list[Pull]:
        """Return what is being downloaded."""
        return self.pulls

    async def catalogue(self) -> Catalogue | None:
        """Return what is on offer."""
        return self.known_catalogue


@dataclass
class FakeServices:
    """What `pages.router` reads. Change the lists and publish a fact, as the real services do."""

    models: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=one_device)
    settings: Settings = field(default_factory=Settings)
    bus: Bus = field(default_factory=Bus)
    clock: Clock = field(default_factory=StillClock)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    downloads: FakeDownloads = field(default_factory=FakeDownloads)
