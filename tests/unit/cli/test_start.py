"""How a start is shown, and what the flags of `up` mean."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batuta.cli import start as subject
from batuta.cli.start_view import JsonView, LiveView, PlainView, StartState, choose_view
from batuta.cli.wanted import Wanted
from batuta.errors import AddressInUse, AlreadyRunning, BadSettings
from batuta.observe.events import (
    CatalogChanged,
    Fact,
    Listening,
    LoaderChanged,
    LoadProgressed,
    ModelStateChanged,
    Started,
    Starting,
)

from .conftest import Batuta

URL = "http://127.0.0.1:22888"
START: list[Fact] = [
    Starting("gateway", "opening the data folder"),
    LoaderChanged("starting"),
    LoaderChanged("up", pid=7),
    CatalogChanged(added=("brain",)),
    LoadProgressed("brain", "reading", 0.1, 0.2, 1.8),
    LoadProgressed("brain", "reading", 0.2, 0.4, 1.6),
    LoadProgressed("brain", "reading", 0.6, 1.2, 0.8),
    ModelStateChanged("brain", "loading", "ready", "loaded"),
    Started(1.2),
    Listening(URL, 1.25),
]


def test_a_pipe_gets_lines_and_the_promised_last_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Steps in order, a line a quarter of a load, no escape sequence, and the line scripts wait for at the end."""
    opened: list[str] = []
    with PlainView(opened.append) as view:
        for fact in START:
            view(fact)
        view(LoaderChanged("down"))
    assert capsys.readouterr().out.splitlines() == [
        "gateway: opening the data folder",
        "loader: starting",
        "loader: running (pid 7)",
        "model brain: reading 10 %, 1.8 s left",
        "model brain: reading 60 %, 0.8 s left",
        "model brain: ready",
        f"Batuta is listening on {URL}",
    ]
    assert opened == [URL]


def test_scripts_get_a_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Every line is JSON with its event; the last is `listening`, and nothing follows it."""
    with JsonView(lambda _url: None) as view:
        for fact in [*START, LoaderChanged("down")]:
            view(fact)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = {"starting", "loader", "load_progress", "model_state", "started", "listening"}
    assert {line["event"] for line in lines} == kinds
    assert lines[-1] == {"event": "listening", "url": URL, "seconds": 1.25}


def test_scripts_get_the_whole_start_when_the_port_opens_first(capsys: pytest.CaptureFixture[str]) -> None:
    """With the port open the events go on until the model is there, a percent of its load at most once."""
    progress: list[Fact] = [LoadProgressed("brain", "reading", step / 10_000, 0.0) for step in range(10_000)]
    ready = ModelStateChanged("brain", "loading", "ready", "loaded")
    with JsonView(lambda _url: None) as view:
        for fact in [Listening(URL, 0.1), Starting("model", "brain"), Started(0.5), *progress, ready, START[-1]]:
            view(fact)
    shown = capsys.readouterr().out
    assert json.loads(shown.splitlines()[-1])["new"] == "ready"
    assert len(shown) < 65_536  # what a pipe holds when nobody reads it


def test_a_terminal_shows_bars_until_the_model_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """With an open port and a model on its way the bars go on; the promised line is the last in any case."""
    over = []
    with LiveView(lambda _url: None) as view:
        for fact in [START[-1], *START[:2], Starting("model", "brain"), START[-2], *START[4:7], START[7]]:
            view(fact)
            over.append(view._is_over)
    assert over == [False] * 8 + [True]
    assert capsys.readouterr().out.rstrip().splitlines()[-1] == f"Batuta is listening on {URL}"


def test_a_model_that_is_still_warm_needs_no_load() -> None:
    """A default model found in memory after a restart is ready at once, and the start is over."""
    state = StartState()
    warm = ModelStateChanged("brain", "absent", "ready", "seen to be resident")
    for fact in (Listening(URL, 0.1), Starting("catalog", "looking"), warm, Starting("model", "brain"), Started(0.4)):
        state.apply(fact)
    assert state.is_over
    assert {row.mark for row in state.rows.values()} == {"+"}


def test_a_reader_that_left_does_not_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed pipe costs the lines, not the gateway."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    opened: list[str] = []
    with PlainView(opened.append) as view:
        for fact in START:
            view(fact)
    assert opened == [URL]


def test_the_catalog_row_ends_with_what_was_found(tmp_path: Path) -> None:
    """The number of models that are there; with none, where to put one."""
    for facts, text in (
        ([CatalogChanged(added=("a", "b"), absent=("c",)), CatalogChanged(absent=("b",))], "1 model"),
        ([], f"none yet: put a .gguf into {tmp_path}"),
    ):
        state = StartState(Wanted(folder=tmp_path))
        for fact in [Starting("catalog", "looking for models"), *facts, Started(0.4)]:
            state.apply(fact)
        assert state.rows["catalog"].text == text


def test_a_default_model_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest name: as a row in a terminal, on stderr where stdout ends with the promised line."""
    facts: list[Fact] = [Listening(URL, 0.1), CatalogChanged(added=("tiny",)), Started(0.4)]
    for make in (PlainView, JsonView):
        with make(lambda _url: None, Wanted("tinny")) as view:
            for fact in facts:
                view(fact)
        shown = capsys.readouterr()
        assert "there is no model 'tinny' to be the brain; did you mean tiny?" in shown.err
        assert "tinny" not in shown.out
    state = StartState(Wanted("tinny"))
    for fact in facts:
        state.apply(fact)
    assert state.rows["brain"].mark == "!"


@pytest.mark.parametrize("name", ["Tiny", "tiny.gguf", "/models/tiny.gguf", "ollama/qwen", "twice"])
def test_a_default_model_may_be_named_in_many_ways(name: str) -> None:
    """By id, file or path; one of a server may be listed later."""
    assert Wanted(name, name).problem({"tiny", "twice-2"}) == ""


def test_an_address_that_cannot_be_opened_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Listening on all addresses, the promised line and the browser get one that this machine can open."""
    opened: list[str] = []
    for make in (PlainView, JsonView, LiveView):
        with make(opened.append) as view:
            for fact in (Starting("loader", "x"), Started(0.1), Listening("http://0.0.0.0:5", 0.1)):
                view(fact)
        shown = capsys.readouterr().out
        assert "0.0.0.0" not in shown
        assert "http://127.0.0.1:5" in shown
    assert opened == ["http://127.0.0.1:5"] * 3


def test_names_cannot_draw_on_the_terminal() -> None:
    """A model's name and a loader's message are shown without their escapes."""
    state = StartState()
    state.apply(LoadProgressed("bra\x1b[2Jin\n", "reading", None, 0.0))
    state.apply(LoaderChanged("fatal", message="\x1b]0;x\x07five crashes"))
    assert {(row.label, row.mark) for row in state.rows.values()} == {("model brain", " "), ("loader", "!")}
    assert state.rows["loader"].text == "given up: five crashes"


def test_models_nobody_asked_for_are_no_part_of_the_start() -> None:
    """A model that only appeared gets no row; one that failed does."""
    state = StartState()
    assert state.apply(ModelStateChanged("remote", "absent", "ready", "seen")) is None
    assert state.apply(ModelStateChanged("brain", "loading", "failed", "x", "corrupt_file", "bad magic")) is not None
    assert [row.mark for row in state.rows.values()] == ["!"]


def test_the_view_suits_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON when asked for, lines in a pipe, bars in a terminal."""
    assert isinstance(choose_view(as_json=True, has_log=False, on_listening=print), JsonView)
    assert isinstance(choose_view(as_json=False, has_log=False, on_listening=print), PlainView)
    monkeypatch.setattr("batuta.cli.start_view.is_terminal", lambda _stream: True)
    assert isinstance(choose_view(as_json=False, has_log=False, on_listening=print), LiveView)
    assert isinstance(choose_view(as_json=False, has_log=True, on_listening=print), PlainView)


def test_set_reaches_every_setting(batuta: Batuta, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Flags and --set become settings; a flag that was not given changes nothing."""
    seen = []
    monkeypatch.setattr(subject, "start", lambda settings, **how: seen.append((settings, how)))
    words = ["--port", "0", "--brain", "b", "--no-starter", "--ordered", "--grace", "5", "--memory-budget", "16GB"]
    folders = ["--models-dir", f"{tmp_path}/a:{tmp_path}/b", "--models-dir", f"{tmp_path}/c"]
    result = batuta("up", *words, *folders, "--set", "queue.limit=50", "--set", "host=::1")
    assert result.exit_code == 0, result.stderr
    ((settings, how),) = seen
    assert (settings.port, settings.brain, settings.starter, settings.ordered) == (0, "b", False, True)
    assert (settings.loader.grace_s, settings.memory.budget, settings.queue.limit) == (5.0, 16_000_000_000, 50)
    assert [path.name for path in settings.models_dirs] == ["a", "b", "c"]
    assert (settings.host, settings.discover, settings.insecure) == ("::1", True, False)
    assert how == {"as_json": False, "keep_loader": False, "opens_browser": True}


@pytest.mark.parametrize("word", ["queue.limit", "=5", ""])
def test_set_needs_a_name_and_a_value(word: str) -> None:
    """A word without `=` is explained with an example."""
    with pytest.raises(BadSettings, match="NAME=VALUE"):
        subject.assignments([word])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory-budget", "lots"], "16GB"),
        (["--set", "quue.limit=3"], "did you mean queue"),
        (["--port", "99999"], "port"),
    ],
)
def test_wrong_settings_are_explained(batuta: Batuta, words: list[str], said: str) -> None:
    """A wrong value or name: what, from where, what instead; code 2, no traceback."""
    result = batuta("up", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_browser_needs_a_display() -> None:
    """On a server without a display no browser is tried."""
    assert subject.has_display({"DISPLAY": ":0"})
    assert subject.has_display({"WAYLAND_DISPLAY": "wayland-0"})
    assert not subject.has_display({})


def start_with(monkeypatch: pytest.MonkeyPatch, run: Callable[..., int]) -> list[Any]:
    """Put `run` in the place of the whole gateway; return the list its settings go to."""
    seen: list[Any] = []

    def composed(settings: Any, **how: Any) -> int:
        seen.append((settings, how))
        return run()

    monkeypatch.setitem(sys.modules, "batuta.app", SimpleNamespace(run=composed))
    monkeypatch.setattr("batuta.observe.log.configure", lambda *_, **__: None)
    return seen


@pytest.mark.parametrize(("command", "keeps"), [("up", False), ("serve", True)])
def test_up_takes_the_loader_with_it_and_serve_does_not(
    batuta: Batuta, monkeypatch: pytest.MonkeyPatch, command: str, keeps: bool
) -> None:
    """The exit code is the gateway's."""
    seen = start_with(monkeypatch, lambda: 0)
    assert batuta(command).exit_code == 0
    assert seen[0][1]["keep_loader"] is keeps


def test_ctrl_c_is_no_failure(batuta: Batuta, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted at the keyboard or by SIGTERM, the exit code is 0, and SIGTERM means again what it meant."""

    def terminated() -> int:
        signal.raise_signal(signal.SIGTERM)
        return 1

    before = signal.getsignal(signal.SIGTERM)
    start_with(monkeypatch, terminated)
    assert batuta("up").exit_code == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_taken_port_names_its_holder(batuta: Batuta, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which program holds the port; code 1."""
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()

        def refused() -> int:
            raise AddressInUse("cannot listen")

        start_with(monkeypatch, refused)
        result = batuta("up", "--port", str(holder.getsockname()[1]))
        as_json = batuta("up", "--json")
    assert result.exit_code == 1
    assert f"held by pid {os.getpid()}" in result.stderr
    assert json.loads(as_json.stdout)["error"]["code"] == "address_in_use"


def test_a_second_gateway_names_the_first(batuta: Batuta, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the error does not say who was first, the record does."""
    run_dir = batuta.data_dir / "run"
    run_dir.mkdir(parents=True)
    record = {"pid": os.getpid(), "started": time.time(), "url": URL, "token": "t"}
    (run_dir / "gateway.json").write_text(json.dumps(record), encoding="utf-8")

    def refused() -> int:
        raise AlreadyRunning("another is here")

    start_with(monkeypatch, refused)
    result = batuta("up")
    assert result.exit_code == 1
    assert f"pid {os.getpid()}, {URL}" in result.stderr
