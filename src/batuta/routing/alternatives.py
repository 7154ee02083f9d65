"""Which other model could answer, best first, and why the rest were passed over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from batuta.catalog.entities import Capability, ModelSpec
from batuta.routing.wishes import NO_ASKS, NO_WISHES, PLAIN_HOUSE, Asks, House, Policy, Wishes


class Tier(IntEnum):
    """How an alternative would answer; lower is better."""

    EXTERNAL = 1  # an external API with a working key
    LOADED = 2  # a local model that is in memory
    LOADABLE = 3  # a local model that fits


TIER_WORDS = {
    Tier.EXTERNAL: "external API, ready at once",
    Tier.LOADED: "local and already loaded",
    Tier.LOADABLE: "local, has to be loaded",
}
LACKS = {
    Capability.TOOLS: "it cannot call tools",
    Capability.VISION: "it cannot see images",
    Capability.REASONING: "it cannot reason",
}
"""What not every model can, and what is said of one that cannot."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What routing needs to know of a model at this moment.

    Attributes:
        spec: the model.
        is_ready: in memory, or behind an API that is not known to be bad.
        is_active: not failed and not switched off.
        fits: its memory could be had now or by evicting.
        last_used: monotonic seconds; 0 if never.
        load_seconds: what loading it takes; None if never measured.
        is_offline: its provider could not be reached the last time it was asked.
        rests: why it had better be left alone for a while; empty: it need not.
    """

    spec: ModelSpec
    is_ready: bool
    is_active: bool
    fits: bool
    last_used: float = 0.0
    load_seconds: float | None = None
    is_offline: bool = False
    rests: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What whoever stands in for a model has to fulfil.

    Attributes:
        needs: the kind of answer.
        asks: what else is in the request.
        wishes: the caller's own.
        house: where models are and what they cost.
    """

    needs: frozenset[Capability]
    asks: Asks = NO_ASKS
    wishes: Wishes = NO_WISHES
    house: House = PLAIN_HOUSE

    def refusal(self, spec: ModelSpec, wanted: ModelSpec | None) -> str:
        """Return why the model may not, or could not, stand in for `wanted` even if it were ready; empty: it could.

        1. It gives another kind of answer.
        2. It is elsewhere, and nothing may leave this machine.
        3. It cannot take what the request has in it, as far as that is known: most lists of models do not say what
           theirs can do, nor how long their context is. `is_sure` tells them apart.
        4. It costs more, or nobody knows that it does not.
        """
        if missing := self.needs - spec.capabilities:  # 1
            return f"it cannot do {', '.join(sorted(missing))}"
        if self.wishes.local_only and not self.house.stays_here(spec):  # 2
            return "it is not on this machine"
        lacking = self.asks.capabilities - spec.capabilities
        if lacking and is_described(spec):  # 3
            return LACKS[min(lacking)]
        if 0 < spec.context_length < self.asks.context:
            return f"its context of {spec.context_length} tokens is too short"
        if self.wishes.policy is Policy.SAME_OR_SMALLER_COST and wanted is not None:  # 4
            return self._dearer(spec, wanted)
        return ""

    def is_sure(self, spec: ModelSpec) -> bool:
        """Say whether the model is known to take all that the request has in it."""
        return self.asks.capabilities <= spec.capabilities

    def _dearer(self, spec: ModelSpec, wanted: ModelSpec) -> str:
        price, limit = self.house.price_of(spec), self.house.price_of(wanted)
        if price is None:
            return "nobody knows what it costs"
        if price == 0.0:
            return ""
        if limit is None:
            return f"nobody knows whether it costs more than {wanted.id}"
        return "it costs more" if price > limit else ""


def is_described(spec: ModelSpec) -> bool:
    """Say whether somebody has told what the model can do beyond answering."""
    return not LACKS.keys().isdisjoint(spec.capabilities)


def tier_of(standing: Standing) -> Tier | None:
    """Return the model's tier, or None if it could not answer now."""
    if not standing.is_active or not standing.spec.enabled or not standing.spec.is_present or standing.rests:
        return None
    if not standing.spec.is_local:
        return Tier.EXTERNAL if standing.is_ready else None
    if standing.is_ready:
        return Tier.LOADED
    return Tier.LOADABLE if standing.fits else None


def why_not_now(standing: Standing) -> str:
    """Say why a model that has no tier could not answer now."""
    spec = standing.spec
    if not spec.enabled:
        return "it is switched off"
    if not spec.is_present:
        return "it is not there any more"
    if standing.is_offline:
        return "its provider cannot be reached"
    if standing.rests:
        return f"it {standing.rests}"
    if not standing.is_active:
        return "it has failed, or is switched off"
    return "there is no room for it" if spec.is_loadable else "it is not ready"


def alternatives(wanted: ModelSpec | None, world: Iterable[Standing], terms: Terms) -> list[tuple[Standing, Tier]]:
    """Return who could answer instead of `wanted`, best first.

    1. Those that are known to take what the request has in it, then those of which nobody knows.
    2. By tier: external with a working key, local and loaded, local that fits.
    3. Within a tier: sharing a role with the wanted model, then most recently used, then quickest to load, then id.
    """
    roles = wanted.roles if wanted else frozenset()
    able = [
        (standing, tier)
        for standing in world
        if (wanted is None or standing.spec.id != wanted.id)
        and (tier := tier_of(standing)) is not None
        and not terms.refusal(standing.spec, wanted)
    ]
    return sorted(
        able,
        key=lambda pair: (
            not terms.is_sure(pair[0].spec),
            pair[1],
            not (pair[0].spec.roles & roles),
            -pair[0].last_used,
            pair[0].load_seconds or 0.0,
            pair[0].spec.id,
        ),
    )


def passed_over(wanted: ModelSpec | None, world: Iterable[Standing], terms: Terms) -> list[tuple[str, str]]:
    """Return who else there is and why it could not answer instead of `wanted`, by id."""
    reasons = [
        (standing.spec.id, terms.refusal(standing.spec, wanted) or ("" if tier_of(standing) else why_not_now(standing)))
        for standing in world
        if wanted is None or standing.spec.id != wanted.id
    ]
    return sorted((model, reason) for model, reason in reasons if reason)
