"""`batuta pull`: with a gateway through its API, without one by itself; never more than was asked for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batuta.cli.pulling import Shown, progress_text
from batuta.testing.hub import FakeHub
from tests.unit.downloads.stage import FILE, REPO, gguf

from .conftest import Batuta, FakeGateway


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Run the fake hub on a loop of its own, as another process would."""
    loop = asyncio.new_event_loop()
    up, stop = threading.Event(), asyncio.Event()

    async def work() -> None:
        async with hub:
            up.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),), daemon=True)
    thread.start()
    assert up.wait(5)
    try:
        yield hub
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub with one model, which HF_ENDPOINT names."""
    fake = FakeHub()
    fake.add(REPO, FILE, gguf())
    with serving(fake):
        monkeypatch.setenv("HF_ENDPOINT", fake.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield fake


def view(state: str, **rest: object) -> dict[str, object]:
    plain = {"id": "pull-1", "name": f"hf:{REPO}", "state": state, "bytes": 0, "total": 0, "rate": None}
    more = {"remaining_s": None, "wait_s": 0.0, "note": "", "label": "", "is_new": True, "error": None, "model": None}
    return {**plain, **more, "files": [], **rest}


def test_without_a_gateway_the_command_downloads_itself(batuta: Batuta, hub: FakeHub) -> None:
    """The model is in the models folder of the installation; a second time it is only verified."""
    result = batuta("pull", f"hf:{REPO}")
    assert result.exit_code == 0, result.output
    path = batuta.data_dir / "models" / REPO / FILE
    assert path.read_bytes() == gguf()
    assert f"hf:{REPO} (Q4_K_M): 5 kB, verified, in {path}" in result.stdout
    assert "downloading" in result.stderr
    again = json.loads(batuta("pull", f"hf:{REPO}", "--json").stdout)
    assert (again["is_new"], again["files"]) == (False, [str(path)])


def test_what_fails_says_why_and_leaves_with_one(batuta: Batuta, hub: FakeHub) -> None:
    """A wrong name, a wrong quantization, a file that is not what it says: one line, code 1."""
    assert "did you mean qwen3.5-2b" in batuta("pull", "qwen-3.5-2b").stderr
    result = batuta("pull", f"hf:{REPO}:Q8_0")
    assert (result.exit_code, "Q4_K_M" in result.stderr) == (1, True)
    hub.mischief.lies_of_hash = True
    result = batuta("pull", f"hf:{REPO}", "--json")
    assert json.loads(result.stdout)["error"]["code"] == "download_corrupt"
    assert not list(batuta.data_dir.rglob("*.gguf"))


def test_offline_is_told_at_once(batuta: Batuta, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there: no waiting."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    result = batuta("pull", f"hf:{REPO}")
    assert result.exit_code == 1
    assert "is this machine connected to the network?" in result.stderr


def test_discard_removes_what_a_cut_one_left(batuta: Batuta, hub: FakeHub) -> None:
    """It downloads nothing and needs no hub."""
    folder = batuta.data_dir / "models" / ".downloads"
    folder.mkdir(parents=True)
    (folder / f"{REPO.replace('/', '--')}--{FILE}.part").write_bytes(b"x" * 3000)
    assert batuta("pull", f"hf:{REPO}", "--discard").stdout == f"Removed 3 kB of hf:{REPO}.\n"
    assert batuta("pull", f"hf:{REPO}", "--discard").stdout == f"Nothing was left of hf:{REPO}.\n"
    assert hub.seen == []


def test_the_list_says_what_fits(batuta: Batuta, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue with its date, by the budget of the settings."""
    monkeypatch.setenv("BATUTA_MEMORY_BUDGET", "4GB")
    result = batuta("pull", "--list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert " yes " in rows["qwen3.5-2b"]
    assert " no " in rows["qwen3.8-27b"]
    assert "Apache-2.0" in rows["qwen3.5-2b"]
    assert rows["As"].startswith("As of 20")


@pytest.mark.parametrize("words", [[], ["x", "--list"]])
def test_one_thing_is_asked_for(batuta: Batuta, words: list[str]) -> None:
    """Neither nothing nor both."""
    assert batuta("pull", *words).exit_code == 2


def test_with_a_gateway_the_gateway_downloads(batuta: Batuta, gateway: FakeGateway) -> None:
    """The command asks, follows and reports; it touches no disk."""
    files = ["/srv/models/acme/tiny.gguf"]
    gateway.answers["POST /manage/pulls"] = (202, view("queued"))
    gateway.answers["GET /manage/pulls/pull-1"] = view("done", total=5000, files=files, model="tiny", label="Q8_0")
    result = batuta("pull", f"hf:{REPO}", url=gateway.url)
    assert result.stdout == f"hf:{REPO} (Q8_0): 5 kB, verified, in {files[0]}\nIts id is tiny.\n"
    assert gateway.bodies("POST /manage/pulls") == [{"name": f"hf:{REPO}"}]
    assert not batuta.data_dir.exists()


def test_a_gateways_failure_is_the_commands(batuta: Batuta, gateway: FakeGateway) -> None:
    """Message and code are the gateway's; a download that somebody else called off is told as that."""
    error = {"code": "no_space", "message": "the disk is full", "suggestion": None}
    gateway.answers["POST /manage/pulls"] = (202, view("failed", error=error))
    result = batuta("pull", f"hf:{REPO}", "--json", url=gateway.url)
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "no_space")
    gateway.answers["POST /manage/pulls"] = (202, view("cancelled"))
    assert "called off" in batuta("pull", f"hf:{REPO}", url=gateway.url).stderr


def test_ctrl_c_calls_it_off_and_says_how_to_go_on(
    batuta: Batuta, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway stops too; the exit code is the keyboard's."""

    def interrupted(_self: Shown, _view: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Shown, "show", interrupted)
    gateway.answers["POST /manage/pulls"] = (202, view("downloading"))
    gateway.answers["DELETE /manage/pulls/pull-1"] = view("cancelled")
    result = batuta("pull", f"hf:{REPO}", url=gateway.url)
    assert result.exit_code == 130
    assert "goes on from there" in result.stderr
    assert gateway.bodies("DELETE /manage/pulls/pull-1") == [None]


def test_progress_is_said_in_a_line() -> None:
    """Bytes, rate and rest; while it waits, why and for how long."""
    at_work = view("downloading", bytes=1_200_000_000, total=2_000_000_000, rate=11_000_000.0, remaining_s=72.0)
    assert progress_text(dict(at_work)) == "downloading 1.2 GB of 2.0 GB, 11 MB/s, 1 min left"
    waiting = view("waiting", note="the network is gone", wait_s=4.0)
    assert progress_text(dict(waiting)) == "the network is gone: trying again in 4.0 s"
