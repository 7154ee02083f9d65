"""The list of servers: what was found beside what was named, and what can be done to each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batuta.catalog.entities import Provider
from batuta.catalog.external import seen_keys
from batuta.catalog.finding import FOUND, PERSON, SETTINGS
from batuta.catalog.records import ProviderState
from batuta.web import i18n
from batuta.web.assets import Assets
from batuta.web.fragments import Panel, Snapshot, Welcome
from batuta.web.render import Renderer
from batuta.web.servers import ServerRow, server_rows

OLLAMA = Provider("ollama", "ollama", "Ollama", "http://127.0.0.1:11434", is_local=True)
GROQ, ANTHROPIC = seen_keys({"GROQ_API_KEY": "sk-test-not-a-key", "ANTHROPIC_API_KEY": "sk-test-not-a-key"})[::-1]
assert GROQ.provider is not None


def row(provider: Provider, source: str, *, is_online: bool | None = None) -> ServerRow:
    (shown,) = server_rows([ProviderState(provider, source, is_online)], [], i18n.language("en"))
    return shown


@pytest.mark.parametrize(
    ("provider", "source", "is_online", "expected"),
    [
        (OLLAMA, FOUND, True, ("ready", False, False, "off")),
        (OLLAMA, FOUND, False, ("offline", False, True, "off")),
        (replace(OLLAMA, enabled=False), FOUND, None, ("disabled", False, False, "on")),
        (GROQ.provider, FOUND, None, ("disabled", False, False, "on")),
        (replace(GROQ.provider, enabled=True), FOUND, False, ("offline", False, False, "off")),
        (OLLAMA, PERSON, True, ("ready", True, True, "")),
        (replace(OLLAMA, enabled=False), PERSON, None, ("disabled", True, True, "on")),
        (OLLAMA, SETTINGS, False, ("offline", False, False, "")),
    ],
)
def test_what_can_be_done(
    provider: Provider, source: str, is_online: bool | None, expected: tuple[str, bool, bool, str]
) -> None:
    """What a person added is corrected and removed; what was found is switched, and removed when it is gone."""
    shown = row(provider, source, is_online=is_online)
    assert (shown.status, shown.can_change, shown.can_remove, shown.switch) == expected


def test_a_key_is_told_by_its_variable() -> None:
    """One that could be used says that nothing is sent; one that cannot be used yet says so. Both come last."""
    assert GROQ.provider is not None
    states = [ProviderState(GROQ.provider, FOUND), ProviderState(OLLAMA, FOUND, is_online=True)]
    rows = server_rows(states, [], i18n.language("en"), [replace(ANTHROPIC, provider=None), GROQ])
    assert [(each.name, each.state) for each in rows] == [
        ("Ollama", "0 models"),
        ("Anthropic", "its key is in ANTHROPIC_API_KEY; not supported yet"),
        ("Groq", "its key is in GROQ_API_KEY; nothing is sent until you use it"),
    ]


def test_the_buttons_are_there() -> None:
    """Each row has the buttons that its kind allows, with names that a screen reader can tell apart."""
    assert GROQ.provider is not None
    words = i18n.language("pt_BR")
    rows = server_rows([ProviderState(GROQ.provider, FOUND), ProviderState(OLLAMA, FOUND, is_online=False)], [], words)
    html = Renderer(Assets()).fragments(
        words, Snapshot(Panel(), (), Welcome(is_empty=False, folders=(), settings_file=""), servers=rows)
    )["servers"]
    assert 'data-action="on" aria-label="Usar Groq"' in html
    assert 'data-action="off" aria-label="Não usar Ollama"' in html
    assert 'id="server-ollama-remove"' in html
    assert 'id="server-groq-remove"' not in html
    assert "-change" not in html
