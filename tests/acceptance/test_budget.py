"""Memory budgets through the whole stack, on tiny real models: too small, pinned full, for one device."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, installation, until

pytestmark = pytest.mark.acceptance
NAMES = ("small", "large")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models of different size."""
    path = tmp_path_factory.mktemp("models")
    tiny_gguf(path / "small.gguf", size="small")
    tiny_gguf(path / "large.gguf", size="large")
    return path


def found(batuta: Batuta) -> dict[str, dict[str, Any]]:
    """Return both models, once they have been found."""
    until(lambda: len(batuta.ask("GET", "/v1/models").json()["data"]) >= len(NAMES), what="models found")
    return {name: batuta.model(name) for name in NAMES}


@pytest.fixture(scope="module")
def needs(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What each is expected to take, in bytes."""
    with installation(tmp_path_factory.mktemp("roomy"), "--models-dir", str(models)) as roomy:
        return {name: view["memory_bytes"]["needed"] for name, view in found(roomy).items()}


def test_a_budget_smaller_than_every_model_is_told_to_each_caller(models: Path, tmp_path: Path) -> None:
    """With what the model needs and what there is; the next caller is told the same, and nothing hangs."""
    with installation(tmp_path, "--models-dir", str(models), "--memory-budget", "1MB") as batuta:
        assert {view["fits"] for view in found(batuta).values()} == {"never"}
        for name in (*NAMES, "small"):
            reply = batuta.chat(name)
            error = reply.json()["error"]
            assert (reply.status, error["code"]) == (503, "no_fit")
            assert f"{name} needs " in error["message"]
            assert "the budget of host is 1 MB" in error["message"]
        error = batuta.chat("auto").json()["error"]
        assert error["code"] == "no_fit"
        assert "small needs " in error["message"]  # the smallest of them: it comes nearest


def test_pinned_models_that_leave_no_room_are_named(models: Path, tmp_path: Path, needs: dict[str, int]) -> None:
    """Who was pinned, how much that is, and what to do; then it is done."""
    budget = str(max(needs.values()) + min(needs.values()) // 2)
    with installation(tmp_path, "--models-dir", str(models), "--memory-budget", budget) as batuta:
        found(batuta)
        assert batuta.chat("small").status == 200
        assert batuta.ask("PATCH", "/manage/models/small", {"pinned": True}).status == 200
        reply = batuta.chat("large")
        assert (reply.status, reply.json()["error"]["code"]) == (503, "no_fit")
        assert "are pinned by small; unpin it" in reply.json()["error"]["message"]
        assert batuta.model("small")["is_loaded"]
        assert batuta.ask("PATCH", "/manage/models/small", {"pinned": False}).status == 200
        assert batuta.chat("large").status == 200


@pytest.mark.parametrize("way", ["file", "flag"])
def test_a_budget_for_one_device(way: str, models: Path, tmp_path: Path, needs: dict[str, int]) -> None:
    """In the file or on the command line: the host's models get that much and no more."""
    size = needs["small"] + 1_000_000
    words = ["--models-dir", str(models)]
    if way == "file":
        (tmp_path / "config.toml").write_text(f"[memory.budget]\nhost = {size}\n")
    else:
        words += ["--memory-budget", f"host={size}"]
    with installation(tmp_path, *words) as batuta:
        assert {name: view["fits"] for name, view in found(batuta).items()} == {"small": "now", "large": "never"}
        devices = {each["id"]: each for each in batuta.ask("GET", "/manage/models").json()["devices"]}
        assert devices["host"]["budget"] == size
        assert batuta.chat("small").status == 200
        if way == "file":
            assert json.loads(batuta.run("config", "show", "--json").stdout)["memory.budget.host"] == size


def test_a_budget_for_a_device_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    """With the name that is wrong, those that are right, and the exit code of wrong settings."""
    batuta = Batuta(tmp_path)
    done = batuta.run("serve", "--port", "0", "--no-browser", "--no-discover", "--memory-budget", "cuda:77=4GB")
    assert done.returncode == 2
    assert "memory.budget names cuda:77, and the devices of this machine are host" in done.stderr


def test_a_model_to_return_to_that_is_not_there_is_a_problem(models: Path, tmp_path: Path) -> None:
    """A person is told, with the name that was probably meant; the doctor tells it as well."""
    with installation(tmp_path, "--models-dir", str(models), "--set", "swap.return_to=smal") as batuta:
        found(batuta)

        def told() -> list[str]:
            problems = batuta.ask("GET", "/manage/catalog/problems").json()["problems"]
            return [each["reason"] for each in problems if each["subject"] == "swap.return_to"]

        (reason,) = until(told, what="the problem is told")
        assert "'smal'" in reason
        assert "did you mean small?" in reason
        assert "did you mean small?" in batuta.run("doctor").stdout


def test_what_loads_took_is_known_after_a_restart(models: Path, tmp_path: Path) -> None:
    """The seconds, by where the model's bytes were, with the context and the slots at which its memory was seen."""
    with installation(tmp_path, "--models-dir", str(models)) as batuta:
        found(batuta)
        assert batuta.chat("small").status == 200
    with closing(sqlite3.connect(tmp_path / "batuta.db")) as base:
        columns = "load_s, learned_bytes, learned_context, learned_slots"
        (row,) = base.execute(f"SELECT {columns} FROM models WHERE id = 'small'").fetchall()  # noqa: S608  # our own words
    assert all(seconds > 0 for seconds in json.loads(row[0]).values())
    assert json.loads(row[0])
    assert row[1] > 1_000_000
    assert row[2:] == (8192, 4)
    with installation(tmp_path, "--models-dir", str(models)) as batuta:
        assert found(batuta)["small"]["load_seconds"] > 0
