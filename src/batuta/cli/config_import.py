"""`batuta config import`: another program's settings as TOML, printed or added to the settings file."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from batuta.catalog.configured import configured_providers
from batuta.cli import toml_text
from batuta.cli.llama_swap import Draft, Entry
from batuta.errors import BadSettings
from batuta.settings import CONFIG_VARIABLE, config_path, load_settings

MOST_BACKUPS: Final = 1000
MEMORY_HINT: Final = '# memory = "9GB"  # what it takes, until its first load has shown it'


def render(draft: Draft, source: Path) -> str:
    """Return the draft as TOML, with all notes as comments."""
    parts = [toml_text.comment([f"Made from {source.name}, a configuration of llama-swap."])]
    if draft.notes:
        parts.append(toml_text.comment(["What is different here:", *(f"- {note}" for note in draft.notes)]))
    parts += [_entry(each) for each in draft.entries]
    return "\n\n".join(parts) + "\n"


def _entry(entry: Entry) -> str:
    text = toml_text.entry(entry.table, entry.values)
    notes = [*entry.notes]
    if entry.why_off:
        return toml_text.comment([f"{entry.name}: not taken over: {entry.why_off}", *notes, *text.split("\n")])
    if entry.table == "commands" and "memory" not in entry.values:
        text = f"{text}\n{MEMORY_HINT}"
    return f"{toml_text.comment(notes)}\n{text}" if notes else text


def summary(draft: Draft) -> dict[str, Any]:
    """Return what was taken over and what was not, for scripts."""
    return {
        "taken": [f"{each.table} {each.values['id']}" for each in draft.entries if not each.why_off],
        "left": {each.name: each.why_off for each in draft.entries if each.why_off},
        "notes": [*draft.notes, *(f"{each.name}: {note}" for each in draft.entries for note in each.notes)],
    }


def add_to_settings(draft: Draft, text: str, environ: Mapping[str, str]) -> tuple[Path, Path | None]:
    """Add the text to the settings file, in one step; what is there already stays as it is, and a copy of it is kept.

    Returns:
        The settings file, and the copy of what it was; None if there was none.

    Raises:
        BadSettings: an id is there already, the whole would not be right, or the file cannot be read or written.
            Nothing was changed.
    """
    file = Path(os.path.realpath(config_path(environ)))  # a link stays a link
    old = _read(file)
    _refuse_known(draft, _parsed(old, file), file)
    glue = b"" if not old else b"\n" if old.endswith(b"\n") else b"\n\n"
    new = old + glue + text.encode()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o777 if old or file.exists() else 0o600
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(new)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(mode)
            _check(temporary, file, environ)
            backup = _back_up(file, old, mode) if old else None
            if _read(file) != old:
                raise BadSettings(f"{file} was changed by somebody else meanwhile; nothing was written. Try again")
            temporary.replace(file)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as error:
        raise BadSettings(f"{file} cannot be written: {error.strerror or error}") from None
    return file, backup


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise BadSettings(f"the settings file {file} cannot be read: {error.strerror}") from None


def _parsed(raw: bytes, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8-sig").replace("\r\n", "\n"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"the settings file {file} is not valid TOML: {error}; nothing was written") from None


def _refuse_known(draft: Draft, content: Mapping[str, Any], file: Path) -> None:
    known = {name for table in ("commands", "providers") for name in _names(content.get(table), table)}
    clashes = [name for each in draft.entries if not each.why_off for name in _names([each.values], each.table)]
    if twice := [f"{table} {name}" for table, name in clashes if (table, name.casefold()) in known]:
        raise BadSettings(
            f"{file} has {', '.join(twice)} already, and nothing in it is changed; nothing was written. Remove them "
            "there, or print the result without --write and take over what you need"
        )


def _names(entries: Any, table: str) -> Iterable[tuple[str, str]]:
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, Mapping):
            aliases = each.get("aliases") or ()
            for name in (each.get("id"), *(aliases if isinstance(aliases, list) else ())):
                if isinstance(name, str):
                    yield table, name.casefold()


def _check(temporary: Path, file: Path, environ: Mapping[str, str]) -> None:
    """Load the whole as Batuta would. Raises BadSettings naming the real file."""
    try:
        settings, _ = load_settings({}, {**environ, CONFIG_VARIABLE: str(temporary)})
        configured_providers(settings)
    except BadSettings as error:
        said = error.message.replace(str(temporary), str(file))
        raise BadSettings(f"with the new entries the settings would be wrong, so nothing was written: {said}") from None


def _back_up(file: Path, content: bytes, mode: int) -> Path:
    for number in range(1, MOST_BACKUPS):
        backup = file.with_name(f"{file.name}.bak{'' if number == 1 else f'-{number}'}")
        with suppress(FileExistsError):
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            return backup
    raise BadSettings(f"{file.parent} has {MOST_BACKUPS} copies of the settings; remove some of them")
