"""`passerelle vault rotate` over rows of every sealed kind: before, after, killed half way, and a day later."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from deploy.wiring.members import MemberParts
from deploy.wiring.vault import VAULT_FOLDER
from directory.accounts import AccountNetwork
from directory.clock import SystemClock
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.members.sessions import new_token
from directory.networks.mastodon.apps import App
from directory.networks.port import Purpose
from directory.services.kept_apps import KeptApps
from directory.services.newcomer_messages import MessageChoices
from directory.services.signing_in import Departure
from directory.store.consents import ConsentStore
from directory.store.database import Database
from directory.store.mastodon_apps import MastodonAppStore
from directory.store.member_tables import SEALED_TABLES
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.vault import KEY_FILE_NAME, Secret, Vault
from tests.deploy.members import Members
from tests.directory.members.test_permissions import tokens
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS
from tests.harness.waiting import wait_until

APP = App("social.example", "profile", "https://one.example/back", "client", "app secret", datetime.now(UTC))


@pytest.fixture(scope="module")
def members(folder: Path) -> Iterator[Members]:
    with open_database(folder / "data", FAST_SETTINGS) as database:
        yield Members(folder / "data", database.dsn)


@pytest.fixture(scope="module")
def command(folder: Path) -> Command:
    return Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


@pytest.fixture
def key_file(folder: Path) -> Path:
    return folder / "data" / VAULT_FOLDER / KEY_FILE_NAME


class Sealed:
    """One row of each sealed table, stored by an instance that goes on running meanwhile."""

    def __init__(self, members: Members, key_file: Path) -> None:
        self._members = members
        self._vault = Vault.open(key_file.parent, now=datetime.now(UTC), may_create=False)
        self.browser, self.state = new_token(), new_token()
        now = datetime.now(UTC)
        name = f"m{new_token()[:8].lower().replace('_', 'x').replace('-', 'x')}"
        self.member = members.join(name)

        async def put(services: MemberParts) -> None:
            (account,) = await services.membership.accounts(self.member)
            await services.permissions.keep(account.id, Purpose.FOLLOW, tokens("handed over", now))
            await services.permissions.give_back(account.id, Purpose.FOLLOW)
            await services.permissions.keep(account.id, Purpose.FOLLOW, tokens("kept", now))
            self.account = account.id
            self.challenge = await services.proving.new_challenge(self.member, "one.example", "en")
            departure = Departure(self.state, Purpose.PROVE, AccountNetwork.X, None, Secret(b"record"))
            await services.signing_in.begin(self.browser, departure)

        members.call(put)
        asyncio.run(self._put_app())

    async def _put_app(self) -> None:
        database = await Database.connect(self._members.dsn, max_connections=1)
        try:
            await KeptApps(MastodonAppStore(database), self._vault).put(APP)
            messages, consents = NewcomerMessageStore(database), ConsentStore(database)
            offered = frozenset({AccountNetwork.BLUESKY})
            choices = MessageChoices(messages, consents, self._vault, SystemClock(), offered)
            version = PRESENT_VERSION[ConsentKind.ANNOUNCE_NEWCOMERS]
            await choices.choose(self.member, self.account, version, "en")
        finally:
            await database.close()

    def check(self) -> None:
        """Asserts that each row opens, with its former content."""

        async def read(services: MemberParts) -> None:
            assert (await services.permissions.read(self.account, Purpose.FOLLOW)).access == "kept"
            assert await services.proving.open_challenge(self.member) == self.challenge
            back = await services.signing_in.finish(self.browser, self.state, None)
            assert back.secrets.reveal() == b"record"
            departure = Departure(self.state, Purpose.PROVE, AccountNetwork.X, None, Secret(b"record"))
            await services.signing_in.begin(self.browser, departure)

        self._members.call(read)
        for table, context_of in SEALED_TABLES.items():
            for row in self.rows(table):
                assert self._vault.unseal(row["sealed"], context_of(row["id"])).reveal()

    def keys(self) -> dict[str, set[str]]:
        """Returns the keys that the rows of each table are sealed under."""
        return {table: {row["sealed"][1:5].hex() for row in self.rows(table)} for table in SEALED_TABLES}

    def rows(self, table: str) -> list[asyncpg.Record]:
        """Returns the sealed messages of a table."""
        return self._members.fetch(f"SELECT id, sealed FROM {table}")  # noqa: S608 - one of our own names


@pytest.fixture
def sealed(members: Members, key_file: Path) -> Sealed:
    members.call(_nothing)  # makes the vault, as the first start of an instance does
    return Sealed(members, key_file)


async def _nothing(_: MemberParts) -> None:
    """Does nothing: opening the services is enough."""


def key_ids(key_file: Path) -> list[str]:
    """Returns the ids of the keys, the newest first."""
    return [key["id"] for key in json.loads(key_file.read_bytes())["keys"]]


def let_a_day_pass(key_file: Path) -> None:
    """Dates all keys back by a day."""
    ring = json.loads(key_file.read_bytes())
    for key in ring["keys"]:
        made = datetime.fromisoformat(key["created"]) - timedelta(days=1, minutes=1)
        key["created"] = made.isoformat()
    key_file.write_text(json.dumps(ring))


def test_everything_is_sealed_anew_and_opens(sealed: Sealed, command: Command, key_file: Path) -> None:
    """The former key stays for a day, for what was being sealed meanwhile, and goes with `--finish`."""
    before = key_ids(key_file)
    count = sum(len(sealed.rows(table)) for table in SEALED_TABLES)
    assert count >= len(SEALED_TABLES)
    done = command.run("vault", "rotate")
    newest, *former = key_ids(key_file)
    assert former == before
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Key {newest} seals from now on; {count} sealed anew.\n"
    assert all(keys == {newest} for keys in sealed.keys().values())
    assert key_file.stat().st_mode & 0o777 == 0o600
    sealed.check()
    let_a_day_pass(key_file)
    finished = command.run("vault", "rotate", "--finish")
    assert (finished.code, finished.err) == (0, "")
    assert "; 0 sealed anew." in finished.out
    assert all(key in finished.out.partition("Forgotten: ")[2] for key in before)
    assert key_ids(key_file) == [newest]
    sealed.check()


def test_killed_half_way_it_is_finished_later(
    sealed: Sealed, members: Members, command: Command, key_file: Path
) -> None:
    """kill -9 between two tables: both keys are in the file, every row opens under one of them, and the next
    run seals what is left."""
    (old,) = set().union(*sealed.keys().values())

    async def kill_while_a_row_is_held() -> None:
        connection = await asyncpg.connect(members.dsn)
        try:
            async with connection.transaction():
                await connection.execute("SELECT 1 FROM challenge FOR UPDATE")
                with command.started("vault", "rotate") as running:
                    blocked = await asyncio.to_thread(wait_until, lambda: is_waiting(members), 60)
                    assert blocked, running.log.read_text()
                    running.process.kill()
                    running.wait()
        finally:
            await connection.close()

    asyncio.run(kill_while_a_row_is_held())
    new, *kept = key_ids(key_file)
    assert kept == [old]
    assert sealed.keys() == {
        "token": {new},
        "challenge": {old},
        "sign_in": {old},
        "newcomer_message": {old},
        "revocation": {old},
        "mastodon_app": {old},
    }
    sealed.check()
    finished = command.run("vault", "rotate", "--finish")
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.startswith(f"Key {new} seals from now on; ")
    assert all(keys == {new} for keys in sealed.keys().values())
    sealed.check()


def is_waiting(members: Members) -> bool:
    """Returns whether a process waits for a row that is locked."""
    sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%challenge%'"
    return bool(members.fetch(sql))


def test_without_its_key_file_nothing_is_touched(sealed: Sealed, command: Command, key_file: Path) -> None:
    """A new key would not open what is there, so none is made."""
    before, content = sealed.keys(), key_file.read_bytes()
    key_file.unlink()
    try:
        refused = command.run("vault", "rotate")
        assert not key_file.exists()
    finally:
        key_file.write_bytes(content)
        key_file.chmod(0o600)
    assert refused.code == 1
    assert refused.sentence.startswith("passerelle: the vault's key file ")
    assert refused.sentence.endswith("or put it back from its backup.")
    assert sealed.keys() == before
    sealed.check()
