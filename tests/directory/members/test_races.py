"""Concurrent acts on one member, each over a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from directory.members.consents import ConsentKind
from directory.members.errors import AccountLinkedElsewhere, MemberError
from directory.members.publications import Wish
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.consenting import Consenting
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store.accounts import insert_account
from directory.store.database import Database
from tests.directory.members.conftest import Join
from tests.directory.members.contests import is_held_up
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import at_bluesky, at_mastodon, bluesky, on_x, x_account
from tests.directory.members.test_permissions import tokens
from tests.directory.members.test_publishing import answers
from tests.harness.clock import START, FakeClock

ROUNDS = 8
"""How often each race is run: the scheduler decides who wins."""


@pytest.fixture
async def elsewhere(dsn: str, clock: FakeClock, tmp_path: Path) -> AsyncIterator[LoggedPublishing]:
    """Publishing in another process."""
    database = await Database.connect(dsn, max_connections=4)
    yield LoggedPublishing(database, clock, tmp_path / "instance")
    await database.close()


async def stray_mappings(database: Database) -> int:
    """Counts mappings that answer, or will, and belong to no publication."""
    async with database.connection() as connection:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM mapping m WHERE NOT (state = 2 AND leaf IS NOT NULL) AND NOT EXISTS"
                " (SELECT FROM publication p WHERE p.mapping = m.id OR p.replaces = m.id)"
            )
        )


async def race(*actions: Coroutine[Any, Any, object]) -> list[BaseException]:
    """Runs all at once. Returns the failures; any that a member would not be shown fails the test."""
    results = await asyncio.gather(*actions, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        assert isinstance(failure, MemberError | NeedsSignIn), repr(failure)
    return failures


async def test_erasing_and_publishing(
    leaving: Leaving,
    publishing: LoggedPublishing,
    elsewhere: LoggedPublishing,
    join: Join,
    database: Database,
) -> None:
    """A click on *publish* in one window, and on *erase* in another: nothing of them may answer after."""
    for number in range(ROUNDS):
        member, wish = await join("ada", 5)
        if number % 2:
            await publishing.publish(member, wish)
            await publishing.say()
        await race(
            leaving.erase(member),
            elsewhere.publish(member, wish),
            elsewhere.say(),
            publishing.publish(member, wish),
            publishing.say(),
        )
        await publishing.say()
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM mapping") == 0
            assert await connection.fetchval("SELECT count(*) FROM member") == 0


async def test_withdrawing_and_activating(
    publishing: LoggedPublishing, elsewhere: LoggedPublishing, join: Join, database: Database, lookup: Lookup
) -> None:
    member, wish = await join("ada", 5)
    for number in range(ROUNDS):
        published = await publishing.publish(member, wish)
        if number % 2:
            await publishing.say()
        await race(
            publishing.withdraw(member, published.id),
            elsewhere.say(),
            elsewhere.say(),
        )
        await publishing.say()
        assert await answers(lookup, "5") == []
        assert await stray_mappings(database) == 0


async def test_renaming_changing_and_activating(
    membership: Membership,
    publishing: LoggedPublishing,
    elsewhere: LoggedPublishing,
    join: Join,
    database: Database,
) -> None:
    member, wish = await join("ada", 5)
    other = await membership.link(member, at_bluesky("ada2"))
    await membership.link(member, on_x("ada", 5, post=2, names=[bluesky("ada"), bluesky("ada2")]))
    await publishing.publish(member, wish)
    for number in range(ROUNDS):
        failures = await race(
            membership.sign_in(at_bluesky("ada", handle=f"ada{number}.example")),
            elsewhere.say(),
            publishing.publish(member, Wish(wish.x_account, [wish.target_account, other.id][number % 2])),
            elsewhere.say(),
        )
        assert failures == []
        await publishing.say()
        (publication,) = await publishing.list_of(member)
        assert not publication.is_replacing
        assert await stray_mappings(database) == 0
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM mapping") == 1


async def test_everything_at_once(
    leaving: Leaving,
    membership: Membership,
    consenting: Consenting,
    elsewhere: LoggedPublishing,
    join: Join,
) -> None:
    """No two of them wait for each other: PostgreSQL would break such a tie with an error."""
    for _ in range(ROUNDS):
        member, wish = await join("ada", 5)
        actions: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: elsewhere.publish(member, wish),  # noqa: B023 - called in this round
            lambda: consenting.withdraw(member, ConsentKind.PUBLISH),  # noqa: B023 - called before the next turn
            lambda: membership.unlink(member, wish.x_account),  # noqa: B023 - called before the next turn
            lambda: membership.link(member, on_x("ada", 5, post=2)),  # noqa: B023 - called before the next turn
            lambda: membership.link(member, at_mastodon("ada")),  # noqa: B023 - called before the next turn
            lambda: membership.sign_in(at_bluesky("ada", handle="ada.example")),
            elsewhere.say,
            lambda: leaving.export(member),  # noqa: B023 - called before the next turn
        ]
        await race(*(action() for action in actions))
        await race(leaving.erase(member), *(action() for action in actions))
        for left in await _members(membership):
            await leaving.erase(left)


async def _members(membership: Membership) -> list[UUID]:
    """Signs in once more. Returns the member that this leads to."""
    back = await membership.sign_in(at_bluesky("ada"))
    return [back.member]


async def test_erasing_while_a_token_is_renewed(
    leaving: Leaving, permissions: Permissions, join: Join, clock: FakeClock, database: Database
) -> None:
    """Whichever ends first, the new token is revoked: the old one is worth nothing by then."""
    member, wish = await join("ada", 5)
    account = wish.target_account
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)
    erasure: asyncio.Task[object] | None = None

    async def refresh(_old: TokenSet, now: Any) -> TokenSet:
        nonlocal erasure
        erasure = asyncio.create_task(leaving.erase(member))
        await asyncio.sleep(0)
        return tokens("new", now)

    with suppress(NeedsSignIn):
        await permissions.fresh(account, Purpose.FOLLOW, refresh)
    assert erasure is not None
    await erasure
    revoked = [each.access for _, each in await permissions.claim_revocations(10) if each is not None]
    assert "new" in revoked
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM token") == 0


async def test_erasing_while_a_permission_is_kept(
    leaving: Leaving, permissions: Permissions, join: Join, clock: FakeClock, database: Database
) -> None:
    """A sign-in that comes back while the member leaves: its token is refused, or revoked."""
    for number in range(ROUNDS):
        member, wish = await join("ada", 5)
        failures = await race(
            permissions.keep(wish.target_account, Purpose.FOLLOW, tokens(f"{number}", clock.now())),
            leaving.erase(member),
        )
        claimed = await permissions.claim_revocations(10)
        assert len(failures) + len(claimed) == 1
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM token") == 0


async def test_claiming_and_leaving(leaving: Leaving, membership: Membership, join: Join) -> None:
    for _ in range(ROUNDS):
        ada, _ = await join("ada", 5)
        eve = (await membership.sign_in(at_bluesky("eve"))).member
        await race(leaving.erase(ada), membership.link(eve, on_x("ada", 5)), leaving.export(eve))
        await leaving.erase(eve)


async def test_claiming_what_is_let_go_in_that_moment(database: Database, membership: Membership) -> None:
    """The holder's row is found, and gone before the claim against it is written: who proved the account has it."""
    holder = (await membership.sign_in(at_bluesky("holder"))).member
    held = await membership.link(holder, on_x("wanted", 5))
    claimant = (await membership.sign_in(at_bluesky("claimant"))).member
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM linked_account WHERE id = $1", held.id)
        claiming = asyncio.create_task(membership.link(claimant, on_x("wanted", 5)))
        while not await connection.fetchval(
            "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await connection.execute(
                "SELECT pg_stat_clear_snapshot()"
            )  # else a transaction sees the same for ever
    linked = await claiming
    assert (linked.member, linked.account) == (claimant, x_account("wanted", 5))
    assert await membership.waiting_claims(claimant) == []


async def test_linking_what_another_links_in_that_moment(database: Database, membership: Membership) -> None:
    """Neither sees the other's row yet: the second is told so, and the account is not in two memberships."""
    ada, bob = [(await membership.sign_in(at_bluesky(name))).member for name in ("ada", "bob")]
    async with database.transaction() as connection:
        await insert_account(connection, ada, at_mastodon("shared"), START)
        linking = asyncio.create_task(membership.link(bob, at_mastodon("shared")))
        assert await is_held_up(database, linking)
    with pytest.raises(AccountLinkedElsewhere):
        await linking
    assert [len(await membership.accounts(member)) for member in (ada, bob)] == [2, 1]
