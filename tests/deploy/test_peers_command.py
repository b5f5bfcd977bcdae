"""`passerelle peers` as operators run it, towards an instance on this machine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.migrate import migrate
from deploy.ports import free_port
from directory.clock import SystemClock
from directory.origins import Authority, Standing
from federation.keys.fingerprints import to_words
from tests.conftest import TEMPLATE
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.peers import PeerInstance, peer_instance
from tests.harness.postgres import SharedPostgres


@pytest.fixture
async def own_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest.fixture
def one(dsn: str, tmp_path: Path) -> Iterator[PeerInstance]:
    with peer_instance(dsn, tmp_path, "one.localhost", clock=SystemClock(), people=10) as instance:
        yield instance


@pytest.fixture
def two(own_dsn: str, tmp_path: Path) -> Iterator[PeerInstance]:
    """The instance whose operator runs the command."""
    with peer_instance(own_dsn, tmp_path, "two.localhost", clock=SystemClock()) as instance:
        yield instance


@pytest.fixture
def command(two: PeerInstance, own_dsn: str, tmp_path: Path) -> Command:
    settings = two.running.settings
    return Forks(
        tmp_path,
        {
            "data": str(settings.data),
            "database_url": own_dsn,
            "public_url": settings.base_url,
            "port": str(free_port()),
            "allow_loopback": "true",
        },
    )


def words_of(instance: PeerInstance) -> str:
    return to_words(instance.keys.read().logs[0].vkey.fingerprint)


def test_an_operator_takes_up_a_peer(command: Command, one: PeerInstance, two: PeerInstance) -> None:
    """The whole way on the command line, with what each command says."""
    assert "no peers" in command.run("peers", "list").out
    added = command.run("peers", "add", one.address, "--fingerprint", words_of(one), "--yes")
    assert added.code == 0, added.err
    assert "with 11 entries" in added.out
    assert words_of(one) in added.out
    assert "operators have to approve us" in added.out
    listed = command.run("peers", "list").out
    assert "one.localhost/log" in listed
    assert "in good standing" in listed
    one.approve(two)
    again = command.run("peers", "add", one.address, "--fingerprint", words_of(one), "--yes")
    assert "approved us already" in again.out
    shown = command.run("peers", "show", "one.localhost").out
    for text in (words_of(one), one.address, "log key, as confirmed", "Bodies read", "Evidence", "none"):
        assert text in shown
    one.add(two)
    assert "they ask" in command.run("peers", "list").out
    assert "may take what this instance publishes" in command.run("peers", "approve", "one.localhost/log").out
    assert "refused" in command.run("peers", "refuse", one.origin).out
    assert "is limited" in command.run("peers", "limit", one.origin).out
    assert "0 of its mappings were deleted" in command.run("peers", "suspend", one.origin).out
    assert "good standing again" in command.run("peers", "resume", one.origin).out
    two.running.call(lambda: two.running.standings.change(one.origin, Standing.FROZEN, Authority.SOFTWARE))
    assert "FROZEN" in command.run("peers", "list").out
    refused = command.run("peers", "resume", one.origin)
    assert (refused.code, "unfreeze" in refused.sentence) == (1, True)
    assert "was frozen" in command.run("peers", "unfreeze", one.origin, "--yes").out
    assert "is no peer any more" in command.run("peers", "remove", one.origin, "--yes").out
    gone = command.run("peers", "show", one.origin)
    assert gone.sentence == "passerelle: one.localhost/log is not a peer of this instance."


def test_who_asks_is_approved_by_its_origin(command: Command, one: PeerInstance, two: PeerInstance) -> None:
    """The address is in the request; the fingerprint is not taken from there."""
    one.add(two)
    approve = ("peers", "approve", one.origin)
    assert command.run(*approve).code == 2
    wrong = command.run(*approve, "--fingerprint", words_of(two), "--yes")
    assert wrong.code == 1
    assert "another fingerprint" in wrong.err
    assert two.fetch("SELECT confirmed_at FROM peer") == [{"confirmed_at": None}]
    assert command.run(*approve, "--fingerprint", words_of(one), "--yes").code == 0
    [peer] = two.fetch("SELECT they_follow, confirmed_at FROM peer")
    assert peer["they_follow"] == 2
    assert peer["confirmed_at"] is not None


@pytest.mark.parametrize(
    "arguments", [("--yes",), (), ("--fingerprint", "babab"), ("--yes", "--fingerprint", "")]
)
def test_nobody_pins_a_key_unseen(command: Command, one: PeerInstance, arguments: tuple[str, ...]) -> None:
    """Attack: a script that was copied from a page confirms whatever stands at the address."""
    refused = command.run("peers", "add", one.address, *arguments)
    assert refused.code == 2, refused.out
    assert "fingerprint" in refused.err


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://10.0.0.1", "name, not a number"),
        ("https://ada@find.example", "beside the host"),
        ("https://find.example@10.0.0.1", "beside the host"),
        ("https://2130706433", "not a number"),
        ("https://0177.0.0.1", "not a number"),
        ("https://[::ffff:127.0.0.1]", "name, not a number"),
        ("https://[fd00::1]", "name, not a number"),
        ("http://localhost:8000", "nobody's peer"),
        ("http://two.localhost:1", "this instance itself"),
        ("https://find.example:8443", "port"),
    ],
)
def test_an_address_that_cannot_be_a_peer(command: Command, address: str, why: str) -> None:
    refused = command.run("peers", "add", address, "--fingerprint", "babab", "--yes")
    assert refused.code == 1
    assert why in refused.sentence


def test_an_instance_without_a_public_address_has_no_peers(command: Command, one: PeerInstance) -> None:
    """No peer could ask it for anything."""
    settings = {name: value for name, value in command.settings.items() if name != "public_url"}
    alone = Forks(command.folder, settings)
    refused = alone.run("peers", "add", one.address, "--fingerprint", words_of(one), "--yes")
    assert (refused.code, "PASSERELLE_PUBLIC_URL" in refused.sentence) == (1, True)


def test_a_public_instance_has_no_local_peers(command: Command, one: PeerInstance) -> None:
    """Attack by slip: a setting for trying out is left away, and a name that is every machine's own is still typed."""
    refused = command.run(
        "peers", "add", one.address, "--fingerprint", words_of(one), "--yes", allow_loopback="false"
    )
    assert (refused.code, "nobody's peer" in refused.sentence) == (1, True)


ANSWERING = "SELECT count(*) AS count FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1"


def followed(command: Command, one: PeerInstance, two: PeerInstance) -> None:
    """Has `two` follow `one`, and read all of it."""
    one.approve(two)
    assert command.run("peers", "add", one.address, "--fingerprint", words_of(one), "--yes").code == 0
    synced = command.run("peers", "sync", one.origin)
    assert (synced.code, "11 of 11 entries are read" in synced.out) == (0, True), synced


def answering(two: PeerInstance, one: PeerInstance) -> object:
    return two.fetch(ANSWERING, one.origin)[0]["count"]


def test_a_log_is_read_while_its_operator_watches(
    command: Command, one: PeerInstance, two: PeerInstance
) -> None:
    followed(command, one, two)
    assert answering(two, one) == 10
    again = command.run("peers", "sync", "one.localhost")
    assert again.code == 0
    assert command.run("peers", "suspend", one.origin).code == 0
    refused = command.run("peers", "sync", one.origin)
    assert (refused.code, "is not read" in refused.sentence) == (1, True)


def test_a_peer_that_is_gone_is_told_in_a_sentence(
    command: Command, own_dsn: str, dsn: str, tmp_path: Path, two: PeerInstance
) -> None:
    with peer_instance(dsn, tmp_path, "one.localhost", clock=SystemClock(), people=10) as one:
        followed(command, one, two)
    gone = command.run("peers", "sync", "one.localhost")
    assert gone.code == 1
    assert "11 of 11 entries are read" in gone.out
    assert two.fetch("SELECT fault FROM peer_log")[0]["fault"] != ""


def test_what_is_taken_of_a_peer_is_changed_at_once(
    command: Command, one: PeerInstance, two: PeerInstance
) -> None:
    """Attack: a peer proves handles alone, and its bodies were taken before the operator thought better of it."""
    followed(command, one, two)
    shown = command.run("peers", "policy", one.origin)
    assert "takes bound, handle, linked: as many mappings a day as come" in shown.out
    less = command.run("peers", "policy", one.origin, "--take", "handle", "--samples", "7", "--unlisted")
    assert "10 of its mappings were deleted here" in less.out
    assert "is not named on the About page" in less.out
    assert answering(two, one) == 0
    assert two.fetch("SELECT count(*) AS count FROM peer_statement")[0]["count"] == 0
    capped = command.run(
        "peers", "policy", one.origin, "--take", "bound", "--daily-cap", "1000", "--growth-cap", "5"
    )
    assert "takes bound: 1,000 mappings a day" in capped.out
    assert "by 5 entries a day" in capped.out
    assert command.run("peers", "sync", one.origin).code == 0
    assert answering(two, one) == 10
    usual = command.run("peers", "policy", one.origin, "--daily-cap", "usual", "--growth-cap", "usual")
    assert "as many mappings a day as come" in usual.out
    assert "50,000 entries" in usual.out
    for wrong in (("--daily-cap", "many"), ("--take", "imported"), ("--samples", "9999")):
        assert command.run("peers", "policy", one.origin, *wrong).code in {1, 2}
