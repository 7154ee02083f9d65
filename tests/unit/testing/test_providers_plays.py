"""Everything that can go wrong with a fake provider on purpose does so, in each provider's own form."""

from __future__ import annotations

import asyncio
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.testing.providers import plays
from batuta.testing.providers.plays import Play, in_model, named
from batuta.testing.providers.refusals import Why
from tests.unit.testing.providers_play import ASKINGS, calling, streamed

LONG = "one two three four five six"
ANSWER = "six five four three two one"
REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/testing-providers.md"


# --- names -----------------------------------------------------------------------------------------------------------


def example(row: plays.Row) -> str:
    """Return a name of a row's kind."""
    return row.name.replace("WORD", "credit" if row.name.startswith("notice") else "temperature").replace("N", "418")


@pytest.mark.parametrize("row", plays.ROWS, ids=lambda row: row.name)
def test_each_name_means_something(row: plays.Row) -> None:
    """No row of the table is shadowed by another or does nothing."""
    first = next(each for each in plays.ROWS if each.pattern.fullmatch(example(row)))
    assert first is row
    assert named(example(row)) != Play(name=example(row))


def test_names_join() -> None:
    """Several mishaps come together, joined by a plus or a comma."""
    play = named("slow-5+error-2, no-usage")
    assert (play.first_s, play.fate, play.after, play.usage) == (0.005, "error", 2, False)
    assert named("") == Play()


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-./:", max_size=30))
def test_a_model_without_a_fault_keeps_its_name(model: str) -> None:
    """Only what stands behind `fault-` is taken off a name."""
    plain, fault = in_model(model)
    assert (plain, fault) == (model, "") or (model.endswith(f"fault-{fault}") and model.startswith(plain))


def test_the_reference_has_every_name() -> None:
    """The page tells each mishap with its meaning, in the words of the table."""
    page = REFERENCE.read_text(encoding="utf-8")
    assert not [row.name for row in plays.ROWS if f"| `{row.name}` | {row.what} |" not in page]


# --- refusals --------------------------------------------------------------------------------------------------------

STATUSES = (400, 401, 402, 403, 404, 408, 413, 422, 429, 498, 500, 502, 503, 504, 529)


@pytest.mark.parametrize("provider", ASKINGS)
async def test_every_status_can_be_had(provider: str) -> None:
    """Each status comes with a JSON body in the provider's form, whole or streamed."""
    async with calling() as caller:
        for status in STATUSES:
            answer = await caller.ask(provider, fault=str(status), stream=status % 2 == 0)
            assert answer.status == status
            assert answer.json


OWN_STATUS = {
    "openai": {Why.NO_CREDIT: 429, Why.OVERLOADED: 503, Why.SPENT: 429},
    "anthropic": {Why.NO_CREDIT: 402, Why.OVERLOADED: 529, Why.SPENT: 429},
    "google": {Why.NO_CREDIT: 402, Why.OVERLOADED: 503, Why.DAILY: 429},
    "mistral": {Why.SPENT: 401, Why.OVERLOADED: 429, Why.NO_CREDIT: 402},
    "groq": {Why.OVERLOADED: 498},
    "openrouter": {Why.CONTENT: 403, Why.NO_CREDIT: 402, Why.BROKEN: 502},
    "together": {Why.CONTEXT: 403, Why.NO_CREDIT: 402},
}


@pytest.mark.parametrize("provider", OWN_STATUS)
async def test_each_has_its_own_status_for_a_reason(provider: str) -> None:
    """The same trouble is a 402 here and a 429 there."""
    async with calling() as caller:
        for why, status in OWN_STATUS[provider].items():
            fault = "error-0" if why is Why.BROKEN else why.value.replace("_", "-")
            assert (await caller.ask(provider, fault=fault)).status == status


async def test_waits_come_in_all_forms() -> None:
    """Seconds, milliseconds, a date ahead or behind, nonsense, and Google's in the body."""
    async with calling() as caller:
        found = {
            fault: (await caller.ask("openai", fault=f"429-retry-{fault}")).headers
            for fault in ("after-7", "ms-1500", "date-9", "past", "negative", "huge", "words", "never")
        }
        assert found["after-7"]["retry-after"] == "7"
        assert found["ms-1500"]["retry-after-ms"] == "1500"
        ahead, behind = (parsedate_to_datetime(found[name]["retry-after"]) for name in ("date-9", "past"))
        assert ahead > behind
        assert [found[name]["retry-after"] for name in ("negative", "huge", "words")] == ["-5", "1000000000", "soon"]
        assert found["never"]["x-should-retry"] == "false"
        told = (await caller.ask("google", fault="429-retry-info-9")).json["error"]["details"]
        assert told[0]["violations"][0]["quotaId"].count("PerMinute") == 1
        assert told[1]["retryDelay"] == "9s"
        daily = (await caller.ask("google", fault="daily")).json["error"]["details"]
        assert "PerDay" in daily[0]["violations"][0]["quotaId"]


async def test_a_parameter_is_refused_as_long_as_it_is_sent() -> None:
    """400 names it; the same request without it is answered."""
    async with calling() as caller:
        refused = await caller.ask("openai", fault="param-top_p", top_p=0.5)
        assert (refused.status, refused.json["error"]["param"]) == (400, "top_p")
        assert (await caller.ask("openai", fault="param-top_p")).status == 200
        nested = await caller.ask("google", fault="param-topP", generationConfig={"topP": 0.5})
        assert nested.status == 400


async def test_an_error_can_come_with_status_200() -> None:
    """OpenRouter's way: the body is an error with its own number."""
    async with calling() as caller:
        answer = await caller.ask("openrouter", fault="error-200")
        assert (answer.status, answer.json["error"]["code"]) == (200, 502)


async def test_what_is_no_answer_at_all() -> None:
    """A page of HTML, nothing, half a JSON."""
    async with calling() as caller:
        page = await caller.ask("anthropic", fault="html-502")
        assert (page.status, page.headers["content-type"], page.data[:9]) == (502, "text/html", b"<!DOCTYPE")
        assert (await caller.ask("openai", fault="empty")).data == b""
        with pytest.raises(ValueError, match=r"Expecting value"):
            _ = (await caller.ask("openai", fault="garbage")).json


# --- begun, and not ended --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ASKINGS)
async def test_an_error_comes_in_the_middle_of_a_stream(provider: str) -> None:
    """After as many pieces as were asked for, in the provider's own form; a whole answer is an error instead."""
    async with calling() as caller:
        events = (await caller.ask(provider, LONG, fault="error-2", stream=True)).events
        assert "error" in str(events[-1]).lower()
        assert streamed(provider, [event for event in events if "error" not in event]) == "six five"
        assert (await caller.ask(provider, LONG, fault="error-2")).status >= 500


@pytest.mark.parametrize("fault", ["cut-2", "close-2"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "cohere"])
async def test_a_connection_is_lost_in_the_middle(provider: str, fault: str) -> None:
    """The reader of the stream, and of a whole answer, sees it broken."""
    async with calling() as caller:
        for is_stream in (True, False):
            with pytest.raises(aiohttp.ClientError):
                await caller.ask(provider, LONG, fault=fault, stream=is_stream)
        assert [seen.outcome for seen in caller.fakes.requests] == [fault[:-2]] * 2


@pytest.mark.parametrize("provider", ASKINGS)
async def test_a_stream_ends_too_early(provider: str) -> None:
    """The body ends well, but no finish and no end mark came."""
    async with calling() as caller:
        answer = await caller.ask(provider, LONG, fault="end-2", stream=True)
        assert streamed(provider, answer.events) == "six five"
        assert not re.search(rb'"(finish_?reason|stop_reason)": ?"|DONE|message_stop', answer.data, re.IGNORECASE)


async def test_a_stream_stalls() -> None:
    """What came before the silence can be read; nothing more comes until the reader leaves."""
    async with calling() as caller:
        asking = ASKINGS["openai"]
        headers = asking.headers("sk-test-not-a-key-openai") | {"x-fake-fault": "stall-2"}
        got = b""
        async with caller.session.post(
            caller.fakes.url + asking.path, json=asking.body(LONG, stream=True), headers=headers
        ) as reply:
            while b"five" not in got:
                got += await reply.content.readany()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reply.content.readany(), 0.03)
        assert b"four" not in got


# --- something missing or too much -----------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ASKINGS)
async def test_usage_can_be_missing(provider: str) -> None:
    """It is there as the provider has it, and gone when that is asked for."""
    async with calling() as caller:
        usage = re.compile(r"usage(Metadata)?'?: ?\{")
        for fault, is_there in (("", True), ("no-usage", False)):
            assert bool(usage.search(str((await caller.ask(provider, fault=fault)).json))) == is_there


async def test_openai_streams_usage_only_when_asked() -> None:
    """Every chunk then has `usage: null` and a last one, without choices, has the counts."""
    async with calling() as caller:
        assert not [event for event in (await caller.ask("openai", stream=True)).events if "usage" in event]
        asked = await caller.ask("openai", stream=True, stream_options={"include_usage": True})
        *others, last = asked.events
        assert {event["usage"] for event in others} == {None}
        assert (last["choices"], last["usage"]["total_tokens"]) == ([], 6)


async def test_marks_can_be_missing_or_doubled() -> None:
    """No [DONE], no finish reason, the end twice, a piece behind the end."""
    async with calling() as caller:

        async def stream(fault: str) -> tuple[bytes, list[Any]]:
            answer = await caller.ask("openai", LONG, fault=fault, stream=True)
            return answer.data, [event["choices"][0]["finish_reason"] for event in answer.events]

        assert b"[DONE]" in (await stream(""))[0]
        assert b"[DONE]" not in (await stream("no-done"))[0]
        assert set((await stream("no-finish"))[1]) == {None}
        data, reasons = await stream("twice")
        assert (data.count(b"[DONE]"), reasons.count("stop")) == (2, 2)
        assert (await stream("late"))[1][-2:] == ["stop", None]
        assert (await stream("finish-content_filter"))[1][-1] == "content_filter"


async def test_arguments_can_be_bad() -> None:
    """As an object, as no JSON; Groq has an error for the latter."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}
    async with calling() as caller:

        async def arguments(provider: str, fault: str) -> Any:
            answer = (await caller.ask(provider, "go", fault=fault, tools=[tool])).json
            return answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]

        assert await arguments("openai", "arguments-object") == {"a": 1}
        assert await arguments("together", "arguments-broken") == '{"a":1'
        failed = await caller.ask("groq", "go", fault="arguments-broken", tools=[tool])
        assert (failed.status, failed.json["error"]["code"]) == (400, "tool_use_failed")


# --- how it is written -----------------------------------------------------------------------------------------------

FORMS = (
    "lf",
    "crlf",
    "pad-9",
    "no-space",
    "comments",
    "multiline",
    "split-1",
    "split-7",
    "joined",
    "gzip",
    "crlf+split-1",
)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "mistral", "cohere", "openrouter"])
async def test_every_form_says_the_same(provider: str) -> None:
    """However an answer is written, its bytes mean the same; multi-line JSON apart, line by line."""
    async with calling() as caller:
        for form in FORMS:
            answer = await caller.ask(provider, "say Olá, 世界 🎈", fault=form, stream=True)
            if form != "multiline":
                assert streamed(provider, answer.events) == "Olá, 世界 🎈"
            assert (b"\r\n\r\n" in answer.data) == ("crlf" in form or (provider == "google" and "lf" not in form))


async def test_lines_can_be_long_or_broken() -> None:
    """A line of any length, or an event that is no JSON, stands behind the first piece."""
    async with calling() as caller:
        assert b"x" * 5000 in (await caller.ask("openai", fault="long-5000", stream=True)).data
        assert b'data: {"half":\n\n' in (await caller.ask("openai", fault="bad-event", stream=True)).data


async def test_a_stream_can_be_answered_as_one_json() -> None:
    """As some proxies do."""
    async with calling() as caller:
        for provider in ASKINGS:
            answer = await caller.ask(provider, fault="whole", stream=True)
            assert answer.headers["content-type"].startswith("application/json")
            assert "gamma beta alpha" in str(answer.json)


async def test_pieces_can_be_slow() -> None:
    """A slow first byte and a drip are waits, not losses."""
    async with calling() as caller:
        answer = await caller.ask("openai", LONG, fault="slow-2+drip-1", stream=True)
        assert streamed("openai", answer.events) == ANSWER
