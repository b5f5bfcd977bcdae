"""Sources that fail, or contradict each other, while a proof post is checked."""

import pytest

from directory.networks.http import GuardedClient
from directory.networks.retry_after import MAX_RETRY_AFTER_S
from directory.proofs.challenge import Challenge
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Unreachable
from directory.proofs.x_post import PostChecker, XSources
from tests.directory.proofs.conftest import IMPATIENT
from tests.directory.proofs.posts import POST_SOURCES, only, proof, unreachable, verified
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import Failure, FakeX
from tests.harness.fake_x.post_ids import first_post_id_at

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
    """No failure of a source ever refutes a proof."""

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
        assert verified(await checker.check(challenge, proof(x, challenge).id)).account.id is None

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
    """Sources that name different authors decide nothing: one of them is wrong."""

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
