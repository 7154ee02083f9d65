"""What a model costs: rows with a date, asked by name."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from batuta.catalog.external import TABLE
from batuta.errors import BadSettings
from batuta.usage.prices import Prices, known_prices, prices_with, read_rows

ROW = '[[price]]\nprovider = "p"\npattern = "m.*"\ninput = 2\noutput = 10\ndate = 2026-11-21\nsource = "https://p"\n'


def prices(*more: str) -> Prices:
    return Prices(read_rows("\n".join((ROW, *more)), where="test"))


def test_a_model_nobody_knows_has_no_price() -> None:
    """Unknown is not the same as nothing."""
    assert prices().of("p", "x") is None
    assert prices().of("q", "m1") is None


def test_the_last_row_that_fits_counts() -> None:
    """A family is one row, its odd member another below it; letters' case says nothing."""
    found = prices(ROW.replace("m.*", "m1").replace("= 2\n", "= 3\n"))
    assert [p.input for name in ("M1", "m2") if (p := found.of("p", name))] == [3.0, 2.0]


def test_long_questions_have_a_price_of_their_own() -> None:
    """The row for long questions counts above its length, and not at it."""
    found = prices(ROW.replace("= 2\n", "= 4\nabove = 1000\n"))
    assert [p.input for size in (0, 1000, 1001) if (p := found.of("p", "m", question=size))] == [2.0, 2.0, 4.0]


def test_a_persons_own_rows_go_before_ours(tmp_path: Path) -> None:
    """A file beside the settings adds and overrides, and says so."""
    own = tmp_path / "prices.toml"
    own.write_text(ROW.replace('"p"', '"openai"').replace("m.*", "gpt-4o"))
    found, problem = prices_with(own)
    price = found.of("openai", "gpt-4o")
    assert (price is not None and (price.input, price.is_own), problem) == ((2.0, True), "")
    assert not found.of("openai", "gpt-4o-mini").is_own  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("input = 2", ""), "needs `input`"),
        (("input = 2", "input = -1"), "from 0"),
        (("input = 2", "input = true"), "number of US dollars"),
        (("m.*", "("), "no pattern"),
        (("date = 2026-11-21", ""), "needs a `date`"),
        (("output", "outptu"), "outptu"),
        (('provider = "p"', ""), "needs a `provider`"),
        (("[[price]]", "[price]"), "[[price]]"),
        (("input = 2", "input = 2\nabove = -5"), "above"),
        (("input = 2", "input ="), "not TOML"),
    ],
)
def test_what_cannot_be_meant_is_told_by_its_row(change: tuple[str, str], word: str) -> None:
    """A wrong row is refused with its place and what is wrong."""
    with pytest.raises(BadSettings, match=r"prices\.toml") as told:
        read_rows(ROW.replace(*change), where="prices.toml")
    assert word in told.value.message


@pytest.mark.parametrize("content", [b"[[price]]", b"\xff\xfe", None])
def test_a_wrong_file_costs_nobody_the_known_prices(tmp_path: Path, content: bytes | None) -> None:
    """A person's file that makes no sense is left out with a reason; one that is not there needs none."""
    own = tmp_path / "prices.toml"
    if content is not None:
        own.write_bytes(content)
    found, problem = prices_with(own)
    assert found.of("openai", "gpt-4o") is not None
    assert bool(problem) is (content is not None)


def test_our_rows_are_dated_sourced_and_of_known_providers() -> None:
    """Each row says when and where, belongs to an API we know, and asks more for answers than for questions."""
    rows = known_prices()._rows
    assert len(rows) > 100
    assert {row.provider for row in rows} <= {api.id for api in TABLE}
    for row in rows:
        assert date(2025, 1, 1) < row.date <= date(2026, 11, 21), row
        assert row.source.startswith("https://"), row
        assert row.cached is None or row.cached <= row.input, row
        assert row.output == 0 or row.output >= row.input, row


@pytest.mark.parametrize(
    ("provider", "model", "question", "told"),
    [
        ("openai", "gpt-6.2-sol", 0, (2, None, 10)),
        ("openai", "gpt-6-astra", 300_000, (20, 2, 75)),
        ("anthropic", "claude-opus-4-8", 0, (5, 0.5, 25)),
        ("anthropic", "claude-haiku-5-5-20261007", 100_001, (0.5, 0.05, 2.5)),
        ("google", "gemini-3.1-pro-preview", 200_001, (4, 0.4, 18)),
        ("mistral", "mistral-large-latest", 0, (0.5, 0.05, 1.5)),
        ("deepseek", "deepseek-flash", 0, (0.3, 0.006, 1.2)),
    ],
)
def test_known_models(provider: str, model: str, question: int, told: tuple[float, float | None, float]) -> None:
    """Names as the providers write them are found."""
    price = known_prices().of(provider, model, question=question)
    assert price is not None
    assert (price.input, price.cached, price.output) == told


def test_the_data_is_what_its_head_says() -> None:
    """The file's own explanation names every word that is used in it."""
    path = Path(__file__).parents[3] / "src/batuta/catalog/known/prices.toml"
    text = path.read_text(encoding="utf-8")
    head = text.partition("[[price]]")[0]
    used = set().union(*(row.keys() for row in tomllib.loads(text)["price"]))
    assert {word for word in used if f"# {word} " not in head} == set()
