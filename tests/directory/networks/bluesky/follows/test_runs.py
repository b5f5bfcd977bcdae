"""Runs at a real PDS: every person exactly once, whatever breaks in the middle, and an undo that leaves no trace."""

import asyncio
from typing import Any

import msgspec
import pytest

from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemState
from directory.networks.answers import Answer
from directory.networks.bluesky.records import COLLECTIONS
from directory.networks.bluesky.xrpc import AccountShut
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.networks.bluesky.follows.following import (
    Follower,
    attempt,
    follow_by_hand,
    records,
    stranger_did,
)
from tests.directory.networks.bluesky.signing_in import Instance
from tests.peers.pds import Account

WRITES = "com.atproto.repo.applyWrites"
READS = "com.atproto.repo.listRecords"
"""Whom the member has blocked by hand."""


async def follower(instance: Instance, account: Account, kind: RunKind = RunKind.FOLLOW) -> Follower:
    purpose = Purpose.FOLLOW if kind is RunKind.FOLLOW else Purpose.ARRANGE
    return Follower.of(instance, (await instance.signed_in(account, purpose)).tokens, kind)


async def finish(run: Follower) -> None:
    """Steps until nothing is left; a step that breaks is like one whose process was killed."""
    for _ in range(60):
        if not run.in_state(ItemState.PENDING) and not run.in_state(ItemState.SENT):
            return
        try:
            assert await run.step() is not None
        except NetworkError:
            continue
    raise AssertionError("the run does not end")


async def test_a_thousand_follows_broken_off_in_the_middle_and_an_undo(
    instance: Instance, alice: Account
) -> None:
    """The process is killed while the server writes: at once, in the middle, at the end, and right after another kill.
    Whoever resumes may come while the server is still at it. Nobody is lost, nobody is followed twice; and at most one
    request goes out for a hundred follows, beside those that the kills cost."""
    before = [stranger_did(number) for number in (3, 4, 999_999)]
    await follow_by_hand(instance, alice, before)
    run = await follower(instance, alice)
    run.want(*(attempt(number) for number in range(1_000)))
    async with run.session() as session:
        already = {str(each.id): each.remote for each in await session.read_followed(RunKind.FOLLOW)}
    assert set(already) == set(before)
    for each in run.in_state(ItemState.PENDING):
        if str(each.account.id) in already:
            run.items[each.number] = (ItemState.ALREADY, each)
    start = await records(instance, alice.did)
    moments = {1: 0.001, 2: 0.08, 4: 0.15, 5: 0.001, 7: 0.3, 8: 0.6}
    run.line.breaks = lambda path, number: moments.get(number) if path == WRITES else None
    await finish(run)
    after = await records(instance, alice.did)
    subjects = [record["subject"] for record in after.values()]
    assert len(subjects) == len(set(subjects))
    assert set(subjects) == {stranger_did(number) for number in range(1_000)} | set(before)
    assert run.states() == {"followed": 998, "already": 2}
    run.line.breaks = lambda _path, _number: None
    await run.undo()
    assert await records(instance, alice.did) == start
    assert run.states() == {"undone": 998, "already": 2}


async def test_one_request_for_two_hundred_follows(instance: Instance, alice: Account) -> None:
    run = await follower(instance, alice)
    run.want(*(attempt(number) for number in range(400)))
    await finish(run)
    # One more where the server wants a nonce that is not known yet: it does not count here.
    assert run.line.paths == [READS, WRITES] * 2
    assert run.budget is not None
    assert run.budget.hour_spent == 1_200


async def test_a_batch_with_records_that_the_server_refuses(instance: Instance, alice: Account) -> None:
    """Two of 60 name somebody by an id that no server takes: it refuses all 60 for each, and does not say which. The
    others are followed, and nobody is tried for ever."""
    run = await follower(instance, alice)
    run.want(*(attempt(number, "nobody" if number in {17, 50} else None) for number in range(60)))
    for _ in range(3):
        if run.in_state(ItemState.PENDING):
            await run.step()
    assert run.states() == {"followed": 58, "failed": 2}
    assert {each.number for each in run.in_state(ItemState.FAILED)} == {17, 50}
    assert len(await records(instance, alice.did)) == 58


async def test_a_late_call_meets_its_own_records(instance: Instance, alice: Account) -> None:
    """A call that was given up arrives after all, between the look and the second call: the second one finds it."""
    run = await follower(instance, alice)
    run.want(*(attempt(number) for number in range(100)))
    await run.step()
    first = await records(instance, alice.did)
    for number in range(0, 100, 2):
        run.items[number] = (ItemState.PENDING, run.items[number][1])
    run.want(attempt(100))
    await finish(run)
    after = await records(instance, alice.did)
    assert {key: after[key] for key in first} == first
    assert len(after) == 101
    assert run.states() == {"followed": 101}


async def test_followed_by_hand_meanwhile(instance: Instance, alice: Account) -> None:
    """The call never arrived, and the member followed the person in the app: nothing is added, and an undo leaves it."""
    run = await follower(instance, alice)
    async with run.session() as session:
        named = attempt(5, remote=session.name(attempt(5), instance.now()))
        await follow_by_hand(instance, alice, [stranger_did(5)])
        (outcome,) = (await session.look(RunKind.FOLLOW, [named])).outcomes
    assert outcome.state is ItemState.ALREADY
    assert outcome.remote in await records(instance, alice.did)


async def test_an_undo_of_what_is_gone_already(instance: Instance, alice: Account) -> None:
    """The member has unfollowed half of them by hand: the server refuses all deletes for the first of these."""
    run = await follower(instance, alice)
    run.want(*(attempt(number) for number in range(20)))
    await run.step()
    keys = list(await records(instance, alice.did))
    for key in keys[::2]:
        await asyncio.to_thread(
            instance.pds.procedure,
            "com.atproto.repo.deleteRecord",
            token=alice.access_token,
            repo=alice.did,
            collection="app.bsky.graph.follow",
            rkey=key,
        )
    await run.undo()
    assert run.states() == {"undone": 20}
    assert await records(instance, alice.did) == {}
    await run.undo()


@pytest.mark.parametrize("kind", [RunKind.BLOCK, RunKind.LIST])
async def test_blocks_and_lists(instance: Instance, alice: Account, kind: RunKind) -> None:
    """The same way; an undo of a list takes the list away too."""
    collection = {RunKind.BLOCK: "app.bsky.graph.block", RunKind.LIST: "app.bsky.graph.listitem"}[kind]
    people = 205 if kind is RunKind.LIST else 20
    run = await follower(instance, alice, kind)
    run.want(*(attempt(number) for number in range(people)))
    await finish(run)
    made = await records(instance, alice.did, collection)
    assert sorted(each["subject"] for each in made.values()) == sorted(map(stranger_did, range(people)))
    lists = await records(instance, alice.did, "app.bsky.graph.list")
    assert [each["name"] for each in lists.values()] == (["Friends"] if kind is RunKind.LIST else [])
    uris = [f"at://{alice.did}/app.bsky.graph.list/{key}" for key in lists]
    assert {each.get("list", "") for each in made.values()} == set(uris or [""])
    async with run.session() as session:
        assert len(await session.read_followed(kind)) == people
    await run.undo()
    assert await records(instance, alice.did, collection) == {}
    assert await records(instance, alice.did, "app.bsky.graph.list") == {}


@pytest.mark.parametrize(
    ("kind", "by_hand", "left"),
    [
        (RunKind.FOLLOW, "app.bsky.graph.block", (ItemState.FAILED, Reason.BLOCKED)),
        (RunKind.BLOCK, "app.bsky.graph.follow", (ItemState.SKIPPED, Reason.FOLLOWED_THERE)),
    ],
)
async def test_what_was_done_by_hand_is_not_undone_by_a_list_from_x(
    instance: Instance, alice: Account, kind: RunKind, by_hand: str, left: tuple[ItemState, Reason]
) -> None:
    """Fault: whom a member has blocked on Bluesky was followed all the same, by a wish for newcomers unseen; at Mastodon's servers
    nobody is. And whom they follow there was blocked for a list from X."""
    run = await follower(instance, alice, kind)
    await follow_by_hand(instance, alice, [stranger_did(number) for number in range(150)], by_hand)
    run.want(attempt(3), attempt(149), attempt(200))
    told = await run.step()
    assert told is not None
    assert {each.number: (each.state, each.reason) for each in told.outcomes} == {
        3: left,
        149: left,
        200: (ItemState.FOLLOWED, Reason.NONE),
    }
    made = await records(instance, alice.did, COLLECTIONS[kind])
    assert [each["subject"] for each in made.values()] == [stranger_did(200)]
    assert len(await records(instance, alice.did, by_hand)) == 150


async def test_whom_no_server_takes(instance: Instance, alice: Account) -> None:
    """The member's own account, on their own list: nothing is sent for it."""
    run = await follower(instance, alice)
    run.want(attempt(0, alice.did))
    await run.step()
    assert run.line.paths == []
    assert run.states() == {"failed": 1}
    assert Reason.REFUSED.is_failure


async def test_an_account_that_is_switched_off(instance: Instance, alice: Account) -> None:
    """The member has switched the account off at their server: one error, and not one about the permission."""
    run = await follower(instance, alice)
    run.want(*(attempt(number) for number in range(3)))
    await asyncio.to_thread(
        instance.pds.procedure,
        "com.atproto.server.deactivateAccount",
        token=alice.access_token,
        deleteAfter="2036-01-02T03:04:05.000Z",
    )
    with pytest.raises(AccountShut):
        await run.step()
    assert run.line.paths == [READS]


async def test_a_permission_that_was_taken_back(instance: Instance, alice: Account, bob: Account) -> None:
    """The tokens of somebody else's key, as after a theft, are refused: the member has to sign in again."""
    run = await follower(instance, alice)
    run.want(attempt(1))
    stolen = msgspec.structs.replace(
        run.tokens, binding=(await instance.signed_in(bob, Purpose.FOLLOW)).tokens.binding
    )
    run = Follower.of(instance, stolen)
    run.want(attempt(1))
    with pytest.raises(NeedsSignIn):
        await run.step()


async def test_a_server_that_forgot_its_nonce_costs_one_request(instance: Instance, alice: Account) -> None:
    """An instance that was just started knows no nonce: the server asks for its own, and the call is repeated once."""
    tokens = (await instance.signed_in(alice, Purpose.FOLLOW)).tokens
    sent: list[int] = []

    class Counting(GuardedClient):
        async def request(self, *args: Any, **named: Any) -> Answer:
            answer = await super().request(*args, **named)
            sent.append(answer.status)
            return answer

    async with Counting("Passerelle/test", allow_loopback=True) as http:
        fresh = Instance(instance.pds, http)
        run = Follower.of(fresh, tokens)
        run.want(*(attempt(number) for number in range(2)))
        await run.step()
        assert run.states() == {"followed": 2}
        run.want(attempt(2))
        await run.step()
    assert sent == [200, 401, 200, 200, 200], "whom the member has blocked is read as anybody reads it"
