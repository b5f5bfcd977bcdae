"""Reading a repository: by pages, as a whole file, and what a server may send in its place."""

import asyncio
from contextlib import suppress
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.clock import SystemClock
from directory.follows.runs import RunKind
from directory.networks.bluesky import repo
from directory.networks.bluesky.repo import NotARepository, read_car
from directory.networks.bluesky.tids import Tids, is_tid
from directory.networks.limits import Limits
from directory.networks.port import Purpose
from tests.directory.networks.bluesky.follows.following import (
    Follower,
    follow_by_hand,
    records,
    stranger_did,
)
from tests.directory.networks.bluesky.signing_in import Instance
from tests.peers.pds import Account

FOLLOWS = "app.bsky.graph.follow"


def fetch_car(instance: Instance, did: str) -> bytes:
    with urlopen(f"{instance.pds.url}/xrpc/com.atproto.sync.getRepo?did={did}") as answer:  # noqa: S310 - our own server's http address
        return bytes(answer.read())


async def test_the_whole_file_says_what_the_pages_say(instance: Instance, alice: Account) -> None:
    await follow_by_hand(instance, alice, [stranger_did(number) for number in range(120)])
    await follow_by_hand(instance, alice, [stranger_did(7)], "app.bsky.graph.block")
    listed = await records(instance, alice.did)
    entries = read_car(await asyncio.to_thread(fetch_car, instance, alice.did), FOLLOWS)
    assert {entry.key: entry.subject for entry in entries} == {
        key: record["subject"] for key, record in listed.items()
    }
    assert len(entries) == 120


@pytest.mark.parametrize("cap", [repo.MAX_CAR_BYTES, 20_000])
async def test_who_follows_many_is_read_in_one_file_or_by_pages(
    instance: Instance, alice: Account, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    """The file is above its cap: the pages go on. Either way everybody is found once."""
    monkeypatch.setattr(repo, "PAGES_BEFORE_CAR", 1)
    monkeypatch.setattr(repo, "CAR_LIMITS", Limits(max_body_bytes=cap))
    await follow_by_hand(instance, alice, [stranger_did(number) for number in range(120)])
    run = Follower.of(instance, (await instance.signed_in(alice, Purpose.FOLLOW)).tokens)
    async with run.session() as session:
        followed = await session.read_followed(RunKind.FOLLOW)
    assert sorted(str(each.id) for each in followed) == sorted(stranger_did(number) for number in range(120))
    assert {each.remote for each in followed} == set(await records(instance, alice.did))
    assert run.line.count("com.atproto.sync.getRepo") == 1
    assert run.line.count("com.atproto.repo.listRecords") == (1 if cap == repo.MAX_CAR_BYTES else 3)


async def test_a_broken_file_is_refused(instance: Instance, alice: Account) -> None:
    """Cut off, or with a byte changed anywhere: an error of one kind, or what it still says; never anything else."""
    await follow_by_hand(instance, alice, [stranger_did(number) for number in range(40)])
    car = await asyncio.to_thread(fetch_car, instance, alice.did)
    for end in range(0, len(car), 997):
        with pytest.raises(NotARepository):
            read_car(car[:end], FOLLOWS)
    for place in range(0, len(car), 311):
        changed = bytearray(car)
        changed[place] ^= 0x55
        with suppress(NotARepository):
            read_car(bytes(changed), FOLLOWS)


@given(st.binary(max_size=300))
def test_no_bytes_break_it(content: bytes) -> None:
    with suppress(NotARepository):
        assert read_car(content, FOLLOWS) == []


def test_names_grow() -> None:
    """Also within a microsecond, and where the clock goes back."""
    tids, now = Tids(), SystemClock().now()
    made = [tids.next(now) for _ in range(1_000)]
    made += [tids.next(now.replace(year=now.year - 1)) for _ in range(10)]
    assert made == sorted(set(made))
    assert all(map(is_tid, made))
