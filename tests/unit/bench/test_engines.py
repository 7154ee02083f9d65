"""The bench of local engines: who takes part, and what its figures mean."""

from __future__ import annotations

import pytest

from bench.engine_fakes import PROGRAMS, make_fake, missing, model_names
from bench.engines import Figures, goals

PRESENT = [kind for kind in PROGRAMS if missing(kind) is None]


@pytest.mark.parametrize("kind", PRESENT)
async def test_the_fake_of_each_engine_can_be_made_with_many_models(kind: str) -> None:
    """With room for all of them, and listening."""
    async with make_fake(kind, 3) as server:
        assert server.port
        assert server.memory.total >= 3 * 2**29


def test_who_takes_no_part_is_told_why() -> None:
    """A kind that has no adapter or no fake is named with the reason."""
    assert PRESENT
    for kind in set(PROGRAMS) - set(PRESENT):
        assert missing(kind)


def test_goals_are_held_by_the_dearest_engine() -> None:
    """One that is too dear is not hidden by four that are not; what was not measured is not reached."""
    found = Figures(refresh_s=[0.3], look_cpu_s={"a": [0.0001], "b": [0.002]})
    refresh, look, added = goals(found)
    assert refresh.falls_short("now")
    assert look.falls_short("now")
    assert "reached" not in added.verdict("now")
    assert len(set(model_names(3))) == 3
