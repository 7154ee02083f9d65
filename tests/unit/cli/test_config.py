"""`batuta config`: every setting, where it comes from, no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batuta.cli.config import masked, without_password

from .conftest import Batuta

KEY = "sk-test-not-a-key"


def test_every_setting_is_shown_with_its_origin(
    batuta: Batuta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, environment and default are told apart by name."""
    (tmp_path / "config.toml").write_text("[queue]\nlimit = 9\n", encoding="utf-8")
    monkeypatch.setenv("BATUTA_PORT", "1234")
    found = json.loads(batuta("config", "show", "--origin", "--json").stdout)
    assert found["queue.limit"] == {"value": 9, "origin": str(tmp_path / "config.toml")}
    assert found["port"] == {"value": 1234, "origin": "environment variable BATUTA_PORT"}
    assert found["host"] == {"value": "127.0.0.1", "origin": "default"}
    lines = batuta("config", "show", "--origin").stdout.splitlines()
    assert len(lines) == len(found) + 1
    assert any(line.split()[:2] == ["queue.limit", "9"] for line in lines)


@pytest.mark.parametrize("flags", [[], ["--json"], ["--origin"], ["--origin", "--json"]])
def test_no_form_shows_a_secret(
    batuta: Batuta, flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and passwords are masked in every form."""
    monkeypatch.setenv("BATUTA_API_KEY", KEY)
    toml = f'[auth]\ninference_keys = ["{KEY}"]\n[[providers]]\nid = "x"\nbase_url = "http://me:{KEY}@host/v1"\n'
    (tmp_path / "config.toml").write_text(f'database_url = "postgresql://u:{KEY}@h/d"\n{toml}', encoding="utf-8")
    shown = batuta("config", "show", *flags).stdout
    assert KEY not in shown
    assert "****" in shown


@pytest.mark.parametrize("flags", [[], ["--json"], ["--origin"]])
def test_keys_of_commands_are_masked(batuta: Batuta, flags: list[str], tmp_path: Path) -> None:
    """A server's environment, and the word after an option that asks for a key; the rest of the line stays."""
    entry = f'id = "own"\ncmd = "serve --port ${{PORT}} --api-key {KEY} -v"\nenv = {{ HF_TOKEN = "{KEY}" }}\n'
    (tmp_path / "config.toml").write_text(f"[[commands]]\n{entry}", encoding="utf-8")
    shown = batuta("config", "show", *flags).stdout
    assert "own" in shown
    assert KEY not in shown
    if flags == ["--json"]:
        [command] = json.loads(shown)["commands"]
        assert command["cmd"] == "serve --port ${PORT} --api-key **** -v"
        assert command["env"] == {"HF_TOKEN": "****"}


def test_a_mistake_in_the_file_is_told(batuta: Batuta, tmp_path: Path) -> None:
    """An unknown name is an error with the nearest one, code 2."""
    (tmp_path / "config.toml").write_text("prot = 9", encoding="utf-8")
    result = batuta("config", "show")
    assert result.exit_code == 2
    assert "did you mean port" in result.stderr


def test_the_file_is_told(batuta: Batuta, tmp_path: Path) -> None:
    """`config path` says where the file is, or would be."""
    assert batuta("config", "path").stdout.strip() == str(tmp_path / "config.toml")
    assert json.loads(batuta("config", "path", "--json").stdout)["exists"] is False


def test_urls_keep_everything_but_the_password() -> None:
    """User, host, path and query stay."""
    assert without_password("postgresql://u:p@h:5/d?x=1") == "postgresql://u:****@h:5/d?x=1"
    assert without_password("http://h/@x") == "http://h/@x"
    assert masked("auth.api_key", None) is None
