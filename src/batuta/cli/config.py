"""`batuta config`: the settings, and where each comes from."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer

from batuta.cli.door import door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir
from batuta.cli.terminal import print_json, print_table

app = typer.Typer(
    add_completion=False, help="Show the settings; with --origin, where each comes from.", no_args_is_help=True
)
MASK = "****"
_KEY_OPTION = re.compile(
    r"(--?[\w-]*(?:key|token|secret|password)(?:\s+|=))(?!-)(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE
)
SECRETS = frozenset({"auth.api_key", "auth.inference_keys"})
Origin = Annotated[bool, typer.Option("--origin", metavar="", help="Tell where each value comes from.")]


@app.command()
def show(*, origin: Origin = False, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every setting and its value. Keys and passwords are masked."""
    with door(as_json=as_json):
        from batuta.settings import load_settings

        settings, origins = load_settings({"data_dir": None if data_dir is None else str(data_dir)})
        values = flat(settings.model_dump(mode="python"))
        if as_json:
            print_json({name: _item(name, value, origins, with_origin=origin) for name, value in values.items()})
        elif origin:
            rows = [[name, shown(name, value), origin_of(name, origins)] for name, value in values.items()]
            print_table(["SETTING", "VALUE", "ORIGIN"], rows)
        else:
            print_table(["SETTING", "VALUE"], [[name, shown(name, value)] for name, value in values.items()])


@app.command()
def path(*, as_json: AsJson = False) -> None:
    """Show where the settings file is, or would be."""
    with door(as_json=as_json):
        from batuta.settings import config_path

        file = config_path(os.environ)
        if as_json:
            print_json({"path": str(file), "exists": file.is_file()})
        else:
            print(file)


class Format(StrEnum):
    """Whose settings can be read."""

    LLAMA_SWAP = "llama-swap"


@app.command("import")
def import_(
    program: Annotated[Format, typer.Argument(metavar="PROGRAM", help="Whose settings they are: llama-swap.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its configuration file.")],
    *,
    write: Annotated[
        bool, typer.Option("--write", metavar="", help="Add them to the settings file; a copy of it is kept.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Turn another program's settings into Batuta's, and say what could not be taken over and why."""
    del program  # there is one
    with door(as_json=as_json):
        # Imported here: no other command needs them, and each is a good part of this command's start.
        from batuta.cli import config_import
        from batuta.cli.llama_swap import convert
        from batuta.cli.yaml_file import read_yaml

        draft = convert(read_yaml(file.expanduser()))
        text = config_import.render(draft, file)
        told = config_import.summary(draft)
        if not write:
            print_json({**told, "toml": text}) if as_json else print(text, end="")
            return
        settings_file, backup = config_import.add_to_settings(draft, text, os.environ)
        told |= {"file": str(settings_file), "backup": str(backup) if backup else None}
        if as_json:
            print_json(told)
            return
        print(f"{len(told['taken'])} entries added to {settings_file}")
        if backup:
            print(f"what it was before is in {backup}")
        for name, why in told["left"].items():
            print(f"not taken over: {one_line(name)}: {one_line(why)}")
        if told["notes"]:
            print(f"{len(told['notes'])} notes on what is different are in the file, as comments")
        print("Batuta reads its settings when it starts")


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as dotted name -> value; lists of sections stay lists."""
    values: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def masked(name: str, value: Any) -> Any:
    """Return `value` with what is secret in it masked, as plain JSON values."""
    if name in SECRETS and value:
        return [MASK] * len(value) if isinstance(value, tuple | list) else MASK
    if name.startswith("commands.env."):
        return MASK  # a server's environment is where its keys are
    if isinstance(value, dict):
        return {inner: masked(f"{name}.{inner}", item) for inner, item in value.items()}
    if isinstance(value, tuple | list):
        return [masked(name, item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return without_key(without_password(value)) if isinstance(value, str) else value


def without_key(text: str) -> str:
    """Return a command line with the words after `--api-key` and its like masked; anything else as it is."""
    return _KEY_OPTION.sub(rf"\1{MASK}", text)


def without_password(text: str) -> str:
    """Return a URL with the password in it masked; anything else as it is."""
    if "@" not in text or "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        if parts.password is None:
            return text
    except ValueError:
        return MASK
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{MASK}@{where}"))


def shown(name: str, value: Any) -> str:
    """Return a setting's value for a person; `-` for none."""
    value = masked(name, value)
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(_provider(item) if isinstance(item, dict) else str(item) for item in value)
    return str(value)


def origin_of(name: str, origins: dict[str, str]) -> str:
    """Return where the value of `name` comes from."""
    return origins.get(name, "default")


def _provider(item: dict[str, Any]) -> str:
    return f"{item.get('id')} at {item['base_url']}" if "base_url" in item else str(item.get("id"))


def _item(name: str, value: Any, origins: dict[str, str], *, with_origin: bool) -> Any:
    value = masked(name, value)
    return {"value": value, "origin": origin_of(name, origins)} if with_origin else value
