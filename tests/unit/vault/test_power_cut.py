"""A rotation drops the former master key only when the database could not come back in its former state."""

from __future__ import annotations

from pathlib import Path

from batuta.catalog.store import FILE, Store
from batuta.testing.clock import ManualClock
from batuta.vault.keysource import KeyLines
from batuta.vault.vault import Vault
from tests.unit.vault.play import KEY, fail, filled, listed, sources, started, why


class Busy(Store):
    """A store that somebody else is just reading, so that it cannot say what has reached the disk."""

    async def settle(self) -> bool:
        """Say that it has not."""
        return False


def masters(folder: Path) -> int:
    """Return how many master keys lie in the file."""
    return len(KeyLines.read((folder / "vault.key").read_text(), ""))


async def test_the_former_master_key_stays_while_a_power_cut_could_bring_its_database_back(data_dir: Path) -> None:
    """The database as it was before the rotation still opens; the next start that is sure takes the key away."""
    await filled(data_dir)
    before = (data_dir / FILE).read_bytes()
    store = Busy.in_folder(data_dir)
    await store.open()
    vault = Vault(store, sources(data_dir), clock=ManualClock(), on_error=fail)
    await vault.open()
    await vault.rotate()
    await vault.aclose()
    await store.aclose()
    assert masters(data_dir) == 2
    after = (data_dir / FILE).read_bytes()
    (data_dir / FILE).write_bytes(before)  # what a disk without the last moments holds
    store = Busy.in_folder(data_dir)
    await store.open()
    vault = Vault(store, sources(data_dir), clock=ManualClock(), on_error=fail)
    await vault.open()
    assert {vault.reveal(each.id).reveal() for each in listed(vault) if each.label != "second"} == {KEY}
    await vault.aclose()
    await store.aclose()
    (data_dir / FILE).write_bytes(after)
    async with started(data_dir) as vault:
        assert not why(vault)
        assert vault.problems == ()
    assert masters(data_dir) == 1


async def test_what_is_settled_is_in_the_database_file_itself(data_dir: Path) -> None:
    """The log beside it is empty then: nothing of the former keys is left in it either."""
    await filled(data_dir)
    async with started(data_dir) as vault:
        await vault.rotate()
        assert (data_dir / f"{FILE}-wal").stat().st_size == 0
