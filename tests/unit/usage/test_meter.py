"""A call is held before it is sent, and settled when it has ended."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace

import orjson
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import CallNote, Usage
from batuta.engines.base import ListedPrice, ReportedModel
from batuta.errors import BatutaError, KeyInvalid, StreamBroken, UpstreamTimeout
from batuta.usage.cost import NANO
from batuta.usage.limits import CURRENT, Budgets, Limits
from batuta.usage.meter import Meter
from batuta.usage.prices import Price, Prices

SPEC = ModelSpec("mine/m", "mine", "m")
HERE = replace(SPEC, id="local/m", provider_id="local", is_local=True)
PRICES = Prices([Price("openai", re.compile("m"), 2.0, 10.0)])
BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 1000}], "max_tokens": 100})


@dataclass
class Asked:
    """An attempt, as far as the meter reads it."""

    note: CallNote = field(default_factory=CallNote)
    usage: Usage | None = None
    error: BatutaError | None = None
    cost: float | None = None
    is_committed: bool = False


class Stage:
    """A meter in front of a provider that is OpenAI's by its preset, and a key `k` with a limit."""

    def __init__(self) -> None:
        self.provider = Provider("mine", "openai_family", base_url="https://proxy.example.com/v1", preset="openai")
        self.budgets = Budgets(lambda _: Limits(day=NANO), lambda: "2026-11-21")
        self.budgets.recall({})
        self.told: list[tuple[str, str, int]] = []
        self.meter = Meter(
            PRICES,
            lambda _: self.provider,
            budgets=self.budgets,
            spent=lambda key, day, amount: self.told.append((key, day, amount)),
        )

    def run(self, asked: Asked, error: BaseException | None = None, *, spec: ModelSpec = SPEC) -> int:
        """Make a call that ends so; return what counts against the key, in nano-dollars."""
        with suppress(BatutaError, GeneratorExit), self.meter.watch(spec, BODY, asked):
            asked.note.key_id = "k"
            if error is not None:
                raise error
        assert CURRENT.get() is None
        return int(self.budgets.spent("k").day * NANO)


def test_what_the_provider_told_is_what_it_cost() -> None:
    """Tokens times prices, for the attempt, the key, and whoever writes it down."""
    stage, asked = Stage(), Asked(usage=Usage(1000, 100), is_committed=True)
    assert stage.run(asked) == 3_000_000
    assert asked.cost == 0.003
    assert stage.told == [("k", "2026-11-21", 3_000_000)]


def test_a_model_of_this_machine_costs_nothing() -> None:
    """That is known, and no key is asked about."""
    stage, asked = Stage(), Asked(usage=Usage(1000, 100), is_committed=True)
    assert stage.run(asked, spec=HERE) == 0
    assert (asked.cost, stage.told) == (0.0, [])


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (Asked(is_committed=True), None),
        (Asked(is_committed=True, error=StreamBroken("cut")), None),
        (Asked(is_committed=True), StreamBroken("cut")),
        (Asked(), UpstreamTimeout("late")),
        (Asked(), GeneratorExit()),
    ],
)
def test_who_may_have_worked_is_counted_at_the_most(asked: Asked, error: BaseException | None) -> None:
    """The limit holds although nobody says what it cost; the cost itself stays unknown."""
    stage = Stage()
    assert stage.run(asked, error) > 100 * 10 * 1000  # the answer alone, and the question
    assert asked.cost is None


def test_who_refused_is_owed_nothing() -> None:
    """A call that was turned down leaves nothing held or spent."""
    stage, asked = Stage(), Asked()
    assert stage.run(asked, KeyInvalid("no")) == 0
    assert asked.cost is None
    assert repr(stage.budgets) == "<Budgets, 0 calls under way>"


def test_the_call_is_known_where_its_key_is_chosen() -> None:
    """While it is made, the budgets know what it may cost."""
    stage = Stage()
    with stage.meter.watch(SPEC, BODY.replace(b"100}", b"100000000}"), Asked()):
        assert "may cost $1,000" in str(stage.budgets.blocked("k", "mine"))
    with stage.meter.watch(SPEC, BODY, Asked()):
        assert stage.budgets.blocked("k", "mine") is None


def test_prices_go_by_the_api_and_not_by_a_persons_name_for_it() -> None:
    """A provider is known by its preset; one of no known API by its own id."""
    stage = Stage()
    assert stage.meter.price_of(SPEC) == 4.0
    stage.provider = Provider("mine", "openai_compat", base_url="https://proxy.example.com/v1")
    assert stage.meter.price_of(SPEC) is None
    assert stage.meter.price_of(HERE) == 0.0


def test_a_providers_own_list_goes_before_ours_and_a_persons_file_before_both() -> None:
    """What is nearest to the truth counts."""
    stage = Stage()
    stage.meter.learn("mine", [ReportedModel("m", price=ListedPrice(4.0, 4.0)), ReportedModel("n")])
    assert stage.meter.price_of(SPEC) == 4.0
    assert stage.meter.price_of(replace(SPEC, address="n")) is None
    own = Meter(PRICES.over([Price("openai", re.compile("m"), 1, 1)]), lambda _: stage.provider)
    own.learn("mine", [ReportedModel("m", price=ListedPrice(4.0, 4.0))])
    assert own.price_of(SPEC) == 1.0


def test_a_price_nobody_knows() -> None:
    """The call may go on with a key that has no limit, and its cost is not known."""
    stage, asked = Stage(), Asked(usage=Usage(10, 10), is_committed=True)
    assert stage.run(asked, spec=replace(SPEC, address="unheard-of")) == 0
    assert asked.cost is None
