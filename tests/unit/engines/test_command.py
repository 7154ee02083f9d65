"""From a `[[commands]]` entry to the words the loader runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.command_settings import CommandSettings
from batuta.engines.command import fingerprint, plan_of
from batuta.errors import BadRequest, Cause, ModelFailed
from batuta.loader.command import CommandPlan, check_program
from batuta.settings import Settings

ENVIRON = {"HF_TOKEN": "hf-test-not-a-token", "HOME": "/home/me and you"}


def command(**more: object) -> CommandSettings:
    return CommandSettings.model_validate({"id": "own", "cmd": "serve --port ${PORT}", **more})


def test_macros_stay_one_word_whatever_they_hold(tmp_path: Path) -> None:
    """They are put in after the words are cut; the port is the loader's to choose."""
    settings = Settings(models_dirs=(tmp_path / "my models",))
    words = command(
        cmd="serve --port ${PORT} -m ${MODELS_DIR}/a.gguf --cache ${env.HOME}/x --alias ${MODEL_ID}",
        stop="stop ${PID} ${PORT}",
        env={"HF_TOKEN": "${env.HF_TOKEN}", "AT": ":${PORT}"},
    )
    plan = CommandPlan.from_wire(plan_of(words, settings, ENVIRON, model="own"))
    argv, stop, env = plan.at(4711)
    assert argv == [
        "serve", "--port", "4711", "-m", f"{tmp_path}/my models/a.gguf", "--cache", "/home/me and you/x", "--alias",
        "own",
    ]  # fmt: skip
    assert stop == ["stop", "${PID}", "4711"]
    assert env == {"HF_TOKEN": "hf-test-not-a-token", "AT": ":4711"}


def test_a_variable_that_is_not_set_is_told() -> None:
    """All of those that are missing at once, and nothing is started."""
    words = command(cmd="serve ${PORT} ${env.NOT_A} ${env.HOME}", env={"X": "${env.NOT_B}"})
    with pytest.raises(ModelFailed, match="asks for NOT_A, NOT_B, which the environment does not have") as caught:
        plan_of(words, Settings(), ENVIRON, model="own")
    assert caught.value.cause is Cause.NOT_INSTALLED


def test_a_fingerprint_follows_what_the_process_depends_on() -> None:
    """Other words are another server; another alias or memory is not."""
    one = fingerprint(command())
    assert one == fingerprint(command(aliases=("x",), memory="3GB", ttl_s=3, slots=2))
    others = [command(cmd="serve -v ${PORT}"), command(env={"A": "b"}), command(cwd="/x"), command(health="/up")]
    assert len({one, *map(fingerprint, others)}) == 5


@pytest.mark.parametrize(
    "wire",
    [
        None, [], {}, {"argv": []}, {"argv": "serve"}, {"argv": [""]}, {"argv": ["a\0"]},
        {"argv": ["a"], "port": 70000},
        {"argv": ["a"], "port": True}, {"argv": ["a"], "env": {"a=b": "c"}}, {"argv": ["a"], "env": {"a": 1}},
        {"argv": ["a"], "cwd": 3}, {"argv": ["a"], "stop_timeout_s": 0}, {"argv": ["a"], "health": None},
        {"argv": ["a"], "memory": -1},
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused(wire: object) -> None:
    """The loader trusts no form, not even its gateway's."""
    with pytest.raises(BadRequest):
        CommandPlan.from_wire(wire)


def test_programs_are_looked_for_as_they_will_be_run(tmp_path: Path) -> None:
    """By name in PATH, by path from the working folder; a missing folder is told first."""
    program = tmp_path / "bin" / "serve"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    for name, folder, path, said in (
        ("serve", None, str(program.parent), "cannot be run: it is in no folder of PATH"),
        ("bin/serve", str(tmp_path), "", "chmod"),
        ("bin/other", str(tmp_path), "", "there is no such file"),
        ("serve", str(tmp_path / "gone"), "", "working folder"),
    ):
        with pytest.raises(ModelFailed, match=said):
            check_program("own", name, cwd=folder, path=path)
    program.chmod(0o755)
    check_program("own", "serve", cwd=None, path=str(program.parent))
    check_program("own", "bin/serve", cwd=str(tmp_path), path="")
