"""A look-up has one plan, whatever its connection has done before."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import product
from random import Random
from typing import Any, Final

import asyncpg
import pytest

from directory.mappings import Mapping
from directory.origins import HIDDEN_AFTER
from directory.queries import Query
from directory.store import mappings
from tests.harness.clock import START
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings

PEOPLE: Final = 20_000
PLANNED_FIRST: Final = 5
"""So many times PostgreSQL plans each statement of a connection before it weighs a plan to keep."""
Values = tuple[datetime | list[int] | list[str], ...]
TIMES: Final = (START, START - HIDDEN_AFTER)
NAMES: Final = [f"name{number}" for number in range(1, 1_001)]
IDS: Final = list(range(1, 1_001))
ASKED: Final[dict[tuple[bool, bool, bool], tuple[Values, Values, set[str]]]] = {
    (True, False, False): ((*TIMES, [17]), (*TIMES, IDS), {"mapping_x_id"}),
    (False, False, True): ((*TIMES, ["name17"]), (*TIMES, NAMES), {"mapping_x_handle"}),
    (True, True, False): (
        (*TIMES, [17], ["name17"]),
        (*TIMES, IDS, NAMES),
        {"mapping_x_id", "mapping_x_handle_without_id"},
    ),
    (True, False, True): (
        (*TIMES, [17], ["name17"]),
        (*TIMES, IDS, ["only3"]),
        {"mapping_x_id", "mapping_x_handle"},
    ),
    (True, True, True): (
        (*TIMES, [17], ["name17"], ["only3"]),
        (*TIMES, IDS, NAMES, NAMES),
        {"mapping_x_id", "mapping_x_handle_without_id", "mapping_x_handle"},
    ),
}
"""The ways in which people are asked for: a lone look-up, a list, and the indexes that find them."""


def people() -> list[Mapping]:
    """In no order: neighbours in an index are far apart in the table, as they are where people come one by one."""
    known = [bluesky(f"name{number}", number) for number in range(1, PEOPLE)]
    by_name = [mastodon(f"only{number}", origin=OTHER_ORIGIN) for number in range(PEOPLE // 20)]
    return Random(7).sample(known + by_name, len(known) + len(by_name))  # noqa: S311 - a seed: each run is the same


@pytest.fixture
async def filled(mapping_store: StoredMappings, dsn: str) -> str:
    """A directory of some size, whose tables the server knows."""
    await mapping_store.add(people())
    async with connected(dsn) as connection:
        await connection.execute("ANALYZE mapping; ANALYZE origin")
    return dsn


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Opens a new connection."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def planned(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> tuple[int, int]:
    """Returns how often this connection has planned a statement for its values, and how often it used the plan it keeps."""
    found = await connection.fetchrow(
        "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement = $1", statement
    )
    assert found is not None
    return found["custom_plans"], found["generic_plans"]


@pytest.mark.parametrize("lists_before", [0, 8], ids=["new", "old"])
async def test_lone_lookups_are_not_planned_anew(filled: str, lists_before: int) -> None:
    """On a connection that had matched no list yet, each look-up was planned anew: a millisecond of the database each,
    which nobody saw who measured after a list."""
    for (ways, (lone, many, _)), with_evidence in product(ASKED.items(), (True, False)):
        statement = mappings.by_x_account(ways, with_evidence=with_evidence)
        async with connected(filled) as connection:
            for values in [*[many] * lists_before, *[lone] * 12, many]:
                assert await connection.fetch(statement, *values)
            anew, kept = await planned(connection, statement)
        assert anew <= PLANNED_FIRST, ways
        assert anew + kept == lists_before + 13


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


async def test_a_new_connection_and_an_old_one_have_the_same_plan(filled: str) -> None:
    """Of a lone look-up, which is planned for its values at first, and of a list by the plan that is kept: the same
    indexes, and no table of people read whole."""
    for ways, (lone, many, indexes) in ASKED.items():
        statement = mappings.by_x_account(ways)
        async with connected(filled) as connection:
            for values in [lone, *[lone] * 12]:
                await connection.fetch(statement, *values)
                for asked in (lone, many):
                    plan = await read_plan(connection, statement, asked)
                    of_people = [each for each in plan if each.get("Relation Name") == "mapping"]
                    assert [each["Node Type"] for each in of_people] == ["Index Scan"] * len(indexes), ways
                    assert {each["Index Name"] for each in of_people} == indexes


async def test_each_way_of_asking_finds_whom_it_should(mapping_store: StoredMappings) -> None:
    await mapping_store.add(people()[:2_000])
    await mapping_store.add([bluesky(f"name{number}", number) for number in range(50_017, 50_021)])
    await mapping_store.add([mastodon("only50003", origin=OTHER_ORIGIN)])

    async def found(*queries: Query) -> list[str]:
        return sorted(str(each.x_handle) for each in await mapping_store.find_mappings(queries, START))

    by_id, by_name = Query.parse("50017"), Query.parse("@name50018")
    beside, other = Query.parse_pair("60000", "only50003"), Query.parse_pair("50019", "name50020")
    assert await found() == []
    assert await found(by_id) == ["name50017"]
    assert await found(by_name) == ["name50018"]
    assert await found(beside) == ["only50003"]
    assert await found(other) == ["name50019"]
    everybody = ["name50017", "name50018", "name50019", "only50003"]
    assert await found(by_id, by_name, beside, other) == everybody
