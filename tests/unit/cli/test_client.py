"""The client finds the gateway by its record, speaks HTTP, and says clearly what is wrong."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from batuta.cli.client import GatewayClient, Refused, connect, model_path, refusal
from batuta.cli.door import NoGateway
from batuta.cli.record import FILE_NAME, is_alive, read_record
from batuta.errors import BadSettings
from batuta.settings import Settings, load_settings
from batuta.vault.secret import Secret

from .conftest import FakeGateway, events


def settings_at(data_dir: Path, **more: Any) -> Settings:
    return load_settings({"data_dir": str(data_dir), **more}, {"BATUTA_CONFIG": str(data_dir / "none.toml")})[0]


def write_record(data_dir: Path, **more: Any) -> None:
    record = {"pid": os.getpid(), "started": time.time(), "url": "http://127.0.0.1:1", "token": "t-not-a-key", **more}
    (data_dir / "run").mkdir(parents=True, exist_ok=True)
    (data_dir / "run" / FILE_NAME).write_text(json.dumps(record), encoding="utf-8")


def test_the_recorded_gateway_gets_the_recorded_token(gateway: FakeGateway, tmp_path: Path) -> None:
    """The address and the token of the record are used, and the answer is its JSON."""
    write_record(tmp_path, url=gateway.url)
    gateway.answers["GET /health"] = {"status": "healthy"}
    assert connect(settings_at(tmp_path)).get("/health") == {"status": "healthy"}
    assert gateway.asked[0][2]["Authorization"] == "Bearer t-not-a-key"


def test_another_address_never_gets_the_recorded_token(gateway: FakeGateway, tmp_path: Path) -> None:
    """With --url the token stays at home; the key of the settings is sent instead, if there is one."""
    write_record(tmp_path)
    gateway.answers["GET /health"] = {}
    connect(settings_at(tmp_path), gateway.url).get("/health")
    connect(settings_at(tmp_path, **{"auth.api_key": "sk-test-not-a-key"}), gateway.url).get("/health")
    assert [headers.get("Authorization") for _, _, headers in gateway.asked] == [None, "Bearer sk-test-not-a-key"]


def test_no_record_says_what_to_do(tmp_path: Path) -> None:
    """Without a gateway the message names the folder and `batuta up`."""
    with pytest.raises(NoGateway, match=r"batuta up") as caught:
        connect(settings_at(tmp_path))
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "started": 1, "url": ""}', '{"pid": 1}', "\x00\xff"])
def test_a_broken_record_is_no_record(tmp_path: Path, text: str) -> None:
    """A torn or foreign file counts as none."""
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    assert read_record(tmp_path) is None


def test_a_number_given_away_is_not_the_gateway(tmp_path: Path) -> None:
    """A process that began after the record was written is another one, whatever its number."""
    began = psutil.Process().create_time()
    write_record(tmp_path, started=began - 60)
    record = read_record(tmp_path / "run")
    assert record is not None
    assert not is_alive(record)
    with pytest.raises(NoGateway, match=rf"pid {os.getpid()}\) is gone"):
        connect(settings_at(tmp_path))


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 1])
def test_a_number_nobody_has_is_not_the_gateway(tmp_path: Path, pid: int) -> None:
    """No process, no gateway."""
    write_record(tmp_path, pid=pid)
    record = read_record(tmp_path / "run")
    assert record is not None
    assert not is_alive(record)


def test_a_closed_port_is_no_gateway(tmp_path: Path) -> None:
    """Nothing listening is told apart from a refusal."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NoGateway, match="nothing listens"):
            GatewayClient(f"http://127.0.0.1:{taken.getsockname()[1]}").get("/health")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:port", "http://x:99999"])
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    """A bad --url is explained with an example."""
    with pytest.raises(BadSettings, match="22888"):
        GatewayClient(url)


def test_a_refusal_keeps_the_gateways_words() -> None:
    """Message, code and suggestion come from the answer; other forms get a plain sentence."""
    body = {"error": {"message": "no room", "code": "no_fit", "suggestion": "small"}}
    error = refusal(503, json.dumps(body).encode())
    assert (error.message, error.details["code"], error.suggestion) == ("no room", "no_fit", "small")
    assert "422" not in refusal(422, b'{"detail": "timeout_s must be positive"}').message
    assert "500" in refusal(500, b"<html>").message
    assert "500" in refusal(500, b"[1]").message


def test_a_stream_yields_its_events_until_done(gateway: FakeGateway) -> None:
    """Data come as JSON; comments are skipped; nothing after [DONE]."""
    gateway.answers["POST /x"] = b": loading\n\n" + events({"n": 1}, {"n": 2}) + events({"n": 3})
    assert list(GatewayClient(gateway.url).stream("/x", {"a": 1})) == [{"n": 1}, {"n": 2}]
    assert gateway.bodies("POST /x") == [{"a": 1}]


def test_an_error_in_the_stream_is_raised(gateway: FakeGateway) -> None:
    """An in-band error ends the stream with its own words."""
    gateway.answers["POST /x"] = events({"n": 1}, {"error": {"message": "it crashed", "code": "stream_broken"}})
    stream = GatewayClient(gateway.url).stream("/x", {})
    assert next(stream) == {"n": 1}
    with pytest.raises(Refused, match="it crashed"):
        next(stream)


def test_an_answer_that_is_no_json_is_refused(gateway: FakeGateway) -> None:
    """Another program on the port is not mistaken for a gateway."""
    gateway.answers["GET /health"] = b"<html>hello</html>"
    with pytest.raises(Refused, match="not JSON"):
        GatewayClient(gateway.url).get("/health")


def test_model_ids_stay_in_their_place() -> None:
    """An id is quoted, its slash is kept."""
    assert model_path("ollama/qwen?x#y z", "load") == "/manage/models/ollama/qwen%3Fx%23y%20z/load"


def test_a_client_does_not_show_its_key() -> None:
    """The key is a Secret inside."""
    assert "sk-test" not in str(vars(GatewayClient("http://127.0.0.1:1", Secret("sk-test-not-a-key"))))
