"""`batuta config`: the settings, and where each comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import typer

from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir
from batuta.cli.terminal import print_json, print_table

app = typer.Typer(
    add_completion=False, help="Show the settings; with --origin, where each comes from.", no_args_is_help=True
)
MASK = "****"
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
    if isinstance(value, dict):
        return {inner: masked(f"{name}.{inner}", item) for inner, item in value.items()}
    if isinstance(value, tuple | list):
        return [masked(name, item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return without_password(value) if isinstance(value, str) else value


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
    return f"{item.get('id')} at {item.get('base_url')}"


def _item(name: str, value: Any, origins: dict[str, str], *, with_origin: bool) -> Any:
    value = masked(name, value)
    return {"value": value, "origin": origin_of(name, origins)} if with_origin else value
