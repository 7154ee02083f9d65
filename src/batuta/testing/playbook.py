"""Plays for the lifecycle: given residencies, when an event comes, then these commands. No processes, no time.

    play = Play(budget=16 * GB, models={"brain": 13 * GB, "coder": 9 * GB})
    assert play.when(play.wanted("a", "brain")) == [StartLoad("brain")]
    assert play.when(Loaded("brain", 0, 4.0)) == [Grant("a", "brain")]

Every step runs all invariants. `Announce` commands are kept aside in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.lifecycle.commands import Announce, Command, Refuse, Warm
from batuta.lifecycle.events import Event, Priority, Registered, Tick, Wanted
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.queueing import BoundedWait
from batuta.lifecycle.states import ModelState
from batuta.observe.events import Fact

GB = 10**9


def spec(model: str, need: int, **rest: Any) -> ModelSpec:
    """Return a local, loadable model of `need` bytes with four slots."""
    rest.setdefault("slots", 4)
    return ModelSpec(
        model,
        "local",
        f"/models/{model}.gguf",
        memory=MemoryNeed(weights=need),
        is_local=True,
        is_loadable=True,
        **rest,
    )


def remote(model: str, **rest: Any) -> ModelSpec:
    """Return a model behind an API: always there, no memory here."""
    return ModelSpec(model, "api", model, **rest)


class Play:
    """A Lifecycle on a stage: a clock moved by hand, and checks after every step.

    Args:
        budget: bytes of the one device, `host`.
        models: id -> bytes of local models, registered at once.
        rest: passed on to `Lifecycle`. Unless it says otherwise, a busy model may be driven out however short it has
            been there, so that who is due decides alone.

    Attributes:
        facts: what was announced.
        warmed: models whose files were to be read ahead.
    """

    def __init__(self, budget: int, models: Mapping[str, int] | None = None, **rest: Any) -> None:
        self.now = 1000.0
        rest.setdefault("queue", BoundedWait(busy_factor=0.0))
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", budget)}, **rest)
        self.facts: list[Fact] = []
        self.warmed: list[str] = []
        for model, need in (models or {}).items():
            self.when(Registered(spec(model, need)))

    def when(self, event: Event) -> list[Command]:
        """Let the event happen now; return the commands that somebody answers: no announcements, no reading ahead."""
        commands = self.lifecycle.handle(event, self.now)
        self.lifecycle.check()
        self.facts += [c.fact for c in commands if isinstance(c, Announce)]
        self.warmed += [c.model for c in commands if isinstance(c, Warm)]
        return [c for c in commands if not isinstance(c, Announce | Warm)]

    def after(self, seconds: float) -> list[Command]:
        """Let time pass, ticking at every alarm on the way; return the commands."""
        until = self.now + seconds
        commands: list[Command] = []
        while (alarm := self.lifecycle.alarm) is not None and alarm <= until:
            self.now = max(self.now, alarm)
            commands += self.when(Tick())
            if self.lifecycle.alarm == alarm:
                break  # a due alarm that changes nothing: the clock goes on
        self.now = until
        late = self.when(Tick())
        assert not late, f"no alarm was set for {late}"
        return commands

    def wanted(
        self, request: str, model: str, *, priority: Priority = Priority.NORMAL, deadline_s: float = 180.0
    ) -> Wanted:
        """Return a Wanted event with a deadline relative to now."""
        return Wanted(request, model, priority, self.now + deadline_s)

    def state(self, model: str) -> ModelState:
        """Return where the model stands."""
        return self.lifecycle.residencies[model].state


def refused(commands: list[Command]) -> dict[str, str]:
    """Return request -> error code for the refusals among the commands."""
    return {c.request: c.error.code for c in commands if isinstance(c, Refuse)}
