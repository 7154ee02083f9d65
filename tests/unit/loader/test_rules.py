"""The loader's small pure rules: restarts, grace, status file, environment, faults, memory, lock, requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import AlreadyRunning, BadModelFile, BadRequest, Cause, ModelFailed
from batuta.loader import faults, lock, memory, status_file
from batuta.loader.environment import allowed
from batuta.loader.gguf import inspect
from batuta.loader.grace import EXPECT_S, Grace
from batuta.loader.paths import known_roots
from batuta.loader.restart import FATAL_CRASHES, LONGEST_S, WINDOW_S, RestartPolicy
from batuta.loader.server import parse_load
from batuta.loader.supervisor import command
from batuta.settings import Settings
from batuta.testing.gguf import tiny_gguf

# --- restarts ----------------------------------------------------------------------------------------------------


def test_the_wait_doubles_and_the_fifth_crash_in_a_minute_is_the_last() -> None:
    """0.5, 1, 2, 4 s; then it is given up, visibly."""
    policy = RestartPolicy()
    assert [policy.crashed(now) for now in (0, 5, 10, 15, 20)] == [0.5, 1.0, 2.0, 4.0, None]


def test_slow_crashes_reach_the_longest_wait_and_go_on() -> None:
    """A loader that dies every 20 s is started again for ever, at most 30 s later each time."""
    policy = RestartPolicy()
    waits = [policy.crashed(now * 20.0) for now in range(10)]
    assert waits[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert waits[-1] == LONGEST_S


def test_a_quiet_time_makes_the_next_crash_the_first() -> None:
    """After a minute without a crash the waits begin anew."""
    policy = RestartPolicy()
    policy.crashed(0)
    policy.crashed(1)
    assert policy.crashed(1 + WINDOW_S + 1) == 0.5


def test_a_person_can_start_over() -> None:
    """A reset forgets the crashes."""
    policy = RestartPolicy()
    while policy.crashed(0) is not None:
        pass
    policy.reset()
    assert policy.crashed(1) == 0.5


@given(st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_it_is_never_started_five_times_within_a_minute(gaps: list[float]) -> None:
    """Whatever the crashes' times, every wait is bounded and no minute sees more than four restarts."""
    policy, now, starts = RestartPolicy(), 0.0, []
    for gap in gaps:
        now += gap
        wait = policy.crashed(now)
        if wait is None:
            break
        assert 0.5 <= wait <= LONGEST_S
        starts.append(now)
        assert sum(then > now - WINDOW_S for then in starts) < FATAL_CRASHES


# --- grace -------------------------------------------------------------------------------------------------------


def test_a_loader_that_never_had_a_gateway_stays() -> None:
    """Started by hand, it waits as long as it takes."""
    assert not Grace(60).is_over(10**9)


def test_a_loader_whose_gateway_never_comes_ends_soon() -> None:
    """The gateway that started it was killed before its hello; one that does come takes the limit away."""
    grace = Grace(60)
    grace.expect(100.0)
    assert not grace.is_over(100.0 + EXPECT_S / 2)
    assert grace.is_over(100.0 + EXPECT_S)
    grace.joined()
    assert not grace.is_over(10**9)


def test_the_last_gateway_starts_the_grace_and_a_return_ends_it() -> None:
    """One of two gateways leaving changes nothing; a return within the grace time keeps the models."""
    grace = Grace(60)
    grace.joined()
    grace.joined()
    grace.left(0)
    assert not grace.is_over(10**9)
    grace.left(10)
    assert grace.ends_at == 70
    assert not grace.is_over(69.9)
    grace.joined()
    assert not grace.is_over(1000)
    grace.left(1000)
    assert grace.is_over(1060)


# --- status file -------------------------------------------------------------------------------------------------

RECORD: dict[str, Any] = {
    "id": "m", "path": "/models/m.gguf", "state": "loading", "progress": 0.43, "memory_bytes": 0, "error": None,
    "port": 1, "key": "secret",
}  # fmt: skip


def test_the_status_file_has_the_promised_form_and_no_key() -> None:
    """Scripts find exactly the documented fields; the listener's key is not among them."""
    content = status_file.compose([RECORD], pid=7, device="cpu", now=5.0)
    assert content == {
        "status": "loading", "error": None, "timestamp": 5.0, "model_path": "/models/m.gguf", "device": "cpu",
        "progress": 0.43, "pid": 7,
        "models": [{"id": "m", "state": "loading", "progress": 0.43, "memory_bytes": 0, "error": None}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "status"), [("loading", "loading"), ("ready", "ready"), ("failed", "error"), ("unloading", "ready")]
)
def test_the_status_is_that_of_the_model_asked_for_last(state: str, status: str) -> None:
    """The last model's state decides: loading, ready or error."""
    models = [RECORD, {**RECORD, "state": state, "error": "why" if state == "failed" else None}]
    content = status_file.compose(models, pid=1, device="cpu", now=0)
    assert content["status"] == status
    assert content["error"] == ("why" if state == "failed" else None)


def test_an_idle_loader_is_ready_and_a_stopped_one_says_so() -> None:
    """No model is no error; the end of the loader is."""
    assert status_file.compose([], pid=1, device="cpu", now=0)["status"] == "ready"
    stopped = status_file.compose([], pid=1, device="cpu", now=0, stopped="ended")
    assert (stopped["status"], stopped["error"]) == ("error", "ended")


def test_a_file_cut_at_any_byte_is_none_at_all(tmp_path: Path) -> None:
    """Half a file, of any length, is never taken for a status."""
    path = tmp_path / status_file.NAME
    status_file.write(path, status_file.compose([RECORD], pid=1, device="cpu", now=0))
    whole = path.read_bytes()
    assert status_file.read(path) is not None
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert status_file.read(path) is None, length
    path.unlink()
    assert status_file.read(path) is None


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    """A write that cannot be finished changes nothing."""
    path = tmp_path / status_file.NAME
    status_file.write(path, {"status": "ready"})
    with pytest.raises(TypeError):
        status_file.write(path, {"status": object()})
    assert [each.name for each in tmp_path.iterdir()] == [status_file.NAME]
    assert status_file.read(path) == {"status": "ready"}


def test_the_throttle_lets_the_first_through_and_says_how_long_the_next_waits() -> None:
    """At most one event in a period, and the last change is not forgotten: the wait is told."""
    throttle = status_file.Throttle(0.1)
    assert throttle.wait(5.0) == 0
    assert throttle.wait(5.04) == pytest.approx(0.06)
    assert throttle.wait(5.1) == 0


# --- environment -------------------------------------------------------------------------------------------------


def test_children_see_what_they_need_and_no_key() -> None:
    """The allow-list passes paths, language and device choices; keys stay out, whatever they are called."""
    passed = {"PATH": "/bin", "LC_ALL": "C", "CUDA_VISIBLE_DEVICES": "0", "GGML_X": "1", "OMP_NUM_THREADS": "2"}
    kept_out = {"OPENAI_API_KEY": "k", "HF_TOKEN": "t", "CUDA_SECRET": "s", "BATUTA_API_KEY": "k", "LD_PRELOAD": "x"}
    assert allowed(passed | kept_out) == passed


def test_the_loader_is_started_without_secrets_in_its_arguments(tmp_path: Path) -> None:
    """The command line names folders and times; a default model's own file is allowed by name."""
    model = str(tmp_path / "m.gguf")
    settings = Settings(data_dir=tmp_path, brain=model, executor="some-id", models_dirs=(tmp_path / "more",))
    words = command(settings)
    assert words[words.index("--allow") + 1] == model
    assert words[words.index("--models-dir") + 1] == str(tmp_path / "more")
    assert "some-id" not in words


def test_known_folders_follow_the_environment(tmp_path: Path) -> None:
    """The folders of a person's other tools are where their own variables say."""
    roots = known_roots(tmp_path, (Path("/more"),), {"HOME": "/home/me", "HF_HOME": "/hf", "OLLAMA_MODELS": "/o"})
    assert {tmp_path / "models", Path("/more"), Path("/hf/hub"), Path("/o"), Path("/home/me/.cache/llama.cpp")} < {
        *roots,
    }


# --- faults ------------------------------------------------------------------------------------------------------

WORDS: list[tuple[str, type[Exception], Cause]] = [
    ("ggml_backend_cuda_buffer: cudaMalloc failed: out of memory", ModelFailed, Cause.OUT_OF_MEMORY),
    ("llama_kv_cache: failed to allocate buffer for kv cache", ModelFailed, Cause.OUT_OF_MEMORY),
    ("terminate called after throwing an instance of 'std::bad_alloc'", ModelFailed, Cause.OUT_OF_MEMORY),
    ("llama_model_load: error loading model: unknown model architecture: 'zz'", BadModelFile, Cause.CORRUPT_FILE),
    ("error loading model: missing tensor 'output.weight'", BadModelFile, Cause.CORRUPT_FILE),
    ("E srv start: couldn't bind HTTP server socket, port: 1", ModelFailed, Cause.ENGINE_OFFLINE),
    ("ModuleNotFoundError: No module named 'xllamacpp'", ModelFailed, Cause.NOT_INSTALLED),
    ("GGML_ASSERT(x) failed", ModelFailed, Cause.CRASH),
]


@pytest.mark.parametrize(("line", "kind", "cause"), WORDS, ids=[row[0][:30] for row in WORDS])
def test_last_words_give_the_cause(line: str, kind: type[Exception], cause: Cause) -> None:
    """What llama.cpp says before it ends decides the cause, and its words are kept."""
    error = faults.classify("m", ["0.00.001.000 I load: chatter", line], exit_code=1)
    assert (type(error), error.cause) == (kind, cause)
    assert error.details["log"] == [line]


def test_a_silent_death_is_a_crash_unless_the_kernel_did_it() -> None:
    """A signal is a crash, named; the kernel's own kill for memory is out of memory."""
    error = faults.classify("m", [], exit_code=-11)
    assert error.cause is Cause.CRASH
    assert "SIGSEGV" in error.message
    assert faults.classify("m", [], exit_code=-9, was_oom_killed=True).cause is Cause.OUT_OF_MEMORY


# --- memory ------------------------------------------------------------------------------------------------------


def test_the_host_is_always_a_device() -> None:
    """Without any GPU the ledger is the host's memory."""
    host = memory.devices()[0]
    assert (host.id, host.kind) == ("host", "host")
    assert 0 < host.free_bytes <= host.total_bytes


def test_the_estimate_grows_with_weights_and_context(tmp_path: Path) -> None:
    """The large model needs clearly more than the small one, and twice the context twice the cache."""
    needs = {}
    for size in ("small", "large"):
        info = inspect(tiny_gguf(tmp_path / f"{size}.gguf", "large" if size == "large" else "small"), (tmp_path,))
        needs[size] = memory.estimate(info)
        assert needs[size].weights == info.tensor_bytes
    assert needs["large"].total(8192) > needs["small"].total(8192) + 20_000_000
    small = needs["small"]
    assert small.total(16_384) - small.total(8192) == small.total(8192) - small.total(0)


def test_progress_counts_whichever_way_the_bytes_came() -> None:
    """Cold, cached, mapped or read: the largest of the counts is the progress."""
    start = memory.Reading(10, 100, 1000)
    assert memory.Reading(60, 100, 1000).since(start) == 50
    assert memory.Reading(10, 170, 1000).since(start) == 70
    assert memory.Reading(10, 100, 1090).since(start) == 90
    assert memory.Reading(0, 0, 0).since(start) == 0


def test_a_process_has_a_size_and_a_dead_one_none() -> None:
    """The memory of a process that is gone is nothing."""
    assert memory.resident_bytes(os.getpid()) > 5_000_000
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    assert memory.resident_bytes(dead.pid) == 0
    assert memory.reading(dead.pid) is None


# --- lock and requests -------------------------------------------------------------------------------------------


def test_the_second_holder_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    """A data folder has one loader; the refusal names its process."""
    path = tmp_path / lock.NAME
    first = lock.Lock(path)
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
        lock.Lock(path)
    assert lock.holder(tmp_path) == os.getpid()
    first.release()
    assert lock.holder(tmp_path) is None
    lock.Lock(path).release()


def test_a_load_is_taken_over_as_it_is() -> None:
    """What a client asks for is what is loaded; fields of the envelope are no parameters."""
    request = parse_load({"id": 1, "op": "load", "model": "m", "path": "/m.gguf", "context": 512, "slots": 2})
    assert (request.model, request.path, request.context, request.slots) == ("m", "/m.gguf", 512, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""}, {"model": 3}, {"path": None}, {"context": -1}, {"context": "8k"}, {"slots": 0}, {"slots": True},
        {"gpu_layers": -2}, {"threads": 10**6}, {"timeout_s": 0}, {"timeout_s": "long"}, {"context": 2**40},
    ],
    ids=str,
)  # fmt: skip
def test_a_load_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    """Numbers that no model has are refused before anything is started."""
    with pytest.raises(BadRequest):
        parse_load({"model": "m", "path": "/m.gguf", **wrong})
