"""The store: what is saved is there again, what is damaged is kept aside, what cannot be written says so."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from batuta.catalog import sqlite_file
from batuta.catalog import store as store_module
from batuta.catalog.entities import Capability, MemoryNeed, Provider, Role, Tier
from batuta.catalog.records import LOCAL, Choices, Found, Learned, ModelRecord
from batuta.catalog.rows import contents_of, model_of, model_row
from batuta.catalog.sql import upgrade
from batuta.catalog.store import FILE, SCHEMA, NotSaved, Store, StoreTooNew
from batuta.catalog.tables import metadata
from batuta.errors import BadSettings

ROOT = Path(__file__).resolve().parents[3]
FULL = ModelRecord(
    "x",
    "local",
    Found("/m/x.gguf", "X", frozenset({Capability.TOOLS}), 4096, MemoryNeed(2**40, 7, 9), 12, 2**60),
    Choices(
        pinned=True, ttl_s=1.5, roles=frozenset({Role.BRAIN}), enabled=False, name="Mine", options={"gpu_layers": 3}
    ),
    Learned(99, 4096, (1.5, 2.0), 4, {Tier.DISK: 2.0, Tier.CACHED: 0.5}, (97, 99)),
    is_present=False,
)
API = Provider("api", "openai_compat", "An API", "https://api.example.com/v1", "env:API_KEY", max_in_flight=3)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = Store.in_folder(folder)
    try:
        yield store
    finally:
        await store.aclose()


async def filled(folder: Path) -> None:
    """Leave a database with two providers and a model behind."""
    async with opened(folder) as store:
        await store.open()
        await store.save_providers([(LOCAL, "builtin"), (API, "person")])
        await store.save_models([FULL])


def copies(folder: Path) -> list[Path]:
    return list(folder.glob(f"{FILE}.damaged-*"))


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(statement, values)


async def test_what_is_saved_is_there_again(data_dir: Path) -> None:
    """Every field of a record and a provider comes back as it went in."""
    await filled(data_dir)
    async with opened(data_dir) as store:
        contents = await store.open()
        assert contents.models == (FULL,)
        assert contents.providers == ((LOCAL, "builtin"), (API, "person"))
        assert store.problems == ()
    assert (data_dir / FILE).stat().st_mode & 0o077 == 0


async def test_saving_again_replaces(data_dir: Path) -> None:
    """A record has one row, however often it is saved."""
    await filled(data_dir)
    async with opened(data_dir) as store:
        await store.open()
        again = ModelRecord("x", "local", FULL.found)
        await store.save_models([again])
        await store.save_meta("a", "1")
        await store.save_meta("a", "2")
    async with opened(data_dir) as store:
        contents = await store.open()
        assert contents.models == (again,)
        assert contents.meta == {"a": "2"}


async def test_a_deleted_provider_takes_its_models_along(data_dir: Path) -> None:
    """Foreign keys are on."""
    await filled(data_dir)
    async with opened(data_dir) as store:
        await store.open()
        await store.save_models([ModelRecord("api/m", "api", Found("m"))])
        await store.delete_provider("api")
    async with opened(data_dir) as store:
        assert [record.id for record in (await store.open()).models] == ["x"]


async def test_a_failed_save_leaves_nothing_half_done(data_dir: Path) -> None:
    """All rows or none, and the error carries no values."""
    async with opened(data_dir) as store:
        await store.open()
        await store.save_providers([(LOCAL, "builtin")])
        with pytest.raises(NotSaved, match="FOREIGN KEY") as caught:
            await store.save_models([FULL, ModelRecord("y", "nobody", Found("canary"))])
        assert "canary" not in caught.value.message
    async with opened(data_dir) as store:
        assert (await store.open()).models == ()


async def test_a_full_disk_is_told_and_reading_goes_on(data_dir: Path) -> None:
    """SQLITE_FULL fails the change with its reason; what was there before is still there."""
    await filled(data_dir)
    async with opened(data_dir) as store:
        await store.open()
        engine = await store._connect()
        async with engine.begin() as connection:
            await connection.execute(sa.text("PRAGMA max_page_count = 1"))
        many = [ModelRecord(f"m{n}", "local", Found(f"/{'long' * 200}{n}.gguf")) for n in range(50)]
        with pytest.raises(NotSaved, match="full"):
            await store.save_models(many)
    async with opened(data_dir) as store:
        assert (await store.open()).models == (FULL,)


async def test_a_folder_that_cannot_be_written(data_dir: Path) -> None:
    """No database can be made there: the catalog is empty, and every save says why."""
    (data_dir / "plain").write_text("not a folder")
    async with opened(data_dir / "plain") as store:
        assert (await store.open()).models == ()
        assert [problem.subject for problem in store.problems] == ["settings"]
        with pytest.raises(NotSaved, match="cannot be made"):
            await store.save_providers([(LOCAL, "builtin")])


async def test_a_busy_database_is_read_and_not_written(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else holds it: what is in it is shown, changes are refused with the reason."""
    await filled(data_dir)
    monkeypatch.setattr(sqlite_file, "PATIENCE_S", 0.0)
    with closing(sqlite3.connect(data_dir / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with opened(data_dir) as store:
            assert (await store.open()).models == (FULL,)
            with pytest.raises(NotSaved, match="locked"):
                await store.save_models([FULL])
        other.execute("ROLLBACK")


async def test_a_newer_database_is_refused_with_its_version(data_dir: Path) -> None:
    """A database from the future is left as it is."""
    await filled(data_dir)
    change(data_dir / FILE, "UPDATE alembic_version SET version_num = '0999'")
    before = (data_dir / FILE).read_bytes()
    async with opened(data_dir) as store:
        with pytest.raises(StoreTooNew, match="0999"):
            await store.open()
    assert (data_dir / FILE).read_bytes() == before


async def test_another_programs_database_is_left_alone(data_dir: Path) -> None:
    """A sound database with other tables is refused, not emptied."""
    change(data_dir / FILE, "CREATE TABLE bookmarks (url TEXT)")
    async with opened(data_dir) as store:
        with pytest.raises(BadSettings, match="another program"):
            await store.open()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "not a database": lambda _: b"this is a text file, " * 50,
    "cut in the middle": lambda data: data[: len(data) // 2],
    "a page of zeros": lambda data: data[:4096] + bytes(4096) + data[8192:],
    "a broken header": lambda data: bytes(16) + data[16:],
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_damaged_database_is_kept_and_replaced(data_dir: Path, kind: str) -> None:
    """The file is renamed, nothing of it lost; an empty catalog starts, says so, and can be written."""
    await filled(data_dir)
    path = data_dir / FILE
    path.write_bytes(broken := DAMAGE[kind](path.read_bytes()))
    async with opened(data_dir) as store:
        assert (await store.open()).models == ()
        (problem,) = store.problems
        assert "was damaged" in problem.reason
        await store.save_providers([(LOCAL, "builtin")])
        await store.save_models([FULL])
    assert [kept.read_bytes() for kept in copies(data_dir)] == [broken]
    async with opened(data_dir) as store:
        assert (await store.open()).models == (FULL,)
        assert store.problems == ()


async def test_a_row_that_makes_no_sense_costs_one_model(data_dir: Path) -> None:
    """The other rows are read, and a person is told which one is lost."""
    await filled(data_dir)
    change(
        data_dir / FILE,
        "INSERT INTO models SELECT 'y', provider_id, '/y', is_present, reported_name, '[\"flies\"]', "
        "context_length, weights, kv_per_token, overhead, size, mtime_ns, pinned, ttl_s, roles, enabled, name, "
        "options, learned_bytes, learned_context, load_seconds, learned_slots, load_s, peaks FROM models",
    )
    async with opened(data_dir) as store:
        assert (await store.open()).models == (FULL,)
        assert "'y'" in store.problems[0].reason


def test_any_damage_ends_in_an_answer(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever bytes are changed: the file is sound, damaged or refused; looking never raises and never hangs."""
    folder = tmp_path_factory.mktemp("damage")
    path = folder / FILE
    engine = sa.create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('0001')"))
        row = {"id": "local", "source": "", "kind": "", "name": "", "base_url": "", "is_local": 1, "max_in_flight": 0}
        connection.execute(metadata.tables["providers"].insert(), row | {"enabled": True, "is_local": True})
        connection.execute(metadata.tables["models"].insert(), model_row(FULL))
    engine.dispose()
    sound = path.read_bytes()

    @given(
        st.lists(st.tuples(st.integers(0, len(sound) - 1), st.integers(0, 255)), max_size=4),
        st.integers(0, len(sound) * 2),
    )
    def mutate(flips: list[tuple[int, int]], length: int) -> None:
        data = bytearray(sound)
        for at, value in flips:
            data[at] = value
        path.write_bytes(data[:length] if length < len(sound) else data)
        found = sqlite_file.look(path, schema=SCHEMA)
        if found.rows is not None:
            contents_of(found.rows)

    mutate()


@given(st.text(max_size=30), st.text(max_size=30), st.one_of(st.none(), st.text(max_size=30)))
def test_any_text_survives_a_row(address: str, name: str, own: str | None) -> None:
    """Quotes, emptiness and every alphabet come back from a row as they went in."""
    record = ModelRecord("x", "local", Found(address, name), Choices(name=own))
    assert model_of(model_row(record)) == record


async def test_quotes_in_a_field_are_only_text(data_dir: Path) -> None:
    """A name that looks like a statement is a name."""
    evil = ModelRecord("x'); DROP TABLE models; --", "local", Found("'\" OR 1=1"), Choices(name="Robert'); --"))
    async with opened(data_dir) as store:
        await store.open()
        await store.save_providers([(LOCAL, "builtin")])
        await store.save_models([evil])
    async with opened(data_dir) as store:
        assert (await store.open()).models == (evil,)


def test_the_steps_lead_to_the_tables() -> None:
    """Migrating from nothing gives exactly what a new database gets, and the newest step is the known version."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA
        uniques = sa.inspect(connection).get_unique_constraints("models")
        assert [unique["column_names"] for unique in uniques] == [["provider_id", "address"]]
    engine.dispose()
    folder = ROOT / "src/batuta/catalog/migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [SCHEMA]


async def test_a_database_of_before_the_tiers_keeps_what_it_has(data_dir: Path) -> None:
    """What was not kept then is unknown; the rest is as it was."""
    await filled(data_dir)
    for column in ("learned_slots", "load_s", "peaks"):
        change(data_dir / FILE, f"ALTER TABLE models DROP COLUMN {column}")
    change(data_dir / FILE, "UPDATE alembic_version SET version_num = '0004'")
    async with opened(data_dir) as store:
        (record,) = (await store.open()).models
    assert record == replace(FULL, learned=Learned(99, 4096, (1.5, 2.0)))


async def test_an_older_database_is_taken_to_alembic(data_dir: Path) -> None:
    """A version below ours runs the steps that lack; one that never was is refused by its name."""
    change(data_dir / FILE, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    change(data_dir / FILE, "INSERT INTO alembic_version VALUES ('0000')")
    async with opened(data_dir) as store:
        with pytest.raises(BadSettings, match="0000"):
            await store.open()


@pytest.mark.parametrize("url", ["", "mysql://x", "batuta.db"])
def test_only_two_kinds_of_database(url: str) -> None:
    """Another URL is refused with the two that work."""
    with pytest.raises(BadSettings, match="sqlite"):
        Store(url)


def test_a_password_never_shows() -> None:
    """A server that cannot be reached is told of without the URL."""
    store = Store("postgresql://user:sk-test-not-a-key@127.0.0.1:1/base")
    with pytest.raises(NotSaved) as caught:
        asyncio.run(store.open())
    assert "sk-test" not in caught.value.message
    assert "127.0.0.1" in caught.value.message or "refused" in caught.value.message


def test_a_start_needs_no_sqlalchemy(tmp_path: Path) -> None:
    """Opening and reading a database loads neither SQLAlchemy nor alembic: the port opens sooner."""
    script = (
        "import asyncio, sys; from pathlib import Path; from batuta.catalog.store import Store\n"
        f"asyncio.run(Store.in_folder(Path({str(tmp_path)!r})).open())\n"
        "assert not {'sqlalchemy', 'alembic', 'aiosqlite'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


async def test_no_descriptor_left_is_told_as_not_saved(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is short of them makes a write wait, and ends nothing; when there are some again it is written."""
    async with opened(data_dir) as store:
        await store.open()
        real = store_module._engine

        def short(server: str | None, path: Path | None) -> AsyncEngine:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(store_module, "_engine", short)
        with pytest.raises(NotSaved, match="Too many open files"):
            await store.save_meta("a", "b")
        monkeypatch.setattr(store_module, "_engine", real)
        await store.save_meta("a", "b")
