"""One form of a member at a time: whoever sends many while their server hangs keeps nobody from the database."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from litestar.exceptions import TooManyRequestsException

from tests.harness.waiting import wait_until
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import fetch
from web.auth.member_turns import WAITING, MemberTurns

FORMS: Final = 16
"""More than the connections of the instance."""


async def test_members_have_turns_of_their_own() -> None:
    turns, one, other, seen = MemberTurns(), uuid4(), uuid4(), list[str]()
    let = asyncio.Event()

    async def act(member: UUID, name: str) -> None:
        async with turns.of(member):
            seen.append(name)
            if member is one:
                await let.wait()

    tasks = [asyncio.create_task(act(one, "a")), asyncio.create_task(act(one, "b"))]
    await asyncio.sleep(0)
    await act(other, "c")
    assert seen == ["a", "c"]
    let.set()
    await asyncio.gather(*tasks)
    assert seen == ["a", "c", "b"]
    assert not turns._turns
    assert not turns._forms


async def test_more_than_a_browser_sends_are_refused() -> None:
    turns, member = MemberTurns(), uuid4()
    async with turns.of(member):
        waiting = [asyncio.create_task(_pass(turns, member)) for _ in range(WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsException):
            await _pass(turns, member)
        waiting[0].cancel()
    await asyncio.wait(waiting)
    assert [each.cancelled() for each in waiting] == [True] + [False] * (WAITING - 1)
    assert not turns._forms


async def _pass(turns: MemberTurns, member: UUID) -> None:
    async with turns.of(member):
        pass


@contextmanager
def members_held(dsn: str, statement: str = "SELECT FROM member FOR UPDATE") -> Iterator[None]:
    """Holds all members, as a change does that waits for a server which hangs; or what another statement locks."""

    async def hold() -> "asyncpg.Connection[asyncpg.Record]":
        connection = await asyncpg.connect(dsn)
        await connection.execute("BEGIN")
        await connection.execute(statement)
        return connection

    with asyncio.Runner() as runner:
        connection = runner.run(hold())
        try:
            yield
        finally:
            runner.run(connection.close())


def _waiting(instance: MemberInstance) -> int:
    """How many statements wait for a lock."""
    ((waiting,),) = fetch(
        instance,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    return int(waiting)


@pytest.mark.parametrize("is_look", [False, True])
def test_a_member_whose_changes_wait_keeps_nobody_from_the_database(
    instance: MemberInstance, pds: Pds, ada: Visitor, alice: Account, is_look: bool
) -> None:
    """Attack: twenty forms in the moment in which one's own server hangs took all connections, for most of a minute; and so did
    twenty looks at the page that makes the first sentence."""
    ada.sign_in(pds, alice)
    token = ada.form_token("/account")
    ((account,),) = fetch(instance, "SELECT id FROM linked_account WHERE handle = $1", alice.handle)
    address = f"/account/accounts/{account}/unlink"

    def send(_: int) -> int:
        with Visitor(instance) as other:
            other.client.cookies.update(ada.client.cookies)
            if is_look:
                return other.get("/account/prove").status_code
            return other.client.post(address, data={"form_token": token}, headers=SAME_ORIGIN).status_code

    with ThreadPoolExecutor(FORMS) as pool:
        with members_held(instance._dsn):
            sent = [pool.submit(send, number) for number in range(FORMS)]
            assert wait_until(lambda: _waiting(instance) > 0, 10)
            for _ in range(4):
                assert httpx.get(f"{instance.url}/api/v1/lookup?x=@nobody", timeout=3).status_code == 200
            assert _waiting(instance) <= instance.processes
        assert {each.result() for each in sent} == {200 if is_look else 409}


def test_a_member_who_exports_again_and_again_keeps_nobody_out(
    instance: MemberInstance, pds: Pds, ada: Visitor, alice: Account
) -> None:
    """Attack: each export of a long list takes a third of a second and 44 MB, and thousands may be asked for in a minute. All
    were made at once."""
    ada.sign_in(pds, alice)

    def export(_: int) -> int:
        with Visitor(instance) as other:
            other.client.cookies.update(ada.client.cookies)
            return other.get("/account/export").status_code

    with ThreadPoolExecutor(FORMS) as pool:
        with members_held(instance._dsn, "LOCK TABLE ignored_person IN ACCESS EXCLUSIVE MODE"):
            sent = [pool.submit(export, number) for number in range(FORMS)]
            assert wait_until(lambda: _waiting(instance) > 0, 10)
            for _ in range(4):
                assert httpx.get(f"{instance.url}/api/v1/lookup?x=@nobody", timeout=3).status_code == 200
            assert _waiting(instance) <= instance.processes
        assert {each.result() for each in sent} == {200}
