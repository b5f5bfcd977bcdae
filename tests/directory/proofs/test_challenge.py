from datetime import timedelta

import msgspec
import pytest

from directory.accounts import BlueskyAccount
from directory.identifiers import AtHandle, Did
from directory.proofs.challenge import CHALLENGE_LIFE, CLOCK_SKEW, Challenge, new_challenge
from directory.proofs.reasons import SENTENCES, RefutedReason, UnreachableReason
from directory.proofs.sentence import SentenceTooLong, find_nonces
from tests.directory.proofs.conftest import BLUESKY, MASTODON
from tests.harness.clock import START

OTHER = BlueskyAccount(Did.parse("did:plc:z72i7hdynmk6r22z27h6tvur"), AtHandle.parse("mallory.bsky.social"))


def test_a_challenge_shows_its_accounts_and_its_instance(challenge: Challenge) -> None:
    for name in ("alice·bsky·social", "alice@mastodon·example", "find·example·org", str(challenge.nonce)):
        assert name in challenge.sentence
    assert find_nonces(challenge.sentence) == {str(challenge.nonce)}
    assert challenge.names == (str(BLUESKY.id), str(MASTODON.id))
    assert challenge.compose_url.startswith("https://x.com/intent/post?text=This%20account")


def test_a_challenge_is_open_for_a_week(challenge: Challenge) -> None:
    assert challenge.expires == challenge.created + CHALLENGE_LIFE == challenge.created + timedelta(days=7)
    assert challenge.refusal(challenge.created) is None
    assert challenge.refusal(challenge.expires - timedelta(seconds=1)) is None
    assert challenge.refusal(challenge.expires) is RefutedReason.CHALLENGE_EXPIRED


def test_a_used_or_superseded_challenge_is_closed_for_good(challenge: Challenge) -> None:
    used = msgspec.structs.replace(challenge, used=START)
    superseded = msgspec.structs.replace(challenge, superseded=START)
    assert used.refusal(START) is RefutedReason.CHALLENGE_USED
    assert superseded.refusal(START) is RefutedReason.CHALLENGE_SUPERSEDED


def test_a_post_must_be_younger_than_the_challenge_and_not_of_the_future(challenge: Challenge) -> None:
    tick = timedelta(milliseconds=1)
    for posted, refusal in (
        (challenge.created - CLOCK_SKEW - tick, RefutedReason.POSTED_BEFORE),
        (challenge.created - CLOCK_SKEW, None),
        (START, None),
        (START + CLOCK_SKEW, None),
        (START + CLOCK_SKEW + tick, RefutedReason.POSTED_IN_FUTURE),
    ):
        assert challenge.refusal_of_time(posted, START) is refusal
    late = challenge.expires + timedelta(days=30)
    assert challenge.refusal_of_time(challenge.expires + CLOCK_SKEW, late) is RefutedReason.CHALLENGE_EXPIRED


def test_a_challenge_is_for_one_member_its_accounts_and_one_instance(challenge: Challenge) -> None:
    accounts = (MASTODON, BLUESKY)
    assert challenge.is_for("member-1", accounts, "find.example.org")
    renamed = BlueskyAccount(BLUESKY.did, AtHandle.parse("alice.example"))
    assert challenge.is_for("member-1", (MASTODON, renamed), "find.example.org"), "the account counts"
    assert not challenge.is_for("member-2", accounts, "find.example.org")
    assert not challenge.is_for("member-1", accounts, "other.example.org")
    assert not challenge.is_for("member-1", (BLUESKY,), "find.example.org")
    assert not challenge.is_for("member-1", (BLUESKY, BLUESKY), "find.example.org")
    assert not challenge.is_for("member-1", (BLUESKY, OTHER), "find.example.org")
    assert not challenge.is_for("member-1", (*accounts, OTHER), "find.example.org")


def test_every_challenge_has_a_nonce_of_its_own() -> None:
    made = {new_challenge("m", (BLUESKY,), "a.example", "en", START).nonce for _ in range(100)}
    assert len(made) == 100


@pytest.mark.parametrize("count", [0, 5])
def test_a_challenge_names_one_to_four_accounts(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 4"):
        new_challenge("m", (BLUESKY,) * count, "a.example", "en", START)


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == {*RefutedReason, *UnreachableReason}


def test_names_that_do_not_fit_make_no_challenge() -> None:
    host = ".".join(["a" * 63] * 3 + ["example"])
    long = BlueskyAccount(BLUESKY.did, AtHandle.parse(host))
    with pytest.raises(SentenceTooLong):
        new_challenge("member-1", (long, MASTODON), "find.example.org", "en", START)
