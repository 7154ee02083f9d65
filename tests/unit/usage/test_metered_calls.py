"""Calls through the gateway are counted: what they cost, with which key, and no more than a limit allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import orjson
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import CallNote, ChatRequest, Delta, FinishReason, Usage
from batuta.errors import BatutaError, BudgetReached
from batuta.gateway.call import ENDPOINTS, Call, read_call
from batuta.gateway.serve import Gateway
from batuta.observe.events import RequestEnded
from batuta.observe.metrics import Metrics
from batuta.testing.fake_engine import FakeRemoteEngine
from batuta.usage.cost import NANO
from batuta.usage.limits import Budgets, Limits
from batuta.usage.meter import Meter
from batuta.usage.prices import Prices, read_rows
from tests.unit.gateway.stage import Stage, stage

PRICES = Prices(
    read_rows('[[price]]\nprovider = "api"\npattern = ".*"\ninput = 1\noutput = 10\ndate = 2026-11-21\n', where="test")
)
SAID = Usage(50, 50)


class Keyed(FakeRemoteEngine):
    """An API with one key, `k`, which its shelf lends as long as the budgets let it."""

    budgets: Budgets
    sent = 0
    ends_badly = False

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        if reason := self.budgets.blocked("k", spec.provider_id):
            raise BudgetReached(reason, model=spec.id)
        note = request.note
        assert isinstance(note, CallNote)
        note.key_id = "k"
        self.sent += 1
        await asyncio.sleep(0)
        yield Delta(text="word")
        if not self.ends_badly:
            yield Delta(finish=FinishReason.STOP, usage=SAID)


def metered(it: Stage, *, limit: int) -> Keyed:
    """Put a meter into the stage's gateway, and a keyed API behind `api/far`."""
    budgets = Budgets(lambda _: Limits(day=limit), lambda: "2026-11-21")
    budgets.recall({})
    engine = Keyed(it.clock)
    engine.budgets = budgets
    meter = Meter(PRICES, lambda id_: Provider(id_, "openai_compat"), budgets=budgets)
    it.gateway = Gateway(
        specs=lambda: it.specs,
        runner=it.runner,
        admission=it.gateway._admission,
        clock=it.clock,
        bus=it.bus,
        meter=meter,
    )
    it.add(replace(it.specs["api/far"], is_local=False), engine)
    return engine


def asked(it: Stage, number: int, *, stream: bool = False) -> Call:
    body = orjson.dumps(
        {"model": "api/far", "messages": [{"role": "user", "content": "x"}], "max_tokens": 100, "stream": stream}
    )
    return read_call(
        body, ENDPOINTS["/v1/chat/completions"], request_id=str(number), deadline=it.clock.monotonic() + 100
    )


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_tells_what_it_cost(stream: bool) -> None:
    """Tokens, provider, key and dollars go over the bus and into the metrics."""
    async with stage("api") as it:
        metrics = Metrics(it.bus)
        await asyncio.to_thread(metrics.prepare)
        metered(it, limit=NANO)
        await it.ask(asked(it, 1, stream=stream))
        (fact,) = it.told(RequestEnded)
        assert (fact.provider, fact.key_id, fact.cost, fact.is_paid) == ("api", "k", 0.00055, True)
        assert metrics.cost[("api",)] == 550_000
        assert b'batuta_provider_cost_usd_total{provider="api"} 0.00055' in metrics.render()[0]


async def test_a_hundred_at_once_do_not_pass_a_limit() -> None:
    """Who would pass it is told so before anything is sent; the others are answered."""
    async with stage("api") as it:
        engine = metered(it, limit=10_500_000)
        calls = (it.ask(asked(it, number)) for number in range(100))
        results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [error for error in results if isinstance(error, BatutaError)]
        spent = engine.budgets.spent("k").day * NANO
        assert {type(error) for error in refused} == {BudgetReached}
        assert engine.sent == 100 - len(refused)
        assert 0 < spent <= 10_500_000
        assert repr(engine.budgets) == "<Budgets, 0 calls under way>"


async def test_an_answer_that_breaks_off_counts_at_the_most() -> None:
    """What it cost is not known, and the limit holds all the same."""
    async with stage("api") as it:
        engine = metered(it, limit=NANO)
        engine.ends_badly = True
        await it.ask(asked(it, 1, stream=True))
        (fact,) = it.told(RequestEnded)
        assert fact.cost is None
        assert engine.budgets.spent("k").day > 0
