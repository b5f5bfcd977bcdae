"""A second machine over the database of an instance: with the instance's secrets it starts, else it is refused."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.migrate import migrate
from federation.keys.instance import KeyFolder
from tests.conftest import TEMPLATE
from tests.deploy.machines import PATIENCE_S, Machine, fetch
from tests.deploy.members import Members
from tests.deploy.pending import add_pending
from tests.harness.command import UP
from tests.harness.postgres import SharedPostgres
from tests.harness.waiting import wait_until

LOG = "localhost/log"
PUBLIC = {"public_url": "https://one.peertest.dev"}
RECORD = "SELECT part, fingerprint FROM instance_identity ORDER BY part"
EVERYTHING = "vault", "keys"


@pytest.fixture
def one(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "one", dsn)


@pytest.fixture
def two(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "two", dsn)


@pytest.fixture
async def other_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    """The database of another instance."""
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


def publish(machine: Machine, dsn: str, size: int) -> None:
    """Runs the machine's sequencer until so many leaves are published."""
    published = f"SELECT FROM log_state WHERE published_size = {size}"
    with machine.running(roles="sequencer"):
        assert wait_until(lambda: bool(fetch(dsn, published)), PATIENCE_S)


def seal_something(machine: Machine, dsn: str) -> None:
    """Opens a challenge for a member, whose nonce is sealed."""
    members = Members(machine.data, dsn)
    member = members.join("ada")
    members.call(lambda parts: parts.proving.new_challenge(member, "one.example", "en"))


def test_an_empty_folder_makes_nothing_of_its_own(one: Machine, two: Machine) -> None:
    """Attack by accident: new keys and a new vault, where nothing is sealed and nothing said yet."""
    one.run_once()
    refused = two.refused()
    assert f"(last seen in {one.data / 'vault'} on " in refused
    assert f"the vault's key file {two.data / 'vault' / 'vault.keys'} is missing" in refused
    assert refused.endswith(". Copy its folder from the machine that has it, or put it back from its backup.")
    assert two.holds() == set()
    two.copy(one, "vault")
    refused = two.refused()
    assert f"there are no keys in {two.data / 'keys'}" in refused
    assert f"(last seen in {one.data / 'keys'} on " in refused
    assert "copy the folder from the machine that has it" in refused
    assert not (two.data / "keys").exists()
    two.copy(one, "keys")
    two.run_once()


def test_secrets_of_another_instance_are_refused(
    one: Machine, two: Machine, tmp_path: Path, other_dsn: str
) -> None:
    """A folder that was used elsewhere before."""
    one.run_once()
    elsewhere = Machine(tmp_path, "elsewhere", other_dsn)
    elsewhere.run_once()
    two.copy(elsewhere, *EVERYTHING)
    refused = two.refused()
    assert f"the vault in {two.data / 'vault'} is not that of this instance" in refused
    assert f"last seen in {one.data / 'vault'} on " in refused
    two.copy(one, "vault")
    refused = two.refused()
    assert f"the keys in {two.data / 'keys'} are not those of this instance" in refused
    assert "PASSERELLE_ROLES" in refused
    assert "are not those of this instance" in two.refused("keys", "make")


def test_each_role_asks_for_what_it_needs(one: Machine, two: Machine) -> None:
    """The vault for pages and jobs, the keys for the log."""
    one.run_once()
    two.copy(one, "vault")
    two.run_once(roles="web,worker")
    assert "keys" not in two.holds()
    shutil.rmtree(two.data)
    two.copy(one, "keys")
    two.run_once(roles="sequencer")
    assert "vault" not in two.holds()
    assert (
        "there are no keys" in two.refused(roles="worker,sequencer", data=str(one.data / "nothing")) or True
    )


def test_two_first_starts_at_one_moment_agree(one: Machine, two: Machine, dsn: str) -> None:
    """Each finds nothing, and would make its own. One does; the other makes nothing, and says what to copy."""
    with one.command.started("serve") as first, two.command.started("serve") as second:
        both = {one: first, two: second}

        def settled() -> bool:
            ended = [started for started in both.values() if started.process.poll() is not None]
            ups = [started for started in both.values() if UP in started.logged()]
            return len(ended) + len(ups) == 2

        assert wait_until(settled, PATIENCE_S)
        (loser,) = [machine for machine, started in both.items() if started.process.poll() is not None]
        (winner,) = both.keys() - {loser}
        assert both[loser].wait() == 1
        assert "is missing, and this instance has a vault" in both[loser].log.read_text()
        assert loser.holds() == set()
        assert {row["part"] for row in fetch(dsn, RECORD)} == {"keys", "vault"}
    loser.copy(winner, *EVERYTHING)
    loser.run_once()


def test_a_first_start_that_is_killed_half_way(one: Machine, two: Machine, dsn: str) -> None:
    """kill -9 after the vault was made and before it was recorded: nobody knows it yet, and the next start goes on."""

    async def kill_before_the_record() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE instance_identity IN SHARE MODE")
                with one.command.started("serve") as started:
                    key_file = one.data / "vault" / "vault.keys"
                    made = await asyncio.to_thread(wait_until, key_file.exists, PATIENCE_S)
                    assert made, started.log.read_text()
                    started.process.kill()
                    started.wait()
        finally:
            await connection.close()

    asyncio.run(kill_before_the_record())
    assert fetch(dsn, RECORD) == []
    one.run_once()
    assert "is missing" in two.refused()


def test_a_record_that_is_gone_is_no_consent(one: Machine, two: Machine, dsn: str) -> None:
    """Attack: the rows are deleted, and a machine with an empty folder, or with secrets of its own, starts. What is
    sealed and what the log says tell; the instance's own machine goes on, and is recorded again."""
    add_pending(dsn, LOG, 1)
    publish(one, dsn, 2)
    seal_something(one, dsn)
    before = fetch(dsn, RECORD)
    fetch(dsn, "DELETE FROM instance_identity")
    assert "is missing, and this instance has a vault" in two.refused(roles="web")
    assert "there are no keys" in two.refused(roles="sequencer")
    assert two.holds() == set()
    KeyFolder(two.data).make("localhost")
    assert "are not those of this instance" in two.refused(roles="sequencer")
    assert fetch(dsn, RECORD) == []
    one.run_once()
    assert fetch(dsn, RECORD) == before


def test_a_copy_of_the_vault_from_before_its_rotation(one: Machine, two: Machine, dsn: str) -> None:
    """It could not open what the newer key seals, and would go on sealing under the old one."""
    one.run_once()
    seal_something(one, dsn)
    two.copy(one, *EVERYTHING)
    before = fetch(dsn, RECORD)
    assert one.command.run("vault", "rotate").code == 0
    assert fetch(dsn, RECORD) != before
    assert "or an older copy of it" in two.refused()
    one.run_once()
    two.copy(one, "vault")
    two.run_once()


def test_a_database_from_before_a_rotation_goes_on(one: Machine, dsn: str) -> None:
    """Restored from a backup, it knows the vault by a key that is no longer the newest."""
    one.run_once()
    before = fetch(dsn, "SELECT * FROM instance_identity WHERE part = 'vault'")
    for _ in range(2):
        assert one.command.run("vault", "rotate").code == 0
    fetch(dsn, "UPDATE instance_identity SET fingerprint = $1 WHERE part = 'vault'", before[0]["fingerprint"])
    one.run_once()
    assert fetch(dsn, "SELECT fingerprint FROM instance_identity WHERE part = 'vault'") != [
        before[0]["fingerprint"]
    ]


def test_a_vault_that_is_lost_for_good_is_replaced_on_purpose(one: Machine, dsn: str) -> None:
    one.run_once()
    seal_something(one, dsn)
    shutil.rmtree(one.data / "vault")
    assert "is missing" in one.refused()
    assert one.command.run("vault", "adopt").code != 0, "it asks first"
    assert not (one.data / "vault").exists()
    adopted = one.command.run("vault", "adopt", "--yes")
    assert (adopted.code, "is the instance's from now on" in adopted.out) == (0, True), adopted.err
    one.run_once()


def test_a_public_instance_publishes_one_set_of_client_keys(one: Machine, two: Machine) -> None:
    """Servers of Bluesky's network fetch them from whichever machine answers."""
    one.run_once(roles="web", **PUBLIC)
    two.copy(one, "vault")
    keys = two.data / "vault" / "bluesky-client.keys"
    keys.unlink()
    assert f"{keys} is missing" in two.refused(roles="web", **PUBLIC)
    assert not keys.exists()
    two.run_once(roles="web")
    two.copy(one, "vault")
    two.run_once(roles="web", **PUBLIC)


def test_the_name_of_the_log_and_its_keys_change_together(one: Machine, two: Machine, dsn: str) -> None:
    add_pending(dsn, LOG, 2)
    publish(one, dsn, 3)
    before = fetch(dsn, RECORD)
    left = one.command.run("keys", "leave-localhost", **PUBLIC)
    assert (left.code, "2 mappings will be said by one.peertest.dev/log" in left.out) == (0, True), left.err
    assert fetch(dsn, RECORD) != before
    with one.running(roles="sequencer", **PUBLIC):
        said = "SELECT FROM log_state WHERE origin = 'one.peertest.dev/log' AND published_size = 3"
        assert wait_until(lambda: bool(fetch(dsn, said)), PATIENCE_S)
    (away,) = one.data.glob("keys-localhost-*")
    two.copy(one, "keys")
    shutil.rmtree(two.data / "keys")
    shutil.copytree(away, two.data / "keys")
    assert "are not those of this instance" in two.refused(roles="sequencer", **PUBLIC)


def test_the_doctor_says_the_same(one: Machine, two: Machine) -> None:
    one.run_once()
    shown = " ".join(two.command.run("doctor").out.split())
    assert "✗ Vault" in shown
    assert "✗ Signed log" in shown
    assert "copy the folder from the machine that has it" in shown
    two.copy(one, *EVERYTHING)
    shown = " ".join(two.command.run("doctor").out.split())
    assert "✓ Vault" in shown
    assert "✓ Signed log" in shown
    two_without = " ".join(two.command.run("doctor", roles="web").out.split())
    assert "`sequencer` is no role of this one" in two_without
