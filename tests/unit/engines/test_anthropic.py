"""The Anthropic engine on a raw server: what goes out, what comes back, and every way in which it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import Capability, ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta, FinishReason, Message, Sampling
from batuta.engines.anthropic.engine import AnthropicEngine
from batuta.engines.base import Engine, EngineHealth
from batuta.engines.keys import KeyCheckingEngine
from batuta.engines.transport import Transport
from batuta.errors import (
    BadRequest,
    BatutaError,
    ContentRefused,
    ContextFull,
    KeyInvalid,
    ModelFailed,
    OutOfCredit,
    PermissionDenied,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing import http
from batuta.testing.faulty_upstream import FaultyUpstream, Script, Wire
from batuta.vault.secret import Secret
from tests.unit.chat.anthropic_golden import FOLDER, stream

KEY = Secret("sk-test-not-a-key-anthropic")
OLD = ModelSpec("anthropic/old", "anthropic", "claude-sonnet-4-0")
NEW = ModelSpec("anthropic/new", "anthropic", "claude-opus-4-8")
WHOLE = (FOLDER / "whole/text.json").read_bytes()
GOOD = orjson.dumps(orjson.loads(WHOLE)["answer"])
START, DELTA = (event + b"\n\n" for event in stream("without_its_end").split(b"\n\n")[0:3:2])
END = b'data: {"type":"message_stop"}\n\n'


@asynccontextmanager
async def engine_for(*scripts: Script, **options: Any) -> AsyncIterator[tuple[AnthropicEngine, FaultyUpstream]]:
    async with FaultyUpstream(*scripts) as upstream:
        transport = Transport()
        provider = Provider("anthropic", "anthropic", base_url=upstream.url)
        yield AnthropicEngine(provider, transport, key=KEY, **options), upstream
        await transport.aclose()


def events(*pieces: bytes) -> Script:
    """Stream these bytes, each piece in a packet of its own, and end the body."""

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        for piece in pieces:
            await wire.piece(piece)
        await wire.raw(http.chunk(b""))

    return script


def says(body: bytes = GOOD, status: int = 200, **headers: str) -> Script:
    return faulty.status(status, body, **headers)


def refuses(status: int, kind: str, message: str, **headers: str) -> Script:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_body"}
    return faulty.status(status, body, **headers)


def request(*, stream: bool = True, **fields: Any) -> ChatRequest:
    return ChatRequest("any", (Message("user", "go"),), stream=stream, **fields)


async def ask(engine: AnthropicEngine, spec: ModelSpec = NEW, **fields: Any) -> list[Delta]:
    return [delta async for delta in engine.chat(spec, request(**fields))]


async def fails(engine: AnthropicEngine, spec: ModelSpec = NEW, **fields: Any) -> tuple[list[Delta], BatutaError]:
    """Return what came before the error, and the error."""
    said: list[Delta] = []
    with pytest.raises(BatutaError) as caught:  # noqa: PT012  # what came first is half of the promise
        async for delta in engine.chat(spec, request(**fields)):
            said.append(delta)  # noqa: PERF401  # the error must not take it away
    return said, caught.value


# --- what goes out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/messages"])
async def test_a_request_goes_where_it_belongs(ending: str) -> None:
    """Whichever way its address is written, the key goes in its own header, the version with it."""
    async with FaultyUpstream(events(stream("two_calls"))) as upstream:
        transport = Transport()
        url = f"http://127.0.0.1:{upstream.port}/api/anthropic{ending}"
        engine = AnthropicEngine(
            Provider("a", "anthropic", base_url=url), transport, key=KEY, version="2026-10-21", betas=("one", "two")
        )
        assert await ask(engine, OLD, sampling=Sampling(temperature=0.5))
        await transport.aclose()
    (seen,) = upstream.requests
    assert (seen.method, seen.path) == ("POST", "/api/anthropic/v1/messages")
    assert seen.headers["x-api-key"] == KEY.reveal()
    assert seen.headers["anthropic-version"] == "2026-10-21"
    assert seen.headers["anthropic-beta"] == "one,two"
    assert "authorization" not in seen.headers
    assert "temperature" not in seen.json()  # that version refuses it, whatever the model


async def test_an_engine_is_what_the_others_are() -> None:
    """It satisfies the protocols, and proves a key; it is no engine whose bytes could be passed through."""
    async with engine_for(says()) as (engine, _):
        assert isinstance(engine, Engine)
        assert isinstance(engine, KeyCheckingEngine)
        assert not hasattr(engine, "dialect")
        assert KEY.reveal() not in repr(engine)
        with pytest.raises(BadRequest, match="no embeddings"):
            await engine.embed(NEW, ["x"])


async def test_a_model_is_asked_as_its_row_says() -> None:
    """The name decides what is sent; a person's own options for the model go over it."""
    async with engine_for(events(stream("two_calls"))) as (engine, upstream):
        for spec in (OLD, NEW, ModelSpec("a", "a", "claude-opus-4-8", options={"sampling": "all", "max_tokens": 99})):
            await ask(engine, spec, sampling=Sampling(temperature=0.5))
    bodies = [seen.json() for seen in upstream.requests]
    assert [body.get("temperature") for body in bodies] == [0.5, None, 0.5]
    assert [body["max_tokens"] for body in bodies] == [64_000, 128_000, 99]


async def test_what_cannot_be_asked_is_not_sent() -> None:
    """The error names the model; the provider hears nothing."""
    async with engine_for(says()) as (engine, upstream):
        _, error = await fails(engine, sampling=Sampling(n=2))
    assert isinstance(error, BadRequest)
    assert error.model == NEW.id
    assert not upstream.requests


# --- what comes back -----------------------------------------------------------------------------------------------


async def test_a_stream_is_read_in_any_pieces_and_its_connection_serves_again() -> None:
    """One byte at a time or all at once: the same deltas, and one connection for both."""
    data = stream("two_calls")
    async with engine_for(faulty.pieces(data, 7), events(data)) as (engine, upstream):
        first, second = await ask(engine), await ask(engine)
    assert first == second
    assert first[-1].finish is FinishReason.TOOL_CALLS
    assert "".join(delta.text for delta in first) == "Olá, então: 🎼"
    assert upstream.connections == 1


@pytest.mark.parametrize("streamed", [True, False], ids=["a stream was asked for", "whole"])
async def test_a_whole_answer_is_one_delta(streamed: bool) -> None:
    """Also where a stream was asked for and the server sent JSON."""
    async with engine_for(says()) as (engine, upstream):
        (delta,) = await ask(engine, stream=streamed)
    assert delta.text == "Hi there"
    assert delta.usage is not None
    assert delta.usage.cached_tokens == 4
    assert upstream.requests[0].json().get("stream", False) is streamed


async def test_a_form_is_answered_as_text() -> None:
    """The tool that stands for a form is Batuta's affair: the caller gets text and a common end."""
    async with engine_for(events(stream("an_answer_in_a_form"))) as (engine, upstream):
        deltas = await ask(engine, extra={"response_format": {"type": "json_object"}})
    assert "".join(delta.text for delta in deltas) == '{"n": 3}'
    assert deltas[-1].finish is FinishReason.STOP
    assert upstream.requests[0].json()["tool_choice"]["name"] == "answer"


async def test_what_lingers_after_the_end_is_not_waited_for() -> None:
    """An answer is over at `message_stop`, even when the server keeps the connection."""

    async def linger(wire: Wire) -> None:
        await wire.begin_stream()
        await wire.piece(stream("two_calls"))
        await wire.silence()

    async with engine_for(linger) as (engine, _), asyncio.timeout(2):
        assert (await ask(engine))[-1].finish


# --- refusals ------------------------------------------------------------------------------------------------------

CREDIT = "Your credit balance is too low to access the Anthropic API."
LIMIT = "You have reached your specified API usage limits. You will regain access on 2026-12-01."
REFUSALS: list[tuple[int, str, str, type[BatutaError]]] = [
    (400, "invalid_request_error", "messages: wrong", UpstreamRejected),
    (400, "invalid_request_error", CREDIT, OutOfCredit),
    (400, "invalid_request_error", LIMIT, OutOfCredit),
    (400, "invalid_request_error", "Output blocked by content filtering policy", ContentRefused),
    (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextFull),
    (400, "invalid_request_error", "This organization has been disabled.", KeyInvalid),
    (401, "authentication_error", "invalid x-api-key", KeyInvalid),
    (402, "billing_error", "no money", OutOfCredit),
    (403, "permission_error", "not for you", PermissionDenied),
    (404, "not_found_error", "model: claude-x", ModelFailed),
    (404, "not_found_error", "Not found", UpstreamRejected),
    (413, "request_too_large", "too large", UpstreamRejected),
    (429, "rate_limit_error", "slowly", UpstreamRateLimited),
    (500, "api_error", "oops", UpstreamFailed),
    (504, "timeout_error", "late", UpstreamTimeout),
    (529, "overloaded_error", "Overloaded", UpstreamOverloaded),
]


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("status", "kind", "message", "expected"), REFUSALS)
async def test_each_refusal_has_its_name(
    status: int, kind: str, message: str, expected: type[BatutaError], streamed: bool
) -> None:
    """What Anthropic answers becomes one of our errors, with its number for support and the model it happened to."""
    script = refuses(status, kind, f"{message} {KEY.reveal()}", request_id="req_head", x_should_retry="false")
    async with engine_for(script) as (engine, upstream):
        said, error = await fails(engine, stream=streamed)
    assert type(error) is expected
    assert not said
    assert error.model == NEW.id
    assert error.details["upstream_request_id"] == "req_head"
    assert error.details["should_retry"] is False
    assert KEY.reveal() not in error.message
    assert len(upstream.requests) == 1


async def test_a_spending_limit_is_no_rate() -> None:
    """429 with its own code is not worth another try."""
    details = {"error_code": "enforced_spend_limit_reached"}
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Stop.", "details": details}}
    async with engine_for(faulty.status(429, body)) as (engine, _):
        assert isinstance((await fails(engine))[1], OutOfCredit)


async def test_figures_of_a_full_context_are_told() -> None:
    """Who reads the error knows how much is too much."""
    async with engine_for(refuses(400, "x", "prompt is too long: 210000 tokens > 200000 maximum")) as (engine, _):
        error = (await fails(engine))[1]
    assert error.details == {"n_prompt": 210_000, "n_ctx": 200_000, "upstream_request_id": "req_body"}


# --- streams that go wrong -----------------------------------------------------------------------------------------

ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


async def reset(wire: Wire) -> None:
    await wire.begin_stream()
    await wire.piece(START + DELTA)
    wire.reset()


async def stall(wire: Wire) -> None:
    await wire.begin_stream()
    await wire.piece(START + DELTA)
    await wire.silence()


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        (events(ERROR), UpstreamOverloaded, 0),
        (events(START, ERROR), UpstreamOverloaded, 0),
        (events(START, DELTA, ERROR), StreamBroken, 1),
        (events(), UpstreamFailed, 0),
        (events(START, DELTA), StreamBroken, 1),
        (events(stream("without_its_end")), StreamBroken, 1),
        (events(START, DELTA, b"x" * 1_100_000), StreamBroken, 1),
        (reset, StreamBroken, 1),
        (stall, StreamBroken, 1),
        (faulty.html, UpstreamFailed, 0),
        (faulty.hang_up, UpstreamFailed, 0),
        (faulty.status(200, b"{}"), UpstreamFailed, 0),
        (faulty.error_in_200("no", type="authentication_error"), KeyInvalid, 0),
    ],
    ids=[
        "an error first",
        "an error after the head",
        "an error in the middle",
        "nothing",
        "cut",
        "no message_stop",
        "a line without end",
        "reset",
        "silence",
        "a web page",
        "no head",
        "other JSON",
        "an error in a 200",
    ],
)
async def test_a_stream_ends_well_or_with_an_error(script: Script, expected: type[BatutaError], words: int) -> None:
    """Before the first word it is what it is; after it the answer is broken, and what came stays."""
    async with engine_for(script, idle_s=0.05) as (engine, _):
        said, error = await fails(engine)
    assert type(error) is expected
    assert len(said) == words
    assert not any(delta.finish for delta in said)
    assert error.model == NEW.id


async def test_nobody_is_waited_for_beyond_the_deadline() -> None:
    """A server that says nothing, or is not there, is told in time."""
    async with engine_for(faulty.silent) as (engine, _):
        deadline = asyncio.get_running_loop().time() + 0.05
        assert isinstance((await fails(engine, deadline=deadline))[1], UpstreamTimeout)
    async with faulty.refusing() as url:
        transport = Transport()
        nobody = AnthropicEngine(Provider("a", "anthropic", base_url=url), transport)
        assert isinstance((await fails(nobody))[1], UpstreamUnreachable)
        assert (await nobody.probe(NEW)).health is EngineHealth.OFFLINE
        await transport.aclose()


# --- what a model does not take ------------------------------------------------------------------------------------


async def test_a_field_that_is_refused_is_left_out_from_then_on() -> None:
    """One more try at once, and no further refusal: other models are asked as before."""
    no = refuses(400, "invalid_request_error", "`temperature` is deprecated for this model.")
    other = ModelSpec("anthropic/other", "anthropic", "claude-sonnet-4-0-20250514")
    async with engine_for(no, events(stream("two_calls"))) as (engine, upstream):
        for spec in (OLD, OLD, other):
            assert await ask(engine, spec, sampling=Sampling(temperature=0.5, top_p=0.9))
    bodies = [seen.json() for seen in upstream.requests]
    assert ["temperature" in body for body in bodies] == [True, False, False, True]
    assert all("top_p" in body for body in bodies)


async def test_a_field_inside_another_goes_alone() -> None:
    """An effort may go; the form of the answer may not, and its refusal is told."""
    form = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}}
    no = refuses(400, "x", "output_config.effort: Extra inputs are not permitted")
    async with engine_for(no, events(stream("two_calls"))) as (engine, upstream):
        assert await ask(engine, extra={"reasoning_effort": "high", **form})
    assert set(upstream.requests[1].json()["output_config"]) == {"format"}
    no = refuses(400, "x", "output_config.format: Extra inputs are not permitted")
    async with engine_for(no) as (engine, upstream):
        assert isinstance((await fails(engine, extra=form))[1], UpstreamRejected)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("spec", "message", "effort", "thinking"),
    [
        (
            OLD,
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"',
            "low",
            "adaptive",
        ),
        (NEW, '"thinking.type.adaptive" is not supported for this model.', "low", "enabled"),
        (NEW, '"thinking.type.disabled" is not supported for this model.', "none", None),
        (OLD, "thinking: Extra inputs are not permitted", "low", None),
    ],
)
async def test_another_way_of_thinking_is_found(
    spec: ModelSpec, message: str, effort: str, thinking: str | None
) -> None:
    """A model that is not what its name was taken for is asked in its own way, at once and from then on."""
    good = events(stream("two_calls"))
    async with engine_for(refuses(400, "invalid_request_error", message), good) as (engine, upstream):
        for _ in range(2):
            assert await ask(engine, spec, extra={"reasoning_effort": effort})
    first, *rest = [seen.json().get("thinking", {}).get("type") for seen in upstream.requests]
    assert first is not None
    assert rest == [thinking, thinking]


async def test_a_callers_own_way_of_thinking_is_the_callers() -> None:
    """Who speaks Anthropic's words hears Anthropic's refusal, and nothing is learnt from it."""
    no = refuses(400, "invalid_request_error", '"thinking.type.enabled" is not supported for this model.')
    async with engine_for(no) as (engine, upstream):
        before = engine.abilities(NEW)
        error = (await fails(engine, extra={"thinking": {"type": "enabled", "budget_tokens": 1024}}))[1]
        assert engine.abilities(NEW) == before
    assert isinstance(error, UpstreamRejected)
    assert len(upstream.requests) == 1


async def test_a_second_refusal_is_told() -> None:
    """There is one more try and no more; what was learnt serves the next request."""
    first = refuses(400, "x", "`temperature` is deprecated for this model.")
    second = refuses(400, "x", "`top_p` is deprecated for this model.")
    sampling = Sampling(temperature=0.5, top_p=0.9)
    async with engine_for(first, second, events(stream("two_calls"))) as (engine, upstream):
        assert isinstance((await fails(engine, OLD, sampling=sampling))[1], UpstreamRejected)
        assert len(upstream.requests) == 2
        assert await ask(engine, OLD, sampling=sampling)
    assert not {"temperature", "top_p"} & upstream.requests[2].json().keys()


async def test_a_limit_that_is_too_high_is_lowered() -> None:
    """The model's own limit is remembered; what a long conversation leaves holds for that one alone."""
    most = refuses(400, "x", "max_tokens: 128000 > 4096, which is the maximum allowed number of output tokens for x")
    room = "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length"
    good = events(stream("two_calls"))
    effort = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    async with engine_for(most, good, refuses(400, "x", room), good, good) as (engine, upstream):
        for _ in range(3):
            assert await ask(engine, extra=effort)
    bodies = [seen.json() for seen in upstream.requests]
    assert [body["max_tokens"] for body in bodies] == [128_000, 4096, 4096, 1000, 4096]
    assert ["thinking" in body for body in bodies] == [True, True, True, False, True]
    full = refuses(400, "x", "input length and `max_tokens` exceed context limit: 200001 + 9 > 200000")
    async with engine_for(full) as (engine, _):
        assert isinstance((await fails(engine))[1], ContextFull)


# --- lists, probes, keys -------------------------------------------------------------------------------------------


def page(*rows: Mapping[str, Any], more: bool = False) -> Script:
    last = rows[-1].get("id") if rows else None
    return faulty.status(200, {"data": list(rows), "has_more": more, "first_id": None, "last_id": last})


def can(**words: bool) -> dict[str, Any]:
    return {word: {"supported": value} for word, value in words.items()}


RICH = {
    "id": "claude-opus-4-8",
    "display_name": "Claude Opus 4.8",
    "lifecycle": "active",
    "max_input_tokens": 1_000_000,
    "max_tokens": 4242,
    "capabilities": can(image_input=True, structured_outputs=True)
    | {
        "thinking": {"supported": True, "types": can(adaptive=False, enabled=True, disabled=False)},
        "effort": {"supported": True} | can(low=True, medium=False, high=True),
    },
}


async def test_the_whole_list_is_read() -> None:
    """Page after page, with what each model can do; retired models are none."""
    rows = [{"id": "claude-3-haiku-20240307"}, {"id": "claude-2.1", "lifecycle": "retired"}, {"name": "none"}]
    async with engine_for(page(RICH, more=True), page(*rows)) as (engine, upstream):
        rich, plain = await engine.list_models()
    assert [seen.path for seen in upstream.requests] == [
        "/v1/models?limit=1000",
        "/v1/models?limit=1000&after_id=claude-opus-4-8",
    ]
    assert (rich.address, rich.name, rich.context_length) == ("claude-opus-4-8", "Claude Opus 4.8", 1_000_000)
    assert rich.capabilities == {Capability.CHAT, Capability.TOOLS, Capability.VISION, Capability.REASONING}
    assert plain.capabilities == {Capability.CHAT, Capability.TOOLS, Capability.VISION}


async def test_what_the_list_says_holds_over_what_is_known() -> None:
    """Limits, thinking and efforts of a listed model are those that the API tells."""
    async with engine_for(page(RICH)) as (engine, _):
        before = engine.abilities(NEW)
        await engine.list_models()
        after = engine.abilities(NEW)
    assert (before.max_tokens, before.thinking, before.can_rest) == (128_000, "adaptive", True)
    assert (after.max_tokens, after.thinking, after.can_rest) == (4242, "budget", False)
    assert after.efforts == ("low", "high")


async def test_a_list_that_never_ends_is_left() -> None:
    """The same page again, or ever new ones: nobody reads on for ever."""
    async with engine_for(page({"id": "claude-a"}, more=True)) as (engine, upstream):
        assert len(await engine.list_models()) == 2
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (refuses(401, "authentication_error", "invalid x-api-key"), KeyInvalid),
        (refuses(402, "billing_error", "pay"), OutOfCredit),
        (refuses(429, "rate_limit_error", "slowly", retry_after="7"), UpstreamRateLimited),
        (faulty.status(200, {"object": "list"}), UpstreamFailed),
        (faulty.status(200, b"not json"), UpstreamFailed),
        (faulty.error_in_200("x", type="authentication_error"), KeyInvalid),
        (faulty.html, UpstreamFailed),
        (faulty.empty, UpstreamFailed),
    ],
)
async def test_a_bad_key_is_told_from_a_bad_day(script: Script, expected: type[BatutaError]) -> None:
    """The check of a key raises what is the matter."""
    async with engine_for(script) as (engine, _):
        with pytest.raises(expected) as caught:
            await engine.check_key()
    assert type(caught.value) is expected


async def test_a_good_key_costs_one_question() -> None:
    """One row is asked for, whatever follows."""
    async with engine_for(page({"id": "claude-a"}, more=True)) as (engine, upstream):
        await engine.check_key()
    assert [seen.path for seen in upstream.requests] == ["/v1/models?limit=1"]


@pytest.mark.parametrize(
    ("script", "health"),
    [
        (faulty.status(200, RICH), EngineHealth.READY),
        (refuses(404, "not_found_error", "model: claude-opus-4-8"), EngineHealth.ABSENT),
        (faulty.status(404, b"no such page"), EngineHealth.READY),
        (refuses(401, "authentication_error", "no"), EngineHealth.OFFLINE),
        (refuses(529, "overloaded_error", "no"), EngineHealth.OFFLINE),
    ],
)
async def test_a_probe_asks_for_the_model(script: Script, health: EngineHealth) -> None:
    """It is there, it is not, or nobody knows; a server without a list is taken at its word."""
    async with engine_for(script) as (engine, upstream):
        assert (await engine.probe(NEW)).health is health
    assert upstream.requests[0].path == "/v1/models/claude-opus-4-8"
