"""Draws the states of a model from the table that the code obeys. Knows the table only.

`python tools/diagram.py` writes docs/explanation/design/states.md; a test fails when the page is older than the table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from batuta.lifecycle.states import TRANSITIONS, ModelState, Trigger

PAGE = Path(__file__).resolve().parent.parent / "docs/explanation/design/states.md"

INTRODUCTION = """\
# The states of a model

Made by `python tools/diagram.py` from `TRANSITIONS` in `src/batuta/lifecycle/states.py`; a test compares the two.
A pair of state and trigger that is not in the table cannot happen: the lifecycle looks every change up in it.

A model that is in memory when a person switches it off is drained and unloaded first and becomes `disabled` from
`absent`, so that a switch never forgets memory.
"""


def draw(table: Mapping[tuple[ModelState, Trigger], ModelState]) -> str:
    """Return the page: a Mermaid state diagram, then the same as a table, both in the order of the code."""
    arrows: dict[tuple[ModelState, ModelState], list[Trigger]] = {}
    for (state, trigger), target in table.items():
        arrows.setdefault((state, target), []).append(trigger)
    lines = [INTRODUCTION, "```mermaid", "stateDiagram-v2", f"    [*] --> {ModelState.ABSENT}"]
    lines += [
        f"    {state} --> {target}: {'<br/>'.join(trigger.value for trigger in triggers)}"
        for (state, target), triggers in arrows.items()
    ]
    lines += ["```", "", "| state | trigger | next state |", "|---|---|---|"]
    lines += [f"| {state} | {trigger.value} | {target} |" for (state, trigger), target in table.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(draw(TRANSITIONS), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}: {len(TRANSITIONS)} transitions\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
