"""Generated workloads in the shapes of the recorded ones, so that every simulation runs without them. All are seeded.

Knows nothing of files or of who decides. What each copies of its model is said beside it; nothing else is claimed.
"""

from __future__ import annotations

import math
import random

from batuta.testing.simulate.demand import Arrival, Job, Step

# A public router's requests: how often each of the eleven most asked models is asked, and how the stream comes.
POPULARITY = (0.307, 0.150, 0.094, 0.079, 0.075, 0.043, 0.036, 0.030, 0.027, 0.027, 0.022)
MANY_GAP_S = 74.0
MANY_GAP_CV = 12.0
MANY_OTHER = 0.75  # the next request is for another model
MANY_SIZES = (13.0, 9.0, 9.0, 7.0, 5.0, 5.0, 3.0, 2.0, 2.0, 1.0, 1.0)

ARENA_WEIGHTS = (296, 262, 199, 120, 67, 66, 56, 46)  # requests of each of the eight, of 1,112
ARENA_S = 7200.0
AZURE_GAP_S = 12.4  # between requests, after thinning and stretching
AZURE_BRAIN = 0.69  # share of the conversation service


def many(
    *, requests: int = 3000, seed: int = 1, models: int = len(POPULARITY), other: float = MANY_OTHER
) -> list[Arrival]:
    """Return a stream for many models: long gaps, then bursts; three in four requests are for another model.

    Popularity stays as it is drawn: a request repeats the one before it, or is drawn anew.
    """
    chance = random.Random(seed)
    weights = POPULARITY[:models]
    names = [f"m{rank:02}" for rank in range(1, len(weights) + 1)]
    differs = 1 - sum((weight / sum(weights)) ** 2 for weight in weights)
    repeats = max(0.0, 1 - other / differs)
    now, model, found = 0.0, "", []
    for i in range(requests):
        now += heavy_tailed(chance, MANY_GAP_S, MANY_GAP_CV)
        if not model or chance.random() >= repeats:
            model = chance.choices(names, weights)[0]
        found.append(Arrival(now, Job(f"r{i}", model, _around(chance, 1020, 1.0), _around(chance, 129, 1.0))))
    return found


def arena(*, requests: int = 1112, seed: int = 1) -> list[Arrival]:
    """Return two hours of a chat arena: eight models, requests that come independently of one another."""
    chance = random.Random(seed)
    names = [f"A{rank}" for rank in range(len(ARENA_WEIGHTS))]
    times = sorted(chance.uniform(0, ARENA_S * requests / 1112) for _ in range(requests))
    models = chance.choices(names, ARENA_WEIGHTS, k=requests)
    return [
        Arrival(at, Job(f"r{i}", model, _around(chance, 40, 1.2), _around(chance, 200, 0.9)))
        for i, (at, model) in enumerate(zip(times, models, strict=True))
    ]


def azure(*, requests: int = 1456, seed: int = 1) -> list[Arrival]:
    """Return five hours of two services: conversations with long answers, code with long prompts and short answers."""
    chance = random.Random(seed)
    now, found = 0.0, []
    for i in range(requests):
        now += heavy_tailed(chance, AZURE_GAP_S, 1.2)
        if chance.random() < AZURE_BRAIN:
            job = Job(f"r{i}", "brain", _around(chance, 1020, 0.9), _around(chance, 129, 0.8))
        else:
            job = Job(f"r{i}", "executor", _around(chance, 1469, 0.9), _around(chance, 13, 0.9))
        found.append(Arrival(now, job))
    return found


def servegen(*, requests: int = 1500, seed: int = 1) -> list[Arrival]:
    """Return some hours of five models whose clients send a burst of up to hundreds of requests, then nothing."""
    chance = random.Random(seed)
    names = {"m-mid": 0.33, "m-large": 0.32, "deepseek-r1": 0.16, "m-small": 0.11, "mm-image": 0.08}
    now, found = 0.0, list[Arrival]()
    while len(found) < requests:
        now += chance.expovariate(1 / 900.0)
        model = chance.choices(list(names), list(names.values()))[0]
        at = now
        for _ in range(min(requests - len(found), int(chance.paretovariate(0.8) * 5), 400)):
            at += chance.expovariate(4.0)
            job = Job(f"r{len(found)}", model, _around(chance, 600, 1.0), _around(chance, 250, 0.8))
            found.append(Arrival(at, job))
    return sorted(found, key=lambda arrival: arrival.at)


def hybrid(*, users: int = 3, sessions: int = 40, seed: int = 1) -> list[list[Step]]:
    """Return people who work in sessions with a brain, a coder and two small models, each step after a think gap."""
    chance = random.Random(seed)
    return [[step for _ in range(sessions) for step in _session(chance)] for _ in range(users)]


def _session(chance: random.Random) -> list[Step]:
    steps = [Step(heavy_tailed(chance, 240.0, 1.0), "brain", _around(chance, 1500, 0.5), _around(chance, 400, 0.6))]
    for _ in range(chance.randint(4, 20)):
        role = chance.choices(("coder", "brain", "small", "embed"), (0.55, 0.28, 0.10, 0.07))[0]
        if role == "small":
            steps.append(Step(_gap(chance), role, 500, 60))
        elif role == "embed":
            steps.append(Step(_gap(chance), role, 300, 1))
        else:
            steps.append(Step(_gap(chance), role, _around(chance, 3200, 0.5), _around(chance, 245, 0.7)))
    return steps


def _gap(chance: random.Random) -> float:
    return min(chance.lognormvariate(math.log(3.5), 0.9), 120.0)


def heavy_tailed(chance: random.Random, mean: float, cv: float) -> float:
    """Return a log-normal number with that mean and that coefficient of variation."""
    variance = math.log(1 + cv * cv)
    return chance.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))


def _around(chance: random.Random, median: float, sigma: float) -> int:
    return max(1, round(chance.lognormvariate(math.log(median), sigma)))
