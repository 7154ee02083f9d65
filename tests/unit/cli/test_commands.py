"""The commands that talk to a gateway: what they ask it, what they print, how they leave."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from batuta.cli.client import model_path
from batuta.cli.loading import _subject, progress_text
from batuta.cli.main import COMMANDS
from batuta.cli.plan import lines

from .conftest import Batuta, FakeGateway, events, model, says


def test_help_names_every_command(batuta: Batuta) -> None:
    """`batuta --help` lists all commands, the first one first."""
    shown = batuta("--help").stdout
    places = [shown.index(f" {name} ") for name in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(batuta: Batuta, name: str) -> None:
    """Each command explains itself, and each that prints something can print JSON."""
    inner = {"config": ["show"], "keys": ["list"]}
    words = [name, *inner.get(name, []), "--help"]
    result = batuta(*words)
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_version(batuta: Batuta) -> None:
    """`batuta --version` says name and version."""
    assert batuta("--version").stdout.startswith("batuta 0.")


def test_a_typo_gets_a_suggestion(batuta: Batuta) -> None:
    """A mistyped command names the nearest one, with the exit code of wrong use."""
    result = batuta("modles")
    assert result.exit_code == 2
    assert "models" in result.stderr


@pytest.mark.parametrize("words", [["status"], ["ps"], ["models"], ["load", "x"], ["unload", "x"], ["run", "x", "hi"]])
def test_without_a_gateway_the_exit_code_is_three(batuta: Batuta, words: list[str]) -> None:
    """No gateway: one line that says what to do, and code 3; with --json the same as JSON."""
    result = batuta(*words)
    assert result.exit_code == 3
    assert "batuta up" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    as_json = batuta(*words, "--json")
    assert json.loads(as_json.stdout)["error"]["code"] == "no_gateway"
    assert as_json.exit_code == 3


def test_down_is_fine_when_nothing_runs(batuta: Batuta) -> None:
    """Stopping nothing is no failure."""
    result = batuta("down")
    assert result.exit_code == 0
    assert "Nothing runs" in result.stdout


def test_ps_lists_what_is_in_memory(batuta: Batuta, gateway: FakeGateway) -> None:
    """Resident and loading models only, the largest first, with memory and how long they stay."""
    gateway.answers["GET /manage/models"] = {
        "models": [
            model("small", "ready", memory_bytes={"needed": 1e9, "held": 1_200_000_000}, pinned=True),
            model("big", "ready", ttl_s=300, last_used=time.time() - 60),
            model("coming", "loading", progress=0.43),
            model("elsewhere", "ready", is_local=False),
            model("cold"),
        ]
    }
    lines = batuta("ps", url=gateway.url).stdout.splitlines()
    assert lines[0].split() == ["MODEL", "STATE", "MEMORY", "IN", "FLIGHT", "WAITING", "UNTIL"]
    assert [line.split()[0] for line in lines[1:]] == ["big", "coming", "small"]
    assert "4.1 GB" in lines[1]
    assert "4 min" in lines[1]
    assert "loading 43 %" in lines[2]
    assert "1.2 GB" in lines[3]
    assert lines[3].endswith("pinned")


def test_models_lists_everything(batuta: Batuta, gateway: FakeGateway) -> None:
    """All models with state, size, fit and source; a name with escapes cannot draw on the terminal."""
    gateway.answers["GET /manage/models?refresh=1"] = [
        model("brain", roles=["brain"], fits="after_evicting", name="x"),
        model("evil\x1b[2J\nname", "failed", error="corrupt file"),
        model("openai/gpt", "ready", is_local=False, provider="openai"),
    ]
    shown = batuta("models", "--refresh", url=gateway.url).stdout
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 4
    assert "after evicting" in shown
    assert "corrupt file" in shown
    assert "remote" in shown


def test_models_as_json_is_what_the_gateway_says(batuta: Batuta, gateway: FakeGateway) -> None:
    """Scripts get every field."""
    gateway.answers["GET /manage/models"] = [model("brain")]
    assert json.loads(batuta("models", "--json", url=gateway.url).stdout) == [model("brain")]


def test_load_waits_until_the_model_is_ready(batuta: Batuta, gateway: FakeGateway) -> None:
    """The load is asked for, then waited for."""
    gateway.answers |= {
        "POST /manage/models/brain/load": (202, {"state": "loading"}),
        "POST /manage/models/brain/wait": {"state": "ready"},
        "GET /manage/models/brain/status": model("brain", "ready"),
    }
    result = batuta("load", "brain", "--timeout", "5", url=gateway.url)
    assert result.exit_code == 0
    assert result.stdout.startswith("brain is ready after ")
    assert gateway.bodies("POST /manage/models/brain/wait") == [{"timeout_s": 5.0}]


WAIT = {
    "state": "absent",
    "stage": "queued",
    "forecast": {"sentence": "waiting for coder to finish 2 answers (about 6 s)"},
}


def slow(gateway: FakeGateway, call: str, answer: Any) -> None:
    """Answer a call once the wait has been asked about twice."""

    def answered() -> Any:
        until = time.monotonic() + 5.0
        while sum(name.endswith("/status") for name, _, _ in gateway.asked) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        return answer

    gateway.answers[call] = answered


def test_load_says_what_it_waits_for(batuta: Batuta, gateway: FakeGateway) -> None:
    """On stderr, once, in the gateway's words; the answer alone is on stdout."""
    gateway.answers |= {
        "POST /manage/models/brain/load": (202, {"state": "absent"}),
        "GET /manage/models/brain/status": WAIT,
    }
    slow(gateway, "POST /manage/models/brain/wait", {"state": "ready"})
    result = batuta("load", "brain", url=gateway.url)
    assert result.stderr.splitlines() == ["brain: waiting for coder to finish 2 answers (about 6 s)"]
    assert result.stdout.startswith("brain is ready after ")


def test_a_name_that_is_a_choice_shows_whom_it_waits_for(batuta: Batuta, gateway: FakeGateway) -> None:
    """`auto` has no status of its own: the stream's notes say which model is asked."""
    note = b': batuta {"model":"brain","state":"absent"}\n\n'
    gateway.answers["GET /manage/models/brain/status"] = WAIT

    def answer() -> Iterator[bytes]:
        yield note
        until = time.monotonic() + 5.0
        while not any(name == "GET /manage/models/brain/status" for name, _, _ in gateway.asked):
            assert time.monotonic() < until
            time.sleep(0.01)
        yield says("hello")

    gateway.answers["POST /v1/chat/completions"] = answer
    result = batuta("run", "auto", "hi", url=gateway.url)
    assert result.stdout == "hello\n"
    assert result.stderr.splitlines() == ["brain: waiting for coder to finish 2 answers (about 6 s)"]


def test_a_line_is_said_again_when_something_else_is_waited_for() -> None:
    """Not when seconds or answers get fewer."""
    views = [
        {"forecast": {"sentence": said}}
        for said in ("waiting for a to finish 2 answers (about 6 s)", "waiting for a to finish 1 answer (about 2 s)")
    ]
    assert len({_subject(view) for view in views}) == 1
    assert _subject({"forecast": {"sentence": "waiting for b to leave"}}) != _subject(views[0])
    assert progress_text({"state": "loading", "stage": "reading", "progress": 0.5, **views[0]}) == "reading 50 %"


def test_plan_says_what_a_load_would_do(batuta: Batuta, gateway: FakeGateway) -> None:
    """What would go, from where it is loaded, and how long a request would wait."""
    plan = {
        "model": "brain",
        "fits": "after evicting coder",
        "evict": ["coder"],
        "need": 13e9,
        "budget": 16e9,
        "seconds": 4.6,
        "tier": "page cache",
        "reason": "coder would be evicted",
        "wait": {"seconds": 10.6, "sentence": "waiting for coder"},
    }
    gateway.answers["POST /manage/plan"] = plan
    shown = batuta("plan", "brain", url=gateway.url).stdout
    assert "after evicting coder (coder would be evicted)" in shown
    assert "4.6 s, from the file cache of this machine" in shown
    assert "11 s: waiting for coder" in shown
    assert gateway.bodies("POST /manage/plan") == [{"model": "brain"}]
    assert json.loads(batuta("plan", "brain", "--json", url=gateway.url).stdout) == plan
    there = plan | {"evict": [], "tier": "resident", "seconds": 0.0, "wait": {"seconds": 0.0, "sentence": ""}}
    assert dict(lines(there))["wait"] == "none"
    never = plan | {"wait": {"seconds": None, "sentence": ""}}
    assert dict(lines(never))["wait"] == "waiting does not help"


def test_story_tells_what_happened(batuta: Batuta, gateway: FakeGateway) -> None:
    """A line for each thing, with its time and the change of state; the last ones where that is asked."""
    entries = [
        {"at": 1000.25, "text": "wanted by req-1", "old": None, "new": None},
        {"at": 1001.0, "text": "loaded: in 1 s", "old": "loading", "new": "ready"},
    ]
    gateway.answers["GET /manage/models/brain/story"] = {"model": "brain", "story": entries}
    first, second = batuta("story", "brain", url=gateway.url).stdout.splitlines()
    assert first.endswith("  wanted by req-1")
    assert re.match(r"\d\d:\d\d:\d\d\.2  ", first)
    assert second.endswith("  loading -> ready: loaded: in 1 s")
    assert len(batuta("story", "brain", "-n", "1", url=gateway.url).stdout.splitlines()) == 1
    told = json.loads(batuta("story", "brain", "--json", url=gateway.url).stdout)
    assert told == {"model": "brain", "story": entries}
    gateway.answers["GET /manage/models/brain/story"] = {"model": "brain", "story": []}
    assert "Nothing has happened" in batuta("story", "brain", url=gateway.url).stderr


def test_load_without_waiting(batuta: Batuta, gateway: FakeGateway) -> None:
    """With --no-wait only the load is asked for."""
    gateway.answers["POST /manage/models/brain/load"] = (202, {"state": "loading"})
    assert batuta("load", "brain", "--no-wait", url=gateway.url).exit_code == 0
    assert [name for name, _, _ in gateway.asked] == ["POST /manage/models/brain/load"]


def test_a_load_that_fails_says_why(batuta: Batuta, gateway: FakeGateway) -> None:
    """The gateway's reason and suggestion are passed on; the code is 1."""
    error = {"message": "brain needs 13.0 GB of 8.0 GB", "code": "no_fit", "model": "brain", "suggestion": "small"}
    gateway.answers["POST /manage/models/brain/load"] = (503, {"error": error})
    result = batuta("load", "brain", url=gateway.url)
    assert result.exit_code == 1
    assert "needs 13.0 GB" in result.stderr
    assert "small" in result.stderr
    as_json = json.loads(batuta("load", "brain", "--json", url=gateway.url).stdout)
    assert as_json["error"]["code"] == "no_fit"


def test_unload_waits_until_the_memory_is_back(batuta: Batuta, gateway: FakeGateway) -> None:
    """The model is named, and that it is gone is said when it is gone."""
    gateway.answers["POST /manage/models/brain/unload"] = (202, model("brain", "draining", is_loaded=True))
    gateway.answers["GET /manage/models/brain/status"] = model("brain")
    assert batuta("unload", "brain", url=gateway.url).stdout == "brain is out of memory.\n"


def test_unload_tells_when_the_model_stays(batuta: Batuta, gateway: FakeGateway) -> None:
    """A model that goes on answering is still there when the time is up; that is a failure, unless nobody waits."""
    gateway.answers["POST /manage/models/brain/unload"] = (202, model("brain", "ready"))
    result = batuta("unload", "brain", "--timeout", "0", url=gateway.url)
    assert result.exit_code == 1
    assert "still in memory" in result.stderr
    assert batuta("unload", "brain", "--no-wait", url=gateway.url).exit_code == 0
    gateway.answers["POST /manage/models/brain/unload"] = (202, model("brain", "ready", is_fixed=True))
    result = batuta("unload", "brain", url=gateway.url)  # there is nothing to wait for
    assert (result.exit_code, "its server holds it; stop that yourself" in result.stderr) == (1, True)


def test_run_streams_the_answer_without_its_escapes(batuta: Batuta, gateway: FakeGateway) -> None:
    """Words go to stdout as they come; escape sequences, even split ones, do not."""
    gateway.answers["POST /v1/chat/completions"] = says("Hel", "lo \x1b[3", "1mred\x1b[0m", "\x07")
    result = batuta("run", "brain", "say", "hello", "--system", "be kind", "--max-tokens", "9", url=gateway.url)
    assert result.exit_code == 0
    assert result.stdout == "Hello red\n"
    (body,) = gateway.bodies("POST /v1/chat/completions")
    assert body["stream"] is True
    assert body["max_tokens"] == 9
    assert body["messages"] == [{"role": "system", "content": "be kind"}, {"role": "user", "content": "say hello"}]


def test_run_reads_standard_input_for_a_dash(batuta: Batuta, gateway: FakeGateway) -> None:
    """`-` stands for what is piped in."""
    gateway.answers["POST /v1/chat/completions"] = says("ok")
    batuta("run", "brain", "sum up:", "-", stdin="a long text", url=gateway.url)
    assert gateway.bodies("POST /v1/chat/completions")[0]["messages"][0]["content"] == "sum up: a long text"


def test_run_refuses_an_empty_prompt(batuta: Batuta) -> None:
    """Nothing said is wrong use."""
    assert batuta("run", "brain", "-", stdin=" \n").exit_code == 2


def test_run_tells_an_answer_that_broke_off(batuta: Batuta, gateway: FakeGateway) -> None:
    """A stream without an end mark is a failure, and what came is still shown."""
    gateway.answers["POST /v1/chat/completions"] = says("half", finish=None)
    result = batuta("run", "brain", "hi", url=gateway.url)
    assert (result.exit_code, result.stdout) == (1, "half\n")
    assert "broke off" in result.stderr


def test_run_tells_an_answer_that_was_cut(batuta: Batuta, gateway: FakeGateway) -> None:
    """The length limit is no failure, but it is said."""
    gateway.answers["POST /v1/chat/completions"] = says("half", finish="length")
    result = batuta("run", "brain", "hi", url=gateway.url)
    assert result.exit_code == 0
    assert "length limit" in result.stderr


def test_run_as_json(batuta: Batuta, gateway: FakeGateway) -> None:
    """Scripts get text, model, reason of the end and usage in one object."""
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    end = {"model": "brain", "choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}], "usage": usage}
    gateway.answers["POST /v1/chat/completions"] = events(end)
    answer = json.loads(batuta("run", "auto", "hi", "--json", url=gateway.url).stdout)
    assert answer == {"model": "brain", "text": "ok", "finish": "stop", "usage": usage}


def test_chat_remembers_what_was_said_until_it_is_cleared(batuta: Batuta, gateway: FakeGateway) -> None:
    """Each turn sends the conversation; /clear and /model change it; /quit ends it."""
    gateway.answers["POST /v1/chat/completions"] = says("yes")
    said = "one\n/model other\ntwo\n/clear\nthree\n/quit\nnever\n"
    result = batuta("chat", "brain", stdin=said, url=gateway.url)
    assert result.exit_code == 0
    bodies = gateway.bodies("POST /v1/chat/completions")
    assert [body["model"] for body in bodies] == ["brain", "other", "other"]
    assert [len(body["messages"]) for body in bodies] == [1, 3, 1]
    assert result.stdout == "yes\n" * 3


def test_chat_forgets_a_turn_that_failed(batuta: Batuta, gateway: FakeGateway) -> None:
    """An error in a pipe ends the chat with its message and code 1."""
    gateway.answers["POST /v1/chat/completions"] = (503, {"error": {"message": "it failed", "code": "model_failed"}})
    result = batuta("chat", stdin="one\ntwo\n", url=gateway.url)
    assert result.exit_code == 1
    assert "it failed" in result.stderr
    assert len(gateway.bodies("POST /v1/chat/completions")) == 1


def test_status_gathers_the_parts(batuta: Batuta, gateway: FakeGateway) -> None:
    """Gateway, loader, default model and memory, each on a line."""
    gateway.answers |= {
        "GET /health": {"status": "healthy", "loader": {"state": "up", "pid": 7}},
        "GET /manage/models": {
            "models": [model("brain", "ready", roles=["brain"]), model("cold")],
            "devices": [{"id": "host", "budget": 14_500_000_000, "reserved": 4_100_000_000}],
        },
    }
    lines = batuta("status", url=gateway.url).stdout.splitlines()
    assert lines[0].split(maxsplit=1) == ["gateway", f"healthy, {gateway.url}"]
    assert lines[1].endswith("up, pid 7")
    assert lines[2].endswith("brain: ready")
    assert lines[-1].endswith("4.1 GB of 14.5 GB reserved")
    report = json.loads(batuta("status", "--json", url=gateway.url).stdout)
    assert report["default_model"]["id"] == "brain"
    assert report["in_memory"] == ["brain"]


def test_status_tells_of_the_servers(batuta: Batuta, gateway: FakeGateway) -> None:
    """Which answer, in which version, and what they hold; why one does not."""
    gateway.answers |= {
        "GET /health": {"status": "healthy"},
        "GET /manage/models": {"models": []},
        "GET /manage/providers": {
            "providers": [
                {"id": "local", "base_url": ""},
                {"id": "lmstudio", "base_url": "http://a", "is_online": None, "models": 0},
                {"id": "ollama", "base_url": "http://b", "is_online": True, "version": "0.12.3", "models": 4}
                | {"holds": ["ollama/qwen3:8b"], "note": "old"},
                {"id": "far", "base_url": "http://c", "is_online": False, "message": "refused"},
            ]
        },
    }
    lines = [line.split(maxsplit=2) for line in batuta("status", url=gateway.url).stdout.splitlines()]
    assert [line[1:] for line in lines if line[0] == "server"] == [
        ["lmstudio", "not asked yet, 0 models"],
        ["ollama", "online, version 0.12.3, 4 models, holds ollama/qwen3:8b, old"],
        ["far", "offline: refused"],
    ]


def test_models_of_any_name_are_named_on_the_command_line(batuta: Batuta, gateway: FakeGateway) -> None:
    """Slashes, colons, spaces, and letters of any language."""
    for name in ("ollama/qwen3:8b", "lmstudio/org/my model", "ollama/模型-é", "x/50% off?#1"):
        gateway.answers[f"POST {model_path(name, 'unload')}"] = model(name, "unloading")
        gateway.answers[f"GET {model_path(name)}"] = model(name, "absent")
        assert batuta("unload", name, url=gateway.url).exit_code == 0
