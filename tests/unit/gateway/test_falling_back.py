"""Several providers, some in trouble: who is asked, how often, and what the caller learns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from batuta.catalog.entities import Capability, ModelSpec, Role
from batuta.chat.types import ChatRequest, Delta
from batuta.engines.faults import Seen, fault
from batuta.errors import (
    BatutaError,
    ContentRefused,
    ContextFull,
    KeyMissing,
    LocalOnly,
    ModelFailed,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnreachable,
)
from batuta.lifecycle.states import ModelState
from batuta.observe.events import RequestEnded
from batuta.routing.wishes import Policy, Wishes
from batuta.testing.fake_engine import FakeRemoteEngine
from batuta.testing.playbook import remote
from tests.unit.gateway.stage import Answer, Stage, stage

OPEN = Wishes(allow_fallback=True)


def seen(row: Seen, status: int | None = None, *, retry_after_s: float | None = None) -> BatutaError:
    return fault(row, where="acme", model="a/m", status=status, retry_after_s=retry_after_s)


class Failing(FakeRemoteEngine):
    """Fails every chat half a second after it began."""

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        self.requests.append((spec.id, request))
        await self.clock.sleep(0.5)
        if not self.is_offline:
            raise seen(Seen.SERVER_ERROR, 500)
        yield Delta()


@asynccontextmanager
async def providers(
    *names: str, kind: type[FakeRemoteEngine] = FakeRemoteEngine
) -> AsyncIterator[tuple[Stage, FakeRemoteEngine]]:
    """Open a stage with one model at each provider, all served by one engine; the first one is the brain."""
    async with stage("none") as s:
        engine = kind(s.clock)
        for place, name in enumerate(names):
            roles = frozenset({Role.BRAIN}) if place == 0 else frozenset()
            s.add(replace(remote(name, roles=roles), provider_id=name.partition("/")[0]), engine)
        yield s, engine


def asked(engine: FakeRemoteEngine) -> Counter[str]:
    return Counter(model for model, _ in engine.requests)


def who(answer: Answer) -> str:
    assert answer.head is not None
    return answer.head.model


async def test_a_limit_is_passed_to_the_next_at_once_and_left_alone_for_as_long_as_it_asked() -> None:
    """No wait for the caller, no further call to who has had enough, and no mark in its record."""
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.RATE_LIMITED, 429, retry_after_s=30.0), times=1)
        answer = await s.play(s.call("auto"), seconds=0)
        assert who(answer) == "b/m"
        assert answer.head is not None
        assert answer.head.fallback == ("a/m, quota",)
        second = await s.play(s.call("auto"), seconds=0)
        assert who(second) == "b/m"
        assert second.head is not None
        assert second.head.fallback == ("a/m, cooling_down",)
        assert asked(engine) == {"a/m": 1, "b/m": 2}
        assert s.lifecycle.residencies["a/m"].state is ModelState.READY
        await s.clock.advance(34)
        assert who(await s.play(s.call("auto"), seconds=0)) == "a/m"


async def test_who_has_nobody_else_is_told_how_long_the_limit_lasts() -> None:
    """Without asking again before the time that the provider named."""
    async with providers("a/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.RATE_LIMITED, 429, retry_after_s=30.0), times=1)
        with pytest.raises(UpstreamRateLimited):
            await s.play(s.call("a/m"), seconds=0)
        await s.clock.advance(10)
        with pytest.raises(UpstreamRateLimited) as refused:
            await s.play(s.call("a/m"), seconds=0)
        assert refused.value.retry_after_s is not None
        assert 20.0 <= refused.value.retry_after_s <= 23.0
        assert asked(engine) == {"a/m": 1}


async def test_a_limit_without_a_time_does_not_keep_out_who_has_nobody_else() -> None:
    """The pause is our guess; he may be luckier."""
    async with providers("a/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.RATE_LIMITED, 429), times=1)
        with pytest.raises(UpstreamRateLimited):
            await s.play(s.call("a/m"), seconds=0)
        assert who(await s.play(s.call("a/m"), seconds=0)) == "a/m"


async def test_a_busy_provider_is_asked_once_more_by_who_has_nobody_else() -> None:
    """After the pause it named; others go to the next candidate at once."""
    async with providers("a/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.OVERLOADED, 529, retry_after_s=2.0), times=1)
        task = asyncio.get_running_loop().create_task(s.ask(s.call("a/m")))
        await s.clock.advance(1.9)
        assert not task.done()
        await s.clock.advance(0.4)
        assert who(await task) == "a/m"
        assert asked(engine) == {"a/m": 2}
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.OVERLOADED, 529, retry_after_s=2.0), times=1)
        assert who(await s.play(s.call("auto"), seconds=0)) == "b/m"


async def test_a_pause_that_is_too_long_is_the_callers_to_wait() -> None:
    """It learns at once how long."""
    async with providers("a/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.OVERLOADED, 503, retry_after_s=50.0))
        with pytest.raises(UpstreamOverloaded) as caught:
            await s.play(s.call("a/m"), seconds=0)
        assert caught.value.retry_after_s == 50.0
        assert asked(engine) == {"a/m": 1}


async def test_a_refused_connection_is_tried_once_more_and_then_it_is_the_nexts_turn() -> None:
    """Well under a quarter of a second later; both tries count as one failure."""
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.REFUSED))
        assert who(await s.play(s.call("auto"), seconds=0.25)) == "b/m"
        assert asked(engine) == {"a/m": 2, "b/m": 1}
        assert s.lifecycle.residencies["a/m"].failures == 1


async def test_what_may_have_been_begun_is_not_asked_for_twice() -> None:
    """A provider that hung up may be working on it still."""
    async with providers("a/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.HUNG_UP), times=1)
        with pytest.raises(UpstreamFailed):
            await s.play(s.call("a/m"), seconds=1)
        assert asked(engine) == {"a/m": 1}


@pytest.mark.parametrize("error", [UpstreamRejected("no such field", upstream_status=422), ContentRefused("no")])
async def test_a_mistake_of_the_callers_is_nobody_elses_business(error: BatutaError) -> None:
    """No fallback, no ejection, no suggestion, however often."""
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", error)
        for _ in range(6):
            with pytest.raises(type(error)):
                await s.play(s.call("auto"), seconds=0)
        assert asked(engine) == {"a/m": 6}
        assert s.lifecycle.residencies["a/m"].state is ModelState.READY


async def test_the_other_models_of_a_provider_whose_key_is_refused_come_last() -> None:
    """They have the same key."""
    async with providers("a/m", "a/other", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.KEY_REFUSED, 401))
        assert who(await s.play(s.call("auto"), seconds=0)) == "b/m"
        assert asked(engine) == {"a/m": 1, "b/m": 1}


async def test_a_conversation_that_is_too_long_goes_to_a_model_that_holds_it() -> None:
    """Where others may answer; who does not hold it either, is not asked."""
    async with stage("none") as s:
        engine = FakeRemoteEngine(s.clock)
        for name, context in (("a/m", 4096), ("b/short", 8192), ("c/long", 65536)):
            roles = frozenset({Role.BRAIN}) if name == "a/m" else frozenset()
            s.add(remote(name, context_length=context, roles=roles), engine)
        full = ContextFull("too long", model="a/m", details={"n_prompt": 9000, "n_ctx": 4096})
        engine.fail_chat("a/m", full)
        assert who(await s.play(s.call("auto"), seconds=0)) == "c/long"
        assert asked(engine) == {"a/m": 1, "c/long": 1}
        with pytest.raises(ContextFull) as caught:
            await s.play(s.call("a/m"), seconds=0)
        assert caught.value.suggestion == "c/long"


async def test_a_conversation_that_nobody_holds_is_the_callers_error() -> None:
    """After one try."""
    async with providers("a/m", "b/m") as (s, engine):
        s.specs = {name: replace(spec, context_length=4096) for name, spec in s.specs.items()}
        engine.fail_chat("a/m", ContextFull("too long", model="a/m", details={"n_prompt": 9000}))
        with pytest.raises(ContextFull) as caught:
            await s.play(s.call("auto"), seconds=0)
        assert caught.value.suggestion is None
        assert asked(engine) == {"a/m": 1}


async def test_the_last_candidate_is_never_ejected() -> None:
    """Named alone, it is asked each time, and comes back with the first good answer; who has others leaves it alone."""
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.SERVER_ERROR, 500))
        for _ in range(8):
            with pytest.raises(UpstreamFailed):
                await s.play(s.call("a/m"), seconds=0)
        assert asked(engine) == {"a/m": 8}
        assert s.lifecycle.residencies["a/m"].state is ModelState.FAILED
        assert who(await s.play(s.call("auto"), seconds=0)) == "b/m"
        assert asked(engine) == {"a/m": 8, "b/m": 1}
        engine.mend("a/m")
        assert who(await s.play(s.call("a/m"), seconds=0)) == "a/m"
        assert s.gateway.alternative("b/m").model == "a/m"


async def test_all_resting_the_first_of_them_is_asked() -> None:
    """Rather than nobody."""
    async with providers("a/m", "b/m") as (s, engine):
        for name in ("a/m", "b/m"):
            engine.fail_chat(name, seen(Seen.KEY_REFUSED, 401))
        with pytest.raises(ModelFailed):
            await s.play(s.call("auto"), seconds=0)
        engine.mend("a/m")
        assert who(await s.play(s.call("auto"), seconds=0)) == "a/m"


async def test_several_that_failed_are_told_with_the_cause_of_each() -> None:
    """503, in words and in `details`."""
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.SERVER_ERROR, 500))
        engine.fail_chat("b/m", seen(Seen.RATE_LIMITED, 429, retry_after_s=7.0))
        with pytest.raises(ModelFailed) as caught:
            await s.play(s.call("auto"), seconds=0)
    told = caught.value
    assert told.status == 503
    assert told.message.startswith("None of 2 models could answer for auto. a/m: acme failed (HTTP 500); b/m: acme ")
    assert told.details["tried"] == {"a/m": "unknown", "b/m": "quota"}
    assert told.retry_after_s == 7.0


async def test_a_key_that_is_missing_costs_no_further_try() -> None:
    """Nothing was sent."""
    async with providers("a/m", "b/m", "c/m", "d/m") as (s, engine):
        for name in ("a/m", "b/m", "c/m"):
            engine.fail_chat(name, KeyMissing("none"))
        for _ in range(20):
            assert who(await s.play(s.call("auto"), seconds=0)) == "d/m"
        assert s.gateway.budget.take()


async def test_everything_fails_for_a_thousand_callers_at_once() -> None:
    """At most 1.2 calls a request and 3, every caller answered, with what became of each candidate."""
    names = ["a/m", "b/m", "c/m", "d/m"]
    async with providers(*names, kind=Failing) as (s, engine):
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(s.ask(s.call("auto"))) for _ in range(1000)]
        await s.clock.advance(20)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, BatutaError) for end in ends)
        assert asked(engine).total() <= 1.2 * 1000 + 3
        told = [end for end in ends if isinstance(end, ModelFailed)]
        assert len(told) == 1000
        assert all(end.status == 503 and end.details["tried"] for end in told)
        denied = [end for end in told if "too_many_tries" in end.details.get("skipped", {}).values()]
        assert denied
        assert s.gateway.budget.active == 0


async def test_a_thousand_callers_who_come_one_after_the_other() -> None:
    """What was ejected is not asked by who has others: it stays near one call a request."""
    names = ["a/m", "b/m", "c/m"]
    async with providers(*names) as (s, engine):
        for name in names:
            engine.fail_chat(name, seen(Seen.SERVER_ERROR, 500))
        for _ in range(200):
            with pytest.raises(BatutaError):
                await s.play(s.call("auto"), seconds=0)
        assert asked(engine).total() <= 1.2 * 200 + 3


async def test_the_callers_own_list() -> None:
    """In its order; who failed is told."""
    async with providers("a/m", "b/m", "c/m") as (s, engine):
        engine.fail_chat("c/m", seen(Seen.SERVER_ERROR, 500))
        answer = await s.play(s.call("c/m", wishes=Wishes(models=("b/m",))), seconds=0)
        assert who(answer) == "b/m"
        assert answer.head is not None
        assert answer.head.route == "number 2 of the caller's list"
        assert asked(engine) == {"c/m": 1, "b/m": 1}


@pytest.mark.parametrize("wishes", [Wishes(local_only=True), Wishes(policy=Policy.LOCAL_ONLY)])
async def test_what_may_not_leave_is_answered_here_or_refused(wishes: Wishes) -> None:
    """By a policy, or in so many words."""
    async with stage("pair", "api") as s:
        with pytest.raises(LocalOnly) as caught:
            await s.play(s.call("api/far", wishes=wishes))
        assert caught.value.suggestion in {"brain", "coder"}
        answer = await s.play(s.call("api/far", wishes=replace(wishes, allow_fallback=True)))
        assert who(answer) in {"brain", "coder"}
        assert s.api.requests == []


async def test_a_suggestion_is_who_can_take_the_request() -> None:
    """Images go to who sees them."""
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    async with providers("a/m", "b/m", "c/m") as (s, engine):
        s.specs["b/m"] = replace(s.specs["b/m"], capabilities=s.specs["b/m"].capabilities | {Capability.TOOLS})
        s.specs["c/m"] = replace(s.specs["c/m"], capabilities=s.specs["c/m"].capabilities | {Capability.VISION})
        engine.fail_chat("a/m", seen(Seen.SERVER_ERROR, 500))
        with pytest.raises(UpstreamFailed) as caught:
            await s.play(s.call("a/m", picture), seconds=0)  # type: ignore[arg-type]  # content in parts
        assert caught.value.suggestion == "c/m"


async def test_after_the_first_delta_the_budget_is_given_back_and_nothing_restarts() -> None:
    """The error is told with the model that could answer the next request."""
    async with providers("a/m", "b/m") as (s, engine):
        engine.fail_chat("a/m", seen(Seen.CUT_STREAM), after=1)
        with pytest.raises(BatutaError) as caught:
            await s.play(s.call("auto", stream=True), seconds=0)
        assert caught.value.suggestion == "b/m"
        assert asked(engine) == {"a/m": 1}
        assert s.gateway.budget.active == 0
        assert s.told(RequestEnded)[-1].error == caught.value.code


async def test_a_provider_that_is_away_is_told_once() -> None:
    """After its second refusal."""
    told: list[tuple[str, str]] = []
    async with providers("a/m", "b/m") as (s, engine):
        s.gateway._reached = lambda *what: told.append(what)  # the stage has no catalog to tell
        engine.fail_chat("a/m", seen(Seen.REFUSED))
        await s.play(s.call("a/m", wishes=OPEN), seconds=0.25)
    assert [provider for provider, _ in told] == ["a"]
    assert isinstance(seen(Seen.REFUSED), UpstreamUnreachable)
