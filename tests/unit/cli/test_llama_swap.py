"""llama-swap's files become settings: what has a counterpart is taken over, and everything else is named."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.cli import toml_text
from batuta.cli.config_import import add_to_settings, render, summary
from batuta.cli.llama_swap import Draft, convert
from batuta.cli.llama_swap_macros import BadMacro, put_in, table
from batuta.cli.yaml_file import parse_yaml, read_yaml
from batuta.command_line import split
from batuta.errors import BadSettings
from batuta.settings import Settings, load_settings

from .conftest import Batuta

FILES = Path(__file__).parent / "llama_swap"
NAMES = ("simple", "macros", "hard")


def draft(name: str) -> Draft:
    return convert(read_yaml(FILES / f"{name}.yaml"))


def loaded(text: str, tmp_path: Path) -> Settings:
    path = tmp_path / "made.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({}, {"BATUTA_CONFIG": str(path)})[0]


def model(found: Draft, name: str) -> dict[str, Any]:
    [entry] = [each for each in found.entries if each.name == name]
    assert not entry.why_off, entry.why_off
    return entry.values


def left(found: Draft) -> dict[str, str]:
    return {each.name: each.why_off for each in found.entries if each.why_off}


@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_what_batuta_loads(name: str, tmp_path: Path) -> None:
    """Every entry that is not a comment comes back from the settings as it was meant."""
    found = draft(name)
    settings = loaded(render(found, FILES / f"{name}.yaml"), tmp_path)
    read = {each.id: each.model_dump() for each in settings.commands}
    read |= {each.id: each.model_dump() for each in settings.providers}
    meant = {each.values["id"]: each.values for each in found.entries if not each.why_off}
    assert read.keys() == meant.keys()
    for ident, values in meant.items():
        assert {key: json.loads(json.dumps(read[ident][key])) for key in values} == values


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_silently(name: str) -> None:
    """Each name in the file turns up in the result: as a value, a note, or a comment."""
    content = read_yaml(FILES / f"{name}.yaml")
    found = draft(name)
    text = render(found, Path("x.yaml"))
    silent = {"models", "macros", "groups", "hooks", "healthCheckTimeout", "globalTTL", "unloadTimeout", "peers"}
    assert [key for key in content if key not in silent and f"{key}" not in text] == []
    for ident, given_ in (content.get("models") or {}).items():
        assert ident in text
        for key in ("filters", "metadata", "timeouts", "unlisted"):
            assert key not in given_ or f"{key}: " in text


def test_a_plain_file_is_taken_over_whole() -> None:
    """Command, port, health, name at the server, environment, aliases, times."""
    found = draft("simple")
    qwen, mistral, embed = (model(found, name) for name in ("qwen3-8b", "Mistral 7B", "embed"))
    words = split(qwen["cmd"])
    assert words[:3] == ("/opt/llama.cpp/llama-server", "--port", "${PORT}")
    assert "/srv/my models/Qwen3-8B-Q5_K_M.gguf" in words
    assert not any("whole" in word for word in words)
    assert (qwen["ttl_s"], qwen["start_timeout_s"], qwen["aliases"]) == (300, 90, ["gpt-4o-mini", "gpt-3.5-turbo"])
    assert (mistral["port"], mistral["health"], mistral["model"]) == (9201, "", "mistral")
    assert mistral["env"] == {"CUDA_VISIBLE_DEVICES": "0", "LLAMA_ARG_FLASH_ATTN": "on"}
    assert embed["capabilities"] == ["embedding"]
    assert left(found) == {}


def test_macros_are_put_in_and_a_models_own_go_first() -> None:
    """Also where a general macro uses one that the model gives anew; ours and the environment's stay."""
    found = draft("macros")
    small, large, always = (model(found, name) for name in ("small", "large", "always"))
    assert "--ctx-size 8192" in small["cmd"]
    assert "--ctx-size 16384" in large["cmd"]
    assert "${env.HOME}/models/small.gguf --alias ${MODEL_ID}" in small["cmd"]
    assert (small["ttl_s"], small["stop_timeout_s"], small["slots"], small["name"]) == (600, 20, 4, "Small 8192")
    assert "ttl_s" not in large
    assert (large["stop_timeout_s"], large["roles"]) == (45, ["brain"])
    assert always["pinned"] is True
    assert (always["context_length"], always["capabilities"]) == (4096, ["chat", "completion", "vision", "tools"])
    notes = "\n".join(found.notes)
    for said in (
        "groups.turns (small, large;",
        "no model nobody",
        "preload: small not taken over",
        "x-defaults: unknown",
    ):
        assert said in notes


def test_what_cannot_be_is_written_as_a_comment_with_the_reason() -> None:
    """Another machine, no port, a bad macro, bad quotes, a shell's work."""
    found = draft("hard")
    reasons = left(found)
    assert list(reasons) == ["elsewhere", "no-port", "bad-macro", "bad-quotes", "pipes"]
    assert "not on this machine (192.168.1.7:9000)" in reasons["elsewhere"]
    assert "nobody knows where it listens" in reasons["no-port"]
    assert "${mdels} is no macro" in reasons["bad-macro"]
    assert "quotes do not match" in reasons["bad-quotes"]
    assert "no shell runs it" in reasons["pipes"]
    text = render(found, Path("hard.yaml"))
    assert "# cmd = " in text
    assert "${mdels}/x.gguf" in text


def test_containers_peers_and_keys() -> None:
    """A stop command is kept, a path of the API too; a key that stands in the file is not copied."""
    found = draft("hard")
    docker = model(found, "docker-model")
    assert (docker["api"], docker["stop"], docker["aliases"]) == ("/openai/v1", "docker stop ${MODEL_ID}", ["big"])
    assert "\\" not in docker["cmd"]
    router, neighbour = model(found, "OpenRouter"), model(found, "neighbour")
    assert router == {
        "id": "openrouter",
        "base_url": "https://openrouter.ai/api/v1",
        "key_env": "OPENROUTER_API_KEY",
    }
    assert neighbour["key_env"] == "NEIGHBOUR_API_KEY"
    text = render(found, Path("hard.yaml"))
    assert "sk-test-not-a-key" not in text
    assert "apiKeys: keys are not copied" in text
    assert summary(found)["left"].keys() == left(found).keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a map of settings"),
        ("- a\n- b", "not a map of settings"),
        ("models: {}", "neither `models` nor `peers`"),
        ("models:\n  a: [x", "line 2, column 8"),
        ("models:\n  a: {cmd: x}\n  a: {cmd: y}", "line 3: a is given twice"),
        ("models: [a, b]", "models is not a map"),
        ("models:\n  a: llama-server", "models.a is not a map"),
        ("models:\n  a: {cmd: [x, y]}", "models.a.cmd is not a text"),
        ("models:\n  1.5: {cmd: x}", "put it in quotes"),
        ("models:\n  a: {cmd: x, ttl: soon}", "models.a.ttl is 'soon'; it is a whole number"),
        ("models:\n  a: {cmd: x, aliases: b}", "models.a.aliases is not a list"),
        ("models:\n  a: {cmd: !!python/object/apply:os.system ['true']}", "could not determine a constructor"),
        ("models: &a\n  x: *a", "an anchor that holds itself"),
        ("models:\n  a: {cmd: x, metadata: 2026-99-99}", "holds a value that cannot be read"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("models: " + "[" * 60 + "]" * 60, "nested more than 50 levels"),
        ("models: " + "{a: " * 90 + "1" + "}" * 90, "nested more than 50 levels"),
    ],
)
def test_files_that_are_none_are_refused_in_words(text: str, said: str) -> None:
    """Bad YAML, other shapes, other types, code, endless anchors: which line, and what is wrong there."""
    with pytest.raises(BadSettings, match=said):
        convert(parse_yaml(text, where="x.yaml"))


@pytest.mark.parametrize("merge", [False, True])
def test_a_bomb_of_anchors_is_found_before_it_goes_off(merge: bool) -> None:
    """Twenty lines that stand for 9^20 values are refused at once, as lists and as merged maps."""
    lines = ["a0: &a0 {k: v}"]
    for n in range(1, 20):
        inside = ", ".join([f"*a{n - 1}"] * 9)
        lines.append(f"a{n}: &a{n} {{<<: [{inside}]}}" if merge else f"a{n}: &a{n} [{inside}]")
    with pytest.raises(BadSettings, match="more than 100000 values"):
        parse_yaml("\n".join(lines), where="x.yaml")


def test_a_bomb_of_macros_is_found_too() -> None:
    """Macros that double each other end as a reason, and one that holds itself too."""
    known = table({"m0": "x" * 100} | {f"m{n}": f"${{m{n - 1}}}${{m{n - 1}}}" for n in range(1, 19)})
    with pytest.raises(BadMacro, match="longer than"):
        put_in("${m18}", known)
    with pytest.raises(BadMacro, match="holds itself"):
        put_in("${a}", table({"a": "${b}", "b": "${a}"}))


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """Missing, a folder, not text, far too large."""
    (tmp_path / "latin.yaml").write_bytes(b"models:\n  a: {cmd: caf\xe9}\n")
    (tmp_path / "huge.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    for name, said in (
        ("none.yaml", "no such file"),
        ("", "it is a folder"),
        ("latin.yaml", "not UTF-8 .*line 2"),
        ("huge.yaml", "larger than 1024 KiB"),
    ):
        with pytest.raises(BadSettings, match=said):
            read_yaml(tmp_path / name)


@given(
    st.recursive(st.text() | st.integers(-(2**53), 2**53) | st.booleans(), lambda inner: st.lists(inner, max_size=3))
)
def test_any_value_is_written_so_that_toml_reads_it_back(value: Any) -> None:
    """Quotes, backslashes, line ends, control characters, other scripts."""
    text = toml_text.entry("x", {"key é": value})
    assert tomllib.loads(text)["x"] == [{"key é": value}]


@given(st.text())
def test_no_note_can_break_out_of_its_comment(text: str) -> None:
    """Whatever a foreign file says, a comment stays one."""
    assert tomllib.loads(toml_text.comment([text])) == {}


# --- writing -------------------------------------------------------------------------------------------------------


def test_the_settings_file_is_added_to_and_kept_as_it_was(tmp_path: Path) -> None:
    """What was there stays byte for byte, with a copy beside it; permissions and a link are kept."""
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    before = b"# mine\r\nport = 9000\r\n[queue]\nlimit = 7"
    real.write_bytes(before)
    real.chmod(0o640)
    link.symlink_to(real)
    found = draft("simple")
    file, backup = add_to_settings(found, render(found, Path("simple.yaml")), {"BATUTA_CONFIG": str(link)})
    assert file == real.resolve()
    assert link.is_symlink()
    assert real.read_bytes().startswith(before)
    assert real.stat().st_mode & 0o777 == 0o640
    assert backup is not None
    assert backup.read_bytes() == before
    settings = load_settings({}, {"BATUTA_CONFIG": str(link)})[0]
    assert (settings.port, settings.queue.limit, len(settings.commands)) == (9000, 7, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "real.toml", "real.toml.bak"]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ('[[commands]]\nid = "QWEN3-8b"\ncmd = "x ${PORT}"', "commands qwen3-8b already"),
        ('[[commands]]\nid = "b"\naliases = ["gpt-4o-mini"]\ncmd = "x ${PORT}"', "commands gpt-4o-mini already"),
        ("port = ", "not valid TOML"),
        ("prot = 3", "no such setting; did you mean port"),
        ("commands = []", "nothing was written"),
    ],
)
def test_nothing_is_written_where_something_would_change_or_be_wrong(tmp_path: Path, before: str, said: str) -> None:
    """An id or a name that is there, a file that is not right: refused, and the file is as it was."""
    config = tmp_path / "config.toml"
    config.write_text(before, encoding="utf-8")
    found = draft("simple")
    with pytest.raises(BadSettings, match=re.escape(said)) as caught:
        add_to_settings(found, render(found, Path("simple.yaml")), {"BATUTA_CONFIG": str(config)})
    assert str(config) in caught.value.message
    assert config.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [config]


def test_the_command_prints_or_writes(batuta: Batuta, tmp_path: Path) -> None:
    """Without --write nothing is touched; with it the file is there, private, and a second time is refused."""
    source = str(FILES / "macros.yaml")
    printed = batuta("config", "import", "llama-swap", source)
    assert tomllib.loads(printed.stdout)["commands"][0]["id"] == "small"
    assert not (tmp_path / "config.toml").exists()
    as_json = json.loads(batuta("config", "import", "llama-swap", source, "--json").stdout)
    assert as_json["toml"] == printed.stdout
    written = batuta("config", "import", "llama-swap", source, "--write")
    assert written.exit_code == 0, written.stderr
    assert "3 entries added" in written.stdout
    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o600
    again = batuta("config", "import", "llama-swap", source, "--write")
    assert again.exit_code == 2
    assert "already" in again.stderr
    assert batuta("config", "import", "ollama", source).exit_code == 2
    missing = batuta("config", "import", "llama-swap", str(tmp_path / "no.yaml"))
    assert (missing.exit_code, "no such file" in missing.stderr) == (2, True)
