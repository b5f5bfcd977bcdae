"""What is withdrawn is in no backup that is made afterwards, and after the daily work in no file of the database."""

import asyncio
import base64
import subprocess
from pathlib import Path
from typing import Final

from deploy.embedded import EmbeddedDatabase, open_database
from deploy.embedded.binaries import find_installation
from deploy.migrate import migrate
from directory.members.publications import Wish
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from federation.own_log.daily import scrub_erased
from tests.directory.members.people import at_bluesky, on_x
from tests.federation.log_harness import HOST, ORIGIN, LogHarness
from tests.harness.clock import FakeClock

NAME: Final = "quixotequagga"
X_ID: Final = 7_316_845_209_417_734_651
PG_DUMP: Final = find_installation().postgres.parent / "pg_dump"
EDGE_BYTES: Final = 24
"""Of a body: it is one piece in a row, and its ends alone would give it away."""


def forms_of(secret: bytes) -> set[bytes]:
    """As a dump, a text, a log or a file of the database may hold it."""
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    forms |= {base64.b64encode(secret[skip : skip + len(secret) // 3 * 3 - 3]) for skip in range(3)}
    forms.add("".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in secret).encode())
    forms.add("".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in secret).encode())
    return forms | {form.replace(b"\\", b"\\\\") for form in forms}


def found_in(data: bytes, secrets: dict[str, bytes]) -> set[str]:
    return {name for name, secret in secrets.items() if any(form in data for form in forms_of(secret))}


def dump(dsn: str) -> bytes:
    """A whole backup, as text."""
    return subprocess.run([PG_DUMP, dsn], check=True, capture_output=True).stdout


def found_on_disk(data: Path, secrets: dict[str, bytes]) -> set[str]:
    """In which files below the data folder, keys aside, a secret stands."""
    files = [path for path in (data / "postgres").rglob("*") if path.is_file()]
    assert len(files) > 300
    return {str(path.relative_to(data)) for path in files if found_in(content_of(path), secrets)}


def content_of(path: Path) -> bytes:
    """The content of a file; nothing where the server has removed it since it was listed: it runs meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


async def live(database: EmbeddedDatabase) -> None:
    await migrate(database.dsn)
    opened = await Database.connect(database.dsn, max_connections=3)
    try:
        await publish_and_erase(database, opened)
    finally:
        await opened.close()


async def publish_and_erase(database: EmbeddedDatabase, opened: Database) -> None:
    clock = FakeClock()
    harness = LogHarness(opened, database.data_dir, clock)
    people = MemberStore(opened)
    membership = Membership(people, ClaimStore(opened), clock)
    publishing = Publishing(people, PublicationStore(opened), clock, ORIGIN)
    await harness.add_pending(40)
    signed_in = await membership.sign_in(at_bluesky(NAME, at=clock.now()))
    x = await membership.link(signed_in.member, on_x(NAME[:15], X_ID, at=clock.now()))
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    await harness.run()
    (statement,) = await harness.fetch(
        f"SELECT salt, body FROM log_statement s JOIN mapping m ON m.leaf = s.leaf WHERE m.x_id = {X_ID}"  # noqa: S608 - the parts are the test's own
    )
    secrets = {
        "salt": statement["salt"],
        "body": statement["body"],
        "start of the body": statement["body"][:EDGE_BYTES],
        "end of the body": statement["body"][-EDGE_BYTES:],
        "name": NAME[:15].encode(),
        "number": str(X_ID).encode(),
    }
    secrets = {
        name: secret
        for name, secret in secrets.items()
        if "of the body" not in name or NAME.encode() in secret
    }
    assert {"salt", "body", "name", "number"} <= set(secrets)
    async with opened.connection() as connection:
        await connection.execute("ANALYZE")
    assert found_in(dump(database.dsn), secrets) >= {"salt", "body", "name", "number"}
    assert any("pg_wal" in path for path in found_on_disk(database.data_dir, secrets))

    await Leaving(ExportStore(opened), ErasureStore(opened), clock, HOST).erase(signed_in.member)
    await harness.run()
    await harness.check()
    assert found_in(dump(database.dsn), secrets) == set()
    assert found_in(dump(database.superuser_dsn()), secrets) == set()
    assert await scrub_erased(opened)
    assert found_on_disk(database.data_dir, secrets) == set()
    assert len(await harness.live_leaves()) == 40


def test_nothing_of_who_left_is_in_a_dump_or_in_a_file(data_dir: Path) -> None:
    """Attack: somebody gets the disk, or last night's backup, and looks for who withdrew before that."""
    with open_database(data_dir) as database:
        asyncio.run(live(database))
