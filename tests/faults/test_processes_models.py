"""A model's process is killed or stopped while it is used: seen at once, booked right, and the next request served."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, Reply, installation, until

pytestmark = pytest.mark.acceptance
# One thread: with more, llama.cpp's wait for each other by spinning, and a shared machine crawls.
SETTINGS = ("--set", "loader.heartbeat_s=0.2", "--set", "engine.threads=1")
SEEN_S = 0.5  # between a death and the state that says so
USED_UP = {"ready", "loading"}


@pytest.fixture(scope="module")
def batuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batuta]:
    folder = tmp_path_factory.mktemp("kills")
    (folder / "models").mkdir()
    tiny_gguf(folder / "models" / "small.gguf")
    tiny_gguf(folder / "models" / "large.gguf", "large")
    with installation(folder, *SETTINGS) as it:
        until(lambda: it.chat("small").status == 200, what="the first answer")
        yield it


def children(batuta: Batuta) -> list[int]:
    """Return the processes of the models that are in memory or on their way."""
    loader = batuta.loader()["pid"]
    with suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/{loader}/task/{loader}/children").read_text().split()]
    return []


def check_books(batuta: Batuta) -> None:
    """Assert that what is reserved is exactly what the models hold that are in memory."""
    view = batuta.ask("GET", "/manage/models").json()
    held = {model["id"]: model["memory_bytes"]["held"] for model in view["models"]}
    for model in view["models"]:
        assert bool(held[model["id"]]) == (model["state"] not in {"absent", "failed", "disabled"}), model
    for device in view["devices"]:
        assert {part["model"]: part["bytes"] for part in device["segments"]} == {m: h for m, h in held.items() if h}
        assert device["reserved"] == sum(held.values()) <= device["budget"]


def story(batuta: Batuta) -> list[str]:
    """Return what has happened to the model last, for a failure's message."""
    return [line["text"] for line in batuta.ask("GET", "/manage/models/small/story").json()["story"][-12:]]


class Asking:
    """A client that asks for a long stream in a thread of its own and reads it to its end."""

    def __init__(self, batuta: Batuta, model: str = "small") -> None:
        self._batuta = batuta
        self._model = model
        self.lines: list[str] = []
        self.status = 0
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        stream = self._batuta.stream(self._model, max_tokens=250)
        self.status = stream.status
        for line in stream.lines():
            self.lines.append(line)
        stream.close()

    def end(self) -> None:
        """Wait for the end: an error in words, or one that says that all is well. Never a stream that just stops."""
        self._thread.join(20)
        assert not self._thread.is_alive(), ("the stream hangs", self.lines[-3:], story(self._batuta))
        text = "\n".join(self.lines)
        assert '"error"' in text or "[DONE]" in text, (self.status, text[-300:])


def begun(asking: Asking) -> bool:
    """Whether the answer has begun."""
    return any(line.startswith("data: {") for line in asking.lines)


POINTS: dict[str, Callable[[Batuta, Asking], object]] = {
    "its process has just started": lambda batuta, _: children(batuta),
    "it is being read": lambda batuta, _: batuta.model("small")["stage"] in {"reading", "warming"} or children(batuta),
    "it has just become ready": lambda batuta, _: batuta.model("small")["is_loaded"],
    "its answer has begun": lambda _, asking: begun(asking),
    "it is in the middle": lambda _, asking: len(asking.lines) > 40,
}


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_named_point_is_seen_booked_and_got_over(batuta: Batuta, point: str) -> None:
    """SIGKILL of the model's process while a client uses it."""
    _make_absent(batuta)
    asking = Asking(batuta)
    until(lambda: POINTS[point](batuta, asking), what=point)
    _kill_and_check(batuta, asking)


def test_kills_at_random_moments_are_got_over(batuta: Batuta) -> None:
    """Ten of them, from before the load to deep in the answer; the seed is fixed, the machine's pace is not."""
    dice = random.Random(7)  # repeatable, not secret
    for _ in range(10):
        _make_absent(batuta)
        asking = Asking(batuta)
        time.sleep(dice.uniform(0, 0.25))
        _kill_and_check(batuta, asking)


def test_an_idle_model_that_is_killed_is_no_longer_said_to_be_loaded(batuta: Batuta) -> None:
    """Nobody uses it: its state and its memory are right within half a second all the same."""
    assert batuta.chat("small").status == 200
    for pid in children(batuta):
        os.kill(pid, signal.SIGKILL)
    until(lambda: batuta.model("small")["state"] not in USED_UP, within=SEEN_S, what="the death is seen")
    check_books(batuta)
    assert batuta.chat("small").status == 200


def _make_absent(batuta: Batuta) -> None:
    batuta.ask("POST", "/manage/models/reset-failed")
    batuta.ask("POST", "/manage/models/small/unload")
    until(lambda: not children(batuta), what="nothing is in memory")
    until(lambda: batuta.model("small")["state"] in {"absent", "failed"}, what="the books know")


def _kill_and_check(batuta: Batuta, asking: Asking) -> None:
    victims = children(batuta)
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # It may be loading again at once, for the one who waits; then in another process.
    until(
        lambda: batuta.model("small")["state"] not in USED_UP or not set(children(batuta)) & set(victims),
        within=SEEN_S,
        what="the death is seen",
    )
    check_books(batuta)
    if not victims:  # killed before there was anything to kill: it still has to be killed
        _make_absent_now(batuta, asking)
    asking.end()
    reply = batuta.chat("small")
    assert reply.status == 200, reply.body
    check_books(batuta)
    assert batuta.model("small")["in_flight"] == 0


def _make_absent_now(batuta: Batuta, asking: Asking) -> None:
    until(lambda: begun(asking) or asking.lines, what="it is answered after all")
    for pid in children(batuta):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_model_that_is_stopped_is_ended_and_loaded_again(batuta: Batuta) -> None:
    """SIGSTOP in the middle of a stream: the heartbeats tell, the stream ends in words, the other model answers on."""
    assert batuta.chat("large").status == 200
    others = children(batuta)
    asking = Asking(batuta)
    until(lambda: begun(asking), what="the answer has begun")
    [pid] = set(children(batuta)) - set(others) or {children(batuta)[0]}
    os.kill(pid, signal.SIGSTOP)
    assert batuta.chat("large").status == 200
    until(lambda: not psutil.pid_exists(pid), within=6.0, what="the stopped process is ended")
    asking.end()
    reply = batuta.chat("small")
    assert reply.status == 200, reply.body
    check_books(batuta)


def test_a_loader_that_is_stopped_is_ended_and_started_again(batuta: Batuta) -> None:
    """SIGSTOP of the loader: models that answer go on answering until it is replaced, then they are loaded again."""
    assert batuta.chat("small").status == 200
    stopped, held = batuta.loader()["pid"], children(batuta)
    os.kill(stopped, signal.SIGSTOP)
    assert batuta.chat("small").status == 200, "requests do not pass through the loader"
    until(lambda: not psutil.pid_exists(stopped), within=6.0, what="the stopped loader is ended")
    until(lambda: not any(map(psutil.pid_exists, held)), within=2.0, what="its models end with it")
    reply = until(lambda: _answered(batuta), within=10.0, what="the next request is served")
    assert reply.status == 200
    assert batuta.loader()["pid"] != stopped
    check_books(batuta)


def _answered(batuta: Batuta) -> Reply | None:
    reply = batuta.chat("small")
    return reply if reply.status == 200 else None


def test_nothing_is_left_of_the_dead(batuta: Batuta) -> None:
    """After all those kills: no zombie, no process that is nobody's, no pipe held for a model that is gone."""
    _make_absent(batuta)
    batuta.ask("POST", "/manage/models/large/unload")
    until(lambda: not children(batuta), what="nothing is in memory")
    loader = psutil.Process(batuta.loader()["pid"])
    family = psutil.Process(batuta.pid).children(recursive=True) + loader.children(recursive=True)
    assert {child.pid for child in family} <= {loader.pid}
    empty = loader.num_fds()
    for _ in range(3):
        assert batuta.chat("small").status == 200
        _make_absent(batuta)
    until(lambda: loader.num_fds() <= empty, within=2.0, what="the loader has let go of their pipes")
    threads = loader.num_threads()
    assert threads < 20
