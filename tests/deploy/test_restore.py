"""A database from a backup: what was signed after it is not signed again, and the operator is told what to do."""

import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.embedded.binaries import find_installation
from deploy.migrate import migrate
from deploy.ports import free_port
from federation.protocol.log_state import read_own_checkpoint
from federation.tlog.checkpoint import Checkpoint
from tests.conftest import TEMPLATE
from tests.deploy.pending import add_pending
from tests.harness.forking import Forks
from tests.harness.no_tls import NO_TLS
from tests.harness.postgres import SharedPostgres
from tests.harness.waiting import wait_until

PATIENCE_S: Final = 60
LOG: Final = "localhost/log"
TOOLS: Final = find_installation().postgres.parent
REFUSED: Final = (
    "the database is older than what this instance has signed: it holds 4 leaves, and 9 were signed"
)
MEND: Final = (
    "Run `passerelle recover`, which brings what is missing back from peers; or stop the instance and restore a newer copy"
    ' of its database, one that holds all that was signed (docs/operations.md, "A database from a backup").'
)


@pytest.fixture
async def addresses(postgres: SharedPostgres) -> AsyncIterator[tuple[str, str, str]]:
    """A database that is used, and two empty ones to restore into."""
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as used, postgres.database() as one, postgres.database() as two:
        yield used, one, two


class Instance:
    """One data folder, and whichever database it is given."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = Forks(folder, {"data": str(folder / "data"), "port": str(self.port)})
        self.seen: dict[int, Checkpoint] = {}

    def checkpoint(self) -> Checkpoint | None:
        """Returns the served checkpoint, and asserts that no size is ever served with two roots."""
        answer = httpx.get(f"{self.url}/log/checkpoint", trust_env=False, verify=NO_TLS)
        if answer.status_code != 200:
            return None
        served = read_own_checkpoint(answer.content)
        assert self.seen.setdefault(served.size, served) == served
        return served

    def grow(self, dsn: str, size: int) -> None:
        """Runs until the published log has so many leaves."""
        with self.command.started("serve", database_url=dsn) as running:
            running.wait_until_ready(self.url)
            assert wait_until(
                lambda: (served := self.checkpoint()) is not None and served.size == size, PATIENCE_S
            )
            running.send(signal.SIGTERM)
            assert running.wait() == 0


def dump(dsn: str, file: Path) -> Path:
    subprocess.run([TOOLS / "pg_dump", "--format=custom", "--file", file, dsn], check=True)
    return file


def restore(file: Path, dsn: str) -> None:
    subprocess.run([TOOLS / "pg_restore", "--no-owner", "--exit-on-error", "--dbname", dsn, file], check=True)


def test_an_older_copy_is_not_signed_and_a_newer_one_goes_on(
    folder: Path, addresses: tuple[str, str, str]
) -> None:
    """Attack by accident: the backup of last night, gone on with, gives other roots to sizes that others have seen."""
    used, old, new = addresses
    instance = Instance(folder)
    add_pending(used, LOG, 3)
    instance.grow(used, 4)
    older = dump(used, folder / "older.dump")
    add_pending(used, LOG, 5)
    instance.grow(used, 9)
    newer = dump(used, folder / "newer.dump")
    restore(older, old)
    add_pending(old, LOG, 7)
    log = folder / "stderr.log"
    log.write_text("")
    with instance.command.started("serve", database_url=old) as running:
        running.wait_until_ready(instance.url)
        assert wait_until(lambda: REFUSED in log.read_text(), PATIENCE_S), log.read_text()
        assert MEND.partition(" (")[0] in log.read_text()
        served = instance.checkpoint()
        assert served is not None
        assert served.size == 4, "what was served then is served still, and nothing new"
        answer = httpx.get(f"{instance.url}/api/v1/lookup?x=@person1", trust_env=False, verify=NO_TLS)
        assert answer.status_code == 200, "lookups go on"
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    shown = instance.command.run("doctor", database_url=old)
    words = " ".join(shown.out.split())
    assert shown.code == 1
    assert "✗ Signed log" in words
    assert "older than what this instance has signed" in words
    failed = instance.command.run("keys", "rotate", database_url=old)
    assert (
        failed.sentence
        == f"passerelle: {REFUSED}. It seems to come from a backup. Nothing was signed. {MEND}"
    )

    restore(newer, new)
    add_pending(new, LOG, 2)
    instance.grow(new, 11)
    checked = instance.command.run("fsck", database_url=new)
    assert (checked.code, "All is well" in checked.out) == (0, True), checked.out + checked.err
