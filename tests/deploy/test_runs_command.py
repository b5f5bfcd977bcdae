"""`passerelle runs` as an operator runs it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from deploy.embedded import open_database
from deploy.migrate import migrate
from deploy.ports import free_port
from directory.clock import SystemClock
from directory.follows.runs import Run, RunKind, Source
from directory.follows.states import RunState
from directory.mappings import Network
from directory.services.membership import Membership
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.follows import FollowStore
from directory.store.members import MemberStore
from tests.directory.follows.site import wanted
from tests.directory.members.people import at_bluesky
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS

RUN = uuid4()


async def _fill(dsn: str) -> None:
    await migrate(dsn)
    database = await Database.connect(dsn, max_connections=2)
    now = SystemClock().now()
    try:
        membership = Membership(MemberStore(database), ClaimStore(database), SystemClock())
        account = (await membership.sign_in(at_bluesky("ada", at=now))).account
        run = Run(
            id=RUN, member=account.member, account=account.id, network=Network.BLUESKY, host="pds.example",
            kind=RunKind.FOLLOW, source=Source.UPLOAD, title="", state=RunState.PLANNED, created_at=now,
            starts_at=now, next_at=now, ended_at=None, is_read=False, note="",
        )  # fmt: skip
        await FollowStore(database).start_run(run, [wanted(1), wanted(2)])
    finally:
        await database.close()


@pytest.fixture(scope="module")
def command(folder: Path) -> Iterator[Command]:
    with open_database(folder / "data", FAST_SETTINGS) as database:
        asyncio.run(_fill(database.dsn))
        yield Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


def test_an_operator_lists_shows_pauses_resumes_and_cancels(command: Command) -> None:
    listed = command.run("runs", "list").out
    assert f"{RUN}  follow on bluesky at pds.example: planned" in listed
    assert "ada" not in listed, "it names no people"
    shown = command.run("runs", "show", str(RUN)).out
    assert "pending: 2" in shown
    assert "taaaab" not in shown
    paused = command.run("runs", "pause", str(RUN)).out
    assert (": paused" in paused, "waiting since" in paused) == (True, True)
    assert command.run("runs", "pause", str(RUN)).code == 1
    assert ": running" in command.run("runs", "resume", str(RUN)).out
    assert ": cancelled" in command.run("runs", "cancel", str(RUN)).out
    assert command.run("runs", "list").out.strip() == "No run is open."


@pytest.mark.parametrize("act", ["show", "pause", "resume", "cancel"])
def test_a_run_that_is_not_there_is_said(command: Command, act: str) -> None:
    refused = command.run("runs", act, str(UUID(int=1)))
    assert (refused.code, refused.out.strip()) == (1, "There is no such run.")
