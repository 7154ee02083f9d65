"""What goes wrong around the vault: callers that leave, sources that fail in ways of their own, other gateways."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batuta.catalog.store import FILE, NotSaved, Store, Work
from batuta.errors import BadRequest, KeyMissing, VaultSealed, VaultTampered
from batuta.testing.clock import ManualClock
from batuta.vault.desktop import KeyringSource
from batuta.vault.given import PassphraseSource
from batuta.vault.keyfile import FileSource
from batuta.vault.keysource import KeyLines, KeySource, Kind, Master
from batuta.vault.opened import founded
from batuta.vault.records import KeyRecord
from batuta.vault.secret import Secret
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault
from tests.unit.vault.play import KEY, OTHER, QUICK, FakeKeyring, execute, fail, filled, listed, sources, started, why

PASS = {"BATUTA_VAULT_PASSPHRASE": "correct horse battery staple"}


def told(vault: Vault) -> list[frozenset[str]]:
    """Return what listeners will have heard."""
    heard: list[frozenset[str]] = []
    vault.listen(heard.append)
    return heard


# Opening ------------------------------------------------------------------------------------------------------


async def test_a_wrong_passphrase_does_not_shut_an_open_vault(data_dir: Path) -> None:
    """Who mistypes it while all is well closes nothing."""
    await filled(data_dir, "passphrase", environ=PASS)
    async with started(data_dir, "passphrase", environ=PASS) as vault:
        with suppress(VaultSealed):
            await vault.unseal(Secret("a passphrase that is wrong"))
        assert not why(vault)
        assert vault.reveal(listed(vault)[0].id)


class Broken:
    """A source whose program fails in a way that nobody thought of."""

    kind = Kind.KEYRING

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def fetch(self, vault_id: str, master_id: str, derivation: str) -> bytes:
        raise self.error

    def create(self, vault_id: str, *, present: str = "") -> Master:
        raise self.error

    def has_more(self, vault_id: str, *, but: str = "") -> bool:
        raise self.error

    def forget(self, vault_id: str, *, but: str = "") -> None:
        raise self.error

    def keep(self, vault_id: str, master: Master) -> None:
        raise self.error


class BrokenSources(Sources):
    """Sources of which every one is broken."""

    def __init__(self, folder: Path, error: BaseException) -> None:
        super().__init__("keyring", folder, {}, hardness=QUICK)
        self.error = error

    def of(self, kind: str) -> KeySource:
        return Broken(self.error)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), ImportError("no cipher"), ValueError(KEY), OSError(5, KEY), RuntimeError(KEY)],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_source_fails_with_leaves_the_vault_sealed(data_dir: Path, error: BaseException) -> None:
    """The start goes on without the keys, and the reason is told without the words of who failed."""
    await filled(data_dir)
    store = Store.in_folder(data_dir)
    await store.open()
    vault = Vault(store, BrokenSources(data_dir, error), clock=ManualClock(), on_error=fail)
    await vault.open()
    assert len(listed(vault)) == 3
    assert type(error).__name__ in why(vault)
    assert KEY not in why(vault)
    with pytest.raises(VaultSealed):
        await vault.unseal()
    await vault.aclose()
    await store.aclose()


async def test_a_passphrase_that_is_no_text_leaves_the_vault_sealed(data_dir: Path) -> None:
    """A variable may hold any bytes."""
    await filled(data_dir, "passphrase", environ=PASS)
    async with started(data_dir, "passphrase", environ={"BATUTA_VAULT_PASSPHRASE": "five words \udcff"}) as vault:
        assert why(vault)
        await vault.unseal(Secret(PASS["BATUTA_VAULT_PASSPHRASE"]))
        assert not why(vault)


# Telling ------------------------------------------------------------------------------------------------------


CHANGES: Mapping[str, Callable[[Vault, str], Awaitable[Any]]] = {
    "removed": lambda vault, key_id: vault.remove(key_id),
    "switched off": lambda vault, key_id: vault.edit(key_id, enabled=False),
    "replaced": lambda vault, key_id: vault.edit(key_id, secret=Secret(OTHER)),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_is_told_even_if_its_caller_has_left(data_dir: Path, change: str) -> None:
    """Else a key that a person has taken away would be sent on."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        heard = told(vault)
        (record,) = vault.keys("mistral")
        changing = asyncio.gather(CHANGES[change](vault, record.id))
        await asyncio.sleep(0)
        changing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await changing
        await vault.add("xai", Secret(OTHER))  # waits for the other one
        assert frozenset({"mistral"}) in heard


async def test_what_another_gateway_has_deleted_is_told(data_dir: Path) -> None:
    """Met when the database is read anew: who lends keys hears of providers that have none left, too."""
    await filled(data_dir)
    async with started(data_dir) as one, started(data_dir) as two:
        heard = told(one)
        await two.remove(two.keys("mistral")[0].id)
        await one.add("xai", Secret(OTHER))
        assert not one.keys("mistral")
        assert "mistral" in frozenset().union(*heard)


async def test_a_half_change_is_told_too(data_dir: Path) -> None:
    """A key that was replaced before the database refused the rest is another key."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        heard = told(vault)
        (record,) = vault.keys("mistral")
        execute(
            data_dir,
            "CREATE TRIGGER no BEFORE UPDATE OF label ON keys WHEN NEW.label = 'no' AND OLD.label = 'no' "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        with pytest.raises(NotSaved):
            await vault.edit(record.id, secret=Secret(OTHER), label="no")
        assert vault.reveal(record.id).matches(OTHER) == (frozenset({"mistral"}) in heard)


# Limits -------------------------------------------------------------------------------------------------------


async def test_a_key_has_its_limits_from_its_first_moment(data_dir: Path) -> None:
    """Whoever hears of it finds them there."""
    async with started(data_dir) as vault:
        limits: list[Decimal | None] = []
        vault.listen(lambda _: limits.append(vault.keys("openai")[0].daily_limit))
        await vault.add("openai", Secret(KEY), daily_limit=Decimal(2), monthly_limit=Decimal(20))
        assert limits == [Decimal(2)]
        with pytest.raises(BadRequest):
            await vault.add("openai", Secret(OTHER), daily_limit=Decimal(-1))
        assert len(listed(vault)) == 1


# Remnants -----------------------------------------------------------------------------------------------------


def everything(folder: Path) -> bytes:
    """Return all that the database has on the disk."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith(FILE))


@pytest.mark.parametrize("change", ["removed", "replaced"])
@pytest.mark.parametrize("is_last", [False, True])
async def test_the_sealed_text_of_a_deleted_key_is_nowhere(data_dir: Path, change: str, *, is_last: bool) -> None:
    """Neither in the database nor in its log: who has both and the master key finds what is there, and no more."""
    async with started(data_dir) as vault:
        key_id = (await vault.add("openai", Secret(KEY))).id
        if not is_last:
            await vault.add("openai", Secret(f"{KEY}-2"))
        ((sealed,),) = execute(data_dir, "SELECT sealed FROM keys WHERE id = ?", key_id)
        assert sealed in everything(data_dir)
        await CHANGES[change](vault, key_id)
        assert sealed not in everything(data_dir)


async def test_a_key_deleted_from_a_sealed_vault_is_nowhere(data_dir: Path) -> None:
    """The same without the master key."""
    await filled(data_dir)
    (data_dir / "vault.key").unlink()
    async with started(data_dir) as vault:
        (record,) = vault.keys("mistral")
        ((sealed,),) = execute(data_dir, "SELECT sealed FROM keys WHERE id = ?", record.id)
        await vault.remove(record.id)
        assert sealed not in everything(data_dir)


def test_a_draft_of_the_key_file_does_not_stay(data_dir: Path) -> None:
    """What a killed process left beside it holds master keys too: it goes with them."""
    source = FileSource(data_dir / "vault.key")
    source.create("v")
    draft = data_dir / "vault.key.new"
    draft.write_bytes((data_dir / "vault.key").read_bytes())
    source.forget("v")
    assert [path.name for path in data_dir.iterdir()] == []


def test_a_draft_that_cannot_be_written_does_not_stay(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no half file with a master key in it."""
    source = FileSource(data_dir / "vault.key")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("batuta.vault.keyfile.os.fsync", full)
        with pytest.raises(VaultSealed, match="No space left"):
            source.create("v")
    assert list(data_dir.iterdir()) == []


# Two gateways -------------------------------------------------------------------------------------------------


class Waiting(Store):
    """A store in which a change waits at a door before it is written."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.is_at_door = asyncio.Event()
        self.door = asyncio.Event()
        self.door.set()

    async def run(self, work: Work[Any]) -> Any:
        self.is_at_door.set()
        await self.door.wait()
        return await super().run(work)


async def test_a_gateway_that_starts_does_not_undo_a_rotation_of_another(data_dir: Path) -> None:
    """It takes the new master key, with which nothing is sealed yet, for a former one: it is put back."""
    await filled(data_dir)
    store = Waiting.in_folder(data_dir)
    assert isinstance(store, Waiting)
    await store.open()
    vault = Vault(store, sources(data_dir), clock=ManualClock(), on_error=fail)
    await vault.open()
    store.door.clear()
    store.is_at_door.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(vault.rotate())
        await store.is_at_door.wait()
        async with started(data_dir) as other:
            assert not why(other)
        store.door.set()
    await vault.aclose()
    await store.aclose()
    async with started(data_dir) as vault:
        assert not why(vault)
        assert vault.reveal(vault.keys("mistral")[0].id).matches(KEY)
    assert len(KeyLines.read((data_dir / "vault.key").read_text(), "")) == 1


async def test_a_gateway_forgets_by_what_the_database_says_last(data_dir: Path) -> None:
    """A head that another has replaced meanwhile is no reason to drop the other's master key."""
    await filled(data_dir)
    async with started(data_dir) as one, started(data_dir) as two:
        old = two._header
        assert old is not None
        await one.rotate()
        await two._forget_former(old)
    async with started(data_dir) as vault:
        assert not why(vault)


class Unsure(Store):
    """A store that writes, and is told that it did not: a connection lost after the commit."""

    is_unsure = False

    async def run(self, work: Work[Any]) -> Any:
        result = await super().run(work)
        if self.is_unsure:
            self.is_unsure = False
            raise NotSaved("the connection was lost")
        return result


async def test_a_first_key_that_was_written_after_all_keeps_its_master_key(data_dir: Path) -> None:
    """Else the vault would be sealed for ever."""
    store = Unsure.in_folder(data_dir)
    assert isinstance(store, Unsure)
    await store.open()
    vault = Vault(store, sources(data_dir), clock=ManualClock(), on_error=fail)
    await vault.open()
    store.is_unsure = True
    with pytest.raises(NotSaved):
        await vault.add("openai", Secret(KEY))
    await vault.aclose()
    await store.aclose()
    async with started(data_dir) as vault:
        assert not why(vault)
        assert vault.reveal(listed(vault)[0].id).matches(KEY)


async def test_two_gateways_that_found_a_vault_leave_one_master_key(data_dir: Path) -> None:
    """The slower one takes its own away, and stores its key in the vault of the quicker one."""
    await filled(data_dir)
    (data_dir / "vault.key").unlink()
    execute(data_dir, "DELETE FROM keys")
    execute(data_dir, "DELETE FROM vault")
    async with started(data_dir) as one, started(data_dir) as two:
        await one.add("openai", Secret(KEY))
        await two.add("mistral", Secret(OTHER))
    assert len(KeyLines.read((data_dir / "vault.key").read_text(), "")) == 1
    async with started(data_dir) as vault:
        assert {vault.reveal(each.id).reveal() for each in listed(vault)} == {KEY, OTHER}


async def test_a_key_for_one_place_is_not_sent_to_one_that_only_begins_like_it(data_dir: Path) -> None:
    """Origins are compared whole."""
    async with started(data_dir) as vault:
        record = await vault.add("mine", Secret(KEY), origin="https://api.example:44")
        for origin in (
            "https://api.example:443",
            "https://api.example",
            "http://api.example:44",
            "https://api.example:4",
            "",
        ):
            with pytest.raises(KeyMissing):
                vault.reveal(record.id, origin=origin)
        assert vault.reveal(record.id, origin="https://api.example:44")


# What mutations of the code have shown to be untold elsewhere ---------------------------------------------------


async def test_a_passphrase_that_did_not_open_is_not_kept(data_dir: Path) -> None:
    """The next try without one says that none was given, not that one was wrong."""
    await filled(data_dir, "passphrase", environ=PASS)
    async with started(data_dir, "passphrase") as vault:
        with pytest.raises(VaultSealed, match="not the passphrase"):
            await vault.unseal(Secret("a passphrase that is wrong"))
        with pytest.raises(VaultSealed, match="not been given"):
            await vault.unseal()


async def test_a_passphrase_that_sealed_nothing_is_not_kept(data_dir: Path) -> None:
    """After a rotation that failed, the former one still opens what is there."""
    await filled(data_dir, "passphrase", environ=PASS)
    async with started(data_dir, "passphrase", environ=PASS) as vault:
        execute(data_dir, "CREATE TRIGGER no BEFORE UPDATE ON vault BEGIN SELECT RAISE(ABORT, 'no room'); END")
        with pytest.raises(NotSaved):
            await vault.rotate("passphrase", passphrase=Secret("five other words of mine"))
        await vault.open()
        assert not why(vault)


async def test_a_master_key_that_moves_out_of_the_keyring_leaves_none_there(data_dir: Path) -> None:
    """The former place is emptied too."""
    desktop = FakeKeyring()
    await filled(data_dir, "keyring", keyring=desktop)
    async with started(data_dir, "keyring", keyring=desktop) as vault:
        await vault.rotate("file")
    assert desktop.entries == {}


async def test_the_version_of_a_key_grows_with_each_sealing(data_dir: Path) -> None:
    """It is a part of what the key is bound to."""
    async with started(data_dir) as vault:
        key_id = (await vault.add("openai", Secret(KEY))).id
        versions = []
        for change in (
            vault.edit(key_id, secret=Secret(OTHER)),
            vault.rotate(),
            vault.edit(key_id, origin="https://x:443"),
        ):
            await change
            ((version,),) = execute(data_dir, "SELECT version FROM keys")
            versions.append(version)
        assert versions == [2, 3, 4]


def test_an_empty_key_is_never_handed_out() -> None:
    """Not even one that was sealed as such."""
    head = founded("v", epoch=0, source="file", master=Master(bytes(32)))
    record = KeyRecord("k", "openai", "", "", "", "person", True, 0, 0.0)
    stored = head.seal(record, Secret(""), 1)
    with pytest.raises(VaultTampered, match="empty"):
        head.followed_by(put=[stored]).reveal(stored)


@pytest.mark.parametrize(("length", "is_enough"), [(7, False), (8, True)])
def test_the_shortest_passphrase(length: int, *, is_enough: bool) -> None:
    """Eight characters are taken."""
    source = PassphraseSource(Secret("x" * length), QUICK)
    if is_enough:
        assert source.create("v").key
    else:
        with pytest.raises(VaultSealed, match="too short"):
            source.create("v")


@pytest.mark.parametrize(("length", "ending"), [(11, ""), (12, "xxxx")])
def test_of_a_short_key_nothing_is_shown(length: int, ending: str) -> None:
    """Four characters of eleven are too many."""
    assert Secret("x" * length).last4 == ending


@pytest.mark.parametrize(("length", "is_kept"), [(19, False), (20, True)])
async def test_a_key_that_could_be_guessed_leaves_no_fingerprint(data_dir: Path, length: int, *, is_kept: bool) -> None:
    """Who has the database could try all short ones."""
    async with started(data_dir) as vault:
        record = await vault.add("mine", Secret("x" * length))
        assert bool(record.fingerprint) == is_kept


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the function that is made for it, over digests of one length."""
    seen: list[tuple[int, int]] = []

    def spy(one: bytes, other: bytes) -> bool:
        seen.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("batuta.vault.secret.hmac.compare_digest", spy)
    assert not Secret(KEY).matches("short")
    assert Secret(KEY).matches(KEY)
    assert seen == [(32, 32)] * 2


def test_what_a_keyring_said_is_in_no_traceback() -> None:
    """Its words may name what it holds: they are not chained to the error either."""

    class Talkative(FakeKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise RuntimeError(f"cannot decrypt {KEY}")

    with pytest.raises(VaultSealed) as caught:
        KeyringSource(Talkative()).load("v")
    assert KEY not in "".join(traceback.format_exception(caught.value))
