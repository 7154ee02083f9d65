"""The search for leaked keys finds them in the forms in which keys leak."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests import canary

KEY = canary.KEYS["OPENAI_API_KEY"]


@pytest.mark.parametrize("before", ["", "x", "xy", "Bearer "])
def test_a_key_is_found_in_each_form(before: str) -> None:
    """Plain, hexadecimal and base64, wherever the key starts."""
    text = f"{before}{KEY} and more".encode()
    for form in (text, text.hex().encode(), base64.b64encode(text)):
        assert canary.names_in(form) == {"OPENAI_API_KEY"}


@pytest.mark.parametrize(
    "form",
    [
        "sk-test-not-a-key/v4ult+c4n4ry&stored=6789",
        "https://example.com/?key=sk-test-not-a-key%2Fv4ult%2Bc4n4ry%26stored%3D6789",
        "/sk-test-not-a-key/v4ult%2Bc4n4ry%26stored%3D6789/",
        '<input value="sk-test-not-a-key/v4ult+c4n4ry&amp;stored=6789">',
        r'{"key": "sk-test-not-a-key\/v4ult+c4n4ry&stored=6789"}',
        "".join(f"%{byte:02X}" for byte in canary.STORED["a vault's key"].encode()),
        base64.urlsafe_b64encode(b"Basic " + canary.STORED["a vault's key"].encode()).decode(),
    ],
)
def test_a_stored_key_is_found_as_others_write_it(form: str) -> None:
    """As URLs, pages and JSON encode it."""
    assert canary.names_in(form.encode()) == {"a vault's key"}


def test_a_folder_without_keys_is_clean(tmp_path: Path) -> None:
    """A file that shows the last four characters only is no leak."""
    (tmp_path / "gateway.log").write_text(f"key ending in {KEY[-4:]}")
    assert canary.leaks_below(tmp_path) == []
