"""`[[commands]]` in the settings: what may be written, and how a mistake is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.errors import BadSettings
from batuta.settings import Settings, load_settings


def load(tmp_path: Path, *entries: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text("\n".join(f"[[commands]]\n{entry}" for entry in entries), encoding="utf-8")
    return load_settings(None, {"BATUTA_CONFIG": str(path)})[0]


def test_an_entry_needs_a_name_and_a_command(tmp_path: Path) -> None:
    """All else has a default that suits llama-server."""
    [found] = load(tmp_path, 'id = "qwen2.5:7b (Q4)"\ncmd = "llama-server --port ${PORT} -m x.gguf"').commands
    assert (found.port, found.health, found.api, found.stop, found.memory) == (0, "/health", "/v1", "", 0)
    assert (found.env, found.aliases, found.capabilities) == ({}, (), ("chat", "completion"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('id = "a"', "commands.0.cmd (from {path}): it is missing"),
        ('id = "a"\ncmd = "x"', "its server has to be told its port: write ${PORT} in cmd, or set port"),
        ('id = "a"\ncmd = "x ${PROT}"\nport = 1', "cmd: ${PROT} is no macro; did you mean ${PORT}?"),
        ('id = "a"\ncmd = "x \'${PORT}"', "its quotes do not match"),
        ('id = "a"\ncmd = "x ${PORT} | tee log"', "| means nothing here, because no shell runs it"),
        ('id = "a"\ncmd = "x ${PORT} ${PID}"', "cmd: ${PID} is no macro"),
        ('id = "auto"\ncmd = "x ${PORT}"', "'auto' cannot be a model's name"),
        ('id = " a"\ncmd = "x ${PORT}"', "' a' cannot be a model's name"),
        ('id = "a"\ncmd = "x ${PORT}"\nhealth = "up"', "commands.0.health"),
        ('id = "a"\ncmd = "x ${PORT}"\nprot = 3', "no such setting; did you mean commands.port?"),
        ('id = "a"\ncmd = "x ${PORT}"\nmemory = "lots"', "'lots' is not a size"),
        ('id = "a"\ncmd = "x ${PORT}"\nroles = ["boss"]', "commands.0.roles.0"),
        ('id = "a"\ncmd = "x ${PORT}"\naliases = ["a"]', "'a' has 'a' twice"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, entry: str, said: str) -> None:
    """The message names the entry and what to write instead."""
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, entry)
    assert said.replace("{path}", str(tmp_path / "config.toml")) in caught.value.message


def test_two_entries_cannot_have_one_name_or_role(tmp_path: Path) -> None:
    """Ids, aliases and roles are each one model's."""
    for first, second, said in (
        ("", 'id = "A"', "'a' and 'A' want 'A'"),
        ("", 'id = "b"\naliases = ["a"]', "'a' and 'b' want 'a'"),
        ('roles = ["brain"]', 'id = "b"\nroles = ["brain"]', "want 'the role brain'"),
    ):
        with pytest.raises(BadSettings, match=said):
            load(tmp_path, f'id = "a"\ncmd = "x ${{PORT}}"\n{first}', f'{second}\ncmd = "x ${{PORT}}"')


def test_a_provider_of_that_kind_is_pointed_to_the_right_place(tmp_path: Path) -> None:
    """A command is not a provider."""
    path = tmp_path / "config.toml"
    path.write_text('[[providers]]\nid = "x"\nkind = "command"\nbase_url = "http://h"', encoding="utf-8")
    with pytest.raises(BadSettings, match=r"write it as a \[\[commands\]\] entry"):
        load_settings(None, {"BATUTA_CONFIG": str(path)})
