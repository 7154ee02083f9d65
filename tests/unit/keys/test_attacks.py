"""Keys that are taken away or replaced while calls run, and variables that hold no key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batuta.engines.fault_table import Seen
from batuta.errors import KeyMissing
from batuta.keys.health import KeyOutcome, KeyState
from batuta.vault.secret import Secret

from .stage import ACME, FIRST, SECOND, SPEC, THIRD, Place, error

ENV = replace(ACME, key_ref="env:ACME_API_KEY")


def kept(place: Place) -> set[str]:
    """Return every key that the ring has in memory."""
    return {key.secret.reveal() for shelf in place.ring._shelves.values() for key in shelf.lent}


def test_a_key_that_is_gone_is_forgotten_at_once() -> None:
    """Deleted, switched off or replaced: it does not stay in memory until somebody asks that provider again."""
    place = Place(FIRST, SECOND, THIRD)
    place.ring.usable(ACME)
    assert kept(place) == {FIRST, SECOND, THIRD}
    place.vault.drop("k1")
    assert FIRST not in kept(place)
    place.vault.change("k2", enabled=False)
    assert SECOND not in kept(place)
    place.vault.change("k3", secret=FIRST)
    assert THIRD not in kept(place)
    place.vault.drop("k3")
    with pytest.raises(KeyMissing):
        place.ring.usable(ACME)
    assert kept(place) == set()


@pytest.mark.parametrize("seen", [Seen.KEY_REFUSED, Seen.RATE_LIMITED])
def test_what_a_former_key_met_is_not_told_of_the_one_in_its_place(seen: Seen) -> None:
    """A key is replaced because it was revoked: the call that still had it must not condemn the new one."""
    place = Place(FIRST)
    (old,) = place.ring.usable(ACME)
    place.vault.change("k1", secret=SECOND)
    place.ring.went(old, error(seen), model=SPEC.id)
    assert place.names() == ["k1"]
    assert place.ring.health("k1").state is KeyState.GOOD
    assert place.vault.noted == []
    place.ring.tested(old, KeyOutcome.INVALID, "no")
    assert place.names() == ["k1"]
    assert place.vault.noted == []


def test_what_a_former_key_managed_proves_nothing_of_the_new_one() -> None:
    """The new one may be refused."""
    place = Place(FIRST)
    (old,) = place.ring.usable(ACME)
    place.vault.change("k1", secret=SECOND)
    place.fails("k1", Seen.KEY_REFUSED)
    place.ring.went(old, None, model=SPEC.id)
    assert place.ring.health("k1").state is KeyState.INVALID


def test_a_call_that_ends_after_its_key_was_deleted_leaves_nothing() -> None:
    """Neither a health nor a note of an id that is no more."""
    place = Place(FIRST, SECOND)
    old = place.ring.usable(ACME)[0]
    place.vault.drop("k1")
    place.ring.went(old, error(Seen.KEY_REFUSED), model=SPEC.id)
    assert place.ring._health == {}
    assert place.vault.noted == []
    assert place.told == []


@pytest.mark.parametrize(
    "value", ["sk-test\nx-evil: 1", "sk-test-not-\udcff-a-key", "sk-test not a key", "\x1b[2J-not-a-key"]
)
def test_a_variable_that_holds_no_key_is_not_sent(value: str) -> None:
    """It is told which one and why, without what it holds; other keys of the provider go on."""
    place = Place(environ={"ACME_API_KEY": value})
    with pytest.raises(KeyMissing, match="ACME_API_KEY") as caught:
        place.ring.usable(ENV)
    assert value not in caught.value.message
    place.vault.put("k1", FIRST)
    assert [key.id for key in place.ring.usable(ENV)] == ["k1"]
    with pytest.raises(KeyMissing):
        place.ring.lend(ENV, "env:acme")


@pytest.mark.parametrize("value", ["sk-test-not-a-\ud800", "sk-test-not-a\x1b[2J"])
def test_the_end_of_a_key_can_be_shown(value: str) -> None:
    """What no terminal and no JSON can take is not shown, and has a fingerprint all the same."""
    secret = Secret(value)
    assert secret.last4 == ""
    assert len(secret.fingerprint) == 12
    assert secret.matches(value)
    assert not secret.matches("sk-test-not-a-key")
