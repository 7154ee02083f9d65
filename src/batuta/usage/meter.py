"""Watches one call: what it may cost is held before it is sent, and what it did cost is counted when it has ended.

Knows no database. What it costs to ask a model of this machine is nothing, and that is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Final, Protocol, Self

from batuta.catalog.entities import ModelSpec, Provider
from batuta.catalog.external import preset_of
from batuta.chat.types import CallNote, Usage
from batuta.errors import BatutaError, StreamBroken, UpstreamTimeout
from batuta.usage.cost import answer_limit, cost_of, dollars, estimate, question_size
from batuta.usage.limits import CURRENT, Budgets, Hold
from batuta.usage.prices import Price, Prices

ANY: Final = re.compile("")
UNCERTAIN: Final = (StreamBroken, UpstreamTimeout)
"""Errors after which the provider may have worked, and will be paid, although it did not say for how much."""
_NONE: Final[Mapping[str, Price]] = MappingProxyType({})
Provided = Callable[[str], Provider | None]
Listener = Callable[[str, str, int], None]
"""Called with (key id, day, nano-dollars) for what counts against a key's limits."""


class Asked(Protocol):
    """An attempt, as far as it is read and written here (`gateway.attempt.Attempt` has this form)."""

    note: CallNote
    usage: Usage | None
    error: BatutaError | None
    cost: float | None

    @property
    def is_committed(self) -> bool:
        """Whether the answer has begun."""
        ...


class Listed(Protocol):
    """What a provider's own list says a model costs (`engines.base.ListedPrice` has this form)."""

    @property
    def input(self) -> float: ...
    @property
    def output(self) -> float: ...
    @property
    def cached(self) -> float | None: ...


class Reported(Protocol):
    """A model of a provider's list (`engines.base.ReportedModel` has this form)."""

    @property
    def address(self) -> str: ...
    @property
    def price(self) -> Listed | None: ...


class Meter:
    """Knows what models cost and counts what calls did.

    Args:
        prices: of external models.
        provider: returns a provider by its id.
        budgets: what is held and spent by key; None: no key has a limit.
        spent: told what counts against a key's limits.
    """

    def __init__(
        self,
        prices: Prices,
        provider: Provided,
        *,
        budgets: Budgets | None = None,
        spent: Listener | None = None,
    ) -> None:
        self.prices = prices
        self.budgets = budgets
        self._provider = provider
        self._spent = spent
        self._listed: dict[str, dict[str, Price]] = {}

    def __repr__(self) -> str:
        return f"<Meter {self.prices!r}>"

    def learn(self, provider_id: str, models: Iterable[Reported]) -> None:
        """Take in what a provider's own list says its models cost."""
        told = ((model.address, model.price) for model in models)
        self._listed[provider_id] = {
            address: Price(provider_id, ANY, price.input, price.output, price.cached)
            for address, price in told
            if price is not None
        }

    def price(self, spec: ModelSpec, *, question: int = 0) -> Price | None:
        """Return the price of an external model: 1. a person's own; 2. its provider's list's; 3. ours. Else None.

        Args:
            spec: the model.
            question: tokens of the question.
        """
        provider = self._provider(spec.provider_id)
        preset = preset_of(provider) if provider is not None else None
        name = preset.id if preset is not None else spec.provider_id
        known = self.prices.of(name, spec.address, question=question)
        if known is not None and known.is_own:
            return known
        return self._listed.get(spec.provider_id, _NONE).get(spec.address, known)

    def price_of(self, spec: ModelSpec) -> float | None:
        """Return one figure to compare models by, in US dollars per million tokens of a usual call.

        0 for a model of this machine or network; None where the price is not known.
        """
        if spec.is_local:
            return 0.0
        price = self.price(spec)
        return price.blended if price is not None else None

    def watch(self, spec: ModelSpec, body: bytes, asked: Asked) -> _Watch:
        """Return a context to make a call in: it holds what the call may cost and counts what it did.

        Args:
            spec: the model that is asked.
            body: the request, as it came.
            asked: the attempt; its `cost` is set at the end, in US dollars, where it is known.
        """
        return _Watch(self, spec, body, asked)

    def begin(self, spec: ModelSpec, body: bytes, note: CallNote) -> Hold | None:
        """Hold what a call may cost; None for a model of this machine."""
        if spec.is_local or self.budgets is None:
            return None
        question = question_size(body)
        price = self.price(spec, question=question)
        most = estimate(question, answer_limit(body), price) if price is not None else None
        return self.budgets.begin(spec.provider_id, spec.id, most, note)

    def end(self, spec: ModelSpec, hold: Hold | None, asked: Asked, error: BaseException | None) -> float | None:
        """Settle a call; return what it cost in US dollars, None where nobody knows.

        1. The provider said how many tokens: what they cost.
        2. It did not, but may have worked (the answer had begun, the caller left, time ran out): what it might have
           cost counts against the key's limits, and the cost is not known.
        3. It refused: nothing.
        """
        if spec.is_local:
            return 0.0
        usage = asked.usage
        price = self.price(spec, question=usage.prompt_tokens if usage else 0)
        cost = cost_of(usage, price) if usage is not None and price is not None else None  # 1
        if hold is not None and self.budgets is not None:
            amount = cost if cost is not None else (hold.estimate or 0) if _may_cost(asked, error) else 0
            day = self.budgets.end(hold, amount)
            if amount and hold.note.key_id and self._spent is not None:
                self._spent(hold.note.key_id, day, amount)
        return dollars(cost) if cost is not None else None


def _may_cost(asked: Asked, error: BaseException | None) -> bool:
    if asked.is_committed:
        return True
    found = asked.error or error
    return not isinstance(found, BatutaError) or isinstance(found, UNCERTAIN)


class _Watch:
    __slots__ = ("_asked", "_body", "_hold", "_meter", "_spec")

    def __init__(self, meter: Meter, spec: ModelSpec, body: bytes, asked: Asked) -> None:
        self._meter, self._spec, self._body, self._asked = meter, spec, body, asked
        self._hold: Hold | None = None

    def __enter__(self) -> Self:
        self._hold = self._meter.begin(self._spec, self._body, self._asked.note)
        CURRENT.set(self._hold)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._asked.cost = self._meter.end(self._spec, self._hold, self._asked, error)
        if CURRENT.get() is self._hold:
            CURRENT.set(None)


UNMETERED: Final = Meter(Prices(()), lambda _: None)
"""Knows no prices and keeps no limits."""
