"""LM Studio, end to end: a real gateway, a fake engine, an external API, and a person who asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.engine_play import LMSTUDIO, Play, playing
from tests.acceptance.engine_scenarios import Scenarios

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def long_play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """A stage that is used by one test after the other."""
    with playing(tmp_path_factory.mktemp("lmstudio"), LMSTUDIO) as play:
        yield play


@pytest.fixture
def play(long_play: Play) -> Play:
    """That stage, with nothing in the engine's memory."""
    long_play.clear()
    return long_play


class TestScenarios(Scenarios):
    """Every promise about an engine that a person runs."""

    def test_two_that_do_not_fit_together_take_turns(self, data_dir: Path) -> None:
        """A model here and one there, in a budget for one: each takes the other's place, never beyond the budget."""
        self.swaps(data_dir, LMSTUDIO)
