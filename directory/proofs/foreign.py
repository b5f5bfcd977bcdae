"""Judges the post with which another instance has proven an account. Pure: the verdict rests on the arguments alone.

The nonce of its sentence is that instance's secret, so it is not compared. All else is: the author, the account that the
mapping leads to, and the instance, which must be the one that says so. A post that was made for a third instance, or
for other accounts, proves nothing of what this one says.
"""

from datetime import timedelta
from typing import Final

import msgspec

from directory.accounts import XAccount
from directory.mappings import Evidence, EvidenceKind, Mapping
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason
from directory.proofs.results import PostSeen, Refuted, Verified
from directory.proofs.sentence import read_sentence, written_name
from directory.proofs.snowflake import post_time

MAX_SKEW: Final = timedelta(hours=1)
"""How far the clock of the other instance may be behind that of X."""


class ForeignClaim(msgspec.Struct, frozen=True):
    """What another instance says that a post has proven. `hosts` are its names, the present one and those before."""

    mapping: Mapping
    evidence: Evidence
    post: XPostId
    hosts: tuple[str, ...]


def judge_foreign(claim: ForeignClaim, post: PostSeen) -> Verified | Refuted:
    """Judges the post of another instance's mapping. `post` must be the latest version: raises ValueError otherwise."""
    if not post.is_latest:
        raise ValueError(f"post {post.id} is not the latest version")
    refused = _refusal_of_text(claim, post) or _refusal_of_author(claim, post)
    if refused is not None:
        return Refuted(refused)
    posted = post_time(post.id)
    if posted > claim.evidence.at + MAX_SKEW:
        return Refuted(RefutedReason.POSTED_IN_FUTURE)
    kind = EvidenceKind.X_POST_HANDLE if post.author_id is None else EvidenceKind.X_POST_ID
    return Verified(
        account=XAccount(post.author_id, post.author_handle),
        post=post.id,
        posted=posted,
        evidence=Evidence(kind=kind, at=claim.evidence.at, ref=post.id.url),
    )


def _refusal_of_text(claim: ForeignClaim, post: PostSeen) -> RefutedReason | None:
    said = read_sentence(post.text) if post.is_whole else None
    if said is None:
        return RefutedReason.NO_SENTENCE
    names_both = said.instance in map(written_name, claim.hosts) and (
        written_name(str(claim.mapping.target_handle)) in said.names
    )
    return None if names_both else RefutedReason.OTHER_CHALLENGE


def _refusal_of_author(claim: ForeignClaim, post: PostSeen) -> RefutedReason | None:
    """Compares the author: by id where both sides tell one, else by handle."""
    known = claim.mapping.x_id
    if known is not None and post.author_id is not None:
        return None if known == post.author_id else RefutedReason.WRONG_AUTHOR
    is_same = claim.mapping.x_handle.key == post.author_handle.key
    return None if is_same else RefutedReason.WRONG_AUTHOR
