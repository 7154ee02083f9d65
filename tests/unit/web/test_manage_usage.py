"""`GET /manage/usage` and the Usage page: the same sums, for scripts and for people."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from batuta.catalog.store import NotSaved
from batuta.catalog.usage_store import UsageRow
from batuta.usage.cost import NANO
from batuta.usage.days import Days
from batuta.web.assets import Assets
from batuta.web.errors import install_error_handlers
from batuta.web.i18n import language
from batuta.web.render import Renderer
from batuta.web.routes import manage_usage, usage_page
from batuta.web.usage_view import count, money, seconds, tokens

TODAY = "2026-11-21"


class Used:
    """Sums as a test likes them."""

    def __init__(self, *rows: UsageRow) -> None:
        self.days = Days()
        self.today = TODAY
        self.sums = list(rows)
        self.is_broken = False

    async def rows(self, first: str) -> list[UsageRow]:
        if self.is_broken:
            raise NotSaved("the disk is gone")
        return [row for row in self.sums if row.day >= first]


def used(model: str, key: str = "", day: str = TODAY, **sums: int) -> UsageRow:
    return UsageRow(day, model.partition("/")[0], model, key, {"requests": 1, **sums})


SOME = (
    used("openai/gpt", "k1", cost=2 * NANO, prompt_tokens=1_500_000, completion_tokens=2000, first_2=4, unpriced=1),
    used("openai/gpt", "k2", day="2026-11-01", cost=NANO, failed=1),
    used("local/qwen", completion_tokens=100, answer_tokens=100, answer_ms=2000),
    used("openai/gpt", "k1", day="2026-10-01", cost=50 * NANO),
)


PRINTER = Renderer(Assets())


def client(*rows: UsageRow, source: Used | None = None) -> TestClient:
    app, source = FastAPI(), source or Used(*rows)
    install_error_handlers(app)
    app.include_router(manage_usage.router(source))
    names = {"k1": "Work, ends in 1234"}
    app.include_router(usage_page.router(source, key_names=lambda: names, renderer=PRINTER))
    return TestClient(app, raise_server_exceptions=True)


def test_the_last_thirty_days_by_day() -> None:
    """What is asked for when nothing is said; earlier days do not count."""
    said = client(*SOME).get("/manage/usage").json()
    assert (said["first"], said["last"], said["time_zone"]) == ("2026-10-23", TODAY, "UTC")
    assert [(row["day"], row["cost_usd"]) for row in said["rows"]] == [("2026-11-01", 1.0), (TODAY, 2.0)]
    assert said["total"]["cost_usd"] == 3.0
    assert "model" not in said["rows"][0]


def test_by_several_names_at_once() -> None:
    """Each combination is a row, the dearest first."""
    said = client(*SOME).get("/manage/usage", params={"by": "provider,key", "from": "2026-11-01"}).json()
    assert [(row["provider"], row["key"], row["requests"]) for row in said["rows"]] == [
        ("openai", "k1", 1),
        ("openai", "k2", 1),
        ("local", "", 1),
    ]


def test_csv() -> None:
    """The same rows for a spreadsheet, to be saved under a name that says which days."""
    answer = client(*SOME).get("/manage/usage", params={"format": "csv", "by": "day,model", "from": "2026-11-01"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="batuta-usage-2026-11-01-{TODAY}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert (rows[0]["day"], rows[0]["model"], rows[0]["cost_usd"]) == ("2026-11-01", "openai/gpt", "1.0")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"from": "yesterday"}, "2026-11-21"),
        ({"to": "2026-13-01"}, "`to`"),
        ({"from": "2026-11-22"}, "after"),
        ({"from": "2020-01-01", "to": "2031-01-01"}, "more than"),
        ({"to": "0001-01-01"}, "nothing was counted"),
        ({"by": "hour"}, "day, provider"),
        ({"format": "xml"}, "json or csv"),
    ],
)
def test_a_wrong_question_is_told_how_to_ask(query: dict[str, str], word: str) -> None:
    """400, and what can be written instead."""
    answer = client(*SOME).get("/manage/usage", params=query)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]


def test_a_database_that_cannot_be_read_is_told() -> None:
    """No zeros where nobody knows."""
    source = Used(*SOME)
    source.is_broken = True
    answer = client(source=source).get("/manage/usage")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_saved")


# The page ---------------------------------------------------------------------------------------------------


class Inline(HTMLParser):
    """Finds what the page's policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.found += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag in {"script", "style"}:
            self.found.append(tag)


def test_the_page_shows_what_was_used() -> None:
    """Totals, a bar a day, tables by model, provider and key; a key goes by its name."""
    html = client(*SOME).get("/usage").text
    for text in (
        "US$\N{NO-BREAK SPACE}3.00",
        "1.5 M",
        "openai/gpt",
        "Work, ends in 1234",
        "without a stored key",
        "Cost by day",
    ):
        assert text in html
    assert html.count("<rect") >= 30
    assert "US$\N{NO-BREAK SPACE}2.00" in html
    assert "cost that is not known" in html


def test_a_figure_has_its_parts_below_it_and_none_that_is_nothing() -> None:
    """Failures are of the requests, a cache is of the tokens; a page without local models has no loads."""
    html = client(*SOME, used("p/a", cached_tokens=1000, fallbacks=1)).get("/usage").text
    for text in ("1 failed", "1 answered by another model", "1.0 k from a cache", "1 of unknown cost"):
        assert f'<dd class="note">{text}</dd>' in html
    assert "most on one day: US$\N{NO-BREAK SPACE}2.00" in html
    assert "Loads" not in html
    assert "of reasoning" not in html
    loaded = client(used("local/q", loads=3, swaps=2, load_ms=6000, first_2=1)).get("/usage").text
    for text in ("6.0 s in all", "2 in the place of another model", "95 of 100 within"):
        assert text in loaded


def test_a_model_with_a_name_of_its_own_is_told_by_its_id_too() -> None:
    """Two providers may have a model of one name."""
    app = FastAPI()
    source, names = Used(*SOME), {"openai/gpt": "GPT"}
    app.include_router(usage_page.router(source, model_names=lambda: names, renderer=PRINTER))
    html = TestClient(app).get("/usage").text
    assert "GPT <small>openai/gpt</small>" in html
    assert "<small>local/qwen</small>" not in html


def test_the_page_speaks_portuguese() -> None:
    """Words and decimal marks; no sentence is left in English."""
    answer = client(*SOME).get("/usage", headers={"accept-language": "pt-BR"})
    for text in (
        'lang="pt-BR"',
        "Uso",
        "US$\N{NO-BREAK SPACE}3,00",
        "Por modelo",
        "sem chave guardada",
        "Custo por dia",
    ):
        assert text in answer.text
    assert "By model" not in answer.text


def test_the_page_needs_nothing_inline_and_no_script() -> None:
    """It works under the strictest policy, in a browser without scripts."""
    answer = client(*SOME).get("/usage")
    parser = Inline()
    parser.feed(answer.text)
    assert parser.found == []
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("theme", "shown"), [("dark", True), ("light", True), ('x" onload="', False)])
def test_the_chosen_theme_is_there(theme: str, shown: bool) -> None:
    """A visitor's own choice, and nothing else that a cookie says."""
    html = client().get("/usage", headers={"cookie": f"batuta_theme={theme}"}).text
    assert ("data-theme" in html) is shown


def test_nothing_used_is_said_in_words() -> None:
    """An empty table says less than a sentence."""
    html = client().get("/usage").text
    assert "Nothing was used in these days." in html
    assert "<table>" not in html


def test_hostile_names_stay_text() -> None:
    """A model can be called anything."""
    html = client(used("p/<script>alert(1)</script>")).get("/usage").text
    assert "<script" not in html


def test_a_wrong_day_in_the_address_is_told_on_the_page() -> None:
    """With the usual days below it."""
    answer = client(*SOME).get("/usage", params={"from": "<b>"})
    assert answer.status_code == 400
    assert "&lt;b&gt;" in answer.text
    assert "US$\N{NO-BREAK SPACE}3.00" in answer.text


def test_a_cost_that_is_partly_unknown_is_not_shown_as_whole() -> None:
    """Not known is not nothing."""
    html = client(used("p/a", unpriced=1), used("p/b", cost=NANO, unpriced=1)).get("/usage").text
    assert "not known" in html
    assert "US$\N{NO-BREAK SPACE}1.00 and more" in html


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (tokens(999, language("en")), "999"),
        (tokens(1234, language("pt_BR")), "1,2 k"),
        (tokens(123_456_789, language("en")), "123 M"),
        (money(0, language("en")), "US$\N{NO-BREAK SPACE}0.00"),
        (money(0.0000012, language("en")), "US$\N{NO-BREAK SPACE}0.000001"),
        (money(0.0042, language("pt_BR")), "US$\N{NO-BREAK SPACE}0,0042"),
        (money(1234.5, language("en")), "US$\N{NO-BREAK SPACE}1234.50"),
        (count(1234, language("en")), "1234"),
        (count(1_234_567, language("en")), "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"),
        (seconds(0.123, language("en")), "0.12 s"),
        (seconds(None, language("en")), "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_as_people_write_them(said: str, text: str) -> None:
    """In their language, with as many digits as mean something."""
    assert said == text
