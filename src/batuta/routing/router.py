"""Turns a model name into an ordered plan of candidates. Pure; made once a request, only walked afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from batuta.catalog.entities import Capability, ModelSpec
from batuta.catalog.names import not_found
from batuta.errors import BadRequest, Cause, LocalOnly, ModelNotFound
from batuta.routing.alternatives import TIER_WORDS, Standing, Terms, Tier, alternatives
from batuta.routing.roles import Virtual, as_virtual, holders, role_of
from batuta.routing.wishes import NO_WISHES, PLAIN_HOUSE, Asks, House, Wishes, no_asks

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
        passed_over: who would have come before one of them, and why it does not; empty as a rule.
        is_open: others than the candidates may be asked as well.
    """

    requested: str
    candidates: tuple[Candidate, ...]
    reason: str
    passed_over: tuple[tuple[str, str], ...] = ()
    is_open: bool = False


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
    wishes: Wishes = NO_WISHES,
    asks: Callable[[], Asks] = no_asks,
    house: House = PLAIN_HOUSE,
) -> RoutePlan:
    """Return who answers a request for `name`.

    1. A model's own name: that model; others only if the caller allows it.
    2. Another name of a model, where the name is no virtual one: that model, as 1.
    3. A virtual name: whoever holds the role, then the alternatives; fallback unless the caller forbids it. Who is
       gone or offline is tried last: when it is back, and nobody else is there, it answers. So is a holder that is
       not known to take what the request has in it.
    4. A list of the caller's own: its names in their order, and others only if the caller allows it.

    Args:
        name: as the caller wrote it.
        specs: the catalog.
        world: gives the standing of all models; only asked when it is needed.
        needs: what a candidate must be able to do.
        wishes: the caller's word on who may answer.
        asks: gives what else is in the request; only asked when others than the named model come into question.
        house: where models are and what they cost.

    Raises:
        BadRequest: the named model cannot do what is asked.
        LocalOnly: nothing may leave this machine, and nobody on it may or can answer.
        ModelNotFound: nobody is behind the name.
    """
    known = specs.get(name)
    if wishes is NO_WISHES and known is not None and needs <= known.capabilities:
        return _named(name)  # 1, as nearly every request has it
    planner = _Planner(specs, world, needs, wishes, asks, house)
    if wishes.models:
        return planner.listed([*([name] if name else []), *wishes.models])  # 4
    spec, virtual = planner.find(name)
    if spec is not None:
        return planner.named(spec)  # 1, 2
    if virtual is None:
        raise not_found(name, [i for i, s in specs.items() if s.is_present], listing="GET /v1/models")
    return planner.virtual(virtual)  # 3


@dataclass(frozen=True, slots=True)
class _Planner:
    """What a plan is made from; see `plan`."""

    specs: Mapping[str, ModelSpec]
    world: World
    needs: frozenset[Capability]
    wishes: Wishes
    asks: Callable[[], Asks]
    house: House

    def find(self, name: str) -> tuple[ModelSpec | None, Virtual | None]:
        """Return the model of a name, or the choice that it is; neither for one that nobody knows."""
        spec, virtual = self.specs.get(name), as_virtual(name)
        if spec is None and virtual is None:
            spec = next((each for each in self.specs.values() if name in each.aliases), None)
        return spec, None if spec is not None else virtual

    def terms(self) -> Terms:
        """Return what whoever stands in has to fulfil."""
        return Terms(self.needs, self.asks(), self.wishes, self.house)

    def named(self, spec: ModelSpec) -> RoutePlan:
        """Return the plan for a model's own name."""
        if missing := self.needs - spec.capabilities:
            able = ", ".join(sorted(spec.capabilities))
            raise BadRequest(f"{spec.id} cannot do {', '.join(sorted(missing))}; it can do {able}", model=spec.id)
        alone = _named(spec.id)
        leaves = self.wishes.local_only and not self.house.stays_here(spec)
        if not self.wishes.allow_fallback:
            if leaves:
                raise self._stays([spec.id])
            return alone
        most = MAX_CANDIDATES - (0 if leaves else 1)
        others = self._others(spec, self.world(), self.terms(), most=most)
        if leaves:
            if not others:
                raise self._stays([spec.id])
            over = ((spec.id, LocalOnly.code),)
            return RoutePlan(spec.id, others[:MAX_CANDIDATES], others[0].why, over, is_open=True)
        return replace(alone, candidates=(*alone.candidates, *others)[:MAX_CANDIDATES], is_open=True)

    def listed(self, names: Sequence[str]) -> RoutePlan:
        """Return the plan for a list of the caller's own. Who cannot answer is left out, and told."""
        candidates: dict[str, Candidate] = {}
        over: dict[str, str] = {}
        terms = self.terms()
        for place, name in enumerate(names, 1):
            spec, virtual = self.find(name)
            held = holders(virtual, self.specs.values()) if virtual is not None else [spec] if spec is not None else []
            for model in held[:1]:
                if refusal := terms.refusal(model, None):
                    over[model.id] = refusal
                else:
                    candidates.setdefault(model.id, Candidate(model.id, f"number {place} of the caller's list"))
            if not held:
                over[name] = ModelNotFound.code
        if not candidates:
            raise self._none_listed(names, over)
        chosen = list(candidates.values())
        if self.wishes.allow_fallback is False:
            chosen = chosen[:1]
        elif self.wishes.allow_fallback:
            first = self.specs[chosen[0].model_id]
            others = self._others(first, self.world(), terms)
            chosen += [each for each in others if each.model_id not in candidates]
        most = max(MAX_CANDIDATES, len(candidates))
        is_open = self.wishes.allow_fallback is True
        return RoutePlan(names[0], tuple(chosen[:most]), chosen[0].why, tuple(over.items()), is_open=is_open)

    def _none_listed(self, names: Sequence[str], over: Mapping[str, str]) -> ModelNotFound | LocalOnly | BadRequest:
        known = [name for name in over if name in self.specs]
        if self.wishes.local_only and known:
            return self._stays(known)
        told = "; ".join(f"{name}: {reason.replace('_', ' ')}" for name, reason in over.items())
        if known:
            return BadRequest(f"none of the models listed can answer: {told}", model=names[0], details={"models": over})
        return ModelNotFound(
            f"there is none of the models listed ({', '.join(names)}); GET /v1/models lists what there is",
            model=names[0],
        )

    def virtual(self, virtual: Virtual) -> RoutePlan:
        """Return the plan for a name that is a choice."""
        held = [s for s in holders(virtual, self.specs.values()) if self.needs <= s.capabilities]
        standings, terms = self.world(), self.terms()
        here = [s for s in held if not (self.wishes.local_only and not self.house.stays_here(s))]
        first = here[0] if here else None
        others = self._others(first, standings, terms, most=MAX_CANDIDATES - 1)
        offline = {s.spec.id: s.spec for s in standings if s.is_offline}
        over = [(s.id, LocalOnly.code) for s in held[:1] if s not in here]
        if first is None:
            last = [i for i, s in offline.items() if s.is_present and s.enabled and not terms.refusal(s, None)]
            candidates = others or tuple(Candidate(i, "was offline a moment ago") for i in sorted(last))
            candidates = candidates or _smallest(standings, terms)
        else:
            holder = (Candidate(first.id, f"holds the role {role_of(virtual).value}"),)
            away = _why_away(first, offline) or terms.refusal(first, None)
            is_last = bool(away) and self.wishes.allow_fallback is not False
            candidates = (*others, *holder) if is_last else (*holder, *others)
            if candidates[0] not in holder:
                over.append((first.id, away))
        if not candidates:
            raise self._nobody(virtual, held)
        if self.wishes.allow_fallback is False:
            candidates = candidates[:1]
        why = f"{virtual.value}: {candidates[0].why}"
        is_open = self.wishes.allow_fallback is not False
        return RoutePlan(virtual.value, candidates[:MAX_CANDIDATES], why, tuple(over), is_open=is_open)

    def _nobody(self, virtual: Virtual, held: Sequence[ModelSpec]) -> ModelNotFound | LocalOnly:
        if self.wishes.local_only:
            return self._stays([s.id for s in held[:1]])
        return ModelNotFound(
            f"no model can answer for {virtual.value!r}: put a .gguf file into the models folder, start Ollama, "
            "LM Studio or llama-server and add its address, or add an external API",
            model=virtual.value,
        )

    def _others(
        self, spec: ModelSpec | None, standings: Sequence[Standing], terms: Terms, *, most: int | None = None
    ) -> tuple[Candidate, ...]:
        found = alternatives(spec, standings, terms)
        if most is not None:
            found = _spread(found, most, but=spec.provider_id if spec is not None else "")
        return tuple(Candidate(s.spec.id, TIER_WORDS[tier]) for s, tier in found)

    def _stays(self, elsewhere: Sequence[str]) -> LocalOnly:
        """Return the error for a request that may not leave this machine: what is elsewhere, and who is here."""
        spec = self.specs.get(elsewhere[0]) if elsewhere else None
        here = self._others(spec, self.world(), self.terms())
        if elsewhere:
            words = f"{' and '.join(elsewhere)} would be asked on another machine, and nothing may leave this one"
        else:
            words = "nothing may leave this machine, and no model on it can answer"
        ways = f"; {here[0].model_id} could answer here" if here else "; load or download a local model"
        return LocalOnly(
            words + ways, model=elsewhere[0] if elsewhere else None, suggestion=here[0].model_id if here else None
        )


def _spread(found: list[tuple[Standing, Tier]], most: int, *, but: str) -> list[tuple[Standing, Tier]]:
    """Return the best few, so that one provider in trouble does not take all the places.

    1. Of the external ones, each provider's best before any other of its models; those of `but`, whose model has just
       failed, after those of others.
    2. Where there is a local one, it has the last place at least: it needs nobody's key.
    """
    places: dict[str, int] = {}

    def turn(pair: tuple[Standing, Tier]) -> tuple[bool, int]:
        standing, tier = pair
        if tier is not Tier.EXTERNAL:
            return (True, 0)
        provider = standing.spec.provider_id
        places[provider] = places.get(provider, int(provider == but)) + 1
        return (False, places[provider])

    found = sorted(found, key=turn)  # 1
    chosen = found[:most]
    local = next((pair for pair in found if pair[1] is not Tier.EXTERNAL), None)
    if local is not None and local not in chosen:
        chosen[-1] = local  # 2
    return chosen


def _why_away(spec: ModelSpec, offline: Mapping[str, ModelSpec]) -> str:
    if spec.id in offline:
        return Cause.ENGINE_OFFLINE.value
    return "" if spec.is_present else Cause.NOT_INSTALLED.value


def _smallest(standings: Sequence[Standing], terms: Terms) -> tuple[Candidate, ...]:
    """Return the smallest model that could answer if there were room for it: its refusal has the figures."""
    large = [s.spec for s in standings if s.is_active and not s.fits and not terms.refusal(s.spec, None)]
    if not large:
        return ()
    least = min(large, key=lambda spec: (spec.need_bytes, spec.id))
    return (Candidate(least.id, "the smallest of those there is no room for"),)
