"""The numbers for Prometheus."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batuta.observe.bus import Bus
from batuta.observe.events import (
    CatalogChanged,
    LoaderChanged,
    MemoryChanged,
    ModelStateChanged,
    QueueChanged,
    RequestEnded,
    Swapped,
)
from batuta.observe.metrics import MOST_SERIES, SECONDS, Histogram, Metrics


def ended(model: str | None = "m", status: int = 200, **rest: Any) -> RequestEnded:
    times: dict[str, Any] = {"wait_s": 0.0, "ttft_s": 0.2, "total_s": 0.5} | rest
    return RequestEnded("r", model, "chat", status, None, prompt_tokens=10, completion_tokens=20, **times)


def text_after(*facts: object) -> str:
    bus = Bus()
    metrics = Metrics(bus)
    for fact in facts:
        bus.publish(fact)
    return metrics.render()[0].decode()


def test_requests_are_counted_by_route_model_and_status() -> None:
    """Two answers and one refusal are told apart; tokens are added up."""
    text = text_after(ended(), ended(), ended(status=503), ended(model=None, status=404))
    assert 'batuta_requests_total{model="m",route="chat",status="200"} 2.0' in text
    assert 'batuta_requests_total{model="m",route="chat",status="503"} 1.0' in text
    assert 'batuta_requests_total{model="",route="chat",status="404"} 1.0' in text
    assert 'batuta_tokens_total{direction="completion",model="m"} 60.0' in text
    assert 'batuta_request_total_seconds_bucket{le="0.5",model="m",route="chat"} 3.0' in text
    assert 'batuta_request_first_token_seconds_count{model="m",route="chat"} 3.0' in text


def test_models_memory_and_loader() -> None:
    """The last word on each gauge counts; loads, swaps and restarts add up."""
    text = text_after(
        ModelStateChanged("m", "absent", "loading", "wanted"),
        ModelStateChanged("m", "loading", "ready", "loaded"),
        QueueChanged("m", 5, 1),
        QueueChanged("m", 2, 3),
        MemoryChanged("host", 100, 40, {"m": 40}),
        Swapped("m", ("x",), 10, 1.0, drain_s=0.2, load_s=0.7),
        LoaderChanged("up"),
        LoaderChanged("down"),
        LoaderChanged("up"),
        CatalogChanged(("m",)),
    )
    for line in (
        'batuta_model_state{model="m",state="ready"} 1.0',
        'batuta_loads_total{model="m",outcome="ready"} 1.0',
        'batuta_waiting{model="m"} 2.0',
        'batuta_in_flight{model="m"} 3.0',
        'batuta_memory_reserved_bytes{device="host"} 40.0',
        'batuta_memory_budget_bytes{device="host"} 100.0',
        'batuta_swaps_total{model="m"} 1.0',
        'batuta_swap_seconds_sum{model="m",part="whole"} 1.0',
        'batuta_swap_seconds_sum{model="m",part="drain"} 0.2',
        'batuta_swap_seconds_sum{model="m",part="load"} 0.7',
        'batuta_loader_changes_total{state="up"} 2.0',
    ):
        assert line in text
    assert 'part="unload"' not in text  # nobody measured it


def test_names_do_not_break_the_text() -> None:
    """Quotes and line breaks in a name stay inside their label."""
    text = text_after(ended(model='a"b\nc\\'))
    assert 'model="a\\"b\\nc\\\\"' in text


def test_invented_names_do_not_fill_the_memory() -> None:
    """Beyond the limit everything new is counted together."""
    metrics = Metrics(Bus())
    for number in range(MOST_SERIES + 50):
        metrics.take(ended(model=f"m{number}"))
    assert len(metrics.requests) == MOST_SERIES + 1
    assert metrics.requests["other", "other", "other"] == 50
    assert len(metrics.total.by_labels) == MOST_SERIES + 1


@given(st.lists(st.floats(0, 500), max_size=30))
def test_buckets_hold_what_was_seen(values: list[float]) -> None:
    """Each bucket counts what is at most its bound; the last one counts all."""
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    buckets = dict(histogram.buckets())
    assert buckets["+Inf"] == len(values)
    for bound in SECONDS:
        assert buckets[f"{bound:g}"] == sum(value <= bound for value in values)


def test_a_request_costs_microseconds() -> None:
    """Counting is no part of what a caller waits for."""
    metrics, fact = Metrics(Bus()), ended()
    began = time.perf_counter()
    for _ in range(2000):
        metrics.take(fact)
    assert (time.perf_counter() - began) / 2000 < 50e-6  # 2 us when nobody else uses the machine
