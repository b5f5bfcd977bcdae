"""The migrations, run on an empty database, make exactly the tables that the code declares."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from piccolo.apps.migrations.tables import Migration
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

import migrations
from deploy.migrate import SchemaTooNew, known_migrations, migrate, pending_migrations
from directory.store.database import Connection
from migrations import directory_app, federation_app
from tests.harness.postgres import SharedPostgres

TABLES: Final[list[type[Table]]] = [
    *directory_app.APP_CONFIG.table_classes,
    *federation_app.APP_CONFIG.table_classes,
]

# What a Piccolo column of each type falls back to when its declaration says nothing.
_SILENT_DEFAULTS: Final = frozenset(
    {"''::text", "''::character varying", "''::bytea", "'\\x'::bytea", "0", "'0'::bigint", "'{}'::json"}
    | {"CURRENT_TIMESTAMP", "CURRENT_DATE", "now()", "uuid_generate_v4()", "gen_random_uuid()"}
    | {"'{}'::text[]", "'{}'::bigint[]", "'{}'::date[]", "NULL"}
)

_COLUMNS: Final = """
SELECT c.relname || '.' || a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS is_required, pg_get_expr(d.adbin, d.adrelid) AS "default"
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""
_CONSTRAINTS: Final = """
SELECT conrelid::regclass || ': ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')
"""


@pytest.fixture(autouse=True)
def _forgotten_engine() -> None:
    """Piccolo keeps the engine of its first run; these tests migrate several databases in one process."""
    Migration._meta._db = None


@pytest.fixture
async def empty(postgres: SharedPostgres) -> AsyncIterator[str]:
    async with postgres.database() as dsn:
        yield dsn


@pytest.fixture
async def declared(postgres: SharedPostgres) -> AsyncIterator[Connection]:
    """A database with the tables as Piccolo would make them from the code."""
    async with postgres.database() as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'"
        )
        for statement in _statements(dsn):
            await connection.execute(statement)
        yield connection
        await connection.close()


def _statements(dsn: str) -> list[str]:
    """One CREATE TABLE each, in the order of the declarations: references point backwards."""
    engine = PostgresEngine(config={"dsn": dsn})
    for table in TABLES:
        table._meta.db = engine
    ordered = sorted(TABLES, key=_declared_at)
    return [
        f'CREATE TABLE "{table._meta.tablename}" ({", ".join(column.ddl for column in table._meta.columns)})'
        for table in ordered
    ]


def _declared_at(table: type[Table]) -> int:
    module = __import__(table.__module__, fromlist=["x"])
    return list(vars(module)).index(table.__name__)


async def _columns(connection: Connection) -> dict[str, tuple[str, bool, str | None]]:
    rows = await connection.fetch(_COLUMNS)
    return {name: (kind, required, default) for name, kind, required, default in rows}


async def test_tables_of_the_migrations_are_those_of_the_code(empty: str, declared: Connection) -> None:
    await migrate(empty)
    migrated = await asyncpg.connect(empty)
    made, meant = await _columns(migrated), await _columns(declared)
    made = {name: column for name, column in made.items() if not name.startswith("migration.")}
    assert {name: column[:2] for name, column in made.items()} == {
        name: column[:2] for name, column in meant.items()
    }
    for name, (_, _, default) in made.items():
        wanted = meant[name][2]
        if default is not None:
            assert default == wanted, name
        else:
            assert wanted is None or wanted in _SILENT_DEFAULTS, name
    rules = [
        {rule for (rule,) in await each.fetch(_CONSTRAINTS) if not rule.startswith("migration:")}
        for each in (migrated, declared)
    ]
    assert rules[0] == rules[1]
    await migrated.close()


async def test_every_reference_that_deletes_go_through_has_an_index(empty: str) -> None:
    """Without one, erasing a member would read whole tables."""
    await migrate(empty)
    connection = await asyncpg.connect(empty)
    bare = await connection.fetch("""
        SELECT conrelid::regclass::text, conkey[1] FROM pg_constraint c
        WHERE contype = 'f' AND conrelid::regclass::text <> 'mapping' AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]
            AND i.indpred IS NULL)
    """)
    assert bare == []
    await connection.close()


async def test_a_second_run_changes_nothing(empty: str) -> None:
    assert await migrate(empty)
    assert not await migrate(empty)


async def test_each_migration_has_an_id_of_its_own() -> None:
    for app, names in known_migrations().items():
        files = list((Path(migrations.__path__[0]) / app).glob(f"{app}_*.py"))
        assert len(names) == len(files)


async def test_a_schema_newer_than_known_is_refused(empty: str) -> None:
    """An old version must not write into a database whose rules it does not know."""
    await migrate(empty)
    connection = await asyncpg.connect(empty)
    await connection.execute(
        "INSERT INTO migration (name, app_name) VALUES ('2999-01-01T00:00:00:000001', 'directory')"
    )
    with pytest.raises(SchemaTooNew):
        await pending_migrations(connection)
    with pytest.raises(SchemaTooNew):
        await migrate(empty)
    await connection.close()
