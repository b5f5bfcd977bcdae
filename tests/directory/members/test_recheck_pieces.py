"""Which of several pieces of evidence are of the X account as it is now, and which of them are renewed."""

from datetime import timedelta
from typing import Final

import msgspec

from directory.accounts import LinkedAccount, ProofState
from directory.mappings import Evidence, EvidenceKind
from directory.members.rechecks import Outcome, Unlinked, XSeen, account_after, judge_x, next_recheck_at
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Unreachable, Verified
from tests.directory.members.people import at_mastodon, linked, mastodon, x_account
from tests.harness.clock import START

K = EvidenceKind
NOW: Final = START + timedelta(days=60)
FIRST: Final = Evidence(K.X_POST_ID, START + timedelta(days=1), "https://x.com/i/status/20", ("did:plc:one",))
SECOND: Final = Evidence(K.X_POST_ID, START, "https://x.com/i/status/21", ("did:plc:two",))


def by_name(piece: Evidence) -> Evidence:
    return msgspec.structs.replace(piece, kind=K.X_POST_HANDLE)


def shows(handle: str, x_id: int | None = None) -> Verified:
    """A post as it is shown at the re-check."""
    kind = K.X_POST_HANDLE if x_id is None else K.X_POST_ID
    return Verified(
        account=x_account(handle, x_id), post=XPostId(20), posted=START, evidence=Evidence(kind, NOW)
    )


def judge(account: LinkedAccount, *seen: CheckResult) -> Outcome:
    """Judges a re-check of all evidence of an account, in its order."""
    pieces = [XSeen(piece, result) for piece, result in zip(account.evidence, seen, strict=True)]
    return judge_x(account, pieces, 1, NOW)


def recheck(account: LinkedAccount, *seen: CheckResult) -> LinkedAccount:
    return account_after(account, judge(account, *seen), NOW)


def test_a_new_name_of_one_post_ends_what_a_name_alone_proves() -> None:
    """Attack: two posts prove @alice by name, and one of them now shows that its author is called @countess. The other
    is of whoever bears @alice now: by it alone, the buyer of the name was kept at what the seller had proven."""
    account = linked(x_account("alice"), by_name(FIRST), by_name(SECOND))
    for seen in ([shows("alice"), shows("countess")], [shows("countess"), shows("alice")]):
        assert recheck(account, *seen).is_lapsed


def test_a_known_number_is_not_renamed_by_whoever_has_its_name_now() -> None:
    """Account 12 is @alice. A post that is known by name alone shows @countess, whoever that is: taken for a new name
    of account 12, those who look for @countess were led to Alice, bound."""
    account = linked(x_account("alice", 12), by_name(FIRST), by_name(SECOND))
    for seen in ([shows("alice"), shows("countess")], [shows("countess"), shows("alice")]):
        after = recheck(account, *seen)
        assert (after.health, after.account) == (ProofState.HOLDS, x_account("alice", 12))


def test_a_number_that_is_told_renews_a_post_under_whatever_name() -> None:
    """Two copies of one account's posts, of which one was made before it changed its name: both are its own. Not
    renewed, what the older copy names would expire though its post stands."""
    account = linked(x_account("alice", 12), by_name(FIRST), by_name(SECOND))
    after = recheck(account, shows("countess", 12), shows("alice", 12))
    assert after.account == x_account("countess", 12)
    assert {(item.kind, item.at, item.names) for item in after.evidence} == {
        (K.X_POST_ID, NOW, FIRST.names),
        (K.X_POST_ID, NOW, SECOND.names),
    }


def test_a_post_that_once_told_its_number_is_renewed_by_its_name_too() -> None:
    """Its author never changes, whatever a source calls them that tells no number: else what it names would expire as
    soon as the better source is gone."""
    account = linked(x_account("alice", 12), FIRST, SECOND)
    after = recheck(account, shows("alice"), shows("countess", 12))
    assert after.account == x_account("countess", 12)
    assert {(item.at, item.names) for item in after.evidence} == {(NOW, FIRST.names), (NOW, SECOND.names)}


def test_a_post_that_was_not_seen_is_not_renewed_by_the_other() -> None:
    """Each piece names accounts of its own: what the unseen one names would be kept for ever by the seen one."""
    account = linked(x_account("alice", 12), FIRST, SECOND)
    after = recheck(account, shows("alice", 12), Unreachable(UnreachableReason.NO_ANSWER))
    assert {(item.at, item.names) for item in after.evidence} == {(NOW, FIRST.names), (START, SECOND.names)}


def test_an_account_without_its_link_was_seen_now() -> None:
    """Without a time it would be re-checked again at once, or not be stored at all."""
    account = linked(mastodon("alice"), at_mastodon("alice").evidence, Evidence(K.PROFILE_LINK, START))
    after = account_after(account, Unlinked(mastodon("alice")), NOW)
    assert (after.health, after.checked_at) == (ProofState.HOLDS, NOW)


def test_an_account_that_has_a_rival_is_rechecked_now() -> None:
    """Attack: @alice was sold, and its buyer proved it. Until the seller's post is looked at again, sixty days later,
    nobody who looks for @alice could follow either; and never, where the re-check is left out."""
    by_post = linked(x_account("alice", 12), FIRST, checked_at=NOW)
    assert next_recheck_at(msgspec.structs.replace(by_post, has_rival=True), NOW) == NOW
    planned = next_recheck_at(by_post, NOW)
    assert planned is not None
    assert planned > NOW + timedelta(days=50)


def test_a_rival_has_nothing_rechecked_that_its_member_alone_can_show() -> None:
    """A sign-in at X cannot be looked at again: a re-check of it would take the account for one out of reach."""
    by_sign_in = linked(x_account("alice", 12), Evidence(K.X_OAUTH, START, names=FIRST.names))
    lapsed = msgspec.structs.replace(linked(x_account("alice", 12), FIRST), health=ProofState.LAPSED)
    for account in (by_sign_in, lapsed):
        assert next_recheck_at(msgspec.structs.replace(account, has_rival=True), NOW) is None
