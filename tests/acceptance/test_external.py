"""External models end to end: a real gateway process, fakes of the real APIs, and OpenAI's own SDK as the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.acceptance.external_play import (
    APIS,
    GOOGLE,
    NAMED,
    Api,
    Play,
    playing,
    said,
    who,
)

pytestmark = pytest.mark.acceptance

PATIENCE_S = 1.5
"""How long this gateway waits for a first word, and for the next one."""
BEFORE = ("429-retry-after-7", "529", "500", "cut-0", "close-0", "error-0", "silent")
BROKEN = ("error-2", "cut-2", "close-2", "end-2", "stall-2")
SAME = {"429-retry-after-7": "429-retry-after-07", "529": "0529"}
"""The same for a stream. A model that wants a pause is left alone for a while, so each question has one of its own."""
MISHAPS = [
    pytest.param(fault, api, stream, id=f"{fault}-{api.id}-{'streamed' if stream else 'whole'}")
    for fault in BEFORE
    for api in APIS
    for stream in (False, True)
]
EACH_API = pytest.mark.parametrize("api", APIS, ids=lambda api: api.id)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 2}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
CLOCK = {
    "type": "object",
    "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
    "required": ["zone"],
    "additionalProperties": False,
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": schema}}
    for name, schema in (("weather", WEATHER), ("clock", CLOCK))
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """One gateway for the module; it waits as long as PATIENCE_S."""
    names = ("FIRST_WORD_S", "WHOLE_ANSWER_S", "IDLE_S")
    env = {f"BATUTA_ENGINE__{name}": str(PATIENCE_S) for name in names}
    faults = (*BEFORE, *SAME.values(), *BROKEN)
    with playing(tmp_path_factory.mktemp("external"), keys=1, has_door=False, faults=faults, env=env) as play:
        yield play


@pytest.fixture
def play(stage: Play) -> Play:
    """The stage, cleared."""
    stage.clear()
    return stage


@pytest.fixture(scope="module")
def client(stage: Play) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, pointed at Batuta; its own further tries are off."""
    with openai.OpenAI(base_url=f"{stage.batuta.url}/v1", api_key="unused", max_retries=0, timeout=20) as made:
        yield made


def user(content: Any) -> Any:
    """Return a message of a person."""
    return {"role": "user", "content": content}


@EACH_API
class TestReady:
    """An external model is ready at once, whatever its API's dialect."""

    def test_it_is_ready_before_anybody_asks(self, play: Play, api: Api) -> None:
        """It is shown as ready and external, with nothing to load, and nothing was asked of it for that."""
        view = play.views()[api.model]
        assert (view["state"], view["is_external"], view["is_loadable"], view["loads"]) == ("ready", True, False, 0)
        assert play.asked(api) == []

    def test_whole(self, play: Play, client: openai.OpenAI, api: Api) -> None:
        """An answer with its finish and usage; the system prompt arrives, and the headers say who answered."""
        raw = client.chat.completions.with_raw_response.create(
            model=api.model, messages=[{"role": "system", "content": "Be brief."}, user("say system")], temperature=0.5
        )
        answer = raw.parse()
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Be brief.", "stop")
        assert answer.usage is not None
        assert answer.usage.completion_tokens >= 2
        assert who(raw.headers) == (api.model, NAMED, None)
        (seen,) = play.asked(api)
        assert seen.key == api.keys[0]

    def test_conversation(self, play: Play, client: openai.OpenAI, api: Api) -> None:
        """All turns arrive, and a limit of tokens ends the answer with its reason."""
        turns: list[Any] = [user("one"), {"role": "assistant", "content": "two"}, user("say turns")]
        assert client.chat.completions.create(model=api.model, messages=turns).choices[0].message.content == "3"
        cut = client.chat.completions.create(model=api.model, messages=[user("say a b c d")], max_tokens=2)
        assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("a b", "length")
        assert len(play.asked(api)) == 2

    def test_streamed(self, play: Play, client: openai.OpenAI, api: Api) -> None:
        """The words come one after the other, then the finish, then the usage that was asked for."""
        events = list(
            client.chat.completions.create(
                model=api.model,
                messages=[user("say Olá, 世界! 🎈 ok")],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        pieces = [choice.delta.content for event in events for choice in event.choices if choice.delta.content]
        assert len(pieces) > 1
        assert "".join(pieces) == "Olá, 世界! 🎈 ok"
        finishes = [choice.finish_reason for event in events for choice in event.choices if choice.finish_reason]
        assert finishes == ["stop"]
        assert [event.usage.completion_tokens > 0 for event in events if event.usage] == [True]
        assert len(play.asked(api)) == 1

    def test_tools(self, play: Play, client: openai.OpenAI, api: Api) -> None:
        """Two calls at once are streamed, each with its own id and whole arguments; their results are answered."""
        question = user("both for Recife please")
        stream: Any = client.chat.completions.create(
            model=api.model, messages=[question], tools=TOOLS, stream=True, parallel_tool_calls=True
        )
        calls: dict[int, dict[str, Any]] = {}
        finish = None
        for choice in (choice for event in stream for choice in event.choices):
            finish = choice.finish_reason or finish
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, {"function": {"name": "", "arguments": ""}, "type": "function"})
                call |= {"id": part.id} if part.id else {}
                call |= {"extra_content": part.extra_content} if getattr(part, "extra_content", None) else {}
                if part.function is not None:
                    call["function"]["name"] += part.function.name or ""
                    call["function"]["arguments"] += part.function.arguments or ""
        told = {call["function"]["name"]: json.loads(call["function"]["arguments"]) for call in calls.values()}
        assert told == {"weather": {"city": "both for Recife please", "days": 2}, "clock": {"zone": "UTC"}}
        assert finish == "tool_calls"
        assert len({call["id"] for call in calls.values()}) == 2
        results = [{"role": "tool", "tool_call_id": call["id"], "content": f"r{at}"} for at, call in calls.items()]
        turns: list[Any] = [question, {"role": "assistant", "tool_calls": [calls[0], calls[1]]}, *results]
        answer = client.chat.completions.create(model=api.model, messages=turns, tools=TOOLS)
        assert answer.choices[0].message.content == "weather gave r0 and clock gave r1"
        assert len(play.asked(api)) == 2

    def test_picture(self, play: Play, client: openai.OpenAI, api: Api) -> None:
        """A picture arrives."""
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        turns: list[Any] = [user([{"type": "text", "text": "say images"}, picture])]
        answer = client.chat.completions.create(model=api.model, messages=turns)
        assert answer.choices[0].message.content == "1"
        assert len(play.asked(api)) == 1

    def test_structured(self, play: Play, client: openai.OpenAI, api: Api) -> None:
        """An answer has the form that its schema demands."""
        wanted: Any = {
            "type": "json_schema",
            "json_schema": {"name": "person", "strict": True, "schema": PERSON},
        }
        answer = client.chat.completions.create(
            model=api.model, messages=[user("Ada Lovelace")], response_format=wanted
        )
        person = json.loads(answer.choices[0].message.content or "")
        assert (person.keys(), type(person["name"]), type(person["age"])) == ({"name", "age"}, str, int)
        assert len(play.asked(api)) == 1


def next_of(api: Api) -> Api:
    """Return another API, so that each stands in for one."""
    return APIS[(APIS.index(api) + 1) % len(APIS)]


class TestBeforeTheFirstWord:
    """A provider that fails before its first word is passed over."""

    @pytest.mark.parametrize(("fault", "api", "stream"), MISHAPS)
    def test_the_next_candidate_answers(self, play: Play, api: Api, fault: str, stream: bool) -> None:
        """The next model of the caller's list does, once; the headers name the first and its cause."""
        first, other = api.faulty(SAME.get(fault, fault) if stream else fault), next_of(api)
        if stream:
            heard = play.listen(first, models=[other.model])
            answered, text = heard.who, heard.text
            assert heard.error is None
        else:
            reply = play.ask(first, models=[other.model])
            answered, text = who(reply.headers), said(reply)
        assert text == "three two one"
        model, route, instead = answered
        assert (model, route) == (other.model, "number 2 of the caller's list")
        assert instead is not None
        assert instead.startswith(f"{first}, ")
        assert len(play.asked(api)) == 1
        assert len(play.asked(other)) == 1


class TestAfterTheFirstWord:
    """An answer that has begun never begins again."""

    @EACH_API
    @pytest.mark.parametrize("fault", BROKEN)
    def test_the_stream_ends_with_an_error(self, play: Play, api: Api, fault: str) -> None:
        """What was said stays, an error event says why it ends, and nobody else is asked, not even if allowed."""
        first, other = api.faulty(fault), next_of(api)
        quick = {"reasoning_effort": "none"} if api is GOOGLE else {}  # its thoughts come first otherwise
        heard = play.listen(first, "say one two three four", models=[other.model], **quick)
        assert heard.text == "one two"
        assert heard.error is not None
        assert heard.error["code"] in {"stream_broken", "upstream_failed", "upstream_timeout", "upstream_overloaded"}
        assert heard.error["message"]
        assert heard.events[-1] == {"error": heard.error}
        assert heard.who[0] == first
        assert len(play.asked()) == 1
