"""llama-server as a router: what Batuta loads and unloads there, and what it never lets the router do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from batuta.catalog.entities import Capability
from batuta.engines.base import LOST, EngineHealth
from batuta.engines.llama_server.engine import LlamaServerEngine
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, Cause, ModelFailed, StreamBroken, UpstreamUnreachable
from batuta.testing.local_server import GIB, FakeModel, Fault, MemoryPool
from tests.unit.engines.llama_server_play import LARGE, ODD, SMALL, ask, playing, provider, spec, until

# --- what there is ---------------------------------------------------------------------------------------------------


async def test_it_lists_what_it_has_with_its_state() -> None:
    """Each model with its context, what it can do and whether it is loaded; its size once it is."""
    async with playing(SMALL, LARGE, FakeModel("nomic-embed", is_embedding=True)) as play:
        await play.load()
        small, large, vectors = await play.engine.list_models()
        assert (small.address, small.is_resident, small.context_length) == (SMALL.name, True, SMALL.context)
        assert small.memory.weights == SMALL.size
        assert (large.is_resident, large.memory.weights) == (False, 0)
        assert Capability.VISION in large.capabilities
        assert vectors.capabilities == {Capability.EMBEDDING}


async def test_files_on_this_machine_tell_the_size_before_a_load(tmp_path: Path) -> None:
    """The list names the file of each model; all parts of one that is cut in parts count."""
    for number in (1, 2):
        (tmp_path / f"m-0000{number}-of-00002.gguf").write_bytes(b"x" * 500)
    whole = FakeModel("cut", details={"path": str(tmp_path / "m-00001-of-00002.gguf")})
    missing = FakeModel("missing", details={"path": str(tmp_path / "no.gguf")})
    async with playing(whole, missing) as play:
        found = {model.address: model.memory for model in await play.engine.list_models()}
        assert (found["cut"].weights, found["cut"].overhead) == (1000, 100)
        assert found["missing"].weights == 0


async def test_it_says_who_it_is() -> None:
    """The build; and where it does not tell of changes, that it is too old for that."""
    async with playing() as play:
        info = await play.engine.describe()
        assert (info.version, info.note) == ("b11549-fa4e5e4", "")
    async with playing(build=7400) as play:
        assert "update llama.cpp" in (await play.engine.describe()).note


async def test_each_state_is_told_as_it_is() -> None:
    """Not loaded, loading, loaded, asleep, being fetched, not there."""
    slow = FakeModel("slow", load_s=0.05)
    async with playing(SMALL, LARGE, slow, offered=[FakeModel("coming", load_s=0.05)]) as play:
        await play.load()
        await play.load(LARGE.name)
        play.server.children.sleep(play.server.children.all[LARGE.name])
        task = asyncio.get_running_loop().create_task(play.load("slow"))
        await until(lambda: play.server.children.loads == 3)

        async def health(name: str) -> EngineHealth:
            return (await play.engine.probe(spec(name))).health

        assert await health(SMALL.name) is EngineHealth.READY
        assert await health(LARGE.name) is EngineHealth.ABSENT
        assert await health("slow") is EngineHealth.LOADING
        assert await health("nobody") is EngineHealth.ABSENT
        held = await play.held()
        assert held[SMALL.name].memory_bytes == SMALL.size + SMALL.size // 10
        assert held[LARGE.name].is_asleep
        assert held["slow"].is_loading
        await task


# --- in --------------------------------------------------------------------------------------------------------------


async def test_a_load_tells_how_far_it_is() -> None:
    """The router's events give a fraction over all parts of the model, only ever forward, and end in warming."""
    slow = FakeModel("slow", load_s=0.1, details={"stages": ("text_model", "mmproj_model")})
    async with playing(slow) as play:
        report = await play.load("slow")
        fractions = [told.fraction for told in play.told if told.fraction is not None]
        assert play.told[0].stage == "starting"
        assert len(fractions) >= 5
        assert fractions == sorted(fractions)
        assert (play.told[-1].stage, play.told[-1].fraction) == ("warming", 1.0)
        assert report.memory_bytes > slow.size


async def test_older_events_tell_of_one_part_alone() -> None:
    """The shape before June's second half: a stage and a value, which begins anew with each part; never backwards."""
    slow = FakeModel("slow", load_s=0.1, details={"stages": ("text_model", "mmproj_model")})
    async with playing(slow, build=9500) as play:
        await play.load("slow")
        fractions = [told.fraction for told in play.told if told.fraction is not None]
        assert len(fractions) >= 3
        assert fractions == sorted(fractions)


async def test_a_router_without_events_loads_in_silence() -> None:
    """No progress is made up; the load ends when the list says so."""
    async with playing(build=7400) as play:
        await play.load()
        assert {told.fraction for told in play.told} == {None}
        assert (await play.held())[SMALL.name].memory_bytes > 0


async def test_many_who_want_a_model_start_one_process() -> None:
    """A load has one flight; who gives up waiting does not end it."""
    async with playing(FakeModel("slow", load_s=0.03)) as play:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await play.load("slow")
        await asyncio.gather(*(play.load("slow") for _ in range(5)))
        assert play.server.children.loads == play.posts("/models/load") == 1


async def test_a_load_begun_by_somebody_else_is_waited_for() -> None:
    """What is on its way in is not started again."""
    async with playing(FakeModel("slow", load_s=0.03)) as play:
        await play.server.children.start(play.server.children.all["slow"])
        assert not (await play.load("slow")).was_resident
        assert play.posts("/models/load") == 0
        assert (await play.load("slow")).was_resident


async def test_a_sleeping_model_is_woken() -> None:
    """A load of a model that sleeps wakes it by the least of all requests."""
    async with playing() as play:
        await play.load()
        play.server.children.sleep(play.server.children.all[SMALL.name])
        assert (await play.held())[SMALL.name].is_asleep
        await play.load()
        assert not (await play.held())[SMALL.name].is_asleep
        assert play.posts("/tokenize") == 1
        assert not play.gone


async def test_an_alias_is_the_model() -> None:
    """A model may be known by one of its other names, in every call."""
    async with playing() as play:
        await play.load("small")
        assert set(await play.held()) == {"small"}
        assert await play.said("small") == "three two one"
        await play.engine.unload(spec("small"))
        assert not await play.held()


async def test_a_name_may_be_anything() -> None:
    """Slashes, colons, spaces and letters of any alphabet."""
    async with playing() as play:
        await play.load(ODD.name)
        assert await play.said(ODD.name) == "three two one"
        await play.engine.unload(spec(ODD.name))
        assert not await play.held()


# --- loads that do not work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "cause"), [(1, Cause.UNKNOWN), (137, Cause.OUT_OF_MEMORY), (139, Cause.CRASH)], ids=str
)
async def test_a_process_that_ends_while_loading_has_failed(code: int, cause: Cause) -> None:
    """Its exit code is told, means what it can mean, and no model is left behind; the next load starts anew."""
    async with playing() as play:
        play.server.children.broken[SMALL.name] = code
        with pytest.raises(BatutaError, match=f"exit code {code}; the server's log says why") as caught:
            await play.load()
        assert caught.value.cause is cause
        assert not await play.held()
        play.server.children.broken.clear()
        await play.load()


async def test_too_little_memory_is_a_failed_load() -> None:
    """llama.cpp ends with the same code for every failure: the cause is not guessed."""
    async with playing(memory=MemoryPool(GIB)) as play:
        with pytest.raises(ModelFailed, match="could not load the model"):
            await play.load()


async def test_a_model_that_is_not_there_is_named_with_the_nearest() -> None:
    """The error says what is missing and what comes near."""
    async with playing() as play:
        with pytest.raises(ModelFailed, match="the nearest it has is org/small:Q4") as caught:
            await play.load("org/small:Q5")
        assert (caught.value.cause, caught.value.suggestion) == (Cause.NOT_INSTALLED, "llama/org/small:Q4")


@pytest.mark.parametrize("limit", [0.03, 0.008])
async def test_a_load_that_takes_too_long_is_ended(limit: float) -> None:
    """The process is killed, seen loading or not: it must not come in later, when nobody has memory booked for it."""
    async with playing(FakeModel("slow", load_s=30), load_timeout_s=limit) as play:
        with pytest.raises(ModelFailed, match=rf"in time: it had {limit:g} s") as caught:
            await play.load("slow")
        assert caught.value.cause is Cause.TIMEOUT
        await until(lambda: play.server.children.all["slow"].status == "unloaded")


async def test_a_load_that_somebody_ends_is_told_so() -> None:
    """Another program unloads the model while it is loading: killed, with the code of a failure."""
    async with playing(FakeModel("slow", load_s=30)) as play:
        task = asyncio.get_running_loop().create_task(play.load("slow"))
        await until(lambda: play.server.children.loads == 1)
        play.server.children.stop(play.server.children.all["slow"])
        with pytest.raises(ModelFailed, match="could not load the model"):
            await task


async def test_a_model_that_is_being_fetched_is_not_waited_for() -> None:
    """A download may take an hour; whoever wants the model is told."""
    async with playing(SMALL, offered=[FakeModel("coming", load_s=1)]) as play:
        transport = play.engine._api
        await transport._post("/models", {"model": "coming"}, deadline=asyncio.get_running_loop().time() + 1, model="")
        with pytest.raises(ModelFailed, match="still fetching the file"):
            await play.load("coming")


# --- the router's own limit ------------------------------------------------------------------------------------------


async def test_the_limit_is_kept_without_cutting_an_answer() -> None:
    """A router that is full would throw out what is answering; Batuta sends away what is idle, and tells."""
    async with playing(most=2, build=9700, token_s=0.002) as play:
        await play.load()
        await play.load(LARGE.name)
        reply = await play.stream()  # the one used longest ago, for the router
        for child in play.server.children.all.values():
            child.last_used = int(child.name != SMALL.name)
        await play.load(ODD.name)
        assert set(await play.held()) == {SMALL.name, ODD.name}
        assert not play.server.children.evicted
        assert [model for model, reason in play.gone if reason.startswith(LOST)] == [f"llama/{LARGE.name}"]
        assert b"[DONE]" in b"".join([chunk async for chunk in reply.chunks()])
        await reply.aclose()


async def test_a_pinned_model_is_not_sent_away() -> None:
    """One that somebody else loaded goes before one that is pinned."""
    async with playing(most=2) as play:
        await play.load(pinned=True)
        await play.server.children.start(play.server.children.all[LARGE.name])
        await play.server.ready(LARGE.name)
        await play.load(ODD.name)
        assert set(await play.held()) == {SMALL.name, ODD.name}


async def test_with_all_in_use_a_load_waits_for_its_place() -> None:
    """Nothing is cut; the load goes on when an answer has ended."""
    async with playing(most=1, token_s=0.002) as play:
        await play.load()
        reply = await play.stream()
        task = asyncio.get_running_loop().create_task(play.load(ODD.name))
        await asyncio.sleep(0.02)
        assert not task.done()
        assert play.posts("/models/load") == 1
        await reply.aclose()
        await task
        assert set(await play.held()) == {ODD.name}


async def test_a_place_that_somebody_else_took_is_asked_for_again() -> None:
    """The router's word that it is full is no failure as long as there is time."""
    async with playing(most=1, stop_s=0.01) as play:
        full = '{"error":{"code":500,"message":"model limit reached, try again later","type":"server_error"}}'
        play.server.faults.append(Fault("/models/load", status=500, body=full))
        await play.load()
        assert play.posts("/models/load") == 2


# --- out -------------------------------------------------------------------------------------------------------------


async def test_an_unload_returns_when_the_process_has_ended() -> None:
    """The router answers at once, and the process takes its time."""
    async with playing(stop_s=0.02) as play:
        await play.load()
        await play.engine.unload(spec())
        assert play.server.children.all[SMALL.name].status == "unloaded"
        assert not play.gone


async def test_an_unload_ends_a_load() -> None:
    """Who waits hears that it was stopped; the process is killed."""
    async with playing(FakeModel("slow", load_s=30)) as play:
        task = asyncio.get_running_loop().create_task(play.load("slow"))
        await until(lambda: play.server.children.loads == 1)
        await play.engine.unload(spec("slow"))
        with pytest.raises(ModelFailed, match="was stopped"):
            await task
        assert not await play.held()


async def test_a_server_that_is_off_holds_nothing() -> None:
    """An unload there is done."""
    async with playing() as play:
        await play.load()
        await play.server.stop()
        await play.engine.unload(spec())


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_no_request_ever_loads() -> None:
    """Each one forbids it, and what is not in memory is refused, whatever the router would do by itself."""
    async with playing() as play:
        with pytest.raises(UpstreamUnreachable, match="does not hold the model any more"):
            await play.said()
        await play.load()
        assert await play.said() == "three two one"
        await play.engine.embed(spec(), ["a"])
        assert {query for _, query in play.server.queries} == {"autoload=false"}
        assert play.server.children.loads == 1


async def test_a_name_that_it_lacks_is_an_error_about_the_model() -> None:
    """It answers 400, and the caller is not to blame."""
    async with playing() as play:
        with pytest.raises(ModelFailed, match="does not have the model"):
            await play.said("nobody")


async def test_a_crash_in_the_middle_breaks_the_answer_off() -> None:
    """The router writes text into the stream and ends it well: without an end mark it is broken, never whole."""
    async with playing(token_s=0.005) as play:
        await play.load()
        deltas = play.engine.chat(spec(), ask("word " * 50))
        await anext(deltas)
        play.server.crash(SMALL.name)
        with pytest.raises(StreamBroken):
            async for _ in deltas:
                pass
        await until(lambda: bool(play.gone))
        assert play.gone == [
            (f"llama/{SMALL.name}", f"its process at {play.engine._sight._where} ended with exit code 139")
        ]
        assert play.engine._wire.running[SMALL.name] == 0


async def test_a_process_that_is_gone_unnoticed_is_a_crash() -> None:
    """The router still lists it and answers 500 with text."""
    async with playing() as play:
        await play.load()
        play.server.children.die_unnoticed(play.server.children.all[SMALL.name])
        with pytest.raises(BatutaError, match="lost the model to a crash") as caught:
            await play.said()
        assert caught.value.cause is Cause.CRASH


async def test_an_answer_by_another_model_is_refused() -> None:
    """Whoever answers is looked at: in a whole answer and in a stream's first event."""
    async with playing() as play:
        await play.load()
        other = '{"model":"other","choices":[{"index":0,"message":{"role":"assistant","content":"x"}}]}'
        play.server.faults.append(Fault("/v1/chat/completions", status=200, body=other))
        with pytest.raises(UpstreamUnreachable, match="let another model answer"):
            await play.said(stream=False)


def test_it_shows_what_it_holds() -> None:
    """A repr is a status line."""
    engine = LlamaServerEngine(provider("http://127.0.0.1:1/v1"), Transport())
    assert repr(engine) == "<LlamaServerEngine llama, <Sight of 127.0.0.1:1, single, holds nothing>>"
