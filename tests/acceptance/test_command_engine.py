"""A person's own server behind the gateway: wanted, started, answering, swapped with a model file, gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, installation, until

pytestmark = pytest.mark.acceptance
SERVER = Path(__file__).parents[1] / "support" / "openai_server.py"
SETTINGS = f"""
[[commands]]
id = "own"
cmd = '''
  {sys.executable} {SERVER}
  # comments and line ends are fine
  --port ${{PORT}} --api /api --key "sk-test-not-a-key"
'''
api = "/api"
model = "upstream name"
key_env = "OWN_KEY"
aliases = ["gpt-4o-mini"]
memory = "150MB"

[[commands]]
id = "idle"
cmd = "{sys.executable} {SERVER} --port ${{PORT}} --bytes 1000000"
ttl_s = 0.3
slots = 2
memory = "1MB"

[[commands]]
id = "unknown size"
cmd = "{sys.executable} {SERVER} --port ${{PORT}}"

[[commands]]
id = "broken"
cmd = "{sys.executable} {SERVER} --port ${{PORT}} --exit 3 --say 'no such quantisation'"
memory = "1MB"
"""


@pytest.fixture(scope="module")
def batuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batuta]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "models").mkdir()
    tiny_gguf(folder / "models" / "small.gguf", size="small")
    (folder / "config.toml").write_text(SETTINGS, encoding="utf-8")
    with installation(folder, "--memory-budget", "200MB", env={"OWN_KEY": "sk-test-not-a-key"}) as it:
        until(lambda: len(it.ask("GET", "/v1/models").json()["data"]) >= 4, what="models found")
        yield it


def servers(batuta: Batuta) -> list[psutil.Process]:
    """Return the servers that the loader of this installation runs."""
    found = []
    for process in psutil.Process(batuta.loader()["pid"]).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it is just ending
            if str(SERVER) in process.cmdline():
                found.append(process)
    return found


def test_a_message_starts_the_server_and_is_answered_by_it(batuta: Batuta) -> None:
    """Under its id and under its alias, whole and streamed, with its key, at its path, by its name there."""
    reply = batuta.chat("own")
    assert reply.status == 200, reply.body
    assert reply.json()["choices"][0]["message"]["content"] == "upstream name: one two three"
    assert batuta.chat("gpt-4o-mini").headers["x-batuta-model"] == "own"
    stream = batuta.stream("own")
    assert [line for line in stream.lines() if line][-1] == "data: [DONE]"
    stream.close()
    assert len(servers(batuta)) == 1
    assert batuta.model("own")["state"] == "ready"


def test_it_takes_turns_with_a_model_file(batuta: Batuta) -> None:
    """In a budget in which one of both fits, each leaves for the other; the swap is told."""
    assert batuta.chat("own").status == 200
    assert batuta.chat("small").status == 200
    assert batuta.model("own")["state"] == "absent"
    assert servers(batuta) == []
    reply = batuta.chat("own")
    assert reply.status == 200, reply.body
    assert batuta.model("small")["state"] == "absent"
    assert len(servers(batuta)) == 1


def test_a_server_that_dies_is_started_again(batuta: Batuta) -> None:
    """Mid-request and between requests: the caller is told, or served by a new one; the crash is on record."""
    batuta.chat("own")
    [server] = servers(batuta)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: batuta.model("own")["state"] != "ready", within=2, what="the crash is noticed")
    assert batuta.chat("own").status == 200
    [fresh] = servers(batuta)
    assert fresh.pid != server.pid
    reply = batuta.chat("own", "die")
    assert reply.status in {502, 503}, reply.body
    until(lambda: batuta.chat("own").status == 200, within=15, what="it is back")


def test_one_that_nobody_uses_is_stopped_after_its_time(batuta: Batuta) -> None:
    """`ttl_s` of the entry is the model's keep-alive time; what its load showed is learned."""
    batuta.chat("idle")
    until(lambda: batuta.model("idle")["state"] == "absent", within=5, what="its time is over")
    assert batuta.model("idle")["memory_bytes"]["needed"] > 1_000_000


def test_one_of_unknown_size_has_its_first_load_alone(batuta: Batuta) -> None:
    """Nothing is known, so nothing else stays; then its real size is."""
    batuta.chat("idle")
    assert batuta.chat("unknown size").status == 200
    assert batuta.chat("idle").status == 200  # beside it: the booking has become what it really takes
    assert batuta.model("unknown%20size")["state"] == "ready"
    until(lambda: batuta.model("unknown%20size")["memory_bytes"]["needed"] < 150_000_000, what="its size is learned")
    batuta.ask("POST", "/manage/models/unknown%20size/unload")


def test_one_that_cannot_start_says_why(batuta: Batuta) -> None:
    """The caller reads the server's own last words."""
    reply = batuta.chat("broken")
    assert reply.status == 503
    error = reply.json()["error"]
    assert (error["code"], error["cause"]) == ("model_failed", "crash")
    assert "no such quantisation" in error["message"]


def test_the_server_outlives_its_gateway_and_changed_settings_end_it(tmp_path: Path) -> None:
    """A new gateway finds it running, with no second start; one with other settings for it has it stopped."""
    config = tmp_path / "config.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    with installation(tmp_path, "--memory-budget", "200MB", env={"OWN_KEY": "sk-test-not-a-key"}) as batuta:
        _outlive(batuta, config)


def _outlive(batuta: Batuta, config: Path) -> None:
    assert batuta.chat("own").status == 200
    [server] = servers(batuta)
    batuta.kill()
    batuta.start()
    until(lambda: batuta.model("own")["state"] == "ready", what="it is found")
    assert [each.pid for each in servers(batuta)] == [server.pid]
    assert batuta.chat("own").status == 200
    batuta.kill()
    config.write_text(config.read_text().replace("--api /api", "--api /api --name other"), encoding="utf-8")
    batuta.start()
    until(lambda: servers(batuta) == [], what="the outdated one is stopped")
    assert batuta.chat("own").status == 200
    assert servers(batuta)[0].pid != server.pid


def test_a_choice_that_the_settings_would_undo_is_refused(batuta: Batuta) -> None:
    """The keep-alive time of the entry cannot be taken away on the page, only changed."""
    assert batuta.ask("PATCH", "/manage/models/idle", {"ttl_s": None}).status == 400
    assert batuta.ask("PATCH", "/manage/models/idle", {"ttl_s": 60}).status == 200


def test_the_key_is_nowhere_to_be_read(batuta: Batuta) -> None:
    """Neither in the settings as shown, nor in the logs of Batuta."""
    shown = batuta.run("config", "show", "--json").stdout
    assert "own" in shown
    assert "sk-test-not-a-key" not in batuta.logs
