"""Links prove an account only where both sides link to one page."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import XId
from directory.mappings import Evidence, EvidenceKind
from directory.proofs.link_verdict import (
    LINK_SENTENCES,
    LinkReason,
    LinksSeen,
    NotShown,
    Shown,
    Unseen,
    judge_links,
)
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Linked, LinkResult, Refuted, Unreachable
from tests.harness.clock import START

ONE, OTHER = UUID(int=1), UUID(int=2)
ON_X = Linked(Evidence(EvidenceKind.PROFILE_LINK, START, "https://x.com/alice"), XId(5))
ON_NEW = Linked(Evidence(EvidenceKind.PROFILE_LINK, START, "https://social.example/@alice"))
NO = Refuted(RefutedReason.NO_LINK_BACK)
UNVERIFIED = Refuted(RefutedReason.LINK_UNVERIFIED)
SILENT = Unreachable(UnreachableReason.NO_ANSWER, 60)
NOT_SECURE = Unreachable(UnreachableReason.NOT_SECURE)
UNREADABLE = Unreachable(UnreachableReason.UNREADABLE)
NEVER = Refuted(RefutedReason.SERVER_VERIFIES_NO_LINKS)
NOBODY = Unreachable(UnreachableReason.DELETED)
OFF = Unreachable(UnreachableReason.NO_SOURCE)

results = st.sampled_from([ON_X, ON_NEW, NO, UNVERIFIED, SILENT, NOBODY, OFF])


@pytest.mark.parametrize(
    ("x", "new", "verdict"),
    [
        (ON_X, {ONE: ON_NEW}, Shown(ON_X.evidence, XId(5), {ONE: ON_NEW.evidence})),
        (ON_X, {ONE: NO, OTHER: ON_NEW}, Shown(ON_X.evidence, XId(5), {OTHER: ON_NEW.evidence})),
        (ON_X, {ONE: SILENT, OTHER: ON_NEW}, Shown(ON_X.evidence, XId(5), {OTHER: ON_NEW.evidence})),
        (NO, {ONE: ON_NEW}, NotShown(LinkReason.X_NOT_LINKING)),
        (NO, {ONE: SILENT}, NotShown(LinkReason.X_NOT_LINKING)),
        (ON_X, {ONE: NO}, NotShown(LinkReason.NEW_NOT_LINKING)),
        (ON_X, {ONE: NO, OTHER: UNVERIFIED}, NotShown(LinkReason.NEW_UNVERIFIED)),
        (ON_X, {}, NotShown(LinkReason.NEW_NOT_LINKING)),
        (SILENT, {ONE: NO}, NotShown(LinkReason.NEW_NOT_LINKING)),
        (SILENT, {ONE: ON_NEW}, Unseen(LinkReason.X_UNREADABLE, 60)),
        (NOBODY, {ONE: ON_NEW}, Unseen(LinkReason.X_UNKNOWN, None)),
        (OFF, {ONE: ON_NEW}, Unseen(LinkReason.NO_SOURCE, None)),
        (ON_X, {ONE: NO, OTHER: SILENT}, Unseen(LinkReason.NEW_NO_ANSWER, 60)),
        (ON_X, {ONE: NOT_SECURE}, Unseen(LinkReason.NEW_NOT_SECURE, None)),
        (ON_X, {ONE: UNREADABLE}, Unseen(LinkReason.NEW_NO_SERVER, None)),
        (ON_X, {ONE: NOT_SECURE, OTHER: SILENT}, Unseen(LinkReason.NEW_UNREADABLE, 60)),
        (ON_X, {ONE: NEVER}, NotShown(LinkReason.NEW_NEVER_VERIFIED)),
        (ON_X, {ONE: NEVER, OTHER: NO}, NotShown(LinkReason.NEW_NOT_LINKING)),
        (ON_X, {ONE: NEVER, OTHER: SILENT}, Unseen(LinkReason.NEW_NO_ANSWER, 60)),
        (ON_X, {ONE: NEVER, OTHER: ON_NEW}, Shown(ON_X.evidence, XId(5), {OTHER: ON_NEW.evidence})),
    ],
)
def test_verdicts(x: LinkResult, new: dict[UUID, LinkResult], verdict: object) -> None:
    assert judge_links(LinksSeen(x, new)) == verdict


@given(results, st.lists(results, max_size=4))
def test_nothing_is_shown_that_only_one_side_says(x: LinkResult, new: list[LinkResult]) -> None:
    seen = {uuid4(): result for result in new}
    verdict = judge_links(LinksSeen(x, seen))
    both = isinstance(x, Linked) and any(isinstance(result, Linked) for result in new)
    assert isinstance(verdict, Shown) is both
    if isinstance(verdict, Shown):
        assert {account for account, result in seen.items() if isinstance(result, Linked)} == set(verdict.new)


def test_every_reason_has_a_sentence() -> None:
    assert set(LINK_SENTENCES) == set(LinkReason)
