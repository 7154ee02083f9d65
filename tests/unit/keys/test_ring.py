"""Which keys may be tried, in which order, and why none may."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from batuta.catalog.entities import Provider
from batuta.engines.fault_table import Seen
from batuta.errors import BudgetReached, Cause, KeyMissing, OutOfCredit, UpstreamRateLimited, VaultSealed
from batuta.keys.health import KeyOutcome, KeyState
from batuta.keys.ring import origin_of

from .stage import ACME, FIRST, SECOND, SPEC, THIRD, Place, error

ENV = replace(ACME, key_ref="env:ACME_API_KEY")


def test_keys_come_in_the_order_a_person_gave_them() -> None:
    """All good: by position, and the one of the environment after the stored ones."""
    place = Place(FIRST, SECOND, environ={"ACME_API_KEY": THIRD})
    assert place.names(ENV) == ["k1", "k2", ""]
    assert [key.secret.last4 for key in place.ring.usable(ENV)] == ["irst", "cond", "hird"]


def test_good_keys_are_opened_once() -> None:
    """A call must not wait for a cipher: the same keys, the very same objects, until the vault says otherwise."""
    place = Place(FIRST, SECOND)
    before = place.ring.usable(ACME)
    assert place.ring.usable(ACME) is before
    assert place.vault.reveals == ["k1", "k2"]
    place.vault.change("k1")
    after = place.ring.usable(ACME)
    assert [new is old for new, old in zip(after, before, strict=True)] == [True, True]
    place.vault.change("k2", secret=THIRD)
    assert [new is old for new, old in zip(place.ring.usable(ACME), before, strict=True)] == [True, False]


def test_every_key_that_is_opened_is_masked() -> None:
    """The log is told of it before anybody could write it."""
    place = Place(FIRST, environ={"ACME_API_KEY": SECOND})
    place.ring.usable(ENV)
    assert {secret.last4 for secret in place.remembered} == {"irst", "cond"}


async def test_a_limited_key_rests_and_comes_back() -> None:
    """As long as the provider asked; then it is at its place again."""
    place = Place(FIRST, SECOND)
    place.fails("k1", Seen.RATE_LIMITED, wait=30)
    assert place.names() == ["k2"]
    assert place.told == [("k1", "resting")]
    await place.clock.advance(30)
    assert place.names() == ["k1", "k2"]
    place.answers("k1")
    assert place.told[-1] == ("k1", "good")


async def test_one_caller_at_a_time_tries_a_key_that_has_rested() -> None:
    """A thousand that come at once do not all run into the same limit: one proves it, the others take the next key."""
    place = Place(FIRST, SECOND)
    place.fails("k1", Seen.RATE_LIMITED, wait=5)
    await place.clock.advance(5)
    assert [place.names()[0] for _ in range(3)] == ["k1", "k2", "k2"]
    place.answers("k1")
    assert [place.names()[0] for _ in range(3)] == ["k1", "k1", "k1"]


async def test_who_only_asks_whether_a_key_could_be_tried_takes_nobodys_turn() -> None:
    """A look for the best model says why no key may be tried, and leaves a key that has rested to the next caller."""
    place = Place(FIRST)
    assert place.ring.barred(ACME) == ""
    place.fails("k1", Seen.RATE_LIMITED, wait=5)
    assert "ACME" in place.ring.barred(ACME).upper()
    await place.clock.advance(5)
    assert [place.ring.barred(ACME) for _ in range(3)] == [""] * 3
    place.fails("k1", Seen.KEY_REFUSED)
    assert place.ring.barred(ACME)
    assert "-not-a-key" not in place.ring.barred(ACME)


async def test_the_only_key_is_never_held_back_for_proof() -> None:
    """Where there is no other, everybody tries it once its rest is over."""
    place = Place(FIRST)
    place.fails("k1", Seen.RATE_LIMITED, wait=5)
    await place.clock.advance(5)
    assert [place.names() for _ in range(3)] == [["k1"]] * 3


async def test_the_soonest_end_of_a_rest_is_told() -> None:
    """All rest: the caller hears when the first may be tried, as a limit, not as a lack of money."""
    place = Place(FIRST, SECOND, THIRD)
    place.fails("k1", Seen.RATE_LIMITED, wait=50)
    place.fails("k2", Seen.RATE_LIMITED, wait=20)
    place.fails("k3", Seen.OUT_OF_CREDIT)
    await place.clock.advance(5)
    with pytest.raises(UpstreamRateLimited, match="next try is in 15 s") as told:
        place.names()
    assert told.value.retry_after_s == 15


async def test_without_credit_a_key_is_asked_again_after_an_hour() -> None:
    """Topping up is noticed without anybody's help, and the caller is told what helps."""
    place = Place(FIRST)
    place.fails("k1", Seen.OUT_OF_CREDIT)
    with pytest.raises(OutOfCredit, match="top up the account") as told:
        place.names()
    assert told.value.cause is Cause.QUOTA
    await place.clock.advance(3600)
    assert place.names() == ["k1"]


async def test_a_refused_key_is_not_sent_again() -> None:
    """Neither later nor after a restart, until it is replaced, or a test finds it good."""
    place = Place(FIRST)
    place.fails("k1", Seen.KEY_REFUSED)
    await place.clock.advance(1e6)
    with pytest.raises(KeyMissing, match="refused every key"):
        place.names()
    again = Place()
    again.vault.records, again.vault.secrets = place.vault.records, place.vault.secrets
    with pytest.raises(KeyMissing):
        again.names()
    again.ring.tested(again.key("k1"), KeyOutcome.VALID, "")
    assert again.names() == ["k1"]
    place.vault.change("k1", secret=SECOND)
    assert place.names() == ["k1"]


def test_what_is_not_the_keys_changes_nothing() -> None:
    """A missing permission, a busy provider, a dead network: the key is as good as before."""
    place = Place(FIRST)
    for seen in (Seen.FORBIDDEN, Seen.OVERLOADED, Seen.REFUSED, Seen.REJECTED):
        place.fails("k1", seen)
    assert (place.names(), place.told, place.vault.noted) == (["k1"], [], [])


def test_a_limit_of_a_persons_stops_before_anything_is_sent() -> None:
    """A key whose limit would be passed is left out; with all at theirs the caller is told why. Lists stay free."""
    place = Place(FIRST, SECOND)
    place.vault.change("k1", day=Decimal(5))
    place.vault.change("k2", month=Decimal("2.50"))
    assert place.names() == ["k1", "k2"]
    place.accounts.why["k1"] = "its daily limit of $5 would be passed"
    assert place.names() == ["k2"]
    place.accounts.why["k2"] = "its monthly limit of $2.50 would be passed"
    with pytest.raises(BudgetReached, match=r"nothing was sent to Acme.* daily limit of \$5 would be passed"):
        place.names()
    assert place.names(is_free=True) == ["k1", "k2"]


def test_keys_without_a_limit_cost_no_look_at_the_accounts() -> None:
    """Nobody counts what nobody wants counted."""
    place = Place(FIRST, SECOND)
    place.vault.change("k2", day=Decimal(5))
    place.names()
    assert place.accounts.asked == ["k2"]


def test_what_is_switched_off_is_not_sent() -> None:
    """A person's word; with all off the message says so."""
    place = Place(FIRST, SECOND)
    place.vault.change("k1", enabled=False)
    assert place.names() == ["k2"]
    place.vault.change("k2", enabled=False)
    with pytest.raises(KeyMissing, match="switched off"):
        place.names()


def test_a_key_is_lent_for_its_own_address_only() -> None:
    """A provider that has moved, or that somebody has replaced, does not get the key of the former one."""
    place = Place(FIRST)
    assert place.names() == ["k1"]
    moved = replace(ACME, base_url="https://evil.example/v1")
    with pytest.raises(KeyMissing, match="another place"):
        place.names(moved)
    assert place.names() == ["k1"]


def test_nothing_is_sent_before_it_is_known_which_keys_are_stored() -> None:
    """A provider of which nobody knows yet whether it has keys is not asked without one."""
    place = Place()
    place.vault.sealed = "the stored keys have not been read yet"
    with pytest.raises(VaultSealed, match="not been read yet"):
        place.ring.usable(ACME)
    place.vault.sealed = None
    place.vault.tell("acme")
    assert place.names() == []
    place.vault.put("other", SECOND, provider="other")
    place.vault.sealed = "the master key is not there"
    place.vault.tell("acme")
    assert place.names() == []


def test_a_sealed_vault_lends_only_the_environments_key() -> None:
    """Without the master key stored keys are out of reach, and the reason is told; a variable needs no vault."""
    place = Place(FIRST, environ={"ACME_API_KEY": SECOND})
    place.vault.sealed = "the master key is not there"
    assert place.names(ENV) == [""]
    with pytest.raises(VaultSealed):
        place.names()
    place.vault.sealed = None
    place.vault.tell()
    assert place.names(ENV) == ["k1", ""]


def test_a_variable_that_is_not_set_is_named() -> None:
    """A person learns which one."""
    with pytest.raises(KeyMissing, match="variable ACME_API_KEY, which is not set"):
        Place().names(ENV)


def test_a_key_of_the_environment_has_a_health_too() -> None:
    """It is refused like any other, and nothing is noted in the vault."""
    place = Place(environ={"ACME_API_KEY": FIRST})
    (key,) = place.ring.usable(ENV)
    place.ring.went(key, error(Seen.KEY_REFUSED), model=SPEC.id)
    with pytest.raises(KeyMissing):
        place.names(ENV)
    assert (place.ring.health("env:acme").state, place.ring.last_outcome("env:acme")) == ("invalid", "invalid")
    assert place.vault.noted == []


def test_a_deleted_key_leaves_nothing_behind() -> None:
    """What was known of it is forgotten with it."""
    place = Place(FIRST, SECOND)
    place.fails("k1", Seen.KEY_REFUSED)
    place.vault.drop("k1")
    assert (place.names(), place.ring.health("k1").state) == (["k2"], KeyState.GOOD)
    assert "k1" not in repr(place.ring)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.acme.example/v1", "https://api.acme.example:443"),
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000"),
        ("http://[::1]/v1", "http://[::1]:80"),
    ],
)
def test_origins_are_scheme_host_and_port(url: str, origin: str) -> None:
    """The path plays no part."""
    assert origin_of(Provider("a", "openai_compat", base_url=url)) == origin
