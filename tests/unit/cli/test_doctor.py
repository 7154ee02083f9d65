"""The doctor: what it finds, how bad it calls it, and that it never shows a key."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batuta.catalog.finding import Door
from batuta.cli.checks import engines, files, installation, machine, servers
from batuta.cli.checks import gateway as checks_gateway
from batuta.cli.checks.findings import Finding, Health
from batuta.cli.client import GatewayClient
from batuta.cli.doctor import next_steps, report
from batuta.cli.ports import holder_of, is_free
from batuta.engines.base import EngineInfo
from batuta.settings import Settings, load_settings
from batuta.testing.gguf import tiny_gguf
from batuta.testing.ollama.server import FakeOllama

from .conftest import Batuta, FakeGateway


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings on an empty data folder."""
    return settings_at(tmp_path / "data")


def settings_at(data_dir: Path, **more: Any) -> Settings:
    return load_settings({"data_dir": str(data_dir), **more}, {"BATUTA_CONFIG": "/none"})[0]


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that this process listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    """Return a port that nobody listens on: the default one may be in use on the machine that runs the tests."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_whole_report(batuta: Batuta, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first look on a new machine: every area, no key's value, a next step, code 0."""
    monkeypatch.setenv("BATUTA_PORT", str(free_port()))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-key")
    result = batuta("doctor", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["healthy"]) == (0, True)
    areas = {item["area"] for item in found["findings"]}
    assert {"batuta", "installation", "memory", "engines", "models", "keys", "isolation"} <= areas
    assert "sk-test" not in result.stdout
    assert "OPENAI_API_KEY" in result.stdout
    assert found["next"]


def test_the_report_is_plain_in_a_pipe(batuta: Batuta) -> None:
    """Without a terminal there are no colours."""
    shown = batuta("doctor").stdout
    assert "\x1b" not in shown
    assert "what to do next" in shown


def test_a_data_folder_that_cannot_be_made_is_broken(tmp_path: Path) -> None:
    """A folder below a file can never be made."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    (finding,) = installation.data_folder(settings_at(tmp_path / "file" / "data"))
    assert finding.health is Health.BROKEN
    assert "--data-dir" in finding.advice


def test_a_data_folder_that_others_may_write_is_a_warning(tmp_path: Path) -> None:
    """Keys and records lie there."""
    tmp_path.chmod(0o777)
    (finding,) = installation.data_folder(settings_at(tmp_path))
    assert finding.health is Health.WARNING
    tmp_path.chmod(0o700)
    (finding,) = installation.data_folder(settings_at(tmp_path))
    assert finding.health is Health.OK


def test_the_database_is_examined_and_not_changed(tmp_path: Path) -> None:
    """Absent and whole are fine, garbage is broken; the file stays as it was."""
    settings = settings_at(tmp_path)
    assert [item.health for item in installation.database(settings)] == [Health.OK]
    assert not (tmp_path / "batuta.db").exists()
    with closing(sqlite3.connect(tmp_path / "batuta.db")) as connection:
        connection.execute("CREATE TABLE x (y)")
    assert "whole" in next(installation.database(settings)).text
    (tmp_path / "batuta.db").write_bytes(b"not a database, but long enough to look like one" * 50)
    (finding,) = installation.database(settings)
    assert finding.health is Health.BROKEN
    assert finding.advice


def test_a_database_on_a_server_is_named_without_its_password(tmp_path: Path) -> None:
    """The doctor shows host and user only."""
    settings = settings_at(tmp_path, database_url="postgresql+asyncpg://me:hunter22@db/batuta")
    assert "hunter22" not in next(installation.database(settings)).text


def test_a_port_that_is_held_names_its_holder(tmp_path: Path, taken_port: int) -> None:
    """The program with its number, and what to do."""
    found = list(installation.gateway(settings_at(tmp_path, port=taken_port)))
    assert found[-1].health is Health.BROKEN
    assert f"pid {os.getpid()}" in found[-1].text
    assert "--port 0" in found[-1].advice
    assert holder_of(taken_port) is not None
    assert not is_free("127.0.0.1", taken_port)


def test_a_budget_is_shown_beside_what_there_is(tmp_path: Path) -> None:
    """Of each device; one that is not there keeps Batuta from starting, and more than there is is worth a word."""
    first, *_ = machine.memory(settings_at(tmp_path, **{"memory.budget": "1GB"}))
    assert (first.name, first.health, first.data["budget_bytes"]) == ("host", Health.OK, 10**9)
    assert first.text.endswith("models may take 1.0 GB at most")
    first, *_ = machine.memory(settings_at(tmp_path, **{"memory.budget.host": "900TB"}))
    assert (first.health, "more than there is" in first.text) == (Health.NOTE, True)
    found = {each.name: each for each in machine.memory(settings_at(tmp_path, **{"memory.budget.cuda:99": "1GB"}))}
    wrong = found["memory.budget"]
    assert wrong.health is Health.BROKEN
    assert "names cuda:99, and the devices of this machine are host" in wrong.text


async def asked(settings: Settings, *doors: Door) -> list[Finding]:
    """Ask who is behind these doors, in a thread, as the doctor's process has no loop."""
    return await asyncio.to_thread(lambda: list(engines.engines(settings, doors)))


async def test_engines_are_told_apart(settings: Settings) -> None:
    """An engine is recognised by what only it answers, whatever usually listens on its port."""
    async with FakeOllama() as ollama:
        right, wrong = await asked(settings, Door("ollama", ollama.port), Door("llama_server", ollama.port))
    assert (right.health, right.data["running"]) == (Health.OK, True)
    assert f"answers on port {ollama.port}, version {right.data['version']}" in right.text
    assert (wrong.health, wrong.name, wrong.text) == (
        Health.NOTE,
        "llama-server",
        f"Ollama answers on port {ollama.port}",
    )


async def test_another_program_is_no_engine(settings: Settings, gateway: FakeGateway) -> None:
    """A web server on an engine's port is not taken for it, and is called no name."""
    gateway.answers |= {"GET /api/version": ["no", "object"], "GET /v1/models": {"hello": "I am nginx"}}
    port = int(gateway.url.rpartition(":")[2])
    (finding,) = await asked(settings, Door("ollama", port))
    assert (finding.health, finding.text) == (Health.NOTE, f"another program answers on port {port}")
    (nobody,) = await asked(settings, Door("vllm", free_port()))
    assert (nobody.health, nobody.data["running"]) == (Health.NOTE, False)


def test_what_an_engine_says_is_shown_on_one_line() -> None:
    """Nothing that it says of itself can move the cursor."""
    assert engines.shown(EngineInfo("\x1b[2J1", "a\nb")) == ", version 1; a b"


def test_only_this_machine_is_asked(tmp_path: Path) -> None:
    """An engine that the settings place elsewhere is not asked there."""
    door = Door("ollama", 11434)
    for url, expected in (("http://127.0.0.1:5/v1", Door("ollama", 5)), ("http://far.example/v1", door)):
        settings = settings_at(tmp_path, providers=[{"id": "ollama", "base_url": url}])
        assert engines.place_of(door, settings) == expected


def test_keys_are_told_by_name(tmp_path: Path) -> None:
    """Names of keys that are set; one that a provider needs and that is not set is a warning."""
    settings = settings_at(tmp_path, providers=[{"id": "mine", "base_url": "http://x", "key_env": "MY_KEY"}])
    found = list(engines.keys({"GROQ_API_KEY": "sk-test-not-a-key", "OPENAI_API_KEY": ""}, settings))
    assert found[0].data["names"] == ["GROQ_API_KEY"]
    assert [(item.name, item.health) for item in found[1:]] == [
        ("GROQ_API_KEY", Health.NOTE),
        ("MY_KEY", Health.WARNING),
    ]
    assert "nothing is sent until you use the provider groq" in found[1].text
    _, strange, *_ = engines.keys({"ANTHROPIC_API_KEY": "sk-test-not-a-key"}, settings)
    assert strange.text == "a key for Anthropic: nothing is sent until you use the provider anthropic on the page"
    assert "sk-test" not in json.dumps([item.to_json() for item in found])


def test_model_files_are_examined(settings: Settings) -> None:
    """Good files are counted with their size; a bad one is named with its cause."""
    folder = settings.data_dir / "models" / "deep"
    folder.mkdir(parents=True)
    tiny_gguf(folder / "good.gguf")
    (folder / "bad.gguf").write_bytes(b"GGUF but nothing more")
    (folder / "big-00002-of-00003.gguf").write_bytes(b"a later part")
    total, bad = files.own_folders(settings)
    assert total.text.startswith("1 model,")
    assert (bad.name, bad.health, bad.data["cause"]) == ("bad.gguf", Health.WARNING, "corrupt_file")


def test_other_tools_folders_are_counted(settings: Settings, tmp_path: Path) -> None:
    """Model files in other tools' folders count without being read; Ollama's blobs by their first bytes."""
    cache, blobs = tmp_path / ".cache" / "llama.cpp", tmp_path / ".ollama" / "models" / "blobs"
    cache.mkdir(parents=True)
    blobs.mkdir(parents=True)
    (cache / "a.gguf").write_bytes(b"x")
    for name, start in (("sha256-1", b"GGUF"), ("sha256-2", b"text")):
        with (blobs / name).open("wb") as file:
            file.write(start)
            file.truncate(20_000_000)
    found = {Path(item.name).name: item for item in files.other_folders(settings, {"HOME": str(tmp_path)})}
    assert found["llama.cpp"].data["models"] == 1
    assert found["models"].data == {"models": 1, "bytes": 20_000_000}


def test_isolation_only_reports() -> None:
    """Each way is either there or not; none of it is broken."""
    found = list(machine.isolation())
    assert {item.name for item in found} == {"landlock", "seccomp", "user namespaces", "bubblewrap", "containers"}
    assert {item.health for item in found} <= {Health.OK, Health.NOTE}


def test_the_next_step_suits_the_findings(settings: Settings) -> None:
    """Broken things first; a running gateway's page; else how to begin, with or without a model."""
    broken = Finding("installation", "port", Health.BROKEN, "held", "Free it.")
    warning = Finding("models", "bad", Health.WARNING, "bad", "Remove it.")
    running = Finding("installation", "gateway", Health.OK, "", data={"url": "http://x"})
    some = Finding("models", "m", Health.OK, "", data={"models": 2})
    assert next_steps([warning, broken], settings) == ["Free it.", "Remove it."]
    assert next_steps([running], settings) == ["Open http://x"]
    assert next_steps([some, warning], settings) == ["Start Batuta: batuta up", "Remove it."]
    assert str(settings.model_roots[0]) in next_steps([], settings)[0]


@pytest.mark.parametrize("raw", [b"prot = 9", b"port = ", b"# \xe9", b"port = 9", b"\xef\xbb\xbfport = 9"])
def test_wrong_settings_are_a_finding(batuta: Batuta, tmp_path: Path, raw: bytes) -> None:
    """The doctor examines an installation with a bad settings file, and says what is wrong in it."""
    (tmp_path / "config.toml").write_bytes(raw)
    result = batuta("doctor", "--json")
    (found,) = [item for item in json.loads(result.stdout)["findings"] if item["name"] == "settings"]
    is_bad = b"port = 9" not in raw
    assert found["health"] == ("broken" if is_bad else "ok")
    assert str(tmp_path / "config.toml") in found["text"]
    assert (result.exit_code == 1) or not is_bad
    assert result.stderr == ""


def test_a_variable_that_sets_nothing_is_a_warning() -> None:
    """With the name that was probably meant."""
    found = list(installation.settings_file({"BATUTA_CONFIG": "/none", "BATUTA_PRT": "5"}))
    assert [item.health for item in found] == [Health.OK, Health.WARNING]
    assert "Did you mean BATUTA_PORT?" in found[1].advice


def test_servers_of_the_settings_are_asked(tmp_path: Path, gateway: FakeGateway, taken_port: int) -> None:
    """One that answers, one that wants a key, one with a wrong address; no key is sent to any of them."""
    gateway.answers |= {"GET /v1/models": {"data": []}, "GET /locked/models": (401, {})}
    urls = [f"{gateway.url}{path}" for path in ("/v1", "/locked", "/wrong")]
    given = [{"id": f"s{place}", "base_url": url, "key_env": "HOME"} for place, url in enumerate(urls)]
    found = list(servers.servers(settings_at(tmp_path, providers=given)))
    assert [item.health for item in found] == [Health.OK, Health.OK, Health.WARNING]
    assert "wants a key" in found[1].text
    assert "status 404" in found[2].text
    assert not any("Authorization" in headers for _, _, headers in gateway.asked)
    free = settings_at(tmp_path, providers=[{"id": "x", "base_url": f"http://127.0.0.1:{free_port()}/v1"}])
    (silent,) = servers.servers(free)
    assert silent.health is Health.WARNING
    assert "does not answer" in silent.text


def test_nothing_elsewhere_is_asked_where_nothing_may_leave(tmp_path: Path, gateway: FakeGateway) -> None:
    """With `local_only` a server of this machine is asked, and for another not even its name is looked up."""
    gateway.answers["GET /v1/models"] = {"data": []}
    given = [
        {"id": "here", "base_url": f"{gateway.url}/v1"},
        {"id": "away", "base_url": "https://api.example.invalid/v1"},
    ]
    here, away = servers.servers(settings_at(tmp_path, providers=given, local_only=True))
    assert here.health is Health.OK
    assert (away.health, "local_only" in away.text) == (Health.NOTE, True)


async def test_programs_of_the_settings_are_asked_who_they_are(tmp_path: Path) -> None:
    """Version, where they are what their kind says; a warning where something else answers, or nobody."""
    async with FakeOllama() as fake:
        given = [
            {"id": "o", "kind": "ollama", "base_url": fake.url},
            {"id": "l", "kind": "lmstudio", "base_url": f"{fake.url}/v1"},
            {"id": "n", "kind": "ollama", "base_url": f"http://127.0.0.1:{free_port()}"},
        ]
        settings = settings_at(tmp_path, providers=given)
        ollama, other, nobody = await asyncio.to_thread(lambda: list(servers.servers(settings)))
    assert ollama.health is Health.OK
    assert ollama.text.startswith(f"Ollama answers at {fake.url}, version ")
    assert (other.health, nobody.health) == (Health.WARNING, Health.WARNING)
    assert "not LM Studio" in other.text
    assert "Start Ollama at" in nobody.advice


def test_a_running_gateway_is_asked_for_its_servers_and_problems(gateway: FakeGateway) -> None:
    """Those added by a person are among them; damaged files are examined elsewhere."""
    gateway.answers |= {
        "GET /manage/providers": {
            "providers": [
                {"id": "local", "base_url": None},
                {"id": "up", "base_url": "http://a/v1", "is_online": True, "models": 2},
                {
                    "id": "old",
                    "base_url": "http://o",
                    "is_online": True,
                    "models": 2,
                    "version": "0.1",
                    "note": "update it",
                },
                {"id": "down", "base_url": "http://b/v1", "is_online": False, "message": "refused"},
                {"id": "gone", "base_url": "http://c", "is_online": False, "source": "found"},
                {"id": "off", "base_url": "http://d", "is_online": None, "enabled": False, "source": "found"},
            ]
        },
        "GET /manage/catalog/problems": {
            "problems": [{"subject": "/m/x.gguf", "reason": "cut"}, {"subject": "brain", "reason": "no model 'nosuch'"}]
        },
    }
    asked = GatewayClient(gateway.url)
    assert [(item.name, item.health) for item in checks_gateway.servers(asked)] == [
        ("up", Health.OK),
        ("old", Health.NOTE),
        ("down", Health.WARNING),
        ("gone", Health.NOTE),
        ("off", Health.NOTE),
    ]
    assert [item.name for item in checks_gateway.problems(asked)] == ["brain"]


def test_a_named_model_that_is_no_file_is_told(settings: Settings) -> None:
    """The default model of the settings is looked for among the files; one of a server is not."""
    folder = settings.data_dir / "models"
    folder.mkdir(parents=True)
    tiny_gguf(folder / "tiny.gguf")

    def told(name: str) -> list[str]:
        return [item.text for item in files.named_models(settings_at(settings.data_dir, brain=name))]

    assert told("tiny") == told("tiny.gguf") == told(str(folder / "tiny.gguf")) == told("ollama/qwen") == []
    assert "did you mean tiny?" in told("tinny")[0]


def test_files_that_the_catalog_passes_over_are_no_models(settings: Settings) -> None:
    """A projector, a partial download and a name that cannot be an id are not counted."""
    folder = settings.data_dir / "models"
    folder.mkdir(parents=True)
    for name in ("mmproj-x.gguf", "x.part.gguf", "evil\nname.gguf", ".hidden.gguf"):
        tiny_gguf(folder / name)
    total, *bad = files.own_folders(settings)
    assert total.data["models"] == 0
    assert ["rename it" in item.text for item in bad] == [True]


def test_names_in_the_report_cannot_draw() -> None:
    """A file's name is shown on one line, without escapes."""
    lines = report([Finding("models", "a\x1b[2J\nb", Health.WARNING, "x\x07")], ["do\nit"], has_colour=False)
    assert lines == ["models", "  ! a b  x", "", "what to do next", "  do it"]
