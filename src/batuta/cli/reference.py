"""Writes the tables of the reference pages from the settings tree and the commands, so that they cannot lie.

`python -m batuta.cli.reference` renews `docs/reference/settings.md` and `docs/reference/cli.md`.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from batuta import settings as tree
from batuta.cli.main import COMMANDS, load_command
from batuta.command_settings import CommandSettings
from batuta.setting_types import parse_size
from batuta.settings import ENVIRONMENT, Settings

_FLAGS = {
    "host": "--host",
    "port": "--port",
    "data_dir": "--data-dir",
    "models_dirs": "--models-dir",
    "memory.budget": "--memory-budget",
    "brain": "--brain",
    "executor": "--executor",
    "starter": "--no-starter",
    "discover": "--no-discover",
    "browser": "--no-browser",
    "ordered": "--ordered",
    "insecure": "--insecure",
    "loader.grace_s": "--grace",
}
_DEFAULTS = {"data_dir": "the platform's data folder"}  # differs between machines


def settings_table() -> str:
    """Return the Markdown table of every setting: name, default, flag and variable, reason."""
    lines = [
        "| Setting | Default | Flag of `up` and `serve` | Environment | What it is, and why so |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(name, default, comment) for name, default, comment in _walk(Settings)]
    return "\n".join(lines)


def entry_table(entry: type[BaseModel]) -> str:
    """Return the Markdown table of what a `[[providers]]` or `[[commands]]` entry holds."""
    lines = ["| Key | Default | What it is |", "|---|---|---|"]
    for name, default, comment in _walk(entry):
        lines.append(f"| `{name}` | {default} | {comment} |")
    return "\n".join(lines)


def commands_text() -> str:
    """Return the Markdown of every command with its arguments and options."""
    parts = []
    for name in COMMANDS:
        command = load_command(name)
        members = getattr(command, "commands", None)
        inner = [(f"{name} {sub}", members[sub]) for sub in members] if members else [(name, command)]
        parts += [_command(*pair) for pair in inner]
    return "\n\n".join(parts)


def settings_page(page: str) -> str:
    """Return the settings' reference page with its tables renewed."""
    page = _between(page, "settings", settings_table())
    page = _between(page, "providers", entry_table(tree.ProviderSettings))
    return _between(page, "commands", entry_table(CommandSettings))


def commands_page(page: str) -> str:
    """Return the commands' reference page with its generated part renewed."""
    return _between(page, "commands", commands_text())


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{text}\n{end}{after}"


def _walk(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    comments = _comments(section)
    for name, info in section.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _walk(inner, f"{prefix}{name}.")
        elif not prefix and section is Settings and name in {"providers", "commands"}:
            continue  # a table of its own
        else:
            full = f"{prefix}{name}"
            default = (
                "required" if info.is_required() else _DEFAULTS.get(full) or _default(info.default, _is_size(info))
            )
            yield full, default, comments.get(name, "")


def _comments(section: type[BaseModel]) -> dict[str, str]:
    """Return the comment at the end of each field's line: what it is, or why its default is what it is."""
    source = inspect.getsource(section)
    lines = source.splitlines()
    fields = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AnnAssign)]
    found = {}
    for node in fields:
        tail = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode()
        if isinstance(node.target, ast.Name) and (comment := tail.strip().removeprefix("#").strip()):
            found[node.target.id] = comment
    return found


def _is_size(info: Any) -> bool:
    inside = [info, *(part for part in get_args(info.annotation) if get_origin(part) is Annotated)]
    return any(getattr(mark, "func", None) is parse_size for part in inside for mark in _marks(part))


def _marks(part: Any) -> Sequence[Any]:
    return getattr(part, "metadata", None) or getattr(part, "__metadata__", ()) or ()


def _default(value: Any, is_size: bool) -> str:
    if value is None or value in ((), "", {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{size_text(value) if is_size and value else value}`"


def size_text(count: int) -> str:
    """Return bytes as a person would write them in the file: `32MiB`, `1.5GB`."""
    for unit, power in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count and count % power == 0:
            return f"{count // power}{unit}"
    return f"{count / 1e9:g}GB" if count >= 10**9 else f"{count / 1e6:g}MB"


def _row(name: str, default: str, comment: str) -> str:
    variables = [variable for variable, setting in ENVIRONMENT.items() if setting == name]
    variables = variables or ([f"BATUTA_{name.upper().replace('.', '__')}"] if "." in name else [])
    shown = ", ".join(f"`{variable}`" for variable in variables)
    flag = f"`{_FLAGS[name]}`" if name in _FLAGS else ""
    return f"| `{name}` | {default} | {flag} | {shown} | {comment} |"


def _command(name: str, command: Any) -> str:
    shown = [param for param in command.params if not getattr(param, "hidden", False) and param.name != "help"]
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    usage = " ".join(
        ["batuta", name, *(f"{param.name.upper()}{'...' if param.nargs == -1 else ''}" for param in arguments)]
    )
    lines = [f"### `{usage}`", "", inspect.cleandoc(command.help or ""), ""]
    rows = [f"| `{param.name.upper()}` | {param.help} |" for param in arguments]
    rows += [f"| `{', '.join(param.opts)}` | {param.help} |" for param in options]
    return "\n".join([*lines, "| Option | What it does |", "|---|---|", *rows])


def main(pages: Path) -> None:
    """Renew the reference pages in the folder `pages`."""
    for name, renew in (("settings.md", settings_page), ("cli.md", commands_page)):
        page = pages / name
        page.write_text(renew(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
