"""Brings the gettext catalogues of the pages up to date with the templates and sources, and compiles them.

    python tools/locales.py          update every .po from the sources, then compile it to .mo
    python tools/locales.py --check  change nothing; fail when something is missing, fuzzy, unused or not compiled

A sentence without a translation stays empty in the .po and fails the check: a person who speaks the language writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).parent.parent / "src" / "batuta"
WEB = SOURCE / "web"
BESIDE = (SOURCE / "lifecycle" / "words.py",)  # what is waited for is said by the lifecycle's own words
LANGUAGES = ("en", "pt_BR")
KEYWORDS = {"_": None, "say": None, "N_": None, "n_": (1, 2), "say_many": (1, 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def po_path(code: str) -> Path:
    """Where a language's sentences are written by hand."""
    return WEB / "locale" / code / "LC_MESSAGES" / "batuta.po"


def template() -> Catalog:
    """Return every sentence the pages say, found in templates and sources."""
    found = Catalog(project="Batuta", charset="utf-8")
    options = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
    for filename, _, message, comments, _ in extract_from_dir(WEB, METHODS, options, keywords=KEYWORDS):
        found.add(message, locations=[(filename, None)], auto_comments=comments)  # type: ignore[list-item]  # babel takes None
    for path in BESIDE:
        for _, message, comments, _ in extract_from_file("python", path, keywords=KEYWORDS):
            found.add(message, locations=[(path.name, None)], auto_comments=comments)  # type: ignore[list-item]  # babel takes None
    return found


def read(code: str) -> Catalog:
    """Return a language's catalogue as it is written."""
    with po_path(code).open("rb") as file:
        return read_po(file, locale=code, domain="batuta")


def compiled(catalog: Catalog) -> bytes:
    """Return the form that is read at run time."""
    buffer = BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def problems(code: str) -> Iterator[str]:
    """Yield what is wrong with a language's catalogue, one line each."""
    catalog = read(code)
    wanted = {message.id for message in template() if message.id}
    present = {message.id for message in catalog if message.id}
    yield from (f"{code}: not in the catalogue: {key!r}" for key in wanted - present)
    yield from (f"{code}: no longer used: {key!r}" for key in present - wanted)
    for message in catalog:
        if not message.id:
            continue
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        if not all(texts):
            yield f"{code}: not translated: {message.id!r}"
        if message.fuzzy:
            yield f"{code}: fuzzy: {message.id!r}"
    if po_path(code).with_suffix(".mo").read_bytes() != compiled(catalog):
        yield f"{code}: the .mo is older than the .po; run python tools/locales.py"


def update(code: str) -> None:
    """Write the .po with today's sentences and compile it. English says each sentence as it is."""
    path = po_path(code)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = read(code) if path.exists() else Catalog(locale=code, domain="batuta", project="Batuta", charset="utf-8")
    catalog.update(template(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = "# Sentences of Batuta's pages. Kept by tools/locales.py."
    catalog.version, catalog.language_team, catalog.last_translator, catalog.msgid_bugs_address = "1", "", "", ""
    if code == "en":
        for message in catalog:
            if message.id:
                message.string = message.id
    buffer = BytesIO()
    write_po(buffer, catalog, width=118, sort_output=True, omit_header=False, no_location=True, include_previous=False)
    path.write_bytes(buffer.getvalue())
    path.with_suffix(".mo").write_bytes(compiled(read(code)))


def main(arguments: list[str]) -> int:
    """Run as a command; the exit status is 1 when the check finds something."""
    if "--check" not in arguments:
        for code in LANGUAGES:
            update(code)
    found = [line for code in LANGUAGES for line in problems(code)]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
