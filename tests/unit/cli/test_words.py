"""What the gateway refuses, told in the command line's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Batuta, FakeGateway, model, says

NOT_FOUND = {"message": "there is no model 'x'; GET /v1/models lists what there is", "code": "model_not_found"}


def knows(gateway: FakeGateway, *ids: str) -> None:
    """Have the gateway know models of these ids."""
    gateway.answers["GET /manage/models"] = {"models": [model(each) for each in ids]}


@pytest.mark.parametrize("words", [["run", "tinny", "hi"], ["load", "tinny"], ["chat", "tinny"], ["pin", "tinny"]])
def test_a_mistyped_model_is_told_with_the_nearest(batuta: Batuta, gateway: FakeGateway, words: list[str]) -> None:
    """Once, in one line, without the paths of the API."""
    knows(gateway, "tiny")
    for call in ("POST /v1/chat/completions", "POST /manage/models/tinny/load", "GET /manage/models/tinny"):
        gateway.answers[call] = (404, {"error": NOT_FOUND})
    gateway.answers["PATCH /manage/models/tinny"] = (404, {"error": NOT_FOUND})
    result = batuta(*words, stdin="hello\n", url=gateway.url)
    assert result.exit_code == 1
    assert result.stderr == "batuta: there is no model 'tinny'; did you mean tiny?\n"


def test_a_file_that_is_no_model_comes_with_its_reason(batuta: Batuta, gateway: FakeGateway) -> None:
    """The catalog knows why the file of that name is none."""
    problem = {"subject": "/models/trunc.gguf", "reason": "its last tensor is cut off"}
    gateway.answers |= {
        "GET /manage/catalog/problems": {"problems": [problem]},
        "POST /manage/models/trunc/load": (404, {"error": NOT_FOUND}),
    }
    result = batuta("load", "trunc", url=gateway.url)
    assert result.exit_code == 1
    assert "trunc.gguf: its last tensor is cut off" in result.stderr


def test_chat_keeps_its_model_when_the_next_is_none(batuta: Batuta, gateway: FakeGateway) -> None:
    """A mistyped /model ends a chat in a pipe at once, before anything is said to nobody."""
    gateway.answers["GET /manage/models/zzz"] = (404, {"error": NOT_FOUND})
    gateway.answers["POST /v1/chat/completions"] = says("yes")
    result = batuta("chat", stdin="/model zzz\nhello\n", url=gateway.url)
    assert result.exit_code == 1
    assert "there is no model 'zzz'" in result.stderr
    assert gateway.bodies("POST /v1/chat/completions") == []


def test_a_pinned_model_in_the_way_is_named(batuta: Batuta, gateway: FakeGateway) -> None:
    """What fits after unpinning is not called impossible."""
    error = {"message": "b cannot be loaded now; unpin it.", "code": "no_fit"}
    gateway.answers |= {
        "POST /manage/models/b/load": (503, {"error": error}),
        "POST /manage/plan": {"verdict": "never", "pinned_by": ["a"]},
        "GET /manage/models": {"models": [model("a", "ready", pinned=True), model("b", fits="never", pinned_by=["a"])]},
    }
    assert "now; `batuta unpin a` would make room" in batuta("load", "b", url=gateway.url).stderr
    assert "after unpinning a" in batuta("models", url=gateway.url).stdout


@pytest.mark.parametrize(("command", "pinned"), [("pin", True), ("unpin", False)])
def test_models_are_pinned_and_unpinned(batuta: Batuta, gateway: FakeGateway, command: str, *, pinned: bool) -> None:
    """The choice is sent, and what it means is said."""
    gateway.answers["PATCH /manage/models/a/b"] = model("a/b", pinned=pinned)
    result = batuta(command, "a/b", url=gateway.url)
    assert result.exit_code == 0
    assert "a/b is pinned" in result.stdout
    assert gateway.bodies("PATCH /manage/models/a/b") == [{"pinned": pinned}]


@pytest.mark.parametrize(("key", "said"), [("", "wants a key"), ("sk-test-not-a-key", "refuses the key")])
def test_a_key_is_asked_for_by_the_name_of_its_variable(
    batuta: Batuta, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    """Headers are not what a person at a terminal can set."""
    monkeypatch.setenv("BATUTA_API_KEY", key)
    gateway.answers["GET /manage/models"] = (401, {"error": {"message": "Send it as `Authorization: Bearer KEY`"}})
    shown = batuta("ps", url=gateway.url).stderr
    assert said in shown
    assert "BATUTA_API_KEY" in shown
    assert "Bearer" not in shown
    assert "sk-test" not in shown


def test_status_shows_the_problems(batuta: Batuta, gateway: FakeGateway) -> None:
    """A default model that is none, a server that is gone: each on a line."""
    gateway.answers |= {
        "GET /health": {"status": "healthy"},
        "GET /manage/models": {"models": []},
        "GET /manage/catalog/problems": {"problems": [{"subject": "brain", "reason": "there is no model 'nosuch'"}]},
    }
    assert batuta("status", url=gateway.url).stdout.splitlines()[-1].split(maxsplit=1) == [
        "problem",
        "brain: there is no model 'nosuch'",
    ]


@pytest.mark.parametrize("raw", [b"prot = 9", b"port = ", b"# \xe9"])
def test_wrong_settings_do_not_stop_a_command(batuta: Batuta, gateway: FakeGateway, tmp_path: Path, raw: bytes) -> None:
    """What is wrong is told on stderr; stdout is what it always is."""
    (tmp_path / "config.toml").write_bytes(raw)
    knows(gateway, "tiny")
    result = batuta("models", url=gateway.url)
    assert result.exit_code == 0
    assert "tiny" in result.stdout
    assert str(tmp_path / "config.toml") in result.stderr
    down = batuta("down")
    assert (down.exit_code, "Nothing runs" in down.stdout) == (0, True)


def test_a_mistyped_variable_is_told_once(
    batuta: Batuta, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, with the name that was probably meant."""
    monkeypatch.setenv("BATUTA_PRT", "5")
    knows(gateway, "tiny")
    shown = batuta("models", url=gateway.url).stderr
    assert shown == "batuta: the environment variable BATUTA_PRT sets nothing; did you mean BATUTA_PORT?\n"


def test_a_flag_needs_no_word_for_its_type(batuta: Batuta) -> None:
    """Help shows what to write after an option, and nothing after a switch."""
    shown = batuta("up", "--help").stdout
    assert "<bool>" not in shown
    assert "ADDRESS" in shown


def test_unload_says_whom_it_waits_for(batuta: Batuta, gateway: FakeGateway) -> None:
    """An answer that is being given is waited for with a word about it."""
    gateway.answers["POST /manage/models/a/unload"] = (202, model("a", "draining", is_loaded=True, in_flight=2))
    gateway.answers["GET /manage/models/a/status"] = model("a")
    assert "2 answers" in batuta("unload", "a", url=gateway.url).stderr
