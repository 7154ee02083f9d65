"""How a request that nobody answered ends: one error, with who was tried, why each did not, and who could. Pure."""

from __future__ import annotations

from batuta.catalog.entities import ModelSpec
from batuta.engines.faults import FaultClass, class_of
from batuta.errors import BatutaError, ModelFailed, ProviderError
from batuta.gateway.call import Call
from batuta.gateway.walk import Walk
from batuta.routing.wishes import Asks

NOBODY_ELSE = frozenset({FaultClass.BAD_REQUEST, FaultClass.OURS})
"""Classes of errors that another model would not mend."""
LONGEST_REASON = 200  # characters of each candidate's words, where several are told


def more_tokens_than(error: BatutaError, asks: Asks, spec: ModelSpec | None) -> int:
    """Return the tokens that a model has to hold for a conversation that was too long for another."""
    told = error.details.get("n_prompt")
    if isinstance(told, int):
        return told + 1
    return max(asks.context, spec.context_length if spec is not None else 0) + 1


def ended(error: BatutaError, call: Call, walk: Walk, *, is_committed: bool) -> BatutaError:
    """Return the error that is told for what an attempt ended with.

    1. The answer had begun: what broke it off.
    2. One candidate, or a mistake of the caller's: its error.
    3. Several, and providers are to blame: 503, with the reason of each. Where a model or this machine is to blame, its
       error says more than a sum, and the reasons are in its details.
    """
    failed = {model: (cause, words[:LONGEST_REASON]) for model, cause, words in walk.tried}
    if is_committed or class_of(error) in NOBODY_ELSE or len(failed) + len(walk.skipped) < 2:
        return error  # 1, 2
    details = {"tried": {model: cause for model, (cause, _) in failed.items()}}
    reasons = {model: words for model, (_, words) in failed.items()}
    if walk.skipped:
        details["skipped"] = walk.skipped
    error.details = error.details | details | {"reasons": reasons}
    if not isinstance(error, ProviderError):
        return error
    told = [f"{model}: {words.rstrip('.')}" for model, words in reasons.items()]
    told += [f"{model}: not asked ({why.replace('_', ' ')})" for model, why in walk.skipped.items()]
    whole = ModelFailed(  # 3
        f"None of {len(told)} models could answer for {call.model}. {'; '.join(told)}.",
        model=error.model,
        cause=error.cause,
        retry_after_s=error.retry_after_s,
        suggestion=error.suggestion,
        details=error.details | {"reason": error.code},
    )
    whole.seen = error.seen
    return whole


def suggest(error: BatutaError, call: Call, model: str | None) -> None:
    """Name the model that could answer instead; in words only where the caller left it to the name whether others may.

    Who forbade others, or allowed them and has had them all, needs no such sentence.
    """
    error.suggestion = error.suggestion or model
    if error.suggestion and call.wishes.allow_fallback is None and "could answer" not in error.message:
        stop = "" if error.message.endswith((".", "?", "!")) else "."
        error.message += f"{stop} {error.suggestion} could answer instead."
