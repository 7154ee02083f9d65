"""Master keys: where they come from, who may see them, and what happens without one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from batuta.errors import BadRequest, Conflict, VaultSealed
from batuta.vault import locksmith
from batuta.vault.desktop import KeyringSource
from batuta.vault.given import Hardness, PassphraseSource
from batuta.vault.keyfile import FileSource
from batuta.vault.keysource import KeyLines, Kind, Master, decoded
from batuta.vault.sealed import name_of
from batuta.vault.secret import Secret
from tests.unit.vault.play import (
    KEY,
    MASTER,
    MASTER_2,
    OTHER,
    FakeKeyring,
    execute,
    filled,
    listed,
    sources,
    started,
    why,
)

PASS = {"BATUTA_VAULT_PASSPHRASE": "correct horse battery staple"}
ENV = {"BATUTA_MASTER_KEY": MASTER}

# What an installation seals with -> what it starts with later -> words of why it is sealed; empty: it is open.
MATRIX: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "file": ("file", {}, {}, ""),
    "environment": ("environment", {"environ": ENV}, {"environ": ENV}, ""),
    "environment, in hexadecimal": (
        "environment",
        {"environ": ENV},
        {"environ": {"BATUTA_MASTER_KEY": decoded("x", MASTER).hex()}},
        "",
    ),
    "environment, as the former one": (
        "environment",
        {"environ": ENV},
        {"environ": {"BATUTA_MASTER_KEY": MASTER_2, "BATUTA_MASTER_KEY_PREVIOUS": MASTER}},
        "",
    ),
    "environment, gone": ("environment", {"environ": ENV}, {}, "which is not set"),
    "environment, another": (
        "environment",
        {"environ": ENV},
        {"environ": {"BATUTA_MASTER_KEY": MASTER_2}},
        "is not the one",
    ),
    "environment, a word": (
        "environment",
        {"environ": ENV},
        {"environ": {"BATUTA_MASTER_KEY": "hunter2"}},
        "openssl rand",
    ),
    "passphrase": ("passphrase", {"environ": PASS}, {"environ": PASS}, ""),
    "passphrase, not given": ("passphrase", {"environ": PASS}, {}, "has not been given"),
    "passphrase, wrong": (
        "passphrase",
        {"environ": PASS},
        {"environ": {"BATUTA_VAULT_PASSPHRASE": "correct horse battery"}},
        "not the passphrase",
    ),
}


@pytest.mark.parametrize("case", MATRIX)
async def test_each_source_opens_its_own_vault_and_no_other(data_dir: Path, case: str) -> None:
    """With its master key a vault opens; without it, it is sealed: keys are listed, none is read or added."""
    wanted, before, after, words = MATRIX[case]
    await filled(data_dir, wanted, **before)
    async with started(data_dir, wanted, **after) as vault:
        assert len(listed(vault)) == 3
        assert vault.source == wanted
        first = next(each.id for each in listed(vault) if each.label == "first")
        if not words:
            assert not why(vault)
            assert vault.reveal(first).matches(KEY)
            return
        assert words in why(vault)
        with pytest.raises(VaultSealed, match=words):
            vault.reveal(first)
        with pytest.raises(VaultSealed, match=words):
            await vault.add("groq", Secret(OTHER))
        assert KEY not in why(vault)
        assert "hunter2" not in why(vault)


async def test_a_keyring_holds_one_entry_a_vault(data_dir: Path) -> None:
    """The keyring of the desktop opens it; two installations have two entries; nothing lies in a file."""
    desktop = FakeKeyring()
    for name in ("one", "two"):
        await filled(data_dir / name, "keyring", keyring=desktop)
    assert len(desktop.entries) == 2
    assert not [name for name in ("one", "two") if (data_dir / name / "vault.key").exists()]
    async with started(data_dir / "one", "keyring", keyring=desktop) as vault:
        assert not why(vault)
        await vault.rotate()
    assert len(desktop.entries) == 2
    async with started(data_dir / "two", "keyring", keyring=desktop) as vault:
        assert not why(vault)


async def test_without_its_keyring_a_vault_is_sealed_and_makes_no_other_key(data_dir: Path) -> None:
    """Started without the desktop, `auto` does not fall to a file behind the person's back; later it opens again."""
    desktop = FakeKeyring()
    await filled(data_dir, "auto", keyring=desktop)
    async with started(data_dir, "auto") as vault:
        assert "keyring" in why(vault)
        with pytest.raises(VaultSealed):
            await vault.add("groq", Secret(OTHER))
        with pytest.raises(VaultSealed):
            await vault.unseal()
    assert not (data_dir / "vault.key").exists()
    async with started(data_dir, "auto", keyring=desktop) as vault:
        assert not why(vault)


@pytest.mark.parametrize(
    ("environ", "has_keyring", "kind"),
    [
        ({}, False, "file"),
        ({}, True, "keyring"),
        (PASS, True, "passphrase"),
        (ENV | PASS, True, "environment"),
    ],
)
async def test_auto_takes_what_somebody_set_up(
    data_dir: Path, environ: Mapping[str, str], has_keyring: bool, kind: str
) -> None:
    """A variable that is set, else the keyring of a desktop, else the file."""
    desktop = FakeKeyring() if has_keyring else None
    async with started(data_dir, "auto", environ=environ, keyring=desktop) as vault:
        await vault.add("openai", Secret(KEY))
        assert vault.source == kind


async def test_a_passphrase_can_be_given_later(data_dir: Path) -> None:
    """A wrong one leaves it sealed, the right one opens it, and listeners hear of that."""
    await filled(data_dir, "passphrase", environ=PASS)
    async with started(data_dir, "passphrase") as vault:
        heard: list[frozenset[str]] = []
        vault.listen(heard.append)
        with pytest.raises(VaultSealed, match="not the passphrase"):
            await vault.unseal(Secret("wrong horse"))
        assert heard == []
        await vault.unseal(Secret(PASS["BATUTA_VAULT_PASSPHRASE"]))
        assert not why(vault)
        assert heard == [frozenset({"openai", "mistral"})]


@pytest.mark.parametrize(("environ", "words"), [({}, "none was given"), ({"BATUTA_VAULT_PASSPHRASE": "abc"}, "short")])
async def test_a_passphrase_is_needed_and_not_too_short(data_dir: Path, environ: Mapping[str, str], words: str) -> None:
    """Without a usable one nothing is stored, and the message says so."""
    async with started(data_dir, "passphrase", environ=environ) as vault:
        with pytest.raises(VaultSealed, match=words):
            await vault.add("openai", Secret(KEY))


def test_a_derivation_from_the_database_cannot_eat_the_machine() -> None:
    """What the database says about a passphrase is bounded before it is followed."""
    source = PassphraseSource(Secret("correct horse"))
    for derivation in (
        "",
        "[]",
        '{"salt": "00", "n": 1099511627776, "r": 8, "p": 1}',
        '{"salt": "00", "n": 1048576, "r": 1000, "p": 1}',
        '{"salt": "00", "n": 16, "r": 8, "p": 1000000}',
        '{"salt": "00", "n": 17, "r": 8, "p": 1}',
        '{"salt": "zz", "n": 16, "r": 8, "p": 1}',
    ):
        with pytest.raises(VaultSealed, match="database"):
            source.fetch("v", "m", derivation)


def test_a_passphrase_costs_what_it_should() -> None:
    """The usual hardness is the one that OWASP recommends, and within what is accepted from a database."""
    assert Hardness() == Hardness(n=2**17, r=8, p=1)
    assert Hardness().is_sane


# The file -----------------------------------------------------------------------------------------------------


def opened_file(folder: Path) -> Callable[[], bytes]:
    """Make a key file, and return what reads it again."""
    source = FileSource(folder / "vault.key")
    master = source.create("v")
    return lambda: source.fetch("v", master.id, "")


def as_others(path: Path) -> bool:
    """Say whether the path can be given to another user."""
    try:
        os.chown(path, 12345, -1)
    except PermissionError:
        return False
    return True


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_umask_does_not_matter(data_dir: Path, umask: int) -> None:
    """The file is its owner's alone under any umask."""
    before = os.umask(umask)
    try:
        read = opened_file(data_dir)
    finally:
        os.umask(before)
    assert (data_dir / "vault.key").stat().st_mode & 0o777 == 0o600
    assert len(read()) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o610, 0o777])
def test_a_file_that_others_may_read_is_refused(data_dir: Path, mode: int) -> None:
    """Each bit for group or others, with the command that takes it away."""
    read = opened_file(data_dir)
    (data_dir / "vault.key").chmod(mode)
    with pytest.raises(VaultSealed, match=f"chmod 600 {data_dir}/vault.key"):
        read()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o755])
def test_a_folder_that_others_may_enter_is_refused(data_dir: Path, mode: int) -> None:
    """For reading and for making a key."""
    read = opened_file(data_dir)
    data_dir.chmod(mode)
    with pytest.raises(VaultSealed, match=f"chmod 700 {data_dir}"):
        read()
    with pytest.raises(VaultSealed, match="chmod 700"):
        FileSource(data_dir / "other.key").create("v")


def test_a_link_is_refused(data_dir: Path) -> None:
    """A key file that is a link, to wherever, is neither read nor written through."""
    read = opened_file(data_dir)
    (data_dir / "vault.key").rename(data_dir / "real.key")
    (data_dir / "vault.key").symlink_to(data_dir / "real.key")
    with pytest.raises(VaultSealed, match="is a link"):
        read()
    (data_dir / "fresh.key").symlink_to(data_dir / "nowhere")
    with pytest.raises(VaultSealed, match="is a link"):
        FileSource(data_dir / "fresh.key").create("v")
    assert not (data_dir / "nowhere").exists()


def test_the_folder_may_be_a_link_of_the_owner(data_dir: Path) -> None:
    """A data folder on another disk works; one that somebody else linked does not."""
    real = data_dir / "disk"
    real.mkdir(mode=0o700)
    (data_dir / "link").symlink_to(real)
    read = opened_file(data_dir / "link")
    assert len(read()) == 32
    try:
        os.lchown(data_dir / "link", 12345, -1)
    except PermissionError:
        return  # only root can give a link away
    with pytest.raises(VaultSealed, match=r"link .* belongs to another user"):
        read()


@pytest.mark.parametrize("what", ["vault.key", "."])
def test_what_belongs_to_somebody_else_is_refused(data_dir: Path, what: str) -> None:
    """A file or folder of another user is not trusted, whatever its mode."""
    read = opened_file(data_dir)
    if not as_others(data_dir / what):
        pytest.skip("only root can give a file away")
    with pytest.raises(VaultSealed, match="another user"):
        read()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused(data_dir: Path, make: Callable[[Path], None]) -> None:
    """A folder or a pipe under that name: an answer, and no waiting for a writer."""
    make(data_dir / "vault.key")
    with pytest.raises(VaultSealed):
        FileSource(data_dir / "vault.key").fetch("v", "m", "")


@pytest.mark.parametrize("content", ["v c2hvcnQ=\n", "v \n", "nothing", "v \x00\xff\n", "v " + "A" * 43 + "=x\n"])
async def test_a_damaged_key_file_is_kept_and_told(data_dir: Path, content: str) -> None:
    """It seals the vault, and nothing is written over it."""
    await filled(data_dir)
    path = data_dir / "vault.key"
    path.write_text(content, encoding="latin-1")
    async with started(data_dir) as vault:
        assert "vault.key" in why(vault)
        with pytest.raises(VaultSealed):
            await vault.add("groq", Secret(OTHER))
    assert path.read_text(encoding="latin-1") == content


async def test_a_lost_key_file_seals_and_can_be_put_back(data_dir: Path) -> None:
    """No other master key is made in its place; with it everything opens again."""
    await filled(data_dir)
    (data_dir / "vault.key").rename(data_dir / "elsewhere")
    async with started(data_dir) as vault:
        assert "does not hold it" in why(vault)
        with pytest.raises(VaultSealed):
            await vault.add("groq", Secret(OTHER))
        (data_dir / "elsewhere").rename(data_dir / "vault.key")
        await vault.unseal()
        assert not why(vault)
        assert listed(vault)[0].last4 == "6789"


async def test_a_vault_whose_master_key_is_lost_can_be_given_up(data_dir: Path) -> None:
    """Removing what cannot be read any more makes room for new keys."""
    await filled(data_dir)
    (data_dir / "vault.key").unlink()
    async with started(data_dir) as vault:
        await vault.edit(listed(vault)[0].id, label="still editable", enabled=False)
        for record in listed(vault):
            assert why(vault)
            await vault.remove(record.id)
        assert not why(vault)
        await vault.add("openai", Secret(KEY))
    async with started(data_dir) as vault:
        assert vault.reveal(listed(vault)[0].id).matches(KEY)


# Rotation -----------------------------------------------------------------------------------------------------


def head(folder: Path) -> tuple[Any, ...]:
    (row,) = execute(folder, "SELECT source, master_id, wrapped FROM vault")
    return tuple(row)


MOVES: dict[str, tuple[dict[str, Any], str | None, Secret | None]] = {
    "file": ({}, None, None),
    "passphrase": ({}, "passphrase", Secret("correct horse battery staple")),
    "environment": ({"environ": ENV}, "environment", None),
    "keyring": ({"keyring": FakeKeyring()}, "keyring", None),
}


@pytest.mark.parametrize("kind", MOVES)
async def test_rotation_seals_everything_anew(data_dir: Path, kind: str) -> None:
    """New master key, new data key, new texts; the former master key is gone, and every key is what it was."""
    more, new_source, passphrase = MOVES[kind]
    await filled(data_dir)
    old_file, old_head = (data_dir / "vault.key").read_bytes(), head(data_dir)
    old = {row[0] for row in execute(data_dir, "SELECT sealed FROM keys")}
    async with started(data_dir, "file", **more) as vault:
        await vault.rotate(new_source, passphrase=passphrase)
        assert vault.source == kind
        await vault.add("groq", Secret(OTHER))
    assert head(data_dir)[0] == kind
    assert not set(head(data_dir)[1:]) & set(old_head[1:])
    assert not old & {row[0] for row in execute(data_dir, "SELECT sealed FROM keys")}
    assert (data_dir / "vault.key").exists() == (kind == "file")
    if kind == "file":
        assert (data_dir / "vault.key").read_bytes() != old_file
        assert (data_dir / "vault.key").read_text().count("\n") == old_file.count(b"\n")
    if passphrase:
        more = {"environ": PASS}
    async with started(data_dir, "file", **more) as vault:
        assert not why(vault)
        assert {vault.reveal(each.id).reveal() for each in vault.keys("openai")} == {KEY, OTHER}
        assert vault.problems == ()


@pytest.mark.parametrize(
    ("new_source", "passphrase", "error", "words"),
    [
        ("clouds", None, BadRequest, "none of them"),
        ("file", Secret("correct horse"), BadRequest, "passphrase was given"),
        ("passphrase", None, VaultSealed, "none was given"),
        ("keyring", None, VaultSealed, "no keyring"),
        ("environment", None, VaultSealed, "is not set"),
    ],
)
async def test_a_rotation_that_cannot_be_changes_nothing(
    data_dir: Path, new_source: str, passphrase: Secret | None, error: type[Exception], words: str
) -> None:
    """It says why, and the vault is as it was."""
    await filled(data_dir)
    before = head(data_dir), (data_dir / "vault.key").read_bytes()
    async with started(data_dir) as vault:
        with pytest.raises(error, match=words):
            await vault.rotate(new_source, passphrase=passphrase)
        assert vault.reveal(listed(vault)[0].id)
    assert (head(data_dir), (data_dir / "vault.key").read_bytes()) == before


async def test_the_environment_is_rotated_by_a_person(data_dir: Path) -> None:
    """With the same variable it is refused with what to do; with a new one beside the former it works."""
    await filled(data_dir, "environment", environ=ENV)
    async with started(data_dir, "environment", environ=ENV) as vault:
        with pytest.raises(Conflict, match="BATUTA_MASTER_KEY_PREVIOUS"):
            await vault.rotate()
    both = {"BATUTA_MASTER_KEY": MASTER_2, "BATUTA_MASTER_KEY_PREVIOUS": MASTER}
    async with started(data_dir, "environment", environ=both) as vault:
        await vault.rotate()
    async with started(data_dir, "environment", environ={"BATUTA_MASTER_KEY": MASTER_2}) as vault:
        assert not why(vault)


async def test_an_empty_vault_has_nothing_to_rotate(data_dir: Path) -> None:
    """It says so."""
    async with started(data_dir) as vault:
        with pytest.raises(Conflict, match="no stored key"):
            await vault.rotate()


async def test_what_a_killed_rotation_left_is_taken_away_at_the_next_start(data_dir: Path) -> None:
    """A master key that opens nothing does not stay; the one of another vault in the same file does."""
    await filled(data_dir)
    source = FileSource(data_dir / "vault.key")
    (vault_id,) = (row[0] for row in execute(data_dir, "SELECT id FROM vault"))
    stale, foreign = await asyncio.to_thread(lambda: (source.create(vault_id), source.create("another")))
    async with started(data_dir) as vault:
        assert not why(vault)
    left = KeyLines.read((data_dir / "vault.key").read_text(), "")
    assert stale.key not in [key for _, key in left]
    assert ("another", foreign.key) in left
    assert len(left) == 2


# Waiting ------------------------------------------------------------------------------------------------------


class Slow(FakeKeyring):
    """A keyring that waits for a person who is not there."""

    def get_password(self, service: str, username: str) -> str | None:
        import threading

        threading.Event().wait(0.4)
        return super().get_password(service, username)


async def test_a_keyring_that_never_answers_is_not_waited_for(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start goes on, sealed, and says what it waited for."""
    desktop = FakeKeyring()
    await filled(data_dir, "keyring", keyring=desktop)
    slow = Slow()
    slow.entries = desktop.entries
    monkeypatch.setattr(locksmith, "WITHIN_S", 0.05)
    async with started(data_dir, "keyring", keyring=slow) as vault:
        assert "did not come within" in why(vault)


def test_a_keyring_that_guards_nothing_is_refused() -> None:
    """Where `keyring` finds none, or only one that writes plain files, the source says so."""
    before = keyring.get_keyring()
    try:
        for kind in (fail.Keyring, null.Keyring, chainer.ChainerBackend):
            useless: Any = kind()
            keyring.set_keyring(useless)
            if getattr(useless, "backends", None):
                continue  # this machine has a keyring
            with pytest.raises(VaultSealed, match="no keyring"):
                KeyringSource()
    finally:
        keyring.set_keyring(before)


def test_a_keyring_that_fails_is_told_without_its_words() -> None:
    """Its errors become ours."""

    class Locked(FakeKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise KeyringLocked("of the entry that nobody should see")

    with pytest.raises(VaultSealed, match="unlock it") as caught:
        KeyringSource(Locked()).fetch("v", "m", "")
    assert "nobody" not in caught.value.message


def test_kinds_are_the_words_of_the_setting(data_dir: Path) -> None:
    """Each kind has a source, and an unknown one is told."""
    assert {sources(data_dir, keyring=FakeKeyring()).of(kind).kind for kind in Kind} == set(Kind)
    with pytest.raises(VaultSealed, match="clouds"):
        sources(data_dir).of("clouds")


def test_a_master_key_does_not_show() -> None:
    """Its repr has neither bytes nor base64, and its name is not the key."""
    master = Master(b"k" * 32)
    assert "kkk" not in repr(master)
    assert name_of(b"k" * 32) == master.id
    assert len(master.id) == 16
