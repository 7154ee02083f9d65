"""The fallback table: what each kind of error leads to."""

from __future__ import annotations

import pytest

from batuta import errors as e
from batuta.gateway.fallback import Step, cause_of, next_step


@pytest.mark.parametrize(
    ("error", "is_loadable", "tries", "step"),
    [
        (e.BadRequest("x"), True, 1, Step.SURFACE),
        (e.UpstreamRejected("x"), True, 1, Step.SURFACE),
        (e.QueueFull("x"), True, 1, Step.NEXT),
        (e.BatutaBug("x"), True, 1, Step.SURFACE),
        (e.UpstreamUnreachable("x"), True, 1, Step.AGAIN),
        (e.UpstreamUnreachable("x"), True, 2, Step.NEXT),
        (e.UpstreamUnreachable("x"), False, 1, Step.NEXT),
        (e.StreamBroken("x"), True, 1, Step.AGAIN),
        (e.KeyInvalid("x"), False, 1, Step.NEXT),
        (e.UpstreamRateLimited("x"), False, 1, Step.NEXT),
        (e.UpstreamTimeout("x"), False, 1, Step.NEXT),
        (e.UpstreamFailed("hung up", cause=e.Cause.CRASH), True, 1, Step.AGAIN),
        (e.UpstreamFailed("hung up", cause=e.Cause.CRASH), True, 2, Step.NEXT),
        (e.UpstreamFailed("hung up", cause=e.Cause.CRASH), False, 1, Step.NEXT),
        (e.ModelFailed("crashed", cause=e.Cause.CRASH), True, 1, Step.NEXT),
        (e.NoFit("x"), True, 1, Step.NEXT),
        (e.ModelFailed("x"), True, 1, Step.NEXT),
        (e.LoaderDown("x"), True, 1, Step.NEXT),
    ],
)
def test_before_the_first_delta_the_table_decides(
    error: e.BatutaError,
    is_loadable: bool,
    tries: int,
    step: Step,
) -> None:
    """Callers' errors are theirs; a crashed local model gets one more lease; the rest goes to the next candidate."""
    assert next_step(error, committed=False, is_loadable=is_loadable, tries=tries) is step


@pytest.mark.parametrize("kind", [e.StreamBroken, e.UpstreamUnreachable, e.ModelFailed, e.UpstreamTimeout])
def test_after_the_first_delta_nothing_restarts(kind: type[e.BatutaError]) -> None:
    """The caller is told in-band."""
    assert next_step(kind("x"), committed=True, is_loadable=True, tries=1) is Step.SURFACE


def test_a_limit_says_nothing_about_a_models_health() -> None:
    """429 cools a key down; it does not eject the model."""
    assert cause_of(e.UpstreamRateLimited("x")) is None
    assert cause_of(e.BadRequest("x")) is None
    assert cause_of(e.KeyInvalid("x")) is e.Cause.AUTH
