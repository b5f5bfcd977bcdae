"""A look-up has one plan, whatever its connection has done before."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from random import Random
from typing import Any, Final

import asyncpg
import pytest

from directory.mappings import Mapping
from directory.origins import HIDDEN_AFTER
from directory.store import mappings
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings

PEOPLE: Final = 20_000
PLANNED_FIRST: Final = 5
"""So many times PostgreSQL plans each statement of a connection before it weighs a plan to keep."""
Values = tuple[datetime, datetime, list[int], list[str], list[str]]
TIMES: Final = (START, START - HIDDEN_AFTER)
BY_ID: Final[Values] = (*TIMES, [17], [], [])
BY_NAME: Final[Values] = (*TIMES, [], [], ["name17"])
BY_BOTH: Final[Values] = (*TIMES, [17], ["name17"], [])
LIST: Final[Values] = (*TIMES, list(range(1, 1_001)), [f"name{number}" for number in range(1, 1_001)], [])
STATEMENTS: Final = (mappings._BY_X_ACCOUNT, mappings._BY_X_ACCOUNT_WITHOUT_EVIDENCE)
INDEXES: Final = {"mapping_x_id", "mapping_x_handle_without_id", "mapping_x_handle"}


def people() -> list[Mapping]:
    """In no order: neighbours in an index are far apart in the table, as they are where people come one by one."""
    known = [bluesky(f"name{number}", number) for number in range(1, PEOPLE)]
    by_name = [mastodon(f"only{number}", origin=OTHER_ORIGIN) for number in range(PEOPLE // 20)]
    return Random(7).sample(known + by_name, len(known) + len(by_name))  # noqa: S311 - a seed: each run is the same


@pytest.fixture
async def connection(
    mapping_store: StoredMappings, dsn: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A new connection to a directory of some size, whose tables the server knows."""
    await mapping_store.add(people())
    opened = await asyncpg.connect(dsn)
    try:
        await opened.execute("ANALYZE mapping; ANALYZE origin")
        yield opened
    finally:
        await opened.close()


async def planned(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> tuple[int, int]:
    """Returns how often this connection has planned a statement for its values, and how often it used the plan it keeps."""
    found = await connection.fetchrow(
        "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement = $1", statement
    )
    assert found is not None
    return found["custom_plans"], found["generic_plans"]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("before", [(), (LIST,) * 8], ids=["new", "old"])
async def test_lone_lookups_are_not_planned_anew(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: str, before: tuple[Values, ...]
) -> None:
    """On a connection that had matched no list yet, each look-up was planned anew: a millisecond of the database each,
    which nobody saw who measured after a list."""
    for values in before:
        await connection.fetch(statement, *values)
    for _ in range(4):
        for values in (BY_ID, BY_NAME, BY_BOTH):
            assert len(await connection.fetch(statement, *values)) == 1
    assert len(await connection.fetch(statement, *LIST)) == 1_000
    anew, kept = await planned(connection, statement)
    assert anew <= PLANNED_FIRST
    assert anew + kept == len(before) + 13


def parts_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(each for part in plan.get("Plans", ()) for each in parts_of(part))]


async def read_plan(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: str, values: Values
) -> list[dict[str, Any]]:
    """Returns the plan that this connection would use for its prepared statement with these values."""
    name = await connection.fetchval(
        "SELECT name FROM pg_prepared_statements WHERE statement = $1", statement
    )
    asked = ", ".join(_literal(value) for value in values)
    plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE {name}({asked})")
    return parts_of(json.loads(plan)[0]["Plan"])


def _literal(value: datetime | list[int] | list[str]) -> str:
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    return "'{" + ",".join(map(str, value)) + "}'"


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_new_connection_and_an_old_one_have_the_same_plan(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: str
) -> None:
    """Of a lone look-up, which is planned for its values at first, and of a list by the plan that is kept: the same
    indexes, and no table of people read whole."""
    seen = []
    for executions in (1, 12):
        for _ in range(executions):
            await connection.fetch(statement, *BY_ID)
        for values in (BY_ID, BY_NAME, LIST):
            plan = await read_plan(connection, statement, values)
            assert [
                each for each in plan if each.get("Relation Name") == "mapping" and "Index Name" not in each
            ] == []
            seen.append(sorted(each["Index Name"] for each in plan if each.get("Relation Name") == "mapping"))
    assert seen == [sorted(INDEXES)] * 6


async def test_what_answers_is_the_same(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """An array without elements finds nobody, as before."""
    empty: Values = (*TIMES, [], [], [])
    assert await connection.fetch(mappings._BY_X_ACCOUNT, *empty) == []
    (row,) = await connection.fetch(mappings._BY_X_ACCOUNT, *TIMES, [], ["only3"], [])
    assert row["origin"] == OTHER_ORIGIN
    (row,) = await connection.fetch(mappings._BY_X_ACCOUNT, *BY_BOTH)
    assert row["origin"] == ORIGIN
