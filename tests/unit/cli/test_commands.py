"""The commands that talk to a gateway: what they ask it, what they print, how they leave."""

from __future__ import annotations

import json
import time

import pytest

from batuta.cli.client import model_path
from batuta.cli.main import COMMANDS

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
