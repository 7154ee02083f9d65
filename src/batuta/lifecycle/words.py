"""Says forecasts and swaps in words, in whatever language it is given. Pure; decides nothing, and knows no page.

The sentences are the catalogues' keys: `tools/locales.py` finds them here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final, Protocol

from batuta.lifecycle.forecast import Forecast, Step, StepKind
from batuta.lifecycle.ledger import size_text
from batuta.observe.events import Swapped

Names = Mapping[str, str]
"""What to call a model, by id; one that is not there is called by its id."""
NO_NAMES: Final[Names] = MappingProxyType({})
K = StepKind
MAKES_ROOM: Final = frozenset({K.PATIENCE, K.FINISH, K.UNLOAD})
EXACT: Final = frozenset({K.LOAD, K.REST})  # steps whose seconds were measured of the same thing before, or are set
LONG_S: Final = 120.0  # from here on people count minutes


class Tongue(Protocol):
    """A language."""

    def say(self, message: str, **values: Any) -> str:
        """Return the sentence with `%(name)s` filled in."""
        ...

    def say_many(self, one: str, many: str, n: int, **values: Any) -> str:
        """Return the form of the sentence that fits `n` things."""
        ...

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number as it is written."""
        ...

    def size(self, count: float) -> str:
        """Return bytes as people say them."""
        ...


class English:
    """The sentences as they stand here."""

    def say(self, message: str, **values: Any) -> str:
        """Return the sentence itself."""
        return message % values if values else message

    def say_many(self, one: str, many: str, n: int, **values: Any) -> str:
        """Return the first form for one thing, the second for any other number."""
        return (one if n == 1 else many) % {"n": n, **values}

    def number(self, value: float, digits: int = 0) -> str:
        """Return the number with a point."""
        return f"{value:.{digits}f}"

    def size(self, count: float) -> str:
        """Return `9.0 GB`."""
        return size_text(int(count))


ENGLISH: Final = English()


def sentence(forecast: Forecast, model: str, tongue: Tongue = ENGLISH, *, names: Names = NO_NAMES) -> str:
    """Return what a request for `model` waits for; empty where it does not wait, or waiting does not help.

    `waiting for coder to finish 2 answers (about 6 s), then loading brain (4.6 s)`
    """
    said = ""
    for phrase in _phrases(forecast.steps, model, tongue, names):
        said = tongue.say("%(before)s, then %(after)s", before=said, after=phrase) if said else phrase
    return said


def swap_sentence(swap: Swapped, tongue: Tongue = ENGLISH, *, names: Names = NO_NAMES) -> str:
    """Return one swap as a line: who left for whom, how much came back, and how long it took.

    `coder left for brain: 9.0 GB back, 6.1 s (2.0 drained, 0.4 unloaded, 3.7 loaded)`
    """
    said = tongue.say_many(
        "%(gone)s left for %(model)s: %(size)s back, %(seconds)s s",
        "%(gone)s left for %(model)s: %(size)s back, %(seconds)s s",  # other languages tell one from many
        len(swap.evicted),
        gone=_list(swap.evicted, names),
        model=names.get(swap.model, swap.model),
        size=tongue.size(swap.bytes_freed),
        seconds=tongue.number(swap.seconds, 1),
    )
    parts = []
    if swap.drain_s is not None:
        parts.append(tongue.say("%(seconds)s drained", seconds=tongue.number(swap.drain_s, 1)))
    if swap.unload_s is not None:
        parts.append(tongue.say("%(seconds)s unloaded", seconds=tongue.number(swap.unload_s, 1)))
    if swap.load_s is not None:
        parts.append(tongue.say("%(seconds)s loaded", seconds=tongue.number(swap.load_s, 1)))
    return f"{said} ({', '.join(parts)})" if parts else said


def _phrases(steps: Sequence[Step], model: str, tongue: Tongue, names: Names) -> Iterator[str]:
    for makes_room, group in groupby(steps, key=lambda step: step.kind in MAKES_ROOM):
        if makes_room:
            yield _making_room(list(group), model, tongue, names)
            continue
        for step in group:
            place = "first" if step is steps[0] else "later"
            yield _timed(_phrase(step, model, place, tongue, names), step.seconds, tongue, exact=step.kind in EXACT)


def _phrase(step: Step, model: str, place: str, tongue: Tongue, names: Names) -> str:
    name = names.get(step.model, step.model)
    if step.kind is K.LOAD and step.model == model:
        return tongue.say("loading %(model)s", model=name)
    if step.kind is K.LOAD:
        return tongue.say("waiting for %(model)s to be loaded", model=name)
    if step.kind is K.TURN:
        return tongue.say("waiting for %(model)s, whose turn is earlier", model=name)
    if step.kind is K.REST:
        return tongue.say("resting after a failure")
    if place == "later":  # K.SLOT
        return tongue.say_many(
            "answering %(n)s request that came before", "answering %(n)s requests that came before", step.answers
        )
    return _finishing(name, step.answers, tongue)


def _finishing(name: str, answers: int, tongue: Tongue) -> str:
    return tongue.say_many(
        "waiting for %(model)s to finish %(n)s answer",
        "waiting for %(model)s to finish %(n)s answers",
        answers,
        model=name,
    )


def _making_room(steps: Sequence[Step], model: str, tongue: Tongue, names: Names) -> str:
    """Say who leaves, side by side, and after what.

    1. The model itself, before it can come back. 2. One that still has a queue of its own. 3. One that finishes its
    answers. 4. One that is idle. 5. Several.
    """
    who = list(dict.fromkeys(step.model for step in steps))
    seconds = _side_by_side(steps)
    answers = sum(step.answers for step in steps)
    said = names.get(who[0], who[0])
    if len(who) > 1:  # 5
        phrase = tongue.say("waiting for %(models)s to make room", models=_list(who, names))
        if answers:
            phrase = tongue.say_many(
                "waiting for %(models)s to finish %(n)s answer",
                "waiting for %(models)s to finish %(n)s answers",
                answers,
                models=_list(who, names),
            )
    elif who[0] == model and answers:  # 1
        phrase = tongue.say_many("after %(n)s answer of its own", "after %(n)s answers of its own", answers)
    elif any(step.kind is K.PATIENCE for step in steps):  # 2
        phrase = tongue.say("waiting for %(model)s, which others wait for too", model=said)
    elif answers:  # 3
        phrase = _finishing(said, answers, tongue)
    else:  # 4
        phrase = tongue.say("waiting for %(model)s to leave", model=said)
    return _timed(phrase, seconds, tongue, exact=False)


def _side_by_side(steps: Sequence[Step]) -> float | None:
    """Return the seconds of the model that takes longest; None where one is not known, an unload excepted."""
    if any(step.seconds is None and step.kind is not K.UNLOAD for step in steps):
        return None
    if all(step.seconds is None for step in steps):
        return None
    sums: dict[str, float] = {}
    for step in steps:
        sums[step.model] = sums.get(step.model, 0.0) + (step.seconds or 0.0)
    return max(sums.values())


def _timed(phrase: str, seconds: float | None, tongue: Tongue, *, exact: bool) -> str:
    return phrase if seconds is None else f"{phrase} ({_duration(seconds, tongue, exact=exact)})"


def _duration(seconds: float, tongue: Tongue, *, exact: bool) -> str:
    if seconds >= LONG_S:
        return tongue.say("about %(n)s min", n=tongue.number(seconds / 60))
    if exact:
        return tongue.say("%(seconds)s s", seconds=tongue.number(seconds, 1 if seconds < 9.95 else 0))
    if seconds < 1:
        return tongue.say("less than 1 s")
    return tongue.say("about %(seconds)s s", seconds=tongue.number(seconds))


def _list(models: Sequence[str], names: Names) -> str:
    return ", ".join(names.get(model, model) for model in models)
