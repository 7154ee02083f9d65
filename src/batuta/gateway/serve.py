"""Serves one request, from a parsed call to the bytes of its answer. The first file to read.

route plan -> for each candidate: admission, if it would wait -> lease (load, wait, evict, join happen in there)
                                                              -> ask, first piece = commit point -> bytes
              on error: the fallback table says again, next or surface
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing

from batuta.catalog.entities import Capability, ModelSpec
from batuta.clock import Clock
from batuta.errors import BatutaError, UpstreamUnreachable
from batuta.gateway.admission import Admission
from batuta.gateway.attempt import Attempt, Patience, ask
from batuta.gateway.call import Call, Head, Trying
from batuta.gateway.fallback import Step, cause_of, next_step
from batuta.lifecycle.residency import Residency
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.observe.bus import Bus
from batuta.observe.events import RequestEnded
from batuta.routing.alternatives import TIER_WORDS, Standing, alternatives
from batuta.routing.router import RoutePlan, plan

KINDS = frozenset({Capability.CHAT, Capability.EMBEDDING})  # what one model must share with another to replace it
OUT_OF_USE = frozenset({ModelState.FAILED, ModelState.DISABLED})


def _never_offline(_provider: str) -> bool:
    return False


def _untold(_provider: str, _message: str) -> None:
    return


class Gateway:
    """Answers calls.

    Args:
        specs: gives the catalog, id -> spec.
        runner: gives leases.
        admission: lets requests in.
        clock: monotonic time.
        bus: where RequestEnded goes.
        patience: how long a ready model is waited for.
        idle_s: silence after which a running stream counts as dead; `patience` says the same and more.
        is_offline: says whether a provider could not be reached the last time it was asked.
        reached: told (provider, "") when one that was offline answers, and (provider, why) when it cannot be reached.
    """

    def __init__(
        self,
        *,
        specs: Callable[[], Mapping[str, ModelSpec]],
        runner: Runner,
        admission: Admission,
        clock: Clock,
        bus: Bus,
        idle_s: float = 60.0,
        patience: Patience | None = None,
        is_offline: Callable[[str], bool] = _never_offline,
        reached: Callable[[str, str], None] = _untold,
    ) -> None:
        self._specs = specs
        self._runner = runner
        self._admission = admission
        self._clock = clock
        self._bus = bus
        self._patience = patience or Patience(idle_s=idle_s)
        self._is_offline = is_offline
        self._reached = reached

    async def serve(self, call: Call) -> AsyncGenerator[Trying | Head | bytes, None]:
        """Yield Trying for each candidate, then a Head, then the answer's bytes.

        Raises a typed error; one that comes after the Head has to be told in-band.
        """
        started, attempt = self._clock.monotonic(), None
        tried: list[tuple[str, str]] = []
        failure: BatutaError | None = None
        try:
            route = plan(
                call.model, self._specs(), self.world, needs=call.endpoint.needs, allow_fallback=call.allow_fallback
            )
            queue = [c.model_id for c in route.candidates]
            while queue:
                attempt = Attempt(queue[0], self._clock.monotonic())
                is_over = attempt.started >= call.deadline
                yield Trying(attempt.model)
                try:
                    async with aclosing(self._try(call, route, attempt, tried)) as pieces:
                        async for piece in pieces:
                            yield piece
                except BatutaError as error:
                    if failure is None or not is_over:  # who came too late to be loaded is not the reason
                        failure = error
                    tried.append((attempt.model, error.cause or error.code))
                    await self._advance(queue, error, attempt, tries=sum(model == attempt.model for model, _ in tried))
                else:
                    failure = attempt.error  # one that went by in-band, after the commit point
                    return
            raise self._final(failure, call, tried)
        except BatutaError as error:
            failure = error
            raise
        finally:
            self._report(call, attempt, started, failure)

    async def _try(
        self, call: Call, route: RoutePlan, attempt: Attempt, tried: list[tuple[str, str]]
    ) -> AsyncGenerator[Head | bytes, None]:
        """Lease the candidate and pass on what it says. A full queue is only closed to those who would wait in it."""
        if self._runner.would_wait(attempt.model):
            self._admission.enter()
        async with self._runner.lease(attempt.model, deadline=call.deadline, priority=call.priority) as lease:
            attempt.started = self._clock.monotonic()
            try:
                async with aclosing(ask(lease, call, attempt, self._clock, self._patience)) as pieces:
                    is_first = True
                    async for piece in pieces:
                        if is_first:
                            is_first = False
                            why = next(c.why for c in route.candidates if c.model_id == attempt.model)
                            before = (*route.passed_over, *tried)
                            others = tuple(f"{model}, {cause}" for model, cause in before if model != attempt.model)
                            yield Head(attempt.model, why, attempt.content_type, others)
                        yield piece
            except BatutaError as error:
                if isinstance(error, UpstreamUnreachable) and not lease.spec.is_loadable:
                    self._reached(lease.spec.provider_id, error.message)  # its other models are as far away
                if (cause := cause_of(error)) is not None:
                    lease.failed(cause, error.message)
                raise
            if attempt.error is None:
                lease.succeeded()
                if self._is_offline(lease.spec.provider_id):
                    self._reached(lease.spec.provider_id, "")
            elif (cause := cause_of(attempt.error)) is not None:  # it went by in-band
                lease.failed(cause, attempt.error.message)

    async def _advance(self, queue: list[str], error: BatutaError, attempt: Attempt, *, tries: int) -> None:
        """Move the queue as the fallback table says; raise what has to be surfaced."""
        spec = self._specs().get(attempt.model)
        is_loadable = spec is not None and spec.is_loadable
        step = next_step(error, committed=attempt.is_committed, is_loadable=is_loadable, tries=tries)
        if step is Step.SURFACE:
            raise error
        if step is Step.NEXT:
            queue.pop(0)
        else:
            await self._runner.await_notice(attempt.model)

    def _final(self, error: BatutaError | None, call: Call, tried: Sequence[tuple[str, str]]) -> BatutaError:
        """Complete the error that the caller is told when nobody answered: who else could, or who was tried."""
        assert error is not None, "an empty route plan"
        names = {model for model, _ in tried}
        if error.suggestion is None and error.model is not None:
            error.suggestion = self.alternative(error.model, but=names)[0]
        if len(names) > 1:
            error.details = error.details | {"tried": dict(tried)}
        if error.suggestion and call.allow_fallback is None and "could answer" not in error.message:
            stop = "" if error.message.endswith((".", "?", "!")) else "."
            error.message += f"{stop} {error.suggestion} could answer instead."
        return error

    def _report(self, call: Call, attempt: Attempt | None, started: float, failure: BatutaError | None) -> None:
        now = self._clock.monotonic()
        usage = attempt.usage if attempt else None
        first = attempt.first_delta_at if attempt else None
        self._bus.publish(
            RequestEnded(
                request_id=call.request_id,
                model=attempt.model if attempt else None,
                route=call.endpoint.path,
                status=failure.status if failure else 200 if first is not None else 499,
                error=failure.code if failure else None,
                wait_s=(attempt.started if attempt else now) - started,
                ttft_s=None if first is None else first - started,
                total_s=now - started,
                prompt_tokens=usage.prompt_tokens if usage else None,
                completion_tokens=usage.completion_tokens if usage else None,
            )
        )

    # What routing asks --------------------------------------------------------------------------------------

    def world(self) -> Sequence[Standing]:
        """Return the standing of every model."""
        # Not a snapshot with all its views and plans: with hundreds of models that costs `auto` some milliseconds.
        known, fits = self._runner.lifecycle.residencies, self._runner.could_fit()
        return [
            self._standing(spec, known.get(spec.id), could_fit=fits.get(spec.id, False))
            for spec in self._specs().values()
        ]

    def _standing(self, spec: ModelSpec, residency: Residency | None, *, could_fit: bool) -> Standing:
        is_offline = self._is_offline(spec.provider_id)
        if residency is None or is_offline:
            return Standing(spec, is_ready=False, is_active=False, fits=False, is_offline=is_offline)
        is_active = residency.state not in OUT_OF_USE
        return Standing(
            spec,
            is_ready=residency.state is ModelState.READY,
            is_active=is_active,
            fits=is_active and could_fit,
            last_used=residency.last_used if residency.was_used else 0.0,
            load_seconds=residency.typical_load_s,
        )

    def alternative(self, model: str, *, but: Collection[str] = ()) -> tuple[str | None, str]:
        """Return the best other model for what `model` does (none of `but`), and why; None if there is none."""
        spec = self._specs().get(model)
        needs = KINDS & (spec.capabilities if spec else frozenset({Capability.CHAT}))
        for standing, tier in alternatives(spec, self.world(), needs=needs):
            if standing.spec.id not in but:
                return standing.spec.id, TIER_WORDS[tier]
        return None, "no other model could answer now"
