"""Who is brain and executor when nobody has said so: the best model there is, by the rule for alternatives. Pure.

A role that the settings or a person gave is never touched. What was chosen here stays while it can answer and nothing
of a better rank has come, so that a default does not wander about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from batuta.catalog.entities import Capability, ModelSpec, Role

_CODES = re.compile(r"cod(e|er|ing|ex|estral)|devstral", re.IGNORECASE)  # what makers call models that write programs


class Rank(IntEnum):
    """How good a model is as a default; lower is better."""

    EXTERNAL = 1  # behind an API that answers: somebody has given a key, or an address, on purpose
    LOADED = 2  # in memory already
    LOCAL = 3  # here, and it fits
    BUNDLED = 4  # the starter pair


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the models.

    Attributes:
        is_online: of a provider; None: not asked yet.
        loaded: ids of local models in memory.
        budget: bytes that one model may take; 0: unknown.
        price_of: US dollars per million tokens of a usual call; None: not known.
    """

    is_online: Callable[[str], bool | None]
    loaded: Collection[str] = ()
    budget: int = 0
    price_of: Callable[[ModelSpec], float | None] = lambda _: None


def default_roles(
    specs: Iterable[ModelSpec], given: Mapping[Role, str], before: Mapping[Role, str], around: Surroundings
) -> dict[Role, str]:
    """Return the role's holder for each role that nobody gave.

    1. A role that is given, or held by a model a person gave it to, gets no default.
    2. The bundled pair keeps the roles it was made for, while there is nothing better.
    3. The holder of before stays while nothing of a better rank is there. Being loaded makes no holder lose its place.
    4. Else the best rank; for the executor one that is named for code; then the cheapest of those that cost money (who
       has not chosen one is not to be surprised by a bill), the largest, the first by id.
    5. The executor is the brain where no other model is named for code: one model answers both without a swap.

    Args:
        specs: every model.
        given: role -> model by the settings.
        before: what this function returned last.
        around: providers, memory.
    """
    specs = tuple(specs)
    ranked = {spec.id: (rank, spec) for spec in specs if (rank := _rank(spec, around)) is not None}
    chosen: dict[Role, str] = {}
    for role in Role:
        if role in given or any(role in spec.roles for spec in specs):  # 1
            continue
        able = [(rank, spec) for rank, spec in ranked.values() if rank is not Rank.BUNDLED]
        if not able:  # 2
            pair = [spec.id for rank, spec in ranked.values() if rank is Rank.BUNDLED and spec.bundled_as is role]
            chosen |= {role: min(pair)} if pair else {}
            continue
        kept = ranked.get(before.get(role, ""))
        best = min(_class(rank) for rank, _ in able)
        if kept is not None and _class(kept[0]) == best:  # 3
            chosen[role] = kept[1].id
            continue
        if role is Role.EXECUTOR and (brain := chosen.get(Role.BRAIN)) and not any(_writes_code(s) for _, s in able):
            chosen[role] = brain  # 5
            continue
        chosen[role] = min(able, key=lambda pair: _order(pair, role, around))[1].id  # 4
    return chosen


def _rank(spec: ModelSpec, around: Surroundings) -> Rank | None:
    """Return the model's rank; None for one that could not answer."""
    is_online = around.is_online(spec.provider_id)
    if not (spec.enabled and spec.is_present) or is_online is False or Capability.CHAT not in spec.capabilities:
        return None
    if not spec.is_local:
        return Rank.EXTERNAL if is_online else None
    if spec.id in around.loaded and spec.bundled_as is None:
        return Rank.LOADED
    if around.budget and spec.need_bytes > around.budget:
        return None
    return Rank.LOCAL if spec.bundled_as is None else Rank.BUNDLED


def _class(rank: Rank) -> Rank:
    return Rank.LOCAL if rank is Rank.LOADED else rank


def _order(pair: tuple[Rank, ModelSpec], role: Role, around: Surroundings) -> tuple[object, ...]:
    rank, spec = pair
    price = around.price_of(spec)
    fits_role = _writes_code(spec) if role is Role.EXECUTOR else not _writes_code(spec)
    cost = (price is None, price or 0.0)
    return (_class(rank), not fits_role, rank, *cost, -spec.need_bytes, -spec.context_length, spec.id)


def _writes_code(spec: ModelSpec) -> bool:
    return _CODES.search(spec.id) is not None
