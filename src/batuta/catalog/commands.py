"""What the settings say of a person's own commands, in the catalog's words. Looks at sizes of files; runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from batuta import command_line
from batuta.catalog.entities import Capability, MemoryNeed, Role
from batuta.catalog.records import COMMANDS, NO_PRESET, Found, ModelRecord, Preset, Problem
from batuta.command_settings import CommandSettings
from batuta.errors import BadRequest
from batuta.settings import Settings

STOP_MARGIN_S: Final = 5.0  # beyond a start's own limit, so that the loader, which knows more, tells what is wrong
LATER_PARTS: Final = 1000  # of a model in several files


def wanted_roles(settings: Settings) -> dict[Role, str | None]:
    """Return role -> model by the settings; `brain` and `executor` go before the roles of commands."""
    of_commands = {role: each.id for each in settings.commands for role in each.roles}
    return {
        Role.BRAIN: settings.brain or of_commands.get("brain"),
        Role.EXECUTOR: settings.executor or of_commands.get("executor"),
    }


def found_commands(settings: Settings) -> tuple[Found, ...]:
    """Return the models of the settings' commands, each with what it will take as far as that can be known."""
    return tuple(
        Found(
            each.id,
            each.name,
            frozenset(Capability(word) for word in each.capabilities),
            each.context_length,
            MemoryNeed(weights=each.memory or files_size(each, settings)),
        )
        for each in settings.commands
    )


def presets(settings: Settings) -> dict[str, Preset]:
    """Return a command's id -> what the settings say of its model."""
    return {
        each.id: Preset(
            each.aliases,
            each.slots,
            each.pinned,
            each.ttl_s,
            (each.start_timeout_s or settings.loader.load_timeout_s) + STOP_MARGIN_S,
        )
        for each in settings.commands
    }


def macro_values(command: CommandSettings, settings: Settings) -> dict[str, str]:
    """Return what the macros of a command stand for, but for its port, its process and the environment."""
    return {
        "MODEL_ID": command.id,
        "MODELS_DIR": str(settings.model_roots[0]),
        "DATA_DIR": str(settings.data_dir),
    }


def files_size(command: CommandSettings, settings: Settings) -> int:
    """Return the bytes of the model files that a command names, all parts of each; 0 when there are none to see."""
    values = macro_values(command, settings)
    total = 0
    for word in command_line.split(command.cmd):
        name = command_line.expand(word, values).rpartition("=")[2]
        if name.lower().endswith(".gguf"):
            with suppress(OSError, ValueError, RuntimeError):
                total += sum(part.stat().st_size for part in _parts((command.cwd or Path.cwd()) / Path(name)))
    return total


def _parts(first: Path) -> Iterable[Path]:
    """Yield a file, or all parts of one that is called `...-00001-of-00003.gguf`."""
    head, _, tail = first.stem.rpartition("-of-")
    if not (head.endswith("-00001") and tail.isdecimal() and int(tail) <= LATER_PARTS):
        yield first
        return
    stem = head.removesuffix("00001")
    yield from (first.with_name(f"{stem}{number:05}-of-{tail}{first.suffix}") for number in range(1, int(tail) + 1))


def preset_of(record: ModelRecord, known: Mapping[str, Preset]) -> Preset:
    """Return what the settings say of a model; nothing for one that is no command's."""
    return known.get(record.found.address, NO_PRESET) if record.provider_id == COMMANDS.id else NO_PRESET


def check_choices(model: str, preset: Preset, choices: Mapping[str, Any]) -> None:
    """Raise BadRequest for a choice that the settings would undo at once."""
    is_unpinned = preset.pinned and choices.get("pinned") is False
    is_kept = preset.ttl_s is not None and "ttl_s" in choices and choices["ttl_s"] is None
    if name := ("pinned" if is_unpinned else "ttl_s" if is_kept else ""):
        raise BadRequest(f"the settings give {model} its {name}; change it in its [[commands]] entry", model=model)


def renamed(records: Iterable[ModelRecord]) -> tuple[Problem, ...]:
    """Return a problem for each command that could not have its own id, because another model has it."""
    return tuple(
        Problem(
            f"command {record.found.address}",
            f"another model is called so already; this one is {record.id}. Give the command another id",
        )
        for record in records
        if record.provider_id == COMMANDS.id and record.is_present and record.id != record.found.address
    )
