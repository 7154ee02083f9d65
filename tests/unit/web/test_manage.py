"""The management API, call by call, over a real catalog and a real lifecycle."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from batuta.catalog.entities import MemoryNeed
from batuta.cli.client import model_path
from batuta.engines.base import ReportedModel
from batuta.errors import Cause, UpstreamUnreachable
from batuta.settings import ProviderSettings
from batuta.web.routes.manage import tail
from batuta.web.routes.manage_forms import url_problem
from batuta.web.views import memory_view, model_views
from tests.unit.web.manage_stage import House, house

FIELDS = {
    *("id", "model_id", "name", "provider", "is_local", "is_external", "is_loaded", "is_loading", "is_active"),
    *("state", "progress", "error", "roles", "pinned", "ttl_s", "context_length", "capabilities", "memory_bytes"),
    *("fits", "last_used", "load_seconds", "failures"),
}


def error_of(body: Any) -> Any:
    return body["error"]


async def test_the_list_shows_every_promised_field(data_dir: Path) -> None:
    """All models with their status, and the devices they share; what the views say is what the API answers."""
    async with house(data_dir) as it:
        answer = (await it.ask("GET", "/manage/models")).json()
        assert [model["id"] for model in answer["models"]] == ["brain", "coder", "third"]
        assert set(answer["models"][0]) >= FIELDS
        assert answer["models"] == model_views(it.services)
        assert answer["devices"] == memory_view(it.services)
        assert answer["devices"][0]["budget"] == 20_000


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/manage/models/brain/status", None),
        ("POST", "/manage/models/brain/load", {}),
        ("POST", "/manage/plan", {"model": "brain"}),
    ],
)
async def test_a_model_named_before_the_first_look_is_not_called_unknown(
    data_dir: Path, method: str, path: str, body: Any
) -> None:
    """The port opens before the disks have been looked at: the caller waits for that moment."""
    async with house(data_dir, is_looked=False) as it:
        _, early = it.start(method, path, body)
        await it.clock.advance(1.0)
        assert not early.done()
        await it.cast.catalog.start()
        await it.clock.advance(0.1)
        assert (await early).status < 300


async def test_a_first_look_that_takes_too_long_is_not_waited_for_without_end(data_dir: Path) -> None:
    """After ten seconds the answer is what is known so far."""
    async with house(data_dir, is_looked=False) as it:
        _, early = it.start("GET", "/manage/models/brain/status")
        await it.clock.advance(10.1)
        assert (await early).status == 404
        await it.cast.catalog.start()


async def test_refresh_looks_again(data_dir: Path) -> None:
    """`?refresh=1` finds the file that was copied a moment ago; without it nothing is looked at."""
    async with house(data_dir) as it:
        it.cast.file("late.gguf")
        assert len((await it.ask("GET", "/manage/models")).json()["models"]) == 3
        assert len((await it.ask("GET", "/manage/models", query="refresh=1")).json()["models"]) == 4


async def test_load_answers_at_once_and_the_load_goes_on(data_dir: Path) -> None:
    """202 while it loads, progress in the view, ready with its memory booked four seconds later."""
    async with house(data_dir) as it:
        answer = await it.ask("POST", "/manage/models/brain/load")
        assert answer.status == 202
        await it.clock.advance(2.0)
        view = await it.view("brain")
        assert (view["state"], view["is_loading"], view["stage"]) == ("loading", True, "reading")
        assert 0 < view["progress"] < 1
        assert view["elapsed_s"] == 2.0
        await it.clock.advance(10.0)
        view = await it.view("brain")
        assert (view["state"], view["is_loaded"], view["progress"]) == ("ready", True, None)
        assert view["memory_bytes"]["held"] >= view["memory_bytes"]["needed"] > 0
        assert view["load_seconds"] == pytest.approx(4.0, abs=1.0)
        devices = (await it.ask("GET", "/manage/models")).json()["devices"]
        assert [part["model"] for part in devices[0]["segments"]] == ["brain"]


async def test_wait_answers_when_it_is_ready(data_dir: Path) -> None:
    """The view of a ready model, after as long as the load takes."""
    async with house(data_dir) as it:
        _, task = it.start("POST", "/manage/models/brain/wait", {"timeout_s": 60})
        await it.clock.advance(3.0)
        assert not task.done()
        await it.clock.advance(10.0)
        answer = await task
        assert (answer.status, answer.json()["state"]) == (200, "ready")


async def test_wait_gives_up_with_a_suggestion(data_dir: Path) -> None:
    """Time is up: 503 model_loading, who could answer instead, and the load goes on."""
    async with house(data_dir) as it:
        await it.ask("POST", "/manage/models/coder/load")
        await it.clock.advance(10.0)
        _, task = it.start("POST", "/manage/models/brain/wait", {"timeout_s": 1})
        await it.clock.advance(2.0)
        answer = await task
        error = error_of(answer.json())
        assert (answer.status, error["code"], error["model"]) == (503, "model_loading", "brain")
        assert error["suggestion"] == "coder"
        await it.clock.advance(10.0)
        assert (await it.view("brain"))["is_loaded"]


async def test_wait_tells_why_a_load_failed(data_dir: Path) -> None:
    """503 with the cause; the model is in the failed cache, and a reset takes it out."""
    async with house(data_dir) as it:
        it.engine.fail_load("brain", Cause.CORRUPT_FILE, times=1)
        _, task = it.start("POST", "/manage/models/brain/wait")
        await it.clock.advance(10.0)
        answer = await task
        assert answer.status in {422, 503}
        assert error_of(answer.json())["cause"] == "corrupt_file"
        view = await it.view("brain")
        assert (view["state"], view["cause"], view["failures"], view["is_active"]) == (
            "failed",
            "corrupt_file",
            1,
            False,
        )
        assert view["error"]
        assert view["retry_at"] > it.clock.wall()
        assert (await it.ask("POST", "/manage/models/reset-failed")).json() == {"reset": ["brain"]}
        assert (await it.view("brain"))["state"] == "absent"


async def test_a_model_that_will_be_asked_is_loaded_ahead(data_dir: Path) -> None:
    """Where nobody is in its way; an unknown one is told as such, one behind an API needs nothing."""
    async with house(data_dir) as it:
        assert (await it.ask("POST", "/manage/models/brain/expect")).status == 204
        await it.clock.advance(10.0)
        assert (await it.view("brain"))["is_loaded"]
        assert (await it.ask("POST", "/manage/models/brian/expect")).status == 404


async def test_a_waiter_that_leaves_does_not_hold_its_place(data_dir: Path) -> None:
    """The client hangs up: its wait ends at once, nothing waits any more, and the load is not cut."""
    async with house(data_dir) as it:
        client, task = it.start("POST", "/manage/models/brain/wait")
        await it.clock.advance(1.0)
        client.leave()
        await it.clock.settle()
        assert task.done()
        assert len(it.lifecycle.waiting) == 0
        await it.clock.advance(10.0)
        assert (await it.view("brain"))["is_loaded"]


async def test_unload(data_dir: Path) -> None:
    """An idle model leaves; the memory is free again."""
    async with house(data_dir) as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        assert (await it.ask("POST", "/manage/models/brain/unload")).status == 202
        await it.clock.advance(10.0)
        view = await it.view("brain")
        assert (view["state"], view["memory_bytes"]["held"]) == ("absent", 0)


async def test_fits_says_what_would_go(data_dir: Path) -> None:
    """`now`, `after evicting X`, `never`; plan tells the same with figures, and does nothing."""
    async with house(data_dir) as it:
        assert (await it.view("third"))["fits"] == "now"
        for model in ("brain", "coder"):
            await it.ask("POST", f"/manage/models/{model}/load")
            await it.clock.advance(10.0)
        view = await it.view("third")
        assert (view["fits"], view["evict"]) == ("after evicting brain", ["brain"])
        plan = (await it.ask("POST", "/manage/plan", {"model": "THIRD.gguf"})).json()
        assert (plan["verdict"], plan["evict"], plan["need"]) == ("after_evicting", ["brain"], 9292)
        assert plan["free"] == plan["budget"] - 2 * 9292
        assert (await it.view("brain"))["is_loaded"]


async def test_a_plan_says_how_long_and_from_where(data_dir: Path) -> None:
    """The load from the tier its bytes are in, what a request would wait for step by step, and the same in words."""
    async with house(data_dir) as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        plan = (await it.ask("POST", "/manage/plan", {"model": "coder"})).json()
        assert (plan["verdict"], plan["tier"]) == ("now", "disk")
        assert plan["seconds"] == plan["wait"]["seconds"] > 0
        assert [(step["kind"], step["model"]) for step in plan["wait"]["steps"]] == [("load", "coder")]
        assert plan["wait"]["sentence"] == f"loading coder ({plan['seconds']} s)"
        there = (await it.ask("POST", "/manage/plan", {"model": "brain"})).json()
        assert (there["tier"], there["seconds"], there["wait"]["seconds"]) == ("resident", 0.0, 0.0)
        assert (there["wait"]["steps"], there["wait"]["sentence"]) == ([], "")
        assert (await it.view("coder"))["is_loaded"] is False


async def test_a_plan_counts_the_answers_of_who_would_go(data_dir: Path) -> None:
    """Two models fill the memory, both answer: the third waits for one of them, then for its own load."""
    async with house(data_dir) as it:
        for model in ("brain", "coder"):
            await it.ask("POST", f"/manage/models/{model}/load")
            await it.clock.advance(10.0)
        it.lifecycle.residencies["brain"].answer_s = 8.0
        until = it.clock.monotonic() + 60
        async with it.runner.lease("brain", deadline=until), it.runner.lease("coder", deadline=until):
            await it.clock.advance(2.0)
            wait = (await it.ask("POST", "/manage/plan", {"model": "third"})).json()["wait"]
            assert [step["kind"] for step in wait["steps"]] == ["finish", "unload", "load"]
            assert wait["sentence"].startswith("waiting for brain to finish 1 answer (about 6 s), then loading third")
            assert wait["position"] is None


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"model": "thirt"}, 404, "third"),
        ({"model": ""}, 400, "model"),
        ({"model": 7}, 400, "model"),
        ({}, 400, "model"),
        ({"model": "third", "force": True}, 400, "force"),
        (["third"], 400, "body"),
        ({"model": "x" * 2000}, 400, "model"),
    ],
)
async def test_a_plan_for_nothing_is_refused_in_words(data_dir: Path, body: Any, status: int, word: str) -> None:
    """The field that is wrong, or the nearest name."""
    async with house(data_dir) as it:
        answer = await it.ask("POST", "/manage/plan", body)
        assert answer.status == status
        assert word in error_of(answer.json())["message"]


async def test_a_model_that_is_waited_for_shows_its_forecast(data_dir: Path) -> None:
    """In the list and in its status: steps, seconds, place, sentence; null for the others."""
    async with house(data_dir, budget=10_000) as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        it.lifecycle.residencies["brain"].answer_s = 8.0
        async with it.runner.lease("brain", deadline=it.clock.monotonic() + 60):
            await it.ask("POST", "/manage/models/coder/load")
            await it.clock.advance(1.0)
            found = (await it.view("coder"))["forecast"]
            assert found["position"] == 1
            assert found["sentence"].startswith("waiting for brain to finish 1 answer (about 7 s), then loading coder")
            assert found["seconds"] > found["steps"][0]["seconds"]
            assert (await it.view("third"))["forecast"] is None
        await it.clock.advance(30.0)
        assert ((await it.view("coder"))["state"], (await it.view("coder"))["forecast"]) == ("ready", None)


async def test_a_model_that_never_fits_is_refused(data_dir: Path) -> None:
    """Loading it is answered with no_fit and the figures, not with a promise."""
    async with house(data_dir, "huge", budget=5000) as it:
        assert (await it.view("huge"))["fits"] == "never"
        answer = await it.ask("POST", "/manage/models/huge/load")
        assert (answer.status, error_of(answer.json())["code"]) == (503, "no_fit")


async def test_a_pin_in_the_way_is_named(data_dir: Path) -> None:
    """Pinned is not impossible: view, plan and refusal say what to unpin, and when that is done it loads."""
    async with house(data_dir, "big-a", "big-b", budget=10_000) as it:
        await it.ask("POST", "/manage/models/big-a/load")
        await it.clock.advance(10.0)
        await it.ask("PATCH", "/manage/models/big-a", {"pinned": True})
        view = await it.view("big-b")
        assert (view["fits"], view["pinned_by"]) == ("after unpinning big-a", ["big-a"])
        plan = (await it.ask("POST", "/manage/plan", {"model": "big-b"})).json()
        assert (plan["verdict"], plan["pinned_by"]) == ("after_unpinning", ["big-a"])
        error = error_of((await it.ask("POST", "/manage/models/big-b/load")).json())
        assert error["code"] == "no_fit"
        assert "never" not in error["message"]
        assert "pinned by big-a; unpin it" in error["message"]
        await it.ask("PATCH", "/manage/models/big-a", {"pinned": False})
        assert (await it.view("big-b"))["fits"] == "after evicting big-a"


async def test_a_server_that_only_a_person_can_stop_is_named(data_dir: Path) -> None:
    """Its model cannot be unloaded, with the way to stop it; what it keeps out says so in view, plan and refusal."""
    async with house(data_dir, "statue", "big", budget=10_000) as it:
        it.engine.fix("statue", "it holds the model it was started with")
        it.engine.appear(it.services.catalog.specs()["statue"])
        await it.runner.observe()
        assert (await it.view("statue"))["is_fixed"]
        answer = await it.ask("POST", "/manage/models/statue/unload")
        assert (answer.status, error_of(answer.json())["code"]) == (409, "cannot_unload")
        assert "stop it yourself (it holds the model it was started with)" in error_of(answer.json())["message"]
        view = await it.view("big")
        assert (view["fits"], view["held_by"]) == ("after stopping statue", ["statue"])
        plan = (await it.ask("POST", "/manage/plan", {"model": "big"})).json()
        assert (plan["verdict"], plan["held_by"]) == ("after_stopping", ["statue"])
        error = error_of((await it.ask("POST", "/manage/models/big/load")).json())
        assert (error["code"], error["details"]) == ("no_fit", {"held_by": ["statue"]})
        assert "held by a server that Batuta cannot stop: stop it yourself" in error["message"]
        assert (await it.ask("POST", "/manage/models/big/wait")).status == 503


async def test_a_found_out_refusal_is_told_by_the_model(data_dir: Path) -> None:
    """An engine that does not say it beforehand: the unload is begun, and the next look at the model tells."""
    async with house(data_dir, "statue") as it:
        it.engine.fix("statue", "it holds the model it was started with", is_told=False)
        it.engine.appear(it.services.catalog.specs()["statue"])
        await it.runner.observe()
        assert (await it.ask("POST", "/manage/models/statue/unload")).status == 202
        await it.clock.settle()
        view = await it.view("statue")
        assert (view["state"], view["is_fixed"]) == ("ready", True)
        assert (await it.ask("POST", "/manage/models/statue/unload")).status == 409


async def test_switching_on_brings_back_what_was_given_up(data_dir: Path) -> None:
    """A model that failed too often is off by itself: `enabled: true` is meant, though the catalog's choice was so."""
    async with house(data_dir, "brain") as it:
        it.runner.set_enabled("brain", False)
        assert (await it.view("brain"))["state"] == "disabled"
        assert (await it.ask("PATCH", "/manage/models/brain", {"enabled": True})).json()["state"] == "absent"


async def test_a_model_whose_file_is_gone_can_be_forgotten(data_dir: Path) -> None:
    """204, and it is not listed any more; 409 while its file is there."""
    async with house(data_dir, "old", "brain") as it:
        there = await it.ask("DELETE", "/manage/models/old")
        assert (there.status, error_of(there.json())["code"]) == (409, "conflict")
        (it.cast.models / "old.gguf").unlink()
        await it.services.catalog.refresh()
        assert (await it.view("old"))["state"] == "absent"
        assert (await it.ask("DELETE", "/manage/models/old")).status == 204
        assert (await it.ask("GET", "/manage/models/old")).status == 404


async def test_an_offline_providers_models_are_offline_and_not_suggested(data_dir: Path) -> None:
    """As soon as a look or a request finds out; the next look that succeeds clears it."""
    async with house(data_dir, "brain") as it:
        it.cast.answers["ollama"] = [ReportedModel("a"), ReportedModel("b")]
        await it.services.catalog.refresh()
        assert (await it.view("ollama/a"))["state"] == "ready"
        suggested = (await it.ask("GET", "/manage/models/ollama/a/alternative")).json()["model"]
        assert suggested == "ollama/b"
        it.services.catalog.note_reached("ollama", "refused the connection")
        view = await it.view("ollama/b")
        assert (view["state"], view["error"], view["is_active"]) == ("offline", "refused the connection", False)
        suggested = (await it.ask("GET", "/manage/models/ollama/a/alternative")).json()["model"]
        assert suggested == "brain"
        await it.services.catalog.refresh()
        assert (await it.view("ollama/b"))["state"] == "ready"


async def test_patch_sets_and_keeps(data_dir: Path) -> None:
    """Each field alone; null TTL means never; what is not sent stays; the lifecycle hears of it."""
    async with house(data_dir) as it:
        answer = await it.ask("PATCH", "/manage/models/brain", {"pinned": True, "ttl_s": 60})
        assert answer.status == 200
        await it.ask("PATCH", "/manage/models/brain", {"roles": ["brain"], "name": "The big one"})
        view = await it.view("brain")
        assert (view["pinned"], view["ttl_s"], view["roles"], view["name"]) == (True, 60, ["brain"], "The big one")
        assert it.lifecycle.residencies["brain"].pinned
        assert (await it.ask("PATCH", "/manage/models/brain", {"ttl_s": None})).json()["ttl_s"] is None
        await it.ask("PATCH", "/manage/models/brain", {"enabled": False})
        view = await it.view("brain")
        assert (view["state"], view["enabled"], view["is_active"]) == ("disabled", False, False)
        refused = await it.ask("POST", "/manage/models/brain/load")
        assert error_of(refused.json())["code"] == "model_disabled"
        await it.ask("PATCH", "/manage/models/brain", {"enabled": True})
        assert (await it.view("brain"))["state"] == "absent"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "nothing to change"),
        ({"pinned": "yes"}, "pinned"),
        ({"pinned": None}, "pinned"),
        ({"ttl_s": -1}, "ttl_s"),
        ({"ttl_s": "soon"}, "ttl_s"),
        ({"roles": "brain"}, "list"),
        ({"roles": ["king"]}, "roles"),
        ({"enabled": 1}, "enabled"),
        ({"name": "a\nb"}, "name"),
        ({"colour": "red"}, "colour"),
        ([1], "dictionary"),
    ],
)
async def test_a_wrong_patch_names_its_fault(data_dir: Path, body: Any, word: str) -> None:
    """400 in OpenAI's form, the field named, nothing changed."""
    async with house(data_dir, "brain") as it:
        before = it.services.catalog.specs()["brain"]
        answer = await it.ask("PATCH", "/manage/models/brain", body)
        error = error_of(answer.json())
        assert (answer.status, error["code"]) == (400, "invalid_request")
        assert word in error["message"]
        assert it.services.catalog.specs()["brain"] == before


async def test_ids_with_slashes(data_dir: Path) -> None:
    """`ollama/qwen3:8b` and `ollama/a/status` reach the models of that very name, with every ending."""
    async with house(data_dir) as it:
        it.cast.answers["ollama"] = [ReportedModel(name) for name in ("qwen3:8b", "a/b", "c/status", "a/b/status")]
        await it.ask("GET", "/manage/models", query="refresh=1")
        for path, meant in {
            "ollama/qwen3:8b": "ollama/qwen3:8b",
            "ollama/qwen3:8b/status": "ollama/qwen3:8b",
            "ollama/a/b/status": "ollama/a/b",
            "ollama/a/b/status/status": "ollama/a/b/status",
            "ollama/c/status": "ollama/c/status",
        }.items():
            assert (await it.view(path))["id"] == meant, path
        assert (await it.ask("GET", "/manage/models/ollama/a/b/story")).json()["model"] == "ollama/a/b"
        answer = await it.ask("POST", "/manage/models/ollama/a/b/wait")
        assert (answer.status, answer.json()["state"]) == (200, "ready")
        patched = await it.ask("PATCH", "/manage/models/ollama/c/status", {"pinned": True})
        assert patched.json()["id"] == "ollama/c/status"


@pytest.mark.parametrize("path", ["nothing", "../../etc/passwd", "a/../b", "%2e%2e", "brain/what"])
async def test_an_unknown_model_is_404(data_dir: Path, path: str) -> None:
    """A path is never taken for a file; the nearest name is suggested where there is one."""
    async with house(data_dir) as it:
        answer = await it.ask("GET", f"/manage/models/{path}")
        assert (answer.status, error_of(answer.json())["code"]) == (404, "model_not_found")
        assert (await it.ask("GET", f"/manage/logs/{path}")).status == 404


async def test_a_slip_of_the_finger_is_understood(data_dir: Path) -> None:
    """The answer to a wrong name holds the right one."""
    async with house(data_dir) as it:
        error = error_of((await it.ask("POST", "/manage/models/brian/load")).json())
        assert error["suggestion"] == "brain"


async def test_story_and_alternative(data_dir: Path) -> None:
    """Why a model is where it is, in wall time; and who else could answer."""
    async with house(data_dir) as it:
        await it.ask("POST", "/manage/models/brain/load")
        await it.clock.advance(10.0)
        story = (await it.ask("GET", "/manage/models/brain/story")).json()["story"]
        assert [line["new"] for line in story if line["new"]] == ["loading", "ready"]
        assert abs((await it.view("brain"))["last_used"] - it.clock.wall()) < 60
        assert abs(story[-1]["at"] - it.clock.wall()) < 60
        answer = (await it.ask("GET", "/manage/models/coder/alternative")).json()
        assert answer["model"] == "brain"
        assert answer["reason"]


async def test_a_vanished_file_is_shown_as_such(data_dir: Path) -> None:
    """The model stays in the list, not present, with the reason."""
    async with house(data_dir) as it:
        (it.cast.models / "third.gguf").unlink()
        await it.ask("GET", "/manage/models", query="refresh=1")
        view = await it.view("third")
        assert (view["is_present"], view["is_active"], view["cause"]) == (False, False, "not_installed")


async def test_log(data_dir: Path) -> None:
    """The last 200 lines of what the model's process wrote; none yet is 404."""
    async with house(data_dir) as it:
        assert (await it.ask("GET", "/manage/logs/brain")).status == 404
        write_log(it, "brain.log", "".join(f"line {n}\n" for n in range(500)))
        answer = await it.ask("GET", "/manage/logs/brain")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.body.splitlines()[0] == b"line 300"
        assert len(answer.body.splitlines()) == 200


def write_log(it: House, name: str, text: str) -> None:
    folder = it.services.settings.log_dir / "models"
    folder.mkdir(parents=True)
    (folder / name).write_text(text)


def test_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    """However large the file: some hundred kilobytes are read, and no half line is shown."""
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * 300_000 + b"\n" + b"last\n" * 3 + b"\xff\n")
    assert tail(path) == "last\nlast\nlast\n\ufffd\n"
    assert tail(tmp_path / "none.log") is None


async def test_providers_are_added_and_deleted(data_dir: Path) -> None:
    """201 with how it stands; its models are listed; 204 and both are gone."""
    async with house(data_dir) as it:
        it.cast.answers["far"] = [ReportedModel("m")]
        body = {"id": "far", "base_url": "https://api.example.com/v1/", "key_env": "FAR_API_KEY"}
        answer = await it.ask("POST", "/manage/providers", body)
        view = answer.json()
        assert (answer.status, view["is_online"], view["models"], view["source"]) == (201, True, 1, "person")
        assert (view["base_url"], view["key_env"]) == ("https://api.example.com/v1", "FAR_API_KEY")
        assert (await it.ask("GET", "/manage/models/far/m")).status == 200
        listed = (await it.ask("GET", "/manage/providers")).json()["providers"]
        assert [provider["id"] for provider in listed] == ["local", "ollama", "far"]
        assert (await it.ask("DELETE", "/manage/providers/far")).status == 204
        assert (await it.ask("GET", "/manage/models/far/m")).status == 404
        assert (await it.ask("DELETE", "/manage/providers/far")).status == 404
        assert (await it.ask("DELETE", "/manage/providers/ollama")).status == 400


async def test_a_program_is_added_by_its_kind(data_dir: Path) -> None:
    """On this machine unless the body says otherwise; a correction without a kind leaves it; a wrong one is told."""
    async with house(data_dir, providers=()) as it:
        it.cast.answers["lm"] = [ReportedModel("m")]
        body = {"id": "lm", "kind": "lmstudio", "base_url": "http://127.0.0.1:1234"}
        view = (await it.ask("POST", "/manage/providers", body)).json()
        assert (view["kind"], view["is_local"], view["models"]) == ("lmstudio", True, 1)
        assert (await it.view("lm/m"))["is_loadable"] is True
        again = await it.ask(
            "POST", "/manage/providers", {"id": "lm", "base_url": "http://127.0.0.1:4321", "is_local": True}
        )
        assert (again.status, again.json()["kind"]) == (200, "lmstudio")
        wrong = await it.ask("POST", "/manage/providers", body | {"kind": "lm-studio", "is_local": True})
        assert wrong.status == 400
        assert "lmstudio, ollama, openai_compat, openai_family, vllm" in error_of(wrong.json())["message"]
        assert (
            await it.ask("POST", "/manage/providers", {"id": "x", "base_url": "http://127.0.0.1:1234"})
        ).status == 400


async def test_the_key_of_a_known_api_goes_to_no_other_address(data_dir: Path) -> None:
    """Whoever may add a provider cannot have OPENAI_API_KEY sent to a place of their own; to OpenAI it may go."""
    async with house(data_dir, providers=()) as it:
        body = {"id": "mine", "base_url": "https://api.example.com/v1", "key_env": "OPENAI_API_KEY"}
        refused = await it.ask("POST", "/manage/providers", body)
        assert refused.status == 400
        assert "OpenAI" in error_of(refused.json())["message"]
        assert "mine" not in {view["id"] for view in (await it.ask("GET", "/manage/providers")).json()["providers"]}
        it.cast.answers["own"] = [ReportedModel("m")]
        right = await it.ask("POST", "/manage/providers", body | {"id": "own", "base_url": "https://api.openai.com/v1"})
        assert (right.status, right.json()["kind"]) == (201, "openai_family")


@pytest.mark.parametrize("name", ["qwen3:8b", "hf.co/org/m:Q4_K_M", "my model", "模型-é", "50% off?#1"])
async def test_a_program_s_model_is_managed_by_any_name(data_dir: Path, name: str) -> None:
    """Slashes, colons, spaces and letters of any language, in every route; its provider tells what it holds."""
    there = ProviderSettings(id="ollama", kind="ollama", base_url="http://127.0.0.1:11434")
    async with house(data_dir, providers=(there,)) as it:
        it.cast.answers["ollama"] = [ReportedModel(name, memory=MemoryNeed(1000))]
        await it.ask("GET", "/manage/models", query="refresh=1")
        model = f"ollama/{name}"
        path = unquote(model_path(model))  # what the command line sends, as the server reads it
        assert (await it.ask("GET", path)).json()["id"] == model
        assert (await it.ask("POST", f"{path}/load")).status == 202
        await it.clock.advance(10.0)
        assert (await it.ask("GET", f"{path}/status")).json()["state"] == "ready"
        (_, view) = (await it.ask("GET", "/manage/providers")).json()["providers"]
        assert view["holds"] == [model]
        assert (await it.ask("PATCH", path, {"pinned": True})).json()["pinned"] is True
        assert (await it.ask("GET", f"{path}/story")).json()["model"] == model
        assert (await it.ask("POST", f"{path}/unload")).status == 202
        await it.clock.advance(10.0)
        assert (await it.ask("GET", path)).json()["state"] == "absent"
        it.services.catalog.note_reached("ollama", "refused the connection")
        assert (await it.ask("GET", path)).json()["state"] == "offline"


async def test_a_key_in_the_body_is_refused_and_not_repeated(data_dir: Path) -> None:
    """The answer says where a key belongs, and does not hold it."""
    async with house(data_dir) as it:
        body = {"id": "far", "base_url": "https://api.example.com/v1", "api_key": "sk-test-not-a-key"}
        answer = await it.ask("POST", "/manage/providers", body)
        assert answer.status == 400
        assert "key_env" in error_of(answer.json())["message"]
        assert b"sk-test" not in answer.body


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://api.example.com/v1", True),
        ("http://api.example.com", True),
        ("ftp://api.example.com", False),
        ("file:///etc/passwd", False),
        ("api.example.com", False),
        ("https://", False),
        ("https://user:pass@api.example.com", False),
        ("https://api.example.com/v1?key=1", False),
        ("https://api.example.com:99999", False),
        ("https://api.example.com\r\nx: y", False),
        ("http://169.254.169.254/latest", False),
        ("http://metadata.google.internal/", False),
        ("http://[fe80::1]/", False),
        ("http://0.0.0.0:1234", False),
        ("http://127.0.0.1:1234", False),
        ("http://localhost.:1234", False),
        ("http://[::ffff:127.0.0.1]/", False),
        ("http://10.1.2.3/v1", False),
    ],
)
def test_addresses_of_providers(url: str, is_fine: bool) -> None:
    """Http and https to named hosts; this machine and network only if that is meant; never where secrets are kept."""
    assert (url_problem(url, is_local=False, has_key=False) is None) is is_fine


def test_addresses_on_this_network() -> None:
    """Marked as local they are fine; link-local never is; a key is not sent unencrypted to the internet."""
    assert url_problem("http://10.1.2.3/v1", is_local=True, has_key=True) is None
    assert url_problem("http://127.0.0.1:1234/v1", is_local=True, has_key=False) is None
    assert url_problem("http://169.254.169.254/v1", is_local=True, has_key=False) is not None
    assert url_problem("http://api.example.com/v1", is_local=False, has_key=True) is not None


@pytest.mark.parametrize("name", ["BATUTA_API_KEY", "PATH", "far_key", "X_KEY\n"])
async def test_only_keys_are_taken_from_the_environment(data_dir: Path, name: str) -> None:
    """Variables that hold other things, and Batuta's own, cannot be sent anywhere."""
    async with house(data_dir, "brain") as it:
        body = {"id": "far", "base_url": "https://api.example.com/v1", "key_env": name}
        assert (await it.ask("POST", "/manage/providers", body)).status == 400


async def test_problems_are_told(data_dir: Path) -> None:
    """Damaged files by path, providers by name, each with its reason."""
    async with house(data_dir) as it:
        it.cast.answers["ollama"] = UpstreamUnreachable("nobody answers there")
        path = it.cast.file("broken.gguf", "bad: truncated")
        it.clock.jump_wall(1e9)
        await it.ask("GET", "/manage/models", query="refresh=1")
        problems = (await it.ask("GET", "/manage/catalog/problems")).json()["problems"]
        assert [problem["subject"] for problem in problems] == [str(path), "ollama"]
        views = {view["id"]: view for view in model_views(it.services)}
        assert "broken" not in views


async def test_reading_changes_nothing(data_dir: Path) -> None:
    """No GET of the API moves a model or a setting."""
    async with house(data_dir) as it:
        before = (it.services.catalog.specs(), it.runner.snapshot())
        for path in ("models", "models/brain", "models/brain/status", "models/brain/alternative"):
            await it.ask("GET", f"/manage/{path}")
        for path in ("models/brain/story", "providers", "catalog/problems", "logs/brain"):
            await it.ask("GET", f"/manage/{path}")
        assert (it.services.catalog.specs(), it.runner.snapshot()) == before


async def test_the_description_is_whole(data_dir: Path) -> None:
    """OpenAPI lists every call with a summary."""
    async with house(data_dir, "brain") as it:
        paths = it.app.openapi()["paths"]
        calls = {(path, method) for path, ways in paths.items() for method in ways}
        assert ("/manage/models/{model_id}/load", "post") in calls
        assert len(calls) >= 17
        assert all(way["summary"] for ways in paths.values() for way in ways.values())
