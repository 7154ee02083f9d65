"""Turns a model name into an ordered plan of candidates. Pure; made once a request, only walked afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from batuta.catalog.entities import Capability, ModelSpec
from batuta.catalog.names import not_found
from batuta.errors import BadRequest, Cause, ModelNotFound
from batuta.routing.alternatives import TIER_WORDS, Standing, alternatives
from batuta.routing.roles import Virtual, as_virtual, holders, role_of

MAX_CANDIDATES = 4  # each may cost a load; a person waits for two, hardly for four


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to try, and why it stands where it stands."""

    model_id: str
    why: str


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Who is tried, in order.

    Attributes:
        requested: the name the caller used.
        candidates: at least one.
        reason: why the first is the first.
        passed_over: who would have been the first, and why it is not; empty as a rule.
    """

    requested: str
    candidates: tuple[Candidate, ...]
    reason: str
    passed_over: tuple[tuple[str, Cause], ...] = ()


@lru_cache(maxsize=1024)
def _named(name: str) -> RoutePlan:
    first = Candidate(name, "named by the caller")
    return RoutePlan(name, (first,), first.why)


World = Callable[[], Sequence[Standing]]


def plan(
    name: str,
    specs: Mapping[str, ModelSpec],
    world: World,
    *,
    needs: frozenset[Capability],
    allow_fallback: bool | None = None,
) -> RoutePlan:
    """Return who answers a request for `name`.

    1. A model's own name: that model; others only if the caller allows it.
    2. Another name of a model, where the name is no virtual one: that model, as 1.
    3. A virtual name: whoever holds the role, then the alternatives; fallback unless the caller forbids it. Who is
       gone or offline is tried last: when it is back, and nobody else is there, it answers.

    Args:
        name: as the caller wrote it.
        specs: the catalog.
        world: gives the standing of all models; only asked when it is needed.
        needs: what a candidate must be able to do.
        allow_fallback: the caller's word on it; None: the default above.

    Raises:
        BadRequest: the named model cannot do what is asked.
        ModelNotFound: nobody is behind the name.
    """
    spec, virtual = specs.get(name), as_virtual(name)
    if spec is None and virtual is None:  # 2
        spec = next((each for each in specs.values() if name in each.aliases), None)
        name = spec.id if spec else name
    if spec is not None:  # 1
        if missing := needs - spec.capabilities:
            able = ", ".join(sorted(spec.capabilities))
            raise BadRequest(f"{name} cannot do {', '.join(sorted(missing))}; it can do {able}", model=name)
        alone = _named(name)
        if not allow_fallback:
            return alone
        candidates = (*alone.candidates, *_others(spec, world, needs))
        return RoutePlan(name, candidates[:MAX_CANDIDATES], alone.reason)
    if virtual is None:
        raise not_found(name, [i for i, s in specs.items() if s.is_present], listing="GET /v1/models")
    return _plan_virtual(virtual, specs, world, needs, allow_fallback=allow_fallback is not False)  # 3


def _plan_virtual(
    virtual: Virtual,
    specs: Mapping[str, ModelSpec],
    world: World,
    needs: frozenset[Capability],
    *,
    allow_fallback: bool,
) -> RoutePlan:
    held = [s for s in holders(virtual, specs.values()) if needs <= s.capabilities]
    first = held[0] if held else None
    standings = world()
    others = _others(first, lambda: standings, needs)[: MAX_CANDIDATES - 1]
    offline = {s.spec.id: s.spec for s in standings if s.is_offline}
    passed_over: tuple[tuple[str, Cause], ...] = ()
    if first is None:
        last = [s.id for s in offline.values() if s.is_present and s.enabled and needs <= s.capabilities]
        candidates = others or tuple(Candidate(i, "was offline a moment ago") for i in sorted(last))
    else:
        holder = (Candidate(first.id, f"holds the role {role_of(virtual).value}"),)
        is_away = first.id in offline or not first.is_present
        candidates = (*others, *holder) if is_away and allow_fallback else (*holder, *others)
        if candidates[0] not in holder:
            passed_over = ((first.id, Cause.ENGINE_OFFLINE if first.id in offline else Cause.NOT_INSTALLED),)
    if not candidates:
        raise ModelNotFound(
            f"no model can answer for {virtual.value!r}: put a .gguf file into the models folder, start Ollama, "
            "LM Studio or llama-server and add its address, or add an external API",
            model=virtual.value,
        )
    if not allow_fallback:
        candidates = candidates[:1]
    return RoutePlan(virtual.value, candidates[:MAX_CANDIDATES], f"{virtual.value}: {candidates[0].why}", passed_over)


def _others(spec: ModelSpec | None, world: World, needs: frozenset[Capability]) -> tuple[Candidate, ...]:
    return tuple(Candidate(s.spec.id, TIER_WORDS[tier]) for s, tier in alternatives(spec, world(), needs=needs))
