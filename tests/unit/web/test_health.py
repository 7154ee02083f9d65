"""/health, /ready, /metrics."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import ReportedModel
from batuta.errors import Cause
from batuta.lifecycle.residency import ResidencyView
from batuta.lifecycle.states import ModelState
from batuta.web.routes.health import judge
from tests.unit.web.manage_stage import house

BRAIN = ModelSpec("brain", "local", "/m/brain.gguf", is_loadable=True)
S = ModelState


def standing(state: ModelState, progress: float | None = None) -> ResidencyView:
    return ResidencyView(
        model_id="brain", state=state, since=0.0, stage=None, progress=progress, elapsed_s=0.0, remaining_s=None,
        reserved=0, in_flight=0, waiting=0, last_used=None, failures=0, cause=None, message="why", retry_at=None,
        load_seconds=None, loads=0, pinned=False, queue_position=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "loader", "was_ready", "status", "is_ready"),
    [
        (S.ABSENT, "up", False, "starting", False),
        (S.LOADING, "starting", False, "starting", False),
        (S.READY, "up", False, "healthy", True),
        (S.UNLOADING, "up", True, "healthy", True),  # it makes room for another and comes back when it is asked for
        (S.LOADING, "up", True, "healthy", True),
        (S.FAILED, "up", True, "degraded", False),
        (S.DISABLED, "up", False, "degraded", False),
        (S.ABSENT, "down", True, "degraded", False),
        (S.ABSENT, "fatal", False, "degraded", False),
    ],
)
def test_the_verdict(state: ModelState, loader: str, was_ready: bool, status: str, is_ready: bool) -> None:
    """Where the default model stands decides, and a loader that is gone is never healthy."""
    verdict = judge(loader=loader, is_looked=True, default=BRAIN, view=standing(state), was_ready=was_ready)
    assert (verdict.status, verdict.is_ready) == (status, is_ready)
    assert verdict.reason


def test_nothing_to_wait_for() -> None:
    """Without a default model Batuta is ready as soon as it knows what there is."""
    assert judge(loader="up", is_looked=True, default=None, view=None).is_ready
    assert judge(loader="fatal", is_looked=True, default=None, view=None).status == "degraded"
    assert judge(loader="up", is_looked=False, default=None, view=None).status == "starting"


async def test_health_while_the_default_model_loads(data_dir: Path) -> None:
    """503 on /ready with a reason, 200 on /health with every local model; both turn when the model is there."""
    async with house(data_dir, brain="brain") as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(2.0)
        ready, health = await it.probe("/ready"), (await it.probe("/health")).json()
        assert (ready.status, ready.json()["ready"]) == (503, False)
        assert "brain is loading" in ready.json()["reason"]
        assert (health["status"], health["gpu_available"], health["model_loaded"]) == ("starting", False, False)
        assert health["models"]["brain"]["state"] == "loading"
        assert health["loader"] == {"state": "up", "message": None}
        await it.clock.advance(10.0)
        assert (await it.probe("/ready")).status == 200
        health = (await it.probe("/health")).json()
        assert (health["status"], health["model_loaded"]) == ("healthy", True)
        await it.ask("POST", "/manage/models/brain/unload")
        await it.clock.advance(10.0)
        assert (await it.probe("/ready")).status == 200


async def test_health_when_the_default_model_fails(data_dir: Path) -> None:
    """Degraded, with the reason."""
    async with house(data_dir, brain="brain") as it:
        it.engine.fail_load("brain", Cause.CORRUPT_FILE)
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        health = (await it.probe("/health")).json()
        assert health["status"] == "degraded"
        assert health["models"]["brain"]["error"]


async def test_only_local_models_are_in_health(data_dir: Path) -> None:
    """An API's hundred models do not make the answer long."""
    async with house(data_dir, "brain") as it:
        it.cast.answers["ollama"] = [ReportedModel(f"m{number}") for number in range(100)]
        await it.cast.catalog.refresh()
        assert list((await it.probe("/health")).json()["models"]) == ["brain"]


async def test_head_has_no_body(data_dir: Path) -> None:
    """A HEAD tells the length and sends nothing."""
    async with house(data_dir, "brain") as it:
        answer = await it.probe("/health", "HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) > 0


async def test_metrics(data_dir: Path) -> None:
    """What happened to the models is there, in Prometheus' text."""
    async with house(data_dir, "brain") as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        answer = await it.probe("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b'batuta_loads_total{model="brain",outcome="ready"} 1.0' in answer.body
        assert b'batuta_model_state{model="brain",state="ready"} 1.0' in answer.body


async def test_health_is_cheap(data_dir: Path) -> None:
    """Far below a millisecond a call, so that asking every second costs nothing."""
    async with house(data_dir) as it:
        began = time.perf_counter()
        for _ in range(100):
            await it.probe("/health")
        assert (time.perf_counter() - began) / 100 < 0.01  # 0.1 ms when nobody else uses the machine
