"""A real instance under a role that may open few connections: it answers, says the cause, and signs."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx

from deploy.embedded.locks import wait_until
from deploy.ports import free_port
from federation.protocol.log_state import read_own_checkpoint
from tests.deploy.machines import fetch
from tests.deploy.pending import add_pending
from tests.harness.forking import Forks
from tests.harness.no_tls import NO_TLS
from tests.harness.postgres import SharedPostgres

ASKED: Final = 60
PATIENCE_S: Final = 60
LOG: Final = "localhost/log"


@asynccontextmanager
async def limited(postgres: SharedPostgres, dsn: str, granted: int) -> AsyncIterator[str]:
    """Yields the address of a database for a role that may open so many connections."""
    role = f"few_{secrets.token_hex(4)}"
    parts = urlsplit(dsn)
    admin = await asyncpg.connect(postgres._admin_dsn)
    try:
        await admin.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {granted} PASSWORD 'few'")
        await admin.execute(f'GRANT "{parts.username}" TO {role}')
        yield urlunsplit(parts._replace(netloc=f"{role}:few@{parts.netloc.rpartition('@')[2]}"))
        await admin.execute(f"DROP ROLE {role}")
    finally:
        await admin.close()


async def test_it_serves_and_signs(postgres: SharedPostgres, dsn: str, folder: Path) -> None:
    """Requests beyond what the role was granted failed, or the sequencer found no connection and signed nothing."""
    async with limited(postgres, dsn, granted=5) as few:
        told = await served_and_signed(few, dsn, folder / "one", workers=1)
    assert '"the role may open 5"' in told


async def test_several_processes_share_what_is_granted(
    postgres: SharedPostgres, dsn: str, folder: Path
) -> None:
    """Each took what the role was granted as if it were alone."""
    async with limited(postgres, dsn, granted=9) as few:
        told = await served_and_signed(few, dsn, folder / "several", workers=2)
    assert told.count('"the role may open 9, of 3 processes"') == 3


async def served_and_signed(limited: str, dsn: str, data: Path, workers: int) -> str:
    """Has an instance serve more requests than it has connections, and sign. Returns what it logged."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "data": str(data),
        "port": str(port),
        "database_url": limited,
        "log_format": "json",
        "rate_lookups_per_minute": "0",
        "rate_pages_per_minute": "0",
        "workers": str(workers),
    }
    with Forks(data.parent, settings).started("serve") as running:
        await asyncio.to_thread(running.wait_until_ready, url)
        async with httpx.AsyncClient(
            base_url=url, timeout=PATIENCE_S, trust_env=False, verify=NO_TLS
        ) as client:
            paths = ["/", "/about", "/api/v1/lookup?x=@person1"]
            answers = await asyncio.gather(*(client.get(paths[each % 3]) for each in range(ASKED)))
        assert {answer.status_code for answer in answers} == {200}
        await asyncio.to_thread(add_pending, dsn, LOG, 3)
        assert await asyncio.to_thread(wait_until, lambda: signed(dsn) == 4, PATIENCE_S), running.logged()
        assert "the database refuses more connections" in running.logged()
        assert "too many connections for role" not in running.logged()
        running.process.terminate()
        assert await asyncio.to_thread(running.wait) == 0
        return running.logged()


def signed(dsn: str) -> int:
    """How many entries the log has signed."""

    rows = fetch(dsn, "SELECT published FROM log_state")
    return 0 if not rows or rows[0][0] is None else read_own_checkpoint(rows[0][0]).size
