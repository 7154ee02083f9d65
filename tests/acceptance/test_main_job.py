"""The main job on a real model: a message goes in, the model is loaded if need be, the answer streams out."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, installation, until

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two models of different size."""
    path = tmp_path_factory.mktemp("main")
    (path / "models").mkdir()
    tiny_gguf(path / "models" / "small.gguf", size="small")
    tiny_gguf(path / "models" / "large.gguf", size="large")
    return path


@pytest.fixture(scope="module")
def batuta(folder: Path) -> Iterator[Batuta]:
    with installation(folder) as it:
        until(lambda: len(it.ask("GET", "/v1/models").json()["data"]) >= 2, what="models found")
        yield it


def events(lines: list[str]) -> list[dict[str, object]]:
    """Return the JSON events among the lines of a stream."""
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def test_a_message_to_a_cold_model_is_answered(batuta: Batuta) -> None:
    """Loaded, asked, answered; the headers say by whom and why."""
    reply = batuta.chat("small", max_tokens=5)
    assert reply.status == 200, reply.body
    body = reply.json()
    assert body["choices"][0]["message"]["content"]
    assert body["usage"]["completion_tokens"] == 5
    assert reply.headers["x-batuta-model"] == "small"
    assert reply.headers["x-batuta-route"] == "named by the caller"
    assert reply.headers["x-request-id"]


def test_an_answer_streams(batuta: Batuta) -> None:
    """Events as the model makes them, then the end marker."""
    stream = batuta.stream("small", max_tokens=6)
    lines = list(stream.lines())
    stream.close()
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert [line for line in lines if line][-1] == "data: [DONE]"
    assert len(events(lines)) >= 6


def test_text_completions_work_too(batuta: Batuta) -> None:
    """The older endpoint."""
    reply = batuta.ask("POST", "/v1/completions", {"model": "small", "prompt": "a b c", "max_tokens": 4})
    assert reply.status == 200, reply.body
    assert reply.json()["choices"][0]["text"]


def test_the_list_of_models_carries_their_state(batuta: Batuta) -> None:
    """`status.value`, as clients of llama.cpp's router read it."""
    batuta.chat("small")
    models = {m["id"]: m["status"]["value"] for m in batuta.ask("GET", "/v1/models").json()["data"]}
    assert models["small"] == "loaded"
    assert {"auto", "brain", "executor"} <= set(models)


def test_auto_needs_no_setting(batuta: Batuta) -> None:
    """Somebody answers."""
    reply = batuta.chat("auto")
    assert reply.status == 200, reply.body
    assert reply.headers["x-batuta-model"] in {"small", "large"}


def test_an_unknown_model_is_refused_in_openais_shape(batuta: Batuta) -> None:
    """With a code, and words that help."""
    reply = batuta.chat("smal")
    assert reply.status == 404
    assert reply.json()["error"]["code"] == "model_not_found"


def test_embeddings_of_a_model_that_has_none_are_refused_in_words(batuta: Batuta) -> None:
    """Or answered, where it has: never a bare 500."""
    reply = batuta.ask("POST", "/v1/embeddings", {"model": "small", "input": "a"})
    assert reply.status in {200, 400}, reply.body


def test_a_client_that_leaves_frees_its_lease_within_a_second(batuta: Batuta) -> None:
    """Streamed or not: the model stops generating for nobody."""
    batuta.chat("small")
    for stream in (True, False):
        if stream:
            reading = batuta.stream("small", max_tokens=7000)
            next(reading.lines())
            reading.close()
        else:
            connection = batuta._connect()
            body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "x"}], "max_tokens": 7000})
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            until(lambda: batuta.model("small")["in_flight"], what="the request has begun")
            connection.close()
        until(lambda: batuta.model("small")["in_flight"] == 0, within=1.0, what="the lease is freed")


def test_killing_the_loader_mid_stream_ends_the_stream_in_band_and_the_next_request_is_served(batuta: Batuta) -> None:
    """Within a second, with an error the caller can read; then a new loader loads the model again."""
    batuta.chat("small")
    before = batuta.loader()["pid"]
    stream = batuta.stream("small", max_tokens=7000)
    lines = stream.lines()
    until(lambda: next(lines).startswith("data: {"))
    os.kill(before, signal.SIGKILL)
    killed = time.monotonic()
    rest = list(lines)
    assert time.monotonic() - killed < 1.0
    stream.close()
    assert events(rest)[-1]["error"], rest[-5:]
    reply = batuta.chat("small")
    assert reply.status == 200, reply.body
    assert batuta.loader()["pid"] != before


def test_killing_a_model_costs_that_model_only(batuta: Batuta) -> None:
    """Its process dies, it is loaded again for the next request; the other stays where it is."""
    for model in ("small", "large"):
        assert batuta.chat(model).status == 200
    loader = batuta.loader()["pid"]
    children = [int(p) for p in Path(f"/proc/{loader}/task/{loader}/children").read_text().split()]
    assert len(children) >= 2
    os.kill(children[0], signal.SIGKILL)
    for model in ("small", "large"):
        assert batuta.chat(model).status == 200
    assert batuta.loader()["pid"] == loader


def test_killing_the_gateway_and_starting_anew_reattaches_with_no_reload(tmp_path: Path, folder: Path) -> None:
    """The loader keeps the models; the new gateway uses them: the count of loads does not move."""
    with installation(tmp_path, "--models-dir", str(folder / "models")) as batuta:
        until(lambda: batuta.chat("small").status == 200, what="the first answer")
        before = batuta.loader()
        assert loads_of(batuta, "small") == 1
        batuta.kill()
        batuta.start()
        until(lambda: batuta.model("small")["is_loaded"], what="the model is seen to be loaded")
        assert batuta.chat("small").status == 200
        assert batuta.loader()["pid"] == before["pid"]
        assert loads_of(batuta, "small") == 1


def loads_of(batuta: Batuta, model: str) -> int:
    """Ask the loader itself how often it has loaded a model."""
    import asyncio

    from batuta.loader import control
    from batuta.loader.client import LoaderClient

    async def ask() -> int:
        client = LoaderClient()
        address = control.find(batuta.folder / "run")
        assert address is not None
        state = await client.connect(address)
        await client.aclose()
        return next(int(record["loads"]) for record in state["models"] if record["id"] == model)

    return asyncio.run(ask())


def test_a_broken_file_is_no_model_and_is_told(batuta: Batuta) -> None:
    """It never reaches native code; the page and doctor can say what is wrong with it."""
    broken = batuta.folder / "models" / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 64)
    an_hour_ago = time.time() - 3600
    os.utime(broken, (an_hour_ago, an_hour_ago))  # one that has just come may still be being copied
    try:
        batuta.ask("GET", "/manage/models?refresh=1")
        models = [m["id"] for m in batuta.ask("GET", "/v1/models").json()["data"]]
        assert "broken" not in models
        problems = batuta.ask("GET", "/manage/catalog/problems").body
        assert b"broken.gguf" in problems
    finally:
        broken.unlink()


def test_a_file_dropped_into_the_models_folder_becomes_a_model(batuta: Batuta) -> None:
    """Without a restart."""
    tiny_gguf(batuta.folder / "models" / "dropped.gguf")
    until(
        lambda: "dropped" in [m["id"] for m in batuta.ask("GET", "/v1/models").json()["data"]],
        within=12,
        what="the model is found",
    )
    assert batuta.chat("dropped").status == 200


def test_two_models_take_turns_in_a_budget_that_holds_one(tmp_path: Path, folder: Path) -> None:
    """Each is loaded when it is wanted and leaves for the other; the books never exceed the budget."""
    with installation(tmp_path, "--models-dir", str(folder / "models")) as roomy:
        until(lambda: len(roomy.ask("GET", "/v1/models").json()["data"]) >= 2)
        needs = {name: roomy.model(name)["memory_bytes"]["needed"] for name in ("small", "large")}
    budget = max(needs.values()) + min(needs.values()) // 2
    with installation(tmp_path, "--models-dir", str(folder / "models"), "--memory-budget", str(budget)) as tight:
        until(lambda: len(tight.ask("GET", "/v1/models").json()["data"]) >= 2)
        for model in ("small", "large", "small"):
            reply = tight.chat(model)
            assert reply.status == 200, reply.body
            other = "large" if model == "small" else "small"
            assert not tight.model(other)["is_loaded"]
        story = tight.ask("GET", "/manage/models/large/story").body
        assert b"needs its room" in story


def test_stopping_ends_everything_that_was_started(tmp_path: Path) -> None:
    """SIGTERM to `up`: exit code 0, and no process is left."""
    (tmp_path / "models").mkdir()
    tiny_gguf(tmp_path / "models" / "m.gguf")
    with installation(tmp_path, "--brain", "m", command="up") as batuta:
        until(lambda: batuta.ask("GET", "/ready").status == 200, what="ready")
        loader = batuta.loader()["pid"]
        assert batuta.stop() == 0
        until(lambda: not Path(f"/proc/{loader}").exists(), what="the loader has ended")
