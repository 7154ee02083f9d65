"""Counts what the facts on the bus tell, and writes it out for Prometheus. Knows nothing of requests or models.

A request costs some additions to plain numbers here; names, labels and text are made when somebody asks for them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from batuta.observe import events as ev
from batuta.observe.bus import Bus

if TYPE_CHECKING:
    from prometheus_client.core import Metric

MOST_SERIES = 2000  # label sets of one metric; what comes after is counted under `other`, whoever invents names
OTHER: Final = "other"
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)
NANO: Final = 1_000_000_000
Labels = tuple[str, ...]


class Histogram:
    """Durations in seconds, counted by bucket."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many were at most that), the last one `+Inf`."""
        bounds = [*(f"{bound:g}" for bound in SECONDS), "+Inf"]
        sums, running = [], 0
        for bound, count in zip(bounds, self.counts, strict=True):
            running += count
            sums.append((bound, float(running)))
        return sums


class _Durations:
    """A histogram for each label set."""

    __slots__ = ("by_labels",)

    def __init__(self) -> None:
        self.by_labels: dict[Labels, Histogram] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        histogram = self.by_labels.get(labels)
        if histogram is None:
            if len(self.by_labels) >= MOST_SERIES:
                labels = (OTHER,) * len(labels)
            histogram = self.by_labels.setdefault(labels, Histogram())
        histogram.observe(seconds)


class Metrics:
    """Listens to a bus. `render` gives the text of `GET /metrics`."""

    def __init__(self, bus: Bus) -> None:
        self.requests: Counter[Labels] = Counter()  # route, model, status
        self.tokens: Counter[Labels] = Counter()  # model, direction
        self.paid_tokens: Counter[Labels] = Counter()  # provider, kind
        self.cost: Counter[Labels] = Counter()  # provider; nano-dollars: whole numbers keep their last digits
        self.loads: Counter[Labels] = Counter()  # model, outcome
        self.swaps: Counter[Labels] = Counter()  # model
        self.loader: Counter[Labels] = Counter()  # state
        self.wait = _Durations()  # route, model
        self.first = _Durations()
        self.total = _Durations()
        self.swapping = _Durations()  # model, part
        self.states: dict[str, str] = {}
        self.queues: dict[str, ev.QueueChanged] = {}
        self.memory: dict[str, ev.MemoryChanged] = {}
        self._takers: dict[type[Any], Callable[[Any], None]] = {
            ev.RequestEnded: self._request,
            ev.ModelStateChanged: self._state,
            ev.QueueChanged: self._queue,
            ev.MemoryChanged: self._memory,
            ev.Swapped: self._swap,
            ev.LoaderChanged: self._loader_state,
        }
        bus.listen(self.take)

    def take(self, fact: Any) -> None:
        """Count a fact, if it is one that counts."""
        if (taker := self._takers.get(type(fact))) is not None:
            taker(fact)

    def _request(self, fact: ev.RequestEnded) -> None:
        model = fact.model or ""
        _add(self.requests, (fact.route, model, str(fact.status)))
        labels = (fact.route, model)
        self.wait.observe(labels, fact.wait_s)
        self.total.observe(labels, fact.total_s)
        if fact.ttft_s is not None:
            self.first.observe(labels, fact.ttft_s)
        if fact.prompt_tokens:
            _add(self.tokens, (model, "prompt"), fact.prompt_tokens)
        if fact.completion_tokens:
            _add(self.tokens, (model, "completion"), fact.completion_tokens)
        if fact.is_paid:
            self._paid(fact)

    def _paid(self, fact: ev.RequestEnded) -> None:
        kinds = (
            ("prompt", fact.prompt_tokens),
            ("cached", fact.cached_tokens),
            ("completion", fact.completion_tokens),
            ("reasoning", fact.reasoning_tokens),
        )
        for kind, count in kinds:
            if count:
                _add(self.paid_tokens, (fact.provider, kind), count)
        if fact.cost:
            _add(self.cost, (fact.provider,), round(fact.cost * NANO))

    def _state(self, fact: ev.ModelStateChanged) -> None:
        self.states[fact.model] = fact.new
        if fact.old == "loading" and fact.new in {"ready", "failed"}:
            _add(self.loads, (fact.model, fact.new))

    def _queue(self, fact: ev.QueueChanged) -> None:
        self.queues[fact.model] = fact

    def _memory(self, fact: ev.MemoryChanged) -> None:
        self.memory[fact.device] = fact

    def _swap(self, fact: ev.Swapped) -> None:
        _add(self.swaps, (fact.model,))
        parts = {"whole": fact.seconds, "drain": fact.drain_s, "unload": fact.unload_s, "load": fact.load_s}
        for part, seconds in parts.items():
            if seconds is not None:
                self.swapping.observe((fact.model, part), seconds)

    def _loader_state(self, fact: ev.LoaderChanged) -> None:
        _add(self.loader, (fact.state,))

    @staticmethod
    def prepare() -> None:
        """Load what `render` needs. It reads files, so call it in a thread; a gateway nobody measures does without."""
        import prometheus_client.core
        import prometheus_client.exposition  # noqa: F401  # loaded for `render`

    def render(self) -> tuple[bytes, str]:
        """Return the metrics as text, and its content type."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self))
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _add(counter: Counter[Labels], labels: Labels, amount: int = 1) -> None:
    if labels not in counter and len(counter) >= MOST_SERIES:
        labels = (OTHER,) * len(labels)
    counter[labels] += amount


class _Families:
    """Turns the numbers into Prometheus' families at the moment of a scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        counts, m = self._counter, self._metrics
        yield counts("requests", "Inference requests that ended.", ("route", "model", "status"), m.requests)
        yield counts("tokens", "Tokens that backends reported.", ("model", "direction"), m.tokens)
        kinds = "Tokens that external providers reported; cached are also prompt, reasoning also completion."
        yield counts("provider_tokens", kinds, ("provider", "kind"), m.paid_tokens)
        in_dollars = {labels: amount / NANO for labels, amount in m.cost.items()}
        yield counts("provider_cost_usd", "US dollars that answers cost, where it is known.", ("provider",), in_dollars)
        yield counts("loads", "Loads that ended, by outcome.", ("model", "outcome"), m.loads)
        yield counts("swaps", "Loads for which another model had to leave memory.", ("model",), m.swaps)
        yield counts("loader_changes", "Times the loader came into a state.", ("state",), m.loader)
        yield self._histogram("request_wait", "Seconds a request waited for its model.", m.wait)
        yield self._histogram("request_first_token", "Seconds to the first token.", m.first)
        yield self._histogram("request_total", "Seconds to the end of the answer.", m.total)
        about = "Seconds from a model's being wanted to its being ready where others had to leave, and of the parts."
        yield self._histogram("swap", about, m.swapping, ("model", "part"))
        queues, books = m.queues.values(), m.memory.values()
        yield self._gauge(
            "model_state",
            "1 for the state a model is in.",
            ("model", "state"),
            ((pair, 1) for pair in m.states.items()),
        )
        in_flight = (((q.model,), q.in_flight) for q in queues)
        yield self._gauge("in_flight", "Requests being answered.", ("model",), in_flight)
        yield self._gauge("waiting", "Requests waiting.", ("model",), (((q.model,), q.waiting) for q in queues))
        reserved = (((b.device,), b.reserved) for b in books)
        yield self._gauge("memory_reserved_bytes", "Bytes booked for models.", ("device",), reserved)
        budget = (((b.device,), b.budget) for b in books)
        yield self._gauge("memory_budget_bytes", "Bytes that models may take.", ("device",), budget)

    @staticmethod
    def _counter(name: str, about: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(f"batuta_{name}", about, labels=labels)
        for key, value in values.items():
            family.add_metric(key, value)
        return family

    @staticmethod
    def _gauge(name: str, about: str, labels: Labels, values: Iterable[tuple[Labels, float]]) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(f"batuta_{name}", about, labels=labels)
        for key, value in values:
            family.add_metric(key, value)
        return family

    @staticmethod
    def _histogram(name: str, about: str, durations: _Durations, labels: Labels = ("route", "model")) -> Metric:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(f"batuta_{name}_seconds", about, labels=labels)
        for key, histogram in durations.by_labels.items():
            family.add_metric(key, histogram.buckets(), histogram.total)
        return family
