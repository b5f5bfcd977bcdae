"""Exports a member's data, and erases a member without a trace."""

import asyncio
import io
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from directory.accounts import AccountNetwork, BlueskyAccount
from directory.answers import take_in_leaves
from directory.follows.runs import Run, RunKind, Source, Wanted
from directory.follows.states import RunState
from directory.identifiers import AtHandle, Did, XHandle, XId
from directory.mappings import Network
from directory.members.errors import MemberGone, XAccountContested
from directory.members.publications import Wish
from directory.members.receipts import Elsewhere, HandedOver, Withdrawn
from directory.members.sessions import new_token
from directory.moderation.hides import HideReason
from directory.networks.port import Purpose
from directory.queries import Lists, Query, parse_lines
from directory.services.export import export_name
from directory.services.follow_lists import FollowLists
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.moderation import Moderation
from directory.services.newcomer_messages import MessageChoices
from directory.services.newcomers import Newcomers
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.proving import Proving
from directory.services.signing_in import Departure, SigningIn
from directory.store.arrivals import ArrivalStore
from directory.store.consents import ConsentStore
from directory.store.database import Connection, Database
from directory.store.follow_items import RunItems
from directory.store.follow_runs import insert_run, lock_budget
from directory.store.hides import HideStore
from directory.store.member_tables import MEMBER_TABLES
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.vault import Secret, Vault
from tests.directory.members.conftest import Join
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import INSTANCE, ORIGIN, at_bluesky, at_mastodon, on_x
from tests.directory.members.test_permissions import tokens
from tests.directory.members.test_publishing import answers
from tests.directory.test_answers import said
from tests.harness.clock import FakeClock
from tests.harness.mappings import OTHER_ORIGIN, bluesky, did

SESAME = "sesame-open"
FRIEND = Query(XId(77), XHandle("Friend"), Lists.FOLLOWING | Lists.MUTE, date(2026, 10, 1))

NAMES = [table.name for table in MEMBER_TABLES]


class Life:
    """A member who has used every feature."""

    def __init__(self, member: UUID, token: str, nonce: str, publishing: LoggedPublishing) -> None:
        self.member = member
        self.token = token
        self.nonce = nonce
        self.publishing = publishing


@pytest.fixture
async def life(  # noqa: PLR0917 - everything there is to use
    membership: Membership,
    signing_in: SigningIn,
    publishing: LoggedPublishing,
    vault: Vault,
    permissions: Permissions,
    proving: Proving,
    follow_lists: FollowLists,
    page_links: PageLinks,
    join: Join,
    database: Database,
    clock: FakeClock,
) -> Life:
    member, wish = await join("ada", 5)
    stranger, _ = await join("holder", 6)
    with pytest.raises(XAccountContested):
        await membership.link(member, on_x("holder", 6))
    assert stranger != member
    await publishing.publish(member, wish)
    await publishing.say()
    await choose_messages(database, vault, member, wish, clock)
    await permissions.keep(wish.target_account, Purpose.FOLLOW, tokens(SESAME, clock.now()))
    account = next(each for each in await membership.accounts(member) if each.id == wish.target_account)
    token, _ = await signing_in.start_session(account, "Firefox on Linux")
    await signing_in.begin(
        token, Departure(new_token(), Purpose.PROVE, AccountNetwork.X, member, Secret(SESAME.encode()))
    )
    kept = await proving.new_challenge(member, INSTANCE, "en")
    await proving.submit(member, kept.id, "2000000000000000001")
    await page_links.make_page(member)
    await page_links.submit(member, XHandle("ada"))
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("77,Friend\n,other"), consent=1)
    await find_newcomer(database, clock)
    await follow_people(database, member, wish.target_account, clock)
    await hide_on_mastodon(membership, publishing, database, member, wish, clock)
    return Life(member, token, str(kept.challenge.nonce), publishing)


async def follow_people(database: Database, member: UUID, account: UUID, clock: FakeClock) -> None:
    """The member follows somebody with a run, ignores somebody, and has newcomers followed."""
    now = clock.now()
    run = Run(
        id=uuid4(), member=member, account=account, network=Network.BLUESKY, host="pds.example", kind=RunKind.FOLLOW,
        source=Source.UPLOAD, title="", state=RunState.PLANNED, created_at=now, starts_at=now, next_at=now,
        ended_at=None, is_read=False, note="",
    )  # fmt: skip
    friend = BlueskyAccount(Did("did:plc:friend"), AtHandle("friend.bsky.example"))
    async with database.transaction() as connection:
        assert await insert_run(connection, run)
        await RunItems(connection, run.id).insert([Wanted(friend, FRIEND, is_ticked=True)], now)
        await lock_budget(connection, account, now)
        await connection.execute(
            "INSERT INTO ignored_person (member, network, target_id, ignored_at) VALUES ($1, 1, 'did:plc:no', $2)",
            member,
            now,
        )
        await connection.execute(
            "INSERT INTO standing_match (member, account, since) VALUES ($1, $2, $3)", member, account, now
        )


async def choose_messages(
    database: Database, vault: Vault, member: UUID, wish: Wish, clock: FakeClock
) -> None:
    """Has messages about newcomers sent to the Bluesky account."""
    offered = frozenset({AccountNetwork.BLUESKY})
    choices = MessageChoices(NewcomerMessageStore(database), ConsentStore(database), vault, clock, offered)
    await choices.choose(member, wish.target_account, 1, "fr")


async def find_newcomer(database: Database, clock: FakeClock) -> None:
    """A person on the kept list is taken in from a peer."""
    async with database.transaction() as connection:
        await take_in_leaves(
            connection, OTHER_ORIGIN, said(bluesky("arrived", 77, origin=OTHER_ORIGIN)), clock.now()
        )
    newcomers, found = Newcomers(ArrivalStore(database), clock), 0
    while (arrival := await newcomers.claim_arrival()) is not None:
        found += await newcomers.meet(arrival)
    assert found == 1


async def hide_on_mastodon(  # noqa: PLR0917 - everything there is to use
    membership: Membership,
    publishing: LoggedPublishing,
    database: Database,
    member: UUID,
    wish: Wish,
    clock: FakeClock,
) -> None:
    """Publishes a mapping that the moderators hide and the member then withdraws."""
    other = await membership.link(member, at_mastodon("ada"))
    published = await publishing.publish(member, Wish(wish.x_account, other.id))
    moderation = Moderation(HideStore(database), clock)
    assert await moderation.hide(Query.parse("5"), Network.MASTODON, ORIGIN, HideReason.REVIEW, "mo")
    await publishing.withdraw(member, published.id)
    await membership.unlink(member, other.id)


def unzip(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


async def test_the_export_holds_all_that_is_stored(
    leaving: Leaving, life: Life, database: Database, clock: FakeClock
) -> None:
    files = unzip(await leaving.export(life.member))
    assert files["member.json"] == {
        "format": "passerelle-export/1",
        "instance": INSTANCE,
        "exported_at": "2026-11-01T12:00:00Z",
        "member_since": "2026-11-01T12:00:00Z",
    }
    assert {account["network"] for account in files["accounts.json"]} == {"bluesky", "x"}
    x = next(account for account in files["accounts.json"] if account["network"] == "x")
    assert (x["id"], x["handle"], x["proof"], x["evidence"][0]["kind"]) == ("5", "ada", "holds", "x-post-id")
    assert [claim["x_account"] for claim in files["claims.json"]] == ["6"]
    (publication,) = files["publications.json"]
    assert publication["x"] == {"id": "5", "handle": "ada"}
    assert (publication["to"]["handle"], publication["state"]) == ("ada.bsky.example", "active")
    assert {consent["to"] for consent in files["consents.json"]} == {
        "publish",
        "keep_follow_list",
        "announce_newcomers",
    }
    assert [permission["server"] for permission in files["permissions.json"]] == ["https://pds.example"]
    assert files["proofs.json"][0]["posts"][0]["post"] == "2000000000000000001"
    assert files["messages.json"] == [
        {
            "network": "bluesky",
            "account": "did:plc:adaaaaaaaaaaaaaaaaaaaaaa",
            "language": "fr",
            "state": "active",
            "cannot_be_written_to": None,
            "chosen_at": "2026-11-01T12:00:00Z",
            "test_message_sent": False,
            "last_sent_at": None,
            "next_look_at": "2026-11-01T12:00:00Z",
        }
    ]
    assert files["sessions.json"][0]["browser"] == "Firefox on Linux"
    assert files["follow-lists/following.json"]["people"] == [
        {"id": None, "handle": "other", "seen": "2026-11-01"},
        {"id": "77", "handle": "friend", "seen": None},
    ]
    (run,) = files["runs.json"]
    assert (run["account"], run["state"], run["kind"]) == (str(did("ada")), "planned", "follow")
    assert (run["server"], run["waits_for"]) == ("pds.example", None)
    (person,) = run["people"]
    assert (person["to"]["id"], person["state"]) == ("did:plc:friend", "pending")
    assert person["x"] == {"id": "77", "handle": "Friend", "seen": "2026-10-01"}
    assert person["lists"] == ["following", "muted"]
    assert [each["id"] for each in files["ignored.json"]] == ["did:plc:no"]
    assert [each["account"] for each in files["standing.json"]] == [str(did("ada"))]
    assert {name.replace("following", "<list>") for name in files} == {
        table.exported.file for table in MEMBER_TABLES if table.exported is not None
    }
    assert all(files.values())
    assert export_name(clock.now()) == "passerelle-2026-11-01.zip"


async def test_no_secret_is_in_the_export(leaving: Leaving, life: Life) -> None:
    with zipfile.ZipFile(io.BytesIO(await leaving.export(life.member))) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    for secret in (SESAME, life.token, life.nonce, "sealed", "hash", "refresh of"):
        assert secret not in text


async def test_the_documented_files_are_those_of_the_export(leaving: Leaving, life: Life) -> None:
    """docs/export.md names every file and every field."""
    documented = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    for name, content in unzip(await leaving.export(life.member)).items():
        assert f"`{name.replace('following', '<list>')}`" in documented
        for field in _fields(content):
            assert f"`{field}`" in documented, f"{field} of {name}"


def _fields(content: Any) -> set[str]:
    if isinstance(content, list):
        return {field for each in content for field in _fields(each)}
    if isinstance(content, dict):
        return set(content) | {field for each in content.values() for field in _fields(each)}
    return set()


async def rows_of(connection: Connection, member: UUID) -> dict[str, int]:
    """How many rows each table has of a member."""
    return {
        table.name: await connection.fetchval(
            f"SELECT count(*) FROM {table.name} WHERE {table.of_member}",  # noqa: S608 - names of ours
            member,
        )
        for table in MEMBER_TABLES
    }


async def test_erasing_leaves_nothing_but_the_revocation(
    leaving: Leaving, life: Life, lookup: Lookup, permissions: Permissions, database: Database
) -> None:
    async with database.connection() as connection:
        before = await rows_of(connection, life.member)
    assert all(before.values()), before
    receipt = await leaving.erase(life.member)
    assert receipt.withdrawn == (Withdrawn("ada", Network.BLUESKY, "ada.bsky.example", Elsewhere.REVOKED),)
    assert receipt.revoked == (HandedOver(AccountNetwork.BLUESKY, "https://pds.example"),)
    assert receipt.deleted == {
        "proof_check": 1,
        "challenge": 1,
        "link_check": 1,
        "member_page": 1,
        "contested_claim": 1,
        "hide": 1,
        "member_session": 1,
        "sign_in": 1,
        "consent": 3,
        "newcomer": 1,
        "known_account": 1,
        "follow_list": 1,
        "follow_item": 1,
        "follow_run": 1,
        "follow_budget": 1,
        "ignored_person": 1,
        "standing_match": 1,
        "newcomer_message": 1,
        "linked_account": 2,
        "member": 1,
    }
    assert await answers(lookup, "5") == []
    await life.publishing.say()
    async with database.connection() as connection:
        assert await rows_of(connection, life.member) == dict.fromkeys(NAMES, 0)
        everything = ""
        for (table,) in await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'migration'"
        ):
            everything += str(await connection.fetch(f"SELECT t::text FROM {table} t"))  # noqa: S608 - the parts are the test's own
    for trace in (str(life.member), "did:plc:ada", "ada.bsky.example", "friend", "Firefox"):
        assert trace not in everything
        assert trace.encode().hex() not in everything, "in a body of the log"
    ((_, revoked),) = await permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == SESAME
    with pytest.raises(MemberGone):
        await leaving.erase(life.member)
    with pytest.raises(MemberGone):
        await leaving.export(life.member)


async def test_who_left_is_signed_out_and_can_come_again(
    leaving: Leaving, life: Life, signing_in: SigningIn, membership: Membership
) -> None:
    await leaving.erase(life.member)
    assert await signing_in.session_of(life.token) is None
    back = await membership.sign_in(at_bluesky("ada"))
    assert back.is_new
    assert back.member != life.member


async def test_what_the_log_said_is_revoked(
    leaving: Leaving, publishing: LoggedPublishing, join: Join, database: Database
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    receipt = await leaving.erase(member)
    assert [each.elsewhere for each in receipt.withdrawn] == [Elsewhere.REVOKED]
    async with database.connection() as connection:
        (row,) = await connection.fetch("SELECT leaf, state, x_handle, target_id FROM mapping")
    assert tuple(row) == (1, 2, "", "")


async def test_a_claim_survives_the_holder_leaving(
    leaving: Leaving, membership: Membership, join: Join
) -> None:
    ada, _ = await join("ada", 5)
    eve = (await membership.sign_in(at_bluesky("eve"))).member
    with pytest.raises(XAccountContested):
        await membership.link(eve, on_x("ada", 5))
    await leaving.erase(ada)
    (claim,) = await membership.waiting_claims(eve)
    assert claim.holder is None


async def test_nobody_leaves_twice_at_once(leaving: Leaving, life: Life) -> None:
    results = await asyncio.gather(*(leaving.erase(life.member) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, MemberGone) for result in results) == 2
    with pytest.raises(MemberGone):
        await leaving.export(uuid4())
