"""The transformers engine for real: PyTorch in a child of a real loader, true models, unmodified clients."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from math import prod
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from openai import AsyncOpenAI, BadRequestError

from batuta.catalog.entities import ModelSpec
from batuta.engines.base import LoadProgress, RawCall
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.errors import BadModelFile, Cause, ContextFull, ModelFailed
from batuta.settings import EngineSettings
from batuta.testing.safetensors import CALL, CHAT, RESULT, TEMPLATE, Tensor, tiny_safetensors, write_file
from tests import canary
from tests.acceptance.loader_play import Stage, post, stage

MISSING = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra `transformers` is not installed: {', '.join(MISSING)}"),
]

LOAD_S = 60.0  # PyTorch alone takes seconds to import on a slow machine
CALLS = (
    '<tool_call>\n{"name": "get_weather", "arguments": {"city": "São Paulo"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Lisbon", "days": 2}}\n</tool_call>'
)
SAYS = {
    CHAT: "Good morning to you, traveller.",
    CALL: CALLS,
    RESULT: "It is sunny.",
    ":": ' {"city": "Porto"}}\n</tool_call>',
}
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
HELLO: list[Any] = [{"role": "user", "content": "Olá!"}]


Served = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A loader with the two models of most of these tests: the table, which follows a script, and the talker."""
    data = tmp_path_factory.mktemp("served")
    play = Stage(data)
    table = tiny_safetensors(play.models / "table", says=SAYS, family="qwen2", shards=2)
    talker = tiny_safetensors(play.models / "talker", context=2048)

    async def load() -> Served:
        await play.connect()
        both = (play.load(folder.name, folder, timeout_s=LOAD_S, context=2048) for folder in (table, talker))
        records = await asyncio.gather(*both)
        await play.client.aclose()
        return {str(record["id"]): record for record in records}

    process = play.spawn()
    try:
        yield asyncio.run(load())
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def running(data: Path, **options: Any) -> AsyncIterator[tuple[Stage, dict[str, Any]]]:
    """Load a talker of one's own; give the stage and the model's record."""
    async with stage(data) as play:
        folder = tiny_safetensors(data / "models" / "talker", context=2048)
        yield play, await play.load("talker", folder, timeout_s=LOAD_S, **options)


def client(record: dict[str, Any]) -> AsyncOpenAI:
    """Return OpenAI's own client, as it is."""
    return AsyncOpenAI(base_url=f"http://127.0.0.1:{record['port']}/v1", api_key=record["key"], max_retries=0)


# --- talking -------------------------------------------------------------------------------------------------------


async def test_the_openai_client_chats_streams_completes_and_embeds(served: Served) -> None:
    """The client of OpenAI, unmodified, gets answers whole and streamed, with usage, stops and vectors."""
    record = served["table"]
    async with client(record) as openai:
        assert [model.id async for model in await openai.models.list()] == ["table"]
        whole = await openai.chat.completions.create(model="table", messages=HELLO, temperature=0)
        assert whole.choices[0].message.content == SAYS[CHAT]
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage is not None
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
        stream = await openai.chat.completions.create(
            model="table", messages=HELLO, temperature=0, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == SAYS[CHAT]
        assert chunks[-1].usage == whole.usage
        assert chunks[-2].choices[0].finish_reason == "stop"
        cut = await openai.chat.completions.create(model="table", messages=HELLO, temperature=0, stop=["ing to"])
        assert cut.choices[0].message.content == "Good morn"
        short = await openai.chat.completions.create(model="table", messages=HELLO, temperature=0, max_tokens=2)
        assert short.choices[0].finish_reason == "length"
        completed = await openai.completions.create(model="table", prompt=f"x{CHAT}", temperature=0)
        assert completed.choices[0].text == SAYS[CHAT]
        vectors = await openai.embeddings.create(model="table", input=["one", "two and more"])
        for row in vectors.data:
            assert sum(number * number for number in row.embedding) == pytest.approx(1, abs=1e-3)


async def test_functions_are_called_whole_and_streamed(served: Served) -> None:
    """Two calls are generated and parsed back; results go into the conversation; a choice forbids or forces."""
    record = served["table"]
    async with client(record) as openai:
        ask: dict[str, Any] = {"model": "table", "messages": HELLO, "temperature": 0, "tools": TOOLS}
        whole = await openai.chat.completions.create(**ask)
        choice = whole.choices[0]
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
        calls = choice.message.tool_calls
        assert calls is not None
        assert [json.loads(call.function.arguments) for call in calls] == [
            {"city": "São Paulo"},
            {"city": "Lisbon", "days": 2},
        ]
        assert len({call.id for call in calls}) == 2

        content = ""
        streamed: list[Any] = []
        async for chunk in await openai.chat.completions.create(**ask, stream=True):
            content += chunk.choices[0].delta.content or ""
            streamed += chunk.choices[0].delta.tool_calls or []
        assert content == ""
        assert [(call.index, call.function.name, call.function.arguments) for call in streamed] == [
            (index, call.function.name, call.function.arguments) for index, call in enumerate(calls)
        ]

        results = [{"role": "tool", "tool_call_id": call.id, "content": "sun"} for call in calls]
        told = [*HELLO, choice.message.model_dump(exclude_none=True), *results]
        after = await openai.chat.completions.create(**{**ask, "messages": told})
        assert after.choices[0].message.content == SAYS[RESULT]

        none = await openai.chat.completions.create(**ask, tool_choice="none")
        assert none.choices[0].message.content == SAYS[CHAT]
        one = await openai.chat.completions.create(**ask, parallel_tool_calls=False)
        assert len(one.choices[0].message.tool_calls or []) == 1
        named: Any = {"type": "function", "function": {"name": "get_weather"}}
        for forced in ("required", named):
            due = await openai.chat.completions.create(**ask, tool_choice=forced)
            [call] = due.choices[0].message.tool_calls or []
            assert json.loads(call.function.arguments) == {"city": "Porto"}


async def test_batches_say_the_same_as_turns(data_dir: Path) -> None:
    """Transformers' own continuous batching, where it is asked for: the same text, many at once, seeds beside it."""
    async with stage(data_dir) as play:
        folder = tiny_safetensors(data_dir / "models" / "talker", context=2048)
        said: dict[str, list[Any]] = {}
        for way in ("turns", "batch"):
            record = await play.load("talker", folder, timeout_s=LOAD_S, batching=way, slots=3)
            asks = [
                {"messages": [{"role": "user", "content": f"say {n}"}], "max_tokens": 12 + n, "temperature": 0}
                for n in range(4)
            ]
            asks.append({**asks[0], "temperature": 0.9, "seed": 5, "frequency_penalty": 1})
            answers = await asyncio.gather(*(post(record, "chat/completions", ask) for ask in asks))
            assert {status for status, _ in answers} == {200}
            said[way] = [answer["choices"][0]["message"]["content"] for _, answer in answers]
            await play.client.unload("talker")
        assert said["turns"] == said["batch"]
        assert len(set(said["turns"])) == 5


async def test_a_seed_gives_the_same_answer_and_another_gives_another(served: Served) -> None:
    """Sampling is repeatable for who asks, whatever goes on beside it."""
    record = served["talker"]
    ask = {"prompt": "abc", "max_tokens": 24, "temperature": 1.5, "top_p": 0.9, "top_k": 30}
    seeds = (1, 1, 2, None)
    answers = await asyncio.gather(*(post(record, "completions", {**ask, "seed": seed}) for seed in seeds))
    first, again, other, free = (answer["choices"][0]["text"] for _, answer in answers)
    assert first == again
    assert len({first, other, free}) == 3


# --- sharing and leaving -------------------------------------------------------------------------------------------


async def test_two_streams_progress_together(served: Served) -> None:
    """A second stream begins while the first goes on, and both advance."""
    record = served["talker"]
    async with client(record) as openai:
        order: list[str] = []

        async def talk(name: str) -> None:
            stream = await openai.completions.create(model="talker", prompt=name, max_tokens=60, stream=True)
            async for chunk in stream:
                if chunk.choices[0].text:
                    order.append(name)  # noqa: PERF401  # when it came is what counts

        async with asyncio.TaskGroup() as group:
            group.create_task(talk("a"))
            group.create_task(talk("b"))
        middle = "".join(order[10:-10])
        assert len(re.findall("ab|ba", middle)) > 10, order


async def test_who_leaves_is_not_computed_for(data_dir: Path) -> None:
    """A client that hangs up, streaming or not, frees the model at once."""
    async with running(data_dir, slots=1) as (_, record), client(record) as openai:
        stream = await openai.completions.create(model="talker", prompt="x", max_tokens=2000, stream=True)
        await anext(aiter(stream))
        await stream.close()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await openai.completions.create(model="talker", prompt="x", max_tokens=2000)
        process = psutil.Process(record["pid"])
        async with asyncio.timeout(3):
            await openai.completions.create(model="talker", prompt="x", max_tokens=1)
        before = process.cpu_times().user
        await asyncio.sleep(0.3)
        assert process.cpu_times().user - before < 0.1, "it computes for nobody"


async def test_a_prompt_that_is_too_long_is_context_full(data_dir: Path) -> None:
    """The gateway's table of faults reads it like llama-server's, with the figures; the room ends an answer."""
    async with running(data_dir, context=256) as (play, record), client(record) as openai:
        transport = Transport()
        worker = LocalWorker(play.client, transport, settings=EngineSettings())
        spec = ModelSpec("talker", "local", record["path"], context_length=256)
        assert (await worker.load(spec, lambda _progress: None)).was_resident
        body = orjson.dumps({"model": "talker", "prompt": "x" * 300})
        with pytest.raises(ContextFull) as caught:
            await worker.forward(spec, RawCall("completions", body, False, asyncio.get_running_loop().time() + 10))
        assert caught.value.details == {"n_prompt": 300, "n_ctx": 256}
        full = await openai.completions.create(model="talker", prompt="x" * 250)
        assert (full.choices[0].finish_reason, full.usage and full.usage.total_tokens) == ("length", 256)
        await transport.aclose()


async def test_what_it_cannot_do_is_refused_in_words(served: Served) -> None:
    """Log probabilities, several answers, pictures, formats, wrong numbers: 400, and the model lives."""
    refused: dict[str, dict[str, Any]] = {
        "log probabilities": {"logprobs": True},
        "more than one answer": {"n": 2},
        "holding an answer to a format": {"response_format": {"type": "json_object"}},
        "reads text only": {
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
        },
        "temperature is -1": {"temperature": -1},
        "tool_choice is required": {"tool_choice": "required"},
    }
    record = served["table"]
    async with client(record) as openai:
        for words, changes in refused.items():
            with pytest.raises(BadRequestError, match=words):
                await openai.chat.completions.create(**{"model": "table", "messages": HELLO, **changes})
        assert (await post(record, "chat/completions", {"messages": HELLO}, key="sk-test-not-a-key"))[0] == 401
        assert (await post(record, "chat/completions", {"messages": HELLO, "temperature": 0}))[0] == 200


# --- loading -------------------------------------------------------------------------------------------------------


async def test_a_load_shows_progress_and_an_unload_gives_the_memory_back(data_dir: Path) -> None:
    """Through the worker: stages with a fraction, an answer, and then no process and no port."""
    async with stage(data_dir) as play:
        folder = tiny_safetensors(data_dir / "models" / "wide", hidden=512, layers=6)
        transport = Transport()
        worker = LocalWorker(play.client, transport, settings=EngineSettings(), load_timeout_s=LOAD_S)
        spec = ModelSpec(
            "wide", "local", str(folder), context_length=512, options={"device": "cpu", "dtype": "bfloat16"}
        )
        progress: list[LoadProgress] = []
        report = await worker.load(spec, progress.append)
        assert progress[0].stage == "starting"
        assert {"reading", "warming"} <= {each.stage for each in progress}
        fractions = [each.fraction for each in progress if each.fraction is not None]
        assert fractions == sorted(fractions)
        assert report.memory_bytes > 100 << 20
        [record] = (await play.client.status())["models"]
        assert report.memory_bytes < 2 * record["need_bytes"]
        assert (await post(record, "completions", {"prompt": "x", "max_tokens": 3}))[0] == 200
        await worker.unload(spec)
        assert await worker.resident() == ()
        assert not psutil.pid_exists(record["pid"])
        await transport.aclose()


def test_the_loader_itself_never_holds_torch(served: Served) -> None:
    """PyTorch lives in the child only, which has no secret of ours and cannot reach a network for files."""
    child = psutil.Process(served["table"]["pid"])
    for process, has_torch in ((child, True), (psutil.Process(child.ppid()), False)):
        assert any("libtorch" in each.path for each in process.memory_maps()) is has_torch
    assert child.environ()["HF_HUB_OFFLINE"] == "1"
    assert not [value for value in child.environ().values() if value in canary.KEYS.values()]


async def test_what_must_not_be_loaded_is_refused(data_dir: Path) -> None:
    """Pickles, a model's own code, an unknown architecture, missing tensors, a device that is not there."""
    async with stage(data_dir) as play:
        folder = data_dir / "models"
        talker = tiny_safetensors(folder / "talker")
        pickled = tiny_safetensors(folder / "pickled")
        (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
        with pytest.raises(BadModelFile, match="pickle"):
            await play.load("pickled", pickled)

        own = tiny_safetensors(folder / "own")
        marker = data_dir / "it-ran"
        (own / "modeling_own.py").write_text(f"open({str(marker)!r}, 'w')")
        _configure(
            own, model_type="own", auto_map={"AutoConfig": "modeling_own.C", "AutoModelForCausalLM": "modeling_own.M"}
        )
        with pytest.raises(BadModelFile, match="never runs a model's"):
            await play.load("own", own, timeout_s=LOAD_S)
        assert not marker.exists()

        _configure(own, model_type="nobody_knows", auto_map=None)
        with pytest.raises(BadModelFile, match="does not know its architecture"):
            await play.load("unknown", own, timeout_s=LOAD_S)

        lacking = shutil.copytree(talker, folder / "lacking")
        _configure(lacking, num_hidden_layers=3)
        with pytest.raises(BadModelFile, match="tensors are missing"):
            await play.load("lacking", lacking, timeout_s=LOAD_S)

        hiding = shutil.copytree(talker, folder / "hiding")
        (hiding / "adapter_model.bin").write_bytes(b"a pickle")
        _configure(hiding, transformers_weights="adapter_model.bin")
        with pytest.raises(BadModelFile, match="names other weights"):
            await play.load("hiding", hiding)

        for name in ("tokenizer.json", "tokenizer_config.json"):
            mute = shutil.copytree(talker, folder / f"mute-{name}")
            (mute / name).write_text("{")
            with pytest.raises(BadModelFile, match=r"is not sound|no JSON"):
                await play.load("mute", mute, timeout_s=LOAD_S)

        with pytest.raises(ModelFailed, match="does not see one") as caught:
            await play.load("talker", talker, device="mps", timeout_s=LOAD_S)
        assert caught.value.cause is Cause.NOT_INSTALLED


async def test_an_encoder_gives_vectors_and_is_whole(data_dir: Path) -> None:
    """A text as long as its positions allow; one token more is a full context; a layer that is missing is refused."""
    async with stage(data_dir) as play:
        folder = _encoder(data_dir / "models" / "encoder", positions=66)
        record = await play.load("encoder", folder, timeout_s=LOAD_S)
        assert record["context"] == 64
        status, body = await post(record, "embeddings", {"input": "x" * 63})
        assert (status, len(body["data"][0]["embedding"])) == (200, 8)
        status, body = await post(record, "embeddings", {"input": "x" * 64})
        assert (status, body["error"]["type"]) == (400, "exceed_context_size_error")
        await play.client.unload("encoder")
        lacking = _encoder(data_dir / "models" / "lacking", positions=66, without="query")
        with pytest.raises(BadModelFile, match="tensors are missing"):
            await play.load("lacking", lacking, timeout_s=LOAD_S)


def _encoder(folder: Path, *, positions: int, without: str = "nothing") -> Path:
    """Write an XLM-RoBERTa of one layer, without the head that vectors do not need."""
    tiny_safetensors(folder, template=None)
    (folder / "generation_config.json").unlink()
    block = "encoder.layer.0."
    maps = [f"{block}attention.self.{part}" for part in ("query", "key", "value")]
    maps += [f"{block}{part}.dense" for part in ("attention.output", "intermediate", "output")]
    norms = ["embeddings.LayerNorm", f"{block}attention.output.LayerNorm", f"{block}output.LayerNorm"]
    rows = {"word": 261, "position": positions, "token_type": 1}
    shapes: dict[str, tuple[int, ...]] = {f"embeddings.{name}_embeddings.weight": (n, 8) for name, n in rows.items()}
    shapes |= {f"{name}.weight": (8, 8) for name in maps} | {f"{name}.weight": (8,) for name in norms}
    shapes |= {f"{name}.bias": (8,) for name in maps + norms}
    ones = struct.pack("<f", 1.0)
    tensors = {name: Tensor("F32", dims, ones * prod(dims)) for name, dims in shapes.items() if without not in name}
    write_file(folder / "model.safetensors", tensors)
    _configure(
        folder,
        architectures=["XLMRobertaModel"],
        model_type="xlm-roberta",
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=positions,
        type_vocab_size=1,
        pad_token_id=1,
        hidden_act="gelu",
    )
    return folder


async def test_a_model_without_a_template_completes_but_does_not_chat(data_dir: Path) -> None:
    """A base model says so in a clear 400."""
    async with stage(data_dir) as play:
        folder = tiny_safetensors(data_dir / "models" / "base", template=None)
        record = await play.load("base", folder, timeout_s=LOAD_S)
        status, body = await post(record, "chat/completions", {"messages": HELLO})
        assert (status, "no chat template" in body["error"]["message"]) == (400, True)
        assert (await post(record, "completions", {"prompt": "x", "max_tokens": 2}))[0] == 200


async def test_a_template_that_fails_costs_one_request(data_dir: Path) -> None:
    """A template may refuse a conversation; what it says reaches the caller."""
    async with stage(data_dir) as play:
        template = TEMPLATE.replace(
            "{% if tools %}", "{% if not tools %}{{ raise_exception('bring tools') }}{% endif %}{% if tools %}", 1
        )
        folder = tiny_safetensors(data_dir / "models" / "strict", template=template)
        record = await play.load("strict", folder, timeout_s=LOAD_S)
        status, body = await post(record, "chat/completions", {"messages": HELLO})
        assert (status, "bring tools" in body["error"]["message"]) == (400, True)
        ask = {"messages": HELLO, "tools": TOOLS, "max_tokens": 2}
        assert (await post(record, "chat/completions", ask))[0] == 200


def _configure(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    config = {name: value for name, value in {**config, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
