"""The post of another instance's mapping, judged without its nonce: who wrote it, for which account, for which instance."""

from datetime import timedelta
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import XHandle, XId
from directory.mappings import Mapping
from directory.proofs.foreign import ForeignClaim, judge_foreign
from directory.proofs.nonce import Nonce
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason
from directory.proofs.results import PostSeen, Refuted, Verified
from directory.proofs.sentence import (
    MAX_TARGETS,
    SentenceTooLong,
    read_sentence,
    write_sentence,
    written_name,
)
from tests.directory.proofs.test_sentence import NONCE, handles, hosts, languages, nonces
from tests.harness.clock import START
from tests.harness.fake_x.post_ids import first_post_id_at
from tests.harness.mappings import OTHER_ORIGIN, bluesky

HOST: Final = "two.example"
JACK: Final = bluesky("jack", 12, origin=OTHER_ORIGIN)
POST: Final = first_post_id_at(START - timedelta(minutes=1))
TEXT: Final = write_sentence("en", [str(JACK.target_handle), "jack@social.example"], HOST, NONCE)
MALLORY: Final = write_sentence("en", ["mallory.bsky.example"], HOST, NONCE)
ELSEWHERE: Final = write_sentence("en", [str(JACK.target_handle)], "three.example", NONCE)


def judged(
    text: str = TEXT,
    *,
    x_id: int | None = 12,
    handle: str = "jack",
    mapping: Mapping = JACK,
    post: XPostId = POST,
    is_whole: bool = True,
    hosts: tuple[str, ...] = (HOST,),
) -> RefutedReason | None:
    """Returns why the post is refuted; None where it holds."""
    seen = PostSeen(
        id=post,
        latest=post,
        author_id=None if x_id is None else XId(x_id),
        author_handle=XHandle(handle),
        text=text,
        is_whole=is_whole,
    )
    verdict = judge_foreign(ForeignClaim(mapping, mapping.evidence[0], post, hosts), seen)
    assert isinstance(verdict, Verified | Refuted)
    return verdict.reason if isinstance(verdict, Refuted) else None


def test_the_post_of_a_peer_holds_without_its_nonce() -> None:
    assert judged() is None
    assert judged(write_sentence("fr", [str(JACK.target_handle)], HOST, Nonce.new())) is None
    assert judged(f"{TEXT}. https://t.co/abc123") is None
    assert judged(handle="renamed") is None
    assert judged(x_id=None) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I am jack.bsky.example now", RefutedReason.NO_SENTENCE),
        (f"look: {TEXT}", RefutedReason.NO_SENTENCE),
        (f"{TEXT} not!", RefutedReason.NO_SENTENCE),
        (MALLORY, RefutedReason.OTHER_CHALLENGE),
        (ELSEWHERE, RefutedReason.OTHER_CHALLENGE),
    ],
)
def test_another_text_proves_nothing_of_what_the_peer_says(text: str, reason: RefutedReason) -> None:
    """A peer takes the post that somebody made for a third instance, or for another account, and says that it proves the
    account of its own choice."""
    assert judged(text) is reason


def test_the_post_of_another_author_is_no_proof() -> None:
    """The peer names the post of whoever once posted such a sentence, for an X account that never did."""
    assert judged(x_id=99) is RefutedReason.WRONG_AUTHOR
    assert judged(x_id=None, handle="mallory") is RefutedReason.WRONG_AUTHOR
    named = bluesky("jack", origin=OTHER_ORIGIN)
    assert judged(mapping=named, handle="mallory") is RefutedReason.WRONG_AUTHOR
    assert judged(mapping=named, x_id=99) is None


def test_a_part_of_a_post_is_not_the_post() -> None:
    assert judged(is_whole=False) is RefutedReason.NO_SENTENCE


def test_a_post_that_came_after_its_evidence_proves_nothing() -> None:
    """The peer has said so for a month; the victim was talked into posting yesterday."""
    later = first_post_id_at(START + timedelta(hours=2))
    assert judged(post=later) is RefutedReason.POSTED_IN_FUTURE


def test_an_instance_that_moved_still_has_its_posts() -> None:
    """All its members posted its name of then: without this it would be limited within a month of its move."""
    assert judged(ELSEWHERE, hosts=(HOST, "three.example")) is None


def test_only_the_latest_version_counts() -> None:
    seen = PostSeen(
        id=POST,
        latest=XPostId(POST.value + 1),
        author_id=XId(12),
        author_handle=XHandle("jack"),
        text=TEXT,
    )
    with pytest.raises(ValueError, match="latest"):
        judge_foreign(ForeignClaim(JACK, JACK.evidence[0], POST, (HOST,)), seen)
    assert msgspec.structs.replace(seen, latest=POST).is_latest


@given(languages, st.lists(handles, min_size=1, max_size=MAX_TARGETS), hosts, nonces)
def test_what_was_written_is_read_back(language: str, names: list[str], instance: str, nonce: Nonce) -> None:
    """Every sentence that any instance gives: each name as it stands there, and no other."""
    try:
        sentence = write_sentence(language, names, instance, nonce)
    except SentenceTooLong:
        return
    said = read_sentence(sentence)
    assert said is not None
    assert said.names == tuple(map(written_name, names))
    assert said.instance == written_name(instance)


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading(text: str) -> None:
    read_sentence(text)
    read_sentence(f"{TEXT} {text}")
