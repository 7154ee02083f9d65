"""The vault: keys come back as they went in, to nobody but their provider, and every change is kept."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from batuta.catalog.store import FILE, NotSaved, Store
from batuta.errors import BadRequest, Conflict, KeyMissing, VaultSealed
from batuta.testing.clock import ManualClock
from batuta.vault.notes import WRITE_AFTER_S
from batuta.vault.records import KeyNotFound
from batuta.vault.secret import Secret
from batuta.vault.vault import Vault
from tests.unit.vault.play import KEY, OTHER, execute, fail, filled, listed, sources, started, why


def shown(vault: Vault) -> list[tuple[str, str, int]]:
    return [(record.provider_id, record.label, record.position) for record in listed(vault)]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def by_label(vault: Vault, label: str) -> str:
    return next(record.id for record in listed(vault) if record.label == label)


async def test_keys_come_back_after_a_restart(data_dir: Path) -> None:
    """Each key opens to what was pasted, in the order of adding, and the records show four characters only."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        assert not why(vault)
        assert vault.source == "file"
        assert shown(vault) == [("mistral", "", 0), ("openai", "first", 0), ("openai", "second", 1)]
        assert [vault.reveal(record.id).reveal() for record in vault.keys("openai")] == [KEY, OTHER]
        (record,) = vault.keys("mistral")
        assert (record.last4, record.enabled, record.source) == ("6789", True, "person")
        assert record.fingerprint == Secret(KEY).fingerprint
        assert KEY not in repr(vault) + repr(record)


async def test_no_key_is_in_any_file(data_dir: Path) -> None:
    """Neither the database, nor its log beside it, nor the key file holds a key, in any form it could leak in."""
    await filled(data_dir)
    assert names(data_dir) >= {FILE, "vault.key"}
    for name in names(data_dir):
        data = (data_dir / name).read_bytes()
        for key in (KEY, OTHER):
            assert key.encode() not in data
            assert key.encode().hex().encode() not in data.lower()
            assert key[:12].encode() not in data


async def test_the_key_file_is_the_owners_alone(data_dir: Path) -> None:
    """Whatever the umask says, the file has mode 0600."""
    await filled(data_dir)
    assert (data_dir / "vault.key").stat().st_mode & 0o777 == 0o600
    assert (data_dir / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("given", ["", "  ", "\n\t"])
async def test_an_empty_key_is_never_stored(data_dir: Path, given: str) -> None:
    """Nothing, or only spaces, is refused, and no master key is made for it."""
    async with started(data_dir) as vault:
        with pytest.raises(BadRequest, match="empty"):
            await vault.add("openai", Secret(given))
        assert listed(vault) == []
    assert not (data_dir / "vault.key").exists()


async def test_the_same_key_twice_is_refused(data_dir: Path) -> None:
    """One provider has a key once; another provider may have the same."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        with pytest.raises(Conflict, match="6789"):
            await vault.add("openai", Secret(f" {KEY}\n"))
        await vault.add("local-proxy", Secret(KEY))


async def test_everything_but_the_key_can_be_edited(data_dir: Path) -> None:
    """What is given changes, what is not stays, and a limit can be taken away again."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        first = by_label(vault, "first")
        await vault.edit(first, label="work", enabled=False, daily_limit=Decimal("1.50"), monthly_limit=Decimal(20))
        await vault.edit(first, monthly_limit=None)
    async with started(data_dir) as vault:
        record = next(each for each in listed(vault) if each.id == first)
        assert (record.label, record.enabled, record.daily_limit, record.monthly_limit) == (
            "work",
            False,
            Decimal("1.50"),
            None,
        )
        assert vault.reveal(first).matches(KEY)


async def test_a_key_can_be_replaced_in_place(data_dir: Path) -> None:
    """A new secret keeps id, place and limits, and forgets how the old one went."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        first = by_label(vault, "first")
        vault.note_outcome(first, "invalid", "401")
        record = await vault.edit(first, secret=Secret("sk-test-not-a-key-third-55555"))
        assert (record.id, record.position, record.last4, record.last_outcome) == (first, 0, "5555", "")
    async with started(data_dir) as vault:
        assert vault.reveal(first).matches("sk-test-not-a-key-third-55555")
        assert vault.problems == ()


async def test_keys_can_be_reordered(data_dir: Path) -> None:
    """A position moves one key and renumbers its neighbours, and no other provider's."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        await vault.edit(by_label(vault, "second"), position=0)
        assert shown(vault)[1:] == [("openai", "second", 0), ("openai", "first", 1)]
    async with started(data_dir) as vault:
        assert shown(vault)[1:] == [("openai", "second", 0), ("openai", "first", 1)]


async def test_a_removed_key_is_gone(data_dir: Path) -> None:
    """It is neither listed nor revealed, now or later; what is not there cannot be removed."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        first = by_label(vault, "first")
        await vault.remove(first)
        with pytest.raises(KeyNotFound):
            vault.reveal(first)
        with pytest.raises(KeyNotFound):
            await vault.remove(first)
    async with started(data_dir) as vault:
        assert [record.label for record in vault.keys("openai")] == ["second"]
        assert vault.problems == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "x" * 101}, "at most 100"),
        ({"label": "two\nlines"}, "one line"),
        ({"label": f"my key {KEY}"}, "holds the key itself"),
        ({"daily_limit": Decimal(-1)}, "0 or more"),
        ({"monthly_limit": Decimal("NaN")}, "0 or more"),
        ({"secret": Secret("a b")}, "character 2"),
    ],
)
async def test_bad_changes_are_refused(data_dir: Path, change: dict[str, object], words: str) -> None:
    """Each says what is wrong and changes nothing."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        first, before = by_label(vault, "first"), listed(vault)
        with pytest.raises(BadRequest, match=words) as caught:
            await vault.edit(first, **change)  # type: ignore[arg-type]
        assert KEY not in caught.value.message
        assert listed(vault) == before


async def test_a_key_is_not_handed_out_for_another_place(data_dir: Path) -> None:
    """A key given for one origin is refused to every other, and entering a new place seals it anew."""
    async with started(data_dir) as vault:
        record = await vault.add("openai", Secret(KEY), origin="https://api.openai.com:443")
        assert vault.reveal(record.id, origin="https://api.openai.com:443").matches(KEY)
        with pytest.raises(KeyMissing, match=r"evil\.example") as caught:
            vault.reveal(record.id, origin="https://evil.example:443")
        assert KEY not in caught.value.message
        await vault.edit(record.id, origin="https://eu.api.openai.com:443")
    async with started(data_dir) as vault:
        assert vault.reveal(record.id, origin="https://eu.api.openai.com:443").matches(KEY)


async def test_notes_are_written_together_and_later(data_dir: Path) -> None:
    """Uses show at once; the database has them after some seconds, or when the vault closes."""
    await filled(data_dir)
    clock = ManualClock()
    async with started(data_dir, clock=clock) as vault:
        first, second = by_label(vault, "first"), by_label(vault, "second")
        for moment in range(1000):
            vault.note_used(first, float(moment))
        vault.note_outcome(second, "invalid", f"Incorrect API key provided: {OTHER}.\nSee the page")
        vault.note_used("gone", 1.0)
        record = vault.keys("openai")[1]
        assert (record.last_outcome, record.last_error) == (
            "invalid",
            "Incorrect API key provided: ****. See the page",
        )
        assert execute(data_dir, "SELECT count(*) FROM keys WHERE last_used IS NOT NULL") == [(0,)]
        await clock.advance(WRITE_AFTER_S)
        for _ in range(200):
            if execute(data_dir, "SELECT last_used FROM keys WHERE id = ?", first) == [(999.0,)]:
                break
            await asyncio.sleep(0.01)
        vault.note_used(second, 5.0)
    async with started(data_dir) as vault:
        assert [each.last_used for each in vault.keys("openai")] == [999.0, 5.0]


async def test_listeners_hear_of_changes(data_dir: Path) -> None:
    """Each change names the providers it is about; who stops listening hears nothing more."""
    heard: list[set[str]] = []
    async with started(data_dir) as vault:
        stop = vault.listen(lambda providers: heard.append(set(providers)))
        record = await vault.add("openai", Secret(KEY))
        await vault.edit(record.id, enabled=False)
        vault.note_outcome(record.id, "valid")
        vault.note_outcome(record.id, "valid")
        await vault.rotate()
        await vault.remove(record.id)
        stop()
        stop()
        await vault.add("openai", Secret(KEY))
    assert heard == [{"openai"}] * 5


async def test_keys_and_what_opens_them_come_at_one_moment(data_dir: Path) -> None:
    """While the master key is fetched there is nothing to see; whoever listens hears of both together."""
    await filled(data_dir)
    store = Store.in_folder(data_dir)
    await store.open()
    vault = Vault(store, sources(data_dir), clock=ManualClock(), on_error=fail)
    heard: list[tuple[int, str]] = []
    vault.listen(lambda _: heard.append((len(listed(vault)), why(vault))))
    opening = asyncio.ensure_future(vault.open())  # noqa: TID251  # awaited three lines below
    seen = set()
    while not opening.done():
        seen.add((len(listed(vault)), not why(vault)))
        await asyncio.sleep(0)
    await opening
    assert heard == [(3, "")]
    assert seen == {(0, False)}
    await vault.aclose()
    await store.aclose()


async def test_two_adds_at_once_do_not_lose_one(data_dir: Path) -> None:
    """Changes wait for each other, the very first ones included."""
    async with started(data_dir) as vault:
        await asyncio.gather(*(vault.add("openai", Secret(f"{KEY}-{number}")) for number in range(8)))
    async with started(data_dir) as vault:
        assert {vault.reveal(record.id).reveal() for record in listed(vault)} == {f"{KEY}-{n}" for n in range(8)}
        assert sorted(record.position for record in listed(vault)) == list(range(8))


async def test_a_change_ends_even_if_nobody_waits_for_it(data_dir: Path) -> None:
    """A client that leaves in the middle of adding leaves no half state: memory and database agree."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        adding = asyncio.gather(vault.add("groq", Secret(OTHER)))
        await asyncio.sleep(0)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        await vault.add("xai", Secret(OTHER))  # waits for the other one
        here = {record.provider_id for record in listed(vault)}
    async with started(data_dir) as vault:
        assert {record.provider_id for record in listed(vault)} == here == {"groq", "xai", "openai", "mistral"}


async def test_two_gateways_on_one_database_do_not_undo_each_other(data_dir: Path) -> None:
    """What another process added is seen before the next change is written, and kept."""
    await filled(data_dir)
    async with started(data_dir) as one, started(data_dir) as two:
        await one.add("groq", Secret(OTHER))
        await two.add("xai", Secret(OTHER))
        assert {record.provider_id for record in listed(two)} == {"openai", "mistral", "groq", "xai"}
        await one.rotate()
        await two.add("cohere", Secret(OTHER))
    async with started(data_dir) as vault:
        assert {vault.reveal(record.id).reveal() for record in listed(vault)} == {KEY, OTHER}
        assert len(listed(vault)) == 6


async def test_nothing_is_stored_where_nothing_can_be_written(data_dir: Path) -> None:
    """A database that refuses leaves no master key behind, and the vault as it was."""
    async with started(data_dir) as vault:
        await vault.add("openai", Secret(KEY))
        execute(data_dir, "CREATE TRIGGER no BEFORE INSERT ON keys BEGIN SELECT RAISE(ABORT, 'no room'); END")
        with pytest.raises(NotSaved, match="no room"):
            await vault.add("mistral", Secret(OTHER))
        assert [record.provider_id for record in listed(vault)] == ["openai"]
        with pytest.raises(NotSaved, match="no room") as caught:
            await vault.edit(listed(vault)[0].id, secret=Secret(OTHER))
        assert OTHER not in caught.value.message
    async with started(data_dir) as vault:
        assert vault.reveal(listed(vault)[0].id).matches(KEY)


async def test_a_first_key_that_cannot_be_written_leaves_no_master_key(data_dir: Path) -> None:
    """The key file that was made for it is taken away again."""
    async with started(data_dir) as vault:
        await vault.add("openai", Secret(KEY))
        await vault.remove(listed(vault)[0].id)
        execute(data_dir, "DELETE FROM vault")
        (data_dir / "vault.key").unlink()
        execute(data_dir, "CREATE TRIGGER no BEFORE INSERT ON keys BEGIN SELECT RAISE(ABORT, 'no room'); END")
    async with started(data_dir) as vault:
        with pytest.raises(NotSaved):
            await vault.add("openai", Secret(KEY))
        assert not why(vault)
    assert not (data_dir / "vault.key").exists()


async def test_before_it_is_opened_and_after_it_is_closed_nothing_is_revealed(data_dir: Path) -> None:
    """A vault that is not open says so."""
    await filled(data_dir)
    store = Store.in_folder(data_dir)
    await store.open()
    vault = Vault(store, sources(data_dir), clock=ManualClock(), on_error=fail)
    assert vault.sealed == "the stored keys have not been read yet"
    with pytest.raises(VaultSealed):
        await vault.add("openai", Secret(KEY))
    await vault.open()
    key_id = listed(vault)[0].id
    await vault.aclose()
    await store.aclose()
    with pytest.raises(VaultSealed, match="closed"):
        vault.reveal(key_id)


def test_a_start_without_keys_loads_no_cipher(tmp_path: Path) -> None:
    """Neither cryptography, nor keyring, nor SQLAlchemy is imported until a key is stored or read."""
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from batuta.catalog.store import Store; from batuta.clock import SystemClock\n"
        "from batuta.vault.sources import Sources; from batuta.vault.vault import Vault\n"
        "async def main(folder):\n"
        "    store = Store.in_folder(folder); await store.open()\n"
        "    vault = Vault(store, Sources('auto', folder, {}), clock=SystemClock(), on_error=print)\n"
        "    await vault.open(); await vault.aclose(); await store.aclose()\n"
        f"asyncio.run(main(Path({str(tmp_path)!r})))\n"
        "assert not {'sqlalchemy', 'cryptography', 'keyring', 'ctypes'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
