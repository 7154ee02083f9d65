"""The table of external APIs and what is read from it."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlsplit

import pytest

from batuta.catalog.entities import Provider
from batuta.catalog.external import TABLE, External, KeyCheck, preset_of, read_table

BY_ID = {row.id: row for row in TABLE}
each_row = pytest.mark.parametrize("row", TABLE, ids=[row.id for row in TABLE])


@each_row
def test_each_row_says_when_and_where_it_was_read(row: External) -> None:
    """A row without a date could be of any age."""
    assert date(2026, 1, 1) <= row.checked
    assert row.docs.startswith("https://")
    assert row.assumes
    assert row.check.method in {"GET", "POST"}


@each_row
def test_a_key_is_proved_at_its_owner_s_only(row: External) -> None:
    """With encryption, and for a proxy's address at the proxy."""
    home = row.url_of(row.base_url, row.check.path, origin=row.check.origin)
    assert home.startswith("https://")
    assert row.check.origin or urlsplit(home).hostname == urlsplit(row.base_url).hostname
    proxy = f"http://127.0.0.1:9/{row.id}{row.path}"
    elsewhere = row.url_of(proxy, row.check.path, origin=row.check.origin)
    assert elsewhere.startswith(f"http://127.0.0.1:9/{row.id}/")


@pytest.mark.parametrize(
    ("preset", "url"),
    [
        ("openai", "https://api.openai.com/v1/models"),
        ("huggingface", "https://huggingface.co/api/whoami-v2"),
        ("cohere", "https://api.cohere.ai/v1/check-api-key"),
        ("deepseek", "https://api.deepseek.com/user/balance"),
        ("xai", "https://api.x.ai/v1/api-key"),
        ("openrouter", "https://openrouter.ai/api/v1/key"),
        ("genspark", "https://www.genspark.ai/api/tool_cli/me"),
        ("perplexity", "https://api.perplexity.ai/chat/completions"),
    ],
)
def test_where_keys_are_proved(preset: str, url: str) -> None:
    """As the vendors document it."""
    row = BY_ID[preset]
    assert row.url_of(row.root_of(row.base_url), row.check.path, origin=row.check.origin) == url


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (Provider("x", "k", base_url="https://api.groq.com/openai/v1"), "groq"),
        (Provider("x", "k", base_url="https://API.GROQ.com"), "groq"),
        (Provider("x", "k", base_url="https://api.together.xyz/v1"), "together"),
        (Provider("x", "k", base_url="http://127.0.0.1:9/v1", preset="groq"), "groq"),
        (Provider("x", "k", base_url="https://api.groq.com/openai/v1", preset="mistral"), "mistral"),
        (Provider("x", "k", base_url="https://api.groq.com.example.com/v1"), None),
        (Provider("x", "k", base_url="https://example.com/api.groq.com"), None),
        (Provider("groq", "k", base_url="http://127.0.0.1:9/v1", preset="nobody"), None),
        (Provider("x", "k"), None),
    ],
)
def test_which_api_a_provider_is(provider: Provider, expected: str | None) -> None:
    """By what a person said, else by the host of its address and by nothing that only looks like it."""
    found = preset_of(provider)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    ("preset", "given", "root"),
    [
        ("deepseek", "https://api.deepseek.com", "https://api.deepseek.com/v1"),
        ("perplexity", "https://api.perplexity.ai/", "https://api.perplexity.ai"),
        ("groq", "https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("groq", " https://proxy.example.com/groq/v1/chat/completions ", "https://proxy.example.com/groq/v1"),
    ],
)
def test_an_address_without_a_path_gets_the_api_s_own(preset: str, given: str, root: str) -> None:
    """Which is not /v1 everywhere."""
    assert BY_ID[preset].root_of(given) == root


def test_only_genspark_is_unofficial() -> None:
    """A person is told before a key goes there."""
    assert [row.id for row in TABLE if row.unofficial] == ["genspark"]


def test_a_table_is_read_with_its_defaults() -> None:
    """A row needs no more than where it is; an unknown word is an error."""
    text = '[[provider]]\nid="a"\nname="A"\nvariables=["A_KEY"]\ndialect="openai"\nbase_url="https://a.example/v1"\n'
    (row,) = read_table(text)
    assert (row.check, row.list, row.hosts) == (KeyCheck(), "models", frozenset({"a.example"}))
    with pytest.raises(TypeError):
        read_table(text + "colour=1\n")
