"""Members of instances, and what is left of them."""

import asyncio
import subprocess
from pathlib import Path
from typing import Final
from uuid import UUID

from directory.members.publications import Wish
from directory.store.database import Database
from federation.own_log.daily import scrub_erased
from tests.deploy.embedded.test_erased_files import PG_DUMP
from tests.deploy.peers.sites import Site
from tests.directory.members.people import at_bluesky, on_x

PG_RESTORE: Final = PG_DUMP.with_name("pg_restore")


def publish(site: Site, name: str, x_id: int) -> tuple[UUID, UUID]:
    """Has somebody join and publish. Returns the member and the publication."""
    members = site.members()
    proven, x = at_bluesky(name, at=members.clock.now()), on_x(name, x_id, at=members.clock.now())
    signed_in = members.call(lambda parts: parts.membership.sign_in(proven))
    wish = Wish(members.link(signed_in.member, x).id, signed_in.account.id, consent=1)
    made = members.call(lambda parts: parts.publishing.publish(signed_in.member, wish))
    return signed_in.member, made.id


def secrets_of(site: Site, origin: str, name: str, x_id: int) -> dict[str, bytes]:
    """What a site holds of a mapping of somebody, and must not hold once it is withdrawn. The ends of a body are no secret:
    those of two people can be alike."""
    [row] = site.fetch(
        "SELECT s.salt, s.body FROM peer_log l JOIN origin o ON o.name = l.origin JOIN mapping m ON m.origin = o.id"
        " JOIN peer_statement s ON s.place = l.id * 1099511627776 + m.leaf WHERE l.origin = $1 AND m.x_id = $2",
        origin,
        x_id,
    )
    known = {"name": name.encode(), "number": str(x_id).encode()}
    assert all(secret in row["body"] for secret in known.values())
    return {"salt": row["salt"], "body": row["body"], **known}


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


def dump_to(dsn: str, file: Path) -> Path:
    """Makes a backup of a database."""
    subprocess.run([PG_DUMP, "--format=custom", "--file", file, dsn], check=True)
    return file


def restore_from(file: Path, dsn: str) -> None:
    """Puts a backup in the place of what a database holds."""
    subprocess.run(
        [PG_RESTORE, "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--dbname", dsn, file],
        check=True,
    )
