"""The command: figures, a story, worlds of faults, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta.testing.simulate import faults
from batuta.testing.simulate.__main__ import main
from batuta.testing.simulate.faults import Broken, FaultyWorld, Tally
from batuta.testing.simulate.runs import POLICIES
from batuta.testing.simulate.traces import FOLDER


@pytest.fixture(autouse=True)
def no_recorded_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)


def test_all_policies_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, and whether the workload was recorded."""
    assert main(["run", "--trace", "hybrid", "--users", "1", "--policy", "all", "--loads", "fast"]) == 0
    first, _, *lines = capsys.readouterr().out.splitlines()
    assert first == "hybrid, generated, loads: fast"
    assert [line.split()[0] for line in lines] == list(POLICIES)


def test_the_story_of_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    """What happened to it, in order, with the seconds."""
    assert main(["run", "--trace", "hybrid", "--users", "1", "--story", "brain"]) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [word[1] for word in words[:4]] == ["wanted", "load", "loaded", "granted"]
    assert {word[2] for word in words} == {"brain"}
    assert [float(word[0]) for word in words] == sorted(float(word[0]) for word in words)


def test_a_recorded_file_is_read_from_the_folder_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--traces FOLDER`, in the columns of the recorded file."""
    rows = "t_s,service,n_in,n_out\n" + "".join(f"{i}.0,{'conv' if i % 2 else 'code'},100,10\n" for i in range(400))
    (tmp_path / "azure_llm_2023.csv").write_text(rows, encoding="utf-8")
    assert main(["run", "--trace", "azure", "--traces", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("azure, recorded")


def test_what_has_no_stand_in_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """One file has none: the command says how to name its folder."""
    assert main(["run", "--trace", "mooncake"]) == 2
    assert "--traces, BATUTA_TRACES" in capsys.readouterr().err


def test_one_world_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A seed is lived through once more, and told."""
    assert main(["faults", "--seed", "3", "--requests", "50"]) == 0
    assert capsys.readouterr().out.startswith("seed 3: ")


def test_a_broken_world_is_shown_and_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one that breaks ends the run, with status 1."""

    def run(world: FaultyWorld) -> Tally:
        raise Broken(f"seed {world.tally.seed} broke")

    monkeypatch.setattr(faults.FaultyWorld, "run", run)
    assert main(["faults", "--seed", "7", "--seeds", "5"]) == 1
    assert capsys.readouterr().out == "seed 7 broke\n"
