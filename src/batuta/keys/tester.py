"""Finds out whether a key is good, by asking its own provider the cheapest thing there is. Knows no vault and no page.

A test is an oracle: whoever may start one learns whether a key works. So it goes to the provider's own address only,
answers one of six words, and at most once a second a key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from batuta.catalog.entities import Provider
from batuta.clock import Clock
from batuta.engines.base import Engine
from batuta.engines.keys import KeyCheckingEngine, LentKey
from batuta.errors import BatutaError, Conflict
from batuta.keys.health import KeyOutcome, outcome_of
from batuta.keys.ring import KeyRing
from batuta.vault.secret import Secret

TEST_WITHIN_S: Final = 15.0  # for both questions together; a person is watching
NOT_BEFORE_S: Final = 1.0  # between two tests of one key
_OPEN_LIST: Final = (
    "lists its models to anybody, so this does not show whether the key is good; ask a model to find out"
)


class TestedJustNow(Conflict):
    """The key was tested less than a second ago; `retry_after_s` says when it may be tested again."""

    __test__ = False  # a name like a test's, for pytest
    http_status = 429
    code = "tested_just_now"


@dataclass(frozen=True, slots=True)
class KeyTest:
    """What a test has found.

    Attributes:
        outcome: in one word.
        latency_ms: until the provider had answered whether the key is good.
        models: how many it lists; None where it could not be asked.
        message: what it said, where that is not simply yes.
    """

    outcome: KeyOutcome
    latency_ms: float
    models: int | None = None
    message: str = ""


class KeyTester:
    """Tests keys.

    Args:
        ring: lends the keys and is told what was found.
        make: makes the engine of a provider for one key, or for none.
        clock: monotonic time.
    """

    def __init__(self, ring: KeyRing, make: Callable[[Provider, Secret | None], Engine], clock: Clock) -> None:
        self._ring = ring
        self._make = make
        self._clock = clock
        self._tested_at: dict[str, float] = {}

    async def test(self, provider: Provider, name: str) -> KeyTest:
        """Test a key by its id, or `env:PROVIDER`; what is found is noted.

        Raises:
            TestedJustNow: it was tested less than a second ago.
            KeyNotFound, KeyMissing: there is no such key, or it is for another address.
            VaultSealed, VaultTampered: it cannot be read.
        """
        self._begin(name)
        key = self._ring.lend(provider, name)
        found = await self._found(provider, key)
        self._ring.tested(key, found.outcome, found.message)
        return found

    def _begin(self, name: str) -> None:
        now = self._clock.monotonic()
        wait = NOT_BEFORE_S - (now - self._tested_at.get(name, -NOT_BEFORE_S))
        if wait > 0:
            raise TestedJustNow(f"the key {name} was tested just now; try again in a second", retry_after_s=wait)
        self._tested_at = {each: at for each, at in self._tested_at.items() if now - at < NOT_BEFORE_S}
        self._tested_at[name] = now

    async def _found(self, provider: Provider, key: LentKey) -> KeyTest:
        engine, started = self._make(provider, key.secret), self._clock.monotonic()
        try:
            async with asyncio.timeout(TEST_WITHIN_S):
                if isinstance(engine, KeyCheckingEngine):
                    await engine.check_key()
                    return await self._listed(engine, started)
                return await self._listed_only(provider, engine, started)
        except TimeoutError:
            return self._result(KeyOutcome.UNREACHABLE, started, "it did not answer in time")
        except BatutaError as error:
            return self._result(outcome_of(error), started, error.message)
        finally:
            await engine.aclose()

    async def _listed(self, engine: Engine, started: float) -> KeyTest:
        """Count the models of a key that is good. That it cannot be done changes nothing about that."""
        good = self._result(KeyOutcome.VALID, started)
        try:
            count = len(await engine.list_models())
        except BatutaError as error:
            return KeyTest(good.outcome, good.latency_ms, None, error.message)
        return KeyTest(good.outcome, good.latency_ms, count)

    async def _listed_only(self, provider: Provider, engine: Engine, started: float) -> KeyTest:
        """Let the list of models be the proof, but only where it is refused without a key."""
        count = len(await engine.list_models())
        found = self._result(KeyOutcome.VALID, started, models=count)
        anybody = self._make(provider, None)
        try:
            await anybody.list_models()
        except BatutaError as error:
            if outcome_of(error) is KeyOutcome.INVALID:
                return found
        finally:
            await anybody.aclose()
        message = f"{provider.name or provider.id} {_OPEN_LIST}"
        return KeyTest(KeyOutcome.UNKNOWN, found.latency_ms, count, message)

    def _result(self, outcome: KeyOutcome, started: float, message: str = "", *, models: int | None = None) -> KeyTest:
        return KeyTest(outcome, (self._clock.monotonic() - started) * 1000, models, message)
