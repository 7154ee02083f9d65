"""Which other model could answer, best first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from batuta.catalog.entities import Capability, ModelSpec


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
    """

    spec: ModelSpec
    is_ready: bool
    is_active: bool
    fits: bool
    last_used: float = 0.0
    load_seconds: float | None = None
    is_offline: bool = False


def tier_of(standing: Standing) -> Tier | None:
    """Return the model's tier, or None if it could not answer now."""
    if not standing.is_active or not standing.spec.enabled or not standing.spec.is_present:
        return None
    if not standing.spec.is_local:
        return Tier.EXTERNAL if standing.is_ready else None
    if standing.is_ready:
        return Tier.LOADED
    return Tier.LOADABLE if standing.fits else None


def alternatives(
    wanted: ModelSpec | None, world: Iterable[Standing], *, needs: frozenset[Capability]
) -> list[tuple[Standing, Tier]]:
    """Return who could answer instead of `wanted`, best first.

    1. By tier: external with a working key, local and loaded, local that fits.
    2. Within a tier: sharing a role with the wanted model, then most recently used, then quickest to load, then id.
    """
    roles = wanted.roles if wanted else frozenset()
    able = [
        (standing, tier)
        for standing in world
        if (wanted is None or standing.spec.id != wanted.id)
        and needs <= standing.spec.capabilities
        and (tier := tier_of(standing)) is not None
    ]
    return sorted(
        able,
        key=lambda pair: (
            pair[1],
            not (pair[0].spec.roles & roles),
            -pair[0].last_used,
            pair[0].load_seconds or 0.0,
            pair[0].spec.id,
        ),
    )
