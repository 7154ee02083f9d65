"""Forecasts as the API shows them, and back: what a request waits for, step by step and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batuta.catalog.entities import Tier
from batuta.lifecycle.forecast import Forecast, Step, StepKind
from batuta.lifecycle.words import NO_NAMES, Names, sentence
from batuta.web.i18n import Language

View = Mapping[str, Any]


def forecast_view(forecast: Forecast, model: str) -> dict[str, Any]:
    """Return a forecast as plain JSON values: place, seconds, the steps, and a sentence in English."""
    return {
        "position": forecast.position,
        "seconds": rounded(forecast.seconds),
        "sentence": sentence(forecast, model),
        "steps": [
            {
                "kind": step.kind.value,
                "model": step.model,
                "seconds": rounded(step.seconds),
                "answers": step.answers,
                "tier": step.tier.value if step.tier else None,
            }
            for step in forecast.steps
        ],
    }


def rounded(seconds: float | None) -> float | None:
    """Return seconds to the tenth."""
    return None if seconds is None else round(seconds, 1)


def wait_text(view: View, words: Language, *, names: Names = NO_NAMES) -> str:
    """Return what the first request for a model waits for, in the reader's language; empty where it does not wait.

    A load of its own that has begun is told by its progress.
    """
    model, steps = str(view.get("id")), tuple(map(_step, (view.get("forecast") or {}).get("steps") or ()))
    if not steps or view.get("state") == "loading":
        return ""
    return sentence(Forecast(steps), model, words, names=names)


def _step(step: View) -> Step:
    tier = step.get("tier")
    return Step(
        StepKind(step["kind"]),
        str(step["model"]),
        step.get("seconds"),
        int(step.get("answers") or 0),
        Tier(tier) if tier else None,
    )
