"""The HTTP surface over a model that is played: keys, errors, streams, callers who leave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
import pytest

from batuta.loader.engines.hf.app import Service, make_app
from batuta.loader.engines.hf.errors import Failed, NoMemory
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.toolcalls import FORMS, UNTAUGHT, Form
from batuta.loader.engines.hf.turns import End, Heard, Job
from tests.support.openai_spec import check

T = TypeVar("T")
KEY = "sk-test-not-a-key"
END = 0
PATIENCE_S = 5.0
Message = dict[str, Any]
ERRORS: dict[str, Exception] = {
    "break": ValueError("roles must alternate"),
    "divide": ZeroDivisionError("division by zero"),
    "nest": RecursionError("too deep"),
    "bug": OSError("nobody thought of this"),
    "fill": MemoryError(),
}


class Letters:
    """A tokenizer with one token a letter, and a template that names roles."""

    def __len__(self) -> int:
        return 0x110000

    def __call__(self, text: str, **_options: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def decode(self, token_ids: Sequence[int], **_options: Any) -> str:
        return "".join(map(chr, token_ids))

    def apply_chat_template(self, messages: list[Message], **options: Any) -> str:
        if error := ERRORS.get(messages[0]["content"]):
            raise error
        return f"{messages[-1]['content']}{'?' if options['tools'] else ''}:"


@dataclass
class Played:
    """A model and its computer: says what it is given, then ends, fails or waits."""

    says: list[Heard] = field(default_factory=list)
    tokenizer: Any = field(default_factory=Letters)
    silent: frozenset[int] = frozenset({END})
    form: Form = FORMS[0]
    has_template: bool = True
    context: int = 100
    vocabulary: int = 0x110000
    ends: frozenset[int] = frozenset({END})
    defaults: Sampling = Sampling()  # noqa: RUF009  # frozen
    device: str = "cpu"
    dtype: str = "float32"
    jobs: list[Job] = field(default_factory=list)
    cancelled: int = 0
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def submit(self, job: Job) -> Callable[[], None]:
        self.jobs.append(job)
        self.is_asked.set()
        for each in self.says:
            job.tell(each)

        def cancel() -> None:
            self.cancelled += 1

        return cancel

    def do(self, errand: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(errand())
        except Failed as error:
            future.set_exception(error)
        return future


def spoken(text: str, how: Heard | None = None) -> list[Heard]:
    return [*map(ord, text), how or End("stop")]


@dataclass
class Caller:
    """Speaks ASGI with the application, as uvicorn does."""

    model: Played
    can_answer: bool = True
    embed: Callable[[list[int]], Sequence[float]] | None = None
    hangs_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, path: str, body: Any = None, *, key: str = KEY) -> tuple[int, bytes]:
        service = Service("m", self.model, self.model, embed=self.embed, can_answer=self.can_answer)
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent: list[Message] = []
        given = [{"type": "http.request", "body": data, "more_body": False}]

        async def receive() -> Message:
            if given:
                return given.pop()
            await self.hangs_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": "GET" if body is None else "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"authorization", f"Bearer {key}".encode())],
        }
        app: Callable[..., Awaitable[None]] = make_app(service, KEY)
        # What nobody thought of is raised for the server's log, once it has been answered.
        with suppress(OSError, MemoryError):
            async with asyncio.timeout(PATIENCE_S):
                await app(scope, receive, send)
        status = sent[0]["status"] if sent else 0
        return status, b"".join(message.get("body", b"") for message in sent)

    async def chat(self, **changes: Any) -> tuple[int, Any]:
        body = {"messages": [{"role": "user", "content": "hi"}], **changes}
        status, answer = await self.ask("/v1/chat/completions", body)
        return status, answer if changes.get("stream") else orjson.loads(answer)


def events(answer: bytes) -> list[Any]:
    lines = [event.removeprefix(b"data: ") for event in answer.split(b"\n\n") if event]
    return [line.decode() if line == b"[DONE]" else orjson.loads(line) for line in lines]


async def test_only_who_has_the_key_is_answered() -> None:
    """Health is open; everything else wants the key, also what does not exist."""
    caller = Caller(Played())
    assert (await caller.ask("/health", key=""))[0] == 200
    for path in ("/v1/models", "/nothing", "/healthy", "/health/more"):
        status, body = await caller.ask(path, key="wrong")
        assert (status, orjson.loads(body)["error"]["type"]) == (401, "authentication_error")
    assert (await caller.ask("/nothing"))[0] == 404
    assert (await caller.ask("/v1/chat/completions"))[0] == 404
    status, body = await caller.ask("/v1/models")
    assert orjson.loads(body)["data"][0]["meta"] == {"n_ctx": 100, "device": "cpu", "dtype": "float32"}


async def test_a_chat_is_answered_whole_and_as_a_stream() -> None:
    """The same words, the same usage, an end and a mark."""
    caller = Caller(Played(spoken("Olá")))
    status, whole = await caller.chat()
    assert status == 200
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Olá", "refusal": None}
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}  # the end is a token too
    _, answer = await caller.chat(stream=True, stream_options={"include_usage": True})
    *chunks, usage, done = events(answer)
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in chunks) == "Olá"
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (usage["usage"], usage["choices"], done) == (whole["usage"], [], "[DONE]")


async def test_the_room_ends_an_answer() -> None:
    """No more tokens are asked for than the context has room for."""
    model = Played(spoken("x", End("length")), context=10)
    status, whole = await Caller(model).chat(max_tokens=50)
    assert (status, whole["choices"][0]["finish_reason"], model.jobs[0].most) == (200, "length", 7)
    assert whole["usage"]["completion_tokens"] == 1
    status, error = await Caller(model).chat(messages=[{"role": "user", "content": "x" * 20}])
    assert (status, error["error"]["n_prompt_tokens"], error["error"]["n_ctx"]) == (400, 21, 10)


async def test_a_stop_string_ends_the_computation() -> None:
    """Found over tokens, it is not shown, and the model is told to stop."""
    model = Played([*map(ord, "one STOP two")])
    status, whole = await Caller(model).chat(stop=["STOP"])
    assert (status, whole["choices"][0]["message"]["content"], model.cancelled) == (200, "one ", 1)


async def test_calls_are_streamed_without_half_a_mark() -> None:
    """No letter of the mark is content; the call comes whole."""
    call = '<tool_call>{"name": "look", "arguments": {"at": "sun"}}</tool_call>'
    tools = [{"type": "function", "function": {"name": "look"}}]
    _, answer = await Caller(Played(spoken(f"Yes. {call}"))).chat(stream=True, tools=tools)
    chunks = [each["choices"][0] for each in events(answer)[:-1]]
    assert "".join(each["delta"].get("content") or "" for each in chunks) == "Yes. "
    [[told]] = [each["delta"]["tool_calls"] for each in chunks if "tool_calls" in each["delta"]]
    assert (told["index"], told["function"]) == (0, {"name": "look", "arguments": '{"at": "sun"}'})
    assert chunks[-1]["finish_reason"] == "tool_calls"
    _, whole = await Caller(Played(spoken(call, End("length")))).chat(tools=tools)
    assert whole["choices"][0]["finish_reason"] == "length"
    model = Played(spoken(f"{call}{call}"))
    _, whole = await Caller(model).chat(tools=tools, parallel_tool_calls=False)
    assert len(whole["choices"][0]["message"]["tool_calls"]) == 1
    assert model.cancelled == 1


async def test_a_choice_forces_how_the_answer_begins() -> None:
    """The prefix of a call goes into the prompt, and counts as said."""
    model = Played(spoken(' {"at": "sun"}}</tool_call>'))
    tools = [{"type": "function", "function": {"name": "look"}}]
    _, whole = await Caller(model).chat(tools=tools, tool_choice="required")
    assert Letters().decode(model.jobs[0].tokens).endswith('?:<tool_call>\n{"name": "look", "arguments":')
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"at": "sun"}'


@pytest.mark.parametrize("stream", [False, True])
async def test_what_fails_before_the_first_word_has_a_status(stream: bool) -> None:
    """Memory that runs out is a 503 with a name, streamed or not."""
    status, answer = await Caller(Played([NoMemory()])).chat(stream=stream)
    body = orjson.loads(answer) if stream else answer
    assert (status, body["error"]["type"]) == (503, "insufficient_memory_error")


async def test_what_fails_later_is_an_event() -> None:
    """A stream that has begun tells its failure in-band and has no mark of a good end."""
    _, answer = await Caller(Played([ord("x"), Failed("the model's computation failed")])).chat(stream=True)
    told = events(answer)
    assert told[-1]["error"]["code"] == 500
    assert "[DONE]" not in told


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_ends_the_job(stream: bool) -> None:
    """A caller who hangs up while the model works frees it at once."""
    model = Played([ord("x")])
    caller = Caller(model)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(caller.ask("/v1/completions", {"prompt": "a", "stream": stream}))
        await model.is_asked.wait()
        assert model.cancelled == 0
        caller.hangs_up.set()
    assert model.cancelled == 1


async def test_bodies_that_are_none_are_refused() -> None:
    """No JSON, no object, a template that refuses, a model without one or that only embeds: each says so."""
    caller = Caller(Played())
    for body in (b"{", b"[]", b"\xff"):
        assert (await caller.ask("/v1/chat/completions", body))[0] == 400
    status, error = await caller.chat(messages=[{"role": "user", "content": "break"}])
    assert (status, "roles must alternate" in error["error"]["message"]) == (400, True)
    status, error = await Caller(Played(has_template=False)).chat()
    assert (status, "no chat template" in error["error"]["message"]) == (400, True)
    status, error = await Caller(Played(), can_answer=False).chat()
    assert (status, "only embeds" in error["error"]["message"]) == (400, True)
    assert (await caller.ask("/v1/completions", {"prompt": [1, -1]}))[0] == 400


async def test_what_a_template_does_wrong_is_told() -> None:
    """A template is a stranger's program: whatever it raises costs one request, which gets an answer in JSON."""
    caller = Caller(Played())
    for content in ("divide", "nest"):
        status, error = await caller.chat(messages=[{"role": "user", "content": content}])
        assert (status, str(ERRORS[content]) in error["error"]["message"]) == (400, True)
    for content, expected in (("bug", (500, "server_error")), ("fill", (503, "insufficient_memory_error"))):
        status, error = await caller.chat(messages=[{"role": "user", "content": content}])
        assert (status, error["error"]["type"]) == expected
        assert "nobody thought" not in error["error"]["message"]


async def test_only_tokens_that_the_model_has_are_computed() -> None:
    """A tokenizer may know more tokens than its model: on a GPU one such token would end the program for all."""
    for model in (Played(vocabulary=98), Played(context=2)):
        for path, body in (
            ("/v1/completions", {"prompt": "ab"}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "ab"}]}),
        ):
            status, _ = await Caller(model).ask(path, body)
            assert status == 400
        assert model.jobs == []
    assert (await Caller(Played(spoken("a"), vocabulary=98)).ask("/v1/completions", {"prompt": "a"}))[0] == 200


async def test_a_completion_goes_on_where_the_prompt_ends() -> None:
    """The space between the prompt's last word and the first one said is there, also where decoders drop it."""

    class Words(Letters):
        def decode(self, token_ids: Sequence[int], **_options: Any) -> str:
            return " ".join(map(chr, token_ids))

    caller = Caller(Played(spoken("cd"), tokenizer=Words()))
    _, body = await caller.ask("/v1/completions", {"prompt": "ab"})
    assert orjson.loads(body)["choices"][0]["text"] == " c d"
    _, whole = await caller.chat()
    assert whole["choices"][0]["message"]["content"] == "c d"


async def test_answers_have_the_shape_of_openais_specification() -> None:
    """Whole and in events, with text, with a call, with usage; vectors and models too."""
    call = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    tools = [{"type": "function", "function": {"name": "look"}}]
    caller = Caller(Played(spoken(f"Yes. {call}")), embed=lambda _tokens: [1.0])
    check((await caller.chat(tools=tools))[1], "CreateChatCompletionResponse")
    check((await caller.chat())[1], "CreateChatCompletionResponse")
    _, answer = await caller.chat(stream=True, tools=tools, stream_options={"include_usage": True})
    for each in events(answer)[:-1]:
        check(each, "CreateChatCompletionStreamResponse")
    for path, body, schema in (
        ("/v1/completions", {"prompt": "a"}, "CreateCompletionResponse"),
        ("/v1/embeddings", {"input": "a"}, "CreateEmbeddingResponse"),
        ("/v1/models", None, "ListModelsResponse"),
    ):
        check(orjson.loads((await caller.ask(path, body))[1]), schema)


async def test_a_model_whose_template_knows_no_tools_is_told_in_words() -> None:
    """What it can call and how stands in the prompt, and its calls are read back."""
    model = Played(spoken('<tool_call>{"name": "look", "arguments": {"at": "sun"}}</tool_call>'), form=UNTAUGHT)
    model.context = 4000
    _, whole = await Caller(model).chat(tools=[{"type": "function", "function": {"name": "look", "parameters": {}}}])
    prompt = Letters().decode(model.jobs[0].tokens)
    assert '{"name": "look", "parameters": {}}' in prompt
    assert prompt.endswith("hi:")
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look"


async def test_vectors_are_counted_and_can_be_switched_off() -> None:
    """One vector a text, in order; off is a 400, a failure a 500."""
    caller = Caller(Played(), embed=lambda tokens: [float(len(tokens))])
    status, body = await caller.ask("/v1/embeddings", {"input": ["a", "bcd"]})
    answer = orjson.loads(body)
    assert (status, [row["embedding"] for row in answer["data"]]) == (200, [[1.0], [3.0]])
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert (await Caller(Played()).ask("/v1/embeddings", {"input": "a"}))[0] == 400

    counted: list[int] = []

    def count(tokens: list[int]) -> list[float]:
        counted.append(len(tokens))
        return [1.0]

    leaving = Caller(Played(), embed=count)
    leaving.hangs_up.set()
    await leaving.ask("/v1/embeddings", {"input": ["a", "b", "c"]})
    assert counted == [1], "it computes for somebody who has left"

    def fail(_tokens: list[int]) -> list[float]:
        raise Failed("the model's computation failed")

    assert (await Caller(Played(), embed=fail).ask("/v1/embeddings", {"input": "a"}))[0] == 500
