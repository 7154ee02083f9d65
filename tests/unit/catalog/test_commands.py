"""A person's commands in the catalog: their ids, what they take, what the settings say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.catalog import commands, names
from batuta.catalog.configured import configured_providers
from batuta.catalog.discovery import merge
from batuta.catalog.entities import Capability, ModelSpec, Role
from batuta.catalog.records import COMMANDS, LOCAL, Choices, Defaults, Found, Learned, ModelRecord
from batuta.command_settings import CommandSettings
from batuta.errors import BadRequest
from batuta.settings import Settings


def command(ident: str = "own", **more: object) -> CommandSettings:
    return CommandSettings.model_validate({"id": ident, "cmd": "serve --port ${PORT}", **more})


def spec_of(record: ModelRecord, settings: Settings) -> ModelSpec:
    preset = commands.preset_of(record, commands.presets(settings))
    return record.spec(COMMANDS, Defaults(8192, 4), frozenset(), preset)


def test_a_command_keeps_its_own_id_and_its_own_context() -> None:
    """No folder's or provider's name before it, and no context of Batuta's: its server was given one."""
    settings = Settings(commands=(command(context_length=32768, slots=3, ttl_s=60, aliases=("gpt",), pinned=True),))
    [record] = merge({}, COMMANDS.id, commands.found_commands(settings)).added
    spec = spec_of(record, settings)
    assert (spec.id, spec.address, spec.context_length, spec.slots) == ("own", "own", 32768, 3)
    assert (spec.ttl_s, spec.aliases, spec.pinned, spec.is_loadable) == (60, ("gpt",), True, True)
    assert spec.load_timeout_s == 180 + commands.STOP_MARGIN_S


def test_an_id_that_is_taken_is_told() -> None:
    """A model file of the same name was there first."""
    file = ModelRecord("own", LOCAL.id, Found("/models/own.gguf"))
    [record] = merge({"own": file}, COMMANDS.id, commands.found_commands(Settings(commands=(command(),)))).added
    assert record.id == "own-2"
    [problem] = commands.renamed([file, record])
    assert "this one is own-2" in problem.reason


def test_what_it_takes_is_said_seen_or_learned(tmp_path: Path) -> None:
    """The setting, else the files that its command names, all parts of them, else what a load has shown."""
    for number in (1, 2):
        (tmp_path / f"big-0000{number}-of-00002.gguf").write_bytes(b"x" * 100)
    (tmp_path / "draft.gguf").write_bytes(b"x" * 7)
    cmd = "serve --port ${PORT} -m ${MODELS_DIR}/big-00001-of-00002.gguf --draft=draft.gguf -x none.gguf"
    settings = Settings(models_dirs=(tmp_path,), commands=(command(cmd=cmd, cwd=tmp_path), command("b", memory="2GB")))
    first, second = commands.found_commands(settings)
    assert (first.memory.weights, second.memory.weights) == (207, 2_000_000_000)
    unknown = ModelRecord("own", COMMANDS.id, Found("own"))
    assert spec_of(unknown, settings).need_bytes == 0
    learned = ModelRecord("own", COMMANDS.id, Found("own"), learned=Learned(5_000, 0))
    assert spec_of(learned, settings).need_bytes == 5_000


def test_roles_of_the_settings_go_before_those_of_commands() -> None:
    """`brain = ...` is the stronger word."""
    both = (command("a", roles=("brain",)), command("b", roles=("executor",)))
    assert commands.wanted_roles(Settings(commands=both)) == {Role.BRAIN: "a", Role.EXECUTOR: "b"}
    assert commands.wanted_roles(Settings(brain="x", commands=both))[Role.BRAIN] == "x"


def test_a_persons_time_goes_before_and_what_would_not_last_is_refused() -> None:
    """A keep-alive time of one's own is kept; taking away what the settings give is not possible there."""
    settings = Settings(commands=(command(ttl_s=60, pinned=True),))
    record = ModelRecord("own", COMMANDS.id, Found("own"), choices=Choices(ttl_s=5))
    assert spec_of(record, settings).ttl_s == 5
    preset = commands.preset_of(record, commands.presets(settings))
    commands.check_choices("own", preset, {"ttl_s": 9, "pinned": True, "enabled": False})
    for choice in ({"ttl_s": None}, {"pinned": False}):
        with pytest.raises(BadRequest, match="change it in its"):
            commands.check_choices("own", preset, choice)


def test_aliases_are_names_too() -> None:
    """An id goes before an alias; capabilities are as the settings say."""
    settings = Settings(commands=(command(aliases=("gpt", "other"), capabilities=("embedding",)),))
    [record] = merge({}, COMMANDS.id, commands.found_commands(settings)).added
    spec = spec_of(record, settings)
    assert spec.capabilities == {Capability.EMBEDDING}
    other = ModelSpec("other", "local", "/other.gguf")
    specs = {"own": spec, "other": other}
    assert names.find("gpt", specs) is spec
    assert names.find("other", specs) is other


def test_the_provider_is_there_when_there_are_commands() -> None:
    """And not otherwise: nobody wants to read of a server they do not have."""
    assert COMMANDS.id not in configured_providers(Settings())
    assert configured_providers(Settings(commands=(command(),)))[COMMANDS.id].is_online
