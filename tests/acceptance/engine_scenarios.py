"""What happens before a message is sent, for an engine that a person runs: every promise, whichever engine it is.

A test module makes a class of these for its engine. Each test leaves the engine as `Play.clear` does before the next.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf
from batuta.testing.local_server import MemoryPool
from tests.acceptance.engine_play import BACK_S, EXTERNAL, LOAD_S, SLACK_S, WITHIN_S, Kind, Play, playing
from tests.support.running import Reply, Stream, chat_body, until


def read(stream: Stream) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Read a stream to its end; return its events, what its comments said, and its last line."""
    lines = [line for line in stream.lines() if line]
    stream.close()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    comments = [json.loads(line[9:]) for line in lines if line.startswith(": batuta {")]
    return events, comments, lines[-1]


def words(events: list[dict[str, Any]]) -> str:
    """Return what a stream's events say."""
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event.get("choices", ()))


def said(reply: Reply) -> str:
    """Return what a whole answer says."""
    assert reply.status == 200, reply.body
    return str(reply.json()["choices"][0]["message"]["content"])


def who(headers: Any) -> tuple[str, str, str | None]:
    """Return who answered, why, and instead of whom."""
    return headers["x-batuta-model"], headers["x-batuta-route"], headers.get("x-batuta-fallback")


def error_of(reply: Reply) -> dict[str, Any]:
    """Return a refusal's error."""
    assert reply.status >= 400, reply.body
    error: dict[str, Any] = reply.json()["error"]
    return error


NAMED = "named by the caller"


class Ready:
    """Models that can answer, now or after a load."""

    def test_an_external_model_is_ready_at_once(self, play: Play) -> None:
        """It answers, streamed or not, with nothing to wait for, and no engine is asked to load anything."""
        assert play.state(EXTERNAL) == "ready"
        reply = play.batuta.chat(EXTERNAL)
        assert said(reply)
        assert who(reply.headers) == (EXTERNAL, NAMED, None)
        stream = play.begin_stream(EXTERNAL)
        assert who(stream.headers) == (EXTERNAL, NAMED, None)
        events, comments, last = read(stream)
        assert (words(events), comments, last) == (said(reply), [], "data: [DONE]")
        assert play.held() == []

    def test_a_loaded_model_is_used_at_once(self, play: Play) -> None:
        """What somebody else loaded is seen, and used without another load."""
        play.load_behind(play.first)
        view = play.views(refresh=True)[play.first]
        assert (view["state"], view["is_loaded"]) == ("ready", True)
        reply = play.batuta.chat(play.first)
        assert said(reply)
        assert who(reply.headers) == (play.first, NAMED, None)
        events, comments, last = read(play.begin_stream(play.first))
        assert words(events)
        assert (comments, last) == ([], "data: [DONE]")
        assert play.loads(play.first) == 1

    def test_a_model_loaded_a_moment_ago_is_not_loaded_again(self, play: Play) -> None:
        """Nobody has looked since somebody else loaded it: it is found there, not loaded beside itself."""
        play.load_behind(play.first)
        assert said(play.batuta.chat(play.first))
        assert play.loads(play.first) == 1
        assert play.held() == [play.address(play.first)]

    def test_a_model_that_left_behind_our_back_is_loaded_again(self, play: Play) -> None:
        """Thought to be there and gone: whoever asks next waits for a load, and gets an answer by that very model."""
        assert said(play.batuta.chat(play.first))
        play.unload_behind(play.first)
        until(lambda: not play.held(), what="the engine is empty")
        reply = play.batuta.chat(play.first)
        assert said(reply)
        assert who(reply.headers)[0] == play.first
        assert play.loads(play.first) == 2
        assert play.held() == [play.address(play.first)]
        assert play.views(refresh=True)[play.first]["state"] == "ready"

    def test_a_cold_model_is_loaded_and_then_answers(self, play: Play) -> None:
        """Absent, loading within a second and told in the stream meanwhile, then an answer, then ready."""
        before = play.batuta.model(play.first)
        assert (before["state"], play.loads(play.first)) == ("absent", 0)
        began = time.monotonic()
        stream = play.begin_stream(play.first)  # opened by the first heartbeat
        view = until(lambda: v if (v := play.batuta.model(play.first))["is_loading"] else None, within=WITHIN_S)
        assert time.monotonic() - began < WITHIN_S
        assert (view["state"], view["is_loaded"], view["waiting"]) == ("loading", False, 1)
        assert view["elapsed_s"] is not None
        events, comments, last = read(stream)
        assert words(events)
        assert last == "data: [DONE]"
        beats = [said for said in comments if said.get("state") == "loading"]
        assert beats[0]["model"] == play.first
        assert beats[-1]["elapsed_s"] > beats[0]["elapsed_s"]
        assert comments[-1] == {"model": play.first, "route": NAMED, "fallback": []}
        view = play.batuta.model(play.first)
        assert (view["state"], view["is_loaded"], view["loads"]) == ("ready", True, before["loads"] + 1)
        assert view["load_seconds"] == pytest.approx(LOAD_S, abs=SLACK_S)
        assert view["memory_bytes"]["held"] >= play.size
        assert play.loads(play.first) == 1

    def test_a_cold_model_answers_whole(self, play: Play) -> None:
        """Without a stream the answer comes when it is there, and says who gave it."""
        reply = play.batuta.chat(play.second)
        assert said(reply)
        assert who(reply.headers) == (play.second, NAMED, None)
        assert play.state(play.second) == "ready"

    def test_who_leaves_does_not_abort_the_load(self, play: Play) -> None:
        """Two clients that want it leave, one of a stream and one of a whole answer; the load goes on to its end."""
        stream = play.begin_stream(play.first)
        parts = urlsplit(play.batuta.url)
        whole = http.client.HTTPConnection(str(parts.hostname), parts.port)
        body = json.dumps(chat_body(play.first, "hello"))
        whole.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        until(lambda: play.batuta.model(play.first)["waiting"] == 2, what="both wait")
        stream.close()
        whole.close()
        until(lambda: play.batuta.model(play.first)["waiting"] == 0, what="both have left")
        assert play.state(play.first) == "loading"
        until(lambda: play.state(play.first) == "ready", what="it is loaded all the same")
        assert play.held() == [play.address(play.first)]
        assert play.loads(play.first) == 1

    def test_many_who_want_it_at_once_cost_one_load(self, play: Play) -> None:
        """Ten clients, half of them with streams, share one load, and all of them are answered."""

        def ask(number: int) -> str:
            if number % 2:
                return said(play.batuta.chat(play.first))
            return words(read(play.begin_stream(play.first))[0])

        with ThreadPoolExecutor(10) as clients:
            assert all(clients.map(ask, range(10)))
        assert play.loads(play.first) == 1
        assert play.held() == [play.address(play.first)]

    def test_an_unload_is_confirmed(self, play: Play) -> None:
        """`unload` is over when the engine does not hold it any more and its memory is back in the books."""
        assert play.batuta.ask("POST", f"/manage/models/{play.first}/wait").status == 200
        assert play.reserved() >= play.size
        assert play.batuta.ask("POST", f"/manage/models/{play.first}/unload").status == 202
        until(lambda: play.state(play.first) == "absent", what="it is absent")
        assert play.held() == []
        assert play.reserved() == 0
        assert play.engine.memory.free == play.engine.memory.total

    def test_changes_behind_our_back_are_told_to_whoever_looks(self, play: Play) -> None:
        """Loaded and unloaded by another program: the events tell within a second, and the books follow."""
        with play.watch() as watcher:
            for change, state, held in ((play.load_behind, "ready", play.size), (play.unload_behind, "absent", 0)):
                began = time.monotonic()
                change(play.first)
                ended = time.monotonic()
                told = watcher.told_at("model_state", since=began, model=play.first, new=state)
                assert told - ended < WITHIN_S + SLACK_S
                assert play.reserved() == pytest.approx(held, rel=0.2)


class Gone:
    """Models that cannot answer: who does instead."""

    def test_what_is_not_installed_falls_back_and_suggests(self, play: Play) -> None:
        """Who named it is told why, and who could answer; who asked for a role is answered by another."""
        taken = play.kind.uninstall(play.engine, play.address(play.first))
        try:
            error = error_of(play.batuta.chat(play.first))
            assert (error["code"], error["cause"]) == ("model_failed", "not_installed")
            assert error["suggestion"] == EXTERNAL
            assert f"{EXTERNAL} could answer instead" in error["message"]
            for name in ("brain", "auto"):
                reply = play.batuta.chat(name)
                assert said(reply)
                assert who(reply.headers)[0] == EXTERNAL
                assert who(reply.headers)[2] == f"{play.first}, not_installed"
            events, _, last = read(play.begin_stream("brain"))
            assert words(events)
            assert last == "data: [DONE]"
            reply = play.batuta.ask(
                "POST", "/v1/chat/completions", chat_body(play.first, "hello"), {"x-batuta-fallback": "allow"}
            )
            assert who(reply.headers) == (EXTERNAL, "external API, ready at once", f"{play.first}, not_installed")
            assert play.batuta.model(play.first)["cause"] == "not_installed"
            assert play.batuta.ask("GET", f"/manage/models/{play.first}/alternative").json()["model"] == EXTERNAL
            assert not play.views(refresh=True)[play.first]["is_present"]
            assert error_of(play.batuta.chat(play.first))["suggestion"] == EXTERNAL
        finally:
            play.kind.install(play.engine, taken)
        assert play.views(refresh=True)[play.first]["is_present"]
        play.batuta.ask("POST", "/manage/models/reset-failed")
        assert said(play.batuta.chat(play.first))

    def test_a_name_that_nobody_has_is_told_with_the_nearest(self, play: Play) -> None:
        """A slip of the pen is a typed error with the name that was meant."""
        error = error_of(play.batuta.chat(f"{play.first}x"))
        assert (error["code"], error["suggestion"]) == ("model_not_found", play.first)


class Away:
    """An engine that is ended, and started again."""

    def test_an_engine_that_is_offline_is_told_and_falls_back(self, play: Play) -> None:
        """Offline within a second for whoever looks; roles are answered by another; a name gets a typed error."""
        assert said(play.batuta.chat(play.first))
        with play.watch() as watcher:
            began = time.monotonic()
            play.stop_engine()
            ended = time.monotonic()
            told = watcher.told_at("model_state", since=began, model=play.first, new="absent")
            assert told - ended < WITHIN_S + SLACK_S
            until(lambda: play.state(play.first) == "offline", within=WITHIN_S + SLACK_S)
        assert {view["state"] for view in play.ours()} == {"offline"}
        assert play.reserved() == 0
        for name in ("brain", "auto"):
            reply = play.batuta.chat(name)
            assert said(reply)
            assert who(reply.headers)[0] == EXTERNAL
            assert who(reply.headers)[2] == f"{play.first}, engine_offline"
        error = error_of(play.batuta.chat(play.first))
        assert (error["cause"], error["suggestion"]) == ("engine_offline", EXTERNAL)
        assert f"{EXTERNAL} could answer instead" in error["message"]

    def test_an_engine_that_comes_back_is_verified_anew(self, play: Play) -> None:
        """With nobody looking: what it holds now is known in ten seconds, and what failed meanwhile is forgiven."""
        assert said(play.batuta.chat(play.first))
        play.stop_engine()
        for _ in range(3):
            assert error_of(play.batuta.chat(play.first))["cause"] == "engine_offline"
        play.start_engine()
        play.load_behind(play.second)
        back = time.monotonic()
        wanted = {play.first: ("absent", 0), play.second: ("ready", 0)}

        def seen() -> dict[str, tuple[str, int]]:
            return {view["id"]: (view["state"], view["failures"]) for view in play.ours()}

        until(lambda: seen() == wanted, within=BACK_S + SLACK_S, what=f"{wanted}, not {seen()}")
        assert time.monotonic() - back < BACK_S + SLACK_S
        assert said(play.batuta.chat(play.second))
        assert play.loads(play.second) == 1  # by whoever started it: none of ours
        reply = play.batuta.chat("brain")
        assert said(reply)
        assert who(reply.headers)[0] == play.first

    def test_coming_back_to_the_page_verifies_at_once(self, play: Play) -> None:
        """`?refresh=1` answers with how things are, whatever was known before, and without a restart of anything."""
        assert said(play.batuta.chat(play.first))
        play.stop_engine()
        assert {view["state"] for view in play.views(refresh=True).values() if not view["is_external"]} == {"offline"}
        play.start_engine()
        play.load_behind(play.second)
        views = play.views(refresh=True)
        assert (views[play.first]["state"], views[play.second]["state"]) == ("absent", "ready")

    def test_an_engine_that_ends_in_a_load_is_forgiven_too(self, play: Play) -> None:
        """Its connection broke rather than being refused: the cause is the same, and so is the end of it."""
        stream = play.begin_stream("brain")
        until(lambda: play.state(play.first) == "loading", what="it is loading")
        play.stop_engine()
        events, comments, last = read(stream)
        assert words(events)
        assert last == "data: [DONE]"
        assert comments[-1]["model"] == EXTERNAL
        assert comments[-1]["fallback"][0].startswith(f"{play.first}, ")
        play.start_engine()
        view = play.views(refresh=True)[play.first]
        assert (view["state"], view["failures"]) == ("absent", 0)
        assert said(play.batuta.chat(play.first))

    def test_an_engine_that_ends_in_an_answer_is_told_in_the_stream(self, play: Play) -> None:
        """Nothing restarts after the first word: the stream ends with an error, and the model is used again later."""
        play.slow_words(0.2)
        stream = play.begin_stream(play.first, words="one two three four five six seven eight", max_tokens=64)
        lines = stream.lines()
        until(lambda: next(lines).startswith("data: {"), what="the first word")
        play.stop_engine()
        rest = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        stream.close()
        assert "error" in rest[-1]
        play.start_engine()
        view = play.views(refresh=True)[play.first]
        assert (view["state"], view["failures"]) == ("absent", 0)
        assert said(play.batuta.chat(play.first))


class Swapping:
    """An engine's model and a local file that do not fit together."""

    def swaps(self, folder: Path, kind: Kind) -> None:
        """Each takes the other's place when it is asked, and the budget is never exceeded."""
        (folder / "models").mkdir()
        tiny_gguf(folder / "models" / "local.gguf", size="large")
        budget, size = 128 << 20, 96 << 20
        pool = Counted(budget)
        with playing(folder, kind, budget=str(budget), pool=lambda: pool, size=size) as play, play.watch() as watcher:
            until(lambda: "local" in play.views(), what="the local model is found")
            local = play.batuta.model("local")["memory_bytes"]["needed"]
            assert budget - size < local < budget
            pool.beside = lambda: taken_by_loader(play.batuta.loader()["pid"])
            turns = [("local", play.first), (play.first, "local"), ("local", play.first)]
            for model, other in turns:
                assert said(play.batuta.chat(model))
                assert (play.state(model), play.state(other)) == ("ready", "absent")
                assert play.held() == ([play.address(play.first)] if model == play.first else [])
            assert [fact["model"] for _, fact in watcher.facts("swap")] == [play.first, "local"]
            facts = [fact for _, fact in watcher.facts("memory")]
        assert len(facts) >= 4
        assert all(fact["reserved"] <= fact["budget"] for fact in facts)
        assert len(pool.taken) == 1
        assert max(pool.taken) <= budget


class Counted(MemoryPool):
    """An engine's memory that adds up, each time something is put into it, all that is in memory then.

    Attributes:
        beside: gives the bytes that others have in memory.
        taken: bytes that were taken by all together, after each time.
    """

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.beside: Callable[[], int] = int
        self.taken: list[int] = []

    def take(self, owner: str, size: int) -> bool:
        is_taken = super().take(owner, size)
        self.taken.append(self.total - self.free + self.beside())
        return is_taken


def taken_by_loader(pid: int) -> int:
    """Return the bytes that the loader's models really have in memory: each is a process of its own."""
    return sum(child.memory_info().rss for child in psutil.Process(pid).children())


class Scenarios(Ready, Gone, Away, Swapping):
    """All of it."""
