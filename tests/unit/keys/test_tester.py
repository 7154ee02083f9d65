"""Whether a key is good: six words, never an exception, and no more than one question a second."""

from __future__ import annotations

from typing import Any

import pytest

from batuta.catalog.entities import Provider
from batuta.engines.base import ReportedModel
from batuta.engines.fault_table import Seen
from batuta.errors import BatutaError
from batuta.keys.tester import KeyTester, TestedJustNow
from batuta.vault.records import KeyNotFound
from batuta.vault.secret import Secret

from .stage import ACME, FIRST, SECOND, FakeKeyEngine, Place, Upstream, error


def made(place: Place, upstream: Upstream, *, can_check: bool = True) -> KeyTester:
    make: Any = upstream.make_checking if can_check else upstream.make
    return KeyTester(place.ring, lambda _, secret: make(secret), place.clock)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Seen.KEY_REFUSED, "invalid"),
        (Seen.OUT_OF_CREDIT, "valid_no_credit"),
        (Seen.RATE_LIMITED, "rate_limited"),
        (Seen.FORBIDDEN, "valid"),
        (Seen.REFUSED, "unreachable"),
        (Seen.CONNECT_TIMEOUT, "unreachable"),
        (Seen.SERVER_ERROR, "unknown"),
        (Seen.HTML, "unknown"),
    ],
)
async def test_every_answer_is_one_of_six_words(seen: Seen, outcome: str) -> None:
    """Whatever the provider does, the test ends in a word and the provider's own reason, and the vault keeps it."""
    place, upstream = Place(FIRST), Upstream(checks={FIRST: error(seen)})
    found = await made(place, upstream).test(ACME, "k1")
    assert (found.outcome, found.models) == (outcome, None)
    assert found.message
    assert place.vault.noted[-1][:2] == ("k1", outcome)


async def test_a_good_key_is_told_with_its_models() -> None:
    """Valid, how long it took, how many models, and nothing said."""
    place, upstream = Place(FIRST), Upstream()
    found = await made(place, upstream).test(ACME, "k1")
    assert (found.outcome, found.models, found.message) == ("valid", 2, "")
    assert found.latency_ms >= 0
    assert upstream.seen == [f"check {FIRST}", FIRST]
    assert upstream.closed == [FIRST]


async def test_a_list_that_fails_does_not_make_a_good_key_bad() -> None:
    """The check has proved it; that the models cannot be counted is told beside."""
    place, upstream = Place(FIRST), Upstream(lists={FIRST: error(Seen.SERVER_ERROR)})
    found = await made(place, upstream).test(ACME, "k1")
    assert (found.outcome, found.models) == ("valid", None)
    assert "failed" in found.message


async def test_a_list_proves_a_key_only_where_it_needs_one() -> None:
    """A server that lists its models to anybody has proved nothing; one that refuses without a key has."""
    place, upstream = Place(FIRST), Upstream()
    tester = made(place, upstream, can_check=False)
    found = await tester.test(ACME, "k1")
    assert (found.outcome, found.models) == ("unknown", 2)
    assert "to anybody" in found.message
    await place.clock.advance(1)
    upstream.lists[""] = error(Seen.KEY_REFUSED)
    assert (await tester.test(ACME, "k1")).outcome == "valid"
    await place.clock.advance(1)
    upstream.lists[FIRST] = error(Seen.KEY_REFUSED)
    assert (await tester.test(ACME, "k1")).outcome == "invalid"


async def test_a_question_without_a_key_that_fails_proves_nothing() -> None:
    """Only a refusal for want of a key shows that one is needed."""
    place, upstream = Place(FIRST), Upstream(lists={"": error(Seen.OVERLOADED)})
    assert (await made(place, upstream, can_check=False).test(ACME, "k1")).outcome == "unknown"


async def test_one_test_a_second_a_key() -> None:
    """The second is told when to come again; another key has a second of its own."""
    place, upstream = Place(FIRST, SECOND), Upstream()
    tester = made(place, upstream)
    await tester.test(ACME, "k1")
    with pytest.raises(TestedJustNow) as told:
        await tester.test(ACME, "k1")
    assert (told.value.status, told.value.retry_after_s) == (429, 1.0)
    await tester.test(ACME, "k2")
    await place.clock.advance(1)
    await tester.test(ACME, "k1")


async def test_what_a_test_finds_counts_for_calls() -> None:
    """An invalid key is not sent any more; one that is found good is sent again."""
    place, upstream = Place(FIRST, SECOND), Upstream(checks={FIRST: error(Seen.KEY_REFUSED)})
    tester = made(place, upstream)
    await tester.test(ACME, "k1")
    assert place.names() == ["k2"]
    upstream.checks.clear()
    await place.clock.advance(1)
    await tester.test(ACME, "k1")
    assert place.names() == ["k1", "k2"]


async def test_a_key_that_is_switched_off_can_be_tested() -> None:
    """A person asks for it; nothing else is sent with it."""
    place, upstream = Place(FIRST), Upstream()
    place.vault.change("k1", enabled=False)
    assert (await made(place, upstream).test(ACME, "k1")).outcome == "valid"


async def test_a_test_goes_to_the_keys_own_address_or_nowhere() -> None:
    """A provider at another address than the key was given for is not asked."""
    place, upstream = Place(FIRST), Upstream()
    moved = Provider("acme", "openai_compat", base_url="https://evil.example")
    with pytest.raises(BatutaError, match="another place"):
        await made(place, upstream).test(moved, "k1")
    with pytest.raises(KeyNotFound):
        await made(place, upstream).test(ACME, "k9")
    assert upstream.seen == []


async def test_a_provider_that_says_nothing_is_not_waited_for() -> None:
    """A test has an end: unreachable."""

    class Silent(FakeKeyEngine):
        async def list_models(self) -> list[ReportedModel]:
            raise TimeoutError  # what the deadline around it raises; nobody waits 15 s for it here

    place, upstream = Place(FIRST), Upstream()

    def make(_: Provider, secret: Secret | None) -> Silent:
        return Silent(upstream, secret)

    assert (await KeyTester(place.ring, make, place.clock).test(ACME, "k1")).outcome == "unreachable"
