"""Arrivals meet kept lists as a set: by the same rule as look-ups, and without reading whole tables."""

import json
from datetime import timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from deploy.bench.arrivals import fill_arrivals, meet_all
from directory.answers import take_in_leaves
from directory.mappings import Evidence, EvidenceKind, Mapping
from directory.queries import Lists, Query, parse_lines
from directory.ranking import select_candidates
from directory.services.follow_lists import FollowLists
from directory.services.membership import Membership
from directory.store import arrivals
from directory.store.arrivals import fetch_newcomers
from directory.store.database import Database
from tests.directory.members.people import at_bluesky
from tests.directory.test_answers import said
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, bluesky

NAMES: Final = ("ann", "Bob", "cyd", "dee", "eve", "flo")
OLD: Final = START - timedelta(days=90)


def drawn(random: Random) -> Mapping:
    """Somebody by id and name, by name alone, or by a name that has ended."""
    name, x_id = random.choice(NAMES), random.randint(1, 8)
    if random.random() < 0.3:
        return bluesky(name)
    found = bluesky(name, x_id)
    if random.random() < 0.5:
        return found
    signed_in = (Evidence(EvidenceKind.X_OAUTH, OLD), *found.evidence[1:])
    return msgspec.structs.replace(found, evidence=signed_in)


def line_of(random: Random) -> str:
    name, x_id = random.choice(NAMES).lower(), random.randint(1, 8)
    return random.choice([f"{x_id}", f",{name}", f"{x_id},{name}"])


def is_waited_for(query: Query, mapping: Mapping) -> bool:
    ended = msgspec.structs.replace(mapping, answers_by_name=mapping.name_until > START)
    return bool(select_candidates(query, [ended]))


async def test_newcomers_are_those_whom_a_look_up_would_find(
    database: Database, follow_lists: FollowLists, membership: Membership, clock: FakeClock
) -> None:
    """A sold handle, a name that ended, a list that knows names alone: the statement must tell them apart as the
    look-up does, or a member is told of a stranger."""
    random = Random(11)  # noqa: S311 - a seed, so that each run is the same
    lists: dict[UUID, list[Query]] = {}
    for number in range(12):
        member = (await membership.sign_in(at_bluesky(f"me{number}"))).member
        followed = parse_lines("\n".join(line_of(random) for _ in range(4)))
        await follow_lists.keep(member, Lists.FOLLOWING, followed, consent=1)
        kept = await follow_lists.find(member, Lists.FOLLOWING)
        assert kept is not None
        lists[member] = kept.queries()
    people = [drawn(random) for _ in range(60)]
    async with database.transaction() as connection:
        await take_in_leaves(connection, ORIGIN, said(*people), clock.now())
    found = await meet_all(database, clock.now())
    async with database.connection() as connection:
        told = {
            member: sorted(each.mapping.leaf or 0 for each in await fetch_newcomers(connection, member))
            for member in lists
        }
    assert told == {
        member: [
            leaf
            for leaf, mapping in enumerate(people)
            if any(is_waited_for(query, mapping) for query in waiting)
        ]
        for member, waiting in lists.items()
    }
    assert found == sum(map(len, told.values()))


def tables_read_whole(plan: dict[str, Any]) -> list[str]:
    here = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return here + [name for part in plan.get("Plans", ()) for name in tables_read_whole(part)]


async def test_no_table_is_read_whole(database: Database, dsn: str) -> None:
    """Beside many mappings and lists, each step would read all of them: the first sync of a large peer never ended."""
    await fill_arrivals(database, 20_000, 60, START)
    connection = await asyncpg.connect(dsn)
    try:
        origin = await connection.fetchval("SELECT id FROM origin")
        await connection.execute("BEGIN")
        await connection.execute(arrivals._BY_INDEX)
        steps = {
            arrivals._MEET: (START, origin, 500, 600),
            arrivals._SUM_UP: (START, origin, 500, 600, 100),
        }
        for statement, values in steps.items():
            plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values))
            assert tables_read_whole(plan[0]["Plan"]) == []
    finally:
        await connection.close()
