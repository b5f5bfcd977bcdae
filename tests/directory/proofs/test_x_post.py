"""The whole check of a proof post, over the guarded client and a fake X that answers as X does."""

from datetime import timedelta

import msgspec
import pytest

from directory.identifiers import XHandle, XId
from directory.mappings import EvidenceKind
from directory.networks.http import GuardedClient
from directory.proofs.challenge import Challenge, new_challenge
from directory.proofs.judge import judge_again
from directory.proofs.post_url import XPostId, parse_post_url
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, PostSeen, Refuted, Unreachable, Verified
from directory.proofs.snowflake import first_post_id_at
from directory.proofs.x_post import MAX_RETRY_AFTER_S, PostChecker, XSources
from tests.directory.proofs.conftest import BLUESKY, IMPATIENT, MASTODON
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import Failure, FakePost, FakeX

MINUTE = timedelta(minutes=1)
HANDLE_SOURCES = ("oembed-x", "oembed-twitter")
ID_SOURCES = ("syndication", "fxtwitter")
POST_SOURCES = ("syndication", "oembed-x", "oembed-twitter", "fxtwitter")


def only(x: FakeX, *left: str) -> None:
    """All other sources fail."""
    for source in POST_SOURCES:
        if source in left:
            x.heal(source)
        else:
            x.fail(source, Failure(503))


def proof(x: FakeX, challenge: Challenge, handle: str = "alice") -> FakePost:
    """The post that is asked for, made a minute ago."""
    return x.post(x.account(handle), challenge.sentence, START - MINUTE)


def refuted(result: CheckResult) -> RefutedReason:
    assert isinstance(result, Refuted), result
    return result.reason


def unreachable(result: CheckResult) -> UnreachableReason:
    assert isinstance(result, Unreachable), result
    return result.reason


def verified(result: CheckResult) -> Verified:
    assert isinstance(result, Verified), result
    return result


@pytest.mark.parametrize("source", ID_SOURCES)
async def test_a_source_that_tells_the_id_binds_it(
    source: str, x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    post = proof(x, challenge)
    only(x, source)
    result = verified(await checker.check(challenge, post.id))
    assert (result.x_id, result.x_handle) == (post.author.id, XHandle("alice"))
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
    assert (result.x_id, result.x_handle) == (None, XHandle("alice"))
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
    assert verified(await checker.check(challenge, post.id)).x_id == post.author.id
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
        assert verified(await checker.check(challenge, pasted)).x_handle == XHandle("mallory")
        named = await checker.check(challenge, pasted, XHandle("victim"))
        assert refuted(named) is RefutedReason.WRONG_AUTHOR


async def test_handles_are_compared_without_case(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    post = proof(x, challenge, "Alice")
    assert verified(await checker.check(challenge, post.id, XHandle("aLICE"))).x_handle == XHandle("Alice")
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
    assert verified(await checker.check(challenge, post.id)).x_handle == XHandle("alice")


async def test_a_longer_post_that_begins_with_the_sentence_proves_nothing(
    x: FakeX, checker: PostChecker, challenge: Challenge
) -> None:
    """The syndication shows the first 280 characters of a longer post: what they leave out may be "… never!"."""
    post = proof(x, challenge)
    post.full_text = challenge.sentence + " " + "is what a thief wanted me to post. " * 10
    for source in ID_SOURCES:
        only(x, source)
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.SENTENCE_ALTERED


class TestEdits:
    """An edited post counts by its final text; every version has a number of its own."""

    async def test_a_sentence_that_was_edited_away_is_no_proof(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = proof(x, challenge)
        x.edit(post, "I was hacked", START)
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.NO_SENTENCE

    async def test_a_sentence_that_was_edited_in_is_one(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = x.post(x.account("alice"), "typo", START - 2 * MINUTE)
        final = x.edit(post, challenge.sentence, START - MINUTE)
        for pasted in (post.id, final.id):
            result = verified(await checker.check(challenge, pasted))
            assert (result.post, result.evidence.ref) == (final.id, final.id.url)

    async def test_where_the_final_text_is_unknown_nothing_is(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = proof(x, challenge)
        final = x.edit(post, "I was hacked", START)
        final.is_age_gated = True
        only(x, "syndication")
        assert unreachable(await checker.check(challenge, post.id)) is UnreachableReason.EDITED_SINCE

    async def test_the_other_sources_are_asked_for_the_final_version(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = proof(x, challenge)
        final = x.edit(post, "I was hacked", START)
        final.is_age_gated = True
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.NO_SENTENCE
        assert len(x.requests) > 1
        assert all(str(final.id) in request for request in x.requests[1:])

    async def test_what_was_seen_of_an_older_version_is_dropped(
        self, x: FakeX, client: GuardedClient, clock: FakeClock, challenge: Challenge
    ) -> None:
        """oEmbed shows the old version as if nothing were; the syndication, asked after it, knows better."""
        post = proof(x, challenge)
        x.edit(post, "I was hacked", START)
        syndication, embed, *_ = x.sources().in_order()
        checker = PostChecker(client, [embed, syndication], clock, IMPATIENT)
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.NO_SENTENCE

    async def test_a_post_from_before_the_challenge_is_none_however_it_was_edited(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = x.post(x.account("alice"), "typo", challenge.created - 10 * MINUTE)
        x.edit(post, challenge.sentence, START - MINUTE)
        assert refuted(await checker.check(challenge, post.id)) is RefutedReason.POSTED_BEFORE

    def test_the_judge_takes_no_older_version(self, challenge: Challenge) -> None:
        old = PostSeen(
            id=XPostId(20), latest=XPostId(21), author_id=None, author_handle=XHandle("alice"), text=""
        )
        with pytest.raises(ValueError, match="latest"):
            judge_again(challenge, old, START)


FAILURES = {
    "402": (Failure(402), UnreachableReason.TURNED_AWAY),
    "403 with a page": (Failure(403), UnreachableReason.TURNED_AWAY),
    "429": (Failure(429), UnreachableReason.TOO_MANY_REQUESTS),
    "500": (Failure(500), UnreachableReason.SOURCE_BROKEN),
    "a page for people": (Failure(200), UnreachableReason.UNREADABLE),
    "nothing": (Failure(200, b""), UnreachableReason.UNREADABLE),
    "5 MB": (Failure.huge(), UnreachableReason.UNREADABLE),
    "silence": (Failure.slow(), UnreachableReason.NO_ANSWER),
    "hangs up": (Failure(hangs_up=True), UnreachableReason.NO_ANSWER),
}


class TestFailures:
    """Nothing that a source does wrong is ever held against the person."""

    @pytest.mark.parametrize("source", POST_SOURCES)
    @pytest.mark.parametrize("name", FAILURES)
    async def test_one_failing_source_alone_leaves_it_open(
        self, source: str, name: str, x: FakeX, client: GuardedClient, challenge: Challenge
    ) -> None:
        failure, reason = FAILURES[name]
        x.fail(source, failure)
        post = proof(x, challenge)
        sources = [one for one in x.sources().in_order() if one.name == source]
        checker = PostChecker(client, sources, FakeClock(), IMPATIENT)
        assert unreachable(await checker.check(challenge, post.id)) is reason

    @pytest.mark.parametrize("name", FAILURES)
    async def test_a_failing_syndication_leaves_the_others(
        self, name: str, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        x.fail("syndication", FAILURES[name][0])
        assert verified(await checker.check(challenge, proof(x, challenge).id))

    @pytest.mark.parametrize(
        "failure", [Failure.empty_object(), Failure.tombstone(), Failure.tombstone("Gone.")]
    )
    async def test_a_tombstone_is_no_word_about_the_post(
        self, failure: Failure, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        x.fail("syndication", failure)
        post = proof(x, challenge)
        assert verified(await checker.check(challenge, post.id))
        for source in ("oembed-x", "oembed-twitter", "fxtwitter"):
            x.fail(source, Failure(503))
        assert unreachable(await checker.check(challenge, post.id)) is UnreachableReason.WITHHELD

    async def test_the_most_telling_reason_is_told(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = proof(x, challenge)
        post.author.is_protected = True
        assert unreachable(await checker.check(challenge, post.id)) is UnreachableReason.PROTECTED
        post.author.is_protected = False
        x.delete(post)
        assert unreachable(await checker.check(challenge, post.id)) is UnreachableReason.DELETED

    async def test_a_post_that_nobody_knows_is_not_refuted(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        nobodys = first_post_id_at(START)
        assert unreachable(await checker.check(challenge, nobodys)) is UnreachableReason.DELETED

    async def test_the_longest_wait_that_was_asked_for_is_told(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        only(x)
        x.fail("oembed-x", Failure.rate_limited(120))
        x.fail("fxtwitter", Failure.rate_limited(60))
        result = await checker.check(challenge, proof(x, challenge).id)
        assert result == Unreachable(UnreachableReason.TOO_MANY_REQUESTS, 120)

    @pytest.mark.parametrize(
        ("headers", "wait_s"),
        [
            ({}, None),
            ({"retry-after": "0"}, 0),
            ({"retry-after": "99999999999999999999"}, MAX_RETRY_AFTER_S),
            ({"retry-after": "Sun, 01 Nov 2026 12:10:00 GMT"}, 600),
            ({"retry-after": "Sun, 01 Nov 2020 12:10:00 GMT"}, 0),
            ({"retry-after": "Sun, 99 Nov 2026 12:10:00 GMT"}, None),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "-5"}, None),
            ({"x-rate-limit-reset": str(int(START.timestamp()) + 900)}, 900),
            ({"x-rate-limit-reset": "x"}, None),
        ],
    )
    async def test_how_a_wait_is_read(
        self,
        headers: dict[str, str],
        wait_s: int | None,
        x: FakeX,
        checker: PostChecker,
        challenge: Challenge,
    ) -> None:
        only(x)
        x.fail("fxtwitter", Failure(429, b"", headers=headers))
        result = await checker.check(challenge, proof(x, challenge).id)
        assert result == Unreachable(UnreachableReason.TOO_MANY_REQUESTS, wait_s)

    async def test_the_older_oembed_host_helps_where_the_newer_one_fails(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        only(x, "oembed-twitter")
        assert verified(await checker.check(challenge, proof(x, challenge).id)).x_id is None

    async def test_the_newer_oembed_host_may_redirect_to_the_older_one(
        self, x: FakeX, checker: PostChecker, challenge: Challenge
    ) -> None:
        post = proof(x, challenge)
        only(x, "oembed-twitter")
        query = f"url=https%3A%2F%2Ftwitter.com%2Fi%2Fstatus%2F{post.id}"
        x.fail("oembed-x", Failure.redirect(f"{x.root}/publish-twitter/oembed?{query}"))
        assert verified(await checker.check(challenge, post.id))

    async def test_without_any_source_nothing_is_known(
        self, client: GuardedClient, clock: FakeClock, challenge: Challenge
    ) -> None:
        off = XSources(syndication=None, oembed_x=None, oembed_twitter=None, fxtwitter=None)
        checker = PostChecker(client, off.in_order(), clock)
        result = await checker.check(challenge, first_post_id_at(START))
        assert unreachable(result) is UnreachableReason.NO_SOURCE


class TestDisagreement:
    """Sources that name different authors cannot all be right: nothing is decided."""

    async def test_another_author(self, x: FakeX, checker: PostChecker, challenge: Challenge) -> None:
        post = proof(x, challenge)
        x.fail("syndication", Failure(503))
        body = (
            f'{{"code":200,"tweet":{{"id":"{post.id}","text":"{challenge.sentence}",'
            '"author":{"id":"666","screen_name":"mallory"}}}'
        )
        x.fail("fxtwitter", Failure(200, body.encode()))
        assert unreachable(await checker.check(challenge, post.id)) is UnreachableReason.SOURCES_DISAGREE

    async def test_another_text(self, x: FakeX, checker: PostChecker, challenge: Challenge) -> None:
        post = proof(x, challenge)
        x.fail("syndication", Failure(503))
        author = f'{{"id":"{post.author.id}","screen_name":"alice"}}'
        body = f'{{"code":200,"tweet":{{"id":"{post.id}","text":"hello","author":{author}}}}}'
        x.fail("fxtwitter", Failure(200, body.encode()))
        assert unreachable(await checker.check(challenge, post.id)) is UnreachableReason.SOURCES_DISAGREE


class TestRecheck:
    """The post that met the challenge is looked at again, long after the challenge was closed."""

    @pytest.fixture
    def met(self, challenge: Challenge, clock: FakeClock) -> Challenge:
        clock.advance(days=60)
        return msgspec.structs.replace(challenge, used=START)

    async def test_it_still_holds_and_the_handle_is_todays(
        self, x: FakeX, checker: PostChecker, met: Challenge
    ) -> None:
        post = proof(x, met)
        post.author.handle = XHandle("alice_left")
        result = verified(await checker.recheck(met, post.id, post.author.id))
        assert (result.x_id, result.x_handle) == (post.author.id, XHandle("alice_left"))

    async def test_another_author_id_refutes(self, x: FakeX, checker: PostChecker, met: Challenge) -> None:
        result = await checker.recheck(met, proof(x, met).id, XId(12))
        assert refuted(result) is RefutedReason.WRONG_AUTHOR

    async def test_a_deleted_post_does_not(self, x: FakeX, checker: PostChecker, met: Challenge) -> None:
        post = proof(x, met)
        x.delete(post)
        assert unreachable(await checker.recheck(met, post.id, post.author.id)) is UnreachableReason.DELETED

    async def test_an_edited_post_does(self, x: FakeX, checker: PostChecker, met: Challenge) -> None:
        post = proof(x, met)
        x.edit(post, "no more", START)
        assert refuted(await checker.recheck(met, post.id, post.author.id)) is RefutedReason.NO_SENTENCE

    async def test_a_newer_post_cannot_take_its_place(
        self, x: FakeX, checker: PostChecker, clock: FakeClock, met: Challenge
    ) -> None:
        late = x.post(x.account("mallory"), met.sentence, clock.now() - MINUTE)
        assert refuted(await checker.recheck(met, late.id, None)) is RefutedReason.CHALLENGE_EXPIRED


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
