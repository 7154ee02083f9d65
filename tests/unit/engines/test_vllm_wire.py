"""What a vLLM writes is read as it is meant, and nothing else breaks the reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.catalog.entities import Capability, MemoryNeed, ModelSpec
from batuta.engines.vllm import wire
from batuta.engines.vllm.size import hub_folder, measure
from batuta.engines.vllm.wire import Look, Metrics, Row

GIB = 1 << 30
BASE = {"id": "Qwen/Qwen3-4B", "owned_by": "vllm", "root": "/models/q", "parent": None, "max_model_len": 4096}
ADAPTER = {"id": "sql", "owned_by": "vllm", "root": "/adapters/sql", "parent": "Qwen/Qwen3-4B", "max_model_len": None}
METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b{}"} 2.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m"} 4.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 9.0
vllm:cache_config_info{block_size="16",cache_dtype="fp8_e4m3",num_gpu_blocks="100"} 1.0
"""


def look_at(*rows: dict[str, Any], is_asleep: bool | None = False) -> Look:
    read = wire.read_rows({"data": list(rows)})
    assert read is not None
    return Look({row.id: row for row in read}, is_asleep)


def spec(**options: Any) -> ModelSpec:
    return ModelSpec("v/m", "v", "m", options=options)


def test_rows_are_read() -> None:
    """The base has a context, an adapter its parent and its base's context."""
    look = look_at(BASE, ADAPTER)
    assert look.base == Row("Qwen/Qwen3-4B", "/models/q", "", 4096)
    assert [wire.reported(row, look, MemoryNeed(7)) for row in look.rows.values()][1].context_length == 4096
    need = {row.id: wire.reported(row, look, MemoryNeed(7)).memory.weights for row in look.rows.values()}
    assert need == {"Qwen/Qwen3-4B": 7, "sql": 0}


@pytest.mark.parametrize(
    "body",
    [None, 7, [], {}, {"data": None}, {"data": []}, {"data": [None, 7, {}]}, {"data": [{"id": "m", "owned_by": "me"}]}],
)
def test_other_lists_are_no_vllm(body: Any) -> None:
    """A list without a row of vLLM's own is somebody else's."""
    assert wire.read_rows(body) is None
    assert "check the base URL" in wire.stranger(body)


def test_a_stranger_is_named_by_what_it_lists() -> None:
    """The owner that other servers put there says who it is."""
    assert "'llamacpp'" in wire.stranger({"data": [{"id": "m", "owned_by": "llamacpp"}]})


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("Qwen/Qwen3-Embedding-0.6B", Capability.EMBEDDING),
        ("nomic-ai/nomic-embed-text-v1.5", Capability.EMBEDDING),
        ("BAAI/bge-m3", Capability.EMBEDDING),
        ("intfloat/e5-mistral-7b-instruct", Capability.EMBEDDING),
        ("Qwen/Qwen3-4B", Capability.CHAT),
        ("some/bigetest-e50", Capability.CHAT),
    ],
)
def test_a_model_that_embeds_is_known_by_its_name(name: str, capability: Capability) -> None:
    """The list tells no kinds."""
    assert capability in Row(name).capabilities


def test_a_served_name_does_not_hide_the_files_name() -> None:
    """`--served-model-name` may be anything; the root still tells."""
    assert Row("m", root="/models/bge-m3").capabilities == wire.EMBEDS


def test_metrics_are_summed_over_processes() -> None:
    """What runs and what waits counts, in each engine process; the cache has its tokens."""
    assert wire.read_metrics(METRICS) == Metrics(7, 1600, "fp8_e4m3")
    assert wire.read_metrics("") == Metrics()
    assert wire.read_metrics("vllm:num_requests_running NaN\n").requests == 0


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_page_is_read_as_metrics(text: str) -> None:
    """Whatever comes, nothing is raised and nothing is negative."""
    read = wire.read_metrics(f"vllm:num_requests_running{text}\n{text}")
    assert (read.requests or 0) >= 0


@pytest.mark.parametrize(
    ("body", "asleep", "enabled"),
    [
        ({"is_sleeping": True}, True, None),
        ({"is_sleeping": "yes"}, None, None),
        ([], None, None),
        ({"vllm_config": {"model_config": {"enable_sleep_mode": False}}}, None, False),
        ({"vllm_config": "model='m'"}, None, None),
    ],
)
def test_states_are_read_only_where_they_are_told(body: Any, asleep: bool | None, enabled: bool | None) -> None:
    """Anything else is not known, rather than no."""
    assert (wire.read_asleep(body), wire.read_enabled(body)) == (asleep, enabled)


@pytest.mark.parametrize(
    ("is_asleep", "is_here", "is_enabled", "words"),
    [
        (False, True, None, ""),
        (True, True, True, ""),
        (None, True, None, "VLLM_SERVER_DEV_MODE=1"),
        (False, True, False, "without giving memory back"),
        (False, False, None, "not on this machine"),
    ],
)
def test_it_says_why_it_cannot_sleep(
    is_asleep: bool | None, is_here: bool, is_enabled: bool | None, words: str
) -> None:
    """Each reason has its words, and what to do."""
    why = wire.why_not(look_at(BASE, is_asleep=is_asleep), is_here=is_here, is_enabled=is_enabled)
    assert words in why
    assert bool(words) == bool(why)


def test_how_deep_it_sleeps() -> None:
    """The option outranks the default, and a full host both."""
    assert wire.level_of(spec(), 1, weights=5 * GIB, host_free=20 * GIB) == 1
    assert wire.level_of(spec(sleep_level=2), 1, weights=5 * GIB, host_free=20 * GIB) == 2
    assert wire.level_of(spec(sleep_level=7), 1, weights=0, host_free=0) == 1
    assert wire.level_of(spec(sleep_level=1), 1, weights=5 * GIB, host_free=5 * GIB) == 2


# --- sizes -----------------------------------------------------------------------------------------------------------

CONFIG = {"num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16}
PER_TOKEN = 4 * 2 * 16 * 2  # values a token has in the cache


def model_at(folder: Path, config: Any = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "model-00001-of-00002.safetensors").write_bytes(bytes(600))
    (folder / "model-00002-of-00002.safetensors").write_bytes(bytes(400))
    (folder / "config.json").write_bytes(orjson.dumps(CONFIG if config is None else config))
    return folder


def test_a_model_takes_its_weights_and_its_cache(tmp_path: Path) -> None:
    """The files tell the weights, their shape and the server's blocks the cache."""
    root = str(model_at(tmp_path / "m", CONFIG | {"torch_dtype": "float32"}))
    assert measure(root, Metrics(0, 160), tmp_path) == MemoryNeed(weights=1000, overhead=PER_TOKEN * 4 * 160)
    assert measure(root, Metrics(0, 160, "fp8"), tmp_path).overhead == PER_TOKEN * 160
    assert measure(root, Metrics(), tmp_path) == MemoryNeed(weights=1000)


def test_a_name_at_hugging_face_is_found_in_its_cache(tmp_path: Path) -> None:
    """The newest revision counts; a model with a part for images keeps its shape below `text_config`."""
    hub = hub_folder({"HF_HOME": str(tmp_path)})
    model_at(hub / "models--org--m" / "snapshots" / "abc", {"text_config": CONFIG, "torch_dtype": "bfloat16"})
    assert measure("org/m", Metrics(0, 16), hub) == MemoryNeed(weights=1000, overhead=PER_TOKEN * 2 * 16)
    assert hub_folder({"HF_HUB_CACHE": "/x"}) == Path("/x")


@pytest.mark.parametrize("root", ["", "org/other", "/no/such/folder", "../..", "s3://bucket/model", "a\0b"])
def test_what_is_not_on_this_disk_has_no_size(root: str, tmp_path: Path) -> None:
    """Nothing is guessed."""
    assert measure(root, Metrics(0, 160), tmp_path) == MemoryNeed()


@pytest.mark.parametrize("config", [[], {}, {"num_hidden_layers": "four"}])
def test_an_odd_configuration_breaks_nothing(config: Any, tmp_path: Path) -> None:
    """A file that says nothing leaves the size open."""
    assert measure(str(model_at(tmp_path / "m", config)), Metrics(0, 160), tmp_path).overhead == 0
