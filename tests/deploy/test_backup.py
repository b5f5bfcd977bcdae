"""`passerelle backup` and `passerelle restore`: from an instance that runs to the folder of another machine, whole, or not
at all."""

import asyncio
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from deploy.backups.archive import Archive, check_archive
from deploy.backups.errors import BackupError
from deploy.backups.making import make_backup
from deploy.backups.programs import Address
from deploy.backups.restoring import InUse, Restoring, _kept_free
from deploy.migrate import migrate, migrated
from deploy.migration_locks import WAITING_FOR_RESTORE
from deploy.wiring.instance import migrated_database
from directory.clock import SystemClock
from directory.errors import DirectoryUnavailable
from directory.settings import Settings
from directory.store.database import Connection
from directory.vault import Vault
from federation.keys.instance import MARK_FILE, KeyFolder, NewKeys
from tests.deploy.machines import fetch
from tests.deploy.pending import add_pending
from tests.deploy.test_restore import LOG, PATIENCE_S, REFUSED, Instance
from tests.harness.external_postgres import PASSWORD, external_postgres
from tests.harness.forking import Forks
from tests.harness.no_tls import NO_TLS
from tests.harness.postgres import SharedPostgres
from tests.harness.waiting import wait_until

KEYS: Final = ("log.key", "witness.key", "peer.key", "recovery.fingerprint", "recovery.key")


class Untold:
    """Is told how far a backup is, and does nothing."""

    def begin(self, what: str, total: int | None = None) -> None:
        pass

    def advance(self, count: int) -> None:
        pass


@pytest.fixture
async def empty(postgres: SharedPostgres) -> AsyncIterator[str]:
    async with postgres.database() as address:
        yield address


def folder_of(settings: Settings) -> Path:
    assert settings.data is not None
    return settings.data


def used_instance(place: Path, dsn: str, count: int = 3) -> Settings:
    """An instance that has keys, a vault and people, as a first start has made them."""
    add_pending(dsn, LOG, count)
    KeyFolder(place / "data").make_new(NewKeys.generate("localhost"))
    Vault.open(place / "data" / "vault", now=SystemClock().now(), may_create=True)
    return Settings(data=place / "data", database_url=dsn)


def back_up(settings: Settings, file: Path) -> Archive:
    assert settings.database_url is not None
    return make_backup(settings, settings.database_url, file, SystemClock(), Untold()).archive


def what_is_in(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def told_by(instance: Instance) -> str:
    """What an instance says of whether it is ready."""
    return httpx.get(f"{instance.url}/readyz", trust_env=False, verify=NO_TLS).text


def test_an_instance_moves_to_another_machine_with_its_backup(folder: Path) -> None:
    """The documented restore failed with `relation … already exists`, and left keys and vault to the operator."""
    old, new = Instance(folder), Instance(folder / "elsewhere")
    (folder / "elsewhere").mkdir()
    file = folder / "instance.backup"
    with old.command.started("serve") as running:
        running.wait_until_ready(old.url)
        dsn = _embedded_dsn(folder / "data")
        add_pending(dsn, LOG, 3)
        assert wait_until(lambda: (seen := old.checkpoint()) is not None and seen.size == 4, PATIENCE_S)
        made = old.command.run("backup", file)
        assert made.code == 0, made.err
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "It was read again and checked" in made.out
        assert f"still in {folder}/data/keys/recovery.key" in made.err, "whoever keeps it there is told"
        refused = old.command.run("restore", "--replace", file)
        assert (refused.code, "stop the instance" in refused.sentence) == (1, True), (
            "not beneath a running one"
        )
        add_pending(dsn, LOG, 5)
        assert wait_until(lambda: (seen := old.checkpoint()) is not None and seen.size == 9, PATIENCE_S)
        running.send(signal.SIGTERM)
        assert running.wait() == 0

    there = folder / "elsewhere" / "data"
    restored = new.command.run("restore", file)
    assert restored.code == 0, restored.out + restored.err
    assert "All is well: 4 leaves of localhost/log lead to the signed root." in restored.out
    assert "passerelle recover --confirm 4" in restored.err
    for name in KEYS:
        assert (there / "keys" / name).read_bytes() == (folder / "data" / "keys" / name).read_bytes()
        assert stat.S_IMODE((there / "keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((there / "vault").stat().st_mode) == 0o700
    assert not (there / "keys" / MARK_FILE).exists(), "the mark belongs to the machine that signs"
    again = new.command.run("restore", file)
    assert (again.code, "--replace" in again.sentence) == (1, True)

    with new.command.started("serve") as running:
        running.wait_until_ready(new.url)

        def waiting() -> bool:
            return "publishing waits" in told_by(new)

        assert wait_until(waiting, PATIENCE_S), "nothing is signed by a copy that may be older"
        answer = httpx.get(f"{new.url}/api/v1/lookup?x=@person1", trust_env=False, verify=NO_TLS)
        assert answer.json()["answers"], "lookups go on"
        confirmed = new.command.run("recover", "--confirm", "4", said="y\n")
        assert confirmed.code == 0, confirmed.err
        add_pending(_embedded_dsn(there), LOG, 2)
        assert wait_until(lambda: (seen := new.checkpoint()) is not None and seen.size == 6, PATIENCE_S)
        running.send(signal.SIGTERM)
        assert running.wait() == 0

    _gone_on_with_at_home(folder, old, file)


def _gone_on_with_at_home(folder: Path, old: Instance, file: Path) -> None:
    """On the machine that has signed more, the mark stays, and the older copy is not signed."""
    mark = (folder / "data" / "keys" / MARK_FILE).read_bytes()
    replaced = old.command.run("restore", "--replace", file)
    assert replaced.code == 0, replaced.err
    assert "9 leaves were signed, and the backup holds 4 leaves" in replaced.err
    assert (folder / "data" / "keys" / MARK_FILE).read_bytes() == mark
    log = folder / "stderr.log"
    log.write_text("")
    with old.command.started("serve") as running:
        running.wait_until_ready(old.url)
        assert wait_until(lambda: REFUSED in log.read_text(), PATIENCE_S), log.read_text()
        running.send(signal.SIGTERM)
        assert running.wait() == 0


def _embedded_dsn(data: Path) -> str:
    return f"postgresql://passerelle@/passerelle?host={data / 'postgres'}&port=5432"


def test_a_backup_goes_to_an_older_server_with_a_password_too(tmp_path: Path, dsn: str) -> None:
    """A dump of version 18 begins with a setting that 16 does not know; and arguments are shown to everybody."""
    settings = used_instance(tmp_path, dsn)
    archive = back_up(settings, tmp_path / "one.backup")
    there = tmp_path / "there"
    with external_postgres() as server:
        made = SharedPostgres(server.dsn, "backups")
        url = asyncio.run(made.create_database_from_template("target"))
        target = Settings(data=there, database_url=url)
        Restoring(target, url, SystemClock(), Untold()).restore(archive, replace=False)
        assert fetch(url, "SELECT count(*) FROM mapping")[0][0] == 3
        back = back_up(target, tmp_path / "two.backup")
        assert back.description.rows == archive.description.rows
        assert back.secrets == archive.secrets
        Restoring(target, url, SystemClock(), Untold()).restore(back, replace=True)
        assert Address.of(url).environment == {"PGPASSWORD": PASSWORD}
        assert quote(PASSWORD, safe="") not in Address.of(url).dsn


class Breaking(Untold):
    """Breaks off in the middle of the dump."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.now = ""

    def begin(self, what: str, total: int | None = None) -> None:
        self.now = what
        if what == self.what:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("what", ["Counting", "Dumping the database", "Checking"])
def test_a_cancelled_backup_leaves_nothing(tmp_path: Path, dsn: str, what: str) -> None:
    settings = used_instance(tmp_path, dsn)
    before = what_is_in(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        make_backup(settings, dsn, tmp_path / "one.backup", SystemClock(), Breaking(what))
    assert what_is_in(tmp_path) == before


class Watching(Untold):
    """Does something while the dump is written."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile
        self.seen: object = None

    def begin(self, what: str, total: int | None = None) -> None:
        if what == "Dumping the database":
            self.seen = self.meanwhile()


def test_a_backup_has_no_name_before_it_is_whole(tmp_path: Path, dsn: str) -> None:
    """Killed (there was no memory left), it left a hidden file with keys and members. Nobody removed it: each has another name."""
    settings = used_instance(tmp_path, dsn)
    before = what_is_in(tmp_path)
    watching = Watching(lambda: what_is_in(tmp_path))
    make_backup(settings, dsn, tmp_path / "one.backup", SystemClock(), watching)
    assert watching.seen == before
    assert stat.S_IMODE((tmp_path / "one.backup").stat().st_mode) == 0o600


def test_two_backups_of_one_name_do_not_meet(tmp_path: Path, dsn: str) -> None:
    """Each removed what the other had written, and neither was made."""
    settings = used_instance(tmp_path, dsn)
    file = tmp_path / "one.backup"
    second = Watching(lambda: back_up(settings, file))
    with pytest.raises(BackupError, match="exists already"):
        make_backup(settings, dsn, file, SystemClock(), second)
    assert second.seen == check_archive(file, lambda count: None)


def test_a_file_system_without_nameless_files_will_do(
    tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.backups.archive._OPEN_FILES", tmp_path / "nothing")
    settings = used_instance(tmp_path, dsn)
    (tmp_path / ".one.backup.new").write_text("of a run that was killed")
    back_up(settings, tmp_path / "one.backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "one.backup"]


CANCELLED: Final = """
import os, signal, sys
from pathlib import Path
from deploy.backups.archive import check_archive
from deploy.backups.programs import Address
from deploy.backups.restoring import Restoring
from directory.clock import SystemClock
from directory.settings import Settings

class Telling:
    def begin(self, what, total=None):
        pass

    def advance(self, count):
        os.kill(os.getpid(), getattr(signal, sys.argv[4]))

archive = check_archive(Path(sys.argv[1]), lambda count: None)
settings = Settings(data=Path(sys.argv[2]), database_url=sys.argv[3])
Restoring(settings, sys.argv[3], SystemClock(), Telling()).restore(archive, replace=True)
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGKILL"])
def test_a_restore_that_is_broken_off_has_changed_nothing(
    tmp_path: Path, dsn: str, empty: str, number: str
) -> None:
    """psql takes the end of its input for the end of the script: with its own `--single-transaction` a restore that was
    killed would have been committed as far as it went."""
    file, there = tmp_path / "one.backup", tmp_path / "there"
    back_up(used_instance(tmp_path, dsn), file)
    asyncio.run(migrate(empty))
    add_pending(empty, LOG, 7)
    ended = subprocess.run(
        [sys.executable, "-c", CANCELLED, file, there, empty, number], check=False, capture_output=True
    )
    assert ended.returncode == -signal.Signals[number], ended.stderr
    assert not (there / "keys").exists()
    assert fetch(empty, "SELECT count(*) FROM mapping")[0][0] == 7
    archive = check_archive(file, lambda _: None)
    settings = Settings(data=there, database_url=empty)
    alone = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
    assert wait_until(lambda: bool(fetch(empty, alone)[0][0]), PATIENCE_S)
    Restoring(settings, empty, SystemClock(), Untold()).restore(archive, replace=True)
    assert fetch(empty, "SELECT count(*) FROM mapping")[0][0] == 3
    assert sorted(path.name for path in there.iterdir()) == ["keys", "vault"], (
        "what the killed one left is gone"
    )


STARTED: Final = """
import asyncio, sys, asyncpg
async def run():
    connection = await asyncpg.connect(sys.argv[1])
    print("up", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await connection.close()
asyncio.run(run())
"""


class Starting(Untold):
    """An instance that starts while a backup is restored, after the look at who uses the database."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.instance: subprocess.Popen[bytes] | None = None

    def begin(self, what: str, total: int | None = None) -> None:
        command = [sys.executable, "-c", STARTED, self._dsn]
        self.instance = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.instance.stdout
        assert self.instance.stdout.readline() == b"up\n"

    def stop(self) -> None:
        assert self.instance
        self.instance.communicate()


MIGRATE: Final = "import asyncio, sys; from deploy.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"


class WaitingToStart(Untold):
    """An instance that starts while a backup is restored, and waits for its end."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.instance: subprocess.Popen[bytes] | None = None

    def begin(self, what: str, total: int | None = None) -> None:
        if self.instance is None:
            self.instance = subprocess.Popen(
                [sys.executable, "-c", MIGRATE, self._dsn], cwd=Path(__file__).parents[2]
            )
            assert wait_until(lambda: bool(fetch(self._dsn, WAITING_FOR_RESTORE)), PATIENCE_S)


def test_who_waits_to_start_does_not_end_a_restore(tmp_path: Path, dsn: str, empty: str) -> None:
    """A service manager starts an instance again and again: each would have ended the restore."""
    archive = back_up(used_instance(tmp_path, dsn), tmp_path / "one.backup")
    asyncio.run(migrate(empty))
    waiting = WaitingToStart(empty)
    Restoring(Settings(data=tmp_path / "there", database_url=empty), empty, SystemClock(), waiting).restore(
        archive, replace=True
    )
    assert waiting.instance
    assert waiting.instance.wait(PATIENCE_S) == 0


def test_a_restore_ends_where_an_instance_has_started(tmp_path: Path, dsn: str, empty: str) -> None:
    """It looked once, before it began: an instance that started right then went on, over a database that was exchanged beneath
    it, with what it remembered of the former one."""
    file, there = tmp_path / "one.backup", tmp_path / "there"
    archive = back_up(used_instance(tmp_path, dsn), file)
    asyncio.run(migrate(empty))
    add_pending(empty, LOG, 7)
    starting = Starting(empty)
    with pytest.raises(BackupError, match=r"an instance has started .* Nothing was changed"):
        Restoring(Settings(data=there, database_url=empty), empty, SystemClock(), starting).restore(
            archive, replace=True
        )
    starting.stop()
    assert fetch(empty, "SELECT count(*) FROM mapping")[0][0] == 7
    assert not (there / "keys").exists()


def test_what_was_there_is_kept_or_refused(tmp_path: Path, dsn: str, empty: str) -> None:
    file = tmp_path / "one.backup"
    settings = used_instance(tmp_path, dsn)
    archive = back_up(settings, file)
    there = tmp_path / "there"
    shutil.copytree(tmp_path / "data", there)
    (there / "keys" / "log.key").unlink()
    (there / "keys" / "recovery.key").unlink()
    (there / "keys" / "log-0a0b0c0d.key").write_bytes(b"newer\n")
    (there / "keys" / "log-0a0b0c0d.key").chmod(0o600)
    vault = (there / "vault" / "vault.keys").read_bytes()
    (there / "vault" / "vault.keys").write_bytes(vault + b"\n")
    done = Restoring(Settings(data=there), empty, SystemClock(), Untold()).restore(archive, replace=False)
    kept = sorted(path.name for path in (there / "keys").iterdir())
    assert "log-0a0b0c0d.key" in kept, "keys that are newer than the backup"
    assert "log.key" in kept, "a key that was lost"
    assert "recovery.key" not in kept, "one that the operator took off this machine"
    assert (there / "vault" / "vault.keys").read_bytes() == vault
    assert done.vault_aside is not None
    assert (done.vault_aside / "vault.keys").read_bytes() == vault + b"\n"

    (there / "keys" / "peer.key").write_bytes(b"PASSERELLE+PEER+KEY+other\n")
    before = what_is_in(there)
    refused = Forks(tmp_path, {"data": str(there), "database_url": empty}).run("restore", "--replace", file)
    assert (refused.code, "are not those of the backup" in refused.sentence) == (1, True)
    assert what_is_in(there) == before


def test_a_backup_of_another_address_is_refused(tmp_path: Path, dsn: str, empty: str) -> None:
    back_up(used_instance(tmp_path, dsn), tmp_path / "one.backup")
    there = tmp_path / "there"
    command = Forks(tmp_path, {"data": str(there), "public_url": "https://find.example"})
    refused = command.run("restore", "one.backup", database_url=empty)
    assert refused.code == 1
    assert "is a backup of localhost/log, and this instance is find.example/log" in refused.sentence
    assert not there.exists()


class Rotating(Untold):
    """Changes the vault while the database is dumped."""

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file

    def begin(self, what: str, total: int | None = None) -> None:
        if what == "Dumping the database":
            self.key_file.write_bytes(self.key_file.read_bytes() + b"\n")


def test_no_backup_holds_a_vault_of_another_moment(tmp_path: Path, dsn: str) -> None:
    """A vault that is rotated meanwhile would not open what the dump holds."""
    settings = used_instance(tmp_path, dsn)
    telling = Rotating(folder_of(settings) / "vault" / "vault.keys")
    with pytest.raises(Exception, match="have changed meanwhile"):
        make_backup(settings, dsn, tmp_path / "one.backup", SystemClock(), telling)
    assert not (tmp_path / "one.backup").exists()


@pytest.mark.parametrize("gone", ["keys/log.key", "keys/peer.key", "vault/vault.keys"])
def test_what_a_backup_lacks_is_told(tmp_path: Path, dsn: str, gone: str) -> None:
    """It said that all was checked, and those of before were deleted in time: with them the last copy of the key."""
    settings = used_instance(tmp_path, dsn)
    assert make_backup(settings, dsn, tmp_path / "whole.backup", SystemClock(), Untold()).lacking == []
    (folder_of(settings) / gone).unlink()
    command = Forks(tmp_path, {"data": str(folder_of(settings)), "database_url": dsn})
    shown = command.run("backup", "less.backup")
    assert shown.code == 0
    assert (
        f"It lacks what this machine does not have: the key file {folder_of(settings) / gone} is missing."
        in shown.err
    )


def test_a_server_without_room_is_told(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of a dump is a small file at the server: where its disk was full, the command ended with a traceback."""

    async def without_room(_: Connection) -> str:
        raise asyncpg.DiskFullError("could not write to file: No space left on device")

    settings = used_instance(tmp_path, dsn)
    monkeypatch.setattr("deploy.backups.dumping.export_snapshot", without_room)
    with pytest.raises(DirectoryUnavailable, match="the disk of the database is full"):
        make_backup(settings, dsn, tmp_path / "one.backup", SystemClock(), Untold())
    assert not (tmp_path / "one.backup").exists()


def test_files_are_not_replaced_and_folders_not_made(tmp_path: Path, dsn: str) -> None:
    (tmp_path / "there.backup").write_text("mine")
    command = Forks(tmp_path, {"data": str(tmp_path / "data")})
    taken = command.run("backup", "there.backup", database_url=dsn)
    assert (taken.code, "exists already" in taken.sentence) == (1, True)
    assert (tmp_path / "there.backup").read_text() == "mine"
    mistyped = command.run("backup", "new.backup")
    assert (mistyped.code, "no instance here to back up" in mistyped.sentence) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["there.backup"]


async def test_an_instance_that_starts_during_a_restore_waits_for_its_end(dsn: str) -> None:
    """One of the same version, which a service manager starts anew, had nothing to migrate: it came in between the count of
    connections and the end, and what members did there in between was lost."""
    await migrate(dsn)
    async with _kept_free(dsn, replace=True):
        starting = asyncio.create_task(_start(dsn))
        done, _ = await asyncio.wait([starting], timeout=0.5)
        assert not done
    assert await asyncio.wait_for(starting, PATIENCE_S)


async def test_a_restore_does_not_begin_while_an_instance_starts(dsn: str) -> None:
    """It has no connection for a moment, between its migrations and its pool."""
    async with migrated(dsn):
        with pytest.raises(InUse):
            async with _kept_free(dsn, replace=True):
                pass
    async with _kept_free(dsn, replace=True):
        pass


async def _start(dsn: str) -> bool:
    async with migrated_database(dsn, connections=1) as database, database.connection() as connection:
        return bool(await connection.fetchval("SELECT true"))


END_OTHERS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_a_server_that_goes_while_it_is_dumped_is_told(tmp_path: Path, dsn: str) -> None:
    """The end of the moment, on a connection that is closed, was the driver's own error, and a traceback."""
    settings = used_instance(tmp_path, dsn)
    watching = Watching(lambda: fetch(dsn, END_OTHERS))
    with pytest.raises(BackupError, match="pg_dump"):
        make_backup(settings, dsn, tmp_path / "one.backup", SystemClock(), watching)
    assert not (tmp_path / "one.backup").exists()


class EndingAll(Untold):
    """The server restarts while a backup is restored."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def advance(self, count: int) -> None:
        fetch(self._dsn, END_OTHERS)


def test_a_server_that_goes_while_it_is_restored_is_told(tmp_path: Path, dsn: str, empty: str) -> None:
    archive = back_up(used_instance(tmp_path, dsn), tmp_path / "one.backup")
    settings = Settings(data=tmp_path / "there", database_url=empty)
    with pytest.raises(BackupError, match="psql"):
        Restoring(settings, empty, SystemClock(), EndingAll(empty)).restore(archive, replace=False)
    assert not (tmp_path / "there" / "keys").exists()
