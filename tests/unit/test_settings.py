"""The settings: which source wins, what is refused, and how a mistake is explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.errors import BadSettings
from batuta.setting_types import parse_size
from batuta.settings import (
    Settings,
    known_names,
    load_settings,
    nearest_name,
    salvage_settings,
    unknown_variables,
)


def load(
    tmp_path: Path, toml: str = "", cli: dict[str, Any] | None = None, **environ: str
) -> tuple[Settings, dict[str, str]]:
    path = tmp_path / "config.toml"
    path.write_text(toml, encoding="utf-8")
    return load_settings(cli, {"BATUTA_CONFIG": str(path), **environ})


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    """Each value comes from the strongest source that names it, and its origin is told."""
    toml = 'port = 1\nhost = "::1"\n[queue]\nlimit = 5'
    found, origin = load(tmp_path, toml, {"port": 3}, BATUTA_PORT="2", BATUTA_QUEUE__LIMIT="7")
    assert (found.port, found.host, found.queue.limit) == (3, "::1", 7)
    assert origin["port"] == "command line"
    assert origin["host"] == str(tmp_path / "config.toml")
    assert origin["queue.limit"] == "environment variable BATUTA_QUEUE__LIMIT"
    assert "brain" not in origin


def test_names_that_scripts_rely_on(tmp_path: Path) -> None:
    """The promised environment variables reach their settings; the first of two names for one wins."""
    environ = {
        "DEFAULT_MODEL": "brain",
        "MODEL_PATH": "/x.gguf",
        "EXECUTOR_MODEL": "coder",
        "BATUTA_API_KEY": "sk-test",
    }
    found, _ = load(tmp_path, "", None, OLLAMA_BASE_URL="http://127.0.0.1:11434/", **environ)
    assert (found.brain, found.executor, found.auth.api_key) == ("brain", "coder", "sk-test")
    assert (found.providers[0].kind, found.providers[0].base_url) == ("ollama", "http://127.0.0.1:11434")


@pytest.mark.parametrize("address", ["http://127.0.0.1:1234", "http://127.0.0.1:1234/v1/"])
def test_engines_of_the_environment_are_of_their_own_kind(tmp_path: Path, address: str) -> None:
    """Where LM Studio is, in the variable that its own tools use, with or without the path of its API."""
    (found,) = load(tmp_path, "", None, LMSTUDIO_BASE_URL=address)[0].providers
    assert (found.id, found.kind, found.name) == ("lmstudio", "lmstudio", "LM Studio")
    assert (found.base_url, found.is_local) == ("http://127.0.0.1:1234", True)


def test_engines_of_the_environment_come_beside_the_providers_of_the_file(tmp_path: Path) -> None:
    """A variable takes nobody's provider away; of an engine that the file has, too, it gives the address alone."""
    toml = (
        '[[providers]]\nid = "acme"\nbase_url = "http://acme"\n'
        '[[providers]]\nid = "ollama"\nkind = "ollama"\nname = "Upstairs"\nmax_in_flight = 2\n'
        'base_url = "http://10.0.0.1:11434"'
    )
    acme, ollama = load(tmp_path, toml, None, OLLAMA_BASE_URL="http://127.0.0.1:11434")[0].providers
    assert (acme.id, acme.base_url) == ("acme", "http://acme")
    assert (ollama.base_url, ollama.name, ollama.max_in_flight) == ("http://127.0.0.1:11434", "Upstairs", 2)


def test_a_provider_says_which_program_it_is(tmp_path: Path) -> None:
    """OpenAI-compatible unless it says more; a kind that nobody serves is told with those there are."""
    plain, ours = (
        load(tmp_path, f'[[providers]]\nid = "x"\nbase_url = "http://h"\n{line}')[0].providers[0]
        for line in ("", 'kind = "vllm"')
    )
    assert (plain.kind, ours.kind) == ("openai_compat", "vllm")
    with pytest.raises(BadSettings, match=r"providers\.0\.kind .*'olama' is no kind .*llama_server, lmstudio, ollama"):
        load(tmp_path, '[[providers]]\nid = "x"\nbase_url = "http://h"\nkind = "olama"')


def test_folders_are_absolute_and_lists_split(tmp_path: Path) -> None:
    """Folders do not depend on where a child process runs; several come as PATH does, words by commas."""
    found, _ = load(
        tmp_path, 'data_dir = "~/batuta"', BATUTA_MODELS_DIR="a:~/b", BATUTA_EDGE__ALLOWED_HOSTS="one.local, two.local"
    )
    assert found.data_dir == Path.home() / "batuta"
    assert found.models_dirs == (Path.cwd() / "a", Path.home() / "b")
    assert found.edge.allowed_hosts == ("one.local", "two.local")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("prot = 1", "prot (from {path}): no such setting; did you mean port?"),
        ("[queue]\nlimt = 1", "did you mean queue.limit?"),
        ("[quue]\nlimit = 1", "did you mean queue?"),
        ("max_body = 1", "did you mean edge.max_body?"),
        ("zzz = 1", "zzz (from {path}): no such setting"),
        ('port = "high"', "port (from {path}): a whole number is needed"),
        ('[memory]\nbudget = "lots"', "'lots' is not a size; write it like 16GB"),
        ("port = ", "not valid TOML"),
        ("models_dirs = 5", "models_dirs (from {path}): a list is needed"),
        ("queue = 5", "queue (from {path}): a group of settings is needed, not a value"),
        ("port = 99999", "port (from {path}): it should be less than or equal to 65535"),
        ('[[providers]]\nid = "x"\nbase_ur = "http://x"', "did you mean providers.base_url?"),
    ],
)
def test_mistakes_in_the_file_are_explained(tmp_path: Path, toml: str, said: str) -> None:
    """The message names the setting, the file, and the nearest setting there is."""
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, toml)
    assert said.format(path=tmp_path / "config.toml") in str(caught.value)


def test_a_value_in_the_place_of_a_group_is_explained(tmp_path: Path) -> None:
    """A group that is given as a value in one place and by member in another is a mistake, not a crash."""
    with pytest.raises(BadSettings, match="a group of settings"):
        load(tmp_path, "queue = 3", BATUTA_QUEUE__LIMIT="5")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("# ol\u00e1\nport = 1".encode("latin-1"), "is not UTF-8 (byte 0xe1 in line 1)"),
        ("port = 1".encode("utf-16"), "is not UTF-8 (it is UTF-16)"),
    ],
)
def test_a_file_in_another_encoding_is_told(tmp_path: Path, raw: bytes, said: str) -> None:
    """The message names the file, what it is, and the encoding to save it in."""
    (tmp_path / "config.toml").write_bytes(raw)
    with pytest.raises(BadSettings) as caught:
        load_settings({}, {"BATUTA_CONFIG": str(tmp_path / "config.toml")})
    assert said in str(caught.value)
    assert "encoding UTF-8" in str(caught.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors on Windows write one, and lines that end in two characters."""
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbfport = 7\r\nbrain = 'b'\r\n")
    found, _ = load_settings({}, {"BATUTA_CONFIG": str(tmp_path / "config.toml")})
    assert (found.port, found.brain) == (7, "b")


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("prot = 9\nbrain = 'b'", "b"),
        ("brain = 'b'\nqueue = 3\n[memory]\nbudget = 'lots'", "b"),
        ("brain = 'b'\n[[providers]]\nid = 'X'", "b"),
        ("brain = [1]", None),
        ("brain = ", None),
    ],
)
def test_what_is_wrong_can_be_left_out(tmp_path: Path, toml: str, expected: str | None) -> None:
    """Whatever the mistake, the rest of the settings stands, and what is wrong is told."""
    (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
    environ = {"BATUTA_CONFIG": str(tmp_path / "config.toml"), "BATUTA_PORT": "x", "BATUTA_QUEUE__LIMIT": "7"}
    found, problem = salvage_settings({"data_dir": str(tmp_path)}, environ)
    assert problem
    assert (found.brain, found.data_dir, found.port) == (expected, tmp_path, 22888)


def test_settings_without_mistakes_are_left_as_they_are(tmp_path: Path) -> None:
    """There is nothing to tell then."""
    found, problem = salvage_settings({"port": 5}, {"BATUTA_CONFIG": str(tmp_path / "none")})
    assert (found.port, problem) == (5, None)


def test_variables_that_set_nothing_are_found() -> None:
    """A mistyped variable comes with the one that was probably meant; those with a meaning are not among them."""
    environ = {
        "BATUTA_PRT": "5",
        "BATUTA_ZZZ": "",
        "BATUTA_PORT": "5",
        "BATUTA_CONFIG": "x",
        "BATUTA_QUEUE__LIMIT": "1",
    }
    assert unknown_variables(environ) == [("BATUTA_PRT", "BATUTA_PORT"), ("BATUTA_ZZZ", None)]


def test_mistakes_do_not_show_secrets(tmp_path: Path) -> None:
    """Neither an error nor the settings' own form shows a key."""
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, 'auth.api_key = ["sk-test-not-a-key"]\ndatabase_url = ["postgresql://u:sk-test-not-a-key@h"]')
    assert "sk-test" not in str(caught.value)
    found, _ = load(tmp_path, 'auth.api_key = "sk-test-not-a-key"\ndatabase_url = "postgresql://u:sk-test-not-a-key@h"')
    assert "sk-test" not in repr(found)


def test_every_setting_finds_itself() -> None:
    """The nearest name of a known setting is that setting."""
    assert all(nearest_name(name) == name for name in known_names())


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=10**6), st.sampled_from(["", "B", "K", "KB", "MB", "MiB", "GB", "GiB", "TB"]))
def test_sizes(number: int, unit: str) -> None:
    """GB counts in thousands, GiB in 1024s, whatever the case and the blanks."""
    power = " KMGT".index(unit[0]) if unit and unit[0] in "KMGT" else 0
    expected = number * (1024 if "i" in unit else 1000) ** power
    assert parse_size(f" {number} {unit.lower()} ") == expected
