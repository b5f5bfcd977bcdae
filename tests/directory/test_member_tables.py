"""The list of the tables that hold something of a member, held against the database itself."""

from pathlib import Path
from typing import Final

import pytest

from directory.store.database import Connection, Database
from directory.store.exports import MemberData
from directory.store.member_tables import (
    ALL_TABLES,
    MEMBER_TABLES,
    NAMELESS_TABLES,
    OWNERLESS_TABLES,
    Goes,
    MemberTable,
    NamelessTable,
)
from federation.store.ownerless import OWNERLESS_TABLES as OWNERLESS_OF_LOG

DOCS: Final = Path(__file__).parent.parent.parent / "docs"
LISTED: Final = {table.name for table in ALL_TABLES} | {*OWNERLESS_TABLES, *OWNERLESS_OF_LOG}
NAMES: Final = [table.name for table in MEMBER_TABLES]
REFERENCES: Final = """
SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


async def references(connection: Connection) -> set[tuple[str, str]]:
    """Which table refers to which."""
    return {(row["child"], row["parent"]) for row in await connection.fetch(REFERENCES)}


async def tables(connection: Connection) -> set[str]:
    """All tables of the database."""
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return {row["table_name"] for row in rows}


def hang_on(parent: str, known: set[tuple[str, str]]) -> set[str]:
    """All tables from which a way leads to `parent`, and itself."""
    found = {parent}
    while new := {child for child, of in known if of in found} - found:
        found |= new
    return found


async def test_every_table_from_which_a_way_leads_to_a_member_is_in_the_list(database: Database) -> None:
    """One that is forgotten would be left behind when its member leaves, or missing in what they take along."""
    async with database.connection() as connection:
        assert hang_on("member", await references(connection)) == set(NAMES)


async def test_a_new_table_is_missed_however_far_it_is_away(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "CREATE TABLE near (id serial PRIMARY KEY, page text REFERENCES member_page)"
        )
        await connection.execute("CREATE TABLE far (near integer REFERENCES near)")
        assert hang_on("member", await references(connection)) - set(NAMES) == {"near", "far"}


def test_no_table_is_listed_twice() -> None:
    everywhere = [table.name for table in ALL_TABLES] + [*OWNERLESS_TABLES, *OWNERLESS_OF_LOG]
    assert len(everywhere) == len(set(everywhere))
    assert all([*OWNERLESS_TABLES.values(), *OWNERLESS_OF_LOG.values()]), "each says why"


async def test_every_table_has_an_owner_or_says_why_not(database: Database) -> None:
    """The registrations at servers had no owner: the server of one person stayed for ever after they had left."""
    async with database.connection() as connection:
        assert await tables(connection) == LISTED


async def test_a_table_that_nobody_listed_is_missed(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE forgotten (host text)")
        assert await tables(connection) - LISTED == {"forgotten"}


async def test_every_column_that_names_a_member_is_a_reference(database: Database) -> None:
    """Else the walk would not find its table."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'member'"
        )
        known = await references(connection)
    assert {(row["table_name"], "member") for row in rows} <= known


async def test_rows_are_deleted_before_what_they_refer_to(database: Database) -> None:
    async with database.connection() as connection:
        for child, parent in await references(connection):
            if child in NAMES and parent in NAMES:
                assert NAMES.index(child) < NAMES.index(parent), (child, parent)


async def test_what_is_listed_is_there(database: Database) -> None:
    async with database.connection() as connection:
        for table in ALL_TABLES:
            assert await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table.name)


def test_each_is_exported_or_says_why_not() -> None:
    fields = [table.exported.field for table in MEMBER_TABLES if table.exported is not None]
    assert sorted(fields) == sorted(MemberData.__struct_fields__)
    assert all((table.exported is None) is bool(table.not_exported) for table in MEMBER_TABLES)


def test_what_a_network_or_the_log_was_told_is_not_merely_deleted() -> None:
    assert {table.name: table.goes for table in MEMBER_TABLES if table.goes is not Goes.DELETED} == {
        "publication": Goes.WITHDRAWN,
        "token": Goes.HANDED_OVER,
    }


@pytest.mark.parametrize("table", MEMBER_TABLES, ids=NAMES)
def test_what_is_kept_and_for_how_long_is_documented(table: MemberTable) -> None:
    text = (DOCS / "members.md").read_text(encoding="utf-8")
    file = f"`{table.exported.file}`" if table.exported is not None else f"no: {table.not_exported}"
    assert f"| `{table.name}` | {table.kept} | {file} |" in text


@pytest.mark.parametrize("table", NAMELESS_TABLES, ids=[table.name for table in NAMELESS_TABLES])
def test_how_the_rows_without_an_owner_go_is_documented(table: NamelessTable) -> None:
    text = (DOCS / "members.md").read_text(encoding="utf-8")
    assert f"| `{table.name}` | {table.kept} |" in text
