"""Requests that would wait for too long go to another model, where they may."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import Cause, UpstreamRateLimited
from batuta.gateway.overflow import overflow
from batuta.lifecycle.forecast import Forecast, Step, StepKind
from batuta.routing.wishes import Wishes
from batuta.testing.playbook import GB, spec
from tests.unit.gateway.stage import stage

LOAD = Step(StepKind.LOAD, "brain", 20.0)
SLOW = Forecast((LOAD,), 20.0, None, 20.0)
SOON = Forecast()
UNKNOWN = Forecast((Step(StepKind.FINISH, "x"), LOAD), None, None, 20.0)
NEVER = Forecast(seconds=None)


def choice(limit_s: float, *found: Forecast | None, away: str = "") -> str | None:
    """Return who takes over among a, b, c, ...; None: the first is asked. `away`: those that would have to load."""
    names = dict(zip("abcdef", found, strict=False))
    chosen = overflow(list(names), limit_s, expected=names.get, is_at_hand=lambda model: model not in away)
    return chosen.model if chosen else None


@pytest.mark.parametrize(
    ("limit_s", "found", "away", "chosen"),
    [
        (5.0, (SLOW, SOON), "", "b"),
        (20.0, (SLOW, SOON), "", None),
        (5.0, (SLOW, SOON), "b", None),
        (5.0, (SLOW, SLOW, SOON), "", "c"),
        (5.0, (SLOW, UNKNOWN, NEVER, None), "", None),
        (5.0, (UNKNOWN, SOON), "", "b"),
        (30.0, (UNKNOWN, SOON), "", None),
        (5.0, (NEVER, SOON), "", None),
        (5.0, (None, SOON), "", None),
        (0.0, (SLOW, SOON), "", "b"),
    ],
)
def test_who_takes_over(limit_s: float, found: tuple[Forecast | None, ...], away: str, chosen: str | None) -> None:
    """Only who is there, and answers in time; nobody for a model that nobody knows to be late."""
    assert choice(limit_s, *found, away=away) == chosen


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.floats(0, 100))
def test_nobody_takes_over_who_is_late_too(seconds: list[float], limit_s: float) -> None:
    """Whoever is chosen answers within the limit, and the first one did not."""
    found = [Forecast((LOAD,), each, None, each) for each in seconds]
    if chosen := choice(limit_s, *found):
        assert seconds["abcdef".index(chosen)] <= limit_s < seconds[0]


def test_the_reason_has_figures() -> None:
    """Who is passed over, for how long it would have been waited for, and what was allowed."""
    found = overflow(["brain", "far"], 5.0, expected={"brain": SLOW, "far": SOON}.get, is_at_hand=lambda _: True)
    assert found is not None
    assert found.why == "brain would take about 20 s, more than the 5 s that are waited"


async def test_a_request_that_would_wait_too_long_goes_to_an_api() -> None:
    """The brain would have to be loaded; the caller waits for two seconds at most, and is told why another answers."""
    async with stage("pair", "api") as it:
        answer = await it.play(it.call("brain", max_wait_s=2.0, allow_fallback=True))
        assert answer.head is not None
        assert answer.head.model == "api/far"
        assert answer.head.fallback == ("brain, long_wait",)
        assert answer.head.route.startswith("brain would take about ")
        assert answer.head.route.endswith("more than the 2 s that are waited")
        assert it.engine.loads["brain"] == 0


async def test_a_request_that_may_wait_waits() -> None:
    """The limit is longer than the load, or there is none."""
    async with stage("pair", "api") as it:
        for max_wait_s in (None, 60.0):
            answer = await it.play(it.call("brain", max_wait_s=max_wait_s, allow_fallback=True))
            assert answer.head is not None
            assert (answer.head.model, answer.head.fallback) == ("brain", ())
            it.runner.unload("brain")
            await it.clock.advance(5.0)


@pytest.mark.parametrize(
    "wishes", [Wishes(), Wishes(allow_fallback=False), Wishes(allow_fallback=True, local_only=True)]
)
async def test_a_request_that_may_not_go_elsewhere_waits(wishes: Wishes) -> None:
    """It named its model, or must not leave this machine, where nobody else is loaded."""
    async with stage("pair", "api") as it:
        answer = await it.play(replace(it.call("brain", max_wait_s=0.0), wishes=wishes))
        assert answer.head is not None
        assert answer.head.model == "brain"


async def test_another_model_that_is_loaded_takes_over() -> None:
    """No API is there: who is in memory answers, and nothing is loaded for it."""
    async with stage("pair") as it:
        await it.play(it.call("coder"))
        answer = await it.play(it.call("brain", max_wait_s=1.0, allow_fallback=True))
        assert answer.head is not None
        assert (answer.head.model, answer.head.fallback) == ("coder", ("brain, long_wait",))
        assert it.engine.loads["brain"] == 0


async def test_a_model_that_is_not_loaded_takes_nothing_over() -> None:
    """Loading a third one would make everybody's wait longer."""
    async with stage("pair") as it:
        it.add(spec("small", 1 * GB), it.engine)
        answer = await it.play(it.call("brain", max_wait_s=0.5, allow_fallback=True))
        assert answer.head is not None
        assert answer.head.model == "brain"


async def test_an_api_that_rests_takes_nothing_over() -> None:
    """Its provider asked for a pause: the brain is waited for."""
    async with stage("pair", "api") as it:
        it.api.fail_chat("api/far", UpstreamRateLimited("slow down", model="api/far", retry_after_s=60.0), times=1)
        with pytest.raises(UpstreamRateLimited):
            await it.play(it.call("api/far"), seconds=10)
        answer = await it.play(it.call("brain", max_wait_s=0.1, allow_fallback=True), seconds=20)
        assert answer.head is not None
        assert answer.head.model == "brain"


async def test_who_was_passed_over_is_asked_when_the_other_fails() -> None:
    """The wait is the better answer then."""
    async with stage("pair", "api") as it:
        it.api.fail_chat("api/far", UpstreamRateLimited("slow down", model="api/far", retry_after_s=60.0), times=1)
        answer = await it.play(it.call("brain", max_wait_s=0.1, allow_fallback=True))
        assert answer.head is not None
        assert answer.head.model == "brain"
        assert answer.head.route == "named by the caller"


async def test_the_setting_holds_for_all_and_the_caller_overrules_it() -> None:
    """`queue.overflow_s`, for every request that may go elsewhere and says nothing of its own."""
    async with stage("pair", "api") as it:
        it.gateway._overflow_s = 1.0
        assert (await it.play(it.call("brain", allow_fallback=True))).head.model == "api/far"  # type: ignore[union-attr]
        named = await it.play(it.call("brain", allow_fallback=True, max_wait_s=60.0))
        assert named.head is not None
        assert named.head.model == "brain"


async def test_a_full_queue_is_part_of_the_wait() -> None:
    """All slots are taken for half a minute: the request does not stand in line for them."""
    async with stage("pair", "api") as it:
        await it.play(it.call("coder"))
        it.engine.delta_s = 10.0
        loop = asyncio.get_running_loop()
        running = [loop.create_task(it.ask(it.call("coder", stream=True))) for _ in range(4)]
        await it.clock.advance(1.0)
        it.lifecycle.residencies["coder"].answer_s = 30.0
        answer = await it.play(it.call("coder", max_wait_s=5.0, allow_fallback=True), seconds=2)
        assert answer.head is not None
        assert answer.head.model == "api/far"
        await it.clock.advance(120.0)
        await asyncio.gather(*running)


async def test_a_broken_model_is_not_waited_for_and_tells_its_own_cause() -> None:
    """What cannot be waited for is no long wait: the fallback names the real cause."""
    async with stage("pair", "api") as it:
        it.engine.fail_load("brain", Cause.CORRUPT_FILE)
        await it.play(it.call("auto", max_wait_s=60.0))
        answer = await it.play(it.call("brain", max_wait_s=1.0, allow_fallback=True), seconds=5)
        assert answer.head is not None
        assert answer.head.model == "api/far"
