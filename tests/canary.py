"""Fake keys that the whole test run uses, and the search for them in what the run leaves.

Some are in the environment, one is what tests store in vaults. A key that shows up in captured output or in a file of
a test's folder has leaked.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

KEYS: dict[str, str] = {
    "OPENAI_API_KEY": "sk-test-not-a-key-openai-c4n4ry",
    "ANTHROPIC_API_KEY": "sk-test-not-a-key-anthropic-c4n4ry",
}
# What tests store in vaults: with characters that look different in URLs, JSON and HTML.
STORED: dict[str, str] = {"a vault's key": "sk-test-not-a-key/v4ult+c4n4ry&stored=6789"}
LARGEST = 4 * 1024 * 1024  # bytes of a file that are read: logs, databases and status files are smaller
SKIPPED = {".gguf", ".safetensors", ".whl"}


def forms(key: str) -> Iterable[bytes]:
    """Yield the forms in which a key leaks: plain, hexadecimal, base64 of both alphabets, as URLs and HTML write it."""
    raw = key.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    # The middle of the base64 form is the same wherever the key starts in a longer text, for one of three offsets.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)[4 if offset else 0 : -4]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))
    yield quote(key, safe="").encode()
    yield quote(key, safe="/").encode()
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "".join(f"%{byte:02X}" for byte in raw).encode()
    yield key.replace("&", "&amp;").replace("+", "&#43;").encode()
    yield key.replace("&", "&amp;").encode()
    yield key.replace("/", "\\/").encode()


NEEDLES: tuple[tuple[str, bytes], ...] = tuple(
    (name, form) for name, key in {**KEYS, **STORED}.items() for form in dict.fromkeys(forms(key))
)


def names_in(data: bytes) -> set[str]:
    """Return the names of the fake keys that `data` shows, in any form."""
    return {name for name, needle in NEEDLES if needle in data}


def leaks_below(folder: Path) -> list[str]:
    """Return `file: key name` for every file under `folder` that shows a fake key."""
    leaks = []
    for path in folder.rglob("*"):
        if path.suffix in SKIPPED or path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST)
        except OSError:  # unreadable by intention of the test that made it
            continue
        leaks += [f"{path}: {name}" for name in sorted(names_in(data))]
    return leaks
