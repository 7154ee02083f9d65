"""How all models stand at this moment, and who could answer in another's place. Asks the runner; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from batuta.catalog.entities import Capability, ModelSpec
from batuta.clock import Clock
from batuta.lifecycle.cooling import resting
from batuta.lifecycle.forecast import Forecast
from batuta.lifecycle.residency import Residency
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.routing.alternatives import TIER_WORDS, Standing, Terms, Tier, alternatives, passed_over, tier_of
from batuta.routing.wishes import NO_ASKS, NO_WISHES, Asks, House, Wishes

CHATS = frozenset({Capability.CHAT})
KINDS = frozenset({Capability.CHAT, Capability.EMBEDDING})  # what one model must share with another to replace it
OUT_OF_USE = frozenset({ModelState.FAILED, ModelState.DISABLED})


@dataclass(frozen=True, slots=True)
class Alternative:
    """Who could answer instead.

    Attributes:
        model: its id; None: nobody could now.
        reason: why it, or that there is nobody.
        passed_over: everybody else who could not, and why, by id.
    """

    model: str | None
    reason: str
    passed_over: tuple[tuple[str, str], ...] = ()


class World:
    """The standings of all models.

    Args:
        specs: gives the catalog, id -> spec.
        runner: knows where they are.
        clock: monotonic time.
        is_offline: says whether a provider could not be reached the last time it was asked.
        house: where models are and what they cost.
        barred: says why no key of a provider may be tried now; empty: one may, or it asks for none.
    """

    def __init__(
        self,
        *,
        specs: Callable[[], Mapping[str, ModelSpec]],
        runner: Runner,
        clock: Clock,
        is_offline: Callable[[str], bool],
        house: House,
        barred: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._specs = specs
        self._runner = runner
        self._clock = clock
        self._is_offline = is_offline
        self.house = house
        self._barred = barred

    def standings(self) -> Sequence[Standing]:
        """Return the standing of every model."""
        # Not a snapshot with all its views and plans: with hundreds of models that costs `auto` some milliseconds.
        known, fits, now = self._runner.lifecycle.residencies, self._runner.could_fit(), self._clock.monotonic()
        specs = self._specs().values()
        barred = {each: self._barred(each) for each in {spec.provider_id for spec in specs if not spec.is_loadable}}
        return [
            self._standing(
                spec,
                known.get(spec.id),
                could_fit=fits.get(spec.id, False),
                now=now,
                barred=barred.get(spec.provider_id, ""),
            )
            for spec in specs
        ]

    def _standing(
        self, spec: ModelSpec, residency: Residency | None, *, could_fit: bool, now: float, barred: str
    ) -> Standing:
        is_offline = self._is_offline(spec.provider_id)
        if residency is None or is_offline:
            return Standing(spec, is_ready=False, is_active=False, fits=False, is_offline=is_offline)
        is_active = residency.state not in OUT_OF_USE
        rest = resting(residency, now)
        return Standing(
            spec,
            is_ready=residency.state is ModelState.READY,
            is_active=is_active,
            fits=is_active and could_fit,
            last_used=residency.last_used if residency.was_used else 0.0,
            load_seconds=residency.typical_load_s,
            rests=rest.words if rest is not None else f"cannot be asked: {barred}" if barred else "",
        )

    def forecast(self, model: str) -> Forecast | None:
        """Return what a request for the model that came now would wait for; None for one that is not known."""
        return self._runner.forecast(model) if model in self._runner.lifecycle.residencies else None

    def is_at_hand(self, model: str) -> bool:
        """Say whether a model could answer without a load: in memory, or behind an API that may be asked now."""
        spec, residency = self._specs().get(model), self._runner.lifecycle.residencies.get(model)
        if spec is None or residency is None:
            return False
        standing = self._standing(
            spec,
            residency,
            could_fit=False,
            now=self._clock.monotonic(),
            barred="" if spec.is_loadable else self._barred(spec.provider_id),
        )
        return tier_of(standing) in {Tier.EXTERNAL, Tier.LOADED}

    def alternative(
        self,
        model: str,
        *,
        but: Collection[str] = (),
        wishes: Wishes = NO_WISHES,
        asks: Asks = NO_ASKS,
        needs: frozenset[Capability] | None = None,
    ) -> Alternative:
        """Return the best other model for what `model` does (none of `but`), and why the rest are passed over.

        Without `needs` it has to chat if `model` does: that some can embed as well is no reason to have nobody.
        """
        spec = self._specs().get(model)
        if needs is None:
            able = spec.capabilities if spec else CHATS
            needs = CHATS if able >= CHATS else KINDS & able
        terms, standings = Terms(needs, asks, wishes, self.house), self.standings()
        over = tuple(passed_over(spec, standings, terms))
        for standing, tier in alternatives(spec, standings, terms):
            if standing.spec.id not in but:
                return Alternative(standing.spec.id, TIER_WORDS[tier], over)
        return Alternative(None, "no other model could answer now", over)

    def resting(self, needs: frozenset[Capability], *, wishes: Wishes, asks: Asks) -> dict[str, str]:
        """Return who could answer but for a rest, and why it rests in a word, by id."""
        terms, known = Terms(needs, asks, wishes, self.house), self._runner.lifecycle.residencies
        now = self._clock.monotonic()
        found: dict[str, str] = {}
        for spec in self._specs().values():
            residency = known.get(spec.id)
            rest = resting(residency, now) if residency is not None and spec.enabled and spec.is_present else None
            if rest is not None and not terms.refusal(spec, None):
                found[spec.id] = rest.word
        return found

    def larger(self, model: str, needs: frozenset[Capability], *, wishes: Wishes, asks: Asks, tokens: int) -> list[str]:
        """Return who could answer instead of `model` and holds more than `tokens`, best first."""
        spec = self._specs().get(model)
        terms = Terms(needs, Asks(asks.capabilities, tokens), wishes, self.house)
        found = alternatives(spec, self.standings(), terms)
        return [standing.spec.id for standing, _ in found if standing.spec.context_length >= tokens]
