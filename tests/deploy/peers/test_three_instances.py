"""What members do at one of three instances, as it is seen at the two others."""

import asyncio
import time
from typing import Final
from uuid import UUID

from deploy.embedded.locks import wait_until
from deploy.wiring.members import MemberParts
from directory.members.publications import Wish
from directory.queries import Lists, parse_lines
from directory.store.arrivals import fetch_newcomers
from directory.store.database import Database
from federation.own_log.daily import scrub_erased
from tests.deploy.embedded.test_erased_files import EDGE_BYTES, dump, found_in, found_on_disk
from tests.deploy.peers.sites import PATIENCE_S, Site, Trio
from tests.directory.members.people import at_bluesky, on_x

NAME: Final = "quixotequagga"
X_ID: Final = 7_316_845_209_417_734_651
HEALTHY_S: Final = 60
"""A withdrawal reaches a healthy peer within this time."""


def publish(site: Site, name: str, x_id: int) -> tuple[UUID, UUID]:
    """Has somebody join and publish. Returns the member and the publication."""
    members = site.members()
    proven, x = at_bluesky(name, at=members.clock.now()), on_x(name, x_id, at=members.clock.now())
    signed_in = members.call(lambda parts: parts.membership.sign_in(proven))
    wish = Wish(members.link(signed_in.member, x).id, signed_in.account.id, consent=1)
    made = members.call(lambda parts: parts.publishing.publish(signed_in.member, wish))
    return signed_in.member, made.id


def secrets_of(site: Site, origin: str, x_id: int) -> dict[str, bytes]:
    """What a site holds of a mapping of somebody, and must not hold once it is withdrawn."""
    [row] = site.fetch(
        "SELECT s.salt, s.body FROM peer_log l JOIN origin o ON o.name = l.origin JOIN mapping m ON m.origin = o.id"
        " JOIN peer_statement s ON s.place = l.id * 1099511627776 + m.leaf WHERE l.origin = $1 AND m.x_id = $2",
        origin,
        x_id,
    )
    body = row["body"]
    return {
        "salt": row["salt"],
        "body": body,
        "start of the body": body[:EDGE_BYTES],
        "end of the body": body[-EDGE_BYTES:],
    }


def scrub(site: Site) -> bool:
    """Does the daily work of a site now."""

    async def run(dsn: str) -> bool:
        opened = await Database.connect(dsn, max_connections=3)
        try:
            return await scrub_erased(opened)
        finally:
            await opened.close()

    with site.database() as database:
        return asyncio.run(run(database.dsn))


def test_what_is_withdrawn_is_gone_everywhere(trio: Trio) -> None:
    """Somebody publishes at one instance and is answered for at all; and withdraws, and is answered for nowhere within a
    minute. After that neither salt nor body is in a dump of the others, and after their daily work in no file."""
    one, two, three = trio
    member, publication = publish(one, NAME, X_ID)
    secrets: dict[str, bytes] = {}
    for each in (two, three):
        assert each.hears(NAME, one.origin)
        secrets |= {
            f"{name} at {each.name}": secret for name, secret in secrets_of(each, one.origin, X_ID).items()
        }
        with each.database() as database:
            assert found_in(dump(database.dsn), secrets)
    assert any("pg_wal" in file for file in found_on_disk(three.data, secrets))
    withdrawn = time.monotonic()
    one.members().call(lambda parts: parts.publishing.withdraw(member, publication))
    assert one.look_up(NAME) == []
    assert wait_until(lambda: not two.look_up(NAME) and not three.look_up(NAME), HEALTHY_S)
    assert time.monotonic() - withdrawn < HEALTHY_S
    for each in (two, three):
        with each.database() as database:
            assert found_in(dump(database.dsn), secrets) == set()
        assert scrub(each)
        assert found_on_disk(each.data, secrets) == set()


def test_who_keeps_a_list_hears_of_somebody_who_publishes_elsewhere(trio: Trio) -> None:
    """The list is kept at one instance, and the mapping is published at another one."""
    one, _, three = trio
    members = one.members()
    waiting = members.join("waiting")
    people = parse_lines("7001,zoe\n7002")
    members.call(lambda parts: parts.follow_lists.keep(waiting, Lists.FOLLOWING, people, consent=1))
    publish(three, "zoe", 7001)
    publish(three, "stranger", 7003)

    async def found(parts: MemberParts) -> list[tuple[str, str]]:
        async with parts.ground.database.connection() as connection:
            newcomers = await fetch_newcomers(connection, waiting)
            return [(str(each.mapping.x_handle), each.mapping.origin) for each in newcomers]

    assert one.hears("zoe", three.origin)
    assert one.hears("stranger", three.origin)
    assert wait_until(lambda: members.call(found) == [("zoe", three.origin)], PATIENCE_S)
