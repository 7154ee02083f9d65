"""Looks at engines: how often, at whom, and what becomes of one that does not answer."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from weakref import ref

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LOST, ChangeListener, GoneListener, Resident
from batuta.errors import BatutaError, Cause, UpstreamFailed, UpstreamUnreachable
from batuta.lifecycle.events import Priority
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine
from batuta.testing.playbook import GB, spec

S = ModelState
REFUSED = UpstreamUnreachable("127.0.0.1:1234 refused the connection", cause=Cause.ENGINE_OFFLINE)
STRANGE = UpstreamUnreachable("it answers with another model", cause=Cause.UNKNOWN)


class Program(FakeEngine):
    """An engine that knows models by address and says what the test tells it to."""

    tell_gone: GoneListener

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, load_s=1.0)
        self.holds: dict[str, Resident] = {}
        self.looks: list[float] = []
        self.error: BatutaError | None = None
        self.stands_still = False
        self.asleep: list[str] = []
        self.watchers = 0

    def has(self, address: str, size: int = GB, *, is_loading: bool = False, is_asleep: bool = False) -> None:
        self.holds[address] = Resident("", size, is_loading, address, is_asleep)

    async def resident(self) -> Sequence[Resident]:
        self.looks.append(self.clock.monotonic())
        if self.stands_still:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return tuple(self.holds.values())

    def watch(self, on_gone: GoneListener) -> None:
        self.watchers += 1
        self.tell_gone = on_gone


class Teller(Program):
    """One that tells of changes by itself."""

    tell: ChangeListener
    is_hearing = True

    def notice(self, on_change: ChangeListener) -> None:
        self.tell = on_change


class Sleeper(Program):
    """One with a warm tier."""

    async def sleep(self, spec: ModelSpec) -> None:
        self.asleep.append(spec.id)


class Stage:
    """A runner over some programs."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.bus = Bus()
        self.reached: list[tuple[str, str]] = []
        self.strangers: list[str] = []
        self.errors: list[tuple[str, BaseException]] = []
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", 16 * GB)})
        self.runner = Runner(
            self.lifecycle,
            clock=self.clock,
            bus=self.bus,
            on_error=lambda *error: self.errors.append(error),
            reached=lambda provider, message="": self.reached.append((provider, message)),
            on_stranger=self.strangers.append,
        )

    def add(self, engine: Program, *addresses: str, provider: str = "lmstudio") -> Program:
        for address in addresses:
            model = spec(f"{provider}/{address}", GB)
            self.runner.register(replace(model, provider_id=provider, address=address), engine)
        return engine

    def state(self, model: str) -> ModelState:
        return self.lifecycle.residencies[model].state

    def offline(self) -> set[str]:
        return {provider for provider, message in self.reached if message}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    it = Stage()
    await it.runner.start()
    try:
        yield it
        await it.clock.settle()
        it.lifecycle.check()
        assert it.errors == []
    finally:
        await it.runner.aclose()


async def test_an_engine_is_known_by_its_own_names() -> None:
    """Slashes, colons, spaces and letters of any language: what it holds is found in the catalog."""
    async with stage() as s:
        names = ("qwen3:8b", "org/model@q4_k_m", "my model", "模型-é")
        engine = s.add(Program(s.clock), *names)
        for name in names[1:]:
            engine.has(name, 2 * GB)
        await s.clock.advance(5.0)
        assert s.state("lmstudio/qwen3:8b") is S.ABSENT
        assert {s.state(f"lmstudio/{name}") for name in names[1:]} == {S.READY}
        assert s.lifecycle.ledgers["host"].holds("lmstudio/my model") == 2 * GB
        engine.holds.clear()
        await s.clock.advance(5.0)
        assert {s.state(f"lmstudio/{name}") for name in names} == {S.ABSENT}


async def test_a_new_address_of_a_model_replaces_the_old_one() -> None:
    """The old name is nobody's any more."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        known = s.lifecycle.residencies["lmstudio/a"].spec
        s.runner.register(replace(known, address="b"), engine)
        engine.has("a")
        await s.runner.observe()
        assert s.state("lmstudio/a") is S.ABSENT
        engine.has("b")
        await s.runner.observe()
        assert s.state("lmstudio/a") is S.READY


async def test_what_is_asleep_or_loading_is_no_resident() -> None:
    """Asleep is told as asleep; what is on its way in is waited for."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a", "b")
        engine.has("a", is_asleep=True)
        engine.has("b", is_loading=True)
        await s.runner.observe()
        assert (s.state("lmstudio/a"), s.state("lmstudio/b")) == (S.ASLEEP, S.ABSENT)


async def test_a_change_is_seen_within_a_second_while_somebody_looks() -> None:
    """A page that opens is answered by a look, and then by one every 0.8 s; when it closes there are fewer."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        await s.clock.advance(120.0)
        engine.looks.clear()
        with s.bus.subscribe():
            await s.clock.settle()
            assert len(engine.looks) <= 1
            await s.clock.advance(8.0)
            assert 10 <= len(engine.looks) <= 11
            engine.has("a")
            await s.clock.advance(0.9)
            assert s.state("lmstudio/a") is S.READY
        engine.looks.clear()
        await s.clock.advance(30.0)
        assert len(engine.looks) in {6, 7}


async def test_nobody_looks_and_nothing_changes() -> None:
    """Every 5 s for a minute, then every 15 s; a change makes it a minute again."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        await s.clock.advance(60.0)
        assert len(engine.looks) == 12
        engine.looks.clear()
        await s.clock.advance(60.0)
        assert len(engine.looks) == 4
        engine.has("a")
        await s.clock.advance(15.0)
        engine.looks.clear()
        await s.clock.advance(30.0)
        assert len(engine.looks) == 6


async def test_an_engine_that_works_for_us_is_looked_at_often() -> None:
    """A resting one is woken by the first lease, and let rest after the last."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        engine.has("a")
        await s.clock.advance(120.0)
        engine.looks.clear()
        lease = await s.runner.acquire("lmstudio/a", deadline=s.clock.monotonic() + 9, priority=Priority.NORMAL)
        await s.clock.advance(4.1)
        assert len(engine.looks) >= 5
        engine.holds.clear()
        await s.clock.advance(0.9)
        assert s.state("lmstudio/a") is S.ABSENT
        lease.release()


async def test_requests_one_after_the_other_cost_no_look_each() -> None:
    """A look in 0.8 s at most, whatever the gateway is asked."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        engine.has("a")
        await s.clock.advance(30.0)
        engine.looks.clear()
        for _ in range(100):
            lease = await s.runner.acquire("lmstudio/a", deadline=s.clock.monotonic() + 9, priority=Priority.NORMAL)
            await s.clock.advance(0.01)
            lease.release()
            await s.clock.advance(0.01)
        assert len(engine.looks) <= 4


async def test_an_engine_that_tells_of_changes_is_believed_at_once() -> None:
    """Many notices are one look, at most every tenth of a second; without notices it is hardly asked."""
    async with stage() as s:
        engine = s.add(Teller(s.clock), "a")
        assert isinstance(engine, Teller)
        with s.bus.subscribe():
            await s.clock.advance(20.0)
            assert len(engine.looks) <= 6
            engine.looks.clear()
            engine.has("a")
            for _ in range(50):
                engine.tell()
                await s.clock.advance(0.01)
            assert s.state("lmstudio/a") is S.READY
            assert 4 <= len(engine.looks) <= 6


async def test_a_hanging_engine_delays_nobody_else() -> None:
    """Each engine is looked at in its own time; a look that is asked for comes back all the same."""
    async with stage() as s:
        stuck = s.add(Program(s.clock), "a", provider="stuck")
        quick = s.add(Program(s.clock), "a", provider="quick")
        stuck.stands_still = True
        s.runner.observer._look_within_s = 0.01
        with s.bus.subscribe():
            quick.has("a")
            await s.clock.advance(0.9)
            assert s.state("quick/a") is S.READY
            for _ in range(2):
                await s.runner.observe()
        assert s.offline() == {"stuck"}
        assert "within 0.01 s" in dict(s.reached)["stuck"] or any("within" in why for _, why in s.reached)


async def test_an_engine_that_refuses_connections_holds_nothing() -> None:
    """Its models are away at once, its provider is offline; back again, what it holds is taken over."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a", "b")
        engine.has("a")
        engine.has("b", is_asleep=True)
        await s.runner.observe()
        assert (s.state("lmstudio/a"), s.state("lmstudio/b")) == (S.READY, S.ASLEEP)
        engine.error = REFUSED
        await s.runner.observe()
        assert {s.state("lmstudio/a"), s.state("lmstudio/b")} == {S.ABSENT}
        assert s.reached[-1] == ("lmstudio", REFUSED.message)
        assert s.lifecycle.ledgers["host"].reserved == 0
        engine.error = None
        await s.runner.observe()
        assert s.state("lmstudio/a") is S.READY
        assert s.reached[-1] == ("lmstudio", "")


async def test_a_stumble_is_no_absence() -> None:
    """One bad answer says nothing, two make the engine offline; its models are away when it says so itself."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        engine.has("a")
        await s.runner.observe()
        for error in (UpstreamFailed("HTTP 500", cause=Cause.UNKNOWN), STRANGE):
            s.reached.clear()
            engine.error = error
            await s.runner.observe()
            assert s.offline() == set()
            engine.error = None
            await s.runner.observe()
        engine.error = UpstreamFailed("HTTP 500", cause=Cause.UNKNOWN)
        for _ in range(2):
            await s.runner.observe()
        assert s.offline() == {"lmstudio"}
        assert s.state("lmstudio/a") is S.READY


async def test_a_load_under_way_is_not_taken_for_lost() -> None:
    """Its own end tells what became of it."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        engine.error = REFUSED
        waiter = asyncio.get_running_loop().create_task(
            s.runner.acquire("lmstudio/a", deadline=s.clock.monotonic() + 60, priority=Priority.NORMAL)
        )
        await s.clock.settle()
        await s.runner.observe()
        assert s.state("lmstudio/a") is S.LOADING
        engine.error = None
        engine.has("a")
        await s.clock.advance(1.5)
        (await waiter).release()


async def test_a_model_nobody_has_heard_of_is_asked_about_once() -> None:
    """The catalog hears of the provider, not of each look."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        engine.has("new")
        for _ in range(3):
            await s.runner.observe()
        assert s.strangers == ["lmstudio"]


async def test_engines_come_and_go_with_their_models() -> None:
    """Replaced or forgotten: the old one is not asked again; back again: it is not listened to twice."""
    async with stage() as s:
        old, new = s.add(Program(s.clock), "a"), Program(s.clock)
        await s.clock.settle()
        s.add(new, "a")
        old.looks.clear()
        await s.clock.advance(30.0)
        assert old.looks == []
        assert new.looks
        s.runner.forget("lmstudio/a")
        await s.clock.advance(30.0)
        new.looks.clear()
        await s.clock.advance(60.0)
        assert new.looks == []
        s.add(new, "a")
        await s.clock.advance(1.0)
        assert (len(new.looks), new.watchers) == (1, 1)


async def test_an_engine_without_models_is_not_kept() -> None:
    """Replaced, forgotten, or not to be loaded any more: once its last model has left, nothing here holds it."""
    async with stage() as s:
        s.add(Program(s.clock), "a", "b")
        await s.clock.settle()
        old = ref(s.runner.observer._place_of["lmstudio/a"].engine)
        kept = s.add(Program(s.clock), "a")
        await s.clock.settle()
        gc.collect()
        assert old() is not None
        s.add(kept, "b")
        await s.clock.settle()
        gc.collect()
        assert old() is None
        assert [place.engine for place in s.runner.observer._places.values()] == [kept]
        s.runner.forget("lmstudio/a")
        await s.clock.advance(30.0)
        remaining = s.lifecycle.residencies["lmstudio/b"].spec
        s.runner.register(replace(remaining, is_loadable=False), kept)
        assert not s.runner.observer._places
        s.runner.register(remaining, kept)
        await s.clock.settle()
        assert (len(s.runner.observer._places), kept.watchers) == (1, 1)


async def test_where_there_is_a_warm_tier_models_are_parked_and_not_thrown_out() -> None:
    """To make room the engine is told to put the model to sleep; it is woken by a load."""
    async with stage() as s:
        engine = s.add(Sleeper(s.clock), "a")
        s.runner.register(spec("big", 16 * GB), FakeEngine(s.clock, load_s=1.0))
        engine.has("a")
        await s.runner.observe()
        waiter = asyncio.get_running_loop().create_task(
            s.runner.acquire("big", deadline=s.clock.monotonic() + 60, priority=Priority.NORMAL)
        )
        await s.clock.settle()
        engine.has("a", is_asleep=True)
        await s.clock.advance(2.0)
        (await waiter).release()
        assert isinstance(engine, Sleeper)
        assert engine.asleep == ["lmstudio/a"]
        assert s.state("lmstudio/a") is S.ASLEEP


async def test_a_look_that_is_wished_for_comes_soon() -> None:
    """When a provider is back, its engine is looked at without waiting for its turn."""
    async with stage() as s:
        engine = s.add(Program(s.clock), "a")
        await s.clock.advance(120.0)
        engine.looks.clear()
        s.runner.observer.soon("lmstudio")
        await s.clock.advance(0.1)
        assert len(engine.looks) == 1


async def test_an_engine_that_is_held_back_is_not_looked_at_by_itself() -> None:
    """Until it is known on which device its models are booked; whoever asks for a look has one all the same."""
    async with stage() as s:
        s.runner.observer.hold_back("local")
        engine, other = s.add(Program(s.clock), "a", provider="local"), s.add(Program(s.clock), "a", provider="other")
        await s.clock.advance(20.0)
        assert (engine.looks, bool(other.looks)) == ([], True)
        await s.runner.observe(provider_id="local")
        assert len(engine.looks) == 1
        s.runner.observer.release("local")
        await s.clock.advance(5.0)
        assert len(engine.looks) == 2


async def test_an_engine_that_was_replaced_has_no_say_any_more() -> None:
    """Neither its silence nor its farewells count for the engine that answers for its models now."""
    async with stage() as s:
        old, new = s.add(Program(s.clock), "a"), Program(s.clock)
        await s.clock.settle()
        s.add(new, "a")
        new.has("a")
        await s.runner.observe()
        s.reached.clear()
        old.looks.clear()
        old.error = REFUSED
        for provider in (None, "lmstudio"):
            await s.runner.observe(provider_id=provider)
        assert (old.looks, s.offline()) == ([], set())
        old.tell_gone("lmstudio/a", f"{LOST}it was closed")
        assert s.state("lmstudio/a") is S.READY
        new.tell_gone("lmstudio/a", f"{LOST}it was ejected")
        assert s.state("lmstudio/a") is S.ABSENT
