"""A world in which everything goes wrong, by a seed: engines, memory, callers and people. It trusts nobody.

Each seed draws which families of faults its world has, then lives through its requests. After every event all
invariants of the Lifecycle are checked, and what the world itself can see: nobody is answered twice, nothing that is
leased is thrown out, and where engines tell the truth the memory that is really taken stays within the budget. In the
end everybody has had an answer, and a world that has calmed down serves every model again.

    python -m batuta.testing.simulate faults --seed 17     # one world again, exactly as it was
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from batuta.catalog.entities import Tier
from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Command, Grant, Refuse, Sleep, StartLoad, StartUnload, Wake
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.testing.simulate import misbehaviour as drawn
from batuta.testing.simulate.misbehaviour import BUDGET, CARD, CAUSES, HOST, REMOTE, Family

PATIENCE_S = (1.0, 10.0, 60.0, 180.0, 300.0)  # how long callers wait
LOAD_TIMEOUT_S = 60.0
FAR_S = 2000.0  # how long the last ones wait: longer than any rest
SPIN = 50  # Ticks in a row at one due alarm, after which it will never go away
MOMENT_S = 0.001  # between two of them
LAST_EVENTS = 30  # shown with a failure
LONGEST_LINE = 200  # characters of one of them
DISTURBED_S = 12.0  # between two things that go wrong by themselves
CAN_CARRY_ON = frozenset({Family.FIXED})  # what can keep a model out of memory even in a calm world

# Families whose worlds cannot be held to the bytes that are really taken: engines or people say otherwise.
UNTRUE = frozenset({Family.LIES, Family.GREED, Family.BUDGET, Family.CATALOG, Family.FIXED, Family.UNLOADS})


class Broken(AssertionError):
    """A promise was broken; the message says which, in which world, after which events, and how to see it again."""


@dataclass(slots=True)
class Tally:
    """What happened in one world. `refused`: error code -> how many."""

    seed: int
    families: frozenset[Family]
    steps: int = 0
    requests: int = 0
    granted: int = 0
    left: int = 0
    loads: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class FaultyWorld:
    """One world.

    Args:
        seed: of everything in it.
        requests: how many come.
        families: what goes wrong; drawn from the seed if left out.
    """

    def __init__(self, seed: int, *, requests: int = 1000, families: frozenset[Family] | None = None) -> None:
        self._chance = random.Random(seed)
        chosen = drawn.draw_families(self._chance)
        self.families = chosen if families is None else families
        self.tally = Tally(seed, self.families)
        self.now = 1000.0
        ledgers = {device: MemoryLedger(device, BUDGET) for device in (HOST, CARD)}
        self.lifecycle = Lifecycle(ledgers, load_timeout_s=LOAD_TIMEOUT_S)
        self._requests = requests
        self._is_calm = False
        self._is_true = not self.families & UNTRUE
        self._agenda: list[tuple[float, int, Callable[[str], None], str]] = []
        self._counted = 0
        self._waiting: set[str] = set()
        self._running: dict[str, tuple[str, int]] = {}  # request -> model, stay
        self._stays: Counter[str] = Counter()  # how often each model has left memory
        self._loading: dict[str, int] = {}  # model -> the load's number
        self._leaving: dict[str, int] = {}
        self._taken: dict[str, int] = {}  # model -> bytes that are really taken
        self._asleep: dict[str, int] = {}  # model -> bytes of the host that it is parked in
        self._fixed: set[str] = set()
        self._must_serve = False
        self._last: deque[tuple[float, ev.Event]] = deque(maxlen=LAST_EVENTS)
        self._specs = {each.id: each for each in drawn.draw_models(self._chance)}
        self._models = list(self._specs)
        self._local = [model for model in self._models if model != REMOTE]
        self._weights = [self._chance.uniform(0.2, 1.0) for _ in self._models]

    def run(self) -> Tally:
        """Live through it; return what happened. Raises Broken."""
        try:
            self._live()
        except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise Broken(self._report(error)) from error
        return self.tally

    def _live(self) -> None:
        for each in self._specs.values():
            if Family.FIXED in self.families and each.is_loadable and self._chance.random() < 0.15:
                self._fixed.add(each.id)
            self._send(ev.Registered(each, can_sleep=each.is_loadable and self._chance.random() < 0.3))
        self._later(0.0, self._arrive)
        self._later(DISTURBED_S, self._disturb)
        self._until_nothing_is_left()
        self._calm_down()
        self._until_nothing_is_left()
        assert not self._waiting, f"never answered: {sorted(self._waiting)}"
        assert not len(self.lifecycle.waiting), f"still in the queue: {self.lifecycle.waiting.models()}"
        assert not self.lifecycle.leases, f"never given back: {sorted(self.lifecycle.leases)}"

    def _until_nothing_is_left(self) -> None:
        agenda = self._agenda
        ticks = 0
        while agenda or self._waiting:
            alarm = self.lifecycle.alarm
            if alarm is not None and (not agenda or alarm <= agenda[0][0]):
                ticks = ticks + 1 if alarm <= self.now else 0
                assert ticks < SPIN, f"the alarm of {alarm} stays due at {self.now}: its clock would ring for ever"
                self.now = max(self.now + (MOMENT_S if ticks else 0.0), alarm)
                self._send(ev.Tick())
                continue
            assert agenda, f"nothing will ever happen, and somebody waits: {sorted(self._waiting)}"
            at, _, act, subject = heapq.heappop(agenda)
            self.now, ticks = max(self.now, at), 0
            act(subject)

    def _later(self, seconds: float, act: Callable[[str], None], subject: str = "") -> None:
        self._counted += 1
        heapq.heappush(self._agenda, (self.now + seconds, self._counted, act, subject))

    def _send(self, event: ev.Event) -> None:
        self._last.append((self.now, event))
        self.tally.steps += 1
        for command in self.lifecycle.handle(event, self.now):
            if type(command) in _OBEYED:
                self._obey(command)
        self.lifecycle.check()

    def _is_lucky(self, family: Family, odds: float) -> bool:
        """Say whether a fault of that family does not happen now."""
        return self._is_calm or family not in self.families or self._chance.random() >= odds

    # Callers ------------------------------------------------------------------------------------------------

    def _arrive(self, _: str) -> None:
        chance = self._chance
        request = f"r{self.tally.requests}"
        model = chance.choices(self._models, self._weights)[0]
        self._want(request, model, chance.choice(tuple(ev.Priority)), chance.choice(PATIENCE_S))
        if not self._is_lucky(Family.LEAVERS, 0.15):
            self._later(chance.expovariate(0.2), self._leave, request)
        if self.tally.requests < self._requests:
            self._later(chance.expovariate(chance.choice((0.1, 1.0, 10.0))), self._arrive)

    def _want(self, request: str, model: str, priority: ev.Priority, patience_s: float) -> None:
        self.tally.requests += 1
        self._waiting.add(request)
        insists = self._chance.random() < 0.1
        self._send(ev.Wanted(request, model, priority, self.now + patience_s, insists))

    def _leave(self, request: str) -> None:
        if request in self._waiting:
            self._waiting.remove(request)
            self.tally.left += 1
            self._send(ev.Abandoned(request))
        elif self._running.pop(request, None) is not None:
            self.tally.left += 1
            self._send(ev.Released(request))

    def _finish(self, request: str) -> None:
        running = self._running.pop(request, None)
        if running is None:
            return
        model, stay = running
        is_good = stay == self._stays[model] and self._is_lucky(Family.ANSWERS, 0.15)
        if not is_good:
            self._send(ev.AnswerFailed(model, self._chance.choice(CAUSES), "drawn", request))
            if model == REMOTE and self._chance.random() < 0.5:
                self._send(ev.Limited(model, "drawn", is_limit=True, asked_s=self._chance.choice((None, 1.0, 20.0))))
        self._send(ev.Released(request, ok=is_good))

    # What is ordered ----------------------------------------------------------------------------------------

    def _obey(self, command: Command) -> None:
        match command:
            case Grant(request=request, model=model):
                assert request in self._waiting, f"{request} was answered already, or never asked"
                self._waiting.remove(request)
                self.tally.granted += 1
                self._running[request] = (model, self._stays[model])
                self._later(self._chance.expovariate(0.3), self._finish, request)
            case Refuse(request=request, error=error):
                assert request in self._waiting, f"{request} was answered already, or never asked"
                self._waiting.remove(request)
                self.tally.refused[error.code] += 1
                assert not self._must_serve, f"refused in a calm world: {error.message}"
            case StartLoad(model=model) | Wake(model=model):
                self._begin_load(model)
            case AbortLoad(model=model):
                self._later(self._chance.uniform(0.0, 2.0), self._aborted, self._tag(model, self._loading))
            case StartUnload(model=model) | Sleep(model=model):
                self._begin_unload(model, is_sleep=isinstance(command, Sleep))
            case _:
                pass

    # Loads --------------------------------------------------------------------------------------------------

    def _begin_load(self, model: str) -> None:
        self.tally.loads += 1
        self._asleep.pop(model, None)
        self._counted += 1
        self._loading[model] = self._counted
        self._taken[model] = self._need(model)
        if self._is_true:
            self._is_within_budget()
        if not self._is_lucky(Family.HANGS, 0.03):
            return  # it hangs until it is aborted
        ends = self._loaded
        if not self._is_lucky(Family.LOADS, 0.15):
            ends = self._failed
        elif not self._is_lucky(Family.DEATHS, 0.05):
            ends = self._died
        self._later(self._chance.uniform(0.3, 6.0), ends, self._tag(model, self._loading))

    def _is_within_budget(self) -> None:
        """Assert that what is really taken of each device is not more than there is."""
        for device in (HOST, CARD):
            taken = {model: size for model, size in self._taken.items() if self._specs[model].device == device}
            if device == HOST:
                taken |= {model: size for model, size in self._asleep.items() if self._specs[model].device == CARD}
            assert sum(taken.values()) <= BUDGET, f"{device}: {taken} are more than the budget"

    @staticmethod
    def _tag(model: str, numbers: dict[str, int]) -> str:
        return f"{model} {numbers.get(model, 0)}"

    @staticmethod
    def _ended(tag: str, numbers: dict[str, int]) -> str | None:
        """Return the model whose load or unload this was, None where it ended otherwise; it is over now."""
        model, _, number = tag.partition(" ")
        if numbers.get(model) != int(number):
            return None
        del numbers[model]
        return model

    def _need(self, model: str) -> int:
        residency = self.lifecycle.residencies.get(model)
        return residency.need if residency else self._specs[model].need_bytes

    def _loaded(self, tag: str) -> None:
        if (model := self._ended(tag, self._loading)) is None:
            return
        size = self._specs[model].need_bytes
        if not self._is_lucky(Family.GREED, 0.3):
            size = min(int(size * self._chance.uniform(1.0, 1.6)), BUDGET)
        self._taken[model] = max(size, self._taken.get(model, 0))
        tier = self._chance.choice((None, Tier.DISK, Tier.CACHED, Tier.PARKED))
        copy = 0 if self._is_lucky(Family.GREED, 0.5) else self._specs[model].need_bytes  # kept to be parked with
        seconds = self._chance.uniform(0.3, 6.0)
        self._send(ev.Loaded(model, size, seconds, fixed=self._why(model), tier=tier, host_bytes=copy))

    def _why(self, model: str) -> str:
        return "drawn" if model in self._fixed else ""

    def _failed(self, tag: str) -> None:
        if (model := self._ended(tag, self._loading)) is not None:
            self._is_gone(model)
            cause = Cause.OUT_OF_MEMORY if self._chance.random() < 0.5 else self._chance.choice(CAUSES)
            self._send(ev.LoadFailed(model, cause, "drawn"))

    def _aborted(self, tag: str) -> None:
        if (model := self._ended(tag, self._loading)) is not None:
            self._is_gone(model)
            self._send(ev.LoadFailed(model, Cause.TIMEOUT, "stopped"))

    def _died(self, tag: str) -> None:
        if (model := self._ended(tag, self._loading)) is not None:
            self._die(model)

    def _die(self, model: str) -> None:
        self._is_gone(model)
        is_loader = self._chance.random() < 0.3
        self._send(ev.Lost(model, "drawn") if is_loader else ev.Crashed(model, "drawn"))

    def _is_gone(self, model: str) -> None:
        """Forget a model that is in memory no more; its answers will end badly."""
        self._loading.pop(model, None)
        self._leaving.pop(model, None)
        self._taken.pop(model, None)
        self._asleep.pop(model, None)
        self._stays[model] += 1

    # Unloads ------------------------------------------------------------------------------------------------

    def _begin_unload(self, model: str, *, is_sleep: bool) -> None:
        if self._is_true:
            leased = [r for r, held in self._running.items() if held == (model, self._stays[model])]
            assert not leased, f"{model} is thrown out while {leased} use it"
        self._counted += 1
        self._leaving[model] = self._counted
        seconds = self._chance.uniform(0.0, 0.5)
        if not self._is_lucky(Family.LATE, 0.3):
            seconds = self._chance.uniform(1.0, 40.0)
        ends = self._slept if is_sleep else self._unloaded
        if model in self._fixed or not self._is_lucky(Family.UNLOADS, 0.2):
            ends = self._stayed
        self._later(seconds, ends, self._tag(model, self._leaving))

    def _unloaded(self, tag: str) -> None:
        if (model := self._ended(tag, self._leaving)) is not None:
            self._is_gone(model)
            self._send(ev.Unloaded(model, self._chance.uniform(0.0, 2.0)))

    def _slept(self, tag: str) -> None:
        if (model := self._ended(tag, self._leaving)) is not None:
            self._is_gone(model)
            is_out = not self._is_lucky(Family.UNLOADS, 0.2)  # it was to sleep, and was unloaded
            if not is_out:
                self._asleep[model] = self._need(model)
            self._send(ev.Unloaded(model) if is_out else ev.Slept(model))

    def _stayed(self, tag: str) -> None:
        if (model := self._ended(tag, self._leaving)) is not None:
            is_final = model in self._fixed
            self._send(ev.UnloadFailed(model, "drawn", is_final=is_final))

    # What happens by itself ---------------------------------------------------------------------------------

    def _disturb(self, _: str) -> None:
        if self.tally.requests >= self._requests:
            return
        for family in sorted(self.families & _DISTURBERS.keys()):
            if self._chance.random() < 0.4:
                _DISTURBERS[family](self)
        if self._chance.random() < 0.3:
            self._look()
        self._later(self._chance.expovariate(1 / DISTURBED_S), self._disturb)

    def _look(self) -> None:
        """Have an engine say what it really holds. What is on its way is left out, as the observer does."""
        steady = [m for m in self._local if m not in self._loading and m not in self._leaving]
        held = {model: self._taken[model] for model in steady if model in self._taken}
        asleep = frozenset(model for model in steady if model in self._asleep)
        fixed = {model: why for model in held if (why := self._why(model))}
        self._send(ev.Observed(held, frozenset(steady), asleep, fixed))

    def _kill(self) -> None:
        if victims := sorted(self._taken):
            self._die(self._chance.choice(victims))

    def _lose_all(self) -> None:
        for model in sorted(self._taken):
            self._is_gone(model)
            self._send(ev.Lost(model, "the loader is gone"))

    def _deaths(self) -> None:
        if self._chance.random() < 0.2:
            self._lose_all()
        else:
            self._kill()

    def _catalog(self) -> None:
        model = self._chance.choice(self._models)
        self._specs[model] = drawn.changed(self._chance, self._specs[model])
        if self._chance.random() < 0.4:
            self._send(ev.Forgotten(model))
        else:
            self._offer(model)

    def _offer(self, model: str) -> None:
        self._send(ev.Registered(self._specs[model], can_sleep=model != REMOTE and self._chance.random() < 0.3))

    def _budget(self) -> None:
        self._send(drawn.budget(self._chance))

    def _lie(self) -> None:
        self._send(drawn.lie(self._chance, self._local))

    def _people(self) -> None:
        self._send(drawn.deed(self._chance, self._models))

    def _plans(self) -> None:
        self._send(drawn.plan(self._chance, self._local, self.now))

    # The end ------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """Let everybody behave, put back what people changed, and want each model once more."""
        self._is_calm = True
        for model in list(self._loading):  # what hangs is stopped
            self._later(0.0, self._aborted, self._tag(model, self._loading))
        self._until_nothing_is_left()
        for device in (HOST, CARD):
            self._send(ev.BudgetSet(device, BUDGET))
        for model in self._models:
            self._specs[model] = drawn.as_new(self._specs[model])
            self._offer(model)
            self._send(ev.PinChanged(model, pinned=False))
            self._send(ev.SwitchedOn(model))
            self._send(ev.ResetAsked(model))
        self._look()
        self._must_serve = not self.families & CAN_CARRY_ON
        for model in self._models:
            self._want(f"last {model}", model, ev.Priority.NORMAL, FAR_S)

    def _report(self, error: BaseException) -> str:
        lines = [f"{at:10.3f} {event}"[:LONGEST_LINE] for at, event in self._last]
        return "\n".join(
            [
                f"{type(error).__name__}: {error}",
                f"seed {self.tally.seed}, step {self.tally.steps}, request {self.tally.requests}, {self.lifecycle!r}",
                f"goes wrong here: {'; '.join(sorted(self.families)) or 'nothing'}",
                "the last events:",
                *lines,
                f"again: python -m batuta.testing.simulate faults --seed {self.tally.seed} --requests {self._requests}",
            ]
        )


_OBEYED = frozenset({Grant, Refuse, StartLoad, Wake, AbortLoad, StartUnload, Sleep})

_DISTURBERS: dict[Family, Callable[[FaultyWorld], None]] = {
    Family.DEATHS: FaultyWorld._deaths,  # noqa: SLF001  # the table of what the class itself does
    Family.LIES: FaultyWorld._lie,  # noqa: SLF001
    Family.BUDGET: FaultyWorld._budget,  # noqa: SLF001
    Family.PEOPLE: FaultyWorld._people,  # noqa: SLF001
    Family.CATALOG: FaultyWorld._catalog,  # noqa: SLF001
    Family.PLANS: FaultyWorld._plans,  # noqa: SLF001
}
