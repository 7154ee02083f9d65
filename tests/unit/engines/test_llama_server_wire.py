"""What a llama-server writes, read: each shape of each build, and whatever else may stand there."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from batuta.engines.base import LoadProgress
from batuta.engines.llama_server.memory import Step, next_step
from batuta.engines.llama_server.wire import (
    LOADING_PROPS,
    Event,
    Look,
    Mode,
    Props,
    Row,
    State,
    read_event,
    read_progress,
    read_props,
    read_rows,
    shards,
)

ROUTER = Props(Mode.ROUTER)


def event(**body: Any) -> Event | None:
    return read_event(orjson.dumps(body))


@pytest.mark.parametrize("name", ["model_status", "status_change"])
def test_a_state_is_read_under_both_names(name: str) -> None:
    """Older builds call the same event otherwise."""
    assert event(model="m", event=name, data={"status": "loaded", "info": {}}) == Event("m", State.LOADED)
    assert event(model="m", event=name, data={"status": "unloaded", "exit_code": 9}) == Event("m", State.UNLOADED, 9)


def test_downloads_are_no_news_until_they_end() -> None:
    """In both shapes; what ends, comes or goes is worth a look."""
    for data in ({"https://x": {"done": 1, "total": 2}}, {"progress": {"https://x": {"done": 1, "total": 2}}}):
        told = event(model="m", event="download_progress", data=data)
        assert told is not None
        assert not told.is_news
    for name in ("download_finished", "download_failed", "model_remove", "models_reload", "of_tomorrow"):
        told = event(model="*", event=name)
        assert told is not None
        assert told.is_news


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'{"event":"model_status"}', b'{"model":1}'])
def test_what_is_no_event_is_none(data: bytes) -> None:
    """Garbage is passed over."""
    assert read_event(data) is None


STAGES = ["text_model", "mmproj_model"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"stages": STAGES, "current": "text_model", "value": 0.5}, LoadProgress("reading", 0.25)),
        ({"stages": STAGES, "current": "mmproj_model", "value": 0.5}, LoadProgress("reading", 0.75)),
        ({"stages": STAGES, "current": "mmproj_model", "value": 1}, LoadProgress("warming", 1.0)),
        ({"stages": STAGES, "current": "of_tomorrow", "value": 0.5}, LoadProgress("reading", 0.5)),
        ({"stage": "text_model", "value": 0.5}, LoadProgress("reading", 0.5)),
        ({"stage": "text_model"}, LoadProgress("reading", None)),
        ({"stage": "text_model", "value": 7}, LoadProgress("warming", 1.0)),
        ({}, None),
        (None, None),
        ({"value": 0.5}, None),
    ],
)
def test_progress_of_both_shapes(body: Any, told: LoadProgress | None) -> None:
    """A fraction over all stages where they are told, else of the stage; nothing made up."""
    assert read_progress(body) == told


@pytest.mark.parametrize("body", [None, [], {}, {"role": "assistant"}, {"default_generation_settings": 7}])
def test_other_properties_are_none(body: Any) -> None:
    """Whoever answers so is somebody else."""
    assert read_props(body) is None


def test_a_single_one_is_loading_as_its_list_says() -> None:
    """No word on the file is a load; a list of long ago that never has one is not."""
    props = Props(Mode.SINGLE, context=512)

    def state(row: dict[str, Any], props: Props = props) -> State:
        rows = read_rows({"data": [{"id": "m", **row}]}, props)
        assert rows is not None
        return rows[0].state

    assert state({"meta": None}) is State.LOADING
    assert state({}) is State.LOADED
    assert state({"meta": {"size": 1}}) is State.LOADED
    assert state({"meta": {"size": 1}}, LOADING_PROPS) is State.LOADING
    assert state({"meta": {"size": 1}}, Props(Mode.SINGLE, is_sleeping=True)) is State.SLEEPING


def test_arguments_tell_what_a_list_does_not() -> None:
    """Context, slots, file and embedding of a model that is not loaded, by long and short names."""
    args = ["llama-server", "-c", "4096", "-m", "/x.gguf", "-np", "2", "--embeddings"]
    (row,) = read_rows({"data": [{"id": "m", "status": {"value": "unloaded", "args": args}}]}, ROUTER) or []
    assert (row.context, row.path, row.slots) == (4096, "/x.gguf", 2)
    assert [str(capability) for capability in row.capabilities] == ["embedding"]


def test_a_failure_without_a_code_is_a_failure() -> None:
    """`failed` alone is enough; a good end is none."""
    rows = [
        {"id": "a", "status": {"value": "unloaded", "failed": True}},
        {"id": "b", "status": {"value": "unloaded", "exit_code": 0}},
    ]
    assert [row.exit_code for row in read_rows({"data": rows}, ROUTER) or []] == [1, 0]


def test_the_files_of_a_model_in_parts() -> None:
    """All parts, from the name of the first."""
    assert shards("/m/x-00001-of-00003.gguf") == [f"/m/x-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert shards("/m/x.gguf") == ["/m/x.gguf"]


@pytest.mark.parametrize(
    ("state", "was_started", "step"),
    [
        (State.UNLOADED, False, Step.START),
        (State.DOWNLOADED, False, Step.START),
        (State.UNLOADED, True, Step.FAILED),
        (State.LOADING, False, Step.WAIT),
        (State.LOADING, True, Step.WAIT),
        (State.SLEEPING, True, Step.WAKE),
        (State.LOADED, True, Step.DONE),
        (State.DOWNLOADING, False, Step.DOWNLOADING),
    ],
)
def test_how_a_load_goes_on(state: State, was_started: bool, step: Step) -> None:
    """Each state has one next step; what was started and runs no more has failed."""
    row = Row("m", state)
    assert next_step(Look(ROUTER, {"m": row}), row, was_started=was_started) is step


def test_a_model_that_is_not_listed() -> None:
    """A router lacks it, and so does a server that lists another; one that lists nothing yet is waited for."""
    assert next_step(Look(ROUTER), None, was_started=False) is Step.MISSING
    other = Look(Props(Mode.SINGLE), {"m": Row("m", State.LOADED)})
    assert next_step(other, None, was_started=False) is Step.MISSING
    assert next_step(Look(LOADING_PROPS), None, was_started=False) is Step.WAIT
