"""The languages of the pages."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.web.i18n import LOCALE, NAMES, choose, language, match
from tests.unit.web.pages_support import GB
from tools import locales

SCRIPTS = LOCALE.parent / "static" / "js"


def script_words(code: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((LOCALE / f"{code}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("code", NAMES)
def test_catalogue_is_complete(code: str) -> None:
    """Every sentence of the templates is in the catalogue, translated, not fuzzy, compiled, and none is left over."""
    assert list(locales.problems(code)) == []


def test_catalogues_have_the_same_keys() -> None:
    """What one language can say, the other can."""
    keys = [{message.id for message in locales.read(code) if message.id} for code in NAMES]
    assert keys[0] == keys[1]


def test_script_words_have_the_same_keys_and_places() -> None:
    """Both languages give the scripts the same sentences, with the same things to fill in, and none is empty."""
    english, portuguese = script_words("en"), script_words("pt_BR")
    assert english.keys() == portuguese.keys()
    for key, sentence in english.items():
        assert sentence
        assert portuguese[key]
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", portuguese[key])), key


def test_scripts_ask_for_words_that_exist() -> None:
    """Each key a script names is in the table; each key in the table is named, or belongs to a named family."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.js"))
    named = set(re.findall(r'"([a-z]+(?:\.[a-z]+)*)"', source)) & set(script_words("en"))
    asked = set(re.findall(r'say\("([a-z._]+)"', source))
    families = tuple(set(re.findall(r"(?:say|maybe)\(`([a-z]+\.)\$", source)))
    known = set(script_words("en"))
    assert asked <= known
    assert {key for key in known - named if not key.startswith(families)} == set()


@pytest.mark.parametrize(
    ("cookie", "setting", "accept", "code"),
    [
        (None, None, None, "en"),
        (None, None, "pt-BR,pt;q=0.9,en;q=0.8", "pt_BR"),
        (None, None, "de-DE,de;q=0.9,pt;q=0.4,en;q=0.3", "pt_BR"),
        (None, None, "fr,pt;q=0", "en"),
        (None, None, "en-GB;q=high,pt", "pt_BR"),
        (None, "pt-BR", "en", "pt_BR"),
        ("en", "pt-BR", "pt-BR", "en"),
        ("xx", "", "pt-PT", "pt_BR"),
    ],
)
def test_language_is_the_visitors(cookie: str | None, setting: str | None, accept: str | None, code: str) -> None:
    """Their own choice comes before the setting, the setting before the browser, and English is what is left."""
    assert choose(cookie=cookie, setting=setting, accept=accept).code == code


@given(st.text())
def test_any_header_gives_a_language(accept: str) -> None:
    """Whatever a browser sends, some language answers."""
    assert choose(cookie=accept, setting=None, accept=accept).code in NAMES


@pytest.mark.parametrize(
    ("size", "english", "portuguese"),
    [(0, "0 B", "0 B"), (999, "999 B", "999 B"), (1_500_000, "2 MB", "2 MB"), (9.14 * GB, "9.1 GB", "9,1 GB")],
)
def test_sizes_are_written_as_people_say_them(size: float, english: str, portuguese: str) -> None:
    """Thousands, one digit for gigabytes, and the language's own decimal mark."""
    assert language("en").size(size) == english
    assert language("pt_BR").size(size) == portuguese


def test_plurals_follow_the_language() -> None:
    """Portuguese counts zero with one; English does not."""
    forms: dict[str, Any] = {
        code: language(code).say_many("%(n)s external model", "%(n)s external models", 0) for code in NAMES
    }
    assert forms == {"en": "0 external models", "pt_BR": "0 modelo externo"}


def test_unknown_tag_is_no_language() -> None:
    """We do not pretend to speak what we do not."""
    assert match("tlh") is None
    assert match(None) is None
