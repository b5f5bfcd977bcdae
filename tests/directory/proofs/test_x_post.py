"""The whole check of a proof post, over the guarded client and a fake X that answers as X does."""

import msgspec
import pytest

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import EvidenceKind
from directory.networks.http import GuardedClient
from directory.proofs.challenge import Challenge, new_challenge
from directory.proofs.post_url import XPostId, parse_post_url
from directory.proofs.reasons import RefutedReason
from directory.proofs.x_post import PostChecker, XSources
from tests.directory.proofs.conftest import BLUESKY, IMPATIENT, MASTODON
from tests.directory.proofs.posts import (
    HANDLE_SOURCES,
    ID_SOURCES,
    MINUTE,
    POST_SOURCES,
    only,
    proof,
    refuted,
    verified,
)
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import Failure, FakeX
from tests.harness.fake_x.post_ids import first_post_id_at


@pytest.mark.parametrize("source", ID_SOURCES)
async def test_a_source_that_tells_the_id_binds_it(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    post = proof(x, challenge)
    only(x, source)
    result = verified(await checker.check(challenge, post.id))
    assert result.account == XAccount(post.author.id, XHandle("alice"))
    assert result.posted == START - MINUTE
    assert result.evidence.kind is EvidenceKind.X_POST_ID
    assert result.evidence.ref == f"https://x.com/i/status/{post.id}"
    assert result.evidence.at == START


@pytest.mark.parametrize("source", HANDLE_SOURCES)
async def test_a_source_that_tells_the_handle_proves_the_handle_only(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    post = proof(x, challenge)
    only(x, source)
    result = verified(await checker.check(challenge, post.id))
    assert result.account == XAccount(None, XHandle("alice"))
    assert result.evidence.kind is EvidenceKind.X_POST_HANDLE


async def test_once_an_id_is_bound_nobody_else_is_asked(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    verified(await checker.check(challenge, proof(x, challenge).id))
    assert [request.split()[0] for request in x.requests] == ["syndication"]


async def test_a_proven_handle_is_raised_by_a_later_source_that_tells_the_id(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    x.fail("syndication", Failure(402))
    post = proof(x, challenge)
    assert verified(await checker.check(challenge, post.id)).account.id == post.author.id
    assert [request.split()[0] for request in x.requests] == ["syndication", "oembed-x", "fxtwitter"]


async def test_a_handle_stands_where_nobody_tells_the_id(
    x: FakeX, client: GuardedClient, clock: FakeClock, challenge: Challenge
) -> None:
    x.fail("syndication", Failure(402))
    checker = PostChecker(client, x.sources(fxtwitter=False).in_order(), clock, IMPATIENT)
    result = verified(await checker.check(challenge, proof(x, challenge).id))
    assert result.evidence.kind is EvidenceKind.X_POST_HANDLE


async def test_the_author_is_what_the_answer_says_not_the_address(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """An attacker posts the sentence, and hands it in as https://x.com/<victim>/status/<id>: X ignores the name."""
    x.account("victim")
    post = proof(x, challenge, "mallory")
    pasted = parse_post_url(f"https://x.com/victim/status/{post.id}")
    for source in POST_SOURCES:
        only(x, source)
        assert verified(await checker.check(challenge, pasted)).account.handle == XHandle("mallory")
        named = await checker.check(challenge, pasted, XHandle("victim"))
        assert refuted(named) is RefutedReason.WRONG_AUTHOR


async def test_handles_are_compared_without_case(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    post = proof(x, challenge, "Alice")
    assert verified(await checker.check(challenge, post.id, XHandle("aLICE"))).account.handle == XHandle(
        "Alice"
    )
    assert verified(await checker.check(challenge, post.id, post.author.id))
    assert refuted(await checker.check(challenge, post.id, XId(12))) is RefutedReason.WRONG_AUTHOR


@pytest.mark.parametrize("source", POST_SOURCES)
async def test_another_challenge_never_verifies(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """A nonce of another target, instance, member or time is another nonce."""
    others = [
        new_challenge("member-1", (BLUESKY,), "find.example.org", "en", challenge.created),
        new_challenge("member-1", (BLUESKY, MASTODON), "other.example.org", "en", challenge.created),
        new_challenge("member-2", (BLUESKY, MASTODON), "find.example.org", "en", challenge.created),
        new_challenge("member-1", (BLUESKY, MASTODON), "find.example.org", "en", challenge.created),
    ]
    only(x, source)
    for number, other in enumerate(others):
        post = proof(x, other, f"alice{number}")
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.OTHER_CHALLENGE


async def test_a_closed_challenge_never_verifies_and_nobody_is_asked(
    x: FakeX, checker: PostChecker, clock: FakeClock, challenge: Challenge
) -> None:
    post = proof(x, challenge)
    used = msgspec.structs.replace(challenge, used=START)
    superseded = msgspec.structs.replace(challenge, superseded=START)
    assert refuted(await checker.check(used, post.id)) is RefutedReason.CHALLENGE_USED
    assert refuted(await checker.check(superseded, post.id)) is RefutedReason.CHALLENGE_SUPERSEDED
    clock.advance(days=7)
    assert refuted(await checker.check(challenge, post.id)) is RefutedReason.CHALLENGE_EXPIRED
    assert x.requests == []


async def test_a_post_older_than_the_challenge_or_of_the_future_is_refused_unasked(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    before = first_post_id_at(challenge.created - 3 * MINUTE)
    after = first_post_id_at(START + 3 * MINUTE)
    assert refuted(await checker.check(challenge, before)) is RefutedReason.POSTED_BEFORE
    assert refuted(await checker.check(challenge, XPostId(20))) is RefutedReason.POSTED_BEFORE
    assert refuted(await checker.check(challenge, after)) is RefutedReason.POSTED_IN_FUTURE
    assert x.requests == []


@pytest.mark.parametrize("source", POST_SOURCES)
@pytest.mark.parametrize(
    ("wrapped", "reason"),
    [
        ("hello", RefutedReason.NO_SENTENCE),
        ("beware of did:plc:ewvi7nxzyoun6zhxrhs64oiz and alice@mastodon.example", RefutedReason.NO_SENTENCE),
        ("they asked me to post this: {}", RefutedReason.SENTENCE_ALTERED),
        ("{} haha", RefutedReason.SENTENCE_ALTERED),
        ("@bob {}", RefutedReason.SENTENCE_ALTERED),
    ],
)
async def test_a_post_must_be_the_sentence(  # noqa: PLR0917 - fixtures
    source: str, wrapped: str, reason: RefutedReason, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """Naming the account, or showing the sentence around, is not saying it."""
    post = x.post(x.account("victim"), wrapped.format(challenge.sentence), START)
    only(x, source)
    assert refuted(await checker.check(challenge, post.id)) is reason


@pytest.mark.parametrize("source", POST_SOURCES)
@pytest.mark.parametrize("relation", ["quoted", "parent"])
async def test_a_quoted_nonce_and_a_parents_nonce_do_not_count(
    source: str, relation: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """The victim quotes or answers the attacker's proof post: that must not prove the victim's account."""
    said = proof(x, challenge, "mallory")
    post = x.post(x.account("victim"), "what is this?", START)
    setattr(post, relation, said)
    only(x, source)
    assert refuted(await checker.check(challenge, post.id)) is RefutedReason.NO_SENTENCE


@pytest.mark.parametrize("source", POST_SOURCES)
async def test_a_nonce_in_the_display_name_does_not_count(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    author = x.account("alice", name=challenge.sentence)
    only(x, source)
    post = x.post(author, "hello", START)
    assert refuted(await checker.check(challenge, post.id)) is RefutedReason.NO_SENTENCE


@pytest.mark.parametrize("source", POST_SOURCES)
async def test_pictures_and_a_quoted_post_may_follow_the_sentence(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    post = proof(x, challenge)
    post.has_picture, post.quoted = True, x.post(post.author, "an older post", START - 2 * MINUTE)
    only(x, source)
    assert verified(await checker.check(challenge, post.id)).account.handle == XHandle("alice")


async def test_a_longer_post_that_begins_with_the_sentence_proves_nothing(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """The syndication shows the first 280 characters of a longer post: what they leave out may be "… never!"."""
    post = proof(x, challenge)
    post.full_text = challenge.sentence + " " + "is what a thief wanted me to post. " * 10
    for source in ID_SOURCES:
        only(x, source)
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.SENTENCE_ALTERED


async def test_two_accounts_cannot_both_use_one_sentence(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """Once the first has met the challenge, the same sentence by another account proves nothing."""
    first, second = proof(x, challenge, "alice"), proof(x, challenge, "alice_too")
    verified(await checker.check(challenge, first.id))
    used = msgspec.structs.replace(challenge, used=START)
    assert refuted(await checker.check(used, second.id)) is RefutedReason.CHALLENGE_USED


def test_fxtwitter_is_off_unless_the_operator_turns_it_on() -> None:
    """Whoever runs it is believed about who somebody is."""
    assert [source.name for source in XSources().in_order()] == [
        "syndication",
        "oembed-x",
        "oembed-twitter",
    ]


@pytest.mark.parametrize("source", POST_SOURCES)
async def test_a_phished_sentence_proves_nothing_in_any_source(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """Mallory asks this instance for a sentence, and shows Alice one with the same code that names Alice's own
    account and Mallory's instance. Alice posts it; Mallory hands the post in, and would be followed in her place."""
    only(x, source)
    evil = new_challenge("member-1", (BLUESKY, MASTODON), "evil.example", "en", challenge.created)
    phished = [
        challenge.sentence.replace("alice·bsky·social", "alice·example·org"),
        challenge.sentence.replace("find·example·org", "evil·example"),
        evil.sentence.replace(str(evil.nonce), str(challenge.nonce)),
        challenge.sentence.replace("alice·bsky·social and ", ""),
        challenge.sentence.replace("alice·bsky·social", "alice.bsky.social"),
        challenge.sentence.replace("alice·bsky·social", "https://alice.bsky.social"),
    ]
    for number, text in enumerate(phished):
        post = x.post(x.account(f"alice{number}"), text, START - MINUTE)
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.SENTENCE_ALTERED


@pytest.mark.parametrize("source", POST_SOURCES)
async def test_evidence_names_the_accounts_of_the_sentence(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    only(x, source)
    evidence = verified(await checker.check(challenge, proof(x, challenge).id)).evidence
    assert evidence.names == (str(BLUESKY.id), str(MASTODON.id))
