"""The composition root: makes every service once, in order, and runs them as one process. Knows everyone.

process.py      the socket, the signals, start and end
composition.py  who is made of whom
engines.py      engines by provider
booking.py      devices, budgets, and where a model is booked
budget.py       bytes that models may take, and that others have taken
pressure.py     when what others take changes a budget
memory_watch.py looks at the devices, and has the budgets follow
"""

from __future__ import annotations

from batuta.app.budget import budget_of
from batuta.app.composition import App
from batuta.app.process import run
from batuta.app.routes import build_dispatcher

__all__ = ["App", "budget_of", "build_dispatcher", "run"]
