"""A member over months: nobody touches a row here, only the clock goes on, for us and for a real PDS."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from directory.accounts import AccountNetwork
from directory.clock import SystemClock
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.networks.bluesky.calls import Calls
from tests.directory.networks.bluesky.timed import clock_settings
from tests.harness.fake_x import FakeX
from tests.peers.pds import Account, Pds, running_pds
from tests.web.members.instance import MemberInstance, loopback_client, member_instance
from tests.web.members.permits import permit_at_bluesky
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import fetch


class AheadClock(SystemClock):
    """The real time, and what a test has waited; the PDS reads the same from a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = timedelta()
        self.wait()

    def wait(self, **units: float) -> None:
        self._ahead += timedelta(**units)
        self._file.write_text(str(int(self._ahead.total_seconds() * 1000)))

    def now(self) -> datetime:
        return super().now() + self._ahead


@pytest.fixture(scope="module")
def clock(data: Path) -> AheadClock:
    return AheadClock(data / "clock")


@pytest.fixture(scope="module")
def pds(clock: AheadClock, data: Path) -> Iterator[Pds]:
    with running_pds(settings=clock_settings(data / "clock")) as running:
        yield running


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, x: FakeX, clock: AheadClock) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, pds=pds, x=x, clock=clock, jobs=False) as running:
        yield running


def fresh_tokens(instance: MemberInstance, account: Account) -> TokenSet:
    """What an instance does before it acts for a member: renews what has run out, and keeps what it got."""
    (row,) = fetch(instance, "SELECT id FROM linked_account WHERE account_id = $1", account.did)
    refresh = instance.members.networks[AccountNetwork.BLUESKY].refresh
    return instance.call(lambda: instance.members.permissions.fresh(row["id"], Purpose.FOLLOW, refresh))


def is_taken(instance: MemberInstance, pds: Pds, tokens: TokenSet) -> bool:
    """Whether the account's own server takes the access token."""

    async def ask() -> bool:
        async with loopback_client() as http:
            server = Calls(DpopRequests(http), pds.url, tokens)
            return (
                await server.query("com.atproto.server.getSession", {}, instance.clock.now())
            ).status == 200

    return instance.call(ask)


def test_a_permission_is_renewed_day_after_day(visitor: Visitor, pds: Pds, clock: AheadClock) -> None:
    """The server ends an access token within the hour; a permission that was left alone for too long wants the
    member again, and is forgotten here."""
    instance, account = visitor.instance, pds.create_account()
    visitor.sign_in(pds, account)
    permit_at_bluesky(instance, pds, account)
    tokens = fresh_tokens(instance, account)
    for _ in range(5):
        assert is_taken(instance, pds, tokens)
        clock.wait(days=1)
        assert not is_taken(instance, pds, tokens)
        former, tokens = tokens, fresh_tokens(instance, account)
        assert tokens.access != former.access
        assert fresh_tokens(instance, account).access == tokens.access
    clock.wait(days=20)
    with pytest.raises(NeedsSignIn):
        fresh_tokens(instance, account)
    assert (
        fetch(
            instance,
            "SELECT FROM token t JOIN linked_account a ON a.id = t.account WHERE a.account_id = $1",
            account.did,
        )
        == []
    )
    # Still signed in here: only the permission at the network has ended.
    assert account.handle in visitor.get("/account").text


def test_a_new_handle_is_noticed_and_the_proof_renewed(
    visitor: Visitor, pds: Pds, x: FakeX, clock: AheadClock
) -> None:
    """After 60 days both accounts are looked at again: the public line names the handles of that day, and holds for
    half a year from then. A year after the first day it still answers."""
    instance, account, author = visitor.instance, pds.create_account(), x.account("longtimer")
    visitor.sign_in(pds, account)
    visitor.hand_in(x.post(author, visitor.sentence(), clock.now()))
    visitor.publish()
    (first,) = answers(visitor, "longtimer")
    renamed = f"new{account.handle}"
    pds.change_handle(account, renamed)
    author.handle = type(author.handle).parse("renamed_on_x")

    clock.wait(days=54)
    look_again(instance)
    assert answers(visitor, "longtimer") == [first]
    clock.wait(days=7)
    look_again(instance)
    assert answers(visitor, "longtimer") == []
    (second,) = answers(visitor, "renamed_on_x")
    assert (second["id"], second["handle"]) == (account.did, renamed)
    assert second["expires"] > first["expires"]
    for _ in range(5):
        clock.wait(days=61)
        look_again(instance)
    (third,) = answers(visitor, "renamed_on_x")
    assert third["expires"] > second["expires"]


def test_what_cannot_be_seen_any_more_runs_out(
    visitor: Visitor, pds: Pds, x: FakeX, clock: AheadClock
) -> None:
    """The post is gone: what is public stays for 180 days from when it was last seen, and not a day longer."""
    instance, account = visitor.instance, pds.create_account()
    visitor.sign_in(pds, account)
    post = x.post(x.account("fading"), visitor.sentence(), clock.now())
    visitor.hand_in(post)
    visitor.publish()
    x.delete(post)
    for days in (60, 60, 59):
        clock.wait(days=days)
        look_again(instance)
        assert answers(visitor, "fading") != []
    clock.wait(days=2)
    assert answers(visitor, "fading") == []


def look_again(instance: MemberInstance) -> None:
    instance.call(instance.worker.drain)
    instance.call(instance.announce)


def answers(visitor: Visitor, name: str) -> list[dict[str, str]]:
    return list(visitor.get(f"/api/v1/lookup?x={name}").json()["answers"])
