"""Judges whether a post meets a challenge. Pure: the verdict rests on the arguments alone.

The author is the one that the source names, the text is that of the latest version, and the time is in the post's id.
"""

from datetime import datetime

from directory.accounts import XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.proofs.challenge import Challenge
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason
from directory.proofs.results import PostSeen, Refuted, Verified
from directory.proofs.sentence import find_nonces, is_sentence
from directory.proofs.snowflake import post_time


def refusal_unseen(
    challenge: Challenge, post: XPostId, now: datetime, handed_in: datetime | None = None
) -> RefutedReason | None:
    """Returns why a post cannot meet a challenge, by its id and the challenge alone; None where it has to be fetched.

    The challenge has to be open when the post is `handed_in`, now where that is not given: the sources may be silent for
    longer than it is.
    """
    return challenge.refusal(handed_in or now) or challenge.refusal_of_time(post_time(post), now)


def judge(
    challenge: Challenge,
    post: PostSeen,
    now: datetime,
    expected: XId | XHandle | None = None,
    handed_in: datetime | None = None,
) -> Verified | Refuted:
    """Judges a post for a challenge that was open when it was `handed_in`. `expected` is the X account that the member named,
    if any.

    `post` must be the latest version: raises ValueError otherwise.
    """
    refused = refusal_unseen(challenge, post.id, now, handed_in)
    return Refuted(refused) if refused else judge_again(challenge, post, now, expected)


def judge_again(
    challenge: Challenge, post: PostSeen, now: datetime, expected: XId | XHandle | None = None
) -> Verified | Refuted:
    """Judges the post of a challenge that was met before. Although used or expired, it still binds that post.

    Raises ValueError as `judge` does.
    """
    if not post.is_latest:
        raise ValueError(f"post {post.id} is not the latest version")
    refused = (
        challenge.refusal_of_time(post_time(post.id), now)
        or _refusal_of_text(challenge, post)
        or _refusal_of_author(post, expected)
    )
    return Refuted(refused) if refused else _verified(challenge, post, now)


def _refusal_of_text(challenge: Challenge, post: PostSeen) -> RefutedReason | None:
    """Compares the whole text with the sentence of the challenge: names, instance and nonce."""
    if post.is_whole and is_sentence(post.text, challenge.sentence):
        return None
    nonces = find_nonces(post.text)
    if not nonces:
        return RefutedReason.NO_SENTENCE
    return RefutedReason.SENTENCE_ALTERED if str(challenge.nonce) in nonces else RefutedReason.OTHER_CHALLENGE


def _refusal_of_author(post: PostSeen, expected: XId | XHandle | None) -> RefutedReason | None:
    """Compares the author with the expected account. A source that tells no id leaves an expected id open."""
    if isinstance(expected, XHandle) and expected.key != post.author_handle.key:
        return RefutedReason.WRONG_AUTHOR
    if isinstance(expected, XId) and post.author_id is not None and expected != post.author_id:
        return RefutedReason.WRONG_AUTHOR
    return None


def _verified(challenge: Challenge, post: PostSeen, now: datetime) -> Verified:
    kind = EvidenceKind.X_POST_HANDLE if post.author_id is None else EvidenceKind.X_POST_ID
    return Verified(
        account=XAccount(post.author_id, post.author_handle),
        post=post.id,
        posted=post_time(post.id),
        evidence=Evidence(kind=kind, at=now, ref=post.id.url, names=challenge.names),
    )
