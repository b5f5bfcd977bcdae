"""Posts that are edited, and posts that are re-checked long after."""

import msgspec
import pytest

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.networks.http import GuardedClient
from directory.proofs.challenge import Challenge
from directory.proofs.judge import judge_again
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import PostSeen
from directory.proofs.x_post import PostChecker
from tests.directory.proofs.conftest import IMPATIENT
from tests.directory.proofs.posts import MINUTE, only, proof, refuted, unreachable, verified
from tests.harness.clock import START, FakeClock
from tests.harness.fake_x import FakeX


class TestEdits:
    """An edited post counts by its final text; every version has an id of its own."""

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


class TestRecheck:
    """The post that met the challenge is re-checked long after the challenge was closed."""

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
        assert result.account == XAccount(post.author.id, XHandle("alice_left"))

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
