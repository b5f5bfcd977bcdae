"""Whether a post that was seen proves what a challenge asked for. Pure; all that counts is in the arguments.

The author is what the source said, the text is the post's own and final one, the time is in its number.
"""

from datetime import datetime

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.proofs.challenge import Challenge
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason
from directory.proofs.results import PostSeen, Refuted, Verified
from directory.proofs.sentence import find_nonce, holds_a_nonce
from directory.proofs.snowflake import post_time


def refusal_unseen(challenge: Challenge, post: XPostId, now: datetime) -> RefutedReason | None:
    """Why a post cannot prove an open challenge, told by its number alone; None if it must be looked at."""
    return challenge.refusal(now) or challenge.refusal_of_time(post_time(post), now)


def judge(
    challenge: Challenge, post: PostSeen, now: datetime, expected: XId | XHandle | None = None
) -> Verified | Refuted:
    """The verdict on a post for an open challenge. `expected` is the X account that the member named, if any.

    `post` must be the latest version: raises ValueError otherwise.
    """
    refused = refusal_unseen(challenge, post.id, now)
    return Refuted(refused) if refused else judge_again(challenge, post, now, expected)


def judge_again(
    challenge: Challenge, post: PostSeen, now: datetime, expected: XId | XHandle | None = None
) -> Verified | Refuted:
    """The same for a challenge that was met before: used, and by now expired, it still binds its own post."""
    if not post.is_latest:
        raise ValueError(f"post {post.id} is not the latest version")
    refused = (
        challenge.refusal_of_time(post_time(post.id), now)
        or _refusal_of_text(challenge, post)
        or _refusal_of_author(post, expected)
    )
    return Refuted(refused) if refused else _verified(post, now)


def _refusal_of_text(challenge: Challenge, post: PostSeen) -> RefutedReason | None:
    nonce = find_nonce(post.text) if post.is_whole else None
    if nonce is None:
        return RefutedReason.SENTENCE_ALTERED if holds_a_nonce(post.text) else RefutedReason.NO_SENTENCE
    return None if nonce == challenge.nonce else RefutedReason.OTHER_CHALLENGE


def _refusal_of_author(post: PostSeen, expected: XId | XHandle | None) -> RefutedReason | None:
    """An expected id binds where the source tells one; a source that tells the handle only leaves it open."""
    if isinstance(expected, XHandle) and expected.key != post.author_handle.key:
        return RefutedReason.WRONG_AUTHOR
    if isinstance(expected, XId) and post.author_id is not None and expected != post.author_id:
        return RefutedReason.WRONG_AUTHOR
    return None


def _verified(post: PostSeen, now: datetime) -> Verified:
    kind = EvidenceKind.X_POST_HANDLE if post.author_id is None else EvidenceKind.X_POST_ID
    return Verified(
        account=XAccount(post.author_id, post.author_handle),
        post=post.id,
        posted=post_time(post.id),
        evidence=Evidence(kind=kind, at=now, ref=post.id.url),
    )
