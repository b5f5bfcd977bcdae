"""`passerelle hides` as a moderator runs it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import open_database
from deploy.migrate import migrate
from deploy.ports import free_port
from directory.store.database import Database
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.mappings import OTHER_ORIGIN, bluesky
from tests.harness.postgres import FAST_SETTINGS
from tests.harness.stored import StoredMappings

OWN = "localhost/log"


async def _fill(dsn: str) -> None:
    await migrate(dsn)
    database = await Database.connect(dsn, max_connections=2)
    try:
        await StoredMappings(database).add(
            [
                bluesky("ada", 5, origin=OWN),
                bluesky("ada", 5, origin=OTHER_ORIGIN, target="theirs"),
                *(bluesky("sold", number, origin=OWN, target=f"sold-{number}") for number in (7, 8, 9)),
            ]
        )
    finally:
        await database.close()


@pytest.fixture(scope="module")
def command(folder: Path) -> Iterator[Command]:
    with open_database(folder / "data", FAST_SETTINGS) as database:
        asyncio.run(_fill(database.dsn))
        yield Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


def test_a_moderator_hides_lists_and_lifts(command: Command) -> None:
    assert command.run("hides", "list").out.strip() == "Nothing is hidden."
    placed = command.run(
        "hides", "add", "@ada", "--network", "bluesky", "--reason", "impersonation", "--by", "mo"
    )
    assert placed.code == 0, placed.err
    number, covers = placed.out.split("\n", 1)
    assert "@ada (5) on bluesky, said by localhost/log: impersonation, by mo" in covers
    assert "ada.bsky.example" not in command.run("lookup", "@ada").out
    assert "theirs.bsky.example" in command.run("lookup", "@ada").out
    assert number in command.run("hides", "list").out
    assert command.run("hides", "lift", number).code == 0
    assert command.run("hides", "lift", number).code == 1
    assert "ada.bsky.example" in command.run("lookup", "5").out


def test_others_who_bore_the_name_are_told_of(command: Command) -> None:
    """Fault: X had given the name to others. The newest of them alone was hidden, without a word of those who are shown
    still."""
    hide = ("hides", "add", "--network", "bluesky", "--reason", "rules")
    placed = command.run(*hide, "@Sold").out
    assert "@sold (9) on bluesky" in placed
    assert "Shown still, as other X accounts had this name: 8, 7." in placed
    assert "passerelle hides add 8" in placed
    assert "sold-8.bsky.example" in command.run("lookup", "8").out
    assert "Shown still" not in command.run(*hide, "8").out, "asked for by its number"
    again = command.run(*hide, "@sold").out
    assert "Shown still, as other X accounts had this name: 7." in again
    command.run(*hide, "7")
    assert "Shown still" not in command.run(*hide, "@sold").out
    listed = command.run("hides", "list").out.splitlines()
    for number in listed[::2]:
        assert command.run("hides", "lift", number).code == 0


def test_what_nobody_says_cannot_be_hidden(command: Command) -> None:
    for account, network in (("@nobody", "bluesky"), ("@ada", "mastodon")):
        refused = command.run("hides", "add", account, "--network", network, "--reason", "rules")
        assert refused.code == 1
        assert "Nothing is said of that account there" in refused.out
    wrong = command.run("hides", "add", "not a name", "--network", "bluesky", "--reason", "rules")
    assert wrong.code == 1
    assert "not an X" in wrong.sentence


def test_another_log_is_named(command: Command) -> None:
    placed = command.run(
        "hides", "add", "5", "--network", "bluesky", "--reason", "law", "--origin", OTHER_ORIGIN
    )
    assert placed.code == 0
    assert "theirs.bsky.example" not in command.run("lookup", "@ada").out
    assert command.run("hides", "lift", placed.out.split("\n", 1)[0]).code == 0


def test_a_log_is_named_in_any_spelling_of_its_host(command: Command) -> None:
    spelled = OTHER_ORIGIN.removesuffix("/log").upper() + "./log"
    placed = command.run("hides", "add", "5", "--network", "bluesky", "--reason", "law", "--origin", spelled)
    assert placed.code == 0, placed.err
    assert f"said by {OTHER_ORIGIN}" in placed.out
    assert command.run("hides", "lift", placed.out.split("\n", 1)[0]).code == 0
    for wrong in ("https://two.example", "", "[::1]/log"):
        refused = command.run(
            "hides", "add", "5", "--network", "bluesky", "--reason", "law", "--origin", wrong
        )
        assert refused.code == 1
        assert "is not the origin of a log" in refused.sentence


def test_an_account_is_hidden_by_every_spelling(command: Command) -> None:
    """A spelling that was read as somebody else hid nobody, or a stranger."""
    for account in (
        "\u202a@ada\u202c",
        "https://x.com/ada",
        "acct:ada@twitter.com",
        "nitter.net/ada",
        "x.com/i/user/5",
    ):
        placed = command.run("hides", "add", account, "--network", "bluesky", "--reason", "review")
        assert placed.code == 0, (account, placed.out)
        number, covers = placed.out.split("\n", 1)
        assert "@ada (5) on bluesky" in covers
        assert command.run("hides", "lift", number).code == 0
