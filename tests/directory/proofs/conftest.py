"""Fixtures for proofs: a fake X, the guarded client that may ask it, and a challenge of two accounts."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from directory.accounts import BlueskyAccount, MastodonAccount
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.proofs.challenge import Challenge, new_challenge
from directory.proofs.x_post import MAX_ANSWER_BYTES, PostChecker
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import FakeX

BLUESKY = BlueskyAccount(Did.parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz"), AtHandle.parse("alice.bsky.social"))
MASTODON = MastodonAccount(
    ActorUri.parse("https://mastodon.example/users/alice"), Acct.parse("alice@mastodon.example")
)

IMPATIENT = Limits(connect_s=2, first_byte_s=1.0, total_s=3, max_body_bytes=MAX_ANSWER_BYTES)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def challenge() -> Challenge:
    """A challenge made an hour ago."""
    return new_challenge(
        "member-1", (BLUESKY, MASTODON), "find.example.org", "en", START - timedelta(hours=1)
    )


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient("Passerelle/test", allow_loopback=True) as guarded:
        yield guarded


@pytest.fixture
def checker(x: FakeX, client: GuardedClient, clock: FakeClock) -> PostChecker:
    """A checker that asks every source."""
    return PostChecker(client, x.sources().in_order(), clock, IMPATIENT)
