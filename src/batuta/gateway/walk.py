"""One request's way through its candidates: who is next, who is passed over, what an error leads to. Awaits nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from batuta.catalog.entities import ModelSpec
from batuta.engines.faults import FaultClass, class_of
from batuta.errors import BatutaError, UpstreamOverloaded, UpstreamRateLimited
from batuta.gateway.attempt import Attempt
from batuta.gateway.budget import RetryBudget
from batuta.gateway.fallback import FAR_AWAY, NOT_SENT, Step, next_step
from batuta.lifecycle.cooling import Resting
from batuta.routing.router import RoutePlan

LARGER_WHY = "holds a longer conversation"
OVER_BUDGET = "too_many_tries"
MOST_TOLD = 8
PAUSE_S = (0.02, 0.08)  # before a connection is tried again: a moment for who restarts, no moment for who waits
BUSY_PAUSE_S = (0.25, 0.75)  # before who is too busy and did not say for how long is asked once more
LONGEST_PAUSE_S = 5.0  # a longer one is better spent by the caller, who can do something else
JITTER = 0.1  # share by which a pause that was asked for is drawn out


@dataclass(slots=True)
class Walk:
    """The way of one request.

    Attributes:
        route: the plan.
        specs: the catalog.
        resting: says why a model had better be left alone.
        budget: further tries there are for all.
        random: draws pauses.
        queue: candidates left; the first is the current one.
        tried: (model, cause, words) of each attempt that failed.
        skipped: model -> why it was not asked, in a word.
        rest: why the current one had better be left alone, and is asked all the same; None: it need not.
        has_lease: the current one was leased: from here on it may have been asked.
        whys: model -> why it goes before others, where that is not the plan's doing.
    """

    route: RoutePlan
    specs: Mapping[str, ModelSpec]
    resting: Callable[[str], Resting | None]
    budget: RetryBudget
    random: Random
    queue: list[str] = field(init=False)
    tried: list[tuple[str, str, str]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    rest: Resting | None = None
    has_lease: bool = False
    whys: dict[str, str] = field(default_factory=dict)
    _step: Step | None = None
    _was_sent: bool = False
    _may_repeat: bool = False

    def __post_init__(self) -> None:
        self.queue = [candidate.model_id for candidate in self.route.candidates]

    # Who is next --------------------------------------------------------------------------------------------

    def next(self) -> str | None:
        """Return who is asked now, None when nobody is left.

        1. The same one again, where its error led to that.
        2. Who rests waits for those who do not. Of several who rest, the one that stands first is asked, so that the
           last candidate is never ejected; the others are passed over.
        3. A provider is asked after another only while there are further tries left. A model of ours costs none: its
           queue is its own limit.
        """
        self.has_lease = False
        if self._may_repeat:  # 1
            self._may_repeat = False
            return self.queue[0]
        while self.queue:
            if len(self.queue) > 1:
                self._pick()  # 2
            else:
                self.rest = None if self._is_loadable(self.queue[0]) else self.resting(self.queue[0])
            model = self.queue[0]
            if not self._was_sent or self._is_loadable(model) or self.budget.take():  # 3
                self.skipped.pop(model, None)
                return model
            self.skipped[self.queue.pop(0)] = OVER_BUDGET
        return None

    def _pick(self) -> None:
        for place, model in enumerate(self.queue):
            rest = None if self._is_loadable(model) else self.resting(model)
            if rest is None:
                self.rest = None
                self.queue.insert(0, self.queue.pop(place))
                return
            self.skipped[model] = rest.word
        self.rest = self.resting(self.queue[0])
        del self.queue[1:]

    def prefer(self, model: str, word: str, why: str) -> bool:
        """Ask another candidate before the current one, which is tried after it; say whether that may be.

        A provider is no further try at a loaded model's cost: see `next`, 3.

        Args:
            model: who is asked now.
            word: why the current one is passed over, in a word.
            why: why the other is asked, in words.
        """
        if self._was_sent and not self._is_loadable(model) and not self.budget.take():
            return False
        self.skipped[self.queue[0]] = word
        self.queue.remove(model)
        self.queue.insert(0, model)
        self.skipped.pop(model, None)
        self.whys[model] = why
        self.rest = None
        return True

    def _is_loadable(self, model: str) -> bool:
        spec = self.specs.get(model)
        return spec is not None and spec.is_loadable

    def refusal(self, model: str) -> BatutaError | None:
        """Return the error for a pause that the backend itself asked for and that is not over; None: there is none."""
        rest = self.rest
        if rest is None or not rest.binds_all:
            return None
        kind = UpstreamRateLimited if rest.is_limit else UpstreamOverloaded
        words = f"{model} wants to be left alone for another {math.ceil(rest.retry_after_s or 0)} s: {rest.words}"
        return kind(words, model=model, retry_after_s=rest.retry_after_s)

    # After an error -----------------------------------------------------------------------------------------

    def decide(self, error: BatutaError, attempt: Attempt, *, time_left: float) -> Step:
        """Say how to go on, as the fallback table and the further tries have it. Done by `take`.

        Args:
            error: what the attempt ended with.
            attempt: the attempt.
            time_left: seconds until the request's deadline.
        """
        is_loadable = self._is_loadable(attempt.model)
        tries = 1 + sum(model == attempt.model for model, _, _ in self.tried)
        has_other = len(self.queue) > 1 or (self.route.is_open and class_of(error) is FaultClass.CONTEXT)
        step = next_step(
            error, committed=attempt.is_committed, is_loadable=is_loadable, tries=tries, has_other=has_other
        )
        if step is Step.AGAIN and not is_loadable:
            pause = _asked(error)
            if pause > min(LONGEST_PAUSE_S, time_left) or not self.budget.take():
                step = Step.NEXT
        self._step = step
        return step

    def pause(self, error: BatutaError) -> float:
        """Return the seconds to wait before the same provider is asked again."""
        if asked := _asked(error):
            return asked * (1.0 + JITTER * self.random.random())
        low, high = BUSY_PAUSE_S if class_of(error) is FaultClass.OVERLOADED else PAUSE_S
        return self.random.uniform(low, high)

    def take(self, error: BatutaError, attempt: Attempt, *, time_left: float) -> Step:
        """Take note of a failed attempt, and move on; return how."""
        step = self._step or self.decide(error, attempt, time_left=time_left)
        self._step = None
        self.tried.append((attempt.model, error.cause or error.code, error.message))
        self._was_sent |= self.has_lease and not isinstance(error, NOT_SENT)
        if step is Step.AGAIN:
            self._may_repeat = True
        else:
            self._leave(error, attempt)
        return step

    def _leave(self, error: BatutaError, attempt: Attempt) -> None:
        """Take the current one off. What is true of its whole provider sends the provider's others to the end."""
        self.queue.pop(0)
        if class_of(error) in FAR_AWAY and (spec := self.specs.get(attempt.model)) is not None:
            self.queue.sort(key=lambda model: self._provider(model) == spec.provider_id)

    def _provider(self, model: str) -> str:
        spec = self.specs.get(model)
        return spec.provider_id if spec is not None else ""

    def only(self, models: list[str]) -> bool:
        """Let these alone be left; say whether there is any."""
        asked = {model for model, _, _ in self.tried}
        self.queue = [model for model in dict.fromkeys(models) if model not in asked]
        return bool(self.queue)

    def also_skipped(self, resting: Mapping[str, str]) -> None:
        """Take note of who is no candidate because it rests; a few are enough to tell."""
        asked = {model for model, _, _ in self.tried}
        others = [model for model in resting if model not in asked]
        self.skipped |= {model: resting[model] for model in others[:MOST_TOLD] if model not in self.skipped}

    # What is told -------------------------------------------------------------------------------------------

    def why(self, model: str) -> str:
        """Return why a candidate was chosen."""
        if model in self.whys:
            return self.whys[model]
        first = self.route.candidates[0]
        if first.model_id == model:
            return first.why
        return next((each.why for each in self.route.candidates if each.model_id == model), LARGER_WHY)

    def before(self, model: str) -> tuple[str, ...]:
        """Return `model, cause` of everybody who came before the one that answers."""
        if not (self.tried or self.skipped or self.route.passed_over):
            return ()
        causes = dict([*self.route.passed_over, *self.skipped.items(), *((each, why) for each, why, _ in self.tried)])
        return tuple(f"{each}, {cause}" for each, cause in causes.items() if each != model)


def _asked(error: BatutaError) -> float:
    """Return the seconds that a backend asked for; 0 where it did not."""
    return (error.asked_wait_s if error.asked_wait_s is not None else error.retry_after_s) or 0.0
