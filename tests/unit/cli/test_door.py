"""The command's door: how each kind of end leaves the process."""

from __future__ import annotations

import pytest
import typer

from batuta.cli.door import FAILED, INTERRUPTED, NO_GATEWAY, WRONG_USE, NoGateway, door
from batuta.errors import BadSettings, ModelNotFound


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelNotFound("there is no model x"), FAILED),
        (BadSettings("port: wrong"), WRONG_USE),
        (NoGateway("none runs"), NO_GATEWAY),
        (KeyboardInterrupt(), INTERRUPTED),
        (ZeroDivisionError("of our own making"), FAILED),
    ],
)
def test_each_end_has_its_code(error: BaseException, code: int) -> None:
    """Scripts can tell what kind of error it was."""
    with pytest.raises(typer.Exit) as left, door():
        raise error
    assert left.value.exit_code == code


def test_what_is_expected_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a wrong name."""
    with pytest.raises(typer.Exit), door():
        raise ModelNotFound("there is no model x")
    assert capsys.readouterr().err == "batuta: there is no model x\n"


def test_a_fault_of_ours_is_shown_whole_and_called_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The person is told that it is not his doing, and what to report."""
    with pytest.raises(typer.Exit), door():
        raise ZeroDivisionError("of our own making")
    told = capsys.readouterr().err
    assert "of our own making" in told
    assert "fault in Batuta" in told


def test_a_commands_own_exit_passes() -> None:
    """The door does not turn a chosen code into another."""
    with pytest.raises(typer.Exit) as left, door():
        raise typer.Exit(42)
    assert left.value.exit_code == 42
