"""One request, from call to bytes: ready at once, loaded first, fallen back, refused, broken, abandoned."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
import pytest

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import RawCall, RawReply
from batuta.errors import (
    BadRequest,
    BatutaError,
    Cause,
    KeyInvalid,
    ModelFailed,
    ModelLoading,
    QueueFull,
    StreamBroken,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamUnreachable,
)
from batuta.gateway.admission import Admission
from batuta.gateway.call import ENDPOINTS, read_call
from batuta.gateway.serve import Gateway
from batuta.lifecycle.states import ModelState
from batuta.observe.events import RequestEnded
from batuta.testing.fake_engine import FakePassThroughEngine, FakeRemoteEngine
from batuta.testing.playbook import GB, remote, spec
from tests.unit.gateway.stage import Answer, Chunks, stage


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("passes_through", [False, True])
async def test_a_cold_model_is_loaded_and_then_answers(stream: bool, passes_through: bool) -> None:
    """The same words, whether bytes pass through or deltas are encoded, streamed or not."""
    async with stage("pair", passes_through=passes_through) as s:
        answer = await s.play(s.call("brain", "one two", stream=stream))
        assert "one two" in answer.text or "two" in answer.text
        assert answer.head is not None
        assert (answer.head.model, answer.head.fallback) == ("brain", ())
        assert s.engine.loads["brain"] == 1
        (ended,) = s.told(RequestEnded)
        assert (ended.model, ended.status, ended.wait_s) == ("brain", 200, 4.0)
        assert ended.completion_tokens


async def test_an_external_model_is_ready_at_once() -> None:
    """No load, no memory, no wait."""
    async with stage("api") as s:
        answer = await s.play(s.call("api/far"), seconds=0)
        assert answer.text


async def test_a_loaded_model_is_used_at_once_and_not_loaded_again() -> None:
    """The second answer costs no load."""
    async with stage() as s:
        await s.play(s.call("brain"))
        await s.play(s.call("brain"), seconds=0)
        assert s.engine.loads["brain"] == 1


async def test_brain_and_executor_take_turns_on_one_device() -> None:
    """13 GB and 9 GB on 16 GB: each is unloaded for the other, and never both are held."""
    async with stage() as s:
        for model in ("brain", "coder", "brain"):
            assert (await s.play(s.call(model))).head is not None
        assert s.engine.log == [
            "load brain", "loaded brain", "unloaded brain",
            "load coder", "loaded coder", "unloaded coder",
            "load brain", "loaded brain",
        ]  # fmt: skip


async def test_a_virtual_name_falls_back_and_says_from_whom_and_why() -> None:
    """`executor` is a wish for an answer; the head tells who gave it."""
    async with stage("pair", "api") as s:
        s.engine.fail_load("coder", Cause.CORRUPT_FILE)
        answer = await s.play(s.call("executor"))
        assert answer.head is not None
        assert (answer.head.model, answer.head.fallback) == ("api/far", ("coder, corrupt_file",))


async def test_auto_falls_back_to_the_external_api_first() -> None:
    """The priority: external, loaded, loadable."""
    async with stage("pair", "api") as s:
        s.engine.fail_load("brain", Cause.OUT_OF_MEMORY)
        answer = await s.play(s.call("auto"))
        assert answer.head is not None
        assert answer.head.model == "api/far"
        assert answer.head.fallback == ("brain, out_of_memory",)


async def test_a_named_model_that_fails_is_refused_with_a_suggestion() -> None:
    """Who names a model is told who could answer instead, and gets no other behind his back."""
    async with stage("pair", "api") as s:
        s.engine.fail_load("coder", Cause.NOT_INSTALLED)
        with pytest.raises(ModelFailed) as caught:
            await s.play(s.call("coder"))
        assert caught.value.suggestion == "api/far"
        assert caught.value.cause is Cause.NOT_INSTALLED


async def test_a_caller_may_allow_others_for_a_named_model() -> None:
    """By a word in the request."""
    async with stage("pair", "api") as s:
        s.engine.fail_load("coder", Cause.NOT_INSTALLED)
        answer = await s.play(s.call("coder", allow_fallback=True))
        assert answer.head is not None
        assert answer.head.model == "api/far"


async def test_a_bad_key_ejects_the_api_and_the_next_candidate_answers() -> None:
    """401: not asked again at once."""
    async with stage("pair", "api") as s:
        s.api.fail_chat("api/far", KeyInvalid("401"))
        answer = await s.play(s.call("api/far", allow_fallback=True), seconds=10)
        assert answer.head is not None
        assert answer.head.model in {"brain", "coder"}
        assert s.lifecycle.residencies["api/far"].state is ModelState.FAILED


async def test_a_callers_error_is_passed_on_and_nobody_else_is_tried() -> None:
    """No fallback, no ejection."""
    async with stage("pair", "api") as s:
        s.api.fail_chat("api/far", UpstreamRejected("no such field", upstream_status=422))
        with pytest.raises(UpstreamRejected) as caught:
            await s.play(s.call("api/far", allow_fallback=True))
        assert caught.value.status == 422
        assert s.engine.loads.total() == 0
        assert s.lifecycle.residencies["api/far"].bad_answers == 0


async def test_a_local_model_that_died_before_its_first_delta_is_loaded_again_for_the_same_request() -> None:
    """The caller does not notice a crash that cost nobody a word."""
    async with stage() as s:
        await s.play(s.call("brain"))
        s.engine.fail_chat("brain", UpstreamUnreachable("connection reset"), times=1)
        task = asyncio.get_running_loop().create_task(s.ask(s.call("brain")))
        await s.clock.advance(10)
        assert (await task).text


@pytest.mark.parametrize("passes_through", [False, True])
async def test_after_the_first_delta_a_crash_is_an_error_in_the_stream(passes_through: bool) -> None:
    """Nothing restarts: the caller keeps what he has and is told."""
    async with stage("pair", "api", passes_through=passes_through) as s:
        await s.play(s.call("brain"))
        s.engine.delta_s = 1.0
        answer = Answer()
        task = asyncio.get_running_loop().create_task(
            s.ask(s.call("brain", "a b c d e f", stream=True, allow_fallback=True), answer)
        )
        await s.clock.advance(2.5)
        assert answer.pieces
        s.engine.vanish("brain")
        await s.clock.advance(2)
        with pytest.raises(StreamBroken):
            await task


async def test_everybody_failing_is_an_error_with_the_last_cause() -> None:
    """A fast, clear end; no hang."""
    async with stage("pair", "api") as s:
        s.api.fail_chat("api/far", UpstreamFailed("500"))
        s.engine.fail_load("brain", Cause.CRASH)
        s.engine.fail_load("coder", Cause.CRASH)
        with pytest.raises(ModelFailed):
            await s.play(s.call("auto"))


async def test_a_caller_who_leaves_while_the_model_loads_frees_his_place_and_the_load_goes_on() -> None:
    """The load is Batuta's; the place in the queue was his."""
    async with stage() as s:
        task = asyncio.get_running_loop().create_task(s.ask(s.call("brain")))
        await s.clock.advance(1)
        task.cancel()
        await s.clock.advance(10)
        assert s.lifecycle.residencies["brain"].state is ModelState.READY
        assert s.told(RequestEnded)[0].status == 499


async def test_no_load_is_started_for_a_caller_who_has_left_the_queue() -> None:
    """The waiting model is forgotten with its last waiter."""
    async with stage() as s:
        s.engine.delta_s = 30.0
        busy = asyncio.get_running_loop().create_task(s.ask(s.call("brain", "one")))
        await s.clock.advance(5)
        waiting = asyncio.get_running_loop().create_task(s.ask(s.call("coder")))
        await s.clock.advance(1)
        waiting.cancel()
        await s.clock.advance(200)
        await busy
        assert s.engine.loads["coder"] == 0


@pytest.mark.parametrize("passes_through", [False, True])
async def test_a_caller_who_leaves_mid_stream_stops_the_engine(passes_through: bool) -> None:
    """The lease is freed and nobody generates for nobody."""
    async with stage("pair", passes_through=passes_through) as s:
        await s.play(s.call("brain"))
        s.engine.delta_s = 1.0
        task = asyncio.get_running_loop().create_task(s.ask(s.call("brain", "a b c d e f", stream=True)))
        await s.clock.advance(2.5)
        assert s.engine.in_flight["brain"] == 1
        task.cancel()
        await s.clock.advance(0)
        assert s.engine.in_flight["brain"] == 0


async def test_a_hundred_callers_of_a_cold_model_share_one_load() -> None:
    """Single flight, whatever the engine would do."""
    async with stage() as s:
        tasks = [asyncio.get_running_loop().create_task(s.ask(s.call("brain"))) for _ in range(100)]
        await s.clock.advance(60)
        assert len({(await task).text for task in tasks}) == 1
        assert s.engine.loads["brain"] == 1
        assert s.engine.peak["brain"] <= 4


async def test_the_deadline_ends_the_wait_and_says_how_long_to_come_back() -> None:
    """A typed error, not a hang."""
    async with stage() as s:
        s.engine.load_s = 100.0
        task = asyncio.get_running_loop().create_task(
            s.ask(s.call("brain", deadline=s.clock.monotonic() + 30, allow_fallback=False))
        )
        await s.clock.advance(31)
        with pytest.raises(ModelLoading) as caught:
            await task
        assert caught.value.retry_after_s is not None
        await s.clock.advance(200)


async def test_a_full_queue_refuses_at_once() -> None:
    """With the time to come back."""
    async with stage(limit=2) as s:
        tasks = [asyncio.get_running_loop().create_task(s.ask(s.call("brain"))) for _ in range(2)]
        await s.clock.advance(0)
        with pytest.raises(QueueFull) as caught:
            await s.ask(s.call("brain"))
        assert caught.value.retry_after_s
        await s.clock.advance(60)
        for task in tasks:
            await task


async def test_embeddings_go_the_same_way() -> None:
    """The same lease, another endpoint."""
    async with stage("pair", passes_through=False) as s:
        call = read_call(
            b'{"model": "brain", "input": ["a", "b"]}',
            ENDPOINTS["/v1/embeddings"],
            request_id="r",
            deadline=s.clock.monotonic() + 100,
        )
        answer = await s.play(call)
        assert len(orjson.loads(answer.body)["data"]) == 2


async def test_text_completions_of_an_engine_without_them_are_refused_in_words() -> None:
    """Nothing is made up."""
    async with stage("pair", passes_through=False) as s:
        call = read_call(
            b'{"model": "brain", "prompt": "a"}',
            ENDPOINTS["/v1/completions"],
            request_id="r",
            deadline=s.clock.monotonic() + 100,
        )
        with pytest.raises(BadRequest):
            await s.play(call)


async def test_a_load_that_hangs_is_aborted_and_its_memory_comes_back() -> None:
    """180 s; then the engine is told to stop, and the next request may try again after the rest."""
    async with stage() as s:
        s.engine.load_s = 1000.0
        with pytest.raises(ModelFailed) as caught:
            await s.play(s.call("brain", deadline=s.clock.monotonic() + 500, allow_fallback=False), seconds=200)
        assert caught.value.cause is Cause.TIMEOUT
        assert s.lifecycle.ledgers["host"].reserved == 0
        assert s.engine.log[-1] == "load brain"


async def test_what_the_engine_already_holds_is_used_with_no_load() -> None:
    """A new gateway over an old loader."""
    async with stage() as s:
        s.engine.appear(s.specs["brain"])
        await s.runner.observe()
        await s.play(s.call("brain"), seconds=0)
        assert s.engine.loads["brain"] == 0


async def test_a_full_queue_is_closed_only_to_those_who_would_wait_in_it() -> None:
    """A loaded model with a free slot answers, and a fallback that need not wait is taken."""
    async with stage("pair", "api", limit=1) as s:
        await s.play(s.call("brain"))
        s.engine.delta_s = 10.0
        busy = asyncio.get_running_loop().create_task(s.ask(s.call("brain", "one")))
        waiting = asyncio.get_running_loop().create_task(s.ask(s.call("coder")))
        await s.clock.advance(1)
        assert len(s.lifecycle.waiting) == 1
        assert (await s.play(s.call("api/far"), seconds=0)).text
        answer = await s.play(s.call("executor"), seconds=0)
        assert answer.head is not None
        assert (answer.head.model, answer.head.fallback) == ("api/far", ("coder, queue_full",))
        free = asyncio.get_running_loop().create_task(s.ask(s.call("brain", "two")))
        await s.clock.advance(200)
        assert [(await task).head is not None for task in (busy, waiting, free)] == [True] * 3


@pytest.mark.parametrize("asked", [True, False])
async def test_token_counts_that_nobody_asked_for_come_with_a_choice(asked: bool) -> None:
    """From an engine with a dialect of its own, too: a client that reads the first choice of each event goes on."""
    async with stage() as s:
        s.add(remote("api/other"), FakeRemoteEngine(s.clock))
        options = {"stream_options": {"include_usage": True}} if asked else {}
        body = orjson.dumps(
            {"model": "api/other", "messages": [{"role": "user", "content": "x"}], "stream": True, **options}
        )
        call = read_call(body, ENDPOINTS["/v1/chat/completions"], request_id="r1", deadline=s.clock.monotonic() + 180.0)
        answer = await s.play(call)
        events = [orjson.loads(each[6:]) for each in answer.body.split(b"\n\n") if each.startswith(b"data: {")]
        assert "usage" in events[-1]
        assert bool(events[-1]["choices"]) is not asked


async def test_an_error_inside_a_stream_counts_against_the_model() -> None:
    """The bytes pass through, the caller has been told; that is no success."""

    class Sick(FakePassThroughEngine):
        async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
            return Chunks(
                b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', b'data: {"error":{"message":"CUDA error"}}\n\n'
            )

    async with stage() as s:
        s.add(remote("api/sick"), Sick(s.clock))
        answer = await s.play(s.call("api/sick", stream=True), seconds=1)
        assert b"CUDA error" in answer.body
        assert s.lifecycle.residencies["api/sick"].bad_answers == 1
        (ended,) = s.told(RequestEnded)
        assert ended.error == "stream_broken"


async def test_what_breaks_after_the_end_marker_breaks_nothing() -> None:
    """The answer was whole: no error, no blame."""

    class Rude(FakePassThroughEngine):
        async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
            return Chunks(b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n", StreamBroken("reset"))

    async with stage() as s:
        s.add(remote("api/rude"), Rude(s.clock))
        answer = await s.play(s.call("api/rude", stream=True), seconds=1)
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert s.lifecycle.residencies["api/rude"].bad_answers == 0


@pytest.mark.parametrize(("stream", "seconds"), [(True, 180.0), (False, 600.0)])
async def test_the_time_a_load_took_is_not_missing_for_the_answer(stream: bool, seconds: float) -> None:
    """The deadline of a call is for a ready model; its first word has a time of its own."""
    seen: list[RawCall] = []

    class Watched(FakePassThroughEngine):
        async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
            seen.append(call)
            return await super().forward(spec, call)

    async with stage() as s:
        slow = Watched(s.clock, load_s=100.0)
        s.add(spec("slow", GB), slow)
        began = s.clock.monotonic()
        await s.play(s.call("slow", stream=stream), seconds=101)
        assert seen[0].deadline == began + 100.0 + seconds
        await slow.aclose()


async def test_nobody_is_loaded_for_a_request_whose_deadline_has_passed() -> None:
    """The others are asked only if they are ready, and the caller is told about the one he waited for."""
    async with stage() as s:
        s.add(spec("spare", 2 * GB), s.engine)
        s.engine.load_s = 100.0
        task = asyncio.get_running_loop().create_task(s.ask(s.call("auto", deadline=s.clock.monotonic() + 30)))
        await s.clock.advance(31)
        with pytest.raises(ModelLoading) as caught:
            await task
        assert caught.value.model == "brain"
        assert caught.value.details["tried"] == dict.fromkeys(("brain", "coder", "spare"), "model_loading")
        await s.clock.advance(200)
        assert s.engine.loads == {"brain": 1}


async def test_a_refused_connection_takes_its_sisters_along_and_a_success_brings_them_back() -> None:
    """One dead server: its other models are not suggested; a named request still tries, and finds it back."""
    async with stage("pair") as it:
        offline: set[str] = set()
        it.gateway = Gateway(
            specs=lambda: it.specs, runner=it.runner, admission=Admission(9, lambda: 0), clock=it.clock, bus=it.bus,
            is_offline=offline.__contains__,
            reached=lambda provider, why: offline.add(provider) if why else offline.discard(provider),
        )  # fmt: skip
        for name in ("api/a", "api/b"):
            it.add(remote(name), it.api)
        it.api.fail_chat("api/a", UpstreamUnreachable("api refused the connection; is it running?", model="api/a"))
        with pytest.raises(UpstreamUnreachable) as refused:
            await it.ask(it.call("api/a"))
        assert refused.value.suggestion == "brain"
        assert refused.value.message.endswith("is it running? brain could answer instead.")
        assert len(offline) == 1
        assert (await it.ask(it.call("api/b"))).text
        assert not offline
        assert it.gateway.alternative("brain").model == "api/b"


async def test_the_hop_count_goes_up_with_each_gateway() -> None:
    """What leaves this machine says how many gateways it has come through; a model of ours need not know."""
    async with stage("pair", "api") as it:
        assert (await it.play(it.call("brain"))).text
        far = FakePassThroughEngine(it.clock)
        seen: list[RawCall] = []
        forward = far.forward

        async def note(model: ModelSpec, call: RawCall) -> RawReply:
            seen.append(call)
            return await forward(model, call)

        far.forward = note  # type: ignore[method-assign, assignment]  # it only looks
        it.add(remote("api/gate"), far)
        with suppress(BatutaError):
            await it.ask(it.call("api/gate", hops=2))
        assert seen[0].headers == {"x-batuta-hop": "3"}
        await far.aclose()


async def test_nobody_who_has_just_failed_is_suggested() -> None:
    """A suggestion is somebody who was not asked yet."""
    async with stage("pair", "api") as s:
        s.api.fail_chat("api/far", UpstreamFailed("500"))
        s.engine.fail_load("coder", Cause.CORRUPT_FILE)
        s.engine.fail_load("brain", Cause.CORRUPT_FILE)
        with pytest.raises(ModelFailed) as caught:
            await s.play(s.call("executor"))
        assert caught.value.suggestion is None
        assert "could answer instead" not in caught.value.message
        assert caught.value.details["tried"] == {
            "coder": "corrupt_file",
            "api/far": "upstream_failed",
            "brain": "corrupt_file",
        }


@pytest.mark.parametrize(
    "death", [UpstreamUnreachable("refused"), UpstreamFailed("hung up", cause=Cause.CRASH)], ids=["refused", "hung up"]
)
async def test_a_second_try_with_the_same_model_is_no_fallback(death: BatutaError) -> None:
    """Whether the dead process refused the connection or hung up, the model is loaded again and answers."""
    async with stage() as s:
        await s.play(s.call("brain"))
        s.engine.fail_chat("brain", death, times=1)
        task = asyncio.get_running_loop().create_task(s.ask(s.call("brain")))
        await s.clock.settle()
        s.engine.vanish("brain")
        await s.clock.advance(10)
        answer = await task
        assert answer.head is not None
        assert (answer.head.model, answer.head.fallback) == ("brain", ())
        assert s.engine.loads["brain"] == 2


async def test_a_caller_who_leaves_while_word_of_a_death_is_awaited_leaves_nothing() -> None:
    """Between two tries, too."""
    async with stage() as s:
        await s.play(s.call("brain"))
        s.engine.fail_chat("brain", UpstreamUnreachable("refused"), times=1)
        task = asyncio.get_running_loop().create_task(s.ask(s.call("brain")))
        await s.clock.advance(0.2)
        assert not task.done()
        task.cancel()
        await s.clock.settle()
        assert task.cancelled()
        assert s.told(RequestEnded)[-1].status == 502


@pytest.mark.parametrize("leaves", [True, False])
async def test_an_engines_answer_is_closed_whoever_ends_first(leaves: bool) -> None:
    """Its connection is released at once, not when the collector finds it."""
    replies: list[Chunks] = []

    class Watched(FakePassThroughEngine):
        async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
            replies.append(Chunks(b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"))
            return replies[-1]

    async with stage() as s:
        s.add(remote("api/x"), Watched(s.clock))
        pieces = s.gateway.serve(s.call("api/x", stream=True))
        async for piece in pieces:
            if leaves and isinstance(piece, bytes):
                break
        await pieces.aclose()
        assert replies[0].is_closed
        assert s.lifecycle.leases == {}
