"""The fallback table: what each class of error leads to, before and after the first delta."""

from __future__ import annotations

from pathlib import Path

import pytest

from batuta import errors as e
from batuta.engines.faults import FAULTS, FaultClass, Seen, broken, class_of, fault
from batuta.gateway.fallback import TABLE, Step, cause_of, is_limit, next_step

PAGE = Path(__file__).parents[3] / "docs/explanation/design/gateway.md"
A, N, L, S = Step.AGAIN, Step.NEXT, Step.LARGER, Step.SURFACE


def seen(row: Seen, status: int | None = None) -> e.BatutaError:
    return fault(row, where="acme", model="m", status=status)


@pytest.mark.parametrize(
    ("error", "step", "alone"),
    [
        (seen(Seen.KEY_REFUSED, 401), N, N),
        (seen(Seen.FORBIDDEN, 403), N, N),
        (seen(Seen.OUT_OF_CREDIT, 402), N, N),
        (seen(Seen.RATE_LIMITED, 429), N, N),
        (seen(Seen.OVERLOADED, 503), N, A),
        (seen(Seen.SERVER_ERROR, 500), N, N),
        (seen(Seen.TOO_SLOW, 504), N, A),
        (seen(Seen.CONNECT_TIMEOUT), N, A),
        (seen(Seen.SILENT), N, N),
        (seen(Seen.REFUSED), A, A),
        (seen(Seen.NO_SUCH_HOST), A, A),
        (seen(Seen.HUNG_UP), N, N),
        (seen(Seen.TRUNCATED), N, N),
        (seen(Seen.TLS), N, N),
        (seen(Seen.FORBIDDEN_ADDRESS), N, N),
        (seen(Seen.REJECTED, 400), S, S),
        (seen(Seen.CONTENT, 400), S, S),
        (seen(Seen.CONTEXT_FULL, 400), L, S),
        (e.KeyMissing("x"), N, N),
        (e.BudgetReached("x"), N, N),
        (e.VaultSealed("x"), N, N),
        (e.LocalOnly("x"), N, N),
        (e.QueueFull("x"), N, N),
        (e.BadRequest("x"), S, S),
        (e.HostError("closing"), S, S),
        (e.BatutaBug("x"), S, S),
    ],
    ids=lambda value: value.seen or value.code if isinstance(value, e.BatutaError) else None,
)
def test_before_the_first_delta_the_table_decides(error: e.BatutaError, step: Step, alone: Step) -> None:
    """Of a provider: callers' errors are theirs, what may be repeated is repeated once, the rest is somebody else's."""
    ways = [
        next_step(error, committed=False, is_loadable=False, tries=1, has_other=has_other)
        for has_other in (True, False)
    ]
    assert ways == [step, alone]
    assert next_step(error, committed=False, is_loadable=False, tries=2) is not Step.AGAIN


@pytest.mark.parametrize(
    ("error", "tries", "step"),
    [
        (e.UpstreamUnreachable("x"), 1, A),
        (e.UpstreamUnreachable("x"), 2, N),
        (e.StreamBroken("x"), 1, A),
        (e.UpstreamFailed("hung up", cause=e.Cause.CRASH), 1, A),
        (e.UpstreamFailed("hung up", cause=e.Cause.CRASH), 2, N),
        (seen(Seen.HUNG_UP), 1, A),
        (seen(Seen.MODEL_CRASHED), 1, A),
        (seen(Seen.NOT_RESIDENT), 1, A),
        (seen(Seen.SERVER_ERROR), 1, N),
        (seen(Seen.OVERLOADED), 1, N),
        (e.ModelFailed("crashed", cause=e.Cause.CRASH), 1, N),
        (e.NoFit("x"), 1, N),
        (e.LoaderDown("x"), 1, N),
    ],
)
def test_a_process_of_ours_that_died_is_loaded_again_once(error: e.BatutaError, tries: int, step: Step) -> None:
    """Its work died with it, so that asking again does nothing twice."""
    assert next_step(error, committed=False, is_loadable=True, tries=tries, has_other=True) is step


@pytest.mark.parametrize("row", list(Seen))
def test_after_the_first_delta_nothing_restarts(row: Seen) -> None:
    """The caller is told in-band, whatever it was."""
    for is_loadable in (True, False):
        assert next_step(broken(seen(row)), committed=True, is_loadable=is_loadable, tries=1) is Step.SURFACE


def test_every_class_has_a_row_and_every_row_of_the_faults_a_class() -> None:
    """Nothing that can be seen is left to chance; a broken stream has the class of what broke it."""
    assert set(TABLE) == set(FaultClass)
    for row, known in FAULTS.items():
        assert class_of(seen(row)) is known.kind
        assert class_of(broken(seen(row))) is known.kind


@pytest.mark.parametrize("row", [row for row, known in FAULTS.items() if known.is_repeatable])
def test_only_what_nobody_has_begun_is_repeated(row: Seen) -> None:
    """Never a POST twice, unless it was not sent or was answered with an error."""
    assert row in {
        Seen.REFUSED,
        Seen.NO_SUCH_HOST,
        Seen.CONNECT_TIMEOUT,
        Seen.NO_FREE_CONNECTION,
        Seen.OVERLOADED,
        Seen.TOO_SLOW,
    }


def test_what_an_error_says_about_a_models_health() -> None:
    """A limit, a busy moment, a mistake of the caller's and rules on content say nothing; a refused key says enough."""
    assert cause_of(e.KeyInvalid("x")) is e.Cause.AUTH
    assert cause_of(e.OutOfCredit("x")) is e.Cause.QUOTA
    assert cause_of(e.PermissionDenied("x")) is e.Cause.AUTH
    assert cause_of(seen(Seen.SERVER_ERROR)) is e.Cause.UNKNOWN
    for row in (Seen.RATE_LIMITED, Seen.OVERLOADED, Seen.REJECTED, Seen.CONTENT, Seen.CONTEXT_FULL):
        assert cause_of(seen(row)) is None
        assert cause_of(broken(seen(row))) is None
    assert cause_of(e.BadRequest("x")) is None


def test_who_wants_to_be_left_alone() -> None:
    """A limit and a busy backend do; a limit of our own on connections does not."""
    assert is_limit(seen(Seen.RATE_LIMITED))
    assert is_limit(seen(Seen.OVERLOADED))
    assert not is_limit(seen(Seen.NO_FREE_CONNECTION))
    assert not is_limit(seen(Seen.SERVER_ERROR))


def test_the_page_shows_the_table() -> None:
    """What is written about fallback is what happens."""
    shown = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| class ")
    ]
    assert shown == [(kind.value, rule.step.name.lower(), rule.alone.name.lower()) for kind, rule in TABLE.items()]
