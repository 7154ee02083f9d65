"""The page of the keys: what it shows of each, in both languages, and that no key is in it."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from batuta.catalog.entities import Provider
from batuta.keys.health import GOOD, NEVER, Health, KeyState
from batuta.keys.service import KeyRow
from batuta.observe.events import KeyChanged
from batuta.vault.records import KeyRecord
from batuta.web.i18n import NAMES, language
from batuta.web.keys_view import STATES, dollars, key_lines, length
from batuta.web.render import PAGE_HEADERS
from batuta.web.routes import keys_page
from batuta.web.toasts import toast
from tests.support.asgi import Client, Reply

from .manage_stage import House, house

ENGLISH, PORTUGUESE = language("en"), language("pt_BR")
ZERO, NOW = Decimal(0), 2_000_000_000.0
OPENAI = Provider("openai", "openai_compat", "OpenAI", "https://api.openai.com/v1")
RECORD = KeyRecord("k1", "openai", "", "6789", "", "person", True, 0, 0.0, last_used=NOW - 90, last_outcome="valid")
ROW = KeyRow(RECORD, GOOD, None, ZERO, ZERO, provider=OPENAI)
HOSTILE = "</li><script>alert(1)</script>\"' onmouseover=alert(1)"


async def shown(it: House, path: str, *headers: tuple[bytes, bytes]) -> Reply:
    app = FastAPI()
    app.include_router(await asyncio.to_thread(keys_page.router, it.services))  # it reads the templates
    client = Client(app, "GET", path)
    scope: Any = client._scope
    scope["headers"] += headers
    return await client.run()


@pytest.mark.parametrize("code", NAMES)
@pytest.mark.parametrize("state", list(KeyState))
def test_each_state_is_told_in_words(state: KeyState, code: str) -> None:
    """A person who sees no colours reads how a key does, and when it is tried again."""
    words = language(code)
    (line,) = key_lines([replace(ROW, health=Health(state, NEVER), rests_s=90.0)], words, now=NOW)
    assert line.state.startswith(words.say(STATES[state]))
    assert ("1 min" in line.state) is (state in {KeyState.RESTING, KeyState.NO_CREDIT})


def test_a_line_says_use_money_and_place() -> None:
    """When it was last used, what it cost of what it may cost, and where one of the environment is."""
    record = replace(RECORD, label="work", daily_limit=Decimal(5), last_error="HTTP 429: slow down")
    (line,) = key_lines(
        [replace(ROW, record=record, spent_today=Decimal("0.5"), spent_month=Decimal(3))], ENGLISH, now=NOW
    )
    assert (line.name, line.masked, line.state) == ("OpenAI work", "••••6789", "good")
    assert line.facts == (
        "used 1 min ago",
        "US$\N{NO-BREAK SPACE}0.50 of US$\N{NO-BREAK SPACE}5.00 today",
        "US$\N{NO-BREAK SPACE}3.00 this month",
    )
    assert line.detail == "HTTP 429: slow down"
    (own,) = key_lines([replace(ROW, variable="OPENAI_API_KEY")], PORTUGUESE, now=NOW)
    assert (own.facts[0], own.can_change) == ("da variável OPENAI_API_KEY", False)


def test_a_key_that_was_never_used_is_not_called_good() -> None:
    """Nobody knows yet; a test or the first answer tells."""
    fresh = replace(RECORD, last_used=None, last_outcome="")
    (line,) = key_lines([replace(ROW, record=fresh, provider=None)], ENGLISH, now=NOW)
    assert (line.state, line.status) == ("not used yet", "disk")
    assert (line.provider, line.facts) == ("openai", ("its provider is gone",))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "US$\N{NO-BREAK SPACE}0.00"),
        ("5", "US$\N{NO-BREAK SPACE}5.00"),
        ("0.0004", "US$\N{NO-BREAK SPACE}0.00040"),
        ("12.345", "US$\N{NO-BREAK SPACE}12.35"),
    ],
)
def test_money_that_was_spent_is_never_shown_as_nothing(amount: str, text: str) -> None:
    """Two digits, more below a cent."""
    assert dollars(Decimal(amount), ENGLISH) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (90_000, "1 dia"), (200_000, "2 dias")],
)
def test_times_are_said_as_people_say_them(seconds: float, text: str) -> None:
    """One unit is enough."""
    assert length(seconds, PORTUGUESE) == text


async def test_the_page_holds_no_key(tmp_path: Path) -> None:
    """Masked in the list, never in a field; strict headers; nothing from elsewhere; escaped labels."""
    key = "sk-test-not-a-key-first-0123456789"
    async with house(tmp_path) as it:
        body = {"provider": "openai", "key": key, "label": HOSTILE}
        assert (await it.ask("POST", "/manage/keys", body)).status == 201
        reply = await shown(it, "/api-keys")
        text = reply.body.decode()
        assert key not in text
        assert "••••6789" in text
        assert HOSTILE not in text
        assert html.escape(HOSTILE, quote=False)[:20] in text
        assert {name: reply.headers[name] for name in PAGE_HEADERS} == dict(PAGE_HEADERS)
        assert not re.findall(r"""(?:src|href)="(?!/)""", text)
        assert '<option value="mistral">Mistral</option>' in text
        fragment = (await shown(it, "/ui/keys")).body.decode()
        assert fragment.strip() in text


async def test_the_page_speaks_portuguese_and_knows_the_theme(tmp_path: Path) -> None:
    """By the browser's wish, and the cookie of the other pages."""
    async with house(tmp_path) as it:
        reply = await shown(it, "/api-keys", (b"accept-language", b"pt-BR"), (b"cookie", b"batuta_theme=dark"))
        text = reply.body.decode()
        assert '<html lang="pt-BR" data-theme="dark">' in text
        assert "Nenhuma chave ainda" in text
        assert "Add a key" not in text


async def test_a_sealed_vault_is_explained_on_the_page(tmp_path: Path) -> None:
    """What still works, why the keys cannot be read, and a field to open them."""
    async with house(tmp_path) as it:
        await it.ask("POST", "/manage/keys", {"provider": "openai", "key": "sk-test-not-a-key-first-0123456789"})
        assert "vault.key" in (await shown(it, "/api-keys")).body.decode()
        (tmp_path / "vault.key").unlink()
        await it.vault.open()
        text = (await shown(it, "/api-keys")).body.decode()
        assert 'id="unseal-form"' in text
        assert 'name="passphrase"' not in text  # there is none: the same file is asked again
        assert "cannot be read now" in text
        assert 'data-action="remove"' in text
        for useless in ('id="rotate"', 'id="key-form"', 'data-action="test"', "is-ready"):
            assert useless not in text


def test_a_key_of_the_environment_needs_no_seal() -> None:
    """It is good as ever while the stored one beside it cannot be read; an order needs two stored ones."""
    rows = [ROW, replace(ROW, variable="OPENAI_API_KEY")]
    stored, own = key_lines(rows, ENGLISH, now=NOW, is_sealed=True)
    assert (stored.state, stored.status, stored.is_closed) == ("cannot be read now", "disk", True)
    assert (own.state, own.is_closed) == ("good", False)
    assert stored.is_alone
    assert not any(line.is_alone for line in key_lines([ROW, ROW], ENGLISH, now=NOW))


@pytest.mark.parametrize(
    ("state", "tone"), [("invalid", "bad"), ("no_credit", "bad"), ("resting", None), ("good", None)]
)
def test_a_key_that_only_a_person_can_mend_is_told_at_once(state: str, tone: str | None) -> None:
    """A passing note for a refused key or an empty account; a rest ends by itself."""
    note: Any = toast(KeyChanged("openai", "k1", state), ENGLISH, now=0.0)
    assert (note.tone if note else None) == tone
