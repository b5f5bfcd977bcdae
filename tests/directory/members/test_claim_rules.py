"""The rules of claims: what a look at the claimant's post says, and when it is looked at again."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import pytest

from directory.accounts import LinkedAccount, ProofState, ProvenAccount
from directory.mappings import Evidence, EvidenceKind
from directory.members.claims import (
    APPROVAL_LIFE,
    CLAIM_LIFE,
    CLAIM_PAUSE,
    LOOK_LEASE,
    Case,
    Claim,
    ClaimState,
    find_post,
    judge_claim,
    next_look,
)
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable, Verified
from tests.directory.members.people import linked, x_account
from tests.harness.clock import START

K = EvidenceKind
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
POST: Final = Evidence(K.X_POST_ID, START, "https://x.com/i/status/20")
SEEN: Final = msgspec.structs.replace(POST, at=START + DAY)


def claim_to(handle: str, x_id: int | None) -> Claim:
    return Claim(
        id=UUID(int=1),
        member=UUID(int=2),
        holder=UUID(int=3),
        account=x_account(handle, x_id),
        evidence=(POST,),
        state=ClaimState.OPEN,
        claimed_at=START,
        proven_at=START,
        decided_at=None,
        settled_at=None,
    )


def verified(handle: str, x_id: int | None) -> Verified:
    return Verified(account=x_account(handle, x_id), post=XPostId(20), posted=START, evidence=SEEN)


@pytest.mark.parametrize(
    ("claimed", "seen", "proven"),
    [
        (("ada", 5), ("ada", 5), ("ada", 5)),
        (("ada", 5), ("countess", 5), ("countess", 5)),
        (("ada", 5), ("ADA", None), ("ADA", 5)),
        (("ada", None), ("ADA", None), ("ADA", None)),
        (("ada", None), ("ada", 5), ("ada", 5)),
        (("ada", 5), ("ada", 6), None),
        (("ada", None), ("countess", None), None),
        (("ada", None), ("countess", 5), None),
    ],
)
def test_a_post_proves_the_claimed_account_and_no_other(
    claimed: tuple[str, int | None], seen: tuple[str, int | None], proven: tuple[str, int | None] | None
) -> None:
    """Attack: Eve lost the name she claimed, and her old post, still hers under another number or name, took the
    account from whoever bears it."""
    expected = None if proven is None else ProvenAccount(x_account(*proven), SEEN)
    assert judge_claim(claim_to(*claimed), verified(*seen)) == expected


def test_a_new_name_without_a_number_is_left_open() -> None:
    """The claimant was renamed, or another posts there: a source that tells names alone cannot know, and neither ends
    the claim nor upholds it."""
    seen = judge_claim(claim_to("ada", 5), verified("countess", None))
    assert seen == Unreachable(UnreachableReason.SOURCES_DISAGREE)


@pytest.mark.parametrize("reason", UnreachableReason)
def test_only_a_post_that_is_gone_ends_a_claim(reason: UnreachableReason) -> None:
    """A source that is silent refutes nothing; the wait that it asked for is kept."""
    silent = Unreachable(reason, 60)
    expected = None if reason is UnreachableReason.DELETED else silent
    assert judge_claim(claim_to("ada", 5), silent) == expected


@pytest.mark.parametrize("reason", RefutedReason)
def test_a_post_that_says_something_else_ends_a_claim(reason: RefutedReason) -> None:
    seen: CheckResult = Refuted(reason)
    assert judge_claim(claim_to("ada", 5), seen) is None


@pytest.mark.parametrize(
    ("attempt", "asked_s", "wait"),
    [
        (-9, None, HOUR),
        (0, None, HOUR),
        (1, None, HOUR),
        (2, None, 2 * HOUR),
        (3, None, 4 * HOUR),
        (5, None, 16 * HOUR),
        (6, None, DAY),
        (7, None, DAY),
        (1_000_000, None, DAY),
        (1, 0, HOUR),
        (1, 3_599, HOUR),
        (1, 7_200, 2 * HOUR),
        (1_000_000, 3 * 86_400, 3 * DAY),
    ],
)
def test_looks_are_an_hour_apart_and_then_a_day(attempt: int, asked_s: int | None, wait: timedelta) -> None:
    """Rare enough for sources that are nobody's to burden, and once a day for as long as an approval lives."""
    assert next_look(attempt, START, asked_s) == START + wait


def test_the_times_that_the_docs_tell() -> None:
    assert (CLAIM_LIFE, APPROVAL_LIFE, CLAIM_PAUSE) == (30 * DAY, 30 * DAY, 30 * DAY)
    assert timedelta(minutes=5) == LOOK_LEASE, "longer than a look, shorter than the first wait"


def test_what_is_stored_and_exported_stays_readable() -> None:
    """A number that changed its meaning would turn a rejected claim into an upheld one; members read the word."""
    assert {state.value: state.label for state in ClaimState} == {
        0: "open",
        1: "approved",
        2: "upheld",
        3: "rejected",
        4: "lapsed",
    }


@pytest.mark.parametrize(
    ("evidence", "post"),
    [
        ((), None),
        ((POST,), 20),
        ((msgspec.structs.replace(POST, kind=K.X_POST_HANDLE),), 20),
        ((msgspec.structs.replace(POST, kind=K.X_CONFIRMED),), None),
        ((msgspec.structs.replace(POST, kind=K.X_OAUTH),), None),
        ((Evidence(K.X_POST_ID, START),), None),
        ((Evidence(K.X_POST_ID, START, "https://x.com/i/status/0"),), None),
        ((Evidence(K.X_OAUTH, START), Evidence(K.X_POST_ID, START, "?"), POST), 20),
        ((POST, Evidence(K.X_POST_HANDLE, START, "https://x.com/i/status/21")), 20),
    ],
)
def test_the_post_of_a_claim_is_found(evidence: tuple[Evidence, ...], post: int | None) -> None:
    """An unreadable piece, of an older version, must not hide a post behind it. What no source can show is no post."""
    assert find_post(evidence) == (None if post is None else XPostId(post))


@pytest.mark.parametrize("state", ClaimState)
@pytest.mark.parametrize("holder", [None, UUID(int=3)])
def test_only_a_claim_that_waits_is_free(state: ClaimState, holder: UUID | None) -> None:
    """A rejected claimant is not told that the next proof links the account."""
    claim = msgspec.structs.replace(claim_to("ada", 5), state=state, holder=holder)
    assert claim.is_free is (holder is None and state in {ClaimState.OPEN, ClaimState.APPROVED})


HOLDER: Final = linked(x_account("ada", 5), POST)


@pytest.mark.parametrize(
    ("holder", "is_still"),
    [
        (HOLDER, True),
        (msgspec.structs.replace(HOLDER, recheck_at=None, on_page=False), True),
        (None, False),
        (msgspec.structs.replace(HOLDER, id=UUID(int=9)), False),
        (msgspec.structs.replace(HOLDER, account=x_account("countess", 5)), False),
        (msgspec.structs.replace(HOLDER, proven_at=START + DAY), False),
        (msgspec.structs.replace(HOLDER, checked_at=START + DAY), False),
        (msgspec.structs.replace(HOLDER, health=ProofState.IN_DOUBT), False),
    ],
)
def test_a_decision_stands_on_what_was_read(holder: LinkedAccount | None, *, is_still: bool) -> None:
    """The holder proved the account anew, or was renamed, while a moderator read the case: it is not decided on what
    was before. That the holder shows it on a page or not changes nothing."""
    claim = claim_to("ada", 5)
    assert Case(claim, HOLDER).is_still(Case(claim, holder)) is is_still
    changed = msgspec.structs.replace(claim, proven_at=START + DAY)
    assert not Case(claim, HOLDER).is_still(Case(changed, holder))
    assert Case(claim, None).is_still(Case(claim, None))
