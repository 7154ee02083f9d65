"""Whoever can write the database cannot make the vault hand out anything but what was stored, where it was stored."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import VaultTampered
from batuta.vault import sealed
from batuta.vault.keysource import Master
from batuta.vault.keystore import Header, StoredKey
from batuta.vault.opened import Opened, founded, opened
from batuta.vault.records import KeyRecord
from batuta.vault.secret import Secret
from tests.unit.vault.play import KEY, OTHER, execute, filled, listed, started, why

MASTER = Master(bytes(range(32)))
FIELDS = ("id", "provider_id", "origin", "version", "sealed")


def record(key_id: str, provider_id: str = "openai") -> KeyRecord:
    return KeyRecord(key_id, provider_id, "", "", "", "person", enabled=True, position=0, created_at=0.0)


@functools.cache
def sound() -> tuple[Header, StoredKey, StoredKey]:
    """Return a head and two keys, as they lie in the database."""
    head = founded("v", epoch=0, source="file", master=MASTER)
    one, two = head.seal(record("one"), Secret(KEY), 1), head.seal(record("two", "mistral"), Secret(OTHER), 1)
    return head.followed_by(put=[one, two]).header, one, two


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def test_what_is_sealed_opens() -> None:
    """The sound state of these tests is one."""
    header, one, two = sound()
    head = opened(header, MASTER.key)
    assert (head.reveal(one).reveal(), head.reveal(two).reveal()) == (KEY, OTHER)


def test_every_single_bit_of_a_sealed_key_counts() -> None:
    """Each bit of nonce, ciphertext and tag, flipped alone, is found: with the manifest and without it."""
    header, one, _ = sound()
    head = opened(header, MASTER.key)
    for bit in range(len(one.sealed) * 8):
        bad = StoredKey(one.record, one.version, flipped(one.sealed, bit))
        vouched = Opened(header, head.data_key, {"one": sealed.digest_of(bad.sealed)})
        for each in (head, vouched):
            with pytest.raises(VaultTampered):
                each.reveal(bad)


@pytest.mark.parametrize("part", ["wrapped", "manifest"])
def test_every_single_bit_of_the_head_counts(part: str) -> None:
    """A changed head opens nothing."""
    header, _, _ = sound()
    for bit in range(len(getattr(header, part)) * 8):
        parts = {name: getattr(header, name) for name in ("id", "epoch", "source", "master_id", "derivation")}
        parts |= {"wrapped": header.wrapped, "manifest": header.manifest}
        parts[part] = flipped(parts[part], bit)
        with pytest.raises(VaultTampered):
            opened(Header(**parts), MASTER.key)


@given(
    change=st.sampled_from(["provider_id", "origin", "id", "version"]),
    value=st.one_of(st.text(max_size=12), st.integers(-3, 2**40)),
)
def test_a_key_is_bound_to_its_row(change: str, value: str | int) -> None:
    """Another id, provider, place or version in the row: the key does not open."""
    header, one, _ = sound()
    head = opened(header, MASTER.key)
    parts: dict[str, Any] = {"id": "one", "provider_id": "openai", "origin": "", "version": 1}
    wanted = int(value) if change == "version" and isinstance(value, int) else 7 if change == "version" else str(value)
    if parts[change] == wanted:
        return
    parts[change] = wanted
    bad = StoredKey(
        KeyRecord(
            parts["id"],
            parts["provider_id"],
            "",
            "",
            "",
            "person",
            enabled=True,
            position=0,
            created_at=0.0,
            origin=parts["origin"],
        ),
        parts["version"],
        one.sealed,
    )
    vouched = Opened(header, head.data_key, {parts["id"]: sealed.digest_of(one.sealed)})
    for each in (head, vouched):
        with pytest.raises(VaultTampered):
            each.reveal(bad)


@given(
    key=st.binary(min_size=32, max_size=32),
    text=st.binary(max_size=200),
    about=st.lists(st.one_of(st.text(max_size=5), st.integers()), max_size=4),
    other=st.lists(st.one_of(st.text(max_size=5), st.integers()), max_size=4),
)
def test_what_is_sealed_about_one_thing_opens_for_that_thing_alone(
    key: bytes, text: bytes, about: list[str | int], other: list[str | int]
) -> None:
    """Any text comes back, and never for another thing; parts that run together are not confused."""
    blob = sealed.seal(key, text, tuple(about))
    assert sealed.unseal(key, blob, tuple(about)) == text
    if about != other:
        with pytest.raises(VaultTampered):
            sealed.unseal(key, blob, tuple(other))


@given(st.binary(max_size=100))
def test_any_bytes_in_place_of_a_sealed_text_are_refused(blob: bytes) -> None:
    """Cut short, empty, or anything else: an answer, never a text and never another error."""
    with pytest.raises(VaultTampered):
        sealed.unseal(MASTER.key, blob, ())


def test_the_same_key_is_sealed_differently_each_time() -> None:
    """Nobody sees in the database that two providers have the same key."""
    head = founded("v", epoch=0, source="file", master=MASTER)
    blobs = {head.seal(record("one"), Secret(KEY), 1).sealed for _ in range(50)}
    assert len(blobs) == len({blob[:12] for blob in blobs}) == 50


def rows(folder: Path) -> dict[str, tuple[Any, ...]]:
    found = execute(folder, f"SELECT label, {', '.join(FIELDS)} FROM keys WHERE provider_id = 'openai'")  # noqa: S608  # ours
    return {row[0]: row[1:] for row in found}


def head_of(folder: Path) -> tuple[Any, ...]:
    (row,) = execute(folder, "SELECT epoch, wrapped, manifest FROM vault")
    return tuple(row)


async def refused(folder: Path, label: str) -> str:
    """Start anew, and return with which words the key of that label is refused; the other one still opens."""
    async with started(folder) as vault:
        record = next(each for each in listed(vault) if each.label == label)
        with pytest.raises(VaultTampered) as caught:
            vault.reveal(record.id)
        assert caught.value.message in vault.problems
        assert not why(vault)
        assert any(vault.reveal(each.id) for each in listed(vault) if each.label != label)
    return caught.value.message


async def test_rows_cannot_be_swapped(data_dir: Path) -> None:
    """The sealed key of one row does not open in another, of the same provider or not."""
    await filled(data_dir)
    second = rows(data_dir)["second"]
    execute(data_dir, "UPDATE keys SET sealed = ?, version = ? WHERE label = 'first'", second[4], second[3])
    assert "openai" in await refused(data_dir, "first")


async def test_a_key_cannot_be_moved_to_another_provider(data_dir: Path) -> None:
    """A provider that somebody adds gets no key of another one."""
    await filled(data_dir)
    execute(data_dir, "UPDATE keys SET provider_id = 'evil' WHERE label = 'first'")
    assert "evil" in await refused(data_dir, "first")


async def test_a_key_cannot_be_sent_elsewhere(data_dir: Path) -> None:
    """The place that a key was given for is sealed with it."""
    async with started(data_dir) as vault:
        await vault.add("openai", Secret(KEY), label="first", origin="https://api.openai.com:443")
        await vault.add("openai", Secret(OTHER), label="second")
    execute(data_dir, "UPDATE keys SET origin = '' WHERE label = 'first'")
    await refused(data_dir, "first")


async def test_an_older_key_cannot_be_put_back(data_dir: Path) -> None:
    """The row as it was before the key was changed, whole and with its version, is refused."""
    await filled(data_dir)
    before = rows(data_dir)["first"]
    async with started(data_dir) as vault:
        first = next(each.id for each in listed(vault) if each.label == "first")
        await vault.edit(first, secret=Secret("sk-test-not-a-key-newer-77777"))
    execute(data_dir, "UPDATE keys SET sealed = ?, version = ? WHERE label = 'first'", before[4], before[3])
    assert "put back" in await refused(data_dir, "first")


async def test_a_removed_key_cannot_be_put_back(data_dir: Path) -> None:
    """The row of a key that a person removed is refused when it returns."""
    await filled(data_dir)
    (whole,) = execute(data_dir, "SELECT * FROM keys WHERE label = 'first'")
    async with started(data_dir) as vault:
        await vault.remove(next(each.id for each in listed(vault) if each.label == "first"))
    execute(data_dir, f"INSERT INTO keys VALUES ({', '.join('?' * len(whole))})", *whole)  # noqa: S608  # marks alone
    await refused(data_dir, "first")


async def test_an_older_head_opens_none_of_the_changed_keys(data_dir: Path) -> None:
    """The head of yesterday does not vouch for the keys of today."""
    await filled(data_dir)
    before = head_of(data_dir)
    async with started(data_dir) as vault:
        first = next(each.id for each in listed(vault) if each.label == "first")
        await vault.edit(first, secret=Secret("sk-test-not-a-key-newer-77777"))
    execute(data_dir, "UPDATE vault SET epoch = ?, wrapped = ?, manifest = ?", *before)
    await refused(data_dir, "first")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault SET epoch = epoch + 1",
        "UPDATE vault SET epoch = 0",
        "UPDATE vault SET id = 'another'",
        "UPDATE vault SET wrapped = manifest",
        "UPDATE vault SET manifest = wrapped",
        "UPDATE vault SET wrapped = x''",
        "DELETE FROM vault",
        "INSERT INTO vault SELECT 'second', epoch, source, master_id, derivation, wrapped, manifest FROM vault",
    ],
)
async def test_a_changed_head_shuts_the_vault(data_dir: Path, statement: str) -> None:
    """The keys are still listed, none is handed out, none is taken in, and removing them makes the vault new."""
    await filled(data_dir)
    execute(data_dir, statement)
    async with started(data_dir) as vault:
        assert why(vault)
        assert len(listed(vault)) == 3
        for record in listed(vault):
            with pytest.raises(VaultTampered):
                vault.reveal(record.id)
        with pytest.raises(VaultTampered):
            await vault.add("groq", Secret(KEY))
        with pytest.raises(VaultTampered):
            await vault.rotate()
        for record in listed(vault):
            await vault.remove(record.id)
        assert not why(vault)
        await vault.add("groq", Secret(KEY))
    async with started(data_dir) as vault:
        assert [vault.reveal(record.id).reveal() for record in listed(vault)] == [KEY]


async def test_a_row_that_makes_no_sense_costs_one_key(data_dir: Path) -> None:
    """The others open, and a person is told."""
    await filled(data_dir)
    execute(data_dir, "UPDATE keys SET daily_limit = 'much' WHERE label = 'first'")
    async with started(data_dir) as vault:
        assert [record.label for record in vault.keys("openai")] == ["second"]
        assert vault.reveal(vault.keys("openai")[0].id).matches(OTHER)
        assert "unreadable" in vault.problems[0]


async def test_rotation_refuses_what_was_tampered_with(data_dir: Path) -> None:
    """A changed key is named, nothing is written, and no new master key stays behind."""
    await filled(data_dir)
    file = (data_dir / "vault.key").read_bytes()
    execute(data_dir, "UPDATE keys SET provider_id = 'evil' WHERE label = 'first'")
    async with started(data_dir) as vault:
        before = head_of(data_dir)
        with pytest.raises(VaultTampered, match="evil"):
            await vault.rotate()
    assert (data_dir / "vault.key").read_bytes() == file
    assert head_of(data_dir) == before
