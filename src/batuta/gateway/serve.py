"""Serves one request, from a parsed call to the bytes of its answer. The first file to read.

route plan -> for each candidate: admission, if it would wait -> lease (load, wait, evict, join happen in there)
                                                              -> ask, first piece = commit point -> bytes
              on error: the fallback table says again, next, larger or surface
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from random import Random

from batuta.catalog.entities import ModelSpec
from batuta.clock import Clock
from batuta.engines.faults import FaultClass, class_of
from batuta.errors import BatutaError, UpstreamUnreachable
from batuta.gateway.admission import Admission
from batuta.gateway.asks import asks_of
from batuta.gateway.attempt import Attempt, Patience, ask
from batuta.gateway.budget import RetryBudget
from batuta.gateway.call import Call, Head, Trying
from batuta.gateway.endings import NOBODY_ELSE, ended, more_tokens_than, suggest
from batuta.gateway.fallback import Step, cause_of, is_limit
from batuta.gateway.overflow import WORD as LONG_WAIT
from batuta.gateway.overflow import overflow
from batuta.gateway.walk import Walk
from batuta.gateway.world import Alternative, World
from batuta.lifecycle.runner import Lease, Runner
from batuta.observe.bus import Bus
from batuta.observe.events import RequestEnded
from batuta.routing.router import plan
from batuta.routing.wishes import NO_WISHES, PLAIN_HOUSE, House, Policy, Wishes
from batuta.usage.meter import UNMETERED, Meter

EXPECTED_S = 60.0  # a named next step holds as long after the answer as a person or a program thinks about it
MOST_LARGER = 2  # models with a larger context that are tried; the first should do


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
        meter: knows what calls cost, and counts it.
        house: where models are and what they cost, for those who care who answers.
        local_only: no byte leaves this machine, whoever asks.
        barred: says why no key of a provider may be tried now; empty: one may, or it asks for none.
        random: draws pauses.
        overflow_s: a request that would wait longer goes to another model, where it may; None: it waits. What the
            request itself says goes before this.
    """

    def __init__(  # the services it is made of, each by its name
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
        meter: Meter = UNMETERED,
        house: House = PLAIN_HOUSE,
        local_only: bool = False,
        barred: Callable[[str], str] = lambda _: "",
        random: Random | None = None,
        overflow_s: float | None = None,
    ) -> None:
        self._specs = specs
        self._runner = runner
        self._admission = admission
        self._clock = clock
        self._bus = bus
        self._patience = patience or Patience(idle_s=idle_s)
        self._is_offline = is_offline
        self._reached = reached
        self._meter = meter
        self._local_only = local_only
        self._random = random or Random()  # noqa: S311  # pauses, no secrets
        self._overflow_s = overflow_s
        self.budget = RetryBudget(clock.monotonic)
        self.world = World(specs=specs, runner=runner, clock=clock, is_offline=is_offline, house=house, barred=barred)

    async def serve(self, call: Call) -> AsyncGenerator[Trying | Head | bytes, None]:
        """Yield Trying for each candidate, then a Head, then the answer's bytes.

        Raises a typed error; one that comes after the Head has to be told in-band.
        """
        started, attempt = self._clock.monotonic(), None
        failure: BatutaError | None = None
        self.budget.enter()
        try:
            call = self._with_policy(call)
            walk = self._walk(call)
            self._expect(call)
            while (model := walk.next()) is not None:
                model = self._overflow(call, walk, model)
                attempt = Attempt(model, self._clock.monotonic(), tried_before=[each for each, _, _ in walk.tried])
                is_over = attempt.started >= call.deadline
                yield Trying(model)
                try:
                    async with aclosing(self._try(call, walk, attempt)) as pieces:
                        async for piece in pieces:
                            yield piece
                except BatutaError as error:
                    if failure is None or not is_over:  # who came too late to be loaded is not the reason
                        failure = error
                    await self._advance(call, walk, error, attempt)
                else:
                    failure = attempt.error  # one that went by in-band, after the commit point
                    return
            assert failure is not None, "an empty route plan"
            raise self._told(failure, call, walk, is_committed=False)
        except BatutaError as error:
            failure = error
            raise
        finally:
            self.budget.leave()
            if failure is None:
                self._expect(call)
            self._report(call, attempt, started, failure)

    def _with_policy(self, call: Call) -> Call:
        """Return the call with what holds for all, or follows from its policy, among its wishes."""
        stays = self._local_only or call.wishes.policy is Policy.LOCAL_ONLY
        if not stays or call.wishes.local_only:
            return call
        return replace(call, wishes=replace(call.wishes, local_only=True))

    def _walk(self, call: Call) -> Walk:
        specs = self._specs()
        route = plan(
            call.model,
            specs,
            self.world.standings,
            needs=call.endpoint.needs,
            wishes=call.wishes,
            asks=lambda: asks_of(call),
            house=self.world.house,
        )
        return Walk(route, specs, self._runner.resting, self.budget, self._random)

    def _expect(self, call: Call) -> None:
        """Have the model that the caller will ask next brought in as soon as nobody is in its way.

        Told at the beginning, so that its file can be read meanwhile, and once more when the answer has ended.
        """
        if call.following:
            following = self._walk(replace(call, model=call.following, wishes=NO_WISHES)).route.candidates[0].model_id
            self._runner.expect(following, f"named as the next step by {call.request_id}", within_s=EXPECTED_S)

    def _overflow(self, call: Call, walk: Walk, model: str) -> str:
        """Return who is asked instead of `model`, where that one would be waited for too long; else `model` itself."""
        limit_s = self._overflow_s if call.max_wait_s is None else call.max_wait_s
        if limit_s is None or len(walk.queue) == 1 or not self._runner.would_wait(model):
            return model
        found = overflow(walk.queue, limit_s, expected=self.world.forecast, is_at_hand=self.world.is_at_hand)
        if found is None or not walk.prefer(found.model, LONG_WAIT, found.why):
            return model
        return found.model

    async def _try(self, call: Call, walk: Walk, attempt: Attempt) -> AsyncGenerator[Head | bytes, None]:
        """Lease the candidate and pass on what it says. A full queue is only closed to those who would wait in it."""
        model, insists = attempt.model, len(walk.queue) == 1
        if (refusal := walk.refusal(model)) is not None:
            raise refusal
        if self._runner.would_wait(model) and walk.rest is None:
            self._admission.enter()
        async with self._runner.lease(model, deadline=call.deadline, priority=call.priority, insists=insists) as lease:
            attempt.started = self._clock.monotonic()
            walk.has_lease = True
            try:
                async with aclosing(ask(lease, call, attempt, self._clock, self._patience, self._meter)) as pieces:
                    is_first = True
                    async for piece in pieces:
                        if is_first:
                            is_first = False
                            yield Head(model, walk.why(model), attempt.content_type, walk.before(model))
                        yield piece
            except BatutaError as error:
                step = walk.decide(error, attempt, time_left=call.deadline - self._clock.monotonic())
                if step is not Step.AGAIN or lease.spec.is_loadable:  # it counts once, however often it is tried
                    self._note(lease, error)
                raise
            if attempt.error is not None:  # it went by in-band
                self._note(lease, attempt.error)
                return
            lease.succeeded()
            if self._is_offline(lease.spec.provider_id):
                self._reached(lease.spec.provider_id, "")

    def _note(self, lease: Lease, error: BatutaError) -> None:
        """Have the lifecycle learn what the error says about the model and its provider."""
        if isinstance(error, UpstreamUnreachable) and not lease.spec.is_loadable:
            self._reached(lease.spec.provider_id, error.message)  # its other models are as far away
        if is_limit(error):
            lease.limited(
                error.message,
                is_limit=class_of(error) is FaultClass.RATE,
                asked_s=error.asked_wait_s if error.asked_wait_s is not None else error.retry_after_s,
                jitter=self._random.random(),
            )
        elif (cause := cause_of(error)) is not None:
            lease.failed(cause, error.message)

    async def _advance(self, call: Call, walk: Walk, error: BatutaError, attempt: Attempt) -> None:
        """Move on as the fallback table says; raise what has to be surfaced."""
        step = walk.take(error, attempt, time_left=call.deadline - self._clock.monotonic())
        if step is Step.LARGER and not self._widen(call, walk, error, attempt):
            step = Step.SURFACE
        if step is Step.SURFACE:
            raise self._told(error, call, walk, is_committed=attempt.is_committed)
        if step is Step.AGAIN:
            spec = self._specs().get(attempt.model)
            if spec is not None and spec.is_loadable:
                await self._runner.await_notice(attempt.model)
            else:
                await self._clock.sleep(walk.pause(error))

    def _widen(self, call: Call, walk: Walk, error: BatutaError, attempt: Attempt) -> bool:
        """Let those alone be left that hold the whole conversation, or might; say whether there is any.

        Of the candidates those that do, then others that do, then candidates of which nobody knows it.
        """
        larger = self._larger(call, error, attempt.model)
        among = [model for model in walk.queue if model in larger]
        others = larger[:MOST_LARGER] if walk.route.is_open else []
        maybe = [model for model in walk.queue if (spec := walk.specs.get(model)) and not spec.context_length]
        return walk.only([*among, *others, *maybe])

    def _larger(self, call: Call, error: BatutaError, model: str) -> list[str]:
        asks = asks_of(call)
        tokens = more_tokens_than(error, asks, self._specs().get(model))
        needs = call.endpoint.needs
        return self.world.larger(model, needs, wishes=call.wishes, asks=asks, tokens=tokens)

    def _told(self, error: BatutaError, call: Call, walk: Walk, *, is_committed: bool) -> BatutaError:
        """Return the error as the caller is told it: who was tried and why it did not answer, who else could."""
        if walk.route.is_open and not is_committed and class_of(error) not in NOBODY_ELSE:
            walk.also_skipped(self.world.resting(call.endpoint.needs, wishes=call.wishes, asks=asks_of(call)))
        told = ended(error, call, walk, is_committed=is_committed)
        if told.suggestion is None and told.model is not None and class_of(error) not in NOBODY_ELSE:
            asked = {model for model, _, _ in walk.tried}
            if class_of(error) is FaultClass.CONTEXT:
                instead = next(iter(self._larger(call, error, told.model)), None)
            else:
                needs = call.endpoint.needs
                found = self.world.alternative(
                    told.model, but=asked, wishes=call.wishes, asks=asks_of(call), needs=needs
                )
                instead = found.model
            suggest(told, call, instead)
        return told

    def _report(self, call: Call, attempt: Attempt | None, started: float, failure: BatutaError | None) -> None:
        now = self._clock.monotonic()
        usage = attempt.usage if attempt else None
        first = attempt.first_delta_at if attempt else None
        spec = self._specs().get(attempt.model) if attempt else None
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
                cached_tokens=usage.cached_tokens if usage else None,
                reasoning_tokens=usage.reasoning_tokens if usage else None,
                provider=spec.provider_id if spec else "",
                key_id=attempt.note.key_id if attempt else "",
                cost=attempt.cost if attempt else None,
                is_paid=spec is not None and not spec.is_local,
                fallbacks=len(attempt.tried_before) if attempt else 0,
            )
        )

    def alternative(self, model: str, *, but: Collection[str] = ()) -> Alternative:
        """Return who could answer instead of `model` (none of `but`), and why the others are passed over."""
        wishes = Wishes(local_only=True) if self._local_only else NO_WISHES
        return self.world.alternative(model, but=but, wishes=wishes)
