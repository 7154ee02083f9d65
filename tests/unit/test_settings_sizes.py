"""A memory budget is one size or a size for each device: the ways to say it, which source wins, and mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.cli.config import flat, shown
from batuta.errors import BadSettings
from batuta.setting_types import parse_sizes
from batuta.settings import Settings, load_settings, salvage_settings

GB = 10**9
TABLE = '[memory.budget]\nhost = "12GB"\n"cuda:0" = "14GB"'
BOTH = {"host": 12 * GB, "cuda:0": 14 * GB}


def load(
    tmp_path: Path, toml: str = "", cli: dict[str, Any] | None = None, **environ: str
) -> tuple[Settings, dict[str, str]]:
    path = tmp_path / "config.toml"
    path.write_text(toml, encoding="utf-8")
    return load_settings(cli, {"BATUTA_CONFIG": str(path), **environ})


@pytest.mark.parametrize(
    ("toml", "environ", "cli", "budget"),
    [
        (TABLE, {}, {}, BOTH),
        ('[memory]\nbudget = {host = 12000000000, "cuda:0" = "14 GB"}', {}, {}, BOTH),
        ("", {"BATUTA_MEMORY_BUDGET": "host=12GB, cuda:0=14GB"}, {}, BOTH),
        ("", {"BATUTA_MEMORY__BUDGET__HOST": "12GB"}, {"memory.budget.cuda:0": "14GB"}, BOTH),
        ("", {}, {"memory.budget": "host=12GB,cuda:0=14GB"}, BOTH),
        ('[memory]\nbudget = "16GB"', {}, {}, 16 * GB),
    ],
)
def test_a_budget_is_said_in_many_ways(
    tmp_path: Path, toml: str, environ: dict[str, str], cli: dict[str, Any], budget: object
) -> None:
    """A table in the file, a text in a variable or a flag, a setting for one device."""
    assert load(tmp_path, toml, cli, **environ)[0].memory.budget == budget


@pytest.mark.parametrize(
    ("environ", "cli", "budget"),
    [
        ({}, {"memory.budget.host": "1GB"}, {"host": GB, "cuda:0": 14 * GB}),
        ({}, {"memory.budget": "3GB"}, 3 * GB),
        ({"BATUTA_MEMORY_BUDGET": "2GB"}, {}, 2 * GB),
        ({"BATUTA_MEMORY_BUDGET": "2GB"}, {"memory.budget.host": "1GB"}, {"host": GB}),
        ({"BATUTA_MEMORY_BUDGET": "cuda:0=2GB"}, {}, {"cuda:0": 2 * GB}),
    ],
)
def test_a_stronger_source_changes_one_device_or_all(
    tmp_path: Path, environ: dict[str, str], cli: dict[str, Any], budget: object
) -> None:
    """One device's size leaves the others of a table; one size for all goes in their place, and the other way round."""
    settings, origin = load(tmp_path, TABLE, cli, **environ)
    assert settings.memory.budget == budget
    named = [name for name in origin if name.startswith("memory.budget")]
    assert all(origin[name] != str(tmp_path / "config.toml") for name in named if "cuda" not in name)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[memory.budget]\nhost = "lots"', "memory.budget (from {path}): for host: 'lots' is not a size"),
        ("[memory.budget]\nhost = -1", "for host: -1 is not a size"),
        ("[memory.budget]\nhost = true", "for host: True is not a size"),
        ('[memory.budget]\ncuda.0 = "14GB"', 'a device\'s name goes in quotes: "cuda:0"'),
        ('[memory]\nbudget = "host=12GB, 14GB"', "'14GB' is not a size for a device; write it like host=12GB"),
        ("[memory]\nbudget = 1.5", "1.5 is not a size"),
        ("[memory]\nbudget = [1]", "[1] is not a size"),
    ],
)
def test_nonsense_is_refused_by_the_device_it_is_about(tmp_path: Path, toml: str, said: str) -> None:
    """With the way to write it."""
    with pytest.raises(BadSettings) as caught:
        load(tmp_path, toml)
    assert said.format(path=tmp_path / "config.toml") in str(caught.value)


def test_a_wrong_table_is_left_out_as_a_whole(tmp_path: Path) -> None:
    """For commands that have to work all the same."""
    path = tmp_path / "config.toml"
    path.write_text('port = 5\n[memory.budget]\nhost = "lots"\n"cuda:0" = "1GB"')
    settings, problem = salvage_settings({}, {"BATUTA_CONFIG": str(path)})
    assert (settings.port, settings.memory.budget) == (5, None)
    assert problem is not None


def test_a_device_that_is_not_named_is_left_to_itself(tmp_path: Path) -> None:
    """The limit of each device, and the names that are nobody's."""
    memory = load(tmp_path, TABLE)[0].memory
    assert (memory.limit("host"), memory.limit("cuda:1")) == (12 * GB, None)
    assert memory.unknown_devices(["host"]) == "memory.budget names cuda:0, and the devices of this machine are host"
    assert memory.unknown_devices(["host", "cuda:0"]) == ""
    assert load(tmp_path, '[memory]\nbudget = "5GB"')[0].memory.limit("cuda:7") == 5 * GB


def test_the_settings_are_shown_device_by_device(tmp_path: Path) -> None:
    """`batuta config show` has a line for each, and its origin."""
    settings, origin = load(tmp_path, TABLE, {"memory.budget.host": "1GB"})
    values = {name: shown(name, value) for name, value in flat(settings.model_dump()).items()}
    assert (values["memory.budget.host"], values["memory.budget.cuda:0"]) == ("1000000000", "14000000000")
    assert origin["memory.budget.host"] == "command line"


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(:[0-9])?", fullmatch=True), st.integers(0, 10**15), min_size=1))
def test_a_text_of_sizes_is_its_table(sizes: dict[str, int]) -> None:
    """Whatever the devices are called."""
    text = ",".join(f"{device}={size}" for device, size in sizes.items())
    assert parse_sizes(text) == parse_sizes(sizes) == sizes


@given(st.text(max_size=30))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    """Never with anything but a ValueError, which the settings explain."""
    problem = ""
    parsed: object = 0
    try:
        parsed = parse_sizes(text)
    except ValueError as error:
        problem = str(error)
    assert "write it like" in problem if problem else isinstance(parsed, int | dict)
