"""Why a request gets no lease, in words. Pure."""

from __future__ import annotations

from batuta.errors import (
    BatutaError,
    CannotUnload,
    Cause,
    ModelDisabled,
    ModelFailed,
    ModelLoading,
    ModelNotFound,
    NoFit,
)
from batuta.lifecycle.health import RETRY_AFTER_S, WAIT_OUT_S
from batuta.lifecycle.queueing import Waiter
from batuta.lifecycle.residency import Leaving, Residency, remaining
from batuta.lifecycle.room import NeverFits
from batuta.lifecycle.states import ModelState


def why_not(residency: Residency, now: float, deadline: float) -> BatutaError | None:
    """Return why a request cannot even wait for the model, or None if it can.

    A failed model whose rest is short, and over before the deadline, is waited for. Once the deadline has passed,
    nothing is loaded and nobody leaves for the request.
    """
    model = residency.spec.id
    if residency.leaving is Leaving.FORGOTTEN:
        return unknown(model, has_left=True)
    if not residency.enabled or residency.state is ModelState.DISABLED:
        why = f": {residency.message.rstrip('.')}" if residency.message else ""
        return ModelDisabled(
            f"{model} is switched off{why}; enable it on the Models page or with PATCH /manage/models/{model}",
            model=model,
            cause=residency.cause,
        )
    if residency.state is ModelState.FAILED and residency.retry_at is not None:
        rest = residency.retry_at - now
        if rest > WAIT_OUT_S or residency.retry_at >= deadline:
            return failure(residency, now)
    if deadline <= now:
        words = f"{model} is not ready ({residency.progress_text.lower()}), and the request's time is over"
        return ModelLoading(words, model=model, retry_after_s=_come_back(residency, now))
    return None


def unknown(model: str, *, has_left: bool = False) -> ModelNotFound:
    """Return what is said of a model that is not, or no longer, in the catalog."""
    words = f"{model} has left the catalog" if has_left else f"there is no model {model!r} in the catalog"
    return ModelNotFound(words, model=model)


def no_fit(never: NeverFits) -> NoFit:
    """Return what is said of a model that there is no room for: the figures, and who keeps it out."""
    return NoFit(f"no room: {never.reason}", model=never.model, details=never.details)


def cannot_unload(residency: Residency) -> CannotUnload:
    """Return what a person is told who wants a model out of memory that its engine cannot unload."""
    model, why = residency.spec.id, residency.fixed or residency.refused
    words = f"{model} is held by a server that Batuta cannot stop: stop it yourself"
    return CannotUnload(f"{words} ({why})", model=model)


def failure(residency: Residency, now: float) -> ModelFailed:
    """Return the failed cache's entry as an error: cause, message, and when it is tried again."""
    model = residency.spec.id
    rest = None if residency.retry_at is None else max(0.0, residency.retry_at - now)
    cause = (residency.cause or Cause.UNKNOWN).value.replace("_", " ")
    words = f"{model} failed ({cause}): {residency.message.rstrip('.')}"
    if residency.state is ModelState.DISABLED:
        words += f"; it is switched off after {residency.failures} failures in a row until a person enables it"
    elif rest is not None:
        words += f"; it is tried again in {rest:.0f} s, or at once after a reset"
    return ModelFailed(words, model=model, cause=residency.cause, retry_after_s=rest)


def too_late(waiter: Waiter, residency: Residency, now: float) -> ModelLoading:
    """Return what a waiter is told whose deadline has passed."""
    waited = now - waiter.arrived
    words = f"{waiter.model} was not ready within {waited:.0f} s ({residency.progress_text.lower()})"
    return ModelLoading(words, model=waiter.model, retry_after_s=_come_back(residency, now))


def _come_back(residency: Residency, now: float) -> float:
    left = remaining(residency, now)
    return RETRY_AFTER_S if left is None else left
