"""The engine of the family against fakes of its providers: keys, lists, answers, faults, lessons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import ChatRequest, Delta, FinishReason, Message, Sampling
from batuta.engines.base import EngineHealth, RawCall
from batuta.engines.openai_compat import HOP
from batuta.engines.openai_family.engine import OpenAIFamilyEngine
from batuta.engines.transport import Transport
from batuta.errors import (
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
    UpstreamUnreachable,
)
from batuta.testing.providers.server import FakeProviders, key_of
from batuta.vault.secret import Secret

MODELS = {
    "openai": ("/openai/v1", "gpt-4.1-mini"),
    "mistral": ("/mistral/v1", "mistral-small-latest"),
    "cohere": ("/cohere/compatibility/v1", "command-a-03-2025"),
    "ai21": ("/ai21/studio/v1", "jamba-mini"),
    "huggingface": ("/huggingface/v1", "openai/gpt-oss-120b:fastest"),
    "deepseek": ("/deepseek/v1", "deepseek-chat"),
    "groq": ("/groq/openai/v1", "llama-3.3-70b-versatile"),
    "xai": ("/xai/v1", "grok-4-fast-non-reasoning"),
    "openrouter": ("/openrouter/api/v1", "anthropic/claude-sonnet-4.6"),
    "together": ("/together/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "genspark": ("/genspark/api/llm_proxy/v1", "gpt-5.4"),
}
TOOLS = tuple(
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("f", "g")
)
each_api = pytest.mark.parametrize("api", MODELS)
each_way = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


class Stage:
    """The fakes, and engines that talk to them."""

    def __init__(self, fakes: FakeProviders, transport: Transport) -> None:
        self.fakes = fakes
        self.transport = transport
        self._engines: dict[str, OpenAIFamilyEngine] = {}

    def engine(self, api: str, key: str = "") -> OpenAIFamilyEngine:
        provider = Provider(f"my-{api}", "openai_family", base_url=self.fakes.url + MODELS[api][0], preset=api)
        return OpenAIFamilyEngine(provider, self.transport, key=Secret(key or key_of(api)))

    async def ask(self, api: str, text: str = "one two", /, *, model: str = "", **request: Any) -> list[Delta]:
        """Ask, with one engine for all questions to an API."""
        engine = self._engines.setdefault(api, self.engine(api))
        name = model or MODELS[api][1]
        messages = (Message("system", "S"), Message("user", text))
        asked = ChatRequest("any", messages, **request)
        return [delta async for delta in engine.chat(ModelSpec(f"my-{api}/{name}", f"my-{api}", name), asked)]

    def posts(self, api: str) -> list[Any]:
        return [seen for seen in self.fakes.asked(api) if seen.method == "POST"]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with FakeProviders() as fakes:
        transport = Transport()
        yield Stage(fakes, transport)
        await transport.aclose()


def words(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def calls(deltas: list[Delta]) -> dict[int, str]:
    said: dict[int, str] = {}
    for call in (call for delta in deltas for call in delta.tool_calls):
        said[call.index] = said.get(call.index, "") + (call.name or "") + call.arguments
    return said


# --- keys and lists --------------------------------------------------------------------------------------------------


@each_api
async def test_a_key_is_proved(stage: Stage, api: str) -> None:
    """A good one is good, a wrong one is wrong, and no message repeats it."""
    await stage.engine(api).check_key()
    wrong = "sk-test-not-a-key-of-anybody"
    with pytest.raises(KeyInvalid) as refused:
        await stage.engine(api, wrong).check_key()
    assert wrong not in refused.value.message


@pytest.mark.parametrize(("api", "fault"), [("deepseek", "no-credit"), ("openrouter", "spent")])
async def test_a_good_key_without_money_is_told_apart(stage: Stage, api: str, fault: str) -> None:
    """Where the provider says what is left."""
    stage.fakes.plan(api, fault)
    with pytest.raises(OutOfCredit):
        await stage.engine(api).check_key()


async def test_a_key_that_cannot_be_tried_is_not_called_bad(stage: Stage) -> None:
    """Nobody there, or too often."""
    stage.fakes.plan("openai", "rate")
    with pytest.raises(UpstreamRateLimited):
        await stage.engine("openai").check_key()
    gone = Provider("x", "openai_family", base_url="http://127.0.0.1:1/v1", preset="openai")
    with pytest.raises(UpstreamUnreachable):
        await OpenAIFamilyEngine(gone, stage.transport, key=Secret("sk-test-not-a-key")).check_key()


@each_api
async def test_models_are_listed(stage: Stage, api: str) -> None:
    """The one the play is about is among them, and a probe finds it."""
    engine, name = stage.engine(api), MODELS[api][1]
    listed = {model.address for model in await engine.list_models()}
    assert name.partition(":")[0] in listed or name in listed
    assert (await engine.probe(ModelSpec("x", "x", name))).health is EngineHealth.READY
    absent = await engine.probe(ModelSpec("x", "x", "nobody"))
    assert absent.health is EngineHealth.ABSENT


# --- answers ---------------------------------------------------------------------------------------------------------


@each_api
async def test_each_api_answers(stage: Stage, api: str) -> None:
    """With every common wish on the request, words, an end, and (but for Cohere's streams) usage come back."""
    sampling = Sampling(temperature=1.9, top_p=0.9, max_tokens=500, stop=("never",), seed=3)
    for stream in (True, False):
        deltas = await stage.ask(api, stream=stream, sampling=sampling)
        assert words(deltas) == "two one"
        assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.STOP]
        assert any(delta.usage for delta in deltas) or (api == "cohere" and stream)
    assert len(stage.posts(api)) == 2


@each_api
async def test_each_api_calls_functions(stage: Stage, api: str) -> None:
    """Whole or in pieces, with an end that says so."""
    for stream in (True, False):
        deltas = await stage.ask(api, 'call f {"a": 1}', stream=stream, tools=TOOLS)
        assert calls(deltas) == {0: 'f{"a":1}'}
        assert [delta.finish for delta in deltas if delta.finish] == [FinishReason.TOOL_CALLS]
        assert all(call.id for delta in deltas for call in delta.tool_calls if call.name)


ODD = "no-done,crlf,pad-9,no-space,comments,bad-event,multiline,split-3,joined,gzip,twice,late,no-usage,whole"


@each_api
async def test_however_a_stream_is_written_it_says_the_same(stage: Stage, api: str) -> None:
    """Line ends, splits, comments, packing, a whole answer in its place."""
    for fault in ODD.split(","):
        stage.fakes.plan(api, fault)
        assert (fault, words(await stage.ask(api, stream=True))) == (fault, "two one")


@each_api
async def test_however_a_call_is_written_it_is_understood(stage: Stage, api: str) -> None:
    """Without an index, as an object, at once."""
    for fault in ("no-index", "arguments-object", "whole"):
        stage.fakes.plan(api, fault)
        said = calls(await stage.ask(api, 'call f {"a": 1}', stream=True, tools=TOOLS))
        assert (fault, said) == (fault, {0: 'f{"a":1}'})


# --- faults ----------------------------------------------------------------------------------------------------------

FAULTS: dict[str, type[BatutaError]] = {
    "forbidden": PermissionDenied,
    "no-credit": OutOfCredit,
    "spent": OutOfCredit,
    "rate": UpstreamRateLimited,
    "overloaded": UpstreamOverloaded,
    "context": ContextFull,
    "content": ContentRefused,
    "html-200": UpstreamFailed,
    "empty": UpstreamFailed,
    "garbage": UpstreamFailed,
    "redirect": UpstreamFailed,
    "500": UpstreamFailed,
    "503": UpstreamOverloaded,
}


@each_api
@each_way
async def test_each_api_s_faults_have_the_same_names(stage: Stage, api: str, stream: bool) -> None:
    """Whatever status and words the API has for them."""
    for fault, error in FAULTS.items():
        stage.fakes.plan(api, fault)
        with pytest.raises(error):
            await stage.ask(api, stream=stream)


@each_api
async def test_what_breaks_in_the_middle_is_told(stage: Stage, api: str) -> None:
    """After words have gone out nothing starts anew and nothing ends silently."""
    for fault in ("error-2", "error-named-2", "cut-2", "close-2", "end-2"):
        stage.fakes.plan(api, fault)
        # What Genspark has said so far is still held back: it might have been a notice.
        is_held = api == "genspark" and fault.startswith("error")
        with pytest.raises(UpstreamFailed if is_held else StreamBroken):
            await stage.ask(api, stream=True)


@each_api
async def test_a_wrong_key_is_told_as_one(stage: Stage, api: str) -> None:
    """Also by APIs whose 401 can mean something else."""
    wrong = stage.engine(api, "sk-test-not-a-key-of-anybody")
    request = ChatRequest("any", (Message("user", "x"),))
    with pytest.raises(KeyInvalid):
        await anext(wrong.chat(ModelSpec("x", "x", MODELS[api][1]), request))


@pytest.mark.parametrize(("api", "error"), [("mistral", OutOfCredit), ("genspark", PermissionDenied)])
async def test_a_401_is_the_key_only_if_the_key_is_bad(stage: Stage, api: str, error: type[BatutaError]) -> None:
    """It is tried by itself, once a minute at most, before it is given up."""
    stage.fakes.plan(api, "bad-key")
    with pytest.raises(error):
        await stage.ask(api)
    asked = len(stage.fakes.asked(api))
    assert asked == 2
    stage.fakes.plan(api, "bad-key")
    with pytest.raises(error):
        await stage.ask(api)
    assert len(stage.fakes.asked(api)) == asked + 1


@each_way
@pytest.mark.parametrize(("notice", "error"), [("credit", OutOfCredit), ("ban", KeyInvalid)])
async def test_a_notice_of_genspark_is_no_answer(
    stage: Stage, stream: bool, notice: str, error: type[BatutaError]
) -> None:
    """It comes with status 200 and as JSON, even for a stream."""
    stage.fakes.plan("genspark", f"notice-{notice}")
    with pytest.raises(error):
        await stage.ask("genspark", stream=stream)


async def test_a_call_that_groq_could_not_read_is_not_the_caller_s_fault(stage: Stage) -> None:
    """The model wrote it; another model may write better."""
    stage.fakes.plan("groq", "arguments-broken")
    with pytest.raises(UpstreamFailed):
        await stage.ask("groq", 'call f {"a": 1}', tools=TOOLS)


@pytest.mark.parametrize("api", ["openai", "xai", "deepseek"])
async def test_a_model_that_is_not_there(stage: Stage, api: str) -> None:
    """It is the model's trouble: another can answer."""
    with pytest.raises(ModelFailed if api != "openai" else PermissionDenied):
        await stage.ask(api, model="nobody")


@pytest.mark.parametrize(("fault", "wait"), [("429-retry-after-7", 7.0), ("429-retry-ms-1500", 1.5)])
async def test_a_wait_that_is_asked_for_is_told(stage: Stage, fault: str, wait: float) -> None:
    """In seconds or milliseconds."""
    stage.fakes.plan("openai", fault)
    with pytest.raises(UpstreamRateLimited) as limited:
        await stage.ask("openai")
    assert limited.value.retry_after_s == wait


# --- lessons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["openai", "groq", "xai", "huggingface"])
async def test_a_field_that_is_refused_is_left_out_from_then_on(stage: Stage, api: str) -> None:
    """Asked twice the first time, once from then on; other models are asked with it again."""
    for fresh in (True, False):
        before = len(stage.posts(api))
        stage.fakes.plan(api, "param-top_p", times=2 if fresh else 1)
        assert words(await stage.ask(api, sampling=Sampling(top_p=0.5))) == "two one"
        sent = [seen.body for seen in stage.posts(api)[before:]]
        assert ["top_p" in body for body in sent] == ([True, False] if fresh else [False])


async def test_a_second_refusal_is_the_caller_s(stage: Stage) -> None:
    """One lesson a request: nobody tries for ever."""
    stage.fakes.plan("openai", "param-top_p")
    stage.fakes.plan("openai", "param-seed")
    with pytest.raises(UpstreamRejected):
        await stage.ask("openai", sampling=Sampling(top_p=0.5, seed=1))
    assert len(stage.posts("openai")) == 2


async def test_mistral_learns_that_a_model_takes_no_effort(stage: Stage) -> None:
    """Its refusal has another form."""
    deltas = await stage.ask("mistral", model="magistral-medium-latest", extra={"reasoning_effort": "high"})
    assert words(deltas) == "two one"
    assert "".join(delta.reasoning for delta in deltas)


# --- the Responses API -----------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-6-astra"])
async def test_who_reasons_with_tools_is_asked_by_the_responses_api(stage: Stage, model: str, stream: bool) -> None:
    """At the first try; calls, sealed thoughts and usage come back."""
    deltas = await stage.ask(
        "openai", 'call f {"a": 1}', model=model, stream=stream, tools=TOOLS, extra={"reasoning_effort": "low"}
    )
    assert calls(deltas) == {0: 'f{"a":1}'}
    assert [seen.path for seen in stage.posts("openai")] == ["/openai/v1/responses"]
    (details,) = [delta.extra["reasoning_details"] for delta in deltas if "reasoning_details" in delta.extra]
    assert details[0]["format"] == "openai-responses-v1"
    assert [delta.usage.reasoning_tokens for delta in deltas if delta.usage][-1] > 0


async def test_the_way_to_the_responses_api_is_learnt(stage: Stage) -> None:
    """A model that the table does not know says so itself; it is asked there from then on."""
    name = "mine"
    (row,) = (model for model in stage.fakes.vendors["openai"].shelf if model.id == "gpt-6-astra")
    stage.fakes.vendors["openai"].shelf.append(type(row)(name, "asked", "medium", row.efforts, can_call_thinking=False))
    for expected in (["chat/completions", "responses"], ["responses"]):
        before = len(stage.posts("openai"))
        assert calls(await stage.ask("openai", 'call f {"a": 1}', model=name, tools=TOOLS)) == {0: 'f{"a":1}'}
        assert [seen.path.split("/v1/")[1] for seen in stage.posts("openai")[before:]] == expected


async def test_the_old_name_of_the_limit_is_learnt(stage: Stage) -> None:
    """A server nobody has described may refuse the old one, and a limit is never left out."""
    fakes = stage.fakes
    provider = Provider("mine", "openai_family", base_url=f"{fakes.url}/openai/v1")
    engine = OpenAIFamilyEngine(provider, stage.transport, key=Secret(key_of("openai")))
    request = ChatRequest("any", (Message("user", "one two"),), sampling=Sampling(max_tokens=99))
    spec = ModelSpec("mine/gpt-5.4", "mine", "gpt-5.4")
    for _ in range(2):
        assert words([delta async for delta in engine.chat(spec, request)]) == "two one"
    sent = [seen.body for seen in stage.posts("openai")]
    assert [body.get("max_completion_tokens") for body in sent] == [None, 99, 99]


# --- bytes -----------------------------------------------------------------------------------------------------------


def raw(path: str, *, stream: bool = False, headers: dict[str, str] | None = None, **body: Any) -> RawCall:
    deadline = asyncio.get_running_loop().time() + 5
    return RawCall(
        path, orjson.dumps({**body, **({"stream": True} if stream else {})}), stream, deadline, headers=headers or {}
    )


async def test_embeddings_pass_through(stage: Stage) -> None:
    """By the API's own names for their fields."""
    engine = stage.engine("mistral")
    spec = ModelSpec("x", "x", "mistral-embed")
    result = await engine.embed(spec, ["a", "b"])
    assert len(result.vectors) == 2
    assert engine.wire_name(spec) == "mistral-embed"


async def test_gateways_before_are_nobody_s_business(stage: Stage) -> None:
    """A vendor is not told how many gateways a request came through; a server of one's own is."""
    user = {"role": "user", "content": "x"}
    spec = ModelSpec("x", "x", "gpt-4.1-mini")
    call = raw("chat/completions", headers={HOP: "1", "x-title": "app"}, model="gpt-4.1-mini", messages=[user])
    await (await stage.engine("openai").forward(spec, call)).aclose()
    own = Provider("mine", "openai_family", base_url=f"{stage.fakes.url}/openai/v1")
    await (await OpenAIFamilyEngine(own, stage.transport, key=Secret(key_of("openai"))).forward(spec, call)).aclose()
    told, other = (seen.headers for seen in stage.posts("openai"))
    assert (HOP in told, HOP in other, told["x-title"]) == (False, True, "app")


async def test_a_stream_of_bytes_is_openai_s(stage: Stage) -> None:
    """As it came from an exact API, token counts included although nobody asked."""
    user = {"role": "user", "content": "one two"}
    call = raw("chat/completions", stream=True, model="gpt-4.1-mini", messages=[user])
    reply = await stage.engine("openai").forward(ModelSpec("x", "x", "gpt-4.1-mini"), call)
    data = b"".join([chunk async for chunk in reply.chunks()])
    await reply.aclose()
    assert reply.content_type.startswith("text/event-stream")
    assert data.endswith(b"data: [DONE]\n\n")
    assert b'"prompt_tokens"' in data
    assert b'"obfuscation"' in data
    assert b'"choices":[]' not in data.replace(b" ", b"")
